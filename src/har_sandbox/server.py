"""Sockets and threads: receives requests, has them answered, sends the answers."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from har_sandbox.delivery import Wire
from har_sandbox.exchange import Request
from har_sandbox.store import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from har_sandbox.exchange import Answer
    from har_sandbox.faults import Fault

    Handle = Callable[[Request], tuple[Answer, Fault | None]]


class Server(ThreadingHTTPServer):
    """Listens on one address, with a daemon thread for each connection."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], handle: Handle) -> None:
        """Bind `address` (port 0: a free one); `handle` answers each request."""
        self.handle = handle
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Connection)

    def serve_in_background(self) -> None:
        """Start answering."""
        thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        thread.start()

    def stop(self) -> None:
        """Stop answering and close every open connection, also during a fault."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Register the connection, so that `stop` can close it."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Unregister the connection and close it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnected; any other error is a defect and is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """One client, request after request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        # http.server looks up do_GET and so on; every method is handled the same way here.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        try:
            request = self._read()
        except ValueError:  # a length or a chunk size that is not a number
            self.close_connection = True
            return
        answer, fault = self.server.handle(request)
        # The connection is closed if the client asked for that; a chunked request is read to its end.
        closing = self.close_connection or answer.close
        wire = Wire(self.connection, self.server.stopping)
        again = wire.send(answer, fault, head_only=self.command == "HEAD", closing=closing)
        self.close_connection = not again

    def _read(self) -> Request:
        target = self.requestline.split()[1]
        if "://" in target.partition("?")[0]:
            parts = urlsplit(target)
            target = parts.path + ("?" + parts.query if parts.query else "")
        path, _, query = target.partition("?")
        return Request(
            method=self.command,
            path=path,
            query=query,
            headers=dict(self.headers.items()),
            body=self._body(),
            time=now() / 1000,
        )

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return self._chunked()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunked(self) -> bytes:
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def log_message(self, *_args: object) -> None:
        """Print nothing: requests are in the sandbox's log."""
