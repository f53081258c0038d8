"""Reads after a write: was our change carried out, undone, or superseded by a later writer? (contract §5 points 4, 5)

This module writes nothing. It returns the tasks that have to be written again.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from har_labels.clock import Clock
from har_labels.engine.task import AFTER_A_WAIT, Task, is_missing, read_again
from har_labels.errors import (
    ArtifactNotFound,
    Defect,
    HarLabelsError,
    NotFound,
    OutOfReach,
    Overwritten,
    Unauthorized,
    Unreadable,
)
from har_labels.model.address import RegistryRef
from har_labels.model.goal import Found, PlanGoal, is_merging
from har_labels.model.labels import Labels
from har_labels.model.outcome import ConfirmedBy, Status
from har_labels.registry.answers import PageRef
from har_labels.registry.reader import Reader, Reading, advice_on
from har_labels.text import named, number

# A watch waits at most this many times `settle` until no other client writes.
LONGEST_WATCH = 10
_UNKNOWN = "whether the labels were written is not known"


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """The inputs that control how changes are written; `stops_at_failure` is made of `on-failure`."""

    retries: int
    settle: float
    concurrency: int
    allow_type_loss: bool
    stops_at_failure: bool


class Watch:
    """Reads tasks again and ends those that are over. `notice` takes one line for the user.

    `quiet_since`: monotonic time of the last observed write, ours or another client's. `times_undone`: for each task, the
    number of reads that showed its change undone by another client.
    """

    def __init__(self, reader: Reader, clock: Clock, policy: WritePolicy, *, notice: Callable[[str], None]) -> None:
        self._reader, self._clock, self._policy, self._notice = reader, clock, policy, notice
        self.quiet_since = clock.monotonic()
        self.times_undone = Counter[Task]()
        self._attempts_before: dict[Task, int] = {}

    def begin(self, tasks: Iterable[Task]) -> None:
        """Starts the count of tries for one run of the writer: a move has several, each with its own retries."""
        self._attempts_before = {task: task.attempts for task in tasks if task.attempts}

    def tries(self, task: Task) -> int:
        """The number of PUTs that this run of the writer has sent for the task."""
        return task.attempts - self._attempts_before.get(task, 0)

    def restart_quiet_period(self) -> None:
        """Records a write at this moment, by this run or by another client."""
        self.quiet_since = self._clock.monotonic()

    def resolve_unknown(self, tasks: Sequence[Task]) -> list[Task]:
        """Reads all tasks whose write is not confirmed; returns those that have to be written again."""
        unconfirmed = [task for task in tasks if not task.is_confirmed]
        to_read, again = [], []
        for task in unconfirmed:
            if not task.unknown or task.unknown.written is not False:
                to_read.append(task)
            elif self._may_retry(task):
                again.append(task)
        return again + self.look(to_read)

    def watch(self, tasks: Sequence[Task]) -> list[Task]:
        """Ends the tasks whose change no other client undid; returns those that were undone (contract §5 point 5).

        The watch ends when no client has written for `settle` seconds, that is when two lists that far apart are equal.
        While others write, a client that read before our write may still write, so the watch goes on, at most
        LONGEST_WATCH times.
        """
        merging: list[Task] = []
        for task in tasks:
            if task.outcome is None:
                if self._policy.settle and is_merging(task.goal):
                    merging.append(task)
                else:
                    self.end(task)
        for _ in range(LONGEST_WATCH if merging else 0):
            for share in (0.25, 1.0):
                since = self.quiet_since
                self._clock.sleep(since + share * self._policy.settle - self._clock.monotonic())
                if again := self.look(merging):
                    return again
                merging = [task for task in merging if task.outcome is None]
            if self.quiet_since == since:
                break
        for task in merging:
            self.end(task)
        return []

    def end(self, task: Task) -> None:
        """Ends a task whose change was carried out, or superseded by a later writer."""
        if task.found_after_write is Found.SUPERSEDED:
            self._notice(f"{task.subject}: a later writer has set something else, which stays")
            task.end(Status.SUPERSEDED, task.labels)
        else:
            task.end(Status.APPLIED, task.labels if task.has_current_labels else task.target)

    def look(self, tasks: Sequence[Task]) -> list[Task]:
        """Reads the tasks again and ends those that failed; returns those that have to be written again."""
        again: list[Task] = []
        for task, reading in read_again(tasks, self._reader, self._clock):
            try:
                if (
                    self._is_to_write_unread(task, reading)
                    if isinstance(reading, HarLabelsError)
                    else self._must_write_again(task, reading)
                ):
                    again.append(task)
            except HarLabelsError as error:
                task.fail(error, task.labels)
        return again

    def _is_to_write_unread(self, task: Task, error: HarLabelsError) -> bool:
        """Whether to write again after the read has failed with `error`.

        A plain `replace` or `clear` is idempotent: after an unknown outcome it may be written again, and after a success
        answer it needs no read.
        """
        if not task.unknown and not is_merging(task.goal) and not isinstance(task.goal, PlanGoal):
            task.evidence = ConfirmedBy.ANSWER
            return False
        if task.needs_reading or isinstance(error, Unauthorized):
            task.fail(unverifiable(task, error))
            return False
        return self._may_retry(task)

    def _must_write_again(self, task: Task, reading: Reading) -> bool:
        """Takes over a read; True if the change has to be written again."""
        if reading.row.labels != task.labels:
            self.restart_quiet_period()
        task.update_reading(reading)
        if reading.row.labels is None:
            if is_merging(task.goal) and not task.unknown:
                raise Unreadable(f"{task.subject}: the labels were written, and the registry no longer shows them")
            # A success answer needs no read. After an unknown outcome only an idempotent write gets here.
            return self._may_retry(task) if task.unknown else False
        finding = task.classify()
        if finding.found is not Found.UNDONE:
            self.confirm(task, finding.found)
            return False
        task.target = finding.target
        task.check_removals()
        if task.unknown:
            return self._may_retry(task)
        task.evidence = ConfirmedBy.NOTHING
        self.times_undone[task] += 1
        if self.times_undone[task] > self._policy.retries:
            task.fail(
                Overwritten(f"{task.subject}: the change was undone {number(self.times_undone[task], 'time')}"),
                reading.row.labels,
            )
            return False
        return True

    def confirm(self, task: Task, found: Found) -> None:
        """Accepts a read as proof of the last write."""
        if task.unknown:
            shows = "that the labels are as wanted" if found is Found.DONE else "what a later writer has set"
            self._notice(f"{task.subject}: {task.unknown.error.what}; a read shows {shows}")
        if not task.is_confirmed:
            task.evidence = ConfirmedBy.READ_BACK

    def fail(self, task: Task, error: HarLabelsError, labels: Labels | None) -> None:
        """Fails or skips a task, with a notice if it is skipped. `labels` as for `Task.end`."""
        task.fail(error, labels)
        if task.outcome and task.outcome.status is Status.SKIPPED:
            self._notice(f"skipped: {error.what}")

    def _may_retry(self, task: Task) -> bool:
        """Whether an unconfirmed write may be retried; if not, the task is failed."""
        assert task.unknown
        if task.unread and task.is_waited_for:
            if self._clock.monotonic() < task.unread.waits_until:
                return True
            error = not_found(task, task.unknown.error)
        elif self.tries(task) > self._policy.retries or task.unknown.asks_too_long:
            error = retries_exhausted(task)
        else:
            return True
        self.fail(task, error, task.proven_labels)
        return False


def excluding(tasks: Sequence[Task], excluded: Iterable[Task]) -> list[Task]:
    """The tasks without an outcome, except the `excluded` ones."""
    gone = set(excluded)
    return [task for task in tasks if task not in gone and task.outcome is None]


# --- the errors of unconfirmed writes; their class decides the exit code ---------------------------------------


def retries_exhausted(task: Task) -> HarLabelsError:
    """The error of an unknown outcome that no retry has resolved, with the state of the labels as far as known."""
    assert task.unknown
    error = task.unknown.error
    tries = number(task.attempts, "try", "tries") + task.unknown.wait_note
    if task.unread and task.unread.was_missing and isinstance(error, OutOfReach):
        return not_found(task, error)
    return error.reworded(f"{task.subject}: {error.what} ({tries}); {_labels_now(task)}")


def not_found(task: Task, error: HarLabelsError) -> HarLabelsError:
    """The error of an artifact that could not be read, and whose write failed with `error`.

    `error` is a 404, or a missing answer after a read that was answered with 404.
    """
    unread, found = task.unread, error
    assert unread
    if not isinstance(error, NotFound):
        tried = f"; tried {number(task.attempts, 'time')}" if task.attempts > 1 else ""
        found = ArtifactNotFound(
            f"{task.subject} was not found: {error.what}{tried} (reading it: {unread.error.what})",
            f"Check `{named('registry-ref')}`, `{named('artifact')}` and `{named('artifact-type')}`, "
            f"and that the path of `{named('api-url')}` is the API's base.",
        )
    if unread.wait and is_missing(error):
        found = found.reworded(f"{found.what} (waited {unread.wait:g} s)").with_next_step(AFTER_A_WAIT)
    if advice := advice_on(task.name, task.ref):
        return found.with_next_step(advice)
    return found


def unverifiable(task: Task, error: HarLabelsError) -> HarLabelsError:
    """The error of a write that can't be verified, since the read failed with `error`."""
    if task.unknown:
        what = f"{task.unknown.error.what}, and no read could show whether it was written: {error.what}"
    else:
        what = f"the labels were written, but could not be looked at again: {error.what}"
    return error.reworded(f"{task.subject}: {what}")


def interrupted(task: Task, reason: HarLabelsError | None) -> HarLabelsError:
    """The error of a write that was not confirmed when the run ended, for `reason`."""
    because = f", as {reason.what}" if reason else ""
    unknown = task.unknown
    if unknown and task.has_current_labels:
        return unknown.error.reworded(f"{task.subject}: {unknown.error.what}; {_labels_now(task)}")
    if task.has_current_labels:
        return Overwritten(f"{task.subject}: the change was undone and not made again{because}")
    failure = f"{unknown.error.what}; " if unknown else ""
    known = _labels_now(task) if unknown and unknown.written is False else _UNKNOWN
    return (reason or Defect("")).reworded(f"{task.subject}: {failure}{known}{because}")


def _labels_now(task: Task) -> str:
    """The state of the labels after a write with an unknown outcome, as a clause of a message."""
    assert task.unknown
    if task.unknown.written is False:
        return "the last try wrote nothing" if task.may_have_written else "nothing was written"
    if task.has_current_labels:
        return "a read shows that the labels were not written"
    return f"the labels can't be read back, so {_UNKNOWN}"


class Renewal:
    """Renews reads that became old while other artifacts were written (contract §5 point 2).

    One request renews a whole page of the list: the task that needs it and its neighbours, which are written next. So a
    run over thousands of artifacts reads a page from time to time, instead of searching each artifact.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pages: dict[tuple[RegistryRef, PageRef], list[Task]] = defaultdict(list)
        self._lock = threading.Lock()

    def register(self, tasks: Iterable[Task]) -> None:
        """Adds tasks that are going to be written."""
        for task in tasks:
            if is_merging(task.goal) and task.reading.row.origin:
                self._pages[task.ref, task.reading.row.origin].append(task)

    def claim(self, task: Task) -> None:
        """From now on only the calling worker may change the task; renewals for other tasks skip it."""
        with self._lock:
            task.is_claimed = True

    def renew(self, task: Task) -> None:
        """Reads the task's artifact again. Raises the reader's errors."""
        origin = task.reading.row.origin
        if not origin or not self._is_on_its_page(task, origin):
            task.replace_reading(self._reader.find(task.ref, task.name, task.artifact_type))

    def _is_on_its_page(self, task: Task, origin: PageRef) -> bool:
        """Renews every task on the page that no worker has claimed; False if `task` is no longer on the page."""
        readings = {(one.row.name, one.row.artifact_type): one for one in self._reader.page_again(task.ref, origin)}
        with self._lock:
            for other in self._pages.get((task.ref, origin), ()):
                reading = readings.get((other.name, other.reading.row.artifact_type))
                if reading and not other.is_claimed:
                    other.update_reading(reading)
        mine = readings.get((task.name, task.reading.row.artifact_type))
        if mine:
            task.update_reading(mine)
        return mine is not None
