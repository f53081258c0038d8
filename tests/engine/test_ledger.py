"""What is reported of tasks that a cancel or the deadline left without an outcome."""

from __future__ import annotations

import pytest

from har_labels.engine.ledger import Ledger
from har_labels.engine.task import Task
from har_labels.errors import Cancelled, RequireFailed
from har_labels.model.address import parse_registry_ref
from har_labels.model.facts import ArtifactFacts
from har_labels.model.goal import ChangeGoal
from har_labels.model.labels import Change, Changes, Labels, Mode
from har_labels.model.outcome import ConfirmedBy, Outcome, RunFacts, Status
from har_labels.registry.answers import Row
from har_labels.registry.reader import Reading


def closed(_now: Labels | None) -> None:
    """A `require` that is false for whatever is there now."""
    raise RequireFailed("`current == []` is false")


def outcome_of(goal: ChangeGoal, *, read_after: Labels) -> Outcome:
    """What a cancelled run reports of a write that was confirmed, and then read again."""
    task = Task(
        parse_registry_ref("acme/models"), "", goal, Reading(Row("a", "", ("x",), ArtifactFacts()), 1.0), before=("x",)
    )
    task.target = ("stage=prod", "x")
    task.begin_write()
    task.record_answer(written=True)
    task.evidence = ConfirmedBy.ANSWER
    task.update_reading(Reading(Row("a", "", read_after, ArtifactFacts()), 2.0))
    ledger = Ledger()
    ledger.plan.planned.append(task)
    (outcome,) = ledger.result(RunFacts(), cut_short_by=Cancelled("the run was cancelled")).outcomes
    return outcome


MOVED = Changes((Change(Mode.MOVE, ("stage=prod",)),))


@pytest.mark.parametrize("gate", [None, closed])
def test_a_change_that_the_last_read_lacks_is_not_reported_as_applied(gate: object) -> None:
    """A move that was cut short after somebody took the label away again; a gate that would forbid another write changes nothing."""
    goal = ChangeGoal(MOVED, closed) if gate else ChangeGoal(MOVED)
    outcome = outcome_of(goal, read_after=("x",))
    assert (outcome.status, outcome.labels) == (Status.FAILED, ("x",))
    assert outcome.error
    assert "the change was undone and not made again, as the run was cancelled" in outcome.error.what


def test_a_change_that_the_last_read_shows_is_applied() -> None:
    """Also if the gate would forbid another write, which is not needed."""
    outcome = outcome_of(ChangeGoal(MOVED, closed), read_after=("stage=prod", "x"))
    assert (outcome.status, outcome.labels, outcome.error) == (Status.APPLIED, ("stage=prod", "x"), None)
