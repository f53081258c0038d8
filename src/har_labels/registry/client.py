"""The registry's API: one method a call (contract §1).

Hides paths and query parameters. It sends each request once: when to try again is the reader's and the writer's
question; what the answer means is in answers.py.
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
    Refused,
    RegistryNotFound,
    Unauthorized,
)
from har_labels.model.address import (
    AddressError,
    RegistryRef,
    artifact_path,
    check_artifact_name,
    labels_path,
    list_path,
)
from har_labels.model.labels import Labels
from har_labels.registry.answers import (
    Origin,
    Page,
    Row,
    UnknownOutcome,
    Written,
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
    """The calls of contract §1. `wait_turn` (pace, cancel, deadline) comes before every request; a PUT's caller waits itself.

    A key that was refused (401) is not sent again, nor one to a registry that it may not read (403): the same error is
    raised without a request (contract §5 "Exit codes": a 401 stops the run, a 403 that registry).
    """

    def __init__(self, transport: Transport, *, wait_turn: Callable[[], None]) -> None:
        self._transport = transport
        self.wait_turn = wait_turn
        self.requests, self._counting = 0, threading.Lock()
        self._refused_key: Unauthorized | None = None
        self._unreadable: dict[RegistryRef, Forbidden] = {}

    def check_key(self) -> None:
        """Raises what the key was refused with before; a PUT's caller asks for itself."""
        if self._refused_key:
            raise self._refused_key

    def check(self, ref: RegistryRef) -> None:
        """Raises what the key was refused with before, anywhere or by reading this registry."""
        self.check_key()
        if refusal := self._unreadable.get(ref):
            raise refusal

    def page(self, ref: RegistryRef, *, search: str, number: int) -> Page:
        """One page of the registry's artifacts whose names contain `search`, by name (contract §1).

        Raises UnknownOutcome, or the error that the answer stands for.
        """
        query = {
            "search_term": search, "page": str(number), "size": str(PAGE_SIZE), "sort_field": "name", "sort_order": "ASC",
        }  # fmt: skip
        answer = self._read(ref, list_path(ref), query={k: v for k, v in query.items() if v})
        self._refuse(answer, ref, subject=f"registry {ref}", missing=RegistryNotFound)
        data = data_of(answer)
        rows = data.get("artifacts", False)
        if rows is None:
            rows = []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnknownOutcome(BadAnswer(f"the list of {ref} is not what the API documents"))
        origin = Origin(search, number)
        return Page(
            tuple(row_of(row, origin=origin) for row in rows),
            count_of(data.get("pageSize")),
            count_of(data.get("itemCount")),
        )

    def summary(self, ref: RegistryRef, artifact: str) -> Row | None:
        """What `summary` tells of one artifact, None where there is none. Raises as `page`."""
        answer = self._read(ref, f"{artifact_path(ref, artifact)}/summary")
        if answer.status == 404:
            return None  # in whatever form: it is asked for where a list of the same server was answered well
        self._refuse(answer, ref, subject=f"artifact {artifact!r} in {ref}", missing=ArtifactNotFound)
        data = data_of(answer)
        return (
            row_of({"name": artifact, **data})
            if "labels" in data
            else row_of({"name": artifact, **data}, is_shown=False)
        )

    def put_labels(self, ref: RegistryRef, artifact: str, artifact_type: str, labels: Labels) -> Written:
        """Replaces the artifact's labels. Raises UnknownOutcome, or the error that a plain refusal stands for.

        The caller has waited its turn: only then can it tell whether what it read is still fresh.
        """
        try:
            check_artifact_name(artifact)  # a glob matches whatever the server lists
        except AddressError as error:
            raise Refused(
                f"artifact {artifact!r} in {ref} has a name that can't be sent safely: {error}", "Rename it."
            ) from None
        answer = self._send(
            "PUT",
            labels_path(ref, artifact),
            query={"artifact_type": artifact_type} if artifact_type else None,
            body={"labels": list(labels)},
        )
        self._refuse(answer, ref, subject=f"artifact {artifact!r} in {ref}", missing=ArtifactNotFound, is_read=False)
        data = data_of(answer)
        named = labels_of(data.get("labels"))
        if named is None and "labels" in data and not labels:
            named = ()  # how the open-source server names an empty list (recorded/package-types.json, "empty list")
        if named is not None and named != labels:
            raise UnknownOutcome(BadAnswer("the answer names other labels than were sent"))
        return Written(named, facts_of(data))

    def _read(self, ref: RegistryRef, path: str, *, query: Mapping[str, str] | None = None) -> Answer:
        self.check(ref)
        self.wait_turn()
        return self._send("GET", path, query=query)

    def _refuse(
        self, answer: Answer, ref: RegistryRef, *, subject: str, missing: type[HarLabelsError], is_read: bool = True
    ) -> None:
        try:
            raise_for_status(answer, subject=subject, missing=missing, is_read=is_read)
        except Unauthorized as refusal:
            self._refused_key = refusal
            raise
        except Forbidden as refusal:
            if is_read:  # who may not write may still read
                self._unreadable.setdefault(ref, refusal)
            raise

    def _send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        with self._counting:
            self.requests += 1
        try:
            return self._transport.send(method, path, query=query, body=body)
        except NoAnswer as no_answer:
            raise UnknownOutcome(no_answer.error) from None
