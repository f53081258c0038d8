"""The files for CIs: the composite action, Harness's template and pipeline, the catalogue's entry, our workflows."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ci import composite
from ci.steps import INPUTS
from conftest import MakeSandbox, Watch
from docs.documents import ROOT, read_yaml, step_in

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMES = {name.replace("-", "_") for name in INPUTS}


def test_composite_passes_no_input_into_a_script() -> None:
    """Every input goes through `env`; one pasted into `run` would be run as a script."""
    assert "${{" not in composite.PREPARE["run"] + composite.LABEL["run"]
    passed = {value for name, value in composite.LABEL["env"].items() if name.startswith("INPUT_")}
    assert passed == {f"${{{{ inputs.{name} }}}}" for name in INPUTS}


def test_composite_labels(make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path) -> None:
    """The composite's second script, with its own variables, changes labels and sets outputs as the container does."""
    box = make_sandbox()
    box.add_artifact("acme/models", "resnet50", labels=["a"])
    given = {
        "api-key": box.api_key, "api-url": box.api_url, "registry-ref": "acme/models", "artifact": "resnet50",
        "mode": "add", "labels": "b\n",
    }  # fmt: skip
    done = composite.label(tmp_path, sys.executable, given, os.environ["PATH"])
    watch.logs += [done.out, done.err]
    assert (done.code, box.labels("acme/models", "resnet50")) == (0, ["a", "b"]), done.log
    assert done.value("added") == ["b"]


def test_template_and_pipeline_use_settings_that_exist() -> None:
    """What the step template and the example pipeline set are inputs, and texts: Harness joins lists with commas."""
    used = list(_settings(read_yaml((ROOT / "harness" / "step-template.yaml").read_text("utf-8"))))
    used += _settings(read_yaml((ROOT / "harness" / "example-pipeline.yaml").read_text("utf-8")))
    assert len(used) == 4
    for settings in used:
        assert set(settings) <= NAMES
        assert all(isinstance(value, str) for value in settings.values())


def test_catalogue_lists_every_setting() -> None:
    """content.yaml has each input as a property with the five keys that the catalogue asks for; the key is secret."""
    content = read_yaml((ROOT / "harness" / "content.yaml").read_text("utf-8"))
    assert set(content["properties"]) == NAMES
    for about in content["properties"].values():
        assert set(about) == {"type", "defaultValue", "description", "secret", "required"}
    assert [name for name, about in content["properties"].items() if about["secret"]] == ["api_key"]
    assert set(read_yaml(content["example"])["steps"][0]["settings"]) <= NAMES


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_pinned_and_have_no_rights(path: Path) -> None:
    """Every foreign action is named by a commit, with its version beside it, and no job has a right it doesn't name."""
    text = path.read_text("utf-8")
    workflow = read_yaml(text)
    assert workflow["permissions"] == {}
    assert all("permissions" in job and "timeout-minutes" in job for job in workflow["jobs"].values())
    for used in re.findall(r"uses: (.+)", text):
        assert re.fullmatch(r"\./\w*|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used


def test_one_action_has_one_pin() -> None:
    """The workflows name one and the same commit of an action."""
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (\S+@\S+ # \S+)", path.read_text("utf-8"))}
    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


def test_a_release_replaces_what_is_there() -> None:
    """The line that a release replaces in action.yml is there, once."""
    assert (ROOT / "action.yml").read_text("utf-8").count("\n  image: Dockerfile\n") == 1
    assert "s|^  image: Dockerfile$|" in (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")


def test_unknown_expressions_are_refused() -> None:
    """An example that asks the CI for what no test fills in can't pass for tested."""
    block = "- step: {type: Plugin, spec: {settings: {labels: <+pipeline.name>}}}"
    with pytest.raises(AssertionError, match=r"pipeline\.name"):
        step_in(block).variables()


def _settings(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "settings" in node:
            yield node["settings"]
        for one in node.values():
            yield from _settings(one)
    elif isinstance(node, list):
        for one in node:
            yield from _settings(one)
