"""What an answer means: final, unknown, or to be believed; and the rows, labels and facts in it (contract §1, §5 point 3).

Hides the four shapes of an error body, the one table from status to error, and every way in which a 2xx answer
can be something else than what the API documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple

from har_labels.clock import LONGEST_ASKED_WAIT
from har_labels.errors import (
    BadAnswer,
    BadRequest,
    Conflict,
    Forbidden,
    HarLabelsError,
    NoSuchPath,
    RateLimited,
    Redirected,
    Refused,
    RegistryNotFound,
    RegistryUnknown,
    ServerFailing,
    Unauthorized,
)
from har_labels.model.labels import Labels, to_labels
from har_labels.model.outcome import ArtifactFacts
from har_labels.registry.transport import Answer
from har_labels.text import named

_LONGEST_MESSAGE = 300
_HALF_PAIR = re.compile("[\ud800-\udfff]")
# A plain refusal: the server understood and did nothing (contract §5 point 3).
_REFUSALS = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422})
# Refusals of this moment: too slow, too early, too many.
_MAY_PASS = frozenset({408, 425, 429})
# What the API documents beside SUCCESS (contract §1); with any other status it is not an answer of this API.
_FAILURES = frozenset({"FAILURE", "ERROR"})


class UnknownOutcome(Exception):
    """An answer that tells nothing certain. `error` is what the reader is told if no read settles it.

    `written` is False where the request surely did nothing (429), None where nobody knows. `wait` is the
    seconds that the server asked for, 0 if it named none.
    """

    def __init__(self, error: HarLabelsError, *, wait: float = 0, written: bool | None = None) -> None:
        super().__init__(error.what)
        self.error, self.wait, self.written = error, wait, written


def asked_for(unknown: UnknownOutcome) -> str:
    """`, and it asked to wait 86,400 s`, where that is longer than any run waits; else empty text."""
    return f", and it asked to wait {unknown.wait:,.0f} s" if unknown.wait > LONGEST_ASKED_WAIT else ""


class Origin(NamedTuple):
    """The page of a list that a row stood on."""

    search: str
    number: int


@dataclass(frozen=True, slots=True)
class Row:
    """One artifact as a list or a summary shows it. `labels` is None where they are not shown at all.

    `is_deleted`: the registry still lists it, as soft-deleted. It is found by nothing any more. `left_out` are the places
    of the entries whose `where` is false for it, see `engine.filters`.
    """

    name: str
    artifact_type: str
    labels: Labels | None
    facts: ArtifactFacts
    origin: Origin | None = None
    is_deleted: bool = False
    left_out: frozenset[int] = frozenset()

    @property
    def lean(self) -> Row:
        """The row without what only the outputs of a single artifact tell: the rows of a large run share the rest."""
        return replace(self, facts=_of_type(self.facts.package_type))


@lru_cache
def _of_type(package_type: str) -> ArtifactFacts:
    return ArtifactFacts(package_type=package_type)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `size` is the page size the answer names (0: it names none), `items` its item count."""

    rows: tuple[Row, ...]
    size: int
    items: int


@dataclass(frozen=True, slots=True)
class Written:
    """A believed answer to a PUT. `labels` is None where the answer doesn't name them."""

    labels: Labels | None
    facts: ArtifactFacts


def raise_for_status(answer: Answer, *, subject: str, missing: type[HarLabelsError], is_read: bool = True) -> None:
    """Raises what the status stands for, unless it is 2xx. One table for every call.

    A read changes nothing, so for it every 4xx but those that may pass, and a 501, are as plain as a 403 (contract §5 point 3).
    """
    status, words = answer.status, _words(answer)
    said = f": {words}" if words else ""
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise _redirected(answer, subject)
    if status == 429:
        raise UnknownOutcome(RateLimited(f"too many requests (429){said}"), wait=_retry_after(answer), written=False)
    if status not in _REFUSALS and not (is_read and _is_plain_for_reads(status)):
        raise UnknownOutcome(ServerFailing(f"the server answered {status}{said}"), wait=_retry_after(answer))
    if status == 404 and not isinstance(answer.document, dict):
        raise NoSuchPath(f"the server has no such path (404){said}")
    if status == 404 or (status == 400 and "not found" in words):
        kind = RegistryUnknown if status == 400 and missing is RegistryNotFound else missing
        raise kind(f"{subject} was not found ({status}){said}")
    error = {400: BadRequest, 401: Unauthorized, 403: Forbidden, 409: Conflict}.get(status, Refused)
    if words == "unauthorized":
        error = Unauthorized  # a list asked without a key that it reads (recorded/errors.json, "x-api-key only, list")
    raise error(f"the server refused a request for {subject} ({status}){said}")


def _is_plain_for_reads(status: int) -> bool:
    return status == 501 or (400 <= status < 500 and status not in _MAY_PASS)


def _redirected(answer: Answer, subject: str) -> Redirected:
    """Where an answer points, without what may be secret in it: a user with a password, a query."""
    location = answer.headers.get("Location", "")
    if not location:
        cure = f"Check `{named('api-url')}` and the proxies in between."
        return Redirected(
            f"the answer to a request for {subject} points elsewhere ({answer.status}), but not where", cure
        )
    bare = re.sub("//[^/?#]*@", "//", re.split("[?#]", location, maxsplit=1)[0])
    return Redirected(f"the answer to a request for {subject} points to {_cut(bare)!r}")


def _words(answer: Answer) -> str:
    """What the server said in one line, from any of its four shapes: JSON with or without a code, plain text, nothing.

    Web pages are not quoted. (recorded/README.md, surprise 7)
    """
    document = answer.document
    said = document.get("message") if isinstance(document, dict) else None
    if not isinstance(said, str):
        text = answer.body[: 4 * _LONGEST_MESSAGE].decode("utf-8", "replace").strip()
        said = "" if document is not None or text.startswith("<") else text
    return _cut(" ".join(said.split()))


def _cut(text: str) -> str:
    """Text of the server as it is told: a log line is no place for megabytes."""
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"


def data_of(answer: Answer) -> dict[str, Any]:
    """The `data` of a 2xx answer that can be believed: JSON with status SUCCESS. Raises UnknownOutcome."""
    document = answer.document
    if not isinstance(document, dict):
        kind = _cut(answer.headers.get("Content-Type", "no content type").partition(";")[0])
        what = "is not JSON" if document is None and answer.body.strip() != b"null" else "is no JSON object"
        raise UnknownOutcome(BadAnswer(f"the server answered {answer.status} with {kind} that {what}"))
    status = document.get("status")
    if status != "SUCCESS":
        shown = f"with status {_cut(status)!r}" if isinstance(status, str) else "without a status that is text"
        words = _words(answer)
        said = f": {words}" if words else ""
        failing = ServerFailing if isinstance(status, str) and status in _FAILURES else BadAnswer
        raise UnknownOutcome(failing(f"the server answered {answer.status} {shown}{said}"))
    data = document.get("data")
    if not isinstance(data, dict):
        raise UnknownOutcome(BadAnswer(f"the server answered {answer.status} without the data that the API documents"))
    return data


def row_of(data: dict[str, Any], *, is_shown: bool = True, origin: Origin | None = None) -> Row:
    name, artifact_type = data.get("name"), data.get("artifactType") or ""
    if not isinstance(name, str) or not isinstance(artifact_type, str):
        raise UnknownOutcome(BadAnswer("a row of the list has no name"))
    return Row(
        intern(name),
        artifact_type,
        (labels_of(data.get("labels")) or ()) if is_shown else None,
        facts_of(data),
        origin,
        _is_deleted(data.get("deletedAt")),
    )


def _is_deleted(deleted_at: Any) -> bool:
    """The time of a soft delete, in milliseconds or as a date. Servers in Go also write "never" as their zero time."""
    text = str(deleted_at).strip() if deleted_at else ""
    return bool(text) and text != "0" and not text.startswith(("-", "0001-"))


def labels_of(value: Any) -> Labels | None:
    """Labels as the server gives them: `null` is no list. Half surrogate pairs, which no file can hold, are replaced."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise UnknownOutcome(BadAnswer("the labels in the answer are not a list of texts"))
    # Interned, since the artifacts of a registry share most of their labels.
    return to_labels(intern(_HALF_PAIR.sub("\ufffd", label)) for label in value)


def facts_of(data: dict[str, Any]) -> ArtifactFacts:
    def text(*names: str) -> str:
        return next((intern(_as_text(data[name])) for name in names if isinstance(data.get(name), str | int)), "")

    return ArtifactFacts(
        image_name=text("imageName", "name"),
        package_type=text("packageType"),
        created_at=text("createdAt"),
        modified_at=text("modifiedAt", "lastModified"),
        downloads_count=text("downloadsCount"),
        is_quarantined=text("isQuarantined"),
        latest_version=text("latestVersion"),
    )


def _as_text(value: str | int) -> str:
    """A number or `true` and `false` as JSON writes them, so that no two servers' forms differ here."""
    return str(value).lower() if isinstance(value, bool) else _HALF_PAIR.sub("\ufffd", str(value))


def count_of(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _retry_after(answer: Answer) -> float:
    """Seconds named by Retry-After, as a number or a date; 0 if none can be read."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    try:
        at, served = parsedate_to_datetime(value), parsedate_to_datetime(answer.headers.get("Date", ""))
        return max(0.0, (at - served).total_seconds())
    except (TypeError, ValueError):
        return 0
