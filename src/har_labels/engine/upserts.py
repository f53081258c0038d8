"""Side effects of setting a key that the user may not have intended, one line each (contract §3). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from har_labels.model.labels import Change, Changes, Labels, key_and_value
from har_labels.text import number

_MOST_NAMED = 3


def side_effects_of(changes: Changes, current: Labels | None) -> Iterator[str]:
    """Yields one line for each label that empties a value, replaces another spelling of its key, or leaves similar labels.

    `current`: the labels before the changes. Yields nothing if they are unknown.
    """
    if current is None or not any(part.sets_keys for part in changes.parts):
        return
    for part in changes.effective_parts:
        after = part.apply(current)
        if part.sets_keys:
            yield from _side_effects(part, current, after)
        current = after


def _side_effects(part: Change, before: Labels, after: Labels) -> Iterator[str]:
    had, has = set(before), set(after)
    for label in part.labels:
        if label not in has:
            continue
        key, value = key_and_value(label) or (label, "")
        replaced = [old for old in before if old not in has and (key_and_value(old) or ("",))[0] == key]
        valued = [old for old in replaced if old not in {f"{key}=", f"{key}:"}]
        if not value and valued:
            yield f"{_first_few(valued)} is replaced by {label!r}, which has no value"
        sign = label[len(key)]
        if respelt := [old for old in replaced if old[len(key)] != sign]:
            yield f"{_first_few(respelt)} is removed, as {label!r} sets the same key in another spelling"
        before_colon = label.partition(":")[0]
        beside = [old for old in after if old in had and ":" in old and old.partition(":")[0] == before_colon]
        if label not in had and ":" in label and beside:
            verb = "stays" if len(beside) == 1 else "stay"
            yield f"{_first_few(beside)} {verb} beside {label!r}, whose key is {key!r}"


def _first_few(labels: Sequence[str]) -> str:
    """The first few labels, quoted, and how many more there are."""
    names = ", ".join(map(repr, labels[:_MOST_NAMED]))
    left = len(labels) - _MOST_NAMED
    return f"{names} and {number(left, 'more label')}" if left > 0 else names
