"""The composite action's two scripts as far as they need no package registry: which Python, what it may run, how it fails.

Tests that install packages are in tests/composite.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import signal
import sys
import time
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ci import composite, steps
from ci.composite import commands, passing_on_to
from ci.runner_model import commands_in
from conftest import ROOT, MakeSandbox, Watch
from har_sandbox import Request, Sandbox

NAMES = ("python3", "python", "python3.14", "python3.13", "python3.12", "python3.11")
NEEDED = "put actions/setup-python before this step"
# No index is requested: the failure under test happens before that.
NOWHERE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_FIND_LINKS": "",
    "PIP_NO_CACHE_DIR": "1",
}
REGISTRY = "acme/models"


class Machine:
    """A runner's temporary folder, and a PATH on which each Python is what a test makes of it."""

    def __init__(self, folder: Path, **pythons: str) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.temp = folder / "temp"
        self.workspace.mkdir()
        self.temp.mkdir()
        shadowed = dict.fromkeys(NAMES, "exit 1") | {name.replace("_", "."): line for name, line in pythons.items()}
        self.path = f"{commands(folder / 'bin', **shadowed)}{os.pathsep}{os.environ['PATH']}"

    def prepare(self, **more: str) -> tuple[int, str, dict[str, str]]:
        """Exit code, log and outputs of the first step."""
        variables = {"PATH": self.path, "RUNNER_TEMP": str(self.temp), **NOWHERE, **more}
        ran, outputs = composite.prepare(self.workspace, variables)
        return ran.returncode, ran.stdout + ran.stderr, outputs

    def error(self, **more: str) -> str:
        """The one annotation of a first step that must fail, and leaves nothing behind that counts as made."""
        code, log, outputs = self.prepare(**more)
        assert (code, outputs) == (1, {}), log
        (told,) = commands_in(log)
        assert told.name == "error"
        assert not list(self.temp.glob("*/ready"))
        return told.data


def seen_as(change: str) -> str:
    """The line of a command that is the tests' own Python, after `change` in what it says of itself to a probe."""
    first = f"import sys, sysconfig\n{change}\nexec(sys.argv[-1])"
    return f'exec {shlex.quote(sys.executable)} -ISc {shlex.quote(first)} "$@"'


PYPY = seen_as("sys.implementation.name = 'pypy'")
FREE = seen_as("sysconfig.get_config_var = {'Py_GIL_DISABLED': 1}.get")
OLD = seen_as("sys.version_info = (3, 9, 2)")


def test_without_any_python(tmp_path: Path) -> None:
    """Where no Python answers, the first step ends with one annotation that names the cure."""
    assert Machine(tmp_path).error() == f"har-labels needs Python 3.11 or newer; {NEEDED}"


@pytest.mark.parametrize("line", [PYPY, FREE, OLD])
def test_what_can_not_be_used_is_refused_by_name(tmp_path: Path, line: str) -> None:
    """PyPy, a free-threaded build and an old Python are named in the error, before pip could fail on them."""
    name = {PYPY: "PyPy 3", FREE: "free-threaded CPython 3", OLD: "CPython 3.9"}[line]
    told = Machine(tmp_path, python=line).error()
    assert f"{tmp_path}/bin/python is {name}" in told
    assert NEEDED in told


@pytest.mark.parametrize("name", NAMES)
def test_names_on_path(tmp_path: Path, name: str) -> None:
    """Each of the six names is found; unusable ones before it are skipped."""
    others = {one.replace(".", "_"): (PYPY, FREE, OLD)[at % 3] for at, one in enumerate(NAMES) if one != name}
    machine = Machine(tmp_path, **others, **{name.replace(".", "_"): passing_on_to(sys.executable)})
    assert f"{tmp_path}/bin/{name} can't" in machine.error(RUNNER_TEMP="/dev/null")


@pytest.mark.parametrize("minor", [11, 14])
def test_tool_cache(tmp_path: Path, minor: int) -> None:
    """A Python that is nowhere but in the runner's tool cache is found there, free-threaded neighbours passed over."""
    for arch, line in (("arm64-freethreaded", FREE), ("x64", passing_on_to(sys.executable))):
        home = tmp_path / f"tool cache/Python/3.{minor}.7/{arch}"
        home.mkdir(parents=True)
        commands(home / "bin", python3=line)
    told = Machine(tmp_path).error(RUNNER_TOOL_CACHE=str(tmp_path / "tool cache"), RUNNER_TEMP="/dev/null")
    assert f"3.{minor}.7/x64/bin/python3 can't" in told


def test_a_python_of_the_workspace_is_not_run(tmp_path: Path) -> None:
    """A relative or empty folder on PATH is one of the workspace: whatever is called `python3` there is left alone."""
    machine = Machine(tmp_path)
    for folder in (machine.workspace, machine.workspace / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "python3").write_text("#!/bin/sh\ntouch ran\n", "utf-8")
        (folder / "python3").chmod(0o755)
    told = machine.error(PATH=f".:bin::{machine.path}")
    assert NEEDED in told
    assert not list(machine.workspace.rglob("ran"))


def test_no_command_of_the_workspace_is_run(tmp_path: Path) -> None:
    """Nor is any other command that the first step calls by its name, wherever PATH has a relative folder."""
    machine = Machine(tmp_path, python3=passing_on_to(sys.executable))
    for folder in (machine.workspace, machine.workspace / "bin"):
        folder.mkdir(exist_ok=True)
        for name in ("cksum", "cut", "sed", "cat", "tr", "cygpath", "gcc", "ldconfig", "uname", "lsb_release"):
            (folder / name).write_text(
                f'#!/bin/sh\ntouch "{machine.workspace}/ran"\nexec /usr/bin/{name} "$@"\n', "utf-8"
            )
            (folder / name).chmod(0o755)
    told = machine.error(PATH=f".:bin::{machine.path}:")
    assert "No matching distribution found" in told
    assert not list(machine.workspace.rglob("ran"))


def test_without_venv(tmp_path: Path) -> None:
    """A Python that can make no environment, as Debian's without python3-venv, is one error that names the package."""
    words = "The virtual environment was not created successfully because ensurepip is not available"
    failing = f'case "$*" in *-m\\ venv*) echo "{words}"; echo "::error::and ##[error]this"; exit 1;; esac'
    told = Machine(tmp_path, python3=f"{failing}; {passing_on_to(sys.executable)}").error()
    assert f"bin/python3 can't make a virtual environment: {words}" in told
    assert "python3-venv" in told
    assert "without `/composite`" in told


@pytest.mark.parametrize("settings", [{}, {"PIP_NO_INDEX": "1"}])
def test_without_an_index(tmp_path: Path, settings: dict[str, str]) -> None:
    """If no index is reached, one error reports that, with both cures: a mirror, and the container."""
    told = Machine(tmp_path, python3=passing_on_to(sys.executable)).error(**settings)
    assert "No matching distribution found" in told
    assert "PIP_INDEX_URL" in told
    assert "without `/composite`" in told


def test_a_hostile_workspace_runs_nothing_in_the_first_step(tmp_path: Path) -> None:
    """Modules planted in the workspace, and all PYTHON variables, have no effect on any Python up to pip's last one."""
    machine = Machine(tmp_path, python3=passing_on_to(sys.executable))
    mark, leading = composite.plant(machine.workspace)
    told = machine.error(**leading)
    assert "No matching distribution found" in told
    assert not mark.exists(), mark.read_text("utf-8")


def test_a_hostile_workspace_runs_nothing_in_the_second_step(
    make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path
) -> None:
    """Nor do they in the step that holds the key: it labels as ever."""
    box, folder = make_sandbox(), tmp_path / "workspace"
    box.add_artifact(REGISTRY, "resnet50", labels=["a"])
    folder.mkdir()
    mark, leading = composite.plant(folder)
    done = composite.label(folder, sys.executable, _inputs(box, "resnet50"), os.environ["PATH"], **leading)
    watch.logs += [done.out, done.err]
    assert (done.code, box.labels(REGISTRY, "resnet50")) == (0, ["a", "b"]), done.log
    assert not mark.exists(), mark.read_text("utf-8")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_cancel_that_only_the_shell_gets(
    make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path, number: int, code: int
) -> None:
    """The runner signals bash alone: writes stop at once, outputs and summary are written, and the code is the signal's."""
    box = make_sandbox()
    artifacts = [f"model-{number}" for number in range(6)]
    for artifact in artifacts:
        box.add_artifact(REGISTRY, artifact, labels=["a"])
    inputs = {**_inputs(box, "\n".join(artifacts)), "concurrency": "1"}
    shell = composite.start_label(tmp_path, sys.executable, inputs, os.environ["PATH"])

    @box.before
    def cancel(request: Request) -> None:
        if request.method == "PUT":
            shell.send_signal(number)
            time.sleep(0.3)  # the answer is sent after the signal has arrived

    out, err = shell.communicate(timeout=60)
    watch.logs += [out, err]
    done = steps.done("github", tmp_path, shell.returncode, out, err)
    assert (done.code, done.outputs["exit-code"], done.outputs["status"]) == (code, str(code), "PARTIAL"), done.log
    assert "Cancelled" in done.summary
    assert sum(request.method == "PUT" for request in box.requests) == 1


def test_a_cancel_of_the_first_step(tmp_path: Path) -> None:
    """It ends at once with the signal's code and without a message, and ends the processes it started."""
    loop = f'trap "touch {tmp_path}/signalled; exit 1" INT; touch {tmp_path}/waits; for _ in $(seq 600); do sleep 0.05; done'
    waiting = f'case "$*" in *-m\\ venv*) {loop};; esac'
    machine = Machine(tmp_path, python3=f"{waiting}; {passing_on_to(sys.executable)}")
    variables = {"PATH": machine.path, "RUNNER_TEMP": str(machine.temp), "GITHUB_OUTPUT": str(tmp_path / "output")}
    shell = composite.start_script(composite.PREPARE["run"], machine.workspace, variables)
    while not (tmp_path / "waits").exists() and shell.poll() is None:
        time.sleep(0.02)
    shell.terminate()
    out, err = shell.communicate(timeout=60)
    assert (shell.returncode, out + err) == (143, "")
    assert (tmp_path / "signalled").exists()


def _inputs(box: Sandbox, artifact: str) -> dict[str, str]:
    given = {"api-key": box.api_key, "api-url": box.api_url, "registry-ref": REGISTRY, "artifact": artifact}
    return {**given, "mode": "add", "labels": "b", "settle": "0"}


def test_the_settings_of_pip() -> None:
    """Settings to reach packages are kept: index, proxy, certificates, timeout; settings of place and choice are not, nor Python's."""
    without_orders = runpy.run_path(str(ROOT / "composite" / "prepare.py"))["without_orders"]
    kept = {
        f"PIP_{name}": "x"
        for name in (
            "INDEX_URL", "EXTRA_INDEX_URL", "NO_INDEX", "FIND_LINKS", "TRUSTED_HOST", "PROXY", "CERT", "CLIENT_CERT", "TIMEOUT",
            "DEFAULT_TIMEOUT", "RETRIES", "KEYRING_PROVIDER", "CONFIG_FILE", "USE_FEATURE",
        )
    } | {"HTTPS_PROXY": "x", "REQUESTS_CA_BUNDLE": "x", "SSL_CERT_FILE": "x", "PATH": "x"}  # fmt: skip
    gone = {
        f"PIP_{name}": "x"
        for name in (
            "USER",
            "TARGET",
            "PREFIX",
            "ROOT",
            "DRY_RUN",
            "CONSTRAINT",
            "REQUIREMENT",
            "PYTHON",
            "NO_DEPS",
            "ONLY_BINARY",
            "CACHE_DIR",
            "NO_CACHE_DIR",
        )
    } | {"PYTHONPATH": "x", "PYTHON_GIL": "0", "__PYVENV_LAUNCHER__": "x", "_PIP_RUNNING_IN_SUBPROCESS": "1"}
    assert without_orders(kept | gone) == kept


def test_only_the_installed_packages_are_imported_before_the_mark() -> None:
    """The ready mark covers every package that pyproject.toml requires, not only some."""
    code = (ROOT / "composite" / "prepare.py").read_text("utf-8")
    imported = {name.strip().partition(".")[0] for name in code.split('IMPORTS = "')[1].split('"')[0].split(",")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    homes = packages_distributions()
    found = {_normal(one) for name in imported for one in homes[name]}
    assert {_normal(re.split("[<>=]", one)[0]) for one in project["dependencies"]} <= found


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()
