"""What is known of a run at any moment: its plan, what went wrong, what is worth telling.

Written by the run's thread and read by another, which is how a cancelled or overdue run still reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from har_labels.engine.doubts import cut_short
from har_labels.engine.planner import Plan
from har_labels.engine.task import Task
from har_labels.errors import HarLabelsError
from har_labels.model.labels import Labels, to_labels
from har_labels.model.outcome import WRITTEN_STATUSES, ConfirmedBy, Outcome, RunFacts, RunResult, Status
from har_labels.text import number


class Ledger:
    """Everything a report is made of. `errors` are the run's own, not those of single artifacts."""

    def __init__(self, warnings: Sequence[str] = ()) -> None:
        self.plan = Plan()
        self.errors: list[HarLabelsError] = []
        self.rollback_was_tried = False
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
            *(_outcome_of(task, reason, not_tried) for task in tuple(self.plan.tasks)),
        ]
        outcomes.sort(key=_place)
        return RunResult(
            outcomes=tuple(outcomes),
            facts=facts,
            errors=tuple(error for error in errors if not _is_of_an_artifact(error, outcomes)),
            notices=tuple(dict.fromkeys([*self._notices, *self._notices_of_tasks()])),
            warnings=tuple(dict.fromkeys(self._warnings)),
            rollback_was_tried=self.rollback_was_tried,
            breaches=self.plan.breaches,
            is_over_glob=self.plan.is_over_glob,
        )

    def _notices_of_tasks(self) -> Iterator[str]:
        """What nobody could note when it happened: where a rollback did not get through, and where a watch did not."""
        left = 0
        for task in self.plan.tasks:
            if not (undo := task.undo):
                continue
            was_written = bool(task.outcome and task.outcome.status in WRITTEN_STATUSES)
            left += was_written and not undo.outcome and not undo.is_confirmed and undo.is_known
            if undo.outcome and undo.outcome.error:
                said = undo.outcome.error.what.removeprefix(undo.subject).lstrip(": ")
                yield f"{undo.subject} is not rolled back: {said}"
        if left:
            yield f"the run was cut short while it rolled back: {number(left, 'artifact')} left as they were written"
        unwatched = sum(task.outcome is None and task.is_confirmed and task.goal.is_merging for task in self.plan.tasks)
        if unwatched:
            told_of = f"{number(unwatched, 'artifact')} written and not watched to the end"
            yield f"{told_of}: a writer that had read before may undo that, and a rerun would not notice"


def _outcome_of(task: Task, reason: HarLabelsError | None, not_tried: HarLabelsError | None) -> Outcome:
    outcome = task.outcome or _unfinished(task, reason, not_tried)
    return _with_undo(outcome, task.undo, reason) if task.undo else outcome


def _with_undo(outcome: Outcome, undo: Task, reason: HarLabelsError | None) -> Outcome:
    """What became of an artifact whose write was to be undone: as far as is known, and never better than that."""
    wrote_added, wrote_removed = _wrote_in_all(outcome, undo)
    attempts = outcome.attempts + undo.attempts
    outcome = replace(outcome, attempts=attempts, wrote_added=wrote_added, wrote_removed=wrote_removed)
    ended = undo.outcome
    if _is_undone(outcome, undo):
        confirmed_by = undo.confirmed_by or ConfirmedBy.READ_BACK
        return replace(outcome, status=Status.ROLLED_BACK, labels=undo.target, confirmed_by=confirmed_by, error=None)
    if ended and ended.labels is not None:
        is_theirs = outcome.status in WRITTEN_STATUSES and ended.labels != outcome.labels
        return replace(outcome, status=Status.SUPERSEDED if is_theirs else outcome.status, labels=ended.labels)
    if undo.attempts and not undo.is_known:
        error = ended.error if ended else cut_short(undo, reason)
        return replace(outcome, status=Status.FAILED, labels=None, confirmed_by=ConfirmedBy.NOTHING, error=error)
    return outcome


def _wrote_in_all(outcome: Outcome, undo: Task) -> tuple[Labels | None, Labels | None]:
    """What is left of our writes after those that took them back."""
    first = outcome.wrote_added, outcome.wrote_removed
    then = (undo.outcome.wrote_added, undo.outcome.wrote_removed) if undo.outcome else undo.wrote
    if first[0] is None or first[1] is None or then[0] is None or then[1] is None:
        return None, None
    added = (set(first[0]) - set(then[1])) | (set(then[0]) - set(first[1]))
    removed = (set(first[1]) - set(then[0])) | (set(then[1]) - set(first[0]))
    return to_labels(added), to_labels(removed)


def _is_undone(outcome: Outcome, undo: Task) -> bool:
    if not undo.outcome:
        return undo.is_confirmed
    # Without a write of ours somebody else has restored it; one that was never written needs no undoing.
    is_restored = undo.outcome.status is Status.UNCHANGED and outcome.status in WRITTEN_STATUSES
    return undo.outcome.status is Status.APPLIED or is_restored


def _unfinished(task: Task, reason: HarLabelsError | None, not_tried: HarLabelsError | None) -> Outcome:
    """The outcome of a task that was not seen through, for `reason`; `not_tried` says so, one for all."""
    if not task.attempts:
        return _outcome(task, Status.SKIPPED, not_tried)
    if task.is_confirmed:
        return _outcome(task, Status.SUPERSEDED if task.is_superseded else Status.APPLIED, None)
    return _outcome(task, Status.FAILED, cut_short(task, reason))


def _outcome(task: Task, status: Status, error: HarLabelsError | None) -> Outcome:
    labels = task.labels if task.is_known else task.target if status is Status.APPLIED else None
    wrote_added, wrote_removed = task.wrote
    return Outcome(
        task.step,
        status,
        labels,
        task.confirmed_by,
        task.attempts,
        error,
        task.facts,
        is_read=task.goal.is_read,
        wrote_added=wrote_added,
        wrote_removed=wrote_removed,
        is_former=task.is_former,
    )


def _place(outcome: Outcome) -> tuple[str, str, str]:
    return outcome.step.registry_ref, outcome.step.artifact, outcome.step.artifact_type


def _is_of_an_artifact(error: HarLabelsError, outcomes: Iterable[Outcome]) -> bool:
    """Whether an outcome tells this failure already, as when an artifact's own failure stopped the run."""
    return any(outcome.status is Status.FAILED and outcome.error is error for outcome in outcomes)
