"""A proxy that is itself reached by TLS (`https_proxy=https://…`), so that TLS to the server goes through TLS."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from registry.servers import Asked, RawServer, raw_server

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
Serve = Callable[[ssl.SSLSocket, Asked], None]


@contextmanager
def tls_proxy(context: ssl.SSLContext, serve: Serve | None = None) -> Iterator[RawServer]:
    """Tunnels to the requested address, or passes each CONNECT to `serve`; `asked` has its own requests."""

    def accept(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            if asked := server.read(secure):
                (serve or tunnel)(secure, asked)

    with raw_server(accept) as server:
        server.url = server.url.replace("http://", "https://")
        yield server


def tunnel(client: ssl.SSLSocket, asked: Asked) -> None:
    """Passes bytes on in both directions, in one thread: two may not use one TLS socket at a time."""
    host, _, port = asked.target.rpartition(":")
    with socket.create_connection((host, int(port))) as upstream:
        client.sendall(ESTABLISHED)
        while True:
            readable = [client] if client.pending() else select.select([client, upstream], [], [])[0]
            for one in readable:
                if not (chunk := one.recv(65536)):
                    return
                (upstream if one is client else client).sendall(chunk)
