"""One call of the registry's API each, against an answer made up for it."""

from __future__ import annotations

from typing import Any

import pytest

from har_labels.errors import HarLabelsError
from har_labels.registry.answers import UnknownOutcome
from registry.clients import REF, registry
from registry.servers import Canned, canned

PAGE = {
    "artifacts": [{"name": "x", "labels": ["b", "a", "a"]}],
    "pageSize": 100,
    "itemCount": 7,
    "pageIndex": 0,
    "pageCount": 9,
}
ANSWER = {
    "imageName": "x",
    "packageType": "DOCKER",
    "labels": ["a"],
    "createdAt": "1",
    "modifiedAt": "2",
    "downloadsCount": 3,
}
CALLS = ("page", "summary", "put_labels")


def call(url: str, which: str, labels: tuple[str, ...] = ("a",), artifact_type: str = "") -> Any:
    """One call of the registry."""
    client = registry(url)
    if which == "page":
        return client.page(REF, search="x", number=0)
    if which == "summary":
        return client.summary(REF, "x")
    return client.put_labels(REF, "x", artifact_type, labels)


def error_of(answer: Canned, which: str) -> HarLabelsError | UnknownOutcome:
    """What a call raises for this answer, after exactly one request."""
    with canned(answer) as server:
        with pytest.raises((HarLabelsError, UnknownOutcome)) as caught:
            call(server.url, which)
        assert len(server.asked) == 1
    return caught.value
