"""Thousands of interleavings of real runs in virtual time, each judged by an oracle that knows every label.

`HAR_LABELS_SIMULATIONS=20000` plays that many of each climate instead of 400; a broken one is printed event by event by
`python -m simulation.explore --climate NAME --show SEED`.
"""

from __future__ import annotations

import os

import pytest

from simulation.explore import explore, shown
from simulation.scenario import CLIMATES, play, scenario_of

SIMULATIONS = int(os.environ.get("HAR_LABELS_SIMULATIONS", "400"))


@pytest.mark.parametrize("climate", CLIMATES)
def test_never_green_and_wrong(climate):
    """A successful run has its change in the labels, with any other writers within the guarantee's conditions."""
    tally = explore(climate, range(SIMULATIONS))

    assert not tally.broken, str(tally)
    assert tally.ends["applied"] > SIMULATIONS / 2, "a simulation in which little succeeds proves little"


@pytest.mark.parametrize("climate", ["calm", "mixed", "faults", "kills"])
def test_inside_the_conditions_nothing_needs_their_excuse(climate):
    """Without slow networks and stale writers no run loses its change to a gap longer than `settle`."""
    tally = explore(climate, range(10_000, 10_000 + SIMULATIONS // 5))

    late_writes_of_the_dead = SIMULATIONS // 100
    assert tally.explained["a gap longer than settle"] <= (late_writes_of_the_dead if climate == "kills" else 0)


def test_a_seed_gives_the_same_run_every_time():
    """A scenario found broken can be looked at again, event by event."""
    first, again = (shown(play(scenario_of(7, CLIMATES["slow"]), 7)) for _ in range(2))

    assert first == again
