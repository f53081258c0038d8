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


def start_script(script: str, folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """Starts one `run:` in a workspace, with `variables` and nothing else."""
    file = folder / "script.sh"
    file.write_text(script, "utf-8")
    return subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
        cwd=folder,
        env={**variables, "GITHUB_ACTION_PATH": str(HOME)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(script: str, folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """One `run:` to its end."""
    process = start_script(script, folder, variables)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def prepare(folder: Path, variables: Mapping[str, str]) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """The first step, which finds a Python and makes an environment for it, and its outputs."""
    output = folder / "output"
    output.write_bytes(b"")
    ran = run_script(PREPARE["run"], folder, {**variables, "GITHUB_OUTPUT": str(output)})
    return ran, runner_model.pairs_in(output.read_bytes())


def label(folder: Path, python: str, inputs: Mapping[str, str], path: str, **more: str) -> Done:
    """The second step, with these inputs and the Python that the first one named."""
    process = start_label(folder, python, inputs, path, **more)
    out, err = process.communicate(timeout=600)
    return steps.done("github", folder, process.returncode, out, err)


def start_label(folder: Path, python: str, inputs: Mapping[str, str], path: str, **more: str) -> subprocess.Popen[str]:
    """Starts the second step, in an environment that has `more` in it."""
    texts = {f"${{{{ inputs.{name} }}}}": text for name, text in (INPUTS | dict(inputs)).items()}
    texts["${{ steps.prepare.outputs.python }}"] = python
    own = {name: texts[value] for name, value in LABEL["env"].items()}
    # A composite action's steps get the runner's variables, but none of the action's own inputs.
    runner = {name: text for name, text in steps.environment("github", folder, {}).items() if name[:6] != "INPUT_"}
    return start_script(LABEL["run"], folder, {**more, **runner, **own, "PATH": path})


# Every module that the first step's Pythons import early, those that pip and venv need, and ours.
PLANTED = (
    "pip", "logging", "types", "subprocess", "venv", "sysconfig", "site", "sitecustomize", "usercustomize", "os", "re",
    "signal", "runpy", "encodings", "ensurepip", "ast", "pathlib", "typing", "requests", "pydantic_settings", "jinja2",
    "ruamel", "actions_toolkit", "har_labels", "prepare", "__main__", "_virtualenv", "distutils", "setuptools",
)  # fmt: skip
PYTHON_SETTINGS = {
    "PYTHONINSPECT": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONVERBOSE": "1",
    "PYTHONDEBUG": "1",
    "PYTHONNOUSERSITE": "",
    "PYTHONSAFEPATH": "",
    "PYTHONPLATLIBDIR": "nowhere",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONBREAKPOINT": "pip.run",
    "PYTHONPROFILEIMPORTTIME": "1",
}


def plant(workspace: Path) -> tuple[Path, dict[str, str]]:
    """Fills a workspace with modules that leave a mark when they run; the file of that mark, and variables that lead there."""
    mark = workspace.with_name(f"{workspace.name}-mark")
    code = f"import io\nio.open({str(mark)!r}, 'a').write(__name__ + ' ')\n"
    for name in PLANTED:
        (workspace / f"{name}.py").write_text(code, "utf-8")
    (workspace / "pyvenv.cfg").write_text(f"home = {workspace}\n", "utf-8")
    for name in ("setup.cfg", ".pydistutils.cfg"):
        (workspace / name).write_text(f"[install]\nprefix = {workspace}\nuser = 1\n", "utf-8")
    here = str(workspace)
    leading = {"PYTHONPATH": here, "PYTHONHOME": here, "PYTHONUSERBASE": here, "PYTHONSTARTUP": f"{here}/pip.py"}
    more = {
        "PYTHONPYCACHEPREFIX": f"{here}/cache",
        "PYTHONEXECUTABLE": f"{here}/pip.py",
        "__PYVENV_LAUNCHER__": f"{here}/pip.py",
    }
    return mark, {"HOME": here, **leading, **more, **PYTHON_SETTINGS}


def commands(folder: Path, **lines: str) -> Path:
    """A folder with small commands, to put first on PATH."""
    folder.mkdir()
    for name, line in lines.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        (folder / name).chmod(0o755)
    return folder


def passing_on_to(program: str) -> str:
    """The line of a command that is `program` by another name."""
    return f'exec {shlex.quote(program)} "$@"'
