"""Planning from a plan file, or from a report to undo: the target labels are read from the file, not computed (contract §5
point 7).

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


def plan_from_steps(file: StepFile, reader: Reader, clock: Clock) -> Plan:
    """Reads all artifacts of a file's steps, and makes a task for each step.

    A step fails, and with it the plan, if its artifact is gone or its labels are neither `before` nor `after`.
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
                target = goal.apply(now)
            except HarLabelsError as error:
                # The usual next step for a missing artifact names inputs that such a run does not accept.
                if isinstance(error, ArtifactNotFound):
                    error = error.with_next_step(file.if_missing)
                # The outcome shows the labels that were read, which this run does not change, and not the step's `before`.
                plan.outcomes.append(Outcome(replace(step, before=now), Status.FAILED, now, error=error))
            else:
                reading = Reading(row, at)
                task = Task(ref, step.artifact_type, goal, reading, target=target, before=now)
                plan.planned.append(task)
    return plan


def group_additions_first(tasks: Sequence[Task]) -> Iterable[list[Task]]:
    """The tasks in three groups, in the order of writing: only additions, both, only removals."""
    groups: tuple[list[Task], ...] = ([], [], [])
    for task in tasks:
        before, after = set(task.before or ()), set(task.target)
        groups[bool(before - after) + (not after - before)].append(task)
    return groups
