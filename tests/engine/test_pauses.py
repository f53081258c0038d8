"""The pause before a round of retries, for all tasks that need one (contract §5 point 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from har_labels.clock import LONGEST_POLL, Clock
from har_labels.engine.writer import Writer
from har_labels.errors import RateLimited
from har_labels.registry.answers import UnknownOutcome
from simulation.writers import policy_with


@dataclass(eq=False)
class Pending:
    """The part of a task that decides the pause."""

    unknown: UnknownOutcome | None = None
    is_waited_for: bool = False
    attempts: int = 9


def pause_before(*tasks: Pending, monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds that a writer pauses before it writes these again, with the longest backoff."""
    paused: list[float] = []
    clock = Clock()
    monkeypatch.setattr(clock, "sleep", paused.append)
    monkeypatch.setattr("har_labels.engine.writer.backoff", lambda _attempt, *, retry_after: retry_after + 30.0)
    nothing: Any = None
    writer = Writer(nothing, nothing, clock, policy_with(), notice=lambda _line: None, warning=lambda _line: None)
    writer._pause_before(tasks)
    return paused[0]


def test_a_retry_after_counts_beside_an_artifact_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for an artifact is a poll with short pauses, but none is shorter than the server asked for."""
    asked = Pending(unknown=UnknownOutcome(RateLimited("too many requests"), wait=60.0))
    assert pause_before(asked, monkeypatch=monkeypatch) == 90.0
    assert pause_before(Pending(is_waited_for=True), monkeypatch=monkeypatch) == LONGEST_POLL
    assert pause_before(asked, Pending(is_waited_for=True), monkeypatch=monkeypatch) == 60.0
