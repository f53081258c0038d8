"""The meaning of answers: refusals, unknown outcomes, the shapes of errors, and invalid answers (contract §1, §5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from har_labels.errors import (
    BadAnswer,
    BadRequest,
    Conflict,
    Forbidden,
    HarLabelsError,
    Redirected,
    Refused,
    ServerFailing,
    Unauthorized,
)
from har_labels.registry.answers import UnknownOutcome
from registry.calls import ANSWER, CALLS, PAGE, call, error_of
from registry.servers import HTML, JSON, TEXT, Canned, as_json, canned, success

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
]


@pytest.mark.parametrize("which", CALLS)
def test_the_json_of_an_answer_is_decoded_once(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of a large registry is some megabytes of JSON."""
    decoded: list[bytes] = []
    decode = json.loads
    monkeypatch.setattr("har_labels.registry.transport.json.loads", lambda body: decoded.append(body) or decode(body))
    with canned(success(PAGE if which == "page" else ANSWER)) as server:
        call(server.url, which)
    assert len(decoded) == 1


# Refusals that the API does not document: a read that was refused so is refused; a write may have been done.
UNDOCUMENTED = (402, 406, 410, 418, 423, 451, 501)


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
    [
        (401, Unauthorized),
        (403, Forbidden),
        (409, Conflict),
        (400, BadRequest),
        (405, Refused),
        (413, Refused),
        (415, Refused),
        (422, Refused),
        (301, Redirected),
        (302, Redirected),
        (303, Redirected),
        (307, Redirected),
        (308, Redirected),
        (304, Redirected),
    ],
)
def test_plain_refusals_are_final(which: str, status: int, kind: type[HarLabelsError]) -> None:
    """3xx 400 401 403 405 409 413 415 422 are refusals of one kind each, and no unknown outcome."""
    error = error_of(as_json(status, {"message": "no"}), which)
    assert type(error) is kind
    assert str(status) in error.what or status < 400


@pytest.mark.parametrize("which", CALLS)
@pytest.mark.parametrize("status", [500, 502, 503, 504, 507, 520, 599, 408, 425, *UNDOCUMENTED])
def test_every_other_failure_is_an_unknown_outcome(which: str, status: int) -> None:
    """5xx, transient refusals, and for a write every status that is not a documented refusal: the outcome is unknown."""
    if status in UNDOCUMENTED and which != "put_labels":
        assert isinstance(error_of(as_json(status, {"message": "no"}), which), Refused)
        return
    unknown = error_of(as_json(status, {"message": "no"}), which)
    assert isinstance(unknown, UnknownOutcome)
    assert (type(unknown.error), unknown.written) == (ServerFailing, None)
    assert unknown.error.what == f"the server answered {status}: no"


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
    """A web page with status 200, no JSON, a status other than SUCCESS, no data, no answer: all of it is an unknown outcome."""
    unknown = error_of(answer, which)
    assert isinstance(unknown, UnknownOutcome)
    assert unknown.written is None


@pytest.mark.parametrize("labels", ["a", [1], [None], {"a": 1}, [["a"]], 7, True])
@pytest.mark.parametrize("which", ["page", "put_labels"])
def test_labels_of_the_wrong_type_are_an_unknown_outcome(which: str, labels: Any) -> None:
    """Labels that are not a list of texts are an unknown outcome."""
    data = {**PAGE, "artifacts": [{"name": "x", "labels": labels}]} if which == "page" else {**ANSWER, "labels": labels}
    unknown = error_of(success(data), which)
    assert isinstance(unknown, UnknownOutcome)
    assert type(unknown.error) is BadAnswer


@pytest.mark.parametrize(
    "artifacts", ["x", {"name": "x"}, [1], [None], [{}], [{"name": 1}], [{"name": "x", "artifactType": 5}]]
)
def test_rows_of_the_wrong_type_are_an_unknown_outcome(artifacts: Any) -> None:
    """A list whose rows can't be distinguished is an unknown outcome, not an empty list."""
    assert isinstance(error_of(success({**PAGE, "artifacts": artifacts}), "page"), UnknownOutcome)


@pytest.mark.parametrize(("artifacts", "pages"), [(None, 0), ([], 0)])
def test_an_empty_list(artifacts: Any, pages: int) -> None:
    """`null` and `[]` are both an empty page."""
    with canned(success({**PAGE, "artifacts": artifacts})) as server:
        assert len(call(server.url, "page").rows) == pages
