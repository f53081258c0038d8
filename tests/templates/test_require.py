"""`require`: its verdict, its explanation by the values read, and its errors (contract §3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from har_labels.errors import TemplateError, Unreadable
from har_labels.inputs.lists import Item
from har_labels.request.label_spec import requirements_of
from har_labels.templates.template import Requirement
from templates.scopes import SCOPE


@pytest.mark.parametrize(
    ("source", "holds", "read"),
    [
        ("metrics.accuracy >= 0.92", True, {"metrics.accuracy": 0.93456}),
        ("metrics.accuracy >= 0.99", False, {"metrics.accuracy": 0.93456}),
        ("'stage=staging' in current", True, {"current": ("a", "stage=staging")}),
        ("'c' in labels and 'frozen' not in current", True, {"labels": ("c",), "current": ("a", "stage=staging")}),
        ("metrics.items > 5 and metrics.accuracy > 0", False, {"metrics.items": 3}),
        ("metrics.nope | default(0) >= 0.5", False, {}),
        ("not (ci.tag == '')", False, {"ci.tag": ""}),
        ("true", True, {}),
    ],
)
def test_requirement(source: str, holds: bool, read: dict[str, object]) -> None:
    """A requirement's result is whether it holds, with each value it read on the way."""
    verdict = Requirement.parse(source, where="`require` 1").check(SCOPE)
    assert (verdict.holds, verdict.read) == (holds, read)


def test_explanation_of_a_verdict() -> None:
    """The values read, on one line, with texts quoted and long lists cut."""
    source = "metrics.text == 'x' or 'x' in current or metrics.val or metrics.yes"
    many = replace(SCOPE, current=tuple(f"l{number:02}" for number in range(20)))
    requirement = Requirement.parse(f"({source}) and true", where="`require` 1")
    assert requirement.check(many).explanation.startswith("metrics.text is '0.9', current is ['l00', 'l01'")
    assert "'l09', 10 more], metrics.val is a mapping" in requirement.check(many).explanation


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("metrics.accuracy", "its value is the number 0.93456, which is neither true nor false"),
        ("current", "its value is a list"),
        ("metrics.accuracy and 'yes'", "its value is the text 'yes'"),
        ("metrics.nope > 1", "there is no metric `nope`"),
        ("metrics.text > 1", "compares the text '0.9' with the number 1"),
        ("{{ true }}", "it has `{{ }}` around it"),
        ("true }} false", "it continues with `}}`"),
        ("true false", "it continues with `false`"),
        ("true, false", "it continues with `,`"),
        ("", "can't be read"),
        (
            "frozen",
            "there are `artifact`, `baseline`, `ci`, `current`, `current_map`, `holders`, `labels`, `labels_map`, `metrics`, `now`, `registry`",
        ),
        ("true {# x #}", "can't be read"),
        ("x" * 4097, "4,097 bytes"),
    ],
)
def test_requirements_that_are_refused(source: str, problem: str) -> None:
    """A requirement is one expression that is true or false; anything else is an error, never a pass."""
    with pytest.raises(TemplateError) as caught:
        Requirement.parse(source, where="`require` 1").check(SCOPE)
    assert problem in caught.value.what
    assert caught.value.what.startswith("`require` 1 `")


def test_unknown_labels_are_not_empty() -> None:
    """A requirement about labels that can't be read fails as unreadable; one that doesn't look goes on."""
    unknown = replace(SCOPE, current=None)
    with pytest.raises(Unreadable, match="team/model"):
        Requirement.parse("'frozen' not in current", where="`require` 1").check(unknown)
    assert Requirement.parse("true", where="`require` 1").check(unknown).holds


def test_comments_and_lines_in_a_list_of_a_manifest() -> None:
    """An item of a list may have comments and several lines too; each expression in it is a requirement of its own."""
    items = [
        Item("metrics.items > 1 # enough", 1),
        Item("metrics.yes and\n  true\nmetrics.items < 9", 2),
        Item("# none", 3),
    ]
    requirements = requirements_of(items, place="`require` line")
    assert [one.source for one in requirements] == ["metrics.items > 1", "metrics.yes and true", "metrics.items < 9"]
    assert [one.where for one in requirements] == ["`require` line 1", "`require` line 2", "`require` line 2"]
    assert all(one.check(SCOPE).holds for one in requirements)


def test_what_was_read_though_it_is_null() -> None:
    """A value that is null was read, too."""
    verdict = Requirement.parse("metrics.none is not none", where="x").check(SCOPE)
    assert (verdict.holds, verdict.explanation) == (False, "metrics.none is null")
