"""One request, held to the rules of contract §5 "Transport": over real sockets, as nothing of it shows in mocks."""

from __future__ import annotations

import gc
import json
import socket
import threading
import time
import traceback
import warnings
from pathlib import Path

import pytest

import canary
from canary import KEY
from conftest import MakeSandbox
from har_labels import __version__
from har_labels.errors import BadAnswer, Disconnected, HarLabelsError, TimedOut, Unreachable
from har_labels.registry.transport import LARGEST_ANSWER, NoAnswer, Transport
from har_sandbox import Fault, Sandbox
from registry.clients import transport
from registry.servers import JSON, RawServer, canned, raw_server

LIST = "/registry/acme/ml/models/+/artifacts"


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact("acme/ml/models", "resnet50", labels=["a"])
    return sandbox


def failure(client: Transport, path: str = LIST) -> HarLabelsError:
    """Why a request has no usable answer; its words and its traceback hold no key."""
    with pytest.raises(NoAnswer) as caught:
        client.send("GET", path)
    canary.check("".join(traceback.format_exception(caught.value)), "the traceback")
    canary.check(caught.value.error.line, "the error")
    return caught.value.error


@pytest.mark.parametrize(
    ("scheme", "header", "value"), [("x-api-key", "x-api-key", KEY), ("bearer", "Authorization", f"Bearer {KEY}")]
)
def test_the_key_is_in_one_header(box: Sandbox, scheme: str, header: str, value: str) -> None:
    """Only the header of the scheme has the key; the others are the user agent and the accepted types."""
    transport(box.api_url, scheme=scheme).send(
        "PUT", f"{LIST}/x", query={"artifact_type": "model"}, body={"labels": ["é"]}
    )
    (request,) = box.requests
    assert request.header(header) == value
    assert request.header("User-Agent") == f"har-labels/{__version__}"
    assert request.header("Accept") == "application/json"
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Content-Type") == "application/json"
    assert json.loads(request.body) == {"labels": ["é"]}
    assert request.query == "artifact_type=model"
    other = {"x-api-key", "authorization"} - {header.lower()}
    assert not any(request.header(name) for name in (*other, "cookie"))


def test_netrc_is_not_read(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc for the registry's host adds no Authorization and replaces none."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password guessed\ndefault login mallory password guessed\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    transport(box.api_url).send("GET", LIST)
    transport(box.api_url, scheme="bearer").send("GET", LIST)
    assert [request.header("Authorization") for request in box.requests] == [None, f"Bearer {KEY}"]


def test_a_query_arrives_as_it_is(box: Sandbox) -> None:
    """Any text of a search arrives as itself, and ends no parameter."""
    for term in ("a b", "a&size=1", "größe", "100%", "a+b", "a#b", "😀", "a=b;c"):
        transport(box.api_url).send("GET", LIST, query={"search_term": term, "page": "0"})
        assert box.requests[-1].param("search_term") == term


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(box: Sandbox, make_sandbox: MakeSandbox, status: int) -> None:
    """A redirect is an answer like others: the host it points to sees no request, least of all one with the key."""
    elsewhere = make_sandbox()
    box.script([Fault("redirect", status=status, location=f"{elsewhere.url}/")])
    answer = transport(box.api_url).send("GET", LIST)
    assert answer.status == status
    assert answer.headers["Location"].startswith(elsewhere.url)
    assert len(box.requests) == 1
    assert not elsewhere.requests


@pytest.mark.parametrize(
    "location", ["http://[", "", "\xe9", "http://h:port", "javascript:1", "//", "http://" + "a" * 5000, "?" * 100]
)
def test_a_location_is_never_looked_at(location: str) -> None:
    """The error shows the location of a redirect unchanged, even if it is not a URL."""
    with canned((302, {"Location": location}, b"x")) as server:
        answer = transport(server.url).send("GET", LIST)
        assert (answer.status, len(server.asked)) == (302, 1)
    assert answer.headers["Location"] == location


def test_a_redirect_with_a_huge_body_is_cut_off() -> None:
    """The limit on what is read holds for redirects too."""
    with canned((302, {"Location": "http://elsewhere.example/"}, b"x" * (LARGEST_ANSWER + 1))) as server:
        assert type(failure(transport(server.url))) is BadAnswer


def test_no_cookie_is_kept() -> None:
    """A cookie that an answer sets is not sent with the next request."""
    with canned((200, {**JSON, "Set-Cookie": "a=b; Path=/"}, b"{}")) as server:
        client = transport(server.url)
        client.send("GET", LIST)
        client.send("GET", LIST)
    assert [asked.headers.get("cookie") for asked in server.asked] == [None, None]


def test_connections_are_kept() -> None:
    """Several requests of one thread use one connection."""
    with canned((200, JSON, b"{}")) as server:
        client = transport(server.url)
        for _ in range(5):
            client.send("GET", LIST)
        assert (len(server.asked), server.connections) == (5, 1)


def test_nothing_listens() -> None:
    """A refused connection is unreachable, with the operating system's reason."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = failure(transport(f"http://127.0.0.1:{port}"))
    assert type(error) is Unreachable
    assert error.what == "the connection to 127.0.0.1 failed: Connection refused"


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown host is unreachable, with the resolver's reason."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(transport("https://registry.example"))
    assert type(error) is Unreachable
    assert error.what == "the connection to registry.example failed: Name or service not known"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("cut", ("Remote end closed connection without response",)),
        ("reset", ("Connection reset by peer", "IncompleteRead(")),
        ("wrong-length", ("IncompleteRead(",)),
    ],
)
def test_connections_that_break(box: Sandbox, kind: str, reason: tuple[str, ...]) -> None:
    """A connection closed before the answer, within it, or before its stated end is not an answer."""
    box.script([Fault(kind)])
    error = failure(transport(box.api_url, timeout=2))
    assert type(error) is Disconnected
    assert error.what.removeprefix("the connection to 127.0.0.1 failed: ").startswith(reason)
    assert len(box.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500 + b"\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_bytes_that_are_not_http(raw: bytes) -> None:
    """Bytes that are not HTTP are not an answer, and the error is one line."""
    with canned(raw) as server:
        error = failure(transport(server.url, timeout=0.5))
    assert isinstance(error, Unreachable | TimedOut)
    assert "\n" not in error.what


def test_an_invalid_head_leaves_no_socket_open() -> None:
    """Two lengths that contradict each other: the socket of such an answer is closed with the failure, not some time later."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with canned(raw) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        failure(transport(server.url))
        gc.collect()
    assert [str(one.message) for one in caught if one.category is ResourceWarning] == []


def test_silence_times_out(box: Sandbox) -> None:
    """Without an answer the request ends after its timeout."""
    box.script([Fault("latency", delay=30)])
    began = time.monotonic()
    error = failure(transport(box.api_url, timeout=0.2))
    assert type(error) is TimedOut
    assert error.what == "127.0.0.1 did not answer within 0.2 s"
    assert time.monotonic() - began < 10


def test_a_drip_is_ended_after_twice_the_timeout(box: Sandbox) -> None:
    """A body that trickles, each byte within the timeout, is ended after twice the timeout (contract §5 point 10)."""
    box.script([Fault("drip", delay=0.1)])
    began = time.monotonic()
    error = failure(transport(box.api_url, timeout=0.3))
    assert type(error) is TimedOut
    assert error.what == "127.0.0.1 took more than 0.6 s for one request and was cut off"
    assert 0.6 <= time.monotonic() - began < 10


def test_a_dripping_head_is_ended_too() -> None:
    """So is a status line that never ends."""

    def serve(server: RawServer, connection: socket.socket) -> None:
        server.read(connection)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x-y: z\r\n" * 1000:
            time.sleep(0.05)
            connection.sendall(bytes([byte]))

    with raw_server(serve) as server:
        began = time.monotonic()
        error = failure(transport(server.url, timeout=0.3))
    assert type(error) is TimedOut
    assert time.monotonic() - began < 10


def test_the_next_request_after_a_cut_is_a_fresh_one(box: Sandbox) -> None:
    """An aborted request does not abort the next one."""
    box.script([Fault("drip", delay=0.1)])
    client = transport(box.api_url, timeout=0.3)
    failure(client)
    time.sleep(0.7)
    assert client.send("GET", LIST).status == 200


def test_huge_answers_are_cut_off(box: Sandbox) -> None:
    """An answer of more than 10 MiB is not read to its end and is an error; a smaller one is read."""
    box.script([Fault("huge", nth=2), Fault("huge", size=LARGEST_ANSWER - 200_000)])
    client = transport(box.api_url)
    assert client.send("GET", LIST).document["status"] == "SUCCESS"
    error = failure(client)
    assert type(error) is BadAnswer
    assert error.what == "the answer is larger than 10 MiB and was cut off"


def test_compressed_answers_are_not_unpacked(box: Sandbox) -> None:
    """Compression was not requested; a compressed answer is refused, not unpacked."""
    box.script([Fault("gzip-bomb", size=1000 * 1024 * 1024)])
    error = failure(transport(box.api_url))
    assert type(error) is BadAnswer
    assert error.what == "the answer is compressed (gzip), which was not asked for"


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"[" * 100_000, b"\xff\xfe", b'{"a": ', b"NaN1", b"1" * 5000])
def test_bodies_that_are_no_json(body: bytes) -> None:
    """What is no JSON is an answer without a document, however deep or odd."""
    with canned((200, JSON, body)) as server:
        answer = transport(server.url).send("GET", LIST)
    assert (answer.document, answer.body) == (None, body)


def test_abort_ends_requests_of_other_threads(box: Sandbox) -> None:
    """What is under way is ended from another thread, at once."""
    box.script([Fault("drip", delay=0.2, times=4)])
    client = transport(box.api_url, timeout=60)
    errors: list[HarLabelsError] = []
    threads = [threading.Thread(target=lambda: errors.append(failure(client))) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(box.requests) < 3:
        time.sleep(0.01)
    time.sleep(0.1)
    began = time.monotonic()
    client.abort()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - began < 5
    assert [error.what for error in errors] == 3 * ["127.0.0.1 had not answered when the run was ended"]


def test_threads_share_no_connection(box: Sandbox) -> None:
    """Many threads may send at once, and every request arrives."""
    client = transport(box.api_url)

    def ask(number: int) -> None:
        for turn in range(5):
            client.send("GET", LIST, query={"search_term": f"{number}-{turn}"})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {request.param("search_term") for request in box.requests} == {
        f"{n}-{t}" for n in range(6) for t in range(5)
    }
