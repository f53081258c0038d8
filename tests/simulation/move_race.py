"""Pairs of real processes that move one label to two artifacts at once, and the same without `mode: move`."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har_sandbox import Latency, Sandbox
from har_sandbox.server import Server

if TYPE_CHECKING:
    from har_sandbox.exchange import Answer, Request

ENTRYPOINT = Path(__file__).parents[2] / "entrypoint"
REGISTRY, LABEL = "acme/ml/models", "champion"
OLD, RIVALS = "resnet50", ("resnet51", "resnet52")
NAMES = (OLD, *RIVALS)
LONGEST_PAIR = 180.0


@dataclass(frozen=True, slots=True)
class Course:
    """The parameters of a pair. `slow`: the share of requests with a long latency; `apart`: the time between the starts."""

    settle: float = 1.0
    retries: int = 4
    latency: float = 0.02
    slow: float = 0.05
    tail: float = 0.3
    apart: float = 0.5
    by_manifest: bool = False


@dataclass(slots=True)
class Result:
    """The results of pairs: number of holders at the end, and exit codes; `broken`: broken promises."""

    pairs: int = 0
    holders: Counter[int] = field(default_factory=Counter)
    codes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def race(course: Course, *, pairs: int, at_once: int = 1, seed: int = 0, most_seconds: float = float("inf")) -> Result:
    """Holds pairs, some `at_once` and each in a registry of its own, until enough are held or the time is up."""
    result, lock, until = Result(), threading.Lock(), time.monotonic() + most_seconds

    def hold(number: int) -> None:
        if time.monotonic() < until:
            pair = _Pair(course, random.Random(f"{seed} {number}"))
            pair.run()
            with lock:
                pair.judge(result)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(hold, range(pairs)))
    return result


@dataclass(frozen=True, slots=True)
class _Event:
    """A request as the registry carried it out, and who had the label after it."""

    who: str
    method: str
    at: float
    holders: tuple[str, ...]


class _Pair:
    """Two concurrent steps on one registry, each with its own port, since a request does not identify its sender."""

    def __init__(self, course: Course, dice: random.Random) -> None:
        self._course, self._dice = course, dice
        self._events: list[_Event] = []
        self._lock, self._here = threading.Lock(), threading.local()
        self._box = Sandbox(
            latency=Latency(course.latency, course.slow, course.tail), seed=dice.randrange(1 << 30), log_size=1
        )
        for name in NAMES:
            labels = [LABEL] if name == OLD else ["candidate"]
            self._box.add_artifact(REGISTRY, name, package_type="GENERIC", labels=labels)
        # The moment of a read or a write is the one in which the registry itself does it, after any latency.
        self._profile = self._box._traffic._profile
        self._box._traffic._profile = self
        self.base = self._profile.base

    def answer(self, request: Request) -> Answer:
        """Replaces the profile: answers as it does, and records."""
        with self._lock:
            given = self._profile.answer(request)
            self._events.append(_Event(self._here.who, request.method, time.monotonic(), self._holders()))
            return given

    def run(self) -> None:
        """Starts both, and waits for both."""
        self._codes: dict[str, int] = {}
        self._seconds: list[float] = []
        with self._box, tempfile.TemporaryDirectory() as folder:
            servers = [self._door(name) for name in RIVALS]
            threads = [
                threading.Thread(target=self._step, args=(name, server, Path(folder), self._dice.uniform(0, 1)))
                for name, server in zip(RIVALS, servers, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self._at_the_end = self._holders()
            for server in servers:
                server.stop()

    def judge(self, result: Result) -> None:
        """Adds the result of one pair."""
        result.pairs += 1
        result.holders[len(self._at_the_end)] += 1
        result.codes[tuple(sorted(self._codes.values()))] += 1
        result.seconds += self._seconds
        result.broken += self._broken()

    def _broken(self) -> Iterable[str]:
        """The contradictions to a successful move: its last listing, `settle` after its last write, must show its target alone."""
        for who, code in self._codes.items():
            mine = [event for event in self._events if event.who == who]
            last = next((event for event in reversed(mine) if event.method == "GET"), None)
            wrote = max((event.at for event in mine if event.method == "PUT"), default=None)
            if code not in {0, 5}:
                yield f"{who} ended with {code}"
            if code == 0 and last and last.holders != (who,):
                yield f"{who} is green, and its last listing shows {last.holders}"
            if code == 0 and last and wrote and last.at - wrote < self._course.settle:
                yield f"{who} is green {last.at - wrote:.3f} s after its last write"

    def _holders(self) -> tuple[str, ...]:
        return tuple(name for name in NAMES if LABEL in (self._box.labels(REGISTRY, name) or ()))

    def _door(self, who: str) -> Server:
        def handle(request: Request) -> Any:
            self._here.who = who
            return self._box._traffic.handle(request)

        server = Server(("127.0.0.1", 0), handle)
        server.serve_in_background()
        return server

    def _step(self, name: str, server: Server, folder: Path, share: float) -> None:
        time.sleep(share * self._course.apart)
        inputs = {
            "API_KEY": self._box.api_key,
            "API_URL": f"http://127.0.0.1:{server.server_address[1]}{self.base}",
            "REGISTRY_REF": REGISTRY,
            "SETTLE": f"{self._course.settle:g}",
            "RETRIES": str(self._course.retries),
            **(self._by_manifest(name, folder) if self._course.by_manifest else _by_move(name)),
        }
        environ = {"PATH": os.environ["PATH"]} | {f"HAR_LABELS_{key}": value for key, value in inputs.items()}
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-IBXutf8", ENTRYPOINT],
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST_PAIR,
            check=False,
        )
        self._codes[name] = done.returncode
        self._seconds.append(time.monotonic() - started)

    @staticmethod
    def _by_manifest(name: str, folder: Path) -> Mapping[str, str]:
        """How it is done without `mode: move`."""
        changes = [
            {"artifact": [one for one in NAMES if one != name], "mode": "remove", "labels": [LABEL]},
            {"artifact": name, "mode": "add", "labels": [LABEL]},
        ]
        path = folder / f"{name}.yaml"
        path.write_text(json.dumps({"version": 1, "changes": changes}))
        return {"MANIFEST": str(path)}


def _by_move(name: str) -> Mapping[str, str]:
    return {"ARTIFACT": name, "MODE": "move", "LABELS": LABEL, "AMONG": "resnet*"}
