"""From the items of a list to labels and patterns, one by one (contract §2, §3)."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.errors import Failures, InputError
from har_labels.inputs.lists import Item, parse_list
from har_labels.model.labels import matches, problem_with
from har_labels.request.label_spec import render_items
from templates.scopes import SCOPE


def items_of(*texts: str) -> list[Item]:
    """Texts as the items of a list."""
    return [Item(text, at) for at, text in enumerate(texts, start=1)]


def test_render_items() -> None:
    """Items keep their order; duplicates and empty ones are dropped with a notice that names them."""
    result = render_items(
        [Item("a", 1), Item("{{ 'a' }}", 3), Item("tag={{ ci.tag }}", 4), Item("b", 5)], SCOPE, where="label"
    )
    assert result.labels == ("a", "b")
    assert result.notices == (
        "label 3 `{{ 'a' }}` is dropped: label 1 is the same, `a`",
        "label 4 `tag={{ ci.tag }}` is dropped: all its placeholders are empty",
    )


@pytest.mark.parametrize("text", ["{{ x }}", "{% y", "{# z #}", "a {{ b, c }} d {{", "{{{{"])
def test_braces_are_written_by_a_placeholder(text: str) -> None:
    """A text constant may contain template syntax, in labels and in patterns; the rules for labels apply."""
    items = items_of(f"{{{{ '{text}' }}}}")
    for are_patterns in (False, True):
        assert render_items(items, SCOPE, where="label", are_patterns=are_patterns).labels == (text,)
    with pytest.raises(Failures):
        render_items(items_of("{{ 'a^_b' }}"), SCOPE, where="label")


def test_all_problems_at_once() -> None:
    """Every invalid item is reported with its position, its text and a next step."""
    items = parse_list('ok, a^_b, {{ x }}, "", {{ metrics.text | replace("0.9", " ") }}, {{ metrics.nope }}')
    with pytest.raises(Failures) as caught:
        render_items(items, SCOPE, where="label")
    problems = [error.what for error in caught.value.errors]
    assert [text.split("`")[0] for text in problems] == ["label 2 ", "label 3 ", "label 4 ", "label 5 ", "label 6 "]
    assert "it has `^_`" in problems[0]
    assert "renders as ` `, which can't be a label: it has a blank" in problems[3]
    assert all(isinstance(error, InputError) and error.next_step for error in caught.value.errors)


def test_patterns() -> None:
    """The rules for labels do not apply to patterns, and a `*` from a value matches only itself."""
    items = items_of("a^_b", "x={{ metrics.star }}-*", "{{ ci.tag }}")
    result = render_items(items, SCOPE, where="pattern", are_patterns=True)
    assert result.labels == ("a^_b", "x=[*]-*")
    assert result.notices == ("pattern 3 `{{ ci.tag }}` is dropped: all its placeholders are empty",)
    assert matches("x=[*]-*", "x=*-1")
    assert not matches("x=[*]-*", "x=y-1")


@given(st.lists(st.text(), max_size=4))
def test_a_value_never_turns_into_two_labels(values: list[str]) -> None:
    """For any values, each item gives at most one label, which contains them unchanged."""
    metrics = {f"v{number}": value for number, value in enumerate(values)}
    items = parse_list(", ".join(f"k{number}={{{{ metrics.v{number} }}}}" for number in range(len(values))))
    wanted = [f"k{number}={value}" for number, value in enumerate(values) if value]
    scope = replace(SCOPE, metrics=metrics)
    if any(problem_with(label) for label in wanted):
        with pytest.raises(Failures):
            render_items(items, scope, where="label")
    else:
        assert list(render_items(items, scope, where="label").labels) == wanted


@given(st.text())
def test_a_value_in_a_pattern_matches_itself_only(value: str) -> None:
    """A pattern made of one value matches that value, and not the texts that a glob would match."""
    scope = replace(SCOPE, metrics={"v": value})
    patterns = render_items(items_of("{{ metrics.v }}"), scope, where="pattern", are_patterns=True)
    if value:
        assert matches(patterns.labels[0], value)
        assert not matches(patterns.labels[0], value + "x")


def test_plain_labels_never_load_jinja2() -> None:
    """Neither the import nor labels without placeholders load Jinja2 or ruamel.yaml."""
    program = (
        "import sys, datetime; from har_labels.request.label_spec import render_items; from har_labels.templates.scope import Scope; import har_labels.request.metrics; from har_labels.inputs.lists import Item;"
        "now = datetime.datetime.now(datetime.UTC); scope = Scope({}, {}, now, 'a', 'r');"
        "render_items([Item('a', 1), Item('{ x }}', 2)], scope, where='label');"
        "assert not {'jinja2', 'ruamel.yaml'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
