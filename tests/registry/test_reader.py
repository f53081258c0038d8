"""Finding artifacts: exact names, few requests (contract §1, §5, §6)."""

from __future__ import annotations

import pytest

from conftest import MODELS, MakeSandbox, RunStep
from har_labels.errors import (
    AmbiguousArtifact,
    ArtifactNotFound,
)
from har_sandbox import Sandbox
from registry.clients import REF
from registry.readers import fill, reader_of


def test_a_name_is_compared_exactly(sandbox: Sandbox) -> None:
    """The search is by substring; only the exact name is the artifact, in its case."""
    for name in ("net", "resnet", "net-2", "NET", "my/net"):
        sandbox.add_artifact(MODELS, name, labels=[name])
    reading = reader_of(sandbox).find(REF, "net", "")
    assert (reading.row.name, reading.row.labels) == ("net", ("net",))
    assert len(sandbox.requests) == 1
    assert sandbox.requests[0].query == "search_term=net&page=0&size=100&sort_field=name&sort_order=ASC"


def test_an_artifact_that_no_list_shows(sandbox: Sandbox) -> None:
    """Without a match the summary decides whether it exists with hidden labels or not at all."""
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
    """A server without types is asked for a model all the same; one of the other type doesn't match."""
    sandbox.add_artifact(MODELS, "plain", labels=["p"])
    sandbox.add_artifact(MODELS, "data", artifact_type="dataset")
    reader = reader_of(sandbox)
    assert reader.find(REF, "plain", "model").row.labels == ("p",)
    with pytest.raises(ArtifactNotFound) as missing:
        reader.find(REF, "data", "model")
    assert missing.value.what == "'data' in acme/ml/models/+ is a dataset, and there is no model of that name"


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
    """A name that a listing did not show is searched for by itself, since rows move; then its summary decides."""
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
