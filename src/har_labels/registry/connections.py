"""Connections that another thread can cut, and a session without cookies, redirects and compression.

The timeout of requests applies to each read, and it cannot abort a request from outside. This module can (contract §5
point 10).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from har_labels import __version__


class Wire:
    """The connection used by a thread's current request, which a timer in another thread can cut.

    The timeout of requests applies to each read: a server that sends a byte now and then never times out, and neither
    does a proxy that does so while it opens a tunnel.
    """

    def __init__(self) -> None:
        self._connection: HTTPConnection | None = None
        self._sock: socket.socket | None = None
        self.was_cut = False

    def use(self, connection: HTTPConnection) -> None:
        """Sets the connection that `cut` closes. Raises OSError if `cut` was called before."""
        self._connection, self._sock = connection, connection.sock
        if self.was_cut:
            raise OSError("cut off")

    def keep(self, sock: socket.socket | None) -> None:
        """Keeps the socket that the answer is read from: after the headers http.client drops one that will be closed."""
        self._sock = sock or self._sock

    def watch(self, connection: HTTPConnection, connect: Callable[[], socket.socket]) -> socket.socket:
        """Connects and returns the socket, which can be cut from here on, also during a proxy's and TLS's handshake."""
        self.use(connection)
        sock = connect()
        if self.was_cut:
            sock.close()
            raise OSError("cut off")
        return sock

    def forget(self) -> None:
        self._connection, self._sock, self.was_cut = None, None, False

    def cut(self) -> None:
        self.was_cut = True
        sock = getattr(self._connection, "sock", None) or self._sock
        if sock is not None:
            # On the raw socket: TLS's own shutdown would wait for the peer, and is not thread-safe.
            with suppress(OSError):  # closed in the meantime
                socket.socket.shutdown(_lowest(sock), socket.SHUT_RDWR)


def _lowest(sock: Any) -> socket.socket:
    """The raw socket: for a tunnel through a proxy that uses TLS itself, urllib3 wraps TLS in TLS."""
    while not isinstance(sock, socket.socket):
        sock = sock.socket
    return sock


class _Session(requests.Session):
    """A session that ignores Location.

    Even if redirects are not followed, requests prepares the next request: it reads the whole body, however large, and
    fails if Location is not a valid URL.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the signature is requests'
        return None


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    """Rejects cookies: the API has none, and each request shall be independent."""

    def set_ok(self, cookie: Any, request: Any) -> bool:  # noqa: ARG002 - the signature is the standard library's
        return False


def _connections_of(wire: Wire) -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
    """urllib3's two kinds of connections, registering with `wire` before each request."""

    class Watched(HTTPConnection):
        _head: HTTPResponse | None = None

        def _new_conn(self) -> socket.socket:
            return wire.watch(self, super()._new_conn)

        def _tunnel(self) -> None:
            try:
                cast(Any, super())._tunnel()  # noqa: SLF001 - its own; typeshed does not declare it, urllib3 in some versions
            except (OSError, HTTPException) as failure:
                # urllib3 attributes the failure of an open connection to the server, and here none is reached yet.
                if not isinstance(failure, TimeoutError):
                    self.close()
                raise

        def request(self, *args: Any, **kwargs: Any) -> None:
            wire.use(self)
            super().request(*args, **kwargs)
            wire.keep(self.sock)

        def response_class(self, *args: Any, **kwargs: Any) -> HTTPResponse:  # type: ignore[override] # called as the class is
            self._head = HTTPResponse(*args, **kwargs)
            return self._head

        def getresponse(self) -> Any:
            try:
                return super().getresponse()
            except BaseException:
                # urllib3 drops an answer with an invalid head unclosed, and with it a socket that is handed on to it.
                if self._head:
                    self._head.close()
                raise

    class Secure(Watched, HTTPSConnection):
        """The same over TLS."""

    return Watched, Secure


class _WatchedAdapter(HTTPAdapter):
    """An adapter whose connections register with `wire` before each request, and which uses the TLS context of `tls`.

    requests would load the certificates for each connection, and would not verify a proxy's if the server is plain http.
    """

    def __init__(self, wire: Wire, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        watched, secure = _connections_of(wire)
        self._classes = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": watched}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: Any,  # noqa: ARG002 - the signature is requests'
        cert: Any = None,
    ) -> Any:
        host, pool = super().build_connection_pool_key_attributes(request, verify=True, cert=cert)
        return host, pool | ({"ssl_context": self._tls()} if host["scheme"] == "https" else {})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ARG002 - the signature is requests'
        conn.cert_reqs = "CERT_REQUIRED"

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        if proxy.lower().startswith("https:"):
            kwargs["proxy_ssl_context"] = self._tls()
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._classes
        return manager


def session_over(wire: Wire, tls: Callable[[], ssl.SSLContext]) -> requests.Session:
    """A session whose connections `wire` can cut, for one thread; `tls` is called at the first use of TLS."""
    session = _Session()
    # No compression: a small answer could decompress to a huge one before it can be measured.
    session.headers.update(
        {"User-Agent": f"har-labels/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"},
    )
    session.cookies.set_policy(_NoCookies())
    adapter = _WatchedAdapter(wire, tls)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
