"""A GitHub Action that Harness runs: its outputs pass through a shell line, then through Harness's reader."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.godotenv_model import read_by_harness, v2, v3, v4
from ci.runner_model import pairs_in
from har_labels.platforms import detect
from har_labels.platforms.github import is_run_by_harness
from hostile_text import encodable_texts

SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


def published(outputs: dict[str, str], folder: str) -> tuple[dict[str, str], list[str]]:
    """The outputs as the action's runner has them, and the warnings."""
    path = Path(folder, "output")
    environ = {"GITHUB_ACTIONS": "true", "DRONE": "true", "HARNESS_ACCOUNT_ID": "a", "GITHUB_OUTPUT": str(path)}
    warnings = detect(environ, io.StringIO(), io.StringIO()).publish(outputs, "")
    return pairs_in(path.read_bytes()), warnings


def carried_over(outputs: dict[str, str], folder: str, shell: str) -> bytes:
    """The file that Harness reads, after its plugin's `echo "k=v…" > file` (drone/plugin, github/workflow.go)."""
    lines = "".join(f"{name}={value}\n" for name, value in outputs.items())
    Path(folder, "script").write_text(f'echo "{lines}" > file\n')
    subprocess.run([shell, "script"], cwd=folder, check=True, capture_output=True)
    assert sorted(path.name for path in Path(folder).iterdir()) == ["file", "output", "script"]
    return Path(folder, "file").read_bytes()


@pytest.mark.parametrize("shell", SHELLS)
def test_any_text_passes_through_the_shell_line(shell: str) -> None:
    """Nothing is run, nothing is lost, and every reader decodes the same."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(encodable_texts, min_size=20, max_size=20))
    def check(texts: list[str]) -> None:
        outputs = {
            f"o-{index}": text for index, text in enumerate([*texts, "$(touch ran)", "`touch ran`", '"; touch ran; "'])
        }
        with tempfile.TemporaryDirectory() as folder:
            content = carried_over(published(outputs, folder)[0], folder, shell)
        for reader in (v2, v3, v4):
            assert read_by_harness(content, reader) == outputs

    check()


@pytest.mark.parametrize("plain", ["", "true", "42", "SUCCESS", "/a/b.json", "https://x:1/y=z+w", "2026-01-02"])
def test_plain_values_stay_readable(plain: str, tmp_path: Path) -> None:
    """Only what a shell or reader could act on is encoded."""
    assert published({"a": plain}, str(tmp_path)) == ({"a": plain}, [])


@pytest.mark.parametrize("text", ['["a"]', "a b", "$HOME", "é", "a\nb", "__B64__", "__B64__YQ=="])
def test_the_rest_goes_out_encoded(text: str, tmp_path: Path) -> None:
    """Also text that only looks encoded: it would be decoded on arrival."""
    value = published({"a": text}, str(tmp_path))[0]["a"]
    assert value.startswith("__B64__")
    assert base64.b64decode(value.removeprefix("__B64__")).decode() == text


def test_what_does_not_fit_into_a_line_is_left_empty_with_a_warning(tmp_path: Path) -> None:
    """One line too long would lose all outputs; base64 makes a third more of it."""
    outputs, warnings = published({"results": json.dumps(["x" * 46_000]), "status": "SUCCESS"}, str(tmp_path))
    assert outputs == {"results": "", "status": "SUCCESS"}
    assert len(warnings) == 1
    assert "`results`" in warnings[0]


def test_results_within_the_limit_fit(tmp_path: Path) -> None:
    """The limit that is asked for holds after encoding."""
    limit = detect({"GITHUB_ACTIONS": "true", "DRONE": "true"}).results_limit
    outputs, warnings = published({"results": "[" + " " * (limit - 2) + "]"}, str(tmp_path))
    assert warnings == []
    assert outputs["results"]


@pytest.mark.parametrize(
    ("environ", "answer"),
    [
        ({"DRONE": "true"}, True),
        ({"DRONE": "true", "RUNNER_ENVIRONMENT": "github-hosted"}, True),
        ({"HARNESS_ACCOUNT_ID": "a"}, True),
        ({"HARNESS_API_KEY": "a", "RUNNER_ENVIRONMENT": "github-hosted"}, False),
        ({"HARNESS_API_KEY": ""}, False),
        ({}, False),
    ],
)
def test_a_workflow_that_sets_harness_variables_is_not_harness(environ: dict[str, str], answer: bool) -> None:
    """GitHub's own runner names its environment; there HARNESS_… is the user's, and outputs stay JSON."""
    assert is_run_by_harness(environ) is answer


def test_the_summary_is_in_the_log_too(tmp_path: Path) -> None:
    """Harness shows no job summary of an action."""
    out = io.StringIO()
    environ = {"GITHUB_ACTIONS": "true", "DRONE": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    detect(environ, out, io.StringIO()).publish({}, "**Done**\n\nfacts\n")
    assert out.getvalue() == "::group::Summary\n**Done**\n\nfacts\n::endgroup::\n"
    assert "**Done**" in (tmp_path / "summary").read_text()
