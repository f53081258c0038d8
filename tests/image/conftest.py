"""The image under test, once a session.

HAR_LABELS_TEST_IMAGE: test this image as it is, instead of building one.
HAR_LABELS_TEST_BASE: the base to build from and to weigh against; without it .ci/base-image makes one.
HAR_LABELS_REQUIRE_DOCKER=1: no Docker daemon is a failure, not a skip.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from image.containers import Image, docker_answers

ROOT = Path(__file__).parents[2]
BUILT = "har-labels:test"
NO_DOCKER = "no Docker daemon answers: the container is NOT TESTED"

notes = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What a reader of the log must see although tests passed or were skipped."""
    for line in dict.fromkeys(config.stash.get(notes, [])):
        terminalreporter.write_sep("!" if line == NO_DOCKER else "-", line, bold=True)


@pytest.fixture(scope="session")
def note(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Put a line under the session's results."""
    return pytestconfig.stash.setdefault(notes, []).append


@pytest.fixture(scope="session")
def image(note: Callable[[str], None]) -> Image:
    """The image: built from this checkout, unless one is named."""
    if not docker_answers():
        if os.environ.get("HAR_LABELS_REQUIRE_DOCKER") == "1":
            pytest.fail(NO_DOCKER)
        note(NO_DOCKER)
        pytest.skip(NO_DOCKER)
    base = os.environ.get("HAR_LABELS_TEST_BASE") or run_script(".ci/base-image")
    return Image(os.environ.get("HAR_LABELS_TEST_IMAGE") or run_script("tools/image", BUILT, BASE=base), base)


def run_script(path: str, *words: str, **environment: str) -> str:
    """The one line that a script of this project prints; what else it has to say stays in the log."""
    command = [str(ROOT / path), *words]
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, timeout=900, check=True
    )
    return done.stdout.strip()
