"""action.yml, and its composite variant for runners without Docker; both with the same inputs and outputs."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from generate.declared import AUTHOR, NAME, SHORT, inputs, yaml_text
from har_labels.report import OUTPUTS

HEADER = "# Written by `make docs` from src/har_labels/settings.py and report.py; edit those.\n"
# bash is on every runner, on Windows too. `python3` can be a stub there that opens a shop: it fails the first line.
PREPARE = """\
for python in python3 python none; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
done
if [ "$python" = none ]; then
  echo "::error::har-labels needs Python 3.11 or newer; put actions/setup-python before this step"
  exit 1
fi
lock="$GITHUB_ACTION_PATH/../requirements/runtime.txt"
venv="$RUNNER_TEMP/har-labels-$(cksum <"$lock" | cut -d ' ' -f 1)"
if [ ! -f "$venv/ready" ]; then
  "$python" -m venv --clear "$venv"
  if [ -d "$venv/Scripts" ]; then bin="$venv/Scripts"; else bin="$venv/bin"; fi
  "$bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \\
    --only-binary :all: --requirement "$lock"
  echo "$bin/python" >"$venv/ready"
fi
echo "python=$(cat "$venv/ready")" >>"$GITHUB_OUTPUT"
"""
ENTRYPOINT = "/opt/har-labels/entrypoint"  # the image's own, see the Dockerfile
RUN = '"$VENV_PYTHON" -IBXutf8 "$GITHUB_ACTION_PATH/../entrypoint"\n'


def action() -> str:
    """The root action.yml. A release replaces its `image` by the one that was tested, named by digest."""
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

    A composite action gets no INPUT_ variables, and what is pasted into `run` would be run: inputs go through `env`.
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


def _inputs() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for one in inputs():
        made[one.name] = {"description": one.description}
        if one.default:
            made[one.name]["default"] = DoubleQuotedScalarString(one.default)
    return made
