"""What the readers of Harness's output files make of them: harness/godotenv v2.0.0, v3.0.1 and v4.0.2, and after them lite-engine;
and harness-docker-runner's own reader of `KEY value` lines.

Each is written from the Go source, quirks included, as far as a file of `KEY=value` lines can show them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

LONGEST_LINE = 65_536
_SPACES = "\t\v\f\r \x85\xa0"
_VARIABLE = re.compile(r"(\\)?(\$)(\()?\{?([A-Z0-9_]+)?\}?")


class RejectedError(Exception):
    """The whole file is rejected, and every output of the step is lost."""


def read_by_harness(content: bytes, reader: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """As lite-engine: parse, then decode what starts with `__B64__` (pipeline/runtime/common.go)."""
    pairs = reader(content.decode())
    return {key: _decoded(value) for key, value in pairs.items()}


def key_value(content: bytes) -> dict[str, str]:
    """As harness-docker-runner reads a file `<step>.out`: split at the first space, nothing decoded (pipeline/runtime/common.go)."""
    return dict(line.split(" ", 1) for line in _scanned(content.decode()) if " " in line)


def v2(text: str) -> dict[str, str]:
    """Line by line; a comment starts at any `#` outside of what it takes for quotes."""
    found: dict[str, str] = {}
    for line in _scanned(text):
        if line.strip() and not line.strip().startswith("#"):
            key, value = _v2_split(_v2_without_comment(line))
            found[key.strip()] = _v2_value(value, found)
    return found


def v3(text: str) -> dict[str, str]:
    """A reader of characters, not lines: a quoted value may go over several lines."""
    return _v3_or_v4(text, lambda value: re.sub(r"\\([^$])", r"\1", _escapes(value, "nr")))


def v4(text: str) -> dict[str, str]:
    """As v3, but backslashes in double quotes stay."""
    return _v3_or_v4(text, lambda value: _escapes(value, 'nrtfbv"'))


def _scanned(text: str) -> list[str]:
    lines = text.split("\n")
    if any(len(line.encode()) >= LONGEST_LINE for line in lines):
        raise RejectedError("line too long")
    return [line.removesuffix("\r") for line in lines]


def _v2_without_comment(line: str) -> str:
    kept: list[str] = []
    is_open = False
    if "#" not in line:
        return line
    for segment in line.split("#"):
        if segment.count('"') == 1 or segment.count("'") == 1:
            if is_open:
                is_open = False
                kept.append(segment)
            else:
                is_open = True
        if not kept or is_open:
            kept.append(segment)
    return "#".join(kept)


def _v2_split(line: str) -> tuple[str, str]:
    found = re.search("[=:]", line)
    if not found:
        raise RejectedError("Can't separate key from value")
    return re.sub(r"^\s*(?:export\s+)?(.*?)\s*$", r"\1", line[: found.start()]), line[found.end() :]


def _v2_value(value: str, known: dict[str, str]) -> str:
    value = value.strip(" ")
    if len(value) < 2:
        return value
    if value[0] == value[-1] == "'":
        return value[1:-1]
    if value[0] == value[-1] == '"':
        value = re.sub(r"\\([^$])", r"\1", _escapes(value[1:-1], "nr"))
    return _expanded(value, known)


def _v3_or_v4(text: str, unescape: Callable[[str], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = text.replace("\r\n", "\n")
    while rest := rest.lstrip():
        if rest.startswith("#"):
            rest = rest.partition("\n")[2]
            continue
        key, rest = _v3_key(rest)
        value, rest = _v3_quoted(rest, found, unescape) if rest[:1] in ("'", '"') else _v3_plain(rest, found)
        found[key] = value
    return found


def _v3_key(text: str) -> tuple[str, str]:
    text = re.sub(f"^export[{_SPACES}]+", "", text)
    match = re.match(f"((?:[\\w.\\-/]|[{_SPACES}])*)[=:]", text)
    if not match:
        raise RejectedError("unexpected character in variable name")
    return match[1].rstrip(), text[match.end() :].lstrip(_SPACES)


def _v3_plain(text: str, known: dict[str, str]) -> tuple[str, str]:
    end = re.search("[\r\n]|$", text)
    assert end
    line = text[: end.start()]
    comments = [at for at in range(1, len(line)) if line[at] == "#" and line[at - 1] in _SPACES]
    line = line[: comments[-1]] if comments else line
    return _expanded(line.strip(_SPACES), known), text[end.start() :]


def _v3_quoted(text: str, known: dict[str, str], unescape: Callable[[str], str]) -> tuple[str, str]:
    quote = text[0]
    for at in range(1, len(text)):
        if text[at] == quote and text[at - 1] != "\\":
            value = text[:at].strip(quote)
            return (_expanded(unescape(value), known) if quote == '"' else value), text[at + 1 :]
    raise RejectedError("unterminated quoted value")


def _escapes(value: str, known: str) -> str:
    plain = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b", "v": "\v", '"': '"'}
    return re.sub(r"\\(.)", lambda found: plain[found[1]] if found[1] in known else found[0], value)


def _expanded(value: str, known: dict[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        return known.get(found[4], "") if found[4] else found[0]

    return _VARIABLE.sub(one, value)


def _decoded(value: str) -> str:
    if not value.startswith("__B64__"):
        return value
    return base64.b64decode(value.removeprefix("__B64__"), validate=True).decode()
