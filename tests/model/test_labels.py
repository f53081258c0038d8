"""Label arithmetic: what each mode makes of the labels that are there (contract §3)."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from har_labels.errors import Unreadable, ValueConflict
from har_labels.model.labels import (
    Change,
    Changes,
    Labels,
    Mode,
    OnConflict,
    as_map,
    key_and_value,
    matches,
    problem_with,
    to_labels,
)
from har_labels.model.outcome import Step

# Few letters, so that keys, values and patterns meet often.
words = st.text("ab=:*?[]é", min_size=1, max_size=4)
lists = st.lists(words, max_size=6)
pairs = st.builds(
    lambda key, sign, value: key + sign + value,
    st.sampled_from("abk"),
    st.sampled_from("=:"),
    st.text("12=:", max_size=2),
)


def key_of(label: str) -> str:
    """The key of a label that has one."""
    return (key_and_value(label) or ("", ""))[0]


distinct_pairs = st.lists(pairs, min_size=1, max_size=3, unique_by=key_of)
current_labels = st.lists(st.one_of(words, pairs), max_size=6).map(to_labels)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Any change that the inputs let through."""
    mode = draw(st.sampled_from(Mode))
    if mode is Mode.UPSERT:
        return Change(
            mode,
            tuple(draw(distinct_pairs)),
            on_conflict=draw(st.sampled_from([OnConflict.OVERWRITE, OnConflict.KEEP])),
            removals=tuple(draw(lists)),
        )
    if mode is Mode.ADD:
        return Change(mode, tuple(draw(lists)), removals=tuple(draw(lists)))
    owned = tuple(draw(lists)) if mode is Mode.REPLACE else ()
    given_labels = [label for label in draw(lists) if not owned or any(matches(pattern, label) for pattern in owned)]
    return Change(mode, () if mode in {Mode.CLEAR, Mode.READ} else tuple(given_labels), owned)


@given(changes(), current_labels)
def test_twice_is_once(change: Change, current: Labels) -> None:
    """Applying a change to its own result changes nothing: that is what lets a change be retried."""
    once = change.apply(current)
    assert change.apply(once) == once


@given(st.lists(changes(), min_size=1, max_size=4), current_labels)
def test_several_entries_compose_in_order(parts: list[Change], current: Labels) -> None:
    """Several entries of one artifact have the same result as one after the other (contract §6)."""
    step_by_step = current
    for part in parts:
        step_by_step = part.apply(step_by_step)
    assert Changes(tuple(parts)).apply(current) == step_by_step


@given(changes(), lists, st.randoms())
def test_order_and_duplicates_do_not_matter(change: Change, current: list[str], random: object) -> None:
    """What the server has is a set, and what is sent is sorted bytewise without duplicates."""
    shuffled = [*current, *current]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    result = change.apply(tuple(shuffled))
    assert result == change.apply(to_labels(current))
    assert list(result) == sorted(set(result), key=lambda label: label.encode())


@given(lists, current_labels)
def test_add_takes_nothing_away(labels: list[str], current: Labels) -> None:
    """`add` is the union of both."""
    assert set(Change(Mode.ADD, tuple(labels)).apply(current)) == {*current, *labels}


@given(lists, current_labels)
def test_remove_takes_what_matches_and_nothing_else(patterns: list[str], current: Labels) -> None:
    """`remove` leaves exactly the labels that equal no pattern and match none by fnmatch."""
    left = [
        label for label in current if label not in patterns and not any(fnmatchcase(label, one) for one in patterns)
    ]
    assert list(Change(Mode.REMOVE, tuple(patterns)).apply(current)) == left


@given(lists, lists, current_labels, st.sampled_from([Mode.ADD, Mode.UPSERT]), st.data())
def test_removals_go_first_and_spare_what_is_given(
    labels: list[str], patterns: list[str], current: Labels, mode: Mode, data: st.DataObject
) -> None:
    """Beside `add` and `upsert` it is as `remove` before them, but what is given stays and nothing else that matches."""
    given_labels = tuple(data.draw(distinct_pairs)) if mode is Mode.UPSERT else tuple(labels)
    result = Change(mode, given_labels, removals=tuple(patterns)).apply(current)
    assert result == Change(mode, given_labels).apply(Change(Mode.REMOVE, tuple(patterns)).apply(current))
    assert set(given_labels) <= set(result)
    assert not [one for one in result if one not in given_labels and any(matches(pattern, one) for pattern in patterns)]


@given(lists, lists, current_labels)
def test_owned_touches_only_what_it_owns(labels: list[str], owned: list[str], current: Labels) -> None:
    """With `owned` a label that matches none of its patterns stays, and those that match are exactly the ones given."""
    assume(owned)
    mine = {label for label in labels if any(matches(pattern, label) for pattern in owned)}
    result = Change(Mode.REPLACE, tuple(mine), tuple(owned)).apply(current)
    foreign = {label for label in current if not any(matches(pattern, label) for pattern in owned)}
    assert set(result) == foreign | mine


@given(lists, st.none() | current_labels)
def test_replace_is_what_was_given(labels: list[str], current: Labels | None) -> None:
    """Plain `replace` results in the given labels, whatever the old ones, readable or not."""
    assert Change(Mode.REPLACE, tuple(labels)).apply(current) == to_labels(labels)


@given(distinct_pairs, current_labels)
def test_upsert_sets_its_keys_and_touches_no_other(labels: list[str], current: Labels) -> None:
    """After `upsert` each key has its one value under one sign; labels of other keys and bare words stay."""
    keys = {key_of(label) for label in labels}
    others = {label for label in current if (pair := key_and_value(label)) is None or pair[0] not in keys}
    assert set(Change(Mode.UPSERT, tuple(labels)).apply(current)) == others | set(labels)


@given(distinct_pairs, current_labels)
def test_upsert_that_keeps_only_adds_missing_keys(labels: list[str], current: Labels) -> None:
    """With `on-conflict: keep` nothing is removed, and only missing keys are added."""
    there = {pair[0] for label in current if (pair := key_and_value(label))}
    result = Change(Mode.UPSERT, tuple(labels), on_conflict=OnConflict.KEEP).apply(current)
    assert set(result) == set(current) | {label for label in labels if key_of(label) not in there}


@given(distinct_pairs, current_labels)
def test_upsert_that_errors_never_overwrites(labels: list[str], current: Labels) -> None:
    """With `on-conflict: error` either no value differed and nothing is lost, or it is refused naming the key."""
    change = Change(Mode.UPSERT, tuple(labels), on_conflict=OnConflict.ERROR)
    wanted = {key_of(label): label for label in labels}
    conflict = [label for label in current if (pair := key_and_value(label)) and label != wanted.get(pair[0], label)]
    if not conflict:
        assert set(change.apply(current)) == {*current, *labels}
        return
    with pytest.raises(ValueConflict) as refused:
        change.apply(current)
    assert any(repr(label) in refused.value.what for label in conflict)


@given(current_labels)
def test_read_and_clear(current: Labels) -> None:
    """`read` leaves everything, `clear` nothing."""
    assert Change(Mode.READ).apply(current) == current
    assert Change(Mode.CLEAR).apply(current) == ()


@given(changes())
def test_unknown_is_not_empty(change: Change) -> None:
    """Labels that can't be read stop every mode but plain `replace` and `clear`."""
    if change.is_merging:
        with pytest.raises(Unreadable):
            change.apply(None)
    else:
        assert change.apply(None) == change.apply(())


def test_which_modes_merge() -> None:
    """`add`, `remove`, `upsert`, `owned` and `read` depend on the current labels; plain `replace` and `clear` don't."""
    plain = {mode for mode in Mode if not Change(mode).is_merging}
    assert plain == {Mode.REPLACE, Mode.CLEAR}
    assert Change(Mode.REPLACE, owned=("a",)).is_merging


@given(current_labels, changes())
def test_a_step_takes_away_what_is_not_in_it(before: Labels, change: Change) -> None:
    """Removed labels were present before and not after; swapped, they are the added ones."""
    step = Step("a/r/+", "x", "", before, change.apply(before))
    swapped = Step("a/r/+", "x", "", step.after, before)
    assert set(step.removed) == set(before) - set(step.after)
    assert to_labels([*(label for label in before if label not in step.removed), *swapped.removed]) == step.after
    assert step.is_change == bool(step.removed or swapped.removed)


@pytest.mark.parametrize(
    ("label", "pair"),
    [
        ("a=b", ("a", "b")),
        ("a:b", ("a", "b")),
        ("a=b:c", ("a", "b:c")),
        ("a:b=c", ("a:b", "c")),
        ("ci:run=12", ("ci:run", "12")),
        ("ci:verified", ("ci", "verified")),
        ("url=https://x.y/?q=1", ("url", "https://x.y/?q=1")),
        ("url:https://x.y/?q=1", ("url", "https://x.y/?q=1")),
        ("https://x.y/?q=1", ("https", "//x.y/?q=1")),
        ("a:b://c=d", ("a", "b://c=d")),
        ("a=b=c", ("a", "b=c")),
        ("://a=b", None),
        ("=a:b", None),
        (":a=b", (":a", "b")),
        ("a=", ("a", "")),
        ("a:", ("a", "")),
        ("=b", None),
        (":b", None),
        ("=", None),
        ("a", None),
        ("", None),
        ("a b = c", ("a b ", " c")),
    ],
)
def test_key_and_value(label: str, pair: tuple[str, str] | None) -> None:
    """The first `=` divides, or, without one or behind `://`, the first `:`; the key may not be empty, the value may."""
    assert key_and_value(label) == pair


def test_as_map() -> None:
    """`labels-map` has the labels with a key; bare words are left out, and a key that several have gets all values."""
    assert as_map(("a=1", "b:2", "bare", "=x")) == {"a": "1", "b": "2"}
    assert as_map(("a=1", "a=2", "b:x", "b=x", "ci:run=12", "ci:ok")) == {
        "a": ["1", "2"],
        "b": ["x", "x"],
        "ci:run": "12",
        "ci": "ok",
    }


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("*", "", True),
        ("team/*", "team/a/b", True),
        ("a?c", "abc", True),
        ("[wip]", "[wip]", True),
        ("[wip]", "w", True),
        ("[!a]", "b", True),
        ("a*", "ba", False),
        ("a\nb*", "a\nbc", True),
    ],
)
def test_matches(pattern: str, text: str, expected: bool) -> None:
    """A pattern matches what equals it, or by fnmatch, in its case; `*` crosses `/`."""
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("", "empty"),
        (" a", "blank"),
        ("a ", "blank"),
        ("a\u00a0", "blank"),
        ("a\tb", "U+0009"),
        ("a\nb", "U+000A"),
        ("\x00", "U+0000"),
        ("\x1f", "U+001F"),
        ("\x7f", "U+007F"),
        ("\x80", "U+0080"),
        ("\x9f", "U+009F"),
        ("a\u2028", "U+2028"),
        ("a\u2029", "U+2029"),
        ("a\u202e", "U+202E"),
        ("a\u2066", "U+2066"),
        ("a\u200f", "U+200F"),
        ("a\u061c", "U+061C"),
        ("a^_b", "^_"),
        ("a" * 4097, "4,097"),
        ("\ud800", "surrogate"),
    ],
)
def test_labels_that_cannot_be_written(label: str, why: str) -> None:
    """Each rule of contract §2 "A label" refuses, and says which it was."""
    problem = problem_with(label)
    assert problem
    assert why in problem.why


@pytest.mark.parametrize(
    "label", ["a", "a" * 4096, "é" * 4096, "a b", "a^b", "a_^b", "😀", "key = value", '"', "a,b", "{{ x }}", "-"]
)
def test_labels_that_can_be_written(label: str) -> None:
    """Everything else is a label."""
    assert problem_with(label) is None


@given(st.lists(st.text(max_size=3)))
def test_wire_order_is_bytewise(texts: list[str]) -> None:
    """What is sent is sorted as its UTF-8 bytes, so that it compares equal to the server's own order."""
    assume(all(not "\ud800" <= character <= "\udfff" for text in texts for character in text))
    assert list(to_labels(texts)) == sorted(set(texts), key=lambda text: text.encode())
