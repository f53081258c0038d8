"""Whole runs of a manifest against a registry on a socket (contract §6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ci.steps import CIS, Done, spelling
from conftest import MODELS, RunStep
from har_sandbox import Request, Sandbox

DATA = "acme/ml/data"


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """Two registries: models with and without a team, and datasets."""
    sandbox.add_artifact(MODELS, "resnet50", artifact_type="model", labels=["stage=dev", "keep"])
    sandbox.add_artifact(MODELS, "team/llm", artifact_type="model", labels=["a"])
    sandbox.add_artifact(MODELS, "team/asr", artifact_type="model", labels=[])
    for name in ("faces", "roads"):
        sandbox.add_artifact(DATA, name, artifact_type="dataset", labels=["tmp-1", "tmp-2", "fine"])
    return sandbox


class Apply:
    """Runs a manifest as a step, by default in a terminal."""

    def __init__(self, run_step: RunStep, box: Sandbox, folder: Path) -> None:
        self._run_step, self._box, self.path = run_step, box, folder / "manifest.yml"

    def __call__(self, text: str, inputs: Mapping[str, str] | None = None, ci: str = "terminal") -> Done:
        self.path.write_text(text)
        return self._run_step(ci, self._box, {"manifest": str(self.path), **(inputs or {})})


@pytest.fixture
def apply(run_step: RunStep, box: Sandbox, tmp_path: Path) -> Apply:
    """Runs manifests."""
    return Apply(run_step, box, tmp_path)


def writes(box: Sandbox) -> list[tuple[str, list[str]]]:
    """Artifact and labels of every PUT, in the order of the artifacts."""
    puts: list[Request] = [request for request in box.requests if request.method == "PUT"]
    return sorted((put.path.split("/artifact/")[1], json.loads(put.body)["labels"]) for put in puts)


EXAMPLE = f"""
version: 1
registry-ref: {MODELS}/+
mode: upsert
changes:
  - artifact: resnet50
    labels: [stage=candidate, "accuracy={{{{ metrics.accuracy | round(3) }}}}"]
  - artifact: "team/*"
    mode: add
    labels: [owner=vision]
  - registry-ref: {DATA}/+
    artifact: [faces, roads]
    artifact-type: dataset
    mode: remove
    labels: ["tmp-*"]
    require: ["'frozen' not in current"]
"""


@pytest.mark.parametrize("ci", CIS)
def test_several_registries_globs_and_modes(apply: Apply, box: Sandbox, tmp_path: Path, ci: str) -> None:
    """The contract's example changes five artifacts of two registries, each by its own entry, on every CI."""
    (tmp_path / "metrics.json").write_text('{"accuracy": 0.93456}')
    done = apply(EXAMPLE, {"metrics-file": str(tmp_path / "metrics.json")}, ci)
    assert done.code == 0, done.err
    assert writes(box) == [
        ("faces/labels", ["fine"]),
        ("resnet50/labels", ["accuracy=0.935", "keep", "stage=candidate"]),
        ("roads/labels", ["fine"]),
        ("team/asr/+/labels", ["owner=vision"]),
        ("team/llm/+/labels", ["a", "owner=vision"]),
    ]


def test_entries_compose_in_order_into_one_write(apply: Apply, box: Sandbox) -> None:
    """An artifact that several entries name, by name or glob, gets them in order and is written once."""
    done = apply(
        f"""
version: 1
registry-ref: {MODELS}
mode: add
changes:
  - {{artifact: resnet50, labels: [tmp, stage=test]}}
  - {{artifact: "res*", mode: upsert, labels: [stage=prod]}}
  - {{artifact: "*50, team/llm", mode: remove, labels: ["t*"]}}
  - {{artifact: resnet50, labels: [last]}}
"""
    )
    assert done.code == 0, done.err
    assert writes(box) == [("resnet50/labels", ["keep", "last", "stage=prod"])]
    assert box.labels(MODELS, "team/llm") == ["a"]


def test_a_replace_begins_anew(apply: Apply, box: Sandbox) -> None:
    """A plain `replace` discards the changes of earlier entries; later entries are applied to its result."""
    changes = "[{mode: add, labels: [a]}, {mode: replace, labels: [b]}, {mode: add, labels: [c]}]"
    assert apply(f"version: 1\nregistry-ref: {MODELS}\nartifact: resnet50\nchanges: {changes}\n").code == 0
    assert writes(box) == [("resnet50/labels", ["b", "c"])]


@pytest.mark.parametrize("ci", CIS)
def test_a_wrong_entry_writes_nothing(apply: Apply, box: Sandbox, ci: str) -> None:
    """All problems of a manifest are reported with their places, before any request."""
    done = apply(
        f"""
version: 1
registry-ref: {MODELS}
changes:
  - {{artifact: resnet50, labels: [fine]}}
  - {{artifact: team/llm, labls: [a], labels: [1.0]}}
  - {{artifact: team/asr, labels: [a], mode: upsrt}}
""",
        ci=ci,
    )
    assert (done.code, done.errors) == (2, ["HAR-MANIFEST"] * 3)
    places = [what.removeprefix(str(apply.path)).partition(": ")[0] for _, what, _ in done.stable_lines]
    assert places == [":6:26", ":6:47", ":7:45"]
    assert not box.requests


def test_problems_of_inputs_and_manifest_together(apply: Apply, box: Sandbox) -> None:
    """An unreadable metrics file and an invalid `require` are reported together with the problems of the manifest."""
    text = (
        f"version: 1\nregistry-ref: {MODELS}\nchanges: [{{artifact: x, labels: ['{{{{ metrics.a }}}}'], mod: add}}]\n"
    )
    done = apply(text, {"metrics-file": "/nope.json", "require": "1 +"})
    assert (done.code, done.errors) == (2, ["HAR-METRICS", "HAR-TEMPLATE", "HAR-MANIFEST"])
    assert not box.requests


def test_a_label_that_one_artifact_spoils(apply: Apply, box: Sandbox) -> None:
    """If a label is invalid only for some artifact names, the error has its place, and nothing is written."""
    labels = "\"of={{ artifact | replace('llm', '^_') }}\""
    done = apply(
        f"version: 1\nregistry-ref: {MODELS}\nchanges:\n  - artifact: '*'\n    labels: [{labels}]\n    mode: replace\n"
    )
    assert (done.code, done.errors) == (2, ["HAR-MANIFEST"])
    assert f"{apply.path}:5:14: label 1" in done.err
    assert not writes(box)


@pytest.mark.parametrize("require", ["'frozen' in current", "metrics.accuracy >= 0.9"])
def test_require_of_one_entry_gates_all(apply: Apply, box: Sandbox, tmp_path: Path, require: str) -> None:
    """An expression of one entry that does not hold keeps every artifact of the run from being written."""
    (tmp_path / "metrics.json").write_text('{"accuracy": 0.5}')
    changes = f"""
  - {{artifact: resnet50, labels: [a]}}
  - registry-ref: {DATA}
    artifact: faces
    labels: [b]
    require: ["{require}"]
"""
    text = f"version: 1\nregistry-ref: {MODELS}\nmode: replace\nchanges:{changes}"
    done = apply(text, {"metrics-file": str(tmp_path / "metrics.json")})
    assert (done.code, done.errors) == (10, ["HAR-REQUIRE"])
    assert not writes(box)


def test_require_of_the_step_gates_a_manifest(apply: Apply, box: Sandbox) -> None:
    """The input's `require` holds for a manifest whose entries have their own."""
    text = f"version: 1\nregistry-ref: {MODELS}\nchanges: [{{artifact: resnet50, labels: [a], require: 1 < 2}}]\n"
    assert apply(text, {"require": "'frozen' in current"}).code == 10
    assert not writes(box)


def test_a_missing_artifact_is_reported_with_its_place(apply: Apply, box: Sandbox) -> None:
    """A glob that matches nothing, a name and a registry that are not there: all at once, each with its place."""
    done = apply(
        f"""
version: 1
registry-ref: {MODELS}
mode: replace
labels: [a]
changes:
  - artifact: [resnet50, "nothing*"]
  - artifact: nobody
  - {{artifact: x, registry-ref: acme/ml/nowhere}}
"""
    )
    assert done.code == 4
    told = {(code, what.removeprefix(f"{apply.path}:").partition(": ")[0]) for code, what, _ in done.stable_lines}
    assert told == {
        ("HAR-NOTHING-MATCHED", "7:26"),
        ("HAR-ARTIFACT-NOT-FOUND", "8:15"),
        ("HAR-REGISTRY-NOT-FOUND", "9:33"),
    }
    assert not writes(box)


def test_on_missing_skip(apply: Apply, box: Sandbox) -> None:
    """`on-missing: skip` of one entry passes over its own artifacts and globs alone."""
    skipping = '{artifact: [nobody, "nothing*", resnet50], on-missing: skip}'
    done = apply(
        f"version: 1\nregistry-ref: {MODELS}\nmode: replace\nlabels: [a]\nchanges: [{skipping}]\n", ci="github"
    )
    assert (done.code, done.outputs["skipped-count"], done.outputs["changed-count"]) == (0, "2", "1")
    assert f"{apply.path}:5:" in done.log
    assert writes(box) == [("resnet50/labels", ["a"])]
    box.forget_requests()
    text = f"version: 1\nregistry-ref: {MODELS}\nmode: replace\nlabels: [a]\nchanges: [{skipping}, {{artifact: nobody2}}]\n"
    assert apply(text).code == 4
    assert not writes(box)


def test_precedence_entry_file_input(apply: Apply, box: Sandbox) -> None:
    """An entry's mode counts before the file's, the file's before the input's; registries likewise."""
    inputs = {"mode": "clear", "registry-ref": DATA}
    assert apply("version: 1\nchanges: [{artifact: faces}]\n", inputs).code == 0
    assert apply("version: 1\nmode: add\nlabels: [a]\nchanges: [{artifact: roads}]\n", inputs).code == 0
    entry = f"{{artifact: resnet50, mode: replace, registry-ref: {MODELS}}}"
    assert apply(f"version: 1\nmode: add\nlabels: [b]\nchanges: [{entry}]\n", inputs).code == 0
    assert writes(box) == [
        ("faces/labels", []),
        ("resnet50/labels", ["b"]),
        ("roads/labels", ["a", "fine", "tmp-1", "tmp-2"]),
    ]


def test_a_dry_run_and_its_plan(apply: Apply, box: Sandbox, run_step: RunStep, tmp_path: Path) -> None:
    """A manifest's plan can be saved, and applied without the manifest."""
    plan = str(tmp_path / "labels.plan")
    text = f"version: 1\nregistry-ref: {MODELS}\nmode: add\nlabels: [a]\nchanges: [{{artifact: '*'}}]\n"
    assert apply(text, {"dry-run": "true", "save-plan": plan}).code == 0
    assert not writes(box)
    assert run_step("terminal", box, {"apply-plan": plan}).code == 0
    assert [name for name, _ in writes(box)] == ["resnet50/labels", "team/asr/+/labels"]


def test_few_requests_for_many(apply: Apply, box: Sandbox) -> None:
    """250 artifacts of one registry, of which ten change, cost three pages, ten writes and at most six pages more."""
    many = "acme/ml/many"
    box.add_artifacts(many, ((f"m{number}", ["a"] if number >= 10 else []) for number in range(250)))
    changes = "".join(f"  - {{artifact: m{number}}}\n" for number in range(250))
    assert apply(f"version: 1\nregistry-ref: {many}\nmode: add\nlabels: [a]\nchanges:\n{changes}").code == 0
    assert len(writes(box)) == 10
    assert len(box.requests) <= 3 + 10 + 6


@pytest.mark.parametrize("ci", ["terminal", "harness"])
def test_keys_of_a_manifest_are_spelt_as_in_it(apply: Apply, ci: str) -> None:
    """Nobody gave an input of that name; one that was given beside the manifest is spelt as it was given."""
    entry = "artifact: '*', mode: add, labels: [a], where: [\"current_map.stage == 'x'\"]"
    baseline = "baseline: nope, require: [\"baseline.x | default('1') == '1'\"]"
    done = apply(f"version: 1\nregistry-ref: {MODELS}\nchanges:\n  - {{{entry}, {baseline}}}\n", ci=ci)
    assert done.code == 0
    assert f"`where` leaves out 3 of 3 artifacts in {MODELS}/+" in done.log
    assert "any `default` in `require` applies" in done.log
    text = f"version: 1\nregistry-ref: {MODELS}\nchanges: [{{artifact: '*', mode: add, labels: [a]}}]\n"
    done = apply(text, {"where": "current_map.stage == 'x'"}, ci=ci)
    assert f"`{spelling(ci, 'where')}` leaves out 3 of 3 artifacts in {MODELS}/+" in done.log
