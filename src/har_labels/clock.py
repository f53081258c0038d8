"""Time, as an argument: the clock with its two ends (deadline and cancel), the pace, and back-off (contract §5)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from har_labels.errors import Cancelled, HarLabelsError, PastDeadline, Stop

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
# Between two looks at whether an artifact that was just pushed is there (`wait-for-artifact`).
LONGEST_WAIT = 5.0
# A server that asks for a longer pause (Retry-After) is taken for one that refuses.
LONGEST_RETRY_AFTER = 300.0


class Clock:
    """Seconds that pass, and the two things that end a run early.

    `cancel` may be called from any thread; from then on `check` and `sleep` raise in whatever thread calls them.
    """

    def __init__(self) -> None:
        self._started = self.monotonic()
        self._seconds = 0.0
        self._ended = threading.Event()
        self._reason: HarLabelsError | None = None

    def monotonic(self) -> float:
        return time.monotonic()

    def utcnow(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.monotonic() - self._started

    def left(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return self._seconds - self.elapsed() if self._seconds else float("inf")

    def limit(self, seconds: float) -> None:
        """Sets the deadline, counted from the clock's beginning; 0 means none."""
        self._seconds = seconds

    @property
    def reason(self) -> HarLabelsError | None:
        """Why the run has to end, if it has to."""
        if not self._reason and self.left() <= 0:
            self._reason = PastDeadline(f"the deadline of {self._seconds:g} s passed")
        return self._reason

    def cancel(self, signal_number: int) -> None:
        self._reason = Cancelled("the run was cancelled", signal_number=signal_number)
        self._ended.set()

    @property
    def is_cancelled(self) -> bool:
        return isinstance(self._reason, Cancelled)

    def check(self) -> None:
        """Raises Stop when the run has to end: it was cancelled, or its deadline passed."""
        if reason := self.reason:
            raise Stop(reason)

    def sleep(self, seconds: float) -> None:
        """Waits, at most until the deadline or a cancel; raises as `check` then."""
        if seconds > 0:
            self._ended.wait(min(seconds, max(0.0, self.left())))
        self.check()


class Pace:
    """At most `per_minute` requests a minute after a burst, shared by all workers (contract §2).

    None as the rate means no pace. The burst of 60 is free, and fills again as time passes.
    """

    BURST = 60

    def __init__(self, clock: Clock, per_minute: float | None) -> None:
        self._clock, self._per_second = clock, (per_minute or 0) / 60
        self._lock = threading.Lock()
        self._tokens, self._filled_at = float(self.BURST), clock.monotonic()

    def wait(self) -> None:
        """Returns when the next request may be sent. Raises as `Clock.check`."""
        self._clock.check()
        if self._per_second and (owed := self._take()) > 0:
            self._clock.sleep(owed)

    def seconds_for(self, requests: int) -> float:
        """The least time that this many requests take at this pace, from now on."""
        if not self._per_second:
            return 0.0
        return max(0.0, (requests - max(0.0, self._tokens)) / self._per_second)

    def _take(self) -> float:
        """Takes one token, perhaps a future one; returns the seconds until it is there."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self.BURST, self._tokens + (now - self._filled_at) * self._per_second)
            self._filled_at = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._per_second)


def backoff(attempt: int, *, at_least: float = 0, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds to wait before try `attempt` + 1: exponential with full jitter (contract §5 point 4).

    `at_least` is what the server asked for with Retry-After. `attempt` counts from 1.
    """
    return at_least + uniform(0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempt - 1)))
