"""Which fault is applied to which request: scripted ones by count, others by rate, all from one seed."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Kinds whose answer replaces the registry's; `-after` lets the registry write first.
REPLACING = frozenset({"cut", "html", "failure", "redirect", "huge", "gzip-bomb"})
#: Kinds that modify the registry's own answer, after the write.
SPOILING = frozenset({"reset", "drip", "wrong-length", "truncated", "wrong-types"})
_STATUS = re.compile(r"[45]\d\d")
_KIND = re.compile(r"(?P<base>.+?)(?P<when>-before|-after)?")


class BadFaultError(ValueError):
    """An unknown kind of fault; the text names it and the known kinds."""


@dataclass(frozen=True)
class Fault:
    """One kind of failure.

    `kind` is a status (`429`, `500`, `502`, `503`, any 4xx or 5xx), one of `cut`, `html`,
    `failure` (200 with status FAILURE), `redirect`, `huge` (streamed), `gzip-bomb`, `reset` (in
    the middle of the body), `drip` (one byte each `delay` seconds), `wrong-length`, `truncated`,
    `wrong-types`, or `latency` (`delay` seconds, then the unchanged answer). Statuses and the kinds
    up to `gzip-bomb` replace the write; with `-after` they follow it. The others modify the answer
    to a request that was carried out.

    If scripted (see `Sandbox.script`), it is applied to the `nth` request of `method` (None: any) and,
    if `artifact` is given, of that artifact, and to the next `times - 1` matching ones. With a
    `rate` it is applied to each matching request with that probability.
    """

    kind: str
    method: str | None = None
    nth: int = 1
    times: int = 1
    artifact: str | None = None
    rate: float | None = None
    delay: float = 0.1
    retry_after: str | None = None
    status: int = 307
    location: str = "https://elsewhere.example.com/"
    size: int = 11 * 1024 * 1024

    def __post_init__(self) -> None:
        """Raise UnknownFaultError for an unknown kind."""
        if not (self.code or self.base in REPLACING | SPOILING | {"latency"}):
            known = ", ".join(sorted(REPLACING | SPOILING | {"latency"}))
            msg = f"unknown fault {self.kind!r}: use a status such as 503, or one of {known}"
            raise BadFaultError(msg)
        if self.rate is not None and not 0 <= self.rate <= 1:
            msg = f"rate of fault {self.kind!r} is {self.rate}: it must be from 0 to 1"
            raise BadFaultError(msg)

    @property
    def base(self) -> str:
        """The kind without `-before` or `-after`."""
        found = _KIND.fullmatch(self.kind)
        return found["base"] if found else ""

    @property
    def code(self) -> int | None:
        """The status, if the kind is one."""
        return int(self.base) if _STATUS.fullmatch(self.base) else None

    @property
    def lets_write(self) -> bool:
        """Whether the request is carried out, regardless of the answer."""
        return self.base in SPOILING or self.base == "latency" or self.kind.endswith("-after")

    def fits(self, method: str, artifact: str | None) -> bool:
        """Whether this fault applies to requests of that method on that artifact."""
        return self.method in (None, method) and self.artifact in (None, artifact)


@dataclass(frozen=True)
class Latency:
    """How long an answer takes: about `base` seconds, and with `tail_rate` a Pareto tail more.

    The base varies log-normally by a tenth; the tail starts at `tail` seconds, has shape 2.5 and
    is cut at twenty times `tail`.
    """

    base: float = 0.0
    tail_rate: float = 0.0
    tail: float = 0.0

    def draw(self, dice: random.Random) -> float:
        """Seconds to wait for one request."""
        wait = self.base * dice.lognormvariate(0, 0.1) if self.base else 0.0
        if self.tail_rate and dice.random() < self.tail_rate:
            wait += min(self.tail * dice.paretovariate(2.5), 20 * self.tail)
        return wait


class FaultPlan:
    """Chooses the fault for each request; the same seed and the same requests give the same faults."""

    def __init__(self, faults: Iterable[Fault] = (), latency: Latency | None = None, seed: int = 0) -> None:
        """Faults with a rate always apply, faults without one are the first script."""
        given = list(faults)
        self._rated = [fault for fault in given if fault.rate is not None]
        self._latency = latency or Latency()
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._script: list[_Scripted] = []
        self.script([fault for fault in given if fault.rate is None])

    def script(self, faults: Sequence[Fault]) -> None:
        """Replace the script and restart the count."""
        with self._lock:
            self._script = [_Scripted(fault) for fault in faults]

    def choose(self, method: str, artifact: str | None) -> tuple[Fault | None, float]:
        """The fault to apply to this request, if any, and the seconds to wait before."""
        with self._lock:
            hits = [entry.fault for entry in self._script if entry.counts(method, artifact)]
            rolled = [
                fault
                for fault in self._rated
                if fault.fits(method, artifact) and self._dice.random() < (fault.rate or 0)
            ]
            wait = self._latency.draw(self._dice)
        fault = next(iter(hits + rolled), None)
        if fault is not None and fault.base == "latency":
            return fault, wait + fault.delay
        return fault, wait


class _Scripted:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0

    def counts(self, method: str, artifact: str | None) -> bool:
        """Count the request if the fault applies to it. Returns whether the fault is due."""
        if not self.fault.fits(method, artifact):
            return False
        self._seen += 1
        return self.fault.nth <= self._seen < self.fault.nth + self.fault.times
