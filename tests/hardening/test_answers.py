"""Servers that answer anything (contract §1 "each of these must be understood, none believed blindly")."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canary import KEY, without_mask
from ci.steps import Done
from conftest import RunStep
from hardening.answers import answers
from hardening.checks import check_orderly
from registry.servers import RawServer, answer_bytes, raw_server, success

# No example prints or writes more than the next reads; the fixtures hold nothing of one.
FUZZ = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
)
INPUTS = {
    "registry-ref": "acme/ml/models",
    "artifact": "x",
    "mode": "add",
    "labels": "wanted-7f3",
    "retries": "1",
    "timeout": "1",
    "deadline": "20",
}
PAGE = {"artifacts": [{"name": "x", "packageType": "GENERIC", "labels": ["old"]}], "pageSize": 100, "itemCount": 1}


def closing(*answers: bytes) -> Callable[[RawServer, socket.socket], None]:
    """Serves these answers in turn, the last again and again, one a connection."""
    waiting = list(answers)

    def serve(server: RawServer, connection: socket.socket) -> None:
        if server.read(connection):
            connection.sendall(waiting.pop(0) if len(waiting) > 1 else waiting[0])
            connection.shutdown(socket.SHUT_WR)

    return serve


def run_against(
    run_step: RunStep, ci: str, serve: Callable[[RawServer, socket.socket], None], **inputs: str
) -> tuple[Done, list[str]]:
    """One run, its result and the methods that it sent."""
    with raw_server(serve) as server:
        given_inputs = (
            INPUTS
            | {"api-url": f"{server.url}/har/api/v1"}
            | {name.replace("_", "-"): text for name, text in inputs.items()}
        )
        done = run_step(ci, None, given_inputs)
        return done, [asked.line.split(" ")[0] for asked in server.asked]


@settings(FUZZ, max_examples=150)
@given(
    st.lists(answers, min_size=1, max_size=5),
    st.sampled_from(["github", "harness", "terminal"]),
    st.sampled_from(["replace", "add", "clear", "read"]),
)
def test_any_answers_end_in_order(run_step: RunStep, given_answers: list[bytes], ci: str, mode: str) -> None:
    """Whatever a server answers: an exit code of the table, one stable line a failure, outputs that can be read, no hang."""
    labels = "" if mode in {"clear", "read"} else "wanted-7f3"
    done, _ = run_against(run_step, ci, closing(*given_answers), mode=mode, labels=labels)
    check_orderly(done)


@settings(FUZZ, max_examples=60)
@given(st.lists(answers, min_size=1, max_size=3), st.sampled_from(["replace", "add"]))
def test_no_answer_to_a_write_is_believed_against_the_list(
    run_step: RunStep, given_answers: list[bytes], mode: str
) -> None:
    """A registry whose list never shows the labels makes no run green, whatever it answers to the write."""
    waiting = list(given_answers)
    page = answer_bytes(*success(PAGE))

    def serve(server: RawServer, connection: socket.socket) -> None:
        asked = server.read(connection)
        if asked:
            is_write = asked.line.startswith("PUT")
            connection.sendall((waiting.pop(0) if len(waiting) > 1 else waiting[0]) if is_write else page)
            connection.shutdown(socket.SHUT_WR)

    done, methods = run_against(run_step, "github", serve, mode=mode)
    check_orderly(done)
    assert "PUT" in methods
    assert done.code != 0
    assert done.value("labels") != ["wanted-7f3"]


@settings(FUZZ, max_examples=50)
@given(
    st.lists(answers.filter(lambda raw: b"SUCCESS" not in raw), min_size=1, max_size=3),
    st.sampled_from(["add", "remove"]),
)
def test_nothing_is_written_without_an_answer_to_read(run_step: RunStep, given_answers: list[bytes], mode: str) -> None:
    """As long as no read was answered as the API documents, no write is sent in a mode that needs the labels."""
    done, methods = run_against(run_step, "harness", closing(*given_answers), mode=mode)
    check_orderly(done)
    assert set(methods) <= {"GET"}
    assert done.code in {3, 4, 5, 6, 7}


@pytest.mark.parametrize("depth", [100, 400, 480, 490, 495, 900, 2000])
@pytest.mark.parametrize("name", ["status", "data", "message", "labels"])
def test_deep_json_where_text_is_expected(run_step: RunStep, depth: int, name: str) -> None:
    """A value at the deepest readable nesting is reported or refused, not a defect."""
    deep = b"[" * depth + b"]" * depth
    document = {
        "status": b'{"status":%b,"data":{}}',
        "data": b'{"status":"SUCCESS","data":%b}',
        "message": b'{"message":%b}',
    }.get(name, b'{"status":"SUCCESS","data":{"artifacts":[{"name":"x","labels":%b}]}}')
    status = 500 if name == "message" else 200
    done, _ = run_against(run_step, "github", closing(answer_bytes(status, {}, document % deep)))
    check_orderly(done)
    assert done.code == 6


@pytest.mark.parametrize(
    "document",
    [
        {"status": "x" * 5_000_000},
        {"status": ["x" * 1000] * 5000},
        {"status": "FAILURE", "message": "y " * 2_000_000},
        {"status": "SUCCESS", "data": {"artifacts": [{"name": "n" * 5_000_000, "labels": "x"}]}},
    ],
    ids=["status", "list", "message", "name"],
)
def test_the_line_of_a_failure_stays_a_line(run_step: RunStep, document: object) -> None:
    """However long the text of an answer is, its report is short."""
    done, _ = run_against(run_step, "harness", closing(answer_bytes(200, {}, json.dumps(document).encode())))
    check_orderly(done)
    assert done.code == 6
    assert max(map(len, done.err.splitlines())) < 2000


@pytest.mark.parametrize("header", ["Location", "Content-Type", "Retry-After"])
def test_long_headers_are_not_repeated_whole(run_step: RunStep, header: str) -> None:
    """A header of 60,000 characters is cut in messages."""
    status = 302 if header == "Location" else 200
    done, _ = run_against(run_step, "github", closing(answer_bytes(status, {header: "h" * 60_000}, b"x")))
    check_orderly(done)
    assert done.code == 6
    assert max(map(len, done.err.splitlines())) < 2000


def test_endless_paging_ends(run_step: RunStep) -> None:
    """A server that always has one more page of new names is ended by the deadline, not by memory or patience."""
    count = iter(range(10**9))

    def serve(server: RawServer, connection: socket.socket) -> None:
        while server.read(connection):
            rows = [{"name": f"{next(count)}-{'n' * 20}", "labels": []} for _ in range(100)]
            connection.sendall(answer_bytes(*success({"artifacts": rows, "pageSize": 100, "itemCount": 10**9})))

    done, methods = run_against(run_step, "github", serve, artifact="zz*", deadline="1")
    check_orderly(done)
    assert (done.code, done.errors) == (7, ["HAR-DEADLINE"])
    assert set(methods) == {"GET"}


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
@pytest.mark.parametrize("before", ["x" * count for count in range(272, 304, 4)] + [" " * 1184 + "key: "])
def test_a_refusal_that_quotes_the_key_shows_no_part_of_it(run_step: RunStep, ci: str, before: str) -> None:
    """A server that repeats the key in a long message: the message is cut within the key, and its beginning is hidden, too."""
    answer = answer_bytes(400, {"Content-Type": "text/plain"}, f"{before}{KEY} is not valid".encode())
    done, _ = run_against(run_step, ci, closing(answer))
    texts = [without_mask(done.out), without_mask(done.err), done.summary, *done.outputs.values()]
    assert not [text for text in texts if KEY[:8] in text]
    assert done.code == 6
