"""Undoing what a run wrote, and only that (contract §5 point 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from har_labels.apply import Writer
from har_labels.errors import HarLabelsError
from har_labels.goal import PlanGoal
from har_labels.labels import to_labels
from har_labels.plan import Status
from har_labels.reading import Reader
from har_labels.task import Task, read_again
from har_labels.timing import Clock


def roll_back(
    tasks: Iterable[Task], writer: Writer, reader: Reader, clock: Clock, *, notice: Callable[[str], None]
) -> None:
    """Takes back what this run wrote, but not where somebody has changed it since: that is told and left."""
    written = [task for task in tasks if task.attempts]
    for task in written:
        if task.before is None:
            notice(f"{task.subject} is not rolled back: what its labels were before is not known")
    undoing = {task: _inverse(task) for task in written if task.before is not None}
    _read(undoing.values(), reader, clock, notice)
    try:
        # One that can't be undone must not keep the others as they are.
        writer.run(undoing.values(), goes_on=True)
    finally:
        for task, undo in undoing.items():
            if undo.outcome and undo.outcome.status is Status.APPLIED:
                task.attempts += undo.attempts
                task.confirmed_by = undo.confirmed_by
                task.end(Status.ROLLED_BACK, undo.target)


def _inverse(task: Task) -> Task:
    """Undoes what our writes did, and leaves what others have added since we planned."""
    after = to_labels((set(task.target) - set(task.added)) | set(task.removed))
    goal = PlanGoal(f"{task.subject}: this run wrote", before=task.target, after=after)
    return Task(task.ref, task.name, task.artifact_type, goal, task.reading, target=after, before=task.target)


def _read(undoing: Iterable[Task], reader: Reader, clock: Clock, notice: Callable[[str], None]) -> None:
    """Reads all of them, and ends those that need no undoing or may not be undone."""
    for task, found in read_again(list(undoing), reader, clock):
        if isinstance(found, HarLabelsError):
            _leave(task, found, notice)
            continue
        task.reading = found
        try:
            if task.labels == task.target:
                task.end(Status.UNCHANGED, task.labels)
            else:
                task.goal.wanted(task.labels)
        except HarLabelsError as error:
            _leave(task, error, notice)


def _leave(task: Task, error: HarLabelsError, notice: Callable[[str], None]) -> None:
    said = error.what.removeprefix(f"{task.subject}: ")
    notice(f"{task.subject} is not rolled back: {said}")
    task.fail(error, task.labels)
