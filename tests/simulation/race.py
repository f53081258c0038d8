"""Races of real processes for one artifact's labels: the entrypoint as CIs run it, some killed, and foreign scripts."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from har_labels.model.labels import Change, Mode
from har_labels.model.outcome import Status
from har_sandbox import Latency
from simulation.doors import ARTIFACT, REGISTRY, Doors
from simulation.oracle import Ended, Oracle

ENTRYPOINT = Path(__file__).parents[2] / "entrypoint"
LONGEST_TRIAL = 120.0


@dataclass(frozen=True, slots=True)
class Course:
    """What a race is made of. `slow` is the share of requests that meet the latency's tail."""

    writers: int = 10
    plains: int = 3
    settle: float = 1.0
    kills: float = 0.15
    latency: float = 0.02
    slow: float = 0.05
    tail: float = 0.3


@dataclass(slots=True)
class Result:
    """The results of races, summed up. A loss is a missing label that a run reported as present."""

    trials: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    inside: list[str] = field(default_factory=list)
    outside: Counter[str] = field(default_factory=Counter)
    widest_gap: float = 0.0
    plain_losses: int = 0
    plain_writes: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def mean_seconds(self) -> float:
        """Of the runs that ended well, from start to exit."""
        return mean(self.seconds) if self.seconds else 0.0


def race(course: Course, *, trials: int, seed: int = 0, most_seconds: float = float("inf")) -> Result:
    """Holds races one after another, until enough are held or the time is up."""
    result, until = Result(), time.monotonic() + most_seconds
    for trial in range(trials):
        if time.monotonic() > until:
            break
        _hold(course, random.Random(f"{seed} {trial}"), result)
        result.trials += 1
    return result


def _hold(course: Course, dice: random.Random, result: Result) -> None:
    """One race, and what it adds to the result."""
    latency = Latency(course.latency, course.slow, course.tail)
    with (
        Doors(("old",), latency, seed=dice.randrange(1 << 30), crowd=course.writers) as doors,
        tempfile.TemporaryDirectory() as folder,
    ):
        plains = [_Plain(f"f{number}", doors, course, random.Random(dice.random())) for number in range(course.plains)]
        runs = [_Process(f"w{number}", doors, course, Path(folder), dice) for number in range(course.writers)]
        for plain in plains:
            plain.start()
        for run in runs:
            run.wait()
        for plain in plains:
            plain.join()
        doors.wait_until_empty()
        _judge(doors, runs, plains, course, result)


def _judge(doors: Doors, runs: list[_Process], plains: list[_Plain], course: Course, result: Result) -> None:
    ended = [run.ended for run in runs]
    changes = {run.name: run.change for run in ended}
    changes |= {plain.name: Change(Mode.ADD, tuple(plain.labels)) for plain in plains}
    # Unwatched runs promise nothing; they are judged by the same measure to show what they lose.
    verdict = Oracle(doors.store, ended, changes, course.settle or 1.0, forgives_own_waiting=True).judge()
    result.inside += verdict.broken
    result.outside.update(verdict.explained)
    result.ends.update(run.told for run in runs)
    result.seconds += [run.seconds for run in runs if run.ended.is_green]
    result.widest_gap = max(result.widest_gap, *(write.gap for write in doors.store.writes))
    added = [label for plain in plains for label in plain.labels]
    result.plain_writes += len(added)
    result.plain_losses += len(set(added) - set(doors.store.labels))


class _Process:
    """The entrypoint in a process of its own, adding its name as a label; killed at a random moment, or not."""

    def __init__(self, name: str, doors: Doors, course: Course, folder: Path, dice: random.Random) -> None:
        self._name, self._report = name, folder / f"{name}.json"
        inputs = {
            "API_KEY": doors.api_key,
            "API_URL": doors.open(name, waits=True),
            "REGISTRY_REF": REGISTRY,
            "ARTIFACT": ARTIFACT,
            "MODE": "add",
            "LABELS": name,
            "SETTLE": f"{course.settle:g}",
            "REPORT_FILE": str(self._report),
        }
        environ = {"PATH": os.environ["PATH"]} | {f"HAR_LABELS_{key}": value for key, value in inputs.items()}
        self._started = self._over_at = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-IBXutf8", ENTRYPOINT],
            env=environ,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._waiting = threading.Thread(target=self._wait)
        self._waiting.start()
        self._killing = threading.Timer(dice.uniform(0.3, 5.0), self._process.kill)
        if dice.random() < course.kills:
            self._killing.start()

    def wait(self) -> None:
        self._waiting.join()
        self._killing.cancel()

    @property
    def told(self) -> str:
        """How the run ended, in one word."""
        code = self._process.returncode
        return str(self._status) if self._status else "killed" if code < 0 else f"exit code {code}"

    @property
    def seconds(self) -> float:
        return self._over_at - self._started

    @property
    def ended(self) -> Ended:
        return Ended(self._name, Change(Mode.ADD, (self._name,)), self._status, self._over_at)

    @property
    def _status(self) -> Status | None:
        if self._process.returncode:
            return None
        return Status(json.loads(self._report.read_text())["results"][0]["status"])

    def _wait(self) -> None:
        try:
            self._process.wait(LONGEST_TRIAL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._over_at = time.monotonic()


class _Plain(threading.Thread):
    """A foreign script: again and again it reads, adds a label of its own, and writes within the conditions' gap."""

    def __init__(self, name: str, doors: Doors, course: Course, dice: random.Random) -> None:
        super().__init__(name=name)
        self._doors, self._dice, self._base = doors, dice, doors.open(name)
        self._longest_gap = 0.8 * (course.settle or 1.0)
        self.labels: list[str] = []

    def run(self) -> None:
        for number in range(3):
            time.sleep(self._dice.uniform(0, 2))
            listed = self._ask("GET", f"/artifacts?search_term={ARTIFACT}")["artifacts"][0]["labels"]
            time.sleep(self._dice.uniform(0, self._longest_gap))
            self.labels.append(f"{self.name}-{number}")
            self._ask("PUT", f"/artifact/{ARTIFACT}/labels", {"labels": [*listed, self.labels[-1]]})

    def _ask(self, method: str, path: str, body: object = None) -> dict:
        request = urllib.request.Request(
            f"{self._base}/registry/{REGISTRY}/+{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"x-api-key": self._doors.api_key},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as response:
            return json.load(response)["data"]
