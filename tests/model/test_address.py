"""Addresses: from names to the one path that reaches this artifact and no other (contract §1, §5 "Transport")."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.errors import Invalid
from har_labels.model.address import (
    artifact_path,
    labels_path,
    list_path,
    parse_api_base,
    parse_artifact_name,
    parse_registry_ref,
)
from har_sandbox.routes import find_route

BASE = "/api/v1"
RECORDED = json.loads((Path(__file__).parents[1] / "recorded" / "paths.json").read_text(encoding="utf-8"))
ANSWERS = {(row["request"]["path"], row["response"]["status"]) for row in RECORDED}
WROTE = {path for path, status in ANSWERS if status in {200, 500} and path.startswith("/api/")}
# Everything under which the recorded server wrote to an artifact, as (registry, artifact), by the forms people write.
FORMS = {
    ("acme/images", "fixed"): [("acme/images/+", "fixed"), ("acme/images", "fixed"), ("acme/images", "fixed/+")],
    ("acme/ml/images-ml", "app"): [("acme/ml/images-ml", "app"), ("acme/ml/images-ml/+", "app")],
    ("acme/ml/prod/images-prod", "app"): [("acme/ml/prod/images-prod/+", "app"), ("acme/ml/prod/images-prod", "app")],
    ("acme/images", "team/model"): [("acme/images", "team/model"), ("acme/images/+", "team/model/+")],
    ("acme/images", "a/b/c"): [("acme/images", "a/b/c"), ("acme/images", "a/b/c/+")],
    ("acme/ml/prod/images-prod", "team/model"): [("acme/ml/prod/images-prod", "team/model")],
    ("acme/jsmods", "@team/leftpad"): [("acme/jsmods", "@team/leftpad"), ("acme/jsmods", "@team/leftpad/+")],
    ("acme/jars", "com.example:app"): [("acme/jars", "com.example:app")],
    ("acme/gomods", "example.com/team/mod"): [("acme/gomods", "example.com/team/mod")],
}
DOTTED = ["..", ".", "%2e%2e", "%2E%2e", "%2E", ".%2e", "%252e%252e", "a/../b", "../a", "a/..", "a/./b", "a/%2e%2e/b"]
ESCAPED = ["a%2Fb", "a%2fb", "a%252Fb", "a%3Fb", "a%23b", "a%0Ab", "%66ixed", "a%2F%2B", "a%00"]
BROKEN = [
    "",
    " ",
    "a\nb",
    "a\rb",
    "a\r\nX-Evil: 1",
    "a\x00b",
    "a\u2028b",
    "a\u202eb",
    " a",
    "a ",
    "a/ b",
    "\ud800",
    "a//b",
    "/a",
    "a/",
]
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/%"), min_size=1, max_size=8)


@pytest.mark.parametrize(("meant", "ref", "name"), [(meant, *form) for meant, forms in FORMS.items() for form in forms])
def test_paths_are_ones_the_recorded_server_wrote_under(meant: tuple[str, str], ref: str, name: str) -> None:
    """For every accepted form of a name, the path is one by which the recorded server wrote that artifact."""
    path = BASE + labels_path(parse_registry_ref(ref), parse_artifact_name(name))
    route = find_route("PUT", path, BASE)
    assert (route.operation, route.registry, route.artifact) == ("put-labels", *meant)
    assert path in WROTE


def test_recorded_refusals_are_not_built() -> None:
    """No accepted form of a name gives a path that the recorded server refused or did not answer."""
    built = {
        BASE + labels_path(parse_registry_ref(ref), parse_artifact_name(name))
        for forms in FORMS.values()
        for ref, name in forms
    }
    assert not built & ({path for path, _ in ANSWERS} - WROTE)


@given(st.lists(names, min_size=2, max_size=4), st.lists(names, min_size=1, max_size=3))
def test_any_accepted_name_arrives_as_itself(scope: list[str], segments: list[str]) -> None:
    """By the recorded server's routing, an accepted registry and artifact are the ones that are reached, in every call."""
    try:
        ref, name = parse_registry_ref("/".join(scope)), parse_artifact_name("/".join(segments))
    except Invalid:
        return
    meant = (str(ref).removesuffix("/+"), name)
    for method, path, operation in (
        ("PUT", labels_path(ref, name), "put-labels"),
        ("GET", f"{artifact_path(ref, name)}/summary", "summary"),
        ("GET", list_path(ref), "list"),
    ):
        route = find_route(method, BASE + path, BASE)
        assert route.operation == operation
        assert (route.registry, route.artifact or name) == meant
        assert not re.search("[^!-~]", path)


@given(names, names)
def test_paths_are_not_touched_by_requests(account: str, name: str) -> None:
    """The library requests sends the path unchanged."""
    import requests

    try:
        path = labels_path(parse_registry_ref(f"{account}/r"), parse_artifact_name(f"{name}/x"))
    except Invalid:
        return
    url = requests.Request("PUT", f"http://localhost{path}").prepare().url
    assert url == f"http://localhost{path}"


@pytest.mark.parametrize("text", DOTTED + ESCAPED + BROKEN + ["a/+/b", "+", "a/+/+", "a/%2B", "+/a"])
def test_names_that_could_reach_elsewhere_are_refused(text: str) -> None:
    """Dot segments in every encoding, escapes, empty segments, line ends, blanks at ends and `/+` inside are refused."""
    with pytest.raises(Invalid) as refused:
        parse_artifact_name(text)
    assert refused.value.cure == "Write the artifact's plain name, such as resnet50 or team/model."
    for ref in (f"acme/{text}/r", f"{text}/ml/r", f"acme/ml/{text}"):
        if text.strip("/ \n\r"):
            with pytest.raises(Invalid):
                parse_registry_ref(ref if text != "+" or not ref.endswith("+") else f"{ref}/+/+")


@pytest.mark.parametrize(
    "text",
    ["a?b", "a#b", "a&b=c", "a;b", "a,b", "a b", "größe", "😀", "a\\b", "a'b", 'a"b', "c++", "a*b", "[wip]", "100%"],
)
def test_odd_characters_stay_within_their_segment(text: str) -> None:
    """A `?`, `#` or any other sign in a name is escaped, so that it neither ends the path nor begins a query."""
    path = labels_path(parse_registry_ref("acme/r"), parse_artifact_name(text))
    assert unquote(path) == f"/registry/acme/r/+/artifact/{text}/labels"
    assert "?" not in path
    assert "#" not in path


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("images", "one segment"),
        ("images/+", "one segment"),
        ("a/b/c/d/e", "5 segments"),
        ("a/b/c/d/e/+", "5 segments"),
        ("", "empty segment"),
        ("/+", "empty segment"),
        ("a//r", "empty segment"),
        ("/a/r", "empty segment"),
        ("a/r/", "empty segment"),
        ("a/../r", "'..'"),
        ("a/./r", "'.'"),
        ("a%2Fr", "percent-encoded; write it plainly: 'a/r'"),
        ("a/%2e%2e/r", "percent-encoded; write it plainly: '..'"),
        ("a/+/r", "'+'"),
    ],
)
def test_registry_refs_are_refused_with_a_reason(text: str, why: str) -> None:
    """One segment, more than four, empty and dotted ones: the error says which it is, and how to write the path."""
    with pytest.raises(Invalid) as refused:
        parse_registry_ref(text)
    assert why in refused.value.why
    assert refused.value.cure == "Write account/registry, account/org/registry or account/org/project/registry."


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_marker_is_added_once(depth: int) -> None:
    """`/+` is added where it is missing and not doubled where it is there (contract §2 `registry-ref`)."""
    text = "/".join("abcd"[:depth])
    assert parse_registry_ref(text) == parse_registry_ref(f"{text}/+")
    assert str(parse_registry_ref(text)) == f"{text}/+"
    assert list_path(parse_registry_ref(text)) == f"/registry/{text}/+/artifacts"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("app.harness.io", "https://app.harness.io/har/api/v1"),
        ("https://app.harness.io", "https://app.harness.io/har/api/v1"),
        ("https://app.harness.io/", "https://app.harness.io/har/api/v1"),
        ("https://app3.harness.io/har/api/v1/", "https://app3.harness.io/har/api/v1"),
        ("https://h.example:8443/gateway/har/api/v1", "https://h.example:8443/gateway/har/api/v1"),
        ("http://127.0.0.1:3000/api/v1", "http://127.0.0.1:3000/api/v1"),
        ("http://[::1]:3000", "http://[::1]:3000/har/api/v1"),
        ("localhost:3000", "https://localhost:3000/har/api/v1"),
    ],
)
def test_api_base(text: str, url: str) -> None:
    """A host gets https and `/har/api/v1`; a URL with a path is taken as it is."""
    assert parse_api_base(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "ftp://h",
        "file:///etc/passwd",
        "https://user:pw@h",
        "https://h?x=1",
        "https://h/#x",
        "https://h/../x",
        "https://h/a//b",
        "https://h/%2e%2e/x",
        "https://h:99999",
        "https://a..b",
        "https://.a",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 130}example",
        "https://h\\@evil.example",
        "https://h evil",
        "https://h\nX: y",
        "https://h@evil.example/",
        "javascript:x",
        "//h",
    ],
)
def test_api_bases_that_hide_something_are_refused(text: str) -> None:
    """User names, queries, fragments, dotted paths, line ends and other schemes are refused."""
    with pytest.raises(Invalid) as refused:
        parse_api_base(text)
    assert refused.value.cure.startswith("Write the Harness host")


@pytest.mark.parametrize(
    ("text", "plain", "saas", "keeps"),
    [
        ("http://localhost:1/har/api/v1", False, False, True),
        ("http://127.0.0.2:1/api/v1", False, False, False),
        ("http://[::1]/har/api/v1", False, False, True),
        ("http://10.0.0.1", True, False, True),
        ("http://localhost.example", True, False, True),
        ("http://127.0.0.1.example/api/v1", True, False, False),
        ("https://app.harness.io", False, True, True),
        ("https://accounts.eu.harness.io", False, True, True),
        ("https://harness.io.example", False, False, True),
        ("https://notharness.io", False, False, True),
        ("https://HARNESS.IO", False, True, True),
    ],
)
def test_what_a_base_means(text: str, plain: bool, saas: bool, keeps: bool) -> None:
    """Loopback is loopback by address, Harness's hosts are its own by their end, and `/har/` keeps types."""
    base = parse_api_base(text)
    assert (base.is_plain_http, base.is_harness_saas, base.keeps_types) == (plain, saas, keeps)


def test_quote_stays_what_go_makes_of_it() -> None:
    """Only the characters that Go escapes are escaped: with others the server keeps the raw path, and misses `/+`."""
    for code in range(0x21, 0x7F):
        sign = chr(code)
        if sign not in "/%.+":
            assert (
                labels_path(parse_registry_ref("a/r"), f"{sign}x/y")
                == f"/registry/a/r/+/artifact/{quote(f'{sign}x/y', safe='$&+,/:;=@')}/+/labels"
            )
