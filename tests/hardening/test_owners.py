"""Whose the written files are: what root makes in a workspace is its owner's, what is written over stays as it was (contract §4)."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import RunStep, entrypoint
from har_labels.files import Workspace, why_not_writable, write_text
from har_sandbox import Sandbox

# Whom a workspace belongs to on a hosted runner; who is not root can give nothing away, and keeps it.
RUNNER = (1001, 127) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
SELF = (os.geteuid(), os.getegid())
CAP_CHOWN, PR_CAPBSET_DROP = 0, 24
ASKED = {"registry-ref": "acme/r", "artifact": "x", "mode": "replace", "labels": "b", "dry-run": "true"}


@pytest.fixture
def workspace(in_workspace: Callable[[str], Path]) -> Path:
    """A workspace of the runner's own user, and the step in it."""
    workspace = in_workspace("workspace")
    os.chown(workspace, *RUNNER)
    return workspace


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact("acme/r", "x", package_type="GENERIC", labels=["a"])
    return sandbox


def owner(path: Path) -> tuple[int, int]:
    """Whose the file or folder is."""
    found = path.lstat()
    return found.st_uid, found.st_gid


@pytest.mark.parametrize("name", ["report-file", "save-plan"])
@pytest.mark.parametrize("ci", ["github", "harness", "hybrid"])
def test_a_new_file_is_the_workspaces_owners(
    run_step: RunStep, box: Sandbox, workspace: Path, tmp_path: Path, ci: str, name: str
) -> None:
    """A later step, which is not root, can clean it away; a file elsewhere stays whose it is."""
    environ = {} if ci == "harness" else {"GITHUB_WORKSPACE": str(workspace)}
    (workspace / "sub").mkdir()
    for path in ("new", "sub/new", str(workspace / "whole"), str(tmp_path / "elsewhere")):
        assert run_step(ci, box, {**ASKED, name: path}, environ=environ).code == 0
    assert {owner(workspace / path) for path in ("new", "sub/new", "whole")} == {RUNNER}
    assert owner(tmp_path / "elsewhere") == SELF


def test_a_terminals_files_are_its_users(run_step: RunStep, box: Sandbox, workspace: Path) -> None:
    """There is no workspace there."""
    assert run_step("terminal", box, {**ASKED, "report-file": "new"}).code == 0
    assert owner(workspace / "new") == SELF


@pytest.mark.parametrize("name", ["report-file", "save-plan"])
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o644])
def test_a_file_that_is_written_over_keeps_owner_and_mode(
    run_step: RunStep, box: Sandbox, workspace: Path, name: str, mode: int
) -> None:
    """The owner wanted them as they are."""
    theirs = workspace / "theirs"
    theirs.write_text("old")
    theirs.chmod(mode)
    other = (1234, 1235) if os.geteuid() == 0 else SELF
    os.chown(theirs, *other)
    done = run_step("github", box, {**ASKED, name: "theirs"}, environ={"GITHUB_WORKSPACE": str(workspace)})
    assert done.code == 0
    assert theirs.read_text() != "old"
    assert (owner(theirs), stat.S_IMODE(theirs.stat().st_mode)) == (other, mode)


def test_nothing_behind_a_link_is_given_away(workspace: Path, tmp_path: Path) -> None:
    """A link is replaced by a new file of the workspace's owner; what it named keeps owner, mode and text."""
    secret = tmp_path / "secret"
    secret.write_text("old")
    secret.chmod(0o600)
    (workspace / "link").symlink_to(secret)
    (workspace / "out").symlink_to(tmp_path)
    held = Workspace(str(workspace))
    assert write_text("link", ["new"], workspace=held) == ""
    assert (owner(workspace / "link"), (workspace / "link").read_text()) == (RUNNER, "new")
    assert write_text("out/new", ["new"], workspace=held) == ""
    assert (owner(tmp_path / "new"), owner(secret)) == (SELF, SELF)
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == ("old", 0o600)


def test_new_folders_are_the_workspaces_owners(workspace: Path, tmp_path: Path) -> None:
    """Those that were there, and those elsewhere, stay whose they are."""
    (workspace / "old").mkdir()
    (workspace / "out").symlink_to(tmp_path)
    held = Workspace(str(workspace))
    for path in ("old/a/b/file", str(workspace / "c" / "file"), "out/d/file", "file"):
        assert why_not_writable(path, workspace=held) == ""
    assert {owner(workspace / path) for path in ("old/a", "old/a/b", "c")} == {RUNNER}
    assert {owner(path) for path in (workspace / "old", tmp_path / "d")} == {SELF}
    (workspace / "file").write_text("")
    assert why_not_writable("file/a/b", workspace=held) != ""
    assert why_not_writable("x" * 300 + "/b", workspace=held) == "File name too long"


def test_a_refused_chown_is_passed_over(run_step: RunStep, box: Sandbox, workspace: Path, tmp_path: Path) -> None:
    """A root without that capability, as in many pods, writes its files all the same."""
    folder = run_step.new_folder()
    asked = {**ASKED, "report-file": "new"}
    environ = {"GITHUB_WORKSPACE": str(workspace)}
    variables = run_step.variables("github", folder, box, asked, environ)

    def drop() -> None:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0)

    done = subprocess.run(
        entrypoint(), env=variables, capture_output=True, text=True, timeout=60, check=False, preexec_fn=drop
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (owner(workspace / "new"), "can't" in done.stdout) == (SELF, False)
