"""Keys that are not names: `val/acc`, `ndcg@10`, `macro avg`. Their spelling, and which one was meant (contract §3).

Jinja2 parses `metrics.val/acc` as a division, and `metrics.loss-1` as a difference. So each name keeps the text that
follows it, and if a known key begins with both, that key was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from har_labels.text import shown

LONGEST_KEY = 200
_LONGEST_PATH = 1000
_LONGEST_SOURCE = 4096
# Directly after a name these may continue a key, or are operators; `.` and brackets access the value's parts.
_SIGNS = frozenset("-/*+%<>=!~@:,&#?^;\\")
# The end of a path's first part.
_END_OF_NAME = re.compile(r"[.\[]")
_WORD = re.compile(r"[^\W\d]\w*")
_ITEM = re.compile(r"""\[\s*(?:(-?\d{1,9})|'([^'\\]*)'|"([^"\\]*)")\s*\]""")
# Quoted texts, and the words outside of them.
_QUOTED_OR_WORD = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<![\w.])[^\W\d]\w*""", re.DOTALL)
# An expression is parsed before labels and the values of brackets are known, so any such text may be a key.
_UNKNOWN_KEY = re.compile(r"(?:(?<![\w.'\"])(\w+_map|baseline)|\))\.(\w+(?:[-/@*+,][^\W\d]\w*)+)")
_PLACEHOLDER = re.compile(r"\{\{(.*?)(?:\}\}|\Z)", re.DOTALL)
_NO_KEYS = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"})


class NameToken(str):
    """A name in an expression; `run` is the text from its start to the next blank."""

    __slots__ = ("run",)
    run: str

    def __str__(self) -> str:
        return self

    @classmethod
    def of(cls, name: str, run: str) -> NameToken:
        word = cls(name)
        word.run = run
        return word


def key_meant(word: NameToken, mapping: Mapping[object, object]) -> str | None:
    """The longest key of `mapping` that the text from `word` on begins with, if it is longer than `word`.

    A `.` or a bracket after a name that is itself a key accesses that key's value.
    """
    following = word.run[len(word) : len(word) + 1]
    if not following or (following not in _SIGNS and word in mapping):
        return None
    return _longest_key(word.run, mapping, more_than=len(word))


def _longest_key(text: str, mapping: Mapping[object, object], *, more_than: int = 0) -> str | None:
    for end in range(min(len(text), LONGEST_KEY), more_than, -1):
        if text[:end] in mapping and _ends_at(text, end):
            return text[:end]
    return None


def _ends_at(text: str, end: int) -> bool:
    """Whether a key can end at `end`: not within a word or a number."""
    if not (text[end - 1].isalnum() or text[end - 1] == "_") or end == len(text):
        return True
    following = text[end : end + 2]
    is_fraction = text[end - 1].isdigit() and following[0] == "." and following[1:].isdigit()
    return not (following[0].isalnum() or following[0] == "_" or is_fraction)


def path_to(path: str, key: object) -> str:
    """The path of the part `key` of `path`, as an expression writes it."""
    if isinstance(key, str):
        return f"{path}.{key}" if key.isidentifier() else f"{path}[{shown(repr(key))}]"
    return f"{path}[{key}]"


def first_parts(paths: Iterable[str]) -> set[str]:
    """The names with which the paths begin."""
    return {_END_OF_NAME.split(path, maxsplit=1)[0] for path in paths}


def spelling_meant(
    source: str, metrics: Mapping[str, object], *, is_template: bool, was_read: bool = False
) -> str | None:
    """The correct spelling of the metric that `source` seems to mean; None if there is none.

    It is the path to a key whose beginning Jinja2 parses as a name (`metrics.val/acc`). If `source` can't be parsed
    (`was_read` is false), it is also a metric's name alone (`accuracy`), and for labels and after brackets any text that
    could be a key (`current_map.model-type`).
    """
    if len(source) > _LONGEST_SOURCE:
        return None
    expressions = [found[1] for found in _PLACEHOLDER.finditer(source)] if is_template else [source]
    words = [(text, found) for text in expressions for found in _QUOTED_OR_WORD.finditer(text)]
    for text, found in words:
        if found[0] == "metrics" and (spelt := _walked(text, found.end(), metrics)):
            return spelt
    if was_read:
        return None
    for text in expressions:
        if unknown := _UNKNOWN_KEY.search(text):
            return path_to(unknown[1] or "(…)", unknown[2])
    for text, found in words:
        if _may_be_a_metric(text, found):
            rest = f".{text[found.start() : found.start() + _LONGEST_PATH]}"
            if spelt := _walked(rest, 0, metrics, is_bare=True):
                return spelt
    return None


def _may_be_a_metric(text: str, found: re.Match[str]) -> bool:
    before, following = text[: found.start()].rstrip(), text[found.end() :].lstrip()
    is_filter_or_test = before.endswith("|") or bool(re.search(r"\bis(\s+not)?$", before))
    is_argument = following.startswith("=") and not following.startswith("==")
    is_going_on = before == text[: found.start()] and before[-1:] in _SIGNS
    return (
        found[0][0] not in "'\""
        and not is_going_on
        and found[0] not in _NO_KEYS
        and not is_filter_or_test
        and not is_argument
    )


def _walked(text: str, at: int, metrics: Mapping[str, object], *, is_bare: bool = False) -> str | None:
    """The correct spelling of the path at `at`, if it differs from the text."""
    path, differs = "metrics", is_bare
    for key, end in _steps(text, at, metrics):
        if isinstance(key, str) and text[at] == ".":
            differs = differs or not key.isidentifier()
        path, at = path_to(path, key), end
    return path if differs and path != "metrics" else None


def _steps(text: str, at: int, value: object) -> Iterator[tuple[object, int]]:
    """The existing keys of the path at `at`, each with the position of its end."""
    while True:
        if isinstance(value, Mapping) and text[at : at + 1] == ".":
            rest = text[at + 1 : at + 1 + LONGEST_KEY]
            word = _WORD.match(rest)
            # As in evaluation: a name that is a key, followed by a dot or a bracket, is that key.
            is_plain = word and word[0] in value and rest[word.end() : word.end() + 1] in {".", "["}
            key: object = word[0] if word and is_plain else _longest_key(rest, value)
            if key is None:
                return
            at += 1 + len(str(key))
        elif item := _ITEM.match(text, at):
            key = int(item[1]) if item[1] else item[2] or item[3] or ""
            at = item.end()
        else:
            return
        match value:
            case Mapping() if key in value:
                value = value[key]
            case list() | tuple() if isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
            case _:
                return
        yield key, at
