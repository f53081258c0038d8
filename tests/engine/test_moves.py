"""`mode: move`: one label moves from its holders to one artifact (contract §3 "Move", §5 point 11)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.steps import CIS, Done, spelling
from conftest import MODELS, MakeSandbox, RunStep
from har_labels.inputs.settings import Settings
from har_sandbox import Fault, Request, Sandbox

NEW, OLD, LABEL = "resnet51", "resnet50", "champion"
Ask = Callable[..., Done]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A champion, a newcomer, and two that have nothing to do with it."""
    fill(sandbox)
    return sandbox


def fill(box: Sandbox) -> None:
    for name, labels in (
        (OLD, ["champion", "champion-of-2024", "stage=production", "team=vision"]),
        (NEW, ["stage=staging", "team=vision"]),
        ("resnet49", ["stage=archived"]),
        ("bert", ["language"]),
    ):
        box.add_artifact(MODELS, name, package_type="DOCKER", labels=labels)


@pytest.fixture
def ask(run_step: RunStep, box: Sandbox) -> Ask:
    """Runs a step that moves `champion` to the new artifact; `inputs` override the defaults."""

    def run(*, ci: str = "github", **more: str) -> Done:
        asked = {"registry-ref": MODELS, "artifact": NEW, "mode": "move", "labels": LABEL}
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, box, {name: text for name, text in asked.items() if text})

    return run


def holders(box: Sandbox, label: str = LABEL) -> list[str]:
    return [name for name in (OLD, NEW, "resnet49", "bert") if label in (box.labels(MODELS, name) or ())]


def puts(box: Sandbox) -> list[str]:
    """The artifacts that were written, in order."""
    return [request.path.split("/artifact/")[1].split("/")[0] for request in box.requests if request.method == "PUT"]


@pytest.mark.parametrize("ci", CIS)
def test_the_label_goes_from_the_one_to_the_other(ask: Ask, box: Sandbox, ci: str) -> None:
    """The target has the label, the old holder has not, nothing else changes, and the step reports the old holder."""
    done = ask(ci=ci)
    assert (done.code, holders(box)) == (0, [NEW]), done.log
    assert box.labels(MODELS, OLD) == ["champion-of-2024", "stage=production", "team=vision"]
    assert box.labels(MODELS, NEW) == ["champion", "stage=staging", "team=vision"]
    rows = {row["artifact"]: (row["status"], row["added"], row["removed"]) for row in done.value("results")}
    assert rows == {NEW: ("applied", [LABEL], []), OLD: ("applied", [], [LABEL])}
    if ci != "terminal":
        assert done.value("moved-from") == [OLD]
        assert done.value("labels") == ["champion", "stage=staging", "team=vision"]
        assert done.value("added") == [LABEL]


def test_it_is_given_before_it_is_taken(ask: Ask, box: Sandbox) -> None:
    """Without a concurrent run the label always has a holder."""
    seen: list[list[str]] = []
    box.after(lambda _request: seen.append(holders(box)))
    assert ask().code == 0
    assert puts(box) == [NEW, OLD]
    assert all(seen)


def test_a_move_costs_two_listings_and_the_puts(ask: Ask, box: Sandbox) -> None:
    """One listing before, one `settle` after: no request more than a glob takes."""
    assert ask(among="resnet*", settle="1").code == 0
    assert [request.method for request in box.requests] == ["GET", "PUT", "PUT", "GET"]


def test_a_key_is_set_as_upsert_does(ask: Ask, box: Sandbox) -> None:
    """The key's old value goes on the one alone; from the others exactly this label goes, and no other of the key."""
    box.put_labels(MODELS, "bert", ["stage:production", "stage=staging"])
    done = ask(labels="stage=production")
    assert done.code == 0
    assert box.labels(MODELS, NEW) == ["stage=production", "team=vision"]
    assert box.labels(MODELS, OLD) == ["champion", "champion-of-2024", "team=vision"]
    assert box.labels(MODELS, "resnet49") == ["stage=archived"]
    assert box.labels(MODELS, "bert") == ["stage:production", "stage=staging"]
    assert done.value("moved-from") == [OLD]


@pytest.mark.parametrize("label", ["champion*", "x[ab]", "a[*]", "c?"])
def test_a_label_is_not_a_pattern(ask: Ask, box: Sandbox, label: str) -> None:
    """Exactly that label is taken, whatever signs are in it."""
    box.put_labels(MODELS, OLD, [label, "champion", "a", "c1", "a*", "xa"])
    assert ask(labels=label).code == 0
    assert box.labels(MODELS, OLD) == sorted({"champion", "a", "c1", "a*", "xa"} - {label})


@pytest.mark.parametrize("among", ["resnet*", f"{OLD}, {NEW}", ""])
def test_only_among_those_that_are_named(ask: Ask, box: Sandbox, among: str) -> None:
    """A holder outside of `among` keeps its label and is none; by default all of the registry are meant."""
    box.put_labels(MODELS, "bert", [LABEL, "language"])
    done = ask(among=among)
    assert (done.code, holders(box)) == (0, [NEW, "bert"] if among else [NEW])
    assert done.value("moved-from") == ([OLD] if among else ["bert", OLD])


def test_what_is_so_already_is_not_written(ask: Ask, box: Sandbox) -> None:
    """A rerun finds itself as the one holder and sends no PUT."""
    assert ask().code == 0
    box.forget_requests()
    done = ask()
    assert (done.code, puts(box), done.value("moved-from"), done.outputs["changed"]) == (0, [], [], "false")
    assert done.outputs["unchanged-count"] == "1"


def test_it_is_only_taken_where_the_one_has_it(ask: Ask, box: Sandbox) -> None:
    """After a run that was killed between its two writes the rerun only takes."""
    box.put_labels(MODELS, NEW, [LABEL])
    done = ask()
    assert (done.code, puts(box), done.value("moved-from")) == (0, [OLD], [OLD])
    assert {row["artifact"]: row["status"] for row in done.value("results")} == {OLD: "applied", NEW: "unchanged"}


def test_nobody_had_it(ask: Ask, box: Sandbox) -> None:
    """The first champion has no former holder."""
    box.put_labels(MODELS, OLD, [])
    done = ask()
    assert (done.code, holders(box), puts(box), done.value("moved-from")) == (0, [NEW], [NEW], [])


def test_a_dry_run_shows_both_sides(ask: Ask, box: Sandbox) -> None:
    """Who would get it, who would lose it; nothing is written."""
    done = ask(dry_run="true")
    assert (done.code, puts(box), done.outputs["status"]) == (0, [], "PLANNED")
    assert done.value("moved-from") == [OLD]
    rows = {row["artifact"]: (row["status"], row["added"], row["removed"]) for row in done.value("results")}
    assert rows == {NEW: ("planned", [LABEL], []), OLD: ("planned", [], [LABEL])}
    assert OLD in done.summary


# --- others who move it, too ---------------------------------------------------------------------------------


def when(box: Sandbox, method: str, nth: int, act: Callable[[], None]) -> None:
    """Does something right after a request, and once."""
    seen: list[str] = []

    @box.after
    def count(request: Request) -> None:
        seen.append(request.method)
        if request.method == method and seen.count(method) == nth:
            act()


def rival(box: Sandbox, name: str = "resnet49") -> None:
    """Another run has moved it there, and is done."""
    for other in holders(box):
        box.put_labels(MODELS, other, [label for label in box.labels(MODELS, other) or () if label != LABEL])
    box.put_labels(MODELS, name, [LABEL])


@pytest.mark.parametrize("ci", CIS)
def test_a_rival_that_has_it_alone_has_won(ask: Ask, box: Sandbox, ci: str) -> None:
    """The run fails, reports the holder of the label, and leaves it there."""
    when(box, "PUT", 2, lambda: rival(box))
    done = ask(ci=ci)
    assert (done.code, done.errors, holders(box)) == (5, ["HAR-OVERWRITTEN"], ["resnet49"])
    assert "'resnet49' alone" in done.err
    rows = {row["artifact"]: row["status"] for row in done.value("results")}
    assert rows == {NEW: "failed", OLD: "applied"}
    assert (done.outputs["status"], puts(box)) == ("FAILED", [NEW, OLD])


def test_two_holders_go_another_round(ask: Ask, box: Sandbox) -> None:
    """An unfinished concurrent move does not leave a second holder: the label is removed there, and that is reported."""
    when(box, "PUT", 2, lambda: box.put_labels(MODELS, "resnet49", [LABEL]))
    done = ask()
    assert (done.code, holders(box), puts(box)) == (0, [NEW], [NEW, OLD, "resnet49"])
    assert done.value("moved-from") == ["resnet49", OLD]


def test_no_holder_goes_another_round(ask: Ask, box: Sandbox) -> None:
    """A writer with an older list has taken it away: it is given anew."""
    when(box, "PUT", 2, lambda: box.put_labels(MODELS, NEW, ["stage=staging"]))
    done = ask()
    assert (done.code, holders(box), puts(box)) == (0, [NEW], [NEW, OLD, NEW])
    row = next(row for row in done.value("results") if row["artifact"] == NEW)
    assert (row["status"], row["attempts"]) == ("applied", 2)


def test_a_label_that_is_back_is_removed_again(ask: Ask, box: Sandbox) -> None:
    """A person who had the old champion's list open writes it back: the label goes again."""
    when(box, "PUT", 2, lambda: box.put_labels(MODELS, OLD, [LABEL, "mine"]))
    done = ask()
    assert (done.code, holders(box), box.labels(MODELS, OLD)) == (0, [NEW], ["mine"])
    assert done.value("moved-from") == [OLD]


@pytest.mark.parametrize(("value", "told"), [([LABEL], "is held by 'resnet49', 'resnet51'"), ([], "is held by none")])
def test_others_who_never_rest_make_it_red(ask: Ask, box: Sandbox, value: list[str], told: str) -> None:
    """After so many rounds the holders are named, and the exit code is 5."""

    @box.after
    def spoil(request: Request) -> None:
        if request.method == "PUT":
            box.put_labels(MODELS, "resnet49", value)
            if not value:
                box.put_labels(MODELS, NEW, [])

    done = ask(retries="1")
    assert (done.code, done.errors) == (5, ["HAR-OVERWRITTEN"])
    assert f"{told} after 2 rounds" in done.err
    assert done.outputs["status"] == "FAILED"


def test_a_key_with_two_values_is_not_done(ask: Ask, box: Sandbox) -> None:
    """The label is there, and the value it took the place of is back beside it: another round."""
    when(box, "PUT", 2, lambda: box.put_labels(MODELS, NEW, ["stage=production", "stage=staging"]))
    assert ask(labels="stage=production").code == 0
    assert box.labels(MODELS, NEW) == ["stage=production"]


# --- what can't be moved -------------------------------------------------------------------------------------

CONTRADICTIONS = [
    ({"manifest": "m.yaml", "artifact": "", "labels": ""}, "manifest"),
    ({"shard": "0/3"}, "shard"),
    ({"save-plan": "plan.jsonl"}, "save-plan"),
    ({"owned": "a*"}, "owned"),
    ({"on-conflict": "keep"}, "on-conflict"),
    ({"mode": "add", "among": "resnet*"}, "among"),
    ({"mode": "", "among": "resnet*"}, "among"),
    ({"artifact": f"{NEW}, {OLD}"}, "artifact"),
    ({"artifact": "resnet*"}, "artifact"),
    ({"among": "bert*"}, "among"),
    ({"among": "#"}, "among"),
    ({"among": "a/../b"}, "among"),
    ({"labels": ""}, "labels"),
    *(
        ({name: text}, name)
        for name, text in (("where", "current != []"), ("remove", "tmp-*"), ("undo", "report.json"))
        if name in Settings.model_fields
    ),
]


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
@pytest.mark.parametrize(("inputs", "name"), CONTRADICTIONS, ids=str)
def test_inputs_that_contradict_it(run_step: RunStep, box: Sandbox, ci: str, inputs: dict[str, str], name: str) -> None:
    """One error in this CI's spelling, before any request."""
    asked = {"registry-ref": MODELS, "artifact": NEW, "mode": "move", "labels": LABEL} | inputs
    done = run_step(ci, box, {key: text for key, text in asked.items() if text})
    assert (done.code, box.requests) == (2, [])
    spelt = spelling(ci, name, is_given=bool(asked[name]))
    assert [what for _, what, _ in done.stable_lines if f"`{spelt}`" in what], done.err


def test_a_move_that_has_no_time_is_not_advised_to_be_split(ask: Ask, box: Sandbox) -> None:
    """`shard` would be the next error."""
    done = ask(deadline="2", settle="5")
    assert (done.code, done.errors, puts(box)) == (7, ["HAR-NO-TIME"], [])
    assert "lower `settle`" in done.err
    assert "shard" not in done.err


def test_a_contradiction_to_a_move_is_reported_once(ask: Ask) -> None:
    """`remove` goes with two modes, and with no move: one line for both."""
    done = ask(remove="tmp-*", among="*")
    assert (done.code, [what for _, what, _ in done.stable_lines]) == (2, ["`mode: move` takes no `remove`"])


@pytest.mark.parametrize("labels", ["champion, best", "a=1, a=2", "champion, {{ artifact }}"])
def test_one_label_is_moved(ask: Ask, box: Sandbox, labels: str) -> None:
    """Two are an error that names both; nothing is written."""
    done = ask(labels=labels)
    assert (done.code, puts(box)) == (2, [])
    assert "`move` moves one label" in done.err


def test_the_undo_of_a_move_gives_before_it_takes(ask: Ask, run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Taken back, and taken back again, a move leaves no moment without a holder, whatever else the one lost by it."""
    stage, seen = "stage=production", list[list[str]]()
    first, second, third = (str(tmp_path / f"{number}.json") for number in range(3))
    assert ask(labels=stage, report_file=first).code == 0
    box.after(lambda _request: seen.append(holders(box, stage)))
    assert run_step("github", box, {"undo": first, "report-file": second}).code == 0
    assert (holders(box, stage), puts(box)[2:]) == ([OLD], [OLD, NEW])
    assert run_step("github", box, {"undo": second, "report-file": third}).code == 0
    assert (holders(box, stage), puts(box)[4:]) == ([NEW], [NEW, OLD])
    assert all(seen)


def test_half_a_move_that_was_refused_is_taken_back(ask: Ask, box: Sandbox) -> None:
    """A 403 of an artifact that was to give the label up keeps `on-failure: rollback` from nothing."""
    box.script([Fault("403", method="PUT", artifact=OLD, times=9)])
    done = ask(on_failure="rollback")
    assert (done.code, holders(box)) == (3, [OLD])


@pytest.mark.parametrize("text", ["mode: move\n", "changes:\n  - {artifact: x, labels: [a], mode: move}\n"])
def test_a_manifest_moves_nothing(run_step: RunStep, box: Sandbox, tmp_path: Path, text: str) -> None:
    """Neither an entry nor the file may say it; the error has the place."""
    path = tmp_path / "labels.yaml"
    rest = "" if "changes" in text else "changes: [{artifact: x, labels: [a]}]\n"
    path.write_text(f"version: 1\nregistry-ref: {MODELS}\n{text}{rest}")
    done = run_step("github", box, {"manifest": str(path)})
    assert (done.code, box.requests) == (2, [])
    assert "a manifest moves nothing" in done.err
    assert "labels.yaml:" in done.err


def test_the_one_has_to_be_there(ask: Ask, box: Sandbox) -> None:
    """No holder loses the label for an artifact that doesn't exist."""
    done = ask(artifact="resnet52")
    assert (done.code, done.errors, puts(box)) == (4, ["HAR-ARTIFACT-NOT-FOUND"], [])
    skipped = ask(artifact="resnet52", on_missing="skip")
    assert (skipped.code, puts(box), skipped.outputs["skipped-count"]) == (0, [], "1")


def test_a_missing_name_in_among_is_reported(ask: Ask, box: Sandbox) -> None:
    """A misspelt holder would keep the label beside the target, so there is a warning."""
    done = ask(among=f"{NEW}, resnet5O")
    assert done.code == 0
    assert "::warning" in done.out
    assert "'resnet5O'" in done.out


@pytest.mark.parametrize("hidden", [NEW, "secret"])
def test_labels_that_are_not_shown_are_not_without_it(ask: Ask, box: Sandbox, hidden: str) -> None:
    """Who has the label is not known where one's labels can't be read: exit 6, nothing written."""
    box.delete_artifact(MODELS, hidden)
    box.add_artifact(MODELS, hidden, package_type="DOCKER", labels=[LABEL], hidden=True)
    done = ask(among=f"{NEW}, {OLD}, {hidden}")
    assert (done.code, set(done.errors), puts(box)) == (6, {"HAR-UNREADABLE"}, [])


# --- require, and what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        (f"'{OLD}' in holders", 0),
        ("'resnet49' in holders", 10),
        (f"'{NEW}' not in holders", 0),
        ("holders | length <= 1", 0),
        ("'stage=staging' in current", 0),
    ],
)
def test_require_sees_the_holders(ask: Ask, box: Sandbox, gate: str, code: int) -> None:
    """Those that have the label before the run writes; a false line writes nothing."""
    done = ask(require=gate)
    assert (done.code, puts(box)) == (code, [] if code else [NEW, OLD]), done.err
    if code:
        assert f"holders is ['{OLD}']" in done.err


def test_our_own_writes_do_not_close_the_gate(ask: Ask, box: Sandbox) -> None:
    """In a later round `holders` are still those from before our first write."""
    when(box, "PUT", 2, lambda: box.put_labels(MODELS, NEW, ["stage=staging"]))
    assert ask(require=f"'{OLD}' in holders").code == 0
    assert holders(box) == [NEW]


@pytest.mark.parametrize("spoilt", [OLD, "resnet49", NEW])
def test_what_we_have_made_of_it_does_not_close_the_gate(ask: Ask, box: Sandbox, spoilt: str) -> None:
    """`require` sees the value that the label replaces, and never the result of our own write."""
    labels = ["stage=staging"] if spoilt == NEW else ["stage=production"]
    when(box, "PUT", 2, lambda: box.put_labels(MODELS, spoilt, labels))
    done = ask(labels="stage=production", require="'stage=staging' in current")
    assert done.code == 0, done.err
    assert holders(box, "stage=production") == [NEW]


def test_holders_go_with_a_move_only(ask: Ask, box: Sandbox) -> None:
    """In another mode there are no holders, which is reported before any request."""
    done = ask(mode="add", require="'x' in holders")
    assert (done.code, done.errors, box.requests) == (2, ["HAR-TEMPLATE"], [])
    assert "`mode: move`" in done.err


def test_a_refused_gift_takes_nothing(ask: Ask, box: Sandbox) -> None:
    """If the target can't be written the old holder keeps the label, and its row has the reason."""
    box.script([Fault("403", method="PUT", artifact=NEW, times=9)])
    done = ask()
    assert (done.code, puts(box), holders(box)) == (3, [NEW], [OLD])
    rows = {row["artifact"]: row["status"] for row in done.value("results")}
    assert (rows, done.value("moved-from")) == ({NEW: "failed", OLD: "skipped"}, [])


def test_what_can_not_be_taken_is_red(ask: Ask, box: Sandbox) -> None:
    """A move with two holders at the end has failed: the exit code is that of the failure, not of a partly finished run."""
    box.script([Fault("403", method="PUT", artifact=OLD, times=9)])
    done = ask()
    assert (done.code, done.outputs["status"], holders(box)) == (3, "FAILED", [OLD, NEW])
    rows = {row["artifact"]: row["status"] for row in done.value("results")}
    assert rows == {NEW: "applied", OLD: "failed"}


def test_rollback_gives_back_before_it_takes(ask: Ask, box: Sandbox) -> None:
    """With `on-failure: rollback` a move that failed at an artifact is undone, again without a moment without a holder."""
    box.put_labels(MODELS, "resnet49", [LABEL])
    box.script([Fault("409", method="PUT", artifact="resnet49", times=9)])
    seen: list[list[str]] = []
    box.after(lambda _request: seen.append(holders(box)))
    done = ask(on_failure="rollback", concurrency="1")
    assert (done.code, holders(box)) == (5, [OLD, "resnet49"])
    assert all(seen)
    assert puts(box)[-2:] == [OLD, NEW]


def test_a_lost_race_is_not_rolled_back(ask: Ask, box: Sandbox) -> None:
    """A rollback after a concurrent move would give the label a second holder, so there is none."""
    when(box, "PUT", 2, lambda: rival(box))
    done = ask(on_failure="rollback")
    assert (done.code, holders(box)) == (5, ["resnet49"])


@pytest.mark.parametrize("kind", ["500-after", "500", "cut", "cut-after", "429", "html"])
@pytest.mark.parametrize("name", [NEW, OLD])
def test_unknown_outcomes_are_settled_by_reading(ask: Ask, box: Sandbox, kind: str, name: str) -> None:
    """As for every other write: the change is repeated, never the request."""
    box.script([Fault(kind, method="PUT", artifact=name)])
    assert ask().code == 0
    assert holders(box) == [NEW]


def test_a_holder_that_is_deleted_meanwhile_holds_nothing(ask: Ask, box: Sandbox) -> None:
    """What is gone needs no write."""
    when(box, "PUT", 1, lambda: box.delete_artifact(MODELS, OLD))
    done = ask()
    assert done.code == 0, done.err
    assert LABEL in (box.labels(MODELS, NEW) or ())


def test_a_last_look_that_fails_is_red(ask: Ask, box: Sandbox) -> None:
    """Nobody knows who has it, so nothing is green."""
    when(box, "PUT", 2, lambda: box.script([Fault("503", method="GET", times=99)]))
    done = ask()
    assert (done.code, done.errors) == (6, ["HAR-SERVER-FAILING"])
    assert "could not be looked at" in done.err


def test_max_changes_counts_both_sides(ask: Ask, box: Sandbox) -> None:
    """The one and whom it is taken from are changed."""
    assert (ask(max_changes="1").code, puts(box)) == (10, [])
    assert ask(max_changes="2").code == 0


def test_a_type_that_would_be_lost_stops_the_move(run_step: RunStep, make_sandbox: MakeSandbox) -> None:
    """A server that drops the type of a model, on whichever side: exit 6 before any write."""
    box = make_sandbox("open-source")
    box.add_artifact(MODELS, NEW, artifact_type="model", labels=[])
    box.add_artifact(MODELS, OLD, artifact_type="model", labels=[LABEL])
    asked = {"registry-ref": MODELS, "artifact": NEW, "mode": "move", "labels": LABEL}
    assert (run_step("github", box, asked).code, puts(box)) == (6, [])


def test_a_model_and_a_dataset_of_one_name(run_step: RunStep, sandbox: Sandbox) -> None:
    """With `artifact-type` only artifacts of that type are moved among."""
    for kind in ("model", "dataset"):
        for name, labels in ((NEW, []), (OLD, [LABEL])):
            sandbox.add_artifact(MODELS, name, artifact_type=kind, labels=labels)
    asked = {"registry-ref": MODELS, "artifact": NEW, "mode": "move", "labels": LABEL}
    assert run_step("github", sandbox, asked).errors == ["HAR-AMBIGUOUS"]
    assert run_step("github", sandbox, asked | {"artifact-type": "model"}).code == 0
    assert {kind: LABEL in (sandbox.labels(MODELS, OLD, kind) or ()) for kind in ("model", "dataset")} == {
        "model": False, "dataset": True,
    }  # fmt: skip
    assert LABEL in (sandbox.labels(MODELS, NEW, "model") or ())


def test_among_thousands_only_the_holders_are_reported(run_step: RunStep, sandbox: Sandbox) -> None:
    """A registry of many pages is listed twice, and the results have a row for each side and no more."""
    sandbox.add_artifacts(MODELS, ((f"m{at:04}", [LABEL] if at in {7, 1203} else []) for at in range(1250)))
    asked = {"registry-ref": MODELS, "artifact": "m0600", "mode": "move", "labels": LABEL, "settle": "2"}
    done = run_step("github", sandbox, asked)
    assert (done.code, done.value("moved-from")) == (0, ["m0007", "m1203"])
    assert (done.outputs["matched-count"], len(done.value("results"))) == ("3", 3)
    assert len(sandbox.requests) == 2 * 13 + 3


def test_a_cancelled_move_reports_its_writes(run_step: RunStep, box: Sandbox) -> None:
    """After its deadline it reports the writes, and that they were not verified."""
    asked = {"registry-ref": MODELS, "artifact": NEW, "mode": "move", "labels": LABEL, "settle": "1"}
    box.script([Fault("latency", method="PUT", artifact=OLD, delay=1.5)])
    done = run_step("github", box, asked | {"deadline": "2"})
    assert (done.code, done.errors) == (7, ["HAR-DEADLINE"])
    assert "not watched to the end" in done.out
    assert json.loads(done.outputs["moved-from"]) == [OLD]


def test_a_move_can_be_taken_back(run_step: RunStep, ask: Ask, box: Sandbox, tmp_path: Path) -> None:
    """The report has the writes to target and former holders, also over several rounds; an undo reverts the move."""
    before = {name: sorted(box.labels(MODELS, name) or ()) for name in (OLD, NEW)}
    when(box, "PUT", 2, lambda: box.put_labels(MODELS, NEW, ["stage=staging", "team=vision"]))
    report = tmp_path / "report.json"
    assert ask(labels="stage=production", report_file=str(report)).code == 0
    rows = {row["artifact"]: row for row in json.loads(report.read_text())["results"]}
    assert rows[NEW]["wrote_added"] == rows[OLD]["wrote_removed"] == ["stage=production"]
    assert rows[NEW]["wrote_removed"] == ["stage=staging"]
    done = run_step("github", box, {"undo": str(report)})
    assert done.code == 0, done.err
    assert {name: sorted(box.labels(MODELS, name) or ()) for name in (OLD, NEW)} == before


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ('protected: ["stage=production"]', 2),
        ("keys: {stage: {required: true}}\nothers: allow", 10),
        ("keys: {team: {values: [nlp]}}\nothers: allow", 0),
    ],
)
def test_a_policy_holds_for_a_move(ask: Ask, box: Sandbox, tmp_path: Path, policy: str, code: int) -> None:
    """The policy checks the target as in every mode, and the former holders after the removal; older breaches stop nothing."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"version: 1\n{policy}\n")
    done = ask(labels="stage=production", policy=str(path))
    assert (done.code, puts(box)) == (code, [] if code else [NEW, OLD]), done.err
