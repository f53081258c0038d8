"""Cancelled at each request (contract §5 point 8): nothing new is written, everything is reported, a rerun finishes the job."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from conftest import RunStep
from har_sandbox import Fault, Request, Sandbox
from hardening.conftest import StartStep, StepProcess
from hardening.interruptions import ALL, MANY, MERGED, ONE, REGISTRY, Work, check_told_the_truth, path_of, puts_in

SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130}
# An answer to a write is delayed so long that the signal arrives before it.
HELD = 0.3
# A cancelled run waits 5 s for writes; one that ends in fewer has not waited.
WITHOUT_GRACE = 4


class Interruption:
    """Sends a signal when the registry gets its k-th request, and answers when the step has surely noticed."""

    def __init__(self, box: Sandbox, at: int, number: int) -> None:
        self._at, self._number = at, number
        self.step: StepProcess | None = None
        self._has_step = threading.Event()
        self.seen: list[Request] = []
        self.sent_at = 0.0
        box.before(self)

    def of(self, step: StepProcess) -> StepProcess:
        """Is about this step, which may have sent its first request already."""
        self.step = step
        self._has_step.set()
        return step

    def __call__(self, request: Request) -> None:
        self.seen.append(request)
        if len(self.seen) == self._at and self._has_step.wait(WITHOUT_GRACE) and self.step:
            self.sent_at = time.monotonic()
            self.step.signal(self._number)
            self.step.has_ended_within(HELD if request.method == "PUT" else WITHOUT_GRACE)


def boundaries() -> list[object]:
    """Every request of every kind of run."""
    return [pytest.param(work, at, id=f"{work.name}-{at}") for work in ALL for at in work.boundaries]


@pytest.mark.parametrize("work", ALL, ids=lambda work: work.name)
def test_how_many_requests_a_run_has(run_step: RunStep, sandbox: Sandbox, work: Work) -> None:
    """The undisturbed runs send as many requests as the walks below walk through, and end as they expect."""
    work.fill(sandbox)
    done = run_step("github", sandbox, work.inputs_in(run_step.new_folder(), sandbox))
    assert (done.code, len(sandbox.requests)) == (0, work.requests)
    assert work.is_finished(sandbox)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize(("work", "at"), boundaries())
def test_a_signal_at_each_request(
    start_step: StartStep, run_step: RunStep, sandbox: Sandbox, work: Work, at: int, number: signal.Signals
) -> None:
    """No write starts after it; code, outputs, summary and report have the actual labels; a rerun finishes without writing twice."""
    work.fill(sandbox)
    ci = "harness" if at % 2 else "github"
    inputs = work.inputs_in(run_step.new_folder(), sandbox)
    report = run_step.new_folder() / "report.json"
    interruption = Interruption(sandbox, at, number)
    done = interruption.of(start_step(ci, sandbox, {**inputs, "report-file": str(report)})).done()
    sandbox.on_request = None

    assert len(interruption.seen) == at
    check_told_the_truth(work, sandbox, done)
    assert (done.outputs["exit-code"], report.exists()) == (str(done.code), True)
    # Even if the last answer completed the job, the cancellation is reported (contract §5 point 8).
    assert done.code == SIGNALS[number], done.log
    assert done.errors[0] == "HAR-CANCELLED"
    assert done.outputs["status"] == ("PARTIAL" if puts_in(interruption.seen) else "FAILED")
    assert "Cancelled" in done.summary
    if interruption.seen[-1].method == "GET":
        assert time.monotonic() - interruption.sent_at < WITHOUT_GRACE

    unfinished = {path_of(name) for name, labels in work.labels(sandbox).items() if labels != list(work.after)}
    sandbox.forget_requests()
    again = run_step("github", sandbox, inputs)
    assert again.code == 0, again.log
    assert work.is_finished(sandbox)
    assert sorted(puts_in(sandbox.requests)) == sorted(unfinished)


@pytest.mark.parametrize(
    ("first", "second"),
    [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)],
)
def test_a_second_signal_ends_at_once(
    start_step: StartStep, sandbox: Sandbox, first: signal.Signals, second: signal.Signals
) -> None:
    """While a write in flight has its 5 s, a second signal does not wait for them."""
    ONE.fill(sandbox)
    steps: list[StepProcess] = []
    waits: list[bool] = []

    @sandbox.before
    def hold(request: Request) -> None:
        if request.method == "PUT":
            steps[0].signal(first)
            waits.append(not steps[0].has_ended_within(HELD))
            steps[0].signal(second)
            waits.append(steps[0].has_ended_within(WITHOUT_GRACE))

    steps.append(start_step("github", sandbox, {**ONE.inputs, "registry-ref": REGISTRY}))
    step = steps[0]
    assert step.has_ended_within(WITHOUT_GRACE)
    assert step.process.returncode == SIGNALS[second]
    assert waits[:1] == [True]


def test_a_write_in_flight_has_its_grace_and_no_more(start_step: StartStep, sandbox: Sandbox) -> None:
    """A server that never answers a write does not keep a cancelled run: it ends, and reports an unknown outcome."""
    MANY.fill(sandbox)
    sandbox.script([Fault("latency", method="PUT", delay=30, times=9)])
    steps: list[StepProcess] = []

    @sandbox.before
    def cancel(request: Request) -> None:
        if request.method == "PUT":
            steps[0].signal(signal.SIGTERM)

    steps.append(
        start_step("harness", sandbox, {**MANY.inputs, "registry-ref": REGISTRY, "concurrency": "1", "timeout": "60"})
    )
    done = steps[0].done()
    assert (done.code, done.outputs["status"]) == (143, "FAILED")
    assert [row["status"] for row in done.value("results")] == ["failed", "skipped", "skipped"]
    assert "not known" in done.value("results")[0]["error"]["what"]


def test_a_watch_that_is_cut_short_is_reported(start_step: StartStep, sandbox: Sandbox) -> None:
    """Cancelled during its watch, a merged change counts as applied, and a notice says that it was not verified."""
    MERGED.fill(sandbox)
    steps: list[StepProcess] = []

    @sandbox.before
    def cancel(request: Request) -> None:
        if request.method == "GET" and puts_in(sandbox.requests):
            steps[0].signal(signal.SIGTERM)
            steps[0].has_ended_within(HELD)

    steps.append(start_step("github", sandbox, {**MERGED.inputs, "registry-ref": REGISTRY, "settle": "20"}))
    done = steps[0].done()
    assert (done.code, [row["status"] for row in done.value("results")]) == (143, ["applied"] * 3)
    assert (
        "3 artifacts written and not watched to the end: a client that read the labels before our write may still undo it"
        in done.log
    )


def test_reads_do_not_outlive_a_cancel_beside_a_write(start_step: StartStep, sandbox: Sandbox) -> None:
    """With writes and reads under way at once, only the writes are waited for."""
    MANY.fill(sandbox)
    steps: list[StepProcess] = []
    held: list[str] = []

    @sandbox.before
    def hold(request: Request) -> None:
        if request.method == "PUT":
            held.append(request.path)
            if len(held) == 3:
                steps[0].signal(signal.SIGINT)
            time.sleep(2 * HELD)

    steps.append(start_step("github", sandbox, {**MANY.inputs, "registry-ref": REGISTRY, "concurrency": "3"}))
    done = steps[0].done()
    assert MANY.is_finished(sandbox)
    assert done.outputs["changed-count"] == "3"
    assert done.code in {0, 130}


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1, 0.15, 0.2, 0.25])
def test_a_signal_while_it_starts(start_step: StartStep, sandbox: Sandbox, after: float) -> None:
    """Before anything is written a signal just ends the process; no traceback, no write."""
    ONE.fill(sandbox)
    sandbox.script([Fault("latency", method="GET", delay=30)])
    step = start_step("github", sandbox, {**ONE.inputs, "registry-ref": REGISTRY})
    time.sleep(after)
    step.signal(signal.SIGTERM)
    assert step.has_ended_within(WITHOUT_GRACE)
    # -15: Python itself was still starting.
    assert step.process.returncode in {143, -15}
    assert b"Traceback" not in step.process.communicate()[1]
    assert not puts_in(sandbox.requests)
