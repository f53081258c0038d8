"""Plain YAML 1.2 data (contract §3 "Templates": JSON and YAML 1.2 metrics)."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_labels.inputs.yaml import InvalidAt, load_plain
from har_labels.model.unusable import Unusable

FRAGMENTS = [*"abc:-?,[]{}#&*!|>'\"%@`~\n \t01.eE+=<\\\u2028\x85\r\x00"]
FRAGMENTS += [
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "%TAG ! x\n",
    ": ",
    "- ",
    "? ",
    "!!",
    "<<: ",
    "|2-\n",
    ">+\n",
    '"\\U00110000"',
    "\n  ",
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5E+2", -150.0),
        ("+12", 12),
        ("017", 17),
        ("0o17", 15),
        ("0xFf", 255),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("off", "off"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2026-11-23", "2026-11-23"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("'1'", "1"),
        ('"true"', "true"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[1, {b: c}]", [1, {"b": "c"}]),
    ],
)
def test_core_schema(text: str, value: object) -> None:
    """A plain scalar is read by YAML 1.2's core schema; a quoted one is a text."""
    assert load_plain(f"a: {text}") == {"a": value}
    assert isinstance(load_plain(f"a: {text}"), dict)


def test_infinity_and_nan() -> None:
    """They are read like any number; only an expression that reads them objects."""
    assert load_plain("[.inf, -.Inf, +.INF]") == [math.inf, -math.inf, math.inf]
    assert math.isnan(load_plain("[.nan]")[0])  # type: ignore[index]


def test_keys_are_texts_as_written() -> None:
    """A key that looks like a number or a boolean is the text as written."""
    assert load_plain('1: a\ntrue: b\nval/acc: c\nval.acc: d\n"<<": e\n? f\n') == {
        "1": "a",
        "true": "b",
        "val/acc": "c",
        "val.acc": "d",
        "<<": "e",
        "f": None,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("&x 1", ["the YAML anchor `&x` in line 2"]),
        ("*x", ["the YAML alias `*x` in line 2"]),
        ("&x [*x]", ["the YAML anchor `&x`"]),
        ("!!str 1", ["the YAML tag `!!str`"]),
        ("!!python/object:os.system {}", ["the YAML tag `!!python/object:os.system`"]),
        ("! 1", ["the YAML tag `!`"]),
        ("{<<: {a: 1}, b: 1}", ["the YAML merge key `<<`"]),
        ("{*x : 1, '': 2, b: 1}", ["the YAML alias `*x`"]),
    ],
)
def test_aliases_tags_and_merge_keys_are_unusable(text: str, told: list[str]) -> None:
    """A value with an anchor, an alias, a tag or a merge key is unusable, and its neighbours are not."""
    value = load_plain(f"- 1\n- {text}\n- {{b: 2}}")
    assert isinstance(value, list)
    assert (value[0], value[2]) == (1, {"b": 2})
    assert isinstance(value[1], Unusable)
    for part in told:
        assert part in value[1].why


def test_nothing_at_all() -> None:
    """A text without a document is None."""
    assert load_plain("") is None
    assert load_plain("# only a comment\n") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key `a` occurs twice"),
        ("1: a\n'1': b", "the key `1` occurs twice"),
        ("{a: {b: 1, b: 2}}", "line 1, column 12"),
        ("? [a]\n: 1", "a key is a list or a mapping"),
        ("? {a: b}\n: 1", "a key is a list or a mapping"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document"),
        ("a: [", "line 1, column 5"),
        ("a: b: c", "line 1, column 5"),
        ("a:\n\tb: 1", "line 2, column 1"),
        ("a: 1\nb: \x01", "line 2, column 4: a character that YAML doesn't allow"),
        ("a: " + "[" * 100 + "]" * 100, "line 1, column 103: it is nested more than 100 deep"),
        ("[" * 50_000, "nested more than 100 deep"),
        ("- " * 50_000, "nested more than 100 deep"),
        ("a: " + "1" * 5000, "line 1, column 4: a number has too many digits"),
        ('a: "\\U00110000"', "not valid YAML"),
        ("%YAML 3.0\n---\na: 1", "line 1"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    """What can't be believed at a glance, or isn't YAML, is refused with line and column."""
    with pytest.raises(InvalidAt) as caught:
        load_plain(text)
    assert message in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("ab c\"'é\n:"),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("ab:#"), inner),
    )
)
def test_json_is_yaml(value: object) -> None:
    """What JSON writes is read back as it was."""
    assert load_plain("a: " + json.dumps(value)) == {"a": value}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
def test_any_text_is_data_or_an_error(text: str) -> None:
    """Text that is hardly YAML gives plain data or a InvalidAt, never another exception."""
    try:
        load_plain(text)
    except InvalidAt as error:
        assert str(error).startswith("line ")
