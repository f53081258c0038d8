"""`mode: read`: the vocabulary of a registry, and the facts besides the labels (contract §4)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from canary import KEY
from ci.scenarios import HOSTILE
from conftest import MODELS, ROOT, RunStep
from engine.filled import fill, methods
from har_labels.model.outcome import MOST_WITH_FACTS
from har_sandbox import Sandbox
from registry.servers import canned, success

READ = {"registry-ref": MODELS, "artifact": "*", "mode": "read"}
FACTS = ["package_type", "downloads", "modified", "age_days", "quarantined", "latest_version"]


def report_of(path: Path) -> dict[str, Any]:
    """A report that its schema allows."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    schema = json.loads((ROOT / "schemas" / "report.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(document)
    return document


@pytest.fixture
def models(sandbox: Sandbox) -> Sandbox:
    for number in range(12):
        stage = "dev" if number % 3 else "production"
        sandbox.add_artifact(MODELS, f"m{number:02}", labels=[f"stage={stage}", f"run={number}", "reviewed"])
    sandbox.add_artifact(MODELS, "bare", labels=[])
    return sandbox


@pytest.mark.parametrize("ci", ["github", "harness", "hybrid", "terminal"])
def test_a_read_over_a_glob_reports_the_vocabulary(run_step: RunStep, models: Sandbox, tmp_path: Path, ci: str) -> None:
    """Each key with its values in the report and in the summary, without a request more than the listing."""
    report = tmp_path / "report.json"
    done = run_step(ci, models, READ | {"report-file": str(report)})
    assert done.code == 0, done.log
    assert methods(models) == {"GET": 1}
    found = report_of(report)["vocabulary"]
    assert (found["artifacts"], found["unlabelled"], found["unknown"], found["key_count"]) == (13, 1, 0, 2)
    run, stage = found["keys"]
    assert (run["key"], run["artifacts"], run["distinct"], run["has_more"]) == ("run", 12, 12, False)
    assert stage == {
        "key": "stage", "artifacts": 12, "distinct": 2, "has_more": False,
        "values": [{"value": "dev", "artifacts": 8}, {"value": "production", "artifacts": 4}],
    }  # fmt: skip
    assert found["words"]["values"] == [{"value": "reviewed", "artifacts": 12}]
    if ci != "terminal":
        assert "| `stage` | 12 | 2 | `dev`\u00a08 · `production`\u00a04 |" in done.log + done.summary
        assert "1 artifact without labels" in done.log + done.summary


def test_a_failed_audit_reports_the_vocabulary_too(run_step: RunStep, models: Sandbox, tmp_path: Path) -> None:
    """A `require` that is false for one artifact closes the gate, and the vocabulary is there all the same."""
    report = tmp_path / "report.json"
    done = run_step(
        "github", models, READ | {"require": "'stage=production' not in current", "report-file": str(report)}
    )
    assert done.code == 10
    found = report_of(report)["vocabulary"]
    assert (found["artifacts"], [key["artifacts"] for key in found["keys"]]) == (13, [12, 12])
    assert "| `stage` | 12 | 2 | `dev`\u00a08 · `production`\u00a04 |" in done.summary


@pytest.mark.parametrize(
    ("inputs", "artifacts"),
    [({"artifact": "m00"}, None), ({"artifact": "m00,m01"}, 2), ({"artifact": "m00*"}, 1), ({"shard": "0/2"}, 5)],
)
def test_what_is_counted_is_what_was_asked_for(
    run_step: RunStep, models: Sandbox, tmp_path: Path, inputs: dict[str, str], artifacts: int | None
) -> None:
    """A literal name has no vocabulary; several names, a glob and a shard have that of their artifacts."""
    report = tmp_path / "report.json"
    assert run_step("github", models, READ | inputs | {"report-file": str(report)}).code == 0
    document = report_of(report)
    found = document["vocabulary"]
    assert (found and found["artifacts"]) == (artifacts and document["counts"]["matched"])
    if artifacts and "shard" not in inputs:
        assert found["artifacts"] == artifacts


def test_a_run_that_writes_has_no_vocabulary(run_step: RunStep, models: Sandbox, tmp_path: Path) -> None:
    """Its report has no vocabulary; a dry run shows the change of each label in the summary."""
    report = tmp_path / "report.json"
    asked = READ | {"mode": "upsert", "labels": "stage=archived", "report-file": str(report)}
    done = run_step("github", models, asked | {"dry-run": "true"})
    assert report_of(report)["vocabulary"] is None
    assert (
        "| `stage=archived` | 0 | +\u00a013 |  | 13 |\n| `stage=dev` | 8 |  | \N{MINUS SIGN}\u00a08 | 0 |\n"
        in done.summary
    )
    assert "| **all labels** | 36 | +\u00a013 | \N{MINUS SIGN}\u00a012 | 37 |\n" in done.summary
    done = run_step("github", models, asked)
    assert report_of(report)["vocabulary"] is None
    assert "all labels" not in done.summary


def test_a_dry_run_that_a_gate_refuses_shows_it_too(run_step: RunStep, models: Sandbox) -> None:
    """A drift check is looked at when it is red."""
    asked = READ | {"mode": "add", "labels": "new", "max-changes": "0", "dry-run": "true"}
    done = run_step("github", models, asked)
    assert done.code == 10
    assert "| `new` | 0 | +\u00a013 |  | 13 |\n" in done.summary


@pytest.mark.parametrize("ci", ["github", "harness", "hybrid"])
def test_labels_of_any_text_stay_within_the_limits(
    run_step: RunStep, sandbox: Sandbox, tmp_path: Path, ci: str
) -> None:
    """Hostile and very long labels leave every place at its limit, the file for comments too, with table and facts."""
    long = [f"{sign * 3_000}{number}" for number in range(40) for sign in "`|x"]
    for number in range(4):
        sandbox.add_artifact(MODELS, f"m{number}", labels=[*HOSTILE, *(f"k{number}={text}" for text in HOSTILE), *long])
    summary = tmp_path / "summary.md"
    done = run_step(ci, sandbox, READ | {"summary-file": str(summary)})
    assert done.code == 0, done.log
    text = summary.read_text("utf-8")
    assert len(text) <= 60_000
    for told in filter(None, (text, done.summary)):
        assert "| *words without a key* |" in told or "words without a key, see the report" in told
        assert "Mode `read`" in told
    assert len(done.summary.encode()) <= 1_000_000


def test_the_key_is_torn_in_no_two_parts(run_step: RunStep, sandbox: Sandbox, tmp_path: Path) -> None:
    """A label that is the API key, which has a `=`, is hidden whole, in the vocabulary, the table and the map."""
    before, _, after = KEY.partition("=")
    assert before
    assert after
    for name in ("a", "b"):
        sandbox.add_artifact(MODELS, name, labels=[KEY, f"token={KEY}", *(f"{before}={number}" for number in range(9))])
    report, summary = tmp_path / "report.json", tmp_path / "summary.md"
    files = {"report-file": str(report), "summary-file": str(summary)}
    done = run_step("github", sandbox, READ | files)
    document = report_of(report)
    assert document["vocabulary"]["words"]["values"] == [{"value": "***", "artifacts": 2}]
    assert [key["key"] for key in document["vocabulary"]["keys"]] == [before, "token"]
    assert after not in report.read_text("utf-8") + summary.read_text("utf-8") + done.summary
    done = run_step("github", sandbox, READ | files | {"mode": "clear", "dry-run": "true"})
    assert after not in summary.read_text("utf-8") + done.summary
    done = run_step("github", sandbox, READ | {"artifact": "a"})
    assert after not in str(done.outputs)
    assert done.value("labels-map")["token"] == "***"


def page_of(*rows: dict[str, Any]) -> Any:
    return success({"artifacts": list(rows), "pageSize": 100, "itemCount": len(rows)})


def test_a_read_reports_the_facts_of_the_registry(run_step: RunStep, tmp_path: Path) -> None:
    """Package type, downloads, time and age, quarantine and version of each artifact, in the output and in the report."""
    full = {
        "name": "a", "labels": ["x"], "artifactType": "model", "packageType": "HUGGINGFACE", "downloadsCount": 7,
        "isQuarantined": True, "lastModified": "1700000000123", "latestVersion": "v::2|`",
    }  # fmt: skip
    odd = {"name": "b", "labels": None, "downloadsCount": "many", "isQuarantined": "perhaps", "lastModified": "soon"}
    report = tmp_path / "report.json"
    with canned(page_of(full, odd)) as server:
        done = run_step("github", None, READ | {"api-url": server.url, "report-file": str(report)})
    assert done.code == 0, done.log
    first, second = done.value("results")
    assert report_of(report)["results"] == [first, second]
    assert {name: first[name] for name in FACTS if name != "age_days"} == {
        "package_type": "HUGGINGFACE", "downloads": 7, "modified": "2023-11-14T22:13:20Z", "quarantined": True, "latest_version": "v::2|`",
    }  # fmt: skip
    days = (datetime.now(UTC) - datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)).days
    assert first["age_days"] in {days - 1, days}
    assert [second[name] for name in FACTS] == [None] * 6
    assert list(first)[-6:] == FACTS


def test_one_artifact_that_is_read_has_them_and_a_write_has_none(run_step: RunStep, sandbox: Sandbox) -> None:
    """Only a run that reads has facts in its results; those of a run that writes stay small."""
    sandbox.add_artifact(MODELS, "a", package_type="GENERIC", labels=["x"])
    [row] = run_step("github", sandbox, READ | {"artifact": "a"}).value("results")
    assert (row["package_type"], row["downloads"], row["quarantined"], row["age_days"]) == ("GENERIC", 0, False, 0)
    [row] = run_step("github", sandbox, READ | {"artifact": "a", "mode": "add", "labels": "y"}).value("results")
    assert not set(FACTS) & set(row)


@pytest.mark.parametrize("more", [0, 1])
def test_of_very_many_only_the_labels_are_kept(run_step: RunStep, sandbox: Sandbox, tmp_path: Path, more: int) -> None:
    """Up to 10,000 artifacts have their facts; with more none has, and there is a notice."""
    fill(sandbox, MOST_WITH_FACTS + more)
    report = tmp_path / "report.json"
    done = run_step("github", sandbox, READ | {"report-file": str(report)})
    assert done.code == 0
    document = json.loads(report.read_text("utf-8"))
    assert {set(FACTS) <= set(row) for row in document["results"]} == {not more}
    assert all(row.get("downloads", 0) == 0 for row in document["results"])
    notice = "10,001 artifacts read: above 10,000 artifacts the results have only the labels"
    assert (notice in done.log) == bool(more)
    assert document["vocabulary"]["artifacts"] == MOST_WITH_FACTS + more
