"""Plain YAML 1.2 data from text: the core schema and no more; hides ruamel.yaml.

`1e-3` is a number, `no`, `12:30:45`, `1_000` and `2026-11-23` are texts. Anchors, aliases, tags, merge keys and
duplicate keys are refused, as one can't be believed at a glance. Built from the parser's events, so that deep
nesting is counted rather than recursed into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from har_labels.display import shown

DEEPEST = 100

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE_OR_FALSE = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEXADECIMAL = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})


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

    None if the text is empty. With `as_written` numbers are texts with the digits that they have there. Raises YamlError.
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
    """A list or mapping that isn't closed yet; `key` is a mapping's key whose value comes next."""

    value: dict[str, object] | list[object]
    key: str | None = None


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
            case "AliasEvent":
                raise _error(f"the alias `*{event.anchor}` is not allowed", event)
            case "ScalarEvent":
                self._check_plain(event)
                self._add_scalar(event)
            case "MappingStartEvent" | "SequenceStartEvent":
                self._check_plain(event)
                self._open_collection({} if kind == "MappingStartEvent" else [], event)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._close()

    def _check_plain(self, event: Any) -> None:
        if event.anchor is not None:
            raise _error(f"the anchor `&{event.anchor}` is not allowed", event)
        if event.tag is not None:
            raise _error("a tag (`!…`) is not allowed", event)

    def _add_scalar(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            top.key = _new_key(event, top.value)
        else:
            self._add(self._scalar(event))

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

    def _open_collection(self, value: dict[str, object] | list[object], event: Any) -> None:
        if len(self._open) >= DEEPEST:
            raise _error(f"it is nested more than {DEEPEST} deep", event)
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            raise _error("a key is a list or a mapping, and must be a text", event)
        self._open.append(_Open(value))

    def _close(self) -> None:
        self._add(self._open.pop().value)

    def _add(self, value: object) -> None:
        if not self._open:
            self.document = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            # The parser tells a key before each value, so `key` is a text here.
            top.value[str(top.key)] = value
            top.key = None


def _new_key(event: Any, mapping: dict[str, object]) -> str:
    key: str = event.value
    if key == "<<" and event.style is None:
        raise _error("the merge key `<<` is not allowed", event)
    if key in mapping:
        raise DuplicateKeyError(key, event.start_mark.line + 1, event.start_mark.column + 1)
    return key


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
