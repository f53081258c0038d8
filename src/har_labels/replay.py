"""A plan file planned again: tasks for exactly its steps, as far as they still fit (contract §5 point 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from har_labels.address import RegistryRef, parse_registry_ref
from har_labels.errors import ArtifactNotFound, HarLabelsError
from har_labels.goal import PlanGoal
from har_labels.plan import Outcome, Status, Step
from har_labels.planner import Plan
from har_labels.reading import Reader, Reading, Rows, choose
from har_labels.task import Task
from har_labels.timing import Clock


def plan_again(steps: Sequence[Step], reader: Reader, clock: Clock) -> Plan:
    """Reads all artifacts of the steps first; nothing is computed anew.

    What has neither the plan's `before` nor its `after` any more stops the whole plan.
    """
    plan = Plan()
    for registry_ref in dict.fromkeys(step.registry_ref for step in steps):
        ref = parse_registry_ref(registry_ref)
        of_ref = [step for step in steps if step.registry_ref == registry_ref]
        at = clock.monotonic()
        try:
            rows = reader.rows(ref, names={step.artifact for step in of_ref})
        except HarLabelsError as error:
            plan.errors.append(error)
            continue
        for step in of_ref:
            _add(plan, ref, step, rows, at)
    return plan


def _add(plan: Plan, ref: RegistryRef, step: Step, rows: Rows, at: float) -> None:
    labels = None
    try:
        row = choose(rows.get(step.artifact, []), ref, step.artifact, step.artifact_type)
        labels = row.labels
        goal = PlanGoal(f"{step.artifact!r} in {ref}: the plan expects", step.before, step.after)
        target = goal.wanted(labels)
    except HarLabelsError as error:
        # What this run found is what it leaves: nothing came or went by it, whatever the plan had seen.
        plan.others.append(Outcome(replace(step, before=labels), Status.FAILED, labels, error=_worded(error)))
    else:
        task = Task(ref, step.artifact, step.artifact_type, goal, Reading(row, at), target=target, before=labels)
        plan.tasks.append(task)


def _worded(error: HarLabelsError) -> HarLabelsError:
    """The usual cure of a missing artifact is inputs that a plan's run does not take."""
    if isinstance(error, ArtifactNotFound):
        return ArtifactNotFound(error.what, "It is gone since the plan was made: make a new one.")
    return error
