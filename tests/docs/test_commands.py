"""The lines that the documents give to a shell do what the text around them says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from canary import KEY
from conftest import MakeSandbox, Watch
from docs.documents import ROOT, examples, marked, step_in, the_one
from docs.workspace import Workspace
from har_sandbox import Sandbox
from har_sandbox.faults import REPLACING, SPOILING

REGISTRY, NAME, BEFORE = "acme/ml/prod/models", "resnet50", ["owner=vision", "stage=dev"]
# Where `make` and `pip install` put the console script: beside the Python that has the package.
SCRIPTS = Path(sys.executable).parent


def run_line(line: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A line as a person gives it to their shell, in an environment with the installed command on PATH."""
    # A home without anybody's .curlrc in it.
    variables = {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), **environ}
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False
    )


def with_model(box: Sandbox) -> Sandbox:
    """The sandbox with the model of the documents' examples."""
    box.add_artifact(REGISTRY, NAME, labels=BEFORE)
    return box


def test_the_example_for_a_terminal(sandbox: Sandbox, watch: Watch, tmp_path: Path) -> None:
    """The README's line, through the installed command, shows the diff of a label added, ends well and writes nothing."""
    box = with_model(sandbox)
    line = the_one("README.md", "\nIn a terminal[^\n]+: `(HAR_LABELS[^`]+)`")
    assert line.count("…") == 1
    assert (SCRIPTS / "har-labels").exists(), "the package is not installed beside this Python: `make test` does that"
    ran = run_line(line.replace("…", shlex.quote(KEY)), tmp_path, {"HAR_LABELS_API_URL": box.api_url})
    watch.logs += [ran.stdout, ran.stderr]
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        f"~ {REGISTRY}/+ {NAME}", "  owner=vision", "+ stage=candidate", "  stage=dev",
        "Dry run, nothing was written: 1 artifact to change.",
    ]  # fmt: skip
    assert box.labels(REGISTRY, NAME) == BEFORE
    assert {request.method for request in box.requests} == {"GET"}


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed: the page on migrating is NOT TESTED")
def test_the_curl_step_and_its_recipe(make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path) -> None:
    """The curl step that most pipelines have, and the recipe said to do the same, leave the same labels."""
    by_curl, by_recipe = with_model(make_sandbox()), with_model(make_sandbox())
    line = the_one("docs/migrating-from-curl.md", "```sh\n(curl .+?)\n```")
    assert line.count("https://app.harness.io/") == 1
    ran = run_line(line.replace("https://app.harness.io", by_curl.url), tmp_path, {"HAR_API_KEY": KEY})
    watch.logs += [ran.stdout, ran.stderr]
    assert (ran.returncode, json.loads(ran.stdout)["status"]) == (0, "SUCCESS"), ran
    done = Workspace(tmp_path, by_recipe, watch).run(step_in(examples()["curl"]))
    assert done.code == 0, done.log
    left = [sorted(box.labels(REGISTRY, NAME) or []) for box in (by_curl, by_recipe)]
    assert left == [["owner=vision", "stage=candidate"]] * 2


def test_the_demo(tmp_path: Path) -> None:
    """`make demo` ends well, and at its end the registry holds what both of its steps put there."""
    environ = {"PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "demo")],
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [line.split(maxsplit=1) for line in ran.stdout.splitlines()[-3:]] == [
        ["resnet50", "['accuracy=0.934', 'commit=4f2a1c9', 'owner=vision', 'stage=candidate']"],
        ["corpora/faces", "['branch=main', 'dataset=v7', 'licence=cc-by']"],
        ["corpora/roads", "['branch=main', 'dataset=v7']"],
    ]


# --- docs/sandbox.md ------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "sandbox.md").read_text("utf-8")


@contextmanager
def served(name: str, folder: Path) -> Iterator[str]:
    """The address at which the page's command serves, on a free port; it must end well on Ctrl-C."""
    line = re.sub(r"--port \d+", f"--port 0 --ready-file {folder}/ready", marked("command")[name].strip())
    variables = {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    server = subprocess.Popen(["sh", "-c", f"exec {line}"], cwd=ROOT, env=variables, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if (folder / "ready").exists():
                break
            time.sleep(0.1)
        yield (folder / "ready").read_text().strip()
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


def test_the_sandbox_page_is_true(tmp_path: Path) -> None:
    """The command serves what the example file holds, and the line for the other terminal labels a model of it."""
    line = marked("command")["label the sandbox"]
    assert line.count("http://127.0.0.1:8085") == 1
    with served("sandbox", tmp_path) as url:
        for signs in ("+ stage=production", "  stage=production"):  # the second time it is there already
            ran = run_line(f"{line.strip().replace('http://127.0.0.1:8085', url)} --json", tmp_path, {})
            row = json.loads(ran.stdout)["results"][0]
            assert (ran.returncode, row["artifact"], "stage=production" in row["after"]) == (0, "resnet50", True)
            assert (row["added"] == ["stage=production"]) is signs.startswith("+")


def test_the_sandbox_with_faults_serves(tmp_path: Path) -> None:
    """The command with faults is one that the sandbox takes, and a run against it ends well all the same."""
    with served("sandbox with faults", tmp_path) as url:
        line = marked("command")["label the sandbox"].strip().replace("http://127.0.0.1:8085", url)
        assert run_line(line, tmp_path, {}).returncode == 0


def test_the_sandbox_page_names_every_fault() -> None:
    """Its table has each kind that the sandbox knows, and none that it does not."""
    rows = re.findall(r"^\| ((?:`[a-z-]+` ?)+)\|", PAGE, re.MULTILINE)
    named = [name for row in rows for name in re.findall("`([a-z-]+)`", row)]
    assert sorted(named) == sorted(REPLACING | SPOILING | {"latency"})
    assert set(named[:6]) == REPLACING, "the text counts the first six"


def test_the_sandbox_page_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    """The lines for Python work unchanged."""
    exec(compile(the_one("docs/sandbox.md", "```python\n(.+?)\n```"), "sandbox.md", "exec"), {})
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ \['stage=dev'\]\n", capsys.readouterr().out)
