"""Debug logging: a line for each request, in the form of that CI (contract §4)."""

from __future__ import annotations

import re

import pytest

from ci.runner_model import commands_in
from ci.scenarios import BEFORE, NAME, PROD, REGISTRY, put_fault
from ci.steps import CIS, Done
from conftest import RunStep
from har_sandbox import Sandbox

LINE = re.compile(r"(GET|PUT) (/\S+) (\d{3}|no answer \(HAR-[A-Z-]+\)) (\d+) ms")


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with the scenarios' artifact."""
    sandbox.add_artifact(REGISTRY, NAME, package_type="DOCKER", labels=BEFORE)
    return sandbox


def requests_in(log: str) -> list[tuple[str, str, str]]:
    """Method, path and status of each request in the log."""
    lines = [line.removeprefix("::debug::").removeprefix("har-labels: debug: ") for line in log.splitlines()]
    return [found.group(1, 2, 3) for line in lines if (found := LINE.fullmatch(line))]


def check_told(done: Done, box: Sandbox) -> None:
    """Each request has one line with its answer, and nothing else of it."""
    told = requests_in(done.log)
    assert [(method, status) for method, _, status in told] == [(sent.method, "200") for sent in box.requests]
    assert {method for method, _, _ in told} == {"GET", "PUT"}
    assert all(path.startswith("/har/api/v1/registry/acme/ml/models/+/artifact") for _, path, _ in told)
    lines = [line for line in done.log.splitlines() if "debug" in line]
    assert len(lines) == len(told)
    assert not any(word in line for line in lines for word in ("stage=", "api-key", "User-Agent", "{", "?"))


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("text", ["true", "TRUE", "1"])
def test_our_own_variable_reports_each_request(run_step: RunStep, box: Sandbox, ci: str, text: str) -> None:
    """HAR_LABELS_DEBUG works on every CI, beside inputs that the CI sets itself."""
    done = run_step(ci, box, PROD, environ={"HAR_LABELS_DEBUG": text})
    assert done.code == 0
    check_told(done, box)
    assert done.outputs["status"] == "SUCCESS"


def test_the_debug_log_of_github(run_step: RunStep, box: Sandbox) -> None:
    """RUNNER_DEBUG=1 is a rerun with debug logging: lines are debug commands there, which the runner sets apart."""
    done = run_step("github", box, PROD, environ={"RUNNER_DEBUG": "1"})
    check_told(done, box)
    told = [command.data for command in commands_in(done.out) if command.name == "debug"]
    assert len(told) == len(box.requests)


@pytest.mark.parametrize(
    "environ",
    [
        {"PLUGIN_DEBUG": "true"},
        {"PLUGIN_LOG_LEVEL": "debug"},
        {"PLUGIN_LOG_LEVEL": "TRACE"},
        {"DRONE_BUILD_DEBUG": "true"},
    ],
)
def test_the_settings_that_drone_plugins_have(run_step: RunStep, box: Sandbox, environ: dict[str, str]) -> None:
    """`debug: true` and `log_level: debug` in a step's settings, and Drone's build in debug mode."""
    done = run_step("harness", box, PROD, environ=environ)
    assert done.code == 0
    check_told(done, box)


@pytest.mark.parametrize("flag", ["--debug", "--debug=true"])
@pytest.mark.parametrize("ci", ["terminal", "github"])
def test_the_flag(run_step: RunStep, box: Sandbox, flag: str, ci: str) -> None:
    """In a terminal and in `run:` steps; stdout stays the JSON report's."""
    done = run_step(ci, box, PROD, argv=[flag])
    check_told(done, box)
    if ci == "terminal":
        assert done.outputs["status"] == "SUCCESS"


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"RUNNER_DEBUG": "0", "HAR_LABELS_DEBUG": "false", "DEBUG": "true"},
        {"PLUGIN_LOG_LEVEL": "info", "INPUT_DEBUG": "", "HAR_LABELS_DEBUG": "0"},
    ],
)
def test_nothing_is_logged_without_debug(run_step: RunStep, box: Sandbox, ci: str, environ: dict[str, str]) -> None:
    """A log is for people; another program's DEBUG is not ours."""
    done = run_step(ci, box, PROD, environ=environ)
    assert done.code == 0
    assert requests_in(done.log) == []


def test_another_cis_switch_is_not_read(run_step: RunStep, box: Sandbox) -> None:
    """RUNNER_DEBUG is GitHub's, log_level a plugin's."""
    assert requests_in(run_step("harness", box, PROD, environ={"RUNNER_DEBUG": "1"}).log) == []
    assert requests_in(run_step("github", box, PROD, environ={"PLUGIN_LOG_LEVEL": "debug"}).log) == []
    assert requests_in(run_step("terminal", box, PROD, environ={"RUNNER_DEBUG": "1"}).log) == []


@pytest.mark.parametrize(
    ("ci", "variable", "spelling"),
    [
        ("github", "HAR_LABELS_DEBUG", "HAR_LABELS_DEBUG"),
        ("github", "INPUT_DEBUG", "debug"),
        ("harness", "PLUGIN_DEBUG", "debug"),
        ("terminal", "HAR_LABELS_DEBUG", "HAR_LABELS_DEBUG"),
    ],
)
def test_a_wrong_switch_is_an_error(run_step: RunStep, box: Sandbox, ci: str, variable: str, spelling: str) -> None:
    """As for every switch: nothing that a user wrote is passed over."""
    done = run_step(ci, box, PROD, environ={variable: "yes please"})
    assert (done.code, done.errors) == (2, ["HAR-INPUT"])
    assert f"`{spelling}` is 'yes please' | Write `true` or `false`." in done.err


@pytest.mark.parametrize(("fault", "told"), [("cut", "no answer (HAR-UNREACHABLE)"), ("503", "503")])
def test_a_failed_request_is_logged_too(run_step: RunStep, box: Sandbox, fault: str, told: str) -> None:
    """A failing status as it is, no answer with the code of what went wrong."""
    box.script([put_fault(fault)])
    done = run_step("harness", box, PROD, environ={"PLUGIN_DEBUG": "true"})
    assert done.code == 0
    assert [status for method, _, status in requests_in(done.log) if method == "PUT"] == [told, "200"]
