"""The state of a run at any moment: its plan, errors, notices and warnings.

The run's thread writes it, and the main thread reads it, so that a cancelled or overdue run still reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from har_labels.engine.plan import Plan
from har_labels.engine.task import Task
from har_labels.engine.verify import interrupted
from har_labels.errors import HarLabelsError
from har_labels.model.goal import Found, is_merging
from har_labels.model.labels import Labels, to_labels
from har_labels.model.outcome import WRITTEN_STATUSES, ConfirmedBy, Outcome, RunFacts, RunResult, Status
from har_labels.text import number


class Ledger:
    """All data of the report. `errors` are the run's own, not those of single artifacts."""

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

    @property
    def retried_writes(self) -> int:
        """The number of PUTs after the first of a task, those of rollbacks included."""
        tasks = tuple(self.plan.tasks)
        rollbacks = [task.rollback for task in tasks if task.rollback]
        return sum(max(0, task.attempts - 1) for task in (*tasks, *rollbacks))

    def result(self, facts: RunFacts, *, cut_short_by: HarLabelsError | None = None) -> RunResult:
        """The result so far. `cut_short_by`: the reason for ending a run that is not over.

        An artifact without an outcome is reported only as far as its state is proven.
        """
        errors = list(dict.fromkeys([*filter(None, [cut_short_by]), *self.errors, *self.plan.errors]))
        reason = next((error for error in (*errors, *(one.error for one in self.plan.outcomes)) if error), None)
        not_tried = reason.reworded(f"not tried, as {reason.what}") if reason else None
        outcomes = list(self.plan.outcomes)
        for task in tuple(self.plan.tasks):
            outcome = task.outcome or _outcome_of_unfinished(task, reason, not_tried)
            outcomes.append(_after_rollback(outcome, task.rollback, reason) if task.rollback else outcome)
        outcomes.sort(key=lambda one: (one.step.registry_ref, one.step.artifact, one.step.artifact_type))
        # The failure of an artifact may have stopped the run; it is reported with the outcome alone.
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
        """Notices that need the final state: rollbacks that failed or were cut short, and writes that were not watched."""
        not_rolled_back = 0
        for task in self.plan.tasks:
            if not (rollback := task.rollback):
                continue
            was_written = bool(task.outcome and task.outcome.status in WRITTEN_STATUSES)
            not_rolled_back += (
                was_written and not rollback.outcome and not rollback.is_confirmed and rollback.has_current_labels
            )
            if rollback.outcome and rollback.outcome.error:
                why = rollback.outcome.error.what.removeprefix(rollback.subject).lstrip(": ")
                yield f"{rollback.subject} is not rolled back: {why}"
        if not_rolled_back:
            left = number(not_rolled_back, "artifact")
            yield f"the run was cut short while it rolled back: {left} left as they were written"
        unwatched = sum(
            task.outcome is None and task.is_confirmed and is_merging(task.goal) for task in self.plan.tasks
        )
        if unwatched:
            written = f"{number(unwatched, 'artifact')} written and not watched to the end"
            yield f"{written}: a client that read the labels before our write may still undo it, and a rerun would not notice"


def _outcome_of_unfinished(task: Task, reason: HarLabelsError | None, not_tried: HarLabelsError | None) -> Outcome:
    """The outcome of a task that ended early for `reason`; `not_tried`: that reason for tasks that were not begun."""
    error: HarLabelsError | None = None
    if not task.attempts:
        status, error = Status.SKIPPED, not_tried
    elif task.is_confirmed and (found := task.found_after_write) is not Found.UNDONE:
        status = Status.SUPERSEDED if found is Found.SUPERSEDED else Status.APPLIED
    else:
        status, error = Status.FAILED, interrupted(task, reason)
    return task.outcome_of(status, task.proven_labels, error)


def _after_rollback(outcome: Outcome, rollback: Task, reason: HarLabelsError | None) -> Outcome:
    """The outcome of an artifact after its rollback, or after the attempt; only as far as it is proven."""
    wrote_added, wrote_removed = _net_writes(outcome, rollback)
    attempts = outcome.attempts + rollback.attempts
    outcome = replace(outcome, attempts=attempts, wrote_added=wrote_added, wrote_removed=wrote_removed)
    ended = rollback.outcome
    if _is_rolled_back(outcome, rollback):
        confirmed_by = rollback.confirmed_by or ConfirmedBy.READ_BACK
        return replace(
            outcome, status=Status.ROLLED_BACK, labels=rollback.target, confirmed_by=confirmed_by, error=None
        )
    if ended and ended.labels is not None:
        is_theirs = outcome.status in WRITTEN_STATUSES and ended.labels != outcome.labels
        return replace(outcome, status=Status.SUPERSEDED if is_theirs else outcome.status, labels=ended.labels)
    if rollback.attempts and not rollback.has_current_labels:
        error = ended.error if ended else interrupted(rollback, reason)
        return replace(outcome, status=Status.FAILED, labels=None, confirmed_by=ConfirmedBy.NOTHING, error=error)
    return outcome


def _net_writes(outcome: Outcome, rollback: Task) -> tuple[Labels | None, Labels | None]:
    """The labels that our writes and the rollback added and removed in total; None for both if unknown."""
    added, removed = outcome.wrote_added, outcome.wrote_removed
    added_back, removed_back = (
        (rollback.outcome.wrote_added, rollback.outcome.wrote_removed) if rollback.outcome else rollback.wrote
    )
    if added is None or removed is None or added_back is None or removed_back is None:
        return None, None
    net_added = (set(added) - set(removed_back)) | (set(added_back) - set(removed))
    net_removed = (set(removed) - set(added_back)) | (set(removed_back) - set(added))
    return to_labels(net_added), to_labels(net_removed)


def _is_rolled_back(outcome: Outcome, rollback: Task) -> bool:
    if not rollback.outcome:
        return rollback.is_confirmed
    # UNCHANGED after a write of ours: another client has restored the labels. Without a write there was nothing to revert.
    is_restored = rollback.outcome.status is Status.UNCHANGED and outcome.status in WRITTEN_STATUSES
    return rollback.outcome.status is Status.APPLIED or is_restored
