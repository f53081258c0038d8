"""Races of real processes on a real socket; `make race` holds more of them and prints figures."""

from __future__ import annotations

from simulation.race import Course, race


def test_no_label_is_lost_inside_the_conditions():
    """Real runs, some killed, among scripts that read, add and write: each that ends well leaves its label behind."""
    result = race(Course(writers=8, plains=2), trials=1)

    assert not result.inside
    assert result.ends["applied"]
    assert not result.ends.keys() - {"applied", "killed", "exit code 5"}


def test_the_race_is_one():
    """The same race without watching loses labels: a harness that could not lose any would prove nothing."""
    result = race(Course(writers=6, plains=0, kills=0, settle=0), trials=1)

    assert result.inside
