"""Steps as processes of their own, with whatever surroundings a test gives them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ci import steps
from ci.steps import Done
from conftest import RunStep, entrypoint
from har_sandbox import Sandbox

# So long may any step of these tests take before it counts as hanging; none needs a tenth of it.
HANGS_AFTER = 60


@dataclass
class StepProcess:
    """A step under way: the entrypoint as a CI starts it."""

    ci: str
    folder: Path
    process: subprocess.Popen[bytes]
    run_step: RunStep
    began: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def has_ended_within(self, seconds: float) -> bool:
        """Waits for the end, at most so long."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def done(self) -> Done:
        """What the CI has when it is over."""
        out, err = (stream.decode() for stream in self.process.communicate(timeout=HANGS_AFTER))
        self.run_step.watch.logs += [out, err]
        return steps.done(self.ci, self.folder, self.process.returncode, out, err)

    def seconds(self) -> float:
        return time.monotonic() - self.began


class StartStep:
    """Starts steps; whatever is still running when the test is over is ended."""

    def __init__(self, run_step: RunStep) -> None:
        self.run_step = run_step
        self.started: list[StepProcess] = []

    def __call__(
        self,
        ci: str,
        box: Sandbox | None,
        inputs: Mapping[str, str],
        *,
        environ: Mapping[str, str | None] | None = None,
        argv: Sequence[str] = (),
        command: Sequence[str] = (),
        **more: Any,
    ) -> StepProcess:
        """`command` precedes the entrypoint or replaces it (`{}` is its position); `more` is for Popen."""
        folder = self.run_step.new_folder()
        variables = self.run_step.variables(ci, folder, box, inputs, environ or {})
        words = entrypoint(*argv, *(["--json"] if ci == "terminal" else []))
        if command:
            words = [one for word in command for one in (words if word == "{}" else [word])]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(words, env=variables, **{**streams, **more})
        step = StepProcess(ci, folder, process, self.run_step, time.monotonic())
        self.started.append(step)
        return step


@pytest.fixture
def start_step(run_step: RunStep) -> Iterator[StartStep]:
    """Starts steps as processes and does not wait for them."""
    start = StartStep(run_step)
    yield start
    for step in start.started:
        if step.process.poll() is None:
            step.process.kill()
        for stream in (step.process.stdin, step.process.stdout, step.process.stderr):
            if stream:
                stream.close()
        step.process.wait()


@pytest.fixture
def in_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes a workspace and goes there, as the CI starts a step in it."""

    def go(name: str = "workspace") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        return folder

    return go
