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
from har_labels.display import visible, visible_characters
from har_labels.errors import ArtifactNotFound, Cancelled, Defect, Forbidden, HarLabelsError, InputError, Refused
from har_labels.labels import CONTROL_CHARACTERS
from har_labels.plan import RunResult, Status
from har_labels.summary import MOST_FAILURES, MOST_ROWS, markdown, text_diff
from unit.hostile_text import hostile_texts
from unit.results import failed, outcome, run

RENDERER = MarkdownIt("gfm-like", {"html": True})
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


def spans(cell: Token) -> list[str]:
    """The contents of a cell's code spans, as a browser shows them."""
    return [child.content for child in cell.children or [] if child.type == "code_inline"]


def markup_in(text: str) -> Iterator[str]:
    """Every inline token that is neither text, code, nor emphasis of ours."""
    for token in RENDERER.parse(text):
        yield from (child.type for child in token.children or [] if child.type not in MARKUP | {"text", "code_inline"})
        if token.type in {"html_block", "fence", "heading_open", "blockquote_open"}:
            yield token.type


# An empty label shows as the word "empty": no code span holds nothing.
labels = hostile_texts.filter(bool)


@settings(max_examples=400, deadline=None)
@given(labels, st.lists(labels, unique=True, max_size=4), st.lists(labels, unique=True, max_size=4))
def test_every_cell_shows_exactly_its_labels(name: str, before: list[str], after: list[str]) -> None:
    """Pipes, backquotes, HTML, mentions, links, line ends: the rendered cell holds the text and nothing else."""
    text = markdown(run(outcome(name, tuple(before), tuple(after))))
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
    """A server's message is text, in words or in code, whatever it holds."""
    text = markdown(run(failed(Refused(what, next_step), name), errors=(InputError(what, next_step),)))
    assert not list(markup_in(text))
    [rendered] = [token.children for token in RENDERER.parse(text) if (token.content or "").startswith("`HAR-INPUT`")]
    shown = "".join(child.content for child in rendered or [] if child.type in {"text", "code_inline"})
    assert visible_characters(what).replace(" ", "") in shown.replace(" ", "")


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (run(outcome()), "**Done:** 1 artifact: 1 changed."),
        (
            run(outcome(before=("a",), after=("b",), status=Status.PLANNED), dry_run=True),
            "**Dry run, nothing was written:** 1 artifact: 1 to change.",
        ),
        (run(outcome(), failed(Forbidden("x"))), "**Partly done:** 2 artifacts: 1 changed, 1 failed."),
        (run(errors=(InputError("x"),)), "**Failed:** nothing was written."),
        (run(outcome(), errors=(Cancelled("x"),)), "**Cancelled, partly done:** 1 artifact: 1 changed."),
    ],
)
def test_the_first_line_is_the_result(result: RunResult, sentence: str) -> None:
    """One sentence, before anything else."""
    assert markdown(result).startswith(f"{sentence}\n\n")


def test_sentence_table_failures_and_facts_stand_in_this_order() -> None:
    """As the contract has it, with signs besides the columns."""
    text = markdown(run(outcome(before=("a",), after=("b",)), failed(Forbidden("not allowed")), report_file="r.json"))
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


def test_unknown_labels_and_no_labels_are_told_apart() -> None:
    """An artifact without labels is not one whose labels are not known."""
    text = markdown(run(outcome("empty", ("a",), ()), outcome("hidden", None, ("a",))))
    assert "| `empty` | none |  | \N{MINUS SIGN}\u00a0`a` |" in text
    assert "| `hidden` | `a` | not known | not known |" in text


def test_an_empty_label_on_the_server_is_seen() -> None:
    """No code span can hold nothing."""
    assert "| *(empty)* |" in markdown(run(outcome("x", ("",), ("",), Status.UNCHANGED)))


def test_artifacts_of_several_registries_say_where_they_are() -> None:
    """One name may stand in two registries."""
    text = markdown(run(outcome("x"), outcome("x", registry_ref="acme/other/+")))
    assert "`x` in `acme/other/+`" in text


def test_of_many_rows_the_telling_ones_are_shown_and_the_rest_counted() -> None:
    """200 rows, those where something happened first."""
    quiet = [outcome(f"quiet{index}", ("a",), ("a",), Status.UNCHANGED) for index in range(300)]
    text = markdown(run(*quiet, outcome("loud")))
    assert len(cells_of(text)) == MOST_ROWS + 1
    assert "`loud`" in text
    assert "*101 more artifacts, see the outputs or the report.*" in text


@pytest.mark.parametrize("limit", [2_000, 10_000, 64 * 1024])
def test_a_large_summary_is_cut_at_a_row(limit: int) -> None:
    """It stays under the limit, ends its table at a row, and still tells failures and facts."""
    rows = [outcome(f"model{index}", (), tuple(f"é{index}-{label}" * 20 for label in range(5))) for index in range(150)]
    text = markdown(run(*rows, failed(Forbidden("no"))), limit=limit)
    assert len(text.encode()) <= limit
    assert "the table is cut here" in text
    assert "HAR-FORBIDDEN" in text
    assert "5 requests sent" in text
    assert all(len(cells) == 4 for cells in cells_of(text))


def test_many_failures_are_counted_past_the_first() -> None:
    """Fifty with what to do, then how many more."""
    text = markdown(run(*(failed(ArtifactNotFound("gone"), f"x{index}") for index in range(60))))
    assert text.count("HAR-ARTIFACT-NOT-FOUND") == MOST_FAILURES
    assert "- and 10 more failures, see the log" in text


def test_failures_leave_room_for_the_table() -> None:
    """Half of the summary is theirs at most."""
    long = Refused("word " * 390)
    text = markdown(run(*(failed(long, f"x{index}") for index in range(40))), limit=20_000)
    assert len(text.encode()) <= 20_000
    assert "more failures, see the log" in text
    assert len(cells_of(text)) > 10


def test_a_very_long_message_is_shortened() -> None:
    """The whole of it is in the log."""
    assert len(markdown(run(errors=(Refused("word " * 10_000),)))) < 5_000


def test_the_diff_shows_signs_and_labels() -> None:
    """A block an artifact, sorted, unchanged labels without a sign, unchanged artifacts in one line."""
    result = run(
        outcome("a", ("keep", "old"), ("keep", "new")),
        outcome("b", ("x",), ("x",), Status.UNCHANGED),
        failed(Defect("oops"), "c"),
    )
    assert list(text_diff(result, colour=False)) == [
        "~ acme/ml/models/+ a",
        "  keep",
        "+ new",
        "- old",
        "= acme/ml/models/+ b",
        "! acme/ml/models/+ c",
        "  (HAR-DEFECT: oops)",
    ]


def test_reading_shows_the_labels() -> None:
    """Nothing changed, but the labels are what was asked for."""
    read = outcome("a", ("x",), ("x",), Status.UNCHANGED)
    assert list(text_diff(run(read, mode="read"), colour=False)) == ["= acme/ml/models/+ a", "  x"]
    hidden = outcome("a", None, (), Status.UNCHANGED, labels=None)
    assert list(text_diff(run(hidden, mode="read"), colour=False)) == ["= acme/ml/models/+ a"]


def test_colour_is_added_only_where_asked() -> None:
    """By the sign, around text that holds no escape of its own."""
    result = run(outcome("a", ("old",), ("\x1b[5mnew",)))
    assert list(text_diff(result, colour=True)) == [
        "\x1b[1m~ acme/ml/models/+ a\x1b[0m",
        "\x1b[32m+ \\x1b[5mnew\x1b[0m",
        "\x1b[31m- old\x1b[0m",
    ]


@settings(max_examples=400, deadline=None)
@given(labels, st.lists(labels, unique=True, max_size=4), hostile_texts)
def test_no_line_of_the_diff_acts(name: str, after: list[str], what: str) -> None:
    """Labels show as themselves behind their sign, and no line is a command."""
    error: HarLabelsError = Refused(what)
    lines = list(text_diff(run(outcome(name, (), tuple(after)), failed(error, name)), colour=False))
    for line in lines:
        assert command_in(line) is None
        assert not CONTROL_CHARACTERS.search(line)
        assert not re.search("[\ud800-\udfff]", line)
    assert [f"+ {visible(label)}" for label in sorted(after)] == [line for line in lines[1:-2] if line.startswith("+ ")]
