"""The verdict of a run: its counts, failures, status and exit code, computed once from the result (contract §4). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from har_labels.errors import SOME_FAILED, Cancelled, Defect, GateClosed, HarLabelsError, PastDeadline
from har_labels.model.labels import Mode
from har_labels.model.outcome import WRITTEN_STATUSES, Outcome, RunResult, Status


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of artifacts by their outcome. The last four add up to `matched`; `unchanged` includes those rolled back."""

    matched: int
    changed: int
    unchanged: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`status` is SUCCESS, PLANNED, PARTIAL or FAILED. `failures` are the run's own, then those of its artifacts."""

    status: str
    exit_code: int
    counts: Counts
    failures: tuple[HarLabelsError, ...]


def verdict_of(result: RunResult) -> Verdict:
    """The verdict of a run, from its result alone."""
    counts, failures = _counts(result.outcomes), tuple(_failures(result))
    if not failures:
        return Verdict("PLANNED" if result.facts.dry_run else "SUCCESS", 0, counts, failures)
    is_partly_done = _is_partly_done(result, failures)
    exit_code = _exit_code(failures, result, is_partly_done=is_partly_done)
    return Verdict("PARTIAL" if is_partly_done else "FAILED", exit_code, counts, failures)


def is_move(result: RunResult) -> bool:
    """Whether all artifacts of the run are one change: the label is moved, or it is not."""
    return result.facts.mode == Mode.MOVE


def _failures(result: RunResult) -> Iterator[HarLabelsError]:
    """The run's own failures, then those of its artifacts. An artifact that failed without a reason is a defect."""
    yield from result.errors
    for outcome in result.outcomes:
        if outcome.status is Status.FAILED:
            yield outcome.error or Defect(f"{outcome.step.artifact} failed without a reason")


def _exit_code(failures: Sequence[HarLabelsError], result: RunResult, *, is_partly_done: bool) -> int:
    """In this order: cancelled, a defect (1), some failed (11), past the deadline, the shared cause, the lowest."""
    if cancel := next((failure for failure in failures if isinstance(failure, Cancelled)), None):
        return 128 + cancel.signal_number
    codes = {failure.exit_code for failure in failures}
    if Defect.exit_code in codes:
        return Defect.exit_code
    if is_partly_done and not result.rollback_was_tried and not is_move(result):
        return SOME_FAILED
    if any(isinstance(failure, PastDeadline) for failure in failures):
        return PastDeadline.exit_code
    return min(codes)


def _is_partly_done(result: RunResult, failures: Sequence[HarLabelsError]) -> bool:
    """Whether some artifacts are as wanted, though others, or the run, failed.

    An artifact that needed no change counts if another one failed by itself. It does not count after a rollback, nor beside
    a closed gate, which holds for the whole run: nothing was written then (contract §3 `require`).
    """
    statuses = {outcome.status for outcome in result.outcomes}
    if is_move(result):  # a move that is half done has failed, unless it was cut short
        return bool(statuses & WRITTEN_STATUSES) and any(
            isinstance(error, Cancelled | PastDeadline) for error in result.errors
        )
    if statuses & WRITTEN_STATUSES:
        return True
    is_gate_closed = any(isinstance(failure, GateClosed) for failure in failures)
    return {Status.FAILED, Status.UNCHANGED} <= statuses and not is_gate_closed and not result.rollback_was_tried


def _counts(outcomes: Sequence[Outcome]) -> Counts:
    by_status = Counter(outcome.status for outcome in outcomes)
    failed, skipped = by_status[Status.FAILED], by_status[Status.SKIPPED]
    changed = sum(outcome.has_changed for outcome in outcomes)
    return Counts(len(outcomes), changed, len(outcomes) - changed - failed - skipped, failed, skipped)
