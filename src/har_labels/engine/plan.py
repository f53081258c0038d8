"""The plan of a run: one task for each artifact, and the errors that forbid to write it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from har_labels.engine.moves import Move
from har_labels.engine.task import Task
from har_labels.errors import GateClosed, HarLabelsError
from har_labels.model.address import RegistryRef
from har_labels.model.outcome import Breaches, Outcome, Status
from har_labels.request.label_spec import Baseline


class Refusal(NamedTuple):
    """The reason why one `task`, or without one the whole plan, may not be written.

    `is_gate`: the change could be computed but is not allowed, so a dry run still shows it.
    """

    error: HarLabelsError
    task: Task | None = None
    is_gate: bool = False


@dataclass(slots=True)
class Plan:
    """The tasks of a run before anything is written.

    `outcomes`: of artifacts that failed or were skipped during planning, which have no task. `errors` concern the whole
    plan. `is_over_glob`: a glob selected artifacts. `planned`: the tasks, unless the plan is a `move`.
    """

    planned: list[Task] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[HarLabelsError] = field(default_factory=list)
    baselines: list[tuple[RegistryRef, Baseline]] = field(default_factory=list)
    breaches: Breaches = field(default_factory=Breaches)
    move: Move | None = None
    is_over_glob: bool = False

    @property
    def tasks(self) -> list[Task]:
        """All tasks. A move has its own list, as it adds a task for each holder that appears while it runs."""
        return self.move.tasks if self.move else self.planned

    @property
    def changing(self) -> list[Task]:
        return [task for task in self.tasks if task.is_change]

    @property
    def is_writable(self) -> bool:
        return not self.errors and self.is_complete

    @property
    def is_complete(self) -> bool:
        """Whether every requested artifact could be planned, so that a dry run can show the plan.

        A gate may still forbid to write it.
        """
        only_gates = all(isinstance(error, GateClosed) for error in self.errors)
        return only_gates and all(outcome.status is not Status.FAILED for outcome in self.outcomes)

    def refuse(self, refusals: Iterable[Refusal], *, dry_run: bool) -> None:
        """Fails each refused task; a refusal of the whole plan is added to its errors.

        In a dry run a task that a gate refuses stays in the plan, so that it is shown, and the error is added to the plan.
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
        self.tasks[:] = [task for task in self.tasks if task not in gone]
