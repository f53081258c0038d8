"""Finding artifacts: exact names, pages that can't be trusted, few requests (contract §1, §5, §6)."""

from __future__ import annotations

import pytest

from conftest import MODELS, MakeSandbox, RunStep
from har_labels.errors import (
    AmbiguousArtifact,
    ArtifactNotFound,
    BadAnswer,
    Forbidden,
    HarLabelsError,
    RateLimited,
    Refused,
    RegistryNotFound,
    ServerFailing,
    Unauthorized,
    Unreachable,
)
from har_labels.reading import Reader
from har_labels.timing import Clock
from har_sandbox import Fault, Sandbox
from wire.clients import REF, registry
from wire.servers import canned, success


class Sleepless(Clock):
    """A clock that only notes how long it should have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def reader_of(box: Sandbox, retries: int = 2) -> Reader:
    return Reader(registry(box.api_url), Sleepless(), retries=retries)


def fill(box: Sandbox, count: int, prefix: str = "model-") -> list[str]:
    """Artifacts `model-0000` and on, each with its number as a label."""
    names = [f"{prefix}{number:04}" for number in range(count)]
    box.add_artifacts(MODELS, [(name, [name[-4:]]) for name in names])
    return names


def page_of(*names: str, size: int = 2, count: int = 0) -> tuple[int, dict[str, str], bytes]:
    rows = [{"name": name, "labels": [name]} for name in names]
    return success({"artifacts": rows, "pageSize": size, "itemCount": count, "pageCount": 99, "pageIndex": 0})


def test_a_name_is_compared_exactly(sandbox: Sandbox) -> None:
    """The search is a substring's; only the very name is the artifact, in its case."""
    for name in ("net", "resnet", "net-2", "NET", "my/net"):
        sandbox.add_artifact(MODELS, name, labels=[name])
    reading = reader_of(sandbox).find(REF, "net", "")
    assert (reading.row.name, reading.row.labels) == ("net", ("net",))
    assert len(sandbox.requests) == 1
    assert sandbox.requests[0].query == "search_term=net&page=0&size=100&sort_field=name&sort_order=ASC"


def test_an_artifact_that_no_list_shows(sandbox: Sandbox) -> None:
    """Without a match the summary tells what exists, labels not shown, from what does not."""
    sandbox.add_artifact(MODELS, "untagged", labels=["a"], hidden=True)
    reader = reader_of(sandbox)
    assert reader.find(REF, "untagged", "").row.labels is None
    with pytest.raises(ArtifactNotFound) as missing:
        reader.find(REF, "nope", "")
    assert missing.value.what == "there is no artifact 'nope' in acme/ml/models/+"
    assert [request.path.rpartition("/")[2] for request in sandbox.requests] == ["artifacts", "summary"] * 2


def test_labels_of_a_summary_are_used(make_sandbox: MakeSandbox) -> None:
    """If a summary carries labels, the artifact is readable by it."""
    box = make_sandbox(summary_labels=True)
    box.add_artifact(MODELS, "untagged", labels=["b", "a"], hidden=True)
    assert reader_of(box).find(REF, "untagged", "").row.labels == ("a", "b")


def test_model_and_dataset_of_one_name(sandbox: Sandbox) -> None:
    """Of several rows the one of the wanted type is taken; without a type it is an error that names both."""
    sandbox.add_artifact(MODELS, "x", artifact_type="model", labels=["m"])
    sandbox.add_artifact(MODELS, "x", artifact_type="dataset", labels=["d"])
    reader = reader_of(sandbox)
    assert reader.find(REF, "x", "model").row.labels == ("m",)
    assert reader.find(REF, "x", "dataset").row.labels == ("d",)
    with pytest.raises(AmbiguousArtifact) as ambiguous:
        reader.find(REF, "x", "")
    assert ambiguous.value.what == "'x' in acme/ml/models/+ names several artifacts: dataset and model"
    assert all(request.param("artifact_type") is None for request in sandbox.requests)


def test_a_row_of_no_type_serves_for_any(sandbox: Sandbox) -> None:
    """A server that tells no types is asked for a model all the same; one of the other type is not it."""
    sandbox.add_artifact(MODELS, "plain", labels=["p"])
    sandbox.add_artifact(MODELS, "data", artifact_type="dataset")
    reader = reader_of(sandbox)
    assert reader.find(REF, "plain", "model").row.labels == ("p",)
    with pytest.raises(ArtifactNotFound) as missing:
        reader.find(REF, "data", "model")
    assert missing.value.what == "'data' in acme/ml/models/+ is a dataset, and there is no model of that name"


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
    reader = Reader(registry(box.api_url, scheme="bearer"), Sleepless(), retries=0)
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
    """Rows are told apart by name and type."""
    with canned(*(page_of(*names) for names in pages)) as server:
        reader = Reader(registry(server.url), Clock(), retries=0)
        assert "".join(sorted(reader.rows(REF, names=set(), globs=["*"]))) == found
        assert len(server.asked) == requests


def test_a_list_that_repeats_one_page_is_not_believed() -> None:
    """A server that ignores `page` would go on for ever, and what it does not show would be missed."""
    with canned(page_of("a", "b")) as server, pytest.raises(BadAnswer, match="repeats one page"):
        Reader(registry(server.url), Clock(), retries=0).rows(REF, names=set(), globs=["*"])


@pytest.mark.parametrize("size", [0, 500])
def test_page_sizes_that_the_answer_names(size: int) -> None:
    """No page size in the answer means to go on to an empty page; a larger one than asked for ends a list early."""
    with canned(page_of("a", "b", size=size), page_of("c", size=size), page_of(size=size)) as server:
        rows = Reader(registry(server.url), Clock(), retries=0).rows(REF, names=set(), globs=["*"])
    assert "".join(sorted(rows)) == ("abc" if size == 0 else "ab")


def test_many_names_are_listed_and_few_are_searched(sandbox: Sandbox) -> None:
    """A registry is listed by pages when that costs fewer requests than one search per name."""
    names = fill(sandbox, 450)
    reader = reader_of(sandbox)
    found = reader.rows(REF, names=set(names[::2]))
    assert sorted(found) == names[::2]
    assert len(sandbox.requests) == 5
    sandbox.forget_requests()
    assert sorted(reader.rows(REF, names={names[0], names[449]})) == [names[0], names[449]]
    assert len(sandbox.requests) <= 3


def test_names_missing_in_a_long_list_are_looked_up(sandbox: Sandbox) -> None:
    """A name that a listing did not show is searched for on its own, since rows move; then its summary tells."""
    names = fill(sandbox, 150)
    sandbox.add_artifact(MODELS, "untagged", hidden=True)
    rows = reader_of(sandbox).rows(REF, names={*names, "untagged", "nope"})
    assert rows["untagged"][0].labels is None
    assert "nope" not in rows
    assert len(rows) == 151
    assert len(sandbox.requests) == 2 + 2 * 2


def test_globs(sandbox: Sandbox) -> None:
    """A glob is searched by its longest literal part and compared as a whole; `*` crosses `/`."""
    for name in ("team/a", "team/b/c", "other/team/x", "team", "x"):
        sandbox.add_artifact(MODELS, name)
    assert sorted(reader_of(sandbox).rows(REF, names=set(), globs=["team/*"])) == ["team/a", "team/b/c"]
    assert sandbox.requests[0].param("search_term") == "team/"
    assert sorted(reader_of(sandbox).rows(REF, names={"x"}, globs=["*/[ab]*"])) == ["team/a", "team/b/c", "x"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", ServerFailing),
        ("429", RateLimited),
        ("cut", Unreachable),
        ("html", BadAnswer),
        ("wrong-types", BadAnswer),
        ("truncated", BadAnswer),
    ],
)
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_reads_are_tried_again(sandbox: Sandbox, kind: str, error: type[HarLabelsError], retries: int) -> None:
    """A failed read is tried again up to `retries` times, each counted, and no more often."""
    sandbox.add_artifact(MODELS, "x", labels=["a"])
    sandbox.script([Fault(kind, times=retries)])
    reader = reader_of(sandbox, retries)
    assert reader.find(REF, "x", "").row.labels == ("a",)
    assert (len(sandbox.requests), reader.retried) == (retries + 1, retries)
    sandbox.forget_requests()
    sandbox.script([Fault(kind, times=99)])
    with pytest.raises(error):
        reader.find(REF, "x", "")
    assert len(sandbox.requests) == retries + 1


def test_a_server_that_fails_does_not_count_from_1(sandbox: Sandbox) -> None:
    """After failures for page 0 the next read asks for page 0 again, and misses nothing that stands there."""
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


@pytest.mark.parametrize(("status", "error"), [("401", Unauthorized), ("403", Forbidden)])
def test_refusals_are_not_tried_again(sandbox: Sandbox, status: str, error: type[HarLabelsError]) -> None:
    """What the server refuses it would refuse again."""
    sandbox.add_artifact(MODELS, "x")
    sandbox.script([Fault(status, times=9)])
    with pytest.raises(error):
        reader_of(sandbox).find(REF, "x", "")
    assert len(sandbox.requests) == 1


def test_an_unknown_registry_costs_one_request(sandbox: Sandbox) -> None:
    """The 400 of an unknown registry is not taken for a server that counts from 1."""
    with pytest.raises(RegistryNotFound):
        reader_of(sandbox).find(REF, "x", "")
    assert len(sandbox.requests) == 1


def test_retry_after_is_waited_for(sandbox: Sandbox) -> None:
    """A server that names a time is asked again no sooner."""
    sandbox.add_artifact(MODELS, "x")
    sandbox.script([Fault("429", retry_after="7"), Fault("503", nth=2, retry_after="3")])
    clock = Sleepless()
    Reader(registry(sandbox.api_url), clock, retries=2).find(REF, "x", "")
    assert 7 <= clock.slept[0] <= 7.5
    assert 3 <= clock.slept[1] <= 4


@pytest.mark.parametrize(("mode", "labels", "looks"), [("add", "new", 2), ("replace", "new", 0), ("clear", "", 0)])
def test_requests_of_a_run_over_many(run_step: RunStep, sandbox: Sandbox, mode: str, labels: str, looks: int) -> None:
    """N listed artifacts of which M change cost ⌈N/100⌉ + M requests, and at most 2⌈N/100⌉ to look again (contract §6)."""
    count, changing = 250, 12
    fill(sandbox, count)
    for number in range(count - changing):
        name = f"model-{number:04}"
        sandbox.put_labels(MODELS, name, {"add": [name[-4:], "new"], "replace": ["new"], "clear": []}[mode])
    done = run_step("github", sandbox, {"registry-ref": MODELS, "artifact": "*", "mode": mode, "labels": labels})
    assert (done.code, done.outputs["changed-count"], done.outputs["matched-count"]) == (0, str(changing), str(count))
    puts = [request for request in sandbox.requests if request.method == "PUT"]
    assert len(puts) == changing
    assert len(sandbox.requests) <= 3 + changing + looks * 3


def test_a_list_without_its_artifacts_is_not_empty() -> None:
    """An answer that leaves out what was asked for is doubt, or `on-missing: skip` would make it green."""
    with canned(success({"itemCount": 0})) as server, pytest.raises(BadAnswer, match="is not what the API documents"):
        Reader(registry(server.url), Sleepless(), retries=0).find(REF, "x", "")


@pytest.mark.parametrize("retries", [0, 2])
def test_a_read_that_failed_says_of_what_and_how_often(sandbox: Sandbox, retries: int) -> None:
    """In a run over several registries the reader must know which one it was."""
    sandbox.script([Fault("503", times=99)])
    with pytest.raises(ServerFailing) as caught:
        reader_of(sandbox, retries).find(REF, "x", "")
    tries = "1 try" if retries == 0 else "3 tries"
    assert caught.value.what == f"reading {MODELS}/+: the server answered 503: Service Unavailable ({tries})"


def test_a_server_that_asks_for_a_very_long_pause_is_quoted(sandbox: Sandbox) -> None:
    """Nobody waits a day: the run gives up at once, and says what was asked for."""
    sandbox.script([Fault("429", times=1, retry_after="86400")])
    with pytest.raises(RateLimited, match=r"\(1 try, and it asked to wait 86,400 s\)"):
        reader_of(sandbox).find(REF, "x", "")


def test_labels_that_appear_later_than_their_artifact_are_waited_for(sandbox: Sandbox, run_step: RunStep) -> None:
    """What was just pushed may be known by name before a list shows it; a merging mode needs its labels."""
    sandbox.add_artifact(MODELS, "late", package_type="DOCKER", labels=["old"], hidden=True)

    def list_it(_request: object) -> None:
        if len(sandbox.requests) == 4:
            sandbox.delete_artifact(MODELS, "late")
            sandbox.add_artifact(MODELS, "late", package_type="DOCKER", labels=["old"])

    sandbox.before(list_it)
    asked = {"registry-ref": MODELS, "artifact": "late", "mode": "add", "labels": "new", "wait-for-artifact": "20"}
    done = run_step("github", sandbox, asked)
    assert (done.code, sandbox.labels(MODELS, "late")) == (0, ["new", "old"])
