"""Gates can be trusted: values that no `default` replaces, comparisons without an order, and known names (contract §3)."""

from __future__ import annotations

import pytest

from har_labels.errors import Unreadable
from har_labels.model.unusable import Unusable
from templates.scopes import holds, refused, rendered

NAN = float("nan")
METRICS = {
    "loss": NAN,
    "worst": float("inf"),
    "null": None,
    "acc": 0.9,
    "text": "0.9",
    "word": "good",
    "list": [1, 2],
    "losses": [0.5, NAN],
    "deep": {"acc": 1},
    "tag": Unusable("the YAML tag !!python/tuple can't be read", "Write a plain list."),
}
CURRENT = ("stage=staging", "accuracy=0.931", "owner=a", "owner:b", "plain", "model-type=cnn")


def test_a_list_of_labels_has_no_names() -> None:
    """`current.x` and `labels['x']` can't be read, `default` or not; the error names the mapping."""
    for name in ("current", "labels"):
        for source in (
            f"{name}.accuracy == '1'",
            f"{name}['accuracy'] | default(0) == 0",
            f"{name}.accuracy is defined",
        ):
            assert f"`{name}_map.accuracy`" in refused(holds, source, METRICS)
    assert "`current_map['model-type']`" in refused(holds, "current['model-type'] == 'x'", METRICS)
    assert "`labels_map" in refused(holds, "labels[metrics.word] == 'x'", METRICS)


def test_items_of_the_labels() -> None:
    """`current[0]` and `labels[-1]` are items; one that isn't there is missing, and so is what no label has as its key."""
    assert holds("current[0] == 'a' and current[-1] == 'stage=staging' and labels[0] == 'c'")
    assert holds("current[7] | default('none') == 'none'")
    assert "has 2 items, and none is at 7" in refused(holds, "current[7] == 'a'")
    assert holds("current[:1] | join == 'a' and labels | length == 1")


def test_the_labels_by_key() -> None:
    """`current_map` and `labels_map` have the values as texts, up to the first `=`, else the first `:`; a plain word has no key."""
    scope = {"current": CURRENT, "labels": ("n=5", "a:b=c")}
    assert holds("current_map.stage == 'staging' and current_map.accuracy | float > 0.9", **scope)
    assert holds("labels_map.n | int == 5 and labels_map['a:b'] == 'c' and 'plain' not in current_map", **scope)
    assert holds("current_map.nope | float | default(0) == 0 and current_map['model-type'] == 'cnn'", **scope)
    assert "with the number 0.9" in refused(holds, "current_map.accuracy > 0.9", **scope)
    assert "there is no name `current_map` here, only in `require`" in refused(rendered, "current_map.stage")


def test_a_key_that_is_there_twice() -> None:
    """Two labels with one key are an error where the key is read, that no `default` covers, and nowhere else."""
    for source in (
        "current_map.owner == 'a'",
        "current_map.owner | default('a') == 'a'",
        "current_map.owner is defined",
    ):
        line = refused(holds, source, current=CURRENT)
        assert "`owner=a` and `owner:b`" in line
        assert "default" not in line.split("`: ", 1)[1]
    assert holds("current_map.stage == 'staging' and 'owner' in current_map", current=CURRENT)


def test_unknown_labels_have_no_keys_either() -> None:
    """Labels that the registry does not show are unknown, also by their keys."""
    with pytest.raises(Unreadable, match="current_map"):
        holds("'x' in current_map", current=None)


@pytest.mark.parametrize(
    "source",
    ["metrics.nope", "metrics.null", "metrics.nope.deeper", "metrics.null.deeper", "metrics.list[5]", "metrics.deep.b"],
)
def test_default_replaces_a_missing_value(source: str) -> None:
    """A key, an item or a null: missing in labels and in gates."""
    assert rendered(f"{source} | default('d')", METRICS) == "d"
    assert holds(f"{source} | default(1) == 1", METRICS)


@pytest.mark.parametrize(
    "source",
    [
        "metrics.acc.x",
        "metrics.text.x",
        "metrics.list.x",
        "metrics.list['0']",
        "metrics.text[0]",
        "metrics.acc[0]",
        "metrics.loss.x",
    ],
)
def test_default_is_not_for_a_wrong_path(source: str) -> None:
    """A path through a number, a text or a list is an error, which no default replaces."""
    assert "has no" in refused(rendered, f"{source} | default('d')", METRICS)
    assert "has no" in refused(holds, f"{source} | default(1) == 1", METRICS)
    assert "has no" in refused(holds, f"{source} is defined", METRICS)


@pytest.mark.parametrize(
    "source",
    [
        "metrics.loss", "metrics.worst", "metrics.losses | max", "metrics.losses | last", "metrics.losses[1]", "metrics.losses | sum",
        "metrics.text | replace('0', 'x') | float", "'nan' | float", "'-inf' | float", "'0,93' | float", "'n/a' | int", "metrics.list | float",
        "1.7e99 * (1e99 * 1e99 * 1e99)",
    ],
)  # fmt: skip
def test_default_for_a_number_that_is_none(source: str) -> None:
    """In a label `default` replaces NaN and a text that is not a number; in a gate nothing does, and no error advises it."""
    assert rendered(f"({source}) | default('d')", METRICS) == "d"
    for gate in (f"({source}) | default(1) == 1", f"({source}) > 0", f"({source}) is defined", f"({source}) is none"):
        assert "| default" not in refused(holds, gate, METRICS).split("`: ", 1)[1]
    assert "| default" not in refused(rendered, source, METRICS).split("`: ", 1)[1]


def test_an_unreadable_value() -> None:
    """A value that the file's reader could not use is an error where it is read, with its reason; no default replaces it."""
    for source in (
        "metrics.tag",
        "metrics.tag | default('d')",
        "metrics.tag[0] | default('d')",
        "metrics.tag | length",
    ):
        assert "`metrics.tag` can't be used: the YAML tag !!python/tuple can't be read" in refused(
            rendered, source, METRICS
        )
    assert refused(rendered, "metrics.tag", METRICS).endswith("| Write a plain list.")
    assert holds("metrics.acc > 0 and 'tag' in metrics", METRICS)


def test_no_message_of_a_gate_advises_default() -> None:
    """Only the error of a label's missing value advises `default`."""
    for source in (
        "metrics.nope > 1",
        "metrics.null > 1",
        "nope",
        "none == 1",
        "metrics.acc is odd",
        "1 +",
        "(metrics.acc / 0) > 1",
    ):
        assert "| default(" not in refused(holds, source, METRICS)
    for source in ("metrics.nope", "metrics.null", "metrics.acc / 0"):
        assert "put `| default('…')` after it" in refused(rendered, source, METRICS)
    for source in ("nope", "none", "metrics.acc is odd", "metrics.loss", "1 +", "metrics.acc.x", "metrics.text > 1"):
        assert "| default(" not in refused(rendered, source, METRICS)


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("'1e-5'", "'0.9'"),
        ("'abc'", "'10'"),
        ("'9'", "'x'"),
        ("'nan'", "'a'"),
        ("' -Infinity '", "'a'"),
        ("metrics.text", "'v2'"),
    ],
)
def test_texts_that_are_numbers_have_no_order(sign: str, left: str, right: str) -> None:
    """Two texts of which one reads as a number are not put in order: the error names `float`."""
    assert "`| float`" in refused(holds, f"{left} {sign} {right}", METRICS)


def test_texts_that_are_texts() -> None:
    """Other texts are put in order as texts, and whether two are equal is not a question of order."""
    assert holds("'a' < 'b' <= 'b' and 'v1.2' < 'v1.3' and '2026-08-06' < '2026-08-07'")
    assert holds("metrics.text == '0.9' and metrics.text != '0.90' and '1' in '10'", METRICS)
    assert holds("metrics.text | float >= 0.9", METRICS)


def test_whether_a_value_exists() -> None:
    """`is defined` asks whether it is there, `is none` whether it is null; a name that isn't there is not null."""
    assert holds("metrics.acc is defined and metrics.null is defined and metrics.nope is not defined", METRICS)
    assert holds("metrics.nope is undefined and metrics.nope.x is undefined and metrics.list[9] is undefined", METRICS)
    assert holds("metrics.null is none and metrics.acc is not none", METRICS)
    assert "there is no metric `nope`" in refused(holds, "metrics.nope is none", METRICS)
    assert "is null and has no `x`" in refused(holds, "metrics.null.x is none", METRICS)
    assert rendered("'y' if metrics.loss is defined else 'n'", METRICS) == "y"


def test_a_dollar_directly_before_a_placeholder() -> None:
    """`${{` is GitHub's: an error that shows how a real dollar is written, in labels and around a `require`."""
    from har_labels.errors import TemplateError
    from har_labels.templates.template import Template
    from templates.scopes import SCOPE

    for source in ("a=${{ metrics.items }}", "{{ artifact }}${{ metrics.items }}", "${{artifact}}"):
        with pytest.raises(TemplateError, match=r"`\$` directly before") as caught:
            Template.parse(source, where="label 1")
        assert "{{ '$' }}" in caught.value.next_step
    for source in (
        "$ {{ metrics.items }}",
        "$5 {{ metrics.items }}$",
        "{{ '$' }}{{ metrics.items }}",
        "{{ '${{' }}{{ metrics.items }}",
    ):
        assert "3" in (Template.parse(source, where="label 1").render(SCOPE) or "")
    assert "Leave the braces out" in refused(holds, "${{ metrics.items }} > 1")


@pytest.mark.parametrize("word", ["false", "False", " FALSE ", "no", "off", "0", "none", "null"])
def test_a_text_that_means_false_is_not_a_condition(word: str) -> None:
    """A label `approved=false` opens no gate and a text `False` chooses nothing, though every text that isn't empty is true."""
    current = (f"approved={word}",)
    for source in (
        "current_map.approved and 1 == 1",
        "not current_map.approved",
        "1 == 1 if current_map.approved else 1 == 2",
        "(current_map.approved or 1) == 1",
        "(current_map.nope | default(current_map.approved)) and 1 == 1",
    ):
        assert "Compare it: `== " in refused(holds, source, current=current)
    assert "Compare it" in refused(rendered, "'ok' if metrics.passed else 'failed'", {"passed": word})
    assert "Compare it" in refused(rendered, "metrics.rows | selectattr('ok') | length", {"rows": [{"ok": word}]})
    assert holds(f"current_map.approved == '{word}'", current=current)


def test_other_texts_are_conditions() -> None:
    """Empty or not is asked of texts, as of `ci.tag`."""
    assert rendered("'tag' if ci.tag else 'branch'") == "branch"
    assert rendered("ci.tag or ci.branch") == "feature/Ä b"
    assert holds("current_map.stage and 1 == 1")


@pytest.mark.parametrize(
    ("items", "asked", "problem"),
    [
        ([0.5, NAN], "3", "item 2 of the list"),
        ([0.5, float("inf")], "3", "item 2 of the list"),
        ([{}, Unusable("it is a text that Python printed", "")], "'x'", "item 2 of the list"),
        (["3", "4"], "3", "in a list whose items are like the text '3'"),
        ([3, 4], "'3'", "in a list whose items are like the number 3"),
    ],
)
def test_what_is_not_in_a_list_opens_no_gate(items: list[object], asked: str, problem: str) -> None:
    """`not in` is an error for NaN, unusable values and items of another kind."""
    metrics = {"failed": items}
    for source in (f"{asked} not in metrics.failed", f"{asked} in metrics.failed", f"not ({asked} in metrics.failed)"):
        line = refused(holds, source, metrics)
        assert problem in line
        assert "| default(" not in line
    assert problem in refused(rendered, f"{asked} in metrics.failed", metrics)


def test_what_is_in_a_list() -> None:
    """Like is looked for among items of several kinds; null is none of them, and an empty list holds nothing."""
    metrics = {"mixed": [1, "a", None, True], "empty": [], "nulls": [None]}
    assert holds(
        "1 in metrics.mixed and 'a' in metrics.mixed and 2 not in metrics.mixed and 'b' not in metrics.mixed", metrics
    )
    assert holds("1 not in metrics.empty and 'x' not in metrics.nulls and 0.5 not in [1, 2]", metrics)
