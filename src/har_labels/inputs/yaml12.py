"""Plain YAML 1.2 data from text: the core schema and no more; hides ruamel.yaml.

`1e-3` is a number, `no`, `12:30:45`, `1_000` and `2026-11-23` are texts. What anchors, aliases, tags and merge keys
stand for can't be believed at a glance: a value that has one is Unusable, and the rest of the file is not. Duplicate
keys are refused. Built from the parser's events, so that deep nesting is counted rather than recursed into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from har_labels.model.unusable import Unusable
from har_labels.text import shown

DEEPEST = 100

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE_OR_FALSE = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEXADECIMAL = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})
_OWN_TAGS = "tag:yaml.org,2002:"
_WRITE_PLAINLY = "Have the job write plain values: JSON, or YAML by `yaml.safe_dump`."


class YamlError(ValueError):
    """What is wrong, and the line and column where, both from 1."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {shown(problem)}")


class DuplicateKeyError(YamlError):
    """A mapping has `key` twice."""

    def __init__(self, key: str, line: int, column: int) -> None:
        super().__init__(f"the key `{key}` is there twice", line, column)
        self.key = key


def load(text: str, *, as_written: bool = False) -> object:
    """The one document in `text` as dicts, lists, texts, numbers, true, false and None; keys are texts as written.

    An Unusable stands where a value has an anchor or a tag, or is an alias; a mapping with a merge key is one as a
    whole, since nobody knows which keys it has. None if the text is empty. With `as_written` numbers are texts with the
    digits that they have there. Raises YamlError.
    """
    builder = _Builder(value_of=_written_value if as_written else _plain_value)
    for event in _events(text):
        builder.take(type(event).__name__, event)
    return builder.document


def _events(text: str) -> Iterator[Any]:
    """The parser's events, its every complaint as a YamlError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except ReaderError as error:
        start_of_line = text.rfind("\n", 0, error.position) + 1
        line, column = text.count("\n", 0, start_of_line) + 1, error.position - start_of_line + 1
        raise YamlError("a character that YAML doesn't allow", line, column) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlError(str(error.problem or error.context), line, column) from None
    except Exception as error:  # noqa: BLE001 - ruamel.yaml lets any other through, such as ValueError for "\U00110000"
        raise YamlError(f"it is no YAML ({type(error).__name__})", 1, 1) from None


@dataclass(slots=True)
class _Open:
    """A list or mapping that isn't closed yet; `key` is a mapping's key whose value comes next.

    `instead` is what stands in its place when it is closed, `instead_of_next` in place of its next value.
    """

    value: dict[str, object] | list[object]
    key: str | None = None
    instead: Unusable | None = None
    instead_of_next: Unusable | None = None


@dataclass(slots=True)
class _Builder:
    """Puts together what the events tell; `document` is None until one ends."""

    value_of: Callable[[str], object]
    document: object = None
    _open: list[_Open] = field(default_factory=list)
    _documents: int = 0

    def take(self, kind: str, event: Any) -> None:
        match kind:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise _error("a second document begins here, and only one is read", event)
            case "AliasEvent" | "ScalarEvent":
                self._add_scalar(event)
            case "MappingStartEvent" | "SequenceStartEvent":
                self._open_collection({} if kind == "MappingStartEvent" else [], event)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._close()

    def _add_scalar(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            self._add_key(top, top.value, event)
        else:
            self._add(_mark_of(event) or self._scalar(event))

    def _scalar(self, event: Any) -> object:
        text: str = event.value
        if event.style is not None:
            return text
        try:
            return self.value_of(text)
        except ValueError as error:
            raise _error(
                str(error) if isinstance(error, _NoNumberError) else "a number has too many digits", event
            ) from None

    def _add_key(self, top: _Open, mapping: dict[str, object], event: Any) -> None:
        """Takes note of a key. One that stands for others could be any, so all of its mapping is unreadable."""
        if _is_alias(event) or (event.value == "<<" and event.style is None):
            what = _mark_of(event) or _unreadable("the YAML merge key `<<`", "isn't followed", event)
            top.key, top.instead = "", top.instead or what
            return
        if event.value in mapping and not top.instead:
            raise DuplicateKeyError(event.value, event.start_mark.line + 1, event.start_mark.column + 1)
        top.key = event.value
        top.instead_of_next = _mark_of(event) if event.tag is not None else None

    def _open_collection(self, value: dict[str, object] | list[object], event: Any) -> None:
        if len(self._open) >= DEEPEST:
            raise _error(f"it is nested more than {DEEPEST} deep", event)
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            raise _error("a key is a list or a mapping, and must be a text", event)
        self._open.append(_Open(value, instead=_mark_of(event)))

    def _close(self) -> None:
        closed = self._open.pop()
        self._add(closed.instead or closed.value)

    def _add(self, value: object) -> None:
        if not self._open:
            self.document = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            # The parser tells a key before each value, so `key` is a text here.
            top.value[str(top.key)] = top.instead_of_next or value
            top.key = top.instead_of_next = None


def _is_alias(event: Any) -> bool:
    return type(event).__name__ == "AliasEvent"


def _mark_of(event: Any) -> Unusable | None:
    """What makes a value unreadable: being an alias, its tag, else its anchor."""
    if _is_alias(event):
        return _unreadable(f"the YAML alias `*{shown(event.anchor)}`", "isn't followed", event)
    if event.tag is not None:
        tag = str(event.tag)
        written = f"!!{tag.removeprefix(_OWN_TAGS)}" if tag.startswith(_OWN_TAGS) else tag
        return _unreadable(f"the YAML tag `{shown(written)}`", "can't be read", event)
    if event.anchor is not None:
        return _unreadable(f"the YAML anchor `&{shown(event.anchor)}`", "isn't read", event)
    return None


def _unreadable(what: str, why: str, event: Any) -> Unusable:
    return Unusable(f"{what} in line {event.start_mark.line + 1} {why}", _WRITE_PLAINLY)


def _plain_value(text: str) -> object:
    if text in _NULL:
        return None
    if text in _TRUE_OR_FALSE:
        return _TRUE_OR_FALSE[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float("-inf" if text.startswith("-") else "inf")
    return float("nan") if text in _NAN else text


class _NoNumberError(ValueError):
    """NaN or infinity where digits are wanted."""


def _written_value(text: str) -> object:
    if text in _NULL:
        return None
    if text in _NAN or _INFINITE.fullmatch(text):
        raise _NoNumberError(f"{text} is no number that can be written")
    return _TRUE_OR_FALSE.get(text, text)


def _error(problem: str, event: Any) -> YamlError:
    return YamlError(problem, event.start_mark.line + 1, event.start_mark.column + 1)
