"""Maps a raw request path to an operation, by the rules of the recorded server's router.

Source: `recorded/paths.json`, every exchange; the reason is in harness/harness,
`app/api/middleware/encode/encode.go`. The server keeps a path in two forms, decoded and
raw, and the raw one only if re-encoding the decoded one gives another path. References
that end in `/+` are folded into one segment (`/` becomes `%2F`) before routing, first the
registry's, then the artifact's; the artifact's only if the registry is one segment of the
*decoded* path too, so `a%2Fr` and artifact `x/+` cannot be combined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

_SAFE_IN_PATH = "$&+,/:;=@-_.~"
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")

_PATTERNS = tuple(
    (method, operation, re.compile(pattern))
    for method, operation, pattern in (
        ("PUT", "put-labels", r"/registry/(?P<registry>[^/]*)/artifact/(?P<artifact>[^/]*)/labels"),
        ("GET", "summary", r"/registry/(?P<registry>[^/]*)/artifact/(?P<artifact>[^/]*)/summary"),
        ("GET", "versions", r"/registry/(?P<registry>[^/]*)/artifact/(?P<artifact>[^/]*)/versions"),
        (
            "GET",
            "version-summary",
            r"/registry/(?P<registry>[^/]*)/artifact/(?P<artifact>[^/]*)/version/(?P<version>[^/]*)/summary",
        ),
        ("GET", "registry-labels", r"/registry/(?P<registry>[^/]*)/artifact/labels"),
        ("DELETE", "delete", r"/registry/(?P<registry>[^/]*)/artifact/(?P<artifact>[^/]*)"),
        ("GET", "list", r"/registry/(?P<registry>[^/]*)/artifacts"),
        ("GET", "space-artifacts", r"/spaces/(?P<space>[^/]*)/artifacts"),
        ("GET", "space-registries", r"/spaces/(?P<space>[^/]*)/registries"),
    )
)


@dataclass(frozen=True)
class Route:
    """The operation of a request.

    `operation` is one of the names above or `bad-escape`, `bad-parameter` (see `detail`),
    `not-allowed` (see `allow`), `not-found` or `outside` (not below the API's base).
    """

    operation: str
    registry: str = ""
    artifact: str = ""
    version: str = ""
    space: str = ""
    allow: str = ""
    detail: str = ""


@lru_cache(maxsize=4096)
def find_route(method: str, path: str, base: str) -> Route:
    """The route of `path` (raw, without query) below `base` such as `/api/v1`."""
    if _BAD_ESCAPE.search(path):
        return Route("bad-escape")
    url = _Url.parse(path)
    if not url.decoded.startswith(base + "/"):
        return Route("outside")
    for prefix in (f"{base}/spaces/", f"{base}/registry/"):
        if url.routed.startswith(prefix) and (folded := url.folded(prefix)):
            url = folded
            break
    # The server looks for this prefix in the decoded form even if it routes by the raw one.
    if found := re.match(re.escape(base) + r"/registry/[^/]+/artifact/", url.decoded):
        prefix = found[0]
        if url.routed.startswith(prefix):
            url = url.folded(prefix) or url
    return _match(method, url.routed[len(base) :])


@dataclass(frozen=True)
class _Url:
    decoded: str
    raw: str

    @classmethod
    def parse(cls, path: str) -> _Url:
        decoded = _decode(path)
        return cls(decoded, "" if quote(decoded, safe=_SAFE_IN_PATH) == path else path)

    @property
    def routed(self) -> str:
        return self.raw or self.decoded

    def folded(self, prefix: str) -> _Url | None:
        """This URL with the reference after `prefix`, up to its `/+`, as one segment."""
        rest = self.routed[len(prefix) :]
        reference, marker, tail = rest.partition("/+/")
        if not marker:
            if not rest.endswith("/+"):
                return None
            reference, tail = rest[:-2], ""
        else:
            tail = "/" + tail
        routed = prefix + reference[:1] + reference[1:].replace("/", "%2F") + tail
        return _Url(_decode(routed), routed) if self.raw else _Url(routed, "")


def _decode(path: str) -> str:
    return unquote_to_bytes(path).decode("utf-8", "replace")


def _match(method: str, path: str) -> Route:
    allowed = []
    for wanted, operation, pattern in _PATTERNS:
        if not (found := pattern.fullmatch(path)):
            continue
        if wanted == method:
            return _bind(operation, found.groupdict())
        allowed.append(wanted)
    if allowed:
        return Route("not-allowed", allow=", ".join(allowed))
    return Route("not-found")


def _bind(operation: str, segments: dict[str, str]) -> Route:
    """Decode the segments once more, as the generated Go code does."""
    for name, segment in segments.items():
        spelled = {"registry": "registry_ref", "space": "space_ref"}.get(name, name)
        problem = f"Invalid format for parameter {spelled}: "
        if not segment:
            detail = f"{problem}parameter '{spelled}' is empty, can't bind its value\n"
            return Route("bad-parameter", detail=detail)
        if bad := _BAD_ESCAPE.search(segment):
            escape = segment[bad.start() : bad.start() + 3]
            what = f"error unescaping path parameter '{spelled}': invalid URL escape"
            return Route("bad-parameter", detail=f'{problem}{what} "{escape}"\n')
    return Route(operation, **{name: _decode(segment) for name, segment in segments.items()})
