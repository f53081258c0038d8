"""Labels and changes: a change maps the current labels to the wanted ones (contract §3).

Pure: no files, no clock, no network. Labels are a tuple without duplicates, sorted bytewise. So `before == after`
means that nothing has to be written, and a hundred thousand artifacts need little memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from har_labels.errors import Invalid, Unreadable, ValueConflict
from har_labels.text import CONTROL_CHARACTERS, named

Labels = tuple[str, ...]

LONGEST_LABEL = 4096


class Mode(StrEnum):
    """How a change treats the labels of an artifact (contract §3)."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"
    UPSERT = "upsert"
    CLEAR = "clear"
    READ = "read"
    MOVE = "move"

    @property
    def is_merging(self) -> bool:
        """Whether the result depends on the current labels even without `owned`."""
        return self not in {Mode.REPLACE, Mode.CLEAR}


# The modes that take no labels.
WITHOUT_LABELS = frozenset({Mode.CLEAR, Mode.READ})


class OnConflict(StrEnum):
    """How `upsert` treats a key that has another value."""

    OVERWRITE = "overwrite"
    KEEP = "keep"
    ERROR = "error"


def to_labels(items: Iterable[str]) -> Labels:
    """`items` in bytewise order without duplicates (the order of code points is UTF-8's byte order)."""
    return tuple(sorted(set(items)))


def problem_with(label: str) -> Invalid | None:
    """Why `label` is not a valid label, or None (contract §2 "A label"; the `^_` split: recorded/put-labels.json)."""
    if not label:
        return Invalid("it is empty", "Leave it out.")
    if found := CONTROL_CHARACTERS.search(label):
        return Invalid(
            f"it has the control character U+{ord(found[0]):04X}",
            "Take that out; in a template `| slug` or `| replace(…)` does.",
        )
    if label != label.strip():
        return Invalid("it has a blank at its start or end", "Take the blank away; in a template `| trim` does.")
    if "^_" in label:
        return Invalid(
            "it has `^_`, where the server would split it in two",
            "Write it otherwise; in a template `| replace('^_', '-')` does.",
        )
    if len(label) > LONGEST_LABEL:
        return Invalid(f"it has {len(label):,} characters, and {LONGEST_LABEL:,} are allowed", "Shorten it.")
    if any("\ud800" <= character <= "\udfff" for character in label):
        return Invalid("it has half of a surrogate pair, which is not valid text", "Take that out.")
    return None


def matches(pattern: str, text: str) -> bool:
    """Whether a label or a name equals a pattern or matches it by `fnmatch`, where `*` also matches `/`."""
    return pattern == text or fnmatchcase(text, pattern)


def is_glob(pattern: str) -> bool:
    """Whether a pattern has a wildcard."""
    return any(sign in pattern for sign in "*?[")


def matches_any(patterns: Iterable[str], text: str) -> bool:
    """Whether a label or a name matches one of the patterns."""
    return any(matches(pattern, text) for pattern in patterns)


def key_and_value(label: str) -> tuple[str, str] | None:
    """The key and value of a label; None for one without a key (contract §3).

    The key ends at the first `=`; without one, or if `://` precedes it, at the first `:`. So `ci:run=12` has the
    key `ci:run`, and an `=` within a URL does not count.
    """
    at = label.find("=")
    if at < 0 or "://" in label[:at]:
        at = label.find(":")
    return (label[:at], label[at + 1 :]) if at > 0 else None


def as_map(labels: Labels) -> dict[str, str | list[str]]:
    """The labels with a key as a mapping (output `labels-map`); a key with several labels gets the list of their values."""
    values: dict[str, list[str]] = {}
    for key, value in filter(None, map(key_and_value, labels)):
        values.setdefault(key, []).append(value)
    return {key: several if len(several) > 1 else several[0] for key, several in values.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an artifact's labels: a pure, idempotent function from labels to labels.

    - `labels`: the labels to set; with the mode `remove`, the patterns of the labels to remove.
    - `owned`: `replace` touches only labels that match one of these patterns.
    - `must_not_remove`: the step has no `mode`, so a `replace` that would remove a label is refused unless `owned` limits
      it (contract §3).
    - `removals`: `add` and `upsert` first remove the labels that match one of these patterns and are not in `labels`.
    """

    mode: Mode
    labels: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    on_conflict: OnConflict = OnConflict.OVERWRITE
    must_not_remove: bool = False
    removals: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of labels to remove, by the mode `remove` or by the input `remove` beside another mode."""
        return self.labels if self.mode is Mode.REMOVE else self.removals

    @property
    def is_merging(self) -> bool:
        """Whether the result depends on the current labels (contract §5, points 2 and 5)."""
        return bool(self.owned) or self.mode.is_merging

    @property
    def sets_keys(self) -> bool:
        """Whether a label of this change replaces others with the same key."""
        return self.mode is Mode.UPSERT or (self.mode is Mode.MOVE and all(map(key_and_value, self.labels)))

    def apply(self, current: Labels | None) -> Labels:
        """The wanted labels for the current ones (None: they can't be read).

        Raises Unreadable if the result depends on unknown labels (contract §1, last line), and ValueConflict with
        `on-conflict: error`.
        """
        if current is None:
            if self.is_merging:
                with_owned = f" with `{named('owned')}`" if self.owned else ""
                raise Unreadable(
                    f"the registry does not show the current labels, and `{self.mode}`{with_owned} needs them"
                )
            current = ()
        match self.mode:
            case Mode.REPLACE:
                foreign = (label for label in current if self.owned and not matches_any(self.owned, label))
                return to_labels([*foreign, *self.labels])
            case Mode.MOVE if self.sets_keys:
                return self._upsert(current)
            case Mode.ADD | Mode.MOVE:
                return to_labels([*self._without_removals(current), *self.labels])
            case Mode.REMOVE:
                return to_labels(label for label in current if not matches_any(self.labels, label))
            case Mode.UPSERT:
                return self._upsert(self._without_removals(current))
            case Mode.CLEAR:
                return ()
            case Mode.READ:
                return to_labels(current)

    def _without_removals(self, current: Labels) -> Labels:
        if not self.removals:
            return current
        return tuple(label for label in current if label in self.labels or not matches_any(self.removals, label))

    def _upsert(self, current: Labels) -> Labels:
        wanted = {pair[0]: label for label in self.labels if (pair := key_and_value(label))}
        there: dict[str, list[str]] = {}
        for label in current:
            if (pair := key_and_value(label)) and pair[0] in wanted:
                there.setdefault(pair[0], []).append(label)
        differing = {key: old for key, old in there.items() if old != [wanted[key]]}
        if differing and self.on_conflict is OnConflict.ERROR:
            key, old = next(iter(differing.items()))
            raise ValueConflict(f"key {key!r} has {', '.join(map(repr, old))}, and {wanted[key]!r} was to be set")
        if self.on_conflict is OnConflict.KEEP:
            return to_labels([*current, *(label for key, label in wanted.items() if key not in there)])
        replaced = {label for old in there.values() for label in old}
        return to_labels([*(label for label in current if label not in replaced), *wanted.values()])


@dataclass(frozen=True, slots=True)
class Changes:
    """Several changes of one artifact, applied in order and written at once (contract §6)."""

    parts: tuple[Change, ...]

    @property
    def is_merging(self) -> bool:
        return all(part.is_merging for part in self.parts)

    @property
    def effective_parts(self) -> tuple[Change, ...]:
        """The parts from the last plain `replace` or `clear` on; those before it can't matter."""
        plain = [index for index, part in enumerate(self.parts) if not part.is_merging]
        return self.parts[plain[-1] if plain else 0 :]

    @property
    def is_read(self) -> bool:
        return bool(self.parts) and all(part.mode is Mode.READ for part in self.parts)

    @property
    def must_not_remove(self) -> bool:
        """Whether a part has no mode, so that the current labels have to be read first."""
        return any(part.must_not_remove for part in self.parts)

    def removed_unasked(self, current: Labels) -> Labels:
        """The labels of `current` that the result lacks because of a part without a mode (contract §3)."""
        if not self.must_not_remove:
            return ()
        by_part: dict[str, Change] = {}
        labels = current
        for part in self.parts:
            after = part.apply(labels)
            by_part |= dict.fromkeys(set(labels) - set(after), part)
            labels = after
        missing = (label for label in current if label not in labels)
        return tuple(label for label in missing if by_part[label].must_not_remove)

    def apply(self, current: Labels | None) -> Labels:
        """The wanted labels after all parts, as `Change.apply`."""
        for part in self.effective_parts:
            current = part.apply(current)
        return current or ()
