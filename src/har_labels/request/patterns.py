"""The items of `artifact`: names and globs, and those with a `!` in front that take some off again (contract §2 "Lists")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from har_labels.model.address import parse_artifact_name
from har_labels.model.labels import is_glob, matches_any

NAME_FIRST = "Name first what they are taken from: `*` is every artifact of the registry."


class Pattern(NamedTuple):
    """A name or glob; `takes_off`: what it matches is not meant, whatever other items say."""

    text: str
    takes_off: bool = False


def parse_pattern(text: str, *, is_quoted: bool = False) -> Pattern:
    """One item. In double quotes, its list's or its own (`"!odd"`), a `!` is the beginning of a name.

    Raises Invalid for whatever could name something else on the wire.
    """
    if not is_quoted and text.startswith("!"):
        return Pattern(parse_artifact_name(text[1:]), takes_off=True)
    if not is_quoted and text.startswith('"!') and text.endswith('"'):
        text = text[1:-1].replace('""', '"')
    return Pattern(parse_artifact_name(text))


def written(pattern: Pattern) -> str:
    """An item that `parse_pattern` reads as this pattern."""
    if pattern.takes_off:
        return f"!{pattern.text}"
    return '"' + pattern.text.replace('"', '""') + '"' if pattern.text.startswith("!") else pattern.text


def apart(patterns: Iterable[Pattern]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is meant, without the names that are taken off by name, and what is taken off; each once, in order."""
    every = tuple(dict.fromkeys(patterns))
    off = tuple(pattern.text for pattern in every if pattern.takes_off)
    meant = (text for text, takes_off in every if not takes_off)
    return tuple(text for text in meant if is_glob(text) or not matches_any(off, text)), off
