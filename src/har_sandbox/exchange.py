"""One request as it was received, and one answer as it will be sent.

Both are frozen values. Profiles map one to the other; nothing here uses a socket.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

Headers = tuple[tuple[str, str], ...]

JSON_TYPE: Headers = (("Content-Type", "application/json"),)
TEXT_TYPE: Headers = (("Content-Type", "text/plain; charset=utf-8"),)
HTML_TYPE: Headers = (("Content-Type", "text/html; charset=utf-8"),)


@dataclass(frozen=True)
class Request:
    """One request exactly as it was received, and after handling its result.

    `path` is raw (nothing decoded), `headers` keep their case. `status` is None until the request is
    answered, and stays None if the connection was cut without an answer; `written`: whether it wrote
    labels to the store; `fault` names the fault applied.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    time: float = 0.0
    status: int | None = None
    written: bool = False
    fault: str | None = None

    def header(self, name: str) -> str | None:
        """The header of that name in any case, or None."""
        return self._lower_headers.get(name.lower())

    def param(self, name: str) -> str | None:
        """The first query parameter of that name, decoded, or None."""
        return self._params.get(name)

    @cached_property
    def _lower_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    @cached_property
    def _params(self) -> dict[str, str]:
        pairs = parse_qsl(self.query, keep_blank_values=True)
        return dict(reversed(pairs))


@dataclass(frozen=True)
class Answer:
    """The answer to send; `status` None closes the connection without an answer."""

    status: int | None
    headers: Headers = ()
    body: bytes = b""
    written: bool = False
    close: bool = False


CUT = Answer(None, close=True)


def to_json(value: Any) -> bytes:
    r"""Bytes of `value` as Go's encoding/json writes them: compact, `<` as \u003c, one newline."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        if char in text:
            text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode("utf-8", "replace") + b"\n"


def json_answer(status: int, value: Any, *, written: bool = False) -> Answer:
    """An answer whose body is `value` as JSON."""
    return Answer(status, JSON_TYPE, to_json(value), written=written)


def success(data: Any, *, written: bool = False) -> Answer:
    """200 with `data` in the envelope of contract section 1."""
    return json_answer(200, {"data": data, "status": "SUCCESS"}, written=written)


def text_answer(status: int, text: str) -> Answer:
    """An answer of plain text, as Go's http.Error writes it."""
    return Answer(status, TEXT_TYPE, text.encode())
