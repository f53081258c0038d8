"""A container registry on loopback, by TLS and without: docker's commands ask for either, as much of the distribution specification as `docker push` and `docker pull` use."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WHO = ("releaser", "secret-of-the-registry")


class Registry(ThreadingHTTPServer):
    """What is in it; `private` asks for a login, `broken` has a bad day."""

    request_queue_size = 64
    block_on_close = False  # docker keeps connections open

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._context = context
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}  # by digest and by tag
        self.private = False
        self.broken = False

    def finish_request(self, request: Any, client_address: Any) -> None:
        """A connection's requests, by TLS if it begins like TLS."""
        if request.recv(1, socket.MSG_PEEK) != b"\x16":
            return super().finish_request(request, client_address)
        # docker hangs up when it has seen enough, and tries TLS that it then doesn't trust
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)
        return None

    @property
    def name(self) -> str:
        """How docker calls it."""
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._body = self._read()
        login = "Basic " + base64.b64encode(":".join(WHO).encode()).decode()
        if self.server.broken:
            return self._answer(503)
        if self.server.private and self.headers.get("Authorization") != login:
            denied = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}).encode()
            return self._answer(401, denied, {"WWW-Authenticate": 'Basic realm="test"'})
        if found := re.fullmatch(r"/v2/([a-z/-]+)/(manifests|blobs/uploads|blobs)/([^?]*)(\?digest=(.*))?", self.path):
            kinds = {"manifests": self._manifests, "blobs": self._blobs, "blobs/uploads": self._uploads}
            return kinds[found[2]](found[1], found[3], found[5])
        return self._answer(200 if self.path == "/v2/" else 404)

    do_HEAD = do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 - http.server's names

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _manifests(self, _name: str, key: str, _digest: str | None) -> None:
        if self.command == "PUT":
            digest = "sha256:" + hashlib.sha256(self._body).hexdigest()
            self.server.manifests[key] = self.server.manifests[digest] = (self.headers["Content-Type"], self._body)
            return self._answer(201, headers={"Docker-Content-Digest": digest})
        if key not in self.server.manifests:
            return self._answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')
        kind, text = self.server.manifests[key]
        digest = "sha256:" + hashlib.sha256(text).hexdigest()
        return self._answer(200, text, {"Content-Type": kind, "Docker-Content-Digest": digest})

    def _blobs(self, _name: str, key: str, _digest: str | None) -> None:
        blob = self.server.blobs.get(key)
        self._answer(404) if blob is None else self._answer(200, blob, {"Docker-Content-Digest": key})

    def _uploads(self, name: str, key: str, digest: str | None) -> None:
        key = key or uuid.uuid4().hex
        self.server.blobs[key] = self.server.blobs.get(key, b"") + self._body
        if self.command == "PUT" and digest:
            digest = digest.replace("%3A", ":")
            self.server.blobs[digest] = self.server.blobs.pop(key)
            return self._answer(201, headers={"Docker-Content-Digest": digest})
        size = max(len(self.server.blobs[key]) - 1, 0)
        return self._answer(202, headers={"Location": f"/v2/{name}/blobs/uploads/{key}", "Range": f"0-{size}"})

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        said = {"Content-Length": str(len(body)), "Docker-Distribution-Api-Version": "registry/2.0", **(headers or {})}
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def running_registry(context: ssl.SSLContext) -> Iterator[Registry]:
    """An empty registry for the length of a `with` block."""
    with Registry(context) as registry:
        thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield registry
        finally:
            registry.shutdown()
            thread.join()
