"""The items of `artifact`: names, globs, and exclusions, which begin with `!` (contract §2 "Lists")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from har_labels.model.address import parse_artifact_name
from har_labels.model.labels import is_glob, matches_any

NAME_FIRST = "Name first the artifacts to choose from: `*` is every artifact of the registry."


class Pattern(NamedTuple):
    """A name or glob. If it `is_excluded`, artifacts that match it are left out, also if another item matches them."""

    text: str
    is_excluded: bool = False


def parse_pattern(text: str, *, is_quoted: bool = False) -> Pattern:
    """Parses one item. In double quotes, those of the list or its own (`"!odd"`), a `!` is part of the name.

    Raises Invalid for a name that could reach another artifact in a request.
    """
    if not is_quoted and text.startswith("!"):
        return Pattern(parse_artifact_name(text[1:]), is_excluded=True)
    if not is_quoted and text.startswith('"!') and text.endswith('"'):
        text = text[1:-1].replace('""', '"')
    return Pattern(parse_artifact_name(text))


def item_text(pattern: Pattern) -> str:
    """The item from which `parse_pattern` makes this pattern."""
    if pattern.is_excluded:
        return f"!{pattern.text}"
    return '"' + pattern.text.replace('"', '""') + '"' if pattern.text.startswith("!") else pattern.text


def split_patterns(patterns: Iterable[Pattern]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and globs without those that are excluded by name, and the exclusions; each once, in order."""
    every = tuple(dict.fromkeys(patterns))
    excluded = tuple(pattern.text for pattern in every if pattern.is_excluded)
    meant = (pattern.text for pattern in every if not pattern.is_excluded)
    return tuple(text for text in meant if is_glob(text) or not matches_any(excluded, text)), excluded
