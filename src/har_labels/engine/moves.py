"""One label from holder to holder: `mode: move` (contract §3 "Move", §5 point 11). The protocol, of one run for one label:

1. List `among`: the holders are the artifacts that have exactly this label.
2. Give it to the one, and only then take it from the other holders. So a run alone leaves no moment without a holder.
3. When nothing of ours was written for `settle` seconds, list again. The one alone has it: done. Another one alone has it:
   a rival's move has won, and this one has failed. None or several: wait a random time of up to twice `settle`, and go to 1.

A rival run follows the same protocol, so the run that wrote last sees the result of both; the random wait keeps the two
from racing in step. There is no lock: a run reports what its last listing has shown.
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
# Name and type, which identify an artifact of a registry.
Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """The holders of the label among the artifacts of `among`, as listed between `asked_at` and `answered_at`.

    `rows` are those of the holders, and of others that were asked for.
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
        """The listing that the rows make, with those `beside` the holders.

        Raises Unreadable where the labels of one are not shown: it may be a holder.
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
        """The same from a new read. Raises what the reader raises, and ArtifactNotFound where the one is gone."""
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
        """The one label."""
        return self.change.labels[0]

    @property
    def holders(self) -> set[Identity]:
        return {_identity(row) for row in self.rows if self.label in (row.labels or ())}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the holders, sorted."""
        return tuple(sorted({name for name, _ in self.holders}))


def unmatched(among: Among, rows: Rows) -> list[str]:
    """The patterns that match no artifact."""
    return [pattern for pattern in among.patterns if not matching(pattern, rows)]


@dataclass(slots=True, eq=False)
class Move:
    """A move as it was planned, and how far it is. `one` is to have the label.

    `tasks` are that one and, behind it, one for each other holder, now or later: the tasks of the whole plan, which has no
    list of its own where there is a move.
    """

    listing: Listing
    one: Task
    tasks: list[Task] = field(init=False)

    def __post_init__(self) -> None:
        """Adds a task for each other artifact that has the label now."""
        self.tasks = [self.one]
        self.add_holders()

    def update_listing(self, listing: Listing) -> None:
        """Keeps a newer listing."""
        known = {_identity(task.reading.row): task for task in self.tasks}
        for row in listing.rows:
            if task := known.get(_identity(row)):
                if not task.may_have_written:
                    task.record_seen()
                task.update_reading(Reading(row, listing.asked_at))
        self.listing = listing
        if not self.is_begun:  # `require` is not asked of our own result
            listing.among.holders = listing.names

    @property
    def is_alone(self) -> bool:
        """Whether the one, and no other, had the label when it was last listed."""
        return self.listing.holders == {_identity(self.one.reading.row)}

    @property
    def is_given(self) -> bool:
        """Whether the one has the label, and no other value of its key."""
        return self.listing.change.apply(self.one.labels) == self.one.labels

    @property
    def is_begun(self) -> bool:
        """Whether anything may have been written."""
        return any(task.may_have_written for task in self.tasks)

    def add_holders(self) -> list[Task]:
        """The tasks of all others that had the label when it was last listed, and are to give it up; new ones are added."""
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
    """Makes a move. `harms` fails a task that a write would harm, and returns True then; `writer` watches nothing by itself."""

    def __init__(  # noqa: PLR0913 - what moving needs, each by its keyword
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
        """Ends every task of the move with its outcome. Raises Stop where no further write may start."""
        self._move.one.outcome = None
        rounds = 0
        while self._write_round():
            rounds += 1
            self._clock.sleep(self._writer.quiet_since + self._settle - self._clock.monotonic())
            if self._is_over():
                return
            if rounds > self._retries:
                self._end(Overwritten(f"{self._holders()} after {number(rounds, 'round')}: others write, too"))
                return
            # Two runs that raced would race again after waits of the same length.
            self._clock.sleep(random.uniform(0, 2 * self._settle))  # noqa: S311 - no secret
            if self._is_over():
                return

    # --- one round -----------------------------------------------------------------------------------------

    def _write_round(self) -> bool:
        """Gives the label to the one and takes it from the others; False, and the move is over, where that failed."""
        one = self._move.one
        try:
            self._refresh_if_old()
            if not self._move.is_begun or not self._move.is_given:  # `require` is not asked of our own result
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
        """Writes the tasks and leaves them open: the next listing shows what the writes are worth."""
        self._writer.run(tasks, goes_on=True)
        for task in tasks:
            if task.is_former and task.outcome and isinstance(task.outcome.error, NotFound):
                task.end(Status.SKIPPED, None)  # deleted in the meantime, so it holds nothing
            elif task.outcome and not task.outcome.error:
                task.outcome = None

    def _refresh_if_old(self) -> None:
        """Lists again where the last listing has grown old, so that our own read-modify-write stays short."""
        if self._clock.monotonic() - self._move.listing.answered_at > longest_age(self._settle, is_retry=True):
            self._refresh()

    def _refresh(self) -> None:
        known = (_identity(task.reading.row) for task in self._move.tasks)
        self._move.update_listing(self._move.listing.refresh(self._reader, self._clock, known))

    # --- the end -------------------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        """Lists who has the label, and ends the move if that is one artifact alone."""
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
        more = f" and {number(len(names) - _MOST_NAMED, 'more')}" if len(names) > _MOST_NAMED else ""
        holders = ", ".join(map(repr, names[:_MOST_NAMED])) + more if names else "none"
        return f"{self._move.one.subject}: {self._move.listing.label!r} is held by {holders}"

    def _end(self, error: HarLabelsError | None) -> None:
        """Ends all tasks with what is known of them, for `error` if there is one. A failure that has its outcome keeps it."""
        tasks = self._move.tasks
        is_of_former = any(task.is_former and task.outcome and task.outcome.error is error for task in tasks)
        for task in tasks:
            labels = task.labels if task.has_current_labels else task.target if task.is_confirmed else None
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
