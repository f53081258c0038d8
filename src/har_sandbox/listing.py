"""Pages of a registry's list, and the total number of rows.

Both are cached until rows are added or removed (labels may change meanwhile): the page after one
that was already returned starts where that one ended, instead of skipping all rows before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from har_sandbox.database import Database
    from har_sandbox.rows import Page, Registry

#: Sort order of a page: the column, its direction, and the comparison for "after".
_ORDERS = {
    "name": ("name", "asc", ">"),
    "-name": ("name", "desc", "<"),
    "time": ("version_modified", "asc", ">"),
}
#: More than any list has; the largest number of SQLite.
_FAR = 2**62


class Listing:
    """The ids of listed artifacts, page by page."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._db = database
        self._totals: dict[tuple[object, ...], tuple[int, int]] = {}
        self._ends: dict[tuple[object, ...], tuple[object, int]] = {}

    def forget(self) -> None:
        """Clear the cache: an artifact or a version was added, removed or changed its type."""
        self._totals.clear()
        self._ends.clear()

    def totals(self, registry: Registry, page: Page) -> tuple[int, int]:
        """How many artifacts match, and how many versions these have."""
        key = (registry.id, page.search, page.type)
        with self._db.transaction():
            if key not in self._totals:
                where, values = _where(registry, page)
                sql = f"select count(*), coalesce(sum(versions), 0) from artifacts {where}"
                artifacts, versions = self._db.rows(sql, *values)[0]
                self._totals[key] = (artifacts, versions)
            return self._totals[key]

    def ids(self, registry: Registry, page: Page) -> list[int]:
        """The ids of one page's rows, in order."""
        column, direction, after = _ORDERS[page.order]
        where, values = _where(registry, page)
        key = (registry.id, page.search, page.type, page.order)
        offset = page.offset
        with self._db.transaction():
            if end := self._ends.get((*key, offset)):
                where += f" and ({column}, id) {after} (?, ?)"
                values += end
                offset = 0
            rows = self._db.rows(
                f"select {column}, id from artifacts {where}"
                f" order by {column} {direction}, id {direction} limit ? offset ?",
                *(*values, min(page.limit, _FAR), min(offset, _FAR)),
            )
            if rows:
                self._ends[(*key, page.offset + len(rows))] = (rows[-1][0], rows[-1][1])
        return [row[1] for row in rows]


def _where(registry: Registry, page: Page) -> tuple[str, list[Any]]:
    where = "where registry = ? and listed = 1"
    values: list[Any] = [registry.id]
    if page.search:
        where += r" and name like ? escape '\'"
        values.append("%" + re.sub(r"([\\%_])", r"\\\1", page.search) + "%")
    if page.type:
        where += " and type = ?"
        values.append(page.type)
    return where, values
