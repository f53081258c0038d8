"""Label templates, `require` and `where`: each makes a text or a verdict of its expressions (contract §3, last parts).

`compiler` has the language; request/label_spec.py renders the items of inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, Self

from har_labels.errors import TemplateError
from har_labels.templates.compiler import (
    Evaluation,
    Expression,
    compile_requirement,
    compile_selection,
    compile_template,
)
from har_labels.templates.keys import spelling_meant
from har_labels.templates.scope import Scope
from har_labels.templates.values import LONGEST_TEXT, ExpressionError, Missing, Unfit, kind_of, text_of
from har_labels.text import shown

_MOST_LISTED = 10
# Only for a missing value in a template: in `require` a default would hide that the value is unknown.
_MAY_BE_MISSING = "Correct the name, give the metric, or put `| default('…')` after it."


@dataclass(frozen=True, slots=True)
class Template:
    """One label or pattern, with or without placeholders. `where` is the item's name in errors, such as `label 2`."""

    source: str
    where: str
    parts: tuple[str | Expression, ...] = field(repr=False)

    @classmethod
    def parse(cls, source: str, *, where: str, metrics: Mapping[str, object] | None = None) -> Template:
        """Raises TemplateError for what can't be parsed or is not allowed; it suggests a similar key of `metrics`."""
        try:
            return cls(source, where, compile_template(source))
        except ExpressionError as error:
            spelling = spelling_meant(source, metrics or {}, is_template=True)
            raise _located(_with_spelling(error, spelling), where, source) from None

    @property
    def names(self) -> frozenset[str]:
        """The paths it reads, such as `now`, `ci.run_number`, `metrics.val.acc`; none for a plain text."""
        return frozenset().union(*(part.names for part in self.parts if isinstance(part, Expression)))

    def render(self, scope: Scope, *, literally: Callable[[str], str] = str) -> str | None:
        """The text, or None if it has placeholders and all of them are empty.

        `literally` is applied to the value of each placeholder. Raises TemplateError.
        """
        run = Evaluation(cache(scope.look_up))
        try:
            values = [text_of(part.evaluate(run)) for part in self.parts if isinstance(part, Expression)]
        except ExpressionError as error:
            error = _with_key_meant(error, self.source, scope, is_template=True)
            raise _located(error, self.where, self.source, _MAY_BE_MISSING if _is_missing(error) else "") from None
        if values and not any(values):
            return None
        waiting = iter(values)
        text = "".join(part if isinstance(part, str) else literally(next(waiting)) for part in self.parts)
        if values and len(text) > LONGEST_TEXT:
            raise _located(ExpressionError(f"it renders to {len(text):,} characters"), self.where, self.source)
        return text


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """Whether a requirement holds, and the values it read, by path: `{"metrics.accuracy": 0.91}`."""

    holds: bool
    read: Mapping[str, object]

    @property
    def explanation(self) -> str:
        """The values read, on one line: `metrics.accuracy is 0.91, current is `a`, `b``."""
        return ", ".join(f"{path} is {_printed(value)}" for path, value in self.read.items())


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of an input that has one expression per line."""

    source: str
    where: str
    expression: Expression = field(repr=False)
    _compile: ClassVar[Callable[[str], Expression]]

    @classmethod
    def parse(cls, source: str, *, where: str, metrics: Mapping[str, object] | None = None) -> Self:
        """Raises TemplateError as `Template.parse`."""
        try:
            return cls(source, where, cls._compile(source))
        except ExpressionError as error:
            spelling = spelling_meant(source, metrics or {}, is_template=False)
            raise _located(_with_spelling(error, spelling), where, source) from None

    @property
    def names(self) -> frozenset[str]:
        """The paths it reads."""
        return self.expression.names


@dataclass(frozen=True, slots=True)
class Requirement(_Line):
    """An expression that must be true before anything is written."""

    _compile = staticmethod(compile_requirement)

    def check(self, scope: Scope) -> RequirementResult:
        """Evaluates it. Raises TemplateError if it is neither true nor false, Unreadable if it needs unknown labels."""
        run = Evaluation(cache(scope.look_up), is_gate=True)
        try:
            return RequirementResult(self.expression.decide(run), run.read)
        except ExpressionError as error:
            error = _with_key_meant(error, self.source, scope, is_template=False)
            raise _located(error, self.where, self.source) from None


@dataclass(frozen=True, slots=True)
class Selection(_Line):
    """An expression of `where`: an artifact for which it is false is left out."""

    _compile = staticmethod(compile_selection)

    def holds(self, scope: Scope) -> bool:
        """Evaluates it. Raises TemplateError if it is neither true nor false or compares values of different kinds,
        Unreadable if it needs unknown labels.
        """
        run = Evaluation(cache(scope.look_up), is_gate=True, asker="where")
        try:
            return self.expression.decide(run)
        except ExpressionError as error:
            raise _located(error, self.where, self.source) from None


def _printed(value: object) -> str:
    if not isinstance(value, list | tuple):
        return _printed_item(value)
    if any(isinstance(item, list | tuple | Mapping) for item in value[:_MOST_LISTED]):
        return f"a list of {len(value):,}"
    more = [f"{len(value) - _MOST_LISTED:,} more"] if len(value) > _MOST_LISTED else []
    return f"[{', '.join([*map(_printed_item, value[:_MOST_LISTED]), *more])}]"


def _printed_item(value: object) -> str:
    try:
        return f"'{shown(value)}'" if isinstance(value, str) else text_of(value)
    except ExpressionError:
        return "null" if value is None else kind_of(value)


def _is_missing(error: ExpressionError) -> bool:
    return isinstance(error, Missing) and not isinstance(error, Unfit)


def _with_spelling(error: ExpressionError, spelling: str | None) -> ExpressionError:
    """The error with the correct spelling of the metric that seems to be meant, if there is one."""
    return ExpressionError(error.why, f"Write `{shown(spelling)}`.") if spelling else error


def _with_key_meant(error: ExpressionError, source: str, scope: Scope, *, is_template: bool) -> ExpressionError:
    """The error with the key that its text continues as, if a value is missing: Jinja2 parses `metrics.0.5` as two keys."""
    if not _is_missing(error):
        return error
    return _with_spelling(error, spelling_meant(source, scope.metrics, is_template=is_template, was_read=True))


def _located(error: ExpressionError, where: str, source: str, next_step: str = "") -> TemplateError:
    return TemplateError(f"{where} `{shown(source)}`: {error.why}", error.cure or next_step)
