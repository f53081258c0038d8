"""What the expressions of these tests can see: values of every kind, whole and broken."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from har_labels.language.scope import Scope

SCOPE = Scope(
    metrics={
        "accuracy": 0.93456,
        "loss": float("nan"),
        "best": float("-inf"),
        "none": None,
        "items": 3,
        "keys": "k",
        "val/acc": 1,
        "val.acc": 2,
        "val": {"acc": 3, "list": [1, 2, "x"], "none": None},
        "text": "0.9",
        "tiny": 1e-05,
        "large": 1e16,
        "zero": -0.0,
        "yes": True,
        "names": ["a", "b"],
        "star": "*",
        "broken": ["a", None],
        "number": 10**100,
        "long": "x" * 4097,
        "most": 1.7e308,
        "bytes": b"x",
    },
    ci={"branch": "feature/Ä b", "tag": ""},
    now=datetime(2026, 11, 23, 10, 48, 1, 55, tzinfo=timezone(timedelta(hours=1))),
    artifact="team/model",
    registry="acme/ml/models/+",
    current=("a", "stage=staging"),
    labels=("c",),
)
