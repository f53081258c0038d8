"""Labels worked out from metrics, CI and time, and the expressions that must hold (contract §3, last parts).

A list is split before anything is rendered (lists.py), and each item is rendered alone, so a value can
never turn into two labels. The language is in expressions.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from har_labels import evaluation, expressions
from har_labels.errors import Failures, HarLabelsError, InputError, TemplateError, Unreadable
from har_labels.evaluation import Run
from har_labels.expressions import Expression
from har_labels.labels import Labels, problem_with
from har_labels.lists import Item
from har_labels.values import LONGEST_TEXT, ExpressionError, listed, shown, text_of

_MENDING = "Change it, or use a filter in it such as `| trim`, `| slug` or `| replace('^_', '-')`."
_GLOB_SIGNS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Scope:
    """What templates and `require` can see, and all they can see.

    `now` has a time zone. `current` (None: the registry doesn't show them) and `labels` (those given) are
    for `require` only.
    """

    metrics: Mapping[str, object]
    ci: Mapping[str, str]
    now: datetime
    artifact: str
    registry: str
    current: Labels | None = None
    labels: Labels | None = None

    def look_up(self, name: str) -> object:
        """The value of one name. Raises Unreadable for labels that aren't known: unknown is not empty."""
        value: object = getattr(self, name)
        if value is None:
            raise Unreadable(f"`require` reads `{name}`, and the labels of {shown(self.artifact)} are not known")
        return value


@dataclass(frozen=True, slots=True)
class Template:
    """One label or pattern, with or without placeholders. `where` names the item in errors, such as `label 2`."""

    source: str
    where: str
    parts: tuple[str | Expression, ...] = field(repr=False)

    @classmethod
    def parse(cls, source: str, *, where: str) -> Template:
        """Raises TemplateError for anything that can't be read or isn't on the list."""
        try:
            return cls(source, where, _parts_of(source))
        except ExpressionError as error:
            raise _located(error, where, source) from None

    @property
    def names(self) -> frozenset[str]:
        """The paths it reads, such as `now`, `ci.run_number`, `metrics.val.acc`; empty for a plain text."""
        return frozenset().union(*(part.names for part in self.parts if isinstance(part, Expression)))

    def render(self, scope: Scope, *, literally: Callable[[str], str] = str) -> str | None:
        """The text, or None if it has placeholders and all of them are empty.

        `literally` is applied to each value on its way into the text. Raises TemplateError.
        """
        run = Run(scope.look_up)
        try:
            values = [evaluation.as_text(run, part.evaluate) for part in self.parts if isinstance(part, Expression)]
        except ExpressionError as error:
            raise _located(error, self.where, self.source) from None
        if values and not any(values):
            return None
        waiting = iter(values)
        text = "".join(part if isinstance(part, str) else literally(next(waiting)) for part in self.parts)
        if values and len(text) > LONGEST_TEXT:
            raise _located(ExpressionError(f"it comes to {len(text):,} characters"), self.where, self.source)
        return text


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a requirement holds, and each value it read, by path: `{"metrics.accuracy": 0.91}`."""

    holds: bool
    read: Mapping[str, object]

    @property
    def explanation(self) -> str:
        """The values read, on one line: `metrics.accuracy is 0.91, current is `a`, `b``."""
        return ", ".join(f"{path} is {_told(value)}" for path, value in self.read.items())


@dataclass(frozen=True, slots=True)
class Requirement:
    """One expression that must be true before anything is written."""

    source: str
    where: str
    expression: Expression = field(repr=False)

    @classmethod
    def parse(cls, source: str, *, where: str) -> Requirement:
        """Raises TemplateError for anything that can't be read or isn't on the list."""
        try:
            return cls(source, where, _requirement_of(source))
        except ExpressionError as error:
            raise _located(error, where, source) from None

    @property
    def names(self) -> frozenset[str]:
        """The paths it reads, such as `current` or `metrics.accuracy`."""
        return self.expression.names

    def check(self, scope: Scope) -> Verdict:
        """Raises TemplateError if it comes to neither true nor false, Unreadable if it needs unknown labels."""
        run = Run(scope.look_up)
        try:
            return Verdict(evaluation.as_verdict(run, self.expression.evaluate), run.read)
        except ExpressionError as error:
            raise _located(error, self.where, self.source) from None


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts in order without duplicates, and a notice for each item that was dropped."""

    labels: tuple[str, ...]
    notices: tuple[str, ...]


def render_labels(items: Sequence[Item | str], scope: Scope, *, where: str, enabled: bool) -> Rendered:
    """Labels from the items of `labels`; `enabled` is the input `templates`.

    `where` stands in front of an item's position in messages: `label` gives `label 2`. Raises Failures with
    a TemplateError or InputError for every item that can't be a label (contract §2 "A label").
    """
    return _render(items, scope, where, _Rendering(enabled, _check_label))


def render_patterns(items: Sequence[Item | str], scope: Scope, *, where: str, enabled: bool) -> Rendered:
    """Patterns from the items of `labels` in mode `remove`: as `render_labels`, without the rules for labels.

    A `*`, `?` or `[` that comes out of a placeholder stands for itself, so no value can widen a pattern.
    """
    return _render(items, scope, where, _Rendering(enabled, _check_nothing, _without_glob_signs))


@dataclass(frozen=True, slots=True)
class _Rendering:
    enabled: bool
    check: Callable[[str, str, str], None]
    literally: Callable[[str], str] = str

    def text_of(self, source: str, scope: Scope, where: str) -> str | None:
        text = Template.parse(source, where=where).render(scope, literally=self.literally) if self.enabled else source
        if text is not None:
            self.check(text, source, where)
        return text


def _render(items: Sequence[Item | str], scope: Scope, where: str, rendering: _Rendering) -> Rendered:
    first_place: dict[str, int] = {}
    notices: list[str] = []
    problems: list[HarLabelsError] = []
    for place, item in enumerate(items, start=1):
        source, position = (item, place) if isinstance(item, str) else (item.text, item.position)
        named = f"{where} {position} `{shown(source)}`"
        try:
            text = rendering.text_of(source, scope, f"{where} {position}")
        except InputError as problem:
            problems.append(problem)
            continue
        if text is None:
            notices.append(f"{named} is dropped: all its placeholders are empty")
        elif text in first_place:
            notices.append(f"{named} is dropped: {where} {first_place[text]} is the same, `{shown(text)}`")
        else:
            first_place[text] = position
    if problems:
        raise Failures(problems)
    return Rendered(tuple(first_place), tuple(notices))


def _check_label(label: str, source: str, where: str) -> None:
    if problem := problem_with(label):
        became = "" if label == source else f" comes to `{shown(label)}`, and"
        raise InputError(f"{where} `{shown(source)}`{became} can't be a label: {problem}", _MENDING)


def _check_nothing(_label: str, _source: str, _where: str) -> None:
    """Patterns have no rules."""


def _without_glob_signs(value: str) -> str:
    return _GLOB_SIGNS.sub(lambda found: f"[{found[0]}]", value)


def _told(value: object) -> str:
    return f"[{listed(map(str, value))}]" if isinstance(value, list | tuple) else _told_plainly(value)


def _told_plainly(value: object) -> str:
    try:
        return f"'{shown(value)}'" if isinstance(value, str) else text_of(value)
    except ExpressionError:
        return "a mapping"


def _located(error: ExpressionError, where: str, source: str) -> TemplateError:
    return TemplateError(f"{where} `{shown(source)}`: {error.problem}", error.next_step)


@lru_cache(maxsize=1024)
def _parts_of(source: str) -> tuple[str | Expression, ...]:
    return expressions.parse_template(source)


@lru_cache(maxsize=1024)
def _requirement_of(source: str) -> Expression:
    return expressions.parse_requirement(source)
