"""From the text of a YAML 1.2 or JSON file to values with their places; hides ruamel.yaml.

Anchors, aliases, tags, merge keys and duplicate keys are refused, as none can be believed at a glance, and all of
them are told at once. `yaml12` reads the same language into plain data, without places.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from har_labels.request.positions import Builder, Kind, Node, Place, Problem, UnreadableError, Word
from har_labels.text import shown

_JSON_TOKEN = re.compile(r'[\s,:]*+(?:("(?:[^"\\]++|\\.)*+")|([\[{])|([\]}])|([^\s,:\[\]{}"]++))')
_JSON_KINDS = {"true": Kind.SWITCH, "false": Kind.SWITCH, "null": Kind.NOTHING}
# ruamel.yaml takes some words for numbers or dates that the core schema of YAML 1.2 does not, as other readers do:
# `1_000`, `2026-11-23`. In quotes they are the same text to every reader.
_YAML_KINDS = {
    "int": Kind.NUMBER,
    "float": Kind.NUMBER,
    "bool": Kind.SWITCH,
    "timestamp": Kind.DATE,
    "null": Kind.NOTHING,
}


def read(text: str, *, is_json: bool) -> tuple[Node | None, list[Problem]]:
    """The one document in `text`, and all that is wrong with its form.

    The document is None where there is none, or it can't be read. With `is_json` only JSON is taken; without it a
    text that is JSON is read as such all the same, which is a hundred times faster.
    """
    builder = Builder()
    problem = _json_problem(text) if is_json or text.lstrip().startswith("{") else _NO_JSON
    try:
        if problem is None:
            _build_from_json(text, builder)
        elif is_json:
            builder.problems.append(problem)
        else:
            _build_from_yaml(text, builder)
    except UnreadableError as error:
        return None, [*builder.problems, error.problem]
    return builder.document, builder.problems


# --- JSON --------------------------------------------------------------------------------------------------------

_NO_JSON = Problem(Place(1, 1), "it is no JSON", "")


def _json_problem(text: str) -> Problem | None:
    """Why the text is no JSON. Numbers stay as written, so that none has too many digits."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        return Problem(Place(error.lineno, error.colno), f"it is no JSON: {error.msg}", "Correct that place.")
    except RecursionError:
        return None  # it is read all the same, to find out where it is nested too deep
    return None


def _build_from_json(text: str, builder: Builder) -> None:
    """Takes what is known to be JSON token by token."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    for found in _JSON_TOKEN.finditer(text):
        string, opening, closing, word = found.groups()
        offset = found.start(found.lastindex or 0)
        line = bisect_right(starts, offset)
        place = Place(line, offset - starts[line - 1] + 1)
        if string:
            (builder.add_key if builder.expects_key else builder.add)(json.loads(string), place)
        elif opening:
            builder.open([] if opening == "[" else {}, place)
        elif closing:
            builder.close()
        else:
            builder.add(Word(word, _JSON_KINDS.get(word, Kind.NUMBER)), place)


# --- YAML --------------------------------------------------------------------------------------------------------


def _build_from_yaml(text: str, builder: Builder) -> None:
    kind_of = _kinds()
    documents = 0
    for event in _events(text):
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        match type(event).__name__:
            case "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    what = "a second document begins here, and only one is read"
                    raise UnreadableError(place, what, "Take out the `---` and what follows.")
            case "AliasEvent":
                _add_alias(builder, event, place)
            case "ScalarEvent":
                _add_scalar(builder, event, place, kind_of)
            case "MappingStartEvent" | "SequenceStartEvent" as kind:
                _refuse_extras(builder, event, place)
                builder.open({} if kind == "MappingStartEvent" else [], place)
            case "MappingEndEvent" | "SequenceEndEvent":
                builder.close()


def _add_alias(builder: Builder, event: Any, place: Place) -> None:
    if builder.expects_key:
        raise UnreadableError(place, f"the alias `*{shown(event.anchor)}` is not allowed", "Write the key itself.")
    builder.refuse(place, f"the alias `*{shown(event.anchor)}` is not allowed")
    builder.add(Word("", Kind.REFUSED), place)


def _add_scalar(builder: Builder, event: Any, place: Place, kind_of: Callable[[str], Kind | None]) -> None:
    is_quoted = event.style is not None
    is_refused = _refuse_extras(builder, event, place)
    if builder.expects_key:
        if event.value == "<<" and not is_quoted:
            raise UnreadableError(place, "the merge key `<<` is not allowed", "Write out the keys that are meant.")
        builder.add_key(event.value, place)
    elif is_refused:
        builder.add(Word(event.value, Kind.REFUSED), place)
    else:
        kind = None if is_quoted else kind_of(event.value)
        builder.add(Word(event.value, kind) if kind else event.value, place)


def _refuse_extras(builder: Builder, event: Any, place: Place) -> bool:
    """Whether the value has a tag, by which it may mean something else than it seems to; anchors harm nothing."""
    if event.anchor is not None:
        builder.refuse(place, f"the anchor `&{shown(event.anchor)}` is not allowed")
    if event.tag is not None:
        builder.refuse(place, "a tag (`!…`) is not allowed")
    return event.tag is not None


def _kinds() -> Callable[[str], Kind | None]:
    """What YAML 1.2 takes a word without quotes for; None for a text. By ruamel.yaml's own rules."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode

    resolver = YAML(typ="safe", pure=True).resolver

    def kind_of(word: str) -> Kind | None:
        tag = resolver.resolve(ScalarNode, word, (True, False))
        return _YAML_KINDS.get(str(tag).rpartition(":")[2])

    return kind_of


def _events(text: str) -> Iterator[Any]:
    """The parser's events, its every complaint as UnreadableError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except ReaderError as error:
        start = text.rfind("\n", 0, error.position) + 1
        place = Place(text.count("\n", 0, start) + 1, error.position - start + 1)
        raise UnreadableError(place, "a character that YAML doesn't allow") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise UnreadableError(place, f"it is no YAML: {shown(str(error.problem or error.context))}") from None
    except Exception as error:  # noqa: BLE001 - ruamel.yaml lets any other through, such as ValueError for "\U00110000"
        raise UnreadableError(Place(1, 1), f"it is no YAML ({type(error).__name__})") from None
