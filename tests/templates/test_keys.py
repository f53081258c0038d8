"""Keys that are not names: their spelling, and the errors where one was meant (contract §3)."""

from __future__ import annotations

import pytest

from templates.scopes import holds, refused, rendered

METRICS = {
    "val/acc": 0.93, "acc,none": 0.83, "ndcg@10": 0.4, "F1-Score": 0.9, "macro avg": {"f1-score": 0.85, "f1": 0.1},
    "loss": 2.0, "loss-1": 0.7, "top": 0.8, "top/5": 0.95, "a": 1, "a*2": 2, "a+2": 3, "mAP50(B)": 0.5, "accuracy": 0.9,
    "val": {"top-5": 0.8, "top": 1, "acc": 7}, "x.y": 5, "n:m": 6, "50%": 1, "eval_accuracy": 3, "it's": 4,
    "last": {"val/acc": 0.94, "loss": 1, "loss-1": 2}, "rows": [{"val/acc": 0.91}, {"val/acc": 0.94, "loss": 1, "loss-1": 2}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "spelling"),
    [
        ("metrics.val/acc", "metrics['val/acc']"),
        ("metrics.acc,none", "metrics['acc,none']"),
        ("metrics.ndcg@10", "metrics['ndcg@10']"),
        ("metrics.F1-Score", "metrics['F1-Score']"),
        ("metrics.macro avg", "metrics['macro avg']"),
        ("metrics.macro avg.f1-score", "metrics['macro avg']['f1-score']"),
        ("metrics['macro avg'].f1-score", "metrics['macro avg']['f1-score']"),
        ('metrics["macro avg"].f1-score', "metrics['macro avg']['f1-score']"),
        ("metrics.mAP50(B)", "metrics['mAP50(B)']"),
        ("metrics.50%", "metrics['50%']"),
        ("metrics.last.val/acc", "metrics.last['val/acc']"),
        ("metrics.rows[-1].val/acc", "metrics.rows[-1]['val/acc']"),
        ("metrics.rows[0].val/acc", "metrics.rows[0]['val/acc']"),
        ("(metrics.rows | last).val/acc", "(…)['val/acc']"),
        ("metrics.val/acc | round(2)", "metrics['val/acc']"),
        ("metrics.accuracy + metrics.val/acc", "metrics['val/acc']"),
        ("accuracy", "metrics.accuracy"),
        ("accuracy | round(2)", "metrics.accuracy"),
        ("val/acc", "metrics['val/acc']"),
        ("ndcg@10", "metrics['ndcg@10']"),
        ("loss-1", "metrics['loss-1']"),
        ("val.acc", "metrics.val.acc"),
        ("F1-Score", "metrics['F1-Score']"),
        ("macro avg", "metrics['macro avg']"),
    ],
)
def test_the_error_has_the_right_spelling(source: str, spelling: str) -> None:
    """Where an expression can't be read and its text is a key, or a bare name is a metric, the error ends with its spelling."""
    assert refused(rendered, source, METRICS).endswith(f"| Write `{spelling}`.")
    assert refused(holds, f"{source} > 0.5", METRICS).endswith(f"| Write `{spelling}`.")
    if "…" not in spelling and spelling[-5:] != "avg']":
        assert rendered(spelling, METRICS) is not None


@pytest.mark.parametrize(
    "spelling", ["metrics['it\\'s']", 'metrics["it\'s"]', "metrics['50%']", "metrics['n:m']", "metrics['x.y']"]
)
def test_any_key_can_be_written(spelling: str) -> None:
    """In brackets and quotes every key can be read."""
    assert rendered(spelling, METRICS)


@pytest.mark.parametrize(
    ("source", "spelling"),
    [
        ("metrics.loss-1", "metrics['loss-1']"),
        ("metrics.top/5", "metrics['top/5']"),
        ("metrics.a*2", "metrics['a*2']"),
        ("metrics.a+2", "metrics['a+2']"),
        ("metrics.loss-1 + 1", "metrics['loss-1']"),
        ("metrics.loss-1 | default(0)", "metrics['loss-1']"),
        ("(metrics.loss-1) * 2", "metrics['loss-1']"),
        ("metrics.val.top-5", "metrics.val['top-5']"),
        ("metrics.last.loss-1", "metrics.last['loss-1']"),
        ("metrics.rows[1].loss-1", "metrics.rows[1]['loss-1']"),
        ("(metrics.rows | last).loss-1", "(…)['loss-1']"),
        ("metrics.x.y", "metrics['x.y']"),
        ("metrics.x.y | default(0)", "metrics['x.y']"),
        ("metrics.n:m", "metrics['n:m']"),
    ],
)
def test_arithmetic_that_is_a_key(source: str, spelling: str) -> None:
    """Text without blanks that is a key is never quietly another key and a sign."""
    assert f"`{spelling}`." in refused(rendered, source, METRICS)
    assert f"`{spelling}`." in refused(holds, f"{source} > 0.5", METRICS)


def test_arithmetic_that_is_none() -> None:
    """With blanks around the sign it is arithmetic, and so is what only begins like a key."""
    assert rendered("metrics.loss - 1", METRICS) == "1.0"
    assert rendered("metrics.loss -1", METRICS) == "1.0"
    assert rendered("metrics.top / 5", METRICS) == "0.16"
    assert rendered("metrics.a * 2 + metrics.a + 2", METRICS) == "5"
    assert rendered("metrics.loss-10", METRICS) == "-8.0"
    assert rendered("metrics.loss-1.5", METRICS) == "0.5"
    assert rendered("metrics.loss-metrics.top", METRICS) == "1.2"
    assert rendered("metrics['loss']-1", METRICS) == "1.0"
    assert rendered("metrics.accuracy-0.5", METRICS) == "0.4"


def test_no_key_is_meant() -> None:
    """A text in quotes, a filter's name or a label's own text is not a metric."""
    for source in (
        "'accuracy' + nope",
        "nope | accuracy",
        "nope is accuracy",
        "nope | round(accuracy=1)",
        "x-accuracy",
    ):
        assert "Write `metrics" not in refused(rendered, source, METRICS)


def test_keys_of_labels() -> None:
    """What labels are there is not known while the gate is read: any text that could be a key is shown as one."""
    labels = ("model-type=cnn", "loss=5", "loss-1=7", "ci/run=3")
    assert refused(holds, "current_map.model-type == 'cnn'", current=labels).endswith(
        "Write `current_map['model-type']`."
    )
    assert refused(holds, "labels_map.ci/run == '3'", labels=labels).endswith("Write `labels_map['ci/run']`.")
    assert "`current_map['loss-1']`" in refused(holds, "current_map.loss-1 | default('') == '7'", current=labels)
    assert holds("current_map['model-type'] == 'cnn' and labels_map['loss-1'] == '7'", current=labels, labels=labels)


def test_the_deepest_and_longest() -> None:
    """The longest key that the text is wins; long texts and many keys are looked through all the same."""
    metrics = {"a": 1, "a-b": 2, "a-b-c": 3, "k" * 150 + "/x": 4} | {f"key{n}": n for n in range(5000)}
    assert refused(rendered, "metrics.a-b-c", metrics).endswith("Write `metrics['a-b-c']`.")
    assert refused(rendered, "metrics.a-b-d", metrics).endswith("Write `metrics['a-b']`.")
    assert refused(rendered, f"metrics.{'k' * 150}/x", metrics).endswith("/x']`.")


@pytest.mark.parametrize(
    ("source", "spelling"),
    [
        ("metrics.0.5.precision", "metrics['0.5'].precision"),
        ("metrics.iou.0.75", "metrics.iou['0.75']"),
        ("metrics.rows[0].0.5.precision", "metrics.rows[0]['0.5'].precision"),
    ],
)
def test_a_key_that_is_a_number(source: str, spelling: str) -> None:
    """A threshold as a key can be read as two keys, and where those aren't there the error ends with its spelling."""
    thresholds = {"0.5": {"precision": 0.9}, "iou": {"0.75": 0.6}}
    metrics = thresholds | {"rows": [thresholds]}
    for line in (refused(holds, f"{source} > 0.5", metrics), refused(rendered, source, metrics)):
        assert line.endswith(f"Write `{spelling}`.")
    assert "Write `" not in refused(holds, "metrics.1.5 > 0.5", metrics)
