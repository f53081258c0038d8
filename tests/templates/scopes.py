"""What the expressions of these tests can see: values of every kind, whole and broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from har_labels.errors import TemplateError
from har_labels.templates.scope import Scope
from har_labels.templates.template import Requirement, Template

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


def rendered(source: str, metrics: Mapping[str, object] | None = None, **more: Any) -> str | None:
    """The text of `{{ source }}` in a label, with these metrics and this scope."""
    scope = replace(SCOPE, **more) if metrics is None else replace(SCOPE, metrics=metrics, **more)
    return Template.parse(f"{{{{ {source} }}}}", where="label 1", metrics=scope.metrics).render(scope)


def holds(source: str, metrics: Mapping[str, object] | None = None, **more: Any) -> bool:
    """Whether a `require` holds, with these metrics and this scope."""
    scope = replace(SCOPE, **more) if metrics is None else replace(SCOPE, metrics=metrics, **more)
    return Requirement.parse(source, where="`require` line 1", metrics=scope.metrics).check(scope).holds


def refused(ask: Callable[..., object], source: str, metrics: Mapping[str, object] | None = None, **more: Any) -> str:
    """The whole line of the error that `rendered` or `holds` ends in."""
    with pytest.raises(TemplateError) as caught:
        ask(source, metrics, **more)
    return caught.value.line
