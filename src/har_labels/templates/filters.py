"""The filters, with Jinja2's names, arguments and results, but with limits (contract §3 "Templates").

Each counts its work in the budget. The README's table is generated from FILTERS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from har_labels.templates import dates, formats, numbers, sequences, texts


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: `run` is called with the budget, the value, and arguments by the names of `parameters`.

    The first `required` of them must be given; `is_open` takes any number instead. `doc` is the README's line, `group`
    its heading there.
    """

    run: Callable[..., object]
    parameters: tuple[str, ...] = ()
    required: int = 0
    is_open: bool = False
    group: str = "texts"
    doc: str = ""


# The compiler implements it: it depends on whether its value is missing, so it is not called as the others are.
DEFAULT = Filter(
    lambda *_: None,
    ("default_value", "boolean"),
    group="missing values",
    doc="replaces a missing value or null (with `true` as second argument also an empty value), in a label also NaN; not a wrong path",
)
FILTERS = {
    "default": DEFAULT,
    "round": Filter(
        numbers.rounded, ("precision", "method"), group="numbers",
        doc="to so many places; methods 'common', 'ceil', 'floor'; the result has a fraction, `| int` removes it",
    ),
    "float": Filter(
        numbers.as_float, ("default",), group="numbers",
        doc="the number in a text; anything but a finite number is missing, in `require` an error",
    ),
    "int": Filter(numbers.as_int, ("default",), group="numbers", doc="the same without a fraction: 3.0 becomes 3"),
    "abs": Filter(numbers.absolute, group="numbers", doc="without its sign"),
    "format": Filter(
        formats.formatted, is_open=True, group="numbers",
        doc="the pattern comes first: `'%.3f' | format(x)`, `'{:,}' | format(n)` for thousands, `'{:.1%}'` for percent",
    ),
    "replace": Filter(texts.replace, ("old", "new", "count"), required=2, doc="every `old`, or the first so many, by `new`"),
    "lower": Filter(texts.lower, doc="in lower case"),
    "upper": Filter(texts.upper, doc="in upper case"),
    "trim": Filter(texts.trim, ("chars",), doc="without blanks, or those characters, at both ends"),
    "slug": Filter(texts.slug, doc="a-z, 0-9 and single dashes, as a branch's name needs it"),
    "semver": Filter(
        texts.semver, ("pattern",),
        doc="parts of a version: `{version} {major} {minor} {patch} {raw}`; a pre-release gives only its full version",
    ),
    "date": Filter(
        dates.date, ("pattern",), group="times",
        doc="by a pattern of strftime; of `now`, seconds or milliseconds since 1970, ISO 8601, RFC 2822; in UTC",
    ),
    "plus_days": Filter(dates.plus_days, ("days",), required=1, group="times", doc="the time so many days later: `now | plus_days(30) | date`"),
    "first": Filter(sequences.first, group="lists", doc="the first item; of an empty list it is missing"),
    "last": Filter(sequences.last, group="lists", doc="the last item"),
    "min": Filter(
        sequences.smallest, ("case_sensitive", "attribute"), group="lists",
        doc="the smallest item; with `attribute` the item where that is smallest",
    ),
    "max": Filter(
        sequences.largest, ("case_sensitive", "attribute"), group="lists",
        doc="the largest: `(metrics.rows | max(attribute='acc')).epoch` is the best epoch",
    ),
    "sum": Filter(sequences.total, ("attribute", "start"), group="lists", doc="the sum of numbers"),
    "length": Filter(sequences.length, group="lists", doc="how many items, keys or characters"),
    "map": Filter(
        sequences.mapped, ("name", "argument", "attribute"), group="lists",
        doc="the attribute of each item: `map(attribute='val/acc')`; or each item as a number: `map('float')`, `int`, `abs`, `round`",
    ),
    "selectattr": Filter(
        sequences.selected, ("attribute", "test", "value"), required=1, group="lists",
        doc="the items whose attribute passes a test: `selectattr('name', 'equalto', 'f1')`",
    ),
    "sort": Filter(sequences.ordered, ("reverse", "case_sensitive", "attribute"), group="lists", doc="in order"),
    "unique": Filter(sequences.unique, ("case_sensitive", "attribute"), group="lists", doc="without those that are alike"),
    "join": Filter(sequences.joined, ("d", "attribute"), group="lists", doc="one text of a list, with `d` between the items"),
}  # fmt: skip
