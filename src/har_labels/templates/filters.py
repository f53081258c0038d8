"""The filters of templates, with the names, arguments and results that Jinja2 gives them, but bounded.

Each gets the budget to count its work in. Contract §3 "Templates"; the README's table is made of this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from har_labels.templates import dates, formats, numbers, sequences, texts


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: `run` gets the budget, the value, and the arguments that `parameters` names, in any way given.

    The first `required` of them must be given; `is_open` takes any number instead. `says` is the README's line,
    `group` what it is for.
    """

    run: Callable[..., object]
    parameters: tuple[str, ...] = ()
    required: int = 0
    is_open: bool = False
    group: str = "texts"
    says: str = ""


# expressions.py evaluates it by itself: it looks at whether its value is there, so it is not run as the others are.
DEFAULT = Filter(
    lambda *_: None,
    ("default_value", "boolean"),
    group="missing values",
    says="stands in for what is missing or null (with `true` as second argument also for what is empty), in a label also for NaN; not for a wrong path",
)
FILTERS = {
    "default": DEFAULT,
    "round": Filter(
        numbers.rounded, ("precision", "method"), group="numbers",
        says="to so many places; methods 'common', 'ceil', 'floor'; the result has a fraction, `| int` takes it away",
    ),
    "float": Filter(
        numbers.as_float, ("default",), group="numbers",
        says="a number of a text; what is no finite number is missing, in `require` an error",
    ),
    "int": Filter(numbers.as_int, ("default",), group="numbers", says="the same without a fraction: 3.0 becomes 3"),
    "abs": Filter(numbers.absolute, group="numbers", says="without its sign"),
    "format": Filter(
        formats.formatted, is_open=True, group="numbers",
        says="the pattern comes first: `'%.3f' | format(x)`, `'{:,}' | format(n)` for thousands, `'{:.1%}'` for percent",
    ),
    "replace": Filter(texts.replace, ("old", "new", "count"), required=2, says="every `old`, or the first so many, by `new`"),
    "lower": Filter(texts.lower, says="in lower case"),
    "upper": Filter(texts.upper, says="in upper case"),
    "trim": Filter(texts.trim, ("chars",), says="without blanks, or those characters, at both ends"),
    "slug": Filter(texts.slug, says="a-z, 0-9 and single dashes, as a branch's name needs it"),
    "semver": Filter(
        texts.semver, ("pattern",),
        says="parts of a version: `{version} {major} {minor} {patch} {raw}`; a pre-release gives only its full version",
    ),
    "date": Filter(
        dates.date, ("pattern",), group="times",
        says="by a pattern of strftime; of `now`, seconds or milliseconds since 1970, ISO 8601, RFC 2822; in UTC",
    ),
    "plus_days": Filter(dates.plus_days, ("days",), required=1, group="times", says="the time so many days later: `now | plus_days(30) | date`"),
    "first": Filter(sequences.first, group="lists", says="the first item; of an empty list it is missing"),
    "last": Filter(sequences.last, group="lists", says="the last item"),
    "min": Filter(
        sequences.smallest, ("case_sensitive", "attribute"), group="lists",
        says="the smallest item; with `attribute` the item where that is smallest",
    ),
    "max": Filter(
        sequences.largest, ("case_sensitive", "attribute"), group="lists",
        says="the largest: `(metrics.rows | max(attribute='acc')).epoch` is the best epoch",
    ),
    "sum": Filter(sequences.total, ("attribute", "start"), group="lists", says="the sum of numbers"),
    "length": Filter(sequences.length, group="lists", says="how many items, keys or characters"),
    "map": Filter(
        sequences.mapped, ("name", "argument", "attribute"), group="lists",
        says="the attribute of each item: `map(attribute='val/acc')`; or each item as a number: `map('float')`, `int`, `abs`, `round`",
    ),
    "selectattr": Filter(
        sequences.selected, ("attribute", "test", "value"), required=1, group="lists",
        says="the items whose attribute passes a test: `selectattr('name', 'equalto', 'f1')`",
    ),
    "sort": Filter(sequences.ordered, ("reverse", "case_sensitive", "attribute"), group="lists", says="in order"),
    "unique": Filter(sequences.unique, ("case_sensitive", "attribute"), group="lists", says="without those that are alike"),
    "join": Filter(sequences.joined, ("d", "attribute"), group="lists", says="one text of a list, with `d` between the items"),
}  # fmt: skip
