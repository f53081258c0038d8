"""Rollback: reverts the writes of this run, and only those (contract §5 point 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from har_labels.clock import Clock
from har_labels.engine.task import Task, read_again
from har_labels.engine.writer import Writer
from har_labels.errors import HarLabelsError
from har_labels.model.goal import PlanGoal
from har_labels.model.labels import to_labels
from har_labels.model.outcome import Status
from har_labels.registry.reader import Reader


def roll_back(
    tasks: Sequence[Task], writer: Writer, reader: Reader, clock: Clock, *, notice: Callable[[str], None]
) -> None:
    """Reverts the writes of this run, except for artifacts that another client has changed since. `Ledger` reports the result."""
    for task in tasks:
        if not task.may_have_written:
            continue
        if task.before is None:
            notice(f"{task.subject} is not rolled back: its labels before the run are not known")
        else:
            task.rollback = _rollback_task(task)
    undoing = [task.rollback for task in tasks if task.rollback]
    _check_before_rollback(undoing, reader, clock)
    # The key could write these artifacts before, so an earlier 403 concerned another one.
    writer.forget_refusals()
    # One failure must not stop the rollback of the others.
    writer.run(undoing, goes_on=True)


def _rollback_task(task: Task) -> Task:
    """The task that reverts our writes, and keeps the labels that others have added since planning."""
    added, removed = task.sent
    after = to_labels(set(task.target).difference(added).union(removed))
    goal = PlanGoal(f"{task.subject}: this run wrote", before=task.target, after=after)
    return Task(task.ref, task.artifact_type, goal, task.reading, target=after, before=task.target)


def _check_before_rollback(undoing: Sequence[Task], reader: Reader, clock: Clock) -> None:
    """Reads the tasks again, and ends those that need no rollback or must not be rolled back."""
    for task, found in read_again(undoing, reader, clock):
        if isinstance(found, HarLabelsError):
            task.fail(found)
            continue
        task.reading = found
        try:
            if task.labels == task.target:
                task.end(Status.UNCHANGED, task.labels)
            else:
                task.goal.apply(task.labels)
        except HarLabelsError as error:
            task.fail(error, task.labels)
