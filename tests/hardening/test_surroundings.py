"""Surroundings that lack something: streams, disk, folders, a home, memory, time (issue: processes)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.steps import Done
from conftest import RunStep
from har_sandbox import Sandbox
from hardening.checks import check_orderly
from hardening.conftest import StartStep

INPUTS = {"registry-ref": "acme/r", "artifact": "x", "mode": "add", "labels": "b"}
WRONG = {**INPUTS, "mode": "wrong"}
# Two runs of the registry's own files would be one too many for a tmpfs of this size.
TINY = "4k"


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact("acme/r", "x", package_type="GENERIC", labels=["a"])
    return sandbox


@pytest.fixture
def run_in_shell(start_step: StartStep, box: Sandbox) -> Callable[..., Done]:
    """Runs a step behind a line of shell that changes its surroundings, and ends in `exec "$@"`.

    Bash, since others drop variables with a dash in their names.
    """

    def run(script: str, ci: str = "github", inputs: dict[str, str] | None = None, **more: object) -> Done:
        return start_step(ci, box, inputs or INPUTS, command=["bash", "-c", script, "bash", "{}"], **more).done()

    return run


def can(*words: str) -> bool:
    """Whether this machine lets us do that."""
    return bool(shutil.which(words[0])) and subprocess.run(words, capture_output=True, check=False).returncode == 0


def put_count(box: Sandbox) -> int:
    return sum(request.method == "PUT" for request in box.requests)


STREAMS = ["<&- >&- 2>&-", ">/dev/full 2>/dev/full", ">&-", "2>&-", ">&- 2>&-", ">/dev/full", "2>/dev/full"]


@pytest.mark.parametrize(
    ("ci", "redirection"),
    [*(("github", one) for one in STREAMS), *((ci, one) for ci in ("harness", "terminal") for one in STREAMS[:2])],
)
def test_streams_that_are_closed_or_full(
    run_in_shell: Callable[..., Done], box: Sandbox, ci: str, redirection: str
) -> None:
    """A log that can't be written costs the log, not the run: labels, outputs and exit code are as usual."""
    done = run_in_shell(f'exec "$@" {redirection}', ci)
    assert done.code == 0, done.log
    assert (box.labels("acme/r", "x"), put_count(box)) == (["a", "b"], 1)
    if ci != "terminal":
        assert done.outputs["exit-code"] == "0"
        assert done.value("labels") == ["a", "b"]
    if ci == "github":
        failed = run_in_shell(f'exec "$@" {redirection}', ci, WRONG)
        assert failed.code == 2
        assert "Traceback" not in failed.log


def test_a_reader_that_goes_away(start_step: StartStep, box: Sandbox) -> None:
    """A pipe whose reader has gone ends no run and changes no exit code."""
    read, write = os.pipe()
    os.close(read)
    done = start_step("github", box, INPUTS, stdout=write, stderr=write)
    os.close(write)
    assert done.has_ended_within(60)
    assert (done.process.returncode, box.labels("acme/r", "x")) == (0, ["a", "b"])


@pytest.mark.parametrize("path", ["/dev/full", "/nowhere/file", "/proc/version", "/"])
@pytest.mark.parametrize(
    ("ci", "variables"),
    [
        ("github", ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")),
        ("harness", ("DRONE_OUTPUT", "ERROR_METADATA_FILE")),
        ("hybrid", ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")),
    ],
)
def test_files_of_the_ci_that_cannot_be_written(
    run_step: RunStep, box: Sandbox, ci: str, variables: tuple[str, ...], path: str
) -> None:
    """On a full disk, in a missing folder, in a read-only place: a warning for each file, and the run is what it was."""
    environ = {**dict.fromkeys(variables, path), "HARNESS_OUTPUT_FILE": None}
    done = run_step(ci, box, INPUTS, environ=environ)
    check_orderly(done)
    assert (done.code, box.labels("acme/r", "x")) == (0, ["a", "b"])
    for variable in variables:
        assert (f"can't write {variable} ({path})" in done.log) is (variable != "ERROR_METADATA_FILE")
    assert run_step(ci, box, WRONG, environ=environ).code == 2


def test_a_disk_that_fills_up(run_in_shell: Callable[..., Done], box: Sandbox, tmp_path: Path) -> None:
    """A plan for which the disk has no space leaves no partial file, keeps the old content, and is the input's failure."""
    if not can("unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"):
        pytest.skip("no mount of our own: a full disk is NOT TESTED")
    for number in range(100):
        box.add_artifact("acme/r", f"{'n' * 50}{number}", package_type="GENERIC", labels=["a" * 50])
    disk = tmp_path / "disk"
    disk.mkdir()
    kept = tmp_path / "kept"
    script = f'mount -t tmpfs -o size={TINY} none {disk} && echo old > {disk}/plan && "$@"; code=$?; ls -a {disk} > {kept}; cat {disk}/plan >> {kept}; exit $code'
    inputs = {
        **INPUTS,
        "artifact": "*",
        "dry-run": "true",
        "save-plan": f"{disk}/plan",
        "report-file": f"{disk}/report",
    }
    done = run_in_shell(f"exec unshare -rm bash -c '{script}' bash \"$@\"", "github", inputs)
    check_orderly(done)
    assert (done.code, done.errors) == (2, ["HAR-INPUT"])
    assert "`save-plan`" in done.err
    assert "No space left on device" in done.err
    assert "the report could not be written" in done.log
    assert kept.read_text().split() == [".", "..", "plan", "old"]


@pytest.mark.parametrize("place", ["/proc", "/sys", "gone"])
@pytest.mark.parametrize("ci", ["github", "harness"])
def test_a_working_folder_where_nothing_can_be_written(
    run_in_shell: Callable[..., Done], box: Sandbox, tmp_path: Path, ci: str, place: str
) -> None:
    """A read-only folder, or one that is gone: a run needs none; a relative report there is an error before anything."""
    go = (
        f"mkdir -p {tmp_path}/gone && cd {tmp_path}/gone && rmdir {tmp_path}/gone" if place == "gone" else f"cd {place}"
    )
    done = run_in_shell(f'{go} && exec "$@"', ci, {**INPUTS, "report-file": "report.json"})
    check_orderly(done)
    assert (done.code, box.requests) == (2, [])
    assert "names 'report.json', which can't be written: " in done.err
    done = run_in_shell(f'{go} && exec "$@"', ci, INPUTS)
    check_orderly(done)
    assert (done.code, box.labels("acme/r", "x")) == (0, ["a", "b"])


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_a_user_whom_nobody_knows(start_step: StartStep, box: Sandbox, tmp_path: Path, ci: str) -> None:
    """An unknown uid without a home or rights does its work; inaccessible files are reported."""
    user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--no-new-privs", "--"]
    if not can(*user, "true"):
        pytest.skip("no change of user: an unknown uid is NOT TESTED")
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    variables = {
        "github": ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"),
        "harness": ("DRONE_OUTPUT", "HARNESS_ANNOTATIONS_FILE"),
    }[ci]
    environ = {name: str(private / name) for name in variables} | {"HARNESS_OUTPUT_FILE": None, "HOME": None}
    done = start_step(ci, box, INPUTS, environ=environ, command=[*user, "{}"], cwd="/").done()
    check_orderly(done)
    assert (done.code, box.labels("acme/r", "x")) == (0, ["a", "b"])
    for name in variables:
        assert f"can't write {name} ({private / name}): Permission denied" in done.log


@pytest.mark.parametrize("home", ["", "/nowhere", "/dev/null"])
def test_no_home(start_step: StartStep, box: Sandbox, home: str) -> None:
    """An empty HOME, or one that is no folder, makes no difference; none at all is what the other tests have."""
    assert start_step("harness", box, INPUTS, environ={"HOME": home, "TMPDIR": "/nowhere"}).done().code == 0


@pytest.mark.parametrize("megabytes", [48, 64, 72])
def test_too_little_memory(run_in_shell: Callable[..., Done], box: Sandbox, megabytes: int) -> None:
    """If memory does not suffice a stable line reports it, with exit 1 and without a traceback."""
    done = run_in_shell(f'ulimit -v {megabytes * 1024} && exec "$@"', "github")
    assert "Traceback" not in done.log
    if done.code == 0:
        return  # a Python that needs less
    assert (done.code, set(done.errors)) == (1, {"HAR-DEFECT"})
    assert "the step ran out of memory at " in done.err
    assert "Give it more" in done.err


def test_memory_that_runs_out_on_the_way(run_in_shell: Callable[..., Done], box: Sandbox) -> None:
    """An answer too large for what is left is a failure of the run like others, with its outputs."""
    box.add_artifact("acme/r", "x", package_type="GENERIC", labels=[f"{number}-{'y' * 4000}" for number in range(2000)])
    done = run_in_shell(f'ulimit -v {104 * 1024} && exec "$@"', "harness")
    assert "Traceback" not in done.log
    assert done.code in {0, 1, 6, 7}
    assert bool(done.errors) == (done.code != 0)
