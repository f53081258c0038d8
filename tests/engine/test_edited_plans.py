"""A plan file that somebody edited writes nothing that an input may not write (contract §2 "A label", §5 point 7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canary import KEY
from ci.steps import CIS
from conftest import MODELS, RunStep, Watch
from har_sandbox import Sandbox

REFUSED = {
    "n^_x": "`^_`",
    "bell\x07": "U+0007",
    "line\u2028end": "U+2028",
    "\u202eturned": "U+202E",
    " blank": "blank at its start or end",
    "blank ": "blank at its start or end",
    "": "it is empty",
    "x" * 4097: "4,097 characters",
    "half \ud800": "surrogate",
}
Write = Callable[..., Path]


@pytest.fixture
def write(sandbox: Sandbox, tmp_path: Path) -> Write:
    """Writes a plan of steps, each as (before, after) of an artifact `m0`, `m1`…"""

    def write(*steps: tuple[list[str] | None, list[str]]) -> Path:
        lines: list[dict[str, Any]] = [{"har_labels_plan": 1, "api_url": sandbox.api_url, "steps": len(steps)}]
        for at, (before, after) in enumerate(steps):
            sandbox.add_artifact(MODELS, f"m{at}", labels=before or [])
            lines.append(
                {
                    "registry_ref": f"{MODELS}/+",
                    "artifact": f"m{at}",
                    "artifact_type": "",
                    "before": before,
                    "after": after,
                }
            )
        path = tmp_path / "plan.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write


@pytest.mark.parametrize("before", [["a"], [], None])
@pytest.mark.parametrize("label", REFUSED)
def test_a_label_that_no_input_may_hold(
    run_step: RunStep, sandbox: Sandbox, write: Write, label: str, before: list[str] | None
) -> None:
    """Where a step adds it the run ends with 2 before any request, naming file, line, label and reason."""
    path = write((["a"], ["b"]), (before, [*(before or []), label]))
    done = run_step("github", sandbox, {"apply-plan": str(path)})
    assert (done.code, done.errors, sandbox.requests) == (2, ["HAR-PLAN-FILE"], [])
    assert f"{str(path)!r}, line 3: the label " in done.err
    assert REFUSED[label] in done.err


@pytest.mark.parametrize("ci", CIS)
def test_all_of_them_are_reported_at_once(run_step: RunStep, sandbox: Sandbox, write: Write, ci: str) -> None:
    """Three wrong labels in two steps are three errors."""
    path = write((["a"], ["n^_x", " y"]), ([], ["fine", "z\t"]))
    done = run_step(ci, sandbox, {"apply-plan": str(path)})
    assert (done.code, done.errors, sandbox.requests) == (2, ["HAR-PLAN-FILE"] * 3, [])


def test_what_is_there_already_may_be_odd(run_step: RunStep, sandbox: Sandbox, write: Write) -> None:
    """Only what a step adds is judged: a label of an artifact stays as odd as it is."""
    odd = " odd"
    path = write(([odd], [odd, "fine"]))
    done = run_step("github", sandbox, {"apply-plan": str(path)})
    assert (done.code, sandbox.labels(MODELS, "m0")) == (0, [odd, "fine"])


def test_the_key_in_a_plan(run_step: RunStep, sandbox: Sandbox, write: Write, watch: Watch) -> None:
    """A label that holds the key is refused before any request, and not shown."""
    path = write(([], [f"token {KEY}"]))
    watch.may_hold_key.add(path)
    done = run_step("github", sandbox, {"apply-plan": str(path)})
    assert (done.code, done.errors, sandbox.requests) == (2, ["HAR-PLAN-FILE"], [])
    assert "line 2: a label contains the key" in done.err
