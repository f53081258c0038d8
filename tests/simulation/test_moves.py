"""Concurrent moves of one label: a green run had it alone, and in the end one artifact has it (docs/guarantee.md "Moving a label")."""

from __future__ import annotations

import os

import pytest

from har_labels.engine.moves import Mover
from simulation.move_race import Course, race
from simulation.moves import explore

SIMULATIONS = int(os.environ.get("HAR_LABELS_SIMULATIONS", "400")) // 2
CLIMATES = {
    "calm": {},
    "faults": {"rate": 0.15},
    "slow": {"slow": 0.08},
    "three at once": {"rate": 0.1, "slow": 0.08, "runs": 3},
}


@pytest.mark.parametrize("climate", CLIMATES)
def test_one_holder_and_nobody_green_who_was_not(climate):
    """Two or three real runs in virtual time: one holder at the end, and a green run's last listing showed it alone."""
    moves = explore(range(SIMULATIONS), **CLIMATES[climate])

    assert not moves.broken, moves.broken
    assert set(moves.holders) == {1}
    assert {code for codes in moves.codes for code in codes} <= {0, 5}
    assert sum(count for codes, count in moves.codes.items() if 0 in codes) == SIMULATIONS


def test_without_the_last_listing_there_are_none_or_two(monkeypatch):
    """The same runs, ended after their writes, leave a label with two holders or none: else this would prove nothing."""
    monkeypatch.setattr(Mover, "_is_over", lambda mover: mover._end(None) or True)

    assert set(explore(range(SIMULATIONS)).holders) - {1}


def test_real_processes_at_once():
    """Pairs of the entrypoint against a sandbox with latency and a tail; `make race` holds 200 of them."""
    result = race(Course(settle=0.5, apart=0.2), pairs=4, at_once=4)

    assert not result.broken
    assert (result.pairs, set(result.holders)) == (4, {1})
    assert all(0 in codes for codes in result.codes)
