"""action.yml, and its composite variant for runners without Docker; both with the same inputs and outputs."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from generate.declared import AUTHOR, NAME, SHORT, inputs, yaml_text
from har_labels.report.outputs import OUTPUTS

HEADER = "# Written by `make docs` from src/har_labels/inputs/settings.py and report/outputs.py; edit those.\n"
# First in both steps: -I ignores these, but pip starts another Python. Everything used here exists in bash 3.2 (macOS).
_NO_ORDERS = """\
for name in ${!PYTHON*} ${!__PYVENV*}; do unset "$name"; done
"""
# The file next to this one, which shellcheck checks.
PREPARE = _NO_ORDERS + (Path(__file__).parent / "prepare.sh").read_text("utf-8").partition("\n\n")[2]
# The runner signals only the shell: without `exec` a cancellation would not reach the run.
RUN = _NO_ORDERS + 'exec "$VENV_PYTHON" -IBXutf8 "$GITHUB_ACTION_PATH/../entrypoint"\n'
ENTRYPOINT = "/opt/har-labels/entrypoint"  # the image's own, see the Dockerfile


def action() -> str:
    """The root action.yml. A release replaces its `image` by the tested one, named by digest."""
    document = {
        "name": NAME,
        "author": AUTHOR,
        "description": SHORT,
        "branding": {"icon": "tag", "color": "blue"},
        "inputs": _inputs(),
        "outputs": {name: {"description": description} for name, description in OUTPUTS.items()},
        # ARC's Kubernetes mode refuses a container action that names no entrypoint (runner-container-hooks 0.8.0 and later).
        "runs": {"using": "docker", "image": "Dockerfile", "entrypoint": ENTRYPOINT},
    }
    return yaml_text(document, HEADER)


def composite() -> str:
    """The variant in composite/: a virtual environment from the lock file, then the same entrypoint.

    A composite action gets no INPUT_ variables, and text pasted into `run` would be executed: inputs go through `env`.
    """
    names = [one.name for one in inputs()]
    environment = {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in names}
    steps = [
        {"id": "prepare", "shell": "bash", "run": LiteralScalarString(PREPARE)},
        {
            "id": "label",
            "shell": "bash",
            "env": {"VENV_PYTHON": "${{ steps.prepare.outputs.python }}"} | environment,
            "run": LiteralScalarString(RUN),
        },
    ]
    outputs = {
        name: {"description": description, "value": f"${{{{ steps.label.outputs.{name} }}}}"}
        for name, description in OUTPUTS.items()
    }
    document = {
        "name": f"{NAME} (without Docker)",
        "author": AUTHOR,
        "description": "The same for macOS, Windows and runners without Docker; needs Python 3.11 or newer",
        "inputs": _inputs(),
        "outputs": outputs,
        "runs": {"using": "composite", "steps": steps},
    }
    return yaml_text(document, HEADER)


def _inputs() -> CommentedMap:
    made, group = CommentedMap(), ""
    for one in inputs():
        made[one.name] = {"description": one.description}
        if one.default:
            made[one.name]["default"] = DoubleQuotedScalarString(one.default)
        if one.group != group:
            group = one.group
            made.yaml_set_comment_before_after_key(one.name, before=group, indent=2)
    return made
