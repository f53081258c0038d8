"""Time, passed in as an argument: monotonic time with deadline and cancel, the pace of requests, and backoff (contract §5)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from har_labels.errors import Cancelled, HarLabelsError, PastDeadline, Stop

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
# The longest interval of polling for an artifact that was just pushed (`wait-for-artifact`).
LONGEST_POLL = 5.0
# A longer Retry-After is treated as a refusal.
LONGEST_RETRY_AFTER = 300.0


class Clock:
    """Monotonic time, and the two reasons to end a run early: its deadline and a cancel.

    `cancel` may be called from any thread; afterwards `check` and `sleep` raise Stop in every thread.
    """

    def __init__(self) -> None:
        self._started = self.monotonic()
        self._deadline = 0.0
        self._cancelled = threading.Event()
        self._stop_reason: HarLabelsError | None = None

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()

    def utcnow(self) -> datetime:
        """The date and time in UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds since the run started."""
        return self.monotonic() - self._started

    def remaining(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return self._deadline - self.elapsed() if self._deadline else float("inf")

    def set_deadline(self, seconds: float) -> None:
        """Sets the deadline in seconds from the start of the run; 0 means none."""
        self._deadline = seconds

    @property
    def stop_reason(self) -> HarLabelsError | None:
        """The cancel or the passed deadline; None while the run may go on."""
        if not self._stop_reason and self.remaining() <= 0:
            self._stop_reason = PastDeadline(f"the deadline of {self._deadline:g} s passed")
        return self._stop_reason

    def cancel(self, signal_number: int) -> None:
        """Ends the run because of a signal; it wakes all threads that sleep."""
        self._stop_reason = Cancelled("the run was cancelled", signal_number=signal_number)
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return isinstance(self._stop_reason, Cancelled)

    def check(self) -> None:
        """Raises Stop if the run was cancelled or its deadline passed."""
        if reason := self.stop_reason:
            raise Stop(reason)

    def sleep(self, seconds: float) -> None:
        """Waits, at most until the deadline or a cancel; then raises Stop as `check` does."""
        if seconds > 0:
            self._cancelled.wait(min(seconds, max(0.0, self.remaining())))
        self.check()


class Pace:
    """A rate limiter (token bucket) shared by all workers: `per_minute` requests a minute after a burst (contract §2).

    `per_minute` None means no limit. The burst of 60 requests needs no wait, and refills over time.
    """

    BURST = 60

    def __init__(self, clock: Clock, per_minute: float | None) -> None:
        self._clock, self._per_second = clock, (per_minute or 0) / 60
        self._lock = threading.Lock()
        self._tokens, self._refilled_at = float(self.BURST), clock.monotonic()

    def wait(self) -> None:
        """Blocks until the next request may be sent. Raises Stop as `Clock.check` does."""
        self._clock.check()
        if not self._per_second:
            return
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self.BURST, self._tokens + (now - self._refilled_at) * self._per_second)
            self._refilled_at = now
            self._tokens -= 1  # below zero the token is a future one
            seconds = -self._tokens / self._per_second
        if seconds > 0:
            self._clock.sleep(seconds)

    def seconds_for(self, requests: int) -> float:
        """The minimum time for this many requests from now on."""
        if not self._per_second:
            return 0.0
        return max(0.0, (requests - max(0.0, self._tokens)) / self._per_second)


def backoff(
    attempt: int, *, retry_after: float = 0, uniform: Callable[[float, float], float] = random.uniform
) -> float:
    """Seconds to wait after try `attempt`, counted from 1: exponential backoff with full jitter (contract §5 point 4).

    `retry_after` is the server's Retry-After, added to it.
    """
    return retry_after + uniform(0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempt - 1)))
