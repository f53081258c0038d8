"""What every test starts from: a clean environment, a registry on a real socket, steps as the CIs run them, and a key
that may turn up nowhere but in its one header (contract §5 "Transport")."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import canary
from canary import KEY
from certificates import Certificates, make_certificates
from ci import steps
from ci.steps import Done
from har_labels.main import main
from har_sandbox import Sandbox

# How long one example takes says more about the machine than about the product.
settings.register_profile("har-labels", deadline=None)
settings.load_profile("har-labels")

ROOT = Path(__file__).parents[1]
MODELS = "acme/ml/models"
_CI_PREFIXES = ("INPUT_", "PLUGIN_", "GITHUB_", "RUNNER_", "DRONE", "HARNESS_", "CI_")
_SINGLE = {"CI", "NETRC", "NO_COLOR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_OWN = {f"HAR_LABELS_{name.upper().replace('-', '_')}" for name in steps.INPUTS}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CI, no proxy, no certificate and no input of the environment in which the tests run."""
    for name in os.environ:
        if name.startswith(_CI_PREFIXES) or name in _SINGLE | _OWN or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries of a hundredth; their shape is test_timing's subject."""
    monkeypatch.setattr("har_labels.clock.FIRST_BACKOFF", 0.01)
    monkeypatch.setattr("har_labels.engine.planner._FIRST_WAIT", 0.02)


# Files whose tests wait for real time to pass: one worker has all of them, so that they don't wait for one another's processors.
REAL_TIME = frozenset(
    {"test_signals", "test_connections", "test_tls_proxies", "test_kills", "test_rollback_cut_short", "test_composite_action", "test_writing"}
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts them into one group of the parallel runner."""
    for item in items:
        if item.path.stem in REAL_TIME:
            item.add_marker(pytest.mark.xdist_group("real time"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that printed the key has failed, whatever it thinks itself."""
    report = yield
    try:
        canary.check(
            canary.without_mask(report.capstdout + report.capstderr + report.caplog), f"what {item.name} printed"
        )
    except canary.KeyLeakError as leak:
        report.outcome, report.longrepr = "failed", str(leak)
    return report


@dataclass
class Watch:
    """All that the product wrote in a test, looked through for the key when the test is over."""

    folder: Path
    boxes: list[Sandbox] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    may_hold_key: set[Path] = field(default_factory=set)

    def check(self) -> None:
        """Raises KeyLeakError for the key in a log, in a file, or in a request outside of its header."""
        for log in self.logs:
            canary.check(canary.without_mask(log), "the log")
            # The marks around an input's name until it is spelt for its reader.
            assert not {"\ufdd0", "\ufdd1"} & set(log), "an input is not spelt for its reader"
        for path in self.folder.rglob("*"):
            canary.check(str(path), "a file's name")
            if path.is_file() and not path.is_symlink() and path not in self.may_hold_key:
                canary.check(path.read_bytes(), path.name)
        for box in self.boxes:
            for request in box.requests:
                canary.check_request(request)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """The key canary."""
    watch = Watch(tmp_path)
    yield watch
    watch.check()


class MakeSandbox:
    """Starts sandboxes that take the canary as their key."""

    def __init__(self, watch: Watch, stack: ExitStack) -> None:
        self._watch, self._stack = watch, stack

    def __call__(self, profile: str = "saas", **options: Any) -> Sandbox:
        box = self._stack.enter_context(Sandbox(profile, **{"api_key": KEY, **options}))
        self._watch.boxes.append(box)
        return box


@pytest.fixture
def make_sandbox(watch: Watch) -> Iterator[MakeSandbox]:
    """For tests that need another profile, options or several servers."""
    with ExitStack() as stack:
        yield MakeSandbox(watch, stack)


@pytest.fixture
def sandbox(make_sandbox: MakeSandbox) -> Sandbox:
    """A registry as contract §1 documents it, empty."""
    return make_sandbox()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A server's certificates, trusted and not, made anew for each session."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


class RunStep:
    """Runs one step, in this process or as one of its own.

    Inputs have their GitHub names; those of every run (`api-key`, few retries, short waits) are added.
    `environ` adds to or, by None, takes from what the CI sets.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self._count = 0

    def __call__(
        self,
        ci: str,
        box: Sandbox | None,
        inputs: Mapping[str, str],
        *,
        environ: Mapping[str, str | None] | None = None,
        argv: Sequence[str] = (),
        as_process: bool = False,
    ) -> Done:
        folder = self.new_folder()
        variables = self.variables(ci, folder, box, inputs, environ or {})
        words = [*argv, *(["--json"] if ci == "terminal" and "--json" not in argv else [])]
        code, out, err = (_as_process if as_process else _in_process)(words, variables)
        self.watch.logs += [out, err]
        return steps.done(ci, folder, code, out, err)

    def new_folder(self) -> Path:
        """Where a CI keeps the files of one step."""
        self._count += 1
        folder = self.watch.folder / f"step-{self._count}"
        folder.mkdir()
        return folder

    def variables(
        self, ci: str, folder: Path, box: Sandbox | None, inputs: Mapping[str, str], environ: Mapping[str, str | None]
    ) -> dict[str, str]:
        """The environment of a step."""
        common = {"api-key": KEY, "retries": "2", "settle": "0.04", "timeout": "5"}
        if box:
            common["api-url"] = box.api_url
        variables: dict[str, str | None] = {**steps.environment(ci, folder, common | dict(inputs)), **environ}
        return {name: text for name, text in variables.items() if text is not None}


def entrypoint(*words: str) -> list[str]:
    """The command line of the entrypoint, as its first line has it."""
    return [sys.executable, "-IBXutf8", str(ROOT / "entrypoint"), *words]


def _in_process(words: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str, str]:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(words, variables)
    return code, out.getvalue(), err.getvalue()


def _as_process(words: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str, str]:
    # No PATH, no HOME, no locale: the step may count on none of them.
    ran = subprocess.run(
        entrypoint(*words), env=dict(variables), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


@pytest.fixture
def run_step(watch: Watch, short_waits: None) -> RunStep:
    """Runs steps as GitHub, Harness, Harness playing GitHub and a terminal do."""
    return RunStep(watch)
