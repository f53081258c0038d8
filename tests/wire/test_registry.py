"""What each answer means: the documented ones, the four shapes of errors, and all that should never come (contract §1, §5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ci.steps import Done
from conftest import MakeSandbox, RunStep
from wire.clients import REF, registry
from wire.servers import HTML, JSON, TEXT, as_json, canned, success

from har_labels.errors import (
    ArtifactNotFound,
    BadAnswer,
    Conflict,
    Forbidden,
    HarLabelsError,
    RateLimited,
    Redirected,
    Refused,
    RegistryNotFound,
    ServerFailing,
    Unauthorized,
)
from har_labels.registry import Doubt, Written
from har_sandbox import Sandbox

PAGE = {"artifacts": [{"name": "x", "labels": ["b", "a", "a"]}], "pageSize": 100, "itemCount": 7, "pageIndex": 0, "pageCount": 9}
ANSWER = {"imageName": "x", "packageType": "DOCKER", "labels": ["a"], "createdAt": "1", "modifiedAt": "2", "downloadsCount": 3}
CALLS = ("page", "summary", "put_labels")
Canned = tuple[int, dict[str, str], bytes]


def call(url: str, which: str, labels: tuple[str, ...] = ("a",), artifact_type: str = "") -> Any:
    """One call of the registry."""
    client = registry(url)
    if which == "page":
        return client.page(REF, search="x", number=0)
    if which == "summary":
        return client.summary(REF, "x")
    return client.put_labels(REF, "x", artifact_type, labels)


def error_of(answer: Canned, which: str) -> HarLabelsError | Doubt:
    """What a call raises for this answer, after exactly one request."""
    with canned(answer) as server:
        with pytest.raises((HarLabelsError, Doubt)) as caught:
            call(server.url, which)
        assert len(server.asked) == 1
    return caught.value


SHAPES = [
    (as_json, {"code": "403", "message": "no rights here", "details": None}, ": no rights here"),
    (as_json, {"message": "no rights here"}, ": no rights here"),
    ("text", "no rights\nhere\n", ": no rights here"),
    ("text", "", ""),
    ("html", "<html><body>no rights here</body></html>", ""),
    (as_json, ["no rights here"], ""),
    (as_json, {"message": {"a": 1}}, ""),
    (as_json, {"message": "x" * 1000}, f": {'x' * 300}…"),
    ("text", "\x1b[31mred\r\n::error::x", ": \x1b[31mred ::error::x"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "body", "said"), SHAPES)
def test_the_shapes_of_an_error(shape: Any, body: Any, said: str) -> None:
    """JSON with and without a code, plain text, nothing, a web page: each is understood, and pages are not quoted."""
    answer = shape(403, body) if callable(shape) else (403, TEXT if shape == "text" else HTML, body.encode())
    error = error_of(answer, "put_labels")
    assert type(error) is Forbidden
    assert error.what == f"the server refused a request for artifact 'x' in acme/ml/models/+ (403){said}"


@pytest.mark.parametrize("which", CALLS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (403, Forbidden), (409, Conflict), (400, Refused), (405, Refused), (413, Refused), (415, Refused), (422, Refused),
     (301, Redirected), (302, Redirected), (303, Redirected), (307, Redirected), (308, Redirected), (304, Redirected)],
)  # fmt: skip
def test_plain_refusals_are_final(which: str, status: int, kind: type[HarLabelsError]) -> None:
    """3xx 400 401 403 405 409 413 415 422 are refusals of one kind each, and no doubt."""
    error = error_of(as_json(status, {"message": "no"}), which)
    assert type(error) is kind
    assert str(status) in error.what or status < 400


@pytest.mark.parametrize("which", CALLS)
@pytest.mark.parametrize("status", [500, 502, 503, 504, 507, 520, 599, 402, 406, 408, 410, 418, 423, 425, 451])
def test_every_other_failure_is_doubt(which: str, status: int) -> None:
    """5xx, and every status that is no documented refusal: nobody knows whether anything was done."""
    doubt = error_of(as_json(status, {"message": "no"}), which)
    assert isinstance(doubt, Doubt)
    assert (type(doubt.error), doubt.written) == (ServerFailing, None)
    assert doubt.error.what == f"the server answered {status}: no"


@pytest.mark.parametrize("which", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        (200, HTML, b"<html></html>"),
        (200, TEXT, b"ok"),
        (200, JSON, b""),
        (204, JSON, b""),
        (200, JSON, b'{"data": '),
        as_json(200, []),
        as_json(200, "SUCCESS"),
        as_json(200, {}),
        as_json(200, {"data": ANSWER}),
        as_json(200, {"data": ANSWER, "status": "FAILURE"}),
        as_json(200, {"data": ANSWER, "status": "ERROR"}),
        as_json(200, {"data": ANSWER, "status": None}),
        as_json(200, {"status": "SUCCESS"}),
        as_json(200, {"data": [], "status": "SUCCESS"}),
        as_json(200, {"data": None, "status": "SUCCESS"}),
        None,
    ],
)
def test_what_is_not_believed(which: str, answer: Canned) -> None:
    """A web page with status 200, no JSON, a status other than SUCCESS, no data, no answer: all of it is doubt."""
    doubt = error_of(answer, which)
    assert isinstance(doubt, Doubt)
    assert doubt.written is None


@pytest.mark.parametrize("labels", ["a", [1], [None], {"a": 1}, [["a"]], 7, True])
@pytest.mark.parametrize("which", ["page", "put_labels"])
def test_labels_of_the_wrong_type_are_doubt(which: str, labels: Any) -> None:
    """Labels that are no list of texts are not guessed at."""
    data = {**PAGE, "artifacts": [{"name": "x", "labels": labels}]} if which == "page" else {**ANSWER, "labels": labels}
    doubt = error_of(success(data), which)
    assert isinstance(doubt, Doubt)
    assert type(doubt.error) is BadAnswer


@pytest.mark.parametrize("artifacts", ["x", {"name": "x"}, [1], [None], [{}], [{"name": 1}], [{"name": "x", "artifactType": 5}]])
def test_rows_of_the_wrong_type_are_doubt(artifacts: Any) -> None:
    """A list whose rows can't be told apart is doubt, not an empty list."""
    assert isinstance(error_of(success({**PAGE, "artifacts": artifacts}), "page"), Doubt)


@pytest.mark.parametrize(("artifacts", "pages"), [(None, 0), ([], 0)])
def test_an_empty_list(artifacts: Any, pages: int) -> None:
    """`null` and `[]` are both an empty page."""
    with canned(success({**PAGE, "artifacts": artifacts})) as server:
        assert len(call(server.url, "page").rows) == pages


def test_a_row() -> None:
    """Labels of a row are a sorted set, `null` means none, and counts that are no numbers are none."""
    rows = [PAGE["artifacts"][0], {"name": "y", "labels": None, "artifactType": "model"}, {"name": "z"}]
    with canned(success({**PAGE, "artifacts": rows, "pageSize": "100", "itemCount": -3})) as server:
        page = call(server.url, "page")
    assert [(row.name, row.artifact_type, row.labels) for row in page.rows] == [("x", "", ("a", "b")), ("y", "model", ()), ("z", "", ())]
    assert (page.size, page.items) == (0, 0)


@pytest.mark.parametrize("kind", ["DOCKER", "MAVEN", "PYTHON", "GENERIC", "HELM", "NUGET", "NPM", "RPM", "CARGO", "GO", "HUGGINGFACE", "CONDA", "", 7, None])
def test_package_types_are_kept_as_text(kind: object) -> None:
    """Every package type is kept, also one that nobody knows yet; what is no text is none."""
    with canned(success({**ANSWER, "packageType": kind})) as server:
        written = call(server.url, "put_labels")
    assert written.facts.package_type == ("" if kind is None else str(kind))


@pytest.mark.parametrize(
    ("sent", "named", "believed"),
    [
        (("a", "b"), ["b", "a", "a"], ("a", "b")),
        (("a",), ["a"], ("a",)),
        (("a",), None, None),
        (("a",), ["b"], "doubt"),
        (("a",), [], "doubt"),
        (("a",), ["a", "b"], "doubt"),
        ((), None, ()),
        ((), [], ()),
        ((), ["a"], "doubt"),
    ],
)
def test_which_put_is_believed(sent: tuple[str, ...], named: Any, believed: Any) -> None:
    """An answer that names the labels must name those sent, in any order; one that names none is to be looked up."""
    with canned(success({**ANSWER, "labels": named})) as server:
        if believed == "doubt":
            with pytest.raises(Doubt):
                call(server.url, "put_labels", sent)
        else:
            written: Written = call(server.url, "put_labels", sent)
            assert written.labels == believed
            assert (written.facts.created_at, written.facts.modified_at, written.facts.downloads_count) == ("1", "2", "3")


def test_an_answer_without_labels_is_not_confirmed() -> None:
    """Where the answer has no `labels` at all they are not known, even if none were sent."""
    with canned(success({"imageName": "x", "packageType": "DOCKER"})) as server:
        assert call(server.url, "put_labels", ()).labels is None


@pytest.mark.parametrize(
    ("which", "answer", "kind"),
    [
        ("page", as_json(400, {"code": "400", "message": "registry not found: Failed to find repo: resource not found"}), RegistryNotFound),
        ("page", as_json(400, {"code": "400", "message": "root space not found: failed to get space ID"}), RegistryNotFound),
        ("page", as_json(404, {"message": "no registry"}), RegistryNotFound),
        ("page", as_json(400, {"message": "page must be at least 1"}), Refused),
        ("page", as_json(401, {"message": "unauthorized"}), Unauthorized),
        ("page", as_json(403, {"code": "403", "message": "unauthorized"}), Unauthorized),
        ("page", (404, TEXT, b"404 page not found\n"), Refused),
        ("put_labels", as_json(404, {"message": "Artifact not found"}), ArtifactNotFound),
        ("put_labels", (404, TEXT, b"404 page not found\n"), Refused),
        ("put_labels", (404, HTML, b"<html></html>"), Refused),
    ],
)
def test_not_found_and_not_known(which: str, answer: Canned, kind: type[HarLabelsError]) -> None:
    """An unknown registry may come as 400, a wrong base path as a 404 that is no JSON, and a key nobody reads as 403."""
    assert type(error_of(answer, which)) is kind


def test_a_summary_of_nothing_is_none() -> None:
    """404 in JSON means that there is no such artifact; in any other form, that there is no such path."""
    with canned(as_json(404, {"message": "x"})) as server:
        assert call(server.url, "summary") is None
    assert type(error_of((404, TEXT, b"404 page not found\n"), "summary")) is Refused


@pytest.mark.parametrize(("labels", "read"), [(["b", "a"], ("a", "b")), (None, ()), ([], ())])
def test_a_summary_with_labels(labels: Any, read: tuple[str, ...]) -> None:
    """If a summary carries labels, they are used; without them they are not known, which is not none."""
    with canned(success({"imageName": "x", "packageType": "DOCKER", "labels": labels})) as server:
        assert call(server.url, "summary").labels == read
    with canned(success({"imageName": "x", "packageType": "DOCKER"})) as server:
        assert call(server.url, "summary").labels is None


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("7", None, 7),
        (" 7 ", None, 7),
        ("0", None, 0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30),
        ("Wed, 21 Oct 2026 07:27:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", None, 0),
        ("Wed, 21 Oct 2026 07:28:30", "Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("-5", None, 0),
        ("1.5", None, 0),
        ("soon", None, 0),
        ("", None, 0),
        ("\xb2", None, 0),
    ],
)
def test_retry_after(value: str, date: str | None, seconds: float) -> None:
    """Retry-After is read as seconds or as a date by the server's own clock; anything else asks for nothing."""
    headers = {"Retry-After": value, **({"Date": date} if date else {})}
    for status, kind, written in ((429, RateLimited, False), (503, ServerFailing, None)):
        doubt = error_of((status, headers, b""), "put_labels")
        assert isinstance(doubt, Doubt)
        assert (doubt.wait, type(doubt.error), doubt.written) == (seconds, kind, written)


def test_a_redirect_names_where_it_pointed() -> None:
    """The reader is told where the answer pointed, or that it pointed nowhere."""
    error = error_of((302, {"Location": "https://login.example/x\u00e9"}, b""), "page")
    assert isinstance(error, Redirected)
    assert "'https://login.example/x\u00e9'" in error.what
    assert "'nowhere'" in error_of((302, {}, b""), "page").what  # type: ignore[union-attr]


def test_half_surrogates_are_replaced() -> None:
    """Half of a surrogate pair, which no file can hold, does not stop the run."""
    with canned((200, JSON, json.dumps({"data": {**PAGE, "artifacts": [{"name": "x", "labels": ["\ud800"]}]}, "status": "SUCCESS"}).encode())) as server:
        assert call(server.url, "page").rows[0].labels == ("\ufffd",)


@pytest.mark.parametrize(("kind", "query"), [("", ""), ("model", "artifact_type=model"), ("dataset", "artifact_type=dataset")])
def test_the_request_that_writes(sandbox: Sandbox, kind: str, query: str) -> None:
    """One PUT with the sorted list as JSON, and `artifact_type` only where it is known (contract §1)."""
    sandbox.add_artifact("acme/ml/models", "x", artifact_type=kind or None)
    call(sandbox.api_url, "put_labels", ("a", "é"), kind)
    (request,) = sandbox.requests
    assert (request.method, request.path, request.query) == ("PUT", "/har/api/v1/registry/acme/ml/models/+/artifact/x/labels", query)
    assert json.loads(request.body) == {"labels": ["a", "é"]}


@pytest.mark.parametrize("labels", [("stage=prod",), ()])
@pytest.mark.parametrize("package_type", ["DOCKER", "HELM", "GENERIC", "NPM", "PYTHON", "GO", "CARGO", "MAVEN", "NUGET"])
def test_the_open_source_server(make_sandbox: MakeSandbox, run_step: RunStep, package_type: str, labels: tuple[str, ...]) -> None:
    """Against the recorded server each package type ends green with the labels there, also where it answers 500."""
    box = make_sandbox("open-source")
    box.add_artifact("acme/r", "@team/x", package_type=package_type, labels=["old", "older"])
    inputs = {"registry-ref": "acme/r", "artifact": "@team/x", "auth-scheme": "bearer"}
    inputs |= {"mode": "replace", "labels": ",".join(labels)} if labels else {"mode": "clear"}
    done: Done = run_step("github", box, inputs)
    assert (done.code, done.value("labels"), box.labels("acme/r", "@team/x") or []) == (0, list(labels), list(labels))
    expected = "answer" if package_type in {"DOCKER", "HELM"} else "read-back"
    assert done.value("results")[0]["confirmed_by"] == expected
