"""The composite action from its first step to its last: an environment out of the package registry, then a run in it.

`make test` leaves these out: once its own environment is there it needs no network, and these ask the package registry that
pip is set up for, each time. `make test-composite` runs them, and with it .ci/run and the release. Where the registry can't be
reached they fail: nothing here is skipped.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ci import composite
from ci.composite import commands, passing_on_to
from ci.runner_model import commands_in
from conftest import ROOT, Watch
from har_sandbox import Sandbox

# pip's configuration on this machine, kept before the tests' own environment removes proxies and certificates.
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
    check_holds_what_is_locked(python)


def check_holds_what_is_locked(python: str, *tools: str) -> None:
    """The packages that an environment's Python finds are those of the lock file, and `tools` beside them."""
    code = "from importlib.metadata import distributions as all\nfor one in all(): print(f'{one.name}=={one.version}')"
    listed = subprocess.run([python, "-Ic", code], capture_output=True, text=True, timeout=60, check=True).stdout
    locked = pinned((ROOT / "requirements" / "runtime.txt").read_text("utf-8"))
    wanted = {line for line in locked if not line.startswith("colorama==")}  # which only Windows needs
    assert {line for line in pinned(listed) if line.partition("==")[0] not in tools} == wanted


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


# All that could take packages elsewhere, take others, or take none.
ORDERS = {
    "user": "1", "target": "{}/elsewhere", "prefix": "{}/elsewhere", "root": "{}/elsewhere", "dry-run": "1",
    "constraint": "{}/other.txt", "requirement": "{}/other.txt", "python": "{}/python", "no-deps": "0", "only-binary": ":none:",
    "no-binary": ":all:", "require-hashes": "0", "editable": "{}", "platform": "win32", "abi": "none", "python-version": "2.7",
    "implementation": "jy", "report": "{}/elsewhere", "src": "{}/elsewhere", "log": "{}/elsewhere", "ignore-installed": "1",
    "force-reinstall": "1", "upgrade": "1", "pre": "1", "require-virtualenv": "1", "isolated": "1", "quiet": "3", "version": "1",
    "help": "1", "no-compile": "1", "config-settings": "a=b", "break-system-packages": "1", "uploaded-prior-to": "2001-01-01",
    "build-constraint": "{}/other.txt", "group": "x", "no-clean": "1", "exists-action": "a", "debug": "1",
}  # fmt: skip


@pytest.fixture
def orders(tmp_path: Path) -> dict[str, str]:
    """The orders, with the files and the Python that they name."""
    (tmp_path / "other.txt").write_text("requests<2\n", "utf-8")
    (tmp_path / "python").write_text(f"#!/bin/sh\ntouch {tmp_path}/elsewhere\n", "utf-8")
    (tmp_path / "python").chmod(0o755)
    return {name: value.format(tmp_path) for name, value in ORDERS.items()}


def check_made_anew(path: Path, tmp_path: Path, folder: Path, **more: str) -> None:
    """On its own runner the first step, with the variables `more`, makes the expected environment, and nothing else."""
    temp = tmp_path / "temp"
    temp.mkdir()
    ran, outputs = Runner(temp, folder).prepare(path, **more)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (ran.stdout + ran.stderr, Path(outputs["python"]).is_relative_to(temp)) == ("", True)
    check_holds_what_is_locked(outputs["python"])
    assert not (tmp_path / "elsewhere").exists()


def test_settings_of_pip_in_the_environment(path: Path, tmp_path: Path, orders: dict[str, str]) -> None:
    """What PIP_ variables say of place and choice has no effect, also those that pip sets for its own child."""
    told = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in orders.items()}
    folder = tmp_path / "workspace"
    folder.mkdir()
    check_made_anew(path, tmp_path, folder, **told, _PIP_RUNNING_IN_SUBPROCESS="1", _PIP_STANDALONE_CERT="x")


@pytest.mark.parametrize("section", ["global", "install"])
def test_settings_of_pip_in_its_files(path: Path, tmp_path: Path, orders: dict[str, str], section: str) -> None:
    """Nor has what pip's files say of it: the user's own, and one that PIP_CONFIG_FILE names by a relative path."""
    folder = tmp_path / "workspace"
    (folder / ".config" / "pip").mkdir(parents=True)
    # With these, pip only prints its settings.
    odd = {"help", "version", "isolated", "debug", "log"} if section == "global" else set()
    lines = [f"{name} = {value}\n" for name, value in orders.items() if name not in odd]
    half = len(lines) // 2
    (folder / ".config" / "pip" / "pip.conf").write_text(f"[{section}]\n{''.join(lines[:half])}", "utf-8")
    (folder / "own.conf").write_text(f"[{section}]\n{''.join(lines[half:])}", "utf-8")
    check_made_anew(path, tmp_path, folder, HOME=str(folder), PIP_CONFIG_FILE="own.conf")


def test_a_hostile_workspace(path: Path, tmp_path: Path) -> None:
    """Modules planted in the workspace and PYTHON variables change nothing from the first Python to the last, and none is run."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    mark, leading = composite.plant(folder)
    check_made_anew(path, tmp_path, folder, **leading)
    assert not mark.exists(), mark.read_text("utf-8")


class Index(http.server.BaseHTTPRequestHandler):
    """A package index that has nothing, and keeps what it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    """Where that index listens."""
    Index.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("place", ["variable", "global", "install", "quiet"])
def test_how_to_come_to_packages_is_kept(path: Path, tmp_path: Path, index: str, place: str) -> None:
    """pip uses the index of its variables or configuration file, additional ones too, also if that file sets `quiet`."""
    conf, told = (
        tmp_path / "own.conf",
        {"index-url": f"{index}/first", "extra-index-url": f"{index}/other\n  {index}/third"},
    )
    told |= {"trusted-host": "127.0.0.1", "find-links": "", "retries": "0", "timeout": "3"}
    section = "install" if place == "install" else "global"
    if place != "variable":
        lines = "".join(f"{name} = {value}\n" for name, value in told.items())
        conf.write_text(f"[{section}]\n{lines}{'quiet = 3' if place == 'quiet' else ''}\n", "utf-8")
    told = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in told.items()}
    more = told if place == "variable" else {"PIP_CONFIG_FILE": str(conf)}
    (tmp_path / "temp").mkdir()
    ran, outputs = Runner(tmp_path / "temp", tmp_path).prepare(path, PIP_NO_CACHE_DIR="1", **more)
    assert (ran.returncode, outputs) == (1, {})
    assert {one.split("/")[1] for one in Index.asked} == {"first", "other", "third"}
    assert not (list((tmp_path / "temp").glob("*/ready")))


# Where pip looks for what it would have built of a file itself, by its own reckoning.
CACHED_AT = """
import inspect, sys
from pip._internal.cache import SimpleWheelCache
from pip._internal.models.format_control import FormatControl
from pip._internal.models.link import Link
# pip before 23.1 also wants to know which kinds of packages are allowed
further = [FormatControl()] * (len(inspect.signature(SimpleWheelCache).parameters) - 1)
print(SimpleWheelCache(sys.argv[1], *further).get_path_for_link(Link(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all locked packages, as a job without network has them."""
    folder = tmp_path_factory.mktemp("wheels")
    words = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", f"--dest={folder}"]
    lock = f"--requirement={ROOT}/requirements/runtime.txt"
    subprocess.run([sys.executable, "-m", "pip", "download", *words, lock], env=MACHINE, check=True, timeout=300)
    return folder


def plant_wheel(cache: Path, wheels: Path) -> None:
    """Puts a tqdm that leaves a mark where pip would have put what it built of the honest one."""
    (wheel,) = wheels.glob("tqdm-*.whl")
    asked = [sys.executable, "-c", CACHED_AT, str(cache), wheel.as_uri()]
    place = Path(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout.strip())
    place.mkdir(parents=True)
    claimed = {"hash": f"sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}"}
    (place / "origin.json").write_text(json.dumps({"url": wheel.as_uri(), "archive_info": claimed}), "utf-8")
    with zipfile.ZipFile(wheel) as honest, zipfile.ZipFile(place / wheel.name, "w") as planted:
        for name in honest.namelist():
            mark = b"open('planted', 'w')\n" if name == "tqdm/__init__.py" else b""
            planted.writestr(name, mark + honest.read(name))


@pytest.mark.parametrize("told", ["PIP_CACHE_DIR", "XDG_CACHE_HOME", "cache-dir"])
def test_a_cache_in_the_workspace(path: Path, tmp_path: Path, wheels: Path, told: str) -> None:
    """pip believes what its cache says it was built of, and holds it to no hash: none is used, wherever it lies."""
    folder = tmp_path / "workspace"
    cache = folder / "cache" / ("pip" if told == "XDG_CACHE_HOME" else "")
    plant_wheel(cache, wheels)
    more = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    if told == "cache-dir":
        (folder / "own.conf").write_text(f"[global]\ncache-dir = {cache}\n", "utf-8")
        more["PIP_CONFIG_FILE"] = "own.conf"
    else:
        more[told] = str(cache.parent if told == "XDG_CACHE_HOME" else cache)
    check_made_anew(path, tmp_path, folder, **more)
    assert not (folder / "planted").exists()


def test_packages_that_went_elsewhere(path: Path, tmp_path: Path) -> None:
    """Where pip says that all is well and the packages can't be imported, the environment doesn't count as made."""
    liar = f'case "$*" in *pip*install*) exit 0;; esac; {passing_on_to(sys.executable)}'
    stub = commands(tmp_path / "bin", python3=liar)
    (tmp_path / "temp").mkdir()
    ran, outputs = Runner(tmp_path / "temp", tmp_path).prepare(stub)
    assert (ran.returncode, outputs) == (1, {})
    (told,) = commands_in(ran.stdout)
    assert "can't be imported: ModuleNotFoundError: No module named 'requests'" in told.data
    assert not list((tmp_path / "temp").glob("*/ready"))


def test_a_python_without_pip(tmp_path: Path) -> None:
    """Where the found Python has no pip, its environment gets one of its own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True, timeout=60)
    stub = commands(tmp_path / "bin", python3=passing_on_to(str(tmp_path / "bare" / "bin" / "python")))
    (tmp_path / "temp").mkdir()
    ran, outputs = Runner(tmp_path / "temp", tmp_path).prepare(stub)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    check_holds_what_is_locked(outputs["python"], "pip", "setuptools")


def test_a_python_that_went_away(runner: Runner, path: Path, python: str) -> None:
    """An environment whose Python no longer starts, since the one it was made from is gone, is made anew."""
    Path(python).unlink()
    Path(python).symlink_to("/nowhere/python")
    ran, outputs = runner.prepare(path)
    assert (ran.returncode, outputs) == (0, {"python": python}), ran.stdout + ran.stderr
    check_holds_what_is_locked(python)
