"""Addresses: the API's base, registry references and artifact names, and the paths of requests.

Hides how a name becomes a path that can reach exactly one endpoint. tests/recorded/paths.json has the forms that the server
accepts: `a/r/+` with `name`, or with `team/model/+` if the name has a slash.

The functions that parse raise Invalid, with the cure. Its text does not name the input.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from har_labels.errors import Invalid
from har_labels.text import CONTROL_CHARACTERS

SAAS_PATH = "/har/api/v1"
_PERCENT_ESCAPE = re.compile("%[0-9a-fA-F]{2}")
_LONGEST_HOST, _LONGEST_PART = 253, 63  # RFC 1035
_HOST = re.compile(r"[A-Za-z0-9._\-]+|\[[0-9a-fA-F:.]+\]")

_WRITE_A_HOST = "Write the Harness host, such as https://app.harness.io, or a full API base."
_WRITE_A_SCOPE_PATH = "Write account/registry, account/org/registry or account/org/project/registry."
WRITE_A_PLAIN_NAME = "Write the artifact's plain name, such as resnet50 or team/model."


@dataclass(frozen=True, slots=True)
class ApiBase:
    """The base URL of every request, such as `https://app.harness.io/har/api/v1`, without a slash at its end."""

    scheme: str
    netloc: str
    path: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def host(self) -> str:
        """The host without port in lower case; an IPv6 address without its brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_plain_http(self) -> bool:
        """Whether the key would cross a network unencrypted."""
        return self.scheme == "http" and not self.is_loopback

    @property
    def is_harness_saas(self) -> bool:
        """Whether the host is Harness's own, which has a known rate limit per key (contract §2, `requests-per-minute`)."""
        return self.host == "harness.io" or self.host.endswith(".harness.io")

    @property
    def is_below_har(self) -> bool:
        """Whether the path is Harness's, below `/har/`; Harness Open Source has the API at `/api/v1`."""
        return "/har/" in self.path + "/"

    @property
    def keeps_types(self) -> bool:
        """Whether a PUT may keep a HUGGINGFACE artifact's type. A base without `/har/` is the open-source server, which
        clears it (contract §5 point 9; tests/recorded/huggingface.json).
        """
        return self.is_below_har


def parse_api_base(text: str) -> ApiBase:
    """Parses `api-url`: a host, a URL, or a full API base. Without a path `/har/api/v1` is added (contract §2).

    Raises Invalid. The settings check whether plain http is allowed.
    """
    url = text if "://" in text else f"https://{text}"
    if not url.isprintable() or " " in url or "\\" in url:
        raise Invalid("it has a blank, a backslash or a control character", _WRITE_A_HOST)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("it is not a valid URL, or its port is not a number", _WRITE_A_HOST) from None
    if parts.scheme not in {"https", "http"}:
        raise Invalid("only https (and http to this machine) can be used", _WRITE_A_HOST)
    if "@" in parts.netloc:
        raise Invalid("it has a user name or password; the key has an input of its own", _WRITE_A_HOST)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise Invalid("it has a query or fragment", _WRITE_A_HOST)
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.rstrip(":")
    names = host.removesuffix(".").split(".")
    # A name that DNS can't look up would be reported as a failing proxy later.
    is_name = len(host) <= _LONGEST_HOST and all(0 < len(name) <= _LONGEST_PART for name in names)
    if not _HOST.fullmatch(host) or not (is_name or host[0] == "["):
        raise Invalid("it has no valid host", _WRITE_A_HOST)
    path = parts.path.rstrip("/")
    if "%" in path or any(segment in {"", ".", ".."} for segment in path.split("/")[1:]):
        raise Invalid("its path has an empty, dotted or percent-encoded part", _WRITE_A_HOST)
    return ApiBase(parts.scheme, parts.netloc, path or SAAS_PATH)


@dataclass(frozen=True, slots=True)
class RegistryRef:
    """A registry's scope path: `account/registry`, `account/org/registry` or `account/org/project/registry`."""

    segments: tuple[str, ...]

    def __str__(self) -> str:
        return _scope_path(self.segments)

    @property
    def path(self) -> str:
        """The path below the API base; `/+` stays literal (tests/recorded/paths.json: `%2B` is another route)."""
        return f"/registry/{_percent_encoded(self.segments)}/+"


@lru_cache(maxsize=256)
def _scope_path(segments: tuple[str, ...]) -> str:
    """One string object per registry: each of a hundred thousand steps holds it."""
    return "/".join(segments) + "/+"


def parse_registry_ref(text: str) -> RegistryRef:
    """Parses `registry-ref`, with or without `/+` at its end. Raises Invalid (contract §2)."""
    if "://" in text:
        raise Invalid("it is a URL, but a scope path without a host is expected", _WRITE_A_SCOPE_PATH)
    segments = tuple(text.removesuffix("/+").split("/"))
    _check_segments(segments, _WRITE_A_SCOPE_PATH)
    if len(segments) == 1:
        raise Invalid("it has one segment, and the account must precede it", _WRITE_A_SCOPE_PATH)
    if len(segments) > 4:
        raise Invalid(f"it has {len(segments)} segments, and at most four are allowed", _WRITE_A_SCOPE_PATH)
    return RegistryRef(segments)


def parse_artifact_name(text: str) -> str:
    """Parses an artifact's plain name. A `/+` at its end, which request paths have after a name with a slash, is removed.

    Raises Invalid for a name that could reach another artifact in a request.
    """
    name = text.removesuffix("/+")
    validate_artifact_name(name)
    return name


def plain_name(name: str, ref: RegistryRef) -> str:
    """The plain name of an artifact, from an image address or from a name with a tag, version or digest.

    `host/account/registry/team/app:1.0`, `app@sha256:…` and `@team/app@1.0` → `team/app`, `app` and `@team/app`.
    """
    *folders, last = name.split("/")
    bare = last[:1] + re.sub("@.*", "", last[1:])
    bare = bare.rpartition(":")[0] or bare
    path = [*folders, bare]
    # An address begins with a host. A host without a dot is recognised by the number of parts: no name has as many.
    has_host = len(path) > 1 and bool(re.search(r"[.:]|^localhost$", path[0]))
    is_address = has_host or (len(path) > 3 and bare != last)
    below_host = path[1:] if has_host else path
    for scope in (ref.segments, (ref.segments[0], ref.segments[-1])):
        if [part.casefold() for part in below_host[: len(scope)]] == [part.casefold() for part in scope]:
            return "/".join(below_host[len(scope) :])
    return "/".join(path[3:] if is_address and len(path) > 3 else below_host)


def validate_artifact_name(name: str) -> None:
    """Raises Invalid for a name that is unsafe in a path. Names from the registry's own list are checked, too."""
    _check_segments(tuple(name.split("/")), WRITE_A_PLAIN_NAME)


def labels_path(ref: RegistryRef, artifact: str) -> str:
    """The path of the endpoint that replaces an artifact's labels (contract §1)."""
    return f"{artifact_path(ref, artifact)}/labels"


def artifact_path(ref: RegistryRef, artifact: str) -> str:
    """The path of one artifact; `/+` follows a name with a slash (tests/recorded/paths.json)."""
    segments = artifact.split("/")
    marker = "/+" if len(segments) > 1 else ""
    return f"{ref.path}/artifact/{_percent_encoded(segments)}{marker}"


def list_path(ref: RegistryRef) -> str:
    """The path of the list of a registry's artifacts."""
    return f"{ref.path}/artifacts"


def _percent_encoded(segments: tuple[str, ...] | list[str]) -> str:
    """The segments percent-encoded as Go does. With any other encoding (`%40` for `@`) the server keeps the raw path, and
    does not recognise the `/+` (tests/recorded/paths.json, "npm @team/leftpad/+").
    """
    return "/".join(quote(segment, safe="$&+,:;=@") for segment in segments)


def _check_segments(segments: tuple[str, ...], cure: str) -> None:
    for segment in segments:
        if found := CONTROL_CHARACTERS.search(segment):
            raise Invalid(f"it has the control character U+{ord(found[0]):04X}", cure)
        if segment != segment.strip():
            raise Invalid(f"it has a blank at the start or end of the segment {segment!r}", cure)
        # requests turns %2E%2E into `..`, and the server decodes %252F twice: an encoded name can reach an
        # artifact other than the one it seems to name (tests/recorded/paths.json, "encoded twice").
        if _PERCENT_ESCAPE.search(segment):
            raise Invalid(f"it is percent-encoded; write it plainly: {unquote(segment)!r}", cure)
        if segment in {"", ".", "..", "+"}:
            raise Invalid(f"it has the segment {segment!r}" if segment else "it has an empty segment", cure)
        if any("\ud800" <= character <= "\udfff" for character in segment):
            raise Invalid("it is not valid Unicode text", cure)
