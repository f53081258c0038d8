"""Servers that answer byte for byte as a test defines: for answers that a registry should never send."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
# Status, headers and body of an answer.
Canned = tuple[int, dict[str, str], bytes]


@dataclass
class Asked:
    """A request as received: the start line, the headers by lower-case name, the body."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class RawServer:
    """Gives each connection to `serve`, in a thread of its own; `asked` are the requests that were read so far."""

    serve: Callable[[RawServer, socket.socket], None]
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def read(self, connection: socket.socket) -> Asked | None:
        """The next request of a connection, None if the client has gone."""
        raw = b""
        while b"\r\n\r\n" not in raw:
            if not (chunk := connection.recv(65536)):
                return None
            raw += chunk
        head, _, body = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        self.asked.append(Asked(line, headers, body))
        return self.asked[-1]


@contextmanager
def raw_server(serve: Callable[[RawServer, socket.socket], None]) -> Iterator[RawServer]:
    """Listens on loopback until the block ends."""
    server = RawServer(serve)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        open_now: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                server.connections += 1
                open_now.append(connection)
                threading.Thread(target=_guarded, args=(server, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for connection in open_now:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()


def _guarded(server: RawServer, connection: socket.socket) -> None:
    with suppress(OSError), connection:
        server.serve(server, connection)


def answer_bytes(status: int, headers: dict[str, str], body: bytes) -> bytes:
    """One HTTP/1.1 answer."""
    lines = [
        f"HTTP/1.1 {status} Whatever",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextmanager
def canned(*answers: Canned | bytes | None) -> Iterator[RawServer]:
    """Gives these answers in turn, the last again and again; bytes are sent as they are, None closes the connection."""
    waiting = list(answers)

    def serve(server: RawServer, connection: socket.socket) -> None:
        while server.read(connection):
            one = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if one is None:
                return
            connection.sendall(one if isinstance(one, bytes) else answer_bytes(*one))

    with raw_server(serve) as server:
        yield server


def as_json(status: int, document: Any, **headers: str) -> Canned:
    """An answer whose body is JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {**JSON, **named}, json.dumps(document).encode()


def success(data: Any) -> Canned:
    """200 in the envelope of contract §1."""
    return as_json(200, {"data": data, "status": "SUCCESS"})
