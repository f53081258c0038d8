"""Addresses: the registry's base, registry references and artifact names, and the paths made of them.

Hides how a name becomes a path that can reach this one endpoint and no other. What the server takes is
recorded in tests/recorded/paths.json: `a/r/+` with `name`, or with `team/model/+` where the name has a slash.
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


@dataclass(frozen=True, slots=True)
class ApiBase:
    """The base of every request: `https://app.harness.io/har/api/v1`, without a slash at its end."""

    scheme: str
    netloc: str
    path: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def host(self) -> str:
        """The host without the port, lower case, an IPv6 address without its brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_plain_http(self) -> bool:
        """Whether the key would cross a network in the clear."""
        return self.scheme == "http" and not self.is_loopback

    @property
    def is_harness_saas(self) -> bool:
        """Whether the host is Harness's own, whose keys have a known rate (contract §2, `requests-per-minute`)."""
        return self.host == "harness.io" or self.host.endswith(".harness.io")

    @property
    def is_below_har(self) -> bool:
        """Whether the API is Harness's own, which stands below `/har/`; Harness Open Source has it at `/api/v1`."""
        return "/har/" in self.path + "/"

    @property
    def keeps_types(self) -> bool:
        """Whether a PUT may leave a HUGGINGFACE artifact's type alone: a base without `/har/` is the open-source
        server, which clears it (contract §5 point 9; tests/recorded/huggingface.json).
        """
        return self.is_below_har


def parse_api_base(text: str) -> ApiBase:
    """`api-url` as given: a host, a URL, or a full API base. Without a path `/har/api/v1` is added (contract §2).

    Raises Invalid. Whether plain http is allowed is the settings' question, not this one's.
    """
    url = text if "://" in text else f"https://{text}"
    if not url.isprintable() or " " in url or "\\" in url:
        raise Invalid("it has a blank, a backslash or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("it is no URL, or its port is no number") from None
    if parts.scheme not in {"https", "http"}:
        raise Invalid("only https (and http to this machine) can be used")
    if "@" in parts.netloc:
        raise Invalid("it has a user name or password; the key has an input of its own")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise Invalid("it has a query or fragment")
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.rstrip(":")
    if not _HOST.fullmatch(host) or not _has_name_of_dns(host):
        raise Invalid("it names no host")
    path = parts.path.rstrip("/")
    if "%" in path or any(segment in {"", ".", ".."} for segment in path.split("/")[1:]):
        raise Invalid("its path has an empty, dotted or percent-encoded part")
    return ApiBase(parts.scheme, parts.netloc, path or SAAS_PATH)


def _has_name_of_dns(host: str) -> bool:
    """Whether every part of the host's name can be looked up; what can't would be taken for a wrong proxy later."""
    parts = host.removesuffix(".").split(".")
    return host[0] == "[" or (len(host) <= _LONGEST_HOST and all(0 < len(part) <= _LONGEST_PART for part in parts))


@dataclass(frozen=True, slots=True)
class RegistryRef:
    """A registry's scope path: `account/registry`, `account/org/registry` or `account/org/project/registry`."""

    segments: tuple[str, ...]

    def __str__(self) -> str:
        return _scope_path(self.segments)

    @property
    def path(self) -> str:
        """The path below the API base; `/+` stays literal (recorded/paths.json: `%2B` is another route)."""
        return f"/registry/{_quoted(self.segments)}/+"


@lru_cache(maxsize=256)
def _scope_path(segments: tuple[str, ...]) -> str:
    """One text for all: each of a hundred thousand steps names its registry."""
    return "/".join(segments) + "/+"


def parse_registry_ref(text: str) -> RegistryRef:
    """`registry-ref` as given, with or without `/+` at its end. Raises Invalid (contract §2)."""
    if "://" in text:
        raise Invalid("it is a URL, and a scope path without host is wanted")
    segments = tuple(text.removesuffix("/+").split("/"))
    _check_segments(segments)
    if len(segments) == 1:
        raise Invalid("it has one segment, and the account has to stand before it")
    if len(segments) > 4:
        raise Invalid(f"it has {len(segments)} segments, and four are the most")
    return RegistryRef(segments)


WRITE_A_PLAIN_NAME = "Write the artifact's plain name, such as resnet50 or team/model."


def parse_artifact_name(text: str) -> str:
    """An artifact's plain name. The `/+` that the wire wants behind a name with a slash may be given too.

    Raises Invalid for whatever could name something else on the wire.
    """
    name = text.removesuffix("/+")
    check_artifact_name(name)
    return name


def plain_name(name: str, ref: RegistryRef) -> str:
    """The artifact that is meant by an image's address, or by a name with a tag, version or digest behind it.

    `host/account/registry/team/app:1.0`, `app@sha256:…` and `@team/app@1.0` → `team/app`, `app` and `@team/app`.
    """
    *folders, last = name.split("/")
    bare = last[:1] + re.sub("@.*", "", last[1:])
    bare = bare.rpartition(":")[0] or bare
    path = [*folders, bare]
    # An address has a host in front; one of a single word shows by what follows it, as no name is as deep.
    has_host = len(path) > 1 and bool(re.search(r"[.:]|^localhost$", path[0]))
    is_address = has_host or (len(path) > 3 and bare != last)
    below_host = path[1:] if has_host else path
    for scope in (ref.segments, (ref.segments[0], ref.segments[-1])):
        if [part.casefold() for part in below_host[: len(scope)]] == [part.casefold() for part in scope]:
            return "/".join(below_host[len(scope) :])
    return "/".join(path[3:] if is_address and len(path) > 3 else below_host)


def check_artifact_name(name: str) -> None:
    """Raises Invalid for a name that can't be sent safely, wherever it comes from: a list may hold any."""
    _check_segments(tuple(name.split("/")))


def labels_path(ref: RegistryRef, artifact: str) -> str:
    """The path of the endpoint that replaces an artifact's labels (contract §1)."""
    return f"{artifact_path(ref, artifact)}/labels"


def artifact_path(ref: RegistryRef, artifact: str) -> str:
    segments = artifact.split("/")
    marker = "/+" if len(segments) > 1 else ""
    return f"{ref.path}/artifact/{_quoted(segments)}{marker}"


def list_path(ref: RegistryRef) -> str:
    return f"{ref.path}/artifacts"


def _quoted(segments: tuple[str, ...] | list[str]) -> str:
    """Segments escaped as Go does it. Any other escape (`%40` for `@`) makes the server keep the path raw, and then
    it does not find an artifact by its `/+` (recorded/paths.json, "npm @team/leftpad/+").
    """
    return "/".join(quote(segment, safe="$&+,:;=@") for segment in segments)


def _check_segments(segments: tuple[str, ...]) -> None:
    for segment in segments:
        if found := CONTROL_CHARACTERS.search(segment):
            raise Invalid(f"it has the control character U+{ord(found[0]):04X}")
        if segment != segment.strip():
            raise Invalid(f"it has a blank at the start or end of the segment {segment!r}")
        # requests turns %2E%2E into `..`, and the server decodes %252F twice: an encoded name can reach
        # another artifact than the one it seems to name (recorded/paths.json, "encoded twice").
        if _PERCENT_ESCAPE.search(segment):
            raise Invalid(f"it is percent-encoded; write it plainly: {unquote(segment)!r}")
        if segment in {"", ".", "..", "+"}:
            raise Invalid(f"it has the segment {segment!r}" if segment else "it has an empty segment")
        if any("\ud800" <= character <= "\udfff" for character in segment):
            raise Invalid("it is not valid Unicode text")
