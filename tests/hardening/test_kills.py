"""Killed at each request (contract §5 point 8): a rerun ends where an undisturbed run would have, and repeats nothing."""

from __future__ import annotations

import signal
import time

import pytest

from conftest import RunStep
from har_sandbox import Fault, Request, Sandbox
from hardening.conftest import HANGS_AFTER, StartStep, StepProcess
from hardening.interruptions import ALL, MANY, REGISTRY, Work, path_of, puts_in


def boundaries() -> list[object]:
    """Every request of every kind of run; a killed write may or may not have reached the registry."""
    return [
        pytest.param(work, at, is_carried_out, id=f"{work.name}-{at}-{'after' if is_carried_out else 'before'}")
        for work in ALL
        for at in work.boundaries
        for is_carried_out in ((True, False) if at in work.writes else (True,))
    ]


class Kill:
    """Kills the step when the registry gets its k-th request, which is then carried out or not."""

    def __init__(self, box: Sandbox, at: int) -> None:
        self._at, self.count = at, 0
        self.step: StepProcess | None = None
        box.before(self)

    def __call__(self, request: Request) -> None:
        self.count += 1
        if self.count == self._at and self.step:
            self.step.signal(signal.SIGKILL)
            self.step.process.wait(HANGS_AFTER)


@pytest.mark.parametrize(("work", "at", "is_carried_out"), boundaries())
def test_a_kill_at_each_request(
    start_step: StartStep, run_step: RunStep, sandbox: Sandbox, work: Work, at: int, is_carried_out: bool
) -> None:
    """After a kill the same step again ends in the undisturbed end state; what was written is not written again."""
    work.fill(sandbox)
    inputs = work.inputs_in(run_step.new_folder(), sandbox)
    if not is_carried_out:
        sandbox.script([Fault("cut", nth=at)])
    kill = Kill(sandbox, at)
    kill.step = start_step("github", sandbox, inputs)
    kill.step.process.communicate(timeout=HANGS_AFTER)
    assert (kill.step.process.returncode, kill.count) == (-signal.SIGKILL, at)
    while len(sandbox.requests) < at:
        time.sleep(0.01)  # the registry carries out what a dead client asked for
    sandbox.on_request = None
    sandbox.script([])

    unfinished = {path_of(name) for name, labels in work.labels(sandbox).items() if labels != list(work.after)}
    sandbox.forget_requests()
    again = run_step("harness", sandbox, inputs)
    assert (again.code, again.value("status")) == (0, "PLANNED" if work.name == "dry run" else "SUCCESS"), again.log
    assert work.is_finished(sandbox)
    assert sorted(puts_in(sandbox.requests)) == sorted(unfinished)
    assert again.value("changed-count") == str(len(work.artifacts) if work.name == "dry run" else len(unfinished))


def test_a_killed_run_leaves_no_half_file(start_step: StartStep, run_step: RunStep, sandbox: Sandbox) -> None:
    """A plan file from before is whole or untouched after a kill, and none of ours lies beside it."""
    MANY.fill(sandbox)
    folder = run_step.new_folder()
    plan = folder / "plan.jsonl"
    plan.write_text("what was there before\n")
    kill = Kill(sandbox, 1)
    inputs = {**MANY.inputs, "registry-ref": REGISTRY, "dry-run": "true", "save-plan": str(plan)}
    kill.step = start_step("github", sandbox, inputs)
    kill.step.process.communicate(timeout=HANGS_AFTER)
    assert plan.read_text() == "what was there before\n"
    assert list(folder.iterdir()) == [plan]
