"""The goal of a run for one artifact's labels (contract §5).

A goal is one of three frozen types. Each has `apply`, which computes the labels to write from the current ones, and
`classify`, which interprets labels that were read after a write. The functions below test properties that only some of
them have. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum

from har_labels.errors import PlanStale, Unreadable
from har_labels.model.labels import Changes, Labels, Mode, OnConflict, key_and_value, to_labels


class Found(Enum):
    """The result of a read after a write."""

    DONE = "the labels are as wanted"
    UNDONE = "our change is not there"
    SUPERSEDED = "a later writer has set something else"


@dataclass(frozen=True, slots=True)
class Finding:
    """`target`: the labels to write next if UNDONE, otherwise the current labels."""

    found: Found
    target: Labels


@dataclass(frozen=True, slots=True)
class ChangeGoal:
    """A change to apply to the current labels, also if other clients write. `gate` raises if a `require` does not hold."""

    changes: Changes
    gate: Callable[[Labels | None], None] = lambda _now: None

    def apply(self, now: Labels | None) -> Labels:
        """The labels to write. Raises the errors of `Changes.apply` and of the gate."""
        self.gate(now)
        return self.changes.apply(now)

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:
        """Classifies labels read after our write. `seen`: all labels that were read before it.

        UNDONE: reverted by a stale read-modify-write. SUPERSEDED: changed by a later writer (contract §5 point 5).
        A label that is not in `seen` and that our change would remove was added after our write: it stays, and if `upsert`
        set its key, our value for that key is not written again. Any other difference means that our change was undone.
        Raises the errors of the gate if a write would follow.
        """
        wanted = _overwriting(self.changes).apply(now)
        later = [label for label in now if label not in wanted and label not in seen] if self.changes.is_merging else []
        if later:
            later_keys = {_key_of(label) for label in later} - {None}
            upserted = {label for part in self.changes.parts if part.sets_keys for label in part.labels}
            yielded = {label for label in upserted if _key_of(label) in later_keys}
            wanted = to_labels([*(label for label in wanted if label not in yielded), *later])
        if wanted != now:
            self.gate(now)  # a second write must still be allowed (contract §3)
            return Finding(Found.UNDONE, wanted)
        return Finding(Found.SUPERSEDED if later else Found.DONE, now)


@dataclass(frozen=True, slots=True)
class FormerGoal:
    """Removes exactly this label and keeps all others: for the artifacts that lose the label in a move."""

    label: str

    def apply(self, now: Labels | None) -> Labels:
        """The labels to write. Raises Unreadable if the current labels are unknown."""
        if now is None:
            raise Unreadable("the registry does not show the current labels, and `move` needs them")
        return tuple(label for label in now if label != self.label)

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:  # noqa: ARG002 - a later holder is a holder, too
        """UNDONE if the label is back. It may be a concurrent move; only a listing of all holders can show that."""
        return Finding(Found.UNDONE if self.label in now else Found.DONE, self.apply(now))


@dataclass(frozen=True, slots=True)
class PlanGoal:
    """Writes exactly the labels of a plan's step, or nothing (contract §5 point 7).

    `expecting`: the beginning of the error, with the artifact and the source of the expectation. `cure`: its next step,
    if not the usual one.
    """

    expecting: str
    before: Labels | None
    after: Labels
    cure: str = ""

    def apply(self, now: Labels | None) -> Labels:
        """The labels to write. Raises PlanStale if the current labels are neither `before` nor `after`."""
        if now not in (self.before, self.after):
            raise PlanStale(
                f"{self.expecting} {_quoted_list(self.before)}, and now there is {_quoted_list(now)}", self.cure
            )
        return self.after

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:  # noqa: ARG002 - a plan accepts no other labels, whenever they were added
        """DONE or UNDONE. Raises PlanStale as `apply` does."""
        return Finding(Found.DONE if now == self.after else Found.UNDONE, self.apply(now))


Goal = ChangeGoal | FormerGoal | PlanGoal


def is_merging(goal: Goal) -> bool:
    """Whether the wanted labels depend on the current ones, so that other writers matter."""
    match goal:
        case ChangeGoal():
            return goal.changes.is_merging
        case FormerGoal():
            return True
        case PlanGoal():
            return False


def is_read(goal: Goal) -> bool:
    """Whether it only reads the labels."""
    return isinstance(goal, ChangeGoal) and goal.changes.is_read


def is_sweeping(goal: Goal) -> bool:
    """Whether it removes all labels that it does not name, so that the user should be shown the removed ones.

    Not for a plan's step: the dry run that made the plan has shown them.
    """
    return isinstance(goal, ChangeGoal) and any(part.mode in {Mode.REPLACE, Mode.CLEAR} for part in goal.changes.parts)


def must_not_remove(goal: Goal) -> bool:
    """Whether it fails if it would remove a label (contract §3 "Without `mode`").

    Not for a plan's step: the dry run that made the plan would have failed.
    """
    return isinstance(goal, ChangeGoal) and goal.changes.must_not_remove


def removed_unasked(goal: Goal, now: Labels) -> Labels:
    """The labels of `now` that would be removed although no `mode` allows that."""
    return goal.changes.removed_unasked(now) if isinstance(goal, ChangeGoal) else ()


def _overwriting(changes: Changes) -> Changes:
    """The changes with `on-conflict: error` replaced: it was checked before our write, and now would blame a later writer."""
    if all(part.on_conflict is not OnConflict.ERROR for part in changes.parts):
        return changes
    return Changes(
        tuple(
            replace(part, on_conflict=OnConflict.OVERWRITE) if part.on_conflict is OnConflict.ERROR else part
            for part in changes.parts
        ),
    )


def _key_of(label: str) -> str | None:
    pair = key_and_value(label)
    return pair[0] if pair else None


def _quoted_list(labels: Labels | None) -> str:
    if labels is None:
        return "a list that the registry does not show"
    return "[" + ", ".join(map(repr, labels)) + "]"
