"""The schedules behind single promises, written out: who reads and writes when. Times are in seconds."""

from __future__ import annotations

import pytest

from har_labels import clock
from har_labels.engine import writer
from har_labels.model.labels import Change, Mode
from simulation.network import Mishap, Passage
from simulation.scenario import Scenario, play
from simulation.writers import Plain, Step, policy_with

BEFORE = ("k1=a", "k2=a")
BOTH_KEYS = Change(Mode.UPSERT, ("k1=us", "k2=us"))


@pytest.fixture(autouse=True)
def backoff(monkeypatch):
    """Every pause takes 0.4 s."""
    monkeypatch.setattr(writer, "backoff", lambda _attempt, *, retry_after=0.0: 0.4 + retry_after)


def us(change=BOTH_KEYS, *, mishaps=(), settle=1.0, name="us", start=0.0):
    """A har-labels run; the first requests of a kind meet `mishaps`, a list of (method, mishap)."""
    left = list(mishaps)

    def passage(method):
        mishap = left.pop(0)[1] if left and left[0][0] == method else Mishap.NONE
        return Passage(0.01, 0.01, mishap)

    return Step(name, change, start, passage, policy_with(settle=settle))


def someone(name, change, *, reads, writes):
    """A foreign writer that reads at one time and whose write arrives at another."""
    return Plain(name, change, reads, writes - reads)


def add(label):
    return Change(Mode.ADD, (label,))


def played(*plains, runs=None, before=BEFORE):
    result = play(Scenario(before, 1.0, runs or [us()], list(plains)), 1)
    assert not result.verdict.broken
    return result


def test_nobody_else():
    """Undisturbed, a change takes one read, one write and two looks, and ends at `settle`."""
    result = played()

    assert result.store.labels == ("k1=us", "k2=us")
    assert len(result.store.reads) == 3
    assert len(result.store.writes) == 1
    assert result.runs[0].ended.at == pytest.approx(1.06)


def test_an_older_read_undoes_the_change():
    """A writer that had read before our write takes it away; it is made again and theirs is kept."""
    result = played(someone("f", add("theirs"), reads=0.0, writes=0.9))

    assert result.store.labels == ("k1=us", "k2=us", "theirs")
    assert result.runs[0].status == "applied"


def test_a_later_value_is_not_undone_while_another_key_is_repaired():
    """A stale writer that sets one of our keys and resets the other: the one is repaired, the other stays for good."""
    result = played(someone("person", Change(Mode.UPSERT, ("k1=person",)), reads=0.0, writes=0.5))

    assert result.store.labels == ("k1=person", "k2=us")
    assert result.runs[0].status == "superseded"


def test_what_a_later_writer_left_to_us_is_watched_to_the_end():
    """When one key has got a later value, the other is still looked after until `settle`."""
    person = someone("person", Change(Mode.UPSERT, ("k1=person",)), reads=0.05, writes=0.1)
    stale = someone("stale", Change(Mode.UPSERT, ("k1=person",)), reads=0.0, writes=0.8)
    result = played(person, stale)

    assert result.store.labels == ("k1=person", "k2=us")
    assert result.runs[0].status == "superseded"


def test_a_repair_reads_again_after_its_pause():
    """Somebody who writes while we pause before a repair keeps their label."""
    undoes = someone("f1", add("one"), reads=0.0, writes=0.2)
    writes_in_the_pause = someone("f2", add("two"), reads=0.4, writes=0.5)
    result = played(undoes, writes_in_the_pause)

    assert result.store.labels == ("k1=us", "k2=us", "one", "two")


def test_a_label_taken_away_and_put_back_between_two_looks_is_watched_on():
    """A writer that read while the change was missing can still undo it after `settle`, so the watch begins again."""
    takes = someone("f1", add("one"), reads=0.0, writes=0.5)
    still_without = someone("f2", add("two"), reads=0.55, writes=1.4)
    puts_back = someone("f3", add("three"), reads=0.3, writes=0.6)
    result = played(takes, still_without, puts_back)

    assert result.store.labels == ("k1=us", "k2=us", "one", "two")
    assert result.runs[0].status == "applied"


@pytest.mark.parametrize("mishap", [Mishap.REFUSED_AFTER, Mishap.CUT_AFTER])
def test_a_write_with_unknown_outcome_is_watched_like_any_other(mishap):
    """A write that took effect without an answer, found by reading, is watched from that read on."""
    result = played(someone("f", add("theirs"), reads=0.0, writes=0.95), runs=[us(mishaps=[("PUT", mishap)])])

    assert result.store.labels == ("k1=us", "k2=us", "theirs")


def test_labels_that_no_look_shows_any_more_are_not_believed():
    """If the registry stops showing the labels during the watch, the run fails, since they are unknown."""
    hides = [("GET", Mishap.NONE), ("PUT", Mishap.NONE), ("GET", Mishap.HIDDEN)]
    result = played(someone("f", add("theirs"), reads=0.0, writes=0.1), runs=[us(mishaps=hides)])

    assert result.runs[0].status == "failed"


def test_a_later_removal_inside_settle_is_taken_for_an_older_write():
    """An intended removal of our label during the watch looks like an undone change: it is written again."""
    person = someone("person", Change(Mode.REMOVE, ("ours",)), reads=0.1, writes=0.2)
    result = played(person, runs=[us(add("ours"))])

    assert "ours" in result.store.labels


def test_a_value_set_back_inside_settle_is_taken_for_an_older_write():
    """An intended reset of a key during the watch looks like an undone change."""
    person = someone("person", Change(Mode.UPSERT, ("k1=a",)), reads=0.1, writes=0.2)
    result = played(person, runs=[us(Change(Mode.UPSERT, ("k1=us",)))])

    assert "k1=us" in result.store.labels


def test_two_runs_that_contradict_each_other_say_so():
    """One run adds the label that the other removes: one fails, and the labels are those of the successful one."""
    result = played(runs=[us(add("x"), name="adds"), us(Change(Mode.REMOVE, ("x",)), name="removes", start=0.1)])

    greens = [run for run in result.runs if run.ended.is_green]
    assert [run.step.name for run in greens] == (["adds"] if "x" in result.store.labels else ["removes"])


def test_ten_runs_at_once_keep_all_their_labels(monkeypatch):
    """Ten runs that begin at one moment each end with their label in the list."""
    monkeypatch.setattr(writer, "backoff", clock.backoff)  # its jitter separates the runs
    names = [f"w{number}" for number in range(10)]
    result = played(runs=[us(add(name), name=name) for name in names])

    assert set(names) <= set(result.store.labels)
    assert all(run.status == "applied" for run in result.runs)
