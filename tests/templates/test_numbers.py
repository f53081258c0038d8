"""Numbers in expressions: `* /`, `float`, `int`, `abs`, and `format` in both forms (contract §3)."""

from __future__ import annotations

import pytest

from templates.scopes import holds, refused, rendered

METRICS = {
    "acc": 0.934, "tp": 0, "fp": 0, "epoch": 3.0, "params": 25557032, "f1": "0.91", "auc": "91%", "latency": 110, "before": 100,
    "big": 10**99, "most": 1.7e308, "yes": True, "list": [1], "null": None, "long": "1" * 500,
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("metrics.acc * 100", "93.4"),
        ("2 * 3", "6"),
        ("7 / 2", "3.5"),
        ("6 / 2", "3.0"),
        ("1 + 2 * 3 - 4 / 2", "5.0"),
        ("(1 + 2) * -3", "-9"),
        ("-2 * 3 | abs", "-6"),
        ("(metrics.acc * 100) | round(1)", "93.4"),
        ("(metrics.acc * 100) | round | int", "93"),
        ("metrics.acc * 100 | round", "93.4"),
        ("metrics.params / 1000000", "25.557032"),
        ("metrics.params / 1e6 | round(1)", "25.557032"),
        ("(metrics.params / 1e6) | round(1)", "25.6"),
        ("metrics.epoch | int", "3"),
        ("metrics.f1 | float | round(1)", "0.9"),
        ("'42' | int + 1", "43"),
        ("'42.9' | int", "42"),
        ("' -1e3 ' | float", "-1000.0"),
        ("'1e3' | int", "1000"),
        ("-0.5 | int", "0"),
        ("3 | float", "3.0"),
        ("metrics.auc | float | default('unknown')", "unknown"),
        ("metrics.auc | float('unknown')", "unknown"),
        ("metrics.nope | int(7)", "7"),
        ("metrics.nope | float(default=0.5)", "0.5"),
        ("-metrics.acc | abs", "0.934"),
        ("(metrics.acc - 1) | abs | round(3)", "0.066"),
        ("(metrics.tp / (metrics.tp + metrics.fp)) | default('none')", "none"),
    ],
)
def test_numbers(source: str, text: str) -> None:
    """Arithmetic binds as in Jinja2 and Python, filters first of all; `float` and `int` are Jinja2's."""
    assert rendered(source, METRICS) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("metrics.tp / metrics.fp", "it divides 0 by zero"),
        ("1 / 0.0", "it divides 1 by zero"),
        ("metrics.f1 * 2", "`*` and `/` are for numbers, not for the text '0.91'"),
        ("metrics.f1 * 2", "`| float`"),
        ("'a' / 2", "`*` and `/` are for numbers"),
        ("metrics.yes * 2", "needs a number"),
        ("metrics.list * 2", "needs a number"),
        ("metrics.null * 2", "`metrics.null` is null"),
        ("metrics.big * metrics.big", "`the product` is a number of more than 100 digits"),
        ("metrics.most * 2", "`the product` is inf"),
        ("metrics.most / 0.1", "`the quotient` is inf"),
        ("metrics.auc | float", "`float` makes no finite number of the text '91%'"),
        ("metrics.auc | int", "`int` makes no finite number of the text '91%'"),
        ("metrics.yes | int", "no finite number of `true`"),
        ("'inf' | int", "no finite number of the text 'inf'"),
        ("'' | float", "no finite number of the text ''"),
        ("metrics.long | float", "no finite number"),
        ("'1e350' | float", "no finite number"),
        ("'" + "9" * 200 + "' | int", "more than 100 digits"),
        ("metrics.f1 | abs", "`abs` needs a number"),
        ("metrics.f1 | round(2)", "Make a number of the text: `| float`."),
        ("1 is None", "Write `is none`."),
        ("1 | float(1, 2)", "`float` takes default"),
        ("1 | abs(1)", "`abs` takes nothing"),
        ("7 // 2", "`//` is not allowed"),
        ("7 % 2", "`%` is not allowed"),
        ("2 ** 2", "`**` is not allowed"),
    ],
)
def test_numbers_that_are_refused(source: str, problem: str) -> None:
    """A value that is not a number, too many digits and a division by zero are errors."""
    assert problem in refused(rendered, source, METRICS)


def test_thresholds() -> None:
    """Relative thresholds can be written, and a division by zero opens no gate."""
    assert holds("metrics.latency <= metrics.before * 1.1 + 0.001", METRICS)
    assert not holds("metrics.latency <= metrics.before * 1.05", METRICS)
    assert holds("(metrics.latency - metrics.before) / metrics.before < 0.11", METRICS)
    assert "by zero" in refused(holds, "metrics.tp / metrics.fp < 1", METRICS)
    assert holds("metrics.f1 | float >= 0.9", METRICS)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("'{:,}' | format(metrics.params)", "25,557,032"),
        ("'{:_}' | format(metrics.params)", "25_557_032"),
        ("'{:,.1f}M' | format(metrics.params / 1e6)", "25.6M"),
        ("'{:.1%}' | format(metrics.acc)", "93.4%"),
        ("'{:.1f}%' | format(metrics.acc * 100)", "93.4%"),
        ("'%.1f%%' | format(metrics.acc * 100)", "93.4%"),
        ("'{} of {}' | format(1, 'b')", "1 of b"),
        ("'{1}/{0}' | format('a', 'b')", "b/a"),
        ("'{:>4}|{:<4}|{:^4}' | format('a', 'b', 3)", "   a|b   | 3  "),
        ("'{:04d} {:x} {:e} {:+}' | format(7, 255, 0.5, 3)", "0007 ff 5.000000e-01 +3"),
        ("'{:.2s}' | format('abc')", "ab"),
        ("'{{{:,}}}' | format(1000)", "{1,000}"),
        ("'{:,}' | format(1234567.0 | int)", "1,234,567"),
        ("'{}' | format(true)", "true"),
        ("'%d {x}' | format(3)", "3 {x}"),
    ],
)
def test_format(source: str, text: str) -> None:
    """`'{:,}' | format(n)` makes thousands, percent and widths, beside the forms with `%`."""
    assert rendered(source, METRICS) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("'{:,}' | format('7')", "`{:,}` of `format` needs a number"),
        ("'{:,}' | format('7')", "`| float`"),
        ("'{:,}' | format(true)", "needs a number"),
        ("'{:d}' | format(7.5)", "needs a whole number"),
        ("'{:,}' | format", "more places than values"),
        ("'{1}' | format(1)", "more places than values"),
        ("'{:,}' | format(1, 2)", "no place for 1 of its values"),
        ("'{} %s' | format(1, 2)", "with `%` and with `{}`"),
        ("'{:,} {' | format(1)", "a single `{`"),
        ("'{:,} }' | format(1)", "a single `}`"),
        ("'{:n}' | format(1)", "`format` does not support `{:n}`"),
        ("'{:c}' | format(1)", "`format` does not support `{:c}`"),
        ("'{:101}' | format(1)", "nothing wider than 100"),
        ("'{:.101f}' | format(1)", "nothing wider than 100"),
        ("'{:99999999999d}' | format(1)", "nothing wider than 100"),
        ("'{:,s}' | format('a')", "is not for a text"),
        ("'{:.2d}' | format(1)", "can't be used"),
        ("'{}' | format(metrics.list)", "a list has no text"),
        ("'{0.real}' | format(1)", "no place for 1"),
        ("'{:{}}' | format(1, 2)", "single"),
    ],
)
def test_formats_that_are_refused(source: str, problem: str) -> None:
    """A pattern that is none of the two forms, or asks for what the value isn't, is an error."""
    assert problem in refused(rendered, source, METRICS)
