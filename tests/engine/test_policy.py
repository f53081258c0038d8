"""`policy`: the labels that a run may add, the rules that its change may break, and audits (contract §6 "Policy")."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from canary import KEY
from ci.steps import CIS, Done
from conftest import MODELS, RunStep, Watch
from engine.filled import methods
from har_sandbox import Fault, Request, Sandbox

POLICY = """\
version: 1
keys:
  stage: {values: [dev, staging, production], required: true}
  owner: {pattern: ["team-*", ops]}
  ci:run: {}
protected: ["legal:*"]
labels: [reviewed, "tmp-*"]
others: deny
"""
NAME = "resnet50"
Ask = Callable[..., Done]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def hold(sandbox: Sandbox) -> Callable[..., Sandbox]:
    """Puts the one artifact into the registry, with these labels."""

    def put(*labels: str, name: str = NAME, hidden: bool = False) -> Sandbox:
        sandbox.add_artifact(MODELS, name, package_type="DOCKER", labels=labels, hidden=hidden)
        return sandbox

    return put


@pytest.fixture
def ask(run_step: RunStep, sandbox: Sandbox, policy: Path) -> Ask:
    """Runs a step with the policy, by default on GitHub."""

    def run(mode: str, labels: str = "", *, ci: str = "github", **more: str) -> Done:
        asked = {"registry-ref": MODELS, "artifact": NAME, "mode": mode, "labels": labels, "policy": str(policy)}
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, sandbox, {name: text for name, text in asked.items() if text})

    return run


@pytest.mark.parametrize(
    ("label", "place", "says"),
    [
        ("stage=prod", "3:11", "`stage` is 'dev', 'staging' or 'production'"),
        ("stage:prod", "3:11", "`stage` is"),
        ("stage=", "3:11", "`stage` is"),
        ("stage=Dev", "3:11", "`stage` is"),
        ("owner=vision", "4:11", "`owner` matches 'team-*' or 'ops'"),
        ("owner=xteam-1", "4:11", "`owner` matches"),
        ("verified", "8:1", "no other labels are allowed"),
        ("stage", "8:1", "no other labels are allowed"),
        ("color=red", "8:1", "no other labels are allowed"),
        ("ci:verified", "8:1", "no other labels are allowed"),
        ("legal:hold", "6:13", "'legal:*' is protected"),
    ],
)
@pytest.mark.parametrize("ci", CIS)
def test_what_is_given_is_judged_before_any_request(
    ask: Ask, sandbox: Sandbox, policy: Path, ci: str, label: str, place: str, says: str
) -> None:
    """A label that no rule allows is exit 2 with the rule's line and column, whatever the registry holds."""
    done = ask("add", label, ci=ci)
    assert (done.code, done.errors, sandbox.requests) == (2, ["HAR-INPUT"], [])
    assert f"label 1 '{label}' is not allowed: {policy}:{place} says that {says}" in done.err


def test_all_problems_of_labels_are_reported_at_once(ask: Ask, sandbox: Sandbox) -> None:
    """Three labels, a key twice and a wrong input are five errors of one run."""
    done = ask("upsert", "stage=prod\nstage=tset\nowner=x\nowner=team-a", settle="99")
    assert (done.code, len(done.errors), sandbox.requests) == (2, 6, [])
    assert "Did you mean" not in done.err
    assert "Did you mean `stage=staging`?" in ask("upsert", "stage=stagin").err


@pytest.mark.parametrize(
    ("before", "mode", "labels", "after"),
    [
        ([], "add", "stage=dev", ["stage=dev"]),
        (["stage=dev"], "upsert", "stage:production\nowner=team-a", ["owner=team-a", "stage:production"]),
        (["stage=dev"], "add", "owner=ops\nci:run=7\nreviewed\ntmp-1", ["ci:run=7", "owner=ops", "reviewed", "stage=dev", "tmp-1"]),
        (["legal:hold", "stage=dev"], "replace", "legal:hold\nstage=production", ["legal:hold", "stage=production"]),
        (["legal:hold", "stage=dev"], "upsert", "stage=staging", ["legal:hold", "stage=staging"]),
        (["stage=dev", "tmp-1"], "remove", "tmp-*", ["stage=dev"]),
    ],
)  # fmt: skip
def test_what_keeps_to_the_policy_is_written(
    ask: Ask, hold: Callable[..., Sandbox], before: Sequence[str], mode: str, labels: str, after: Sequence[str]
) -> None:
    """Values after `=` and `:`, patterns, words, and protected labels that are kept."""
    box = hold(*before)
    done = ask(mode, labels)
    assert (done.code, box.labels(MODELS, NAME)) == (0, after)
    assert "broken before" not in done.out


@pytest.mark.parametrize(
    ("before", "mode", "labels", "told"),
    [
        (["stage=dev", "tmp-1"], "remove", "stage=*", "the last label with that key would go"),
        (["stage=dev"], "clear", "", "the last label with that key would go"),
        (["legal:hold", "stage=dev"], "clear", "", "'legal:hold' would be removed"),
        (["legal:hold", "stage=dev"], "remove", "legal:hold", "'legal:hold' would be removed"),
        (["legal:hold", "stage=dev"], "replace", "stage=dev", "'legal:hold' would be removed"),
        (["stage=dev"], "replace", "owner=ops", "the last label with that key would go"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ci", CIS)
def test_a_breach_that_the_change_creates_stops_the_run(
    ask: Ask, hold: Callable[..., Sandbox], policy: Path, ci: str, before: Sequence[str], mode: str, labels: str, told: str
) -> None:  # fmt: skip
    """Exit 10 with the rule's place, and nothing is written."""
    box = hold(*before)
    done = ask(mode, labels, ci=ci)
    assert (done.code, done.errors, methods(box)["PUT"]) == (10, ["HAR-POLICY"], 0)
    assert told in done.err
    assert f"{policy}:" in done.err
    assert done.outputs["failed-count"] == "1"


def test_one_breach_stops_all(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """Every artifact that would break a rule is reported, and none is written, as with `require`."""
    for number in range(5):
        box = hold(*(["legal:hold"] if number % 2 else []), "stage=dev", "tmp-1", name=f"m-{number}")
    done = ask("remove", "tmp-*\nlegal:*", artifact="m-*")
    assert (done.code, done.errors, methods(box)["PUT"]) == (10, ["HAR-POLICY"] * 2, 0)
    assert {row["status"] for row in done.value("results")} == {"failed", "skipped"}


def test_giving_what_is_protected_is_wrong_where_it_is_not_there(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """`replace` may name it, so that it stays; where that would add it the input is wrong: exit 2."""
    box = hold("stage=dev")
    done = ask("replace", "legal:hold\nstage=dev")
    assert (done.code, done.errors, methods(box)["PUT"]) == (2, ["HAR-INPUT"], 0)
    assert "'legal:hold' would be added" in done.err


def test_what_was_there_before_is_a_notice(
    ask: Ask, hold: Callable[..., Sandbox], policy: Path, tmp_path: Path
) -> None:
    """Older breaches do not stop a run: one notice per rule, and each breach in the report."""
    for number in range(3):
        box = hold("color=red", name=f"m-{number}")
    report = tmp_path / "report.json"
    done = ask("add", "reviewed", artifact="m-*", report_file=str(report))
    assert (done.code, methods(box)["PUT"]) == (0, 3)
    notices = [line for line in done.out.splitlines() if line.startswith("::notice")]
    assert len(notices) == 2
    assert f"'m-0' in {MODELS}/+ has 'color=red', and {policy}:8:1 says" in notices[0]
    assert notices[0].endswith("; 2 more artifacts break that rule")
    assert "has no label with that key, and" in notices[1]
    told = json.loads(report.read_text())
    assert (told["breach_count"], len(told["breaches"])) == (6, 6)
    assert not any(row["is_new"] for row in told["breaches"])
    assert {row["label"] for row in told["breaches"]} == {"color=red", None}


def test_a_change_that_repairs_is_not_a_breach(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """A label that breaks a rule may be removed, without any message."""
    box = hold("color=red", "stage=dev")
    done = ask("remove", "color=*")
    assert (done.code, box.labels(MODELS, NAME)) == (0, ["stage=dev"])
    assert "::notice" not in done.out


@pytest.mark.parametrize("ci", CIS)
def test_an_audit_of_a_registry(ask: Ask, hold: Callable[..., Sandbox], policy: Path, tmp_path: Path, ci: str) -> None:
    """`mode: read`: exit 10, one failure per rule, a table of the breaches, and no write."""
    hold("stage=dev", "owner=team-a", name="good")
    hold("stage=prd", "legal:hold", name="bad-1")
    box = hold("stage=prd", "x`|y", name="bad-2")
    hold(name="bad-3")
    report = tmp_path / "report.json"
    done = ask("read", artifact="*", ci=ci, report_file=str(report))
    assert (done.code, done.errors, methods(box)) == (10, ["HAR-POLICY"] * 3, {"GET": 1})
    assert f"'bad-1' in {MODELS}/+ has 'stage=prd', and {policy}:3:11 says that " in done.err
    assert done.err.count("; 1 more artifact breaks that rule | ") == 1
    assert done.outputs["matched-count"] == done.outputs["unchanged-count"] == "4"
    breaches = json.loads(report.read_text())["breaches"]
    assert {(row["artifact"], row["label"]) for row in breaches} == {
        ("bad-1", "stage=prd"), ("bad-2", "stage=prd"), ("bad-2", "x`|y"), ("bad-3", None),
    }  # fmt: skip
    if done.summary:
        assert "**Failed:** 4 artifacts unchanged, 4 breaches of the policy." in done.summary
        assert "| artifact | label | rule | says |" in done.summary
        assert f"| `bad-2` | `stage=prd` | `{policy}:3:11` |" in done.summary
        assert "``x`\\|y``" in done.summary
        assert "| `bad-3` | *(none)* |" in done.summary
        assert "`good` |" in done.summary.partition("What breaks the policy")[0]
        assert "`good`" not in done.summary.partition("What breaks the policy")[2]


def test_a_dry_run_with_an_invalid_input_reports_once_that_nothing_was_written(ask: Ask) -> None:
    """The summary's one sentence does not say it twice."""
    done = ask("add", "color=red", dry_run="true")
    assert "**Dry run failed:** nothing was written." in done.summary


def test_an_audit_of_what_is_right_is_green(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """Labels of every kind that a policy distinguishes, including protected ones."""
    hold("stage:dev", "owner=ops", "legal:hold", "reviewed", "ci:run=1")
    done = ask("read")
    assert (done.code, done.outputs["status"]) == (0, "SUCCESS")
    assert "breaks the policy" not in done.summary


def test_a_dry_run_shows_the_difference_and_saves_no_plan(
    ask: Ask, hold: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """A dry run shows the refused change, with exit 10, as without `mode`."""
    hold("stage=dev", "legal:hold")
    plan = tmp_path / "labels.plan"
    done = ask("remove", "legal:*", save_plan=str(plan))
    assert (done.code, done.errors, plan.exists()) == (10, ["HAR-POLICY"], False)
    assert done.value("removed") == ["legal:hold"]
    assert "What breaks the policy" in done.summary


def test_a_plan_is_held_to_it_when_it_is_applied(
    ask: Ask, run_step: RunStep, hold: Callable[..., Sandbox], policy: Path, tmp_path: Path
) -> None:
    """A plan that was made without the policy, or before a rule: exit 10, nothing written. Without the policy it is applied."""
    box = hold("stage=dev", "legal:hold")
    plan = tmp_path / "labels.plan"
    assert ask("replace", "color=red", save_plan=str(plan), policy="").code == 0
    box.forget_requests()
    done = run_step("github", box, {"apply-plan": str(plan), "policy": str(policy)})
    assert (done.code, done.errors, methods(box)["PUT"]) == (10, ["HAR-POLICY"], 0)
    for told in ("'color=red' would be new", "'legal:hold' would be removed", "the last label with that key would go"):
        assert told in done.err
    assert run_step("github", box, {"apply-plan": str(plan)}).code == 0


def test_an_undo_is_held_to_it(
    ask: Ask, run_step: RunStep, hold: Callable[..., Sandbox], policy: Path, tmp_path: Path
) -> None:
    """An undo is a change, too: a rule that it would break stops it. Without the policy the run is undone."""
    box = hold("color=red")
    report = tmp_path / "report.json"
    assert ask("replace", "stage=dev", report_file=str(report)).code == 0
    box.forget_requests()
    done = run_step("github", box, {"undo": str(report), "policy": str(policy)})
    assert (done.code, done.errors, methods(box)["PUT"]) == (10, ["HAR-POLICY"], 0)
    assert "'color=red' would be new" in done.err
    assert run_step("github", box, {"undo": str(report)}).code == 0
    assert box.labels(MODELS, NAME) == ["color=red"]


@pytest.mark.parametrize(
    ("rules", "label", "code", "errors"),
    [
        ("keys: {stage: {values: [dev, production]}}", "stage=production", 0, []),
        ("labels: [champion]\nothers: deny", "champion", 0, []),
        ("labels: [reviewed]\nothers: deny", "champion", 2, ["HAR-INPUT"]),
        ("protected: champion", "champion", 2, ["HAR-INPUT"]),
        ("keys: {stage: {required: true}}", "stage=production", 10, ["HAR-POLICY"]),
    ],
)
def test_a_move_is_held_to_it(
    ask: Ask, hold: Callable[..., Sandbox], rules: str, label: str, code: int, errors: Sequence[str]
) -> None:
    """The moved label counts as added, and the former holder must not lose a required key."""
    box = hold(label, name="former")
    hold("owner=ops")
    done = ask("move", label, policy=f"version: 1\n{rules}\n")
    assert (done.code, done.errors, bool(methods(box)["PUT"])) == (code, errors, code == 0)
    assert (label in (box.labels(MODELS, "former") or [])) == (code != 0)


def test_the_policy_applies_to_a_later_holder(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """Who got the label after the plan was made loses no key that is required either."""
    box = hold("stage=dev")
    hold("stage=test", name="other")

    @box.after
    def promote(request: Request) -> None:
        if request.method == "PUT" and NAME in request.path:
            box.put_labels(MODELS, "other", ["stage=production"])

    done = ask("move", "stage=production", policy="{version: 1, keys: {stage: {required: true}}}", retries="1")
    assert (done.code, done.errors) == (10, ["HAR-POLICY"])
    assert box.labels(MODELS, "other") == ["stage=production"]


def test_an_invalid_plan_and_an_invalid_policy_are_reported_together(
    run_step: RunStep, sandbox: Sandbox, tmp_path: Path
) -> None:
    """All problems at once, before any request."""
    plan, policy = tmp_path / "labels.plan", tmp_path / "bad.yaml"
    plan.write_text("{}\n")
    policy.write_text("version: 1\nkeys: []\n")
    done = run_step("github", sandbox, {"apply-plan": str(plan), "policy": str(policy)})
    assert (done.code, done.errors, sandbox.requests) == (2, ["HAR-POLICY-FILE", "HAR-PLAN-FILE"], [])


def test_a_rollback_is_not_held_to_it(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """What this run wrote is taken back though the list from before breaks a rule that holds now."""
    hold("color=red", name="m-1")
    box = hold("color=red", name="m-2")
    box.script([Fault("400", method="PUT", artifact="m-2", times=99)])
    done = ask("replace", "stage=dev", artifact="m-*", on_failure="rollback", concurrency="1")
    assert done.errors == ["HAR-REFUSED"]
    assert box.labels(MODELS, "m-1") == ["color=red"]
    assert {row["status"] for row in done.value("results")} == {"rolled-back", "failed"}


def test_it_is_asked_again_where_labels_are_read_anew(
    ask: Ask, hold: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A protected label that was added after the plan's read is not removed by a change computed from a newer one."""
    monkeypatch.setattr("har_labels.engine.writer.FRESH_SECONDS", 0.0)
    box = hold("stage=dev", "tmp-1")

    @box.after
    def protect(_request: Request) -> None:
        if len(box.requests) == 1:
            box.put_labels(MODELS, NAME, ["legal:hold", "stage=dev", "tmp-1"])

    done = ask("remove", "tmp-*\nlegal:*")
    assert (done.code, done.errors, methods(box)["PUT"]) == (10, ["HAR-POLICY"], 0)
    assert "'legal:hold' would be removed" in done.err


def test_labels_that_are_not_shown_are_not_empty(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """A plain `replace` over unknown labels could remove a protected one: exit 6, no write."""
    box = hold("legal:hold", hidden=True)
    done = ask("replace", "stage=dev")
    assert (done.code, done.errors, methods(box)["PUT"]) == (6, ["HAR-UNREADABLE"], 0)


def test_a_policy_of_values_alone_needs_no_read(ask: Ask, hold: Callable[..., Sandbox]) -> None:
    """Such a policy only checks new labels, so `replace` works without a read."""
    box = hold()
    box.script([Fault("403", method="GET", times=99)])
    done = ask("replace", "stage=dev", policy="{version: 1, keys: {stage: {values: [dev]}}}")
    assert (done.code, box.labels(MODELS, NAME)) == (0, ["stage=dev"])
    assert ask("replace", "stage=dev").code == 3


def test_entries_of_a_manifest_are_checked_with_their_places(
    run_step: RunStep, sandbox: Sandbox, policy: Path, tmp_path: Path
) -> None:
    """The error names the label's line and the rule's."""
    path = tmp_path / "labels.yaml"
    path.write_text(
        f"version: 1\nregistry-ref: {MODELS}\nmode: add\nchanges:\n  - artifact: a\n    labels: [stage=dev, stage=prd]\n"
        "  - artifact: b\n    labels: ['owner={{ artifact }}']\n"
    )
    done = run_step("github", sandbox, {"manifest": str(path), "policy": str(policy)})
    assert (done.code, done.errors, sandbox.requests) == (2, ["HAR-MANIFEST"], [])
    assert f"{path}:6:25: label 2 'stage=prd' is not allowed: {policy}:3:11 says" in done.err
    sandbox.add_artifact(MODELS, "a", package_type="DOCKER", labels=[])
    sandbox.add_artifact(MODELS, "b", package_type="DOCKER", labels=[])
    path.write_text(path.read_text().replace(", stage=prd", ""))
    done = run_step("github", sandbox, {"manifest": str(path), "policy": str(policy)})
    assert (done.code, methods(sandbox)["PUT"]) == (2, 0)
    assert f"label 1 'owner=b' is not allowed: {policy}:4:11 says" in done.err


def test_what_several_entries_make_of_one_artifact_is_judged_as_a_whole(
    run_step: RunStep, hold: Callable[..., Sandbox], policy: Path, tmp_path: Path
) -> None:
    """A key that one entry takes and another gives again is not missing."""
    box = hold("stage=dev")
    path = tmp_path / "labels.yaml"
    entries = [
        "{artifact: resnet50, mode: remove, labels: [stage=*]}",
        "{artifact: resnet50, mode: add, labels: [stage=staging]}",
    ]
    path.write_text(f"version: 1\nregistry-ref: {MODELS}\nchanges: [{', '.join(entries)}]\n")
    assert run_step("github", box, {"manifest": str(path), "policy": str(policy)}).code == 0
    path.write_text(f"version: 1\nregistry-ref: {MODELS}\nchanges: [{', '.join(reversed(entries))}]\n")
    assert run_step("github", box, {"manifest": str(path), "policy": str(policy)}).code == 10


def test_a_policy_that_holds_the_key_is_refused(ask: Ask, sandbox: Sandbox, policy: Path, watch: Watch) -> None:
    """A policy that contains the key is refused, and its text is not shown."""
    policy.write_text(POLICY + f"# {KEY}\n")
    watch.may_hold_key.add(policy)
    done = ask("add", "stage=dev")
    assert (done.code, done.errors, sandbox.requests) == (2, ["HAR-INPUT"], [])
    assert "contains the key" in done.err


@pytest.mark.parametrize("ci", CIS)
def test_hostile_texts_have_no_effect(ask: Ask, hold: Callable[..., Sandbox], policy: Path, ci: str) -> None:
    """Escapes, commands and markup in rules, keys and labels show as themselves."""
    policy.write_text(
        'version: 1\nkeys: {"\\x1b[31mstage": {values: ["::error::x", "##[error]y", "|`<b>\\u202e"]}}\n'
        'protected: ["::stop-commands::t*"]\nlabels: ["a\\nb"]\nothers: deny\n'
    )
    hold("\x1b[31mstage=\u202eno", "::error::z", "##[group]q")
    done = ask("read", ci=ci)
    assert done.code == 10
    for text in (done.log, done.summary):
        assert not {"\x1b", "\u202e"} & set(text)
        assert not any(line.lstrip().startswith(("::error::", "::stop-commands")) for line in text.splitlines())
    assert "##[" not in done.log


def test_many_artifacts_cost_no_request_more(run_step: RunStep, sandbox: Sandbox, policy: Path) -> None:
    """The same requests with a policy as without one, in a run that writes and in one that reads."""
    told = []
    for more in ({}, {"policy": str(policy)}):
        rows = ((f"m-{number:03}", ["stage=dev", f"tmp-{number}"]) for number in range(250))
        sandbox.add_artifacts(f"{MODELS}{len(more)}", rows, package_type="DOCKER")
        sandbox.forget_requests()
        asked = {"registry-ref": f"{MODELS}{len(more)}", "artifact": "*"} | more
        assert run_step("github", sandbox, asked | {"mode": "remove", "labels": "tmp-1*"}).code == 0
        assert run_step("github", sandbox, asked | {"mode": "read"}).code == 0
        told.append(methods(sandbox))
    assert told[0] == told[1]
    assert told[0]["PUT"] == 111


@pytest.mark.parametrize("dry_run", ["", "true"])
def test_many_refusals_are_summarized(
    run_step: RunStep, sandbox: Sandbox, policy: Path, dry_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the first ones all that break the same rule share one failure; each still counts."""
    monkeypatch.setattr("har_labels.engine.preflight._MOST_IN_WORDS", 3)
    rows = ((f"m-{number:03}", ["legal:hold", "stage=dev"]) for number in range(20))
    sandbox.add_artifacts(MODELS, rows, package_type="DOCKER")
    asked = {"registry-ref": MODELS, "artifact": "*", "mode": "remove", "labels": "legal:*", "policy": str(policy)}
    done = run_step("github", sandbox, asked | ({"dry-run": dry_run} if dry_run else {}))
    assert (done.code, set(done.errors), methods(sandbox)["PUT"]) == (10, {"HAR-POLICY"}, 0)
    assert done.err.count("'legal:hold' would be removed") == 3
    assert f"breaks the policy, too: {policy}:6:13 says that 'legal:*' is protected" in done.err
    assert done.outputs["failed-count"] == ("0" if dry_run else "20")
