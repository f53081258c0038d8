"""Small cases of metrics files, templates and gates: each a folder below tests/cases/metrics, whose README says how to read it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ci.steps import Done
from conftest import MODELS, MakeSandbox, RunStep

FOLDER = Path(__file__).parents[1] / "cases" / "metrics"
NAME = "resnet50"
CASES = [pytest.param(path.parent, id=path.parent.name) for path in sorted(FOLDER.glob("*/case.json"))]


@pytest.mark.parametrize("folder", CASES)
def test_metric_case(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_sandbox: MakeSandbox,
    run_step: RunStep,
) -> None:
    """What the case says: exit code, all labels afterwards, texts that are in the log and texts that are not."""
    case = json.loads((folder / "case.json").read_text("utf-8"))
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    if (work / "make.py").exists():
        subprocess.run([sys.executable, "make.py"], cwd=work, timeout=60, check=True)
    monkeypatch.chdir(work)
    box = make_sandbox()
    there = {NAME: case["labels_there"], **case.get("other_artifacts", {})}
    for name, labels in there.items():
        box.add_artifact(MODELS, name, labels=labels, package_type="DOCKER")
    asked = {"registry-ref": MODELS, "artifact": NAME, "settle": "0", **case["inputs"]}
    done = run_step("github", box, asked, environ=case.get("environment"))
    _check(done, case["should"])
    after = {name: sorted(box.labels(MODELS, name)) for name in there}
    wanted = {name: sorted(labels) for name, labels in there.items()}
    assert after == wanted | ({NAME: case["should"]["labels"]} if "labels" in case["should"] else {})


def _check(done: Done, should: dict[str, Any]) -> None:
    told = (done.log + done.summary).replace('"', "'")
    assert done.code == should["exit"], done.err
    for wanted in should.get("names", ()):
        assert any(each in told for each in ([wanted] if isinstance(wanted, str) else wanted)), (wanted, told)
    for unwanted in should.get("never", ()):
        assert unwanted not in told
    assert len(done.errors) == should.get("errors", len(done.errors)), done.err


def test_all_cases_exist() -> None:
    """Every file that a case names is beside it, or is made."""
    for path in FOLDER.glob("*/case.json"):
        case = json.loads(path.read_text("utf-8"))
        assert all((path.parent / name).exists() for name in case["files"]), path
