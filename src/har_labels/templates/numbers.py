"""The filters of numbers: `round`, `float`, `int`, `abs`."""

from __future__ import annotations

import math
from contextlib import suppress

from har_labels.templates.values import (
    Budget,
    ExpressionError,
    Unfit,
    checked,
    checked_number,
    checked_whole,
    described,
)

_MOST_PLACES = 30
# A longer text is not parsed as a number.
_LONGEST_NUMBER = 400


def rounded(_budget: Budget, value: object, precision: object = 0, method: object = "common") -> object:
    """As Jinja2's `round`: 'common', 'ceil' or 'floor'; the result has a fraction (`3.0`)."""
    given, places = checked_number(value, "`round`"), checked_whole(precision, "the precision of `round`", _MOST_PLACES)
    try:
        match method:
            case "common":
                return checked(round(given, places), "the rounded number")
            case "ceil":
                return checked(math.ceil(given * 10.0**places) / 10.0**places, "the rounded number")
            case "floor":
                return checked(math.floor(given * 10.0**places) / 10.0**places, "the rounded number")
    except OverflowError:
        raise ExpressionError(f"{described(value)} is too large for `round`") from None
    raise ExpressionError("`round` supports the methods 'common', 'ceil' and 'floor'")


def as_float(_budget: Budget, value: object) -> object:
    """A number, or a text that is one, with a fraction. Raises Unfit for any other value."""
    return _to_float(value, "float")


def as_int(_budget: Budget, value: object) -> object:
    """A number, or a text that is one, without its fraction. Raises Unfit for any other value."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        with suppress(ValueError):
            value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return checked(value, "the whole number")
    return checked(int(_to_float(value, "int")), "the whole number")


def _to_float(value: object, name: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, int | float | str) and (is_number or isinstance(value, str)):
        try:
            made = float(value if not isinstance(value, str) or len(value) <= _LONGEST_NUMBER else "")
        except (ValueError, OverflowError):
            made = math.nan
        if math.isfinite(made):
            return made
    cure = "Write a plain number there, such as 0.93, 93 or 1e-05."
    raise Unfit(lambda: f"`{name}` makes no finite number of {described(value)}", cure)


def absolute(_budget: Budget, value: object) -> object:
    """A number without its sign."""
    return abs(checked_number(value, "`abs`"))
