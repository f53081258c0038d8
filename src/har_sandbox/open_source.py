"""Profile `open-source`: answers like the recorded Harness Open Source server.

Base path `/api/v1`. The source of every rule is in `recorded/`; the comments here use the numbers of
the surprises in its README. Permissions and writing are here; lists are in
`open_source_lists.py`, versions and a space's lists in `open_source_versions.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from har_sandbox.access import READERS, WRITERS, Access
from har_sandbox.exchange import (
    CUT,
    HTML_TYPE,
    TEXT_TYPE,
    Answer,
    json_answer,
    success,
    text_answer,
)
from har_sandbox.go_json import GoDecodeError, read_labels
from har_sandbox.go_paging import read_paging
from har_sandbox.open_source_lists import SEPARATOR, ListReads
from har_sandbox.open_source_versions import VersionReads
from har_sandbox.routes import Route, find_route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from har_sandbox.exchange import Request
    from har_sandbox.rows import Artifact, Registry
    from har_sandbox.store import Store

BASE = "/api/v1"
_WEB_PAGE = Answer(
    200,
    (("Cache-Control", "no-cache, no-store, must-revalidate, max-age=0"), *HTML_TYPE),
    b"<html></html>\n",
)
_NOT_FOUND = text_answer(404, "404 page not found\n")
_BAD_ESCAPE = Answer(400, TEXT_TYPE, b"400 Bad Request", close=True)
# 500 although the labels are written (surprise 1).
_NO_TAG = json_answer(500, {"code": "500", "message": "Failed to get tag detail: resource not found"}, written=True)


def as_stored(labels: Sequence[str]) -> list[str] | None:
    """Labels as the server stores them: sorted bytewise, joined, split again (surprise 5)."""
    joined = SEPARATOR.join(sorted(labels))
    return joined.split(SEPARATOR) if joined else None


@dataclass(frozen=True)
class OpenSource:
    """Answers requests; `roles` maps further keys to roles (`reader`, `space_owner`, `none`…)."""

    store: Store
    api_key: str
    roles: Mapping[str, str] = field(default_factory=dict)

    base = BASE

    @cached_property
    def _access(self) -> Access:
        return Access({self.api_key: "admin", **self.roles})

    def answer(self, request: Request) -> Answer:
        """Carry out one request and return its answer."""
        route = find_route(request.method, request.path, BASE)
        if route.operation == "bad-escape":
            return _BAD_ESCAPE
        if route.operation == "outside":
            # Any path outside the API is the web UI, for any method (surprise 8).
            api = request.path.startswith(("/api/", "/registry/", "/v2/", "/pkg/"))
            return _NOT_FOUND if api else _WEB_PAGE
        return self._access.refuse_bad_key(request) or self._route(route, request)

    def _route(self, route: Route, request: Request) -> Answer:
        match route.operation:
            case "put-labels":
                return self._put_labels(route, request)
            case "list" | "registry-labels" | "summary" | "delete" | "versions" | "version-summary":
                return self._in_registry(route, request)
            case "space-artifacts" | "space-registries":
                return self._in_space(route, request)
            case "not-allowed":
                return Answer(405, (("Allow", route.allow),))
            case "bad-parameter":
                return text_answer(400, route.detail)
            case _:
                return _NOT_FOUND

    # --- writing

    def _put_labels(self, route: Route, request: Request) -> Answer:
        try:
            labels = as_stored(read_labels(request.body))
        except GoDecodeError as error:
            return text_answer(400, f"can't decode JSON body: {error}\n")
        registry = self.store.find_registry(route.registry)
        if registry is None:
            return CUT  # a nil pointer, before permissions are checked (surprise 2)
        if refused := self._access.refuse(request, WRITERS, 401):
            return refused
        with self.store.transaction():
            rows = self.store.find(registry, route.artifact)
            if not rows:
                return CUT
            return self._write(registry, rows[0], labels)

    def _write(self, registry: Registry, row: Artifact, labels: list[str] | None) -> Answer:
        """Write to the oldest row of the name, regardless of `artifact_type` (surprise 4)."""
        self.store.set_labels(row, labels)
        self.store.disable(row)
        if row.type is not None:
            self.store.drop_type(row)
        if not (registry.is_oci and row.version):
            return _NO_TAG
        data = {
            "createdAt": str(row.version_created),
            "downloadsCount": row.downloads,
            "imageName": row.name,
            "labels": labels,
            "modifiedAt": str(row.version_modified),
            "packageType": registry.package_type,
            "registryUUID": "",
            "uuid": "",
        }
        return success(data, written=True)

    def _delete(self, registry: Registry, name: str) -> Answer:
        if not self.store.delete(registry, name):
            return json_answer(404, {"code": "404", "message": "Artifact not found"})
        return json_answer(200, {"status": "SUCCESS"})

    # --- lookups

    def _in_registry(self, route: Route, request: Request) -> Answer:
        paging = read_paging(request)
        if isinstance(paging, Answer):
            return paging
        # Reading finds `IMAGES` for `images`, a PUT does not (errors.json, `registry name in other
        # case`: no answer to the PUT, yet the recorder's look at the list had the row).
        registry = self.store.find_registry(route.registry, any_case=True)
        if registry is None:
            return self._unknown(route.registry)
        allowed = WRITERS if route.operation == "delete" else READERS
        if refused := self._access.refuse(request, allowed, 403):
            return refused
        lists, versions = ListReads(self.store, request), VersionReads(self.store, request)
        operations: dict[str, Callable[[], Answer]] = {
            "list": lambda: lists.page(registry, paging),
            "registry-labels": lambda: lists.registry_labels(registry, paging),
            "summary": lambda: lists.summary(registry, route.artifact),
            "versions": lambda: versions.of_artifact(registry, route.artifact, paging),
            "version-summary": lambda: versions.one(registry, route.artifact, route.version),
            "delete": lambda: self._delete(registry, route.artifact),
        }
        return operations[route.operation]()

    def _in_space(self, route: Route, request: Request) -> Answer:
        paging = read_paging(request)
        if isinstance(paging, Answer):
            return paging
        if not self.store.has_space(route.space):
            return self._unknown(route.space)
        if refused := self._access.refuse(request, READERS, 403):
            return refused
        versions = VersionReads(self.store, request)
        if route.operation == "space-artifacts":
            return versions.of_space(route.space, paging)
        return versions.registries(route.space, paging)

    def _unknown(self, ref: str) -> Answer:
        root = ref.strip("/").partition("/")[0]
        message = "registry not found: Failed to find repo: resource not found"
        if not self.store.has_space(root):
            message = (
                "root space not found: failed to get space ID by space path from cache: cache:"
                f" failed to find one: Failed to find segment for '{root}' in '{root}':"
                " resource not found"
            )
        return json_answer(400, {"code": "400", "message": message})
