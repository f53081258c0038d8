"""The list of a registry, its labels, and summaries, as the open-source server returns them.

Source: `recorded/reads.json`, `recorded/page-counts.json`, `recorded/huggingface.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from har_sandbox.exchange import Answer, json_answer, success
from har_sandbox.rows import Page

if TYPE_CHECKING:
    from har_sandbox.exchange import Request
    from har_sandbox.go_paging import Paging
    from har_sandbox.rows import Artifact, Registry
    from har_sandbox.store import Store

#: The separator with which the server stores labels, and at which it splits them (surprise 5).
SEPARATOR = "^_"


@dataclass(frozen=True)
class ListReads:
    """The answers to one request."""

    store: Store
    request: Request

    def page(self, registry: Registry, paging: Paging) -> Answer:
        """`…/artifacts`: artifacts by the time of their latest version, or by name."""
        wanted = self.request.param("artifact_type") or None
        if wanted and registry.package_type != "HUGGINGFACE":
            return json_answer(400, {"code": "400", "message": "invalid package type"})
        if wanted not in (None, "model", "dataset"):
            message = "invalid artifact type for package type"
            return json_answer(400, {"code": "400", "message": message})
        descending = (self.request.param("sort_order") or "").upper() == "DESC"
        by_name = "-name" if descending else "name"
        page = Page(
            search=self.request.param("search_term") or "",
            type=wanted,
            order=by_name if self.request.param("sort_field") == "name" else "time",
            limit=paging.size,
            offset=paging.offset,
        )
        artifacts, versions = self.store.totals(registry, page)
        rows = [_row(registry, row) for row in self.store.page(registry, page)]
        # The total is that of versions in place of artifacts, except for images (surprise 11).
        counts = paging.counts(artifacts if registry.is_oci else versions)
        return success({"artifacts": rows, **counts})

    def registry_labels(self, registry: Registry, paging: Paging) -> Answer:
        """`…/artifact/labels`: paged by artifacts, each label once."""
        search = (self.request.param("search_term") or "").lower()
        joined = [SEPARATOR.join(labels or []) for labels in self.store.all_labels(registry)]
        found = sorted(text for text in joined if search in text.lower())
        shown = found[paging.offset : paging.offset + paging.size]
        labels = [label for text in shown if text for label in text.split(SEPARATOR)]
        counts = paging.counts(len(found))
        item_count = counts.pop("itemCount")
        return success({"itemCount": item_count, "labels": list(dict.fromkeys(labels)), **counts})

    def summary(self, registry: Registry, name: str) -> Answer:
        """`…/artifact/{name}/summary`, which finds only the requested type."""
        wanted = self.request.param("artifact_type") or None
        rows = [row for row in self.store.find(registry, name) if row.type == wanted]
        if not rows:
            return json_answer(404, {"code": "404", "message": "Artifact not found"})
        return success(rows[0].summary(registry))


def _row(registry: Registry, row: Artifact) -> dict[str, Any]:
    data: dict[str, Any] = {"artifactType": row.type} if row.type else {}
    return data | {
        "downloadsCount": row.downloads,
        "isPublic": False,
        "isQuarantined": bool(row.quarantined),
        "labels": row.labels,
        "lastModified": str(row.version_modified),
        "latestVersion": row.version,
        "name": row.name,
        "packageType": registry.package_type,
        "registryIdentifier": registry.name,
        "registryPath": "",
        "registryUUID": "" if registry.is_oci else registry.uuid,
        "uuid": "" if registry.is_oci else row.uuid,
    }
