"""Text of others in Markdown: code spans, sentences, and a cut at a line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_labels.report.markdown import code, cut_at_line, prose


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a", "`a`"),
        ("", "*(empty)*"),
        ("a`b", "``a`b``"),
        ("`a``", "``` `a`` ```"),
        (" a ", "`  a  `"),
        (" a", "` a`"),
        ("  ", "`  `"),
        ("a\nb", "`a\\nb`"),
    ],
)
def test_code_spans_hold_any_text(text: str, span: str) -> None:
    """Backquotes inside and blanks at the ends survive."""
    assert code(text) == span


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("the registry's answer (in full): 403, again.", "the registry's answer (in full): 403, again."),
        ("ask @bob at www.x.y now", "ask `@bob` at `www.x.y` now"),
        ("a *b* c", "a `*b*` c"),
        ("commit deadbee", "commit `deadbee`"),
    ],
)
def test_sentences_keep_their_words_and_fence_the_rest(text: str, markdown: str) -> None:
    """A word that could be markup, a mention or a link becomes a code span."""
    assert prose(text) == markdown


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text("ab é😀", max_size=30), max_size=20), st.integers(20, 400))
def test_a_cut_text_ends_at_a_line_with_a_note(lines: list[str], limit: int) -> None:
    """Never more bytes than allowed, never half a line, and no cut without a note."""
    text = "".join(f"{line}\n" for line in lines)
    cut = cut_at_line(text, limit, "(cut)")
    assert len(cut.encode()) <= limit
    if cut != text:
        assert cut.endswith("(cut)\n")
        assert text.startswith(cut.removesuffix("(cut)\n").removesuffix("\n"))


def test_a_cut_that_leaves_no_room_for_its_note_leaves_nothing() -> None:
    """Half a note would mislead."""
    assert cut_at_line("long text\n", 3, "(cut)") == ""
