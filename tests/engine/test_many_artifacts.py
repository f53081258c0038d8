"""Runs over many artifacts: requests, failures, rollback, pace, shards (contract §5 points 1, 4, 6, 10 and §6)."""

from __future__ import annotations

import json
from math import ceil
from pathlib import Path

import pytest

from conftest import MODELS, MakeSandbox, RunStep
from engine.filled import ALL, fill, methods
from har_labels.engine.run import Run
from har_labels.platforms.progress import Progress
from har_sandbox import Fault, Sandbox


@pytest.mark.parametrize(("count", "every"), [(250, 2), (300, 3), (99, 1), (100, 50)])
def test_a_run_over_a_registry_keeps_to_the_number_of_requests_promised(
    sandbox: Sandbox, run_step: RunStep, count: int, every: int
) -> None:
    """N artifacts of which M change cost N/100 pages, M writes, and twice the pages for looking again."""
    fill(sandbox, count, every=every)
    done = run_step("github", sandbox, ALL | {"mode": "add", "labels": "new"})
    pages = ceil(count / 100) + (count % 100 == 0)
    sent = methods(sandbox)
    assert done.code == 0
    assert sent["PUT"] == ceil(count / every)
    assert sent["GET"] <= 3 * pages
    assert all(sandbox.labels(MODELS, f"m-{number:05}") == ["new", "old"] for number in range(count))


def test_a_few_names_in_a_large_registry_are_searched_and_not_listed(sandbox: Sandbox, run_step: RunStep) -> None:
    """Two names in three thousand artifacts cost one page, which shows one of them, and one search; not thirty pages."""
    fill(sandbox, 3000)
    done = run_step("harness", sandbox, ALL | {"artifact": "m-00001,m-02999", "labels": "x"})
    assert done.code == 0
    assert methods(sandbox) == {"GET": 2, "PUT": 2}


def test_a_glob_asks_for_its_longest_literal_part_only(sandbox: Sandbox, run_step: RunStep) -> None:
    """The server narrows `m-0002?` to what contains `m-0002`."""
    fill(sandbox, 300)
    run_step("github", sandbox, ALL | {"artifact": "m-0002?", "labels": "x"})
    assert "search_term=m-0002" in sandbox.requests[0].query
    assert methods(sandbox) == {"GET": 1, "PUT": 10}


def test_all_unknown_outcomes_of_a_round_are_settled_by_one_listing(
    make_sandbox: MakeSandbox, run_step: RunStep
) -> None:
    """A server that answers each write with 500 after writing costs one more listing, not a read for each artifact."""
    box = make_sandbox("open-source")
    box.add_artifacts(MODELS, ((f"m-{number:05}", ["old"]) for number in range(150)), package_type="GENERIC")
    done = run_step("github", box, ALL | {"auth-scheme": "bearer", "labels": "x"})
    assert (done.code, done.outputs["changed-count"]) == (0, "150")
    # Two pages to plan, two to settle, and one read after twenty unknown outcomes in a row, which decides whether to go on.
    assert methods(box) == {"GET": 2 + 2 + 1, "PUT": 150}


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_a_server_that_stops_writing_is_left_alone_before_all_artifacts_were_tried(
    sandbox: Sandbox, run_step: RunStep, fault: str
) -> None:
    """With every write failing the run ends red after a few rounds of twenty, not after hundreds of tries."""
    fill(sandbox, 400)
    sandbox.script([Fault(fault, method="PUT", times=100_000)])
    done = run_step("github", sandbox, ALL | {"labels": "x", "retries": "1"})
    assert done.code in {6, 7}
    assert methods(sandbox)["PUT"] < 100
    assert sandbox.labels(MODELS, "m-00000") == ["old"]


def test_continue_writes_the_others_and_reports_the_failure(sandbox: Sandbox, run_step: RunStep) -> None:
    """`on-failure: continue` ends with 11 when some failed and others were done."""
    fill(sandbox, 5)
    sandbox.script([Fault("400", method="PUT", artifact="m-00002", times=9)])
    done = run_step("github", sandbox, ALL | {"labels": "x", "retries": "0"})
    assert (done.code, done.outputs["status"]) == (11, "PARTIAL")
    assert (done.outputs["changed-count"], done.outputs["failed-count"]) == ("4", "1")
    assert "m-00002" in done.summary


def test_stop_starts_no_further_write_after_a_failure(sandbox: Sandbox, run_step: RunStep) -> None:
    """`on-failure: stop` leaves the rest as it is and reports it as skipped."""
    fill(sandbox, 6)
    sandbox.script([Fault("400", method="PUT", artifact="m-00002", times=9)])
    done = run_step("github", sandbox, ALL | {"labels": "x", "retries": "0", "on-failure": "stop", "concurrency": "1"})
    assert (done.code, done.outputs["skipped-count"]) == (11, "3")
    assert sandbox.labels(MODELS, "m-00005") == ["old"]


def test_max_changes_refuses_the_whole_plan(sandbox: Sandbox, run_step: RunStep) -> None:
    """One change too many writes nothing and exits 10, in a dry run as well."""
    fill(sandbox, 4)
    for dry_run in ("false", "true"):
        done = run_step("github", sandbox, ALL | {"labels": "x", "max-changes": "3", "dry-run": dry_run})
        assert (done.code, done.errors) == (10, ["HAR-MAX-CHANGES"])
    assert methods(sandbox)["PUT"] == 0


def test_a_dry_run_shows_what_max_changes_refuses(sandbox: Sandbox, run_step: RunStep, tmp_path: Path) -> None:
    """The plan is shown, so that one can look at it, and is red; it is not saved, since applying it asks no gate."""
    fill(sandbox, 3)
    plan = tmp_path / "labels.plan"
    asked = ALL | {"mode": "add", "labels": "new", "max-changes": "2", "dry-run": "true", "save-plan": str(plan)}
    done = run_step("github", sandbox, asked)
    assert (done.code, done.errors, done.outputs["plan-file"], plan.exists()) == (10, ["HAR-MAX-CHANGES"], "", False)
    assert [row["status"] for row in done.value("results")] == ["planned"] * 3
    assert (
        done.summary.strip()
        .splitlines()[2]
        .startswith("**Dry run failed, nothing was written:** 3 artifacts to change.")
    )


def test_a_run_that_goes_on_shows_how_far_it_is(sandbox: Sandbox, run_step: RunStep) -> None:
    """Writes count as they are made, not when their round is over."""
    fill(sandbox, 6)
    seen: list[Progress] = []
    real = Run.execute

    def execute(run: Run) -> None:
        sandbox.after(lambda request: seen.append(run.progress) if request.method == "PUT" else None)
        real(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "execute", execute)
        assert run_step("github", sandbox, ALL | {"labels": "x", "concurrency": "1"}).code == 0
    assert [progress.done for progress in seen] == [1, 2, 3, 4, 5, 6]
    assert [progress.changed for progress in seen] == [0, 1, 2, 3, 4, 5]  # the last one's answer is still under way


def test_the_time_of_a_plan_counts_its_second_read(sandbox: Sandbox, run_step: RunStep, tmp_path: Path) -> None:
    """Each step of a plan is read again before its write; with that it does not fit, and nothing is written."""
    fill(sandbox, 100)
    plan = str(tmp_path / "labels.plan")
    planned = {"mode": "add", "labels": "new", "dry-run": "true", "save-plan": plan}
    assert run_step("github", sandbox, ALL | planned).code == 0
    done = run_step("github", sandbox, {"apply-plan": plan, "requests-per-minute": "600", "deadline": "10"})
    assert (done.code, done.errors, methods(sandbox)["PUT"]) == (7, ["HAR-NO-TIME"], 0)


def test_a_pattern_that_matches_nothing_is_reported(sandbox: Sandbox, run_step: RunStep) -> None:
    """Nothing matched is another answer than nothing to change (contract §3)."""
    fill(sandbox, 2)
    done = run_step("github", sandbox, ALL | {"mode": "remove", "labels": "zz*, old"})
    assert done.code == 0
    assert "no label of any artifact matches 'zz*', so it removes none" in done.log
    assert "'old', so" not in done.log


def test_a_plan_that_cannot_fit_into_the_deadline_is_refused_before_the_first_write(
    sandbox: Sandbox, run_step: RunStep
) -> None:
    """At one request a second 100 changes don't fit into ten seconds: exit 7, with the time they need."""
    fill(sandbox, 100)
    done = run_step("github", sandbox, ALL | {"labels": "x", "requests-per-minute": "60", "deadline": "10"})
    assert (done.code, done.errors) == (7, ["HAR-NO-TIME"])
    assert "takes 4" in done.stable_lines[0][1]  # a burst of sixty is free: about 44 seconds
    assert methods(sandbox)["PUT"] == 0


@pytest.mark.parametrize("total", [2, 3, 7])
def test_shards_are_disjoint_and_together_complete(sandbox: Sandbox, run_step: RunStep, total: int) -> None:
    """Every artifact is labelled by exactly one of the shards, whichever order they run in."""
    fill(sandbox, 60)
    shares = []
    for index in reversed(range(total)):
        done = run_step(
            "github",
            sandbox,
            ALL | {"mode": "add", "labels": "x", "shard": f"{index}/{total}"},
        )
        shares.append({row["artifact"] for row in done.value("results")})
    assert sum(map(len, shares)) == len(set.union(*shares)) == 60
    assert methods(sandbox)["PUT"] == 60


def test_a_missing_name_stops_the_run_or_is_skipped(sandbox: Sandbox, run_step: RunStep) -> None:
    """`on-missing: error` writes nothing anywhere; `skip` does the others and counts the missing one."""
    fill(sandbox, 2)
    inputs = ALL | {"artifact": "m-00000,absent,no*", "labels": "x"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, sorted(done.errors)) == (4, ["HAR-ARTIFACT-NOT-FOUND", "HAR-NOTHING-MATCHED"])
    assert methods(sandbox)["PUT"] == 0
    done = run_step("github", sandbox, inputs | {"on-missing": "skip"})
    assert (done.code, done.outputs["changed-count"], done.outputs["skipped-count"]) == (0, "1", "2")


def test_an_artifact_that_was_just_pushed_is_waited_for(sandbox: Sandbox, run_step: RunStep) -> None:
    """`wait-for-artifact` asks again until the name appears."""
    sandbox.add_artifact(MODELS, "other", package_type="DOCKER")
    asked = []

    def push(_request: object) -> None:
        asked.append(1)
        if len(asked) == 4:
            sandbox.add_artifact(MODELS, "late", package_type="DOCKER")

    sandbox.before(push)
    done = run_step(
        "harness", sandbox, {"registry-ref": MODELS, "artifact": "late", "labels": "x", "wait-for-artifact": "20"}
    )
    assert (done.code, sandbox.labels(MODELS, "late")) == (0, ["x"])


def test_merging_reads_that_pacing_has_made_old_are_renewed(
    sandbox: Sandbox, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that somebody adds between our read and our late write is kept."""
    monkeypatch.setattr("har_labels.engine.writer.FRESH_SECONDS", 0.0)
    fill(sandbox, 3)
    sandbox.after(
        lambda request: sandbox.put_labels(MODELS, "m-00002", ["old", "theirs"]) if len(sandbox.requests) == 1 else None
    )
    done = run_step("github", sandbox, ALL | {"mode": "add", "labels": "new", "concurrency": "1"})
    assert (done.code, sandbox.labels(MODELS, "m-00002")) == (0, ["new", "old", "theirs"])


def test_a_refused_key_stops_the_run_and_a_refused_registry_only_that_one(
    sandbox: Sandbox, run_step: RunStep, tmp_path: Path
) -> None:
    """A 401 ends everything; a 403 lets other registries go on, and their artifacts are done."""
    fill(sandbox, 3)
    sandbox.add_artifact("acme/ml/data", "faces", package_type="DOCKER")
    manifest = tmp_path / "labels.json"
    changes = [
        {"registry-ref": MODELS, "artifact": "*", "labels": ["x"]},
        {"registry-ref": "acme/ml/data", "artifact": "faces", "labels": ["x"]},
    ]
    manifest.write_text(json.dumps({"version": 1, "mode": "replace", "changes": changes}))
    sandbox.script([Fault("403", method="PUT", artifact="m-00000", times=1)])
    done = run_step("github", sandbox, {"manifest": str(manifest), "concurrency": "1"})
    assert (done.code, sandbox.labels("acme/ml/data", "faces")) == (11, ["x"])
    assert methods(sandbox)["PUT"] == 2
    told = [what for _, what, _ in done.stable_lines]
    assert [what.partition(" was not tried, as ")[0] for what in told[1:]] == [
        f"'m-0000{number}' in {MODELS}/+" for number in (1, 2)
    ]
    sandbox.forget_requests()
    manifest.write_text(
        json.dumps({"version": 1, "mode": "replace", "changes": [change | {"labels": ["y"]} for change in changes]})
    )
    sandbox.script([Fault("401", method="PUT", times=1)])
    done = run_step("github", sandbox, {"manifest": str(manifest), "concurrency": "1"})
    assert (done.code, methods(sandbox)["PUT"]) == (3, 1)
    assert sandbox.requests[-1].method == "PUT", "a key that was refused is sent again"
    rows = {row["artifact"]: row for row in done.value("results")}
    assert rows["m-00002"]["status"] == "skipped"
    assert rows["m-00002"]["error"]["what"].startswith("not tried, as ")


def test_a_glob_is_searched_even_where_an_artifact_has_its_literal_part_as_a_name(
    sandbox: Sandbox, run_step: RunStep
) -> None:
    """`bert*` finds all of its matches in a large registry, though one of them is called `bert` and was seen already."""
    names = [
        "bert",
        *(f"bert-{number:03}" for number in range(250)),
        *(f"other-{number:03}" for number in range(250)),
        "zzz-1",
    ]
    sandbox.add_artifacts(MODELS, ((name, []) for name in names), package_type="DOCKER")
    done = run_step("github", sandbox, ALL | {"artifact": "bert*,zzz*", "mode": "read"})
    assert (done.code, done.outputs["matched-count"]) == (0, "252")


def test_a_plan_is_not_written_over_what_changed_while_its_first_steps_were(
    sandbox: Sandbox, run_step: RunStep, tmp_path: Path
) -> None:
    """An artifact that somebody edits between the check and its write fails alone with 5, and keeps their label."""
    fill(sandbox, 2)
    plan = str(tmp_path / "labels.plan")
    assert (
        run_step("github", sandbox, ALL | {"mode": "add", "labels": "new", "dry-run": "true", "save-plan": plan}).code
        == 0
    )

    def edit(request: object) -> None:
        if "m-00000" in str(request) and methods(sandbox)["PUT"] == 1:
            sandbox.put_labels(MODELS, "m-00001", ["old", "theirs"])

    sandbox.after(edit)
    done = run_step("github", sandbox, {"apply-plan": plan, "concurrency": "1"})
    assert (done.code, done.errors, sandbox.labels(MODELS, "m-00001")) == (11, ["HAR-PLAN-STALE"], ["old", "theirs"])


@pytest.mark.parametrize("fault", ["429", "500"])
def test_a_write_that_did_not_happen_proves_no_type(make_sandbox: MakeSandbox, run_step: RunStep, fault: str) -> None:
    """On a server that drops types one model is lost and the run is red, even if the first write of all failed."""
    box = make_sandbox(drops_type=True)
    for number in range(5):
        box.add_artifact(MODELS, f"m-{number}", package_type="HUGGINGFACE", artifact_type="model", labels=["old"])
    box.script([Fault(fault, method="PUT", nth=1)])
    done = run_step("github", box, ALL | {"labels": "new"})
    assert (done.code, "HAR-TYPE-LOSS" in done.errors) == (11, True) or done.code == 6
    assert methods(box)["PUT"] <= 2
