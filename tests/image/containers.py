"""Containers of the image under test, run as the CIs run them."""

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def docker(*words: str, timeout: float = 60) -> str:
    """One docker command; its standard output. A failure shows what docker said."""
    done = subprocess.run(
        ["docker", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"docker {words[0]} exited {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def docker_answers() -> bool:
    """True where a daemon is there and lets us in."""
    try:
        return subprocess.run(["docker", "version"], capture_output=True, timeout=30, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def describe(image: str) -> dict[str, Any]:
    """docker's own description of an image."""
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", image))
    return found[0]


@dataclass(frozen=True)
class Container:
    """A started container, there until the `with` block of `Image.start` ends."""

    name: str

    def kill(self, signal: str) -> None:
        """Send a signal to its process 1, as `docker stop` and the CIs' cancel do."""
        docker("kill", "--signal", signal, self.name)

    def wait(self, seconds: float = 60) -> int:
        """Its exit code, once it has ended."""
        return int(docker("wait", self.name, timeout=seconds))

    def log(self) -> str:
        """What it printed, on both streams."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout + done.stderr

    def changed_files(self) -> list[str]:
        """What it added to its own root, changed there or deleted."""
        return docker("diff", self.name).splitlines()


@dataclass(frozen=True)
class Image:
    """The image under test, and the base that it was built from."""

    name: str
    base: str

    @contextmanager
    def start(
        self, *words: str, options: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> Iterator[Container]:
        """A container on this machine's network, so that it reaches the test's servers on loopback."""
        container = Container(f"har-labels-test-{uuid.uuid4().hex[:12]}")
        given = [f"--env={name}={value}" for name, value in (environment or {}).items()]
        docker("run", "--detach", "--name", container.name, "--network", "host", *options, *given, self.name, *words)
        try:
            yield container
        finally:
            docker("rm", "--force", container.name)

    def run(
        self, *words: str, options: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """A whole run: its exit code and what it printed."""
        with self.start(*words, options=options, environment=environment) as container:
            return container.wait(), container.log()


@dataclass(frozen=True)
class Job:
    """A CI's job on this machine: its workspace, its output file, and how that CI shows both to a container."""

    workspace: Path
    output: Path
    inside: str
    environment: Mapping[str, str]

    @property
    def options(self) -> list[str]:
        """The mounts and the working directory."""
        mounts = {self.workspace: self.inside, self.output.parent: "/outputs"}
        return [*(f"--volume={here}:{there}" for here, there in mounts.items()), f"--workdir={self.inside}"]


def make_job(folder: Path, ci: str, settings: Mapping[str, str]) -> Job:
    """The job of one CI, with inputs named as it names them: INPUT_REGISTRY-REF, or PLUGIN_REGISTRY_REF."""
    workspace, output = folder / "workspace", folder / "outputs" / "output.env"
    for made in (workspace, output.parent):
        made.mkdir()
        made.chmod(0o777)  # both CIs let any uid write here
    output.touch()
    output.chmod(0o666)
    if ci == "github":
        inputs = {f"INPUT_{name.upper()}": value for name, value in settings.items()}
        own = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/outputs/output.env", "HOME": "/github/home"}
        return Job(workspace, output, "/github/workspace", inputs | own)
    inputs = {f"PLUGIN_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
    own = {"DRONE": "true", "HARNESS_ACCOUNT_ID": "acme", "DRONE_OUTPUT": "/outputs/output.env"}
    return Job(workspace, output, "/harness", inputs | own)
