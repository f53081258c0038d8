"""The oracle sees a protocol that is broken: each part of it is taken away in turn, and labels get lost."""

from __future__ import annotations

import pytest

from har_labels.engine import verify, writer
from har_labels.engine.task import Task
from har_labels.engine.verify import Watch
from har_labels.engine.writer import Writer
from har_labels.model.outcome import Status
from simulation.explore import explore

SEEDS = range(200)


class Unwatched(Watch):
    """Believes the answer to its write and never looks again."""

    def watch(self, tasks):
        for task in tasks:
            task.end(Status.APPLIED, task.target)
        return []


class EarlyLeaver(Watch):
    """Looks at a quarter of `settle`, and not at its end."""

    def watch(self, tasks):
        self._clock.sleep(0.25 * self._policy.settle)
        if again := self.look(tasks):
            return again
        return Unwatched.watch(self, tasks)


@pytest.mark.parametrize("watch", [Unwatched, EarlyLeaver])
def test_a_writer_that_does_not_watch_to_the_end_is_found_out(watch, monkeypatch):
    """Skipping the looks after a write loses labels, and the oracle names each."""
    monkeypatch.setattr(writer, "Watch", watch)

    assert len(explore("calm", SEEDS).broken) > len(SEEDS) / 10


def test_a_watch_that_does_not_wait_for_rest_is_found_out(monkeypatch):
    """Two looks alone miss a label that was taken away and put back between them, then taken away for good."""
    monkeypatch.setattr(verify, "LONGEST_WATCH", 1)

    assert explore("calm", SEEDS).broken


def test_a_repair_from_an_old_read_is_found_out(monkeypatch):
    """A retry from a read before the backoff removes the labels that others have added since."""
    monkeypatch.setattr(writer, "FRESH_SHARE", 1000)

    assert explore("calm", SEEDS).broken


def test_forgetting_which_values_came_later_is_found_out(monkeypatch):
    """A run that takes all it ever read for older than its write undoes a later writer's value."""
    forget = Task.record_seen

    class Forgetful(Writer):
        def _put(self, task):
            forget(task)
            super()._put(task)

    assert any(
        "came after its first write" in str(lines)
        for lines in explore("mixed", SEEDS, writer=Forgetful).broken.values()
    )
