"""Text of others is printed so that it has no effect."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.runner_model import command_in
from har_labels.text import CONTROL_CHARACTERS, shown, spelt, visible, visible_characters
from hostile_text import hostile_texts


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
    """Neither of the runner's parsers recognises a command in a visible line, whatever is printed around it."""
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
    """Two texts of printable characters never show alike: only unprintable ones and the marks of a `named` input are rewritten."""
    if not CONTROL_CHARACTERS.search(text) and not re.search("[\ud800-\udfff\ufdd0\ufdd1]", text):
        assert visible_characters(text) == text


@given(hostile_texts, st.sampled_from(["mode", "api-key", "labels:x"]))
def test_no_text_of_others_names_an_input(text: str, name: str) -> None:
    """The marks around a `named` input are escaped in texts of others, so spelling an input changes none of them."""
    shown_text = shown(f"{text}\ufdd0{name}\ufdd1")
    assert spelt(shown_text, lambda _name: "CHANGED") == shown_text
