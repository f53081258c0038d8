"""The composite action from its first step to its last: an environment out of the package registry, then a run in it.

`make test` leaves these out: once its own environment is there it needs no network, and these ask the package registry that
pip is set up for, each time. `make test-composite` runs them, and with it .ci/run and the release. Where the registry can't be
reached they fail: nothing here is skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ci import composite
from ci.composite import commands, passing_on_to
from conftest import ROOT, Watch
from har_sandbox import Sandbox

# What pip is told by this machine, kept before the tests' own environment takes proxies and certificates away.
MACHINE = dict(os.environ)


@dataclass(frozen=True)
class Runner:
    """A machine with one temporary folder, which all jobs' steps on it share."""

    temp: Path
    folder: Path

    def prepare(self, path: Path, **more: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        """The first step, with the commands of `path` first on PATH."""
        variables = {**MACHINE, "RUNNER_TEMP": str(self.temp), "PATH": f"{path}{os.pathsep}{MACHINE['PATH']}", **more}
        return composite.prepare(self.folder, variables)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner on which nothing was prepared yet."""
    return Runner(tmp_path_factory.mktemp("temp"), tmp_path_factory.mktemp("prepare"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PATH as actions/setup-python leaves it: `python3` is the one chosen, here that of these tests."""
    return commands(tmp_path_factory.mktemp("path") / "bin", python3=passing_on_to(sys.executable))


@pytest.fixture(scope="module")
def python(runner: Runner, path: Path) -> str:
    """The Python that the first step made."""
    ran, outputs = runner.prepare(path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return outputs["python"]


def test_it_installs_what_is_locked(runner: Runner, python: str) -> None:
    """The environment is in the runner's temporary folder, and all that is in it is of the lock file, in its version."""
    assert Path(python).is_relative_to(runner.temp)
    words = [python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    listed = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    locked = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    extra = pinned(listed) - pinned(locked)
    assert {line.partition("==")[0] for line in extra} <= {"pip", "setuptools"}  # which venv itself puts there


def pinned(text: str) -> set[str]:
    """The `name==version` of each line, the names in their one normal form."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {f"{re.sub('[-_.]+', '-', name).lower()}=={version}" for name, version in found}


def test_it_labels(python: str, sandbox: Sandbox, watch: Watch, tmp_path: Path) -> None:
    """With that Python the second step changes labels and sets the outputs."""
    sandbox.add_artifact("acme/models", "resnet50", labels=["a"])
    given = {"api-key": sandbox.api_key, "api-url": sandbox.api_url, "registry-ref": "acme/models"}
    done = composite.label(
        tmp_path, python, {**given, "artifact": "resnet50", "mode": "add", "labels": "b"}, os.environ["PATH"]
    )
    watch.logs += [done.out, done.err]
    assert (done.code, sandbox.labels("acme/models", "resnet50")) == (0, ["a", "b"]), done.log
    assert done.value("added") == ["b"]


def test_a_second_run_asks_no_registry(runner: Runner, python: str, tmp_path: Path) -> None:
    """A later step of the job takes the environment that is there; a `python3` that only opens a shop is passed over."""
    stub = commands(tmp_path / "bin", python3="exit 1", python=passing_on_to(sys.executable))
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "",
        "PIP_NO_CACHE_DIR": "1",
    }
    ran, outputs = runner.prepare(stub, **nowhere)
    assert (ran.returncode, ran.stdout + ran.stderr, outputs) == (0, "", {"python": python})


def test_a_half_made_environment_is_made_anew(runner: Runner, path: Path, python: str) -> None:
    """What a killed run left behind is cleared away: only an environment that was finished counts as there."""
    home = Path(python).parents[1]
    (home / "ready").unlink()
    (home / "half-made").touch()
    ran, outputs = runner.prepare(path)
    assert (ran.returncode, outputs) == (0, {"python": python}), ran.stdout + ran.stderr
    assert not (home / "half-made").exists()
