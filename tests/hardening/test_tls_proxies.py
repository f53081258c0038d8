"""With a proxy reached by TLS everything holds as elsewhere: the key, the limits, the cut (contract §5)."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

import canary
from canary import KEY
from certificates import Certificates
from conftest import RunStep
from har_labels.errors import TimedOut, Unreachable
from har_labels.registry.transport import NoAnswer
from har_sandbox import Sandbox
from hardening.checks import check_orderly
from hardening.conftest import StartStep
from registry.clients import transport
from registry.proxies import ESTABLISHED, tls_proxy
from registry.servers import JSON, Asked, RawServer, answer_bytes, raw_server

LIST = "/registry/acme/ml/models/+/artifacts"
# A guard against hanging; what is cut ends within two seconds.
LONGEST = 20
INPUTS = {"registry-ref": "acme/r", "artifact": "x", "labels": "b", "retries": "0"}


@pytest.fixture
def proxy(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """The proxy of this environment, for http and https, whose certificate is trusted."""
    with tls_proxy(certificates.context("trusted")) as server:
        for name in ("https_proxy", "http_proxy"):
            monkeypatch.setenv(name, server.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
        yield server


class Drip:
    """A server over TLS that sends its answer's head at once and then a byte each 50 ms, until `over`."""

    def __init__(self, certificates: Certificates) -> None:
        self.over = threading.Event()
        self.was_asked = threading.Event()
        self._context = certificates.context("trusted")

    def __call__(self, server: RawServer, connection: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secure:
            server.read(secure)
            self.was_asked.set()
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n")
            while not self.over.wait(0.05):
                secure.sendall(b"x")


@pytest.fixture
def drip(certificates: Certificates) -> Iterator[Drip]:
    drip = Drip(certificates)
    yield drip
    drip.over.set()


@pytest.fixture
def dripping(drip: Drip) -> Iterator[RawServer]:
    """A registry whose answer never ends."""
    with raw_server(drip) as server:
        server.url = server.url.replace("http://", "https://")
        yield server
        drip.over.set()


def test_a_request_goes_through(certificates: Certificates, proxy: RawServer) -> None:
    """The answer arrives through TLS in TLS, and the proxy does not see the key."""
    context = certificates.context("trusted")

    def serve(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while server.read(secure):
                secure.sendall(answer_bytes(200, JSON, b"{}"))

    with raw_server(serve) as server:
        client = transport(server.url.replace("http://", "https://"))
        assert [client.send("GET", LIST).status for _ in range(2)] == [200, 200]
    assert [asked.headers["x-api-key"] for asked in server.asked] == [KEY, KEY]
    assert [asked.line.split(" ")[0] for asked in proxy.asked] == ["CONNECT"]
    canary.check_headers(proxy.asked[0].headers, "what the proxy was told")


def test_plain_http_goes_through(sandbox: Sandbox, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a tunnel too: the request for a plain http server is the proxy's own, and its certificate is checked."""

    def serve(secure: ssl.SSLSocket, asked: Asked) -> None:
        secure.sendall(answer_bytes(200, JSON, b"{}"))

    with tls_proxy(certificates.context("trusted"), serve) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(NoAnswer, match="certificate verify failed"):
            transport(sandbox.api_url).send("GET", LIST)
        assert not proxy.asked
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        assert transport(sandbox.api_url).send("GET", LIST).status == 200
    assert proxy.asked[0].line.startswith("GET http://127.0.0.1:")


@pytest.mark.parametrize("kind", ["of another authority", "of another host", "expired"])
def test_a_proxys_certificate_is_checked(
    run_step: RunStep, certificates: Certificates, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that can't show who it is is asked for nothing."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    with tls_proxy(certificates.context(kind)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        done = run_step("github", None, {**INPUTS, "api-url": "https://registry.example"})
    check_orderly(done)
    assert (done.code, done.errors, proxy.asked) == (7, ["HAR-UNREACHABLE"], [])
    assert "the proxy on the way to registry.example failed: " in done.err


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_trickling_answer_is_ended(proxy: RawServer, dripping: RawServer, method: str) -> None:
    """A server that sends a byte now and then is cut off after twice the timeout."""
    began = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        transport(dripping.url, timeout=0.4).send(method, LIST, body={})
    assert type(caught.value.error) is TimedOut
    assert "was cut off" in caught.value.error.what
    assert time.monotonic() - began < LONGEST


# The bytes sent at once, and those after the client's next bytes.
STALLS = {
    "what the proxy says": (b"HTTP/1.1 200 Connection established\r\n", b""),
    "the handshake within the tunnel": (ESTABLISHED, b"\x16\x03\x03\x40\x00"),
}


@pytest.mark.parametrize("where", STALLS)
def test_a_trickling_proxy_is_ended(certificates: Certificates, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a proxy that stalls on its way to the server, and the connection is not used again."""
    over = threading.Event()

    def serve(secure: ssl.SSLSocket, asked: Asked) -> None:
        at_once, then = STALLS[where]
        secure.sendall(at_once)
        with suppress(OSError):
            if then:
                secure.recv(65536)
                secure.sendall(then)
            while not over.wait(0.05):
                secure.sendall(b"a")

    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with tls_proxy(certificates.context("trusted"), serve) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        client = transport("https://registry.example", timeout=0.4)
        for _ in range(2):
            with pytest.raises(NoAnswer) as caught:
                client.send("GET", LIST)
            assert type(caught.value.error) is TimedOut
        over.set()
    assert proxy.connections == 2


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_the_deadline_ends_a_run(start_step: StartStep, proxy: RawServer, dripping: RawServer, ci: str) -> None:
    """Past its deadline a run ends with 7, and reports all it knows."""
    inputs = {**INPUTS, "api-url": dripping.url, "timeout": "300", "deadline": "2"}
    step = start_step(ci, None, inputs, environ=_surroundings(proxy))
    done = step.done()
    check_orderly(done)
    assert (done.code, done.errors[0], done.outputs["status"]) == (7, "HAR-DEADLINE", "FAILED")
    assert step.seconds() < LONGEST


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_cancel_ends_a_run(
    start_step: StartStep, proxy: RawServer, drip: Drip, dripping: RawServer, number: int, code: int
) -> None:
    """A signal ends a run with its own code, whatever the run is waiting for."""
    inputs = {**INPUTS, "api-url": dripping.url, "timeout": "300"}
    step = start_step("github", None, inputs, environ=_surroundings(proxy))
    assert drip.was_asked.wait(LONGEST)
    step.signal(number)
    done = step.done()
    check_orderly(done)
    assert (done.code, done.errors[0], done.outputs["status"]) == (code, "HAR-CANCELLED", "FAILED")


def test_an_untrusted_server_in_a_tunnel(certificates: Certificates, proxy: RawServer) -> None:
    """A trusted proxy does not vouch for the server behind it: no byte of a request is sent."""
    context = certificates.context("of another authority")

    def serve(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            server.read(secure)

    with raw_server(serve) as server, pytest.raises(NoAnswer) as caught:
        transport(server.url.replace("http://", "https://")).send("GET", LIST)
    assert type(caught.value.error) is Unreachable
    assert "certificate verify failed" in caught.value.error.what
    assert not server.asked


def _surroundings(proxy: RawServer) -> dict[str, str | None]:
    """What the fixture `proxy` set for this process, for one of its own."""
    import os

    return {name: os.environ[name] for name in ("https_proxy", "http_proxy", "REQUESTS_CA_BUNDLE")}
