"""Paths in a GitHub container action: what the job's next steps can do with them (contract §4)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ci.runner_model import pairs_in
from ci.steps import CIS, spelling
from conftest import RunStep
from har_labels.platforms import detect
from har_labels.platforms.mounts import path_notices, translate_outputs
from har_sandbox import Sandbox

CONTAINER = {"GITHUB_WORKSPACE": "/github/workspace", "RUNNER_TEMP": "/github/runner_temp"}
HERE = "/github/workspace"
ASKED = {"registry-ref": "acme/r", "artifact": "x", "mode": "replace", "labels": "b"}


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact("acme/r", "x", package_type="GENERIC", labels=["a"])
    return sandbox


@pytest.mark.parametrize(
    ("given", "published"),
    [
        ("/github/workspace/out/r.json", "out/r.json"),
        ("/github/workspace//out/../r.json", "r.json"),
        ("out/r.json", "out/r.json"),
        ("./r.json", "./r.json"),
        ("", ""),
        ("/github/workspace", "/github/workspace"),
        ("/github/workspace/../home/r.json", "/github/workspace/../home/r.json"),
        ("/github/workspaces/r.json", "/github/workspaces/r.json"),
        ("/github/runner_temp/r.json", "/github/runner_temp/r.json"),
        ("../r.json", "../r.json"),
        ("/tmp/r.json", "/tmp/r.json"),
    ],
)
@pytest.mark.parametrize("name", ["plan-file", "report-file"])
def test_paths_in_the_workspace_are_relative_to_it(name: str, given: str, published: str) -> None:
    """The next step runs on the runner's machine, where `/github/workspace` is nothing; elsewhere paths stay as given."""
    assert translate_outputs({name: given, "labels": given}, CONTAINER, HERE) == {name: published, "labels": given}


@pytest.mark.parametrize("workspace", ["/home/runner/work/a/a", "/__w/a/a", "/harness", "", "/github/workspace2"])
def test_paths_stay_as_given_outside_of_the_container(workspace: str) -> None:
    """A `run:` step, a job container and Harness share their paths with the next step."""
    given = {"report-file": f"{workspace}/r.json", "plan-file": "/github/workspace/p"}
    assert translate_outputs(given, {"GITHUB_WORKSPACE": workspace}, workspace) == given


def test_a_path_is_relative_to_the_workspace_wherever_the_step_runs() -> None:
    """A relative one belongs to the step's own folder."""
    told = translate_outputs({"plan-file": "p", "report-file": "../r"}, CONTAINER, f"{HERE}/sub")
    assert told == {"plan-file": "sub/p", "report-file": "r"}


def test_the_outputs_of_an_action_have_them(tmp_path: Path) -> None:
    """With a slash after the workspace, too."""
    path = tmp_path / "output"
    environ = CONTAINER | {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(path), "GITHUB_WORKSPACE": f"{HERE}/"}
    detect(environ, io.StringIO(), io.StringIO()).publish({"report-file": f"{HERE}/out/r.json"}, "")
    assert pairs_in(path.read_bytes()) == {"report-file": "out/r.json"}


@pytest.mark.parametrize("name", ["report-file", "save-plan"])
def test_a_file_below_the_temporary_folder_gets_a_notice(
    run_step: RunStep, box: Sandbox, tmp_path: Path, name: str
) -> None:
    """The container's name of that folder is nothing to the next step, which has a variable for it."""
    inputs = {**ASKED, "dry-run": "true", name: str(tmp_path / "temp" / "a" / "f")}
    (tmp_path / "temp" / "a").mkdir(parents=True)
    environ = CONTAINER | {"RUNNER_TEMP": str(tmp_path / "temp")}
    done = run_step("github", box, inputs, environ=environ)
    assert done.code == 0
    assert f"::notice::`{name}`: " in done.out
    assert "`$RUNNER_TEMP/a/f`" in done.out
    elsewhere = run_step("github", box, inputs, environ=environ | {"GITHUB_WORKSPACE": str(tmp_path)})
    assert (elsewhere.code, "$RUNNER_TEMP" in elsewhere.log) == (0, False)


def test_a_relative_path_may_lead_there_too() -> None:
    """By way of the step's own folder."""
    [notice] = path_notices(CONTAINER, HERE, {"report-file": "../runner_temp/r.json"}, {})
    assert "`$RUNNER_TEMP/r.json`" in notice
    assert path_notices(CONTAINER, HERE, {"report-file": "../runner_temp2/r.json"}, {}) == []


@pytest.mark.parametrize("ci", CIS)
def test_the_second_absolute_path_of_a_list_gets_a_hint(
    run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str
) -> None:
    """The runner rewrites only the first: a notice explains "No such file", in that container only."""
    (tmp_path / "a.json").write_text("{}")
    inputs = {**ASKED, "metrics-file": f"{tmp_path}/a.json, b.json, /home/runner/work/x/x/b.json, /github/home/c.json"}
    done = run_step(ci, box, inputs, environ=CONTAINER if ci in {"github", "hybrid"} else {})
    assert done.code == 2
    assert "'/home/runner/work/x/x/b.json' can't be read" in done.err or "x/x/b.json" in done.err
    hint = f"`{spelling(ci, 'metrics-file')}`: '/home/runner/work/x/x/b.json' is a path on the runner's machine"
    assert done.log.count("container sees the workspace only") == (ci in {"github", "hybrid"})
    assert (hint in done.log) == (ci in {"github", "hybrid"})
    if ci == "github":
        outside = run_step(ci, box, inputs, environ={"GITHUB_WORKSPACE": str(tmp_path)})
        assert "workspace only" not in outside.log


@pytest.mark.parametrize(
    ("given", "unmapped"),
    [
        ("b=/home/runner/work/x/x/b.json", ["b=/home/runner/work/x/x/b.json"]),
        ("a=/w/a.json, b=/w/b.json", ["a=/w/a.json", "b=/w/b.json"]),
        ("/w/a.json, b=/w/b.json", ["b=/w/b.json"]),
        ("/w/a.json\n# and\n/w/b.json", ["/w/b.json"]),
        ("a=/github/workspace/a.json, b=b.json", []),
        ("outputs/lr=/w/m.json", []),
    ],
)
def test_a_named_path_gets_the_hint_too(run_step: RunStep, box: Sandbox, given: str, unmapped: list[str]) -> None:
    """The runner rewrites an input that begins with the path, which `NAME=PATH` doesn't."""
    done = run_step("github", box, {**ASKED, "metrics-file": given}, environ=CONTAINER)
    told = [line for line in done.log.splitlines() if "container sees the workspace only" in line]
    assert [line.partition("`metrics-file`: ")[2].partition(" is a path")[0] for line in told] == list(
        map(repr, unmapped)
    )
