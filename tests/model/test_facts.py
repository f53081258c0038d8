"""The facts in a list's row besides the labels, as values (contract §3 `where`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from har_labels.model.facts import FACTS, fact
from har_labels.model.unusable import Unusable
from har_labels.registry.answers import row_of

RECORDED = Path(__file__).resolve().parents[1] / "recorded"
# lastModified of `app` in recorded/reads.json is 1795427266535.
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def facts_of(row: dict[str, Any]) -> dict[str, object]:
    read = row_of({"name": "app", **row})
    return {name: fact(name, read.facts, read.artifact_type, NOW) for name in FACTS}


def recorded_rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file in sorted(RECORDED.glob("*.json")):
        for exchange in json.loads(file.read_text("utf-8")):
            if exchange["request"]["path"].endswith("/artifacts") and exchange["response"]["status"] == 200:
                found += json.loads(exchange["response"]["body"])["data"]["artifacts"] or []
    return found


def test_every_recorded_row_has_facts_of_their_kinds() -> None:
    """A real server's rows give every fact as the right value; a type only if there is one."""
    kinds = {name: {type(facts_of(row)[name]) for row in recorded_rows()} for name in FACTS}
    assert kinds == {
        "package_type": {str},
        "artifact_type": {str, type(None)},
        "downloads": {int},
        "modified": {datetime},
        "age_days": {int},
        "quarantined": {bool},
        "latest_version": {str, type(None)},
    }


def test_the_facts_of_one_row() -> None:
    """The fields of a row by the names of `where`."""
    row = {
        "artifactType": "model", "downloadsCount": 7, "isQuarantined": True, "lastModified": "1795427266535",
        "latestVersion": "1.0", "packageType": "HUGGINGFACE",
    }  # fmt: skip
    assert facts_of(row) == {
        "package_type": "HUGGINGFACE",
        "artifact_type": "model",
        "downloads": 7,
        "modified": datetime(2026, 11, 23, 9, 47, 46, 535000, tzinfo=UTC),
        "age_days": 2,
        "quarantined": True,
        "latest_version": "1.0",
    }


def test_a_row_without_facts_lacks_every_fact() -> None:
    """A missing fact, or null, is not a fact: neither empty nor zero nor false."""
    assert set(facts_of({}).values()) == {None}
    row = dict.fromkeys(("artifactType", "downloadsCount", "isQuarantined", "lastModified", "latestVersion"))
    assert set(facts_of(row).values()) == {None}


@pytest.mark.parametrize("never", ["0", 0, "-62135596800000", "0001-01-01T00:00:00Z"])
def test_a_time_that_says_never_is_none(never: object) -> None:
    """How Go writes that nothing was modified yet."""
    found = facts_of({"lastModified": never})
    assert (found["modified"], found["age_days"]) == (None, None)


def test_a_time_may_be_a_date_and_lie_ahead() -> None:
    """ISO 8601 is read too; of a clock that is ahead by less than a day the age is 0."""
    assert facts_of({"lastModified": "2026-11-26T09:00:00Z"})["age_days"] == 0
    assert facts_of({"lastModified": "2026-11-20"})["age_days"] == 6


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"lastModified": "soon"}, "modified"),
        ({"lastModified": "soon"}, "age_days"),
        ({"lastModified": "9" * 18}, "modified"),
        ({"lastModified": "9" * 5000}, "age_days"),
        ({"downloadsCount": "many"}, "downloads"),
        ({"downloadsCount": -1}, "downloads"),
        ({"downloadsCount": "9" * 5000}, "downloads"),
        ({"isQuarantined": "perhaps"}, "quarantined"),
        ({"isQuarantined": 1}, "quarantined"),
    ],
)
def test_what_can_not_be_the_fact_is_unusable(row: dict[str, Any], name: str) -> None:
    """A text that is none of its kind is neither missing nor guessed at: it says why where it is read."""
    found = facts_of(row)[name]
    assert isinstance(found, Unusable)
    assert len(found.why) < 200
