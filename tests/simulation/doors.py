"""A sandbox on real sockets with its own port (door) for each writer, which records each read and write with its time."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from har_labels.model.labels import Labels, to_labels
from har_sandbox import Latency, Sandbox
from har_sandbox.server import Server
from simulation.network import Read, Store, Write

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from har_sandbox.exchange import Answer, Request
    from har_sandbox.faults import Fault
    from har_sandbox.traffic import Profile

REGISTRY, ARTIFACT = "acme/ml/models", "resnet50"


class Doors:
    """One artifact in a registry, and a port for each writer, since a request does not identify its sender.

    `store` is the history for the oracle. `crowd` writers wait with their first request until all of them are ready
    (at most three seconds), so that they really race.
    """

    def __init__(self, before: Labels, latency: Latency, *, seed: int, crowd: int) -> None:
        self.store = Store(before)
        self._box = Sandbox(latency=latency, seed=seed)
        self._box.add_artifact(REGISTRY, ARTIFACT, package_type="GENERIC", labels=before)
        # The moment of a read or a write is the one in which the registry itself does it, after any latency.
        self._box._traffic._profile = _Remembering(self._box._traffic._profile, self)
        self._servers: list[Server] = []
        self._gate = threading.Barrier(crowd)
        self._waiting: set[str] = set()
        self._here = threading.local()
        self._under_way = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._box.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop()
        self._box.stop()

    @property
    def api_key(self) -> str:
        return self._box.api_key

    def open(self, who: str, *, waits: bool = False) -> str:
        """The API's base for one writer. `waits`: it is one of the crowd."""
        if waits:
            self._waiting.add(who)
        server = Server(("127.0.0.1", 0), lambda request: self._handle(who, request))
        server.serve_in_background()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/har/api/v1"

    def wait_until_empty(self) -> None:
        """Until no request is under way any more, those of killed writers included."""
        while self._under_way:
            time.sleep(0.01)

    def _handle(self, who: str, request: Request) -> tuple[Answer, Fault | None]:
        with self._lock:
            self._under_way += 1
        try:
            self._wait_for_the_others(who)
            self._here.who, self._here.sent = who, time.monotonic()
            self._here.basis = self._last_read_of(who)
            if request.method == "PUT":
                self.store.tries.append((who, self._here.sent))
            return self._box._traffic.handle(request)
        finally:
            with self._lock:
                self._under_way -= 1

    def _wait_for_the_others(self, who: str) -> None:
        if who in self._waiting:
            self._waiting.discard(who)
            with contextlib.suppress(threading.BrokenBarrierError):  # some were killed before that
                self._gate.wait(3)

    def _last_read_of(self, who: str) -> Read | None:
        return next((read for read in reversed(self.store.reads) if read.who == who), None)

    def carry_out(self, answer: Callable[[Request], Answer], request: Request) -> Answer:
        """Lets the registry answer, and records the read or write."""
        with self._lock:
            before, now, here = self.store.labels, time.monotonic(), self._here
            given = answer(request)
            if request.method == "GET":
                self.store.reads.append(Read(here.who, before, now, now))
            elif given.written:
                self.store.labels = to_labels(self._box.labels(REGISTRY, ARTIFACT) or ())
                self.store.writes.append(Write(here.who, before, self.store.labels, now, here.sent, here.basis))
            return given


class _Remembering:
    """A profile that answers as another one and reports to the doors."""

    def __init__(self, profile: Profile, doors: Doors) -> None:
        self._profile, self._doors, self.base = profile, doors, profile.base

    def answer(self, request: Request) -> Answer:
        return self._doors.carry_out(self._profile.answer, request)
