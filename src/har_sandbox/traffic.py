"""Handles one request: hooks, fault, profile, log."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from har_sandbox.delivery import replacement, spoiled
from har_sandbox.routes import find_route

if TYPE_CHECKING:
    from collections.abc import Callable

    from har_sandbox.exchange import Answer, Request
    from har_sandbox.faults import Fault, FaultPlan

    Hook = Callable[[Request], object]


class Profile(Protocol):
    """The answers of one kind of server."""

    @property
    def base(self) -> str:
        """The base path of its API."""

    def answer(self, request: Request) -> Answer:
        """Carry out one request and return its answer."""


class Traffic:
    """Handles requests from many threads."""

    def __init__(self, profile: Profile, plan: FaultPlan, log_size: int | None = None) -> None:
        """Keep the last `log_size` requests (None: all)."""
        self.before: list[Hook] = []
        self.after: list[Hook] = []
        self.hook_errors: list[BaseException] = []
        self._log: deque[Request] = deque(maxlen=log_size)
        self._profile = profile
        self._plan = plan
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End all waits for a latency."""
        self._stopping.set()

    def requests(self) -> list[Request]:
        """The log, in the order in which the requests were answered."""
        with self._lock:
            return list(self._log)

    def forget(self) -> None:
        """Clear the log."""
        with self._lock:
            self._log.clear()

    def handle(self, request: Request) -> tuple[Answer, Fault | None]:
        """The answer, and the fault to apply when it is sent.

        The request is in the log before its answer is sent, so a client that has the answer finds
        it there.
        """
        self._call(self.before, request)
        fault, wait = self._plan.choose(request.method, self._artifact_of(request))
        if wait:
            self._stopping.wait(wait)
        answer = self._answer(request, fault)
        done = replace(
            request,
            status=answer.status,
            written=answer.written,
            fault=fault.kind if fault is not None else None,
        )
        with self._lock:
            self._log.append(done)
        self._call(self.after, done)
        return answer, fault

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        if fault is None:
            return self._profile.answer(request)
        target = request.path + ("?" + request.query if request.query else "")
        instead = replacement(fault, target)
        if instead is not None and not fault.lets_write:
            return instead
        honest = self._profile.answer(request)
        if instead is not None:
            return replace(instead, written=honest.written)
        return spoiled(honest, fault)

    def _artifact_of(self, request: Request) -> str | None:
        """The artifact that a request concerns: the one in its path, or the one it searches for."""
        route = find_route(request.method, request.path, self._profile.base)
        return route.artifact or request.param("search_term")

    def _call(self, hooks: list[Hook], request: Request) -> None:
        for hook in list(hooks):
            try:
                hook(request)
            except BaseException as error:  # noqa: BLE001 - kept, and raised in the test's thread
                self.hook_errors.append(error)
