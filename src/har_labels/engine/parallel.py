"""One round of work on many tasks: in a few threads, and cut short against a server that is down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from har_labels.engine.task import Task
from har_labels.errors import HarLabelsError, ServerFailing, Stop

# So many doubts in a row, and one read decides whether to go on (contract §5 point 4).
DOUBTS_IN_A_ROW = 20


class Breaker:
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
        """A write got through, or a new round begins: the server is there, so writes may start again."""
        with self._lock:
            self._count, self.is_open = 0, False


def in_parallel(work: Callable[[Task], None], tasks: Sequence[Task], *, workers: int) -> None:
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
