"""Connections that another thread can cut, and a session without cookies, redirects or compression.

The timeout of requests is per read, and nothing in it ends a request from outside; this does (contract §5 point 10).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from har_labels import __version__


class Wire:
    """The connection that a thread's request is using, so that a timer in another thread can cut it.

    The timeout of requests is per read: a server that sends a byte now and then is never timed out by it, nor is a
    proxy that does so while it is asked for a tunnel.
    """

    def __init__(self) -> None:
        self._connection: HTTPConnection | None = None
        self._sock: socket.socket | None = None
        self.was_cut = False

    def use(self, connection: HTTPConnection) -> None:
        """Names the connection that a cut would end. Raises OSError where the cut came before it."""
        self._connection, self._sock = connection, connection.sock
        if self.was_cut:
            raise OSError("cut off")

    def keep(self, sock: socket.socket | None) -> None:
        """The socket that an answer is read from: once its head is there, http.client lets go of one that will close."""
        self._sock = sock or self._sock

    def watch(self, connection: HTTPConnection, connect: Callable[[], socket.socket]) -> socket.socket:
        """The socket of a new connection, which can be cut from here on: a proxy and TLS have their say first."""
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
            # Below TLS: its own shutdown would wait for the peer and isn't safe from another thread.
            with suppress(OSError):  # closed in the meantime
                socket.socket.shutdown(_lowest(sock), socket.SHUT_RDWR)


def _lowest(sock: Any) -> socket.socket:
    """The real socket: in a tunnel through a proxy that is spoken to by TLS itself, urllib3 wraps TLS around TLS."""
    while not isinstance(sock, socket.socket):
        sock = sock.socket
    return sock


class _Session(requests.Session):
    """A session that looks at no Location.

    Even without following a redirect requests prepares the request that would: it reads the whole body first, however
    large, and fails on a Location that is no URL.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the signature is requests'
        return None


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    """A server's cookies would tie one request to another; the API has none."""

    def set_ok(self, cookie: Any, request: Any) -> bool:  # noqa: ARG002 - the signature is the standard library's
        return False


class _WatchedAdapter(HTTPAdapter):
    """An adapter whose connections report to the wire before each request, and all of whose TLS is `tls`'s.

    requests would read the certificates anew for each connection, and not check a proxy's where the server is plain http.
    """

    def __init__(self, wire: Wire, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls

        class Watched(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return wire.watch(self, super()._new_conn)

            def _tunnel(self) -> None:
                try:
                    cast(Any, super())._tunnel()  # noqa: SLF001 - its own; typeshed knows it not, urllib3 for some versions
                except (OSError, HTTPException) as failure:
                    # urllib3 takes the failure of an open connection for the server's, and here there is none yet.
                    if not isinstance(failure, TimeoutError):
                        self.close()
                    raise

            def request(self, *args: Any, **kwargs: Any) -> None:
                wire.use(self)
                super().request(*args, **kwargs)
                wire.keep(self.sock)

        class Secure(Watched, HTTPSConnection):
            """The same over TLS."""

        self._classes = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Watched}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure}),
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
    """A session whose connections can be cut by `wire`, one for each thread; `tls` is called for the first over TLS."""
    session = _Session()
    # No compression: a small answer could unpack into a huge one before it can be measured.
    session.headers.update(
        {"User-Agent": f"har-labels/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"},
    )
    session.cookies.set_policy(_NoCookies())
    adapter = _WatchedAdapter(wire, tls)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
