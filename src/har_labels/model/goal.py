"""What counts as done, and what to do when a look at the registry shows something else (contract §5).

A goal is asked twice: for the labels to write, and, after a write, what the labels found then mean. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from har_labels.errors import PlanStale, Unreadable
from har_labels.model.labels import Changes, Labels, Mode, OnConflict, key_and_value, to_labels


class Found(Enum):
    """What a look after a write found."""

    DONE = "the labels wanted are there"
    UNDONE = "our change is not there"
    SUPERSEDED = "a later writer has set something else"


@dataclass(frozen=True, slots=True)
class Finding:
    """`target` is what should be written next if anything: for UNDONE a change, otherwise what is there."""

    found: Found
    target: Labels


class Goal(Protocol):
    """What a run wants of one artifact."""

    @property
    def is_merging(self) -> bool:
        """Whether the labels wanted depend on those there now, so that other writers matter."""

    @property
    def is_exact(self) -> bool:
        """Whether it may only be written over exactly the labels it was made for."""

    @property
    def is_read(self) -> bool:
        """Whether it only asks for the labels."""

    @property
    def is_sweeping(self) -> bool:
        """Whether it takes away whatever isn't named, so that the user should be told what that was."""

    @property
    def removes_nothing(self) -> bool:
        """Whether it is given up where a label that is there would go (contract §3 "Without `mode`")."""

    def removed_unasked(self, now: Labels) -> Labels:
        """The labels of `now` that would go though nobody said that they may."""

    def apply(self, now: Labels | None) -> Labels:
        """The labels to write, given those there now. Raises what `Changes.apply` and `require` raise."""

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:
        """What `now`, read after a write, means. `seen` are all labels that stood there before our writes."""


@dataclass(frozen=True, slots=True)
class ChangeGoal:
    """A change to be true of the labels, whoever else writes. `gate` raises when a `require` no longer holds."""

    changes: Changes
    gate: Callable[[Labels | None], None] = lambda _now: None

    @property
    def is_merging(self) -> bool:
        return self.changes.is_merging

    @property
    def is_exact(self) -> bool:
        return False

    @property
    def is_read(self) -> bool:
        return self.changes.is_read

    @property
    def is_sweeping(self) -> bool:
        return any(part.mode in {Mode.REPLACE, Mode.CLEAR} for part in self.changes.parts)

    @property
    def removes_nothing(self) -> bool:
        return self.changes.removes_nothing

    def removed_unasked(self, now: Labels) -> Labels:
        return self.changes.removed_unasked(now)

    def apply(self, now: Labels | None) -> Labels:
        self.gate(now)
        return self.changes.apply(now)

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:
        """Tells our change undone by an older read from a later writer's own word (contract §5 point 5).

        A label we never saw before our write, and would take away, was put there after it: it stays, and with
        it the third value of a key that `upsert` set. Everything else that differs is our change undone.
        """
        wanted = _overwriting(self.changes).apply(now)
        if not self.is_merging:
            return self._undone(now, wanted) if wanted != now else Finding(Found.DONE, now)
        later = [label for label in now if label not in wanted and label not in seen]
        later_keys = {pair[0] for label in later if (pair := key_and_value(label))}
        yielded = self._upserted() if later_keys else frozenset[str]()
        kept = [
            label for label in wanted if not (label in yielded and (key_and_value(label) or ("",))[0] in later_keys)
        ]
        target = to_labels([*kept, *later])
        if target != now:
            return self._undone(now, target)
        return Finding(Found.SUPERSEDED if later else Found.DONE, now)

    def _undone(self, now: Labels, target: Labels) -> Finding:
        self.gate(now)  # what is about to be written again must still be allowed (contract §3)
        return Finding(Found.UNDONE, target)

    def _upserted(self) -> frozenset[str]:
        return frozenset(label for part in self.changes.parts if part.sets_keys for label in part.given)


@dataclass(frozen=True, slots=True)
class FormerGoal:
    """Without exactly this label, and all others as they are: what a move makes of the artifacts that held it."""

    label: str

    @property
    def is_merging(self) -> bool:
        return True

    @property
    def is_exact(self) -> bool:
        return False

    @property
    def is_read(self) -> bool:
        return False

    @property
    def is_sweeping(self) -> bool:
        return False

    @property
    def removes_nothing(self) -> bool:
        return False

    def removed_unasked(self, now: Labels) -> Labels:  # noqa: ARG002 - it was asked for
        return ()

    def apply(self, now: Labels | None) -> Labels:
        if now is None:
            raise Unreadable("the registry does not show the current labels, and `move` needs them")
        return tuple(label for label in now if label != self.label)

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:  # noqa: ARG002 - a later holder is a holder all the same
        """A label that is back may be a rival's move: who of the two holds it in the end is not told by one artifact."""
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

    @property
    def is_merging(self) -> bool:
        return False

    @property
    def is_exact(self) -> bool:
        return True

    @property
    def is_read(self) -> bool:
        return False

    @property
    def is_sweeping(self) -> bool:
        return False  # the dry run that made the plan has told it

    @property
    def removes_nothing(self) -> bool:
        return False  # the dry run that made the plan was refused if it did

    def removed_unasked(self, now: Labels) -> Labels:  # noqa: ARG002 - see `removes_nothing`
        return ()

    def apply(self, now: Labels | None) -> Labels:
        if now not in (self.before, self.after):
            raise PlanStale(f"{self.expecting} {_listed(self.before)}, and now there is {_listed(now)}", self.cure)
        return self.after

    def classify(self, now: Labels, seen: Collection[str]) -> Finding:  # noqa: ARG002 - a plan never asks who was first
        """Raises PlanStale where neither the plan's `before` nor its `after` is there any more."""
        return Finding(Found.DONE if now == self.after else Found.UNDONE, self.apply(now))


def _overwriting(changes: Changes) -> Changes:
    """After our own write `on-conflict: error` has had its say; asking again would blame a later writer."""
    if all(part.on_conflict is not OnConflict.ERROR for part in changes.parts):
        return changes
    return Changes(
        tuple(
            replace(part, on_conflict=OnConflict.OVERWRITE) if part.on_conflict is OnConflict.ERROR else part
            for part in changes.parts
        ),
    )


def _listed(labels: Labels | None) -> str:
    if labels is None:
        return "a list that the registry does not show"
    return "[" + ", ".join(map(repr, labels)) + "]"
