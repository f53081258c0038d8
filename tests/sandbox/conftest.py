"""A client for the sandbox that sends targets byte for byte and hides nothing."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from har_sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = "acme/ml/models"


@dataclass(frozen=True)
class Reply:
    """An answer read to its end; `status` None is a connection cut without one."""

    status: int | None
    headers: dict[str, str]
    body: bytes = b""

    @property
    def data(self) -> Any:
        """`data` of the envelope."""
        return json.loads(self.body)["data"]


class Client:
    """Keeps one connection open, as a session of `requests` would."""

    def __init__(self, box: Sandbox) -> None:
        """Talk to `box` with its key."""
        self.box = box
        self.headers = {"x-api-key": box.api_key}
        self._connection = http.client.HTTPConnection(box.url.removeprefix("http://"), timeout=10)

    def ask(self, method: str, target: str, body: bytes | None = None) -> Reply:
        """One request below the API's base."""
        base = self.box.api_url.removeprefix(self.box.url)
        try:
            self._connection.request(method, base + target, body, self.headers)
            response = self._connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        except http.client.RemoteDisconnected:
            return Reply(None, {})

    def put(self, artifact: str, labels: list[str], query: str = "", registry: str = MODELS) -> Reply:
        """Replace the labels of one artifact."""
        target = f"/registry/{registry}/+/artifact/{artifact}/labels{query}"
        return self.ask("PUT", target, json.dumps({"labels": labels}).encode())

    def list(self, query: str = "", registry: str = MODELS) -> Reply:
        """One page."""
        return self.ask("GET", f"/registry/{registry}/+/artifacts?{query}")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A saas sandbox with a model and a dataset of one name, a model with a slash, an image."""
    with Sandbox(api_key="key") as box:
        fill(box)
        yield box


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    """A client of `box`."""
    client = Client(box)
    yield client
    client.close()


def fill(box: Sandbox) -> None:
    """The content that the tests of this folder expect."""
    box.add_artifact(MODELS, "resnet50", artifact_type="model", labels=["m"])
    box.add_artifact(MODELS, "resnet50", artifact_type="dataset", labels=["d"])
    box.add_artifact(MODELS, "team/llm", artifact_type="model")
    box.add_artifact("acme/images", "app", package_type="DOCKER", labels=["i"])
