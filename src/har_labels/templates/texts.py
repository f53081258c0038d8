"""The filters of texts, with Jinja2's names and results; `slug` and `semver` are ours.

Jinja2's own `replace` would build a text of any size. Each counts its work in the budget.
"""

from __future__ import annotations

import re
import unicodedata

from har_labels.templates.values import EACH, Budget, ExpressionError, Unfit, checked_whole, described, fits, text_of

_MOST_REPLACEMENTS = 10_000
_LONGEST_VERSION = 256
# semver.org's own pattern, with the `v` that tags have.
_VERSION = re.compile(
    r"[vV]?((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?)"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
_PART = re.compile(r"\{([^{}]*)\}")
_PARTS = ("version", "major", "minor", "patch", "raw")


def text(budget: Budget, value: object) -> str:
    """`value` as printed; its length is counted."""
    printed = text_of(value)
    budget.spend(len(printed))
    return printed


def replace(budget: Budget, value: object, old: object, new: object, count: object = _MOST_REPLACEMENTS) -> object:
    """`old` replaced by `new`, at most `count` times."""
    given, before, after = text(budget, value), text(budget, old), text(budget, new)
    most = checked_whole(count, "the count of `replace`", _MOST_REPLACEMENTS)
    found = given.count(before)
    times = found if most < 0 else min(found, most)
    fits(len(given) + times * (len(after) - len(before)))
    return given.replace(before, after, times)


def lower(budget: Budget, value: object) -> object:
    """In lower case."""
    return _grown(text(budget, value).lower())


def upper(budget: Budget, value: object) -> object:
    """In upper case."""
    return _grown(text(budget, value).upper())


def _grown(changed: str) -> str:
    """A text in the other case, in which one letter may have become three."""
    fits(len(changed))
    return changed


def trim(budget: Budget, value: object, chars: object = None) -> object:
    """Without blanks, or those characters, at both ends."""
    return text(budget, value).strip(None if chars is None else text(budget, chars))


def slug(budget: Budget, value: object) -> object:
    """Only a-z, 0-9 and single dashes between them: accents are removed, anything else becomes a dash."""
    given = text(budget, value).lower()
    if not given.isascii():
        decomposed = unicodedata.normalize("NFKD", given)
        budget.spend(EACH * len(decomposed))
        given = "".join(character for character in decomposed if not unicodedata.combining(character))
    made = re.sub(r"[^a-z0-9]+", "-", given).strip("-")
    fits(len(made))
    return made


def semver(budget: Budget, value: object, pattern: object = "{version}") -> object:
    """The parts of a semantic version; a pre-release gives its full version for every pattern but `{raw}`.

    As in docker/metadata-action's `type=semver`: `1.2` must not move to 1.2.0-rc.1. An empty text stays empty, such as
    `ci.tag` of a run without a tag. Raises Unfit for a text that is not a version.
    """
    if not isinstance(value, str):
        cure = "In a YAML file quote it, or 1.10 is the number 1.1."
        raise ExpressionError(f"`semver` needs a text, not {described(value)}", cure)
    given, wanted = text(budget, value).strip(), text(budget, pattern)
    for found in _PART.finditer(wanted):
        if found[1] not in _PARTS:
            knows = ", ".join(f"{{{part}}}" for part in _PARTS)
            raise ExpressionError(f"`semver` does not support `{found[0]}`; it supports {knows}")
    version = _VERSION.fullmatch(given) if len(given) <= _LONGEST_VERSION else None
    if not given:
        return ""
    if not version:
        raise Unfit(lambda: f"`semver` needs a version such as 1.2.3, not {described(value)}")
    parts = dict(zip(_PARTS, (*version.groups()[:4], given), strict=True))
    made = _PART.sub(lambda found: parts[found[1]], "{version}" if version[5] and wanted != "{raw}" else wanted)
    fits(len(made))
    return made
