"""What counts as in the workspace, on any system's paths (contract §2, SECURITY.md "Files")."""

from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from har_labels.errors import InputError
from har_labels.files import Workspace, _is_within

WINDOWS, POSIX = PureWindowsPath, PurePosixPath


@pytest.mark.parametrize(
    ("kind", "folder", "path", "is_within"),
    [
        (POSIX, "/work", "/work", True),
        (POSIX, "/work", "/work/a/b", True),
        (POSIX, "/work", "/workshop", False),
        (POSIX, "/work", "/Work/a", False),
        (POSIX, "/", "/a", True),
        (WINDOWS, r"D:\a\repo", r"D:\a\repo\labels.txt", True),
        (WINDOWS, r"D:\a\repo", r"D:/a/repo/out/labels.txt", True),
        (WINDOWS, r"D:\a\repo", r"d:\A\Repo\labels.txt", True),
        (WINDOWS, r"D:\a\repo", r"D:\a\repo", True),
        (WINDOWS, r"D:\a\repo", r"D:\a\repository\labels.txt", False),
        (WINDOWS, r"D:\a\repo", r"C:\a\repo\labels.txt", False),
        (WINDOWS, r"D:\a\repo", r"C:\Users\runner\.ssh\id", False),
        (WINDOWS, "D:\\", r"D:\a", True),
        (WINDOWS, r"\\host\share\repo", r"\\HOST\share\repo\a", True),
        (WINDOWS, r"\\host\share\repo", r"\\host\other\repo\a", False),
    ],
)
def test_what_is_within(kind: type[PurePath], folder: str, path: str, is_within: bool) -> None:
    """A path is in a folder by its parts, with each system's separators, drives and case."""
    assert _is_within(folder, path, kind) is is_within


@pytest.mark.parametrize("start", ["", "./", "/", "//"])
def test_a_link_is_found_however_its_path_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    """Relative, absolute and with two slashes at its start: a path that a planted link leads out is refused."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "link").symlink_to(tmp_path)
    monkeypatch.chdir(workspace)
    path = f"{start}{str(workspace)[1:]}/link/x" if start.startswith("/") else f"{start}link/x"
    with pytest.raises(InputError, match="leads out of the workspace"):
        Workspace(str(workspace)).check(path, spelling="report-file")
