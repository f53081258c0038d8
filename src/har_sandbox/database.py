"""One SQLite connection behind one lock, the tables, and transactions.

The facts of a list row (latest version, its time, number of versions) are stored with the artifact
itself, and every sort order of a list has a covering index, so a page takes about the same time with
ten artifacts and with 100,000.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SCHEMA = """
create table if not exists spaces (path text primary key collate nocase);
create table if not exists registries (
    id integer primary key, space text not null collate nocase, name text not null,
    package_type text not null, uuid text not null, created integer not null,
    unique (space, name));
create table if not exists artifacts (
    id integer primary key, registry integer not null, name text not null, type text,
    labels text, uuid text not null, created integer not null, modified integer not null,
    version text not null, version_created integer not null, version_modified integer not null,
    versions integer not null, downloads integer not null, hidden integer not null,
    listed integer not null, enabled integer not null, deleted integer not null, quarantined integer not null);
create index if not exists by_name on artifacts (registry, listed, name, id, type, versions);
create index if not exists by_time
    on artifacts (registry, listed, version_modified, id, name, type);
create index if not exists by_identity on artifacts (registry, name, id);
create table if not exists versions (
    id integer primary key, artifact integer not null, name text not null, tag text,
    uuid text not null, modified integer not null, size integer not null, files integer not null);
create index if not exists by_artifact on versions (artifact, name);
"""


class Database:
    """Executes statements, one thread at a time."""

    def __init__(self, file: str) -> None:
        """Open `file` (a path or `:memory:`) and create missing tables."""
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = off")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of the query `sql`."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        """Execute `sql` and return the id of the inserted row, if any."""
        with self._lock:
            return self._connection.execute(sql, values).lastrowid or 0

    def run_many(self, sql: str, values: Iterable[tuple[object, ...]]) -> None:
        """Execute `sql` once for each tuple."""
        with self._lock:
            self._connection.executemany(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: other threads see all of its changes or none."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("begin")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
