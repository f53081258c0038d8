"""Finding artifacts and their labels with few requests (contract §1 second paragraph, §5 point 1).

Hides paging, wrong counts, rows that move, servers that count pages from 1, and the choice between one search
a name and listing all. Reads are tried again here; they change nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from re import split
from typing import TypeVar

from har_labels.clock import LONGEST_ASKED_WAIT, Clock, backoff
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
from har_labels.registry.answers import Origin, Page, Row, UnknownOutcome, asked_for
from har_labels.registry.client import PAGE_SIZE, Registry
from har_labels.text import named, number

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """An artifact as it was read at `at` (the clock's monotonic seconds)."""

    row: Row
    at: float


Rows = dict[str, list[Row]]
# Is told of the names that can't be read, and why; raises that where they must be.
OnRefusal = Callable[[AbstractSet[str], HarLabelsError], None]


def is_refusal(error: HarLabelsError) -> bool:
    """Whether a read was plainly refused: asking again would not help, and it says nothing of writing (contract §5 point 1).

    Not so a key that is not known, nor a registry that the server says it does not have.
    """
    is_of_reading = isinstance(error, Conflict | Forbidden | Refused | RegistryNotFound)
    return is_of_reading and not may_pass(error) and not isinstance(error, RegistryUnknown)


def may_pass(error: HarLabelsError) -> bool:
    """Whether a read failed in a way that a later one may not. Without any connection there is nothing to hope for."""
    return isinstance(error, ServerFailing | RateLimited | TimedOut | Disconnected)


_RESTORE = f"Restore it in Harness, or push it anew; if it may be missing, `{named('on-missing', 'skip')}`."


class Reader:
    """Reads artifacts of registries, each request again up to `retries` times after a failure that may pass."""

    def __init__(self, registry: Registry, clock: Clock, *, retries: int) -> None:
        self._registry, self._clock, self._retries = registry, clock, retries
        self._first_page: dict[RegistryRef, int] = {}
        self.retried, self._counting = 0, threading.Lock()

    def find(self, ref: RegistryRef, name: str, artifact_type: str) -> Reading:
        """One artifact, read now. Raises ArtifactNotFound, RegistryNotFound, AmbiguousArtifact, or what stopped it."""
        at = self._clock.monotonic()
        return Reading(choose(self.rows(ref, names={name}).get(name, []), ref, name, artifact_type), at)

    def rows(
        self,
        ref: RegistryRef,
        *,
        names: set[str],
        globs: Sequence[str] = (),
        skipping: OnRefusal | None = None,
        view: Callable[[Row], Row] = lambda row: row,
    ) -> Rows:
        """The rows of all artifacts that have one of the names or match a glob, by name.

        A name that no list shows is looked up by its summary: then its one row has no labels. A name that does
        not exist is left out. `skipping` is told of the names that can't be read, and why, and raises that where they are
        needed; with it an answer that is nonsense is not asked for again. `view` is given each row as it was read and
        gives it back as it is to be kept: of many artifacts, what only the outputs of a single one tell is not.
        """
        found: Rows = {}
        looking = _Looking(names, globs, view, is_needed=skipping is None)
        try:
            self._list(ref, found, looking)
        except HarLabelsError as error:
            if not skipping:
                raise
            skipping(names - found.keys(), error)
            return found
        for name in sorted(names - found.keys()):
            try:
                self._look_up(ref, found, name, looking)
            except HarLabelsError as error:
                if not skipping:
                    raise
                skipping({name}, error)
        return found

    def _look_up(self, ref: RegistryRef, found: Rows, name: str, looking: _Looking) -> None:
        """One name that no list has shown."""
        if not looking.is_for_one:
            # Rows move while a long list is paged; a search of its own tells.
            self._search(ref, found, replace(looking, names={name}, globs=()), term=name)
        if name not in found and (
            row := self._patiently(ref, lambda: self._registry.summary(ref, name), is_needed=looking.is_needed)
        ):
            found[name] = [looking.view(row)]

    def page_again(self, ref: RegistryRef, origin: Origin) -> list[Reading]:
        """What the page holds now that a row once stood on: with one request, its neighbours too."""
        at = self._clock.monotonic()
        rows = self._page(ref, origin.search, origin.number).rows
        return [Reading(row, at) for row in rows if not row.is_deleted]

    def _list(self, ref: RegistryRef, found: Rows, looking: _Looking) -> None:
        """Puts every row that is listed into `found`: by one listing, or by a search a name where that is less."""
        terms = [*sorted(looking.names), *(_longest_literal(glob) for glob in looking.globs)]
        shortest = min(terms, key=len, default="")
        if terms and all(shortest in term for term in terms):
            self._search(ref, found, looking, term=shortest)  # which finds the others, too
        elif terms and (last := self._list_all(ref, found, looking, len(terms))) is not None:
            # What stood on the first page is known, but for the last name: a row of its other type may be behind it.
            known = found.keys() - {last}
            for term in [*sorted(looking.names - known), *map(_longest_literal, looking.globs)]:
                self._search(ref, found, looking, term=term)

    def _search(self, ref: RegistryRef, found: Rows, looking: _Looking, *, term: str) -> None:
        for page in self._pages(ref, term, is_needed=looking.is_needed):
            _keep(page, found, looking)

    def _list_all(self, ref: RegistryRef, found: Rows, looking: _Looking, at_most: int) -> str | None:
        """Lists the whole registry; None when that is done.

        If the first page tells that `at_most` searches cost fewer requests it stops there: the last name it saw.
        """
        for at, page in enumerate(self._pages(ref, "", is_needed=looking.is_needed)):
            _keep(page, found, looking)
            if at == 0 and page.items / (page.size or PAGE_SIZE) > at_most + 1:
                return page.rows[-1].name if page.rows else ""
        return None

    def _pages(self, ref: RegistryRef, term: str, *, is_needed: bool) -> Iterator[Page]:
        """All pages, to an empty one or one shorter than the size it names; `pageCount` is not to be trusted."""
        at, before, repeats = self._first_page.get(ref, 0), set[tuple[str, str]](), 0
        while True:
            page = self._page(ref, term, at, is_needed=is_needed)
            keys = {(row.name, row.artifact_type) for row in page.rows}
            yield page
            if not page.rows or (page.size and len(page.rows) < page.size):
                return
            # Once may be a server that takes page 0 for page 1; a server that ignores `page` would go on for ever.
            repeats = repeats + 1 if keys == before else 0
            if repeats > 1:
                raise BadAnswer(f"the list of {ref} repeats one page and never comes to its end")
            before = keys
            at = max(at, self._first_page.get(ref, 0)) + 1

    def _page(self, ref: RegistryRef, term: str, at: int, *, is_needed: bool = True) -> Page:
        try:
            page = self._patiently(ref, lambda: self._registry.page(ref, search=term, number=at), is_needed=is_needed)
        except BadRequest:
            # Only a 400: a server that fails for page 0 has not said that it counts from 1, nor has one that gave page 0 before.
            if at != 0 or ref in self._first_page:
                raise
            at = 1
            page = self._patiently(ref, lambda: self._registry.page(ref, search=term, number=at), is_needed=is_needed)
        self._first_page.setdefault(ref, at)
        return page

    def _patiently(self, ref: RegistryRef, call: Callable[[], T], *, is_needed: bool) -> T:
        """Calls until there is an answer, up to `retries` times more; for nonsense only where the answer `is_needed`."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return call()
            except UnknownOutcome as unknown:
                self._clock.check()  # a read that was cut off since the run is over says nothing of the registry
                is_pointless = not is_needed and isinstance(unknown.error, BadAnswer)
                if is_pointless or attempt > self._retries or unknown.wait > LONGEST_ASKED_WAIT:
                    raise _unread(ref, unknown, attempt) from None
                with self._counting:
                    self.retried += 1
                self._clock.sleep(backoff(attempt, at_least=unknown.wait))


def _unread(ref: RegistryRef, unknown: UnknownOutcome, tries: int) -> HarLabelsError:
    """What a read came to that was tried as often as it may be: of which registry, and how often."""
    what = f"{unknown.error.what} ({number(tries, 'try', 'tries')}{asked_for(unknown)})"
    return unknown.error.reworded(f"reading {ref}: {what}")


def choose(rows: Sequence[Row], ref: RegistryRef, name: str, artifact_type: str) -> Row:
    """The row that is meant: of the wanted type, else of no type. Raises ArtifactNotFound or AmbiguousArtifact."""
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
            f"the {artifact_type} {name!r} in {ref} is deleted (the registry still lists it, as soft-deleted), and what is "
            f"there now is a {rows[0].artifact_type}",
            _RESTORE,
        )
    raise ArtifactNotFound(
        f"{name!r} in {ref} is a {rows[0].artifact_type}, and there is no {artifact_type} of that name",
        f"Check `{named('artifact-type')}`, or leave it out.",
    )


def advice_on(name: str, ref: RegistryRef) -> str:
    """What to write instead of a name that is an image's address, or has a version behind it; else empty text."""
    plain = plain_name(name, ref)
    return f"Labels belong to an artifact, not to its versions: write {plain}." if plain not in {"", name} else ""


def matching(pattern: str, rows: Rows) -> list[str]:
    """The names that a pattern means; an artifact that has the pattern itself as its name wins (contract §3)."""
    return [pattern] if pattern in rows else [name for name in rows if matches(pattern, name)]


@dataclass(frozen=True, slots=True)
class _Looking:
    """What one reading looks for, and how rows are kept; an answer that is nonsense is asked for again if it `is_needed`."""

    names: set[str]
    globs: Sequence[str]
    view: Callable[[Row], Row]
    is_needed: bool

    @property
    def is_for_one(self) -> bool:
        return len(self.names) + len(self.globs) == 1

    def wants(self, row: Row) -> bool:
        return row.name in self.names or (not row.is_deleted and matches_any(self.globs, row.name))


def _keep(page: Page, found: Rows, looking: _Looking) -> None:
    is_lean = len(found) > MOST_WITH_FACTS
    for row in page.rows:
        if looking.wants(row):
            rows = found.setdefault(row.name, [])
            # What is deleted and what was pushed anew under its name are two.
            key = (row.artifact_type, row.is_deleted)
            viewed = looking.view(row)
            rows[:] = [other for other in rows if (other.artifact_type, other.is_deleted) != key] + [
                viewed.lean if is_lean else viewed
            ]


def _longest_literal(glob: str) -> str:
    """The longest part of a pattern that stands in every match: `team/*-prod` → `team/` (the first of two as long)."""
    return max(split(r"\[!?\]?[^\]]*\]|[*?\[]", glob), key=len)
