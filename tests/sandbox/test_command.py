"""The command: one line when ready, clean ends, one line when something is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from har_sandbox.__main__ import main

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "sandbox.yaml"


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "har_sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_listens_answers_and_ends(tmp_path: Path, number: signal.Signals) -> None:
    """The line and the ready file name the URL, the example is loaded, a signal ends it with 0."""
    ready = tmp_path / "url"
    process = start("--load", str(EXAMPLE), "--ready-file", str(ready))
    assert process.stdout is not None
    line = process.stdout.readline()
    url = ready.read_text(encoding="utf-8").strip()
    assert line == f"har-sandbox (saas) listening on {url}\n"
    request = urllib.request.Request(
        f"{url}/har/api/v1/registry/acme/ml/models/+/artifacts",
        headers={"x-api-key": "sandbox-key"},
    )
    with urllib.request.urlopen(request) as answer:
        assert b"resnet50" in answer.read()
    process.send_signal(number)
    _out, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_it_ends_while_an_answer_is_slow(tmp_path: Path) -> None:
    """A signal does not wait for a delayed answer."""
    process = start("--latency", "60000", "--ready-file", str(tmp_path / "url"))
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    host, port = url.removeprefix("http://").split(":")
    import http.client

    client = http.client.HTTPConnection(host, int(port))
    client.request("GET", "/")
    time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=10)
    client.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--host", "0.0.0.0"], "not loopback"),
        (["--host", "example.com"], "not loopback"),
        (["--port", "70000"], "not a port"),
        (["--port", "x"], "not a port"),
        (["--fault", "503"], "KIND=RATE[:METHOD]"),
        (["--fault", "503=x"], "KIND=RATE[:METHOD]"),
        (["--fault", "bogus=0.1"], "unknown fault 'bogus'"),
        (["--fault", "503=1.5"], "from 0 to 1"),
        (["--fault", "503=0.1:POST"], "POST is not a method of this server"),
        (["--latency", "fast"], "milliseconds"),
        (["--latency-tail", "0.1"], "PROBABILITY:MS"),
        (["--latency-tail", "2:5"], "from 0 to 1"),
        (["--load", "no-such.yaml"], "no-such.yaml"),
        (["--database", "no-such-folder/x.db"], "no-such-folder/x.db"),
        (["--ready-file", "no-such-folder/url"], "no-such-folder/url"),
        (["--profile", "cloud"], "cloud"),
        (["--lat", "5"], "--lat"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    """Exit 2 and one line on stderr that names the value."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert errors.startswith("har-sandbox: error: ")
    assert errors.count("\n") == 1
    assert problem in errors


def test_a_taken_port_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Listening where somebody else listens is exit 2 with the address."""
    process = start()
    assert process.stdout is not None
    port = process.stdout.readline().rsplit(":", 1)[1].strip()
    with pytest.raises(SystemExit) as ended:
        main(["--port", port])
    process.terminate()
    process.communicate(timeout=10)
    assert ended.value.code == 2
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
