"""No expression uses more than a little time and memory, whatever it and the metrics hold (contract §3 "Templates")."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har_labels.errors import TemplateError
from har_labels.templates import filters, values
from har_labels.templates.compiler import compile_template, compiled
from har_labels.templates.scope import LABEL_NAMES, Scope
from har_labels.templates.template import Requirement, Template
from har_labels.templates.values import ExpressionError

# Calls of Python and C functions, a few million a second. What is not about lists takes some milliseconds.
MOST_CALLS_WITHOUT_LISTS = 60_000
MOST_BYTES_WITHOUT_LISTS = 600_000
MOST_CALLS_PARSING = 1_000_000
MOST_BYTES_PARSING = 8_000_000
# An expression makes ten passes over a list of 100,000 items and holds 32 MB (contract §3).
MOST_ITEMS = 10 * 100_000
MOST_CALLS_AN_ITEM = 14
MOST_BYTES = 32_000_000
# Most tests are about shorter lists, within such a part of the bounds: it is the same work, in less time.
PART = 50

METRICS: dict[str, object] = {
    "n": 0.5,
    "i": 7,
    "big": 10**99,
    "huge": 10**4000,
    "inf": float("inf"),
    "max": 1.7e308,
    "none": None,
    "x": "x" * 4096,
    "w": "\ufdfa" * 4096,
    "u": "ΐ" * 4096,
    "p": "%" * 4096,
    "d": "%A" * 2048,
    "long": "y" * 5_000_000,
    "few": ["a", 1, True, None],
    "many": [""] * 2_000,
    "ones": [1] * 4_999 + [False],
    "numbers": [number / 7 for number in range(2_000)],
    "names": [f"Run {2_000 - number}" for number in range(2_000)],
    "texts": [str(number / 7) for number in range(1_000)],
    "wide": ["ΐ" * 100 + str(number) for number in range(1_000)],
    "nested": [[number] for number in range(1_000)],
    "rows": [{"epoch": number, "acc": number / 7, "name": f"run {number}", "none": None} for number in range(1_000)],
    "keys": {f"key{number}": number for number in range(20_000)},
}
SCOPE = Scope(
    metrics=METRICS,
    ci={"branch": "feature/x", "tag": ""},
    now=datetime(2026, 11, 23, 9, 48, tzinfo=UTC),
    artifact="team/model",
    registry="acme/ml/models/+",
    current=tuple(f"label-{number}" for number in range(10_000)),
    labels=("a", "b"),
    baseline=tuple(f"key-{number}={number}" for number in range(1_000)),
)


def cost(work: Callable[[], object]) -> tuple[int, int]:
    """The number of calls that `work` makes, and the most bytes it holds at once."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    except (TemplateError, ExpressionError):
        pass
    finally:
        sys.setprofile(None)
    tracemalloc.start()
    try:
        work()
    except (TemplateError, ExpressionError):
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return calls, peak


@contextmanager
def a_part_allowed() -> Iterator[None]:
    """Expressions may do a part of what they may otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_ITEMS_ALLOWED", values._ITEMS_ALLOWED // PART)
        patch.setattr(values, "_BYTES_ALLOWED", values._BYTES_ALLOWED // PART)
        yield


def check_cost(expression: str) -> None:
    """Parse and evaluate `expression` as a label and as a requirement, each within its bounds."""
    calls, peak = cost(lambda: compile_template("{{" + expression + "}}"))
    assert calls < MOST_CALLS_PARSING
    assert peak < MOST_BYTES_PARSING
    with a_part_allowed():
        check_evaluation(lambda: Template.parse("{{" + expression + "}}", where="label 1", metrics=METRICS).render)
        check_evaluation(lambda: Requirement.parse(expression, where="`require` 1", metrics=METRICS).check)


def check_evaluation(parse: Callable[[], Callable[[Scope], object]], scope: Scope = SCOPE, part: int = PART) -> None:
    """What `parse` gives, if it's allowed at all, evaluates within that part of the bounds."""
    try:
        evaluate = parse()
    except TemplateError:
        return
    calls, peak = cost(lambda: evaluate(scope))
    assert calls < MOST_CALLS_WITHOUT_LISTS + MOST_CALLS_AN_ITEM * MOST_ITEMS // part
    assert peak < MOST_BYTES_WITHOUT_LISTS + MOST_BYTES // part


READS = st.sampled_from(
    [f"metrics.{name}" for name in METRICS]
    + [
        "metrics.rows[0]",
        "metrics.rows | last",
        "metrics.rows[:100]",
        "metrics.names[::-1]",
        "labels[0]",
        "current_map",
        "labels_map",
        "baseline",
    ]
    + [
        "'name'",
        "'acc'",
        "'eq'",
        "'gt'",
        "'float'",
        "'startswith'",
        "'in'",
        "'{:,}'",
        "'{:100.100f}'",
        "'{major}'",
        "1e11",
        "2.5",
    ]
    + ["metrics", "metrics.keys.key7", "metrics.keys.nope", "metrics.few[0]", "metrics.few[3]", "metrics.zzz"]
    + ["ci.branch", "ci.tag", "now", "artifact", "registry", "current", "labels", "metrics[metrics.x]"]
    + ["'x'", "''", "'%s'", "'%100.100f'", "'%999999999d'", "'%Y'", "0", "1", "-1", "30", "10 ** 9", "1e308", "true"]
    + ["metrics.x * 9", "'x' ~ 'y'", "range(9)", "[1, 2]", "('a', 'b')", "{'a': 1}", "metrics.x[:5]", "().__class__"],
)
FILTERS = st.sampled_from([*filters.FILTERS, "center"])
ATTRIBUTES = st.sampled_from(["acc", "name", "epoch", "none", "nope", "x"])


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("{} | {}({})".format, inner, FILTERS, arguments),
        st.builds("({} | {})".format, inner, FILTERS),
        st.builds(
            "({} | {}(attribute='{}'))".format,
            inner,
            st.sampled_from(["map", "max", "sort", "unique", "sum"]),
            ATTRIBUTES,
        ),
        st.builds("({} | selectattr('{}', {}))".format, inner, ATTRIBUTES, arguments),
        st.builds("({} | map('{}'))".format, inner, st.sampled_from(["float", "int", "abs", "round"])),
        st.builds("({}).{}".format, inner, ATTRIBUTES),
        st.builds("({})[{}:{}]".format, inner, inner, inner),
        st.builds(
            "({}) is {}".format, inner, st.sampled_from(["defined", "none", "not none", "startswith('x')", "eq(1)"])
        ),
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(["<", "==", "in", "not in", "and", "or", "+", "-", "*", "/"]),
            inner,
        ),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("not {}".format, inner),
    )


EXPRESSIONS = st.recursive(READS, deeper, max_leaves=25)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS)
def test_any_expression_is_cheap(expression: str) -> None:
    """Whatever grows from the grammar, allowed or not, ends within the bounds, with a value or a TemplateError."""
    check_cost(expression)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from("a1.'\"()[]{}|%,+-*/:~ \n\\#é٣"), max_size=80))
def test_any_text_is_cheap(expression: str) -> None:
    """Text that is hardly an expression ends within the bounds too."""
    check_cost(expression)


@pytest.mark.parametrize(
    ("unit", "joint"),
    [
        ("metrics.x", " | upper" * 300 + " == "),
        ("metrics.x | replace('x', 'y')", " == "),
        ("metrics.x | replace('', '')", " == "),
        ("'y' in metrics.x | replace('x', '')", " or "),
        ("metrics.u | upper == ''", " or "),
        ("metrics.w | slug == ''", " or "),
        ("metrics.w | lower | slug == ''", " or "),
        ("metrics.p | format == ''", " or "),
        ("now | date(metrics.d) == ''", " or "),
        ("metrics.many | join == ''", ""),
        ("metrics.few | join", " | default('') == '' and "),
        ("2 in metrics.ones", " or "),
        ("true in metrics.ones", " or "),
        ("'label-x' in current", " or "),
        ("metrics.keys.nope | default('')", " or "),
        ("metrics.zz | default('')", " or "),
        ("metrics.big + metrics.big", " + "),
        ("metrics.max", " + "),
        ("metrics.names | sort | first == ''", " or "),
        ("metrics.names | unique | first == ''", " or "),
        ("metrics.names | max == ''", " or "),
        ("metrics.wide | sort | first == ''", " or "),
        ("metrics.numbers | sort | first == -1", " or "),
        ("metrics.numbers | sum < 0", " or "),
        ("metrics.numbers[::-1] | first < 0", " or "),
        ("metrics.texts | map('float') | max < 0", " or "),
        ("metrics.texts | map('int') | max < 0", " or "),
        ("metrics.nested | map(attribute=0) | max < 0", " or "),
        ("metrics.rows | map(attribute='acc') | max < 0", " or "),
        ("(metrics.rows | max(attribute='acc')).epoch < 0", " or "),
        ("metrics.rows | selectattr('epoch', 'in', [1, 2]) | length > 9", " or "),
        ("metrics.rows | selectattr('name', 'endswith', '7') | length < 0", " or "),
        ("metrics.rows | sort(attribute='name') | length < 0", " or "),
        ("metrics.rows", " | selectattr('acc', 'ge', 0)"),
        ("metrics.numbers", "[1:]"),
        ("metrics.names", " | sort"),
        ("metrics.x[1:]", " == "),
        ("metrics.long[:4000]", " == "),
        ("'1.2.3' | semver(metrics.x) == ''", " or "),
        ("'{:,}' | format(metrics.i) == ''", " or "),
        ("'{:100.100f}' | format(metrics.n) == ''", " or "),
        ("now | plus_days(1) == now", " or "),
        ("metrics.big * metrics.big", " * "),
        ("metrics.max / 0.5", " / "),
        ("metrics.nope is defined", " or "),
        ("metrics.zz is none | default(false)", " or "),
        ("metrics.key/a", "-"),
        ("1 /", " "),
        ("'x' is in 'x'", " and "),
        ("metrics.n | round(30)", " + "),
        ("metrics.n | round(-30)", " + "),
        ("1", " + "),
        ("1", " < "),
        ("true", " and "),
        ("not", " "),
        ("-", ""),
        ("(", ""),
        ("[", ""),
        ("a[", ""),
        ("1 if 1 else", " "),
        ("metrics.x | default(", ""),
        ("metrics", "."),
        ("metrics.a", "[0]"),
        ("'", ""),
        ("'a'", " "),
        ("'\\", ""),
        ("9", ""),
        ("0x", "f"),
        ("1e", "9"),
        ("{", ""),
        ("}", ""),
    ],
)
def test_repeated_to_the_limit(unit: str, joint: str) -> None:
    """Each construct, repeated as often as 4 KiB hold and as often as the depth allows, stays within the bounds."""
    for times in (2, 19, 50, 4096 // len(unit + joint)):
        text = (unit + joint) * (times - 1) + unit
        check_cost(text[:4090])


LARGE = replace(
    SCOPE,
    metrics={
        "names": [f"Run {100_000 - number}" for number in range(100_000)],
        "numbers": [number / 7 for number in range(100_000)],
        "texts": [str(number) for number in range(100_000)],
        "ones": [1] * 99_999 + [False],
        "rows": [{"acc": number / 7, "name": f"run {number}"} for number in range(100_000)],
        "column": [{"acc": 1.5}] * 1_000_000,
    },
)


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ("metrics.numbers | max == -1", 1),
        ("metrics.names | sort | first == ''", 1),
        ("metrics.rows | selectattr('name', 'startswith', 'run') | sort(attribute='acc') | length < 0", 2),
        ("metrics.texts | map('int') | sum < 0", 2),
        ("true in metrics.ones", 1),
    ],
)
def test_ten_passes_over_a_hundred_thousand_items(expression: str, passes: int) -> None:
    """Ten passes over such a list are made, within the bounds; the eleventh is refused."""
    source = " or ".join([expression] * (10 // passes))
    check_evaluation(lambda: Requirement.parse(source, where="x").check, LARGE, 1)
    assert Requirement.parse(expression, where="x").check(LARGE).holds is False
    requirement = Requirement.parse(f"{source} or {expression}", where="x")
    with pytest.raises(TemplateError, match="more than 10 passes over lists of 100,000 items"):
        requirement.check(LARGE)


@pytest.mark.parametrize(
    "expression",
    [
        "map(attribute='acc') | length",
        "max(attribute='acc')",
        "sort(attribute='acc')",
        "unique",
    ],
)
def test_the_largest_list(expression: str) -> None:
    """A list of a million items, the most that a file of rows has, takes no more memory than any other, or is refused."""
    check_evaluation(lambda: Requirement.parse(f"metrics.column | {expression} == 1", where="x").check, LARGE, 1)


def test_every_node_off_the_list_is_refused() -> None:
    """Of all node classes that Jinja2 has, only those on the list are taken; new ones would be refused."""
    from jinja2 import nodes

    allowed = {
        "Const",
        "Name",
        "Getattr",
        "Getitem",
        "Filter",
        "CondExpr",
        "Compare",
        "And",
        "Or",
        "Not",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Neg",
        "Pos",
        "Test",
    }
    classes = {kind for kind in vars(nodes).values() if isinstance(kind, type) and issubclass(kind, nodes.Node)}
    assert len(classes) > 60
    for kind in classes:
        if kind.__name__ in allowed:
            continue
        # NodeType forbids making some of them; an empty one is enough to see its class refused.
        node = object.__new__(kind)
        with pytest.raises(ExpressionError, match="is not allowed"):
            compiled(node, LABEL_NAMES)
