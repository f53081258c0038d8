"""`mode: move`: one label goes from whoever has it to one artifact (contract §3 "Move", §5 point 11)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.steps import CIS, Done, spelling
from conftest import MODELS, MakeSandbox, RunStep
from har_sandbox import Fault, Request, Sandbox

NEW, OLD, LABEL = "resnet51", "resnet50", "champion"
Ask = Callable[..., Done]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A champion, a newcomer, and two that have nothing to do with it."""
    fill(sandbox)
    return sandbox


def fill(box: Sandbox) -> None:
    for name, labels in (
        (OLD, ["champion", "champion-of-2024", "stage=production", "team=vision"]),
        (NEW, ["stage=staging", "team=vision"]),
        ("resnet49", ["stage=archived"]),
        ("bert", ["language"]),
    ):
        box.add_artifact(MODELS, name, package_type="DOCKER", labels=labels)


@pytest.fixture
def ask(run_step: RunStep, box: Sandbox) -> Ask:
    """Runs a step that moves `champion` to the newcomer, unless told otherwise."""

    def run(*, ci: str = "github", **more: str) -> Done:
        asked = {"registry-ref": MODELS, "artifact": NEW, "mode": "move", "labels": LABEL}
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, box, {name: text for name, text in asked.items() if text})

    return run


def holders(box: Sandbox, label: str = LABEL) -> list[str]:
    return [name for name in (OLD, NEW, "resnet49", "bert") if label in (box.labels(MODELS, name) or ())]


def puts(box: Sandbox) -> list[str]:
    """The artifacts that were written, in order."""
    return [request.path.split("/artifact/")[1].split("/")[0] for request in box.requests if request.method == "PUT"]


@pytest.mark.parametrize("ci", CIS)
def test_the_label_goes_from_the_one_to_the_other(ask: Ask, box: Sandbox, ci: str) -> None:
    """The new one has it, the old one not, nothing else changes, and the step tells whom it was taken from."""
    done = ask(ci=ci)
    assert (done.code, holders(box)) == (0, [NEW]), done.log
    assert box.labels(MODELS, OLD) == ["champion-of-2024", "stage=production", "team=vision"]
    assert box.labels(MODELS, NEW) == ["champion", "stage=staging", "team=vision"]
    rows = {row["artifact"]: (row["status"], row["added"], row["removed"]) for row in done.value("results")}
    assert rows == {NEW: ("applied", [LABEL], []), OLD: ("applied", [], [LABEL])}
    if ci != "terminal":
        assert done.value("moved-from") == [OLD]
        assert done.value("labels") == ["champion", "stage=staging", "team=vision"]
        assert done.value("added") == [LABEL]
