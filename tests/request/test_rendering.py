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
from har_labels.request.label_spec import render_labels, render_patterns
from templates.scopes import SCOPE


def items_of(*texts: str) -> list[Item]:
    """Texts as the items of a list."""
    return [Item(text, at) for at, text in enumerate(texts, start=1)]


def test_render_labels() -> None:
    """Items are in order; duplicates and empty ones are dropped with a notice that names them."""
    result = render_labels(
        [Item("a", 1), Item("{{ 'a' }}", 3), Item("tag={{ ci.tag }}", 4), Item("b", 5)], SCOPE, where="label"
    )
    assert result.labels == ("a", "b")
    assert result.notices == (
        "label 3 `{{ 'a' }}` is dropped: label 1 is the same, `a`",
        "label 4 `tag={{ ci.tag }}` is dropped: all its placeholders are empty",
    )


@pytest.mark.parametrize("text", ["{{ x }}", "{% y", "{# z #}", "a {{ b, c }} d {{", "{{{{"])
def test_braces_are_written_by_a_placeholder(text: str) -> None:
    """A constant writes what templates would read, in labels and in patterns; the rules for labels apply."""
    for render in (render_labels, render_patterns):
        assert render(items_of(f"{{{{ '{text}' }}}}"), SCOPE, where="label").labels == (text,)
    with pytest.raises(Failures):
        render_labels(items_of("{{ 'a^_b' }}"), SCOPE, where="label")


def test_all_problems_at_once() -> None:
    """Every wrong item is reported, each with its position, its text and a next step."""
    items = parse_list('ok, a^_b, {{ x }}, "", {{ metrics.text | replace("0.9", " ") }}, {{ metrics.nope }}')
    with pytest.raises(Failures) as caught:
        render_labels(items, SCOPE, where="label")
    told = [error.what for error in caught.value.errors]
    assert [text.split("`")[0] for text in told] == ["label 2 ", "label 3 ", "label 4 ", "label 5 ", "label 6 "]
    assert "it has `^_`" in told[0]
    assert "renders as ` `, which can't be a label: it has a blank" in told[3]
    assert all(isinstance(error, InputError) and error.next_step for error in caught.value.errors)


def test_patterns() -> None:
    """Patterns may hold what labels may not, and a value's own `*` matches nothing but itself."""
    result = render_patterns(items_of("a^_b", "x={{ metrics.star }}-*", "{{ ci.tag }}"), SCOPE, where="pattern")
    assert result.labels == ("a^_b", "x=[*]-*")
    assert result.notices == ("pattern 3 `{{ ci.tag }}` is dropped: all its placeholders are empty",)
    assert matches("x=[*]-*", "x=*-1")
    assert not matches("x=[*]-*", "x=y-1")


@given(st.lists(st.text(), max_size=4))
def test_a_value_never_turns_into_two_labels(values: list[str]) -> None:
    """Whatever values hold, each item gives at most one label, which holds them unchanged."""
    metrics = {f"v{number}": value for number, value in enumerate(values)}
    items = parse_list(", ".join(f"k{number}={{{{ metrics.v{number} }}}}" for number in range(len(values))))
    wanted = [f"k{number}={value}" for number, value in enumerate(values) if value]
    scope = replace(SCOPE, metrics=metrics)
    if any(problem_with(label) for label in wanted):
        with pytest.raises(Failures):
            render_labels(items, scope, where="label")
    else:
        assert list(render_labels(items, scope, where="label").labels) == wanted


@given(st.text())
def test_a_value_in_a_pattern_matches_itself_only(value: str) -> None:
    """A pattern made of one value matches that value, and no other text that a glob would."""
    patterns = render_patterns(items_of("{{ metrics.v }}"), replace(SCOPE, metrics={"v": value}), where="pattern")
    if value:
        assert matches(patterns.labels[0], value)
        assert not matches(patterns.labels[0], value + "x")


def test_plain_labels_never_load_jinja2() -> None:
    """Neither the import nor labels without placeholders load Jinja2 or ruamel.yaml."""
    program = (
        "import sys, datetime; from har_labels.request.label_spec import render_labels; from har_labels.templates.scope import Scope; import har_labels.request.metrics; from har_labels.inputs.lists import Item;"
        "now = datetime.datetime.now(datetime.UTC); scope = Scope({}, {}, now, 'a', 'r');"
        "render_labels([Item('a', 1), Item('{ x }}', 2)], scope, where='label');"
        "assert not {'jinja2', 'ruamel.yaml'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
