"""The image at work: any user, a read-only root, both CIs, hostile workspaces, cancelled."""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Certificates
from har_sandbox import Sandbox
from image.containers import Image, Job, make_job
from registry.servers import RawServer, answer_bytes, raw_server, success

KEY = "sandbox-key-0123456789"
# As tight as a cluster may run a step: no root, nothing writable of its own, no capability, no way to gain rights.
LOCKED = ["--user=12345:12345", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
# Files of the tests' own folders are then ours and not root's.
AS_US = f"--user={os.getuid()}:{os.getgid()}"
PLANTED = """
with open({evidence!r}, "a") as file:
    file.write(__name__ + "\\n")
raise SystemExit("planted code was run")
"""


def read_labels(url: str) -> dict[str, str]:
    """The inputs of a run that reads the labels of one artifact."""
    return {
        "api-url": url,
        "api-key": KEY,
        "registry-ref": "acme/ml/models",
        "artifact": "resnet50",
        "mode": "read",
    }


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A registry on loopback with one labelled artifact."""
    with Sandbox(profile="saas", api_key=KEY) as running:
        running.add_artifact("acme/ml/models", "resnet50", package_type="DOCKER", labels=["stage=dev", "größe: 3 µm"])
        yield running


@pytest.fixture(params=["github", "harness"])
def job(request: pytest.FixtureRequest, tmp_path: Path, box: Sandbox) -> Job:
    """A job of each CI that reads those labels."""
    return make_job(tmp_path, request.param, read_labels(box.url))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def output(job: Job, name: str) -> str:
    """One output, as the CI of that job finds it in its file."""
    text = job.output.read_text("utf-8")
    found = re.search(rf"^{re.escape(name)}<<(.+)\n(.*)\n\1$", text, re.MULTILINE)
    if found:
        return found[2]
    name = name.upper().replace("-", "_")
    lines = [line.removeprefix(name + "=") for line in text.splitlines() if line.startswith(name + "=")]
    assert lines, f"no output {name} in {text!r}"
    return lines[-1]


def test_prints_its_version_without_any_rights(image: Image) -> None:
    """`--version` works for a uid that no one knows, with no home, no capability and a read-only root."""
    code, log = image.run("--version", options=LOCKED)
    assert code == 0
    assert re.search(r"\d+\.\d+", log)


def test_runs_a_whole_step_under_lock_and_key(image: Image, job: Job) -> None:
    """On both CIs a step does its work as such a user: dashed inputs arrive, outputs are written, exit 0."""
    code, log = image.run(options=[*LOCKED, *job.options], environment=job.environment)
    assert code == 0, log
    assert json.loads(output(job, "labels")) == ["größe: 3 µm", "stage=dev"]
    assert output(job, "exit-code") == "0"
    assert KEY not in log.replace(f"::add-mask::{KEY}", "")


def test_writes_nothing_of_its_own(image: Image, job: Job) -> None:
    """As root on a writable root a run leaves no file behind but the CI's: no byte code, no cache, no home."""
    with image.start(options=job.options, environment=job.environment) as container:
        assert container.wait() == 0, container.log()
        mounts = {"A /outputs", f"A {job.inside}", f"A {Path(job.inside).parent}"}
        assert set(container.changed_files()) - mounts == set()
    assert list(job.workspace.iterdir()) == []


def test_trusts_a_bundle_in_the_systems_place(image: Image, tmp_path: Path, certificates: Certificates) -> None:
    """A bundle mounted over the system's is trusted without any variable, and without it the server is not."""
    context = certificates.context("trusted")
    row = {"name": "resnet50", "packageType": "DOCKER", "labels": ["stage=dev"]}

    def serve(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while server.read(secure):
                secure.sendall(answer_bytes(*success({"artifacts": [row], "pageSize": 100})))

    mount = f"--volume={certificates.authority}:/etc/ssl/certs/ca-certificates.crt:ro"
    with raw_server(serve) as server:
        inputs = {**read_labels(server.url.replace("http:", "https:")), "retries": "0"}
        job = make_job(tmp_path, "harness", inputs)
        code, log = image.run(options=[AS_US, *job.options, mount], environment=job.environment)
        assert (code, json.loads(output(job, "labels"))) == (0, ["stage=dev"]), log
        code, log = image.run(options=[AS_US, *job.options], environment=job.environment)
    assert (code, "certificate verify failed" in log) == (7, True), log


def test_compiles_nothing(image: Image, job: Job) -> None:
    """No module of a whole run is compiled from its source, in no library; at most a codec, found by its name."""
    verbose = ["-vIBXutf8", "/opt/har-labels/entrypoint"]
    code, log = image.run(*verbose, options=[AS_US, *job.options, "--entrypoint=python3"], environment=job.environment)
    assert (code, "# code object from" in log) == (0, True), log
    compiled = re.findall(r"# code object from '?([^'\n]+\.py)\b", log)
    assert [source for source in compiled if "/encodings/" not in source] == []


def test_takes_no_code_from_the_workspace(image: Image, job: Job) -> None:
    """Modules planted in the workspace, Python's own variables and a planted PATH change nothing in a run."""
    evidence = job.workspace / "planted-code-was-run"
    text = PLANTED.format(evidence=f"{job.inside}/{evidence.name}")
    for module in ("requests", "sitecustomize", "usercustomize", "json", "ruamel", "har_labels", "encodings"):
        (job.workspace / f"{module}.py").write_text(text)
    for program in ("python3", "python", "env", "sh"):
        file = job.workspace / program
        file.write_text(f"#!/bin/sh\necho {program} >>{job.inside}/{evidence.name}\nexit 99\n")
        file.chmod(0o755)
    variables = {
        **dict.fromkeys(
            ["PATH", "HOME", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX"], job.inside
        ),
        "PYTHONSTARTUP": f"{job.inside}/requests.py",
        "PYTHONWARNINGS": "error",
        "PYTHONINSPECT": "1",
        "PYTHONBREAKPOINT": "requests.get",
    }
    code, log = image.run(options=[AS_US, *job.options], environment={**job.environment, **variables})
    assert not evidence.exists(), evidence.read_text()
    assert code == 0, log


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C"}, {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"}, {"LANG": ""}]
)
def test_reads_and_writes_utf8_under_any_locale(image: Image, job: Job, variables: dict[str, str]) -> None:
    """Labels beyond ASCII are the same with any locale of a job, also in the log."""
    code, log = image.run(options=[AS_US, *job.options], environment={**job.environment, **variables})
    assert (code, "größe: 3 µm" in log) == (0, True), log
    assert "größe: 3 µm" in json.loads(output(job, "labels"))


def test_needs_no_standard_input(image: Image) -> None:
    """It runs with standard input closed, as a plugin's runner may start it."""
    closed = ["-c", "exec /opt/har-labels/entrypoint --version <&-"]
    code, log = image.run(*closed, options=["--entrypoint=/bin/sh"])
    assert code == 0, log


def test_says_which_inputs_are_missing(image: Image) -> None:
    """With no input at all it ends with exit 2 and names the inputs it needs."""
    code, log = image.run(options=LOCKED, environment={"GITHUB_ACTIONS": "true"})
    assert code == 2
    assert "registry-ref" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("signal", ["INT", "TERM"])
@pytest.mark.parametrize("ci", ["github", "harness"])
def test_ends_when_cancelled(image: Image, tmp_path: Path, silent: socket.socket, ci: str, signal: str) -> None:
    """While a registry keeps silent, a signal to process 1 ends the run before a CI would kill it, outputs written."""
    expected = {"INT": 130, "TERM": 143}[signal]
    job = make_job(tmp_path, ci, read_labels(f"http://127.0.0.1:{silent.getsockname()[1]}"))
    with image.start(options=[AS_US, *job.options], environment=job.environment) as container:
        try:
            connection, _ = silent.accept()
        except TimeoutError:
            pytest.fail(f"no request came:\n{container.log()}")
        with connection:
            connection.recv(1)  # now the run is waiting for its answer
            began = time.monotonic()
            container.kill(signal)
            assert container.wait() == expected, container.log()
            took = time.monotonic() - began
        log = container.log()
    assert took < 10, log  # when GitHub kills
    assert output(job, "exit-code") == str(expected)
    assert "Traceback" not in log
