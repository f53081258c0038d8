"""How somebody else's text is printed, and what is hidden."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.runner_model import command_in
from har_labels.text import CONTROL_CHARACTERS, HIDDEN, Redactor, code, cut_at_line, prose, visible, visible_characters
from hostile_text import hostile_texts

KEY = "pat.AbCdEf0123456789ghijkl.0123456789abcdef01234567.s3cr/t+Value?&x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("stage=prod", "stage=prod"),
        ("é 😀 中", "é 😀 中"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b1m\x7f\x85", "\\x9b1m\\x7f\\x85"),
        ("\ud800", "\\ud800"),
        ("::error::x", ":\\:error::x"),
        ("  ::error::x", "  :\\:error::x"),
        ("a ::error::x", "a ::error::x"),
        ("x##[error]y", "x##\\[error]y"),
        ("###[group]", "###\\[group]"),
    ],
)
def test_text_shows_as_itself_but_for_what_acts(text: str, shown: str) -> None:
    """Controls become escapes, and both forms of a workflow command are broken."""
    assert visible(text) == shown


@settings(max_examples=1500, deadline=None)
@given(hostile_texts, hostile_texts)
def test_no_text_is_a_command_alone_or_behind_other_text(one: str, two: str) -> None:
    """Neither of the runner's parsers recognises a command in a visible line, whatever stands around."""
    for line in (visible(one), visible(one + two), f"+ {visible(one)} {visible(two)}"):
        assert command_in(line) is None
        assert not CONTROL_CHARACTERS.search(line)
        line.encode()


@settings(max_examples=500, deadline=None)
@given(hostile_texts)
def test_making_visible_twice_is_making_it_once(text: str) -> None:
    """A line may pass through several hands."""
    assert visible(visible(text)) == visible(text)


@settings(max_examples=500, deadline=None)
@given(hostile_texts)
def test_escapes_take_nothing_away(text: str) -> None:
    """Two texts of printable characters never show alike: only what is not printable is rewritten."""
    if not CONTROL_CHARACTERS.search(text) and not re.search("[\ud800-\udfff]", text):
        assert visible_characters(text) == text


def encoded_forms() -> list[str]:
    """The key as logs of other software hold it."""
    forms = [KEY, quote(KEY, safe=""), quote(KEY), json.dumps({"k": f"{KEY}é"})]
    for before in ("", "x", "xy", "xyz"):
        raw = f"{before}{KEY}:tail".encode()
        forms += [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    return [*forms, base64.b64encode(KEY.encode()).decode()]


@pytest.mark.parametrize("form", encoded_forms())
def test_the_key_is_hidden_in_every_form(form: str) -> None:
    """Literal, URL- and JSON-escaped, and base64 at each of the three offsets."""
    hidden = Redactor([KEY]).redact_known(f"before {form} after")
    assert HIDDEN in hidden
    assert "s3cr" not in hidden
    assert base64.b64encode(KEY.encode())[4:40].decode() not in hidden


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x-api-key: sat.acct.id.secret!", "x-api-key: ***"),
        ("`pat.a.b.c` | next", "`***` | next"),
        ("line\\npat.a.b.c", "line\\n***"),
        ("u%3Dpat.a.b.c", "u%3D***"),
        ("compat.1.2.3", "compat.1.2.3"),
        ("pat.1.2", "pat.1.2"),
    ],
)
def test_what_looks_like_a_key_is_hidden_from_people(text: str, shown: str) -> None:
    """Somebody else's key of the documented shape, but no word that merely ends alike."""
    assert Redactor().redact(text) == shown


def test_a_label_of_a_keys_shape_reaches_machines_whole() -> None:
    """Outputs lose only the known key: a label must never be altered silently."""
    assert Redactor([KEY]).redact_known("sat.a.b.c") == "sat.a.b.c"


def test_without_a_key_nothing_is_hidden() -> None:
    """An empty or blank secret hides nothing, rather than everything."""
    assert Redactor(["", " "]).redact_known("a b") == "a b"


def test_a_short_key_hides_itself_only() -> None:
    """Pieces of its base64 would be too short to mean anything."""
    assert Redactor(["abc"]).redact_known("abc YWJj") == "*** YWJj"


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
    """A word that could be markup, a mention or a link stands in code."""
    assert prose(text) == markdown


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text("ab é😀", max_size=30), max_size=20), st.integers(20, 400))
def test_a_cut_text_ends_at_a_line_and_says_so(lines: list[str], limit: int) -> None:
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
