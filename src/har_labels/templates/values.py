"""Values in expressions: which can be read, how they are printed, and how large they may get.

A value is a text, a number, a boolean, a time, a list or a mapping, and never any other Python object. The size of each
is checked where it is read or made, so that every expression's time and memory are bounded (contract §3 "Templates").
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from heapq import nsmallest
from itertools import islice

from har_labels.errors import Invalid
from har_labels.model.unusable import Unusable
from har_labels.templates.keys import NameToken, key_meant, path_to
from har_labels.text import named, shown, utc_text

LONGEST_TEXT = 4096
LARGEST_NUMBER = 10**100
# Work is counted in characters that C code processes; Python code for one part of a text counts as EACH of them.
EACH = 50
_WORK_ALLOWED = 500_000
# Items of lists are counted separately, as a list of training steps is long (contract §3). The eight bytes of each in a
# new list are not counted; together with the bytes that are, less than 32 MB are used.
PASSES, PASS = 10, 100_000
_ITEMS_ALLOWED = PASSES * PASS + 10_000
_BYTES_ALLOWED = 23_000_000
# Texts that mean false in labels and many files.
_FALSE_WORDS = frozenset({"false", "no", "off", "none", "null", "0"})
_MOST_LISTED = 10
_LONGEST_LISTED = 60
_LONGEST_GUESSED = 100
# What Python's `float` accepts; possessive, so that a long text that is not a number is scanned once.
NUMBER = re.compile(
    r"\s*+[+-]?(?:(?:\d[\d_]*+(?:\.[\d_]*+)?|\.\d[\d_]*+)(?:e[+-]?\d++)?|nan|inf(?:inity)?)\s*+", re.IGNORECASE
)


class ExpressionError(Invalid):
    """Why an expression is not valid or can't be evaluated, without its place."""


class Missing(ExpressionError):
    """A missing value: an error unless `default` follows.

    Its text is made only when it is asked for, as an expression may meet hundreds of them and default them all.
    """

    def __init__(self, describe: Callable[[], str], cure: str = "") -> None:
        ValueError.__init__(self)
        self._describe, self.cure = describe, cure
        # The name that was read, such as `current_map`; empty if a filter found nothing.
        self.name = ""

    @property
    def why(self) -> str:  # type: ignore[override]  # an attribute would be made for each one
        return self._describe()


class Undefined(Missing):
    """An undefined result of arithmetic."""


class Null(Missing):
    """A value that is present and null."""


class Unfit(Missing):
    """A value that is present but not usable: NaN, or a text that is not a number or not a version.

    In a label `default` replaces it; in `require` nothing does, or a diverged training would pass (contract §3).
    """


class Budget:
    """The work that one evaluation may still do: characters to process, items of lists, and bytes held for them."""

    def __init__(self) -> None:
        self._work, self._items, self._bytes = _WORK_ALLOWED, _ITEMS_ALLOWED, _BYTES_ALLOWED

    def spend(self, amount: int) -> None:
        """Counts `amount` characters. Raises ExpressionError if the budget is exceeded."""
        self._work -= amount + 1
        if self._work < 0:
            raise ExpressionError("it works through too much text", "Make the expression simpler.")

    def visit(self, items: int) -> None:
        """Counts a pass over a list of so many items. Raises ExpressionError if the budget is exceeded."""
        self._items -= items
        if self._items < 0:
            why = f"it makes more than {PASSES} passes over lists of {PASS:,} items"
            raise ExpressionError(why, "Make the expression simpler, or the list shorter.")

    def hold(self, amount: int) -> None:
        """Counts bytes besides the lists; a negative amount releases them. Raises ExpressionError if the budget is exceeded."""
        self._bytes -= amount
        if self._bytes < 0:
            raise ExpressionError("it needs too much memory for a list this long", "Make the list shorter.")


_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "a text", dict: "a mapping", list: "a list"}


def kind_of(value: object) -> str:
    """The kind of `value` as error texts name it."""
    if kind := _KINDS.get(type(value)):
        return kind
    match value:
        case str():
            return "a text"
        case datetime():
            return "a time"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
        case Unusable():
            return "a value that can't be read"
    return f"a {type(value).__name__}"


def checked(value: object, path: str) -> object:
    """`value`, which was read at `path`. Raises Null, Unfit for NaN and infinity, ExpressionError if unusable or too large."""
    match value:
        case Unusable():
            raise ExpressionError(f"`{path}` can't be used: {value.why}", value.cure)
        case None:
            raise Null(lambda: f"`{path}` is null")
        case float() if not math.isfinite(value):
            raise Unfit(lambda: f"`{path}` is {value}, which can't be compared or printed")
        case int() if abs(value) >= LARGEST_NUMBER:
            raise ExpressionError(f"`{path}` is a number of more than 100 digits")
        case str() if len(value) > LONGEST_TEXT:
            raise ExpressionError(f"`{path}` has {len(value):,} characters, and {LONGEST_TEXT:,} can be used")
        case str() | int() | float() | datetime() | list() | tuple() | Mapping():
            return value
    raise ExpressionError(f"`{path}` is {kind_of(value)}, which can't be used here")


def part(value: object, key: object, path: str, budget: Budget) -> object:
    """The part `key` of the value read at `path`: a mapping's value or a list's item, not yet checked.

    Only mappings and lists have parts, so no attribute of a Python object is ever reached.
    Raises Missing if there is no such part, ExpressionError for the part of any other value.
    """
    budget.spend(1)
    name = text_of(key)
    match value:
        case Mapping():
            if isinstance(key, NameToken) and (meant := key_meant(key, value)):
                raise _other_key(key, meant, path)
            if name in value:
                return value[name]
            cure = (
                f"Name the file that has it with `{named('metrics-file')}`." if path == "metrics" and not value else ""
            )
            raise Missing(lambda: _no_such_key(name, value, path), cure)
        case list() | tuple() if type(key) is int:
            if -len(value) <= key < len(value):
                return value[key]
            raise Missing(lambda: f"`{path}` has {len(value):,} items, and none is at {key}")
        case list() | tuple():
            raise ExpressionError(f"`{path}` is a list and has no `{shown(name)}`", names_of_list(path))
        case None:
            raise Missing(lambda: f"`{path}` is null and has no `{shown(name)}`")
        case Unusable():
            checked(value, path)
    cure = "`[:12]` cuts a text." if isinstance(value, str) else "Correct the path."
    raise ExpressionError(f"`{path}` is {kind_of(value)} and has no `{shown(name)}`", cure)


def names_of_list(path: str) -> str:
    """A hint for a name after a list."""
    if path in {"current", "labels"}:
        return f"`{path}_map` has the labels by their keys: `{path}_map.stage`."
    return "Take one item by its number, `[0]` or `[-1]`, or all values of a name: `| map(attribute='…')`."


def _other_key(word: NameToken, meant: str, path: str) -> ExpressionError:
    is_sign = word.run[len(word) : len(word) + 1] in "-/*+%"
    cure = "Put blanks around the sign if arithmetic is meant. " if is_sign else ""
    cure += f"Write `{shown(path_to(path, meant))}`."
    return ExpressionError(f"`{shown(meant)}` is one key, and `.{shown(meant)}` doesn't read it", cure)


def cut(value: object, span: slice, path: str, budget: Budget) -> object:
    """`value[start:stop:step]` of a text or a list."""
    match value:
        case str():
            fits(len(range(*span.indices(len(value)))))
            return value[span]
        case list() | tuple():
            budget.visit(len(range(*span.indices(len(value)))))
            return value[span]
        case None:
            raise Missing(lambda: f"`{path}` is null")
        case Unusable():
            checked(value, path)
    raise ExpressionError(f"`[a:b]` cuts texts and lists, and `{path}` is {kind_of(value)}")


def text_of(value: object) -> str:
    """`value` as printed.

    Numbers in their shortest form, as in Python and JSON (0.934, 1e-05, 3.0, 3), zero without a minus; times as ISO 8601
    in UTC to the second. Raises ExpressionError for lists and mappings.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value + 0.0)
        case str() | int():
            return str(value)
        case datetime():
            return utc_text(value)
        case list() | tuple():
            raise ExpressionError("a list has no text of its own", "Join it: `| join(' ')`, or take one item: `[0]`.")
    raise ExpressionError(
        "a mapping has no text of its own", "Say which value in it is meant, such as `metrics.accuracy`."
    )


def reads_as_number(text: str) -> bool:
    """Whether a text is a number, including NaN and infinity."""
    return bool(NUMBER.fullmatch(text))


def checked_number(value: object, what: str) -> int | float:
    """`value`, which must be a number; `what` names the operator or filter for the error."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    cure = "Make a number of the text: `| float`." if isinstance(value, str) and reads_as_number(value) else ""
    raise ExpressionError(f"{what} needs a number, not {described(value)}", cure)


def is_true(value: object) -> bool:
    """Whether `value` is true in `and`, `or`, `not` and `if`: neither empty nor zero.

    Raises ExpressionError for a text such as `False`, which would be true and open a gate by accident.
    """
    if isinstance(value, str) and value.strip().lower() in _FALSE_WORDS:
        what = f"{described(value)} is used as a condition, and every text that isn't empty is true"
        raise ExpressionError(what, f"Compare it: `== '{shown(value)}'`, or `!=`.")
    return bool(value)


def checked_whole(value: object, what: str, limit: int) -> int:
    """`value`, which must be a whole number from -limit to limit."""
    if type(value) is int and abs(value) <= limit:
        return value
    raise ExpressionError(f"{what} needs a whole number up to {limit:,}, not {described(value)}")


def fits(length: int) -> None:
    """Raises ExpressionError if a text of `length` characters would be too long for a value."""
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
    first = ", ".join(f"`{shown(name, _LONGEST_LISTED)}`" for name in nsmallest(most, every))
    return f"{first} and {len(every) - most:,} more" if len(every) > most else first


def _no_such_key(name: str, value: Mapping[object, object], path: str) -> str:
    keys = [key for key in value if isinstance(key, str)]
    what = f"there is no metric `{shown(name)}`" if path == "metrics" else f"`{path}` has no `{shown(name)}`"
    is_guessed = len(keys) > _MOST_LISTED and len(name) <= _LONGEST_GUESSED
    if is_guessed and (near := get_close_matches(name, islice(keys, 1000), n=1)):
        return f"{what}; did you mean `{shown(near[0])}`? There are {listed(keys)}"
    if not keys:
        return f"{what}: " + ("no metrics file was given" if path == "metrics" else "it is empty")
    return f"{what}; there {'is' if len(keys) == 1 else 'are'} {listed(keys)}"
