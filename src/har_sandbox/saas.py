"""Profile `saas`: answers as documented in contract §1.

Base path `/har/api/v1`, key in `x-api-key`. For cases that the contract does not cover, the answer is that
of the recorded open-source server (`recorded/errors.json`, `recorded/reads.json`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from har_sandbox.exchange import HTML_TYPE, Answer, json_answer, success
from har_sandbox.routes import Route, find_route
from har_sandbox.rows import Artifact, Page, Registry

if TYPE_CHECKING:
    from har_sandbox.exchange import Request
    from har_sandbox.store import Store

BASE = "/har/api/v1"
TYPES = ("model", "dataset")
_WEB_PAGE = Answer(200, HTML_TYPE, b"<html></html>\n")


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the answer."""
        super().__init__(message)
        self.answer = json_answer(status, {"code": str(status), "message": message, "details": None})


@dataclass(frozen=True)
class Saas:
    """Answers requests.

    `first_page` 1 is a server that counts pages from 1; `omit_labels` one whose answers have no
    labels; `drops_type` one that clears the type of a HUGGINGFACE artifact on a PUT;
    `summary_labels` one whose summaries have labels.
    """

    store: Store
    api_key: str
    first_page: int = 0
    page_size_cap: int = 100
    omit_labels: bool = False
    drops_type: bool = False
    summary_labels: bool = False

    base = BASE

    def answer(self, request: Request) -> Answer:
        """Carry out one request and return its answer."""
        route = find_route(request.method, request.path, BASE)
        try:
            return self._route(route, request)
        except RefusedError as refused:
            return refused.answer

    def _route(self, route: Route, request: Request) -> Answer:
        if route.operation == "outside":
            return _WEB_PAGE
        if request.header("x-api-key") != self.api_key:
            raise RefusedError(401, "Token is not valid or missing: x-api-key")
        match route.operation:
            case "put-labels":
                return self._put_labels(route, request)
            case "list":
                return self._list(route, request)
            case "summary":
                return self._summary(route, request)
            case "not-allowed":
                raise RefusedError(405, f"use {route.allow}")
            case "bad-escape" | "bad-parameter":
                raise RefusedError(400, route.detail.strip() or "bad escape in the path")
            case _:
                raise RefusedError(404, "HTTP 404 Not Found")

    # --- one method per operation

    def _put_labels(self, route: Route, request: Request) -> Answer:
        labels = _labels_of(request.body)
        with self.store.transaction():
            registry = self._registry(route, 404)
            row = self._one(registry, route.artifact, _artifact_type(request, registry))
            self.store.set_labels(row, labels)
            if self.drops_type and row.type:
                self.store.drop_type(row)
        data: dict[str, object] = {
            "imageName": row.name,
            "packageType": registry.package_type,
            "labels": labels or None,
            "createdAt": str(row.created),
            "modifiedAt": str(row.modified),
            "downloadsCount": row.downloads,
        }
        return success(self._without_labels(data), written=True)

    def _list(self, route: Route, request: Request) -> Answer:
        registry = self._registry(route, 400)
        number, size = self._paging(request)
        descending = (request.param("sort_order") or "").upper() == "DESC"
        page = Page(
            search=request.param("search_term") or "",
            type=_artifact_type(request, registry),
            order="time" if request.param("sort_field") != "name" else "-name" if descending else "name",
            limit=size,
            offset=(number - self.first_page) * size,
        )
        rows = [self._without_labels(_row(registry, row)) for row in self.store.page(registry, page)]
        count, _versions = self.store.totals(registry, page)
        return success(
            {
                "artifacts": rows,
                "itemCount": count,
                "pageCount": -(-count // size),
                "pageIndex": number,
                "pageSize": size,
            }
        )

    def _summary(self, route: Route, request: Request) -> Answer:
        registry = self._registry(route, 404)
        row = self._one(registry, route.artifact, _artifact_type(request, registry))
        data = row.summary(registry)
        if self.summary_labels:
            data["labels"] = row.labels
        return success(data)

    # --- shared by the operations

    def _registry(self, route: Route, missing: int) -> Registry:
        found = self.store.find_registry(route.registry)
        if found is None:
            # 400 for a list: errors.json, "unknown registry, list".
            raise RefusedError(missing, "registry not found: Failed to find repo: resource not found")
        return found

    def _one(self, registry: Registry, name: str, wanted: str | None) -> Artifact:
        """The row of that name and type that is not deleted; a row that has lost its type serves for both."""
        rows = [row for row in self.store.find(registry, name) if not row.deleted]
        fitting = [row for row in rows if wanted in (None, row.type)]
        found = next(iter(fitting or [row for row in rows if row.type is None]), None)
        if found is None:
            raise RefusedError(404, "Artifact not found")
        return found

    def _paging(self, request: Request) -> tuple[int, int]:
        """Page number and page size, the size capped (contract §1, "pageSize")."""
        try:
            number = int(request.param("page") or self.first_page)
            size = int(request.param("size") or 10)
        except ValueError:
            raise RefusedError(400, "page and size must be whole numbers") from None
        if number < self.first_page or size < 1:
            raise RefusedError(400, f"page must be at least {self.first_page} and size at least 1")
        return number, min(size, self.page_size_cap)

    def _without_labels(self, data: dict[str, object]) -> dict[str, object]:
        if self.omit_labels:
            data.pop("labels", None)
        return data


def _row(registry: Registry, row: Artifact) -> dict[str, object]:
    data: dict[str, object] = {"artifactType": row.type} if row.type else {}
    data |= {"deletedAt": str(row.deleted)} if row.deleted else {}
    return data | {
        "downloadsCount": row.downloads,
        "isQuarantined": bool(row.quarantined),
        "labels": row.labels,
        "lastModified": str(row.version_modified),
        "latestVersion": row.version,
        "name": row.name,
        "packageType": registry.package_type,
        "registryIdentifier": registry.name,
        "registryPath": f"{registry.space}/{registry.name}",
        "registryUUID": registry.uuid,
        "uuid": row.uuid,
    }


def _artifact_type(request: Request, registry: Registry) -> str | None:
    wanted = request.param("artifact_type") or None
    if wanted is None:
        return None
    if wanted not in TYPES:
        raise RefusedError(400, "invalid artifact type for package type")
    if registry.package_type != "HUGGINGFACE":
        raise RefusedError(400, "invalid package type")
    return wanted


def _labels_of(body: bytes) -> list[str]:
    try:
        labels = json.loads(body)["labels"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RefusedError(400, 'the body must be {"labels": ["…"]}') from None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise RefusedError(400, "labels must be a list of strings")
    return labels
