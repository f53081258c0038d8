"""Writing a plan so that nobody's label is lost: retry the change, never the request (contract §5).

Every round writes what is pending, then settles all doubts with one look, waits, and goes round again. When
nothing is pending, merged changes are watched for writers that had read before we wrote. The registry has no
lock and no ETag: this is how a change survives all the same, as far as it can.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from har_labels.address import RegistryRef
from har_labels.errors import Forbidden, HarLabelsError, Overwritten, ServerFailing, Stop, TypeLoss, Unauthorized, Unreadable
from har_labels.goal import Found, PlanGoal
from har_labels.plan import ConfirmedBy, Status
from har_labels.reading import Reader, Reading, choose
from har_labels.registry import Doubt, Registry
from har_labels.task import Task
from har_labels.timing import Clock, backoff

# A merging change is computed from a read at most this old (contract §5 point 2).
FRESH_SECONDS = 5.0
# So many doubts in a row, and one read decides whether to go on (contract §5 point 4).
DOUBTS_IN_A_ROW = 20
# A change made again is computed from a read at most this share of `settle` old: after a back-off we would else be
# the slow writer ourselves that the `settle` of others does not hold against.
FRESH_SHARE = 0.25
# For so many times `settle` a watch waits for the others to come to rest.
LONGEST_WATCH = 10


@dataclass(frozen=True, slots=True)
class Care:
    """How carefully and how fast changes are written; the inputs of the same names."""

    retries: int = 4
    settle: float = 1.0
    concurrency: int = 4
    allow_type_loss: bool = False
    stops_at_failure: bool = False


class Writer:
    """Writes tasks and sees them through. `notice` takes one line about something the user should know."""

    def __init__(self, registry: Registry, reader: Reader, clock: Clock, care: Care, *, notice: Callable[[str], None]) -> None:
        self._registry, self._reader, self._clock, self._care = registry, reader, clock, care
        self._notice = notice
        self._breaker = _Breaker()
        self._forbidden: dict[str, Forbidden] = {}
        self._proven: set[RegistryRef] = set()
        self._rounds_cut_short = 0
        self._unheard: set[Task] = set()  # tried, and surely not written by any try (429)
        self._quiet_since = clock.monotonic()  # when we last wrote, or last saw that somebody had
        self.retried = 0

    def run(self, tasks: Iterable[Task]) -> None:
        """Writes every task that changes something; each gets its outcome.

        Raises Stop where no further write may start; tasks without an outcome were then not finished.
        """
        pending = [task for task in tasks if task.outcome is None]
        watched: list[Task] = []
        while pending:
            tried = self._write_all(pending)
            untried = _without(pending, tried)
            again = self._settle([task for task in tried if task.outcome is None])
            watched += _without(tried, again)
            pending = again + untried
            if not pending:
                pending = self._watch([task for task in watched if task.outcome is None])
                watched = _without(watched, pending)
            self._pause_before(pending)

    def wind_up(self, tasks: Iterable[Task]) -> None:
        """After a stop: ends every task that was tried with what one look tells of it. Writes nothing."""
        tried = [task for task in tasks if task.outcome is None and task.attempts]
        for task in self._look([task for task in tried if task.doubt or task.goal.is_merging]):
            task.fail(_given_up(task) if task.doubt else Overwritten(f"{task.name!r} in {task.ref}: other writers undid the change"), task.labels)
        for task in tried:
            if task.outcome is None:
                self._end(task)

    def roll_back(self, tasks: Iterable[Task]) -> None:
        """Writes `before` back wherever the artifact still has what this run wrote (contract §5 point 6)."""
        undoing: dict[Task, Task] = {}
        for task in tasks:
            if task.attempts and task.before is not None:
                goal = PlanGoal(f"{task.name!r} in {task.ref}", before=task.target, after=task.before)
                undoing[task] = Task(task.ref, task.name, task.artifact_type, goal, task.reading, target=task.before, before=task.target)
        for task, undo in undoing.items():
            self._read_for_undo(undo)
        self.run(undoing.values())
        for task, undo in undoing.items():
            if undo.outcome and undo.outcome.status is Status.APPLIED:
                task.attempts += undo.attempts
                task.confirmed_by = undo.confirmed_by
                task.end(Status.ROLLED_BACK, task.before)

    def _read_for_undo(self, undo: Task) -> None:
        try:
            undo.reading = self._reader.find(undo.ref, undo.name, undo.artifact_type)
            if undo.labels == undo.target:
                undo.end(Status.UNCHANGED, undo.labels)
            else:
                undo.goal.wanted(undo.labels)
        except HarLabelsError as error:
            self._notice(f"{undo.name!r} in {undo.ref} is not rolled back: {error.what}")
            undo.fail(error, undo.labels)

    # --- writing -------------------------------------------------------------------------------------------

    def _write_all(self, tasks: Sequence[Task]) -> list[Task]:
        """One round: tries each task once, and returns those tried; a server that fails ends the round early."""
        tried: list[Task] = []
        self._breaker.reset()

        def write(task: Task) -> None:
            if not self._breaker.is_open:
                tried.append(task)
                self._write(task)

        self._prove_types(tasks, write)
        _in_parallel(write, _without(tasks, tried), workers=self._care.concurrency)
        if self._breaker.is_open:
            self._rounds_cut_short += 1
        return tried

    def _write(self, task: Task) -> None:
        self._clock.check()
        try:
            if forbidden := self._forbidden.get(str(task.ref)):
                raise forbidden
            self._registry.wait_turn()
            if self._is_still_to_write(task):
                if not self._has_begun(task):
                    task.remember()
                task.attempts += 1
                self._put(task)
        except HarLabelsError as error:
            self._failed(task, error)

    def _has_begun(self, task: Task) -> bool:
        """Whether a write of ours may have reached the list; what comes there from then on is a later writer's."""
        return task.attempts > 0 and task not in self._unheard

    def _is_still_to_write(self, task: Task) -> bool:
        """Renews a merging task's read that has grown old; False if that leaves nothing to write."""
        if not task.goal.is_merging or self._clock.monotonic() - task.reading.at <= self._longest_age(task):
            return True
        if not self._has_begun(task):
            task.remember()
        task.reading = self._reader.find(task.ref, task.name, task.artifact_type)
        if task.labels is None or not self._has_begun(task):
            task.target = task.goal.wanted(task.labels)
            if task.target == task.labels:
                task.end(Status.UNCHANGED, task.labels)
                return False
        else:
            look = task.goal.look(task.labels, task.seen)
            if look.found is not Found.UNDONE:
                self._quiet_since = self._clock.monotonic()
                self._confirm(task)
                return False
            task.target = look.target
        self._registry.wait_turn()
        return True

    def _longest_age(self, task: Task) -> float:
        if task.attempts and self._care.settle:
            return min(FRESH_SECONDS, FRESH_SHARE * self._care.settle)
        return FRESH_SECONDS

    def _put(self, task: Task) -> None:
        try:
            written = self._registry.put_labels(task.ref, task.name, task.artifact_type, task.target)
        except Doubt as doubt:
            task.doubt = doubt
            self._hear(task, was_refused=doubt.written is False)
            if self._breaker.counts_to_its_limit() and not self._writes_all_the_same(task):
                self._breaker.open(doubt.error, is_final=self._rounds_cut_short >= self._care.retries)
        else:
            task.doubt = None
            task.answered = written.facts
            self._hear(task, was_refused=False)
            self._breaker.reset()
            task.confirmed_by = ConfirmedBy.NOTHING if written.labels is None else ConfirmedBy.ANSWER
            if task.goal.is_merging and written.labels is not None:
                # What the watch compares with: any other list was written by somebody else.
                task.reading = Reading(replace(task.reading.row, labels=written.labels), self._clock.monotonic())
        finally:
            self._quiet_since = self._clock.monotonic()

    def _hear(self, task: Task, *, was_refused: bool) -> None:
        if was_refused and (task.attempts == 1 or task in self._unheard):
            self._unheard.add(task)
        else:
            self._unheard.discard(task)

    def _failed(self, task: Task, error: HarLabelsError) -> None:
        task.fail(error, task.labels)
        if isinstance(error, Unauthorized):
            raise Stop(error) from None
        if isinstance(error, Forbidden):
            self._forbidden[str(task.ref)] = error
        if self._care.stops_at_failure:
            raise Stop(error) from None

    def _writes_all_the_same(self, task: Task) -> bool:
        """One read after many doubts in a row tells a server that writes and then answers 500 from a broken one."""
        try:
            return self._reader.find(task.ref, task.name, task.artifact_type).row.labels == task.target
        except HarLabelsError as error:
            raise Stop(error) from None

    # --- the type of a Hugging Face artifact (contract §5 point 9) -----------------------------------------

    def _prove_types(self, tasks: Sequence[Task], write: Callable[[Task], None]) -> None:
        """Writes the first typed artifact of each Hugging Face registry alone and looks whether its type is still there."""
        for task in tasks:
            if task.is_typed_hugging_face and task.ref not in self._proven:
                kind = task.reading.row.artifact_type
                write(task)
                if task.outcome is None:
                    self._proven.add(task.ref)
                    self._look_at_type(task, kind)

    def _look_at_type(self, task: Task, kind: str) -> None:
        rows = self._reader.rows(task.ref, names={task.name}).get(task.name, [])
        if any(row.artifact_type == kind for row in rows):
            return
        what = f"{task.name!r} in {task.ref} is no longer a {kind} since its labels were written"
        if self._care.allow_type_loss:
            self._notice(f"{what}; going on, as `allow-type-loss` says")
            return
        error = TypeLoss(what)
        task.fail(error, rows[0].labels if rows else None)
        raise Stop(error)

    # --- looking -------------------------------------------------------------------------------------------

    def _settle(self, tasks: Sequence[Task]) -> list[Task]:
        """Looks at every task whose write is not confirmed; returns those to be written again."""
        unsure = [task for task in tasks if task.confirmed_by is ConfirmedBy.NOTHING or task.doubt]
        surely_not = [task for task in unsure if task.doubt and task.doubt.written is False]
        looked_at = [task for task in unsure if not (task.doubt and task.doubt.written is False)]
        again = [task for task in surely_not if self._may_try_again(task)]
        return again + self._look(looked_at)

    def _watch(self, tasks: Sequence[Task]) -> list[Task]:
        """Ends the tasks that nobody undid; returns those that somebody did (contract §5 point 5).

        Over when nobody has written for `settle` seconds: two equal lists that far apart show it. As long as others
        do, a writer that had read before one of them may still be under way, so it goes on, LONGEST_WATCH times.
        """
        merging = [task for task in tasks if task.goal.is_merging] if self._care.settle else []
        for task in _without(tasks, merging):
            self._end(task)
        for _ in range(LONGEST_WATCH if merging else 0):
            for share in (0.25, 1.0):
                since = self._quiet_since
                self._clock.sleep(since + share * self._care.settle - self._clock.monotonic())
                if again := self._look(merging):
                    return again
                merging = [task for task in merging if task.outcome is None]
            if self._quiet_since == since:
                break
        for task in merging:
            self._end(task)
        return []

    def _end(self, task: Task) -> None:
        """Ends a task whose change is there, or had to yield to a later writer's."""
        is_looked_at = task.goal.is_merging and (self._care.settle or task.confirmed_by is ConfirmedBy.READ_BACK)
        if not is_looked_at or task.labels is None:
            task.end(Status.APPLIED, task.target)
        elif task.goal.look(task.labels, task.seen).found is Found.SUPERSEDED:
            self._notice(f"{task.name!r} in {task.ref}: a later writer has set something else, which stays")
            task.end(Status.SUPERSEDED, task.labels)
        else:
            task.end(Status.APPLIED, task.labels)

    def _look(self, tasks: Sequence[Task]) -> list[Task]:
        again: list[Task] = []
        for ref in dict.fromkeys(task.ref for task in tasks):
            of_ref = [task for task in tasks if task.ref == ref]
            at = self._clock.monotonic()
            try:
                rows = self._reader.rows(ref, names={task.name for task in of_ref})
            except HarLabelsError as error:
                for task in of_ref:
                    task.fail(_unsettled(task, error))
                continue
            for task in of_ref:
                try:
                    row = choose(rows.get(task.name, []), ref, task.name, task.artifact_type)
                    if self._is_undone(task, Reading(row, at)):
                        again.append(task)
                except HarLabelsError as error:
                    task.fail(error)
        return again

    def _is_undone(self, task: Task, reading: Reading) -> bool:
        """Takes what a look shows; True if the change has to be made again."""
        if reading.row.labels != task.labels:
            self._quiet_since = self._clock.monotonic()
        task.reading = reading
        if reading.row.labels is None:
            if task.goal.is_merging and not task.doubt:
                raise Unreadable(f"{task.name!r} in {task.ref}: the labels were written, and the registry no longer shows them")
            # A believed answer stands; a doubtful one is tried again, as only whole lists get this far.
            return self._may_try_again(task) if task.doubt else False
        look = task.goal.look(reading.row.labels, task.seen)
        if look.found is not Found.UNDONE:
            self._confirm(task)
            return False
        task.target = look.target
        if task.doubt:
            return self._may_try_again(task)
        task.confirmed_by = ConfirmedBy.NOTHING
        task.times_undone += 1
        if task.times_undone > self._care.retries:
            task.fail(Overwritten(f"{task.name!r} in {task.ref}: other writers undid the change {task.times_undone} times"), reading.row.labels)
            return False
        return True

    def _confirm(self, task: Task) -> None:
        if task.doubt:
            self._notice(f"{task.name!r} in {task.ref}: {task.doubt.error.what}; a read shows that the labels were written")
            self._breaker.reset()
        if task.doubt or task.confirmed_by is ConfirmedBy.NOTHING:
            task.confirmed_by = ConfirmedBy.READ_BACK
        task.doubt = None

    def _may_try_again(self, task: Task) -> bool:
        assert task.doubt
        if task.attempts > self._care.retries:
            task.fail(_given_up(task), task.labels)
            return False
        self.retried += 1
        return True

    def _pause_before(self, pending: Sequence[Task]) -> None:
        if pending:
            asked = max((task.doubt.wait for task in pending if task.doubt), default=0)
            tries = max(task.attempts + task.times_undone for task in pending)
            self._clock.sleep(backoff(tries, at_least=asked))


class _Breaker:
    """Counts doubts in a row over all workers, and ends a round of writes against a server that is down."""

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), 0
        self.is_open = False

    def open(self, error: HarLabelsError, *, is_final: bool) -> None:
        """Lets no further write of this round start; raises Stop if it was the last chance."""
        self.is_open = True
        if is_final:
            raise Stop(ServerFailing(f"{DOUBTS_IN_A_ROW} writes in a row failed and did nothing: {error.what}"))

    def counts_to_its_limit(self) -> bool:
        with self._lock:
            self._count += 1
            return self._count == DOUBTS_IN_A_ROW

    def reset(self) -> None:
        with self._lock:
            self._count, self.is_open = 0, False


def _given_up(task: Task) -> HarLabelsError:
    """The doubt that no retry settled, with what is known of the labels now."""
    assert task.doubt
    error = task.doubt.error
    known = "a read shows that the labels were not written"
    if task.doubt.written is False:
        known = "nothing was written"
    elif task.labels is None:
        known = "the labels can't be read back, so whether they were written is not known"
    return type(error)(f"{task.name!r} in {task.ref}: {error.what} ({task.attempts} tries); {known}")


def _unsettled(task: Task, error: HarLabelsError) -> HarLabelsError:
    if task.doubt:
        return type(error)(f"{task.name!r} in {task.ref}: {task.doubt.error.what}, and no read could tell whether it was written: {error.what}")
    return type(error)(f"{task.name!r} in {task.ref}: the labels were written, but could not be looked at again: {error.what}")


def _without(tasks: Sequence[Task], left_out: Iterable[Task]) -> list[Task]:
    gone = set(left_out)
    return [task for task in tasks if task not in gone and task.outcome is None]


def _in_parallel(work: Callable[[Task], None], tasks: Sequence[Task], *, workers: int) -> None:
    """Runs `work` on every task, in order of starting; the first exception stops the rest and is raised."""
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
