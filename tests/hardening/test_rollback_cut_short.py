"""Cancelled during its rollback (contract §4, §5 points 6 and 8): the results of each artifact are its actual labels."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from canary import KEY
from ci.steps import Done
from conftest import MODELS, RunStep
from engine.filled import ALL, fill
from har_sandbox import Fault, Request, Sandbox
from hardening.conftest import StartStep, StepProcess

# m-00003 is refused, and the three before it are rolled back.
FAILING = {**ALL, "labels": "x", "retries": "0", "concurrency": "1", "on-failure": "rollback"}
REFUSED = Fault("400", method="PUT", artifact="m-00003", times=9)
NAMES = [f"m-{number:05}" for number in range(4)]
HELD = 0.3


def undoing(box: Sandbox) -> list[Request]:
    """The writes of the rollback so far."""
    return [request for request in box.requests if request.method == "PUT"][4:]


def check_told_the_truth(box: Sandbox, done: Done) -> list[str]:
    """The status of each artifact; `after` is what the registry has, or null."""
    rows = done.value("results")
    for row, name in zip(rows, NAMES, strict=True):
        assert row["after"] in (None, box.labels(MODELS, name)), row
    return [row["status"] for row in rows]


@pytest.fixture
def cancelled_at(start_step: StartStep, sandbox: Sandbox) -> Callable[..., Done]:
    """Runs and cancels when the rollback sends its k-th write, whose answer then takes `held` seconds."""

    def run(at: int, *, held: float = HELD, faults: tuple[Fault, ...] = ()) -> Done:
        fill(sandbox, 4)
        sandbox.script([REFUSED, *faults])
        steps: list[StepProcess] = []
        writes: list[str] = []

        @sandbox.before
        def cancel(request: Request) -> None:
            writes.extend([request.path] if request.method == "PUT" else [])
            if request.method == "PUT" and len(writes) == len(NAMES) + at:
                steps[0].signal(signal.SIGTERM)
                steps[0].has_ended_within(held)

        steps.append(start_step("github", sandbox, FAILING))
        return steps[0].done()

    return run


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_write_that_was_undone_in_the_grace_is_reported(
    cancelled_at: Callable[..., Done], sandbox: Sandbox, at: int
) -> None:
    """The undo that was under way gets its answer and counts; the rest stays as written, and a notice says how much."""
    done = cancelled_at(at)
    assert (done.code, len(undoing(sandbox))) == (143, at)
    assert check_told_the_truth(sandbox, done) == [*["rolled-back"] * at, *["applied"] * (3 - at), "failed"]
    left = {1: "2 artifacts", 2: "1 artifact"}.get(at)
    said = f"the run was cut short while it rolled back: {left} left as they were written"
    assert (said in done.log) is bool(left)


def test_an_undo_without_an_answer_is_reported_as_not_known(
    cancelled_at: Callable[..., Done], sandbox: Sandbox
) -> None:
    """Past the grace period it is unknown whether the undo was written: the artifact is neither applied nor rolled back."""
    done = cancelled_at(1, held=8)
    assert check_told_the_truth(sandbox, done) == ["failed", "applied", "applied", "failed"]
    row = done.value("results")[0]
    assert (row["after"], row["confirmed_by"], row["attempts"]) == (None, "", 2)
    assert "whether the labels were written is not known" in row["error"]["what"]


def test_an_undo_that_is_refused_is_reported(sandbox: Sandbox, run_step: RunStep) -> None:
    """The server takes no undo of one artifact: it stays as written, a notice says why, the others are undone."""
    fill(sandbox, 4)
    sandbox.script([REFUSED, Fault("400", method="PUT", artifact="m-00001", nth=2, times=9)])
    done = run_step("github", sandbox, FAILING)
    assert (done.code, check_told_the_truth(sandbox, done)) == (
        6, ["rolled-back", "applied", "rolled-back", "failed"],
    )  # fmt: skip
    refused = f"'m-00001' in {MODELS}/+ is not rolled back: the server refused a request for artifact 'm-00001'"
    assert done.log.count(refused) == 1


def test_a_registry_that_became_forbidden_is_not_rolled_back_and_reported(sandbox: Sandbox, run_step: RunStep) -> None:
    """A registry that refuses the rollback, too, is asked once: each artifact that stays as written is named with the reason."""
    fill(sandbox, 4)
    sandbox.script([Fault("403", method="PUT", nth=4, times=99)])
    done = run_step("github", sandbox, FAILING)
    assert (done.code, check_told_the_truth(sandbox, done)) == (3, [*["applied"] * 3, "failed"])
    for name in NAMES[:3]:
        assert done.log.count(f"{name!r} in {MODELS}/+ is not rolled back: ") == 1
    assert done.log.count("is not rolled back: was not tried, as the server refused") == 2


def test_a_refused_key_is_not_sent_again_to_roll_back(sandbox: Sandbox, run_step: RunStep) -> None:
    """After a 401 no request is sent, and a notice says that nothing is rolled back."""
    fill(sandbox, 4)
    sandbox.script([Fault("401", method="PUT", artifact="m-00003", times=9)])
    done = run_step("github", sandbox, FAILING)
    assert (done.code, sandbox.requests[-1].method) == (11, "PUT")
    assert check_told_the_truth(sandbox, done) == [*["applied"] * 3, "failed"]
    assert "the key was refused, so nothing is rolled back" in done.log
    assert KEY not in done.log.replace(f"::add-mask::{KEY}", "")


def test_an_artifact_that_somebody_changed_shows_their_labels(sandbox: Sandbox, run_step: RunStep) -> None:
    """What a rollback found and left is what outputs and table show, as a later writer's labels."""
    fill(sandbox, 4)
    sandbox.script([REFUSED])
    sandbox.before(
        lambda request: (
            sandbox.put_labels(MODELS, "m-00000", ["theirs"])
            if request.method == "PUT" and "m-00003" in request.path
            else None
        )
    )
    done = run_step("github", sandbox, FAILING)
    assert check_told_the_truth(sandbox, done) == ["superseded", "rolled-back", "rolled-back", "failed"]
    assert done.value("results")[0]["after"] == ["theirs"]
