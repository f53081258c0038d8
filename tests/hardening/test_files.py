"""Files are read and written only where they were named, on a CI never through a link that was planted in the workspace."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from canary import KEY
from ci.steps import Done
from conftest import RunStep, Watch
from har_sandbox import Sandbox
from hardening.checks import check_orderly

CIS = ("github", "harness", "hybrid")
LABELS = {"registry-ref": "acme/r", "artifact": "x", "mode": "replace", "labels": "b"}
DRY = {**LABELS, "dry-run": "true"}
# Each input that names a file, the inputs beside it, and what a good file holds.
FILES = {
    "labels-file": ({"registry-ref": "acme/r", "artifact": "x", "mode": "replace"}, "b\n"),
    "metrics-file": (LABELS, '{"a": 1}'),
    "manifest": (
        {},
        '{"version": 1, "changes": [{"registry-ref": "acme/r", "artifact": "x", "mode": "replace", "labels": ["b"]}]}',
    ),
    "apply-plan": ({}, ""),
    "undo": ({}, ""),
    "save-plan": (DRY, "theirs\n"),
    "report-file": (LABELS, "theirs\n"),
    "api-key-file": ({**LABELS, "api-key": ""}, KEY),
}
WRITTEN = ("save-plan", "report-file")
GoTo = Callable[[str], Path]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact("acme/r", "x", package_type="GENERIC", labels=["a"])
    return sandbox


def content_of(name: str, box: Sandbox) -> str:
    """What makes the file a good one."""
    if name == "undo":
        row = {"registry_ref": "acme/r/+", "artifact": "x", "artifact_type": "", "status": "applied"}
        wrote = {"before": ["b"], "after": ["a"], "wrote_added": ["a"], "wrote_removed": ["b"]}
        head = {"version": 1, "tool_version": "0.1.0", "api_url": box.api_url, "counts": {"matched": 1}}
        return json.dumps(head | {"results": [row | wrote]})
    if name != "apply-plan":
        return FILES[name][1]
    header = {"har_labels_plan": 1, "api_url": box.api_url, "steps": 1}
    step = {"registry_ref": "acme/r/+", "artifact": "x", "artifact_type": "", "before": ["a"], "after": ["b"]}
    return f"{json.dumps(header)}\n{json.dumps(step)}\n"


@pytest.fixture
def outside(tmp_path: Path, watch: Watch) -> Path:
    """A folder that is not the workspace's."""
    folder = tmp_path / "outside"
    folder.mkdir()
    watch.may_hold_key |= {folder / "secret", folder / "real", tmp_path / "workspace" / "real"}
    return folder


@pytest.fixture
def run_with(run_step: RunStep, box: Sandbox, tmp_path: Path) -> Callable[[str, str, str], Done]:
    """Runs a step with that input naming that path, in a workspace of the CI."""

    def run(ci: str, name: str, path: str) -> Done:
        workspace = tmp_path / "workspace"
        variables = {"GITHUB_WORKSPACE": str(workspace)} if ci != "harness" else {}
        return run_step(ci, box, {**FILES[name][0], name: path}, environ=variables)

    return run


def plant(name: str, kind: str, workspace: Path, outside: Path, box: Sandbox) -> tuple[str, Path]:
    """A path in the workspace that leads out of it, and where it leads to."""
    target = outside / "secret"
    target.write_text(content_of(name, box))
    target.chmod(0o600)
    match kind:
        case "file":
            (workspace / "given").symlink_to(target)
            return "given", target
        case "folder":
            (workspace / "given").symlink_to(outside)
            return "given/secret", target
        case "relative":
            (workspace / "given").symlink_to(os.path.relpath(target, workspace))
            return "./given", target
        case "chain":
            (workspace / "given").symlink_to("second")
            (workspace / "second").symlink_to(target)
            return "given", target
        case "parent":
            (workspace / "given").symlink_to(outside)
            return "given/../outside/secret", target
        case _:
            (workspace / "given").symlink_to(target)
            return str(workspace / "given"), target


@pytest.mark.parametrize("kind", ["file", "folder", "relative", "chain", "parent", "absolute"])
@pytest.mark.parametrize("name", FILES)
def test_a_planted_link_is_refused(
    run_with: Callable[..., Done], in_workspace: GoTo, outside: Path, box: Sandbox, name: str, kind: str
) -> None:
    """A link in the workspace to somewhere else is refused before any request, naming the input; nothing is read or written."""
    workspace = in_workspace("workspace")
    path, target = plant(name, kind, workspace, outside, box)
    before = target.read_bytes()
    for ci in CIS:
        done = run_with(ci, name, path)
        check_orderly(done)
        assert (done.code, done.errors) == (2, ["HAR-INPUT"]), done.err
        spelt = name.replace("-", "_") if ci == "harness" else name
        assert f"`{spelt}` names {path!r}, which a symbolic link leads out of the workspace" in done.err
    assert not box.requests
    assert target.read_bytes() == before
    assert list(outside.iterdir()) == [target]


@pytest.mark.parametrize("kind", ["inside", "link inside", "absolute outside", "named outside", "link outside"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("ci", CIS)
def test_what_the_user_named_is_used(
    run_with: Callable[..., Done], in_workspace: GoTo, outside: Path, box: Sandbox, name: str, kind: str, ci: str
) -> None:
    """Files of the workspace, links that stay within it, and whatever the path itself names elsewhere."""
    if name == "api-key-file" and "link" in kind:
        return  # a link to a key is refused in any case
    workspace = in_workspace("workspace")
    real = (outside if "outside" in kind else workspace) / "real"
    real.write_text(content_of(name, box))
    real.chmod(0o600)
    path = {"absolute outside": str(real), "named outside": "../outside/real"}.get(kind, "real")
    if "link" in kind:
        link = real.with_name("link")
        link.symlink_to("real")
        path = str(link) if "outside" in kind else "link"
    done = run_with(ci, name, path)
    assert done.code == 0, done.err
    assert box.labels("acme/r", "x") == (["a"] if name == "save-plan" else ["b"])
    if name in WRITTEN:
        assert Path(path).read_text() != "theirs\n"


def test_a_workspace_that_is_reached_by_a_link(
    run_step: RunStep, box: Sandbox, in_workspace: GoTo, tmp_path: Path
) -> None:
    """The workspace itself may be a link, as on some runners: files in it are still its files."""
    workspace = in_workspace("workspace")
    (tmp_path / "by-link").symlink_to(workspace)
    (workspace / "labels").write_text("b\n")
    for path in ("labels", str(workspace / "labels"), str(tmp_path / "by-link" / "labels")):
        inputs = {"registry-ref": "acme/r", "artifact": "x", "mode": "replace", "labels-file": path}
        assert run_step("github", box, inputs, environ={"GITHUB_WORKSPACE": str(tmp_path / "by-link")}).code == 0


def test_metrics_that_a_manifest_names(run_step: RunStep, box: Sandbox, in_workspace: GoTo, outside: Path) -> None:
    """A manifest's own `metrics-file` is held to the same, with the place in the manifest."""
    workspace = in_workspace("workspace")
    (outside / "secret.json").write_text('{"token": "s3cr3t"}')
    (workspace / "metrics.json").symlink_to(outside / "secret.json")
    entry = {
        "registry-ref": "acme/r",
        "artifact": "x",
        "labels": ["t={{ metrics.token }}"],
        "metrics-file": ["metrics.json"],
    }
    (workspace / "m.json").write_text(json.dumps({"version": 1, "changes": [entry]}))
    done = run_step("harness", box, {"manifest": "m.json"})
    check_orderly(done)
    assert done.code == 2
    assert "m.json:1:" in done.err
    assert "'metrics.json', which a symbolic link leads out of the workspace" in done.err
    assert "s3cr3t" not in done.log
    assert not box.requests


def test_a_terminal_follows_its_users_links(run_step: RunStep, box: Sandbox, in_workspace: GoTo, outside: Path) -> None:
    """Outside of a CI the links in a folder are the user's own."""
    workspace = in_workspace("workspace")
    (outside / "labels").write_text("b\n")
    (workspace / "labels").symlink_to(outside / "labels")
    assert (
        run_step(
            "terminal", box, {"registry-ref": "acme/r", "artifact": "x", "mode": "replace", "labels-file": "labels"}
        ).code
        == 0
    )


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_is_replaced_and_not_written_through(
    run_with: Callable[..., Done], in_workspace: GoTo, box: Sandbox, name: str
) -> None:
    """A link within the workspace is replaced by our file; what it pointed to stays as it was."""
    workspace = in_workspace("workspace")
    (workspace / "source.py").write_text("theirs\n")
    (workspace / "given").symlink_to("source.py")
    assert run_with("github", name, "given").code == 0
    assert (workspace / "source.py").read_text() == "theirs\n"
    assert not (workspace / "given").is_symlink()
    assert sorted(path.name for path in workspace.iterdir()) == ["given", "source.py"]


@pytest.mark.parametrize("name", [name for name in FILES if name not in WRITTEN])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop", "missing", "binary", "long name"])
def test_what_is_no_file(run_with: Callable[..., Done], in_workspace: GoTo, name: str, kind: str) -> None:
    """A folder, a pipe without a writer, a device, a loop of links, nothing at all: exit 2 at once, in one line."""
    workspace = in_workspace("workspace")
    given = workspace / "given"
    match kind:
        case "folder":
            given.mkdir()
        case "pipe":
            os.mkfifo(given)
        case "loop":
            given.symlink_to("given")
        case "binary":
            given.write_bytes(b"\xff\xfe\x00\x01")
    path = {"device": "/dev/zero", "long name": "x" * 5000}.get(kind, "given")
    done = run_with("github", name, path)
    check_orderly(done)
    assert done.code == 2
    assert len(done.errors) == 1


@pytest.mark.parametrize("name", sorted(WRITTEN))
@pytest.mark.parametrize("path", ["/proc/no/file", ".", "/dev/null/x", "x" * 300, "/proc/file"])
def test_a_place_that_cannot_be_written(
    run_with: Callable[..., Done], box: Sandbox, in_workspace: GoTo, name: str, path: str
) -> None:
    """A plan or a report that can't be written is an error that names it, before anything is asked or written."""
    in_workspace("workspace")
    done = run_with("harness", name, path)
    check_orderly(done)
    assert (done.code, done.errors) == (2, ["HAR-INPUT"])
    assert f"`{name.replace('-', '_')}` names {path!r}, which can't be written: " in done.err
    assert not box.requests
    assert not list(Path.cwd().glob("*.part"))


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_pipe_is_not_replaced(run_with: Callable[..., Done], in_workspace: GoTo, name: str) -> None:
    """What is no regular file, such as a pipe or /dev/null, stays what it is: a rename would put a file in its place."""
    pipe = in_workspace("workspace") / "pipe"
    os.mkfifo(pipe)
    done = run_with("github", name, "pipe")
    check_orderly(done)
    assert done.code == 2
    assert "'pipe'" in done.log
    assert "it is not a regular file" in done.log
    assert pipe.is_fifo()


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_folder_that_is_not_there_is_made(
    run_with: Callable[..., Done], in_workspace: GoTo, name: str, ci: str
) -> None:
    """With its parent folders: a report is not lost because its folder doesn't exist."""
    folder = in_workspace("workspace")
    done = run_with(ci, name, "out/reports/file")
    check_orderly(done)
    assert done.code == 0
    assert (folder / "out" / "reports" / "file").stat().st_size > 0
    assert [path.name for path in (folder / "out" / "reports").iterdir()] == ["file"]


def test_what_cannot_be_written_is_reported_with_all_else(run_step: RunStep, box: Sandbox) -> None:
    """Beside other wrong inputs, each once, and no try is made at the end."""
    asked = {**LABELS, "report-file": "/dev/null/r", "save-plan": "/dev/null/p", "dry-run": "true", "timeout": "soon"}
    done = run_step("github", box, asked)
    check_orderly(done)
    assert (done.code, len(done.errors), box.requests) == (2, 3, [])
    assert "could not be written" not in done.log


@pytest.mark.parametrize("item", ["out/*.json", "val=out/m.json", "val=o*/m.json", "**/m.json"])
def test_metrics_by_glob_or_name_lead_nowhere_else(
    run_step: RunStep, box: Sandbox, in_workspace: GoTo, outside: Path, item: str
) -> None:
    """A planted link is also refused if a glob found it or its path has a name, by input and by manifest."""
    workspace = in_workspace("workspace")
    (outside / "secret.json").write_text('{"token": "s3cr3t"}')
    (workspace / "out").mkdir()
    (workspace / "out" / "m.json").symlink_to(outside / "secret.json")
    asked = {**LABELS, "labels": "t={{ metrics.token }}", "metrics-file": item}
    manifest = {"version": 1, "changes": [{**asked, "metrics-file": [item]}]}
    (workspace / "m.yaml").write_text(json.dumps(manifest))
    for inputs in (asked, {"manifest": "m.yaml"}):
        for ci in CIS:
            variables = {"GITHUB_WORKSPACE": str(workspace)} if ci != "harness" else {}
            done = run_step(ci, box, inputs, environ=variables)
            check_orderly(done)
            assert done.code == 2
            assert "'out/m.json', which a symbolic link leads out of the workspace" in done.err
            assert "s3cr3t" not in done.log
    assert not box.requests
