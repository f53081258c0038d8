"""`mode: move`: moves one label to one artifact, the target (contract §3 "Move", §5 point 11). The protocol of a run:

1. List `among`: the holders are the artifacts that have exactly this label.
2. Add the label to the target, and only then remove it from the other holders. So without a concurrent run the label
   always has a holder.
3. List again when we have written nothing for `settle` seconds. Only the target has the label: done. Only another artifact
   has it: a concurrent move has won, and this one has failed. None or several: wait a random time of up to twice `settle`,
   and go to 1.

A concurrent run follows the same protocol, so the run that wrote last sees the result of both; the random wait prevents
that both retry at the same moment again. There is no lock: a run reports its last listing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from har_labels.clock import Clock
from har_labels.engine.filters import is_candidate
from har_labels.engine.task import Task
from har_labels.engine.writer import Writer, longest_age
from har_labels.errors import HarLabelsError, NotFound, Overwritten, Unreadable
from har_labels.model.goal import FormerGoal
from har_labels.model.labels import Change, is_glob
from har_labels.model.outcome import Status
from har_labels.registry.answers import Row
from har_labels.registry.reader import Reader, Reading, Rows, choose, matching
from har_labels.request.entry import Entry
from har_labels.request.label_spec import Among
from har_labels.text import named, number

_MOST_NAMED = 10
# Name and type: the identity of an artifact within its registry.
Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """The holders of the label within `among`, as listed between `asked_at` and `answered_at`.

    `rows`: those of the holders, and of other artifacts that the caller requested.
    """

    entry: Entry
    among: Among
    change: Change
    rows: tuple[Row, ...]
    asked_at: float
    answered_at: float

    @classmethod
    def from_rows(  # noqa: PLR0913 - the fields of a listing
        cls,
        entry: Entry,
        among: Among,
        change: Change,
        rows: Rows,
        *,
        asked_at: float,
        answered_at: float,
        beside: Iterable[Identity] = (),
    ) -> Listing:
        """The listing made of `rows`: the holders, and the artifacts `beside` them.

        Raises Unreadable if the labels of a row are not shown: it may be a holder.
        """
        known, (label,) = set(beside), change.labels
        kept: dict[Row, None] = {}
        for row in _rows_among(entry, among, rows):
            if row.labels is None:
                raise Unreadable(
                    f"the registry does not show the labels of {row.name!r} in {entry.ref}, so who has {label!r} is not known",
                    f"Narrow `{named('among')}` to artifacts that the registry lists.",
                )
            if label in row.labels or _identity(row) in known:
                kept[row] = None
        return cls(entry, among, change, tuple(kept), asked_at, answered_at)

    def refresh(self, reader: Reader, clock: Clock, beside: Iterable[Identity]) -> Listing:
        """The same listing from a new read. Raises the reader's errors, and ArtifactNotFound if the target is gone."""
        asked_at, name = clock.monotonic(), self.entry.patterns[0]
        globs = [pattern for pattern in self.among.patterns if is_glob(pattern)]
        names = {name}.union(pattern for pattern in self.among.patterns if not is_glob(pattern))
        rows = reader.rows(self.entry.ref, names=names, globs=globs)
        choose(rows.get(name, []), self.entry.ref, name, self.entry.artifact_type)
        return self.from_rows(
            self.entry,
            self.among,
            self.change,
            rows,
            asked_at=asked_at,
            answered_at=clock.monotonic(),
            beside=beside,
        )

    @property
    def label(self) -> str:
        """The label that is moved."""
        return self.change.labels[0]

    @property
    def holders(self) -> set[Identity]:
        return {_identity(row) for row in self.rows if self.label in (row.labels or ())}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the holders, sorted."""
        return tuple(sorted({name for name, _ in self.holders}))


@dataclass(slots=True, eq=False)
class Move:
    """The state of a move. `one`: the task of the target, which gets the label.

    `tasks`: `one`, then a task for each other artifact that has held the label since planning. They are the tasks of the
    whole plan.
    """

    listing: Listing
    one: Task
    tasks: list[Task] = field(init=False)

    def __post_init__(self) -> None:
        """Adds a task for each other holder."""
        self.tasks = [self.one]
        self.add_holders()

    def update_listing(self, listing: Listing) -> None:
        """Replaces the listing and the readings of all tasks by newer ones."""
        known = {_identity(task.reading.row): task for task in self.tasks}
        for row in listing.rows:
            if task := known.get(_identity(row)):
                task.update_reading(Reading(row, listing.asked_at))
        self.listing = listing
        if not self.is_begun:  # `require` must not see the result of our own writes
            listing.among.holders = listing.names

    @property
    def is_alone(self) -> bool:
        """Whether the target was the only holder in the last listing."""
        return self.listing.holders == {_identity(self.one.reading.row)}

    @property
    def is_given(self) -> bool:
        """Whether the target has the label, and no other value of its key."""
        return self.listing.change.apply(self.one.labels) == self.one.labels

    @property
    def is_begun(self) -> bool:
        """Whether anything may have been written."""
        return any(task.may_have_written for task in self.tasks)

    def add_holders(self) -> list[Task]:
        """The tasks of all other holders in the last listing, which lose the label. Tasks of new holders are added."""
        holders, entry = self.listing.holders, self.listing.entry
        new = holders - {_identity(task.reading.row) for task in self.tasks}
        for row in self.listing.rows:
            if _identity(row) in new:
                goal, kind = FormerGoal(self.listing.label), row.artifact_type or entry.artifact_type
                reading, policy = Reading(row, self.listing.asked_at), self.one.policy
                task = Task(entry.ref, kind, goal, reading, before=row.labels, policy=policy)
                task.compute_target()
                self.tasks.append(task)
        return [task for task in self.tasks if task.is_former and _identity(task.reading.row) in holders]


class Mover:
    """Executes a move. `harms` fails a task whose artifact a write would harm, and then returns True.

    `writer` must not watch its writes (`settle` 0): the listings of the move verify them.
    """

    def __init__(  # noqa: PLR0913 - all dependencies of moving, by keyword
        self,
        move: Move,
        writer: Writer,
        reader: Reader,
        clock: Clock,
        *,
        settle: float,
        retries: int,
        harms: Callable[[Task], bool],
    ) -> None:
        self._move, self._writer, self._reader, self._clock = move, writer, reader, clock
        self._settle, self._retries, self._harms = settle, retries, harms

    def run(self) -> None:
        """Executes the move and gives every task its outcome. Raises Stop if no further write may start."""
        self._move.one.outcome = None
        rounds = 0
        while self._write_round():
            rounds += 1
            self._clock.sleep(self._writer.quiet_since + self._settle - self._clock.monotonic())
            if self._is_over():
                return
            if rounds > self._retries:
                self._end(
                    Overwritten(f"{self._holders()} after {number(rounds, 'round')}: other writers keep changing it")
                )
                return
            # After waits of equal length two concurrent runs would race again.
            self._clock.sleep(random.uniform(0, 2 * self._settle))  # noqa: S311 - no secret
            if self._is_over():
                return

    # --- one round -----------------------------------------------------------------------------------------

    def _write_round(self) -> bool:
        """Adds the label to the target and removes it from the others. If that failed, ends the move and returns False."""
        one = self._move.one
        try:
            self._refresh_if_old()
            if not self._move.is_begun or not self._move.is_given:  # `require` must not see our own result
                one.compute_target()
            if not self._move.is_given:
                self._write([one])
            if not one.outcome:
                self._refresh_if_old()
        except HarLabelsError as error:
            self._end(error)
            return False
        if not one.outcome:
            former = self._move.add_holders()
            for task in former:
                task.outcome = None
                task.compute_target()
            self._write([task for task in former if not self._harms(task)])
        failed = next((task.outcome.error for task in self._move.tasks if task.outcome and task.outcome.error), None)
        if failed:
            self._end(failed)
        return not failed

    def _write(self, tasks: Sequence[Task]) -> None:
        """Writes the tasks and removes the outcomes of successful ones: the next listing decides about them."""
        self._writer.run(tasks, goes_on=True)
        for task in tasks:
            if task.is_former and task.outcome and isinstance(task.outcome.error, NotFound):
                task.end(Status.SKIPPED, None)  # deleted in the meantime, so it no longer holds the label
            elif task.outcome and not task.outcome.error:
                task.outcome = None

    def _refresh_if_old(self) -> None:
        """Lists again if the last listing is old, to keep our own read-modify-write window short."""
        if self._clock.monotonic() - self._move.listing.answered_at > longest_age(self._settle, is_retry=True):
            self._refresh()

    def _refresh(self) -> None:
        known = (_identity(task.reading.row) for task in self._move.tasks)
        self._move.update_listing(self._move.listing.refresh(self._reader, self._clock, known))

    # --- the end -------------------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        """Lists the holders, and ends the move if there is exactly one, or if that fails."""
        one = self._move.one
        try:
            self._refresh()
        except HarLabelsError as error:
            self._end(error.reworded(f"{one.subject}: the label was written, but could not be looked at: {error.what}"))
            return True
        if self._move.is_alone and self._move.is_given:
            self._end(None)
            return True
        if len(self._move.listing.holders) == 1 and not self._move.is_alone:
            self._end(Overwritten(f"{self._holders()} alone: it was moved there in the meantime"))
            return True
        return False

    def _holders(self) -> str:
        """The holders of the label, as errors name them."""
        names = self._move.listing.names
        more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        holders = ", ".join(map(repr, names[:_MOST_NAMED])) + more if names else "none"
        return f"{self._move.one.subject}: {self._move.listing.label!r} is held by {holders}"

    def _end(self, error: HarLabelsError | None) -> None:
        """Ends all tasks according to their last known labels; `error` is the reason, if the move failed.

        A task that has failed or was skipped already keeps its outcome.
        """
        tasks = self._move.tasks
        is_of_former = any(task.is_former and task.outcome and task.outcome.error is error for task in tasks)
        for task in tasks:
            labels = task.proven_labels
            if task.outcome and (task.outcome.error or task.outcome.status is Status.SKIPPED):
                continue
            if task is self._move.one and error and not is_of_former:
                task.fail(error, labels)
            elif not task.attempts:
                status = Status.SKIPPED if error and task.is_change else Status.UNCHANGED
                task.end(status, task.labels, error and error.reworded(f"not tried, as {error.what}"))
            elif task.is_former and self._move.listing.label in (labels or ()):
                task.end(Status.SUPERSEDED, labels)
            else:
                task.end(Status.APPLIED, labels)


def _rows_among(entry: Entry, among: Among, rows: Rows) -> Iterable[Row]:
    for pattern in among.patterns:
        for name in matching(pattern, rows):
            yield from (row for row in rows[name] if is_candidate(row, entry.artifact_type))


def _identity(row: Row) -> Identity:
    return row.name, row.artifact_type
