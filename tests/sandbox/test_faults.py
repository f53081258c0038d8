"""Faults hit the requests they are meant for and no others."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from typing import TYPE_CHECKING

import pytest

from har_sandbox import BadFaultError, Fault, Latency, Sandbox
from har_sandbox.faults import FaultPlan
from sandbox.conftest import MODELS, Client, fill

if TYPE_CHECKING:
    from collections.abc import Callable

WRITTEN = ["new"]


@pytest.mark.parametrize(
    ("kind", "status", "written"),
    [
        ("429", 429, False),
        ("500", 500, False),
        ("502-before", 502, False),
        ("503-after", 503, True),
        ("cut", None, False),
        ("cut-before", None, False),
        ("cut-after", None, True),
        ("html", 200, False),
        ("html-after", 200, True),
        ("failure", 200, False),
        ("failure-after", 200, True),
        ("redirect", 307, False),
        ("latency", 200, True),
        ("truncated", 200, True),
        ("wrong-types", 200, True),
        ("drip", 200, True),
    ],
)
def test_a_fault_comes_before_or_after_the_write(
    box: Sandbox, client: Client, kind: str, status: int | None, *, written: bool
) -> None:
    """Each kind answers its status, and the labels are written or not as its name says."""
    box.script([Fault(kind, method="PUT", delay=0.001)])
    assert client.put("team/llm/+", WRITTEN).status == status
    assert box.labels(MODELS, "team/llm") == (WRITTEN if written else None)
    seen = box.requests[-1]
    assert (seen.status, seen.written, seen.fault) == (status, written, kind)


@pytest.mark.parametrize("kind", ["reset", "wrong-length"])
def test_a_body_may_end_early(box: Sandbox, client: Client, kind: str) -> None:
    """The client sees a body cut off, although the labels are written."""
    box.script([Fault(kind)])
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        client.put("team/llm/+", WRITTEN)
    assert box.labels(MODELS, "team/llm") == WRITTEN


def test_retry_after_is_sent_when_asked_for(box: Sandbox, client: Client) -> None:
    """A 429 carries Retry-After only where the fault names one."""
    box.script([Fault("429", retry_after="2"), Fault("429", nth=2)])
    assert client.list().headers["Retry-After"] == "2"
    assert "Retry-After" not in client.list().headers


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_redirect_points_elsewhere(box: Sandbox, client: Client, status: int) -> None:
    """A location that ends in a slash is a host; any other is the whole URL."""
    box.script([Fault("redirect", status=status, location="http://127.0.0.1:1/")])
    reply = client.put("resnet50", WRITTEN)
    assert reply.status == status
    assert (
        reply.headers["Location"] == "http://127.0.0.1:1/har/api/v1/registry/acme/ml/models/+/artifact/resnet50/labels"
    )
    box.script([Fault("redirect", location="https://sso.example.com/login")])
    assert client.list().headers["Location"] == "https://sso.example.com/login"


def test_a_huge_answer_has_no_stated_length(box: Sandbox, client: Client) -> None:
    """More than 10 MiB are sent in chunks, so that only counting protects the reader."""
    box.script([Fault("huge")])
    reply = client.list()
    assert len(reply.body) > 10 * 1024 * 1024
    assert "Content-Length" not in reply.headers


def test_a_gzip_bomb_is_small_until_unpacked(box: Sandbox, client: Client) -> None:
    """Some kilobytes become more than 10 MiB of valid JSON."""
    box.script([Fault("gzip-bomb")])
    reply = client.list()
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.body) < 100_000
    assert len(gzip.decompress(reply.body)) > 10 * 1024 * 1024


def test_a_drip_takes_its_time_and_is_whole(box: Sandbox, client: Client) -> None:
    """Byte for byte, each after the interval, and then the connection goes on."""
    box.script([Fault("drip", delay=0.001)])
    begin = time.monotonic()
    reply = client.put("team/llm/+", WRITTEN)
    assert time.monotonic() - begin > 0.001 * len(reply.body)
    assert reply.data["labels"] == WRITTEN


def test_wrong_types_still_parse(box: Sandbox, client: Client) -> None:
    """The answer is JSON whose lists are text and whose text is numbers."""
    box.script([Fault("wrong-types")])
    assert client.list().data["artifacts"] == "x"


def test_a_script_counts_requests_of_its_method(box: Sandbox, client: Client) -> None:
    """`nth` and `times` count matching requests since the script was set, others do not count."""
    client.put("resnet50", ["a"])
    box.script([Fault("503", method="PUT", nth=2, times=2)])
    found = []
    for _ in range(4):
        client.list()
        found.append(client.put("resnet50", ["a"]).status)
    assert found == [200, 503, 503, 200]


def test_a_script_can_be_about_one_artifact(box: Sandbox, client: Client) -> None:
    """`artifact` is the one in the path, or the one a list is searched for."""
    box.script([Fault("503", artifact="team/llm", times=2)])
    assert client.put("resnet50", ["a"]).status == 200
    assert client.put("team/llm/+", ["a"]).status == 503
    assert client.list("search_term=team%2Fllm").status == 503


@pytest.mark.parametrize("make", [lambda: Fault("500", rate=0.5, method="PUT")])
def test_the_same_seed_gives_the_same_faults(make: Callable[[], Fault]) -> None:
    """Rates are met from the seed alone, and only for their method."""

    def statuses(seed: int) -> list[int | None]:
        with Sandbox(faults=[make()], seed=seed) as box:
            fill(box)
            client = Client(box)
            found = [client.put("resnet50", ["a"]).status for _ in range(40)]
            assert {client.list().status for _ in range(10)} == {200}
            client.close()
            return found

    first = statuses(1)
    assert first == statuses(1)
    assert first != statuses(2)
    assert 5 < first.count(500) < 35


def test_latency_has_a_tail() -> None:
    """Most answers take about the base, a few much longer, never more than twenty tails."""
    plan = FaultPlan(latency=Latency(base=0.01, tail_rate=0.1, tail=0.5), seed=3)
    waits = sorted(plan.choose("GET", None)[1] for _ in range(1000))
    assert 0.008 < waits[500] < 0.012
    assert 0.5 < waits[950] < waits[-1] <= 0.5 * 20 + 0.1


def test_stopping_does_not_wait_for_slow_answers() -> None:
    """A sandbox ends at once even while an answer is delayed by a minute."""
    begin = time.monotonic()
    with Sandbox(faults=[Fault("latency", delay=60)]) as box:
        client = http.client.HTTPConnection(box.url.removeprefix("http://"))
        client.request("GET", "/har/api/v1/registry/a/b/+/artifacts")
    client.close()
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("kind", ["bogus", "600", "cut-during", ""])
def test_an_unknown_fault_is_refused_when_made(kind: str) -> None:
    """A misspelt kind fails at once and says what there is."""
    with pytest.raises(BadFaultError, match="503, or one of cut"):
        Fault(kind)


def test_failure_is_a_status_in_the_envelope(box: Sandbox, client: Client) -> None:
    """The body of `failure` is JSON with status FAILURE."""
    box.script([Fault("failure")])
    assert json.loads(client.put("resnet50", ["a"]).body)["status"] == "FAILURE"
