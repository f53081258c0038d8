"""Writing a plan so that nobody's label is lost: retry the change, never the request (contract §5).

Every round writes what is pending, then settles all doubts with one look, waits, and goes round again. When
nothing is pending, merged changes are watched for writers that had read before we wrote. The registry has no
lock and no ETag: this is how a change survives all the same, as far as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from har_labels.clock import LONGEST_POLL, Clock, backoff
from har_labels.engine.doubts import missing, retries_exhausted
from har_labels.engine.parallel import Breaker, in_parallel
from har_labels.engine.proving import TypeProof
from har_labels.engine.renewal import Renewal
from har_labels.engine.task import Task, is_missing
from har_labels.engine.verify import Care, Watch, without
from har_labels.errors import Forbidden, HarLabelsError, Overwritten, Stop, Unauthorized
from har_labels.model.address import RegistryRef
from har_labels.model.goal import Found
from har_labels.model.outcome import ConfirmedBy, Status
from har_labels.registry.answers import UnknownOutcome
from har_labels.registry.client import Registry
from har_labels.registry.reader import Reader, Reading

# A merging change is computed from a read at most this old (contract §5 point 2).
FRESH_SECONDS = 5.0
# A change made again is computed from a read at most this share of `settle` (or of a second) old. A back-off is long: without
# a new read this run would be the slow writer that other runs' `settle` can't protect them from.
FRESH_SHARE = 0.25


class Writer:
    """Writes tasks and sees them through.

    `notice` takes one line about something the user should know, `warning` one about harm that was allowed.
    """

    def __init__(  # noqa: PLR0913 - what writing needs, and where to tell of it
        self,
        registry: Registry,
        reader: Reader,
        clock: Clock,
        care: Care,
        *,
        notice: Callable[[str], None],
        warning: Callable[[str], None],
    ) -> None:
        self._registry, self._reader, self._clock, self._care = registry, reader, clock, care
        self._notice = notice
        self._watch = Watch(reader, clock, care, notice=notice)
        self._renewal = Renewal(reader)
        self._breaker = Breaker()
        self._forbidden: dict[RegistryRef, Forbidden] = {}
        self._types = TypeProof(reader, warning=warning, allow_loss=care.allow_type_loss)
        self._rounds_cut_short = 0
        self._is_alone = self._stops_at_failure = False  # each run says
        self.retried = 0

    @property
    def quiet_since(self) -> float:
        """When this run last wrote, or last saw that somebody had (the clock's monotonic seconds)."""
        return self._watch.quiet_since

    def run(self, tasks: Iterable[Task], *, goes_on: bool = False) -> None:
        """Writes every task that changes something; each gets its outcome. `goes_on` at failures, whatever the care says.

        Raises Stop where no further write may start; tasks without an outcome were then not finished.
        """
        self._stops_at_failure = self._care.stops_at_failure and not goes_on
        pending = [task for task in tasks if task.outcome is None]
        self._renewal.expect(pending)
        self._is_alone = len(pending) == 1
        watched: list[Task] = []
        while pending:
            tried = self._write_all(pending)
            untried = without(pending, tried)
            again = self._watch.settle([task for task in tried if task.outcome is None])
            self._stop_if_failed(tried)
            watched += without(tried, again)
            pending = again + untried
            if not pending:
                pending = self._watch.watch([task for task in watched if task.outcome is None])
                watched = without(watched, pending)
            self._pause_before(pending)

    def forget_refusals(self) -> None:
        """Lets a registry that has answered 403 be written to again, for what this run wrote there before that."""
        self._forbidden.clear()

    def _stop_if_failed(self, tasks: Iterable[Task]) -> None:
        if self._stops_at_failure:
            failed = (task.outcome.error for task in tasks if task.outcome and task.outcome.error)
            if error := next(failed, None):
                raise Stop(error)

    def wind_up(self, tasks: Iterable[Task], reason: HarLabelsError) -> None:
        """After a stop for `reason`: ends every task that was tried with what one look tells of it. Writes nothing."""
        if isinstance(reason, Unauthorized):
            return  # a key that was refused is not sent again
        tried = [task for task in tasks if task.outcome is None and task.attempts]
        for task in tried:
            if task.doubt and not task.may_be_written:
                task.fail(retries_exhausted(task), task.labels)
        tried = [task for task in tried if task.outcome is None]
        for task in self._watch.look([task for task in tried if not task.is_confirmed or task.goal.is_merging]):
            task.fail(
                retries_exhausted(task) if task.doubt else Overwritten(f"{task.subject}: the change was undone"),
                task.labels,
            )
        for task in tried:
            if task.outcome is None:
                self._watch.end(task)

    # --- writing -------------------------------------------------------------------------------------------

    def _write_all(self, tasks: Sequence[Task]) -> list[Task]:
        """One round: tries each task once, and returns those tried; a server that fails ends the round early."""
        tried: list[Task] = []
        self._breaker.reset()

        def write(task: Task) -> None:
            if not self._breaker.is_open:
                tried.append(task)
                self._write(task)

        self._types.prove(tasks, write)
        in_parallel(write, without(tasks, tried), workers=self._care.concurrency)
        if self._breaker.is_open:
            self._rounds_cut_short += 1
        return tried

    def _write(self, task: Task) -> None:
        self._clock.check()
        try:
            self._registry.check_key()
            if task.needs_reading:
                self._registry.check_access(task.ref)
            if forbidden := self._forbidden.get(task.ref):
                raise Forbidden(f"{task.subject} was not tried, as {forbidden.what}")
            self._registry.wait_turn()
            self._renewal.take_in_hand(task)
            if self._is_still_to_write(task):
                if not task.may_be_written:
                    task.remember()
                task.about_to_write()
                self.retried += task.attempts > 1
                self._put(task)
        except HarLabelsError as error:
            self._failed(task, error)

    def _is_still_to_write(self, task: Task) -> bool:
        """Computes a change that depends on what is there from a read that is fresh; False if nothing is left to write."""
        if not task.needs_reading:
            return True
        is_old = self._is_old(task)
        if is_old:
            if not task.may_be_written:
                task.remember()
            # It waits its own turn; the one that was waited for already is the PUT's.
            self._renewal.renew(task)
        if task.labels is None or not task.may_be_written:
            if not task.is_still_selected():
                self._notice(f"skipped: {task.subject} was changed meanwhile, and `where` no longer holds")
                task.end(Status.SKIPPED, task.labels)
                return False
            task.aim()
            if task.target == task.labels:
                task.end(Status.UNCHANGED, task.labels)
                return False
        elif is_old:
            look = task.goal.look(task.labels, task.seen)
            if look.found is not Found.UNDONE:
                self._watch.stir()
                self._watch.confirm(task, look.found)
                return False
            task.target = look.target
        task.check_removals()
        task.check_policy()
        return True

    def _is_old(self, task: Task) -> bool:
        """Whether the change has to be computed from a newer read. A plan's step never trusts one from before a write."""
        if task.goal.is_exact and task.reading.at <= self._watch.quiet_since:
            return True
        return self._clock.monotonic() - task.reading.at > self._longest_age(task)

    def _longest_age(self, task: Task) -> float:
        if task.attempts:
            return min(FRESH_SECONDS, FRESH_SHARE * (self._care.settle or 1.0))
        return FRESH_SECONDS

    def _put(self, task: Task) -> None:
        try:
            written = self._registry.put_labels(task.ref, task.name, task.artifact_type, task.target)
        except UnknownOutcome as unknown:
            task.doubt = unknown
            if unknown.written is False:
                task.was_refused()
            if self._breaker.counts_to_its_limit() and not self._has_written_all_the_same(task):
                self._breaker.open(unknown.error, is_final=self._rounds_cut_short >= self._care.retries)
        except HarLabelsError as error:
            task.was_refused()
            if not self._is_waited_for(task, error):
                raise
            task.doubt = UnknownOutcome(error, written=False)
        else:
            # Only the outputs of a single artifact tell them.
            task.answered = written.facts if self._is_alone else None
            self._breaker.reset()
            task.confirmed_by = ConfirmedBy.NOTHING if written.labels is None else ConfirmedBy.ANSWER
            if task.goal.is_merging and written.labels is not None:
                # What the watch compares with: any other list was written by somebody else.
                task.reading = Reading(replace(task.reading.row, labels=task.target), self._clock.monotonic())
        finally:
            self._watch.stir()

    def _is_waited_for(self, task: Task, error: HarLabelsError) -> bool:
        """Whether this is a 404 of an artifact that could not be read and may still appear (`wait-for-artifact`)."""
        return bool(task.unread and is_missing(error) and self._clock.monotonic() < task.unread.waits_until)

    def _failed(self, task: Task, error: HarLabelsError) -> None:
        if task.unread and is_missing(error):
            error = missing(task, error)
        task.fail(error, task.labels)
        if task.outcome and task.outcome.status is Status.SKIPPED:
            self._notice(f"skipped: {error.what}")
            return
        if isinstance(error, Unauthorized):
            raise Stop(error) from None
        if isinstance(error, Forbidden):
            self._forbidden.setdefault(task.ref, error)
        if self._stops_at_failure:
            raise Stop(error) from None

    def _has_written_all_the_same(self, task: Task) -> bool:
        """One read after many doubts in a row tells a server that writes and then answers 500 from a broken one."""
        try:
            return self._reader.find(task.ref, task.name, task.artifact_type).row.labels == task.target
        except HarLabelsError as error:
            if not task.needs_reading:
                return False  # reading was refused before, or tells no more than the writes do
            raise Stop(error) from None

    def _pause_before(self, pending: Sequence[Task]) -> None:
        if pending:
            asked = max((task.doubt.wait for task in pending if task.doubt), default=0)
            tries = max(task.attempts - task.attempts_before + task.times_undone for task in pending)
            pause = backoff(tries, at_least=asked)
            if any(task.is_waited_for for task in pending):
                pause = min(pause, LONGEST_POLL)
            self._clock.sleep(pause)
