"""The filters of lists, with the names, arguments and results that Jinja2 gives them (contract §3).

`attribute` is one key as it stands, and items without it, or with null there, are left out. Each pass over a list is
counted, and what is held beside the list itself. The items of a list are looked at where a filter reads them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from har_labels.display import shown
from har_labels.language.comparison import ORDERED_KINDS, check_order_of_texts, contains, holds
from har_labels.language.numbers import absolute, as_float, as_int, rounded
from har_labels.language.texts import text
from har_labels.language.values import (
    Effort,
    ExpressionError,
    Missing,
    checked,
    described,
    fits,
    kind_of,
    listed,
    number,
    text_of,
)

# What a set's entry, or a sort's key and number, take beside the list.
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
# The tests of a value beside another: behind `is`, and of `selectattr`.
TESTS = (*COMPARING, "in", "startswith", "endswith")
_TESTS_OF_ONE = ("defined", "undefined", "none")


def tested(effort: Effort, name: str, value: object, other: object) -> bool:
    """Whether `value is name(other)`."""
    if name in COMPARING:
        return holds(effort, COMPARING[name], value, other)
    if name == "in":
        return contains(effort, other, value)
    for each in (value, other):
        if not isinstance(each, str):
            raise ExpressionError(f"`{name}` needs texts, and {described(each)} is none")
    return str(value).startswith(str(other)) if name == "startswith" else str(value).endswith(str(other))


def length(_effort: Effort, value: object) -> object:
    """How many items, keys or characters there are."""
    if isinstance(value, list | tuple | Mapping | str):
        return len(value)
    raise ExpressionError(f"`length` needs a list, a mapping or a text, and {described(value)} is none")


def first(_effort: Effort, value: object) -> object:
    """The first item. Raises Missing if there is none."""
    return _item_at(value, 0, "first")


def last(_effort: Effort, value: object) -> object:
    """The last item. Raises Missing if there is none."""
    return _item_at(value, -1, "last")


def _item_at(value: object, at: int, name: str) -> object:
    items = _list(value, name)
    if not items:
        raise _empty(name)
    return checked(items[at], f"the {name} item of the list")


def smallest(effort: Effort, value: object, case_sensitive: object = None, attribute: object = None) -> object:
    """The smallest item, or the item whose attribute is. Raises Missing if there is none."""
    return _extreme(effort, "min", value, attribute, is_exact=bool(case_sensitive))


def largest(effort: Effort, value: object, case_sensitive: object = None, attribute: object = None) -> object:
    """The largest item, or the item whose attribute is. Raises Missing if there is none."""
    return _extreme(effort, "max", value, attribute, is_exact=bool(case_sensitive))


def _extreme(effort: Effort, name: str, value: object, attribute: object, *, is_exact: bool) -> object:
    best: object = _ABSENT
    best_key: object = None
    for item, key in _ordered(effort, name, value, attribute, is_exact=is_exact):
        if best is _ABSENT or (key < best_key if name == "min" else key > best_key):  # type: ignore[operator]
            best, best_key = item, key
    if best is _ABSENT:
        raise _empty(name)
    return best


def total(effort: Effort, value: object, attribute: object = None, start: object = 0) -> object:
    """The sum of the items, or of their attribute, on top of `start`."""
    made = number(start, "the start of `sum`")
    for item, at in _picked(effort, "sum", value, attribute):
        made += number(_checked(item, at), "`sum`")
    return checked(made, "the sum")


def mapped(
    effort: Effort, value: object, name: object = None, argument: object = None, attribute: object = None
) -> object:
    """The attribute of each item, or each item after one of the filters that make numbers."""
    if attribute is not None and name is None:
        return [item for item, _at in _picked(effort, "map", value, attribute)]
    if not isinstance(name, str) or name not in MAPPED or attribute is not None:
        known = listed(f"map('{each}')" for each in MAPPED)
        raise ExpressionError(
            "`map` takes one key of the items or one filter", f"Write `map(attribute='…')`, or {known}."
        )
    arguments = [] if argument is None else [argument]
    if arguments and name != "round":
        raise ExpressionError(f"`map('{name}')` takes no more")
    items = _list(value, "map")
    effort.visit(len(items))
    effort.hold(_BYTES_OF_A_NUMBER * len(items))
    return [MAPPED[name](effort, _checked(item, at), *arguments) for at, item in enumerate(items)]


def selected(effort: Effort, given: object, attribute: object, test: object = None, value: object = None) -> object:
    """The items whose attribute passes the test; without one, those where it is neither empty nor zero nor false.

    An attribute of another kind is not equal; if all are of another kind, the wrong thing was compared.
    """
    items = _list(given, "selectattr")
    if test in {"none", "undefined"}:
        wanted = None if test == "none" else _ABSENT
        return [item for item, key in zip(items, _attributes(effort, given, attribute), strict=True) if key is wanted]
    picked = _picked(effort, "selectattr", given, attribute)
    if test is None or test == "defined":
        return [items[at] for key, at in picked if test or _checked(key, at)]
    if test not in TESTS:
        cure = f"There are {listed([*TESTS, *_TESTS_OF_ONE], most=30)}."
        raise ExpressionError(f"`selectattr` takes the name of a test, and {described(test)} is none", cure)
    if value is None:
        raise ExpressionError(
            f"`selectattr` needs a value for the test `{test}`", "Put it behind: `selectattr('name', 'equalto', 'f1')`."
        )
    if COMPARING.get(str(test)) in {"eq", "ne"}:
        return _equal(effort, items, picked, COMPARING[str(test)], value)
    return [items[at] for key, at in picked if tested(effort, str(test), _checked(key, at), value)]


def _equal(
    effort: Effort, items: Sequence[object], picked: Iterator[tuple[object, int]], sign: str, wanted: object
) -> object:
    found, kind, is_alike, other = [], kind_of(wanted), False, _ABSENT
    for key, at in picked:
        if kind_of(_checked(key, at)) == kind:
            is_alike, is_kept = True, holds(effort, sign, key, wanted)
        else:
            other, is_kept = key, sign == "ne"
        if is_kept:
            found.append(items[at])
    if other is not _ABSENT and not is_alike:
        holds(effort, sign, other, wanted)
    return found


def ordered(
    effort: Effort, value: object, reverse: object = None, case_sensitive: object = None, attribute: object = None
) -> object:
    """The items in order, those that are alike in the order in which they stood."""
    items: list[object] = []
    keys: list[Any] = []
    held = 0
    for item, key in _ordered(effort, "sort", value, attribute, is_exact=bool(case_sensitive)):
        held += _hold(effort, key, is_new=not case_sensitive)
        items.append(item)
        keys.append(key)
    order = sorted(range(len(keys)), key=keys.__getitem__, reverse=bool(reverse))
    effort.hold(-held)
    return [items[at] for at in order]


def unique(effort: Effort, value: object, case_sensitive: object = None, attribute: object = None) -> object:
    """The first of the items that are alike, or whose attributes are."""
    items, held = _list(value, "unique"), 0
    seen: dict[str, set[object]] = {}
    found = []
    for item, at in _picked(effort, "unique", value, attribute):
        kind = kind_of(_checked(item, at))
        if kind in {"a list", "a mapping"}:
            raise ExpressionError(
                f"`unique` can't compare {kind} with another", "Give it a key: `unique(attribute='…')`."
            )
        key = item.lower() if isinstance(item, str) and not case_sensitive else item
        if key not in seen.setdefault(kind, set()):
            held += _hold(effort, key, is_new=not case_sensitive)
            seen[kind].add(key)
            found.append(items[at])
    effort.hold(-held)
    return found


def joined(effort: Effort, value: object, d: object = "", attribute: object = None) -> object:
    """The items, or their attribute, as one text with `d` between them."""
    separator, size = text(effort, d), 0
    texts: list[str] = []
    for item, at in _picked(effort, "join", value, attribute):
        printed = text(effort, _checked(item, at))
        size += len(printed) + (len(separator) if texts else 0)
        fits(size)
        texts.append(printed)
    return separator.join(texts)


def _list(value: object, name: str) -> Sequence[object]:
    if isinstance(value, list | tuple):
        return value
    raise ExpressionError(f"`{name}` needs a list, and {described(value)} is none")


def _empty(name: str) -> Missing:
    return Missing(lambda: f"`{name}` finds no item in the list")


def _checked(item: object, at: int) -> object:
    if (type(item) is float and math.isfinite(item)) or type(item) is int:
        return item
    return checked(item, f"item {at + 1} of the list")


def _ordered(
    effort: Effort, name: str, value: object, attribute: object, *, is_exact: bool
) -> Iterator[tuple[object, object]]:
    """Each item with what it is put in order by, all of one kind."""
    items, kind = _list(value, name), ""
    for item, at in _picked(effort, name, value, attribute):
        own = kind_of(_checked(item, at))
        if own not in ORDERED_KINDS or (kind and own != kind):
            what = f"{kind} with {own}" if kind and own != kind else f"{own} with another"
            raise ExpressionError(f"`{name}` can't compare {what}: item {at + 1} of the list is {described(item)}")
        kind = own
        if not isinstance(item, str):
            yield items[at], item
            continue
        if len(items) > 1:
            check_order_of_texts(name, item)
        # As Jinja2 compares texts unless `case_sensitive`.
        yield items[at], item if is_exact else item.lower()


def _hold(effort: Effort, key: object, *, is_new: bool) -> int:
    """Count what a set or a sort holds for one item; gives that number of bytes."""
    amount = _BYTES_OF_AN_ENTRY
    if isinstance(key, str) and is_new:
        amount += _BYTES_OF_A_TEXT + len(key) * (1 if key.isascii() else _WIDEST_CHARACTER)
    effort.hold(amount)
    return amount


def _picked(effort: Effort, name: str, value: object, attribute: object) -> Iterator[tuple[object, int]]:
    """The items or what they have as `attribute`, with their places; those without it, or with null there, are left out.

    Raises Missing if there are items and none has it, which is a slip of the pen more often than a result.
    """
    items = _list(value, name)
    if attribute is None:
        effort.visit(len(items))
        yield from ((item, at) for at, item in enumerate(items))
        return
    has_it = not items
    for at, key in enumerate(_attributes(effort, value, attribute)):
        has_it = has_it or key is not _ABSENT
        if key is not _ABSENT and key is not None:
            yield key, at
    if not has_it:
        keys = items[-1] if isinstance(items[-1], Mapping) else {}
        there = f"; the last has {listed(str(key) for key in keys)}" if keys else ""
        raise Missing(lambda: f"no item of the list has `{shown(text_of(attribute))}`{there}")


def _attributes(effort: Effort, value: object, attribute: object) -> Iterator[object]:
    """What each item has as `attribute`, `_ABSENT` where it has none."""
    items = _list(value, "map")
    effort.visit(len(items))
    if isinstance(attribute, bool) or not isinstance(attribute, int | str):
        raise ExpressionError(f"`attribute` is one key, and {described(attribute)} is none")
    key = str(attribute)
    for at, item in enumerate(items):
        if isinstance(item, Mapping):
            yield item.get(key, _ABSENT)
        elif isinstance(item, list | tuple) and isinstance(attribute, int):
            yield item[attribute] if -len(item) <= attribute < len(item) else _ABSENT
        elif item is None:
            yield _ABSENT
        else:
            raise ExpressionError(
                f"item {at + 1} of the list is {described(_checked(item, at))} and has no `{shown(key)}`"
            )
