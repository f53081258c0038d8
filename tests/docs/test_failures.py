"""Every failure can be made to happen, and its line is the one that docs/troubleshooting.md shows."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from certificates import Certificates
from ci.steps import Done
from conftest import MakeSandbox, RunStep
from docs.documents import ROOT, read_yaml
from generate.failures import FAILURES, Failure
from har_labels.engine import run
from har_labels.errors import all_codes
from registry.servers import RawServer, raw_server

SHOWN = re.findall(
    r"```text\n(har-labels: error (HAR-[A-Z-]+): .+)\n```", (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
)
RULES = read_yaml((ROOT / ".harness" / "errors.yaml").read_text("utf-8"))
# A defect is nothing that inputs or a server produce.
PRODUCED = [failure for failure in FAILURES if failure.code != "HAR-DEFECT"]
# From Harness's page "Custom error categorization".
CATEGORIES = {
    "APPLICATION_FAILURE", "INFRASTRUCTURE_FAILURE", "CONNECTIVITY_FAILURE", "AUTHENTICATION_FAILURE",
    "AUTHORIZATION_FAILURE", "TIMEOUT_FAILURE", "CONFIGURATION_FAILURE", "RESOURCE_LIMITS_FAILURE",
    "PLUGIN_IMAGE_FAILURE", "VERIFICATION_FAILURE",
}  # fmt: skip
SUBCATEGORIES = {
    "DNS_RESOLUTION_FAILED", "CONNECTION_REFUSED", "SSL_HANDSHAKE_EXCEPTION",
    "EXECUTION_FAILURE", "REGISTRY_UNREACHABLE", "REGISTRY_RATE_LIMITED", "PROXY_MISCONFIGURED", "SOCKET_TIMEOUT",
    "INVALID_CREDENTIALS", "ACCESS_FORBIDDEN", "INVALID_YAML", "REQUIRED_FIELD_MISSING", "INVALID_PARAMETERS",
    "EXPRESSION_EVALUATION_FAILED", "PLUGIN_CONFIGURATION_INVALID", "STEP_EXECUTION_TIMEOUT", "PLUGIN_STEP_TIMEOUT",
    "PLUGIN_CRASHED", "VALIDATION",
}  # fmt: skip


@pytest.mark.parametrize("failure", PRODUCED, ids=lambda failure: failure.code)
def test_the_line_is_the_one_shown(
    failure: Failure, make_sandbox: MakeSandbox, run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that fails so says what is shown under its code, and Harness's rules sort it under that code."""
    monkeypatch.chdir(tmp_path)
    box = make_sandbox(**failure.options, faults=failure.faults)
    failure.fill(box)
    done = run_step("github", box, {"retries": "4", **failure.inputs})
    assert done.errors[0] == failure.code
    assert _line(done) in [line for line, _ in SHOWN]
    assert _sorted_by_harness(done) == failure.code


def test_a_defect_is_reported_in_one_line(
    make_sandbox: MakeSandbox, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error is HAR-DEFECT with its place, as shown."""

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(run, "entries_of", break_down)
    done = run_step("github", make_sandbox(), {"registry-ref": "acme/models", "artifact": "a", "labels": "b"})
    assert re.sub(r"\w+\.py:\d+", "planner.py:120", _line(done)) in [line for line, _ in SHOWN]


def test_every_code_is_shown_and_made_to_happen() -> None:
    """The page, the rules for Harness and the failures above each have every code, once."""
    codes = [kind.code for kind in all_codes()]
    assert [code for _, code in SHOWN] == codes
    names = [rule["name"] for rule in RULES["ruleGroups"]]
    assert sorted(name for name in names if "(" not in name) == sorted(codes)
    assert len(names) == len(set(names))
    assert sorted(failure.code for failure in FAILURES) == sorted(codes)


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def tls_url(certificates: Certificates) -> Iterator[str]:
    """A server with an untrusted certificate."""
    context = certificates.context("trusted")

    def serve(_server: RawServer, connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True):
            pass

    with raw_server(serve) as server:
        yield server.url.replace("http://", "https://")


def _subcategory(run_step: RunStep, api_url: str, ci: str = "harness") -> tuple[str, str]:
    """The rule that sorts a run against this address, and what it sets."""
    inputs = {"api-url": api_url, "registry-ref": "acme/models", "artifact": "a", "labels": "b", "retries": "0"}
    done = run_step(ci, None, inputs)
    assert (done.code, done.errors) == (7, ["HAR-UNREACHABLE"]), done.err
    name = _sorted_by_harness(done)
    [rule] = [rule for rule in RULES["ruleGroups"] if rule["name"] == name]
    actions = {action["type"]: action["value"] for action in rule["actions"]}
    assert actions["setErrorCategory"] == "CONNECTIVITY_FAILURE"
    return name, actions["setErrorSubcategory"]


@pytest.mark.parametrize("ci", ["harness", "hybrid"])
def test_tls_has_its_own_subcategory(run_step: RunStep, tls_url: str, ci: str) -> None:
    """An untrusted certificate, on a real connection."""
    assert _subcategory(run_step, tls_url, ci) == ("HAR-UNREACHABLE (TLS)", "SSL_HANDSHAKE_EXCEPTION")


def test_a_refused_connection_has_its_own_subcategory(run_step: RunStep, closed_port: int) -> None:
    """Nothing listens there."""
    url = f"http://127.0.0.1:{closed_port}"
    assert _subcategory(run_step, url) == ("HAR-UNREACHABLE (refused)", "CONNECTION_REFUSED")


def test_an_unknown_name_has_its_own_subcategory(run_step: RunStep) -> None:
    """A name of the top level that is never given to anybody."""
    found = _subcategory(run_step, "https://registry.invalid")
    assert found == ("HAR-UNREACHABLE (DNS)", "DNS_RESOLUTION_FAILED")


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:{port}", "http://proxy.invalid:3128", "http://me:pw@bar:99999"])
def test_a_proxy_has_its_own_subcategory(
    run_step: RunStep, closed_port: int, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """Whatever is wrong with the proxy itself: it refuses, its name is unknown, its address can't be read."""
    monkeypatch.setenv("https_proxy", proxy.format(port=closed_port))
    found = _subcategory(run_step, "https://registry.example")
    assert found == ("HAR-UNREACHABLE (proxy)", "PROXY_MISCONFIGURED")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("'a': the connection to h failed: [Errno -3] Temporary failure in name resolution", "HAR-UNREACHABLE (DNS)"),
        ("the connection to h failed: nodename nor servname provided, or not known", "HAR-UNREACHABLE (DNS)"),
        ("the connection to h failed: [Errno 11001] getaddrinfo failed", "HAR-UNREACHABLE (DNS)"),
        ("the connection to h failed: Name does not resolve", "HAR-UNREACHABLE (DNS)"),
        ("x: No connection could be made because the target machine actively refused it", "HAR-UNREACHABLE (refused)"),
        ("the connection to h failed: Connection reset by peer", "HAR-UNREACHABLE"),
    ],
)
def test_other_systems_words_are_known(line: str, name: str) -> None:
    """musl, macOS and Windows say it differently; what none of the words fits keeps the code's own rule."""
    assert _sorted_by_harness(Done("harness", 7, "", f"har-labels: error HAR-UNREACHABLE: {line} | Do.")) == name


def test_words_elsewhere_in_the_log_do_not_count() -> None:
    """A label or another tool may contain the same text: code and reason are on one line."""
    log = "Connection refused\nhar-labels: error HAR-UNREACHABLE: hung up | Do.\nno trusted TLS connection to x\n"
    assert _sorted_by_harness(Done("harness", 7, log, "")) == "HAR-UNREACHABLE"


def test_harness_knows_the_categories() -> None:
    """Each rule sets a category and a subcategory that Harness documents; it takes others for unknown ones."""
    assert RULES["version"] == "1.0"
    for rule in RULES["ruleGroups"]:
        actions = {action["type"]: action["value"] for action in rule["actions"]}
        assert set(actions) == {"setErrorCategory", "setErrorSubcategory", "setErrorMessage"}
        assert actions["setErrorCategory"] in CATEGORIES
        assert actions["setErrorSubcategory"] in SUBCATEGORIES


def _line(done: Done) -> str:
    """The first stable line, as if the registry were Harness's own."""
    line = next(line for line in done.err.splitlines() if line.startswith("har-labels: error"))
    return re.sub(r"127\.0\.0\.1(:\d+)?", "app.harness.io", line)


def _sorted_by_harness(done: Done) -> str:
    """The first rule that matches, as Harness evaluates them: `contains` looks for text whatever its case."""
    streams = {"standardOutput": done.out, "standardErrorOutput": done.err}
    holds = {
        "contains": lambda value, text: value.lower() in text.lower(),
        "regex": lambda value, text: re.search(value, text) is not None,
    }
    for rule in RULES["ruleGroups"]:
        conditions = rule["conditionExpression"]["conditions"]
        if any(holds[one["operand"]](one["value"], streams[one["key"]]) for one in conditions):
            return str(rule["name"])
    return ""
