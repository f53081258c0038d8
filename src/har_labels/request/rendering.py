"""From items to labels or patterns: rendered one by one, checked, without duplicates (contract §2, §3).

A list is split before anything is rendered (lists.py), and each item is rendered alone, so a value can
never turn into two labels. Items without a placeholder never load the template language: most steps have none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from har_labels.errors import Failures, HarLabelsError, InputError
from har_labels.inputs.lists import Item
from har_labels.model.labels import problem_with
from har_labels.templates.scope import Scope
from har_labels.text import shown

_GLOB_SIGNS = re.compile(r"[*?\[]")
_OPENING = re.compile(r"\{[{%#]")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts in order without duplicates, each with its name in messages, and a notice for each item that was dropped."""

    labels: tuple[str, ...]
    notices: tuple[str, ...]
    names: Mapping[str, str]


def render_labels(items: Sequence[Item], scope: Scope, *, where: str) -> Rendered:
    """Labels from the items of `labels`.

    `where` stands in front of an item's position in messages: `label` gives `label 2`. Raises Failures with
    a TemplateError or InputError for every item that can't be a label (contract §2 "A label").
    """
    return _render(items, scope, where, _Rendering(_check_label))


def render_patterns(items: Sequence[Item], scope: Scope, *, where: str) -> Rendered:
    """Patterns from the items of `labels` in mode `remove`: as `render_labels`, without the rules for labels.

    A `*`, `?` or `[` that comes out of a placeholder stands for itself, so no value can widen a pattern.
    """
    return _render(items, scope, where, _Rendering(_check_nothing, _without_glob_signs))


@dataclass(frozen=True, slots=True)
class _Rendering:
    check: Callable[[str, str, str], None]
    literally: Callable[[str], str] = str

    def text_of(self, source: str, scope: Scope, where: str) -> str | None:
        text: str | None = source
        if has_placeholders(source):
            from har_labels.templates.template import Template

            text = Template.parse(source, where=where, metrics=scope.metrics).render(scope, literally=self.literally)
        if text is not None:
            self.check(text, source, where)
        return text


def _render(items: Sequence[Item], scope: Scope, where: str, rendering: _Rendering) -> Rendered:
    names: dict[str, str] = {}
    notices: list[str] = []
    problems: list[HarLabelsError] = []
    for item in items:
        name = f"{item.where or where} {item.position}"
        try:
            text = rendering.text_of(item.text, scope, name)
        except InputError as problem:
            problems.append(problem)
            continue
        if text is None:
            notices.append(f"{name} `{shown(item.text)}` is dropped: all its placeholders are empty")
        elif text in names:
            notices.append(f"{name} `{shown(item.text)}` is dropped: {names[text]} is the same, `{shown(text)}`")
        else:
            names[text] = name
    if problems:
        raise Failures(problems)
    return Rendered(tuple(names), tuple(notices), names)


def _check_label(label: str, source: str, where: str) -> None:
    if problem := problem_with(label):
        became = "" if label == source else f" comes to `{shown(label)}`, and"
        raise InputError(f"{where} `{shown(source)}`{became} can't be a label: {problem.why}", problem.cure)


def _check_nothing(_label: str, _source: str, _where: str) -> None:
    """Patterns have no rules."""


def _without_glob_signs(value: str) -> str:
    return _GLOB_SIGNS.sub(lambda found: f"[{found[0]}]", value)


def has_placeholders(source: str) -> bool:
    """Whether a text has anything in it that templates would read, allowed or not."""
    return bool(_OPENING.search(source))
