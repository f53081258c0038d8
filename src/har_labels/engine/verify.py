"""Looking again after a write: is our change there, was it undone, or has a later writer spoken? (contract §5 points 4, 5)

Nothing here writes. What has to be written again is handed back.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from har_labels.clock import LONGEST_ASKED_WAIT, Clock
from har_labels.engine.task import AFTER_A_WAIT, Task, Unread, is_missing, read_again
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
from har_labels.model.outcome import ConfirmedBy, Status
from har_labels.registry.answers import Origin, asked_for
from har_labels.registry.reader import Reader, Reading, advice_on
from har_labels.text import named, number

# For so many times `settle` a watch waits for the others to come to rest.
LONGEST_WATCH = 10
_NOTHING_WRITTEN = "nothing was written"
_NOT_KNOWN = "whether the labels were written is not known"


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """How carefully and how fast changes are written: inputs, and what `on-failure` comes to."""

    retries: int = 4
    settle: float = 1.0
    concurrency: int = 4
    allow_type_loss: bool = False
    stops_at_failure: bool = False


class Watch:
    """Looks at tasks and ends those that are over. `notice` takes one line that the user should know.

    `quiet_since` is when we last wrote, or last saw that somebody had; whoever writes or sees that says so by `restart_quiet_period`.
    """

    def __init__(
        self, reader: Reader, clock: Clock, write_policy: WritePolicy, *, notice: Callable[[str], None]
    ) -> None:
        self._reader, self._clock, self._write_policy, self._notice = reader, clock, write_policy, notice
        self.quiet_since = clock.monotonic()

    def restart_quiet_period(self) -> None:
        """Somebody has written just now: the quiet begins anew."""
        self.quiet_since = self._clock.monotonic()

    def resolve_unknown(self, tasks: Sequence[Task]) -> list[Task]:
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
        merging = [task for task in tasks if is_merging(task.goal)] if self._write_policy.settle else []
        for task in excluding(tasks, merging):
            self.end(task)
        for _ in range(LONGEST_WATCH if merging else 0):
            for share in (0.25, 1.0):
                since = self.quiet_since
                self._clock.sleep(since + share * self._write_policy.settle - self._clock.monotonic())
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
        if not task.doubt and not is_merging(task.goal) and not isinstance(task.goal, PlanGoal):
            task.confirmed_by = ConfirmedBy.ANSWER
            return False
        if task.needs_reading or isinstance(error, Unauthorized):
            task.fail(unsettled(task, error))
            return False
        return self.may_try_again(task)

    def _is_undone(self, task: Task, reading: Reading) -> bool:
        """Takes what a look shows; True if the change has to be made again."""
        if reading.row.labels != task.labels:
            self.restart_quiet_period()
        task.update_reading(reading)
        if reading.row.labels is None:
            if is_merging(task.goal) and not task.doubt:
                raise Unreadable(f"{task.subject}: the labels were written, and the registry no longer shows them")
            # A believed answer stands; a doubtful one is tried again, as only whole lists get this far.
            return self.may_try_again(task) if task.doubt else False
        look = task.goal.classify(reading.row.labels, task.seen)
        if look.found is not Found.UNDONE:
            self.confirm(task, look.found)
            return False
        task.target = look.target
        task.check_removals()
        if task.doubt:
            return self.may_try_again(task)
        task.confirmed_by = ConfirmedBy.NOTHING
        task.times_undone += 1
        if task.times_undone > self._write_policy.retries:
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
            self._fail(task, not_found(task, task.doubt.error))
            return False
        if task.attempts - task.attempts_before > self._write_policy.retries or task.doubt.wait > LONGEST_ASKED_WAIT:
            self._fail(task, given_up(task))
            return False
        return True

    def _fail(self, task: Task, error: HarLabelsError) -> None:
        task.fail(error, task.labels if task.is_known else None)
        if task.outcome and task.outcome.status is Status.SKIPPED:
            self._notice(f"skipped: {error.what}")


def excluding(tasks: Sequence[Task], left_out: Iterable[Task]) -> list[Task]:
    gone = set(left_out)
    return [task for task in tasks if task not in gone and task.outcome is None]


def given_up(task: Task) -> HarLabelsError:
    """The doubt that no retry settled, with what is known of the labels now."""
    assert task.doubt
    error = task.doubt.error
    tries = number(task.attempts, "try", "tries") + asked_for(task.doubt)
    if task.unread and task.unread.was_missing and isinstance(error, OutOfReach):
        return not_found(task, error)
    return error.reworded(f"{task.subject}: {error.what} ({tries}); {_known(task)}")


def not_found(task: Task, error: HarLabelsError) -> HarLabelsError:
    """An artifact that could not be read, and whose write came to `error`: a 404, or nothing where reading came to one."""
    assert task.unread
    found = error if isinstance(error, NotFound) else _not_found(task, task.unread, error)
    if task.unread.wait and is_missing(error):
        found = found.reworded(f"{found.what} (waited {task.unread.wait:g} s)").with_next_step(AFTER_A_WAIT)
    if advice := advice_on(task.name, task.ref):
        return found.with_next_step(advice)
    return found


def _not_found(task: Task, unread: Unread, error: HarLabelsError) -> HarLabelsError:
    before = f" (reading it: {unread.error.what})"
    waited = f"; tried {number(task.attempts, 'time')}" if task.attempts > 1 else ""
    return ArtifactNotFound(
        f"{task.subject} was not found: {error.what}{waited}{before}",
        f"Check `{named('registry-ref')}`, `artifact` and `{named('artifact-type')}`, and that the path of `{named('api-url')}` is the API's base.",
    )


def unsettled(task: Task, error: HarLabelsError) -> HarLabelsError:
    """The write can't be looked at: reading failed with `error`."""
    if task.doubt:
        what = f"{task.doubt.error.what}, and no read could tell whether it was written: {error.what}"
    else:
        what = f"the labels were written, but could not be looked at again: {error.what}"
    return error.reworded(f"{task.subject}: {what}")


def interrupted(task: Task, reason: HarLabelsError | None) -> HarLabelsError:
    """The run was over, for `reason`, before the write was confirmed."""
    because = f", as {reason.what}" if reason else ""
    if task.doubt and task.is_known:
        return task.doubt.error.reworded(f"{task.subject}: {task.doubt.error.what}; {_known(task)}")
    if task.is_known:
        return Overwritten(f"{task.subject}: the change was undone and not made again{because}")
    said = f"{task.doubt.error.what}; " if task.doubt else ""
    known = _known(task) if task.doubt and task.doubt.written is False else _NOT_KNOWN
    return (reason or Defect("")).reworded(f"{task.subject}: {said}{known}{because}")


def _known(task: Task) -> str:
    """What is known of the labels after a write that came to nothing certain."""
    assert task.doubt
    if task.doubt.written is False:
        return "the last try wrote nothing" if task.may_have_written else _NOTHING_WRITTEN
    if task.is_known:
        return "a read shows that the labels were not written"
    return f"the labels can't be read back, so {_NOT_KNOWN}"


class Renewal:
    """Knows which tasks stood on one page. A task that its worker has in hand is left alone by all others."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pages: dict[tuple[RegistryRef, Origin], list[Task]] = defaultdict(list)
        self._hand = threading.Lock()

    def register(self, tasks: Iterable[Task]) -> None:
        """Tells which tasks are going to be written."""
        for task in tasks:
            if is_merging(task.goal) and task.reading.row.origin:
                self._pages[task.ref, task.reading.row.origin].append(task)

    def claim(self, task: Task) -> None:
        """From here on only the calling worker may change what is known of this task."""
        with self._hand:
            task.is_claimed = True

    def renew(self, task: Task) -> None:
        """Reads the task's artifact again. Raises what the reader raises."""
        origin = task.reading.row.origin
        if not origin or not self._is_on_its_page(task, origin):
            task.replace_reading(self._reader.find(task.ref, task.name, task.artifact_type))

    def _is_on_its_page(self, task: Task, origin: Origin) -> bool:
        """Renews whatever still stands on the page; False if the task itself has moved away."""
        readings = {(one.row.name, one.row.artifact_type): one for one in self._reader.page_again(task.ref, origin)}
        with self._hand:
            for other in self._pages.get((task.ref, origin), ()):
                reading = readings.get((other.name, other.reading.row.artifact_type))
                if reading and not other.is_claimed:
                    other.record_seen()  # what stood there first was there before any write of ours
                    other.update_reading(reading)
        mine = readings.get((task.name, task.reading.row.artifact_type))
        if mine:
            task.update_reading(mine)
        return mine is not None
