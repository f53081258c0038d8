"""Planning of a plan file, and of a report to undo: by reading alone, nothing is computed anew (contract §5 point 7).

Each step becomes a task with a `PlanGoal`, which writes exactly the step's `after`, and only over its `before`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from har_labels.clock import Clock
from har_labels.engine.plan import Plan
from har_labels.engine.task import Task
from har_labels.errors import ArtifactNotFound, HarLabelsError
from har_labels.model.address import parse_registry_ref
from har_labels.model.goal import PlanGoal
from har_labels.model.labels import Labels
from har_labels.model.outcome import Outcome, Status
from har_labels.registry.reader import Reader, Reading, choose
from har_labels.request.plan_file import StepFile


def plan_again(file: StepFile, reader: Reader, clock: Clock) -> Plan:
    """A task for each step of a file, all of which are read first.

    An artifact whose labels are neither its step's `before` nor its `after`, or that is gone, fails, and with it the plan.
    """
    plan = Plan()
    for registry_ref in dict.fromkeys(step.registry_ref for step in file.steps):
        ref = parse_registry_ref(registry_ref)
        of_ref = [step for step in file.steps if step.registry_ref == registry_ref]
        at = clock.monotonic()
        try:
            rows = reader.rows(ref, names={step.artifact for step in of_ref})
        except HarLabelsError as error:
            plan.errors.append(error)
            continue
        for step in of_ref:
            now: Labels | None = None
            expectation = f"{step.artifact!r} in {ref}: {file.expectation}"
            goal = PlanGoal(expectation, step.before, step.after, file.if_stale)
            try:
                row = choose(rows.get(step.artifact, []), ref, step.artifact, step.artifact_type)
                now = row.labels
                target = goal.wanted(now)
            except HarLabelsError as error:
                if isinstance(error, ArtifactNotFound):  # its usual next step is inputs that such a run does not take
                    error = error.with_next_step(file.if_missing)
                # This run leaves the labels as it found them, whatever the step was to start from.
                plan.outcomes.append(Outcome(replace(step, before=now), Status.FAILED, now, error=error))
            else:
                reading = Reading(row, at)
                task = Task(ref, step.artifact, step.artifact_type, goal, reading, target=target, before=now)
                plan.tasks.append(task)
    return plan


def group_additions_first(tasks: Sequence[Task]) -> Iterable[list[Task]]:
    """The tasks in the order of writing: those that only add labels, those that do both, those that only remove."""
    groups: tuple[list[Task], ...] = ([], [], [])
    for task in tasks:
        before, after = set(task.before or ()), set(task.target)
        groups[bool(before - after) + (not after - before)].append(task)
    return groups
