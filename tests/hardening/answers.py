"""Answers that no registry should give: random statuses, heads, bodies and framings, as bytes on the wire."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import strategies as st

from hostile_text import hostile_texts

# Every name in the API's answers, so that random JSON is close to real answers.
_NAMES = st.sampled_from(
    ["data", "status", "artifacts", "name", "labels", "artifactType", "packageType", "imageName", "pageSize", "pageCount", "itemCount",
     "code", "message", "details", "createdAt", "modifiedAt", "downloadsCount", "x"],
)  # fmt: skip
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), hostile_texts,
    st.sampled_from(["SUCCESS", "FAILURE", "ERROR", "x", "HUGGINGFACE", "model", "", "unauthorized", "not found", 10**30, -1, 1e400]),
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=4)),
    max_leaves=8,
)
_STATUSES = st.one_of(
    st.sampled_from([200, 200, 200, 200, 201, 202, 204, 205, 206, 304, 300, 301, 307, 400, 401, 403, 404, 405, 407, 408, 409, 410, 413, 415, 422, 429, 451, 500, 502, 503, 504, 511]),
    st.integers(100, 999),
)  # fmt: skip
_RAW_BODIES = st.sampled_from(
    [b"", b"null", b"{", b'{"data":', b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b"<!doctype html><html>", b"NaN", b"Infinity", b'"\\ud800"', b"\x00" * 50,
     b"[" * 5000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b"9" * 20_000, b'{"status":"SUCCESS","data":{"artifacts":[{"name":"x","labels":["a","a"]},{"name":"x"}]}}',
     b'{"status":"SUCCESS","status":"FAILURE","data":{}}', json.dumps({"message": "x" * 100_000}).encode()],
)  # fmt: skip


def _enveloped(value: Any) -> dict[str, Any]:
    return {"status": "SUCCESS", "data": value}


def _nested(depth: int) -> dict[str, Any]:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return {"status": value, "data": value, "message": value}


_rows = st.lists(st.dictionaries(_NAMES, _VALUES, max_size=5).map(lambda row: {"name": "x", **row}), max_size=3)
documents = st.one_of(
    _VALUES,
    _VALUES.map(_enveloped),
    _rows.map(lambda rows: _enveloped({"artifacts": rows})),
    st.dictionaries(_NAMES, _VALUES, max_size=5).map(lambda data: _enveloped({"imageName": "x", **data})),
    st.sampled_from([100, 300, 450, 480, 900]).map(_nested),
)
_bodies = st.one_of(documents.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")), _RAW_BODIES)
_HEADERS = st.sampled_from(
    [b"Content-Type: application/json", b"Content-Type: text/html", b"Content-Type: \xff\xfe", b"X: " + b"y" * 60_000, b"no colon at all", b": empty name",
     b"Retry-After: 0", b"Retry-After: \xe9", b"Retry-After: -1", b"Retry-After: Wed, 99 Foo 2026", b"Date: soon", b"Set-Cookie: a=b", b"Content-Encoding: gzip",
     b"Content-Encoding: br", b"Location: //evil.example/", b"Location: \x1b[31m::error::x", b"Location:", b"Connection: close", b"Upgrade: h2c", b"X-a: 1\r\n continued",
     b"Transfer-Encoding: gzip", b"Trailer: x"],
)  # fmt: skip


@st.composite
def raw_answers(draw: st.DrawFn) -> bytes:
    """One answer, after which the connection is closed."""
    body = draw(_bodies)
    status = draw(_STATUSES)
    lines = [
        f"HTTP/1.1 {status} {draw(st.sampled_from(['OK', '', 'é', ' '.join(['x'] * 50)]))}".encode("latin-1"),
        *draw(st.lists(_HEADERS, max_size=3)),
    ]
    framing = draw(
        st.sampled_from(
            [
                "right",
                "right",
                "right",
                "none",
                "short",
                "long",
                "negative",
                "words",
                "twice",
                "chunked",
                "broken-chunks",
                "both",
            ]
        )
    )
    lines += {
        "right": [b"Content-Length: %d" % len(body)],
        "short": [b"Content-Length: %d" % (len(body) // 2)],
        "long": [b"Content-Length: %d" % (len(body) + 50)],
        "negative": [b"Content-Length: -5"],
        "words": [b"Content-Length: many"],
        "twice": [b"Content-Length: 1", b"Content-Length: 2"],
        "chunked": [b"Transfer-Encoding: chunked"],
        "broken-chunks": [b"Transfer-Encoding: chunked"],
        "both": [b"Transfer-Encoding: chunked", b"Content-Length: 3"],
    }.get(framing, [])
    if framing in {"chunked", "both"}:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    if framing == "broken-chunks":
        body = draw(
            st.sampled_from(
                [
                    b"zz\r\n",
                    b"-1\r\n",
                    b"ffffffffffffffff\r\nx",
                    b"5\r\nab",
                    b"1\r\na\r\n",
                    b"\r\n\r\n",
                    b"1;" + b"x" * 70_000,
                ]
            )
        )
    whole = b"\r\n".join([*lines, b"", b""]) + body
    cut = draw(st.one_of(st.none(), st.integers(0, len(whole))))
    before = draw(
        st.sampled_from(
            [b"", b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"]
        )
    )
    return before + (whole if cut is None else whole[:cut])


# Bytes that are no HTTP at all, and answers that need care of their own.
odd_answers = st.sampled_from(
    [b"", b"\r\n", b"\x16\x03\x01\x02\x00", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/0.9 200\r\n\r\n", b"HTTP/2 200\r\n\r\n{}", b"ICY 200 OK\r\n\r\n", b"HTTP/1.1\r\n\r\n",
     b"HTTP/1.1 99999 x\r\n\r\n", b"HTTP/1.1 -1 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
     b"HTTP/1.1 100 Continue\r\n\r\n" * 50, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 10_000_000)],
)  # fmt: skip
answers = st.one_of(raw_answers(), raw_answers(), raw_answers(), odd_answers)
