"""The shipped JSON Schemas, evaluated by an independent validator, agree with the files that the code reads and writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from ruamel.yaml import YAML

from conftest import MODELS, ROOT, RunStep
from har_labels.inputs.settings import descriptions
from har_sandbox import Fault, Sandbox
from request.manifests import Write
from request.test_manifest import EXAMPLE

HEAD = "version: 1\nregistry-ref: a/r\n"
ENTRY = "artifact: x\n    labels: [a]\n"


def validator(name: str) -> Draft202012Validator:
    """The validator of a shipped schema."""
    schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def schema_says(text: str) -> list[ValidationError]:
    """The schema's errors for a YAML text that an independent parser has read, as in an editor."""
    return list(validator("manifest").iter_errors(YAML(typ="safe", pure=True).load(text)))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes manifests."""
    return Write(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        f"{HEAD}changes:\n  - {ENTRY}",
        f"version: 1.0\nregistry-ref: a/o/p/r/+\nchanges:\n  - {ENTRY}",
        "version: 1\nartifact: x\nregistry-ref: a/r\nchanges: [{mode: clear}, {mode: read}]",
        f"{HEAD}changes:\n  - {ENTRY}    on-conflict: overwrite\n    mode: add",
        f"{HEAD}changes:\n  - {ENTRY}    owned: a*, b*\n    on-missing: skip",
        f"{HEAD}changes:\n  - artifact: 'x, y'\n    labels: |\n      a\n      b\n    require: 1 < 2",
        f"{HEAD}changes: [{{artifact: [x], labels: [no, 12:30:45], artifact-type: dataset}}]",
        f"{HEAD}mode: upsert\non-conflict: error\nchanges: [{{artifact: x, labels: [k=v]}}]",
    ],
)
def test_valid_manifests(write: Write, text: str) -> None:
    """A file that the reader accepts is valid by the schema."""
    assert not write(text, metrics={"accuracy": 1}).told()
    assert not schema_says(text)


INVALID = {
    "no version": f"registry-ref: a/r\nchanges:\n  - {ENTRY}",
    "another version": f"version: 2\nregistry-ref: a/r\nchanges:\n  - {ENTRY}",
    "a version in quotes": f"version: '1'\nregistry-ref: a/r\nchanges:\n  - {ENTRY}",
    "no changes": "version: 1\nregistry-ref: a/r",
    "changes of nothing": f"{HEAD}changes: []",
    "changes as a mapping": f"{HEAD}changes: {{artifact: x, labels: [a]}}",
    "an entry as a text": f"{HEAD}artifact: x\nlabels: [a]\nchanges: [x]",
    "a list at the top": "- version: 1",
    "an unknown key at the top": f"{HEAD}labls: [a]\nchanges:\n  - {ENTRY}",
    "an input of the step": f"{HEAD}dry-run: true\nchanges:\n  - {ENTRY}",
    "an unknown key": f"{HEAD}changes:\n  - {ENTRY}    registry_ref: a/r",
    "no artifact": f"{HEAD}changes: [{{artifact: x, labels: [a]}}, {{labels: [a]}}]",
    "a number for a label": f"{HEAD}changes: [{{artifact: x, labels: [1.0]}}]",
    "a date for a label": f"{HEAD}changes: [{{artifact: x, labels: [2026-11-23]}}]",
    "true for a label": f"{HEAD}changes: [{{artifact: x, labels: [true]}}]",
    "nothing for a label": f"{HEAD}changes: [{{artifact: x, labels: [null]}}]",
    "a mapping for a label": f"{HEAD}changes: [{{artifact: x, labels: [{{stage: prod}}]}}]",
    "a list for a label": f"{HEAD}changes: [{{artifact: x, labels: [[a]]}}]",
    "an empty label": f"{HEAD}changes: [{{artifact: x, labels: ['']}}]",
    "no label in a list": f"{HEAD}changes: [{{artifact: x, labels: []}}]",
    "no label in a text": f"{HEAD}changes: [{{artifact: x, labels: ', '}}]",
    "a number for labels": f"{HEAD}changes: [{{artifact: x, labels: 3}}]",
    "a mapping for labels": f"{HEAD}changes: [{{artifact: x, labels: {{stage: prod}}}}]",
    "a key without a value": f"{HEAD}changes: [{{artifact: x, labels: [a], owned: }}]",
    "a number for an artifact": f"{HEAD}changes: [{{artifact: 50, labels: [a]}}]",
    "an unknown mode": f"{HEAD}mode: repalce\nchanges:\n  - {ENTRY}",
    "a mode with a blank": f"{HEAD}mode: ' add'\nchanges:\n  - {ENTRY}",
    "an unknown type": f"{HEAD}artifact-type: image\nchanges:\n  - {ENTRY}",
    "an unknown on-missing": f"{HEAD}on-missing: warn\nchanges:\n  - {ENTRY}",
    "templates, which is no key any more": f"{HEAD}templates: true\nchanges:\n  - {ENTRY}",
    "a registry without an account": f"version: 1\nregistry-ref: r\nchanges:\n  - {ENTRY}",
    "a registry with a blank": f"version: 1\nregistry-ref: ' a/r'\nchanges:\n  - {ENTRY}",
    "a registry of five parts": f"version: 1\nregistry-ref: a/b/c/d/e\nchanges:\n  - {ENTRY}",
    "clear with labels": f"{HEAD}changes:\n  - {ENTRY}    mode: clear",
    "read with labels": f"{HEAD}changes:\n  - {ENTRY}    mode: read",
    "owned outside replace": f"{HEAD}changes:\n  - {ENTRY}    mode: add\n    owned: a*",
    "on-conflict outside upsert": f"{HEAD}changes:\n  - {ENTRY}    mode: add\n    on-conflict: keep",
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_manifests(write: Write, name: str) -> None:
    """Schema and reader refuse the same files."""
    assert schema_says(INVALID[name])
    assert write(INVALID[name]).told()


VALUES = st.sampled_from(
    [
        None,
        True,
        1,
        1.0,
        2,
        "",
        " ",
        ",",
        "a",
        "a/r",
        "a*",
        "[a]",
        '["a"]',
        "add",
        "clear",
        "k=v",
        "1 < 2",
        [],
        ["a"],
        [1],
        {},
    ],
)
KEYS = [
    "version",
    "changes",
    "artifact",
    "labels",
    "mode",
    "owned",
    "on-conflict",
    "require",
    "registry-ref",
    "templates",
]


@given(
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_schema_is_never_stricter(write: Write, top: dict[str, Any], entry: dict[str, Any]) -> None:
    """For any manifest: if the reader accepts it, it is valid by the schema."""
    changes = [{"artifact": "x", "labels": ["a=b"]} | entry]
    document = {"version": 1, "registry-ref": "a/r", "changes": changes} | top
    if not write(json.dumps(document), name="m.json").told():
        validator("manifest").validate(document)


def test_an_editor_shows_the_inputs_descriptions() -> None:
    """Every key of the manifest is described as the input of its name is."""
    schema = validator("manifest").schema
    keys = schema["properties"]
    assert keys["mode"]["description"] == descriptions()["mode"]
    assert all(key["description"] for key in keys.values())
    assert set(keys) == {*schema["$defs"]["ManifestEntry"]["properties"], "version", "changes"}


def test_nothing_has_to_be_fetched() -> None:
    """A schema's name is not a URL, and the schema has no external references."""
    for path in (ROOT / "schemas").iterdir():
        schema = path.read_text("utf-8")
        assert json.loads(schema)["$id"] == f"urn:har-labels:{path.name.partition('.')[0]}:1"
        assert "http" not in schema.replace("https://json-schema.org/draft/2020-12/schema", "")


@pytest.fixture
def models(sandbox: Sandbox) -> Sandbox:
    """Some models, with labels of every kind of text."""
    for name in ("resnet50", "team/llm", "bert"):
        sandbox.add_artifact(MODELS, name, artifact_type="model", labels=["stage=dev", "größe: 3 µm", "a|b"])
    return sandbox


def test_a_real_plan_file(run_step: RunStep, models: Sandbox, tmp_path: Path) -> None:
    """Every line that a dry run writes is valid, the header first; a step without its labels is not."""
    plan = tmp_path / "labels.plan"
    inputs = {
        "registry-ref": MODELS,
        "artifact": "*",
        "mode": "replace",
        "labels": "x",
        "dry-run": "true",
        "save-plan": str(plan),
    }
    assert run_step("terminal", models, inputs).code == 0
    header, *steps = [json.loads(line) for line in plan.read_text("utf-8").splitlines()]
    assert (header["steps"], len(steps)) == (3, 3)
    for line in (header, *steps):
        validator("plan").validate(line)
    assert not validator("plan").is_valid({name: value for name, value in steps[0].items() if name != "before"})
    assert not validator("plan").is_valid(steps[0] | {"force": True})


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"labels": "x", "mode": "replace"}, 0),
        ({"labels": "x", "mode": "replace", "dry-run": "true"}, 0),
        ({"labels": "x", "require": "'x' in current"}, 10),
        ({"labels": "x", "artifact": "nothing*"}, 4),
        ({"labels": "x", "artifact": "nothing*", "on-missing": "skip"}, 0),
        ({"labels": "^_"}, 2),
    ],
)
def test_real_reports(run_step: RunStep, models: Sandbox, tmp_path: Path, inputs: dict[str, str], code: int) -> None:
    """Reports of runs that end in every way are valid, and a field that is not declared is not."""
    report = tmp_path / "report.json"
    given = {"registry-ref": MODELS, "artifact": "*", "report-file": str(report)} | inputs
    assert run_step("terminal", models, given).code == code
    document = json.loads(report.read_text("utf-8"))
    validator("report").validate(document)
    assert not validator("report").is_valid(document | {"more": 1})


def test_a_report_of_failures(run_step: RunStep, make_sandbox: Any, tmp_path: Path) -> None:
    """A report in which some artifacts failed is valid too."""
    box = make_sandbox(faults=[Fault("400", method="PUT", nth=1)])
    for name in ("a", "b"):
        box.add_artifact(MODELS, name, artifact_type="model", labels=[])
    report = tmp_path / "report.json"
    inputs = {"registry-ref": MODELS, "artifact": "*", "labels": "x", "concurrency": "1", "report-file": str(report)}
    assert run_step("terminal", box, inputs).code == 11
    document = json.loads(report.read_text("utf-8"))
    validator("report").validate(document)
    assert [row["error"] is None for row in document["results"]].count(False) == 1


def test_drift_is_noticed(tmp_path: Path) -> None:
    """The schemas are those that the code makes; `tools/schemas --check` names one that is not, and exits 1."""
    for folder in ("tools", "schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    command = [sys.executable, str(tmp_path / "tools/schemas"), "--check"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (tmp_path / "schemas/plan.schema.json").write_text("{}")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "schemas/plan.schema.json differs" in ran.stderr
