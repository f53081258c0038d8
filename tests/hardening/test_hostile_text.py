"""Untrusted text has no effect and is read back unchanged: a run's publishing, fed directly (contract §4)."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ci import steps
from ci.runner_model import commands_in
from ci.steps import Done
from har_labels.errors import HarLabelsError, Refused
from har_labels.model.facts import ArtifactFacts
from har_labels.model.labels import as_map
from har_labels.model.outcome import Outcome, RunFacts, RunResult, Status
from har_labels.platforms import detect
from har_labels.platforms.publish import PublishOptions, publish
from hardening.checks import check_orderly
from hostile_text import encodable_texts, hostile_texts
from report.results import outcome

RENDERER = MarkdownIt("gfm-like", {"html": True})
# The Markdown that we write; links, images, HTML and the rest can only be from others.
OUR_MARKUP = {"strong_open", "strong_close", "em_open", "em_close", "softbreak", "hardbreak", "text", "code_inline"}
OUR_BLOCKS = {
    "paragraph_open",
    "table_open",
    "thead_open",
    "tbody_open",
    "tr_open",
    "th_open",
    "td_open",
    "bullet_list_open",
    "list_item_open",
    "inline",
}
MANY = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
labels = st.lists(hostile_texts, unique=True, max_size=4).map(lambda texts: tuple(sorted(texts)))


def told(ci: str, result: RunResult) -> tuple[Done, str]:
    """The CI's view of a run with this result, and the report file."""
    with tempfile.TemporaryDirectory() as folder:
        variables = steps.environment(ci, Path(folder), {})
        out, err = io.StringIO(), io.StringIO()
        report = Path(folder, "report.json")
        code = publish(
            detect(variables, out, err), result, PublishOptions(report_file=str(report), wants_json=ci == "terminal")
        )
        return steps.done(ci, Path(folder), code, out.getvalue(), err.getvalue()), report.read_text("utf-8")


def run_of(outcomes: Sequence[Outcome], errors: Sequence[HarLabelsError], lines: Sequence[str], path: str) -> RunResult:
    facts = RunFacts("add", dry_run=False, requests=1, retries=0, seconds=0.1, plan_file=path)
    return RunResult(tuple(outcomes), facts, tuple(errors), notices=tuple(lines), warnings=tuple(lines))


def refused(text: str) -> Refused:
    """A failure that quotes others twice."""
    return Refused(f"it says {text}", f"Look at {text}")


@st.composite
def single_runs(draw: st.DrawFn) -> RunResult:
    """A run about one artifact, all of whose text is others'."""
    facts = ArtifactFacts(*(draw(encodable_texts) for _ in range(5)))
    status = draw(st.sampled_from([Status.APPLIED, Status.UNCHANGED, Status.FAILED, Status.SUPERSEDED]))
    error = refused(draw(hostile_texts)) if status is Status.FAILED else None
    one = outcome(
        draw(hostile_texts.filter(bool)),
        draw(labels),
        draw(labels),
        status,
        registry_ref=draw(hostile_texts),
        error=error,
        facts=facts,
    )
    errors = [refused(text) for text in draw(st.lists(hostile_texts, max_size=2))]
    return run_of([one], errors, draw(st.lists(hostile_texts, max_size=2)), draw(encodable_texts))


def check_summary(summary: str) -> None:
    """Rendered as GitHub does, the summary has our structure and nothing that others' text made: one heading, first of all."""
    opening, heading, closing, *rest = RENDERER.parse(summary)
    assert (opening.type, closing.type) == ("heading_open", "heading_close")
    for token in (heading, *rest):
        assert token.type in OUR_BLOCKS or token.type.endswith("_close"), (token.type, summary)
        assert {child.type for child in token.children or []} <= OUR_MARKUP, summary


def check_equal(done: Done, result: RunResult) -> None:
    """Every output, as the CI reads it, equals its value."""
    one = result.outcomes[0]
    row = done.value("results")[0]
    assert row["artifact"] == one.step.artifact
    assert row["registry_ref"] == one.step.registry_ref
    assert (tuple(row["before"]), tuple(row["after"])) == (one.step.before, one.labels)
    if done.ci == "terminal":
        return
    assert done.value("labels") == sorted(one.labels or ())
    assert done.value("previous-labels") == sorted(one.step.before or ())
    assert done.value("labels-map") == as_map(one.labels or ())
    facts = one.facts
    named = {
        "image-name": facts.image_name,
        "package-type": facts.package_type,
        "created-at": facts.created_at,
        "plan-file": result.facts.plan_file,
    }
    assert {name: done.outputs[name] for name in named} == named


@pytest.mark.parametrize(("ci", "cases"), [("github", 300), ("harness", 300), ("terminal", 200), ("hybrid", 60)])
def test_a_run_reported_to_each_ci(ci: str, cases: int) -> None:
    """No command, no escape and no markup of others in log, summary or report; every output is read back unchanged."""

    @settings(MANY, max_examples=cases)
    @given(single_runs())
    def check(result: RunResult) -> None:
        done, report = told(ci, result)
        check_orderly(done)
        check_equal(done, result)
        assert json.loads(report)["results"] == done.value("results")
        assert not commands_in(report)
        if done.summary:
            check_summary(done.summary)

    check()


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_every_error_has_its_line(ci: str) -> None:
    """However many failures and whatever they say: one stderr line each, and on GitHub no more than ten annotations."""

    @settings(MANY, max_examples=100)
    @given(st.lists(hostile_texts, min_size=1, max_size=14))
    def check(texts: list[str]) -> None:
        done, _ = told(ci, run_of([], list(map(refused, texts)), [], ""))
        assert (done.code, len(done.stable_lines), done.err.count("\n")) == (6, len(texts), len(texts))
        assert sum(command.name == "error" for command in commands_in(done.out)) <= 10
        check_orderly(done)

    check()


LONG = {
    "just below": "x" * 59_000,
    "a line of 65,535": "x" * 65_520,
    "a line of 65,536": "x" * 65_536,
    "of four bytes each": "\U0001f600" * 20_000,
    "of escapes": "\x1b" * 20_000,
    "of quotes": "'\"`$#" * 15_000,
    "of commands": "::error::x ##[error]" * 4_000,
    "a megabyte": "y" * 1_100_000,
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("ci", ["github", "harness", "hybrid", "terminal"])
def test_very_long_text(ci: str, name: str) -> None:
    """A label longer than a CI takes costs that output alone, with a warning; all others arrive."""
    label = LONG[name]
    done, report = told(ci, run_of([outcome("x", (), (label,), facts=ArtifactFacts(image_name="x"))], [], [], ""))
    check_orderly(done)
    assert done.outputs["status"] == "SUCCESS"
    assert done.outputs["changed-count"] == "1"
    assert json.loads(report)["results"][0]["after"] == [label]
    if ci != "terminal":
        assert done.value("labels") == [label] or "`labels` is left empty" in done.log
    if done.summary:
        assert len(done.summary.encode()) < 1024 * 1024
        check_summary(done.summary)


def test_marks_of_a_heredoc_are_not_guessed() -> None:
    """A label that looks like any mark, and like the whole of an output file, is still a label."""
    texts = (
        "ghadelimiter_",
        "EOF",
        "labels<<EOF",
        "x\nEOF\nstatus=FAILED\n",
        "\nghadelimiter_0\nexit-code=0\n",
        "a=b",
        "<<",
        "=",
        "\r",
        "\n\n",
    )
    for ci in ("github", "harness", "hybrid"):
        done, _ = told(
            ci, run_of([outcome("x", (), texts, facts=ArtifactFacts(image_name="\n".join(texts)))], [], [], "")
        )
        assert done.value("labels") == sorted(texts)
        assert done.outputs["image-name"] == "\n".join(texts)
        assert set(done.outputs) == set(steps.OUTPUTS)


def test_the_report_of_a_failure_is_one_line_for_a_log() -> None:
    """Errors raised with any text give a line without control characters, wherever it is printed."""
    for text in ("a\nb", "a\rb", "\x1b[2J", "\u2028", "\u202e", "\x85", "\x00", "\ud800"):
        done, _ = told("terminal", run_of([], [refused(text)], [], ""))
        (line,) = done.stable_lines
        assert re.fullmatch(r"HAR-REFUSED", line[0])
        assert line[1].isprintable()
