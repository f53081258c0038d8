"""The facts that the registry reports about an artifact besides its labels: texts of an answer, and values for `where`.

The values have their names in `where` (contract §3). tests/recorded/reads.json shows the fields of an answer. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from har_labels.model.unusable import Unusable
from har_labels.text import shown

_LONGEST_SHOWN = 60
_WHOLE = re.compile("[0-9]{1,18}")
_SWITCHES = {"true": True, "false": False}
_EPOCH = datetime.fromtimestamp(0, UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """The fields of a row or an answer as texts; empty text for an absent one.

    `created_at` and `modified_at`: milliseconds since 1970, as the server sends them. `is_quarantined`: `true` or `false`.
    The function `fact` converts them to values.
    """

    image_name: str = ""
    package_type: str = ""
    created_at: str = ""
    modified_at: str = ""
    downloads_count: str = ""
    is_quarantined: str = ""
    latest_version: str = ""


Fact = Callable[[ArtifactFacts, str, datetime], object]


def fact(name: str, facts: ArtifactFacts, artifact_type: str, now: datetime) -> object:
    """The value of one fact; None if the registry did not report it.

    A text that is not valid for the fact becomes an Unusable, which is an error only if an expression reads it.
    """
    return FACTS[name](facts, artifact_type, now)


def is_never(text: str) -> bool:
    """Whether a time means "never": servers in Go write that as zero, or as a time long before 1970."""
    return text == "0" or text.startswith(("-", "0001-"))


def _downloads(facts: ArtifactFacts, _type: str, _now: datetime) -> object:
    text = facts.downloads_count
    return int(text) if _WHOLE.fullmatch(text) else _unusable(text, "not a whole number")


def _modified(facts: ArtifactFacts, _type: str, _now: datetime) -> object:
    """From milliseconds since 1970, or ISO 8601."""
    text = facts.modified_at
    if is_never(text):
        return None
    try:
        if _WHOLE.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return _unusable(text, "not a time")


def _age_days(facts: ArtifactFacts, artifact_type: str, now: datetime) -> object:
    """Whole days; 0 if the server's clock is ahead of ours."""
    modified = _modified(facts, artifact_type, now)
    return int((now - modified) / _DAY) if isinstance(modified, datetime) else modified


def _quarantined(facts: ArtifactFacts, _type: str, _now: datetime) -> object:
    text = facts.is_quarantined
    return _SWITCHES[text] if text in _SWITCHES else _unusable(text, "neither true nor false")


def _unusable(text: str, what: str) -> object:
    """An Unusable for an invalid text; None for an absent field."""
    why = f"the registry gives '{shown(text, _LONGEST_SHOWN)}', which is {what}"
    return Unusable(why, "Ask for another fact, or leave this artifact out.") if text else None


FACTS: Mapping[str, Fact] = {
    "package_type": lambda facts, _type, _now: facts.package_type or None,
    "artifact_type": lambda _facts, artifact_type, _now: artifact_type or None,
    "downloads": _downloads,
    "modified": _modified,
    "age_days": _age_days,
    "quarantined": _quarantined,
    "latest_version": lambda facts, _type, _now: facts.latest_version or None,
}
