"""Label templates, `require` and `where`: one text or one verdict from one expression or several (contract §3, last parts).

The language is in expressions.py; which items are rendered is in request/label_spec.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Self

from har_labels.errors import TemplateError
from har_labels.templates import evaluation, expressions
from har_labels.templates.evaluation import Run
from har_labels.templates.expressions import Expression
from har_labels.templates.keys import spelling_meant
from har_labels.templates.scope import Scope
from har_labels.templates.values import LONGEST_TEXT, ExpressionError, Missing, Unfit, kind_of, text_of
from har_labels.text import shown

_MOST_TOLD = 10
# Said of nothing else, and never in `require`: there a value that is missing means that nobody knows.
_MAY_BE_MISSING = "Correct the name, give the metric, or put `| default('…')` behind it."


@dataclass(frozen=True, slots=True)
class Template:
    """One label or pattern, with or without placeholders. `where` names the item in errors, such as `label 2`."""

    source: str
    where: str
    parts: tuple[str | Expression, ...] = field(repr=False)

    @classmethod
    def parse(cls, source: str, *, where: str, metrics: Mapping[str, object] | None = None) -> Template:
        """Raises TemplateError for anything that can't be read or isn't on the list.

        It then names the key of `metrics` that seems to be meant.
        """
        try:
            return cls(source, where, _parts_of(source))
        except ExpressionError as error:
            spelling = spelling_meant(source, metrics or {}, is_template=True)
            raise _located(_with_spelling(error, spelling), where, source) from None

    @property
    def names(self) -> frozenset[str]:
        """The paths it reads, such as `now`, `ci.run_number`, `metrics.val.acc`; empty for a plain text."""
        return frozenset().union(*(part.names for part in self.parts if isinstance(part, Expression)))

    def render(self, scope: Scope, *, literally: Callable[[str], str] = str) -> str | None:
        """The text, or None if it has placeholders and all of them are empty.

        `literally` is applied to each value on its way into the text. Raises TemplateError.
        """
        run = Run(cache(scope.look_up))
        try:
            values = [evaluation.as_text(run, part.evaluate) for part in self.parts if isinstance(part, Expression)]
        except ExpressionError as error:
            told = _with_key_meant(error, self.source, scope, is_template=True)
            raise _located(told, self.where, self.source, _MAY_BE_MISSING if _is_missing(error) else "") from None
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
class _Line:
    """One line of an input that holds an expression a line."""

    source: str
    where: str
    expression: Expression = field(repr=False)

    @classmethod
    def parse(cls, source: str, *, where: str, metrics: Mapping[str, object] | None = None) -> Self:
        """Raises TemplateError for anything that can't be read or isn't on the list, as `Template.parse`."""
        try:
            return cls(source, where, cls._compiled(source))
        except ExpressionError as error:
            spelling = spelling_meant(source, metrics or {}, is_template=False)
            raise _located(_with_spelling(error, spelling), where, source) from None

    @staticmethod
    def _compiled(source: str) -> Expression:
        raise NotImplementedError

    @property
    def names(self) -> frozenset[str]:
        """The paths it reads."""
        return self.expression.names


@dataclass(frozen=True, slots=True)
class Requirement(_Line):
    """One expression that must be true before anything is written."""

    @staticmethod
    def _compiled(source: str) -> Expression:
        return _requirement_of(source)

    def check(self, scope: Scope) -> Verdict:
        """Raises TemplateError if it comes to neither true nor false, Unreadable if it needs unknown labels."""
        run = Run(cache(scope.look_up), is_gate=True)
        try:
            return Verdict(evaluation.as_verdict(run, self.expression.evaluate), run.read)
        except ExpressionError as error:
            told = _with_key_meant(error, self.source, scope, is_template=False)
            raise _located(told, self.where, self.source) from None


@dataclass(frozen=True, slots=True)
class Selection(_Line):
    """One expression of `where`: an artifact for which it is false is left out."""

    @staticmethod
    def _compiled(source: str) -> Expression:
        return _selection_of(source)

    def holds(self, scope: Scope) -> bool:
        """Raises TemplateError if it comes to neither true nor false or compares unlike kinds, Unreadable for unknown labels."""
        run = Run(cache(scope.look_up), is_gate=True, asker="where")
        try:
            return evaluation.as_verdict(run, self.expression.evaluate)
        except ExpressionError as error:
            raise _located(error, self.where, self.source) from None


def _told(value: object) -> str:
    if not isinstance(value, list | tuple):
        return _told_plainly(value)
    if any(isinstance(item, list | tuple | Mapping) for item in value[:_MOST_TOLD]):
        return f"a list of {len(value):,}"
    more = [f"{len(value) - _MOST_TOLD:,} more"] if len(value) > _MOST_TOLD else []
    return f"[{', '.join([*map(_told_plainly, value[:_MOST_TOLD]), *more])}]"


def _told_plainly(value: object) -> str:
    try:
        return f"'{shown(value)}'" if isinstance(value, str) else text_of(value)
    except ExpressionError:
        return "null" if value is None else kind_of(value)


def _is_missing(error: ExpressionError) -> bool:
    return isinstance(error, Missing) and not isinstance(error, Unfit)


def _with_spelling(error: ExpressionError, spelling: str | None) -> ExpressionError:
    """The error of what can't be read, with how a metric is written that seems to be meant."""
    return ExpressionError(error.problem, f"Write `{shown(spelling)}`.") if spelling else error


def _with_key_meant(error: ExpressionError, source: str, scope: Scope, *, is_template: bool) -> ExpressionError:
    """The error of what isn't there, with the key that its text goes on as: `metrics.0.5` reads to Jinja2 as two keys."""
    if not _is_missing(error):
        return error
    return _with_spelling(error, spelling_meant(source, scope.metrics, is_template=is_template, was_read=True))


def _located(error: ExpressionError, where: str, source: str, next_step: str = "") -> TemplateError:
    return TemplateError(f"{where} `{shown(source)}`: {error.problem}", error.next_step or next_step)


@lru_cache(maxsize=1024)
def _parts_of(source: str) -> tuple[str | Expression, ...]:
    return expressions.parse_template(source)


@lru_cache(maxsize=1024)
def _requirement_of(source: str) -> Expression:
    return expressions.parse_requirement(source)


@lru_cache(maxsize=1024)
def _selection_of(source: str) -> Expression:
    return expressions.parse_selection(source)
