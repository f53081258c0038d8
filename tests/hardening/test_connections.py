"""Networks that lie, stall or lead elsewhere (contract §5 "Transport"): the key stays, and the run ends in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

import canary
from certificates import UNTRUSTED, Certificates
from conftest import MakeSandbox, RunStep
from har_labels.errors import TimedOut
from har_labels.registry.transport import NoAnswer
from har_sandbox import Fault, Sandbox
from hardening.checks import check_orderly
from hardening.conftest import StartStep
from registry.clients import transport
from registry.servers import RawServer, raw_server

INPUTS = {"registry-ref": "acme/r", "artifact": "x", "mode": "add", "labels": "b", "retries": "1", "timeout": "2"}
# A guard against hanging; the requests below end within two seconds.
LONGEST = 20


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact("acme/r", "x", package_type="GENERIC", labels=["a"])
    return sandbox


def closed_port() -> int:
    """A port of this machine where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize("kind", UNTRUSTED)
def test_a_certificate_that_is_not_the_hosts(
    run_step: RunStep, certificates: Certificates, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Self-signed, expired, of another host or of an unknown authority: no byte of a request is sent, exit 7."""
    context = certificates.context(kind)

    def serve(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            server.read(secure)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    with raw_server(serve) as server:
        done = run_step("github", None, {**INPUTS, "api-url": server.url.replace("http:", "https:")})
    check_orderly(done)
    assert (done.code, done.errors, server.asked) == (7, ["HAR-UNREACHABLE"], [])
    assert "no trusted TLS connection to 127.0.0.1: " in done.err


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\n\r\n{}", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x03\xff\xff" + b"x" * 70_000],
)
def test_what_is_no_tls(run_step: RunStep, said: bytes) -> None:
    """A server without TLS where TLS is expected gets nothing, and ends the run with one line."""

    def serve(_: RawServer, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with raw_server(serve) as server:
        done = run_step("github", None, {**INPUTS, "api-url": server.url.replace("http:", "https:")})
    check_orderly(done)
    assert (done.code, done.errors) == (7, ["HAR-UNREACHABLE"])


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "{other}/har/api/v1/x",
        "//127.0.0.1:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "http://{port}",
        "/elsewhere",
        "https://user:pass@127.0.0.1:{port}/",
        "\x1b]0;x\x07::error::x",
    ],
)
def test_a_redirect_leads_nowhere(
    run_step: RunStep, box: Sandbox, make_sandbox: MakeSandbox, method: str, status: int, location: str
) -> None:
    """To another host, another scheme or another path: it is reported and not followed, for reads and for writes."""
    other = make_sandbox()
    location = location.format(other=other.url, port=other.url.rpartition(":")[2])
    box.script([Fault("redirect", method=method, status=status, location=location, times=9)])
    done = run_step("github", box, INPUTS)
    check_orderly(done)
    assert (done.code, done.errors) == (6, ["HAR-REDIRECTED"])
    assert len(box.requests) == (1 if method == "GET" else 2)
    assert not other.requests
    assert box.labels("acme/r", "x") == ["a"]


@pytest.mark.parametrize(
    "proxy",
    [
        "http://127.0.0.1:{closed}",
        "http://user:s3cr3t-proxy@127.0.0.1:{closed}",
        "socks5://127.0.0.1:{closed}",
        "::::",
        "http://",
        "http://[::1",
        "ftp://x",
        "http://127.0.0.1:99999",
        "\x1b[31mx",
    ],
)
def test_a_proxy_that_is_not_there(run_step: RunStep, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead proxy, or a variable that names none, ends the run with one line and without the proxy's password."""
    monkeypatch.setenv("https_proxy", proxy.format(closed=closed_port()))
    done = run_step("harness", None, {**INPUTS, "api-url": "https://registry.example"})
    check_orderly(done)
    assert (done.code, done.errors) == (7, ["HAR-UNREACHABLE"])
    assert "s3cr3t-proxy" not in done.log


PROXY_SAYS = [
    b"", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\n\r\n", b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n", b"nonsense\r\n\r\n", b"HTTP/1.1 500 \x1b[31m\r\n##[error]x\r\n\r\n", b"HTTP/1.1 200 " + b"x" * 70_000,
]  # fmt: skip


@pytest.mark.parametrize("said", PROXY_SAYS)
def test_an_evil_proxy(run_step: RunStep, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that answers nonsense where a tunnel was asked for sees no key, and its text has no effect."""

    def serve(server: RawServer, connection: socket.socket) -> None:
        if server.read(connection):
            connection.sendall(said)

    with raw_server(serve) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        done = run_step("github", None, {**INPUTS, "api-url": "https://registry.example"})
    check_orderly(done)
    assert (done.code, done.errors) == (7, ["HAR-UNREACHABLE"])
    assert all(asked.line.startswith("CONNECT ") for asked in proxy.asked)
    for asked in proxy.asked:
        canary.check_headers(asked.headers, "what the proxy was told")


def drip(text: bytes, head: bytes = b"") -> Callable[[RawServer, socket.socket], None]:
    """Serves the head at once, then one byte each 50 ms, for much longer than any request may take."""

    def serve(_: RawServer, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        for at in range(len(text)):
            time.sleep(0.05)
            connection.sendall(text[at : at + 1])

    return serve


ENDLESS = b"a: b\r\n" * 100
DRIPS = {
    "status line": b"HTTP/1.1 200 " + b"O" * 600,
    "headers": b"HTTP/1.1 200 OK\r\n" + ENDLESS,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100,
    "early hints": b"HTTP/1.1 100 Continue\r\n\r\n" * 30,
    "TLS": b"\x16\x03\x03\x40\x00" + b"x" * 600,
}


HEADS = {
    "that is kept": b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n",
    "that closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 600\r\n\r\n",
    "that ends with the body": b"HTTP/1.1 200 OK\r\n\r\n",
    "of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("connection", HEADS)
def test_a_body_that_drips_is_ended_on_any_connection(connection: str) -> None:
    """Also on one that will close, which http.client lets go of as soon as it has the head."""
    with raw_server(drip(b"x" * 600, HEADS[connection])) as server:
        began = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            transport(server.url, timeout=0.2).send("GET", "/x")
    assert type(caught.value.error) is TimedOut
    assert time.monotonic() - began < LONGEST


@pytest.mark.parametrize("where", DRIPS)
def test_a_drip_is_ended_wherever_it_is(where: str) -> None:
    """A server that sends a byte now and then is ended after twice the timeout, also before its answer begins."""
    with raw_server(drip(DRIPS[where])) as server:
        began = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            transport(server.url.replace("http:", "https:") if where == "TLS" else server.url, timeout=0.2).send(
                "GET", "/x"
            )
    assert type(caught.value.error) is TimedOut
    assert time.monotonic() - began < LONGEST


def test_an_answer_cut_in_its_head_is_a_time_out() -> None:
    """For http.client the cut is the head's end, although no header of a real answer arrived; the answer is not believed."""
    ended = threading.Event()

    def serve(_: RawServer, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        for _beat in range(100):
            if ended.wait(0.1):
                return
            connection.sendall(b"a: b\r\n")

    with raw_server(serve) as server:
        with pytest.raises(NoAnswer) as caught:
            transport(server.url, timeout=0.3).send("PUT", "/x", body={})
        ended.set()
    assert type(caught.value.error) is TimedOut


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\n" + ENDLESS, b"HTTP/1.1 200 " + b"O" * 600, b"HTTP/1.1 403 No\r\n" + ENDLESS]
)
def test_a_proxy_that_drips_is_ended(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a proxy that never finishes what it says about the tunnel."""
    with raw_server(drip(said)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        began = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            transport("https://registry.example", timeout=0.2).send("GET", "/x")
    assert type(caught.value.error) is TimedOut
    assert time.monotonic() - began < LONGEST


@pytest.fixture
def silence() -> Iterator[RawServer]:
    """A server that takes a request and never answers."""
    over = threading.Event()

    def serve(server: RawServer, connection: socket.socket) -> None:
        with suppress(OSError):
            server.read(connection)
            over.wait(LONGEST)

    with raw_server(serve) as server:
        yield server
        over.set()


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_the_deadline_ends_everything(start_step: StartStep, silence: RawServer, ci: str) -> None:
    """Past its deadline a run ends, whatever it is waiting for, and still reports all it knows."""
    inputs = {**INPUTS, "api-url": silence.url, "timeout": "300", "retries": "10", "deadline": "1"}
    step = start_step(ci, None, inputs)
    done = step.done()
    check_orderly(done)
    assert (done.code, done.errors[0], done.outputs["status"]) == (7, "HAR-DEADLINE", "FAILED")
    assert step.seconds() < LONGEST


def test_what_the_http_library_logs_is_not_printed(start_step: StartStep) -> None:
    """Heads that urllib3 warns of in its own log, server's text and all, do not reach the streams of the step."""
    said = b"HTTP/1.1 500 x\r\nno colon\n::error::injected\r\n##[error]injected\r\n\r\n"

    def serve(server: RawServer, connection: socket.socket) -> None:
        if server.read(connection):
            connection.sendall(said)

    with raw_server(serve) as server:
        done = start_step("github", None, {**INPUTS, "api-url": server.url}, environ={"RUNNER_DEBUG": "1"}).done()
    check_orderly(done)
    assert "injected" not in done.log
