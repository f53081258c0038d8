"""The registry's data: reads and writes rows, independent of HTTP and of profiles.

All SQL is here, in `database.py` and in `listing.py`.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from har_sandbox.database import Database
from har_sandbox.listing import Listing
from har_sandbox.rows import Artifact, Page, Push, Registry, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

_ARTIFACT = (
    "a.id, a.name, a.type, a.labels, a.uuid, a.created, a.modified, a.version,"
    " a.version_created, a.version_modified, a.versions, a.downloads, a.deleted, a.quarantined"
)
_REGISTRY = "r.id, r.space, r.name, r.package_type, r.uuid, r.created"
_NEW_ARTIFACT = "insert into artifacts values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,0)"
_NEW_VERSION = "insert into versions (artifact, name, tag, uuid, modified, size, files) values (?,?,?,?,?,?,?)"


class Store:
    """Spaces, registries, artifacts with labels, and their versions."""

    def __init__(self, file: str = ":memory:") -> None:
        """Open the database `file`, with its content if it exists."""
        self._db = Database(file)
        self._listing = Listing(self._db)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """A transaction: other threads see all of its changes or none."""
        return self._db.transaction()

    # --- spaces and registries

    def add_space(self, path: str) -> None:
        """Create the space and its parents."""
        parts = path.split("/")
        rows = [("/".join(parts[: n + 1]),) for n in range(len(parts))]
        self._db.run_many("insert or ignore into spaces values (?)", rows)

    def has_space(self, path: str) -> bool:
        """Whether the space exists, regardless of case (paths.json, `in other case`)."""
        return bool(self._db.rows("select 1 from spaces where path = ?", path))

    def add_registry(self, ref: str, package_type: str, created: int = 0) -> Registry:
        """The registry `account/…/name`, created if it does not exist."""
        space, _, name = _tidy(ref).rpartition("/")
        self.add_space(space)
        self._db.run(
            "insert or ignore into registries (space, name, package_type, uuid, created) values (?, ?, ?, ?, ?)",
            *(space, name, package_type, str(uuid.uuid4()), created or now()),
        )
        return self._registries("where space = ? and name = ?", space, name)[0]

    def find_registry(self, ref: str, *, any_case: bool = False) -> Registry | None:
        """The registry of a decoded reference; empty segments are ignored (`a//r/+`).

        Spaces are found regardless of case, a registry only with `any_case`.
        """
        space, _, name = _tidy(ref).rpartition("/")
        fold = "collate nocase order by name" if any_case else ""
        found = self._registries(f"where space = ? and name = ? {fold}", space, name)
        return found[0] if found else None

    def registries(self, space: str) -> list[Registry]:
        """The registries of one space, oldest first."""
        return self._registries("where space = ? order by r.created, r.id", space)

    def usage(self, registry: Registry) -> tuple[int, int, int]:
        """Enabled artifacts, bytes of all versions, downloads."""
        row = self._db.rows(
            """select coalesce(sum(a.enabled), 0), coalesce(sum(a.downloads), 0),
               (select coalesce(sum(v.size), 0) from versions v join artifacts b
                on b.id = v.artifact where b.registry = a.registry)
               from artifacts a where a.registry = ?""",
            registry.id,
        )[0]
        return row[0], row[2] or 0, row[1]

    # --- artifacts

    def find(self, registry: Registry, name: str) -> list[Artifact]:
        """All rows of exactly that name, oldest first (model and dataset may share one)."""
        return self._artifacts("where registry = ? and name = ? order by id", registry.id, name)

    def page(self, registry: Registry, page: Page) -> list[Artifact]:
        """The listed rows of one page."""
        ids = self._listing.ids(registry, page)
        where = "where id in (select value from json_each(?))"
        rows = {row.id: row for row in self._artifacts(where, json.dumps(ids))}
        return [rows[row_id] for row_id in ids if row_id in rows]

    def totals(self, registry: Registry, page: Page) -> tuple[int, int]:
        """How many artifacts match `page`, and how many versions these have."""
        return self._listing.totals(registry, page)

    def all_labels(self, registry: Registry) -> list[list[str] | None]:
        """The labels of every artifact of the registry, listed or not."""
        rows = self._db.rows("select labels from artifacts where registry = ?", registry.id)
        return [_labels(row[0]) for row in rows]

    def set_labels(self, artifact: Artifact, labels: Sequence[str] | None) -> None:
        """Replace the labels of one row."""
        text = json.dumps(list(labels)) if labels else None
        self._db.run("update artifacts set labels = ? where id = ?", text, artifact.id)

    def disable(self, artifact: Artifact) -> None:
        """Exclude the row from its registry's count until the next push (recorded README, 13)."""
        self._db.run("update artifacts set enabled = 0 where id = ?", artifact.id)

    def drop_type(self, artifact: Artifact) -> None:
        """Clear the row's type, model or dataset (recorded README, 3)."""
        self._listing.forget()
        self._db.run("update artifacts set type = null where id = ?", artifact.id)

    def soft_delete(self, artifact: Artifact) -> None:
        """Mark the row as deleted until its next push; it stays in the list."""
        self._db.run("update artifacts set deleted = ? where id = ?", now(), artifact.id)

    def set_facts(self, artifact: Artifact, *, downloads: int, modified: int, quarantined: bool) -> None:
        """Set the facts that lists and summaries have besides labels; `modified` in ms since 1970."""
        self._db.run(
            "update artifacts set downloads = ?, modified = ?, version_modified = ?, quarantined = ? where id = ?",
            downloads, modified, modified, quarantined, artifact.id,
        )  # fmt: skip

    def delete(self, registry: Registry, name: str) -> int:
        """Delete all rows of that name with their versions. Returns the number of deleted rows."""
        gone = [(row.id,) for row in self.find(registry, name)]
        with self.transaction():
            self._listing.forget()
            self._db.run_many("delete from versions where artifact = ?", gone)
            self._db.run_many("delete from artifacts where id = ?", gone)
        return len(gone)

    # --- versions

    def push(self, registry: Registry, push: Push) -> Artifact:
        """Add a version, and its artifact if none of that name and type exists. Returns the artifact's row."""
        moment = push.time or now()
        with self.transaction():
            self._listing.forget()
            known = [row for row in self.find(registry, push.name) if row.type == push.type]
            row_id = known[0].id if known else self._insert(registry, push, moment)
            self._db.run("delete from versions where artifact = ? and name = ?", row_id, push.version)
            self._db.run(
                _NEW_VERSION,
                *(row_id, push.version, push.tag, str(uuid.uuid4()), moment, push.size, push.files),
            )
            latest = push.tag or "" if registry.is_oci else push.version
            self._db.run(
                "update artifacts set modified = ?1, enabled = 1, deleted = 0, listed = not hidden and ?2 != '',"
                " version = ?2, version_created = ?1, version_modified = ?1,"
                " versions = (select count(*) from versions where artifact = ?3) where id = ?3",
                *(moment, latest, row_id),
            )
        return self._artifacts("where id = ?", row_id)[0]

    def push_many(self, registry: Registry, rows: Iterable[tuple[Push, Sequence[str] | None]]) -> None:
        """Add many new artifacts with labels at once, without checking for existing names."""
        moment = now()
        with self.transaction():
            self._listing.forget()
            first = self._db.rows("select coalesce(max(id), 0) + 1 from artifacts")[0][0]
            for row_id, (push, labels) in enumerate(rows, first):
                self._insert(registry, push, moment, row_id=row_id, labels=labels)
                new = (
                    row_id,
                    push.version,
                    push.tag,
                    str(uuid.uuid4()),
                    moment,
                    push.size,
                    push.files,
                )
                self._db.run(_NEW_VERSION, *new)

    def versions(self, artifact: Artifact) -> list[Version]:
        """The versions of one artifact, oldest first."""
        return self._versions("where a.id = ?", artifact.id)

    def space_versions(self, space: str) -> list[Version]:
        """Every version of every artifact in the registries of one space, oldest first."""
        return self._versions("where r.space = ?", space)

    # --- rows to values

    def _insert(
        self,
        registry: Registry,
        push: Push,
        moment: int,
        *,
        row_id: int | None = None,
        labels: Sequence[str] | None = None,
    ) -> int:
        latest = push.tag or "" if registry.is_oci else push.version
        text = json.dumps(list(labels)) if labels else None
        listed = not push.hidden and latest != ""
        identity = (row_id, registry.id, push.name, push.type, text, str(uuid.uuid4()))
        times = (moment, moment, latest, moment, moment)
        return self._db.run(_NEW_ARTIFACT, *identity, *times, 1, 0, push.hidden, listed, 1)

    def _registries(self, where: str, *values: object) -> list[Registry]:
        rows = self._db.rows(f"select {_REGISTRY} from registries r {where}", *values)
        return [Registry(*row) for row in rows]

    def _artifacts(self, where: str, *values: object) -> list[Artifact]:
        rows = self._db.rows(f"select {_ARTIFACT} from artifacts a {where}", *values)
        return [_artifact(row) for row in rows]

    def _versions(self, where: str, *values: object) -> list[Version]:
        sql = (
            f"select {_REGISTRY}, {_ARTIFACT}, v.name, v.tag, v.uuid, v.modified, v.size, v.files"
            " from versions v join artifacts a on a.id = v.artifact"
            f" join registries r on r.id = a.registry {where} order by v.modified, v.id"
        )
        return [Version(Registry(*row[:6]), _artifact(row[6:20]), *row[20:]) for row in self._db.rows(sql, *values)]


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _tidy(ref: str) -> str:
    return "/".join(part for part in ref.split("/") if part)


def _labels(text: str | None) -> list[str] | None:
    return json.loads(text) if text else None


def _artifact(row: tuple[Any, ...]) -> Artifact:
    values: tuple[Any, ...] = (*row[:3], _labels(row[3]), *row[4:])
    return Artifact(*values)
