"""The open-source profile answers as the recorded server did, exchange by exchange."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from sandbox.replay import ORDER, Outcome, exception_for, replay
from sandbox.seeding import BINARY_BODIES, recorded

CASES = [
    pytest.param(file, number, id=f"{file}-{number}-{exchange['name']}")
    for file in ORDER
    for number, exchange in enumerate(recorded(file))
    if not exception_for(exchange)
]

#: Everything that is not compared, by file and reason. A new exception has to be put down here.
EXCEPTED = {
    ("permissions", "the sandbox has no user accounts: roles are an option of the profile"): 4,
    ("side-effects", "a push: done straight in the store, the sandbox has no endpoints for it"): 3,
    ("huggingface", "a push: done straight in the store, the sandbox has no endpoints for it"): 2,
    ("huggingface", "the hub protocol is not part of the sandbox"): 14,
}


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, int], Outcome]:
    """All recordings replayed once, in order: each leaves the state the next one starts from."""
    return {(outcome.file, outcome.number): outcome for outcome in replay()}


@pytest.mark.parametrize(("file", "number"), CASES)
def test_answer_is_the_recorded_one(outcomes: dict[tuple[str, int], Outcome], file: str, number: int) -> None:
    """Status, content-type, allow, location, body and the labels listed afterwards are equal."""
    outcome = outcomes[file, number]
    assert outcome.actual == outcome.expected


def test_exceptions_are_the_ones_written_down(outcomes: dict[tuple[str, int], Outcome]) -> None:
    """No exchange drops out of the comparison unseen."""
    found = Counter((done.file, done.excepted) for done in outcomes.values() if done.excepted)
    assert dict(found) == EXCEPTED


def test_the_binary_body_is_the_recorded_one() -> None:
    """The body that is not UTF-8 has the hash that was recorded."""
    name = "bytes that are not UTF-8"
    body = next(x["request"]["body"] for x in recorded("put-labels") if x["name"] == name)
    assert hashlib.sha256(BINARY_BODIES[name]).hexdigest() in body
