"""Renewing old reads a page at a time (contract §5 point 2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from har_labels.engine.task import Task
from har_labels.engine.verify import Renewal
from har_labels.errors import ServerFailing
from har_labels.model.address import RegistryRef, parse_registry_ref
from har_labels.model.facts import ArtifactFacts
from har_labels.model.goal import ChangeGoal
from har_labels.model.labels import Change, Changes, Labels, Mode
from har_labels.registry.answers import PageRef, Row, UnknownOutcome
from har_labels.registry.reader import Reading

REF = parse_registry_ref("acme/models")
PAGE = PageRef("", 3)
GOAL = ChangeGoal(Changes((Change(Mode.ADD, ("x",)),)))


def reading(name: str, labels: Labels, at: float, origin: PageRef | None = PAGE) -> Reading:
    return Reading(Row(name, "", labels, ArtifactFacts(), origin), at)


@dataclass
class Pages:
    """A fake reader: it returns the current page and records the requests."""

    shown: list[Reading]
    asked: list[object] = field(default_factory=list)

    def page_again(self, ref: RegistryRef, origin: PageRef) -> list[Reading]:
        self.asked.append((ref, origin))
        return self.shown

    def find(self, _ref: RegistryRef, name: str, _artifact_type: str) -> Reading:
        self.asked.append(name)
        return reading(name, ("found",), 9.0)


@pytest.fixture
def tasks() -> list[Task]:
    return [Task(REF, "", GOAL, reading(name, ("old",), 1.0)) for name in ("a", "b", "c")]


def test_one_request_renews_a_task_and_the_neighbours_that_wait(tasks: list[Task]) -> None:
    """A page read for one task is fresh for those behind it too."""
    pages = Pages([reading(task.name, ("new",), 5.0) for task in tasks])
    renewal = Renewal(pages)  # type: ignore[arg-type]
    renewal.register(tasks)
    renewal.claim(tasks[0])
    renewal.renew(tasks[0])
    assert [task.labels for task in tasks] == [("new",)] * 3
    assert pages.asked == [(REF, PAGE)]


def test_a_task_in_hand_is_left_to_its_own_worker(tasks: list[Task]) -> None:
    """What a worker computes its write from is not changed under its hands."""
    pages = Pages([reading(task.name, ("new",), 5.0) for task in tasks])
    renewal = Renewal(pages)  # type: ignore[arg-type]
    renewal.register(tasks)
    for task in tasks[:2]:
        renewal.claim(task)
    renewal.renew(tasks[0])
    assert [task.labels for task in tasks] == [("new",), ("old",), ("new",)]


def test_a_task_that_has_moved_to_another_page_is_searched(tasks: list[Task]) -> None:
    """Rows move while others are pushed; then the name itself is looked for."""
    pages = Pages([reading("b", ("new",), 5.0)])
    renewal = Renewal(pages)  # type: ignore[arg-type]
    renewal.register(tasks)
    renewal.claim(tasks[0])
    renewal.renew(tasks[0])
    assert tasks[0].labels == ("found",)
    assert pages.asked == [(REF, PAGE), "a"]


def test_a_search_by_name_after_a_write_shows_a_later_writers_labels(tasks: list[Task]) -> None:
    """The answer to a PUT proves nothing, and the row is found on another page: that read, too, is newer than the write."""
    task = tasks[0]
    task.compute_target()
    task.begin_write()
    task.evidence = UnknownOutcome(ServerFailing("the server answered 500"))
    task.replace_reading(reading("a", ("later",), 9.0))
    assert task.is_read_since_write
    assert task.has_current_labels
