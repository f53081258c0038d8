"""One artifact on its way through a run: what is wanted of it, what was read, what was tried, what came out.

| `outcome` | `attempts` | `doubt` | `confirmed_by` | the task is | and next |
|---|---|---|---|---|---|
| None | 0 | None | NOTHING | planned | written, unless a renewed read leaves nothing to write |
| None | 1 … | set | any | in doubt: the last answer tells nothing certain | looked at, or tried again where it surely did nothing |
| None | 1 … | None | NOTHING | under way; or written, by an answer that names no labels; or undone since | looked at, or written again |
| None | 1 … | None | ANSWER, READ_BACK | confirmed | watched if it merges, else ended |
| set | any | None | any | over | reported |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache

from har_labels.clock import Clock
from har_labels.engine.filters import Selected
from har_labels.errors import (
    HarLabelsError,
    NoSuchPath,
    NotFound,
    PolicyBroken,
    Unreadable,
    ValueConflict,
    WouldRemove,
)
from har_labels.model.address import RegistryRef
from har_labels.model.facts import ArtifactFacts
from har_labels.model.goal import Found, Goal
from har_labels.model.labels import Labels, to_labels
from har_labels.model.outcome import ConfirmedBy, Outcome, Status, Step
from har_labels.registry.answers import UnknownOutcome
from har_labels.registry.reader import Reader, Reading, choose
from har_labels.request.policy import Policy, breaches_text
from har_labels.text import named

AFTER_A_WAIT = f"Check the name and the push before this step, or give `{named('wait-for-artifact')}` more seconds."


def is_missing(error: HarLabelsError) -> bool:
    """Whether an answer was a 404, in whatever form, or said in words that something was not found."""
    return isinstance(error, NotFound | NoSuchPath)


@dataclass(frozen=True, slots=True)
class Unread:
    """An artifact that is written without having been read, since reading was refused (contract §5 point 1).

    `error` is what reading came to. A write that is answered 404 is made again until the clock says `waits_until`, which
    is `wait` seconds after planning; then it is skipped if the artifact `may_be_missing`, else failed.
    """

    error: HarLabelsError
    waits_until: float = 0
    may_be_missing: bool = False
    wait: float = 0

    @property
    def says_missing(self) -> bool:
        """Whether reading was answered 404."""
        return is_missing(self.error)


@dataclass(slots=True, eq=False)
class Task:
    """Filled while planning, moved on by `apply`; `outcome` is set at its end. `undo` is what a rollback makes of it.

    `before` is what the plan read first. `target` is what the next PUT sends. `seen`
    are all labels that stood there before our writes, by which a later writer's are told (goal.look). Within a round of
    writes a task belongs to one worker from the moment that it `is_in_hand`, so that another that renews a page
    leaves it alone; between rounds the run's own thread has all of them. `may_be_written` from the first PUT that was not
    plainly refused; what comes to the list from then on is a later writer's. `is_looked_at` once it was read since the last
    such PUT. `added` and `removed` are what our writes did, to be undone. `unread` is set where nothing could be read,
    `policy` where writing is held to one (see gates); a rollback is not. `selected` is set where `where` has a say until
    `may_be_written`; `unjudged` are the facts of a read that it was not asked of. In a move
    `is_former` tells an artifact that is to give the label up, and `attempts_before` are those of its earlier rounds.
    """

    ref: RegistryRef
    name: str
    artifact_type: str
    goal: Goal
    reading: Reading
    target: Labels = ()
    before: Labels | None = None
    seen: Labels = ()
    added: Labels = ()
    removed: Labels = ()
    attempts: int = 0
    times_undone: int = 0
    confirmed_by: ConfirmedBy = ConfirmedBy.NOTHING
    doubt: UnknownOutcome | None = None
    answered: ArtifactFacts | None = None
    is_in_hand: bool = False
    is_looked_at: bool = False
    may_be_written: bool = False
    unread: Unread | None = None
    is_former: bool = False
    attempts_before: int = 0
    selected: Selected | None = None
    unjudged: ArtifactFacts | None = None
    _before_try: tuple[Labels, Labels, bool, bool] | None = None
    outcome: Outcome | None = field(default=None)
    undo: Task | None = None
    policy: Policy | None = None

    @property
    def labels(self) -> Labels | None:
        """The labels as last read."""
        return self.reading.row.labels

    @property
    def subject(self) -> str:
        """The artifact as messages name it."""
        return f"{self.name!r} in {self.ref}"

    @property
    def is_change(self) -> bool:
        return self.target != self.before

    @property
    def needs_reading(self) -> bool:
        """Whether it may only be written from a read: the labels that are there decide what is written, or whether."""
        is_protected = self.goal.removes_nothing and not self.unread
        return self.goal.is_merging or self.goal.is_exact or is_protected

    @property
    def is_waited_for(self) -> bool:
        """Whether the last PUT was answered 404, and the artifact may still appear."""
        return bool(self.doubt and is_missing(self.doubt.error))

    @property
    def is_confirmed(self) -> bool:
        """Whether an answer or a read has shown that the last write is there."""
        return not self.doubt and self.confirmed_by is not ConfirmedBy.NOTHING

    @property
    def is_superseded(self) -> bool:
        """Whether a later writer's labels were read after our write, which stay (contract §5 point 5)."""
        if not self.goal.is_merging or not self.is_looked_at or self.labels is None:
            return False
        return self.goal.look(self.labels, self.seen).found is Found.SUPERSEDED

    @property
    def is_known(self) -> bool:
        """Whether the labels as last read are those that are there, since no write of ours has come after that."""
        return self.labels is not None and (self.is_looked_at or not self.may_be_written)

    @property
    def wrote(self) -> tuple[Labels, Labels] | tuple[None, None]:
        """What our writes added and took away, of a doubtful one what a look has shown of that.

        None for both where nothing has shown it, or what was there before is not known.
        """
        if not self.may_be_written:
            return (), ()
        if self.before is None or not (self.is_confirmed or self.is_looked_at) or self.labels is None:
            return None, None
        if not self.doubt:
            return self.added, self.removed
        there = set(self.labels)
        return tuple(label for label in self.added if label in there), tuple(
            label for label in self.removed if label not in there
        )

    @property
    def step(self) -> Step:
        return Step(str(self.ref), self.name, self.artifact_type, self.before, self.target)

    @property
    def is_typed_hugging_face(self) -> bool:
        """Whether a PUT may cost the artifact its type (contract §5 point 9)."""
        return self.reading.row.facts.package_type == "HUGGINGFACE" and bool(self.reading.row.artifact_type)

    @property
    def has_unseen_type(self) -> bool:
        """Whether it may have a type that nothing has shown: unread, or known by its summary alone, which tells none."""
        row = self.reading.row
        return bool(self.unread) or (
            not row.origin and not row.artifact_type and row.facts.package_type in {"", "HUGGINGFACE"}
        )

    @property
    def facts(self) -> ArtifactFacts:
        """What the registry told: the answer to our PUT where there was one, the list for the rest."""
        listed = self.reading.row.facts
        if not self.answered:
            return listed
        return replace(
            listed, **{name: value for name in ArtifactFacts.__slots__ if (value := getattr(self.answered, name))}
        )

    def aim(self) -> None:
        """Computes `target` from the labels as last read. Raises what the goal raises, with the artifact named."""
        try:
            self.target = self.goal.wanted(self.labels)
        except (Unreadable, ValueConflict) as error:
            # These come from the label arithmetic, which knows no artifact.
            raise error.reworded(f"{self.subject}: {error.what}") from None

    def check_removals(self) -> None:
        """Raises WouldRemove where writing would take away a label, as last read, that nobody said may go."""
        if removed := self.goal.removed_unasked(self.labels or ()):
            would_go = f"{', '.join(map(repr, removed))} would be removed"
            raise WouldRemove(f"{self.subject}: {would_go}, and no `mode` says that it may")

    def is_still_selected(self) -> bool:
        """Whether `where` holds for what was read since; asked until our first PUT, and never after it (contract §3).

        A part of the change for which it is false is dropped for good. Raises TemplateError and Unreadable.
        """
        facts, self.unjudged = self.unjudged, None
        if facts is None or not self.selected or self.may_be_written:
            return True
        left = self.selected.still(replace(self.reading.row, facts=facts), self.ref)
        if left and left is not self.selected:
            self.selected, self.goal = left, left.goal(self.name, self.ref)
        return left is not None

    def renew(self, reading: Reading) -> None:
        """Keeps a newer reading of this artifact alone."""
        self.reading = reading
        self._note_unjudged(reading.row.facts)

    def _note_unjudged(self, facts: ArtifactFacts) -> None:
        if self.selected and not self.may_be_written:
            self.unjudged = facts

    def check_policy(self) -> None:
        """Raises PolicyBroken where writing over the labels as last read would break a rule that holds now."""
        if self.policy and (broken := self.policy.new_breaches(self.labels or (), self.target)):
            raise PolicyBroken(f"{self.subject}: {breaches_text(broken)}")

    def take(self, reading: Reading) -> None:
        """Keeps a newer reading, in as little memory as it takes: a large run looks at every artifact several times."""
        row, known = reading.row, self.reading.row
        labels = self.target if row.labels == self.target else row.labels
        self.reading = Reading(
            replace(known, artifact_type=row.artifact_type, labels=labels, origin=row.origin), reading.at
        )
        self.is_looked_at = True
        self._note_unjudged(row.facts)

    def remember(self) -> None:
        """What stands there now is older than the write that follows."""
        # Tuples, and the very one that was read where there is no other: sets would double the memory of a large run.
        self.seen = to_labels((*self.seen, *(self.labels or ()))) if self.seen else self.labels or ()

    def about_to_write(self) -> None:
        """Counts a PUT, and what it is going to change."""
        self._before_try = self.added, self.removed, self.may_be_written, self.is_looked_at
        base, target, seen = set(self.labels or ()), set(self.target), set(self.seen)
        self.added = _one_for_all(to_labels((*self.added, *(target - base - seen))))
        self.removed = _one_for_all(to_labels((*self.removed, *((base - target) & seen))))
        # Whatever the last answer told, it tells nothing of this one.
        self.doubt, self.confirmed_by, self.is_looked_at = None, ConfirmedBy.NOTHING, False
        self.may_be_written = True
        self.attempts += 1

    def was_refused(self) -> None:
        """The PUT surely did nothing: what is there by our hand is what was before it."""
        assert self._before_try
        self.added, self.removed, self.may_be_written, self.is_looked_at = self._before_try

    def end(self, status: Status, labels: Labels | None, error: HarLabelsError | None = None) -> None:
        """Sets the outcome. `labels` is what is there now as far as known."""
        wrote_added, wrote_removed = self.wrote
        self.doubt = self._before_try = None
        self.outcome = Outcome(
            step=self.step,
            status=status,
            labels=labels,
            confirmed_by=self.confirmed_by,
            attempts=self.attempts,
            error=error,
            facts=self.facts,
            is_read=self.goal.is_read,
            is_former=self.is_former,
            wrote_added=wrote_added,
            wrote_removed=wrote_removed,
        )

    def fail(self, error: HarLabelsError, labels: Labels | None = None) -> None:
        if self.unread and self.unread.may_be_missing and isinstance(error, NotFound):
            self.end(Status.SKIPPED, labels, error)
        else:
            self.end(Status.FAILED, labels, error)


@lru_cache(maxsize=1024)
def _one_for_all(labels: Labels) -> Labels:
    """The same tuple for equal lists: what a large run adds is mostly the same everywhere."""
    return labels


def read_again(tasks: Sequence[Task], reader: Reader, clock: Clock) -> Iterator[tuple[Task, Reading | HarLabelsError]]:
    """Each task with what its artifact is now, or why that can't be told; each registry is read at once."""
    for ref in dict.fromkeys(task.ref for task in tasks):
        of_ref = [task for task in tasks if task.ref == ref]
        at = clock.monotonic()
        # Nothing is asked twice that was refused before: such tasks can do without (contract §5 point 1).
        skipping = _give_up if all(task.unread for task in of_ref) else None
        try:
            rows = reader.rows(ref, names={task.name for task in of_ref}, skipping=skipping)
        except HarLabelsError as error:
            yield from ((task, error) for task in of_ref)
            continue
        for task in of_ref:
            try:
                row = choose(rows.get(task.name, []), ref, task.name, task.artifact_type)
            except HarLabelsError as error:
                yield task, error
            else:
                yield task, Reading(row, at)


def _give_up(_names: AbstractSet[str], error: HarLabelsError) -> None:
    raise error
