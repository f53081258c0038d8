"""What is known of a run at any moment: its plan, what went wrong, what is worth telling.

Written by the run's thread and read by another, which is how a cancelled or overdue run still reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from har_labels.display import number
from har_labels.doubts import cut_short
from har_labels.errors import HarLabelsError
from har_labels.plan import Outcome, RunFacts, RunResult, Status
from har_labels.planner import Plan
from har_labels.task import Task


class Ledger:
    """Everything a report is made of. `errors` are the run's own, not those of single artifacts."""

    def __init__(self, warnings: Sequence[str] = ()) -> None:
        self.plan = Plan()
        self.errors: list[HarLabelsError] = []
        self.is_rolled_back = False
        self._warnings = list(warnings)
        self._notices: list[str] = []

    def note(self, line: str) -> None:
        """Keeps one line worth knowing."""
        self._notices.append(line)

    def warn(self, line: str) -> None:
        """Keeps one line that should be looked at."""
        self._warnings.append(line)

    def result(self, facts: RunFacts, *, cut_short_by: HarLabelsError | None = None) -> RunResult:
        """What the run came to so far; `cut_short_by` says why if it was ended or is not over.

        An artifact without an outcome is reported as far as is known, never as better than that.
        """
        errors = list(dict.fromkeys([*filter(None, [cut_short_by]), *self.errors, *self.plan.errors]))
        told = [*errors, *filter(None, (outcome.error for outcome in self.plan.others))]
        reason = told[0] if told else None
        not_tried = reason.reworded(f"not tried, as {reason.what}") if reason else None
        outcomes = [
            *self.plan.others,
            *(task.outcome or _unfinished(task, reason, not_tried) for task in tuple(self.plan.tasks)),
        ]
        outcomes.sort(key=_place)
        unwatched = sum(task.outcome is None and task.is_confirmed and task.goal.is_merging for task in self.plan.tasks)
        notices = [*self._notices]
        if unwatched:
            told_of = f"{number(unwatched, 'artifact')} written and not watched to the end"
            notices.append(f"{told_of}: a writer that had read before may undo that, and a rerun would not notice")
        return RunResult(
            outcomes=tuple(outcomes),
            facts=facts,
            errors=tuple(error for error in errors if not _is_of_an_artifact(error, outcomes)),
            notices=tuple(dict.fromkeys(notices)),
            warnings=tuple(dict.fromkeys(self._warnings)),
            is_rolled_back=self.is_rolled_back,
        )


def _unfinished(task: Task, reason: HarLabelsError | None, not_tried: HarLabelsError | None) -> Outcome:
    """The outcome of a task that was not seen through, for `reason`; `not_tried` says so, one for all."""
    if not task.attempts:
        return _outcome(task, Status.SKIPPED, not_tried)
    if task.is_confirmed:
        return _outcome(task, Status.APPLIED, None)
    return _outcome(task, Status.FAILED, cut_short(task, reason))


def _outcome(task: Task, status: Status, error: HarLabelsError | None) -> Outcome:
    labels = {Status.APPLIED: task.target, Status.SKIPPED: task.labels}.get(status)
    return Outcome(task.step, status, labels, task.confirmed_by, task.attempts, error, task.facts)


def _place(outcome: Outcome) -> tuple[str, str, str]:
    return outcome.step.registry_ref, outcome.step.artifact, outcome.step.artifact_type


def _is_of_an_artifact(error: HarLabelsError, outcomes: Iterable[Outcome]) -> bool:
    """Whether an outcome tells this failure already, as when an artifact's own failure stopped the run."""
    return any(outcome.status is Status.FAILED and outcome.error is error for outcome in outcomes)
