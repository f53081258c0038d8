"""What a run wants of one artifact's labels, and what a later read of them means (contract §5).

A goal is one of three frozen types. Each has `apply`, the labels to write given those there now, and `classify`, the
meaning of labels that were read after a write. What only some of them can be is asked by the functions below. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum

from har_labels.errors import PlanStale, Unreadable
from har_labels.model.labels import Changes, Labels, Mode, OnConflict, key_and_value, to_labels


class Found(Enum):
    """What a read after a write found."""

    DONE = "the labels wanted are there"
    UNDONE = "our change is not there"
    SUPERSEDED = "a later writer has set something else"


@dataclass(frozen=True, slots=True)
class Finding:
    """`target` is what to write next: for UNDONE a change, otherwise the labels that are there."""

    found: Found
    target: Labels


@dataclass(frozen=True, slots=True)
class ChangeGoal:
    """A change that the labels are to have, whoever else writes. `gate` raises when a `require` no longer holds."""

    changes: Changes
    gate: Callable[[Labels | None], None] = lambda _now: None

    def apply(self, now: Labels | None) -> Labels:
        """The labels to write. Raises what `Changes.apply` and the gate raise."""
        self.gate(now)
        return self.changes.apply(now)

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:
        """Classifies labels read after our write. `seen`: all labels that were read before it.

        UNDONE: reverted by a stale read-modify-write. SUPERSEDED: changed by a later writer (contract §5 point 5).
        A label that we never saw before our write, and would take away, was added after it: it stays, and with
        it the third value of a key that `upsert` set. Any other difference is our change undone. Raises what the gate
        raises where something would have to be written.
        """
        wanted = _overwriting(self.changes).apply(now)
        later = [label for label in now if label not in wanted and label not in seen] if self.changes.is_merging else []
        if later:
            later_keys = {_key_of(label) for label in later} - {None}
            upserted = {label for part in self.changes.parts if part.sets_keys for label in part.labels}
            yielded = {label for label in upserted if _key_of(label) in later_keys}
            wanted = to_labels([*(label for label in wanted if label not in yielded), *later])
        if wanted != now:
            self.gate(now)  # what is about to be written again must still be allowed (contract §3)
            return Finding(Found.UNDONE, wanted)
        return Finding(Found.SUPERSEDED if later else Found.DONE, now)


@dataclass(frozen=True, slots=True)
class FormerGoal:
    """Without exactly this label, and all others as they are: what a move makes of the artifacts that held it."""

    label: str

    def apply(self, now: Labels | None) -> Labels:
        """The labels to write. Raises Unreadable where those there now are not known."""
        if now is None:
            raise Unreadable("the registry does not show the current labels, and `move` needs them")
        return tuple(label for label in now if label != self.label)

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:  # noqa: ARG002 - a later holder is a holder all the same
        """A label that is back may be a rival's move: one artifact alone does not show which of the two holds it in the end."""
        return Finding(Found.UNDONE if self.label in now else Found.DONE, self.apply(now))


@dataclass(frozen=True, slots=True)
class PlanGoal:
    """Exactly what a plan file says, or nothing (contract §5 point 7).

    `expecting` begins the error: whose expectation it is, and of which artifact; `cure` is its next step, if not the usual.
    """

    expecting: str
    before: Labels | None
    after: Labels
    cure: str = ""

    def apply(self, now: Labels | None) -> Labels:
        """The labels to write. Raises PlanStale where neither `before` nor `after` is there any more."""
        if now not in (self.before, self.after):
            raise PlanStale(
                f"{self.expecting} {_quoted_list(self.before)}, and now there is {_quoted_list(now)}", self.cure
            )
        return self.after

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:  # noqa: ARG002 - a plan never asks who was first
        """Raises as `apply`."""
        return Finding(Found.DONE if now == self.after else Found.UNDONE, self.apply(now))


Goal = ChangeGoal | FormerGoal | PlanGoal


def is_merging(goal: Goal) -> bool:
    """Whether the labels wanted depend on those there now, so that other writers matter."""
    match goal:
        case ChangeGoal():
            return goal.changes.is_merging
        case FormerGoal():
            return True
        case PlanGoal():
            return False


def is_read(goal: Goal) -> bool:
    """Whether it only asks for the labels."""
    return isinstance(goal, ChangeGoal) and goal.changes.is_read


def is_sweeping(goal: Goal) -> bool:
    """Whether it takes away whatever isn't named, so that the user should learn which labels those were.

    A plan's step is not: the dry run that made the plan has shown them.
    """
    return isinstance(goal, ChangeGoal) and any(part.mode in {Mode.REPLACE, Mode.CLEAR} for part in goal.changes.parts)


def removes_nothing(goal: Goal) -> bool:
    """Whether it fails where a label that is there would go (contract §3 "Without `mode`").

    A plan's step does not: the dry run that made the plan would have failed.
    """
    return isinstance(goal, ChangeGoal) and goal.changes.removes_nothing


def removed_unasked(goal: Goal, now: Labels) -> Labels:
    """The labels of `now` that would go though no input says that they may."""
    return goal.changes.removed_unasked(now) if isinstance(goal, ChangeGoal) else ()


def _overwriting(changes: Changes) -> Changes:
    """`on-conflict: error` was asked before our own write; asking again would blame a later writer."""
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
