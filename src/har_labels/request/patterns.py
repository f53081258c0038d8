"""The items of `artifact`: names, globs, and exclusions, which begin with a `!` (contract §2 "Lists")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from har_labels.model.address import parse_artifact_name
from har_labels.model.labels import is_glob, matches_any

NAME_FIRST = "Name first what they are taken from: `*` is every artifact of the registry."


class Pattern(NamedTuple):
    """A name or glob; what matches one that `is_excluded` is not meant, whatever other items say."""

    text: str
    is_excluded: bool = False


def parse_pattern(text: str, *, is_quoted: bool = False) -> Pattern:
    """One item. In double quotes, its list's or its own (`"!odd"`), a `!` is the beginning of a name.

    Raises Invalid for whatever could name something else on the wire.
    """
    if not is_quoted and text.startswith("!"):
        return Pattern(parse_artifact_name(text[1:]), is_excluded=True)
    if not is_quoted and text.startswith('"!') and text.endswith('"'):
        text = text[1:-1].replace('""', '"')
    return Pattern(parse_artifact_name(text))


def item_text(pattern: Pattern) -> str:
    """An item that `parse_pattern` reads as this pattern."""
    if pattern.is_excluded:
        return f"!{pattern.text}"
    return '"' + pattern.text.replace('"', '""') + '"' if pattern.text.startswith("!") else pattern.text


def split_patterns(patterns: Iterable[Pattern]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and globs that are meant, without names that are excluded by name, and the exclusions; each once, in order."""
    every = tuple(dict.fromkeys(patterns))
    excluded = tuple(pattern.text for pattern in every if pattern.is_excluded)
    meant = (pattern.text for pattern in every if not pattern.is_excluded)
    return tuple(text for text in meant if is_glob(text) or not matches_any(excluded, text)), excluded
