"""The same step on every CI: one outcome, the same results (contract §4)."""

from __future__ import annotations

import json

import pytest

from ci.scenarios import NAME, REGISTRY, SCENARIOS, Scenario
from ci.steps import CIS, JSON_OUTPUTS, OUTPUTS, Done
from conftest import MakeSandbox, RunStep
from har_sandbox import Sandbox


@pytest.fixture(params=SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """One row of the table."""
    return request.param


@pytest.fixture
def box(scenario: Scenario, make_sandbox: MakeSandbox) -> Sandbox:
    """The registry as the scenario has it."""
    box = make_sandbox(**scenario.options, faults=scenario.faults)
    kind = "model" if scenario.package_type == "HUGGINGFACE" else None
    for name, labels in scenario.artifacts.items():
        given = {"package_type": scenario.package_type, "artifact_type": kind, "hidden": scenario.hidden}
        box.add_artifact(REGISTRY, name, labels=labels, **given)
    return box


@pytest.mark.parametrize("ci", CIS)
def test_every_ci_reports_the_same(run_step: RunStep, box: Sandbox, scenario: Scenario, ci: str) -> None:
    """Exit code, stable lines, outputs, summary and the labels in the registry are as in the table, on every CI."""
    done = run_step(ci, box, scenario.inputs)
    assert (done.code, done.errors) == (scenario.code, list(scenario.errors)), done.err
    assert "Traceback" not in done.log
    for text in scenario.log:
        assert text in done.log
    _check_outputs(done, box, scenario)
    _check_summary(done, scenario)
    _check_registry(box, scenario)


def _check_outputs(done: Done, box: Sandbox, scenario: Scenario) -> None:
    expected = _expected(box, scenario)
    if done.ci == "terminal":
        # Its outputs are the JSON report; without settings no report was asked for.
        expected = {name: text for name, text in expected.items() if name in done.outputs}
    else:
        assert tuple(done.outputs) == OUTPUTS
    told = {name: done.value(name) for name in expected}
    rows, expected_row = told.pop("results", []), expected.pop("results", None)
    assert done.ci == "terminal" or len(rows) == scenario.expected_counts["matched"]
    assert not expected_row or [_without_details(row) for row in rows] == [expected_row]
    assert told == expected


# Facts that only a read has, see test_reads.
FACTS = ("package_type", "downloads", "modified", "age_days", "quarantined", "latest_version")


def _without_details(row: dict[str, object]) -> dict[str, object]:
    row = {name: value for name, value in row.items() if name not in FACTS}
    error = row.pop("error")
    assert error is None or set(error) == {"code", "what", "next_step"}
    return row | {"error": error and error["code"]}


def _expected(box: Sandbox, scenario: Scenario) -> dict[str, object]:
    counts = scenario.expected_counts
    expected: dict[str, object] = {
        "changed": "true" if counts["changed"] else "false",
        "status": scenario.status,
        "exit-code": str(scenario.code),
        "plan-file": "",
        "report-file": "",
    }
    expected |= {f"{fate}-count": str(number) for fate, number in counts.items()}
    expected |= _expected_of_one(box, scenario) if scenario.fate else {}
    return dict.fromkeys(OUTPUTS, "") | dict.fromkeys(JSON_OUTPUTS) | expected


def _expected_of_one(box: Sandbox, scenario: Scenario) -> dict[str, object]:
    before, after = scenario.before, scenario.after
    added = removed = None
    if before is not None and after is not None:
        added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    told = {
        "labels": None if after is None else sorted(after),
        "previous-labels": None if before is None else sorted(before),
        "added": added,
        "removed": removed,
    }
    # Without another writer, our writes made the whole difference; a failed one in these scenarios made none.
    wrote = (added, removed) if scenario.confirmed_by else ([], [])
    row = {
        "registry_ref": f"{scenario.inputs['registry-ref']}/+",
        "artifact": scenario.inputs["artifact"],
        "artifact_type": scenario.inputs.get("artifact-type", ""),
        "status": scenario.fate,
        "before": told["previous-labels"],
        "after": told["labels"],
        "added": added,
        "removed": removed,
        "wrote_added": wrote[0],
        "wrote_removed": wrote[1],
        "confirmed_by": scenario.confirmed_by,
        "attempts": scenario.puts,
        "error": scenario.errors[0] if scenario.errors else None,
    }
    return told | {"labels-map": _as_map(after), "results": row} | _facts(box, scenario)


def _as_map(labels: object) -> dict[str, str] | None:
    if labels is None:
        return None
    pairs = {}
    for label in sorted(labels):
        signs = [at for at in (label.find("="), label.find(":")) if at > 0]
        if signs:
            pairs[label[: min(signs)]] = label[min(signs) + 1 :]
    return pairs


def _facts(box: Sandbox, scenario: Scenario) -> dict[str, object]:
    """What a PUT's answer names, else what a list's row does, else nothing."""
    if scenario.inputs["artifact"] != NAME:
        return {}
    artifact = box.artifact(REGISTRY, NAME)
    was_answered = scenario.confirmed_by == "answer" or scenario.hidden
    return {
        "image-name": NAME,
        "package-type": scenario.package_type,
        "created-at": str(artifact.created) if was_answered else "",
        "modified-at": str(artifact.modified if was_answered else artifact.version_modified),
        "downloads-count": "0",
    }


def _check_summary(done: Done, scenario: Scenario) -> None:
    """The sentence first; failures with their code; on a terminal there is none."""
    if done.ci == "terminal":
        assert not done.summary
        return
    verdict = {"SUCCESS": "Done", "PLANNED": "Dry run", "PARTIAL": "Partly done", "FAILED": "Failed"}[scenario.status]
    heading, _, sentence, *_ = done.summary.strip().splitlines()
    assert heading.startswith("### Labels")
    assert sentence.startswith(f"**{verdict}")
    for text in (*scenario.errors, *scenario.summary):
        assert text in done.summary
    assert json.dumps(done.summary)  # no half surrogate pair


def _check_registry(box: Sandbox, scenario: Scenario) -> None:
    kept = scenario.after if scenario.kept is None else scenario.kept
    if kept is not None and scenario.name != "some failed":
        assert {tuple(box.labels(REGISTRY, name) or ()) for name in scenario.artifacts} == {tuple(sorted(kept))}
    assert len([request for request in box.requests if request.method == "PUT"]) == scenario.puts
