"""The registry's API, one method per call (contract §1).

Hides paths and query parameters. Each request is sent once: `retry` retries reads and the engine's writer retries writes.
`answers` interprets the answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from har_labels.errors import (
    ArtifactNotFound,
    BadAnswer,
    Forbidden,
    HarLabelsError,
    Invalid,
    Refused,
    RegistryNotFound,
    Unauthorized,
)
from har_labels.model.address import (
    RegistryRef,
    artifact_path,
    labels_path,
    list_path,
    validate_artifact_name,
)
from har_labels.model.labels import Labels
from har_labels.registry.answers import (
    Page,
    PageRef,
    PutResult,
    Row,
    UnknownOutcome,
    count_of,
    data_of,
    facts_of,
    labels_of,
    raise_for_status,
    row_of,
)
from har_labels.registry.transport import Answer, NoAnswer, Transport

PAGE_SIZE = 100


class Registry:
    """The calls of contract §1. `wait_turn` (pace, cancel, deadline) is called before each read; callers of PUT call it.

    After a 401 no request is sent any more, and after a 403 no read of that registry: the same error is raised again
    (contract §4 "Exit codes": a 401 stops the run, a 403 that registry).
    """

    def __init__(self, transport: Transport, *, wait_turn: Callable[[], None]) -> None:
        self._transport = transport
        self.wait_turn = wait_turn
        self.requests, self._counting = 0, threading.Lock()
        self._refused_key: Unauthorized | None = None
        self._unreadable: dict[RegistryRef, Forbidden] = {}

    def check_key(self) -> None:
        """Raises the Unauthorized that the key got before; callers of PUT call it."""
        if self._refused_key:
            raise self._refused_key

    def check_access(self, ref: RegistryRef) -> None:
        """Raises the Unauthorized that the key got before, or the Forbidden that it got for this registry."""
        self.check_key()
        if refusal := self._unreadable.get(ref):
            raise refusal

    def page(self, ref: RegistryRef, *, search: str, number: int) -> Page:
        """One page of the registry's artifacts whose names contain `search`, by name (contract §1).

        Raises UnknownOutcome, or the error of the answer's status.
        """
        query = {
            "search_term": search, "page": str(number), "size": str(PAGE_SIZE), "sort_field": "name", "sort_order": "ASC",
        }  # fmt: skip
        answer = self._read(ref, list_path(ref), query={k: v for k, v in query.items() if v})
        self._check_status(answer, ref, subject=f"registry {ref}", missing=RegistryNotFound)
        data = data_of(answer)
        rows = data.get("artifacts", False)
        if rows is None:
            rows = []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnknownOutcome(BadAnswer(f"the list of {ref} is not what the API documents"))
        origin = PageRef(search, number)
        return Page(
            tuple(row_of(row, origin=origin) for row in rows),
            count_of(data.get("pageSize")),
            count_of(data.get("itemCount")),
        )

    def summary(self, ref: RegistryRef, artifact: str) -> Row | None:
        """The summary of one artifact, None if there is none. Raises as `page`."""
        answer = self._read(ref, f"{artifact_path(ref, artifact)}/summary")
        if answer.status == 404:
            return None  # with any body: this server has answered a list, so the path is right
        self._check_status(answer, ref, subject=f"artifact {artifact!r} in {ref}", missing=ArtifactNotFound)
        data = data_of(answer)
        return row_of({"name": artifact, **data}, is_shown="labels" in data)

    def put_labels(self, ref: RegistryRef, artifact: str, artifact_type: str, labels: Labels) -> PutResult:
        """Replaces the artifact's labels. Raises UnknownOutcome, or the error of a plain refusal.

        The caller calls `wait_turn` itself, and after it checks that its last read is still fresh.
        """
        try:
            validate_artifact_name(artifact)  # a pattern may have matched any name in the server's list
        except Invalid as error:
            raise Refused(
                f"artifact {artifact!r} in {ref} has a name that can't be sent safely: {error}", "Rename it."
            ) from None
        answer = self._send(
            "PUT",
            labels_path(ref, artifact),
            query={"artifact_type": artifact_type} if artifact_type else None,
            body={"labels": list(labels)},
        )
        self._check_status(
            answer, ref, subject=f"artifact {artifact!r} in {ref}", missing=ArtifactNotFound, is_read=False
        )
        data = data_of(answer)
        confirmed = labels_of(data.get("labels"))
        if confirmed is None and "labels" in data and not labels:
            confirmed = ()  # the open-source server answers null for an empty list (recorded/package-types.json, "empty list")
        if confirmed is not None and confirmed != labels:
            raise UnknownOutcome(BadAnswer("the answer names other labels than were sent"))
        return PutResult(confirmed, facts_of(data))

    def _read(self, ref: RegistryRef, path: str, *, query: Mapping[str, str] | None = None) -> Answer:
        self.check_access(ref)
        self.wait_turn()
        return self._send("GET", path, query=query)

    def _check_status(
        self, answer: Answer, ref: RegistryRef, *, subject: str, missing: type[HarLabelsError], is_read: bool = True
    ) -> None:
        try:
            raise_for_status(answer, subject=subject, missing=missing, is_read=is_read)
        except Unauthorized as refusal:
            self._refused_key = refusal
            raise
        except Forbidden as refusal:
            if is_read:  # a key without write access may still read
                self._unreadable.setdefault(ref, refusal)
            raise

    def _send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        with self._counting:
            self.requests += 1
        try:
            return self._transport.send(method, path, query=query, body=body)
        except NoAnswer as no_answer:
            raise UnknownOutcome(no_answer.error) from None
