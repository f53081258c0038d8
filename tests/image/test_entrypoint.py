"""The file `entrypoint` alone, with a package that replaces ours. Needs no Docker."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).parents[2] / "entrypoint"


def make_checkout(folder: Path, main: str) -> Path:
    """The entrypoint in a folder of its own, with the package's start and a `har_labels.main` that reads as given."""
    package = folder / "src" / "har_labels"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(ENTRYPOINT.parent / "src" / "har_labels" / "__main__.py", package)
    (package / "main.py").write_text(main)
    return Path(shutil.copy(ENTRYPOINT, folder))


@pytest.mark.parametrize("code", [0, 2, 11])
def test_exits_with_what_main_returns(tmp_path: Path, code: int) -> None:
    """What main returns is the exit code."""
    entrypoint = make_checkout(tmp_path, f"def main():\n    return {code}\n")
    assert subprocess.run([entrypoint], timeout=60, check=False).returncode == code


@pytest.mark.parametrize(
    "command", [[sys.executable, "-m", "har_labels"], [str(Path(sys.executable).with_name("har-labels"))]]
)
def test_the_installed_command_starts_the_same(command: list[str]) -> None:
    """`python -m har_labels` and `har-labels` are the entrypoint by other names."""
    told = [
        subprocess.run([*words, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
        for words in (command, [sys.executable, ENTRYPOINT])
    ]
    assert told[0] == told[1] != ""


def test_finds_its_package_from_anywhere(tmp_path: Path) -> None:
    """Through a link and from another folder it still runs the package that lies beside the real file."""
    entrypoint = make_checkout(tmp_path / "checkout", "def main():\n    return 7\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(entrypoint)
    assert subprocess.run([sys.executable, "link"], cwd=elsewhere, timeout=60, check=False).returncode == 7


def test_leaves_no_byte_code(tmp_path: Path) -> None:
    """A run as an executable writes nothing beside the sources, whatever the environment asks for."""
    entrypoint = make_checkout(tmp_path, "def main():\n    return 0\n")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([entrypoint], env=environment, timeout=60, check=True)
    assert not list(tmp_path.rglob("*.pyc"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_main_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """A cancellation while modules are still loading ends the run with 128 plus the signal, and no traceback."""
    loading = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
    entrypoint = make_checkout(tmp_path, loading)
    with subprocess.Popen([entrypoint], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "loading\n"
        running.send_signal(number)
        _, errors = running.communicate(timeout=30)
    assert (running.returncode, errors) == (128 + number, "")
