"""Checks single items of lists: certain mistakes are refused, ambiguous items get a notice (contract §2 "Lists").

Certain mistakes are expressions that no CI resolved, programs' words for a missing value, and the syntax of other kinds
of lists. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from har_labels.errors import Invalid
from har_labels.inputs.lists import (
    BLANKS,
    PASTED_OBJECT,
    Item,
    ItemStyle,
    as_list_item,
    parts_between_commas,
    without_placeholders,
)
from har_labels.model.labels import key_and_value
from har_labels.text import in_backquotes

# Harness resolves `<+name…>`, GitHub `${{ … }}`; neither has a meaning for a step that still finds it in its inputs.
_OF_HARNESS = re.compile(r"<\+(?=[^\W\d_])")
_OF_GITHUB = re.compile(r"\$\{\{")
# In a text without its placeholders: the character that replaced one, or braces that are not closed.
_OF_GITHUB_OUTSIDE = re.compile("\\$(?=\ufffc|\\{\\{)")
# How a template writes the beginning of such an expression as plain text.
_HARNESS_LITERALLY, _GITHUB_LITERALLY = "{{ '<+' }}", "{{ '$' }}{{ '{{' }}"
# How Harness and JSON write an expression that has no value.
NULL = "null"
# The same, and how JavaScript and Python write it.
NOTHING = frozenset({NULL, "undefined", "None"})
_EXACT = frozenset({ItemStyle.QUOTED, ItemStyle.IN_ARRAY, ItemStyle.LISTED})
_PLAIN = frozenset({ItemStyle.AS_LINE, ItemStyle.SPLIT, ItemStyle.ALONE})
# How many items are searched for the other quote of a text that may have been split at its commas.
_LONGEST_LOOK = 20
_DASH = re.compile(f"-[{BLANKS}]")
_COMMENT = re.compile(f"(?:^|[{BLANKS}])#")
_BLANK = re.compile(f"[{BLANKS}]")
_PAIR = re.compile(f"[^{BLANKS}=]+=")
# Not a time, and not an address.
_PAIR_BY_COLON = re.compile(f"[^{BLANKS}=:]*[^\\W\\d][^{BLANKS}=:]*:(?!//)[^{BLANKS}]")


def unresolved(text: str, *, renders: bool = False) -> Invalid | None:
    """What is wrong with a text that still has an expression of a CI; None without one.

    `renders` if the text is a template, which could write such an expression as plain text.
    """
    if found := _OF_HARNESS.search(text):
        before, end, _ = text[found.start() :].partition(">")
        return Invalid(
            f"it holds {in_backquotes(before + end)}, an expression that Harness did not resolve",
            "Check its spelling, and that it has a value where this step runs"
            + (f"; {_how_to_write(text, _OF_HARNESS, _HARNESS_LITERALLY)}." if renders else "."),
        )
    if _OF_GITHUB.search(text):
        return Invalid(
            "it holds `${{`, an expression that GitHub did not resolve",
            "GitHub does that in a workflow file only: write "
            + (
                f"`{{{{ … }}}}` for a template; {_how_to_write(text, _OF_GITHUB, _GITHUB_LITERALLY)}."
                if renders
                else "the value."
            ),
        )
    return None


def flaw_in(item: Item, *, renders: bool = False) -> Invalid | None:
    """Why an item is refused, or None. Items in double quotes or in a JSON array are only checked for expressions."""
    text, literally = item.text, f"{in_backquotes(as_list_item(item.text))} in double quotes is that text"
    if flaw := unresolved(text, renders=renders):
        return flaw
    if item.style is ItemStyle.LISTED and PASTED_OBJECT in text:
        literally = "`{{ '[' }}object Object]` is that text"
    elif item.style in _EXACT:
        return None
    if PASTED_OBJECT in text:
        why = f"`{PASTED_OBJECT}` is how JavaScript writes an object"
        return Invalid(
            why, f"Name the part of the object that is meant, or write it as JSON (`toJSON(…)`); {literally}."
        )
    if text in NOTHING and item.style is not ItemStyle.IN_MAP:
        why = "programs write that for a missing value"
        return Invalid(why, f"Give the expression a value, or leave the item out; {literally}.")
    if begins_with_dash(text):
        why = "it begins with `- `, as an item of a YAML list does, and this is one text"
        return Invalid(why, f"Leave the dash out: each line is an item; {literally}.")
    return None


def begins_with_dash(text: str) -> bool:
    """Whether it looks like an item of a YAML list."""
    return bool(_DASH.match(text))


def notices_about(items: Sequence[Item], *, are_labels: bool = False) -> Iterator[str]:
    """Notices about ambiguous items: one line for each kind of ambiguity, with the first item that has it."""
    for ambiguity in (*_AMBIGUOUS, *(_AMBIGUOUS_LABELS if are_labels else ())):
        found = [at for at in range(len(items)) if ambiguity.applies(items, at)]
        if found:
            item = items[found[0]]
            more = f" (and {len(found) - 1:,} more such items)" if len(found) > 1 else ""
            yield f"item {item.position} {in_backquotes(item.text)}{more} {ambiguity.notice}"


@dataclass(frozen=True, slots=True)
class _Ambiguity:
    applies: Callable[[Sequence[Item], int], bool]
    notice: str


def _is_line_of_several(items: Sequence[Item], at: int) -> bool:
    if items[at].style is not ItemStyle.AS_LINE or "," not in items[at].text:
        return False
    parts = parts_between_commas(items[at].text)
    return items[at].text.strip(BLANKS) not in parts and all(
        _PAIR.match(part) or not _BLANK.search(without_placeholders(part)) for part in parts
    )


def _is_in_single_quotes(items: Sequence[Item], at: int) -> bool:
    item = items[at]
    if item.style not in _PLAIN or not item.text.startswith("'"):
        return False
    is_closed = len(item.text) > 1 and item.text.endswith("'")
    is_split = item.style is ItemStyle.SPLIT and any(
        other.text.endswith("'") for other in items[at + 1 : at + _LONGEST_LOOK]
    )
    return is_closed or is_split


def _has_comment(items: Sequence[Item], at: int) -> bool:
    item = items[at]
    # `#text` is a label; at the beginning only `#` and a blank would be a comment on a line of its own.
    return item.style in _PLAIN and any(
        found.start() or item.text[1:2] in BLANKS for found in _COMMENT.finditer(without_placeholders(item.text))
    )


def _is_several_by_blanks(items: Sequence[Item], at: int) -> bool:
    item = items[at]
    if item.style not in {ItemStyle.ALONE, ItemStyle.SPLIT}:
        return False
    words = _BLANK.split(without_placeholders(item.text))
    return sum(bool(_PAIR.match(word) or _PAIR_BY_COLON.match(word)) for word in words) > 1


def _is_rest_of_a_text(items: Sequence[Item], at: int) -> bool:
    item, before = items[at], items[at - 1] if at else None
    return (
        item.style is ItemStyle.SPLIT
        and bool(before and key_and_value(before.text))
        and not key_and_value(item.text)
        and bool(_BLANK.search(without_placeholders(item.text)))
    )


def _is_escaped_text(items: Sequence[Item], at: int) -> bool:
    return items[at].style is ItemStyle.QUOTED and "\\n" in items[at].text


def _is_nothing(items: Sequence[Item], at: int) -> bool:
    return items[at].style is ItemStyle.LISTED and items[at].text in NOTHING


def _has_no_value(items: Sequence[Item], at: int) -> bool:
    item = items[at]
    pair = key_and_value(item.text) if item.style is not ItemStyle.QUOTED else None
    return bool(pair) and (pair or ("", ""))[1].strip(BLANKS) in {*NOTHING, ""}


_AMBIGUOUS = (
    _Ambiguity(
        _is_line_of_several,
        "is one item: where there are several lines, or a file, commas don't separate; put each item on a line of its own, "
        "or this one in double quotes",
    ),
    _Ambiguity(
        _is_in_single_quotes, "has single quotes, which are part of it and protect nothing; double quotes would not be"
    ),
    _Ambiguity(
        _has_comment,
        "has a `#` in it, which begins a comment only on a line of its own; put it there, or the item in double quotes",
    ),
    _Ambiguity(
        _is_several_by_blanks,
        "is one item, though it looks like several: blanks don't separate, lines and commas do; in double quotes it is taken as it is",
    ),
    _Ambiguity(
        _is_rest_of_a_text,
        "was split from the item before it by a comma; if both are one text, put that in double quotes",
    ),
    _Ambiguity(
        _is_escaped_text, "has `\\n` in it, which is no line end here; where JSON was meant, leave `toJSON` out"
    ),
    _Ambiguity(_is_nothing, "is how programs write a missing value"),
)
_AMBIGUOUS_LABELS = (
    _Ambiguity(_has_no_value, "has no value after its key, or a word that programs write for a missing value"),
)


def _how_to_write(text: str, what: re.Pattern[str], by: str) -> str:
    outside = _OF_GITHUB_OUTSIDE if what is _OF_GITHUB else what
    if len(what.findall(text)) > len(outside.findall(without_placeholders(text))):
        return f"a placeholder can't hold it, but `{by}` beside one writes it"
    return f"{in_backquotes(as_list_item(what.sub(lambda _found: by, text)))} is that very text"
