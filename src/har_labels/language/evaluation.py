"""How the pieces of an expression are evaluated, once expressions.py has allowed them.

Each function makes a piece: a function from one Run to a value of values.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from har_labels.language.filters import Filter
from har_labels.language.scope import CI_NAMES
from har_labels.language.values import (
    EACH,
    Effort,
    ExpressionError,
    Missing,
    checked,
    described,
    kind_of,
    listed,
    number,
    part,
    path_to,
    text_of,
)

DEFAULT = Filter(lambda *_: None, ("default_value", "boolean"))  # `run` stays unused: see `defaulted`

_ORDER: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
    "lt": ("<", operator.lt),
    "lteq": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gteq": (">=", operator.ge),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation: `look_up` gives a name's value, `read` collects what was read, by its path."""

    look_up: Callable[[str], object]
    effort: Effort = field(default_factory=Effort)
    read: dict[str, object] = field(default_factory=dict)


Evaluate = Callable[[Run], object]


@dataclass(frozen=True, slots=True)
class Key:
    """What stands in `[…]` or behind a dot: worked out anew for each run."""

    evaluate: Evaluate


def reader(name: str, keys: Sequence[Key]) -> Evaluate:
    """The value of `name`, or what `keys` lead to in it."""

    def read(run: Run) -> object:
        value, path = run.look_up(name), name
        for key in keys:
            at = key.evaluate(run)
            found = _of_ci(value, at) if name == "ci" else part(checked(value, path), at, path, run.effort)
            value, path = found, path_to(path, at)
        run.read[path] = checked(value, path)
        return value

    return read


def check_ci(name: object) -> None:
    """Raise ExpressionError unless `ci` has this name on every CI."""
    if name not in CI_NAMES:
        raise ExpressionError(f"there is no `{path_to('ci', name)}`; in `ci` there are {listed(CI_NAMES, most=20)}")


def _of_ci(ci: object, name: object) -> object:
    check_ci(name)
    return ci.get(name) or "" if isinstance(ci, Mapping) else ""


def bound(
    name: str, wanted: Filter, positional: Sequence[Evaluate], named: Mapping[str, Evaluate]
) -> dict[str, Evaluate]:
    """The arguments of a filter by the names of its parameters."""
    given = dict(zip(wanted.parameters, positional, strict=False))
    missing = [each for each in wanted.parameters[: wanted.required] if each not in {*given, *named}]
    if len(positional) > len(wanted.parameters) or missing or not named.keys() <= set(wanted.parameters) - set(given):
        if wanted.is_open:
            raise ExpressionError(f"`{name}` takes its values without names, as many as its pattern has places")
        takes = ", ".join(wanted.parameters) or "nothing"
        must = f", of which {' and '.join(missing)} must be given" if missing else ""
        raise ExpressionError(f"`{name}` takes {takes} in brackets{must}")
    return given | dict(named)


def filtered(
    wanted: Filter, subject: Evaluate, positional: Sequence[Evaluate], named: Mapping[str, Evaluate]
) -> Evaluate:
    """The value of `subject` after the filter."""

    def run_filter(run: Run) -> object:
        value = subject(run)
        run.effort.spend(1)
        arguments = [evaluate(run) for evaluate in positional]
        return wanted.run(run.effort, value, *arguments, **{key: evaluate(run) for key, evaluate in named.items()})

    return run_filter


def defaulted(subject: Evaluate, arguments: Mapping[str, Evaluate]) -> Evaluate:
    """The value of `subject`, or the default if something it reads is missing (with `boolean` also if it is empty)."""
    also_empty = arguments.get("boolean", _false)
    otherwise = arguments.get("default_value", _empty_text)

    def run_default(run: Run) -> object:
        run.effort.spend(1)
        try:
            value = subject(run)
        except Missing:
            return otherwise(run)
        return value if value or not also_empty(run) else otherwise(run)

    return run_default


def _empty_text(_run: Run) -> object:
    return ""


def _false(_run: Run) -> object:
    return False


def added(left: Evaluate, right: Evaluate) -> Evaluate:
    """The sum of two numbers."""
    return lambda run: checked(_term(left(run)) + _term(right(run)), "the sum")


def subtracted(left: Evaluate, right: Evaluate) -> Evaluate:
    """The difference of two numbers."""
    return lambda run: checked(_term(left(run)) - _term(right(run)), "the difference")


def negated(inner: Evaluate) -> Evaluate:
    """A number with the other sign."""
    return lambda run: -_term(inner(run))


def unchanged(inner: Evaluate) -> Evaluate:
    """What `+` before a number is."""
    return lambda run: _term(inner(run))


def _term(value: object) -> int | float:
    if isinstance(value, str):
        raise ExpressionError(
            f"`+` and `-` are for numbers, and {described(value)} is none",
            "Put texts beside one another: `{{ a }}{{ b }}`; a number in a metrics file has no quotes.",
        )
    return number(value, "`+` or `-`")


def compared(first: Evaluate, operands: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    """Whether all of `first < second <= third …` hold, as far as needed."""

    def compare(run: Run) -> bool:
        left = first(run)
        for sign, evaluate in operands:
            right = evaluate(run)
            run.effort.spend(1)
            if not _holds(run.effort, sign, left, right):
                return False
            left = right
        return True

    return compare


def _holds(effort: Effort, sign: str, left: object, right: object) -> bool:
    if sign in {"in", "notin"}:
        return _contains(effort, right, left) is (sign == "in")
    word, compare = _ORDER[sign]
    kind = kind_of(left)
    if kind != kind_of(right):
        raise ExpressionError(
            f"`{word}` compares {described(left)} with {described(right)}",
            "Compare like with like: a number has no quotes, neither here nor in a metrics file.",
        )
    if kind not in {"a number", "a text", "a time"} and not (kind == "true or false" and sign in {"eq", "ne"}):
        raise ExpressionError(
            f"`{word}` can't compare {kind} with another", "Use `in` for lists, `==` for true and false."
        )
    return compare(left, right)


def _contains(effort: Effort, whole: object, item: object) -> bool:
    """Whether the list, text or mapping `whole` has `item`, compared like with like."""
    if isinstance(item, list | tuple | Mapping):
        raise ExpressionError(f"`in` can't look for {kind_of(item)}", "Look for one item at a time.")
    match whole:
        case list() | tuple():
            effort.spend(len(whole))
            return item in whole and (isinstance(item, str) or _has_alike(effort, whole, item))
        case str() if isinstance(item, str):
            effort.spend(len(whole))
            return item in whole
        case Mapping() if isinstance(item, str):
            return item in whole
    raise ExpressionError(
        f"`in` can't look for {described(item)} in {described(whole)}",
        "Behind `in` stands a list, or a text to look for a text in.",
    )


def _has_alike(effort: Effort, whole: Sequence[object], item: object) -> bool:
    """Whether a list has `item` itself: in Python 1 == True, and here a hit must be of the same kind."""
    effort.spend(EACH * len(whole))
    return any(each == item and kind_of(each) == kind_of(item) for each in whole)


def as_text(run: Run, evaluate: Evaluate) -> str:
    """What a placeholder prints. Raises ExpressionError for what has no text of its own."""
    return text_of(evaluate(run))


def as_verdict(run: Run, evaluate: Evaluate) -> bool:
    """The value, which must be true or false."""
    value = evaluate(run)
    if isinstance(value, bool):
        return value
    raise ExpressionError(
        f"it comes to {described(value)}, which is neither true nor false",
        "Compare the value with something, such as `metrics.accuracy >= 0.92`.",
    )
