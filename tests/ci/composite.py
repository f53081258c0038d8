"""The composite action's own two scripts, run as GitHub's runner runs a step with `shell: bash`."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ci import runner_model, steps
from ci.steps import INPUTS, Done

HOME = Path(__file__).parents[2] / "composite"
ACTION: dict[str, Any] = YAML(typ="safe").load((HOME / "action.yml").read_text("utf-8"))
PREPARE, LABEL = ACTION["runs"]["steps"]


def run_script(script: str, folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """One `run:` in a workspace, with `variables` and nothing else."""
    file = folder / "script.sh"
    file.write_text(script, "utf-8")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
        cwd=folder,
        env={**variables, "GITHUB_ACTION_PATH": str(HOME)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def prepare(folder: Path, variables: Mapping[str, str]) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """The first step, which finds a Python and makes an environment for it, and its outputs."""
    output = folder / "output"
    output.write_bytes(b"")
    ran = run_script(PREPARE["run"], folder, {**variables, "GITHUB_OUTPUT": str(output)})
    return ran, runner_model.pairs_in(output.read_bytes())


def label(folder: Path, python: str, inputs: Mapping[str, str], path: str) -> Done:
    """The second step, with these inputs and the Python that the first one named."""
    texts = {f"${{{{ inputs.{name} }}}}": text for name, text in (INPUTS | dict(inputs)).items()}
    texts["${{ steps.prepare.outputs.python }}"] = python
    own = {name: texts[value] for name, value in LABEL["env"].items()}
    # A composite action's steps get the runner's variables, but none of the action's own inputs.
    runner = {name: text for name, text in steps.environment("github", folder, {}).items() if name[:6] != "INPUT_"}
    ran = run_script(LABEL["run"], folder, {**runner, **own, "PATH": path})
    return steps.done("github", folder, ran.returncode, ran.stdout, ran.stderr)


def commands(folder: Path, **lines: str) -> Path:
    """A folder with small commands in it, to stand first on PATH."""
    folder.mkdir()
    for name, line in lines.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        (folder / name).chmod(0o755)
    return folder


def passing_on_to(program: str) -> str:
    """The line of a command that is `program` by another name."""
    return f'exec {shlex.quote(program)} "$@"'
