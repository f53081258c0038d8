"""A registry with many similar artifacts, and its requests."""

from __future__ import annotations

from collections import Counter

from conftest import MODELS
from har_sandbox import Sandbox

ALL = {"registry-ref": MODELS, "artifact": "*", "mode": "replace", "concurrency": "2"}


def fill(box: Sandbox, count: int, *, every: int = 1) -> None:
    """`count` artifacts; one in `every` lacks the label `new`."""
    rows = ((f"m-{number:05}", ["old"] if number % every == 0 else ["new", "old"]) for number in range(count))
    box.add_artifacts(MODELS, rows, package_type="DOCKER")


def methods(box: Sandbox) -> Counter[str]:
    """The number of requests of each method."""
    return Counter(request.method for request in box.requests)
