"""What is taken from an answer: rows, labels, facts, which write is believed, how long to wait (contract §1, §5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ci.steps import Done
from conftest import MakeSandbox, RunStep
from har_labels.errors import (
    ArtifactNotFound,
    BadRequest,
    HarLabelsError,
    NoSuchPath,
    RateLimited,
    Redirected,
    RegistryNotFound,
    RegistryUnknown,
    ServerFailing,
    Unauthorized,
)
from har_labels.registry.answers import PutResult, UnknownOutcome
from har_sandbox import Sandbox
from registry.calls import ANSWER, PAGE, call, error_of
from registry.servers import HTML, JSON, TEXT, Canned, as_json, canned, success


def test_a_row() -> None:
    """Labels of a row are a sorted set, `null` means none, and counts that are not numbers are ignored."""
    rows = [PAGE["artifacts"][0], {"name": "y", "labels": None, "artifactType": "model"}, {"name": "z"}]
    with canned(success({**PAGE, "artifacts": rows, "pageSize": "100", "itemCount": -3})) as server:
        page = call(server.url, "page")
    assert [(row.name, row.artifact_type, row.labels) for row in page.rows] == [
        ("x", "", ("a", "b")),
        ("y", "model", ()),
        ("z", "", ()),
    ]
    assert (page.size, page.items) == (0, 0)


@pytest.mark.parametrize(
    "kind",
    [
        "DOCKER",
        "MAVEN",
        "PYTHON",
        "GENERIC",
        "HELM",
        "NUGET",
        "NPM",
        "RPM",
        "CARGO",
        "GO",
        "HUGGINGFACE",
        "CONDA",
        "",
        7,
        None,
    ],
)
def test_package_types_are_kept_as_text(kind: object) -> None:
    """Every package type is kept, also a new one; a value that is not a text is ignored."""
    with canned(success({**ANSWER, "packageType": kind})) as server:
        written = call(server.url, "put_labels")
    assert written.facts.package_type == ("" if kind is None else str(kind))


@pytest.mark.parametrize(
    ("sent", "named", "believed"),
    [
        (("a", "b"), ["b", "a", "a"], ("a", "b")),
        (("a",), ["a"], ("a",)),
        (("a",), None, None),
        (("a",), ["b"], "unknown"),
        (("a",), [], "unknown"),
        (("a",), ["a", "b"], "unknown"),
        ((), None, ()),
        ((), [], ()),
        ((), ["a"], "unknown"),
    ],
)
def test_which_put_is_believed(sent: tuple[str, ...], named: Any, believed: Any) -> None:
    """An answer that names the labels must name those sent, in any order; one that names none is to be looked up."""
    with canned(success({**ANSWER, "labels": named})) as server:
        if believed == "unknown":
            with pytest.raises(UnknownOutcome):
                call(server.url, "put_labels", sent)
        else:
            written: PutResult = call(server.url, "put_labels", sent)
            assert written.labels == believed
            assert (written.facts.created_at, written.facts.modified_at, written.facts.downloads_count) == (
                "1",
                "2",
                "3",
            )


def test_an_answer_without_labels_is_not_confirmed() -> None:
    """Where the answer has no `labels` at all they are not known, even if none were sent."""
    with canned(success({"imageName": "x", "packageType": "DOCKER"})) as server:
        assert call(server.url, "put_labels", ()).labels is None


@pytest.mark.parametrize(
    ("which", "answer", "kind"),
    [
        (
            "page",
            as_json(400, {"code": "400", "message": "registry not found: Failed to find repo: resource not found"}),
            RegistryUnknown,
        ),
        (
            "page",
            as_json(400, {"code": "400", "message": "root space not found: failed to get space ID"}),
            RegistryUnknown,
        ),
        ("page", as_json(404, {"message": "no registry"}), RegistryNotFound),
        ("page", as_json(400, {"message": "page must be at least 1"}), BadRequest),
        ("page", as_json(401, {"message": "unauthorized"}), Unauthorized),
        ("page", as_json(403, {"code": "403", "message": "unauthorized"}), Unauthorized),
        ("page", (404, TEXT, b"404 page not found\n"), NoSuchPath),
        ("put_labels", as_json(404, {"message": "Artifact not found"}), ArtifactNotFound),
        ("put_labels", (404, TEXT, b"404 page not found\n"), NoSuchPath),
        ("put_labels", (404, HTML, b"<html></html>"), NoSuchPath),
    ],
)
def test_not_found_and_not_known(which: str, answer: Canned, kind: type[HarLabelsError]) -> None:
    """An unknown registry may be a 400, a wrong base path a 404 without JSON, and a key in the wrong header a 403."""
    assert type(error_of(answer, which)) is kind


def test_a_summary_of_nothing_is_none() -> None:
    """404 means that there is no such artifact, with any body."""
    for answer in (as_json(404, {"message": "x"}), (404, TEXT, b"404 page not found\n")):
        with canned(answer) as server:
            assert call(server.url, "summary") is None


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
        unknown = error_of((status, headers, b""), "put_labels")
        assert isinstance(unknown, UnknownOutcome)
        assert (unknown.wait, type(unknown.error), unknown.written) == (seconds, kind, written)


def test_a_redirect_names_where_it_pointed() -> None:
    """The error has the location of the redirect without its secret parts, or reports that there was none."""
    error = error_of((302, {"Location": "https://login.example/x\u00e9"}, b""), "page")
    assert isinstance(error, Redirected)
    assert "'https://login.example/x\u00e9'" in error.what
    secret = error_of((302, {"Location": "https://me:pw@login.example/x?token=1#t"}, b""), "page")
    assert secret
    assert "points to 'https://login.example/x'" in secret.what
    silent = error_of((302, {}, b""), "page")
    assert silent
    assert "is a redirect (302) without a location" in silent.what
    assert "the address it pointed to" not in silent.next_step


def test_half_surrogates_are_replaced() -> None:
    """Half of a surrogate pair, which no file can hold, does not stop the run."""
    with canned(
        (
            200,
            JSON,
            json.dumps(
                {"data": {**PAGE, "artifacts": [{"name": "x", "labels": ["\ud800"]}]}, "status": "SUCCESS"}
            ).encode(),
        )
    ) as server:
        assert call(server.url, "page").rows[0].labels == ("\ufffd",)


@pytest.mark.parametrize(
    ("kind", "query"), [("", ""), ("model", "artifact_type=model"), ("dataset", "artifact_type=dataset")]
)
def test_the_request_that_writes(sandbox: Sandbox, kind: str, query: str) -> None:
    """One PUT with the sorted list as JSON, and `artifact_type` only where it is known (contract §1)."""
    sandbox.add_artifact("acme/ml/models", "x", artifact_type=kind or None)
    call(sandbox.api_url, "put_labels", ("a", "é"), kind)
    (request,) = sandbox.requests
    assert (request.method, request.path, request.query) == (
        "PUT",
        "/har/api/v1/registry/acme/ml/models/+/artifact/x/labels",
        query,
    )
    assert json.loads(request.body) == {"labels": ["a", "é"]}


@pytest.mark.parametrize("labels", [("stage=prod",), ()])
@pytest.mark.parametrize(
    "package_type", ["DOCKER", "HELM", "GENERIC", "NPM", "PYTHON", "GO", "CARGO", "MAVEN", "NUGET"]
)
def test_the_open_source_server(
    make_sandbox: MakeSandbox, run_step: RunStep, package_type: str, labels: tuple[str, ...]
) -> None:
    """Against the recorded server each package type ends green with the labels there, also where it answers 500."""
    box = make_sandbox("open-source")
    box.add_artifact("acme/r", "@team/x", package_type=package_type, labels=["old", "older"])
    inputs = {"registry-ref": "acme/r", "artifact": "@team/x", "auth-scheme": "bearer"}
    inputs |= {"mode": "replace", "labels": ",".join(labels)} if labels else {"mode": "clear"}
    done: Done = run_step("github", box, inputs)
    assert (done.code, done.value("labels"), box.labels("acme/r", "@team/x") or []) == (0, list(labels), list(labels))
    expected = "answer" if package_type in {"DOCKER", "HELM"} else "read-back"
    assert done.value("results")[0]["confirmed_by"] == expected
