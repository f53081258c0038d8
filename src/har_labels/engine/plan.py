"""The plan of a run: one task for each artifact, and why nothing may be written, if so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from har_labels.engine.moves import Move
from har_labels.engine.task import Task
from har_labels.errors import HarLabelsError, PolicyBroken, TooManyChanges, WouldRemove
from har_labels.model.address import RegistryRef
from har_labels.model.outcome import Breaches, Outcome, Status
from har_labels.request.label_spec import Baseline


class Refusal(NamedTuple):
    """Why a plan may not be written: because of one `task`, or, without one, as a whole.

    `is_gate`: the change is understood but not allowed, so a dry run still shows it.
    """

    error: HarLabelsError
    task: Task | None = None
    is_gate: bool = False


@dataclass(slots=True)
class Plan:
    """What is going to be written.

    `outcomes` are those of artifacts that ended while planning, so they have no task. `errors` belong to the plan as a
    whole. `is_over_glob`: a pattern named artifacts of it.
    """

    tasks: list[Task] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[HarLabelsError] = field(default_factory=list)
    baselines: list[tuple[RegistryRef, Baseline]] = field(default_factory=list)
    breaches: Breaches = field(default_factory=Breaches)
    move: Move | None = None
    is_over_glob: bool = False

    @property
    def changing(self) -> list[Task]:
        return [task for task in self.tasks if task.is_change]

    @property
    def is_writable(self) -> bool:
        return not self.errors and self.is_complete

    @property
    def is_complete(self) -> bool:
        """Whether every artifact asked for could be planned, so that a dry run can show the plan.

        The plan may still change more than `max-changes`, the mode or the policy allows.
        """
        only_gates = all(isinstance(error, TooManyChanges | WouldRemove | PolicyBroken) for error in self.errors)
        return only_gates and all(outcome.status is not Status.FAILED for outcome in self.outcomes)

    def refuse(self, refusals: Iterable[Refusal], *, dry_run: bool) -> None:
        """Fails each task that is refused; what refuses the plan as a whole is added to its errors.

        In a dry run a task that a gate refuses stays in the plan, so that it is shown, and its error is the plan's.
        """
        failed: list[Task] = []
        for error, task, is_gate in refusals:
            if task is None or (is_gate and dry_run):
                self.errors.append(error)
            else:
                task.fail(error, task.labels)
                failed.append(task)
        gone = set(failed)
        self.outcomes += [task.outcome for task in failed if task.outcome]
        self.tasks[:] = [task for task in self.tasks if task not in gone]  # in place: a move shares this list
