"""Finds artifacts and their labels with few requests (contract §1 second paragraph, §5 point 1).

Hides paging, wrong counts, rows that move, servers that count pages from 1, and the choice between one search
per name and one listing of everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from re import split

from har_labels.clock import Clock
from har_labels.errors import (
    AmbiguousArtifact,
    ArtifactNotFound,
    BadAnswer,
    BadRequest,
    Conflict,
    Disconnected,
    Forbidden,
    HarLabelsError,
    RateLimited,
    Refused,
    RegistryNotFound,
    RegistryUnknown,
    ServerFailing,
    TimedOut,
)
from har_labels.model.address import RegistryRef, plain_name
from har_labels.model.labels import matches, matches_any
from har_labels.model.outcome import MOST_WITH_FACTS
from har_labels.registry.answers import Page, PageRef, Row
from har_labels.registry.client import PAGE_SIZE
from har_labels.registry.retry import RetryingReads
from har_labels.text import named


@dataclass(frozen=True, slots=True)
class Reading:
    """An artifact as read at `at`, the clock's monotonic seconds before the request."""

    row: Row
    at: float


Rows = dict[str, list[Row]]
# Called with the names that can't be read, and why; raises the error if they are needed.
OnUnread = Callable[[AbstractSet[str], HarLabelsError], None]


def is_refusal(error: HarLabelsError) -> bool:
    """Whether a read was plainly refused: a retry would not help, but a write may still succeed (contract §5 point 1).

    False for an unknown key, and if the server answers that the registry does not exist.
    """
    is_of_reading = isinstance(error, Conflict | Forbidden | Refused | RegistryNotFound)
    return is_of_reading and not is_transient(error) and not isinstance(error, RegistryUnknown)


def is_transient(error: HarLabelsError) -> bool:
    """Whether a later read may succeed. Not where no connection could be established at all."""
    return isinstance(error, ServerFailing | RateLimited | TimedOut | Disconnected)


_RESTORE = f"Restore it in Harness, or push it anew; if it may be missing, `{named('on-missing', 'skip')}`."


@dataclass(frozen=True, slots=True)
class _Query:
    """One call of `rows`: what it looks for, and how rows are kept. An invalid answer is retried if it `is_needed`."""

    names: AbstractSet[str]
    globs: Sequence[str]
    view: Callable[[Row], Row]
    is_needed: bool

    def wants(self, row: Row) -> bool:
        return row.name in self.names or (not row.is_deleted and matches_any(self.globs, row.name))

    def keep(self, page: Page, found: Rows) -> None:
        """Puts the wanted rows of a page into `found`."""
        is_lean = len(found) > MOST_WITH_FACTS
        for row in filter(self.wants, page.rows):
            viewed = self.view(row)
            # A deleted artifact and one pushed later under its name are two.
            others = (
                other
                for other in found.get(row.name, ())
                if (other.artifact_type, other.is_deleted) != (row.artifact_type, row.is_deleted)
            )
            found[row.name] = [*others, viewed.lean if is_lean else viewed]


class Reader:
    """Reads artifacts of registries. `clock` dates the readings; retries are those of `reads`."""

    def __init__(self, reads: RetryingReads, clock: Clock) -> None:
        self._reads, self._clock = reads, clock
        self._first_page: dict[RegistryRef, int] = {}

    def find(self, ref: RegistryRef, name: str, artifact_type: str) -> Reading:
        """One artifact, read now. Raises ArtifactNotFound, RegistryNotFound, AmbiguousArtifact, or the failure of a read."""
        at = self._clock.monotonic()
        return Reading(choose(self.rows(ref, names={name}).get(name, []), ref, name, artifact_type), at)

    def rows(
        self,
        ref: RegistryRef,
        *,
        names: AbstractSet[str],
        globs: Sequence[str] = (),
        skipping: OnUnread | None = None,
        view: Callable[[Row], Row] = lambda row: row,
    ) -> Rows:
        """The rows of all artifacts that have one of the names or match a glob, by name; names without one are absent.

        A name in no list is looked up by its summary: its one row then has no labels. Without `skipping` the failure of
        a read is raised; with it, it is called with the unread names and the error, and invalid answers are not retried.
        `view` maps each row to the one that is kept; of many artifacts a lean one is.
        """
        found: Rows = {}
        query = _Query(names, globs, view, is_needed=skipping is None)
        try:
            self._list(ref, found, query)
        except HarLabelsError as error:
            if not skipping:
                raise
            skipping(names - found.keys(), error)
            return found
        for name in sorted(names - found.keys()):
            try:
                self._look_up(ref, found, name, query)
            except HarLabelsError as error:
                if not skipping:
                    raise
                skipping({name}, error)
        return found

    def _look_up(self, ref: RegistryRef, found: Rows, name: str, query: _Query) -> None:
        """Looks up a name that the listing has not shown."""
        if len(query.names) + len(query.globs) > 1:
            # Rows may move to another page while a long list is read, so the name gets a search of its own.
            self._search(ref, found, replace(query, names={name}, globs=()), term=name)
        if name not in found and (row := self._reads.summary(ref, name, is_needed=query.is_needed)):
            found[name] = [query.view(row)]

    def page_again(self, ref: RegistryRef, origin: PageRef) -> list[Reading]:
        """The artifacts that are now on a page that was read before: one request renews a row and its neighbours."""
        at = self._clock.monotonic()
        rows = self._page(ref, origin.search, origin.number).rows
        return [Reading(row, at) for row in rows if not row.is_deleted]

    def _list(self, ref: RegistryRef, found: Rows, query: _Query) -> None:
        """Puts every listed row into `found`: by one listing, or by a search per name if that is fewer requests."""
        terms = [*sorted(query.names), *map(_longest_literal, query.globs)]
        shortest = min(terms, key=len, default="")
        if terms and all(shortest in term for term in terms):
            self._search(ref, found, query, term=shortest)  # finds the others too
        elif terms and (last := self._list_all(ref, found, query, len(terms))) is not None:
            # The names on the first page are complete, except the last: the next page may have its row of another type.
            known = found.keys() - {last}
            for term in [*sorted(query.names - known), *map(_longest_literal, query.globs)]:
                self._search(ref, found, query, term=term)

    def _search(self, ref: RegistryRef, found: Rows, query: _Query, *, term: str) -> None:
        for page in self._pages(ref, term, is_needed=query.is_needed):
            query.keep(page, found)

    def _list_all(self, ref: RegistryRef, found: Rows, query: _Query, at_most: int) -> str | None:
        """Lists the whole registry and returns None.

        If by the first page `at_most` searches need fewer requests, stops after it and returns the last name on it.
        """
        for at, page in enumerate(self._pages(ref, "", is_needed=query.is_needed)):
            query.keep(page, found)
            if at == 0 and page.items / (page.size or PAGE_SIZE) > at_most + 1:
                return page.rows[-1].name if page.rows else ""
        return None

    def _pages(self, ref: RegistryRef, term: str, *, is_needed: bool) -> Iterator[Page]:
        """All pages up to an empty one, or one with fewer rows than its `pageSize`; `pageCount` is unreliable."""
        at, before, repeats = self._first_page.get(ref, 0), set[tuple[str, str]](), 0
        while True:
            page = self._page(ref, term, at, is_needed=is_needed)
            keys = {(row.name, row.artifact_type) for row in page.rows}
            yield page
            if not page.rows or (page.size and len(page.rows) < page.size):
                return
            # Once may be a server that treats page 0 as page 1; a server that ignores `page` would repeat for ever.
            repeats = repeats + 1 if keys == before else 0
            if repeats > 1:
                raise BadAnswer(f"the list of {ref} repeats one page and never ends")
            before = keys
            at = max(at, self._first_page.get(ref, 0)) + 1

    def _page(self, ref: RegistryRef, term: str, at: int, *, is_needed: bool = True) -> Page:
        try:
            page = self._reads.page(ref, search=term, number=at, is_needed=is_needed)
        except BadRequest:
            # Only a 400 for page 0 shows a server that counts from 1, and only if it never answered page 0.
            if at != 0 or ref in self._first_page:
                raise
            at = 1
            page = self._reads.page(ref, search=term, number=at, is_needed=is_needed)
        self._first_page.setdefault(ref, at)
        return page


def choose(rows: Sequence[Row], ref: RegistryRef, name: str, artifact_type: str) -> Row:
    """The row of the given type, otherwise one without a type. Raises ArtifactNotFound or AmbiguousArtifact."""
    rows, deleted = [row for row in rows if not row.is_deleted], [row for row in rows if row.is_deleted]
    if not rows and deleted:
        raise ArtifactNotFound(
            f"artifact {name!r} in {ref} is deleted (the registry still lists it, as soft-deleted)", _RESTORE
        )
    if not rows:
        raise ArtifactNotFound(f"there is no artifact {name!r} in {ref}", advice_on(name, ref))
    if not artifact_type:
        if len(rows) > 1:
            kinds = " and ".join(sorted(row.artifact_type or "untyped" for row in rows))
            raise AmbiguousArtifact(f"{name!r} in {ref} names several artifacts: {kinds}")
        return rows[0]
    for row in sorted(rows, key=lambda row: not row.artifact_type):
        if row.artifact_type in {artifact_type, ""}:
            return row
    if any(row.artifact_type == artifact_type for row in deleted):
        raise ArtifactNotFound(
            f"the {artifact_type} {name!r} in {ref} is deleted (the registry still lists it, as soft-deleted), and the one that exists "
            f"now is a {rows[0].artifact_type}",
            _RESTORE,
        )
    raise ArtifactNotFound(
        f"{name!r} in {ref} is a {rows[0].artifact_type}, and there is no {artifact_type} of that name",
        f"Check `{named('artifact-type')}`, or leave it out.",
    )


def advice_on(name: str, ref: RegistryRef) -> str:
    """A hint for a name that is an image's address or ends with a version; otherwise empty text."""
    plain = plain_name(name, ref)
    return f"Labels belong to an artifact, not to its versions: write {plain}." if plain not in {"", name} else ""


def matching(pattern: str, rows: Rows) -> list[str]:
    """The names that a pattern matches; an artifact with the pattern itself as its name takes precedence (contract §3)."""
    return [pattern] if pattern in rows else [name for name in rows if matches(pattern, name)]


def _longest_literal(glob: str) -> str:
    """The longest literal part of a pattern: `team/*-prod` → `team/` (the first of two of equal length)."""
    return max(split(r"\[!?\]?[^\]]*\]|[*?\[]", glob), key=len)
