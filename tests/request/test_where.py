"""A line of `where` as an expression: the meaning of missing values (contract §3)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.errors import TemplateError, Unreadable
from har_labels.model.unusable import Unusable
from har_labels.templates.scope import FACT_NAMES, Scope
from har_labels.templates.template import Selection

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SIGNS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
LACKED = ("current_map.nope", "current_map['val/acc']", "current[7]", "downloads", "quarantined", "(current | first)")


def scope(labels: tuple[str, ...] | None = (), **facts: object) -> Scope:
    return Scope(
        metrics={"acc": 0.9, "none": None, "rows": []}, ci={}, now=NOW, artifact="x", registry="a/r/+",
        current=labels, fact=facts.get, asker="where",
    )  # fmt: skip


def holds(line: str, labels: tuple[str, ...] | None = (), **facts: object) -> bool:
    return Selection.parse(line, where="`where` line 1").holds(scope(labels, **facts))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("lacked", LACKED)
@pytest.mark.parametrize("other", ["'x'", "metrics.acc", "now", "true", "current_map.other", "'a=b'"])
def test_a_comparison_with_what_is_lacking(sign: str, lacked: str, other: str) -> None:
    """A comparison with a missing value is false, or true with `!=` and `not in`, on either side and with any other operand."""
    expected = sign in {"!=", "not in"}
    assert holds(f"{lacked} {sign} {other}") is expected
    assert holds(f"{other} {sign} {lacked}") is expected
    assert holds(f"not {lacked} {sign} {other}") is not expected
    assert holds(f"({lacked} {sign} {other}) == {str(expected).lower()}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("quarantined", False),
        ("not quarantined", True),
        ("quarantined or true", True),
        ("true and quarantined", False),
        ("true if quarantined else false", False),
        ("downloads is defined", False),
        ("downloads is undefined", True),
        ("downloads is none", False),
        ("current_map.a is in('b')", False),
        ("current_map.a is ne('b')", True),
        ("current_map.a is startswith('b')", False),
        ("1 < downloads < 3", False),
        ("1 != downloads != 3", True),
        ("downloads | default(7) > 3", True),
        ("-downloads < 0", False),
        ("(downloads + age_days) * 2 != 0", True),
        ("modified | date('%Y') == '2026'", False),
        ("latest_version | replace('v', '') == '1.0'", False),
        ("'%.1f' | format(downloads) == '1.0'", False),
        ("(current | max) | float > 1", False),
        ("current_map | length == 0", True),
    ],
)
def test_what_is_lacking_elsewhere(line: str, expected: bool) -> None:
    """Where true or false is wanted it is false; filters pass it on, and `default` and `is defined` ask for it."""
    assert holds(line) is expected


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("metrics.nope == 1", "there is no metric `nope`"),
        ("metrics.none != 1", "`metrics.none` is null"),
        ("current_map.a == metrics.nope", "there is no metric `nope`"),
        ("(metrics.rows | first) == current_map.a", "finds no item"),
        ("1 / metrics.acc == 1 / 0", "divides 1 by zero"),
        ("downloads | float / 0 == 1", "divides 3.0 by zero"),
        ("current_map.n | float > 1", "makes no finite number"),
        ("current_map.n | float | default(0) > 1", "in `where` no default replaces that"),
        ("current_map.n > 1", "compares the text 'NaN'"),
        ("current_map.twice == '1'", "two labels have this key"),
        ("modified > now", "can't be used: the registry gives"),
        ("downloads", "neither true nor false"),
        ("current_map.n", "neither true nor false"),
    ],
)
def test_what_is_wrong_is_not_lacking(line: str, told: str) -> None:
    """A metric that is missing, a value of the wrong kind and one that can't be read are errors, never false."""
    with pytest.raises(TemplateError) as caught:
        holds(
            line,
            ("n=NaN", "twice=1", "twice=2"),
            downloads=3,
            modified=Unusable("the registry gives 'x'", "No."),
        )
    assert told in f"{caught.value.what} {caught.value.next_step}"


@pytest.mark.parametrize("line", ["'a' in current", "current_map.a == 'b'", "not current", "current_map.a is defined"])
def test_unknown_labels_are_not_lacking(line: str) -> None:
    """Unknown labels are an error, but only if the line evaluates them."""
    with pytest.raises(Unreadable):
        holds(line, None)
    assert holds(f"true or {line}", None)
    assert not holds(f"downloads > 1 and {line}", None)


@given(st.sampled_from(sorted(FACT_NAMES)), st.text(max_size=20), st.sampled_from(SIGNS[:2]))
def test_no_text_of_others_has_a_meaning(name: str, text: str, sign: str) -> None:
    """Labels and facts are values: they are compared and never evaluated as an expression."""
    line = f"current_map.k {sign} 'x' and {name} {sign} 'x'"
    assert holds(line, (f"k={text}",), **{name: text}) is ((text == "x") is (sign == "=="))


def test_each_line_is_as_cheap_as_a_requirement() -> None:
    """It may do no more than any other expression, and its length has the same bound."""
    with pytest.raises(TemplateError, match="bytes"):
        Selection.parse("x" * 4097, where="`where` line 1")
    with pytest.raises(TemplateError, match="nested"):
        Selection.parse("not " * 200 + "true", where="`where` line 1")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("downloads > 1 && age_days > 2", "`and` is written as a word"),
        ("downloads > 1 & age_days > 2", "`and` is written as a word"),
        ("downloads > 1 || age_days > 2", "`or` is written as a word"),
        ("!quarantined", "`not` is written as a word"),
    ],
)
def test_operators_of_other_languages_get_a_hint(line: str, word: str) -> None:
    """For `&&`, `||` and `!` of GitHub's expressions the message has the operator to use here."""
    with pytest.raises(TemplateError, match="it can't be read") as raised:
        Selection.parse(line, where="`where` line 1")
    assert raised.value.next_step.startswith(word)
