"""The filter `format`: `'%.3f' | format(x)` as Jinja2 has it, and Python's `'{:,}' | format(n)` beside it (contract §3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from har_labels.templates.texts import text
from har_labels.templates.values import EACH, Budget, ExpressionError, checked_number, described, fits

_WIDEST = 100
_CONVERSION = re.compile(r"%(?:%|[-+ #0]{0,5}(\d*)(?:\.(\d*))?([sdifFeEgGxXo])|())")
# A pattern with a place in braces has only such places; a `%` in it is literal.
_BRACES = re.compile(r"\{\{|\}\}|\{(\d*)(?::([^{}]*))?\}|[{}]")
_PLACE = re.compile(r"\{\d*(?::[^{}]*)?\}")
_PERCENT_PLACE = re.compile(r"%[-+#0]*\d*(?:\.\d*)?[sdifFeEgGxXo]")
_SPEC = re.compile(r"(?:.?[<>=^])?[-+ ]?#?0?(\d*)[,_]?(?:\.(\d+))?([dfFeEgGxXos%]?)")


def formatted(budget: Budget, value: object, *arguments: object) -> object:
    """`value` is the pattern, as in Jinja2; its places are of one kind."""
    if not isinstance(value, str):
        raise ExpressionError(
            f"`format` needs a pattern, not {described(value)}",
            "Put the pattern in front: `'%.3f' | format(metrics.loss)`.",
        )
    budget.spend(len(value) + EACH * (value.count("%") + value.count("{") + value.count("}")))
    if _PLACE.search(value):
        if _PERCENT_PLACE.search(value):
            raise ExpressionError("the pattern of `format` has places with `%` and with `{}`", "Use one kind of them.")
        return _in_braces(budget, value, arguments)
    rest, made, end, length = list(reversed(arguments)), [], 0, 0
    for found in _CONVERSION.finditer(value):
        made += [value[end : found.start()], _converted(budget, found, rest)]
        length += len(made[-1]) + len(made[-2])
        fits(length)
        end = found.end()
    if rest:
        raise ExpressionError(f"the pattern of `format` has no place for {len(rest)} of its values")
    fits(length + len(value) - end)
    return "".join([*made, value[end:]])


def _converted(budget: Budget, found: re.Match[str], rest: list[object]) -> str:
    conversion, kind = found[0], found[3]
    if conversion == "%%":
        return "%"
    if kind is None:
        raise ExpressionError(
            "the pattern of `format` has a `%` that is none of %s %d %i %f %e %g %x %o %%, and no place in braces"
        )
    _check_width(found[1], found[2])
    if not rest:
        raise ExpressionError("the pattern of `format` has more places than values")
    value = rest.pop()
    if kind == "s":
        return conversion % text(budget, value)
    given = _number(value, f"`%{kind}`", is_whole=kind in "xXo")
    return conversion % given


def _in_braces(budget: Budget, pattern: str, arguments: Sequence[object]) -> str:
    made, end, length = [], 0, 0
    used: list[int] = []
    for found in _BRACES.finditer(pattern):
        made += [pattern[end : found.start()], _placed(budget, found, arguments, used)]
        length += len(made[-1]) + len(made[-2])
        fits(length)
        end = found.end()
    if left := len(arguments) - len(set(used)):
        raise ExpressionError(f"the pattern of `format` has no place for {left} of its values")
    fits(length + len(pattern) - end)
    return "".join([*made, pattern[end:]])


def _placed(budget: Budget, found: re.Match[str], arguments: Sequence[object], used: list[int]) -> str:
    if found[0] in {"{{", "}}"}:
        return found[0][0]
    if found[1] is None:
        raise ExpressionError(f"the pattern of `format` has a single `{found[0]}`", "Write two of them for one.")
    at = int(found[1][:3]) if found[1] else len(used)
    if at >= len(arguments):
        raise ExpressionError("the pattern of `format` has more places than values")
    used.append(at)
    return _by_spec(budget, arguments[at], found[2] or "")


def _by_spec(budget: Budget, value: object, spec: str) -> str:
    """`value` in one of Python's format specifications that do not depend on the locale."""
    read = _SPEC.fullmatch(spec)
    if not read:
        raise ExpressionError(
            f"`format` does not support `{{:{spec}}}`", "Write such as `{:,}`, `{:,.2f}`, `{:.1%}` or `{:>8}`."
        )
    _check_width(read[1], read[2])
    kind = read[3]
    if kind == "s" or not spec or (not kind and isinstance(value, str) and not re.search("[,_]", spec)):
        printed = text(budget, value)
        try:
            return format(printed, spec)
        except ValueError as error:
            raise ExpressionError(f"`{{:{spec}}}` of `format` is not for a text: {error}") from None
    given = _number(value, f"`{{:{spec}}}`", is_whole=bool(kind) and kind in "dxXo")
    try:
        return format(given, spec)
    except (ValueError, OverflowError) as error:
        raise ExpressionError(f"`{{:{spec}}}` of `format` can't be used: {error}") from None


def _number(value: object, what: str, *, is_whole: bool) -> int | float:
    given = checked_number(value, f"{what} of `format`")
    if is_whole and isinstance(given, float):
        cure = "Make a whole number of it with `| int`."
        raise ExpressionError(f"{what} of `format` needs a whole number, not {described(value)}", cure)
    return given


def _check_width(*sizes: str | None) -> None:
    if any(len(digits) > len(str(_WIDEST)) or int(digits) > _WIDEST for digits in sizes if digits):
        raise ExpressionError(f"`format` makes nothing wider than {_WIDEST}")
