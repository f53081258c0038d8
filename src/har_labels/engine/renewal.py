"""Renewing reads that have grown old while others were written (contract §5 point 2).

One request renews a whole page of the list: the task that needs it and its neighbours, whose turn comes next. So
a paced run over thousands costs a page now and then, and not a search an artifact.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable

from har_labels.engine.task import Task
from har_labels.model.address import RegistryRef
from har_labels.registry.answers import PageRef
from har_labels.registry.reader import Reader


class Renewal:
    """Knows which tasks stood on one page. A task that its worker has in hand is left alone by all others."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pages: dict[tuple[RegistryRef, PageRef], list[Task]] = defaultdict(list)
        self._hand = threading.Lock()

    def expect(self, tasks: Iterable[Task]) -> None:
        """Tells which tasks are going to be written."""
        for task in tasks:
            if task.goal.is_merging and task.reading.row.origin:
                self._pages[task.ref, task.reading.row.origin].append(task)

    def take_in_hand(self, task: Task) -> None:
        """From here on only the calling worker may change what is known of this task."""
        with self._hand:
            task.is_in_hand = True

    def renew(self, task: Task) -> None:
        """Reads the task's artifact again. Raises what the reader raises."""
        origin = task.reading.row.origin
        if not origin or not self._is_on_its_page(task, origin):
            task.renew(self._reader.find(task.ref, task.name, task.artifact_type))

    def _is_on_its_page(self, task: Task, origin: PageRef) -> bool:
        """Renews whatever still stands on the page; False if the task itself has moved away."""
        readings = {(one.row.name, one.row.artifact_type): one for one in self._reader.page_again(task.ref, origin)}
        with self._hand:
            for other in self._pages.get((task.ref, origin), ()):
                reading = readings.get((other.name, other.reading.row.artifact_type))
                if reading and not other.is_in_hand:
                    other.remember()  # what stood there first was there before any write of ours
                    other.take(reading)
        mine = readings.get((task.name, task.reading.row.artifact_type))
        if mine:
            task.take(mine)
        return mine is not None
