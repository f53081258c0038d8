"""The filters of lists, with Jinja2's names, arguments and results (contract §3).

`attribute` is one literal key; items without it, or with null, are left out. Each pass over a list is counted in the
budget, and the memory used besides the list. Items are checked when a filter reads them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from har_labels.templates.comparison import ORDERED_KINDS, check_order_of_texts, contains, holds
from har_labels.templates.numbers import absolute, as_float, as_int, rounded
from har_labels.templates.texts import text
from har_labels.templates.values import (
    LARGEST_NUMBER,
    LONGEST_TEXT,
    Budget,
    ExpressionError,
    Missing,
    checked,
    checked_number,
    described,
    fits,
    is_true,
    kind_of,
    listed,
    text_of,
)
from har_labels.text import shown

# The memory of a set's entry, or of a sort's key and index.
_BYTES_OF_AN_ENTRY = 70
_BYTES_OF_A_TEXT = 60
_BYTES_OF_A_NUMBER = 32
_WIDEST_CHARACTER = 4
_ABSENT = object()

MAPPED: dict[str, Callable[..., object]] = {"float": as_float, "int": as_int, "abs": absolute, "round": rounded}
COMPARING = {
    "equalto": "eq", "eq": "eq", "==": "eq", "ne": "ne", "!=": "ne", "lt": "lt", "lessthan": "lt", "<": "lt",
    "le": "lteq", "<=": "lteq", "gt": "gt", "greaterthan": "gt", ">": "gt", "ge": "gteq", ">=": "gteq",
}  # fmt: skip
# The tests that compare a value with another, of `is` and `selectattr`.
TESTS = (*COMPARING, "in", "startswith", "endswith")
_OF_PRESENCE: dict[str, Callable[[object], bool]] = {
    "defined": lambda key: key is not _ABSENT and key is not None,
    "undefined": lambda key: key is _ABSENT,
    "none": lambda key: key is None,
}


def tested(budget: Budget, name: str, value: object, other: object) -> bool:
    """Whether `value is name(other)`."""
    if name in COMPARING:
        return holds(COMPARING[name], value, other)
    if name == "in":
        return contains(budget, other, value)
    for each in (value, other):
        if not isinstance(each, str):
            raise ExpressionError(f"`{name}` needs texts, not {described(each)}")
    return str(value).startswith(str(other)) if name == "startswith" else str(value).endswith(str(other))


def length(_budget: Budget, value: object) -> object:
    """How many items, keys or characters there are."""
    if isinstance(value, list | tuple | Mapping | str):
        return len(value)
    raise ExpressionError(f"`length` needs a list, a mapping or a text, not {described(value)}")


def first(_budget: Budget, value: object) -> object:
    """The first item. Raises Missing if there is none."""
    return _item_at(value, 0, "first")


def last(_budget: Budget, value: object) -> object:
    """The last item. Raises Missing if there is none."""
    return _item_at(value, -1, "last")


def _item_at(value: object, at: int, name: str) -> object:
    items = _checked_list(value, name)
    if not items:
        raise _empty(name)
    return checked(items[at], f"the {name} item of the list")


def smallest(budget: Budget, value: object, case_sensitive: object = None, attribute: object = None) -> object:
    """The smallest item, or the item whose attribute is. Raises Missing if there is none."""
    return _extreme(budget, "min", value, attribute, is_exact=bool(case_sensitive))


def largest(budget: Budget, value: object, case_sensitive: object = None, attribute: object = None) -> object:
    """The largest item, or the item whose attribute is. Raises Missing if there is none."""
    return _extreme(budget, "max", value, attribute, is_exact=bool(case_sensitive))


def _extreme(budget: Budget, name: str, value: object, attribute: object, *, is_exact: bool) -> object:
    items, keys = _ordered(budget, name, value, attribute)
    if not keys:
        raise _empty(name)
    choose = min if name == "min" else max
    if is_exact or not isinstance(keys[0], str):
        return items[keys.index(choose(keys))]
    # As Jinja2 compares texts; of several that are alike the first.
    places = range(len(keys)) if name == "min" else range(0, -len(keys), -1)
    return items[abs(choose(zip(map(str.lower, keys), places, strict=True))[1])]


def total(budget: Budget, value: object, attribute: object = None, start: object = 0) -> object:
    """The sum of the items, or of their attribute, on top of `start`."""
    picked = _picked(budget, "sum", value, attribute)
    if picked.kinds() - {"a number"}:
        for key in picked.keys:
            checked_number(key, "`sum`")
    return checked(sum(picked.keys, start=checked_number(start, "the start of `sum`")), "the sum")


def mapped(
    budget: Budget, value: object, name: object = None, argument: object = None, attribute: object = None
) -> object:
    """The attribute of each item, or each item after one of the filters that make numbers."""
    if attribute is not None and name is None:
        return _picked(budget, "map", value, attribute).keys
    if not isinstance(name, str) or name not in MAPPED or attribute is not None:
        known = listed(f"map('{each}')" for each in MAPPED)
        raise ExpressionError(
            "`map` takes one key of the items or one filter", f"Write `map(attribute='…')`, or {known}."
        )
    arguments = [] if argument is None else [argument]
    if arguments and name != "round":
        raise ExpressionError(f"`map('{name}')` takes no more")
    picked = _picked(budget, "map", value, None)
    picked.kinds()
    budget.hold(_BYTES_OF_A_NUMBER * len(picked.keys))
    return [MAPPED[name](budget, item, *arguments) for item in picked.keys]


def selected(budget: Budget, given: object, attribute: object, test: object = None, value: object = None) -> object:
    """The items whose attribute passes the test; without a test, those where it is neither empty nor zero nor false.

    An attribute of another kind is not equal; if all are of another kind, that is an error.
    """
    if isinstance(test, str) and test in _OF_PRESENCE:
        pairs = zip(_checked_list(given, "selectattr"), _attributes(budget, given, attribute), strict=True)
        return [item for item, key in pairs if _OF_PRESENCE[test](key)]
    if test is not None and test not in TESTS:
        cure = f"There are {listed([*TESTS, *_OF_PRESENCE], most=30)}."
        raise ExpressionError(f"`selectattr` takes the name of a test, not {described(test)}", cure)
    if test is not None and value is None:
        cure = "Add it: `selectattr('name', 'equalto', 'f1')`."
        raise ExpressionError(f"`selectattr` needs a value for the test `{test}`", cure)
    picked = _picked(budget, "selectattr", given, attribute)
    passes = _test_of_key(budget, None if test is None else str(test), value, picked.kinds())
    return [item for item, key in zip(picked.items, picked.keys, strict=True) if passes(key)]


def _test_of_key(budget: Budget, test: str | None, value: object, kinds: AbstractSet[str]) -> Callable[[Any], object]:
    if test is None:
        return is_true
    sign = COMPARING.get(test)
    if sign in {"eq", "ne"} and len(kinds) > 1 and kind_of(value) in kinds:
        return lambda key: (kind_of(key) == kind_of(value) and holds("eq", key, value)) is (sign == "eq")
    return lambda key: tested(budget, test, key, value)


def ordered(
    budget: Budget, value: object, reverse: object = None, case_sensitive: object = None, attribute: object = None
) -> object:
    """The items in order; equal ones keep their order."""
    items, keys = _ordered(budget, "sort", value, attribute)
    held = _reserve_memory(budget, keys, is_new=not case_sensitive)
    if keys and isinstance(keys[0], str) and not case_sensitive:
        keys = list(map(str.lower, keys))
    order = sorted(range(len(keys)), key=keys.__getitem__, reverse=bool(reverse))
    budget.hold(-held)
    return [items[at] for at in order]


def unique(budget: Budget, value: object, case_sensitive: object = None, attribute: object = None) -> object:
    """The items without repetitions: of those that are equal, or whose attribute is, the first."""
    picked = _picked(budget, "unique", value, attribute)
    if bad := picked.kinds() & {"a list", "a mapping"}:
        cure = "Give it a key: `unique(attribute='…')`."
        raise ExpressionError(f"`unique` can't compare {min(bad)} with another", cure)
    held = _reserve_memory(budget, picked.keys, is_new=not case_sensitive)
    # In Python 1 == True; here they are different.
    seen: dict[type, set[object]] = {kind: set() for kind in (bool, float, str, datetime)}
    found = []
    for item, key in zip(picked.items, picked.keys, strict=True):
        kind = float if type(key) is int else type(key)
        own = key.lower() if kind is str and not case_sensitive else key
        if own not in seen[kind]:
            seen[kind].add(own)
            found.append(item)
    budget.hold(-held)
    return found


def joined(budget: Budget, value: object, d: object = "", attribute: object = None) -> object:
    """The items, or their attribute, as one text with `d` between them."""
    separator, size = text(budget, d), 0
    picked = _picked(budget, "join", value, attribute)
    picked.kinds()
    texts: list[str] = []
    for key in picked.keys:
        printed = text(budget, key)
        size += len(printed) + (len(separator) if texts else 0)
        fits(size)
        texts.append(printed)
    return separator.join(texts)


@dataclass(frozen=True, slots=True)
class _Picked:
    """Items, each with its key: itself, or its attribute. `source` is the list that they are from."""

    items: Sequence[Any]
    keys: Sequence[Any]
    source: Sequence[object]

    def kinds(self) -> AbstractSet[str]:
        """The kinds of the keys. Raises as `checked` for the first key that can't be used."""
        types = set(map(type, self.keys))
        if not self._are_plain(types):
            for at, key in enumerate(self.keys):
                if type(key) is not bool:
                    checked(key, self.name_of(at))
        return {kind_of(next(key for key in self.keys if type(key) is each)) for each in types}

    def _are_plain(self, types: AbstractSet[type]) -> bool:
        """Whether all can surely be used; a fast check of lists whose items are of the same type."""
        if types <= {bool, dict, list, datetime}:
            return True
        if types == {str}:
            return max(map(len, self.keys)) <= LONGEST_TEXT
        try:
            are_finite = types <= {int, float} and all(map(math.isfinite, self.keys))
        except OverflowError:
            return False
        return are_finite and (int not in types or max(map(abs, self.keys)) < LARGEST_NUMBER)

    def name_of(self, at: int) -> str:
        """The name of a key's item in errors, by its index in the source."""
        place = (
            at if self.items is self.source else next(n for n, item in enumerate(self.source) if item is self.items[at])
        )
        return f"item {place + 1} of the list"


def _checked_list(value: object, name: str) -> Sequence[object]:
    if isinstance(value, list | tuple):
        return value
    raise ExpressionError(f"`{name}` needs a list, not {described(value)}")


def _empty(name: str) -> Missing:
    return Missing(lambda: f"`{name}` finds no item in the list")


def _ordered(budget: Budget, name: str, value: object, attribute: object) -> tuple[Sequence[Any], Sequence[Any]]:
    """The items and the keys to order them by, all of one kind."""
    picked = _picked(budget, name, value, attribute)
    kinds = picked.kinds()
    if len(kinds) > 1 or not kinds <= ORDERED_KINDS:
        first = kind_of(picked.keys[0])
        at = next((at for at, key in enumerate(picked.keys) if kind_of(key) != first), 0)
        what = f"{first} with {kind_of(picked.keys[at])}" if at else f"{first} with another"
        raise ExpressionError(f"`{name}` can't compare {what}: {picked.name_of(at)} is {described(picked.keys[at])}")
    if kinds == {"a text"} and len(picked.source) > 1:
        check_order_of_texts(name, picked.keys)
    return picked.items, picked.keys


def _reserve_memory(budget: Budget, keys: Sequence[Any], *, is_new: bool) -> int:
    """Counts the memory of a set or a sort besides the list; returns the number of bytes."""
    amount = _BYTES_OF_AN_ENTRY * len(keys)
    budget.hold(amount)
    if is_new:
        texts = [key for key in keys if type(key) is str]
        widest = 1 if all(map(str.isascii, texts)) else _WIDEST_CHARACTER
        more = _BYTES_OF_A_TEXT * len(texts) + widest * sum(map(len, texts))
        budget.hold(more)
        amount += more
    return amount


def _picked(budget: Budget, name: str, value: object, attribute: object) -> _Picked:
    """The items with their keys; with `attribute` those without it, or with null, are left out.

    Raises Missing if there are items and none has it, which is more often a typo than a result.
    """
    items = _checked_list(value, name)
    if attribute is None:
        budget.visit(len(items))
        return _Picked(items, items, items)
    keys = _attributes(budget, value, attribute)
    if items and all(key is _ABSENT for key in keys):
        last_keys = items[-1] if isinstance(items[-1], Mapping) else {}
        known = f"; the last has {listed(str(key) for key in last_keys)}" if last_keys else ""
        raise Missing(lambda: f"no item of the list has `{shown(text_of(attribute))}`{known}")
    there = [item for item, key in zip(items, keys, strict=True) if key is not _ABSENT and key is not None]
    return _Picked(there, [key for key in keys if key is not _ABSENT and key is not None], items)


def _attributes(budget: Budget, value: object, attribute: object) -> Sequence[object]:
    """The attribute of each item, `_ABSENT` if it has none."""
    items = _checked_list(value, "selectattr")
    budget.visit(len(items))
    if isinstance(attribute, bool) or not isinstance(attribute, int | str):
        raise ExpressionError(f"`attribute` is one key, not {described(attribute)}")
    key = str(attribute)
    if set(map(type, items)) == {dict}:
        return [item.get(key, _ABSENT) for item in items]  # type: ignore[attr-defined]
    return [_attribute_of(item, attribute, key, at) for at, item in enumerate(items)]


def _attribute_of(item: object, attribute: int | str, key: str, at: int) -> object:
    match item:
        case Mapping():
            return item.get(key, _ABSENT)
        case list() | tuple() if isinstance(attribute, int):
            return item[attribute] if -len(item) <= attribute < len(item) else _ABSENT
        case None:
            return _ABSENT
    found = described(checked(item, f"item {at + 1} of the list"))
    raise ExpressionError(f"item {at + 1} of the list is {found} and has no `{shown(key)}`")
