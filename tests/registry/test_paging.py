"""Pages that can't be trusted: wrong counts, other sizes, rows that move (contract §1)."""

from __future__ import annotations

import pytest

from conftest import MODELS, MakeSandbox
from har_labels.clock import Clock
from har_labels.errors import (
    BadAnswer,
    Refused,
    ServerFailing,
)
from har_sandbox import Fault, Sandbox
from registry.clients import REF, registry
from registry.readers import Sleepless, fill, page_of, reader_of, reader_over
from registry.servers import canned


@pytest.mark.parametrize(
    ("count", "cap", "requests"),
    [
        (0, 100, 1),
        (1, 100, 1),
        (99, 100, 1),
        (100, 100, 2),
        (101, 100, 2),
        (250, 100, 3),
        (300, 100, 4),
        (50, 7, 8),
        (49, 7, 8),
    ],
)
def test_paging(make_sandbox: MakeSandbox, count: int, cap: int, requests: int) -> None:
    """All pages are read, to one that is shorter than the size the answer names; a full last page costs one more."""
    box = make_sandbox(page_size_cap=cap)
    box.add_registry(MODELS)
    names = fill(box, count)
    rows = reader_of(box).rows(REF, names=set(), globs=["*"])
    assert sorted(rows) == names
    assert len(box.requests) == requests


def test_a_server_that_counts_from_1(make_sandbox: MakeSandbox) -> None:
    """A 400 for page 0 means that the server counts from 1, which is learnt once for each registry."""
    box = make_sandbox(first_page=1, page_size_cap=10)
    names = fill(box, 35)
    reader = reader_of(box)
    assert sorted(reader.rows(REF, names=set(), globs=["*"])) == names
    assert [request.param("page") for request in box.requests] == ["0", "1", "2", "3", "4"]
    box.forget_requests()
    assert reader.find(REF, "model-0034", "").row.labels == ("0034",)
    assert [request.param("page") for request in box.requests] == ["1"]


def test_counts_of_the_open_source_server_are_not_trusted(make_sandbox: MakeSandbox) -> None:
    """Where the server counts versions, its page count is too high; the list still ends where its rows do."""
    box = make_sandbox("open-source")
    for version in ("1", "2", "3", "4"):
        for name in ("a", "b", "c"):
            box.add_artifact("acme/ml/models", name, package_type="GENERIC", version=version, labels=[name])
    box.forget_requests()
    reader = reader_over(registry(box.api_url, scheme="bearer"), Sleepless(), retries=0)
    assert {name: rows[0].labels for name, rows in reader.rows(REF, names=set(), globs=["*"]).items()} == {
        "a": ("a",),
        "b": ("b",),
        "c": ("c",),
    }
    assert len(box.requests) == 1


@pytest.mark.parametrize(
    ("pages", "found", "requests"),
    [
        # A row that moved onto the next page while it was read is one row, and the newer one counts.
        ([("a", "b"), ("b", "c"), ("d",)], "abcd", 3),
        # A server that counts from 1 and takes page 0 for page 1 repeats one page, once.
        ([("a", "b"), ("a", "b"), ("c",)], "abc", 3),
        ([("a", "b"), ()], "ab", 2),
        ([()], "", 1),
    ],
)
def test_pages_that_move_or_repeat(pages: list[tuple[str, ...]], found: str, requests: int) -> None:
    """Rows are distinguished by name and type."""
    with canned(*(page_of(*names) for names in pages)) as server:
        reader = reader_over(registry(server.url), Clock(), retries=0)
        assert "".join(sorted(reader.rows(REF, names=set(), globs=["*"]))) == found
        assert len(server.asked) == requests


def test_a_list_that_repeats_one_page_is_not_believed() -> None:
    """A server that ignores `page` would go on for ever, and what it does not show would be missed."""
    with canned(page_of("a", "b")) as server, pytest.raises(BadAnswer, match="repeats one page"):
        reader_over(registry(server.url), Clock(), retries=0).rows(REF, names=set(), globs=["*"])


@pytest.mark.parametrize("size", [0, 500])
def test_page_sizes_that_the_answer_names(size: int) -> None:
    """No page size in the answer means to go on to an empty page; a larger one than asked for ends a list early."""
    with canned(page_of("a", "b", size=size), page_of("c", size=size), page_of(size=size)) as server:
        rows = reader_over(registry(server.url), Clock(), retries=0).rows(REF, names=set(), globs=["*"])
    assert "".join(sorted(rows)) == ("abc" if size == 0 else "ab")


def test_a_server_that_fails_does_not_count_from_1(sandbox: Sandbox) -> None:
    """After failures for page 0 the next read requests page 0 again, and misses no row of it."""
    names = fill(sandbox, 3)
    sandbox.script([Fault("500", times=3)])
    reader = reader_of(sandbox)
    with pytest.raises(ServerFailing):
        reader.rows(REF, names=set(), globs=["*"])
    assert sorted(reader.rows(REF, names=set(), globs=["*"])) == names


def test_a_server_that_gave_page_0_does_not_count_from_1(sandbox: Sandbox) -> None:
    """A refusal of page 0 after it was given once is a refusal, and no reason to skip it from then on."""
    names = fill(sandbox, 3)
    reader = reader_of(sandbox)
    reader.rows(REF, names=set(), globs=["*"])
    sandbox.script([Fault("400")])
    with pytest.raises(Refused):
        reader.rows(REF, names=set(), globs=["*"])
    assert sorted(reader.rows(REF, names=set(), globs=["*"])) == names
