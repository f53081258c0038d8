"""The calls of the registry, fed directly: whatever an answer holds, it is believed, refused or of unknown outcome, never a crash."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har_labels.errors import HarLabelsError
from har_labels.registry.answers import UnknownOutcome
from har_labels.registry.client import Registry
from har_labels.registry.transport import Answer
from hardening.answers import documents
from hostile_text import hostile_texts
from registry.clients import REF

MANY = settings(max_examples=800, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
statuses = st.one_of(st.just(200), st.integers(100, 599))
headers = st.dictionaries(
    st.sampled_from(["Location", "Retry-After", "Date", "Content-Type"]), hostile_texts, max_size=3
)
bodies = st.one_of(
    documents.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    hostile_texts.map(lambda text: text.encode("utf-8", "replace")),
)


class Canned:
    """A transport that has its one answer already."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def send(self, *_: object, **__: object) -> Answer:
        return self._answer


def outcome_of(answer: Answer, call: str) -> Any:
    """The call's value, or the failure that it raises; anything else is raised."""
    registry = Registry(Canned(answer), wait_turn=lambda: None)  # type: ignore[arg-type]
    try:
        match call:
            case "page":
                return registry.page(REF, search="x", number=0)
            case "summary":
                return registry.summary(REF, "x")
            case _:
                return registry.put_labels(REF, "x", "", ("wanted-7f3",))
    except UnknownOutcome as unknown:
        return unknown.error
    except HarLabelsError as error:
        return error


@MANY
@given(statuses, headers, bodies, st.sampled_from(["page", "summary", "put"]))
def test_any_answer(status: int, given_headers: dict[str, str], body: bytes, call: str) -> None:
    """Every failure has one of our classes and a short text; what is returned holds only text, and labels as they were."""
    found = outcome_of(Answer(status, given_headers, body), call)
    if isinstance(found, HarLabelsError):
        assert found.exit_code in {3, 4, 5, 6}
        assert len(found.what) < 1500
    elif call == "page":
        assert 200 <= status < 300
        assert all(isinstance(label, str) for row in found.rows for label in row.labels or ())
        assert all(isinstance(row.name, str) and isinstance(row.facts.image_name, str) for row in found.rows)


@MANY
@given(statuses, documents)
def test_a_write_is_believed_only_if_it_says_so(status: int, document: Any) -> None:
    """A PUT counts as written only for 2xx JSON with status SUCCESS that names the labels sent, or none at all."""
    found = outcome_of(Answer(status, {}, json.dumps(document).encode("utf-8", "surrogatepass")), "put")
    if not isinstance(found, HarLabelsError):
        assert 200 <= status < 300
        assert document["status"] == "SUCCESS"
        assert document["data"].get("labels") in (None, ["wanted-7f3"])
