"""The values that a store returns: registries, artifacts, versions, and pages of them."""

from __future__ import annotations

from dataclasses import dataclass

OCI_TYPES = frozenset({"DOCKER", "HELM"})


@dataclass(frozen=True)
class Registry:
    """One registry: `space` is its parent path (`acme/ml`), `name` its identifier there."""

    id: int
    space: str
    name: str
    package_type: str
    uuid: str
    created: int

    @property
    def is_oci(self) -> bool:
        """Whether its artifacts are images with tags."""
        return self.package_type in OCI_TYPES


@dataclass(frozen=True)
class Artifact:
    """One row; `labels` is None without labels, `type` None without a type (or after it was lost).

    `version` is the latest version's name, for images the latest tag, empty without a tag. `deleted` is when it was
    soft-deleted, 0 if it wasn't. `quarantined` is 0 or 1.
    """

    id: int
    name: str
    type: str | None
    labels: list[str] | None
    uuid: str
    created: int
    modified: int
    version: str
    version_created: int
    version_modified: int
    versions: int
    downloads: int
    deleted: int
    quarantined: int

    def summary(self, registry: Registry) -> dict[str, object]:
        """The answer of `…/artifact/{name}/summary`, in both profiles (recorded/reads.json)."""
        kind: dict[str, object] = {"artifactType": self.type} if self.type else {}
        return kind | {
            "createdAt": str(self.created),
            "downloadsCount": self.downloads,
            "imageName": self.name,
            "modifiedAt": str(self.modified),
            "packageType": registry.package_type,
            "registryUUID": registry.uuid,
            "uuid": self.uuid,
        }


@dataclass(frozen=True)
class Version:
    """One version with its artifact and registry; `name` is a digest for images."""

    registry: Registry
    artifact: Artifact
    name: str
    tag: str | None
    uuid: str
    modified: int
    size: int
    files: int


@dataclass(frozen=True)
class Page:
    """Which rows of a list: `order` is `name`, `-name` or `time`."""

    search: str = ""
    type: str | None = None
    order: str = "time"
    limit: int = 10
    offset: int = 0


@dataclass(frozen=True)
class Push:
    """One version to add, as by a push: times in ms since 1970, 0 for now."""

    name: str
    version: str
    type: str | None = None
    tag: str | None = None
    time: int = 0
    size: int = 12
    files: int = 1
    hidden: bool = False
