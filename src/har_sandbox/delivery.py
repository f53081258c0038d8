"""Sends an answer over a socket, unchanged or modified by a fault."""

from __future__ import annotations

import json
import socket
import struct
import zlib
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from har_sandbox.exchange import CUT, HTML_TYPE, JSON_TYPE, Answer, json_answer, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from har_sandbox.faults import Fault

_PROXY_PAGE = b"<html><head><title>Please sign in</title></head><body>Proxy</body></html>\n"
_CHUNK = 64 * 1024
_FIXED = {
    "cut": CUT,
    "html": Answer(200, HTML_TYPE, _PROXY_PAGE),
    "failure": json_answer(200, {"data": None, "status": "FAILURE"}),
    "huge": Answer(200, JSON_TYPE),
    "gzip-bomb": Answer(200, JSON_TYPE),
}


def replacement(fault: Fault, target: str) -> Answer | None:
    """The answer that a fault sends instead of the registry's; None if it modifies the registry's."""
    if fault.code is not None:
        return _status(fault, fault.code)
    if fault.base == "redirect":
        return _redirect(fault, target)
    return _FIXED.get(fault.base)


def _redirect(fault: Fault, target: str) -> Answer:
    """A redirect: to the same path on another host if the location ends in a slash, else to the location itself."""
    location = fault.location
    if location.endswith("/"):
        location = location.removesuffix("/") + target
    return Answer(fault.status, (("Location", location), *HTML_TYPE))


def _status(fault: Fault, code: int) -> Answer:
    reason = {429: "Too Many Requests"}.get(code, HTTPStatus(code).phrase)
    answer = json_answer(code, {"code": str(code), "message": reason, "details": None})
    if fault.retry_after is None:
        return answer
    return replace(answer, headers=(*answer.headers, ("Retry-After", fault.retry_after)))


def spoiled(answer: Answer, fault: Fault) -> Answer:
    """The registry's answer with a modified body, for the faults that concern the content."""
    if fault.base == "truncated":
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    if fault.base == "wrong-types":
        return replace(answer, body=_wrong_types(answer.body))
    return answer


def _wrong_types(body: bytes) -> bytes:
    """Valid JSON of the wrong types: lists become text, text becomes numbers."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict):
        return b"[]\n"
    wrong = {key: ("x" if isinstance(item, list) else 7) for key, item in data.items()}
    return to_json({"data": wrong, "status": "SUCCESS"})


class Wire:
    """The connection to one client."""

    def __init__(self, connection: socket.socket, stopping: Event) -> None:
        """Write to `connection`; a slow write ends when `stopping` is set."""
        self._socket = connection
        self._stopping = stopping

    def send(self, answer: Answer, fault: Fault | None, *, head_only: bool, closing: bool) -> bool:
        """Send the answer with the fault applied. Returns whether the connection can be reused."""
        if answer.status is None:
            return False
        how = fault.base if fault is not None else ""
        if fault is not None and how in ("huge", "gzip-bomb"):
            self._stream(answer, fault)
            return False
        head = _head(answer, _length(answer, how), closing=closing)
        if how == "reset":
            self._socket.sendall(head + answer.body[: len(answer.body) // 2])
            self._reset()
        elif fault is not None and how == "drip":
            self._drip(head, answer.body, fault.delay)
        else:
            # One send for head and body: two would wait for the client's delayed ACK (40 ms).
            self._socket.sendall(head if head_only else head + answer.body)
        return not closing and how not in ("reset", "wrong-length")

    def _reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _drip(self, head: bytes, body: bytes, delay: float) -> None:
        self._socket.sendall(head)
        for position in range(len(body)):
            if self._stopping.wait(delay):
                return
            self._socket.sendall(body[position : position + 1])

    def _stream(self, answer: Answer, fault: Fault) -> None:
        """A body without Content-Length, so only counting bytes protects the reader."""
        bomb = fault.base == "gzip-bomb"
        extra = [("Content-Encoding", "gzip")] if bomb else []
        extra.append(("Transfer-Encoding", "chunked"))
        self._socket.sendall(_head(replace(answer, headers=(*answer.headers, *extra)), None, closing=True))
        for chunk in _gzipped(fault.size) if bomb else _padding(fault.size):
            if self._stopping.is_set():
                return
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self._socket.sendall(b"0\r\n\r\n")


def _length(answer: Answer, how: str) -> int:
    return len(answer.body) + (1000 if how == "wrong-length" else 0)


def _head(answer: Answer, length: int | None, *, closing: bool) -> bytes:
    status = answer.status or 0
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if closing:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _padding(size: int) -> Iterator[bytes]:
    """JSON of at least `size` bytes, which a reader without a size limit would keep in memory."""
    yield b'{"data":{"artifacts":[],"padding":"'
    for _ in range(0, size, _CHUNK):
        yield b"x" * _CHUNK
    yield b'"},"status":"SUCCESS"}\n'


def _gzipped(size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    for chunk in _padding(size):
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
