"""The object tests use: log, hooks, foreign writers, options."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from har_sandbox import Request, Sandbox
from sandbox.conftest import MODELS, Client, fill

if TYPE_CHECKING:
    from pathlib import Path


def test_requests_are_kept_as_they_were_sent(box: Sandbox, client: Client) -> None:
    """The log has the raw path, the query, headers in their own case, the body, the result."""
    client.headers = {"X-Api-KEY": "key"}
    client.put("team%2Fllm", ["é"], "?artifact_type=model")
    seen = box.requests[-1]
    assert seen.method == "PUT"
    assert seen.path == "/har/api/v1/registry/acme/ml/models/+/artifact/team%2Fllm/labels"
    assert seen.query == "artifact_type=model"
    assert seen.headers["X-Api-KEY"] == "key"
    assert json.loads(seen.body) == {"labels": ["é"]}
    assert (seen.status, seen.written) == (200, True)
    assert seen.time > 1_700_000_000


def test_the_log_can_be_forgotten(box: Sandbox, client: Client) -> None:
    """After `forget_requests` only later requests are there."""
    client.list()
    box.forget_requests()
    assert box.requests == []


def test_a_foreign_writer_can_step_between_read_and_write(box: Sandbox, client: Client) -> None:
    """A hook runs before a request is carried out, another before its answer leaves."""
    order: list[tuple[str, list[str] | None]] = []

    @box.before
    def write(request: Request) -> None:
        if request.method == "PUT":
            order.append(("before", box.labels(MODELS, "resnet50", "model")))
            box.put_labels(MODELS, "resnet50", ["theirs"], "model")

    @box.after
    def look(request: Request) -> None:
        if request.method == "PUT":
            order.append((f"after {request.status}", box.labels(MODELS, "resnet50", "model")))
            box.put_labels(MODELS, "resnet50", ["later"], "model")

    client.put("resnet50", ["ours"])
    assert order == [("before", ["m"]), ("after 200", ["ours"])]
    assert box.labels(MODELS, "resnet50", "model") == ["later"]


def test_on_request_is_the_one_hook_before(box: Sandbox, client: Client) -> None:
    """Assigning a callable has it called, assigning None ends that."""
    seen: list[str] = []
    box.on_request = lambda request: seen.append(request.method)
    client.list()
    box.on_request = None
    client.list()
    assert seen == ["GET"]


def test_an_error_in_a_hook_surfaces_in_the_test() -> None:
    """A hook that fails does not fail silently: leaving the block raises its error."""

    def fail(_request: Request) -> None:
        raise KeyError("hook")

    box = Sandbox().start()
    box.before(fail)
    client = Client(box)
    client.list()
    client.close()
    with pytest.raises(KeyError, match="hook"):
        box.__exit__(None)


def test_labels_of_nothing_is_an_error(box: Sandbox) -> None:
    """A request for an artifact that doesn't exist is a mistake of the test, and the error names it."""
    with pytest.raises(LookupError, match="no artifact 'nope'"):
        box.labels(MODELS, "nope")


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"profile": "cloud"}, "unknown profile"), ({"frist_page": 1}, "has no option frist_page")],
)
def test_unknown_options_are_refused(options: dict[str, object], problem: str) -> None:
    """A misspelt profile or option fails at once."""
    with pytest.raises((ValueError, TypeError), match=problem):
        Sandbox(**options)  # type: ignore[arg-type]


def test_a_database_file_keeps_its_content(tmp_path: Path) -> None:
    """Labels written in one run are there in the next, also where the preload names others."""
    file = tmp_path / "registry.db"
    content = {"registries": [{"ref": MODELS, "artifacts": [{"name": "a", "type": "model", "labels": ["old"]}]}]}
    with Sandbox(database=file, preload=content) as box:
        client = Client(box)
        client.put("a", ["kept"])
        client.close()
    with Sandbox(database=file, preload=content) as box:
        assert box.labels(MODELS, "a") == ["kept"]


def test_writers_at_once_leave_one_whole_list(box: Sandbox) -> None:
    """Eight writers of different lists: all are answered and the last one wins whole."""
    statuses: list[int | None] = []

    def write(writer: int) -> None:
        client = Client(box)
        lists = [[f"w{writer}", f"t{turn}-{writer}"] for turn in range(10)]
        statuses.extend([client.put("team/llm/+", labels).status for labels in lists])
        client.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80
    labels = box.labels(MODELS, "team/llm")
    assert labels is not None
    assert labels[1].endswith(labels[0].removeprefix("w"))


def test_a_chunked_body_is_read(box: Sandbox) -> None:
    """A request without a length is read to the end of its chunks."""
    connection = http.client.HTTPConnection(box.url.removeprefix("http://"))
    connection.request(
        "PUT",
        f"/har/api/v1/registry/{MODELS}/+/artifact/resnet50/labels",
        iter([b'{"labels":', b'["chunk"]}']),
        {"x-api-key": "key"},
        encode_chunked=True,
    )
    assert connection.getresponse().status == 200
    connection.close()
    assert box.labels(MODELS, "resnet50", "model") == ["chunk"]


def test_garbage_on_the_wire_ends_one_connection_only(box: Sandbox, client: Client) -> None:
    """A request with a length that is no number is dropped and the server goes on."""
    host, port = box.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(b"PUT / HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert wire.recv(100) == b""
    assert client.list().status == 200


def test_roles_of_the_open_source_profile() -> None:
    """A reader's key lists and may not write, in the open-source profile."""
    with Sandbox("open-source", api_key="key", roles={"looker": "reader"}) as box:
        fill(box)
        client = Client(box)
        client.headers = {"Authorization": "Bearer looker"}
        assert client.list().status == 200
        assert client.put("resnet50", ["x"]).status == 403
        client.close()
        assert box.api_url == box.url + "/api/v1"


def test_the_open_source_profile_takes_any_page_size() -> None:
    """No size is too large for it, and a number Go cannot hold is its error."""
    with Sandbox("open-source", api_key="key") as box:
        rows = ((f"m-{n}", []) for n in range(40_000))
        box.add_artifacts("acme/files", rows, package_type="GENERIC")
        client = Client(box)
        client.headers = {"Authorization": "key"}
        page = client.list("page=0&size=100000", registry="acme/files").data
        assert (len(page["artifacts"]), page["pageSize"]) == (40_000, 100_000)
        reply = client.list(f"page=0&size={2**63}", registry="acme/files")
        assert (reply.status, reply.body[-20:]) == (400, b" value out of range\n")
        client.close()
