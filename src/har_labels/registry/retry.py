"""The reads of `client.Registry`, with the same calls, retried (as restic's `internal/backend/retry` wraps a backend).

Hides which unknown outcomes are retried, how often, the backoff and Retry-After (contract §5 point 4). Writes are not
retried here: before a new try the writer has to read again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from har_labels.clock import Clock, backoff
from har_labels.errors import BadAnswer
from har_labels.model.address import RegistryRef
from har_labels.registry.answers import Page, Row, UnknownOutcome
from har_labels.registry.client import Registry
from har_labels.text import number

T = TypeVar("T")


class RetryingReads:
    """Reads are idempotent, so each is retried up to `retries` times; `retried` counts the retries of all threads.

    With `is_needed` false an invalid answer (BadAnswer) is not retried: the caller can do without it.
    """

    def __init__(self, registry: Registry, clock: Clock, *, retries: int) -> None:
        self._registry, self._clock, self._retries = registry, clock, retries
        self.retried, self._counting = 0, threading.Lock()

    def page(self, ref: RegistryRef, *, search: str, number: int, is_needed: bool = True) -> Page:
        """As `Registry.page`, but raises the last error instead of UnknownOutcome."""
        return self._retry(ref, lambda: self._registry.page(ref, search=search, number=number), is_needed=is_needed)

    def summary(self, ref: RegistryRef, artifact: str, *, is_needed: bool = True) -> Row | None:
        """As `Registry.summary`, but raises the last error instead of UnknownOutcome."""
        return self._retry(ref, lambda: self._registry.summary(ref, artifact), is_needed=is_needed)

    def _retry(self, ref: RegistryRef, call: Callable[[], T], *, is_needed: bool) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                return call()
            except UnknownOutcome as unknown:
                # The read may have been aborted because the run is over; that is not a failure of the registry.
                self._clock.check()
                is_useless = not is_needed and isinstance(unknown.error, BadAnswer)
                if is_useless or attempt > self._retries or unknown.asks_too_long:
                    tries = f"{number(attempt, 'try', 'tries')}{unknown.wait_note}"
                    raise unknown.error.reworded(f"reading {ref}: {unknown.error.what} ({tries})") from None
                with self._counting:
                    self.retried += 1
                self._clock.sleep(backoff(attempt, retry_after=unknown.wait))
