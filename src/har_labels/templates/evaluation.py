"""How the pieces of an expression are evaluated, once expressions.py has allowed them.

Each function makes a piece: a function from one Run to a value of values.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from har_labels.templates.comparison import contains, holds
from har_labels.templates.filters import Filter
from har_labels.templates.keys import path_to
from har_labels.templates.scope import CI_NAMES, LACKABLE_NAMES
from har_labels.templates.values import (
    Effort,
    ExpressionError,
    Missing,
    Null,
    Undefined,
    Unfit,
    checked,
    cut,
    described,
    listed,
    number,
    part,
    reads_as_number,
    text_of,
    whole,
)

_LARGEST_INDEX = 10**9


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation: `look_up` gives a name's value, `read` collects what was read, by its path.

    In a gate (`require`, `where`) no default stands in for a value that is there and is not fit; `asker` names it.
    """

    look_up: Callable[[str], object]
    is_gate: bool = False
    asker: str = "require"
    effort: Effort = field(default_factory=Effort)
    read: dict[str, object] = field(default_factory=dict)


Evaluate = Callable[[Run], object]
# One step into a value: from it and its path to what is there and that one's path.
Step = Callable[[Run, object, str], tuple[object, str]]


def reader(name: str, steps: Sequence[Step]) -> Evaluate:
    """The value of `name`, or what `steps` lead to in it."""
    read = _following(lambda run: run.look_up(name), name, steps)

    def read_named(run: Run) -> object:
        try:
            return read(run)
        except Missing as missing:
            missing.name = name
            raise

    return read_named


def behind_brackets(inner: Evaluate, steps: Sequence[Step]) -> Evaluate:
    """What `steps` lead to in the value of an expression."""
    return _following(inner, "(…)", steps)


def _following(start: Evaluate, name: str, steps: Sequence[Step]) -> Evaluate:
    def read(run: Run) -> object:
        value, path = start(run), name
        for step in steps:
            value, path = step(run, value, path)
        run.read[path] = value
        return checked(value, path)

    return read


def to_part(key: Evaluate) -> Step:
    """`.key` or `[key]`."""

    def step(run: Run, value: object, path: str) -> tuple[object, str]:
        at = key(run)
        return part(value, at, path, run.effort), path_to(path, at)

    return step


def to_ci_fact(key: Evaluate) -> Step:
    """A name of `ci`; a known one that the CI doesn't tell is empty text."""

    def step(run: Run, value: object, path: str) -> tuple[object, str]:
        name = key(run)
        check_ci(name)
        return (value.get(name) or "" if isinstance(value, Mapping) else ""), path_to(path, name)

    return step


def to_cut(start: Evaluate | None, stop: Evaluate | None, step: Evaluate | None) -> Step:
    """`[start:stop:step]`, each a whole number if it is there."""

    def index(run: Run, evaluate: Evaluate | None) -> int | None:
        return None if evaluate is None else whole(evaluate(run), "`[a:b]`", _LARGEST_INDEX)

    def cutting(run: Run, value: object, path: str) -> tuple[object, str]:
        span = slice(index(run, start), index(run, stop), index(run, step))
        if span.step == 0:
            raise ExpressionError("`[a:b:c]` can't go by steps of 0")
        written = ":".join("" if each is None else str(each) for each in (span.start, span.stop))
        return cut(value, span, path, run.effort), f"{path}[{written}{'' if span.step is None else f':{span.step}'}]"

    return cutting


def check_ci(name: object) -> None:
    """Raise ExpressionError unless `ci` has this name on every CI."""
    if name not in CI_NAMES:
        raise ExpressionError(f"there is no `{path_to('ci', name)}`; in `ci` there are {listed(CI_NAMES, most=20)}")


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
        except Missing as missing:
            _refuse_unfit(run, missing)
            return otherwise(run)
        return value if value or not also_empty(run) else otherwise(run)

    return run_default


def _refuse_unfit(run: Run, missing: Missing) -> None:
    if run.is_gate and isinstance(missing, Unfit):
        raise ExpressionError(f"{missing.problem}; in `{run.asker}` no default stands in for that", missing.next_step)


def is_defined(subject: Evaluate) -> Evaluate:
    """Whether all that `subject` reads is there, though it may be null."""

    def run_test(run: Run) -> bool:
        run.effort.spend(1)
        try:
            subject(run)
        except Missing as missing:
            _refuse_unfit(run, missing)
            return isinstance(missing, Null | Unfit)
        return True

    return run_test


def is_none(subject: Evaluate) -> Evaluate:
    """Whether `subject` is there and null; one that isn't there is an error."""

    def run_test(run: Run) -> bool:
        run.effort.spend(1)
        try:
            subject(run)
        except Null:
            return True
        except Unfit as unfit:
            _refuse_unfit(run, unfit)
        return False

    return run_test


def _empty_text(_run: Run) -> object:
    return ""


def _false(_run: Run) -> object:
    return False


def added(left: Evaluate, right: Evaluate) -> Evaluate:
    """The sum of two numbers."""
    return lambda run: checked(_term(left(run), "+", "-") + _term(right(run), "+", "-"), "the sum")


def subtracted(left: Evaluate, right: Evaluate) -> Evaluate:
    """The difference of two numbers."""
    return lambda run: checked(_term(left(run), "+", "-") - _term(right(run), "+", "-"), "the difference")


def multiplied(left: Evaluate, right: Evaluate) -> Evaluate:
    """The product of two numbers."""
    return lambda run: checked(_term(left(run), "*", "/") * _term(right(run), "*", "/"), "the product")


def divided(left: Evaluate, right: Evaluate) -> Evaluate:
    """The quotient of two numbers; by zero there is none, so it is missing."""

    def divide(run: Run) -> object:
        above, below = _term(left(run), "*", "/"), _term(right(run), "*", "/")
        if not below:
            raise Undefined(lambda: f"it divides {text_of(above)} by zero")
        return checked(above / below, "the quotient")

    return divide


def negated(inner: Evaluate) -> Evaluate:
    """A number with the other sign."""
    return lambda run: -_term(inner(run), "+", "-")


def unchanged(inner: Evaluate) -> Evaluate:
    """What `+` before a number is."""
    return lambda run: _term(inner(run), "+", "-")


def _term(value: object, sign: str, other: str) -> int | float:
    if isinstance(value, str):
        cure = "Put texts beside one another: `{{ a }}{{ b }}`; a number in a metrics file has no quotes."
        if reads_as_number(value):
            cure = "Make a number of the text: `| float`."
        raise ExpressionError(f"`{sign}` and `{other}` are for numbers, and {described(value)} is none", cure)
    return number(value, f"`{sign}` or `{other}`")


def compared(first: Evaluate, operands: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    """Whether all of `first < second <= third …` hold, as far as needed."""

    def compare(run: Run) -> bool:
        left = first(run)
        for sign, evaluate in operands:
            right = evaluate(run)
            run.effort.spend(1)
            if not _hold(run, sign, left, right):
                return False
            left = right
        return True

    return compare


def _hold(run: Run, sign: str, left: object, right: object) -> bool:
    if sign in {"in", "notin"}:
        return contains(run.effort, right, left) is (sign == "in")
    return holds(sign, left, right)


# --- what a selector makes of what an artifact lacks ---------------------------------------------------------------

_LACKING = object()


def or_false(evaluate: Evaluate, reads: frozenset[str], *, otherwise: bool = False) -> Evaluate:
    """The value of `evaluate`, and false (or `otherwise`) where it reads what the artifact lacks.

    `reads` are the names in it: what a filter does not find in an artifact's labels is lacking too.
    """

    def run_or_false(run: Run) -> object:
        value = _or_lacking(run, evaluate, reads)
        return otherwise if value is _LACKING else value

    return run_or_false


def selected(
    first: tuple[Evaluate, frozenset[str]], operands: Sequence[tuple[str, Evaluate, frozenset[str]]]
) -> Evaluate:
    """As `compared`; beside what the artifact lacks only `!=` and `not in` hold."""

    def compare(run: Run) -> bool:
        left = _or_lacking(run, *first)
        for sign, evaluate, reads in operands:
            right = _or_lacking(run, evaluate, reads)
            run.effort.spend(1)
            is_lacking = left is _LACKING or right is _LACKING
            if not (sign in {"ne", "notin"} if is_lacking else _hold(run, sign, left, right)):
                return False
            left = right
        return True

    return compare


def _or_lacking(run: Run, evaluate: Evaluate, reads: frozenset[str]) -> object:
    try:
        return evaluate(run)
    except Missing as missing:
        names = frozenset({missing.name}) if missing.name else reads
        if isinstance(missing, Unfit | Undefined) or not names & LACKABLE_NAMES:
            missing.name = missing.name or "(…)"  # what stands around it reads more, and that has no say
            raise
        return _LACKING


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
