"""Items that can't be meant: the way out that a refusal shows works when it is used (contract §2 "Lists")."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.errors import Invalid
from har_labels.inputs.flaws import flaw_in, notices_about, unresolved
from har_labels.inputs.lists import Item, parse_list
from har_labels.inputs.maps import parse_map
from har_labels.inputs.types import read_labels
from har_labels.request.label_spec import render_items
from har_labels.templates.scope import Scope

SCOPE = Scope(metrics={}, ci={}, now=datetime(2026, 3, 1, tzinfo=UTC), artifact="resnet50", registry="a/r/+")
QUOTED = re.compile(r'`("(?:[^"`]|"")+")`')


def _rendered(text: str) -> tuple[str, ...]:
    """The labels of a text."""
    items = read_labels(text)
    assert not any(flaw_in(item, renders=True) for item in items), text
    return render_items(items, SCOPE, where="label").labels


@pytest.mark.parametrize(
    "text",
    [
        "- stage=prod",
        "-\u3000a",
        "null",
        "undefined",
        "None",
        "x=[object Object]",
        'a - "b" [object Object]',
        "branch=<+trigger.branch>",
        '"<+a><+b.c>"',
        "x=${{ github.ref }} and ${{ y }}",
    ],
)
def test_the_quoted_spelling_means_it_literally(text: str) -> None:
    """The text that an error shows in double quotes is read, unchanged, as the text that was refused."""
    flaw = flaw_in(Item(text, 1, style=parse_list("x")[0].style), renders=True)
    assert flaw
    (literally,) = QUOTED.findall(flaw.cure)
    assert _rendered(literally) == (text,)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('note="a, b", c', ['note="a, b"', 'note="a']),
        ('x, screen=15"', ['screen=15"']),
        ("a\\, b\\, c, d", ["a, b, c", "a\\"]),
        ("x, a\\,", ["a,", "a\\"]),
        ('"a', ['"a']),
        ('"a" b', ['"a" b']),
        ('"a", "b"\nc', ['"a", "b"']),
        ("[wip]", ["[wip]"]),
        ("{wip}, x", ["{wip}"]),
        ("{wip}", ["{wip}"]),
    ],
)
def test_the_ways_out_of_a_broken_list_are_lists(text: str, meant: list[str]) -> None:
    """The quoted text in the error of an invalid list is read as the one item that it names."""
    with pytest.raises(Invalid) as refused:
        read_labels(text)
    shown = [found for found in QUOTED.findall(refused.value.cure) if found.endswith('"')]
    assert [item.text for found in shown for item in parse_list(found)] == meant


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('{"a": {"b": {"c": 1.10}}, "d": [true, "x"], "e": null}', ["a.b.c=1.10", "d=true", "d=x"]),
        ('{"a": 1, "b": 2, "a": 3}', ["a=1", "b=2", "a=3"]),
        ('[{"stage": "prod"}, "wip", {"n": [1, 2]}]', ["stage=prod", "wip", "n=1", "n=2"]),
        ('[{"key": "a", "value": "b"}]', ["a=b"]),
        ('[["a", ["b"]], 1]', ["a", "b", "1"]),
        ('{"a": "1"}{"b": "2"}', None),
        ('{"a": "1"}\n{"b": "2"}', ["a=1", "b=2"]),
        ('{"a": "1"},\n{"b": "2"}', ["a=1", "b=2"]),
        ('{"x=y": "1"}', ["x=y=1"]),
    ],
)
def test_the_array_that_was_meant(text: str, labels: list[str] | None) -> None:
    """The error of nested values and duplicate keys shows a JSON array, which is read as those labels."""
    with pytest.raises(Invalid) as refused:
        read_labels(text)
    arrays = re.findall(r"`(\[.+?\])`", refused.value.cure)
    assert [[item.text for item in parse_list(array)] for array in arrays[:1]] == ([labels] if labels else [])


@given(st.dictionaries(st.text("abc.é", min_size=1), st.text("ab, '\"\\{}[]#=é😀\n<+"), max_size=5))
def test_any_map_of_texts_is_read_back(pairs: dict[str, str]) -> None:
    """Each pair of a JSON object is `key=value`, for any value, in its order."""
    import json

    for text in (json.dumps(pairs), json.dumps(pairs, indent=2, ensure_ascii=False)):
        assert [item.text for item in parse_map(text)] == [f"{key}={value}" for key, value in pairs.items()]


@given(st.text(st.sampled_from("ab:{}[],\"'# \n\t<+$&*!|>%@`~?-1.")))
def test_whatever_begins_with_a_brace_is_a_map_or_refused(rest: str) -> None:
    """No text that begins with `{` ends in anything but labels or one Invalid."""
    try:
        items = parse_map("{" + rest)
    except Invalid as error:
        assert error.why
        assert error.cure
    else:
        assert all("=" in item.text for item in items)


@pytest.mark.parametrize(
    ("text", "is_unresolved"),
    [
        ("<+pipeline.name>", True),
        ("a<+b", True),
        ("x <+é", True),
        ("<+<+a.b>.c>", True),
        ("${{", True),
        ("a${{ b }}", True),
        ("<+ 5", False),
        ("<+5>", False),
        ("<+", False),
        ("< +a", False),
        ("$ {{ x }}", False),
        ("${x}", False),
        ("{{ '<+' }}a", False),
        ("{{ '$' }}{{ '{{' }} x }}", False),
    ],
)
def test_unresolved(text: str, is_unresolved: bool) -> None:
    """An expression of Harness is `<+` directly before a letter, one of GitHub `${{`."""
    assert bool(unresolved(text)) is is_unresolved


@pytest.mark.parametrize("depth", [50, 500, 900, 5000, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """A value is refused like any other invalid list, however deep it is nested."""
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "{a: " * depth + "1" + "}" * depth):
        with pytest.raises(Invalid):
            read_labels(text)


def test_the_work_grows_with_the_list() -> None:
    """Notices cost a fixed number of looks at each item."""
    import sys

    def calls(text: str) -> int:
        count = 0
        items = parse_list(text)

        def profile(_frame: object, _event: str, _arg: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(profile)
        try:
            list(notices_about(items, are_labels=True))
        finally:
            sys.setprofile(None)
        return count

    for unit in ("'a,", "a=1, b c,", "'a, b\n", "{{ '\n"):
        assert calls(unit * 2000) < 12 * calls(unit * 200)
