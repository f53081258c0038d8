"""Lists in expressions, with Jinja2's names, and access after brackets (contract §3)."""

from __future__ import annotations

import pytest

from templates.scopes import holds, refused, rendered

NAN = float("nan")
METRICS = {
    "auc": [0.9, 0.95, 0.94],
    "whole": [3, 1, 2, 3],
    "empty": [],
    "nulls": [1, None],
    "nans": [1, NAN],
    "words": ["b", "A", "a", "B"],
    "numbers": ["10", "9"],
    "mixed": [1, "a", True],
    "pairs": [[1, "x"], [2, "y"], [3]],
    "nested": {"metrics": [{"name": "acc", "v": {"x.y": 1}}, {"name": "f1", "v": {"x.y": 2}}]},
    "rows": [
        {"epoch": 1, "acc": 0.9, "val/loss": 1.0, "name": "A", "": "cat", "a.b": 1},
        {"epoch": 2, "acc": 0.95, "val/loss": None, "name": "b", "": 7, "a.b": 2},
        {"epoch": 3, "acc": None, "name": "a", "": "macro avg"},
        {"epoch": 4},
    ],
    "diverged": [{"loss": 1.0}, {"loss": NAN}],
    "text": "abc",
    "map": {"a": 1, "b": 2},
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("metrics.auc | max", "0.95"),
        ("metrics.auc | min", "0.9"),
        ("metrics.auc | first", "0.9"),
        ("metrics.auc | last", "0.94"),
        ("metrics.auc | sum | round(2)", "2.79"),
        ("metrics.whole | sum(start=10)", "19"),
        ("metrics.empty | sum", "0"),
        ("metrics.whole | length", "4"),
        ("metrics.text | length", "3"),
        ("metrics.map | length", "2"),
        ("metrics.whole | sort | join(',')", "1,2,3,3"),
        ("metrics.whole | sort(reverse=true) | join(',')", "3,3,2,1"),
        ("metrics.whole | unique | join(',')", "3,1,2"),
        ("metrics.words | sort | join", "AabB"),
        ("metrics.words | sort(case_sensitive=true) | join", "ABab"),
        ("metrics.words | sort(true, true) | join", "baBA"),
        ("metrics.words | unique | join", "bA"),
        ("metrics.words | unique(case_sensitive=true) | join", "bAaB"),
        ("metrics.words | min", "A"),
        ("metrics.words | max(true)", "b"),
        ("metrics.mixed | unique | join(',')", "1,a,true"),
        ("metrics.numbers | map('float') | max", "10.0"),
        ("metrics.numbers | map('int') | sum", "19"),
        ("metrics.auc | map('round', 1) | join(' ')", "0.9 0.9 0.9"),
        ("metrics.auc | map('abs') | first", "0.9"),
        ("metrics.pairs | map(attribute=1) | join", "xy"),
        ("metrics.pairs | map(attribute=0) | sum", "6"),
        ("metrics.pairs[1][0]", "2"),
        ("metrics.pairs.1.0", "2"),
        ("metrics.auc[-1]", "0.94"),
        ("metrics.auc[1:] | min", "0.94"),
        ("metrics.auc[:-1] | last", "0.95"),
        ("metrics.auc[::2] | join(',')", "0.9,0.94"),
        ("metrics.auc[::-1] | first", "0.94"),
        ("metrics.rows | map(attribute='acc') | max", "0.95"),
        ("metrics.rows | map(attribute='val/loss') | min", "1.0"),
        ("metrics.rows | map(attribute='acc') | length", "2"),
        ("metrics.rows | sum(attribute='epoch')", "10"),
        ("metrics.rows | sum('epoch', 5)", "15"),
        ("(metrics.rows | max(attribute='acc')).epoch", "2"),
        ("(metrics.rows | min(attribute='acc'))['val/loss']", "1.0"),
        ("(metrics.rows | last).epoch", "4"),
        ("(metrics.rows | selectattr('', 'equalto', 'macro avg') | first).epoch", "3"),
        ("metrics.rows | map(attribute='a.b') | join(',')", "1,2"),
        ("metrics.rows | selectattr('name', 'equalto', 'a') | map(attribute='epoch') | join(',')", "3"),
        ("metrics.rows | selectattr('acc', 'gt', 0.92) | map(attribute='epoch') | join", "2"),
        ("metrics.rows | selectattr('epoch', '<=', 2) | length", "2"),
        ("metrics.rows | selectattr('epoch', 'ne', 2) | length", "3"),
        ("metrics.rows | selectattr('epoch', 'in', [1, 4]) | length", "2"),
        ("metrics.rows | selectattr('name', 'startswith', 'A') | length", "1"),
        ("metrics.rows | selectattr('acc') | length", "2"),
        ("metrics.rows | selectattr('acc', 'defined') | length", "2"),
        ("metrics.rows | selectattr('acc', 'none') | length", "1"),
        ("metrics.rows | selectattr('acc', 'undefined') | length", "1"),
        ("metrics.rows | sort(attribute='acc', reverse=true) | map(attribute='epoch') | join(',')", "2,1"),
        ("metrics.rows | unique(attribute='name') | map(attribute='epoch') | join(',')", "1,2"),
        ("metrics.rows | join('+', attribute='name')", "A+b+a"),
        ("(metrics.nested.metrics | selectattr('name', 'eq', 'f1') | first).v['x.y']", "2"),
        ("(metrics.nested.metrics | map(attribute='v') | last)['x.y']", "2"),
        ("((metrics.rows | last).epoch - 1) * 2", "6"),
        ("(metrics.nope | default(metrics.auc))[0]", "0.9"),
        ("(metrics.auc if true else metrics.whole)[0]", "0.9"),
        ("metrics.empty | max | default('none')", "none"),
        ("metrics.nope | default([]) | length", "0"),
        ("(metrics.nulls | last) is none", "true"),
        ("0.95 in metrics.auc and 7 not in metrics.auc", "true"),
        ("1 in metrics.mixed and true in metrics.mixed and 2 not in metrics.mixed", "true"),
        ("'epoch' in metrics.rows[0] and 'b' in metrics.text and 'a' in metrics.map", "true"),
    ],
)
def test_lists(source: str, text: str) -> None:
    """Filters of lists do what Jinja2's do; `attribute` is one literal key, and items without it are left out."""
    assert rendered(source, METRICS) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("metrics.empty | max", "`max` finds no item in the list"),
        ("metrics.empty | first", "`first` finds no item"),
        ("metrics.auc[3:] | last", "`last` finds no item"),
        ("metrics.nulls | max", "`item 2 of the list` is null"),
        ("metrics.nulls | sum", "`item 2 of the list` is null"),
        ("metrics.nulls | last", "`the last item of the list` is null"),
        ("metrics.nans | sort | first", "`item 2 of the list` is nan"),
        ("metrics.diverged | map(attribute='loss') | min", "is nan"),
        ("metrics.mixed | max", "`max` can't compare a number with a text: item 2"),
        ("metrics.pairs | sort | length", "`sort` can't compare a list with another"),
        ("metrics.rows | max", "`max` can't compare a mapping with another"),
        ("metrics.rows | unique | length", "`unique` can't compare a mapping"),
        ("metrics.words | sum", "`sum` needs a number"),
        ("metrics.numbers | max", "`| map('float')`"),
        ("metrics.numbers | sort | last", "`| map('float')`"),
        ("metrics.numbers | min", "`min` would put the text '10' in order as a text"),
        ("metrics.rows | map(attribute='ac') | max", "no item of the list has `ac`; the last has `epoch`"),
        ("metrics.rows | sum(attribute='ac')", "no item of the list has `ac`"),
        ("metrics.rows | selectattr('nope', 'equalto', 'a') | length", "no item of the list has `nope`"),
        ("metrics.rows | selectattr('epoch', 'equalto', '1') | length", "compares the number 1 with the text '1'"),
        ("metrics.rows | selectattr('name', 'lt', 1) | length", "`<` compares the text 'A' with the number 1"),
        ("metrics.rows | selectattr('name', 'odd') | length", "takes the name of a test, not the text 'odd'"),
        ("metrics.rows | selectattr('name', 'eq') | length", "needs a value for the test `eq`"),
        ("metrics.rows | selectattr | length", "attribute must be given"),
        ("metrics.auc | map(attribute='x') | first", "item 1 of the list is the number 0.9 and has no `x`"),
        ("metrics.auc | map('upper') | first", "`map` takes one key of the items or one filter"),
        ("metrics.auc | map | first", "`map` takes one key of the items or one filter"),
        ("metrics.auc | map('float', 1) | first", "`map('float')` takes no more"),
        ("metrics.rows | map(attribute=1.5) | first", "`attribute` is one key"),
        ("metrics.rows | map(attribute=true) | first", "`attribute` is one key"),
        ("metrics.words | map('float') | max", "no finite number of the text 'b'"),
        ("metrics.text | max", "`max` needs a list, not the text 'abc'"),
        ("metrics.map | first", "`first` needs a list, not a mapping"),
        ("1 | length", "`length` needs a list, a mapping or a text"),
        ("metrics.map[:2]", "cuts texts and lists, and `metrics.map` is a mapping"),
        ("metrics.auc['1':]", "needs a whole number"),
        ("metrics.auc[::0] | length", "steps of 0"),
        ("metrics.auc[1, 2]", "a list that isn't after `in`"),
        ("metrics.auc[9]", "has 3 items, and none is at 9"),
        ("metrics.auc.x", "map(attribute='…')"),
        ("metrics.rows", "a list has no text"),
        ("(metrics.rows | last)", "a mapping has no text"),
        ("(metrics.rows | last).acc", "`(…)` has no `acc`"),
        ("metrics.rows | last.acc", "`(… | last).acc`"),
        ("metrics.rows | last['acc']", "(metrics.rows | last)['f1-score']"),
        ("[1, 2] | max", "a list that isn't after `in`"),
        ("metrics.auc in metrics.pairs", "`in` can't look for a list"),
        ("metrics.auc == metrics.auc", "`==` can't compare a list"),
    ],
)
def test_lists_that_are_refused(source: str, problem: str) -> None:
    """What a list doesn't hold, and items that can't be compared, are errors that name the item."""
    assert problem in refused(rendered, source, METRICS)


@pytest.mark.parametrize("test", ["['eq']", "metrics.few", "5", "true", "metrics.rows[0]"])
def test_a_test_that_is_none(test: str) -> None:
    """Anything but the name of a test is an error."""
    metrics = {"rows": [{"acc": 0.5}], "few": [1]}
    assert "`selectattr` takes the name of a test" in refused(
        rendered, f"metrics.rows | selectattr('acc', {test})", metrics
    )


def test_gates_on_lists() -> None:
    """A gate on a list is closed by a NaN in it, and is not opened by a key that no item has."""
    assert holds("metrics.rows | map(attribute='acc') | max >= 0.95", METRICS)
    assert holds("(metrics.rows | max(attribute='acc')).epoch == 2 and metrics.auc | length > 2", METRICS)
    assert "is nan" in refused(holds, "metrics.nans | max | default(0) < 1", METRICS)
    assert "is nan" in refused(holds, "metrics.diverged | map(attribute='loss') | last < 1", METRICS)
    assert "no item" in refused(holds, "metrics.rows | sum(attribute='errors') == 0", METRICS)
    assert "no item" in refused(holds, "metrics.rows | selectattr('severity', 'eq', 'high') | length == 0", METRICS)
    assert holds("current | length == 2 and current | sort | first == 'a' and labels | join == 'c'")


def test_what_a_gate_read_of_a_list() -> None:
    """The explanation of a false gate names the values, of rows their number."""
    from dataclasses import replace

    from har_labels.templates.template import Requirement
    from templates.scopes import SCOPE

    source = "(metrics.rows | max(attribute='acc')).epoch > 3 and metrics.auc | max > 2"
    verdict = Requirement.parse(source, where="`require` line 1").check(replace(SCOPE, metrics=METRICS))
    assert (verdict.holds, verdict.explanation) == (False, "metrics.rows is a list of 4, (…).epoch is 2")
    verdict = Requirement.parse("metrics.nulls | first > 2", where="x").check(replace(SCOPE, metrics=METRICS))
    assert verdict.explanation == "metrics.nulls is [1, null]"
