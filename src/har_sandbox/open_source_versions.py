"""Versions, and the lists of a space, as the open-source server returns them.

Source: `recorded/reads.json`, `recorded/side-effects.json`, `recorded/huggingface.json`. None of
these answers is needed to change labels; they are here because some effects of a PUT are visible
only here (the space's list and `…/versions` crash on an artifact without its type, `artifactsCount`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from har_sandbox.exchange import CUT, Answer, json_answer, success

if TYPE_CHECKING:
    from har_sandbox.exchange import Request
    from har_sandbox.go_paging import Paging
    from har_sandbox.rows import Artifact, Registry, Version
    from har_sandbox.store import Store

_CURL = "curl --location '{url}/<FILENAME>' --header 'Authorization: Bearer <API_KEY>' -J -o '<OUTPUT_FILE_NAME>'"


@dataclass(frozen=True)
class VersionReads:
    """The answers to one request; the server takes its own name from the Host header."""

    store: Store
    request: Request

    def of_artifact(self, registry: Registry, name: str, paging: Paging) -> Answer:
        """`…/artifact/{name}/versions`."""
        wanted = self.request.param("artifact_type") or None
        rows = [row for row in self.store.find(registry, name) if row.type == wanted]
        if not rows:
            return json_answer(404, {"code": "404", "message": "Failed to get image: resource not found"})
        if _lost_its_type(registry, rows[0]):
            return CUT
        versions = self.store.versions(rows[0])
        shown = versions[paging.offset : paging.offset + paging.size]
        items = [self._version_row(version) for version in shown]
        return success({"artifactVersions": items, **paging.counts(len(versions))})

    def one(self, registry: Registry, name: str, version: str) -> Answer:
        """`…/artifact/{name}/version/{version}/summary`; images need a digest."""
        if registry.is_oci and ":" not in version:
            message = "invalid digest format: missing separator"
            return json_answer(500, {"code": "500", "message": message})
        if not self.store.find(registry, name):
            return json_answer(404, {"code": "404", "message": "Artifact not found"})
        return success(
            {
                "imageName": name,
                "isQuarantined": False,
                "packageType": registry.package_type,
                "quarantineReason": "",
                "registryUUID": registry.uuid,
                "uuid": "",
                "version": version,
            }
        )

    def of_space(self, space: str, paging: Paging) -> Answer:
        """`/spaces/{space}/artifacts`: every version; `label` and `latest_version` are ignored."""
        found = [version for version in self.store.space_versions(space) if self._is_wanted(version)]
        shown = found[paging.offset : paging.offset + paging.size]
        if any(_lost_its_type(version.registry, version.artifact) for version in shown):
            return CUT
        items = [self._space_row(version) for version in shown]
        return success({"artifacts": items, **paging.counts(len(found))})

    def registries(self, space: str, paging: Paging) -> Answer:
        """`/spaces/{space}/registries`; counts of 0 are omitted."""
        search, kind = self.request.param("search_term") or "", self.request.param("package_type")
        found = [
            registry
            for registry in self.store.registries(space)
            if search.lower() in registry.name.lower() and kind in (None, "", registry.package_type)
        ]
        shown = found[paging.offset : paging.offset + paging.size]
        items = [self._registry_row(registry) for registry in shown]
        return success({**paging.counts(len(found)), "registries": items})

    # --- rows

    def _is_wanted(self, version: Version) -> bool:
        search = (self.request.param("search_term") or "").lower()
        registry = self.request.param("reg_identifier") or version.registry.name
        kind = self.request.param("package_type") or version.registry.package_type
        found = (version.registry.name, version.registry.package_type)
        return search in version.artifact.name.lower() and found == (registry, kind)

    def _version_row(self, version: Version) -> dict[str, Any]:
        registry, oci = version.registry, version.registry.is_oci
        row: dict[str, Any] = _type_of(version.artifact)
        row |= {"digestCount": 1} if oci else {}
        row |= {"downloadsCount": version.artifact.downloads}
        row |= {} if oci else {"fileCount": version.files}
        row |= {"isQuarantined": False, "lastModified": str(version.modified), **_tags(version)}
        row |= {"name": version.name, "packageType": registry.package_type}
        row |= {"pullCommand": self._pull(version), **({"quarantineReason": ""} if oci else {})}
        row |= {"registryIdentifier": "", "registryPath": ""}
        row |= {"registryUUID": "" if oci else registry.uuid, "size": _size(version.size)}
        return row | {"uuid": "" if oci else version.uuid}

    def _space_row(self, version: Version) -> dict[str, Any]:
        return {
            **_type_of(version.artifact),
            "downloadsCount": version.artifact.downloads,
            "isQuarantined": False,
            "labels": version.artifact.labels,
            "lastModified": str(version.modified),
            **_tags(version),
            "name": version.artifact.name,
            "packageType": version.registry.package_type,
            "pullCommand": self._pull(version),
            "registryIdentifier": version.registry.name,
            "registryPath": "",
            **({} if version.registry.package_type == "CARGO" else {"registryType": "VIRTUAL"}),
            "registryUUID": version.registry.uuid,
            "uuid": version.uuid,
            "version": version.name,
        }

    def _registry_row(self, registry: Registry) -> dict[str, Any]:
        enabled, size, downloads = self.store.usage(registry)
        generic = "/generic" if registry.package_type == "GENERIC" else ""
        return {
            **({"artifactsCount": enabled} if enabled else {}),
            "description": "",
            **({"downloadsCount": downloads} if downloads else {}),
            "identifier": registry.name,
            "isPublic": False,
            "lastModified": str(registry.created),
            "packageType": registry.package_type,
            "path": f"{registry.space}/{registry.name}",
            "registrySize": _size(size),
            "type": "VIRTUAL",
            "url": f"http://{self._host}{generic}/{_root(registry)}/{registry.name}",
            "uuid": registry.uuid,
        }

    @property
    def _host(self) -> str:
        return self.request.header("host") or ""

    def _pull(self, version: Version) -> str:
        """The pull command that the web page shows."""
        place = f"{self._host}{{}}/{_root(version.registry)}/{version.registry.name}"
        name, number = version.artifact.name, version.name
        commands = {
            "DOCKER": f"docker pull {place.format('')}/{name}@{number}",
            "HELM": f"helm pull oci://{place.format('')}/{name}@{number}",
            "GENERIC": _CURL.format(url=f"http://{place.format('/generic')}/{name}/{number}"),
            "PYTHON": f"pip install {name}=={number} ",
            "HUGGINGFACE": _CURL.format(
                url=f"http://{place.format('')}/{version.artifact.type}/{name}/resolve/{number}"
            ),
            "NPM": f"npm install {name}@{number} ",
            "CARGO": f"cargo add {name}@{number} --registry <REGISTRY>",
            "GO": f"go get {name}@{number}",
            "NUGET": f"nuget install {name} -Version {number} -Source <SOURCE>",
        }
        return commands.get(version.registry.package_type, "")


def _lost_its_type(registry: Registry, artifact: Artifact) -> bool:
    """Whether a PUT has broken the artifact, so that reading its versions crashes (surprise 3)."""
    return registry.package_type == "HUGGINGFACE" and artifact.type is None


def _root(registry: Registry) -> str:
    return registry.space.partition("/")[0]


def _type_of(artifact: Artifact) -> dict[str, Any]:
    return {"artifactType": artifact.type} if artifact.type else {}


def _tags(version: Version) -> dict[str, Any]:
    return {"metadata": {"tags": [version.tag]}} if version.tag else {}


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            break
        count /= 1024
    return f"{count:.2f}{unit}"
