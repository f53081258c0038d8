"""docs/metrics.md: every line of its table does on a file of that tool's shape what the page says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from conftest import MODELS, RunStep
from docs.documents import ROOT
from docs.tool_files import TOOLS
from har_sandbox import Sandbox

PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
_ROW = re.compile(r"^\| ([^|`]+) \| `([^`]+)` \| (.+?) \| `([^`]+)` \| `?([^`|]+)`? \|$", re.MULTILINE)
ROWS = [tuple(cell.replace("\\|", "|") for cell in row) for row in _ROW.findall(PAGE.partition("| tool |")[2])]


def folder_of(tool: str) -> str:
    return re.sub("[^a-z0-9]+", "-", tool.lower())


@pytest.mark.parametrize(("tool", "file", "wish", "line", "gives"), ROWS, ids=[f"{row[0]}: {row[2]}" for row in ROWS])
def test_every_line_does_what_the_page_says(
    tool: str, file: str, wish: str, line: str, gives: str,
    sandbox: Sandbox, run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The resulting label is written, and a gate holds or not, as documented."""
    shutil.copytree(TOOLS / folder_of(tool), tmp_path / "job")
    monkeypatch.chdir(tmp_path / "job")
    sandbox.add_artifact(MODELS, "resnet50", labels=["owner=vision"], package_type="DOCKER")
    is_gate = line.startswith("require: ")
    asked = {"require": line.removeprefix("require: "), "labels": "passed"} if is_gate else {"labels": line}
    inputs = {"registry-ref": MODELS, "artifact": "resnet50", "mode": "add", "settle": "0", "metrics-file": file}
    done = run_step("github", sandbox, inputs | asked)
    assert done.code == (10 if gives == "does not hold" else 0), (wish, done.err)
    made = {"holds": ["passed"], "does not hold": []}.get(gives, [gives])
    assert sorted(sandbox.labels(MODELS, "resnet50") or []) == sorted(["owner=vision", *made])


def test_the_table_is_long_and_whole() -> None:
    """Every row of the table was found, there are more than sixty, and every tool's folder is of a tool in it."""
    table = PAGE.partition("| tool |")[2]
    assert len(ROWS) == table.count("\n| ") >= 60
    assert {path.name for path in TOOLS.iterdir()} == {folder_of(row[0]) for row in ROWS}
    assert all(len(row[3]) < 200 for row in ROWS)


def test_every_file_of_a_tool_is_used() -> None:
    """No file lies there that no line of the page reads."""
    read = {
        found
        for tool, file, *_ in ROWS
        for item in file.split(", ")
        for found in (TOOLS / folder_of(tool)).glob(item.rpartition("=")[2])
    }
    assert {path for path in TOOLS.rglob("*") if path.is_file()} == read
