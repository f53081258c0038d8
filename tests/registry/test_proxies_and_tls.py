"""Proxies and certificates: the system's own are honoured, and nothing else is trusted (contract §5 "Transport")."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

import canary
from canary import KEY
from certificates import Certificates
from conftest import RunStep
from har_labels.errors import TimedOut, Unreachable
from har_labels.registry.transport import NoAnswer
from har_sandbox import Sandbox
from registry.clients import transport
from registry.servers import JSON, RawServer, answer_bytes, canned, raw_server

LIST = "/registry/acme/ml/models/+/artifacts"


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000])
def test_a_proxy_that_is_none(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any failure to open a tunnel is the proxy's, not the registry's, also a closed connection."""

    def serve(server: RawServer, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(said)

    with raw_server(serve) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(NoAnswer) as caught:
            transport("https://registry.example").send("GET", LIST)
    assert type(caught.value.error) is Unreachable
    assert caught.value.error.what.startswith("the proxy on the way to registry.example failed: ")


def test_a_proxy_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """SOCKS is not supported: the error is the proxy's, and has the supported schemes."""
    monkeypatch.setenv("https_proxy", "socks5h://me:s3cret@127.0.0.1:9")
    with pytest.raises(NoAnswer) as caught:
        transport("https://registry.example").send("GET", LIST)
    what = caught.value.error.what
    assert what == "the proxy on the way to registry.example failed: it has to be one for http, by http:// or https://"


def test_a_silent_proxy_is_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays a timeout, which may pass."""
    over = threading.Event()

    def serve(server: RawServer, connection: socket.socket) -> None:
        server.read(connection)
        over.wait(20)

    with raw_server(serve) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(NoAnswer) as caught:
            transport("https://registry.example", timeout=0.3).send("GET", LIST)
        over.set()
    assert type(caught.value.error) is TimedOut


@pytest.fixture
def secure_server(certificates: Certificates) -> Iterator[RawServer]:
    """Answers 200 over TLS."""
    context = certificates.context("trusted")

    def serve(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while server.read(secure):
                secure.sendall(answer_bytes(200, JSON, b"{}"))

    with raw_server(serve) as server:
        server.url = server.url.replace("http://", "https://")
        yield server


def test_an_unknown_certificate_is_refused(secure_server: RawServer) -> None:
    """A certificate that no trusted authority signed ends the connection before a byte of the request is sent."""
    with pytest.raises(NoAnswer) as caught:
        transport(secure_server.url).send("GET", LIST)
    assert type(caught.value.error) is Unreachable
    assert caught.value.error.what.startswith("no trusted TLS connection to 127.0.0.1: ")
    assert "certificate verify failed" in caught.value.error.what
    assert not secure_server.asked


def test_a_bundle_of_ones_own_is_honoured(
    secure_server: RawServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With REQUESTS_CA_BUNDLE the authority of a self-managed registry is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    assert transport(secure_server.url).send("GET", LIST).status == 200
    assert secure_server.asked[0].headers["x-api-key"] == KEY


def test_a_bundle_does_not_excuse_another_name(
    secure_server: RawServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate for another host is refused, trusted authority or not."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    with pytest.raises(NoAnswer) as caught:
        transport(secure_server.url.replace("127.0.0.1", "localhost")).send("GET", LIST)
    assert "no trusted TLS connection to localhost" in caught.value.error.what


def test_plain_http_behind_https(sandbox: Sandbox) -> None:
    """A server without TLS is unreachable by https."""
    with pytest.raises(NoAnswer) as caught:
        transport(sandbox.url.replace("http://", "https://")).send("GET", LIST)
    assert type(caught.value.error) is Unreachable
    assert not sandbox.requests


def test_a_proxy_is_used(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests for a host go to the proxy that the environment names for it."""
    monkeypatch.setenv("http_proxy", sandbox.url)
    assert transport("http://registry.example/har/api/v1").send("GET", LIST).document["code"] == "400"
    assert sandbox.requests[0].header("Host") == "registry.example"


@pytest.mark.parametrize("proxy", ["http://me:s3cret@bar:99999", "http://me:s3c#ret@bar:8080", "http://[me:s3cret@bar"])
def test_a_proxy_whose_address_is_wrong_shows_no_password(
    run_step: RunStep, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """The error is that the address can't be read, and shows nothing of it."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    asked = {"registry-ref": "acme/ml/models", "artifact": "a", "labels": "x", "retries": "0"}
    done = run_step("github", sandbox, asked)
    assert (done.code, done.errors) == (7, ["HAR-UNREACHABLE"])
    assert "its address in the environment can't be read" in done.err
    assert "s3c" not in done.log + done.summary


def test_no_proxy_is_honoured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that no_proxy names is asked directly."""
    with canned((502, JSON, b"{}")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert transport(sandbox.api_url).send("GET", LIST).status == 502
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert transport(sandbox.api_url).send("GET", LIST).status == 400
        assert len(proxy.asked) == 1


def test_a_tunnel_never_sees_the_key(
    secure_server: RawServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For https the proxy is asked for a tunnel without the key, and what goes through it is TLS."""
    passed = bytearray()

    def serve(server: RawServer, connection: socket.socket) -> None:
        asked = server.read(connection)
        assert asked
        host, _, port = asked.target.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pass_on(connection, upstream, passed)

    with raw_server(serve) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
        assert transport(secure_server.url).send("GET", LIST).status == 200
    assert proxy.asked[0].line.startswith("CONNECT 127.0.0.1:")
    canary.check_headers(proxy.asked[0].headers, "what the proxy was told")
    canary.check(bytes(passed), "what went through the tunnel")
    assert secure_server.asked[0].headers["x-api-key"] == KEY


def _pass_on(client: socket.socket, upstream: socket.socket, passed: bytearray) -> None:
    import threading

    def back() -> None:
        with suppress(OSError):  # the tunnel is closed from its other end
            while chunk := upstream.recv(65536):
                client.sendall(chunk)

    threading.Thread(target=back, daemon=True).start()
    while chunk := client.recv(65536):
        passed.extend(chunk)
        upstream.sendall(chunk)


@pytest.mark.parametrize("answer", [(407, {}, b""), (502, {}, b"")])
def test_a_proxy_that_fails(answer: tuple[int, dict[str, str], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused tunnel is reported as the proxy's failure."""
    with canned(answer) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(NoAnswer) as caught:
            transport("https://registry.example").send("GET", LIST)
    assert type(caught.value.error) is Unreachable
    assert caught.value.error.what.startswith("the proxy on the way to registry.example failed: ")


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_plain_http_is_warned_of_on_each_run(
    run_step: RunStep, sandbox: Sandbox, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `allow-http` plain http to a host that is not loopback is allowed, and each run has a warning."""
    sandbox.add_artifact("acme/r", "x", package_type="DOCKER", labels=["a"])
    monkeypatch.setenv("http_proxy", sandbox.url)
    inputs = {
        "api-url": "http://registry.example",
        "allow-http": "true",
        "registry-ref": "acme/r",
        "artifact": "x",
        "mode": "read",
    }
    done = run_step(ci, sandbox, inputs)
    assert (done.code, done.value("labels")) == (0, ["a"])
    assert "the key crosses the network in the clear: http://registry.example/har/api/v1 is plain http" in done.log


@pytest.fixture
def ask_through(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the proxy for http."""
    return lambda url: monkeypatch.setenv("http_proxy", url)


def test_a_proxys_sign_in_page_is_not_an_answer(
    run_step: RunStep, sandbox: Sandbox, ask_through: Callable[[str], None]
) -> None:
    """A page that a proxy puts in the registry's place with status 200 is not believed."""
    sandbox.add_artifact("acme/r", "x", package_type="DOCKER", labels=["a"])
    with canned((200, {"Content-Type": "text/html"}, b"<html>Please sign in</html>")) as proxy:
        ask_through(proxy.url)
        done = run_step("github", sandbox, {"registry-ref": "acme/r", "artifact": "x", "labels": "b"})
    assert (done.code, done.errors) == (6, ["HAR-BAD-ANSWER"])
    assert sandbox.labels("acme/r", "x") == ["a"]
