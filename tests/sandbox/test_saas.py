"""The saas profile answers as contract section 1 documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from har_sandbox import Sandbox
from sandbox.conftest import MODELS, Client, fill
from sandbox.replay import ask

if TYPE_CHECKING:
    from sandbox.conftest import Reply


def error_of(reply: Reply) -> dict[str, object]:
    """The error body, which must have the three documented keys."""
    found: dict[str, object] = json.loads(reply.body)
    assert set(found) == {"code", "message", "details"}
    return found


def test_put_answers_with_the_documented_fields(client: Client) -> None:
    """A PUT answers 200 SUCCESS with exactly the six fields of the contract."""
    reply = client.put("team/llm/+", ["a", "b"])
    assert reply.status == 200
    assert json.loads(reply.body)["status"] == "SUCCESS"
    wanted = {"imageName", "packageType", "labels", "createdAt", "modifiedAt", "downloadsCount"}
    assert set(reply.data) == wanted
    assert (reply.data["imageName"], reply.data["labels"]) == ("team/llm", ["a", "b"])


def test_put_replaces_the_whole_list(box: Sandbox, client: Client) -> None:
    """What was there before is gone, and an empty list leaves none, shown as null."""
    client.put("team/llm/+", ["a"])
    client.put("team/llm/+", ["b"])
    assert box.labels(MODELS, "team/llm") == ["b"]
    assert client.put("team/llm/+", []).data["labels"] is None
    assert client.list("search_term=team/llm").data["artifacts"][0]["labels"] is None


def test_put_honours_the_artifact_type(box: Sandbox, client: Client) -> None:
    """A model and a dataset of one name are two artifacts, and keep their types."""
    assert client.put("resnet50", ["new"], "?artifact_type=dataset").status == 200
    assert box.labels(MODELS, "resnet50", "model") == ["m"]
    assert box.labels(MODELS, "resnet50", "dataset") == ["new"]
    rows = client.list("search_term=resnet50").data["artifacts"]
    assert [row["artifactType"] for row in rows] == ["model", "dataset"]


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"Authorization": "Bearer key"}])
def test_without_its_key_nothing_is_reported(client: Client, headers: dict[str, str]) -> None:
    """Any request without the right x-api-key is 401 as JSON, and writes nothing."""
    client.headers = headers
    assert error_of(client.put("team/llm/+", ["x"]))["code"] == "401"
    assert client.list().status == 401
    assert client.box.labels(MODELS, "team/llm") is None


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"labels":null}', b'{"labels":"a"}', b'{"labels":[1]}', b"{"],
)
def test_a_bad_body_is_refused(client: Client, body: bytes) -> None:
    """Anything but a list of strings under `labels` is 400 and changes nothing."""
    reply = client.ask("PUT", f"/registry/{MODELS}/+/artifact/team/llm/+/labels", body)
    assert error_of(reply)["code"] == "400"


def test_a_bad_artifact_type_is_refused(client: Client) -> None:
    """`artifact_type` is model or dataset, and only where artifacts have types."""
    assert client.put("resnet50", ["x"], "?artifact_type=bogus").status == 400
    assert client.put("app", ["x"], "?artifact_type=model", registry="acme/images").status == 400


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("PUT", "/registry/acme/ml/models/+/artifact/nope/labels", 404),
        ("PUT", "/registry/acme/nope/+/artifact/resnet50/labels", 404),
        ("GET", "/registry/acme/ml/models/+/artifact/nope/summary", 404),
        ("GET", "/registry/acme/nope/+/artifact/resnet50/summary", 404),
        ("GET", "/registry/acme/nope/+/artifacts", 400),
        ("POST", "/registry/acme/ml/models/+/artifact/resnet50/labels", 405),
        ("PUT", "/registry/acme/ml/models/artifact/resnet50/labels", 404),
        ("PUT", "/registry/acme/ml/models/+/artifact/team/llm/labels", 404),
    ],
)
def test_what_is_not_there_is_said_in_json(client: Client, method: str, target: str, status: int) -> None:
    """Unknown names, and references without their `/+`, are errors with code, message, details."""
    body = b'{"labels":["x"]}' if method != "GET" else None
    assert error_of(client.ask(method, target, body))["code"] == str(status)


def test_an_unknown_registry_lists_with_the_recorded_message(client: Client) -> None:
    """The message is the one of errors.json, by which clients distinguish it from a bad request."""
    message = error_of(client.list(registry="acme/nope"))["message"]
    assert message == "registry not found: Failed to find repo: resource not found"


def test_the_page_size_is_capped_and_counts_are_right() -> None:
    """100 rows a page for any requested size, and the answer reports that size."""
    with Sandbox() as box:
        box.add_artifacts(MODELS, ((f"m-{n:03}", ["x"]) for n in range(250)), artifact_type="model")
        client = Client(box)
        pages = [client.list(f"page={n}&size=1000&sort_field=name").data for n in range(4)]
        names = [row["name"] for page in pages for row in page["artifacts"]]
        client.close()
    assert [len(page["artifacts"]) for page in pages] == [100, 100, 50, 0]
    assert {(page["pageSize"], page["itemCount"], page["pageCount"]) for page in pages} == {(100, 250, 3)}
    assert names == [f"m-{n:03}" for n in range(250)]


def test_pages_in_any_order_and_after_a_deletion_are_whole() -> None:
    """Remembered places in the list never lose or repeat a row."""
    with Sandbox() as box:
        box.add_artifacts(MODELS, ((f"m-{n}", []) for n in range(10)), artifact_type="model")
        client = Client(box)
        query = "size=4&sort_field=name&sort_order=DESC&page="

        def names(page: int) -> list[str]:
            return [row["name"] for row in client.list(query + str(page)).data["artifacts"]]

        assert names(1) == ["m-5", "m-4", "m-3", "m-2"]
        assert names(0) + names(1) + names(2) == [f"m-{n}" for n in range(9, -1, -1)]
        box.delete_artifact(MODELS, "m-7")
        assert names(1) == ["m-4", "m-3", "m-2", "m-1"]
        client.close()


@pytest.mark.parametrize(
    ("term", "found"),
    [("NET", ["resnet50", "resnet50"]), ("m/l", ["team/llm"]), ("%25", []), ("_", []), ("zzz", [])],
)
def test_search_is_a_substring_in_any_case(client: Client, term: str, found: list[str]) -> None:
    """`search_term` matches anywhere in the name and has no wildcards."""
    rows = client.list(f"search_term={term}").data["artifacts"]
    assert [row["name"] for row in rows] == found


def test_a_server_may_count_from_one() -> None:
    """With `first_page` 1 page 0 is 400 and page 1 is the first."""
    with Sandbox(first_page=1) as box:
        fill(box)
        client = Client(box)
        assert client.list("page=0&size=10").status == 400
        assert len(client.list("page=1&size=10").data["artifacts"]) == 3
        client.close()


def test_a_server_may_not_name_labels() -> None:
    """With `omit_labels` neither list nor PUT shows them, and they are written all the same."""
    with Sandbox(omit_labels=True) as box:
        fill(box)
        client = Client(box)
        assert "labels" not in client.put("team/llm/+", ["a"]).data
        assert all("labels" not in row for row in client.list().data["artifacts"])
        assert box.labels(MODELS, "team/llm") == ["a"]
        client.close()


def test_a_server_may_drop_types() -> None:
    """With `drops_type` a PUT makes the artifact one of no type, that is still found."""
    with Sandbox(drops_type=True, summary_labels=True) as box:
        fill(box)
        client = Client(box)
        client.put("team/llm/+", ["a"], "?artifact_type=model")
        assert box.artifact(MODELS, "team/llm").type is None
        assert client.put("team/llm/+", ["b"], "?artifact_type=model").status == 200
        assert client.ask("GET", f"/registry/{MODELS}/+/artifact/team/llm/+/summary").data["labels"] == ["b"]
        client.close()


def test_a_page_size_cap_can_be_set() -> None:
    """With `page_size_cap` the answer names that size."""
    with Sandbox(page_size_cap=2) as box:
        fill(box)
        client = Client(box)
        assert client.list("page=0&size=100").data["pageSize"] == 2
        client.close()


def test_hidden_artifacts_exist_but_are_not_listed() -> None:
    """A hidden artifact has a summary and takes labels, and no list shows it."""
    with Sandbox(hidden=["secret"]) as box:
        box.add_artifact(MODELS, "secret", artifact_type="model")
        client = Client(box)
        assert client.list().data["itemCount"] == 0
        assert client.ask("GET", f"/registry/{MODELS}/+/artifact/secret/summary").status == 200
        assert client.put("secret", ["a"]).status == 200
        client.close()


def test_beside_the_api_there_is_a_web_page(box: Sandbox) -> None:
    """A path outside the API's base answers 200 with HTML, also to a PUT, and writes nothing."""
    target = f"/api/v1/registry/{MODELS}/+/artifact/resnet50/labels"
    status, headers, body = ask(box, "PUT", target, body=b'{"labels":[]}', headers={"x-api-key": "key"})
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body == "<html></html>\n"
    assert box.labels(MODELS, "resnet50", "model") == ["m"]
