"""`baseline`: another artifact whose labels `require` compares with (contract §3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.steps import Done
from conftest import MODELS, MakeSandbox, RunStep
from har_sandbox import Fault, Request, Sandbox

NAME, CHAMPION = "candidate", "champion"
GATE = "metrics.accuracy >= baseline.accuracy | float | default(0)"
Ask = Callable[..., Done]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A candidate and a champion."""
    sandbox.add_artifact(MODELS, NAME, package_type="DOCKER", labels=["stage=dev"])
    sandbox.add_artifact(MODELS, CHAMPION, package_type="DOCKER", labels=["accuracy=0.930"])
    return sandbox


@pytest.fixture
def ask(run_step: RunStep, box: Sandbox, tmp_path: Path) -> Ask:
    """Runs a step for the candidate, whose accuracy is 0.94 by default."""

    def run(accuracy: float = 0.94, *, ci: str = "github", **more: str) -> Done:
        metrics = tmp_path / "metrics.json"
        metrics.write_text(json.dumps({"accuracy": accuracy}))
        asked = {
            "registry-ref": MODELS, "artifact": NAME, "mode": "add", "labels": "new", "baseline": CHAMPION,
            "require": GATE, "metrics-file": str(metrics),
        }  # fmt: skip
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, box, {name: text for name, text in asked.items() if text})

    return run


def puts(box: Sandbox) -> int:
    return sum(request.method == "PUT" for request in box.requests)


@pytest.mark.parametrize(("accuracy", "code"), [(0.94, 0), (0.93, 0), (0.929, 10)])
@pytest.mark.parametrize("mode", ["add", "replace"])
def test_the_candidate_is_held_against_the_champion(
    ask: Ask, box: Sandbox, accuracy: float, code: int, mode: str
) -> None:
    """A better or equal value passes; with a worse one nothing is written, and both values are reported."""
    done = ask(accuracy, mode=mode)
    assert (done.code, puts(box)) == (code, not code)
    if code:
        assert "baseline.accuracy is '0.930'" in done.err
        assert "metrics.accuracy is 0.929" in done.err


def test_a_first_run_has_no_champion(ask: Ask, box: Sandbox) -> None:
    """One that is not there is empty, so the default counts; log and summary warn, since a typo looks the same."""
    done = ask(0.1, baseline="champoin")
    assert (done.code, puts(box)) == (0, 1)
    assert "::warning" in done.out
    for told in (done.out, done.summary):
        assert "champoin" in told
        assert "first run" in told


def test_without_a_default_a_first_run_is_an_error(ask: Ask, box: Sandbox) -> None:
    """A missing label of it is missing, as a metric would be."""
    done = ask(baseline="nobody", require="metrics.accuracy >= baseline.accuracy | float")
    assert (done.code, puts(box)) == (2, 0)


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
def test_a_gate_on_no_baseline_is_an_error(ask: Ask, box: Sandbox, ci: str) -> None:
    """Reported before any request, with the name of the missing input."""
    done = ask(ci=ci, baseline="")
    assert (done.code, done.errors, box.requests) == (2, ["HAR-TEMPLATE"], [])
    assert "reads `baseline`, and there is none" in done.err


@pytest.mark.parametrize(
    "name",
    [
        "team/*", "a/../b", "champ?on", "champion, other", "champion,", '"champion"', "'champion'", "- champion",
        "{{ artifact }}-champion", "champion # c", "champion@sha256:0123", "undefined", "None",
    ],
)  # fmt: skip
def test_a_baseline_is_one_name(ask: Ask, box: Sandbox, name: str) -> None:
    """What names no single artifact is refused, by one error: as a name that isn't there it would be a first run."""
    done = ask(baseline=name)
    assert (done.code, done.errors, box.requests) == (2, ["HAR-INPUT"], [])
    assert f"`baseline` is {name!r}" in done.err


def test_labels_that_are_not_shown_are_not_empty(
    run_step: RunStep, make_sandbox: MakeSandbox, ask: Ask, box: Sandbox
) -> None:
    """It exists and can't be read: exit 6, whatever the default."""
    box.add_artifact(MODELS, "hidden", package_type="DOCKER", labels=["accuracy=0.99"], hidden=True)
    done = ask(baseline="hidden")
    assert (done.code, done.errors, puts(box)) == (6, ["HAR-UNREADABLE"], 0)


@pytest.mark.parametrize(("status", "code"), [("403", 3), ("500", 6)])
def test_a_registry_that_cannot_be_read_has_no_first_run(ask: Ask, box: Sandbox, status: str, code: int) -> None:
    """Also in a mode that needs no read itself."""
    box.script([Fault(status, method="GET", times=99)])
    done = ask(mode="replace")
    assert (done.code, puts(box)) == (code, 0)


def test_a_key_that_is_there_twice_is_covered_by_no_default(ask: Ask, box: Sandbox) -> None:
    """Nobody knows which of the two counts."""
    box.put_labels(MODELS, CHAMPION, ["accuracy=0.93", "accuracy=0.95"])
    done = ask()
    assert (done.code, done.errors, puts(box)) == (2, ["HAR-TEMPLATE"], 0)
    assert "accuracy=0.95" in done.err


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_it_is_read_once_more_before_the_first_write(ask: Ask, box: Sandbox, mode: str) -> None:
    """A champion that has become better since the plan closes the gate, and nothing is written."""
    seen: list[Request] = []

    @box.after
    def promote(request: Request) -> None:
        seen.append(request)
        if [one.method for one in seen].count("GET") == 1:
            box.put_labels(MODELS, CHAMPION, ["accuracy=0.99"])

    done = ask(mode=mode)
    assert (done.code, done.errors, puts(box)) == (10, ["HAR-REQUIRE"], 0)
    assert "baseline.accuracy is '0.99'" in done.err


def test_a_dry_run_asks_once(ask: Ask, box: Sandbox) -> None:
    """Nothing is written, so the baseline is not read again."""
    assert ask(dry_run="true").code == 0
    before = len(box.requests)
    box.forget_requests()
    assert ask().code == 0
    assert len(box.requests) > before


def test_a_rerun_asks_once(ask: Ask, box: Sandbox) -> None:
    """Where nothing is left to write the baseline is not read again."""
    assert ask(dry_run="true").code == 0
    planning = len(box.requests)
    assert ask().code == 0
    box.forget_requests()
    done = ask()
    assert (done.code, done.value("changed"), len(box.requests)) == (0, "false", planning)


def test_it_is_typed_by_artifact_type(run_step: RunStep, sandbox: Sandbox) -> None:
    """A model is compared with a model, though a dataset has the champion's name."""
    for name, kind, labels in ((NAME, "model", []), (CHAMPION, "model", ["f=1"]), (CHAMPION, "dataset", ["f=2"])):
        sandbox.add_artifact(MODELS, name, artifact_type=kind, labels=labels)
    inputs = {"registry-ref": MODELS, "artifact": NAME, "mode": "add", "labels": "new", "baseline": CHAMPION}
    asked = inputs | {"require": "baseline.f == '1'"}
    assert run_step("github", sandbox, asked | {"artifact-type": "model"}).code == 0
    untyped = run_step("github", sandbox, asked)
    assert (untyped.code, untyped.errors) == (2, ["HAR-AMBIGUOUS"])


def test_each_entry_of_a_manifest_has_its_own(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """The entry's baseline counts before the file's; the gate of the step holds for each."""
    box.add_artifact(MODELS, "other", package_type="DOCKER", labels=["accuracy=0.99"])
    path = tmp_path / "labels.yaml"
    text = (
        f"version: 1\nregistry-ref: {MODELS}\nmode: add\nbaseline: {CHAMPION}\nlabels: [new]\n"
        "changes:\n  - artifact: candidate\n  - {artifact: candidate, baseline: other, labels: [newer]}\n"
    )
    path.write_text(text)
    done = run_step("github", box, {"manifest": str(path), "require": "baseline.accuracy | float < 0.95"})
    assert (done.code, puts(box)) == (10, 0)
    assert "'0.99'" in done.err
    path.write_text(text.replace(", baseline: other", ""))
    assert run_step("github", box, {"manifest": str(path), "require": "baseline.accuracy | float < 0.95"}).code == 0


def test_a_shard_reads_it_though_it_is_not_its_own(ask: Ask, box: Sandbox) -> None:
    """Whatever part a run has, the champion is the same."""
    for number in range(8):
        box.add_artifact(MODELS, f"model-{number}", package_type="DOCKER", labels=[])
    codes = {ask(0.5, artifact="model-*", shard=f"{index}/3").code for index in range(3)}
    assert (codes, puts(box)) == ({10}, 0)


def test_labels_do_not_see_it(ask: Ask, box: Sandbox) -> None:
    """Labels are rendered before any request."""
    done = ask(labels="was={{ baseline.accuracy }}", require="")
    assert (done.code, done.errors, box.requests) == (2, ["HAR-TEMPLATE"], [])


def test_the_own_label_is_a_champion_too(ask: Ask, box: Sandbox) -> None:
    """`current_map` needs no other artifact."""
    box.put_labels(MODELS, NAME, ["accuracy=0.95"])
    gate = "metrics.accuracy | round(3) >= current_map.accuracy | float | default(0)"
    assert ask(0.94, baseline="", require=gate).code == 10
    assert ask(0.96, baseline="", require=gate).code == 0


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
def test_the_warning_names_what_require_reads(ask: Ask, ci: str) -> None:
    """`baseline` is the name in the expression there, not the input in some CI's spelling."""
    done = ask(0.1, ci=ci, baseline="champoin")
    assert "so `baseline` is empty" in done.out + done.err


def test_one_baseline_of_many_entries_is_read_once_more(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Just before the first write the registry is asked once, however many entries compare with the champion."""
    names = [f"model-{number}" for number in range(20)]
    for name in names:
        box.add_artifact(MODELS, name, package_type="DOCKER", labels=[])
    path = tmp_path / "labels.yaml"
    entries = "".join(f"  - artifact: {name}\n" for name in names)
    path.write_text(
        f"version: 1\nregistry-ref: {MODELS}\nmode: add\nbaseline: {CHAMPION}\nlabels: [new]\nchanges:\n{entries}"
    )
    asked = {"manifest": str(path), "require": "baseline.accuracy | float < 0.95"}
    assert run_step("github", box, asked | {"dry-run": "true"}).code == 0
    planning = len(box.requests)
    box.forget_requests()
    assert run_step("github", box, asked).code == 0
    assert [request.method for request in box.requests].index("PUT") == planning + 1


@pytest.mark.parametrize(
    "name", ["champion:1.0", "pkg.example.com/acme/ml/models/champion:1.0", "pkg.example.com/acme/models/champion"]
)
def test_a_version_of_the_champion_is_not_a_first_run(ask: Ask, box: Sandbox, name: str) -> None:
    """An image address, or a name with a tag, of an existing artifact is an error with the plain name."""
    done = ask(0.1, baseline=name)
    assert (done.code, done.errors, puts(box)) == (4, ["HAR-ARTIFACT-NOT-FOUND"], 0)
    assert "write champion" in done.err


def test_a_name_with_a_colon_may_be_a_first_run(ask: Ask, box: Sandbox) -> None:
    """Maven's names have one."""
    assert ask(0.1, baseline="com.example:model").code == 0
    box.add_artifact(MODELS, "com.example:model", package_type="MAVEN", labels=["accuracy=0.93"])
    assert ask(0.1, baseline="com.example:model").code == 10


def test_an_entrys_bad_baseline_is_one_error(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """That `require` reads the baseline is not reported in addition."""
    path = tmp_path / "labels.yaml"
    path.write_text(
        f"version: 1\nregistry-ref: {MODELS}\nmode: add\nlabels: [new]\n"
        "changes: [{artifact: candidate, baseline: 'a, b', require: [baseline.accuracy == '1']}]\n"
    )
    assert run_step("github", box, {"manifest": str(path)}).errors == ["HAR-MANIFEST"]


def test_of_another_type_it_is_not_there(run_step: RunStep, sandbox: Sandbox) -> None:
    """A dataset with that name is not a baseline for a model, and the warning says so."""
    sandbox.add_artifact(MODELS, CHAMPION, artifact_type="dataset", labels=["f=1"])
    sandbox.add_artifact(MODELS, NAME, artifact_type="model", labels=[])
    inputs = {"registry-ref": MODELS, "artifact": NAME, "mode": "add", "labels": "new", "baseline": CHAMPION}
    done = run_step("github", sandbox, inputs | {"artifact-type": "model", "require": "baseline | length == 0"})
    assert done.code == 0
    assert "is a dataset" in done.out
