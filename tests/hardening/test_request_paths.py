"""Nothing that anybody names reaches another endpoint than the one meant (contract §1; issue: paths)."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import RunStep
from har_labels.errors import Invalid
from har_labels.model.address import parse_artifact_name, parse_registry_ref
from har_labels.model.labels import is_glob
from har_sandbox import Sandbox
from hardening.checks import check_orderly
from registry.servers import Asked, RawServer, answer_bytes, raw_server, success

SEGMENT = r"(?!\.{1,2}/)[A-Za-z0-9._~$&+,:;=@%-]+"
# The only two endpoints a run with an artifact's name may reach, and the list that it is looked up in.
ENDPOINT = re.compile(
    rf"/har/api/v1(?P<ref>/registry/(?:{SEGMENT}/){{2,4}}\+)/(?:artifacts|artifact/(?P<name>{SEGMENT}(?:/{SEGMENT})*)/(?:labels|summary))"
)
PIECES = (
    ".", "..", "/", "/+", "+", "//", "%2e", "%2E%2E", "%2f", "%2F", "%252e", "%252F", "%", "?", "#", "?artifact_type=dataset", "#x", "&", "=", ";", "\\", "\r", "\n", "\r\nX-Evil: 1",
    "\x00", "\t", " ", "\xa0", "\u2024", "\uff0e\uff0e", "\u2215", "\u2044", "\uff0f", "\u29f8", "\u3002", "%c0%ae", "%u002e", "\ud800", "é", "e\u0301", "ﬁ", "😀", ":", "@", "@evil.example",
    "http://evil.example/", "labels", "artifact", "registry", "summary", "a", "b", "team", "*", "[a]", "{{ ci.branch }}", "<", '"', "'", "|", "^", "`", "~", "!",
)  # fmt: skip
names = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=2)), min_size=1, max_size=6).map("".join)
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=120)


@pytest.fixture
def mirror() -> Iterator[RawServer]:
    """A registry that has whatever artifact one looks for, and takes whatever one writes."""

    def serve(server: RawServer, connection: socket.socket) -> None:
        while asked := server.read(connection):
            data: dict[str, object] = {"artifacts": [], "pageSize": 100, "itemCount": 1}
            if asked.line.startswith("PUT"):
                data = {"imageName": "x", "packageType": "GENERIC", **json.loads(asked.body)}
            elif (term := parse_qs(asked.target.partition("?")[2]).get("search_term")) is not None:
                data["artifacts"] = [{"name": term[0], "labels": ["old"], "packageType": "GENERIC"}]
            connection.sendall(answer_bytes(*success(data)))

    with raw_server(serve) as server:
        yield server


def check_endpoints(asked: list[Asked], ref: str, name: str) -> None:
    """Every request went to the list, the summary or the labels of exactly this registry and artifact."""
    for one in asked:
        method, target, version = one.line.split(" ")
        path, _, query = target.partition("?")
        found = ENDPOINT.fullmatch(path)
        assert found, one.line
        assert found["ref"] == parse_registry_ref(ref).path
        if found["name"]:
            sent = [unquote(segment) for segment in found["name"].split("/")]
            # A glob means whatever matches it; the registry of these tests lists the part that it was asked for.
            assert is_glob(name) or sent == [*name.split("/"), *(["+"] if "/" in name else [])]
        assert (
            method,
            version,
            set(parse_qs(query)) <= {"search_term", "page", "size", "sort_field", "sort_order", "artifact_type"},
        ) in {
            ("GET", "HTTP/1.1", True),
            ("PUT", "HTTP/1.1", True),
        }
        assert "x-evil" not in one.headers


def meant(text: str, parse: type | object) -> str | None:
    """What a text names, or None if it is refused."""
    try:
        return str(parse(text))  # type: ignore[operator]
    except Invalid:
        return None


@FUZZ
@given(names)
def test_an_artifact_of_any_name(run_step: RunStep, mirror: RawServer, name: str) -> None:
    """As the input `artifact`: the request names exactly that artifact, or there is none and exit 2 says why."""
    mirror.asked.clear()
    # As a JSON list, so that no comma or line end splits it; characters that an environment can't contain are escaped.
    inputs = {
        "api-url": mirror.url,
        "registry-ref": "acme/r",
        "artifact": json.dumps([as_item(name)]),
        "mode": "replace",
        "labels": "new",
    }
    done = run_step("github", None, inputs)
    check_orderly(done)
    expected = meant(name, parse_artifact_name)
    if expected is None:
        assert (done.code, mirror.asked) == (2, [])
        return
    check_endpoints(mirror.asked, "acme/r", expected)
    if not is_glob(expected):
        assert done.code == 0, done.log
        assert sum(one.line.startswith("PUT") for one in mirror.asked) == 1


@FUZZ
@given(names)
def test_a_registry_of_any_name(run_step: RunStep, mirror: RawServer, name: str) -> None:
    """As the input `registry-ref`: the same."""
    mirror.asked.clear()
    ref = f"acme/{name}"
    if "\0" in ref or any("\ud800" <= character <= "\udfff" for character in ref):
        return  # no environment holds these
    done = run_step(
        "harness",
        None,
        {"api-url": mirror.url, "registry-ref": ref, "artifact": "x", "mode": "replace", "labels": "new"},
    )
    check_orderly(done)
    expected = meant(ref.strip(), parse_registry_ref)
    if expected is None:
        assert (done.code, mirror.asked) == (2, [])
    else:
        check_endpoints(mirror.asked, expected, "x")
        assert (done.code, len(mirror.asked)) == (0, 2)


def as_item(name: str) -> str:
    """A name as an item of a list: in double quotes if it begins with `!`, or it would exclude."""
    return '"' + name.replace('"', '""') + '"' if name.startswith("!") else name


@FUZZ
@given(names, st.sampled_from(["manifest", "plan"]))
def test_names_in_files(run_step: RunStep, mirror: RawServer, tmp_path: Path, name: str, kind: str) -> None:
    """In a manifest and in a plan file: the same."""
    mirror.asked.clear()
    expected = meant(name, parse_artifact_name)
    path = tmp_path / "file.json"
    if kind == "manifest":
        path.write_text(
            json.dumps(
                {
                    "version": 1,
                    "changes": [
                        {"registry-ref": "acme/r", "artifact": [as_item(name)], "mode": "replace", "labels": ["new"]}
                    ],
                }
            )
        )
        inputs = {"manifest": str(path)}
    else:
        step = {"registry_ref": "acme/r/+", "artifact": name, "artifact_type": "", "before": ["old"], "after": ["new"]}
        header = {"har_labels_plan": 1, "api_url": f"{mirror.url}/har/api/v1", "steps": 1}
        path.write_text(f"{json.dumps(header)}\n{json.dumps(step)}\n")
        inputs = {"apply-plan": str(path)}
    done = run_step("github", None, {"api-url": mirror.url, **inputs})
    check_orderly(done)
    if expected is None:
        assert (done.code, mirror.asked) == (2, [])
        return
    check_endpoints(mirror.asked, "acme/r", expected)
    assert done.code in {0, 4}, done.log


@pytest.mark.parametrize(
    "url",
    [
        "{url}/har/api/v1/../admin",
        "{url}/%2e%2e/admin",
        "{url}/x?y",
        "{url}/#",
        "{url}@evil.example",
        "{url}\\@evil.example/",
        "{url}/a b",
        "{url}/\r\nX-Evil: 1",
        "{url}//evil.example/",
    ],
)
def test_an_api_url_that_hides_something(run_step: RunStep, mirror: RawServer, url: str) -> None:
    """A base with dots, escapes, credentials, a query or a line end is refused before any request."""
    done = run_step(
        "github",
        None,
        {
            "api-url": url.format(url=mirror.url),
            "registry-ref": "acme/r",
            "artifact": "x",
            "mode": "replace",
            "labels": "new",
        },
    )
    check_orderly(done)
    assert (done.code, mirror.asked) == (2, [])


@pytest.mark.parametrize(
    "name",
    ["..", ".", "a/../b", "../../../../admin", "a%2Fb", "%2e%2e", "x/+", "a//b", "", "/", "a/", "\u2028x", "a\nb"],
)
def test_names_that_the_server_lists(run_step: RunStep, name: str) -> None:
    """A glob matches what is listed; a name there that would lead elsewhere is refused alone, and the rest is done."""
    rows = [{"name": one, "labels": ["old"], "packageType": "GENERIC"} for one in ("good", name)]

    def serve(server: RawServer, connection: socket.socket) -> None:
        while asked := server.read(connection):
            data: dict[str, object] = {"artifacts": rows, "pageSize": 100, "itemCount": 2}
            if asked.line.startswith("PUT"):
                data = {"imageName": "x", "packageType": "GENERIC", **json.loads(asked.body)}
            connection.sendall(answer_bytes(*success(data)))

    with raw_server(serve) as server:
        done = run_step(
            "github",
            None,
            {"api-url": server.url, "registry-ref": "acme/r", "artifact": "*", "mode": "replace", "labels": "new"},
        )
    check_orderly(done)
    assert (done.code, done.errors) == (11, ["HAR-REFUSED"])
    assert [one.line for one in server.asked if one.line.startswith("PUT")] == [
        "PUT /har/api/v1/registry/acme/r/+/artifact/good/labels HTTP/1.1"
    ]


def test_a_slash_in_a_name_keeps_its_marker(run_step: RunStep, sandbox: Sandbox) -> None:
    """`team/model` and `team/model/+` are one artifact, and neither is `team` nor the endpoint of another."""
    for name in ("team", "team/model", "team/model/labels"):
        sandbox.add_artifact("acme/r", name, package_type="GENERIC", labels=["old"])
    done = run_step(
        "github", sandbox, {"registry-ref": "acme/r/+", "artifact": "team/model/+", "mode": "replace", "labels": "new"}
    )
    assert done.code == 0
    assert [sandbox.labels("acme/r", name) for name in ("team", "team/model", "team/model/labels")] == [
        ["old"],
        ["new"],
        ["old"],
    ]


def test_half_a_character_in_a_name(run_step: RunStep, tmp_path: Path) -> None:
    """A listed name that is no valid Unicode can be planned, saved and reported; it is not sent."""
    rows = json.dumps(
        {
            "status": "SUCCESS",
            "data": {"artifacts": [{"name": "\ud800x", "labels": ["old"]}], "pageSize": 100, "itemCount": 1},
        }
    )

    def serve(server: RawServer, connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(answer_bytes(200, {"Content-Type": "application/json"}, rows.encode()))

    plan, report = tmp_path / "plan", tmp_path / "report"
    with raw_server(serve) as server:
        inputs = {
            "api-url": server.url,
            "registry-ref": "acme/r",
            "artifact": "*",
            "mode": "replace",
            "labels": "new",
            "report-file": str(report),
        }
        for ci in ("github", "harness"):
            done = run_step(ci, None, {**inputs, "dry-run": "true", "save-plan": str(plan)})
            check_orderly(done)
            assert (done.code, json.loads(plan.read_text().splitlines()[1])["artifact"]) == (0, "\ud800x")
            assert json.loads(report.read_text())["results"][0]["artifact"] == "\ud800x"
            refused = run_step(ci, None, inputs)
            check_orderly(refused)
            assert (refused.code, refused.errors) == (6, ["HAR-REFUSED"])
    assert not [one for one in server.asked if one.line.startswith("PUT")]
