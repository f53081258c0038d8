"""Looking again after a write: is our change there, was it undone, or has a later writer spoken? (contract §5 points 4, 5)

Nothing here writes. What has to be written again is handed back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from har_labels.clock import LONGEST_RETRY_AFTER, Clock
from har_labels.engine.doubts import missing, retries_exhausted, unverifiable
from har_labels.engine.task import Task, read_again
from har_labels.errors import HarLabelsError, Overwritten, Unauthorized, Unreadable
from har_labels.model.goal import Found
from har_labels.model.outcome import ConfirmedBy, Status
from har_labels.registry.reader import Reader, Reading
from har_labels.text import number

# For so many times `settle` a watch waits for the others to come to rest.
LONGEST_WATCH = 10


@dataclass(frozen=True, slots=True)
class Care:
    """How carefully and how fast changes are written: inputs, and what `on-failure` comes to."""

    retries: int = 4
    settle: float = 1.0
    concurrency: int = 4
    allow_type_loss: bool = False
    stops_at_failure: bool = False


class Watch:
    """Looks at tasks and ends those that are over. `notice` takes one line that the user should know.

    `quiet_since` is when we last wrote, or last saw that somebody had; whoever writes or sees that says so by `stir`.
    """

    def __init__(self, reader: Reader, clock: Clock, care: Care, *, notice: Callable[[str], None]) -> None:
        self._reader, self._clock, self._care, self._notice = reader, clock, care, notice
        self.quiet_since = clock.monotonic()

    def stir(self) -> None:
        """Somebody has written just now: the quiet begins anew."""
        self.quiet_since = self._clock.monotonic()

    def settle(self, tasks: Sequence[Task]) -> list[Task]:
        """Looks at every task whose write is not confirmed; returns those to be written again."""
        unsure = [task for task in tasks if not task.is_confirmed]
        surely_not = [task for task in unsure if task.doubt and task.doubt.written is False]
        looked_at = [task for task in unsure if not (task.doubt and task.doubt.written is False)]
        again = [task for task in surely_not if self.may_try_again(task)]
        return again + self.look(looked_at)

    def watch(self, tasks: Sequence[Task]) -> list[Task]:
        """Ends the tasks that nobody undid; returns those that somebody did (contract §5 point 5).

        Over when nobody has written for `settle` seconds: two equal lists that far apart show it. As long as others
        do, a writer that had read before one of them may still be under way, so it goes on, LONGEST_WATCH times.
        """
        merging = [task for task in tasks if task.goal.is_merging] if self._care.settle else []
        for task in without(tasks, merging):
            self.end(task)
        for _ in range(LONGEST_WATCH if merging else 0):
            for share in (0.25, 1.0):
                since = self.quiet_since
                self._clock.sleep(since + share * self._care.settle - self._clock.monotonic())
                if again := self.look(merging):
                    return again
                merging = [task for task in merging if task.outcome is None]
            if self.quiet_since == since:
                break
        for task in merging:
            self.end(task)
        return []

    def end(self, task: Task) -> None:
        """Ends a task whose change is there, or had to yield to a later writer's."""
        if task.is_superseded:
            self._notice(f"{task.subject}: a later writer has set something else, which stays")
            task.end(Status.SUPERSEDED, task.labels)
        else:
            task.end(Status.APPLIED, task.labels if task.is_known else task.target)

    def look(self, tasks: Sequence[Task]) -> list[Task]:
        """Reads all of them and ends those that failed; returns those whose change has to be made again."""
        again: list[Task] = []
        for task, found in read_again(tasks, self._reader, self._clock):
            try:
                if (
                    self._without_look(task, found)
                    if isinstance(found, HarLabelsError)
                    else self._is_undone(task, found)
                ):
                    again.append(task)
            except HarLabelsError as error:
                task.fail(error, task.labels)
        return again

    def _without_look(self, task: Task, error: HarLabelsError) -> bool:
        """What to do where the look failed with `error`; True if the write has to be made again.

        A whole list may be written again, whatever came of the first try, and an answer that was believed stands.
        """
        if not task.doubt and not task.goal.is_merging and not task.goal.is_exact:
            task.confirmed_by = ConfirmedBy.ANSWER
            return False
        if task.needs_reading or isinstance(error, Unauthorized):
            task.fail(unverifiable(task, error))
            return False
        return self.may_try_again(task)

    def _is_undone(self, task: Task, reading: Reading) -> bool:
        """Takes what a look shows; True if the change has to be made again."""
        if reading.row.labels != task.labels:
            self.stir()
        task.take(reading)
        if reading.row.labels is None:
            if task.goal.is_merging and not task.doubt:
                raise Unreadable(f"{task.subject}: the labels were written, and the registry no longer shows them")
            # A believed answer stands; a doubtful one is tried again, as only whole lists get this far.
            return self.may_try_again(task) if task.doubt else False
        look = task.goal.look(reading.row.labels, task.seen)
        if look.found is not Found.UNDONE:
            self.confirm(task, look.found)
            return False
        task.target = look.target
        task.check_removals()
        if task.doubt:
            return self.may_try_again(task)
        task.confirmed_by = ConfirmedBy.NOTHING
        task.times_undone += 1
        if task.times_undone > self._care.retries:
            task.fail(
                Overwritten(f"{task.subject}: the change was undone {number(task.times_undone, 'time')}"),
                reading.row.labels,
            )
            return False
        return True

    def confirm(self, task: Task, found: Found) -> None:
        """Takes what a look showed as the end of all doubt."""
        if task.doubt:
            shows = "that the labels are as wanted" if found is Found.DONE else "what a later writer has set"
            self._notice(f"{task.subject}: {task.doubt.error.what}; a read shows {shows}")
        if task.doubt or task.confirmed_by is ConfirmedBy.NOTHING:
            task.confirmed_by = ConfirmedBy.READ_BACK
        task.doubt = None

    def may_try_again(self, task: Task) -> bool:
        """Whether a write that came to nothing may be made again; if not, the task has failed."""
        assert task.doubt
        if task.unread and task.is_waited_for:
            if self._clock.monotonic() < task.unread.waits_until:
                return True
            self._fail(task, missing(task, task.doubt.error))
            return False
        if task.attempts - task.attempts_before > self._care.retries or task.doubt.wait > LONGEST_RETRY_AFTER:
            self._fail(task, retries_exhausted(task))
            return False
        return True

    def _fail(self, task: Task, error: HarLabelsError) -> None:
        task.fail(error, task.labels if task.is_known else None)
        if task.outcome and task.outcome.status is Status.SKIPPED:
            self._notice(f"skipped: {error.what}")


def without(tasks: Sequence[Task], left_out: Iterable[Task]) -> list[Task]:
    gone = set(left_out)
    return [task for task in tasks if task not in gone and task.outcome is None]
