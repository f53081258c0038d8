"""Goals: the classification of a read after a write, with concurrent writers (contract §5 points 4, 5 and 7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.errors import PlanStale, RequireFailed, ValueConflict
from har_labels.model.goal import ChangeGoal, Found, PlanGoal
from har_labels.model.labels import Change, Changes, Labels, Mode, OnConflict, to_labels

labels = st.lists(st.sampled_from(["a", "b", "tmp-1", "tmp-2", "k=1", "k=2", "k:3", "j=1"]), max_size=5).map(to_labels)


def goal(mode: str, *given_labels: str, owned: tuple[str, ...] = (), on_conflict: str = "overwrite") -> ChangeGoal:
    return ChangeGoal(Changes((Change(Mode(mode), given_labels, owned, OnConflict(on_conflict)),)))


merging_goals = st.sampled_from(
    [
        goal("add", "a", "b"),
        goal("add", "k=1"),
        goal("remove", "tmp-*"),
        goal("remove", "a", "k=*"),
        goal("upsert", "k=2"),
        goal("upsert", "k=2", on_conflict="keep"),
        goal("upsert", "k=2", "j:9"),
        goal("replace", "tmp-1", owned=("tmp-*",)),
        ChangeGoal(Changes((Change(Mode.ADD, ("a",)), Change(Mode.REMOVE, ("tmp-*",)), Change(Mode.UPSERT, ("k=2",))))),
    ],
)


@pytest.mark.parametrize(
    ("wanted", "before", "now", "found"),
    [
        # Nobody else wrote, or what they wrote does not concern us.
        (goal("add", "x"), ("a",), ("a", "x"), Found.DONE),
        (goal("add", "x"), ("a",), ("b", "x"), Found.DONE),
        (goal("remove", "a"), ("a", "b"), ("b", "c"), Found.DONE),
        (goal("upsert", "k=2"), ("k=1",), ("k=2", "other"), Found.DONE),
        # Written back from an older read: an added label is gone, a removed one is back, a key has its old value.
        (goal("add", "x"), ("a",), ("a",), Found.UNDONE),
        (goal("add", "x"), ("a",), ("a", "theirs"), Found.UNDONE),
        (goal("remove", "a"), ("a", "b"), ("a", "b", "theirs"), Found.UNDONE),
        (goal("upsert", "k=2"), ("k=1",), ("k=1", "theirs"), Found.UNDONE),
        (goal("upsert", "k=2"), ("k:1",), ("k:1",), Found.UNDONE),
        (goal("upsert", "k=2"), (), (), Found.UNDONE),
        (goal("replace", "tmp-1", owned=("tmp-*",)), ("tmp-0", "a"), ("tmp-0", "a", "theirs"), Found.UNDONE),
        # A third value: a later writer, whose value counts.
        (goal("upsert", "k=2"), ("k=1",), ("k=3",), Found.SUPERSEDED),
        (goal("upsert", "k=2"), ("k=1",), ("k:3",), Found.SUPERSEDED),
        (goal("upsert", "k=2"), (), ("k=3",), Found.SUPERSEDED),
        (goal("remove", "tmp-*"), ("tmp-1",), ("tmp-9",), Found.SUPERSEDED),
        (goal("replace", "tmp-1", owned=("tmp-*",)), (), ("tmp-1", "tmp-7"), Found.SUPERSEDED),
        # Their third value of one key, and our other key undone.
        (goal("upsert", "k=2", "j=2"), ("k=1", "j=1"), ("j=1", "k=3"), Found.UNDONE),
    ],
)
def test_what_a_look_finds(wanted: ChangeGoal, before: Labels, now: Labels, found: Found) -> None:
    """Labels of an older read mean that our change was undone; labels never seen before are a later writer's."""
    assert wanted.classify(to_labels(now), frozenset(before)).found is found


def test_a_third_value_stays_while_the_rest_is_made_again() -> None:
    """Where one key has a later writer's value and another is undone, only the other is written again."""
    look = goal("upsert", "k=2", "j=2").classify(("j=1", "k=3"), frozenset({"k=1", "j=1"}))
    assert (look.found, look.target) == (Found.UNDONE, ("j=2", "k=3"))


@given(merging_goals, labels, labels)
def test_a_look_settles(wanted: ChangeGoal, before: Labels, now: Labels) -> None:
    """The target of UNDONE is classified as DONE when it is there, so retries end."""
    seen = frozenset(before)
    look = wanted.classify(now, seen)
    again = wanted.classify(look.target, seen)
    assert again.found is not Found.UNDONE
    assert again.target == look.target
    if look.found is not Found.UNDONE:
        assert look.target == now


@given(merging_goals, labels, labels)
def test_a_look_takes_no_later_label_away(wanted: ChangeGoal, before: Labels, now: Labels) -> None:
    """A label that was added after our write is kept in the next target."""
    look = wanted.classify(now, frozenset(before))
    assert set(now) - set(before) <= set(look.target) | {label for label in now if label in wanted.apply(())}


@given(merging_goals, labels)
def test_our_own_result_is_done(wanted: ChangeGoal, before: Labels) -> None:
    """Without other writers the change is DONE."""
    assert wanted.classify(wanted.apply(before), frozenset(before)).found is Found.DONE


@given(st.sampled_from([goal("replace", "a"), goal("clear")]), labels, labels)
def test_plain_statements_want_just_what_they_say(wanted: ChangeGoal, before: Labels, now: Labels) -> None:
    """Plain `replace` and `clear` are DONE exactly if the artifact has their labels."""
    look = wanted.classify(now, frozenset(before))
    assert look.target == wanted.apply(None)
    assert look.found is (Found.DONE if now == look.target else Found.UNDONE)


def test_an_error_on_conflict_is_asked_once() -> None:
    """After our own write a later writer's value is superseding, not a conflict of ours."""
    strict = goal("upsert", "k=2", on_conflict="error")
    with pytest.raises(ValueConflict):
        strict.apply(("k=1",))
    assert strict.classify(("k=3",), frozenset()).found is Found.SUPERSEDED
    assert strict.classify((), frozenset()).found is Found.UNDONE


def test_the_gate_is_asked_again_before_another_write() -> None:
    """`require` holds for each read that leads to a write, and is not asked where nothing is to be written."""

    def gate(now: Labels | None) -> None:
        if "frozen" in (now or ()):
            raise RequireFailed("frozen")

    gated = ChangeGoal(Changes((Change(Mode.ADD, ("x",)),)), gate)
    assert gated.classify(("frozen", "x"), frozenset()).found is Found.DONE
    with pytest.raises(RequireFailed):
        gated.classify(("frozen",), frozenset())
    with pytest.raises(RequireFailed):
        gated.apply(("frozen",))


def test_a_plan_is_applied_exactly_or_not() -> None:
    """Equal to `after` is done, equal to `before` is to be written, anything else names both lists."""
    planned = PlanGoal("x", before=("a",), after=("b",))
    assert planned.classify(("b",), frozenset()).found is Found.DONE
    assert planned.classify(("a",), frozenset()).found is Found.UNDONE
    assert planned.apply(("a",)) == planned.apply(("b",)) == ("b",)
    for now in (("c",), (), None):
        with pytest.raises(PlanStale) as stale:
            planned.apply(now)
        assert "['a']" in stale.value.what
    assert "['c']" in _stale(planned, ("c",))


def _stale(planned: PlanGoal, now: Labels) -> str:
    with pytest.raises(PlanStale) as stale:
        planned.classify(now, frozenset())
    return stale.value.what
