"""Sends the recorded requests, in the order recorded, to a sandbox and pairs the answers."""

from __future__ import annotations

import base64
import http.client
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from har_sandbox import Sandbox
from sandbox.seeding import BINARY_BODIES, Exchange, Seeder, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN = "admin-key"
#: Keys of further roles, as permissions.json names them ("PUT as reader").
ROLES = {
    "reader": "reader",
    "executor": "executor",
    "contributor": "contributor",
    "space_owner": "space_owner",
    "no member": "none",
}
#: Where the recording hides a token that was not valid behind the same "<token>".
WRONG_KEYS = {
    "well-formed token, wrong signature",
    "revoked token",
    "Basic with the account's password",
}
ORDER = (
    "package-types",
    "scopes",
    "put-labels",
    "errors",
    "permissions",
    "paths",
    "side-effects",
    "huggingface",
    "reads",
    "page-counts",
)
HEADERS = ("content-type", "allow", "location")

_MEMBERS = "the sandbox has no user accounts: roles are an option of the profile"
_PUSH = "a push: done straight in the store, the sandbox has no endpoints for it"
_HUB = "the hub protocol is not part of the sandbox"


@dataclass(frozen=True)
class Seen:
    """An answer as compared: normalised, with the headers that matter."""

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: str
    listed: Any = None


@dataclass(frozen=True)
class Outcome:
    """One exchange: what was recorded, what the sandbox answered, or why it was not asked."""

    file: str
    number: int
    name: str
    expected: Seen
    actual: Seen
    excepted: str = ""


def exception_for(exchange: Exchange) -> str:
    """Why an exchange is not compared; empty for all that are."""
    path, method = exchange["request"]["path"], exchange["request"]["method"]
    if path.endswith("/members"):
        return _MEMBERS
    if path.startswith(("/v2/", "/pkg/")):
        return _HUB if method == "GET" else _PUSH
    return ""


def normalised(text: str, *, downloads: bool = False) -> str:
    """`text` without what differs from run to run.

    Times (13 digits), UUIDs, the server's host:port, sizes of files; and, for huggingface.json
    only, counts of downloads, as the sandbox serves none.
    """
    text = re.sub(r"\b\d{13}\b", "<time>", text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "<host>", text)
    text = re.sub(r'"\d+\.\d\d[KM]?B"', '"<size>"', text)
    return re.sub(r'"downloadsCount":\d+,', "", text) if downloads else text


def replay() -> Iterator[Outcome]:
    """All exchanges of all recordings against one sandbox."""
    with Sandbox("open-source", api_key=ADMIN, roles=ROLES) as box:
        seeder = Seeder(box.store)
        seeder.set_up()
        for file in ORDER:
            _happened_before(file, seeder, box)
            for number, exchange in enumerate(recorded(file)):
                _happened_before(f"{file}: {exchange['name']}", seeder, box)
                yield _outcome(box, seeder, file, number, exchange)


def _happened_before(moment: str, seeder: Seeder, box: Sandbox) -> None:
    """What the recorder did between the exchanges it wrote down."""
    if moment == "side-effects: generic: list after a new version was pushed":
        seeder.upload("acme/files", "report", "9.0.0")
    if moment == "reads":
        # hang-up.json: writers that closed their connections; then one image put back in order.
        _put(box, "acme/files/+/artifact/report", ["hang-0.02-4"])
        _put(box, "acme/images/+/artifact/fixed", ["one", "two"])
    if moment == "page-counts":
        for name, version in (
            ("many", "1.0.0"),
            ("many", "1.1.0"),
            ("many", "2.0.0"),
            ("one", "1.0.0"),
        ):
            seeder.upload("acme/empty", name, version)


def _outcome(box: Sandbox, seeder: Seeder, file: str, number: int, exchange: Exchange) -> Outcome:
    expected = _expected(file, exchange)
    if why := exception_for(exchange):
        seeder.push(exchange)
        return Outcome(file, number, exchange["name"], expected, expected, why)
    actual = _actual(box, file, exchange)
    return Outcome(file, number, exchange["name"], expected, actual)


def _expected(file: str, exchange: Exchange) -> Seen:
    response = exchange["response"]
    cut = response["status"] is None
    return Seen(
        response["status"],
        _headers(response["headers"]),
        "" if cut else normalised(response["body"], downloads=file == "huggingface"),
        exchange.get("after", {}).get("listed_labels", "nothing recorded"),
    )


def _actual(box: Sandbox, file: str, exchange: Exchange) -> Seen:
    request = exchange["request"]
    target = request["path"] + ("?" + request["query"] if request["query"] else "")
    body = BINARY_BODIES.get(exchange["name"], request["body"])
    status, headers, answer = ask(
        box,
        request["method"],
        target,
        body=body.encode() if isinstance(body, str) else body,
        headers=_with_key(exchange),
    )
    seen = "nothing recorded"
    if "after" in exchange:
        seen = _listed(box, exchange)
    return Seen(status, _headers(headers), normalised(answer, downloads=file == "huggingface"), seen)


def ask(
    box: Sandbox, method: str, target: str, *, body: bytes | None = None, headers: dict[str, str]
) -> tuple[int | None, dict[str, str], str]:
    """One request on a connection of its own, the target byte for byte; status None when cut."""
    connection = http.client.HTTPConnection(box.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    except http.client.RemoteDisconnected:
        return None, {}, ""
    finally:
        connection.close()


def _headers(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    lower = {name.lower(): normalised(value) for name, value in headers.items()}
    return tuple((name, lower[name]) for name in HEADERS if name in lower)


def _with_key(exchange: Exchange) -> dict[str, str]:
    """The recorded headers with a real key where the recording says <token>."""
    name = exchange["name"]
    role = re.search(r" as (.+)$", name)
    key = role[1] if role and role[1] in ROLES else "wrong" if name in WRONG_KEYS else ADMIN
    basic = base64.b64encode(f"admin:{key}".encode()).decode()
    return {
        header: value.replace("Basic <token>", f"Basic {basic}").replace("<token>", key)
        for header, value in exchange["request"]["headers"].items()
    }


def _put(box: Sandbox, place: str, labels: list[str]) -> None:
    body = json.dumps({"labels": labels}).encode()
    target = f"/api/v1/registry/{place}/labels"
    ask(box, "PUT", target, body=body, headers={"Authorization": ADMIN})


def _listed(box: Sandbox, exchange: Exchange) -> Any:
    """What the recorder's look at the list right after would have shown."""
    path = unquote(exchange["request"]["path"]).replace("//", "/")
    sent = exchange["after"].get("sent_label")
    if sent is not None:
        return _listed_by_form(box, exchange)
    found = re.fullmatch(r"/api/v1/registry/(.+?)/\+/artifact/(.+?)(/\+)?/labels", path)
    assert found is not None, path
    return _labels_in_list(box, found[1], found[2])


#: paths.json: which artifact a reference, however spelled, was meant for; the first match counts.
_MEANT = (
    (r"images-prod.*artifact/app", "acme/ml/prod/images-prod", "app"),
    (r"images-prod", "acme/ml/prod/images-prod", "team/model"),
    (r"images-ml", "acme/ml/images-ml", "app"),
    (r"jsmods", "acme/jsmods", "@team/leftpad"),
    (r"jars", "acme/jars", "com.example:app"),
    (r"gomods", "acme/gomods", "example.com/team/mod"),
    (r"artifact/team(/|%2F|%252F)model", "acme/images", "team/model"),
    (r"artifact/a/b/c", "acme/images", "a/b/c"),
    (r"", "acme/images", "fixed"),
)


def _listed_by_form(box: Sandbox, exchange: Exchange) -> Any:
    path = exchange["request"]["path"]
    _, registry, artifact = next(row for row in _MEANT if re.search(row[0], path))
    return _labels_in_list(box, registry, artifact)


def _labels_in_list(box: Sandbox, registry: str, artifact: str) -> Any:
    target = f"/api/v1/registry/{registry}/+/artifacts?search_term={quote(artifact, safe='')}"
    status, _, body = ask(box, "GET", target, headers={"Authorization": ADMIN})
    if status != 200:
        return f"<list answered {status}>"
    rows = json.loads(body)["data"]["artifacts"]
    labels = [row["labels"] for row in rows if row["name"] == artifact]
    if not labels:
        return "<not listed>"
    return labels[0] if len(labels) == 1 else labels
