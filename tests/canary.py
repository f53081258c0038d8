"""The key that the runs of all tests use, and every form in which it could get out."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

from har_sandbox import Request

# No shape that the product knows, and characters that look different in JSON, in a URL, in HTML and in base64.
KEY = 'cAnArY/7f3+"<k3y>&=zQx9~T'


class KeyLeakError(AssertionError):
    """The key was found where it must not be."""


def forms_of(key: str) -> frozenset[bytes]:
    """The key as it is, and URL-, JSON-, HTML-, hex- and base64-encoded, the last at each of three offsets."""
    texts = {
        key,
        quote(key, safe=""),
        quote(key),
        quote_plus(key),
        json.dumps(key)[1:-1],
        html.escape(key),
        key.encode().hex(),
    }
    texts |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text) for text in texts}
    return frozenset(text.encode() for text in texts) | frozenset(_base64_forms(key.encode()))


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    for encode in (b64encode, urlsafe_b64encode):
        for skipped in range(3):
            part = raw[skipped:]
            yield encode(part[: len(part) // 3 * 3])


FORMS = forms_of(KEY)


def check(content: str | bytes, where: str) -> None:
    """Raises KeyLeakError if the key is in `content`, without quoting it."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    for form in FORMS:
        if (at := raw.find(form)) >= 0:
            before = raw[max(0, at - 80) : at].decode("utf-8", "replace")
            raise KeyLeakError(f"the key is in {where}, after {before!r}")


def without_mask(log: str) -> str:
    """A log without the `add-mask` commands for GitHub's runner, which the runner itself removes."""
    return re.sub("^::add-mask::.*$", "", log, flags=re.MULTILINE)


def check_request(request: Request) -> None:
    """Raises KeyLeakError if a request has the key anywhere but in its one header, or not there."""
    check(f"{request.path}?{request.query}", "a request's path or query")
    check(request.body, "a request's body")
    carriers = {name.lower(): value for name, value in request.headers.items() if _holds_key(name, value)}
    if carriers not in ({"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}):
        raise KeyLeakError(f"{request.method} {request.path} has the key in {sorted(carriers) or 'no header'}")


def check_headers(headers: Mapping[str, str], where: str) -> None:
    """Raises KeyLeakError if any header has the key."""
    for name, value in headers.items():
        check(f"{name}: {value}", where)


def _holds_key(name: str, value: str) -> bool:
    return any(form in f"{name}: {value}".encode("utf-8", "backslashreplace") for form in FORMS)
