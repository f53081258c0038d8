"""Without `mode` no label that can be seen is taken away (contract §3 "Without `mode`")."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.steps import CIS, Done, spelling
from conftest import MODELS, RunStep
from har_sandbox import Fault, Request, Sandbox

NAME = "resnet50"
Ask = Callable[..., Done]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact that others have labelled."""
    sandbox.add_artifact(MODELS, NAME, package_type="DOCKER", labels=["owner=vision", "stage=dev"])
    return sandbox


@pytest.fixture
def ask(run_step: RunStep, box: Sandbox) -> Ask:
    """Runs a step without a mode."""

    def run(labels: str, *, ci: str = "github", **more: str) -> Done:
        asked = {"registry-ref": MODELS, "artifact": NAME, "labels": labels}
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, box, {name: text for name, text in asked.items() if text})

    return run


def puts(box: Sandbox) -> list[list[str]]:
    return [json.loads(request.body)["labels"] for request in box.requests if request.method == "PUT"]


@pytest.mark.parametrize("ci", CIS)
def test_a_label_that_would_go_stops_the_run(ask: Ask, box: Sandbox, ci: str) -> None:
    """Nothing is written, exit 10, and the line names the artifact, the labels and the three ways out."""
    done = ask("stage=prod", ci=ci)
    assert (done.code, done.errors, puts(box)) == (10, ["HAR-WOULD-REMOVE"], [])
    ((_, what, next_step),) = done.stable_lines
    mode = spelling(ci, "mode", is_given=False)
    assert all(part in what for part in (NAME, "'owner=vision'", "'stage=dev'", f"no `{mode}` allows that"))
    assert all(f"mode: {mode}" in next_step or f"--mode {mode}" in next_step for mode in ("add", "upsert", "replace"))
    assert done.outputs["status"] == "FAILED"


@pytest.mark.parametrize(
    ("before", "labels"),
    [([], "a"), (["a"], "a,b"), (["a", "b"], "a,b"), (["stage=dev"], "stage=dev,new=1")],
)
def test_the_labels_given_become_the_list_where_none_goes(
    ask: Ask, box: Sandbox, before: list[str], labels: str
) -> None:
    """A first labelling, one more label, the same again: as the endpoint does it."""
    box.put_labels(MODELS, NAME, before)
    done = ask(labels)
    assert (done.code, sorted(box.labels(MODELS, NAME) or [])) == (0, sorted(labels.split(",")))


def test_every_artifact_is_reported_at_once(ask: Ask, box: Sandbox) -> None:
    """Two artifacts would lose labels, a third would not: two lines, and nothing is written anywhere."""
    box.add_artifact(MODELS, "bert", package_type="DOCKER", labels=["keep"])
    box.add_artifact(MODELS, "new", package_type="DOCKER")
    done = ask("stage=prod", artifact="*")
    assert (done.code, done.errors, puts(box)) == (10, ["HAR-WOULD-REMOVE"] * 2, [])
    assert "'keep'" in done.err


@pytest.mark.parametrize("saves", [True, False])
def test_a_dry_run_shows_the_difference_and_saves_no_plan(
    ask: Ask, box: Sandbox, tmp_path: Path, *, saves: bool
) -> None:
    """What would change is shown all the same; exit 10."""
    plan = tmp_path / "labels.plan"
    done = ask("stage=prod", dry_run="true", save_plan=str(plan) if saves else "")
    assert (done.code, done.errors, puts(box)) == (10, ["HAR-WOULD-REMOVE"], [])
    assert done.value("removed") == ["owner=vision", "stage=dev"]
    assert done.value("labels") == ["stage=prod"]
    assert done.value("results")[0]["status"] == "planned"
    assert not plan.exists()


def test_owned_is_a_scope_of_its_own(ask: Ask, box: Sandbox) -> None:
    """What matches `owned` may go without a mode."""
    done = ask("stage=prod", owned="stage=*")
    assert (done.code, box.labels(MODELS, NAME)) == (0, ["owner=vision", "stage=prod"])


@pytest.mark.parametrize("mode", ["replace", "upsert", "add"])
def test_a_mode_that_is_spelt_is_done(ask: Ask, mode: str) -> None:
    """Each way out of the error works."""
    assert ask("stage=prod", mode=mode).code == 0


def manifest(folder: Path, entries: str) -> str:
    path = folder / "labels.yaml"
    path.write_text(f"version: 1\nregistry-ref: {MODELS}\nchanges:\n{entries}", "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ("  - {artifact: resnet50, labels: [new]}\n", 10),
        # what the first takes away the second gives again
        ("  - {artifact: resnet50, labels: [new]}\n  - {artifact: resnet50, mode: add, labels: [owner=vision, stage=dev]}\n", 0),
        # a missing label was removed by an entry that asks for it
        ("  - {artifact: resnet50, mode: clear}\n  - {artifact: resnet50, labels: [new]}\n", 0),
        ("  - {artifact: resnet50, mode: remove, labels: ['*']}\n  - {artifact: resnet50, labels: [new]}\n", 0),
        ("  - {artifact: resnet50, mode: remove, labels: ['owner=*']}\n  - {artifact: resnet50, labels: [new]}\n", 10),
        ("  - {artifact: resnet50, labels: [new]}\n  - {artifact: resnet50, mode: replace, labels: [last]}\n", 10),
        # a label that only an entry before it gave belongs to the run
        ("  - {artifact: resnet50, mode: clear}\n  - {artifact: resnet50, mode: add, labels: [x]}\n  - {artifact: resnet50, labels: [y]}\n", 0),
    ],
)  # fmt: skip
def test_a_manifest_is_judged_on_the_composed_list(
    ask: Ask, box: Sandbox, tmp_path: Path, entries: str, code: int
) -> None:
    """What was read, is missing at the end and was taken by an entry without a mode stops the run."""
    done = ask("", artifact="", registry_ref="", manifest=manifest(tmp_path, entries))
    assert (done.code, bool(puts(box))) == (code, not code), done.err


def test_the_mode_beside_a_manifest_or_at_its_top_is_a_mode(ask: Ask, tmp_path: Path) -> None:
    """A mode that an entry inherits is as good as its own."""
    entries = "  - {artifact: resnet50, labels: [new]}\n"
    assert ask("", artifact="", registry_ref="", mode="replace", manifest=manifest(tmp_path, entries)).code == 0


def test_an_old_read_is_renewed_before_the_write(ask: Ask, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that was added after the plan's read is not removed: that artifact alone fails."""
    monkeypatch.setattr("har_labels.engine.writer.FRESH_SECONDS", 0.0)
    box.put_labels(MODELS, NAME, [])
    seen: list[Request] = []

    @box.after
    def somebody(request: Request) -> None:
        seen.append(request)
        if len(seen) == 1:
            box.put_labels(MODELS, NAME, ["theirs"])

    done = ask("a")
    assert (done.code, done.errors, puts(box)) == (10, ["HAR-WOULD-REMOVE"], [])
    assert (done.value("labels"), box.labels(MODELS, NAME)) == (["theirs"], ["theirs"])


def test_an_unknown_outcome_is_looked_at_before_the_write_is_made_again(ask: Ask, box: Sandbox) -> None:
    """The first PUT did nothing, and meanwhile somebody has set a label: it stays."""
    box.put_labels(MODELS, NAME, [])
    box.script([Fault("503", method="PUT")])

    @box.after
    def somebody(request: Request) -> None:
        if request.method == "PUT":
            box.put_labels(MODELS, NAME, ["theirs"])

    done = ask("a")
    assert (done.code, done.errors, len(puts(box))) == (10, ["HAR-WOULD-REMOVE"], 1)
    assert box.labels(MODELS, NAME) == ["theirs"]


def test_a_doubt_that_cannot_be_looked_at_is_not_repeated(ask: Ask, box: Sandbox) -> None:
    """Without a read, a second PUT could remove labels that are not known."""
    box.put_labels(MODELS, NAME, [])
    box.script([Fault("503", method="PUT"), Fault("503", method="GET", nth=2, times=99)])
    done = ask("a")
    assert (done.code, done.errors, len(puts(box))) == (6, ["HAR-SERVER-FAILING"], 1)


def test_labels_that_are_not_shown_are_replaced_with_a_warning(run_step: RunStep, sandbox: Sandbox) -> None:
    """The artifact exists and its labels are in no list: there is nothing that could be seen to go."""
    sandbox.add_artifact(MODELS, NAME, package_type="DOCKER", labels=["old"], hidden=True)
    done = run_step("github", sandbox, {"registry-ref": MODELS, "artifact": NAME, "labels": "a"})
    assert (done.code, sandbox.labels(MODELS, NAME)) == (0, ["a"])
    assert "::warning" in done.out
    assert "does not show its labels" in done.out


def test_no_labels_without_a_mode_name_the_ways_out(ask: Ask) -> None:
    """An empty list is an error that suggests `clear`."""
    done = ask("")
    assert (done.code, done.errors) == (2, ["HAR-INPUT"])
    assert "mode: clear" in done.err


@pytest.mark.parametrize("more", [{}, {"owned": "ci:*"}])
def test_labels_that_render_empty_do_not_blame_a_missing_mode(ask: Ask, box: Sandbox, more: dict[str, str]) -> None:
    """An absent tag is all that was given: refused before any request, naming `clear`, and no `replace`."""
    done = ask(labels="{{ ci.tag }}", **more)
    ((_, what, cure),) = done.stable_lines
    assert (done.code, box.requests) == (2, [])
    assert "all labels are empty" in what
    assert "`mode: clear`" in cure
    assert "replace" not in what


def test_the_summary_shows_that_nothing_was_written(ask: Ask) -> None:
    """People look there first."""
    done = ask("stage=prod")
    assert f"### Labels: no mode in `{MODELS}/+`\n" in done.summary
    assert "HAR-WOULD-REMOVE" in done.summary
    assert "mode: add" in done.summary
