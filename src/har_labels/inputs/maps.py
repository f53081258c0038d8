"""Labels given as one map, in JSON or as a flow map of YAML 1.2: each pair becomes an item `key=value` (contract §2 "Lists").

Drone writes a map of `settings:` so on one line, Harness over several; `toJSON` of an object is one too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import dropwhile

from har_labels.errors import Invalid
from har_labels.inputs.lists import (
    Item,
    ItemStyle,
    as_lines,
    as_list_item,
    content_lines,
    flattened,
    numbered,
    parts_between_commas,
)
from har_labels.model.labels import key_and_value
from har_labels.model.unusable import Unusable
from har_labels.text import in_backquotes


def begins_map(text: str) -> bool:
    """Whether a value is a map, or meant to be one: what begins with `{{`, `{%` or `{#` is a template."""
    line = next(iter(content_lines(text)), "")
    return line.startswith("{") and line[1:2] not in {"{", "%", "#"}


def parse_map(text: str) -> tuple[Item, ...]:
    """The items of a map, in its order. Raises Invalid, whose cure is what was probably meant."""
    try:
        pairs = _pairs(text)
        if None in pairs.values() and ":" not in text:
            raise Invalid("it begins with `{` and has no `key: value`, as a map does", _way_out(text))
        return numbered([(_label(key, value, pairs), ItemStyle.IN_MAP) for key, value in pairs.items()])
    except RecursionError:
        raise Invalid("it is nested too deep", "Write one text for each key.") from None


def unexpected_map(text: str) -> Invalid:
    """The error of a map in a list other than `labels`."""
    line = content_lines(text)[0]
    first = next(iter(parts_between_commas(line)), line)
    return Invalid(
        "it begins with `{`, as a map does, and only labels can be a map",
        f"Write the items themselves, on a line each, or {in_backquotes(as_list_item(first))} for one that begins so.",
    )


class _Pairs(list[tuple[str, object]]):
    """An object of JSON with all its pairs, since a key may occur twice."""


def _pairs(text: str) -> dict[str, object]:
    # A string of JSON has no line ends, so none is cut by dropping lines of comments.
    without_comments = "\n".join(content_lines(text))
    try:
        found = json.loads(
            without_comments, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=_refuse_number
        )
    except Invalid:
        raise
    except ValueError:
        return _yaml_pairs("\n".join(dropwhile(lambda line: not content_lines(line), as_lines(text).split("\n"))))
    plain = _without_duplicates(found)
    twice = _twice(key for key, _ in found)
    if twice is not None:
        raise _key_twice(twice, [label for key, value in found for label in flattened(_without_duplicates(value), key)])
    assert isinstance(plain, dict)
    return plain


def _refuse_number(word: str) -> object:
    raise Invalid(
        f"it holds {word}, which is not a number of JSON", f'Write it in quotes if that text is meant: `"{word}"`.'
    )


def _without_duplicates(value: object) -> object:
    """`value` with dicts for its objects; of several pairs with the same key the last one remains."""
    if isinstance(value, _Pairs):
        return {key: _without_duplicates(inner) for key, inner in value}
    return [_without_duplicates(inner) for inner in value] if isinstance(value, list) else value


def _twice(keys: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None


def _key_twice(key: str, labels: Sequence[str]) -> Invalid:
    several = list(dict.fromkeys(labels))
    both = f", or write {_as_array(several)} to have both as labels" if len(several) == len(labels) else ""
    return Invalid(f"its key {in_backquotes(key)} occurs twice", f"Keep one of the two{both}.")


def _yaml_pairs(text: str) -> dict[str, object]:
    from har_labels.inputs.yaml import DuplicateKey, InvalidAt, load_plain

    try:
        found = load_plain(text, as_written=True)
    except DuplicateKey as error:
        raise Invalid(
            f"its key {in_backquotes(error.key)} occurs twice",
            f"Keep one of the two, or write each label on a line of its own: {in_backquotes(f'{error.key}=…')}.",
        ) from None
    except InvalidAt as error:
        raise Invalid(f"it begins with `{{` and is neither JSON nor a map of YAML ({error})", _way_out(text)) from None
    if not isinstance(found, dict):
        raise Invalid("it begins with `{` and is neither JSON nor a map of YAML", _way_out(text))
    return found


def _way_out(text: str) -> str:
    if labels := _of_several_maps(text):
        return f"Write all pairs into one map, or the labels as a list: {_as_array(labels)}."
    line = text.partition("\n")[0]
    first = next(iter(parts_between_commas(line)), line)
    of_a_map = '`{"stage": "production"}`'
    if "{{" in text:
        of_a_map = '`{"stage": "{{ … }}"}`, the template in quotes,'
    return f"Write {of_a_map} for a map, or {in_backquotes(as_list_item(first))} if an item itself begins with `{{`."


def _of_several_maps(text: str) -> list[str]:
    """The labels of several maps in a row, with or without commas between them."""
    for joined in (text, ",".join(line.rstrip(",") for line in content_lines(text))):
        try:
            return list(flattened(json.loads(f"[{joined}]", parse_int=str, parse_float=str)))
        except (ValueError, RecursionError):
            continue
    return []


def _label(key: str, value: object, pairs: dict[str, object]) -> str:
    if isinstance(value, dict | list):
        kind = "a map" if isinstance(value, dict) else "a list"
        flat = list(flattened(pairs))
        instead = f"all labels as a list: {_as_array(flat)}" if flat else "leave the key out"
        raise Invalid(
            f"its key {in_backquotes(key)} has {kind}, and not one text", f"Write one text for each key, or {instead}."
        )
    if isinstance(value, Unusable):
        cure = f"Write the value plainly: {in_backquotes(_as_map(key, '…'))}."
        raise Invalid(f"the value of its key {in_backquotes(key)} can't be used: {value.why}", cure)
    if value is None:
        colon = ", since a colon needs a blank after it" if ":" in key else ""
        raise Invalid(f"its key {in_backquotes(key)} has no value{colon}", _value_for(key))
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    label = f"{key}={text}"
    if key_and_value(label) != (key, text):
        why = f"its key {in_backquotes(key)} can't be the key of a label" if key else "one of its keys is empty"
        raise Invalid(why, f"Write the label itself in a list: {_as_array([label])}.")
    return label


def _value_for(key: str) -> str:
    name, sign, value = key.partition(":")
    if sign and name and value:
        return f"Write {in_backquotes(_as_map(name, value))}."
    pairs = f"{in_backquotes(_as_map(key, ''))} for a label with an empty value, {in_backquotes(_as_map(key, 'null'))} for that text"
    return f"Give it one, or leave the key out; {pairs}."


def _as_map(key: str, value: str) -> str:
    return json.dumps({key: value}, ensure_ascii=False)


def _as_array(labels: Iterable[str]) -> str:
    return in_backquotes(json.dumps(list(labels), ensure_ascii=False))
