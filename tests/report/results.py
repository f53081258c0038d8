"""Builds results of every kind for tests of how they are reported."""

from __future__ import annotations

from typing import Any

from har_labels.errors import Forbidden, HarLabelsError
from har_labels.model.labels import Labels
from har_labels.model.outcome import Outcome, RunFacts, RunResult, Status, Step
from har_labels.platforms.platform import Platform
from har_labels.report.summary import summary_of
from har_labels.report.verdict import verdict_of

_AS_WANTED = object()


def outcome(
    artifact: str = "resnet50",
    before: Labels | None = (),
    after: Labels = (),
    status: Status = Status.APPLIED,
    *,
    labels: Any = _AS_WANTED,
    registry_ref: str = "acme/ml/models/+",
    **more: Any,
) -> Outcome:
    """One outcome; its labels are what was wanted unless given."""
    step = Step(registry_ref, artifact, "", before, after)
    return Outcome(step, status, after if labels is _AS_WANTED else labels, **more)


def failed(error: HarLabelsError | None, artifact: str = "broken") -> Outcome:
    """An artifact that failed, nothing known of its labels."""
    return outcome(artifact, None, (), Status.FAILED, labels=None, error=error)


# One outcome of each kind.
DONE = outcome(before=("a",), after=("b",))
SAME = outcome(before=("a",), after=("a",), status=Status.UNCHANGED)
SKIPPED = outcome(before=None, status=Status.SKIPPED, labels=None)
BACK = outcome(before=("a",), after=("b",), status=Status.ROLLED_BACK, labels=("a",))
PLANNED = outcome(before=("a",), after=("b",), status=Status.PLANNED, labels=("a",))
FORBIDDEN = failed(Forbidden("no"))


def run(
    *outcomes: Outcome,
    errors: tuple[HarLabelsError, ...] = (),
    mode: str = "replace",
    dry_run: bool = False,
    report_file: str = "",
    registry: str = "",
) -> RunResult:
    """A run with these outcomes."""
    facts = RunFacts(mode, dry_run, requests=5, retries=1, seconds=2.5, report_file=report_file, registry=registry)
    was_tried = any(one.status is Status.ROLLED_BACK for one in outcomes)
    return RunResult(outcomes, facts, errors, rollback_was_tried=was_tried)


def summary(result: RunResult, **limits: Any) -> str:
    """The job summary of a run, at most as large as the `limits`."""
    return summary_of(result, verdict_of(result), **({"limit": Platform.summary_limit} | limits))
