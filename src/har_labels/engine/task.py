"""One artifact in a run: its goal, the last read, the PUTs that were sent, and the outcome.

| `outcome` | `writes` | `evidence` | the task is | and next |
|---|---|---|---|---|
| None | none | NOTHING | planned | written, unless a newer read leaves nothing to write |
| None | some | an UnknownOutcome | unknown: the last answer proves nothing | read, or retried where the PUT surely did nothing |
| None | some | NOTHING | in flight; or written, by an answer that names no labels; or undone since | read, or written again |
| None | some | ANSWER, READ_BACK | confirmed | watched if it merges, else ended |
| set | any | any but an UnknownOutcome | over | reported |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from har_labels.clock import Clock
from har_labels.engine.filters import SelectedSpecs
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
from har_labels.model.goal import (
    Finding,
    FormerGoal,
    Found,
    Goal,
    PlanGoal,
    is_merging,
    is_read,
    must_not_remove,
    removed_unasked,
)
from har_labels.model.labels import Labels, to_labels
from har_labels.model.outcome import ConfirmedBy, Outcome, Status, Step
from har_labels.registry.answers import Row, UnknownOutcome
from har_labels.registry.reader import Reader, Reading, choose
from har_labels.request.policy import Policy, breaches_text
from har_labels.text import named

AFTER_A_WAIT = f"Check the name and the push before this step, or give `{named('wait-for-artifact')}` more seconds."


def is_missing(error: HarLabelsError) -> bool:
    """Whether the answer was a 404 of any form, or a 400 whose message says that something was not found."""
    return isinstance(error, NotFound | NoSuchPath)


@dataclass(frozen=True, slots=True)
class Unread:
    """The state of an artifact that is written although its read failed (contract §5 point 1).

    `error`: the failure of the read. A write with the answer 404 is retried until the monotonic time `waits_until`, `wait`
    seconds after planning; then the task is skipped if the artifact `may_be_missing`, else failed.
    """

    error: HarLabelsError
    waits_until: float = 0
    may_be_missing: bool = False
    wait: float = 0

    @property
    def was_missing(self) -> bool:
        """Whether the read was answered with 404."""
        return is_missing(self.error)


@dataclass(frozen=True, slots=True)
class Write:
    """One PUT that was sent.

    `sent`: the labels of the request, computed from the labels `base` (None: unknown). `written`: True if the answer proves
    the write, False if the server certainly wrote nothing, None if unknown: no answer yet, or one that proves nothing.
    `facts`: those of the answer, if they are reported.
    """

    base: Labels | None
    sent: Labels
    written: bool | None = None
    facts: ArtifactFacts | None = None


@dataclass(slots=True, eq=False)
class Task:
    """The state of one artifact: made by the planner, updated by the writer; `outcome` is set at its end.

    - `before`: the labels of the first read; `target`: the labels of the next PUT.
    - `seen`: all labels read before our first PUT. A label that is not among them is a later writer's (`Goal.classify`).
    - `evidence`: the proof that the last PUT was carried out, or the answer that proves nothing.
    - `writes_before_read`: how many of `writes` had been sent at the last read. `found`: the result of `classify` for that
      read, if it was called.
    - `is_claimed`: a worker has begun to write it, so another worker that renews the same page must not change it. Between
      rounds of writes only the run's own thread changes tasks.
    - `unread`: set if the read failed. `policy`: the policy that a write must not break (set by `preflight`); a rollback has none.
    - `selected`: set if the artifact was selected by `where`, which is evaluated again until `may_have_written`. `unjudged`:
      the facts of a read for which `where` was not evaluated yet.
    - `rollback`: the task that reverts its writes.
    """

    ref: RegistryRef
    artifact_type: str
    goal: Goal
    reading: Reading
    target: Labels = ()
    before: Labels | None = None
    seen: Labels = ()
    writes: tuple[Write, ...] = ()
    evidence: UnknownOutcome | ConfirmedBy = ConfirmedBy.NOTHING
    writes_before_read: int = 0
    found: Found | None = None
    is_claimed: bool = False
    unread: Unread | None = None
    selected: SelectedSpecs | None = None
    unjudged: ArtifactFacts | None = None
    policy: Policy | None = None
    outcome: Outcome | None = None
    rollback: Task | None = None

    @property
    def name(self) -> str:
        return self.reading.row.name

    @property
    def labels(self) -> Labels | None:
        """The labels of the last read, or of the answer to a merging write."""
        return self.reading.row.labels

    @property
    def subject(self) -> str:
        """The artifact's name in messages."""
        return f"{self.name!r} in {self.ref}"

    @property
    def is_change(self) -> bool:
        return self.target != self.before

    @property
    def is_former(self) -> bool:
        """Whether a move takes its label from this artifact."""
        return isinstance(self.goal, FormerGoal)

    @property
    def needs_reading(self) -> bool:
        """Whether a write needs a read first: the target, or whether to write at all, depends on the current labels."""
        is_protected = must_not_remove(self.goal) and not self.unread
        return is_merging(self.goal) or isinstance(self.goal, PlanGoal) or is_protected

    # --- the writes ----------------------------------------------------------------------------------------

    @property
    def attempts(self) -> int:
        """How many PUTs were sent."""
        return len(self.writes)

    @property
    def may_have_written(self) -> bool:
        """Whether a PUT was sent that may have been carried out. Labels that appear from then on are a later writer's."""
        return any(write.written is not False for write in self.writes)

    @property
    def is_read_since_write(self) -> bool:
        """Whether no PUT that may have been carried out was sent after the last read."""
        return all(write.written is False for write in self.writes[self.writes_before_read :])

    @property
    def has_current_labels(self) -> bool:
        """Whether the labels of the last read are known and not outdated by a write of ours."""
        return self.labels is not None and self.is_read_since_write

    @property
    def proven_labels(self) -> Labels | None:
        """The current labels as far as proven, by the last read or by a confirmed write after it; None if unknown."""
        if self.has_current_labels:
            return self.labels
        return self.target if self.is_confirmed else None

    @property
    def unknown(self) -> UnknownOutcome | None:
        """The answer to the last PUT, if it proves nothing and no later read has decided."""
        return self.evidence if isinstance(self.evidence, UnknownOutcome) else None

    @property
    def confirmed_by(self) -> ConfirmedBy:
        return ConfirmedBy.NOTHING if isinstance(self.evidence, UnknownOutcome) else self.evidence

    @property
    def is_confirmed(self) -> bool:
        """Whether an answer or a read proves the last write."""
        return self.confirmed_by is not ConfirmedBy.NOTHING

    @property
    def is_waited_for(self) -> bool:
        """Whether the last PUT was answered with 404 while the artifact may still appear."""
        return bool(self.unknown and is_missing(self.unknown.error))

    @property
    def found_after_write(self) -> Found | None:
        """The class of the labels that a read after our write showed (contract §5 point 5); None without such a read."""
        if not is_merging(self.goal) or not self.may_have_written or not self.has_current_labels:
            return None
        try:
            return self.found or self.classify().found
        except HarLabelsError:
            return Found.UNDONE  # the goal asks its gate only then

    def classify(self) -> Finding:
        """Classifies the labels of the last read after our write. Raises the errors of `Goal.classify`."""
        assert self.labels is not None
        finding = self.goal.classify(self.labels, self.seen)
        self.found = finding.found
        return finding

    @property
    def sent(self) -> tuple[Labels, Labels]:
        """The labels that our writes add and remove, if they were carried out; without a later writer's labels."""
        seen, added, removed = set(self.seen), set[str](), set[str]()
        for write in self.writes:
            if write.written is not False:
                base, target = set(write.base or ()), set(write.sent)
                added |= target - base - seen
                removed |= (base - target) & seen
        return _shared(to_labels(added)), _shared(to_labels(removed))

    @property
    def wrote(self) -> tuple[Labels, Labels] | tuple[None, None]:
        """The labels that our writes added and removed; after an unknown outcome, as far as a read has shown them.

        None for both if neither an answer nor a read proves it, or if the labels before are unknown.
        """
        if not self.may_have_written:
            return (), ()
        if self.before is None or self.labels is None or not (self.is_confirmed or self.is_read_since_write):
            return None, None
        added, removed = self.sent
        if self.unknown:
            there = set(self.labels)
            added = tuple(label for label in added if label in there)
            removed = tuple(label for label in removed if label not in there)
        return added, removed

    def begin_write(self) -> None:
        """Records a PUT that is about to be sent, and resets the evidence of the PUT before."""
        if not self.may_have_written:
            self.record_seen()
        self.evidence = ConfirmedBy.NOTHING
        self.writes += (Write(self.labels, self.target),)

    def record_answer(self, *, written: bool, facts: ArtifactFacts | None = None) -> None:
        """Records the proof by the answer to the last PUT: that it was `written`, or certainly not."""
        self.writes = (*self.writes[:-1], replace(self.writes[-1], written=written, facts=facts))

    # --- checks before a write -----------------------------------------------------------------------------

    def compute_target(self) -> None:
        """Computes `target` from the labels of the last read. Raises the errors of `Goal.apply`, with the artifact's name."""
        try:
            self.target = self.goal.apply(self.labels)
        except (Unreadable, ValueConflict) as error:
            # `Changes.apply` raises these, and does not know the artifact.
            raise error.reworded(f"{self.subject}: {error.what}") from None

    def check_removals(self) -> None:
        """Raises WouldRemove if the write would remove a label although no `mode` allows that."""
        if removed := removed_unasked(self.goal, self.labels or ()):
            would_go = f"{', '.join(map(repr, removed))} would be removed"
            raise WouldRemove(f"{self.subject}: {would_go}, and no `{named('mode')}` allows that")

    def check_policy(self) -> None:
        """Raises PolicyBroken if the write would break a rule that the labels of the last read keep."""
        if self.policy and (broken := self.policy.new_breaches(self.labels or (), self.target)):
            raise PolicyBroken(f"{self.subject}: {breaches_text(broken)}")

    def is_still_selected(self) -> bool:
        """Whether `where` holds for the last read; True after our first PUT, as it is not evaluated again (contract §3).

        A spec for which it is false is dropped for the rest of the run. Raises TemplateError and Unreadable.
        """
        facts, self.unjudged = self.unjudged, None
        if facts is None or not self.selected or self.may_have_written:
            return True
        left = self.selected.reselect(replace(self.reading.row, facts=facts), self.ref)
        if left and left is not self.selected:
            self.selected = left
            self.goal = left.goal_of(left.specs, artifact=self.name, registry=str(self.ref))
        return left is not None

    # --- reads ---------------------------------------------------------------------------------------------

    def update_reading(self, reading: Reading) -> None:
        """Takes over a newer read without its facts, to save memory: a large run reads every artifact several times."""
        row = reading.row
        labels = self.target if row.labels == self.target else row.labels
        kept = replace(self.reading.row, artifact_type=row.artifact_type, labels=labels, origin=row.origin)
        self._set_reading(Reading(kept, reading.at), row.facts)

    def replace_reading(self, reading: Reading) -> None:
        """Takes over a newer read of this artifact alone, with its facts."""
        self._set_reading(reading, reading.row.facts)

    def _set_reading(self, reading: Reading, facts: ArtifactFacts) -> None:
        if not self.may_have_written:
            self.record_seen()  # the labels of the older read were there before any write of ours
            self.unjudged = facts if self.selected else None
        self.reading, self.found, self.writes_before_read = reading, None, len(self.writes)

    def record_seen(self) -> None:
        """Adds the labels of the last read to `seen`, before a PUT or a newer read."""
        # Tuples, and if possible the one of the reading itself: sets would double the memory of a large run.
        self.seen = to_labels((*self.seen, *(self.labels or ()))) if self.seen else self.labels or ()

    # --- the end -------------------------------------------------------------------------------------------

    @property
    def step(self) -> Step:
        return Step(str(self.ref), self.name, self.artifact_type, self.before, self.target)

    @property
    def facts(self) -> ArtifactFacts:
        """The facts of the answer to our last proven PUT, if they are kept; for the others those of the list."""
        listed = self.reading.row.facts
        answered = next((write.facts for write in reversed(self.writes) if write.written), None)
        if not answered:
            return listed
        return replace(
            listed, **{name: value for name in ArtifactFacts.__slots__ if (value := getattr(answered, name))}
        )

    @property
    def is_typed_hugging_face(self) -> bool:
        """Whether a PUT may clear the artifact's type (contract §5 point 9)."""
        return self.reading.row.facts.package_type == "HUGGINGFACE" and bool(self.reading.row.artifact_type)

    @property
    def has_unseen_type(self) -> bool:
        """Whether it may have an unknown type: it was not read, or only its summary was, which has no type."""
        row = self.reading.row
        return bool(self.unread) or (
            not row.origin and not row.artifact_type and row.facts.package_type in {"", "HUGGINGFACE"}
        )

    def outcome_of(self, status: Status, labels: Labels | None, error: HarLabelsError | None = None) -> Outcome:
        """The outcome if the task ends now. `labels`: the current labels, None if unknown."""
        wrote_added, wrote_removed = self.wrote
        return Outcome(
            step=self.step,
            status=status,
            labels=labels,
            confirmed_by=self.confirmed_by,
            attempts=self.attempts,
            error=error,
            facts=self.facts,
            is_read=is_read(self.goal),
            is_former=self.is_former,
            wrote_added=wrote_added,
            wrote_removed=wrote_removed,
        )

    def end(self, status: Status, labels: Labels | None, error: HarLabelsError | None = None) -> None:
        """Sets the outcome. Parameters as for `outcome_of`."""
        self.outcome = self.outcome_of(status, labels, error)
        self.evidence = self.confirmed_by

    def fail(self, error: HarLabelsError, labels: Labels | None = None) -> None:
        """Ends the task as failed, or as skipped if the artifact is missing and that is allowed."""
        may_be_missing = bool(self.unread and self.unread.may_be_missing)
        self.end(Status.SKIPPED if may_be_missing and isinstance(error, NotFound) else Status.FAILED, labels, error)


@lru_cache(maxsize=1024)
def _shared(labels: Labels) -> Labels:
    """One tuple for equal lists: a large run adds mostly the same labels to all artifacts."""
    return labels


def read_again(tasks: Sequence[Task], reader: Reader, clock: Clock) -> Iterator[tuple[Task, Reading | HarLabelsError]]:
    """Yields each task with a new read of its artifact, or with the error; one read per registry."""
    for ref in dict.fromkeys(task.ref for task in tasks):
        of_ref = [task for task in tasks if task.ref == ref]
        at = clock.monotonic()
        # Tasks that were written without a read do not need this one, so a failing read is retried less (contract §5 point 1).
        skipping = _raise if all(task.unread for task in of_ref) else None
        targets = {task.name: task.target for task in of_ref}
        keeps_facts = any(task.selected for task in of_ref)  # only `where` needs them
        try:
            view = partial(_in_little_memory, targets, keeps_facts=keeps_facts)
            rows = reader.rows(ref, names=targets.keys(), skipping=skipping, view=view)
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


def _raise(_names: AbstractSet[str], error: HarLabelsError) -> None:
    raise error


def _in_little_memory(targets: Mapping[str, Labels], row: Row, *, keeps_facts: bool) -> Row:
    """The row with the tuple of the target, if the labels are equal, to save memory: old and new rows are held at once."""
    target = targets.get(row.name)
    labels = target if row.labels == target else row.labels
    return replace(row if keeps_facts else row.lean, labels=labels)
