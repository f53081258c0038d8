"""Inputs that need not be given, or say more than they did: auth-scheme, max-changes, save-plan, shard (contract §2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ci.steps import CIS
from conftest import MODELS, MakeSandbox, RunStep
from engine.filled import ALL, fill, methods
from har_sandbox import Sandbox

ONE = {"registry-ref": MODELS, "artifact": "m-00000", "mode": "add", "labels": "new"}


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("profile", ["saas", "open-source"])
def test_the_header_goes_by_the_api_base(ci: str, profile: str, make_sandbox: MakeSandbox, run_step: RunStep) -> None:
    """Below `/har/` the key goes as `x-api-key`, elsewhere as a bearer token, without a word about it."""
    box = make_sandbox(profile)
    box.add_artifact(MODELS, "m-00000", package_type="GENERIC", labels=["old"])
    assert run_step(ci, box, ONE).code == 0
    assert box.labels(MODELS, "m-00000") == ["new", "old"]
    sent = {(request.header("authorization"), request.header("x-api-key")) for request in box.requests}
    assert sent == {(None, box.api_key) if profile == "saas" else (f"Bearer {box.api_key}", None)}


@pytest.mark.parametrize(("profile", "scheme"), [("saas", "bearer"), ("open-source", "x-api-key")])
def test_a_header_that_is_given_wins(profile: str, scheme: str, make_sandbox: MakeSandbox, run_step: RunStep) -> None:
    """`auth-scheme` is used as given, even if the server then rejects the key."""
    box = make_sandbox(profile)
    box.add_artifact(MODELS, "m-00000", package_type="GENERIC", labels=["old"])
    done = run_step("github", box, {**ONE, "auth-scheme": scheme})
    assert done.code == 3, done.log
    assert {bool(request.header("authorization")) for request in box.requests} == {scheme == "bearer"}


@pytest.mark.parametrize("ci", CIS)
def test_a_drift_check(ci: str, sandbox: Sandbox, run_step: RunStep) -> None:
    """`max-changes: 0` with a dry run is red if anything would change, shows what, and is green if nothing would."""
    fill(sandbox, 4, every=2)
    asked = {**ALL, "mode": "add", "labels": "new", "max-changes": "0"}
    done = run_step(ci, sandbox, {**asked, "dry-run": "true"})
    assert (done.code, done.errors) == (10, ["HAR-MAX-CHANGES"])
    assert "2 artifacts would change, and" in done.err
    assert sorted(row["status"] for row in done.value("results")) == ["planned", "planned", "unchanged", "unchanged"]
    assert run_step(ci, sandbox, asked).code == 10, "nor is anything written without the dry run"
    assert methods(sandbox)["PUT"] == 0
    assert run_step(ci, sandbox, {**asked, "max-changes": ""}).code == 0
    done = run_step(ci, sandbox, {**asked, "dry-run": "true"})
    assert (done.code, done.outputs["status"]) == (0, "PLANNED")


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("more", [{}, {"dry-run": "true"}])
def test_a_plan_that_is_saved_is_a_dry_run(
    ci: str, more: Mapping[str, str], sandbox: Sandbox, run_step: RunStep, tmp_path: Path
) -> None:
    """`save-plan` alone writes the plan and nothing else."""
    fill(sandbox, 2)
    plan = tmp_path / "labels.plan"
    done = run_step(ci, sandbox, {**ALL, "mode": "add", "labels": "new", "save-plan": str(plan), **more})
    assert (done.code, done.outputs["status"], done.outputs["plan-file"]) == (0, "PLANNED", str(plan))
    assert methods(sandbox)["PUT"] == 0
    assert run_step(ci, sandbox, {"apply-plan": str(plan)}).code == 0
    assert methods(sandbox)["PUT"] == 2


@pytest.mark.parametrize("ci", CIS)
def test_a_plan_that_is_saved_by_no_dry_run(ci: str, sandbox: Sandbox, run_step: RunStep, tmp_path: Path) -> None:
    """`dry-run: false` with `save-plan` says two things, and neither is guessed."""
    fill(sandbox, 1)
    plan = tmp_path / "labels.plan"
    done = run_step(ci, sandbox, {**ONE, "save-plan": str(plan), "dry-run": "FALSE"})
    assert (done.code, done.errors, plan.exists(), len(sandbox.requests)) == (2, ["HAR-INPUT"], False, 0)


@pytest.mark.parametrize("words", [["--dry-run"], ["--dry-run", "true"], ["--dry-run=true"], ["--save-plan", "{}"]])
def test_flags_of_a_dry_run(words: list[str], sandbox: Sandbox, run_step: RunStep, tmp_path: Path) -> None:
    """The flag is valid alone or with a value, like other switches."""
    fill(sandbox, 1)
    argv = [word.format(tmp_path / "plan") for word in words]
    assert run_step("terminal", sandbox, ONE, argv=argv).code == 0
    assert methods(sandbox)["PUT"] == 0


def test_all_of_one_share(sandbox: Sandbox, run_step: RunStep) -> None:
    """`0/1`, which GitHub's strategy says of a job without a matrix, is all artifacts."""
    fill(sandbox, 3)
    done = run_step("github", sandbox, {**ALL, "mode": "add", "labels": "new", "shard": "0/1"})
    assert (done.code, done.outputs["changed-count"]) == (0, "3")


def test_a_share_has_its_share_of_the_rate(sandbox: Sandbox, run_step: RunStep) -> None:
    """Three shares of a rate of 180 a minute have one request a second each."""
    fill(sandbox, 240)
    asked = {**ALL, "mode": "add", "labels": "new", "requests-per-minute": "180", "deadline": "5"}
    told = [run_step("github", sandbox, {**asked, "shard": f"{index}/3"}).stable_lines[0][1] for index in range(3)]
    assert all("at this pace" in line for line in told)
    assert methods(sandbox)["PUT"] == 0
