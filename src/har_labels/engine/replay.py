"""A plan file, or what takes a run back, planned again: tasks for exactly its steps, as far as they fit (contract §5 point 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from har_labels.clock import Clock
from har_labels.engine.plan import Plan
from har_labels.engine.task import Task
from har_labels.errors import ArtifactNotFound, HarLabelsError
from har_labels.model.address import RegistryRef, parse_registry_ref
from har_labels.model.goal import PlanGoal
from har_labels.model.outcome import Outcome, Status, Step
from har_labels.registry.reader import Reader, Reading, Rows, choose
from har_labels.request.report_file import WITHOUT_IT


@dataclass(frozen=True, slots=True)
class Origin:
    """Where steps come from, as errors name it, and the ways out of an artifact that is missing or has other labels now."""

    expects: str
    missing: str
    stale: str = ""


A_PLAN = Origin("the plan expects", "It is gone since the plan was made: make a new one.")
A_REPORT = Origin(
    "the report to undo says that the run left",
    f"It is gone since that run. {WITHOUT_IT}",
    f"Somebody has changed it since. Look at both lists, and change this one by hand. {WITHOUT_IT}",
)


def plan_again(steps: Sequence[Step], reader: Reader, clock: Clock, *, origin: Origin = A_PLAN) -> Plan:
    """Reads all artifacts of the steps first; nothing is computed anew.

    What has neither a step's `before` nor its `after` any more stops the whole plan.
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
            _add(plan, ref, step, rows, at=at, origin=origin)
    return plan


def takes_last(tasks: Sequence[Task]) -> Iterable[list[Task]]:
    """The tasks in the order of writing: those that only give, those that do both, those that only take."""
    groups: tuple[list[Task], ...] = ([], [], [])
    for task in tasks:
        before, after = set(task.before or ()), set(task.target)
        groups[bool(before - after) + (not after - before)].append(task)
    return groups


def _add(plan: Plan, ref: RegistryRef, step: Step, rows: Rows, *, at: float, origin: Origin) -> None:  # noqa: PLR0913 - one step, and where it comes from
    labels = None
    try:
        row = choose(rows.get(step.artifact, []), ref, step.artifact, step.artifact_type)
        labels = row.labels
        goal = PlanGoal(f"{step.artifact!r} in {ref}: {origin.expects}", step.before, step.after, origin.stale)
        target = goal.wanted(labels)
    except HarLabelsError as error:
        # What this run found is what it leaves: nothing came or went by it, whatever the plan had seen.
        plan.outcomes.append(Outcome(replace(step, before=labels), Status.FAILED, labels, error=_worded(error, origin)))
    else:
        task = Task(ref, step.artifact, step.artifact_type, goal, Reading(row, at), target=target, before=labels)
        plan.tasks.append(task)


def _worded(error: HarLabelsError, origin: Origin) -> HarLabelsError:
    """The usual cure of a missing artifact is inputs that such a run does not take."""
    if isinstance(error, ArtifactNotFound):
        return ArtifactNotFound(error.what, origin.missing)
    return error
