"""Time: the deadline, the pace and backoff, on a clock that a test advances (contract §2, §5)."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.clock import Clock, Pace, backoff
from har_labels.errors import Cancelled, PastDeadline, Stop


class StillClock(Clock):
    """A clock whose time passes only by sleeping, or by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        super().__init__()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)
            self.now += min(seconds, max(0.0, self.remaining()))
        self.check()


def requests_at(per_minute: float | None, times: list[float]) -> list[float]:
    """When requests that ask at these times may be sent, counted from the beginning."""
    clock = StillClock()
    pace = Pace(clock, per_minute)
    sent = []
    for at in times:
        clock.now = max(clock.now, 1000.0 + at)
        pace.wait()
        sent.append(clock.now - 1000.0)
    return sent


def test_no_pace_waits_for_nothing() -> None:
    """Without a rate every request goes at once, and no plan takes time."""
    assert requests_at(None, [0.0] * 500) == [0.0] * 500
    assert Pace(StillClock(), None).seconds_for(10**9) == 0


def test_a_burst_is_free_and_then_one_at_a_time() -> None:
    """The first 60 go at once, then one each 60/rate seconds."""
    sent = requests_at(300, [0.0] * 63)
    assert sent[:60] == [0.0] * 60
    assert sent[60:] == pytest.approx([0.2, 0.4, 0.6])


def test_the_burst_fills_again() -> None:
    """Time without requests gives the burst back, and no more than that."""
    sent = requests_at(60, [0.0] * 60 + [3600.0] * 62)
    assert sent[60:120] == [3600.0] * 60
    assert sent[120:] == pytest.approx([3601.0, 3602.0])


@given(st.integers(1, 1000), st.lists(st.floats(0, 100), max_size=150).map(sorted))
def test_the_pace_is_never_exceeded(per_minute: int, times: list[float]) -> None:
    """In no stretch of time are there more requests than the burst and the rate allow."""
    sent = requests_at(per_minute, times)
    assert sent == sorted(sent)
    for first in range(0, len(sent), 7):
        for last in range(first, len(sent), 5):
            assert last - first + 1 <= 60 + (sent[last] - sent[first]) * per_minute / 60 + 1e-6


@given(st.integers(1, 1000), st.integers(0, 300))
def test_seconds_for_is_what_it_takes(per_minute: int, count: int) -> None:
    """The time foretold for a plan is the time that its requests then wait (contract §5 point 10)."""
    foretold = Pace(StillClock(), per_minute).seconds_for(count)
    assert foretold == pytest.approx((requests_at(per_minute, [0.0] * count) or [0.0])[-1])


def test_workers_share_one_pace() -> None:
    """However many threads ask, each request is counted once."""
    clock = StillClock()
    pace = Pace(clock, 60)
    threads = [threading.Thread(target=lambda: [pace.wait() for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pace.seconds_for(0) == 0
    assert sum(1 for seconds in clock.slept if seconds) == 20


def test_waiting_for_the_pace_ends_with_the_run() -> None:
    """A wait for the pace ends at the deadline, and no request follows it."""
    clock = StillClock()
    clock.set_deadline(5)
    pace = Pace(clock, 1)
    for _ in range(60):
        pace.wait()
    with pytest.raises(Stop):
        pace.wait()
    assert clock.elapsed() == 5


@given(st.integers(1, 60), st.floats(0, 1), st.floats(0, 120))
def test_backoff(attempt: int, share: float, asked: float) -> None:
    """Exponential with full jitter up to half a minute, on top of what the server asked for."""
    seconds = backoff(attempt, retry_after=asked, uniform=lambda low, high: low + share * (high - low))
    assert seconds == pytest.approx(asked + share * min(30.0, 0.5 * 2 ** (attempt - 1)))


def test_backoff_spreads() -> None:
    """Two clients that failed together do not retry together."""
    assert len({backoff(3) for _ in range(50)}) > 40


def test_the_deadline() -> None:
    """Before it nothing happens, from it on every check stops the run with its reason; 0 means none."""
    clock = StillClock()
    clock.set_deadline(900)
    clock.now += 899.9
    clock.check()
    assert clock.remaining() == pytest.approx(0.1)
    clock.now += 0.1
    with pytest.raises(Stop) as stop:
        clock.check()
    assert isinstance(stop.value.error, PastDeadline)
    assert stop.value.error.what == "the deadline of 900 s passed"
    assert clock.stop_reason is stop.value.error
    endless = StillClock()
    endless.set_deadline(0)
    endless.now += 10**9
    endless.check()
    assert endless.remaining() == float("inf")


@pytest.mark.parametrize("number", [2, 15])
def test_a_cancel_ends_every_wait(number: int) -> None:
    """A cancellation from another thread ends a long sleep at once, with its signal; it takes precedence over the deadline."""
    clock = Clock()
    clock.set_deadline(100)
    threading.Timer(0.05, clock.cancel, [number]).start()
    with pytest.raises(Stop) as stop:
        clock.sleep(60)
    assert clock.elapsed() < 30
    assert isinstance(stop.value.error, Cancelled)
    assert stop.value.error.signal_number == number


def test_a_sleep_ends_at_the_deadline() -> None:
    """Nobody sleeps past the deadline."""
    clock = Clock()
    clock.set_deadline(0.05)
    with pytest.raises(Stop):
        clock.sleep(60)
    assert clock.elapsed() < 30


def test_short_sleeps_pass() -> None:
    """A sleep of nothing, or of less than nothing, only checks."""
    clock = Clock()
    for seconds in (0, -1, 0.001):
        clock.sleep(seconds)
    assert clock.utcnow().tzinfo
