"""The results of a run for programs: outputs and the JSON report."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_labels.errors import Defect, Forbidden, Refused
from har_labels.model.facts import ArtifactFacts
from har_labels.model.outcome import ConfirmedBy, RunResult, Status
from har_labels.report.outputs import (
    JSON_OUTPUTS,
    OUTPUTS,
    json_text,
    outputs_of,
    report_chunks,
    results_notice,
)
from har_labels.report.verdict import verdict_of
from har_labels.text import CONTROL_CHARACTERS
from hostile_text import hostile_texts
from report.results import DONE, FORBIDDEN, PLANNED, SAME, outcome, run

ENOUGH = 10_000


def outputs_within(result: RunResult, limit: int = ENOUGH) -> dict[str, str]:
    """The outputs of a run, `results` of at most so many bytes."""
    return outputs_of(result, verdict_of(result), results_limit=limit)


@pytest.mark.parametrize("result", [run(), run(DONE), run(DONE, FORBIDDEN), run(errors=(Defect("x"),))])
def test_every_declared_output_is_always_set(result: RunResult) -> None:
    """In the declared order, as text, JSON where declared so unless empty."""
    outputs = outputs_within(result)
    assert list(outputs) == list(OUTPUTS)
    assert all(isinstance(value, str) for value in outputs.values())
    assert all(json.loads(outputs[name]) is not None for name in JSON_OUTPUTS if outputs[name])


def test_one_artifact_has_its_labels_in_the_outputs() -> None:
    """Sorted, compact, and with the labels that were really added and removed."""
    facts = ArtifactFacts("resnet50", "HUGGINGFACE", "1", "2", "3")
    one = outcome(before=("old", "x=1"), after=("x=2", "new"), labels=("x=2", "new"), facts=facts)
    outputs = outputs_within(run(one))
    assert outputs["labels"] == '["new","x=2"]'
    assert outputs["previous-labels"] == '["old","x=1"]'
    assert outputs["added"] == '["new","x=2"]'
    assert outputs["removed"] == '["old","x=1"]'
    assert outputs["labels-map"] == '{"x":"2"}'
    assert [outputs[name] for name in ("image-name", "package-type", "created-at")] == ["resnet50", "HUGGINGFACE", "1"]
    assert (outputs["changed"], outputs["changed-count"], outputs["exit-code"]) == ("true", "1", "0")


def test_no_labels_is_not_the_same_as_unknown_labels() -> None:
    """`[]` is known to be empty; empty text is not known."""
    empty = outputs_within(run(outcome(before=("a",), after=())))
    unknown = outputs_within(run(outcome(before=None, after=("a",))))
    assert (empty["labels"], empty["labels-map"], empty["removed"]) == ("[]", "{}", '["a"]')
    assert (unknown["labels"], unknown["previous-labels"], unknown["added"]) == ('["a"]', "", "")


def test_several_artifacts_leave_the_outputs_of_one_empty() -> None:
    """Their labels are in `results`."""
    outputs = outputs_within(run(DONE, SAME))
    assert {
        outputs[name] for name in ("labels", "previous-labels", "added", "removed", "labels-map", "image-name")
    } == {""}
    assert len(json.loads(outputs["results"])) == 2


def test_a_dry_run_reports_the_labels_that_would_be() -> None:
    """And `changed` is true if something would change."""
    outputs = outputs_within(run(PLANNED, dry_run=True))
    assert (outputs["labels"], outputs["added"], outputs["changed"], outputs["status"]) == (
        '["b"]',
        '["b"]',
        "true",
        "PLANNED",
    )


def test_a_failed_artifact_has_its_current_labels() -> None:
    """Not what was wanted."""
    stuck = outcome(before=("a",), after=("b",), status=Status.FAILED, labels=("a",), error=Refused("no"))
    outputs = outputs_within(run(stuck))
    assert (outputs["labels"], outputs["added"], outputs["changed"]) == ('["a"]', "[]", "false")


def test_results_report_each_artifact() -> None:
    """With the fields of the contract, null where not known."""
    [row] = json.loads(outputs_within(run(FORBIDDEN))["results"])
    assert list(row) == [
        "registry_ref", "artifact", "artifact_type", "status", "before", "after",
        "added", "removed", "wrote_added", "wrote_removed", "confirmed_by", "attempts", "error",
    ]  # fmt: skip
    assert (row["status"], row["before"], row["after"], row["added"]) == ("failed", None, None, None)
    assert row["error"] == {"code": "HAR-FORBIDDEN", "what": "no", "next_step": Forbidden.cure}


def test_results_past_the_limit_stay_empty_with_a_notice() -> None:
    """The limit counts bytes, exactly; the notice names the report if there is one."""
    result = run(DONE, replace(SAME, confirmed_by=ConfirmedBy.ANSWER))
    size = len(outputs_within(result)["results"].encode())
    kept, dropped = (outputs_within(result, limit) for limit in (size, size - 1))
    assert kept["results"]
    assert not results_notice(result, kept)
    assert dropped["results"] == ""
    assert "report-file" in results_notice(result, dropped)
    assert "r.json" in results_notice(run(DONE, report_file="r.json"), dropped)


def test_the_report_is_one_json_document() -> None:
    """The pieces make one document, with one object an artifact, or none."""
    result = run(DONE, FORBIDDEN, errors=(Defect("x"),))
    document = json.loads("".join(report_chunks(result, verdict_of(result), version="1.2.3")))
    assert [row["artifact"] for row in document["results"]] == [one.step.artifact for one in result.outcomes]
    assert (document["version"], document["tool_version"], document["exit_code"]) == (1, "1.2.3", 1)
    assert document["errors"] == [{"code": "HAR-DEFECT", "what": "x", "next_step": Defect.cure}]
    assert json.loads("".join(report_chunks(run(), verdict_of(run()), version="1")))["results"] == []


@settings(max_examples=300, deadline=None)
@given(st.lists(hostile_texts))
def test_json_holds_any_text_without_raw_controls(texts: list[str]) -> None:
    """Whatever the labels, the text is one line of encodable characters and reads back equal."""
    text = json_text(texts)
    assert json.loads(text) == json.loads(json.dumps(texts))
    assert not CONTROL_CHARACTERS.search(text)
    text.encode()
