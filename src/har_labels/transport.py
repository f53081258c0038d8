"""One HTTP request, held to the rules of contract §5 "Transport"; the only module that uses requests.

Hides the key's one header, the bounds in time and size, the refusal of redirects, and every way in which a
connection can fail. What an answer means is `registry`'s question.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError

from har_labels import __version__
from har_labels.address import ApiBase
from har_labels.errors import BadAnswer, HarLabelsError, TimedOut, Unreachable

LARGEST_ANSWER = 10 * 1024 * 1024
_CHUNK = 64 * 1024
_READ = "GET"


class NoAnswer(Exception):
    """A request without a usable answer: whether the server acted on it is not known.

    `error` is what the reader is told if it stays that way.
    """

    def __init__(self, error: HarLabelsError) -> None:
        super().__init__(error.what)
        self.error = error


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: its status, its headers and its body (at most 10 MiB), as they came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON, or None where it is not JSON (HTML, plain text, nothing, absurdly deep)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _KeyHeader(AuthBase):
    """Sets the key's header. As an auth object nothing replaces it: neither .netrc nor a session default."""

    def __init__(self, scheme: str, key: SecretStr) -> None:
        self._scheme, self._key = scheme, key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._scheme == "bearer":
            request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        else:
            request.headers["x-api-key"] = self._key.get_secret_value()
        return request


class Transport:
    """Sends requests below one API base, over connections that are kept alive, one set a thread.

    `timeout` gives the seconds for the next request's connect and each read; the whole of a request is ended
    after twice that (contract §5 point 10). `abort` and `abort_reads` end requests under way from any thread.
    """

    def __init__(self, base: ApiBase, *, scheme: str, key: SecretStr, timeout: Callable[[], float]) -> None:
        self._base = base
        self._auth = _KeyHeader(scheme, key)
        self._timeout = timeout
        self._local = threading.local()
        self._under_way: dict[_Wire, str] = {}
        self._is_aborted = False

    def send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """One request and its whole answer. Raises NoAnswer."""
        wire, session = self._wire_and_session()
        seconds = self._timeout()
        watchdog = threading.Timer(2 * seconds, wire.cut)
        watchdog.daemon = True
        self._under_way[wire] = method
        watchdog.start()
        try:
            if self._is_aborted and method == _READ:
                wire.cut()
            with session.request(
                method,
                self._base.url + path,
                params=query,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": "application/json"} if body is not None else None,
                auth=self._auth,
                timeout=seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, response.headers, _read(response))
        except (requests.RequestException, HTTPError, OSError) as error:
            if wire.was_cut and self._is_aborted:
                raise NoAnswer(TimedOut(f"{self._base.host} had not answered when the run was ended")) from None
            raise NoAnswer(_explained(error, self._base.host, seconds, was_cut=wire.was_cut)) from None
        finally:
            watchdog.cancel()
            watchdog.join()  # else it could cut the next request
            self._under_way.pop(wire)
            wire.forget()

    def abort_reads(self) -> None:
        """Ends the requests under way that change nothing, and any that begin from now on."""
        self._is_aborted = True
        for wire, method in tuple(self._under_way.items()):
            if method == _READ:
                wire.cut()

    def abort(self) -> None:
        """Ends every request under way; each raises NoAnswer in its own thread."""
        self._is_aborted = True
        for wire in tuple(self._under_way):
            wire.cut()

    def _wire_and_session(self) -> tuple[_Wire, requests.Session]:
        if not hasattr(self._local, "session"):
            self._local.wire = _Wire()
            self._local.session = _session(self._local.wire)
        return self._local.wire, self._local.session


class _Session(requests.Session):
    """A session that looks at no Location.

    Even without following a redirect requests prepares the request that would: it reads the whole body first, however
    large, and fails on a Location that is no URL.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the signature is requests'
        return None


def _session(wire: _Wire) -> requests.Session:
    session = _Session()
    # No compression: a small answer could unpack into a huge one before it can be measured.
    session.headers.update(
        {"User-Agent": f"har-labels/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"},
    )
    session.cookies.set_policy(_NoCookies())
    adapter = _WatchedAdapter(wire)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    """A server's cookies would tie one request to another; the API has none."""

    def set_ok(self, cookie: Any, request: Any) -> bool:  # noqa: ARG002 - the signature is the standard library's
        return False


class _Wire:
    """The connection that a thread's request is using, so that a timer in another thread can cut it.

    The timeout of requests is per read: a server that sends a byte now and then is never timed out by it, nor is a
    proxy that does so while it is asked for a tunnel.
    """

    def __init__(self) -> None:
        self._connection: HTTPConnection | None = None
        self.was_cut = False

    def use(self, connection: HTTPConnection) -> None:
        """Names the connection that a cut would end. Raises OSError where the cut came before it."""
        self._connection = connection
        if self.was_cut:
            raise OSError("cut off")

    def watch(self, connection: HTTPConnection, connect: Callable[[], socket.socket]) -> socket.socket:
        """The socket of a new connection, which can be cut from here on: a proxy and TLS have their say first."""
        self.use(connection)
        sock = connect()
        if self.was_cut:
            sock.close()
            raise OSError("cut off")
        return sock

    def forget(self) -> None:
        self._connection, self.was_cut = None, False

    def cut(self) -> None:
        self.was_cut = True
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            try:
                # Below TLS: its own shutdown would wait for the peer and isn't safe from another thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass  # closed in the meantime


class _WatchedAdapter(HTTPAdapter):
    """An adapter whose connections report to the wire before each request."""

    def __init__(self, wire: _Wire) -> None:
        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return wire.watch(self, super()._new_conn)

            def request(self, *args: Any, **kwargs: Any) -> None:
                wire.use(self)
                super().request(*args, **kwargs)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return wire.watch(self, super()._new_conn)

            def request(self, *args: Any, **kwargs: Any) -> None:
                wire.use(self)
                super().request(*args, **kwargs)

        self._classes = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure}),
        }
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._classes
        return manager


def _read(response: requests.Response) -> bytes:
    """The body, at most LARGEST_ANSWER bytes. Raises NoAnswer."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"", "identity"}:
        raise NoAnswer(BadAnswer(f"the answer is compressed ({encoding}), which was not asked for"))
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise NoAnswer(BadAnswer(f"the answer is larger than {LARGEST_ANSWER // 1024 // 1024} MiB and was cut off"))
    return bytes(body)


def _explained(error: Exception, host: str, seconds: float, *, was_cut: bool) -> HarLabelsError:
    """The failure in one sentence. Only classes and reasons are used: the exception itself carries the key."""
    if was_cut:
        return TimedOut(f"{host} took more than {2 * seconds:g} s for one request and was cut off")
    if isinstance(error, requests.Timeout):
        return TimedOut(f"{host} did not answer within {seconds:g} s")
    if isinstance(error, requests.exceptions.ProxyError):
        return Unreachable(f"the proxy on the way to {host} failed: {_reason(error)}")
    if isinstance(error, requests.exceptions.SSLError):
        return Unreachable(f"no trusted TLS connection to {host}: {_reason(error)}")
    return Unreachable(f"the connection to {host} failed: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """The innermost reason in words, without addresses of objects or URLs."""
    inner: Any = error
    while isinstance(deeper := getattr(inner, "reason", None) or _exception_in(inner.args), BaseException):
        inner = deeper
    if isinstance(inner, NewConnectionError):
        inner = inner.__context__ or inner
    text = str(inner.args[-1] if isinstance(inner, OSError) and inner.args else inner)
    return " ".join(text.split()) or type(inner).__name__


def _exception_in(values: tuple[Any, ...]) -> BaseException | None:
    """urllib3 wraps as `ProtocolError("Connection aborted.", RemoteDisconnected(…))`."""
    return next((value for value in values if isinstance(value, BaseException)), None)
