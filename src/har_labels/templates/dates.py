"""The filters of times: `date` and `plus_days` (contract §3). Always in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from har_labels.templates.values import EACH, Budget, ExpressionError, checked_number, described, fits, text_of

_LONGEST_TIME = 64
_MOST_DAYS = 1_000_000
# Seconds since 1970 reach this number in the year 5138; milliseconds reached it in 1973.
_MILLISECONDS_FROM = 1e11
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_LETTERS = "aAbBdfHIjmMpSuUVwWyYzZFT%"
# ` UTC` as W&B and git write it, and Go after `+0000`. A text without a zone is in UTC anyway.
_ZONE_NAME = re.compile(r"(?<=\d)\s*(?:UTC|GMT)$", re.IGNORECASE)
# RFC 2822, as in mail and HTTP; only zones with a defined offset.
_MAIL = re.compile(
    r"(?:[a-z]{3},\s*)?\d{1,2}\s+[a-z]{3}\s+\d{4}\s+\d\d:\d\d(?::\d\d)?\s+(?:[+-]\d{4}|UTC?|GMT|Z|[ECMP][SD]T)(?:\s*\([a-z ]*\))?",
    re.IGNORECASE,
)


def date(budget: Budget, value: object, pattern: object = "%Y-%m-%d") -> object:
    """A time by a pattern of strftime."""
    at = moment(value, "date")
    wanted = text_of(pattern)
    budget.spend(len(wanted) + EACH * wanted.count("%"))
    made = _DIRECTIVE.sub(lambda found: _directive(found[1], at), wanted)
    fits(len(made))
    return made


def plus_days(_budget: Budget, value: object, days: object) -> object:
    """The time so many days later, or earlier if `days` is negative."""
    at, by = moment(value, "plus_days"), checked_number(days, "`plus_days`")
    if abs(by) <= _MOST_DAYS:
        try:
            return at + timedelta(days=by)
        except OverflowError:
            pass
    raise ExpressionError(f"`plus_days({text_of(days)})` leads out of the years 1 to 9999")


def moment(value: object, name: str) -> datetime:
    """`value` as a time: `now`, seconds or milliseconds since 1970, ISO 8601, RFC 2822; without a zone it is UTC."""
    try:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value if abs(value) < _MILLISECONDS_FROM else value / 1000
            return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
        if isinstance(value, str) and len(value) <= _LONGEST_TIME:
            return _parsed(value.strip())
    except (ValueError, OverflowError):
        pass
    raise ExpressionError(
        f"`{name}` needs a time, not {described(value)}",
        "Give `now`, seconds or milliseconds since 1970 (of a text: `| float`), or a text such as '2026-11-23T09:48:00Z'.",
    )


def _parsed(text: str) -> datetime:
    if _MAIL.fullmatch(text):
        from email.utils import parsedate_to_datetime

        given = parsedate_to_datetime(text)
    else:
        given = datetime.fromisoformat(_ZONE_NAME.sub("", text))
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)


def _directive(letter: str, at: datetime) -> str:
    if not letter or letter not in _LETTERS:
        raise ExpressionError(f"`date` does not support `%{letter}`; it supports %{' %'.join(_LETTERS)}")
    own: dict[str, Callable[[], str]] = {
        # strftime's %Y has no leading zeros on some systems; %F and %T are not on all.
        "Y": lambda: f"{at.year:04}",
        "F": lambda: at.date().isoformat(),
        "T": lambda: at.strftime("%H:%M:%S"),
    }
    return own[letter]() if letter in own else at.strftime("%" + letter)
