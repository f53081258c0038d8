"""Interprets answers: success, refusal or unknown outcome; and the rows, labels and facts in them (contract §1, §5 point 3).

Hides the four shapes of an error body, the one table from status to error, and every way in which a 2xx answer
can differ from what the API documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple

from har_labels.clock import LONGEST_RETRY_AFTER
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
from har_labels.model.facts import ArtifactFacts, is_never
from har_labels.model.labels import Labels, to_labels
from har_labels.registry.transport import Answer
from har_labels.text import ELLIPSIS, cut, named

_LONGEST_MESSAGE = 300
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# A plain refusal: the server understood the request and did nothing (contract §5 point 3).
_REFUSALS = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422})
# Transient refusals: too slow, too early, too many requests.
_TRANSIENT = frozenset({408, 425, 429})
# The values of `status` that the API documents besides SUCCESS (contract §1); any other is not an answer of this API.
_FAILURES = frozenset({"FAILURE", "ERROR"})


class UnknownOutcome(Exception):
    """It is unknown whether the server processed a request. `error` is reported if no retry or read settles it.

    `written` is False if the request surely changed nothing (429), otherwise None. `wait` is the Retry-After of the
    answer in seconds, 0 without one.
    """

    def __init__(self, error: HarLabelsError, *, wait: float = 0, written: bool | None = None) -> None:
        super().__init__(error.what)
        self.error, self.wait, self.written = error, wait, written

    @property
    def asks_too_long(self) -> bool:
        """Whether Retry-After is longer than any run waits."""
        return self.wait > LONGEST_RETRY_AFTER

    @property
    def wait_note(self) -> str:
        """`, and it asked to wait 86,400 s` if that is too long; otherwise empty text."""
        return f", and it asked to wait {self.wait:,.0f} s" if self.asks_too_long else ""


class PageRef(NamedTuple):
    """The page of a list on which a row was found."""

    search: str
    number: int


@dataclass(frozen=True, slots=True)
class Row:
    """One artifact as a list or a summary shows it. `labels` is None if the answer does not show them.

    `is_deleted`: soft-deleted, but still listed; neither names nor patterns find it. `left_out`: the entries, by their
    index, whose `where` is false for it (`engine.filters`).
    """

    name: str
    artifact_type: str
    labels: Labels | None
    facts: ArtifactFacts
    origin: PageRef | None = None
    is_deleted: bool = False
    left_out: frozenset[int] = frozenset()

    @property
    def lean(self) -> Row:
        """The row without facts that only a single artifact's outputs show: large runs keep little memory per row."""
        return replace(self, facts=_of_type(self.facts.package_type))


@lru_cache
def _of_type(package_type: str) -> ArtifactFacts:
    return ArtifactFacts(package_type=package_type)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `size` is the page size in the answer, `items` the item count; 0 if it has none."""

    rows: tuple[Row, ...]
    size: int
    items: int


@dataclass(frozen=True, slots=True)
class PutResult:
    """A successful answer to a PUT. `labels` is None if the answer does not contain them."""

    labels: Labels | None
    facts: ArtifactFacts


def raise_for_status(answer: Answer, *, subject: str, missing: type[HarLabelsError], is_read: bool = True) -> None:
    """Raises the error for the answer's status, nothing for 2xx. One table for every call.

    `missing` is the error for 404. A read changes nothing, so for it 501 and every 4xx that is not transient are plain
    refusals, as 403 is (contract §5 point 3). Raises UnknownOutcome, Redirected or the error of the status.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    message = _message(answer)
    detail = f": {message}" if message else ""
    if 300 <= status < 400:
        raise _redirected(answer, subject)
    if status == 429:
        raise UnknownOutcome(RateLimited(f"too many requests (429){detail}"), wait=_retry_after(answer), written=False)
    is_refused_read = is_read and (status == 501 or (400 <= status < 500 and status not in _TRANSIENT))
    if status not in _REFUSALS and not is_refused_read:
        raise UnknownOutcome(ServerFailing(f"the server answered {status}{detail}"), wait=_retry_after(answer))
    if status == 404 and not isinstance(answer.document, dict):
        raise NoSuchPath(f"the server has no such path (404){detail}")
    if status == 404 or (status == 400 and "not found" in message):
        kind = RegistryUnknown if status == 400 and missing is RegistryNotFound else missing
        raise kind(f"{subject} was not found ({status}){detail}")
    error = {400: BadRequest, 401: Unauthorized, 403: Forbidden, 409: Conflict}.get(status, Refused)
    if message == "unauthorized":
        error = Unauthorized  # a list requested without the kind of key it accepts (recorded/errors.json, "x-api-key only, list")
    raise error(f"the server refused a request for {subject} ({status}){detail}")


def _redirected(answer: Answer, subject: str) -> Redirected:
    """The error for a redirect, without what may be secret in its location: user, password, query."""
    location = answer.headers.get("Location", "")
    if not location:
        cure = f"Check `{named('api-url')}` and the proxies in between."
        return Redirected(
            f"the answer to a request for {subject} is a redirect ({answer.status}) without a location", cure
        )
    bare = re.sub("//[^/?#]*@", "//", re.split("[?#]", location, maxsplit=1)[0])
    return Redirected(f"the answer to a request for {subject} points to {_cut(bare)!r}")


def _message(answer: Answer) -> str:
    """The server's message on one line, from its four shapes: JSON with or without a code, plain text, nothing.

    Web pages are not quoted (recorded/README.md, surprise 7).
    """
    document = answer.document
    message = document.get("message") if isinstance(document, dict) else None
    if not isinstance(message, str):
        # Four bytes for a character at the most. The ellipsis of a cut text hides the beginning of a key before it.
        most = 4 * _LONGEST_MESSAGE
        text = answer.body[:most].decode("utf-8", "replace").strip() + (ELLIPSIS if len(answer.body) > most else "")
        message = "" if document is not None or text.startswith("<") else text
    return _cut(" ".join(message.split()))


def _cut(text: str) -> str:
    """The server's text, shortened for a log line."""
    return cut(text, _LONGEST_MESSAGE)


def data_of(answer: Answer) -> dict[str, Any]:
    """The `data` of a 2xx answer, which must be JSON with status SUCCESS. Raises UnknownOutcome."""
    document = answer.document
    if not isinstance(document, dict):
        kind = _cut(answer.headers.get("Content-Type", "no content type").partition(";")[0])
        is_json = document is not None or answer.body.strip() == b"null"
        what = "is not a JSON object" if is_json else "is not valid JSON"
        raise UnknownOutcome(BadAnswer(f"the server answered {answer.status} with {kind} that {what}"))
    status = document.get("status")
    if status != "SUCCESS":
        shown = f"with status {_cut(status)!r}" if isinstance(status, str) else "without a status that is text"
        message = _message(answer)
        detail = f": {message}" if message else ""
        failing = ServerFailing if isinstance(status, str) and status in _FAILURES else BadAnswer
        raise UnknownOutcome(failing(f"the server answered {answer.status} {shown}{detail}"))
    data = document.get("data")
    if not isinstance(data, dict):
        raise UnknownOutcome(BadAnswer(f"the server answered {answer.status} without the data that the API documents"))
    return data


def row_of(data: dict[str, Any], *, is_shown: bool = True, origin: PageRef | None = None) -> Row:
    """A row of a list, or of a summary. Raises UnknownOutcome."""
    name, artifact_type = data.get("name"), data.get("artifactType") or ""
    if not isinstance(name, str) or not isinstance(artifact_type, str):
        raise UnknownOutcome(BadAnswer("a row of the list has no name"))
    return Row(
        intern(name),
        artifact_type,
        (labels_of(data.get("labels")) or ()) if is_shown else None,
        facts_of(data),
        origin,
        _is_time(data.get("deletedAt")),
    )


def _is_time(value: Any) -> bool:
    """Whether `value` is a time, in milliseconds or as a date, and not "never"."""
    text = str(value).strip() if value else ""
    return bool(text) and not is_never(text)


def labels_of(value: Any) -> Labels | None:
    """The labels in an answer; None for `null`. Lone surrogates, which no file can hold, are replaced.

    Raises UnknownOutcome if they are not a list of strings.
    """
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise UnknownOutcome(BadAnswer("the labels in the answer are not a list of texts"))
    # Interned: the artifacts of a registry share most of their labels.
    return to_labels(intern(_LONE_SURROGATE.sub("\ufffd", label)) for label in value)


def facts_of(data: dict[str, Any]) -> ArtifactFacts:
    """The facts in a row or an answer to a PUT; what is absent or of another type is empty text."""

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
    """A number or a boolean as JSON writes it, as servers differ in whether they quote them."""
    return str(value).lower() if isinstance(value, bool) else _LONE_SURROGATE.sub("\ufffd", str(value))


def count_of(value: Any) -> int:
    """A count in an answer; 0 if it is absent or invalid."""
    return value if isinstance(value, int) and value > 0 else 0


def _retry_after(answer: Answer) -> float:
    """The seconds of Retry-After, a number or a date; 0 if it is absent or invalid."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    try:
        at, served = parsedate_to_datetime(value), parsedate_to_datetime(answer.headers.get("Date", ""))
        return max(0.0, (at - served).total_seconds())
    except (TypeError, ValueError):
        return 0
