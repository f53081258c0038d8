"""One label from holder to holder: `mode: move` (contract §3 "Move", §5 point 11). The protocol, of one run for one label:

1. List `among`: the holders are the artifacts that have exactly this label.
2. Give it to the one, and only then take it from the other holders. So a run alone leaves no moment without a holder.
3. When nothing of ours was written for `settle` seconds, list again. The one alone has it: done. Another one alone has it:
   a rival's move has won, and this one has failed. None or several: wait a random time of up to twice `settle`, and go to 1.

A rival writes by the same rules, so whoever wrote last sees what the two have made of it; the random wait lets one of them
come first. There is no lock: what a run tells is what its last listing has shown.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from har_labels.clock import Clock
from har_labels.engine.filters import is_candidate
from har_labels.engine.task import Task
from har_labels.engine.writer import FRESH_SECONDS, FRESH_SHARE, Writer
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
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """Who of `among` had the label: asked for `at` a moment, and `told` at another.

    `rows` are those who had it, and others that were asked for.
    """

    entry: Entry
    among: Among
    change: Change
    rows: tuple[Row, ...]
    at: float
    told: float

    @classmethod
    def of(  # noqa: PLR0913 - what a listing is of
        cls,
        entry: Entry,
        among: Among,
        change: Change,
        rows: Rows,
        *,
        at: float,
        told: float,
        beside: Iterable[Place] = (),
    ) -> Listing:
        """What the rows that were read tell. Raises Unreadable where one's labels are not shown: unknown is not without."""
        known, (label,) = set(beside), change.given
        kept: dict[Row, None] = {}
        for row in _meant(entry, among, rows):
            if row.labels is None:
                raise Unreadable(
                    f"the registry does not show the labels of {row.name!r} in {entry.ref}, so who has {label!r} is not known",
                    f"Narrow `{named('among')}` to artifacts that the registry lists.",
                )
            if label in row.labels or _place(row) in known:
                kept[row] = None
        return cls(entry, among, change, tuple(kept), at, told)

    def again(self, reader: Reader, clock: Clock, beside: Iterable[Place]) -> Listing:
        """The same, asked anew. Raises what the reader raises, and ArtifactNotFound where the one is gone."""
        at, name = clock.monotonic(), self.entry.patterns[0]
        globs = [pattern for pattern in self.among.patterns if is_glob(pattern)]
        names = {name}.union(pattern for pattern in self.among.patterns if not is_glob(pattern))
        rows = reader.rows(self.entry.ref, names=names, globs=globs)
        choose(rows.get(name, []), self.entry.ref, name, self.entry.artifact_type)
        told = clock.monotonic()
        return self.of(self.entry, self.among, self.change, rows, at=at, told=told, beside=beside)

    @property
    def label(self) -> str:
        """The one label."""
        return self.change.given[0]

    @property
    def holders(self) -> set[Place]:
        return {_place(row) for row in self.rows if self.label in (row.labels or ())}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the holders, sorted."""
        return tuple(sorted({name for name, _ in self.holders}))


def unmatched(among: Among, rows: Rows) -> list[str]:
    """The patterns that mean no artifact."""
    return [pattern for pattern in among.patterns if not matching(pattern, rows)]


@dataclass(slots=True, eq=False)
class Move:
    """A move as it was planned, and as it stands. `tasks` are the plan's: `one` is to have the label, the rest not."""

    listing: Listing
    tasks: list[Task]
    one: Task = field(init=False)

    def __post_init__(self) -> None:
        """Adds a task for each that has the label now."""
        self.one = self.tasks[0]
        self.former()

    def take(self, listing: Listing) -> None:
        """Keeps a newer listing."""
        known = {_of_task(task): task for task in self.tasks}
        for row in listing.rows:
            if task := known.get(_place(row)):
                if not task.may_be_written:
                    task.remember()
                task.take(Reading(row, listing.at))
        self.listing = listing
        if not self.is_begun:  # what we have made of it is no answer to `require`
            listing.among.holders = listing.names

    @property
    def is_alone(self) -> bool:
        """Whether the one, and no other, had the label when it was last listed."""
        return self.listing.holders == {_of_task(self.one)}

    @property
    def is_given(self) -> bool:
        """Whether the one has the label, and no other value of its key."""
        return self.listing.change.apply(self.one.labels) == self.one.labels

    @property
    def is_begun(self) -> bool:
        """Whether anything may have been written."""
        return any(task.may_be_written for task in self.tasks)

    def former(self) -> list[Task]:
        """The tasks of all others who had the label when it was last listed, and are to give it up."""
        holders, entry = self.listing.holders, self.listing.entry
        known = set(map(_of_task, self.tasks))
        for row in self.listing.rows:
            if _place(row) in holders - known:
                goal, kind = FormerGoal(self.listing.label), row.artifact_type or entry.artifact_type
                task = Task(entry.ref, row.name, kind, goal, Reading(row, self.listing.at), before=row.labels)
                task.is_former, task.policy = True, self.one.policy
                task.aim()
                self.tasks.append(task)
        return [task for task in self.tasks if task.is_former and _of_task(task) in holders]


class Mover:
    """Makes a move. `harms` fails a task that no write may touch, and says so; `writer` watches nothing by itself."""

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
        """Ends every task of the move. Raises Stop where no further write may start."""
        self._move.one.outcome = None
        rounds = 0
        while self._writes():
            rounds += 1
            self._clock.sleep(self._writer.quiet_since + self._settle - self._clock.monotonic())
            if self._is_over():
                return
            if rounds > self._retries:
                self._end(Overwritten(f"{self._told()} after {number(rounds, 'round')}: others write, too"))
                return
            # Two that met would meet again after waits of one length.
            self._clock.sleep(random.uniform(0, 2 * self._settle))  # noqa: S311 - no secret
            if self._is_over():
                return

    # --- one round -----------------------------------------------------------------------------------------

    def _writes(self) -> bool:
        """Gives the label to the one and takes it from the others; False, and the move is over, where that failed."""
        one = self._move.one
        try:
            self._renew()
            if not self._move.is_begun or not self._move.is_given:  # `require` is not asked of what we have made of it
                one.aim()
            if not self._move.is_given:
                self._write([one])
            if not one.outcome:
                self._renew()
        except HarLabelsError as error:
            self._end(error)
            return False
        if not one.outcome:
            self._write(self._former())
        failed = next((task.outcome.error for task in self._move.tasks if task.outcome and task.outcome.error), None)
        if failed:
            self._end(failed)
        return not failed

    def _former(self) -> list[Task]:
        """Who has to give the label up."""
        former = self._move.former()
        for task in former:
            task.outcome = None
            task.aim()
        return [task for task in former if not self._harms(task)]

    def _write(self, tasks: Sequence[Task]) -> None:
        """Sees each PUT through, and leaves the task open: what it is worth the next listing tells."""
        for task in tasks:
            task.attempts_before = task.attempts
        self._writer.run(tasks, goes_on=True)
        for task in tasks:
            if task.is_former and task.outcome and isinstance(task.outcome.error, NotFound):
                task.end(Status.SKIPPED, None)  # deleted in the meantime: it has no label any more
            elif task.outcome and not task.outcome.error:
                task.outcome = None

    def _renew(self) -> None:
        """Lists again where the last listing has grown old: by it we would be the slow writer that others can't see."""
        if self._clock.monotonic() - self._move.listing.told > min(FRESH_SECONDS, FRESH_SHARE * (self._settle or 1.0)):
            self._look()

    def _look(self) -> None:
        places = map(_of_task, self._move.tasks)
        self._move.take(self._move.listing.again(self._reader, self._clock, places))

    # --- the end -------------------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        """Looks who has the label, and ends the move if that is one alone."""
        one = self._move.one
        try:
            self._look()
        except HarLabelsError as error:
            self._end(error.reworded(f"{one.subject}: the label was written, but could not be looked at: {error.what}"))
            return True
        if self._move.is_alone and self._move.is_given:
            self._end(None)
            return True
        if len(self._move.listing.holders) == 1 and not self._move.is_alone:
            self._end(Overwritten(f"{self._told()} alone: it was moved there in the meantime"))
            return True
        return False

    def _told(self) -> str:
        """Who has the label, as an error names them."""
        names = self._move.listing.names
        more = f" and {number(len(names) - _MOST_NAMED, 'more')}" if len(names) > _MOST_NAMED else ""
        told = ", ".join(map(repr, names[:_MOST_NAMED])) + more if names else "none"
        return f"{self._move.one.subject}: {self._move.listing.label!r} is held by {told}"

    def _end(self, error: HarLabelsError | None) -> None:
        """Ends all tasks as they stand, for `error` if there is one. A failure that is told already stays."""
        for task in self._move.tasks:
            labels = task.labels if task.is_known else task.target if task.is_confirmed else None
            if task.outcome and (task.outcome.error or task.outcome.status is Status.SKIPPED):
                continue
            if task is self._move.one and error and not self._is_of_another(error):
                task.fail(error, labels)
            elif not task.attempts:
                status = Status.SKIPPED if error and task.is_change else Status.UNCHANGED
                task.end(status, task.labels, error and error.reworded(f"not tried, as {error.what}"))
            elif task.is_former and self._move.listing.label in (labels or ()):
                task.end(Status.SUPERSEDED, labels)
            else:
                task.end(Status.APPLIED, labels)

    def _is_of_another(self, error: HarLabelsError) -> bool:
        """Whether the move failed at an artifact that was to give the label up."""
        return any(task.is_former and task.outcome and task.outcome.error is error for task in self._move.tasks)


def _meant(entry: Entry, among: Among, rows: Rows) -> Iterable[Row]:
    for pattern in among.patterns:
        for name in matching(pattern, rows):
            yield from (row for row in rows[name] if is_candidate(row, entry.artifact_type))


def _place(row: Row) -> Place:
    return row.name, row.artifact_type


def _of_task(task: Task) -> Place:
    return _place(task.reading.row)
