"""What the hosted service still lists and has deleted is found by nothing (contract §1 "deletedAt")."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.steps import CIS
from conftest import MODELS, MakeSandbox, RunStep
from har_labels.errors import ArtifactNotFound
from har_labels.model.address import parse_registry_ref
from har_labels.registry.answers import row_of
from har_sandbox import Sandbox
from har_sandbox.preload import PACKAGE_TYPES
from registry.clients import registry

ALL = {"registry-ref": MODELS, "artifact": "*", "mode": "add", "labels": "new"}


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """Two artifacts, one of them soft-deleted."""
    sandbox.add_artifact(MODELS, "there", artifact_type="model", labels=["a"])
    sandbox.add_artifact(MODELS, "gone", artifact_type="model", labels=["b"], deleted=True)
    return sandbox


def test_a_glob_does_not_match_it(run_step: RunStep, box: Sandbox) -> None:
    """Only existing artifacts are changed and counted."""
    done = run_step("github", box, ALL)
    assert (done.code, done.outputs["matched-count"]) == (0, "1")
    assert (box.labels(MODELS, "there"), box.labels(MODELS, "gone")) == (["a", "new"], ["b"])


def test_a_glob_that_matches_nothing_else(run_step: RunStep, box: Sandbox) -> None:
    """It matches nothing: exit 4."""
    done = run_step("github", box, ALL | {"artifact": "go*"})
    assert (done.code, done.errors) == (4, ["HAR-NOTHING-MATCHED"])


@pytest.mark.parametrize("mode", ["add", "replace", "clear", "read", "upsert"])
@pytest.mark.parametrize("ci", CIS)
def test_named_it_is_not_found_with_that_reason(run_step: RunStep, box: Sandbox, ci: str, mode: str) -> None:
    """Exit 4, no write, and the reason: it is deleted, not misspelt."""
    labels = "" if mode in {"clear", "read"} else "stage=x"
    done = run_step(ci, box, ALL | {"artifact": "gone", "mode": mode, "labels": labels})
    assert (done.code, done.errors) == (4, ["HAR-ARTIFACT-NOT-FOUND"])
    assert "artifact 'gone' in acme/ml/models/+ is deleted" in done.err
    assert not [request for request in box.requests if request.method == "PUT"]


def test_beside_a_glob_it_is_still_not_matched(run_step: RunStep, box: Sandbox) -> None:
    """Named and globbed in one run: the name is not found, the glob leaves it alone."""
    done = run_step("github", box, ALL | {"artifact": "gone,*", "on-missing": "skip"})
    assert (done.code, done.outputs["changed-count"], done.outputs["skipped-count"]) == (0, "1", "1")
    assert box.labels(MODELS, "gone") == ["b"]


def test_on_missing_skips_it(run_step: RunStep, box: Sandbox) -> None:
    """As any artifact that is not found, and the notice has the reason."""
    done = run_step("github", box, ALL | {"artifact": "gone", "on-missing": "skip"})
    assert (done.code, done.outputs["skipped-count"]) == (0, "1")
    assert "is deleted" in done.log


def test_it_is_waited_for(run_step: RunStep, box: Sandbox) -> None:
    """With `wait-for-artifact` one that is pushed again meanwhile is labelled."""
    asked = ALL | {"artifact": "gone", "wait-for-artifact": "20"}
    seen: list[str] = []

    def push_again(request: object) -> None:
        seen.append("")
        if len(seen) == 2:
            box.add_artifact(MODELS, "gone", artifact_type="model")

    box.after(push_again)
    done = run_step("github", box, asked)
    assert (done.code, box.labels(MODELS, "gone")) == (0, ["b", "new"])


def test_an_existing_artifact_of_the_same_name(run_step: RunStep, box: Sandbox) -> None:
    """A dataset that is there is not taken for the model of its name that is deleted, nor ambiguous with it."""
    box.add_artifact(MODELS, "both", artifact_type="model", labels=["m"], deleted=True)
    box.add_artifact(MODELS, "both", artifact_type="dataset", labels=["d"])
    assert run_step("github", box, ALL | {"artifact": "both"}).code == 0
    assert (box.labels(MODELS, "both", "model"), box.labels(MODELS, "both", "dataset")) == (["m"], ["d", "new"])


@pytest.mark.parametrize("ci", CIS)
def test_the_type_that_is_asked_for_is_deleted(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """A dataset of the same name is there and the model isn't: the reason is that it is deleted, not that it is a dataset."""
    box.add_artifact(MODELS, "gone", artifact_type="dataset", labels=["c"])
    done = run_step(ci, box, ALL | {"artifact": "gone", "artifact-type": "model"})
    assert (done.code, done.errors) == (4, ["HAR-ARTIFACT-NOT-FOUND"])
    ((_, what, cure),) = done.stable_lines
    assert what.startswith("the model 'gone' in acme/ml/models/+ is deleted")
    assert "Restore it" in cure


def test_a_plan_does_not_reach_it(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """What was deleted since the plan was made is not found, and nothing is written."""
    box.add_artifact(MODELS, "later", artifact_type="model", labels=["c"])
    plan = tmp_path / "plan"
    assert run_step("github", box, ALL | {"dry-run": "true", "save-plan": str(plan)}).code == 0
    box.add_artifact(MODELS, "later", artifact_type="model", deleted=True)
    done = run_step("github", box, {"apply-plan": str(plan)})
    assert (done.code, done.errors) == (4, ["HAR-ARTIFACT-NOT-FOUND"])
    assert (box.labels(MODELS, "there"), box.labels(MODELS, "later")) == (["a"], ["c"])


@pytest.mark.parametrize("value", ["1795427266532", 1795427266532, "2026-11-26T01:00:00Z", True])
def test_values_of_deleted_at(value: object) -> None:
    """Milliseconds as text or number, or a date."""
    assert row_of({"name": "x", "deletedAt": value}).is_deleted


@pytest.mark.parametrize("value", [None, "", 0, "0", False, "0001-01-01T00:00:00Z", -62135596800000, "-62135596800000"])
def test_what_does_not(value: object) -> None:
    """Nothing, zero, and the zero time of a server in Go."""
    assert not row_of({"name": "x", "deletedAt": value}).is_deleted
    assert not row_of({"name": "x"}).is_deleted


@pytest.mark.parametrize("kind", PACKAGE_TYPES)
def test_every_package_type_of_the_hosted_service(make_sandbox: MakeSandbox, run_step: RunStep, kind: str) -> None:
    """The sandbox lists each of the 23, and a run labels it and reports its type."""
    artifact = {"name": "x", "labels": ["a"]}
    box = make_sandbox(preload={"registries": [{"ref": "acme/r", "package-type": kind, "artifacts": [artifact]}]})
    done = run_step("github", box, {"registry-ref": "acme/r", "artifact": "x", "mode": "add", "labels": "b"})
    assert (done.code, done.outputs["package-type"], box.labels("acme/r", "x")) == (0, kind, ["a", "b"])


def test_there_are_twenty_three() -> None:
    """As the public specification of the hosted service has them."""
    assert len(set(PACKAGE_TYPES)) == 23


def test_the_sandbox_shows_it(make_sandbox: MakeSandbox) -> None:
    """A `deleted: true` of a file is a row with `deletedAt`; a summary and a PUT find nothing, until it is pushed again."""
    gone = {"name": "gone", "labels": ["a"], "deleted": True}
    box = make_sandbox(preload={"registries": [{"ref": "acme/r", "package-type": "RAW", "artifacts": [gone]}]})
    ref, client = parse_registry_ref("acme/r"), registry(box.api_url)
    (row,) = client.page(ref, search="", number=0).rows
    assert (row.name, row.is_deleted) == ("gone", True)
    assert client.summary(ref, "gone") is None
    with pytest.raises(ArtifactNotFound):
        client.put_labels(ref, "gone", "", ("b",))
    box.add_artifact("acme/r", "gone", package_type="RAW")
    (row,) = client.page(ref, search="", number=0).rows
    assert (row.labels, row.is_deleted) == (("a",), False)
