"""Lists as people write them in a CI file: one input's text becomes items (contract §2 "Lists").

A text that starts with `[` is a JSON array. One of several lines has an item on each line; one of a single line is separated
by commas, where those inside `{{ }}` don't count and `"…"` protects a whole item. Comments and empty lines are dropped
first. `flaws` checks single items; `maps` reads labels that are given as a map.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from har_labels.errors import Invalid
from har_labels.text import in_backquotes

BLANKS = " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

_LONGEST_EXPRESSION = 4096
_END_OF_PLAIN = re.compile(r"[,\n]|\{\{")
_QUOTED_ITEM = re.compile(r'"((?:[^"\n]++|"")*+)"')
# The tokens of Jinja2's lexer between `{{` and `}}`, as far as they decide where the `}}` is.
_TOKEN = re.compile(
    r"""'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*'|"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|[\[({\])}]|[^'"\[({\])}\n]+""",
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# How JavaScript writes an object as a text.
PASTED_OBJECT = "[object Object]"
# Brackets, `#`, and a quoted text as a whole; one that is not closed ends with the line.
_OUTSIDE_QUOTES = re.compile(r"""'(?:[^'\\]|\\.)*+(?:'|\\?$)|"(?:[^"\\]|\\.)*+(?:"|\\?$)|[#(){}\[\]]""")
_GOING_ON = re.compile(r"(?:[-+*/%~<>=!|,.]|(?<![\w.])(?:and|or|not|in|is|if|else))$")


class ItemStyle(Enum):
    """How an item was written in its list, as far as that affects its meaning."""

    QUOTED = "in double quotes"
    IN_ARRAY = "in a JSON array"
    IN_MAP = "as a pair of a map"
    AS_LINE = "on a line of its own"
    SPLIT = "between commas"
    ALONE = "as the only item of one line"
    LISTED = "as an item of a list that has a form of its own, such as a manifest's"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list, and its place among the items, from 1; comments and empty lines don't count.

    `where` precedes the position in messages, if the name of its list alone does not identify the item.
    """

    text: str
    position: int
    where: str = ""
    style: ItemStyle = field(default=ItemStyle.LISTED, compare=False)


def parse_list(text: str, *, is_file: bool = False) -> tuple[Item, ...]:
    """The items of one value of a list input, or of a list file, in order, duplicates kept.

    Plain items are trimmed and dropped when empty; items of a JSON array and quoted items stay as they are. In a file
    each line is an item, even where there is only one. Raises Invalid, whose cure shows how to write what was
    probably meant.
    """
    lines = content_lines(text)
    if lines and lines[0].startswith("["):
        array = json_items("\n".join(lines))
        return numbered((text, ItemStyle.IN_ARRAY) for text in array)
    if len(lines) == 1 and not is_file:
        return numbered(_separated(lines[0]))
    return numbered(_line_item(line) for line in lines)


def parse_expressions(text: str) -> tuple[Item, ...]:
    """The expressions of a text, one a line, trimmed (`require`; contract §3).

    A `#` outside quotes begins a comment. A line continues on the next one if it ends in `and`, `or` or another operator,
    or while a bracket is open.
    """
    found: list[str] = []
    open_brackets, goes_on = 0, False
    for line in as_lines(text).split("\n"):
        plain, opened = _without_comment(line)
        if not plain:
            continue
        found[-1:] = [f"{found[-1]} {plain}"] if goes_on else [*found[-1:], plain]
        open_brackets = max(open_brackets + opened, 0) if goes_on else max(opened, 0)
        goes_on = open_brackets > 0 or bool(_GOING_ON.search(plain))
    return numbered((text, ItemStyle.AS_LINE) for text in found)


def content_lines(text: str) -> list[str]:
    """The lines with content, trimmed: without empty ones and comments, which begin with `#` and a blank."""
    # A byte-order mark is in the middle where files were concatenated.
    lines = (line.removeprefix("\ufeff").strip(BLANKS) for line in as_lines(text).split("\n"))
    return [line for line in lines if line and not (line[0] == "#" and line[1:2] in {"", *BLANKS})]


def numbered(items: Iterable[tuple[str, ItemStyle]]) -> tuple[Item, ...]:
    """The items with their positions, from 1."""
    return tuple(Item(text, at, style=style) for at, (text, style) in enumerate(items, start=1))


def _without_comment(line: str) -> tuple[str, int]:
    """A line without its comment and the blanks around it, and how many brackets it opens more than it closes."""
    opened = 0
    for found in _OUTSIDE_QUOTES.finditer(line):
        if found[0] == "#":
            return line[: found.start()].strip(BLANKS), opened
        opened += (found[0] in _CLOSING) - (found[0] in _CLOSING.values())
    return line.strip(BLANKS), opened


def as_list_item(text: str) -> str:
    """`text` as a quoted item, which `parse_list` reads back unchanged unless it holds a newline."""
    return '"' + text.replace('"', '""') + '"'


def parts_between_commas(text: str) -> list[str]:
    """The items that a plain text would be split into at its commas; none where it can't be split."""
    try:
        return [part.text for part in _Scanner(text).parts()]
    except Invalid:
        return []


def without_placeholders(text: str) -> str:
    """`text` with each `{{ … }}` replaced by one character that is not a blank, so that the rest can be examined."""
    return "\ufffc".join(_Scanner(text).texts_between()) if "{{" in text else text


def as_lines(text: str) -> str:
    """`text` with plain line ends and without a byte-order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


# --- JSON --------------------------------------------------------------------------------------------------------


def json_items(text: str) -> list[str]:
    """The texts of a JSON array. Raises Invalid for anything else."""
    try:
        # Numbers stay as they are written, for the hint.
        items = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    # ValueError: not JSON. RecursionError: thousands of brackets.
    except (ValueError, RecursionError):
        if text.startswith(PASTED_OBJECT):
            raise Invalid(
                f"it is `{PASTED_OBJECT}`, which is how JavaScript writes an object",
                f"Paste the object as JSON (`toJSON(…)`), or write {as_list_item(PASTED_OBJECT)} for that very text.",
            ) from None
        raise Invalid("it starts with `[` but is not a JSON array of strings", _two_ways(text)) from None
    wrong = (at for at, item in enumerate(items) if not isinstance(item, str) or isinstance(item, _Number))
    if (at := next(wrong, None)) is not None:
        raise Invalid(f"item {at + 1} of the JSON array {_kind(items[at])}", _flat_cure(items, text))
    return [str(item) for item in items]


class _Number(str):
    """A number of a JSON array, in the digits it was written with."""

    __slots__ = ()


def _kind(item: object) -> str:
    if item is None:
        return "is null, which is not a label or a name"
    if isinstance(item, dict):
        return "is an object, and not a string in quotes"
    return "is not a string in quotes"


def _flat_cure(items: list[object], text: str) -> str:
    """The array that was probably meant by one whose items are not all strings."""
    try:
        flat = list(flattened(items))
    except RecursionError:
        return "Write each item as one text, not lists in lists."
    array = in_backquotes(json.dumps(flat, ensure_ascii=False))
    if any(isinstance(item, dict) for item in items):
        return f"Write each as one text: {array}." if flat else "Write each as one text."
    if any(item is None for item in items):
        without = f"Leave it out: {array}" if flat else "Leave it out"
        return f'{without}, or write `"null"` in double quotes for that text.'
    return _two_ways(text, array)


def flattened(value: object, key: str = "") -> Iterator[str]:
    """The labels that nested JSON was probably meant to be: `key=value` for each pair, `a.b=value` for nested pairs.

    Nulls are left out; `{"key": "a", "value": "b"}` is a way to write a pair.
    """
    if isinstance(value, list):
        for item in value:
            yield from flattened(item, key)
    elif isinstance(value, dict):
        name = next((value[name] for name in ("key", "name") if value.keys() == {name, "value"}), None)
        pairs = {name: value["value"]} if isinstance(name, str) else value
        for inner, item in pairs.items():
            yield from flattened(item, f"{key}.{inner}" if key else inner)
    elif value is not None:
        text = json.dumps(value) if isinstance(value, bool) else str(value)
        yield f"{key}={text}" if key else text


def _two_ways(text: str, array: str = "") -> str:
    """How to write the array, and how to write a first item that really starts with `[`."""
    try:
        plain = [part.text for part in _Scanner(text).parts()]
        is_open = "]" not in text or text.endswith("]")
        inner = [part.text for part in _Scanner(text[1:].removesuffix("]") if is_open else text).parts()]
    except Invalid:
        plain, inner = ["[a]"], ["a", "b"]
    array = array or in_backquotes(json.dumps([item.strip("\"'") for item in inner], ensure_ascii=False))
    quoted = ", ".join([as_list_item(plain[0]), *plain[1:]])
    return f"Write {array} for a JSON array, or {in_backquotes(quoted)} if an item itself starts with `[`."


# --- lines and commas --------------------------------------------------------------------------------------------


def _line_item(line: str) -> tuple[str, ItemStyle]:
    """The one item of a line, which may be in quotes."""
    if not line.startswith('"'):
        return line, ItemStyle.AS_LINE
    found = _QUOTED_ITEM.match(line)
    if not found:
        raise _unclosed(line)
    if found.end() < len(line):
        raise Invalid(
            f"{in_backquotes(line)} goes on after its closing quote, and lines don't split",
            f"Write each item on a line of its own, or {in_backquotes(as_list_item(line))} if all of it is one item.",
        )
    return _unquoted(found), ItemStyle.QUOTED


def _separated(line: str) -> list[tuple[str, ItemStyle]]:
    """The items between the commas of a text of one line."""
    parts = list(_Scanner(line).parts())
    for at, part in enumerate(parts):
        if part.is_escaped:
            raise _escaped(line, parts, at)
        if part.is_unbalanced and len(parts) > 1:
            raise _unbalanced(line, parts, at)
    plain = ItemStyle.SPLIT if len(parts) > 1 else ItemStyle.ALONE
    return [(part.text, ItemStyle.QUOTED if part.is_quoted else plain) for part in parts]


def _escaped(line: str, parts: Sequence[_Part], at: int) -> Invalid:
    last = at
    while last + 1 < len(parts) and parts[last].is_escaped:
        last += 1
    meant = line[parts[at].start : parts[last].end + parts[last].is_escaped].strip(BLANKS).replace("\\,", ",")
    return Invalid(
        f"item {at + 1} {in_backquotes(parts[at].text)} has `\\` before its comma, which separates items nevertheless",
        f"Write {in_backquotes(as_list_item(meant))} for one item with a comma, or {_literally(parts, at)}.",
    )


def _unbalanced(line: str, parts: Sequence[_Part], at: int) -> Invalid:
    closing = next((part for part in parts[at + 1 :] if part.is_unbalanced), None)
    meant = as_list_item(line[parts[at].start : closing.end].strip(BLANKS)) if closing else ""
    one_item = f"{in_backquotes(meant)} for one item with a comma, or " if meant else ""
    return Invalid(
        f"item {at + 1} {in_backquotes(parts[at].text)} has an unmatched quote, and its comma separates items "
        "unless quotes enclose the whole item",
        f"Write {one_item}{_literally(parts, at)}.",
    )


def _literally(parts: Sequence[_Part], at: int) -> str:
    return f"{in_backquotes(as_list_item(parts[at].text))} if item {at + 1} is meant as it is"


def _unclosed(line: str) -> Invalid:
    return Invalid(
        f"{in_backquotes(line)} begins with a quote that is not closed on its line",
        f"Close it, or write {in_backquotes(as_list_item(line))} for an item that begins with a quote.",
    )


def _unquoted(found: re.Match[str]) -> str:
    return found[1].replace('""', '"')


@dataclass(frozen=True, slots=True)
class _Part:
    r"""One item between commas: its text and its place.

    `is_unbalanced` with an odd number of quotes outside of placeholders, `is_escaped` with `\\` before its comma.
    """

    text: str
    start: int
    end: int
    is_quoted: bool = False
    is_unbalanced: bool = False
    is_escaped: bool = False


class _Scanner:
    """Reads the separated form from left to right, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        # Up to here no `{{` has a `}}` on its line. This keeps the scan linear.
        self._unclosed_until = 0

    def parts(self) -> Iterator[_Part]:
        """The items that are not empty. Raises Invalid."""
        while self._at < len(self._text):
            self._skip_blanks()
            part = self._quoted() if self._text.startswith('"', self._at) else self._plain()
            if part.text or part.is_quoted:
                yield part
            self._at += 1  # the separator

    def texts_between(self) -> list[str]:
        """The texts between placeholders: one more than there are of these."""
        texts, start = [], 0
        while (opening := self._text.find("{{", self._at)) >= 0:
            self._at = self._end_of_placeholder(opening)
            if self._at > opening + 2:
                texts.append(self._text[start:opening])
                start = self._at
        return [*texts, self._text[start:]]

    def _quoted(self) -> _Part:
        """The quoted item that begins here. Raises Invalid."""
        start = self._at
        found = _QUOTED_ITEM.match(self._text, start)
        if not found:
            raise _unclosed(self._line_from(start))
        self._at = found.end()
        self._skip_blanks()
        if self._text[self._at : self._at + 1] not in {"", ",", "\n"}:
            line = self._line_from(start)
            raise Invalid(
                f"{in_backquotes(line)} goes on after its closing quote",
                f"Put a comma after the quote, or write {in_backquotes(as_list_item(line))} if all of it is one item.",
            )
        return _Part(_unquoted(found), start, self._at, is_quoted=True)

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in BLANKS:
            self._at += 1

    def _plain(self) -> _Part:
        start = outside = self._at
        quotes = 0
        while found := _END_OF_PLAIN.search(self._text, self._at):
            self._at = found.start()
            if found[0] != "{{":
                break
            quotes += self._text.count('"', outside, self._at)
            self._at = outside = self._end_of_placeholder(self._at)
        else:
            self._at = len(self._text)
        quotes += self._text.count('"', outside, self._at)
        is_escaped = self._text.startswith("\\,", self._at - 1) and self._at > start
        text = self._text[start : self._at].strip(BLANKS)
        return _Part(text, start, self._at, is_unbalanced=quotes % 2 == 1, is_escaped=is_escaped)

    def _end_of_placeholder(self, start: int) -> int:
        """Where the placeholder that opens at `start` ends; right after its `{{` if it never closes on its line."""
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
