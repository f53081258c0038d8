r"""Decodes the body of a PUT as Go's encoding/json does, with the same error messages.

Source: `recorded/put-labels.json` and `recorded/errors.json`. Go decodes the first value and
ignores the rest; keys match in any case and the last one wins; `null` is the empty value of the
expected type; invalid UTF-8 and lone surrogates become U+FFFD; a wrong type is reported only if
the whole value is valid JSON.
Messages that are in neither file are written from knowledge of Go and were not compared with a run of it.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

_TYPE = "UpdateArtifactLabelsJSONRequestBody"
_SURROGATE = re.compile("[\ud800-\udfff]")
_LITERAL = re.compile("[tfn][a-z]*")
_BLANK = " \t\r\n"
_KEY = "looking for beginning of object key string"
#: Python's messages for invalid JSON, and Go's (around the offending character).
_WORDS = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": _KEY,
    "Illegal trailing comma before end of object": _KEY,
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}


class GoDecodeError(ValueError):
    """The body cannot be decoded; the text is Go's."""


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys in order, doubles included."""


def read_labels(body: bytes) -> list[str]:
    """The labels in a body, empty if it has none. Raises GoDecodeError for an invalid body."""
    value = _first_value(body)
    if value is None:
        return []
    if not isinstance(value, _Pairs):
        msg = f"json: cannot unmarshal {_kind(value)} into Go value of type artifact.{_TYPE}"
        raise GoDecodeError(msg)
    labels: list[str] = []
    problems: list[str] = []
    for key, item in value:
        if key.lower() == "labels":
            labels = _labels(item, labels, problems)
    if problems:
        raise GoDecodeError(problems[0])
    return labels


def _labels(item: object, before: list[str], problems: list[str]) -> list[str]:
    place = f"into Go struct field {_TYPE}.labels of type"
    if item is None:
        return []
    if isinstance(item, _Pairs) or not isinstance(item, list):
        problems.append(f"json: cannot unmarshal {_kind(item)} {place} []string")
        return before
    problems += [
        f"json: cannot unmarshal {_kind(label)} {place} string" for label in item if not isinstance(label, str | None)
    ]
    return [_SURROGATE.sub("\ufffd", label) if isinstance(label, str) else "" for label in item]


def _first_value(body: bytes) -> Any:
    # With surrogateescape each bad byte is one lone surrogate, and becomes one U+FFFD later.
    text = body.decode("utf-8", "surrogateescape").lstrip(_BLANK)
    if not text:
        raise GoDecodeError("EOF")
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=_no_constant)
    try:
        return decoder.raw_decode(text)[0]
    except json.JSONDecodeError as error:
        raise GoDecodeError(_in_go(text, error)) from None
    except RecursionError:
        raise GoDecodeError("json: exceeded max depth") from None


def _no_constant(name: str) -> NoReturn:
    """Reject NaN and Infinity, which Python accepts as JSON and Go does not."""
    raise GoDecodeError(f"invalid character {_quoted(name)} looking for beginning of value")


def _in_go(text: str, error: json.JSONDecodeError) -> str:
    """Go's error message for the position where Python's parser stopped."""
    rest = text[error.pos :]
    words = _WORDS.get(error.msg, "")
    if error.msg.startswith("Unterminated string") or not rest.strip(_BLANK):
        return "unexpected EOF"
    if error.msg == "Expecting ',' delimiter":
        words = "after object key:value pair" if _in_object(text[: error.pos]) else "after array element"
    if error.msg.startswith(("Invalid \\", "Illegal trailing comma")):
        rest = rest[1:]  # Python reports the backslash or the comma, Go the next character
    if words.endswith("of value") and (literal := _LITERAL.match(rest)):
        return _bad_literal(literal[0], rest)
    if not words.startswith("in "):
        rest = rest.lstrip(_BLANK)
    return f"invalid character {_quoted(rest)} {words or 'looking for beginning of value'}"


def _bad_literal(start: str, rest: str) -> str:
    wanted = {"t": "true", "f": "false", "n": "null"}[start[0]]
    for position, letter in enumerate(wanted):
        if rest[position : position + 1] == "":
            return "unexpected EOF"
        if rest[position] != letter:
            found = _quoted(rest[position:])
            return f"invalid character {found} in literal {wanted} (expecting '{letter}')"
    return "unexpected EOF"


def _in_object(before: str) -> bool:
    """Whether the innermost open bracket is a brace."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", before)
    while bare != (bare := re.sub(r"\[[^\[\]{}]*\]|\{[^\[\]{}]*\}", "", bare)):
        pass
    return bare.rfind("{") > bare.rfind("[")


def _quoted(rest: str) -> str:
    """The first byte of `rest` in single quotes, as Go prints a byte it did not expect."""
    char = chr(rest[0].encode("utf-8", "surrogateescape")[0])
    special = {"'": "\\'", '"': '"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
    if char in special:
        return f"'{special[char]}'"
    if char.isprintable():
        return f"'{char}'"
    return f"'\\x{ord(char):02x}'" if ord(char) < 0x80 else f"'\\u{ord(char):04x}'"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, _Pairs) else "array"
