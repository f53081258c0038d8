"""A reader on a clock that doesn't wait, and lists for it to read."""

from __future__ import annotations

from conftest import MODELS
from har_labels.clock import Clock
from har_labels.registry.client import Registry
from har_labels.registry.reader import Reader
from har_labels.registry.retry import RetryingReads
from har_sandbox import Sandbox
from registry.clients import registry
from registry.servers import success


class Sleepless(Clock):
    """A clock that only notes how long it should have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def reader_over(client: Registry, clock: Clock, *, retries: int) -> Reader:
    return Reader(RetryingReads(client, clock, retries=retries), clock)


def reader_of(box: Sandbox, retries: int = 2) -> Reader:
    return reader_over(registry(box.api_url), Sleepless(), retries=retries)


def fill(box: Sandbox, count: int, prefix: str = "model-") -> list[str]:
    """Artifacts `model-0000` and on, each with its number as a label."""
    names = [f"{prefix}{number:04}" for number in range(count)]
    box.add_artifacts(MODELS, [(name, [name[-4:]]) for name in names])
    return names


def page_of(*names: str, size: int = 2, count: int = 0) -> tuple[int, dict[str, str], bytes]:
    rows = [{"name": name, "labels": [name]} for name in names]
    return success({"artifacts": rows, "pageSize": size, "itemCount": count, "pageCount": 99, "pageIndex": 0})
