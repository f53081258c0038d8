"""The verdict of a run: its counts, status and exit code."""

from __future__ import annotations

import pytest

from har_labels.errors import (
    ArtifactNotFound,
    Cancelled,
    Defect,
    Forbidden,
    InputError,
    PastDeadline,
    Refused,
    RequireFailed,
    TooManyChanges,
    Unreachable,
)
from har_labels.model.outcome import RunResult, Status
from har_labels.report.verdict import Counts, verdict_of
from report.results import BACK, DONE, FORBIDDEN, PLANNED, SAME, SKIPPED, failed, outcome, run


@pytest.mark.parametrize(
    ("result", "code", "status"),
    [
        (run(), 0, "SUCCESS"),
        (run(DONE, SAME, SKIPPED), 0, "SUCCESS"),
        (run(PLANNED, dry_run=True), 0, "PLANNED"),
        (run(errors=(InputError("x"),)), 2, "FAILED"),
        (run(errors=(InputError("x"), Forbidden("y"))), 2, "FAILED"),
        (run(errors=(RequireFailed("x"),)), 10, "FAILED"),
        (run(PLANNED, errors=(TooManyChanges("x"),), dry_run=True), 10, "FAILED"),
        (run(SAME, errors=(RequireFailed("x"),)), 10, "FAILED"),
        (run(SAME, failed(RequireFailed("x"))), 10, "FAILED"),
        (run(FORBIDDEN), 3, "FAILED"),
        (run(FORBIDDEN, failed(ArtifactNotFound("x"))), 3, "FAILED"),
        (run(FORBIDDEN, DONE), 11, "PARTIAL"),
        (run(FORBIDDEN, SAME), 11, "PARTIAL"),
        (run(FORBIDDEN, SKIPPED), 3, "FAILED"),
        (run(FORBIDDEN, BACK), 3, "FAILED"),
        (run(FORBIDDEN, BACK, SAME), 3, "FAILED"),
        (run(FORBIDDEN, BACK, DONE), 3, "PARTIAL"),
        (run(FORBIDDEN, failed(PastDeadline("x"))), 7, "FAILED"),
        (run(DONE, errors=(PastDeadline("x"),)), 11, "PARTIAL"),
        (run(failed(Refused("x")), failed(Unreachable("x"))), 6, "FAILED"),
        (run(failed(Unreachable("x")), failed(Unreachable("x"))), 7, "FAILED"),
        (run(DONE, failed(None)), 1, "PARTIAL"),
        (run(DONE, errors=(Defect("x"),)), 1, "PARTIAL"),
        (run(DONE, errors=(Cancelled("x"),)), 130, "PARTIAL"),
        (run(errors=(Cancelled("x", signal_number=15), Defect("y"))), 143, "FAILED"),
        (run(DONE, failed(Cancelled("x", signal_number=15))), 143, "PARTIAL"),
        (run(outcome(status=Status.SUPERSEDED, after=("b",), labels=("c",)), FORBIDDEN), 11, "PARTIAL"),
    ],
)
def test_a_run_has_one_exit_code_and_one_status(result: RunResult, code: int, status: str) -> None:
    """Cancelled, a defect, some failed, the deadline, the shared cause, the lowest: in that order."""
    verdict = verdict_of(result)
    assert (verdict.exit_code, verdict.status) == (code, status)


def test_counts_add_up_to_the_artifacts_of_the_run() -> None:
    """Every artifact is counted once; one that was rolled back has its labels unchanged."""
    counts = verdict_of(run(DONE, SAME, SKIPPED, BACK, FORBIDDEN)).counts
    assert counts == Counts(matched=5, changed=1, unchanged=2, failed=1, skipped=1)
