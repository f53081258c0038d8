"""What a step does to the rest of the world, and what it shows of itself: in debug mode, after a crash, in `/proc`."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

import canary
from canary import KEY
from ci.steps import CIS
from conftest import RunStep
from har_sandbox import Fault, Request, Sandbox
from hardening.checks import check_orderly
from hardening.conftest import StartStep, StepProcess

DRIVEN = str(Path(__file__).with_name("driven.py"))
INPUTS = {"registry-ref": "acme/r", "artifact": "x", "mode": "add", "labels": "b"}
# Where a step may crash: in each of its stages.
STAGES = [
    ("inputs.configure", "configure"), ("engine.run", "Run.execute"), ("engine.run", "Run.result"),
    ("registry.client", "Registry.page"), ("registry.client", "Registry.put_labels"), ("registry.transport", "Transport.send"),
    ("engine.writer", "Writer.run"), ("report.summary", "summary_of"), ("platforms.publish", "outputs_of"),
    ("engine.planner", "Planner.plan"),
]  # fmt: skip


def driven(*words: str) -> list[str]:
    """The command line of a step with something changed in it."""
    return [sys.executable, "-IBXutf8", DRIVEN, *words]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact("acme/r", "x", package_type="GENERIC", labels=["a"])
    return sandbox


@pytest.mark.parametrize("ci", CIS)
def test_a_step_touches_only_what_it_was_given(start_step: StartStep, run_step: RunStep, box: Sandbox, ci: str) -> None:
    """It starts no process, connects to the registry alone, and writes only the files that were named, with their neighbours."""
    noted = run_step.new_folder() / "effects.json"
    report = run_step.new_folder() / "report.json"
    step = start_step(ci, box, {**INPUTS, "report-file": str(report)}, command=driven("effects", str(noted)))
    done = step.done()
    check_orderly(done)
    assert done.code == 0, done.log
    effects = [tuple(one) for one in json.loads(noted.read_bytes())]
    port = int(box.url.rpartition(":")[2])
    allowed = re.compile(rf"{re.escape(str(report))}(\.[0-9a-f]+\.part)?|{re.escape(str(step.folder))}/[^/]+|/dev/null")
    for kind, what in effects:
        match kind:
            case "address":
                # The second is how urllib3 asks whether there is IPv6; nothing leaves the machine by it.
                assert what in {f"socket.connect {('127.0.0.1', port)!r}", "socket.bind ('::1', 0)"}
            case "write" | "change":
                assert allowed.fullmatch(what), (kind, what)
            case _:
                raise AssertionError((kind, what))
    assert any(kind == "write" for kind, _ in effects)


def test_nothing_of_the_key_is_in_the_process_table(start_step: StartStep, box: Sandbox) -> None:
    """At no request does the command line hold the key, and there is no child that could have inherited it."""
    steps: list[StepProcess] = []
    seen: list[bytes] = []

    @box.before
    def look(_: Request) -> None:
        proc = Path("/proc", str(steps[0].pid))
        seen.append(proc.joinpath("cmdline").read_bytes())
        assert not any(thread.joinpath("children").read_text().strip() for thread in proc.joinpath("task").iterdir())

    steps.append(start_step("github", box, INPUTS))
    assert steps[0].done().code == 0
    assert seen
    for command_line in seen:
        canary.check(command_line, "the command line")


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_debug_mode_reports_no_more(start_step: StartStep, box: Sandbox, ci: str) -> None:
    """With the CI's own debug switches on, requests get a line each, and nothing of headers, bodies or libraries is printed."""
    environ = {
        "RUNNER_DEBUG": "1",
        "ACTIONS_STEP_DEBUG": "true",
        "DRONE_DEBUG": "true",
        "PYTHONDEBUG": "1",
        "PYTHONVERBOSE": "1",
        "PYTHONWARNINGS": "always",
        "PYTHONDEVMODE": "1",
    }
    plain = start_step(ci, box, {**INPUTS, "mode": "read", "labels": ""}).done()
    debug = start_step(ci, box, {**INPUTS, "mode": "read", "labels": ""}, environ=environ).done()
    assert debug.code == plain.code == 0
    told = [line for line in debug.log.splitlines() if line.startswith("::debug::")]
    assert all(re.fullmatch(r"::debug::GET /har/\S+ 200 \d+ ms", line) for line in told)
    assert bool(told) == (ci == "github")
    rest = "".join(f"{line}\n" for line in debug.log.splitlines() if line not in told)
    assert _without_seconds(rest) == _without_seconds(plain.log)


def _without_seconds(log: str) -> str:
    return re.sub(r'[0-9.]+ seconds|"seconds":[0-9.]+|/step-\d+/|[0-9-]{10} [0-9:]{5} UTC', "", log)


@pytest.mark.parametrize(
    ("ci", "stage"), [*(("github", stage) for stage in STAGES), *(("harness", stage) for stage in STAGES[:2])]
)
def test_a_crash_shows_nothing(
    start_step: StartStep, box: Sandbox, run_step: RunStep, ci: str, stage: tuple[str, str]
) -> None:
    """A defect with the key in its message, its locals and its cause is reported only by class and place; exit 1.

    Nor does the report claim that nothing was written: the crash may have happened after a write.
    """
    report = run_step.new_folder() / "report.json"
    done = start_step(ci, box, {**INPUTS, "report-file": str(report)}, command=driven("crash", *stage)).done()
    assert (done.code, set(done.errors)) == (1, {"HAR-DEFECT"}), done.log
    assert "KeyError at driven.py:" in done.err
    assert "Traceback" not in done.log
    if stage[0] not in {"report.summary", "platforms.publish"}:
        assert (done.outputs["exit-code"], done.outputs["status"]) == ("1", "FAILED")
        assert "nothing was written" not in done.summary


def test_help_and_version(start_step: StartStep) -> None:
    """Neither shows the key, whatever CI it is asked in."""
    for words in (["--help"], ["--version"]):
        for ci in ("github", "terminal"):
            step = start_step(ci, None, INPUTS, argv=words)
            out, err = step.process.communicate(timeout=60)
            assert step.process.returncode == 0
            canary.check(out + err, "the help")


@pytest.mark.parametrize(
    "words",
    [
        ["--api-key", KEY],
        [f"--api-key={KEY}"],
        ["--labels", KEY],
        ["--no-such", KEY],
        [KEY],
        ["--artifact", f"x{KEY}y"],
    ],
)
def test_a_key_where_it_does_not_belong(start_step: StartStep, words: list[str]) -> None:
    """A key in another input or on the command line is refused and not repeated."""
    done = start_step("terminal", None, INPUTS, argv=words).done()
    check_orderly(done)
    assert done.code == 2
    canary.check(done.log, "the log")


def test_a_server_that_knows_the_key(start_step: StartStep, box: Sandbox) -> None:
    """A server that repeats the key, as a label, a message or an address, does not bring it into log or outputs."""
    box.put_labels("acme/r", "x", [f"k={KEY}", "a"])
    done = start_step("github", box, {**INPUTS, "mode": "read", "labels": ""}).done()
    assert done.code == 0
    assert done.value("labels") == ["a", "k=***"]
    box.script([Fault("redirect", location=f"https://evil.example/?k={KEY}", times=9)])
    assert start_step("harness", box, INPUTS).done().code == 6


def test_a_wall_clock_that_jumps(start_step: StartStep, box: Sandbox) -> None:
    """Years back and forth at each look change nothing: deadlines, pace and waits count monotonic seconds."""
    inputs = {**INPUTS, "deadline": "30", "requests-per-minute": "6000", "settle": "0.2"}
    for ci in ("github", "harness"):
        box.put_labels("acme/r", "x", ["a"])
        done = start_step(ci, box, inputs, command=driven("clock")).done()
        check_orderly(done)
        assert (done.code, box.labels("acme/r", "x")) == (0, ["a", "b"])


def test_a_stopped_step_goes_on(start_step: StartStep, box: Sandbox) -> None:
    """A process that was stopped for a while, as by a laptop's sleep, ends its run as if nothing had been."""
    steps: list[StepProcess] = []

    @box.before
    def stop(request: Request) -> None:
        if request.method == "PUT":
            steps[0].signal(signal.SIGSTOP)
            time.sleep(0.3)
            steps[0].signal(signal.SIGCONT)

    steps.append(start_step("github", box, INPUTS))
    assert (steps[0].done().code, box.labels("acme/r", "x")) == (0, ["a", "b"])


def test_an_environment_of_the_largest_size(start_step: StartStep, box: Sandbox) -> None:
    """One input as large as Linux lets an environment variable be is read to its end."""
    room = 131_072 - len("INPUT_LABELS=") - 1
    labels = [f"{number:06d}-{'x' * 200}" for number in range(room // 208)]
    done = start_step("github", box, {**INPUTS, "labels": "\n".join(labels)}).done()
    check_orderly(done)
    assert (done.code, len(box.labels("acme/r", "x") or [])) == (0, len(labels) + 1)
    assert os.environ.get("INPUT_LABELS") is None
