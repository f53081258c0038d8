"""Values in a template or a `require`: what can be read, how it prints, and how large it may get.

A value is a text, a number, true or false, a time, a list or a mapping, and never any other Python object.
Each is bounded where it is read or made, so no expression can use more than a little time and memory
(contract §3 "Templates").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from heapq import nsmallest
from itertools import islice

from har_labels.display import shown
from har_labels.language.unreadable import Unreadable

LONGEST_TEXT = 4096
LARGEST_NUMBER = 10**100
# Work is counted in characters that C code passes over; what Python does for one item costs as much as EACH.
EACH = 50
_WORK_ALLOWED = 500_000
_MOST_LISTED = 10
_LONGEST_GUESSED = 100


class ExpressionError(Exception):
    """What is wrong with an expression, without saying where it stands; `next_step` may be empty."""

    def __init__(self, problem: str, next_step: str = "") -> None:
        super().__init__(problem)
        self.next_step = next_step

    @property
    def problem(self) -> str:
        """The problem in words, without a full stop."""
        return str(self.args[0])


class Missing(ExpressionError):
    """A value that isn't there, is null, or is no number: an error unless `default` follows.

    Worded only when somebody asks, as an expression may meet hundreds of them and default them all.
    """

    def __init__(self, describe: Callable[[], str], next_step: str = "") -> None:
        super().__init__("", next_step)
        self._describe = describe

    @property
    def problem(self) -> str:
        return self._describe()


class Effort:
    """How much work one evaluation may still do, in characters passed over."""

    def __init__(self) -> None:
        self._left = _WORK_ALLOWED

    def spend(self, amount: int) -> None:
        """Count `amount` more. Raises ExpressionError past what one expression may do."""
        self._left -= amount + 1
        if self._left < 0:
            raise ExpressionError("it works through too much text or too long a list", "Make the expression simpler.")


def kind_of(value: object) -> str:
    """`value`'s kind in the words of the error texts."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case datetime():
            return "a time"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
    return f"a {type(value).__name__}"


def checked(value: object, path: str) -> object:
    """`value` as read at `path`. Raises Missing for null, NaN and infinity, ExpressionError if it is too large."""
    match value:
        case Unreadable():
            raise ExpressionError(f"`{path}` can't be used: {value.why}", value.cure)
        case None:
            raise Missing(lambda: f"`{path}` is null")
        case float() if not math.isfinite(value):
            raise Missing(lambda: f"`{path}` is {value}, which can't be compared or printed")
        case int() if abs(value) >= LARGEST_NUMBER:
            raise ExpressionError(f"`{path}` is a number of more than 100 digits")
        case str() if len(value) > LONGEST_TEXT:
            raise ExpressionError(f"`{path}` has {len(value):,} characters, and {LONGEST_TEXT:,} can be used")
        case str() | int() | float() | datetime() | list() | tuple() | Mapping():
            return value
    raise ExpressionError(f"`{path}` is {kind_of(value)}, which can't be used here")


def part(value: object, key: object, path: str, effort: Effort) -> object:
    """The part `key` of what was read at `path`: a mapping's value or a list's item, not yet checked.

    Looks into mappings and lists only, so no attribute of a Python object is ever reached.
    Raises Missing where there is no such part.
    """
    effort.spend(1)
    name = text_of(key)
    match value:
        case Mapping():
            if name in value:
                return value[name]
            cure = "Name the file that has it with `metrics-file`." if path == "metrics" and not value else ""
            raise Missing(lambda: _no_such_key(name, value, path), cure)
        case list() | tuple() if type(key) is int:
            if -len(value) <= key < len(value):
                return value[key]
            raise Missing(lambda: f"`{path}` has {len(value):,} items, and none is at {key}")
    raise Missing(lambda: f"`{path}` is {kind_of(value)} and has no `{shown(name)}`")


def path_to(path: str, key: object) -> str:
    """How the part `key` of `path` is written."""
    name = text_of(key)
    if isinstance(key, str) and name.isidentifier():
        return f"{path}.{name}"
    return f"{path}[{shown(repr(key))}]"


def text_of(value: object) -> str:
    """`value` as it prints.

    Numbers print shortest, as Python and JSON write them (0.934, 1e-05, 3.0, 3), without a minus before zero;
    times as ISO 8601 in UTC to the second. Raises ExpressionError for lists and mappings.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value + 0.0)
        case str() | int():
            return str(value)
        case datetime():
            return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
        case list() | tuple():
            raise ExpressionError("a list has no text of its own", "Join it: `| join(' ')`, or take one item: `[0]`.")
    raise ExpressionError(
        "a mapping has no text of its own", "Say which value in it is meant, such as `metrics.accuracy`."
    )


def number(value: object, what: str) -> int | float:
    """`value`, which must be a number; `what` names who needs it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ExpressionError(f"{what} needs a number, and {described(value)} is none")


def whole(value: object, what: str, limit: int) -> int:
    """`value`, which must be a whole number from -limit to limit."""
    if type(value) is int and abs(value) <= limit:
        return value
    raise ExpressionError(f"{what} needs a whole number up to {limit:,}, and {described(value)} is none")


def fits(length: int) -> None:
    """Raise ExpressionError if a text of `length` characters would be longer than a value may be."""
    if length > LONGEST_TEXT:
        raise ExpressionError(f"it makes a text of more than {LONGEST_TEXT:,} characters")


def described(value: object) -> str:
    """`value` with its kind, short enough for an error text."""
    match value:
        case str():
            return f"the text '{shown(value)}'"
        case bool():
            return f"`{text_of(value)}`"
        case int() | float() | datetime():
            return f"the {kind_of(value).removeprefix('a ')} {text_of(value)}"
    return kind_of(value)


def listed(names: Iterable[str], most: int = _MOST_LISTED) -> str:
    """The first names in order, in backquotes, and how many more there are."""
    every = list(names)
    first = ", ".join(f"`{shown(name)[:60]}`" for name in nsmallest(most, every))
    return f"{first} and {len(every) - most:,} more" if len(every) > most else first


def _nearest(name: str, keys: list[str]) -> list[str]:
    return get_close_matches(name, islice(keys, 1000), n=1) if len(name) <= _LONGEST_GUESSED else []


def _no_such_key(name: str, value: Mapping[object, object], path: str) -> str:
    keys = [key for key in value if isinstance(key, str)]
    what = f"there is no metric `{shown(name)}`" if path == "metrics" else f"`{path}` has no `{shown(name)}`"
    if len(keys) > _MOST_LISTED and (near := _nearest(name, keys)):
        return f"{what}; did you mean `{shown(near[0])}`? There are {listed(keys)}"
    if not keys:
        return f"{what}: " + ("no metrics file was given" if path == "metrics" else "it is empty")
    return f"{what}; there {'is' if len(keys) == 1 else 'are'} {listed(keys)}"
