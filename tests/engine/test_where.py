"""`where`: selects artifacts by their labels and facts (contract §3)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.steps import CIS, Done, spelling
from conftest import MODELS, MakeSandbox, RunStep
from har_sandbox import Fault, Request, Sandbox

Ask = Callable[..., Done]
OLD, NEW, FRESH = "old", "new", "fresh"


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """Three images: an old one in production, a new one in production, and one without labels."""
    sandbox.add_artifact(MODELS, OLD, package_type="DOCKER", labels=["stage=production", "acc=0.80"])
    sandbox.add_artifact(MODELS, NEW, package_type="DOCKER", labels=["stage=production", "acc=0.95"])
    sandbox.add_artifact(MODELS, FRESH, package_type="DOCKER", labels=[])
    sandbox.set_facts(MODELS, OLD, downloads=2, age_days=400)
    sandbox.set_facts(MODELS, NEW, downloads=90, age_days=3, quarantined=True)
    return sandbox


@pytest.fixture
def ask(run_step: RunStep, box: Sandbox) -> Ask:
    """Runs a step that marks every artifact of the registry for which `where` holds."""

    def run(where: str, *, ci: str = "github", **more: str) -> Done:
        asked = {"registry-ref": MODELS, "artifact": "*", "mode": "add", "labels": "hit", "where": where}
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, box, {name: text for name, text in asked.items() if text})

    return run


def hits(box: Sandbox) -> set[str]:
    return {name for name in (OLD, NEW, FRESH) if "hit" in (box.labels(MODELS, name) or [])}


def puts(box: Sandbox) -> int:
    return sum(request.method == "PUT" for request in box.requests)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        # labels; what an artifact lacks makes a comparison false, and `!=` true
        ("current_map.stage == 'production'", {OLD, NEW}),
        ("current_map.stage != 'production'", {FRESH}),
        ("not current_map.stage == 'production'", {FRESH}),
        ("current_map.stage in ['production', 'staging']", {OLD, NEW}),
        ("current_map.stage not in ['production']", {FRESH}),
        ("current_map.acc | float > 0.9", {NEW}),
        ("0.5 < current_map.acc | float < 0.9", {OLD}),
        ("current_map.acc | float - 0.1 > 0.8", {NEW}),
        ("not (current_map.acc | float > 0.9)", {OLD, FRESH}),
        ("current_map.acc | float | default(1) > 0.9", {NEW, FRESH}),
        ("current_map.stage is defined", {OLD, NEW}),
        ("current_map.stage is eq('production')", {OLD, NEW}),
        ("current_map.stage is ne('production')", {FRESH}),
        ("current_map.stage is startswith('prod')", {OLD, NEW}),
        ("'prod' in current_map.stage", {OLD, NEW}),
        ("current_map.a == current_map.b", set()),
        ("current_map.a != current_map.b", {OLD, NEW, FRESH}),
        ("current[0] == 'acc=0.95'", {NEW}),
        ("(current | first) == 'acc=0.95'", {NEW}),
        ("(current | last) != 'x'", {OLD, NEW, FRESH}),
        ("'acc=0.95' in current", {NEW}),
        ("not current", {FRESH}),
        ("current | length == 0", {FRESH}),
        # facts
        ("package_type == 'DOCKER'", {OLD, NEW, FRESH}),
        ("artifact_type == 'model'", set()),
        ("artifact_type != 'model'", {OLD, NEW, FRESH}),
        ("downloads > 10", {NEW}),
        ("age_days > 90", {OLD}),
        ("age_days < 1", {FRESH}),
        ("modified < now | plus_days(-90)", {OLD}),
        ("modified | date('%Y') | int >= 2020", {OLD, NEW, FRESH}),
        ("quarantined", {NEW}),
        ("not quarantined", {OLD, FRESH}),
        ("quarantined == false", {OLD, FRESH}),
        ("latest_version == 'latest'", {OLD, NEW, FRESH}),
        # several lines all hold, and what is read may be anything else that templates see
        ("current_map.stage == 'production'\nage_days > 90", {OLD}),
        ("artifact == 'new' or downloads < 1", {NEW, FRESH}),
        ("ci.branch == 'main' and\n  downloads > 10", {NEW}),
    ],
)
def test_which_are_taken(ask: Ask, box: Sandbox, where: str, expected: set[str]) -> None:
    """An artifact for which an expression is false is not part of the run: not written, not counted."""
    done = ask(where)
    assert (done.code, hits(box)) == (0, expected)
    assert done.value("matched-count") == str(len(expected))
    assert {row["artifact"] for row in done.value("results")} == expected


@pytest.mark.parametrize("ci", [*CIS, "drone"])
@pytest.mark.parametrize("artifact", ["*", OLD, f"{OLD},{NEW}"])
def test_nothing_is_left(ask: Ask, box: Sandbox, ci: str, artifact: str) -> None:
    """A nightly clean-up with nothing to clean is green on every CI: exit 0, a notice, and nothing is counted."""
    done = ask("age_days > 9000", ci=ci, artifact=artifact)
    assert (done.code, done.errors, puts(box)) == (0, [], 0)
    assert "nothing to do" in done.log + done.summary
    if ci != "drone" and done.outputs:
        assert (done.value("matched-count"), done.value("status")) == ("0", "SUCCESS")
        assert done.value("results") == []


@pytest.mark.parametrize(
    ("artifact", "where", "code"),
    [("*", "downloads >= 0", 0), (OLD, "downloads >= 0", 0), ("gone", "downloads > 0", 4)],
)
def test_a_where_that_leaves_nothing_out_gives_no_notice(ask: Ask, artifact: str, where: str, code: int) -> None:
    """A notice has the number of artifacts left out; there is none for `0 of 3` or `0 of 0`."""
    done = ask(where, artifact=artifact)
    assert (done.code, "leaves out" in done.out + done.err) == (code, False)


def test_a_key_that_no_artifact_has_is_reported(ask: Ask) -> None:
    """With a misspelt key the run succeeds, since nothing is left; a notice names the key that no artifact has."""
    done = ask("current_map.stagee == 'production' or current_map.acc == '7'")
    assert (done.code, done.value("matched-count")) == (0, "0")
    assert "`current_map.stagee`, and no artifact there has a label with that key" in done.log
    assert "`current_map.acc`" not in done.log


@pytest.mark.parametrize("ci", [*CIS, "drone"])
def test_a_notice_names_the_input_as_its_reader_writes_it(ask: Ask, ci: str) -> None:
    """What was left out, and a key that no artifact has, are reported in the reader's own spelling."""
    done = ask("current_map.stagee == 'production'", ci=ci)
    where = spelling("harness" if ci == "drone" else ci, "where")
    assert f"`{where}` leaves out 3 of 3 artifacts in {MODELS}/+" in done.log
    assert f"`{where}` reads `current_map.stagee`, and no artifact there has a label with that key" in done.log


def test_no_name_and_no_match_are_still_errors(ask: Ask) -> None:
    """What is not there at all was not left out: a typing error stays red."""
    assert ask("age_days > 9000", artifact="oldd").code == 4
    assert ask("age_days > 9000", artifact="oldd*").code == 4


@pytest.mark.parametrize("artifact", ["*", OLD, f"{OLD},{NEW},{FRESH}"])
def test_no_request_more(ask: Ask, box: Sandbox, artifact: str) -> None:
    """`where` needs no additional request."""
    assert ask("", artifact=artifact, dry_run="true").code == 0
    without = len(box.requests)
    box.forget_requests()
    assert ask("downloads > 10 and current_map.stage != 'x'", artifact=artifact, dry_run="true").code == 0
    assert len(box.requests) == without
    assert all("label=" not in request.query for request in box.requests)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("current_map.stage > 3", "compares the text 'production' with the number 3"),
        ("current_map.stage | float > 3", "production"),
        ("downloads == '3'", "compares the number"),
        ("modified < '2020-01-01'", "plus_days"),
        ("current_map.stage", "neither true nor false"),
        ("downloads / (downloads - 2) > 1", "divides 2 by zero"),
    ],
)
@pytest.mark.parametrize("ci", ["github", "harness"])
def test_a_value_of_the_wrong_kind_is_an_error(ask: Ask, box: Sandbox, where: str, told: str, ci: str) -> None:
    """Nothing is written, exit 2, and the line names the artifact and the expression."""
    done = ask(where, ci=ci, artifact=OLD)
    assert (done.code, done.errors, puts(box)) == (2, ["HAR-TEMPLATE"], 0)
    ((_, what, next_step),) = done.stable_lines
    assert f"'{OLD}' in {MODELS}/+: `where` line 1 `{where}`" in what
    assert told in what + next_step


def test_one_wrong_value_stops_the_run_for_all(ask: Ask, box: Sandbox) -> None:
    """It is unknown whether the artifact is selected, so nothing is written; the others are not reported as failed."""
    box.put_labels(MODELS, NEW, ["acc=high"])
    done = ask("current_map.acc | float > 0.1")
    assert (done.code, done.errors, puts(box)) == (2, ["HAR-TEMPLATE"], 0)
    assert {row["artifact"]: row["status"] for row in done.value("results")} == {NEW: "failed", OLD: "skipped"}


def test_a_key_that_is_there_twice_is_an_error(ask: Ask, box: Sandbox) -> None:
    """Nobody knows which of the two counts."""
    box.put_labels(MODELS, NEW, ["stage=a", "stage=b"])
    done = ask("current_map.stage == 'a'")
    assert (done.code, puts(box)) == (2, 0)
    assert "'new'" in done.err
    assert "stage=b" in done.err


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("metrics.acc > 1", "metrics"),
        ("current_map.stage == metrics.stage", "metrics"),
        ("labels_map.stage == 'x'", "only in `require`"),
        ("baseline.stage == 'x'", "only in `require`"),
        ("stage == 'production'", "there is no name `stage`"),
        ("{{ downloads > 1 }}", "is an expression already"),
        ("downloads >", "can't be read"),
        ("age_days = 3", "`==`"),
        ("downloads.x > 1", "`downloads` has no parts"),
        ("downloads > 1, age_days > 1", "one expression a line"),
        ("label == 'x'", "there is no name `label`"),
    ],
)
@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
def test_an_invalid_where_is_reported_before_any_request(
    ask: Ask, box: Sandbox, where: str, told: str, ci: str
) -> None:
    """A line that can't be read, and a metric that is missing, are wrong whatever the artifacts: exit 2, no request."""
    done = ask(where, ci=ci)
    is_mixed = where.startswith("current_map")
    assert (done.code, done.errors[0]) == (2, "HAR-TEMPLATE")
    assert is_mixed or box.requests == []
    assert told in done.err


def test_facts_are_not_for_require_and_labels(ask: Ask) -> None:
    """Facts are only available in `where`; in other expressions the error names `where`."""
    assert "only in `where`" in ask("", require="downloads > 1").err
    assert "only in `where`" in ask("", labels="n={{ downloads }}").err


# --- labels that can't be read ---------------------------------------------------------------------------------------


def test_labels_that_are_not_shown_are_not_false(ask: Ask, box: Sandbox) -> None:
    """Exit 6 where a line reads them; a line that reads something else doesn't mind."""
    box.add_artifact(MODELS, "hidden", package_type="DOCKER", labels=["stage=dev"], hidden=True)
    done = ask("current_map.stage == 'dev'", artifact="hidden", mode="replace")
    assert (done.code, done.errors, puts(box)) == (6, ["HAR-UNREADABLE"], 0)
    assert "`where` reads `current_map`" in done.err
    assert ask("downloads > 5 and current_map.stage == 'dev'", artifact="hidden", mode="replace").code == 0
    assert ask("downloads < 5", artifact="hidden", mode="replace").code == 0
    assert box.labels(MODELS, "hidden") == ["hit"]


@pytest.mark.parametrize("status", ["403", "500"])
@pytest.mark.parametrize("where", ["current_map.stage == 'dev'", "downloads < 5"])
def test_what_can_not_be_read_is_not_chosen_blindly(ask: Ask, box: Sandbox, status: str, where: str) -> None:
    """Also in a mode that needs no read itself the choice does."""
    box.script([Fault(status, method="GET", times=99)])
    done = ask(where, artifact=OLD, mode="replace", retries="0")
    assert (done.code, puts(box)) == (3 if status == "403" else 6, 0)


def test_a_name_alone_needs_no_read(ask: Ask, box: Sandbox) -> None:
    """A plain `replace` that may go on without a read goes on where `where` asks nothing of it."""
    box.script([Fault("405", method="GET", times=99)])
    done = ask("artifact == 'old'", artifact=OLD, mode="replace")
    assert (done.code, box.labels(MODELS, OLD)) == (0, ["hit"])
    assert ask("artifact == 'new'", artifact=OLD, mode="replace").value("matched-count") == "0"


# --- until our first PUT ----------------------------------------------------------------------------------------------


def before_the_first_put(box: Sandbox, change: Callable[[], None]) -> None:
    """Another writer makes a change when our first PUT arrives, which the server then answers with 429."""
    seen: list[Request] = []

    @box.before
    def hook(request: Request) -> None:
        if request.method == "PUT" and not seen:
            seen.append(request)
            change()
            time.sleep(0.4)  # a read that old is renewed before the next try

    box.script([Fault("429", method="PUT", times=1)])


def test_it_is_asked_on_every_read_before_our_first_put(ask: Ask, box: Sandbox) -> None:
    """What no longer holds when the artifact is read anew is skipped: no failure, and no write."""
    before_the_first_put(box, lambda: box.put_labels(MODELS, OLD, ["stage=archived"]))
    done = ask("current_map.stage == 'production'", artifact=OLD, settle="0")
    assert (done.code, done.errors, box.labels(MODELS, OLD)) == (0, [], ["stage=archived"])
    assert [row["status"] for row in done.value("results")] == ["skipped"]
    assert (done.value("skipped-count"), done.value("changed")) == ("1", "false")
    assert "`where` no longer holds" in done.log


def test_facts_are_asked_anew_too(ask: Ask, box: Sandbox) -> None:
    """A read before our first PUT shows more than new labels."""
    before_the_first_put(box, lambda: box.set_facts(MODELS, OLD, quarantined=True))
    done = ask("not quarantined", artifact=OLD, settle="0")
    assert (done.code, sorted(box.labels(MODELS, OLD) or [])) == (0, ["acc=0.80", "stage=production"])


@pytest.mark.parametrize("mode", ["upsert", "add"])
def test_it_is_never_asked_after_our_first_put(ask: Ask, box: Sandbox, mode: str) -> None:
    """Our own write may make it false; a change that was undone is made again all the same."""
    seen: list[Request] = []

    @box.after
    def undo(request: Request) -> None:
        if request.method == "PUT":
            seen.append(request)
            if len(seen) == 1:
                box.put_labels(MODELS, OLD, ["acc=0.80", "stage=production"])

    labels = "stage=archived" if mode == "upsert" else "hit"
    where = "current_map.stage == 'production'" if mode == "upsert" else "'hit' not in current"
    done = ask(where, artifact=OLD, mode=mode, labels=labels)
    assert (done.code, len(seen)) == (0, 2)
    assert labels in (box.labels(MODELS, OLD) or [])
    assert [row["status"] for row in done.value("results")] == ["applied"]


def test_a_write_with_unknown_outcome_is_not_asked_again(ask: Ask, box: Sandbox) -> None:
    """A 500 may have written: from that PUT on `where` has no say."""
    box.script([Fault("500", method="PUT", times=1)])
    done = ask("current_map.stage == 'production'", artifact=OLD, mode="upsert", labels="stage=archived")
    assert (done.code, box.labels(MODELS, OLD)) == (0, ["acc=0.80", "stage=archived"])


def test_dry_run_and_plan_have_what_is_chosen(ask: Ask, box: Sandbox, tmp_path: Path, run_step: RunStep) -> None:
    """A saved plan holds the artifacts that were chosen, and applying it asks nothing anew."""
    plan = tmp_path / "labels.plan"
    done = ask("downloads > 10", save_plan=str(plan))
    assert (done.code, done.value("matched-count"), len(plan.read_text().splitlines())) == (0, "1", 2)
    box.set_facts(MODELS, NEW, downloads=0)
    assert run_step("github", box, {"apply-plan": str(plan)}).code == 0
    assert hits(box) == {NEW}


def test_an_empty_choice_is_an_empty_plan(ask: Ask, box: Sandbox, tmp_path: Path, run_step: RunStep) -> None:
    """A pipeline that plans and applies stays green when there is nothing to do."""
    plan = tmp_path / "labels.plan"
    assert ask("downloads > 1000", save_plan=str(plan)).code == 0
    done = run_step("github", box, {"apply-plan": str(plan)})
    assert (done.code, puts(box)) == (0, 0)


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
def test_a_plan_was_chosen_already(ask: Ask, box: Sandbox, run_step: RunStep, tmp_path: Path, ci: str) -> None:
    """`apply-plan` with `where` is a contradiction."""
    plan = tmp_path / "labels.plan"
    assert ask("downloads > 10", save_plan=str(plan)).code == 0
    box.forget_requests()
    done = run_step(ci, box, {"apply-plan": str(plan), "where": "downloads > 1", "remove": "x"})
    assert (done.code, box.requests) == (2, [])
    for name in ("where", "remove"):
        assert any(what.endswith(f"and `{spelling(ci, name)}` are both given") for _, what, _ in done.stable_lines)


@pytest.mark.parametrize("mode", ["read", "clear"])
def test_it_goes_with_every_mode(ask: Ask, box: Sandbox, mode: str) -> None:
    """`read` and `clear` choose as others do."""
    done = ask("downloads > 10", mode=mode, labels="")
    assert (done.code, done.value("matched-count")) == (0, "1")
    assert sorted(box.labels(MODELS, OLD) or []) == ["acc=0.80", "stage=production"]
    assert (not box.labels(MODELS, NEW)) is (mode == "clear")


def test_max_changes_and_require_are_asked_of_those_chosen(ask: Ask, box: Sandbox) -> None:
    """What is left out is judged by no gate."""
    done = ask("downloads > 10", max_changes="1", require="current_map.acc | float > 0.9")
    assert (done.code, hits(box)) == (0, {NEW})


def test_a_shard_with_nothing_left_is_green(ask: Ask) -> None:
    """Each shard asks its own."""
    for index in range(3):
        assert ask("downloads > 1000", shard=f"{index}/3").code == 0


# --- manifests --------------------------------------------------------------------------------------------------------


def manifest(folder: Path, *changes: dict[str, object], **more: object) -> str:
    path = folder / "labels.yaml"
    document = {"version": 1, "registry-ref": MODELS, "mode": "add", **more, "changes": list(changes)}
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


def test_a_false_where_drops_its_entrys_part(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """An artifact of two entries gets the part of the one that holds."""
    path = manifest(
        tmp_path,
        {"artifact": "*", "labels": ["seen"]},
        {"artifact": "*", "labels": ["hit"], "where": "downloads > 10"},
        {"artifact": OLD, "labels": ["cold"], "where": ["age_days > 90", "not quarantined"]},
    )
    done = run_step("github", box, {"manifest": path})
    assert done.code == 0
    assert hits(box) == {NEW}
    assert box.labels(MODELS, OLD) == ["acc=0.80", "cold", "seen", "stage=production"]
    assert box.labels(MODELS, FRESH) == ["seen"]
    assert "for some of their changes only" in done.log


def test_the_inputs_where_holds_beside_an_entrys(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """A manifest can't widen the selection of the input."""
    path = manifest(tmp_path, {"artifact": "*", "labels": ["hit"], "where": "age_days < 9000"})
    done = run_step("github", box, {"manifest": path, "where": "downloads > 10"})
    assert (done.code, hits(box)) == (0, {NEW})


def test_an_entry_where_goes_before_the_files(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """As every other key: entry, then file."""
    path = manifest(
        tmp_path,
        {"artifact": "*", "labels": ["hit"], "where": "downloads < 1"},
        {"artifact": "*", "labels": ["hit"]},
        where="downloads > 10",
    )
    assert run_step("github", box, {"manifest": path}).code == 0
    assert hits(box) == {NEW, FRESH}


def test_a_part_is_dropped_when_it_no_longer_holds(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Before our first PUT; the other part is written."""
    before_the_first_put(box, lambda: box.put_labels(MODELS, OLD, ["stage=archived"]))
    path = manifest(
        tmp_path,
        {"artifact": OLD, "labels": ["seen"]},
        {"artifact": OLD, "labels": ["hit"], "where": "current_map.stage == 'production'"},
    )
    done = run_step("github", box, {"manifest": path, "settle": "0"})
    assert (done.code, box.labels(MODELS, OLD)) == (0, ["seen", "stage=archived"])


def test_a_wrong_line_of_a_manifest_has_its_place(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Errors have file, line and column, before any request; also those of an entry's `remove`."""
    path = tmp_path / "labels.yaml"
    path.write_text(
        f"version: 1\nregistry-ref: {MODELS}\nchanges:\n  - artifact: '*'\n    mode: add\n    labels: [a]\n"
        "    where: 'nope > 1'\n  - artifact: '!x'\n    labels: [a]\n    remove: ['b*']\n",
        "utf-8",
    )
    done = run_step("github", box, {"manifest": str(path)})
    assert (done.code, box.requests) == (2, [])
    assert "labels.yaml:7:12" in done.err
    assert "labels.yaml:8:15" in done.err
    assert "labels.yaml:10:5" in done.err
    assert "`remove` goes with `mode: add` or `mode: upsert`, and this entry has no `mode`" in done.err


# --- what is taken off ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("artifact", "expected"),
    [
        ("*, !old", {NEW, FRESH}),
        ("!old, *", {NEW, FRESH}),
        ("*\n!old\n!f*", {NEW}),
        ('["*", "!old"]', {NEW, FRESH}),
        ("old, new, !n*", {OLD}),
        ("*, !*", set()),
        ("old, !old", set()),
        ("*, !nothing", {OLD, NEW, FRESH}),
    ],
)
@pytest.mark.parametrize("ci", ["github", "harness"])
def test_items_with_a_mark_are_taken_off(ask: Ask, box: Sandbox, artifact: str, expected: set[str], ci: str) -> None:
    """After all others, in any order; nothing left is green, and one that excludes nothing gets a notice."""
    done = ask("", artifact=artifact, ci=ci)
    assert (done.code, hits(box), done.value("matched-count")) == (0, expected, str(len(expected)))
    assert ("excludes nothing" in done.log + done.summary) is ("nothing" in artifact)


def test_what_is_taken_off_by_name_need_not_exist(ask: Ask, box: Sandbox) -> None:
    """It is not asked for either."""
    done = ask("", artifact="old, gone, !gone")
    assert (done.code, hits(box)) == (0, {OLD})
    assert not any("gone" in request.path + request.query for request in box.requests)


@pytest.mark.parametrize("artifact", ["!old", "!a*\n!b*", '["!old"]'])
@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
def test_only_such_items_are_an_error(ask: Ask, box: Sandbox, artifact: str, ci: str) -> None:
    """There is nothing to take them off from."""
    done = ask("", artifact=artifact, ci=ci)
    assert (done.code, done.errors, box.requests) == (2, ["HAR-INPUT"], [])
    assert "only items with a `!`" in done.err


@pytest.mark.parametrize("artifact", ["!", "*, !", "*, !a/../b", "*, ! old"])
def test_what_is_taken_off_is_a_name_too(ask: Ask, box: Sandbox, artifact: str) -> None:
    """An exclusion is validated like a name."""
    done = ask("", artifact=artifact)
    assert (done.code, box.requests) == (2, [])


@pytest.mark.parametrize("artifact", ['"!odd"', '["\\"!odd\\""]', '*, "!odd", !old, !new, !fresh'])
def test_a_name_that_begins_so_is_written_in_double_quotes(ask: Ask, box: Sandbox, artifact: str) -> None:
    """A name is a name."""
    box.add_artifact(MODELS, "!odd", package_type="DOCKER", labels=[])
    done = ask("", artifact=artifact)
    assert (done.code, box.labels(MODELS, "!odd"), hits(box)) == (0, ["hit"], set())


@pytest.mark.parametrize("artifact", [["*", "!old"], "*, !old", ["!old", "*", '"!odd"']])
def test_a_manifest_takes_off_too(run_step: RunStep, box: Sandbox, tmp_path: Path, artifact: object) -> None:
    """In a list and in a text; the same way to write a name that begins so."""
    if '"!odd"' in artifact:
        box.add_artifact(MODELS, "!odd", package_type="DOCKER", labels=[])
    done = run_step("github", box, {"manifest": manifest(tmp_path, {"artifact": artifact, "labels": ["hit"]})})
    assert (done.code, hits(box)) == (0, {NEW, FRESH})


@pytest.mark.parametrize("ci", [*CIS, "drone"])
def test_hostile_text_is_text(ask: Ask, box: Sandbox, ci: str) -> None:
    """Hostile text in labels, names and inputs is harmless wherever the log shows it."""
    hostile = "::error::x|<img src=x>`\u202e##[error]y"
    box.add_artifact(MODELS, "::warning::w", package_type="DOCKER", labels=[f"k={hostile}", f"acc={hostile}"])
    done = ask("current_map.acc | float > 0.1", ci=ci)
    assert (done.code, puts(box)) == (2, 0)
    told = ask(f"current_map['{hostile[:9]}'] == 'x'", ci=ci, artifact=f'["*", "!{hostile}*"]')
    for log in (done.log, told.log):
        assert not [line for line in log.splitlines() if line.startswith(("::error::x", "::warning::w", "##["))]
        assert "\u202e" not in log


# --- another kind of server -------------------------------------------------------------------------------------------


def test_the_open_source_server_reports_the_same_facts(make_sandbox: MakeSandbox, run_step: RunStep) -> None:
    """The rows of Harness Open Source have the same facts as those of the hosted service."""
    box = make_sandbox(profile="open-source")
    box.add_artifact(MODELS, OLD, package_type="DOCKER", labels=["a"])
    box.add_artifact(MODELS, NEW, package_type="DOCKER", labels=["a"])
    box.set_facts(MODELS, NEW, downloads=3, age_days=2, quarantined=True)
    lines = "downloads == 3\nage_days == 2\nquarantined\npackage_type == 'DOCKER'\nlatest_version == 'latest'"
    done = run_step("github", box, {"registry-ref": MODELS, "artifact": "*", "mode": "read", "where": lines})
    assert (done.code, [row["artifact"] for row in done.value("results")]) == (0, [NEW])


def test_many_pages_are_chosen_from(make_sandbox: MakeSandbox, run_step: RunStep) -> None:
    """250 artifacts on three pages: three reads, and a write for each one chosen."""
    with make_sandbox() as box:
        box.add_artifacts(MODELS, ((f"m-{n:03}", [f"n={n}"]) for n in range(250)), package_type="DOCKER")
        for n in (7, 170):
            box.set_facts(MODELS, f"m-{n:03}", downloads=5)
        asked = {"registry-ref": MODELS, "artifact": "m-*", "mode": "add", "labels": "hit", "settle": "0"}
        done = run_step("github", box, asked | {"where": "downloads > 1\ncurrent_map.n | int > 5"})
        assert (done.code, done.value("changed-count")) == (0, "2")
        assert [request.method for request in box.requests].count("GET") == 3
        assert puts(box) == 2
