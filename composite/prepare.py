"""Creates the virtual environment for the composite action's second step. The first step starts this with the Python it found.

    python -ISB prepare.py PYTHON FOLDER OUTPUT

PYTHON is the command of that Python, FOLDER the environment to create, OUTPUT the file that gets the line `python=…`.
Every Python is started isolated and without PYTHON… variables, and pip gets no setting that places or selects packages:
neither the job's workspace nor its environment may choose the code of the second step, which has the key. A failure is one
`::error` with the way out, and exit 1; the environment then does not count as complete.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements" / "runtime.txt"
# What the second step imports of the packages that pyproject.toml names.
IMPORTS = "requests, pydantic_settings, actions_toolkit.core, jinja2, ruamel.yaml, tqdm"
# The first pip that installs into another Python's environment.
PIP_WITH_PYTHON = (22, 3)
# The only settings that pip gets: how to reach packages. The lock file says which, and we say where to install them.
KEPT = frozenset(
    {
        "index-url", "pypi-url", "extra-index-url", "no-index", "find-links", "trusted-host",
        "proxy", "no-proxy-env", "cert", "client-cert", "keyring-provider", "use-feature", "use-deprecated",
        "timeout", "default-timeout", "retries", "resume-retries",
    },
)  # fmt: skip
OTHER_WAYS = "put actions/setup-python before this step, or use the action without `/composite`, a container that needs no Python"


class Failed(Exception):
    """The failure and the way out, in one sentence each."""


def main() -> int:
    """Returns 0, 1 after a reported failure, 128 plus the signal's number if the job was cancelled."""
    signal.signal(signal.SIGTERM, _leave)
    python, folder, output = sys.argv[1:]
    if os.name == "nt":
        python = sys.executable  # the shell names it without its `.exe`
    try:
        made = prepare(python, Path(folder))
        with Path(output).open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"python={made}\n")
    except Failed as failure:
        print("::error::" + str(failure).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def prepare(python: str, folder: Path) -> Path:
    """Creates the environment, replacing an older one, and returns its Python. Raises Failed."""
    environ = without_orders(os.environ)
    has_pip = _can_install_elsewhere(python, environ)
    # ensurepip takes 2 to 3 s of a first use, and Debian has it in a separate package.
    words = ["venv", "--clear", *(["--without-pip"] if has_pip else []), str(folder)]
    ran = _run([python, "-IS", "-m", *words], environ)
    made = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if ran.returncode or not made.exists():
        raise _failed(
            ran,
            f"{python} can't make a virtual environment",
            f"on Debian and Ubuntu install python3-venv; elsewhere {OTHER_WAYS}",
        )
    pip = [python, "-I", "-m", "pip"] if has_pip else [str(made), "-I", "-m", "pip"]
    settings = _settings_of_pip(pip, environ)
    _install([*pip, "--python", str(made)] if has_pip else pip, environ | settings)
    ran = _run([str(made), "-I", "-c", f"import {IMPORTS}"], environ)
    if ran.returncode:
        raise _failed(ran, "the packages of har-labels were installed, but can't be imported", OTHER_WAYS)
    (folder / "ready").touch()
    return made


def without_orders(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without variables that control Python or pip; of pip's settings only those in `KEPT` and their file stay."""
    kept = {f"PIP_{name.upper().replace('-', '_')}" for name in KEPT} | {"PIP_CONFIG_FILE"}
    return {
        name: value
        for name, value in environ.items()
        # pip sets `_PIP_…` for itself, such as that it runs in the right Python already.
        if not name.upper().startswith(("PYTHON", "PIP_", "_PIP_", "__PYVENV")) or name in kept
    }


def _can_install_elsewhere(python: str, environ: Mapping[str, str]) -> bool:
    ran = _run([python, "-I", "-c", "import pip; print(pip.__version__)"], environ)
    version = re.match(r"(\d+)\.(\d+)", ran.stdout)
    return ran.returncode == 0 and version is not None and (int(version[1]), int(version[2])) >= PIP_WITH_PYTHON


def _settings_of_pip(pip: list[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of pip as variables of its environment, so that it needs no files: a `target` in a file can't be overridden.

    Variables of the environment take precedence over a file's `[install]`, and that over `[global]`, as in pip itself.
    """
    only_files = {name: value for name, value in environ.items() if name == "PIP_CONFIG_FILE" or name[:4] != "PIP_"}
    # A `python` in the file would make pip start that one, and a `quiet` would suppress the answer.
    ran = _run([*pip, "--python", pip[0], "config", "list", "-vvv"], only_files)
    if ran.returncode:
        raise _failed(ran, "pip can't read its configuration", "correct the file that it names, or PIP_CONFIG_FILE")
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for name, text in re.findall(rf"^{section}\.([a-z-]+)=(.+)$", ran.stdout, re.MULTILINE):
            if name in KEPT:
                found[f"PIP_{name.upper().replace('-', '_')}"] = ast.literal_eval(text)
    given = {name: value for name, value in environ.items() if name[:4] == "PIP_" and value}
    return found | given | {"PIP_CONFIG_FILE": os.devnull}


def _install(pip: list[str], environ: Mapping[str, str]) -> None:
    # pip checks no hash of a wheel in its cache that it built from a locked file, and a job may keep the cache in its workspace.
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    held = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(LOCK)]
    ran = _run([*pip, "install", *options, *held], environ)
    if ran.returncode:
        raise _failed(
            ran,
            "the packages of har-labels can't be installed",
            "where this runner reaches no package index, name a mirror by PIP_INDEX_URL or in pip.conf, or use the action "
            "without `/composite`, a container that needs none",
        )


def _run(words: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; one that can't be started counts as failed. A cancellation is passed on to it."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the found Python and our own words
            words, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", f"OSError: {error.strerror}")
    try:
        out, err = process.communicate()
    except BaseException:
        # SIGINT, because pip then also ends its own child.
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        process.wait()
        raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def _failed(ran: subprocess.CompletedProcess[str], what: str, way_out: str) -> Failed:
    """The failure of a command; its own output goes into the log in a form that is not a workflow command."""
    words = f"{ran.stderr}\n{ran.stdout}".replace("##[", "## [")
    lines = [line.strip() for line in words.splitlines() if line.strip()] or [f"exit {ran.returncode}"]
    sys.stderr.writelines(f"| {line}\n" for line in lines)
    telling = [line for line in lines if re.match(r"[\w.]*(?:ERROR|Error):", line)]
    return Failed(f"{what}: {(telling or lines[:1])[-1].removeprefix('ERROR: ').rstrip('.')}. The way out: {way_out}.")


if __name__ == "__main__":
    sys.exit(main())
