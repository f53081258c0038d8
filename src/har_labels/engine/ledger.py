"""What is known of a run at any moment: its plan, its errors, its notices and warnings.

The run's thread writes it, and the main thread reads it, so that a cancelled or overdue run still reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from har_labels.engine.doubts import cut_short
from har_labels.engine.plan import Plan
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
        """Adds a notice, in one line."""
        self._notices.append(line)

    def warn(self, line: str) -> None:
        """Adds a warning, in one line."""
        self._warnings.append(line)

    def result(self, facts: RunFacts, *, cut_short_by: HarLabelsError | None = None) -> RunResult:
        """The result so far; `cut_short_by` is why the run was ended, or is not over yet.

        An artifact without an outcome is reported as far as is known, never as better than that.
        """
        errors = list(dict.fromkeys([*filter(None, [cut_short_by]), *self.errors, *self.plan.errors]))
        reason = next((error for error in (*errors, *(one.error for one in self.plan.outcomes)) if error), None)
        not_tried = reason.reworded(f"not tried, as {reason.what}") if reason else None
        of_tasks = (_outcome_of(task, reason, not_tried) for task in tuple(self.plan.tasks))
        outcomes = sorted(
            [*self.plan.outcomes, *of_tasks],
            key=lambda one: (one.step.registry_ref, one.step.artifact, one.step.artifact_type),
        )
        # An artifact's own failure may have stopped the run, and is reported with its outcome.
        of_artifacts = {id(outcome.error) for outcome in outcomes if outcome.status is Status.FAILED}
        return RunResult(
            outcomes=tuple(outcomes),
            facts=facts,
            errors=tuple(error for error in errors if id(error) not in of_artifacts),
            notices=tuple(dict.fromkeys([*self._notices, *self._notices_of_tasks()])),
            warnings=tuple(dict.fromkeys(self._warnings)),
            rollback_was_tried=self.rollback_was_tried,
            breaches=self.plan.breaches,
            is_over_glob=self.plan.is_over_glob,
        )

    def _notices_of_tasks(self) -> Iterator[str]:
        """What shows only at the end: where a rollback failed or was cut short, and which writes were not watched."""
        not_undone = 0
        for task in self.plan.tasks:
            if not (undo := task.undo):
                continue
            was_written = bool(task.outcome and task.outcome.status in WRITTEN_STATUSES)
            not_undone += was_written and not undo.outcome and not undo.is_confirmed and undo.is_known
            if undo.outcome and undo.outcome.error:
                why = undo.outcome.error.what.removeprefix(undo.subject).lstrip(": ")
                yield f"{undo.subject} is not rolled back: {why}"
        if not_undone:
            left = number(not_undone, "artifact")
            yield f"the run was cut short while it rolled back: {left} left as they were written"
        unwatched = sum(task.outcome is None and task.is_confirmed and task.goal.is_merging for task in self.plan.tasks)
        if unwatched:
            written = f"{number(unwatched, 'artifact')} written and not watched to the end"
            yield f"{written}: a writer that had read before may undo that, and a rerun would not notice"


def _outcome_of(task: Task, reason: HarLabelsError | None, not_tried: HarLabelsError | None) -> Outcome:
    outcome = task.outcome or _outcome_of_unfinished(task, reason, not_tried)
    return _after_undo(outcome, task.undo, reason) if task.undo else outcome


def _outcome_of_unfinished(task: Task, reason: HarLabelsError | None, not_tried: HarLabelsError | None) -> Outcome:
    """The outcome of a task that was ended for `reason`; `not_tried` is that for all that were not begun."""
    error: HarLabelsError | None = None
    if not task.attempts:
        status, error = Status.SKIPPED, not_tried
    elif task.is_confirmed:
        status = Status.SUPERSEDED if task.is_superseded else Status.APPLIED
    else:
        status, error = Status.FAILED, cut_short(task, reason)
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


def _after_undo(outcome: Outcome, undo: Task, reason: HarLabelsError | None) -> Outcome:
    """The outcome of an artifact whose write was rolled back, or was to be: as far as is known, never as better."""
    wrote_added, wrote_removed = _net_writes(outcome, undo)
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


def _net_writes(outcome: Outcome, undo: Task) -> tuple[Labels | None, Labels | None]:
    """What our writes and those that took them back have added and removed in all; None for both where not known."""
    added, removed = outcome.wrote_added, outcome.wrote_removed
    added_back, removed_back = (undo.outcome.wrote_added, undo.outcome.wrote_removed) if undo.outcome else undo.wrote
    if added is None or removed is None or added_back is None or removed_back is None:
        return None, None
    net_added = (set(added) - set(removed_back)) | (set(added_back) - set(removed))
    net_removed = (set(removed) - set(added_back)) | (set(removed_back) - set(added))
    return to_labels(net_added), to_labels(net_removed)


def _is_undone(outcome: Outcome, undo: Task) -> bool:
    if not undo.outcome:
        return undo.is_confirmed
    # Without a write of ours somebody else has restored it; one that was never written needs no undoing.
    is_restored = undo.outcome.status is Status.UNCHANGED and outcome.status in WRITTEN_STATUSES
    return undo.outcome.status is Status.APPLIED or is_restored
