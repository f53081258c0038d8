"""Writes a plan without losing another client's labels: retry the change, never the request (contract §5).

Each round writes the pending tasks, resolves all unknown outcomes with one read, and waits (exponential backoff) before the
next. When nothing is pending, merging changes are watched for clients that had read before we wrote. The registry has no
lock and no ETag: docs/guarantee.md lists the races that a change survives, and those that it does not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from har_labels.clock import LONGEST_POLL, Clock, backoff
from har_labels.engine.task import Task, is_missing
from har_labels.engine.verify import Renewal, Watch, WritePolicy, excluding, not_found, retries_exhausted
from har_labels.errors import Forbidden, HarLabelsError, Overwritten, ServerFailing, Stop, TypeLoss, Unauthorized
from har_labels.model.address import RegistryRef
from har_labels.model.goal import Found, PlanGoal, is_merging
from har_labels.model.outcome import ConfirmedBy, Status
from har_labels.registry.answers import UnknownOutcome
from har_labels.registry.client import Registry
from har_labels.registry.reader import Reader, Reading
from har_labels.text import named

# A merging change is computed from a read at most this old (contract §5 point 2).
FRESH_SECONDS = 5.0
# Before a retry, a read older than this share of `settle` (or of a second) is renewed: after a backoff our own
# read-modify-write would else take longer than the `settle` that protects other runs.
FRESH_SHARE = 0.25
# After this number of consecutive unknown outcomes one read decides whether to go on (contract §5 point 4).
FAILURES_IN_A_ROW = 20


def longest_age(settle: float, *, is_retry: bool) -> float:
    """The maximum age, in seconds, of a read from which a write is computed; an older one is renewed first."""
    return min(FRESH_SECONDS, FRESH_SHARE * (settle or 1.0)) if is_retry else FRESH_SECONDS


class Writer:
    """Writes tasks, and retries and watches them until each has its outcome.

    `notice` takes one line for the user, `warning` one about a loss that an input allows.
    """

    def __init__(  # noqa: PLR0913 - all dependencies of writing, and where to report
        self,
        registry: Registry,
        reader: Reader,
        clock: Clock,
        policy: WritePolicy,
        *,
        notice: Callable[[str], None],
        warning: Callable[[str], None],
    ) -> None:
        self._registry, self._reader, self._clock, self._policy = registry, reader, clock, policy
        self._notice = notice
        self._watch = Watch(reader, clock, policy, notice=notice)
        self._renewal = Renewal(reader)
        self._breaker = CircuitBreaker()
        self._forbidden: dict[RegistryRef, Forbidden] = {}
        self._types = TypeProbe(reader, warning=warning, allow_loss=policy.allow_type_loss)
        self._rounds_cut_short = 0
        self._is_alone = self._stops_at_failure = False  # set by each `run`

    @property
    def quiet_since(self) -> float:
        """Monotonic time of the last observed write, ours or another client's."""
        return self._watch.quiet_since

    def run(self, tasks: Iterable[Task], *, goes_on: bool = False) -> None:
        """Writes the tasks that have no outcome yet, until each has one. With `goes_on`, a failure never stops the others.

        Raises Stop if no further write may start; tasks without an outcome are then unfinished.
        """
        self._stops_at_failure = self._policy.stops_at_failure and not goes_on
        pending = [task for task in tasks if task.outcome is None]
        self._renewal.register(pending)
        self._is_alone = len(pending) == 1
        self._watch.begin(pending)
        watched: list[Task] = []
        while pending:
            written, pending = self._write_and_verify(pending)
            watched += written
            if not pending:
                pending = self._watch.watch(watched)
                watched = excluding(watched, pending)
            self._pause_before(pending)

    def _write_and_verify(self, pending: Sequence[Task]) -> tuple[list[Task], list[Task]]:
        """One round of writes. Returns the tasks that are written or over, and those for the next round."""
        tried = self._write_all(pending)
        untried = excluding(pending, tried)
        again = self._watch.resolve_unknown([task for task in tried if task.outcome is None])
        if self._stops_at_failure:
            failed = (task.outcome.error for task in tried if task.outcome and task.outcome.error)
            if error := next(failed, None):
                raise Stop(error)
        return excluding(tried, again), again + untried

    def forget_refusals(self) -> None:
        """Allows writes again to registries that have answered 403, to roll back what this run wrote there before."""
        self._forbidden.clear()

    def finish_after_stop(self, tasks: Iterable[Task], reason: HarLabelsError) -> None:
        """After a stop for `reason`: ends every task that was tried, according to one read. Writes nothing."""
        if isinstance(reason, Unauthorized):
            return  # a refused key is not sent again
        tried = [task for task in tasks if task.outcome is None and task.attempts]
        for task in tried:
            if task.unknown and not task.may_have_written:
                task.fail(retries_exhausted(task), task.labels)
        tried = [task for task in tried if task.outcome is None]
        for task in self._watch.look([task for task in tried if not task.is_confirmed or is_merging(task.goal)]):
            task.fail(
                retries_exhausted(task) if task.unknown else Overwritten(f"{task.subject}: the change was undone"),
                task.labels,
            )
        for task in tried:
            if task.outcome is None:
                self._watch.end(task)

    # --- writing -------------------------------------------------------------------------------------------

    def _write_all(self, tasks: Sequence[Task]) -> list[Task]:
        """Tries each task once, and returns those that were tried; an open circuit breaker ends the round early."""
        tried: list[Task] = []
        self._breaker.reset()

        def write(task: Task) -> None:
            if not self._breaker.is_open:
                tried.append(task)
                self._write(task)

        self._types.probe(tasks, write)
        in_parallel(write, excluding(tasks, tried), workers=self._policy.concurrency)
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
            self._renewal.claim(task)
            if self._is_still_to_write(task):
                task.begin_write()
                self._put(task)
        except HarLabelsError as error:
            self._failed(task, error)

    def _is_still_to_write(self, task: Task) -> bool:
        """Computes the target from a fresh read, if it depends on the current labels; False if nothing is left to write."""
        if not task.needs_reading:
            return True
        is_old = self._is_old(task)
        if is_old:
            # This read waits for its own turn (request pace); the turn that `_write` waited for is the PUT's.
            self._renewal.renew(task)
        if task.labels is None or not task.may_have_written:
            if not task.is_still_selected():
                self._notice(f"skipped: {task.subject} was changed meanwhile, and `{named('where')}` no longer holds")
                task.end(Status.SKIPPED, task.labels)
                return False
            task.compute_target()
            if task.target == task.labels:
                task.end(Status.UNCHANGED, task.labels)
                return False
        elif is_old:
            finding = task.classify()
            if finding.found is not Found.UNDONE:
                self._watch.restart_quiet_period()
                self._watch.confirm(task, finding.found)
                return False
            task.target = finding.target
        task.check_removals()
        task.check_policy()
        return True

    def _is_old(self, task: Task) -> bool:
        """Whether the change must be computed from a newer read. For a plan's step, any read older than the last write is too old."""
        if isinstance(task.goal, PlanGoal) and task.reading.at <= self._watch.quiet_since:
            return True
        is_retry = task.attempts > 0
        return self._clock.monotonic() - task.reading.at > longest_age(self._policy.settle, is_retry=is_retry)

    def _put(self, task: Task) -> None:
        try:
            written = self._registry.put_labels(task.ref, task.name, task.artifact_type, task.target)
        except UnknownOutcome as unknown:
            task.evidence = unknown
            if unknown.written is False:
                task.record_answer(written=False)
            if self._breaker.count_failure() and not self._has_written(task):
                self._breaker.open(unknown.error, is_final=self._rounds_cut_short >= self._policy.retries)
        except HarLabelsError as error:
            task.record_answer(written=False)
            # After a 404, an artifact that was not read and may still appear (`wait-for-artifact`) is tried again.
            if not (task.unread and is_missing(error) and self._clock.monotonic() < task.unread.waits_until):
                raise
            task.evidence = UnknownOutcome(error, written=False)
        else:
            # Only a run over a single artifact reports the facts.
            task.record_answer(written=True, facts=written.facts if self._is_alone else None)
            self._breaker.reset()
            task.evidence = ConfirmedBy.NOTHING if written.labels is None else ConfirmedBy.ANSWER
            if is_merging(task.goal) and written.labels is not None:
                # The watch compares the next read with it: any other list was written by another client.
                task.reading = Reading(replace(task.reading.row, labels=task.target), self._clock.monotonic())
        finally:
            self._watch.restart_quiet_period()

    def _failed(self, task: Task, error: HarLabelsError) -> None:
        if task.unread and is_missing(error):
            error = not_found(task, error)
        self._watch.fail(task, error, task.labels)
        if task.outcome and task.outcome.status is Status.SKIPPED:
            return
        if isinstance(error, Unauthorized):
            raise Stop(error) from None
        if isinstance(error, Forbidden):
            self._forbidden.setdefault(task.ref, error)
        if self._stops_at_failure:
            raise Stop(error) from None

    def _has_written(self, task: Task) -> bool:
        """Whether a read shows the target labels, as some servers write and then answer 500. Raises Stop if the read fails."""
        try:
            return self._reader.find(task.ref, task.name, task.artifact_type).row.labels == task.target
        except HarLabelsError as error:
            if not task.needs_reading:
                return False  # such a task is written without a read, so a failing read decides nothing
            raise Stop(error) from None

    def _pause_before(self, pending: Sequence[Task]) -> None:
        if pending:
            asked = max((task.unknown.wait for task in pending if task.unknown), default=0)
            tries = max(self._watch.tries(task) + self._watch.times_undone[task] for task in pending)
            pause = backoff(tries, retry_after=asked)
            if any(task.is_waited_for for task in pending):
                pause = max(asked, min(pause, LONGEST_POLL))
            self._clock.sleep(pause)


class CircuitBreaker:
    """Counts consecutive unknown outcomes over all workers, and ends a round of writes if the server is down."""

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), 0
        self.is_open = False

    def open(self, error: HarLabelsError, *, is_final: bool) -> None:
        """Ends this round of writes; raises Stop if no further round is allowed (`is_final`)."""
        self.is_open = True
        if is_final:
            raise Stop(ServerFailing(f"{FAILURES_IN_A_ROW} writes in a row failed and did nothing: {error.what}"))

    def count_failure(self) -> bool:
        """Counts one unknown outcome; True if a read has to decide now."""
        with self._lock:
            self._count += 1
            return self._count == FAILURES_IN_A_ROW

    def reset(self) -> None:
        """Closes the breaker and starts counting again: a write has succeeded, or a new round begins."""
        with self._lock:
            self._count, self.is_open = 0, False


def in_parallel(work: Callable[[Task], None], tasks: Sequence[Task], *, workers: int) -> None:
    """Runs `work` on every task, started in order; the first exception stops the rest and is raised."""
    if workers == 1 or len(tasks) <= 1:
        for task in tasks:
            work(task)
        return
    queue, lock, failed = iter(tasks), threading.Lock(), threading.Event()

    def drain() -> None:
        while not failed.is_set():
            with lock:
                task = next(queue, None)
            if task is None:
                return
            try:
                work(task)
            except BaseException:
                failed.set()
                raise

    with ThreadPoolExecutor(min(workers, len(tasks))) as pool:
        drains = [pool.submit(drain) for _ in range(min(workers, len(tasks)))]
    for done in drains:
        done.result()


class TypeProbe:
    """Checks whether a server keeps the type of a Hugging Face artifact when its labels are written (contract §5 point 9).

    Harness Open Source clears it, which breaks the artifact's downloads (tests/recorded/huggingface.json). So the first write
    in each registry is made alone and read back before any other. `warning` takes one line about an allowed loss.
    """

    def __init__(self, reader: Reader, *, warning: Callable[[str], None], allow_loss: bool) -> None:
        self._reader, self._warning, self._allow_loss = reader, warning, allow_loss
        self._known: set[RegistryRef] = set()

    def probe(self, tasks: Sequence[Task], write: Callable[[Task], None]) -> None:
        """Writes typed artifacts one by one, until one per registry has kept its type, or has lost it and that is allowed.

        Raises Stop if a type is lost and that is not allowed.
        """
        for task in tasks:
            if task.is_typed_hugging_face and task.ref not in self._known:
                kind = task.reading.row.artifact_type
                write(task)
                if task.outcome is None:
                    self._check_type(task, kind)

    def _check_type(self, task: Task, kind: str) -> None:
        try:
            rows = self._reader.rows(task.ref, names={task.name}).get(task.name, [])
        except HarLabelsError:
            return  # the read that verifies the write reports it; the type remains unknown
        of_kind = [row for row in rows if row.artifact_type == kind]
        if any(row.labels == task.target for row in of_kind):
            self._known.add(task.ref)
        if of_kind:
            return
        what = f"{task.subject} is no longer a {kind} since its labels were written"
        if self._allow_loss:
            self._known.add(task.ref)
            self._warning(
                f"{what}, and so will be all others written in {task.ref}; `{named('allow-type-loss')}` goes on"
            )
            return
        error = TypeLoss(what)
        task.fail(error, rows[0].labels if rows else None)
        raise Stop(error)
