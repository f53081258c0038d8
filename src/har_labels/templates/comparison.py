"""Comparisons: only of values of the same kind, and never of texts where numbers were meant (contract §3).

They are used by `==`, `<` and so on, `in`, and the tests of `is` and `selectattr`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from har_labels.templates.values import NUMBER, Budget, ExpressionError, checked, described, kind_of

# By their names in Jinja2's syntax tree.
_ORDER: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
    "lt": ("<", operator.lt),
    "lteq": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gteq": (">=", operator.ge),
}
# A list after `in` of at most this length does not count as a pass.
_SHORT = 10
# All values of these types can be compared, except floats that are not finite.
_PLAIN = frozenset({bool, int, float, str})
_NUMBERS = frozenset({int, float})
_INFINITE = (math.inf, -math.inf)
ORDERED_KINDS = frozenset({"a number", "a text", "a time"})


def check_order_of_texts(what: str, texts: Sequence[str]) -> None:
    """Raises ExpressionError if one of the texts is a number: as texts '10' comes before '9', and '1e-5' after '0.9'."""
    if found := next(filter(None, map(NUMBER.fullmatch, texts)), None):
        raise ExpressionError(
            f"`{what}` would put {described(found.string)} in order as a text, not as a number",
            "Make numbers of texts with `| float`, in a list with `| map('float')`.",
        )


def holds(sign: str, left: object, right: object) -> bool:
    """Whether `left sign right`, for all signs but `in`. Raises ExpressionError unless they can be compared."""
    word, compare = _ORDER[sign]
    kind = kind_of(left)
    if kind != kind_of(right):
        raise ExpressionError(f"`{word}` compares {described(left)} with {described(right)}", _cure(left, right))
    if kind not in ORDERED_KINDS and not (kind == "true or false" and sign in {"eq", "ne"}):
        raise ExpressionError(
            f"`{word}` can't compare {kind} with another", "Use `in` for lists, `==` for true and false."
        )
    if isinstance(left, str) and isinstance(right, str) and sign not in {"eq", "ne"}:
        check_order_of_texts(word, (left, right))
    return compare(left, right)


def _cure(left: object, right: object) -> str:
    kinds = {kind_of(left), kind_of(right)}
    if kinds == {"a number", "a text"}:
        return "Compare like with like: a number has no quotes here, and `| float` converts a text to one."
    if kinds == {"a text", "a time"}:
        return "Compare like with like: `| plus_days(0)` makes a time of a text, `| date` a text of a time."
    return "Compare like with like."


def contains(budget: Budget, whole: object, item: object) -> bool:
    """Whether the list, text or mapping `whole` contains `item`. Raises ExpressionError unless they can be compared."""
    if isinstance(item, list | tuple | Mapping):
        raise ExpressionError(f"`in` can't look for {kind_of(item)}", "Look for one item at a time.")
    match whole:
        case list() | tuple():
            budget.visit(len(whole) if len(whole) > _SHORT else 0)
            return _is_among(whole, item)
        case str() if isinstance(item, str):
            budget.spend(len(whole))
            return item in whole
        case Mapping() if isinstance(item, str):
            return item in whole
    raise ExpressionError(
        f"`in` can't look for {described(item)} in {described(whole)}",
        "After `in` write a list, or a text that may contain the other text.",
    )


def _is_among(items: Sequence[object], item: object) -> bool:
    """Whether a list contains `item`.

    Raises as `checked` for an item that can't be compared, and ExpressionError if all items are of one other kind:
    `3 not in metrics.failed` must not open a gate because the list is `["3"]` or has NaN.
    """
    types = set(map(type, items))
    if types == {str} and isinstance(item, str):
        return item in items
    if float in types or not types <= _PLAIN:
        for at, each in enumerate(items):
            if each is not None and (type(each) not in _PLAIN or each != each or each in _INFINITE):  # noqa: PLR0124 - NaN
                checked(each, f"item {at + 1} of the list")
    kind, alike = kind_of(item), _NUMBERS if type(item) in _NUMBERS else {type(item)}
    others = types - alike - {type(None)}
    if others and types.isdisjoint(alike) and (len(others) == 1 or others <= _NUMBERS):
        other = next(each for each in items if each is not None)
        what = f"`in` looks for {described(item)} in a list whose items are like {described(other)}"
        raise ExpressionError(what, _cure(item, other))
    return item in items and (kind == "a text" or _has_alike(items, item))


def _has_alike(whole: Sequence[object], item: object) -> bool:
    """Whether a list contains an equal item of the same kind: in Python 1 == True."""
    at = -1
    try:
        while True:
            at = whole.index(item, at + 1)
            if kind_of(whole[at]) == kind_of(item):
                return True
    except ValueError:
        return False
