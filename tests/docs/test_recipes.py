"""Every example and recipe in the documents does what it says, run as its CI would run it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from conftest import MakeSandbox, Watch
from docs.cases import CASES, GATED, RUN_ELSEWHERE, Case
from docs.documents import examples, marked, step_in
from docs.workspace import Workspace


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title.replace(" ", "-"))
def test_every_recipe_does_what_it_says(case: Case, make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path) -> None:
    """The registry holds afterwards what the table says, the exit code is its, and only what it names was changed."""
    box = make_sandbox(case.profile)
    for place, labels in case.holds.items():
        registry, name = place.split(":", 1)
        if registry.endswith("images"):
            box.add_artifact(registry, name, labels=labels, package_type="DOCKER", version="1.0")
            continue
        box.add_artifact(
            registry, name, labels=labels, artifact_type="dataset" if registry.endswith("data") else "model"
        )
    for place, facts in case.facts.items():
        box.set_facts(*place.split(":", 1), **facts)
    workspace = Workspace(tmp_path, box, watch)
    for name, text in case.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    for recipe in case.recipes:
        if recipe == case.recipes[-1]:
            for place, labels in case.meanwhile.items():
                box.put_labels(*place.split(":", 1), labels)
        done = [workspace.run(step_in(examples()[recipe], context), case.environ) for context in case.contexts]
        code = case.code if recipe == case.recipes[-1] else 0
        assert [one.code for one in done] == [code] * len(done), done[0].log
    assert {place: sorted(box.labels(*place.split(":", 1)) or []) for place in case.holds} == _sorted(
        case.holds | dict(case.after)
    )
    assert {name: done[-1].outputs[name] for name in case.outputs} == case.outputs


def test_every_example_has_a_case() -> None:
    """No block of the documents with a step of ours goes untested, and every gate is also tested closed."""
    tested = {recipe for case in CASES for recipe in case.recipes} | set(RUN_ELSEWHERE)
    assert tested == set(examples())
    assert {case.recipes[0] for case in CASES if case.code == 10} == set(GATED)
    assert set(GATED) == {name for name, block in examples().items() if "require:" in block} | {
        "manifest", "drift", "policy", "audit",
    }  # fmt: skip


@pytest.mark.parametrize("tool", ["jq", "python"])
def test_reports_of_shards_are_joined(tool: str, make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path) -> None:
    """The documented line counts the artifacts of all shards by fate."""
    if tool == "jq" and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    case = next(case for case in CASES if case.title == "shards on GitHub")
    box = make_sandbox()
    box.add_artifacts(
        "acme/ml/models", [(place.split(":")[1], labels) for place, labels in case.holds.items()], artifact_type="model"
    )
    box.put_labels("acme/ml/models", "team/m0", ["owner=vision"])
    workspace = Workspace(tmp_path, box, watch)
    for context in case.contexts:
        assert workspace.run(step_in(examples()["shards-github"], context)).code == 0
    told = subprocess.run(
        ["sh", "-c", marked("command")[tool]], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout) == {"applied": 11, "unchanged": 1}


def _sorted(labels: Mapping[str, object]) -> dict[str, list[str]]:
    return {place: sorted(given) for place, given in labels.items()}
