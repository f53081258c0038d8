"""Lists as people write them in a CI file: one input's text becomes items (contract §2 "Lists").

A text that starts with `[` is a JSON array. Any other is separated by newlines and commas, where commas
inside `{{ }}` don't count and `"…"` protects a whole item. An item never spans lines.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

BLANKS = " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

_LONGEST_EXPRESSION = 4096
_LONGEST_HINT = 200
_END_OF_PLAIN = re.compile(r"[,\n]|\{\{")
_QUOTED = re.compile(r'"((?:[^"\n]++|"")*+)"')
# What Jinja2's lexer tells apart between `{{` and `}}`, as far as it decides where the `}}` is.
_TOKEN = re.compile(
    r"""'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*'|"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|[\[({\])}]|[^'"\[({\])}\n]+""",
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# Brackets and the sign of a comment, and texts in quotes as a whole, one that is not closed to the line's end.
_OUTSIDE_QUOTES = re.compile(r"""'(?:[^'\\]|\\.)*+(?:'|\\?$)|"(?:[^"\\]|\\.)*+(?:"|\\?$)|[#(){}\[\]]""")
_GOING_ON = re.compile(r"(?:[-+*/%~<>=!|,.]|(?<![\w.])(?:and|or|not|in|is|if|else))$")


class ListError(ValueError):
    """A text that is no list: `why`, without the input's name, which its reader puts in front, and the `cure`."""

    def __init__(self, why: str, cure: str) -> None:
        super().__init__(f"{why}: {cure}")
        self.why, self.cure = why, f"{cure[:1].upper()}{cure[1:]}."


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list, and its place among the items, from 1.

    `where` stands before the position in messages, for an item that its list's name alone doesn't place.
    """

    text: str
    position: int
    where: str = ""


def parse_list(text: str) -> tuple[Item, ...]:
    """The items of a list input or a list file, in order, duplicates kept.

    Plain items are trimmed and dropped when empty; items of a JSON array and quoted items stay as they are.
    Raises ListError, whose message shows how to write what was probably meant.
    """
    text = _as_lines(text)
    if text.lstrip(BLANKS + "\n").startswith("["):
        return _numbered(_json_items(text.strip(BLANKS + "\n")))
    return _numbered(_Scanner(text).items())


def parse_expressions(text: str) -> tuple[Item, ...]:
    """The expressions of a text, one a line, trimmed (`require`; contract §3).

    A `#` outside quotes begins a comment. A line goes on in the next where it ends in `and`, `or` or another operator,
    or while a bracket is open.
    """
    found: list[str] = []
    open_brackets, goes_on = 0, False
    for line in _as_lines(text).split("\n"):
        plain, opened = _without_comment(line)
        if not plain:
            continue
        found[-1:] = [f"{found[-1]} {plain}"] if goes_on else [*found[-1:], plain]
        open_brackets = max(open_brackets + opened, 0) if goes_on else max(opened, 0)
        goes_on = open_brackets > 0 or bool(_GOING_ON.search(plain))
    return _numbered(found)


def _without_comment(line: str) -> tuple[str, int]:
    """A line without its comment and the blanks around it, and how many brackets it opens more than it closes."""
    opened = 0
    for found in _OUTSIDE_QUOTES.finditer(line):
        if found[0] == "#":
            return line[: found.start()].strip(BLANKS), opened
        opened += (found[0] in _CLOSING) - (found[0] in _CLOSING.values())
    return line.strip(BLANKS), opened


def quote(text: str) -> str:
    """`text` as a quoted item, which `parse_list` reads back unchanged unless it holds a newline."""
    return '"' + text.replace('"', '""') + '"'


def _as_lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _numbered(items: list[str]) -> tuple[Item, ...]:
    return tuple(Item(item, position) for position, item in enumerate(items, start=1))


def _json_items(text: str) -> list[str]:
    try:
        items = json.loads(text)
    # ValueError: not JSON, or a number of thousands of digits. RecursionError: thousands of brackets.
    except (ValueError, RecursionError):
        raise ListError("it starts with `[` but is no JSON array of strings", _two_ways(text)) from None
    for position, item in enumerate(items, start=1):
        if not isinstance(item, str):
            raise ListError(f"item {position} of the JSON array is not a string in quotes", _two_ways(text))
    return [str(item) for item in items]


def _two_ways(text: str) -> str:
    """How to write the array, and how to write a first item that really starts with `[`."""
    try:
        plain = _Scanner(text).items()
        is_open = "]" not in text or text.endswith("]")
        inner = _Scanner(text[1:].removesuffix("]") if is_open else text).items()
    except ListError:
        plain, inner = ["[a]"], ["a", "b"]
    array = json.dumps([item.strip("\"'") for item in inner], ensure_ascii=False)
    quoted = ", ".join([quote(plain[0]), *plain[1:]])
    return f"write {_shown(array)} for a JSON array, or {_shown(quoted)} if an item itself starts with `[`"


def _shown(text: str) -> str:
    return f"`{text}`" if len(text) <= _LONGEST_HINT else f"`{text[:_LONGEST_HINT]}…`"


class _Scanner:
    """Reads the separated form from left to right, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        # Up to here no `{{` is looked at, as none has a `}}` on its line; keeps the scan linear.
        self._unclosed_until = 0

    def items(self) -> list[str]:
        found = []
        while self._at < len(self._text):
            self._skip_blanks()
            if self._text.startswith('"', self._at):
                found.append(self._quoted())
            elif plain := self._plain():
                found.append(plain)
            self._at += 1  # the separator
        return found

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in BLANKS:
            self._at += 1

    def _quoted(self) -> str:
        start = self._at
        found = _QUOTED.match(self._text, start)
        if not found:
            raise ListError(
                f"{_shown(self._line_from(start))} begins with a quote that is not closed on its line",
                'close it, or write `"""…"` for an item that begins with a quote',
            )
        self._at = found.end()
        self._skip_blanks()
        if self._text[self._at : self._at + 1] not in {"", ",", "\n"}:
            line = self._line_from(start)
            raise ListError(
                f"{_shown(line)} goes on after its closing quote",
                f"put a comma behind the quote, or write {_shown(quote(line))} if all of it is one item",
            )
        return found[1].replace('""', '"')

    def _plain(self) -> str:
        start = self._at
        while found := _END_OF_PLAIN.search(self._text, self._at):
            self._at = found.start()
            if found[0] != "{{":
                break
            self._at = self._end_of_placeholder(self._at)
        else:
            self._at = len(self._text)
        return self._text[start : self._at].strip(BLANKS)

    def _end_of_placeholder(self, start: int) -> int:
        """Where the placeholder that opens at `start` is over; just behind its `{{` if it never closes on its line."""
        if start >= self._unclosed_until:
            line_end = self._line_end(start)
            first_close = self._text.find("}}", start + 2, line_end)
            if first_close >= 0:
                return self._lexed_end(start, line_end) or first_close + 2
            self._unclosed_until = line_end
        return start + 2

    def _lexed_end(self, start: int, line_end: int) -> int | None:
        """Where Jinja2 sees the `}}`: not in a string, not within brackets. None if it would see an error first."""
        at, open_brackets, limit = start + 2, [""], min(line_end, start + _LONGEST_EXPRESSION)
        while found := _TOKEN.match(self._text, at, limit):
            if open_brackets == [""] and self._text.startswith("}}", at):
                return at + 2
            if found[0] in _CLOSING:
                open_brackets.append(_CLOSING[found[0]])
            elif found[0] in _CLOSING.values() and open_brackets.pop() != found[0]:
                return None
            at = found.end()
        return None

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return len(self._text) if end < 0 else end

    def _line_from(self, start: int) -> str:
        return self._text[start : self._line_end(start)].strip(BLANKS)
