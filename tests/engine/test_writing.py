"""Writing safely, over whole runs: other writers, waits, plans, lost types, the deadline (contract §5)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ci.steps import Done
from conftest import MODELS, MakeSandbox, RunStep
from har_sandbox import Fault, Request, Sandbox

NAME = "resnet50"
Ask = Callable[..., Done]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact(MODELS, NAME, package_type="DOCKER", labels=["a", "stage=dev"])
    return sandbox


@pytest.fixture
def ask(run_step: RunStep, box: Sandbox) -> Ask:
    """Runs a step about that artifact on GitHub."""

    def run(mode: str, labels: str = "", **more: str) -> Done:
        named = {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(
            "github", box, {"registry-ref": MODELS, "artifact": NAME, "mode": mode, "labels": labels, **named}
        )

    return run


def puts(box: Sandbox) -> list[list[str]]:
    """The lists that were written, in order."""
    return [json.loads(request.body)["labels"] for request in box.requests if request.method == "PUT"]


def after_put(box: Sandbox, write: Mapping[int, list[str]]) -> None:
    """A foreign writer that writes these lists after our first, second… PUT."""
    seen: list[Request] = []

    @box.after
    def hook(request: Request) -> None:
        if request.method == "PUT":
            seen.append(request)
            if len(seen) in write:
                box.put_labels(MODELS, NAME, write[len(seen)])


@pytest.mark.parametrize(
    ("change", "old", "expected"),
    [
        (("add", "new"), ["a", "theirs"], ["a", "new", "theirs"]),
        (("remove", "a"), ["a", "stage=dev", "theirs"], ["stage=dev", "theirs"]),
        (("upsert", "stage=prod"), ["a", "stage=dev", "theirs"], ["a", "stage=prod", "theirs"]),
    ],
)
def test_a_change_undone_from_an_older_read_is_made_again(
    ask: Ask, box: Sandbox, change: tuple[str, str], old: list[str], expected: list[str]
) -> None:
    """If another client wrote from an older read, our change is made again, on top of theirs."""
    after_put(box, {1: old})
    done = ask(*change)
    assert (done.code, box.labels(MODELS, NAME), done.value("labels")) == (0, expected, expected)
    assert len(puts(box)) == 2


def test_a_change_undone_each_time_gives_up(ask: Ask, box: Sandbox) -> None:
    """After `retries` rounds the run fails with exit 5 and reports the current labels."""
    after_put(box, {number: ["theirs"] for number in range(1, 9)})
    done = ask("add", "new", retries="2")
    assert (done.code, done.errors, done.value("labels")) == (5, ["HAR-OVERWRITTEN"], ["theirs"])
    assert len(puts(box)) == 3


def test_a_third_value_is_a_later_writers_word(ask: Ask, box: Sandbox) -> None:
    """If a key now has a third value, it stays: superseded, a notice, and no failure."""
    after_put(box, {1: ["a", "stage=canary"]})
    done = ask("upsert", "stage=prod")
    assert (done.code, box.labels(MODELS, NAME)) == (0, ["a", "stage=canary"])
    assert done.value("results")[0]["status"] == "superseded"
    assert done.value("labels") == ["a", "stage=canary"]
    assert "a later writer has set something else, which stays" in done.log
    assert len(puts(box)) == 1


@pytest.mark.parametrize(("mode", "labels"), [("replace", "new"), ("clear", "")])
def test_plain_statements_are_not_watched(ask: Ask, box: Sandbox, mode: str, labels: str) -> None:
    """`replace` and `clear` are confirmed by the answer and do not wait for anybody."""
    after_put(box, {1: ["theirs"]})
    done = ask(mode, labels, settle="60")
    assert (done.code, box.labels(MODELS, NAME)) == (0, ["theirs"])
    assert [request.method for request in box.requests] == ["GET", "PUT"]


def test_settle_0_does_not_look_again(ask: Ask, box: Sandbox) -> None:
    """With `settle: 0` a merged change ends with its believed answer."""
    assert ask("add", "new", settle="0").code == 0
    assert [request.method for request in box.requests] == ["GET", "PUT"]


def test_a_label_added_during_the_watch_is_reported(ask: Ask, box: Sandbox) -> None:
    """The reported labels are those of the last read, including other writers' labels."""
    after_put(box, {1: ["a", "new", "stage=dev", "theirs"]})
    done = ask("add", "new")
    assert done.value("labels") == box.labels(MODELS, NAME) == ["a", "new", "stage=dev", "theirs"]


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_answers_without_labels_are_confirmed_by_reading(
    make_sandbox: MakeSandbox, run_step: RunStep, mode: str
) -> None:
    """A server whose answers name no labels is looked at before the write counts as done."""
    box = make_sandbox()
    box.add_artifact(MODELS, NAME, package_type="DOCKER", labels=["a"])
    box.script([Fault("wrong-types", method="PUT")])
    done = run_step("github", box, {"registry-ref": MODELS, "artifact": NAME, "mode": mode, "labels": "a, new"})
    assert (done.code, done.value("results")[0]["confirmed_by"]) == (0, "read-back")
    assert box.labels(MODELS, NAME) == ["a", "new"]


def test_require_is_checked_on_every_read(ask: Ask, box: Sandbox) -> None:
    """A gate that closes before the change is made again keeps it from being written: exit 10."""
    after_put(box, {1: ["frozen"]})
    done = ask("add", "new", require="'frozen' not in current")
    assert (done.code, done.errors) == (10, ["HAR-REQUIRE"])
    assert (box.labels(MODELS, NAME), len(puts(box))) == (["frozen"], 1)
    assert done.value("labels") == ["frozen"]


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_retry_after_is_waited_for(ask: Ask, box: Sandbox, mode: str) -> None:
    """429 with Retry-After: nothing is sent before that time, then the change is computed anew."""
    box.script([Fault("429", method="PUT", retry_after="1")])
    times: list[float] = []
    box.before(lambda _: times.append(time.monotonic()))
    assert ask(mode, "new").code == 0
    at = [request.method for request in box.requests].index("PUT")
    assert times[at + 1] - times[at] >= 1


def test_a_timeout_is_settled_by_reading(ask: Ask, box: Sandbox) -> None:
    """A write that timed out and arrived later counts once it is seen."""
    box.script([Fault("latency", method="PUT", delay=1.2)])
    done = ask("add", "new", timeout="1")
    assert (done.code, box.labels(MODELS, NAME)) == (0, ["a", "new", "stage=dev"])


def test_the_deadline_ends_the_run_and_is_reported(ask: Ask, box: Sandbox) -> None:
    """After the deadline the run fails with exit 7; a write with an unknown outcome is reported as unknown."""
    box.script([Fault("latency", method="PUT", delay=30, times=9)])
    began = time.monotonic()
    done = ask("replace", "new", deadline="1", timeout="30")
    assert time.monotonic() - began < 15
    assert (done.code, set(done.errors)) == (7, {"HAR-DEADLINE"})
    assert done.value("labels") is None
    assert done.outputs["status"] == "FAILED"


def test_a_pause_that_is_cut_short_reports_the_read_before_it(ask: Ask, box: Sandbox) -> None:
    """After a failed write a read decides: the labels are known, and the error says that nothing was written."""
    box.script([Fault("503", method="PUT", times=9, retry_after="20")])
    done = ask("replace", "new", deadline="1.5")
    assert (done.code, done.value("labels"), len(puts(box))) == (7, ["a", "stage=dev"], 1)
    assert "a read shows that the labels were not written" in done.stable_lines[-1][1]


def test_a_change_that_was_undone_at_the_deadline_is_reported_as_undone(
    ask: Ask, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look showed other labels: these are known, and not "not known"."""
    # The time is over in the pause between the look and the next write, and never between a write and its look.
    monkeypatch.setattr("har_labels.engine.writer.backoff", lambda *_args, **_more: 60.0)
    box.after(lambda _request: box.put_labels(MODELS, NAME, ["a"]))
    done = ask("add", "new", deadline="1.2", settle="0.4", retries="10")
    assert (done.code, done.value("labels")) == (7, ["a"])
    assert "the change was undone and not made again, as the deadline of 1.2 s passed" in done.stable_lines[-1][1]


def test_a_watch_that_is_cut_short_reports_its_last_read(ask: Ask, box: Sandbox) -> None:
    """The last read decides: a later writer's value is reported, not ours."""
    after_put(box, {1: ["a", "stage=third"]})
    done = ask("upsert", "stage=prod", deadline="2.3", settle="2")
    assert (done.code, done.value("labels")) == (11, ["a", "stage=third"])
    assert done.value("results")[0]["status"] == "superseded"


def test_a_later_writers_labels_do_not_show_that_ours_were_written(ask: Ask, box: Sandbox) -> None:
    """The server failed, another client has set a third value since: it stays, and ours is not claimed to have been written."""
    box.script([Fault("500", method="PUT")])
    after_put(box, {1: ["a", "stage=third"]})
    done = ask("upsert", "stage=prod")
    assert (done.code, done.value("results")[0]["status"]) == (0, "superseded")
    assert "a read shows what a later writer has set" in done.log
    assert "as wanted" not in done.log


def test_a_retry_that_was_refused_does_not_deny_the_try_before(ask: Ask, box: Sandbox) -> None:
    """Written, half undone, then refused for now: "nothing was written" would not be true."""
    box.script([Fault("429", method="PUT", nth=2, times=9)])
    after_put(box, {1: ["a", "new1", "stage=dev"]})
    done = ask("add", "new1, new2", retries="1")
    assert (done.code, done.value("labels")) == (6, ["a", "new1", "stage=dev"])
    assert "the last try wrote nothing" in done.err


@pytest.mark.parametrize(("refusal", "mode"), [("401", "replace"), ("401", "add"), ("403", "add")])
def test_a_key_that_was_refused_while_looking_is_not_sent_again(
    run_step: RunStep, box: Sandbox, refusal: str, mode: str
) -> None:
    """A look after the first round is refused: no write follows, and each artifact says why.

    Only a whole list that a key may write and not read is sent again.
    """
    box.add_artifact(MODELS, "vgg16", package_type="DOCKER", labels=["a"])
    box.script(
        [Fault("500", method="PUT", artifact=NAME), Fault("429", method="PUT", artifact="vgg16"),
         Fault(refusal, method="GET", nth=2, times=9)]
    )  # fmt: skip
    done = run_step(
        "github", box, {"registry-ref": MODELS, "artifact": "*", "mode": mode, "labels": "x", "concurrency": "1"}
    )
    assert (done.code, len(puts(box))) == (3, 2)
    assert [request.method for request in box.requests][-1] == "GET"
    assert sum(row["attempts"] for row in done.value("results")) == 2


def test_a_key_that_was_refused_is_not_tried_on_the_next_registry(
    run_step: RunStep, box: Sandbox, tmp_path: Path
) -> None:
    """A 401 while planning the first registry of a manifest ends the run: the second is not asked."""
    box.add_artifact("acme/ml/other", "x", package_type="DOCKER", labels=[])
    box.script([Fault("401", method="GET", times=1)])
    manifest = tmp_path / "labels.yaml"
    manifest.write_text(
        f"version: 1\nmode: replace\nchanges:\n  - {{registry-ref: {MODELS}, artifact: {NAME}, labels: [x]}}\n"
        "  - {registry-ref: acme/ml/other, artifact: x, labels: [x]}\n"
    )
    done = run_step("github", box, {"manifest": str(manifest)})
    assert (done.code, set(done.errors), len(box.requests)) == (3, {"HAR-UNAUTHORIZED"}, 1)


def test_an_earlier_refusal_proves_nothing_about_a_write_in_flight(ask: Ask, box: Sandbox) -> None:
    """The first try was surely not written (429), the second has no answer when the time is over: nobody knows."""
    box.script([Fault("429", method="PUT"), Fault("latency", method="PUT", nth=2, delay=30, times=9)])
    done = ask("replace", "new", deadline="1", timeout="30")
    assert (done.code, done.value("labels")) == (7, None)
    assert "whether the labels were written is not known" in done.stable_lines[-1][1]


def test_a_plan_is_applied_exactly(ask: Ask, run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """The plan of a dry run is applied unchanged, and applying it again changes nothing."""
    plan = tmp_path / "plan.jsonl"
    planned = ask("add", "new", dry_run="true", save_plan=str(plan))
    assert (planned.code, planned.outputs["plan-file"], box.labels(MODELS, NAME)) == (0, str(plan), ["a", "stage=dev"])
    header, step = (json.loads(line) for line in plan.read_text().splitlines())
    assert header["steps"] == 1
    assert step == {
        "registry_ref": f"{MODELS}/+",
        "artifact": NAME,
        "artifact_type": "",
        "before": ["a", "stage=dev"],
        "after": ["a", "new", "stage=dev"],
    }
    applied = run_step("harness", box, {"apply-plan": str(plan)})
    assert (applied.code, applied.value("labels")) == (0, ["a", "new", "stage=dev"])
    again = run_step("github", box, {"apply-plan": str(plan)})
    assert (again.code, again.outputs["unchanged-count"], len(puts(box))) == (0, "1", 1)


def save_plan(run_step: RunStep, box: Sandbox, path: Path) -> None:
    """A plan that adds `new` to everything."""
    asked = {"registry-ref": MODELS, "artifact": "*", "mode": "add", "labels": "new"}
    assert run_step("github", box, {**asked, "dry-run": "true", "save-plan": str(path)}).code == 0


def test_a_stale_plan_writes_nothing(run_step: RunStep, sandbox: Sandbox, tmp_path: Path) -> None:
    """If any artifact has neither the plan's before nor its after, nothing at all is written, and both lists are shown."""
    plan = tmp_path / "plan.jsonl"
    for name in ("a", "b", "c"):
        sandbox.add_artifact(MODELS, name, package_type="DOCKER", labels=["old"])
    save_plan(run_step, sandbox, plan)
    sandbox.put_labels(MODELS, "b", ["changed"])
    sandbox.put_labels(MODELS, "c", ["new", "old"])
    done = run_step("github", sandbox, {"apply-plan": str(plan)})
    assert (done.code, done.errors, puts(sandbox)) == (5, ["HAR-PLAN-STALE"], [])
    assert "['old']" in done.err
    assert "['changed']" in done.err


def test_a_plan_never_recomputes(run_step: RunStep, sandbox: Sandbox, tmp_path: Path) -> None:
    """An artifact that changes between the check and a write with an unknown outcome fails alone with 5; the others are done."""
    plan = tmp_path / "plan.jsonl"
    for name in ("a", "b"):
        sandbox.add_artifact(MODELS, name, package_type="DOCKER", labels=["old"])
    save_plan(run_step, sandbox, plan)
    sandbox.script([Fault("500", method="PUT", artifact="a")])
    sandbox.after(lambda request: request.fault and sandbox.put_labels(MODELS, "a", ["theirs"]))
    done = run_step("github", sandbox, {"apply-plan": str(plan)})
    assert (done.code, done.errors) == (11, ["HAR-PLAN-STALE"])
    assert (sandbox.labels(MODELS, "a"), sandbox.labels(MODELS, "b")) == (["theirs"], ["new", "old"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is not a JSON object"),
        ("{}", "is not a plan of version 1"),
        ('{"har_labels_plan": 2}', "is not a plan of version 1"),
        (
            '{"har_labels_plan": 1, "api_url": "https://other.example", "steps": 0}',
            "was made for 'https://other.example'",
        ),
    ],
)
def test_what_is_no_plan(run_step: RunStep, box: Sandbox, tmp_path: Path, content: str, why: str) -> None:
    """A file that no dry run wrote, or one made for another server, is refused before any request."""
    plan = tmp_path / "plan.jsonl"
    plan.write_text(content)
    done = run_step("github", box, {"apply-plan": str(plan)})
    assert (done.code, done.errors, box.requests) == (2, ["HAR-PLAN-FILE"], [])
    assert why in done.err


def hugging_face(make_sandbox: MakeSandbox, profile: str, **options: object) -> Sandbox:
    box = make_sandbox(profile, **options)
    for name in ("a", "b", "c"):
        box.add_artifact(MODELS, name, artifact_type="model", labels=["old"])
    return box


def test_a_server_known_to_drop_types_is_not_written_to(make_sandbox: MakeSandbox, run_step: RunStep) -> None:
    """An API base without `/har/` refuses a write to a Hugging Face artifact beforehand; `allow-type-loss` warns and goes on."""
    box = hugging_face(make_sandbox, "open-source")
    asked = {"registry-ref": MODELS, "artifact": "a", "mode": "replace", "labels": "new", "auth-scheme": "bearer"}
    done = run_step("github", box, asked)
    assert (done.code, done.errors, puts(box)) == (6, ["HAR-TYPE-LOSS"], [])
    assert "Push the artifact anew" not in done.err, "nothing is broken yet"
    assert run_step("github", box, {**asked, "allow-type-loss": "true"}).code == 0
    assert box.labels(MODELS, "a") == ["new"]


@pytest.mark.parametrize("allowed", [False, True])
def test_the_first_write_shows_whether_types_stay(make_sandbox: MakeSandbox, run_step: RunStep, allowed: bool) -> None:
    """Elsewhere the first write is looked at alone: if its type is gone the run stops there, or warns and goes on."""
    box = hugging_face(make_sandbox, "saas", drops_type=True)
    asked = {
        "registry-ref": MODELS,
        "artifact": "*",
        "mode": "replace",
        "labels": "new",
        "allow-type-loss": str(allowed).lower(),
    }
    done = run_step("github", box, asked)
    assert "is no longer a model since its labels were written" in done.log
    assert (done.code, len(puts(box))) == ((0, 3) if allowed else (6, 1)), done.err
    assert (f"::warning::'a' in {MODELS}/+ is no longer a model" in done.out) is allowed
    assert ("and so will be all others written" in done.out) is allowed
    assert [request.method for request in box.requests][:3] == ["GET", "PUT", "GET"]


def test_types_that_stay_cost_one_look(make_sandbox: MakeSandbox, run_step: RunStep) -> None:
    """Where the type is still there the rest goes on without looking."""
    box = hugging_face(make_sandbox, "saas")
    done = run_step("github", box, {"registry-ref": MODELS, "artifact": "*", "mode": "replace", "labels": "new"})
    assert (done.code, [request.method for request in box.requests]) == (0, ["GET", "PUT", "GET", "PUT", "PUT"])
    assert {box.artifact(MODELS, name).type for name in "abc"} == {"model"}


def test_the_sent_list_is_sorted_and_without_duplicates(ask: Ask, box: Sandbox) -> None:
    """What goes over the wire is a sorted set (contract §3)."""
    box.put_labels(MODELS, NAME, ["z", "b", "b", "é"])
    ask("add", "c, Z, c, \u20ac")
    assert puts(box) == [["Z", "b", "c", "z", "é", "\u20ac"]]
