"""The pipeline, the step template and the catalogue's example of harness/ do what they say, run as Harness and Drone would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ci.steps import Done
from conftest import MakeSandbox, Watch
from docs.documents import ROOT, Step, read_yaml, step_in, steps_in
from docs.workspace import Workspace
from har_sandbox import Sandbox

REGISTRY = "acme/ml/prod/models"
PIPELINE = steps_in((ROOT / "harness" / "example-pipeline.yaml").read_text("utf-8"))
TEMPLATE = step_in((ROOT / "harness" / "step-template.yaml").read_text("utf-8"))
CATALOGUE = step_in(read_yaml((ROOT / "harness" / "content.yaml").read_text("utf-8"))["example"])
ANSWERS = {"registry_ref": REGISTRY, "artifact": "resnet50", "labels": "stage=production"}
BEFORE = ["owner=vision", "stage=dev"]
# What each mode that the template offers makes of BEFORE; two of them take no labels.
AFTER = {
    "replace": ["stage=production"],
    "add": ["owner=vision", "stage=dev", "stage=production"],
    "remove": BEFORE,
    "upsert": ["owner=vision", "stage=production"],
    "clear": [],
    "read": BEFORE,
}


@pytest.fixture
def box(make_sandbox: MakeSandbox) -> Sandbox:
    """A registry with a team of seven and a stranger."""
    box = make_sandbox()
    team = [("team/llm", ["stage=staging"]), *((f"team/m{number}", ["stage=dev"]) for number in range(6))]
    box.add_artifacts(REGISTRY, [*team, ("resnet50", BEFORE)])
    return box


@pytest.fixture
def workspace(box: Sandbox, watch: Watch, tmp_path: Path) -> Workspace:
    """The workspace that the steps of a stage share."""
    return Workspace(tmp_path, box, watch)


def run_pipeline(workspace: Workspace) -> list[list[Done]]:
    """The steps one after another, the turns of one at the same time; none after one that failed."""
    ran: list[list[Done]] = []
    for step in PIPELINE:
        with ThreadPoolExecutor(step.parallelism) as pool:
            ran.append(list(pool.map(workspace.run, step.turns())))
        if any(turn.code for turn in ran[-1]):
            break
    return ran


def held(box: Sandbox) -> dict[str, list[str]]:
    """The labels of every artifact."""
    return {name: list(box.labels(REGISTRY, name) or []) for name in ("resnet50", "team/llm", "team/m0", "team/m5")}


def test_the_pipeline_labels_a_team_and_promotes(box: Sandbox, workspace: Workspace) -> None:
    """The whole team gets its owner, each artifact by one share; one model is promoted; nothing else is touched."""
    (look,), shares, (promote,) = run_pipeline(workspace)
    assert [one.code for one in (look, *shares, promote)] == [0] * 5, promote.log
    assert (look.outputs["status"], look.outputs["changed-count"]) == ("PLANNED", "7")
    assert held(box) == {
        "resnet50": BEFORE,
        "team/llm": ["owner=vision", "stage=production"],
        "team/m0": ["owner=vision", "stage=dev"],
        "team/m5": ["owner=vision", "stage=dev"],
    }
    reports = [read_yaml(path.read_text("utf-8")) for path in sorted(workspace.folder.glob("report-?.json"))]
    labelled = [row["artifact"] for report in reports for row in report["results"]]
    assert (len(reports), sorted(labelled)) == (3, ["team/llm", *(f"team/m{number}" for number in range(6))])


def test_the_look_of_the_pipeline_writes_nothing(box: Sandbox, workspace: Workspace) -> None:
    """The first step is a look: after it every artifact is as it was, and no request of it was a write."""
    before = held(box)
    done = workspace.run(PIPELINE[0])
    assert (done.code, held(box)) == (0, before)
    assert {request.method for request in box.requests} == {"GET"}


def test_the_pipeline_promotes_only_from_staging(box: Sandbox, workspace: Workspace) -> None:
    """Where the model is not in staging, the last step is red with exit 10 and the model keeps its stage."""
    box.put_labels(REGISTRY, "team/llm", ["stage=dev"])
    _, shares, (promote,) = run_pipeline(workspace)
    assert [one.code for one in (*shares, promote)] == [0, 0, 0, 10]
    assert (promote.errors, held(box)["team/llm"]) == (["HAR-REQUIRE"], ["owner=vision", "stage=dev"])


def test_the_pipeline_stops_at_a_plan_too_large(box: Sandbox, workspace: Workspace) -> None:
    """With more changes than the look allows it is red with exit 10, and no share begins."""
    box.add_artifacts(REGISTRY, [(f"team/n{number}", []) for number in range(500)])
    ((look,),) = run_pipeline(workspace)
    assert (look.code, look.errors) == (10, ["HAR-MAX-CHANGES"])
    assert {request.method for request in box.requests} == {"GET"}


@pytest.mark.parametrize("mode", AFTER)
def test_the_template_in_every_mode(box: Sandbox, workspace: Workspace, mode: str) -> None:
    """Whichever mode a user of the template chooses, the labels become what that mode says."""
    labels = "" if mode in {"clear", "read"} else ANSWERS["labels"]
    done = workspace.run(TEMPLATE.answered({**ANSWERS, "labels": labels, "mode": mode}))
    assert (done.code, held(box)["resnet50"]) == (0, AFTER[mode]), done.log


def test_the_template_as_it_comes(box: Sandbox, workspace: Workspace) -> None:
    """Who answers only what has no default upserts, for real."""
    done = workspace.run(TEMPLATE.answered(ANSWERS))
    assert (done.code, held(box)["resnet50"]) == (0, AFTER["upsert"]), done.log


def test_the_template_as_a_dry_run(box: Sandbox, workspace: Workspace) -> None:
    """`dry_run` answered with true shows the plan and writes nothing."""
    done = workspace.run(TEMPLATE.answered({**ANSWERS, "dry_run": "true"}))
    assert (done.outputs["status"], held(box)["resnet50"]) == ("PLANNED", BEFORE), done.log


def test_the_template_offers_what_there_is() -> None:
    """The template's choices are the modes above and both values of a switch, and its defaults are among them."""
    assert TEMPLATE.allowed("mode") == list(AFTER)
    assert TEMPLATE.allowed("dry_run") == ["true", "false"]
    with pytest.raises(AssertionError, match="mode may not be merge"):
        TEMPLATE.answered({**ANSWERS, "mode": "merge"})
    with pytest.raises(AssertionError, match="labels has no default and no answer"):
        TEMPLATE.answered({"registry_ref": REGISTRY, "artifact": "resnet50"})


def test_the_example_of_the_catalogue(box: Sandbox, workspace: Workspace) -> None:
    """The example for Drone labels the model with Drone's commit, and Drone's log reports it."""
    done = workspace.run(CATALOGUE)
    assert (CATALOGUE.ci, done.code) == ("drone", 0), done.log
    assert held(box)["resnet50"] == ["commit=0123456", "owner=vision", "stage=candidate"]
    assert "stage=candidate" in done.out


def test_an_unknown_secret_is_refused() -> None:
    """An example for Drone that names a secret which no test knows can't pass for tested."""
    with pytest.raises(AssertionError, match="another"):
        Step("drone", {"api_key": {"from_secret": "another"}}).variables()
