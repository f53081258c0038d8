"""Rollback of a run over many artifacts: it reverts the run's writes, and only those (contract §5 point 6)."""

from __future__ import annotations

import pytest

from conftest import MODELS, RunStep
from engine.filled import ALL, fill
from har_sandbox import Fault, Sandbox


def test_rollback_restores_what_was_written_and_only_that(sandbox: Sandbox, run_step: RunStep) -> None:
    """`on-failure: rollback` puts `before` back, except where somebody has written since; the exit code is the cause's."""
    fill(sandbox, 4)
    sandbox.script([Fault("400", method="PUT", artifact="m-00003", times=9)])
    sandbox.after(
        lambda request: _write_over(sandbox) if "m-00003" in request.path and request.method == "PUT" else None
    )
    done = run_step(
        "github", sandbox, ALL | {"labels": "x", "retries": "0", "on-failure": "rollback", "concurrency": "1"}
    )
    assert done.code == 6
    statuses = {row["artifact"]: row["status"] for row in done.value("results")}
    assert statuses == {
        "m-00000": "rolled-back",
        "m-00001": "superseded",
        "m-00002": "rolled-back",
        "m-00003": "failed",
    }
    assert [sandbox.labels(MODELS, f"m-0000{number}") for number in range(4)] == [["old"], ["theirs"], ["old"], ["old"]]


def test_a_rollback_keeps_what_others_added_since_the_plan(
    sandbox: Sandbox, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that was added between our plan and our write is kept by the write, and by the rollback too."""
    monkeypatch.setattr("har_labels.engine.writer.FRESH_SECONDS", 0.0)
    fill(sandbox, 2)
    sandbox.after(
        lambda _request: (
            sandbox.put_labels(MODELS, "m-00000", ["old", "theirs"]) if len(sandbox.requests) == 1 else None
        )
    )
    sandbox.script([Fault("400", method="PUT", artifact="m-00001", times=9)])
    inputs = ALL | {"mode": "add", "labels": "new", "retries": "0", "on-failure": "rollback", "concurrency": "1"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, sandbox.labels(MODELS, "m-00000")) == (6, ["old", "theirs"])


def test_a_refusal_of_one_keeps_no_other_from_being_rolled_back(sandbox: Sandbox, run_step: RunStep) -> None:
    """After a 403 nothing else is written in that registry, but earlier writes are rolled back."""
    fill(sandbox, 3)
    sandbox.script([Fault("403", method="PUT", artifact="m-00001", times=9)])
    inputs = ALL | {"mode": "add", "labels": "new", "retries": "0", "on-failure": "rollback", "concurrency": "1"}
    done = run_step("github", sandbox, inputs)
    statuses = {row["artifact"]: row["status"] for row in done.value("results")}
    assert (done.code, statuses["m-00000"]) == (3, "rolled-back")
    assert [sandbox.labels(MODELS, f"m-0000{number}") for number in range(3)] == [["old"]] * 3


def test_a_registry_that_refuses_a_rollback_is_asked_once(sandbox: Sandbox, run_step: RunStep) -> None:
    """A right that was taken away in the middle of a run is not tried out on every artifact."""
    fill(sandbox, 5)
    sandbox.script([Fault("403", method="PUT", nth=4, times=99)])
    inputs = ALL | {"mode": "add", "labels": "new", "retries": "0", "on-failure": "rollback", "concurrency": "1"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, sum(request.method == "PUT" for request in sandbox.requests)) == (3, 5)


def test_a_rollback_of_everything_is_still_red(sandbox: Sandbox, run_step: RunStep) -> None:
    """A run whose one artifact failed and was rolled back does not end green."""
    fill(sandbox, 1)
    sandbox.script([Fault("500", method="GET", nth=2, times=1)])
    inputs = ALL | {"mode": "add", "labels": "new", "retries": "0", "on-failure": "rollback"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, done.errors, sandbox.labels(MODELS, "m-00000")) == (6, ["HAR-SERVER-FAILING"], ["old"])


def test_one_that_can_not_be_rolled_back_does_not_keep_the_others(sandbox: Sandbox, run_step: RunStep) -> None:
    """Somebody edits an artifact while the rollback goes on: theirs stays, and all the others are still restored."""
    fill(sandbox, 4)
    sandbox.script([Fault("400", method="PUT", artifact="m-00003", times=9)])

    def edit(_request: object) -> None:
        if [request.path for request in sandbox.requests if request.method == "PUT"].count(
            sandbox.requests[-1].path
        ) == 2:
            sandbox.put_labels(MODELS, "m-00001", ["theirs"])

    sandbox.after(edit)
    inputs = ALL | {"labels": "x", "retries": "0", "on-failure": "rollback", "concurrency": "1"}
    done = run_step("github", sandbox, inputs)
    statuses = [row["status"] for row in done.value("results")]
    assert (done.code, statuses) == (6, ["rolled-back", "superseded", "rolled-back", "failed"])
    assert [sandbox.labels(MODELS, f"m-0000{number}") for number in range(4)] == [["old"], ["theirs"], ["old"], ["old"]]


def test_unknown_previous_labels_are_not_rolled_back_but_reported(sandbox: Sandbox, run_step: RunStep) -> None:
    """If the previous labels are unknown they can't be restored: a notice says so, and the exit code is that of the cause."""
    sandbox.add_artifact(MODELS, "hidden", package_type="DOCKER", labels=["old"], hidden=True)
    sandbox.add_artifact(MODELS, "refused", package_type="DOCKER", labels=["old"])
    sandbox.script([Fault("400", method="PUT", artifact="refused", times=9)])
    asked = {
        "registry-ref": MODELS,
        "artifact": "hidden, refused",
        "mode": "replace",
        "labels": "x",
        "concurrency": "1",
    }
    done = run_step("github", sandbox, asked | {"on-failure": "rollback", "retries": "0"})
    assert (done.code, sandbox.labels(MODELS, "hidden")) == (6, ["x"])
    assert f"'hidden' in {MODELS}/+ is not rolled back: its labels before the run are not known" in done.log


def test_a_later_change_has_its_own_message(sandbox: Sandbox, run_step: RunStep) -> None:
    """The notice names the artifact once, and speaks of this run, not of a plan."""
    fill(sandbox, 2)
    sandbox.script([Fault("400", method="PUT", artifact="m-00001", times=9)])
    sandbox.before(
        lambda request: (
            sandbox.put_labels(MODELS, "m-00000", ["theirs"])
            if request.method == "PUT" and "m-00001" in request.path
            else None
        )
    )
    done = run_step("github", sandbox, ALL | {"labels": "x", "on-failure": "rollback", "concurrency": "1"})
    assert done.code == 6
    said = f"'m-00000' in {MODELS}/+ is not rolled back: this run wrote ['x'], and now there is ['theirs']"
    assert said in done.log


@pytest.mark.parametrize("refusal", ["400", "429"])
def test_what_this_run_never_wrote_is_not_rolled_back(sandbox: Sandbox, run_step: RunStep, refusal: str) -> None:
    """Another client sets the same labels that we were refused to write: they are that client's, and stay."""
    fill(sandbox, 2)
    sandbox.script([Fault(refusal, method="PUT", artifact="m-00001", times=9)])
    sandbox.after(
        lambda request: (
            sandbox.put_labels(MODELS, "m-00001", ["new", "old"])
            if request.method == "PUT" and "m-00001" in request.path
            else None
        )
    )
    inputs = ALL | {"mode": "add", "labels": "new", "retries": "0", "on-failure": "rollback", "concurrency": "1"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, sandbox.labels(MODELS, "m-00001"), sandbox.labels(MODELS, "m-00000")) == (
        6, ["new", "old"], ["old"],
    )  # fmt: skip
    assert [request.path for request in sandbox.requests if request.method == "PUT" and "m-00001" in request.path] != []
    assert "m-00001' in acme/ml/models/+ is not rolled back" not in done.log, "there is nothing to roll back"


def test_a_rollback_takes_only_what_a_try_that_was_written_added(sandbox: Sandbox, run_step: RunStep) -> None:
    """Refused for now (429), then a stranger adds `x`, then we add `y`: only `y` is ours to take away again."""
    fill(sandbox, 2)
    sandbox.script(
        [
            Fault("429", method="PUT", times=2, retry_after="1"),
            Fault("400", method="PUT", artifact="m-00001", nth=2, times=9),
        ]
    )
    sandbox.after(
        lambda request: sandbox.put_labels(MODELS, "m-00000", ["old", "x"]) if len(sandbox.requests) == 2 else None
    )
    inputs = ALL | {"mode": "add", "labels": "x, y", "retries": "1", "on-failure": "rollback", "concurrency": "1"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, sandbox.labels(MODELS, "m-00000")) == (6, ["old", "x"])
    assert done.value("results")[0]["status"] == "rolled-back"


def test_a_run_that_was_cut_short_reports_that_it_rolls_nothing_back(sandbox: Sandbox, run_step: RunStep) -> None:
    """After the deadline there is no rollback, and the writes are kept."""
    fill(sandbox, 2)
    sandbox.script([Fault("latency", method="PUT", artifact="m-00001", delay=3)])
    inputs = ALL | {"labels": "x", "on-failure": "rollback", "concurrency": "1", "deadline": "1", "timeout": "1"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, sandbox.labels(MODELS, "m-00000")) == (11, ["x"])
    assert "the run was cut short, so nothing is rolled back" in done.log


def _write_over(box: Sandbox) -> None:
    box.put_labels(MODELS, "m-00001", ["theirs"])
