"""The job summary, rendered as GitHub's Markdown would be, and the diff in the log."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ci.runner_model import command_in
from har_labels.errors import ArtifactNotFound, Cancelled, Defect, Forbidden, HarLabelsError, InputError, Refused
from har_labels.model.outcome import RunResult, Status
from har_labels.report.summary import MOST_FAILURES, MOST_ROWS, closing_line, text_diff
from har_labels.report.verdict import verdict_of
from har_labels.text import CONTROL_CHARACTERS, visible, visible_characters
from hostile_text import hostile_texts
from report.results import failed, outcome, run, summary

RENDERER = MarkdownIt("gfm-like", {"html": True})
HEADING = "### Labels: "
MARKUP = {"strong_open", "strong_close", "em_open", "em_close", "softbreak", "hardbreak"}


def cells_of(text: str) -> list[list[Token]]:
    """The rows of the rendered table, each cell as its inline token."""
    rows: list[list[Token]] = []
    tokens = RENDERER.parse(text)
    for at, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in {"th_open", "td_open"}:
            rows[-1].append(tokens[at + 1])
    return rows


def without_heading(text: str) -> str:
    """The summary below its first line, which is a heading."""
    heading, _, rest = text.partition("\n\n")
    assert heading.startswith(HEADING.rstrip(": "))
    return rest


def spans(cell: Token) -> list[str]:
    """The contents of a cell's code spans, as a browser shows them."""
    return [child.content for child in cell.children or [] if child.type == "code_inline"]


def markup_in(text: str) -> Iterator[str]:
    """Every inline token that is neither text, code, nor emphasis of ours."""
    for token in RENDERER.parse(without_heading(text)):
        yield from (child.type for child in token.children or [] if child.type not in MARKUP | {"text", "code_inline"})
        if token.type in {"html_block", "fence", "heading_open", "blockquote_open"}:
            yield token.type


def _without(characters: str, text: str) -> str:
    return text.translate(dict.fromkeys(map(ord, characters)))


# An empty label shows as the word "empty": no code span holds nothing.
labels = hostile_texts.filter(bool)


@settings(max_examples=400, deadline=None)
@given(labels, st.lists(labels, unique=True, max_size=4), st.lists(labels, unique=True, max_size=4))
def test_every_cell_shows_exactly_its_labels(name: str, before: list[str], after: list[str]) -> None:
    """Pipes, backquotes, HTML, mentions, links, line ends: the rendered cell holds the text and nothing else."""
    text = summary(run(outcome(name, tuple(before), tuple(after))))
    [_, [artifact, now, added, removed]] = cells_of(text)
    assert spans(artifact) == [visible_characters(name)]
    assert spans(now) == [visible_characters(label) for label in sorted(after)]
    assert spans(added) == [visible_characters(label) for label in sorted(set(after) - set(before))]
    assert spans(removed) == [visible_characters(label) for label in sorted(set(before) - set(after))]
    assert not list(markup_in(text))
    assert not CONTROL_CHARACTERS.search(text.replace("\n", ""))


@settings(max_examples=400, deadline=None)
@given(labels, hostile_texts, hostile_texts)
def test_failures_show_their_text_and_nothing_acts(name: str, what: str, next_step: str) -> None:
    """A server's message is text, in words or in code, whatever it holds; backquotes may have become a code span's."""
    text = summary(run(failed(Refused(what, next_step), name), errors=(InputError(what, next_step),)))
    assert not list(markup_in(text))
    [rendered] = [token.children for token in RENDERER.parse(text) if (token.content or "").startswith("`HAR-INPUT`")]
    shown = "".join(child.content for child in rendered or [] if child.type in {"text", "code_inline"})
    assert _without(" `", visible_characters(what)) in _without(" `", shown)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (run(outcome()), "**Done:** 1 artifact changed."),
        (
            run(outcome(before=("a",), after=("b",), status=Status.PLANNED), dry_run=True),
            "**Dry run, nothing was written:** 1 artifact to change.",
        ),
        (
            run(outcome(), failed(Forbidden("x")), dry_run=True),
            "**Dry run failed, nothing was written:** 1 of 2 artifacts to change, 1 failed.",
        ),
        (run(outcome(), failed(Forbidden("x"))), "**Partly done:** 1 of 2 artifacts changed, 1 failed."),
        (
            run(
                outcome(status=Status.UNCHANGED),
                outcome("b", status=Status.ROLLED_BACK),
                outcome("c"),
                outcome("d", status=Status.SKIPPED),
                outcome("e", status=Status.SUPERSEDED),
                failed(Forbidden("x")),
            ),
            "**Partly done:** 2 of 6 artifacts changed, 1 unchanged, 1 rolled back, 1 failed, 1 skipped.",
        ),
        (run(), "**Done:** 0 artifacts."),
        (run(errors=(InputError("x"),)), "**Failed:** nothing was written."),
        (run(outcome(), errors=(Cancelled("x"),)), "**Cancelled, partly done:** 1 artifact changed."),
    ],
)
def test_the_first_line_is_the_result(result: RunResult, sentence: str) -> None:
    """One sentence, before anything else but the heading."""
    assert without_heading(summary(result)).startswith(f"{sentence}\n\n")
    assert closing_line(result, verdict_of(result)) == sentence.replace("*", "")


@pytest.mark.parametrize(
    ("result", "heading"),
    [
        (run(outcome()), "`replace` in `acme/ml/models/+`"),
        (run(outcome("a"), outcome("b"), dry_run=True), "`replace` (dry run) in `acme/ml/models/+`"),
        (
            run(*(outcome(registry_ref=f"a/{name}/+") for name in "bab"), mode="manifest"),
            "`manifest` in `a/b/+`, `a/a/+`",
        ),
        (
            run(*(outcome(registry_ref=f"a/{name}/+") for name in range(1005)), mode="apply-plan"),
            "`apply-plan` in `a/0/+`, `a/1/+`, `a/2/+` and 1,002 more",
        ),
        (run(mode="read", registry="a/r/+"), "`read` in `a/r/+`"),
        (run(mode="read"), "`read`"),
        (run(mode="", registry="a/r/+"), "`a/r/+`"),
        (run(outcome(registry_ref="a/`<b>`|#/+")), "`` replace `` in ``a/`<b>`|#/+``"),
    ],
)
def test_the_heading_names_mode_and_registry(result: RunResult, heading: str) -> None:
    """Distinguishes several steps of one job: the mode and the registries, of many the first three."""
    first, _, _ = summary(result).partition("\n")
    assert first.replace(" ", "").replace("`", "") == f"{HEADING}{heading}".replace(" ", "").replace("`", "")
    [opening, inline, *_] = RENDERER.parse(summary(result))
    assert opening.type == "heading_open"
    assert {child.type for child in inline.children or []} <= {"text", "code_inline"}


@pytest.mark.parametrize("size", [3_000, 10_000, 60_000])
def test_the_size_can_be_counted_in_characters(size: int) -> None:
    """Where those are what is limited, text beyond ASCII does not make it shorter."""
    rows = [outcome(f"x{index}", (), ("ä" * 300,)) for index in range(200)]
    text = summary(run(*rows), limit=size, size=len)
    assert size - 700 < len(text) <= size
    assert len(summary(run(*rows), limit=size).encode()) <= size


def test_sentence_table_failures_and_facts_have_this_order() -> None:
    """As the contract has it, with signs besides the columns."""
    text = summary(run(outcome(before=("a",), after=("b",)), failed(Forbidden("not allowed")), report_file="r.json"))
    parts = [
        "**Partly done:**",
        "| artifact | labels after | added | removed |",
        "+\u00a0`b`",
        "\N{MINUS SIGN}\u00a0`a`",
        "What failed",
        "HAR-FORBIDDEN",
    ]
    places = [
        text.index(part)
        for part in [*parts, Forbidden.cure, "Mode `replace`", "5 requests sent", "2.5 seconds", "1 retry", "`r.json`"]
    ]
    assert places == sorted(places)


def test_unknown_labels_and_no_labels_differ() -> None:
    """An artifact without labels is not one whose labels are not known."""
    text = summary(run(outcome("empty", ("a",), ()), outcome("hidden", None, ("a",))))
    assert "| `empty` | none |  | \N{MINUS SIGN}\u00a0`a` |" in text
    assert "| `hidden` | `a` | not known | not known |" in text


def test_an_empty_label_on_the_server_is_seen() -> None:
    """No code span can hold nothing."""
    assert "| *(empty)* |" in summary(run(outcome("x", ("",), ("",), Status.UNCHANGED)))


def test_artifacts_of_several_registries_have_their_registry() -> None:
    """Two registries may have artifacts of one name."""
    text = summary(run(outcome("x"), outcome("x", registry_ref="acme/other/+")))
    assert "`x` in `acme/other/+`" in text


def test_of_many_rows_the_changed_ones_are_shown_and_the_rest_counted() -> None:
    """200 rows, those where something happened first."""
    quiet = [outcome(f"quiet{index}", ("a",), ("a",), Status.UNCHANGED) for index in range(300)]
    text = summary(run(*quiet, outcome("loud")))
    assert len(cells_of(text)) == MOST_ROWS + 1
    assert "`loud`" in text
    assert "*101 more artifacts, see the outputs or the report.*" in text


@pytest.mark.parametrize("limit", [2_000, 10_000, 64 * 1024])
def test_a_large_summary_is_cut_at_a_row(limit: int) -> None:
    """It stays under the limit, ends its table at a row, and still has failures and facts."""
    rows = [outcome(f"model{index}", (), tuple(f"é{index}-{label}" * 20 for label in range(5))) for index in range(150)]
    text = summary(run(*rows, failed(Forbidden("no"))), limit=limit)
    assert len(text.encode()) <= limit
    assert "the table is cut here" in text
    assert "HAR-FORBIDDEN" in text
    assert "5 requests sent" in text
    assert all(len(cells) == 4 for cells in cells_of(text))


def test_many_failures_are_counted_past_the_first() -> None:
    """Fifty with what to do, then how many more."""
    text = summary(run(*(failed(ArtifactNotFound("gone"), f"x{index}") for index in range(60))))
    assert text.count("HAR-ARTIFACT-NOT-FOUND") == MOST_FAILURES
    assert "- and 10 more failures, see the log" in text


def test_failures_leave_room_for_the_table() -> None:
    """Half of the summary is theirs at most."""
    long = Refused("word " * 390)
    text = summary(run(*(failed(long, f"x{index}") for index in range(40))), limit=20_000)
    assert len(text.encode()) <= 20_000
    assert "more failures, see the log" in text
    assert len(cells_of(text)) > 10


def test_a_very_long_message_is_shortened() -> None:
    """The whole of it is in the log."""
    assert len(summary(run(errors=(Refused("word " * 10_000),)))) < 5_000


def test_the_diff_shows_signs_and_labels() -> None:
    """A block an artifact, sorted, unchanged labels without a sign, unchanged artifacts in one line."""
    result = run(
        outcome("a", ("keep", "old"), ("keep", "new")),
        outcome("b", ("x",), ("x",), Status.UNCHANGED),
        failed(Defect("oops"), "c"),
    )
    assert list(text_diff(result)) == [
        "~ acme/ml/models/+ a",
        "  keep",
        "+ new",
        "- old",
        "= acme/ml/models/+ b",
        "! acme/ml/models/+ c",
        "  (HAR-DEFECT: oops)",
    ]


def test_reading_shows_the_labels() -> None:
    """Nothing changed, but the labels are what was asked for, by an input or by a manifest's entry."""
    read = outcome("a", ("x",), ("x",), Status.UNCHANGED, is_read=True)
    assert list(text_diff(run(read, mode="manifest"))) == ["= acme/ml/models/+ a", "  x"]
    hidden = outcome("a", None, (), Status.UNCHANGED, labels=None, is_read=True)
    assert list(text_diff(run(hidden, mode="read"))) == ["= acme/ml/models/+ a"]


@pytest.mark.parametrize(
    ("status", "mark"),
    [
        (Status.SKIPPED, "skipped"),
        (Status.ROLLED_BACK, "rolled back"),
        (Status.SUPERSEDED, "a later writer set something else"),
        (Status.APPLIED, ""),
        (Status.UNCHANGED, ""),
    ],
)
def test_the_table_marks_outcomes_that_its_labels_do_not_show(status: Status, mark: str) -> None:
    """Failed, skipped, rolled back and superseded rows are marked, and no others."""
    [_, [artifact, *_rest]] = cells_of(summary(run(outcome("x", ("a",), ("a",), status))))
    assert "".join(child.content for child in artifact.children or []) == f"x {mark}".strip()


def test_a_failure_before_any_write_adds_and_removes_nothing() -> None:
    """Its labels may be unknown, but that this run changed none of them is known."""
    error = ArtifactNotFound("gone")
    assert "| `x` **failed** | not known |  |  |" in summary(run(failed(error, "x")))
    tried = outcome("x", None, ("a",), Status.FAILED, labels=None, error=error, attempts=1)
    assert "| `x` **failed** | not known | not known | not known |" in summary(run(tried))


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("'m0' in acme/ml/+: `'x' in current` is false; it read current is ['a', 'b']", "`'m0'` in `acme/ml/+`: `'x' in current` is false; it read current is `['a', 'b']`"),
        ("`mode` is 'ad': use `add`, `remove` or `read`.", "`mode` is 'ad': use `add`, `remove` or `read`."),
        ("give it (`metrics-file`), such as team/model.", "give it (`metrics-file`), such as `team/model`."),
        ("label 1 `a`b`: no", "label 1 `` `a`b` ``: no"),
    ],
)  # fmt: skip
def test_messages_keep_their_quotes_together(text: str, rendered: str) -> None:
    """What a message quotes is one code span, and punctuation stays outside of it."""
    assert f"`HAR-REFUSED` {rendered}  \n" in summary(run(errors=(Refused(text),)))


@settings(max_examples=400, deadline=None)
@given(labels, st.lists(labels, unique=True, max_size=4), hostile_texts)
def test_no_line_of_the_diff_acts(name: str, after: list[str], what: str) -> None:
    """Labels show as themselves behind their sign, and no line is a command."""
    error: HarLabelsError = Refused(what)
    lines = list(text_diff(run(outcome(name, (), tuple(after)), failed(error, name))))
    for line in lines:
        assert command_in(line) is None
        assert not CONTROL_CHARACTERS.search(line)
        assert not re.search("[\ud800-\udfff]", line)
    assert [f"+ {visible(label)}" for label in sorted(after)] == [line for line in lines[1:-2] if line.startswith("+ ")]
