"""The filters of templates, with the names, arguments and results that Jinja2 gives them, but bounded.

Jinja2's own would build a text of any size (`replace`, `format` with a width) or a number of any size
(`round`); `date` and `slug` are ours. Each gets the effort to count its work in. Contract §3 "Templates".
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from har_labels.language.values import EACH, Effort, ExpressionError, checked, described, fits, number, text_of, whole

_MOST_PLACES = 30
_MOST_REPLACEMENTS = 10_000
_WIDEST = 100
_LONGEST_TIME = 40
_CONVERSION = re.compile(r"%(?:%|[-+ #0]{0,5}(\d*)(?:\.(\d*))?([sdifFeEgGxXo])|())")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DATE_LETTERS = "aAbBdfHIjmMpSuUVwWyYzZFT%"


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: `run` gets the effort, the value, and the arguments that `parameters` names, in any way given.

    The first `required` of them must be given; `is_open` takes any number instead.
    """

    run: Callable[..., object]
    parameters: tuple[str, ...] = ()
    required: int = 0
    is_open: bool = False


def _text(effort: Effort, value: object) -> str:
    text = text_of(value)
    effort.spend(len(text))
    return text


def _round(_effort: Effort, value: object, precision: object = 0, method: object = "common") -> object:
    given, places = number(value, "`round`"), whole(precision, "the precision of `round`", _MOST_PLACES)
    try:
        match method:
            case "common":
                return checked(round(given, places), "the rounded number")
            case "ceil":
                return checked(math.ceil(given * 10.0**places) / 10.0**places, "the rounded number")
            case "floor":
                return checked(math.floor(given * 10.0**places) / 10.0**places, "the rounded number")
    except OverflowError:
        raise ExpressionError(f"{described(value)} is too large for `round`") from None
    raise ExpressionError("`round` knows the methods 'common', 'ceil' and 'floor'")


def _replace(effort: Effort, value: object, old: object, new: object, count: object = _MOST_REPLACEMENTS) -> object:
    text, before, after = _text(effort, value), _text(effort, old), _text(effort, new)
    most = whole(count, "the count of `replace`", _MOST_REPLACEMENTS)
    found = text.count(before)
    times = found if most < 0 else min(found, most)
    fits(len(text) + times * (len(after) - len(before)))
    return text.replace(before, after, times)


def _lower(effort: Effort, value: object) -> object:
    return _grown(_text(effort, value).lower())


def _upper(effort: Effort, value: object) -> object:
    return _grown(_text(effort, value).upper())


def _grown(text: str) -> str:
    """`text` in the other case, where a letter may have become three."""
    fits(len(text))
    return text


def _trim(effort: Effort, value: object, chars: object = None) -> object:
    return _text(effort, value).strip(None if chars is None else _text(effort, chars))


def _join(effort: Effort, value: object, d: object = "") -> object:
    if not isinstance(value, list | tuple):
        raise ExpressionError(f"`join` needs a list, and {described(value)} is none")
    effort.spend(EACH * len(value))
    separator, length = _text(effort, d), 0
    texts: list[str] = []
    for at, item in enumerate(value):
        text = _text(effort, checked(item, f"item {at + 1} of the list"))
        length += len(text) + (len(separator) if texts else 0)
        fits(length)
        texts.append(text)
    return separator.join(texts)


def _format(effort: Effort, value: object, *arguments: object) -> object:
    """`'%.3f' | format(metrics.loss)`: the pattern comes first, as in Jinja2."""
    if not isinstance(value, str):
        raise ExpressionError(
            f"`format` needs a pattern, and {described(value)} is none",
            "Put the pattern in front: `'%.3f' | format(metrics.loss)`.",
        )
    effort.spend(len(value) + EACH * value.count("%"))
    rest, made, end, length = list(reversed(arguments)), [], 0, 0
    for found in _CONVERSION.finditer(value):
        made += [value[end : found.start()], _converted(effort, found, rest)]
        length += len(made[-1]) + len(made[-2])
        fits(length)
        end = found.end()
    if rest:
        raise ExpressionError(f"the pattern of `format` has no place for {len(rest)} of its values")
    fits(length + len(value) - end)
    return "".join([*made, value[end:]])


def _converted(effort: Effort, found: re.Match[str], rest: list[object]) -> str:
    conversion, kind = found[0], found[3]
    if conversion == "%%":
        return "%"
    if kind is None:
        raise ExpressionError("the pattern of `format` has a `%` that is none of %s %d %i %f %e %g %x %o %%")
    if any(len(digits) > len(str(_WIDEST)) or int(digits) > _WIDEST for digits in (found[1], found[2]) if digits):
        raise ExpressionError(f"`format` makes nothing wider than {_WIDEST}")
    if not rest:
        raise ExpressionError("the pattern of `format` has more places than values")
    value = rest.pop()
    if kind == "s":
        return conversion % _text(effort, value)
    given = number(value, f"`%{kind}` of `format`")
    if kind in "xXo" and isinstance(given, float):
        raise ExpressionError(f"`%{kind}` of `format` needs a whole number, and {described(value)} is none")
    return conversion % given


def _date(effort: Effort, value: object, pattern: object = "%Y-%m-%d") -> object:
    """A time or an ISO 8601 text, in UTC; a text without a zone is taken as UTC."""
    moment = _moment(value)
    wanted = _text(effort, pattern)
    effort.spend(EACH * wanted.count("%"))
    made = _DIRECTIVE.sub(lambda found: _directive(found[1], moment), wanted)
    fits(len(made))
    return made


def _moment(value: object) -> datetime:
    try:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, str) and len(value) <= _LONGEST_TIME:
            given = datetime.fromisoformat(value)
            return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ExpressionError(
        f"`date` needs a time, and {described(value)} is none",
        "Give `now` or an ISO 8601 text such as '2026-11-23T09:48:00Z'.",
    )


def _directive(letter: str, moment: datetime) -> str:
    if not letter or letter not in _DATE_LETTERS:
        raise ExpressionError(f"`date` knows no `%{letter}`; it knows %{' %'.join(_DATE_LETTERS)}")
    if letter in "YF":
        # strftime's %Y has no leading zeros on some systems; %F and %T are not on all.
        return f"{moment.year:04}" if letter == "Y" else moment.date().isoformat()
    return moment.strftime("%H:%M:%S" if letter == "T" else "%" + letter)


def _slug(effort: Effort, value: object) -> object:
    """Only a-z, 0-9 and single dashes between them: accents fall away, anything else becomes a dash."""
    text = _text(effort, value).lower()
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        effort.spend(EACH * len(decomposed))
        text = "".join(character for character in decomposed if not unicodedata.combining(character))
    slug = re.sub(r"[^a-z0-9]+", "-", text).strip("-")
    fits(len(slug))
    return slug


FILTERS = {
    "round": Filter(_round, ("precision", "method")),
    "replace": Filter(_replace, ("old", "new", "count"), required=2),
    "lower": Filter(_lower),
    "upper": Filter(_upper),
    "trim": Filter(_trim, ("chars",)),
    "join": Filter(_join, ("d",)),
    "format": Filter(_format, is_open=True),
    "date": Filter(_date, ("pattern",)),
    "slug": Filter(_slug),
}
# `default` is not among them: it looks at whether its value is there, so expressions.py evaluates it.
