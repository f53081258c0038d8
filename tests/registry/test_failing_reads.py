"""Reads that fail: which are retried, how often, and the errors (contract §5 points 3, 4)."""

from __future__ import annotations

import pytest

from conftest import MODELS
from har_labels.errors import (
    BadAnswer,
    Forbidden,
    HarLabelsError,
    RateLimited,
    RegistryNotFound,
    ServerFailing,
    Unauthorized,
    Unreachable,
)
from har_labels.registry.reader import Reader
from har_labels.registry.retry import RetryingReads
from har_sandbox import Fault, Sandbox
from registry.clients import REF, registry
from registry.readers import Sleepless, reader_of, reader_over
from registry.servers import canned, success


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", ServerFailing),
        ("429", RateLimited),
        ("cut", Unreachable),
        ("html", BadAnswer),
        ("wrong-types", BadAnswer),
        ("truncated", BadAnswer),
    ],
)
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_reads_are_tried_again(sandbox: Sandbox, kind: str, error: type[HarLabelsError], retries: int) -> None:
    """A failed read is tried again up to `retries` times, each counted, and no more often."""
    sandbox.add_artifact(MODELS, "x", labels=["a"])
    sandbox.script([Fault(kind, times=retries)])
    reads = RetryingReads(registry(sandbox.api_url), Sleepless(), retries=retries)
    reader = Reader(reads, Sleepless())
    assert reader.find(REF, "x", "").row.labels == ("a",)
    assert (len(sandbox.requests), reads.retried) == (retries + 1, retries)
    sandbox.forget_requests()
    sandbox.script([Fault(kind, times=99)])
    with pytest.raises(error):
        reader.find(REF, "x", "")
    assert len(sandbox.requests) == retries + 1


@pytest.mark.parametrize(("status", "error"), [("401", Unauthorized), ("403", Forbidden)])
def test_refusals_are_not_tried_again(sandbox: Sandbox, status: str, error: type[HarLabelsError]) -> None:
    """What the server refuses it would refuse again."""
    sandbox.add_artifact(MODELS, "x")
    sandbox.script([Fault(status, times=9)])
    with pytest.raises(error):
        reader_of(sandbox).find(REF, "x", "")
    assert len(sandbox.requests) == 1


def test_an_unknown_registry_costs_one_request(sandbox: Sandbox) -> None:
    """The 400 of an unknown registry does not count as a server that counts from 1."""
    with pytest.raises(RegistryNotFound):
        reader_of(sandbox).find(REF, "x", "")
    assert len(sandbox.requests) == 1


def test_retry_after_is_waited_for(sandbox: Sandbox) -> None:
    """A server that names a time is asked again no sooner."""
    sandbox.add_artifact(MODELS, "x")
    sandbox.script([Fault("429", retry_after="7"), Fault("503", nth=2, retry_after="3")])
    clock = Sleepless()
    reader_over(registry(sandbox.api_url), clock, retries=2).find(REF, "x", "")
    assert 7 <= clock.slept[0] <= 7.5
    assert 3 <= clock.slept[1] <= 4


def test_a_list_without_its_artifacts_is_not_empty() -> None:
    """An answer that leaves out what was asked for is an unknown outcome, or `on-missing: skip` would make it green."""
    with canned(success({"itemCount": 0})) as server, pytest.raises(BadAnswer, match="is not what the API documents"):
        reader_over(registry(server.url), Sleepless(), retries=0).find(REF, "x", "")


@pytest.mark.parametrize("retries", [0, 2])
def test_the_error_of_a_failed_read_names_its_subject_and_tries(sandbox: Sandbox, retries: int) -> None:
    """In a run over several registries the reader must know which one it was."""
    sandbox.script([Fault("503", times=99)])
    with pytest.raises(ServerFailing) as caught:
        reader_of(sandbox, retries).find(REF, "x", "")
    tries = "1 try" if retries == 0 else "3 tries"
    assert caught.value.what == f"reading {MODELS}/+: the server answered 503: Service Unavailable ({tries})"


def test_a_server_that_asks_for_a_very_long_pause_is_quoted(sandbox: Sandbox) -> None:
    """The run does not wait a day: it fails at once, and the error has the requested time."""
    sandbox.script([Fault("429", times=1, retry_after="86400")])
    with pytest.raises(RateLimited, match=r"\(1 try, and it asked to wait 86,400 s\)"):
        reader_of(sandbox).find(REF, "x", "")
