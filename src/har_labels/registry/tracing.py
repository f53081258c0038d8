"""Requests as they go, for whoever looks for a fault: method, path, status and time, never headers or bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from har_labels.model.address import ApiBase
from har_labels.registry.transport import Answer, NoAnswer, Transport


class TracedTransport(Transport):
    """A transport that `tell`s a line of each request when it is over. A request without an answer has its error's code."""

    def __init__(
        self,
        base: ApiBase,
        *,
        scheme: str,
        key: SecretStr,
        timeout: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(base, scheme=scheme, key=key, timeout=timeout)
        self._tell, self._root = tell, urlsplit(base.url).path

    def send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """As the transport does. Raises NoAnswer."""
        start, came_to = perf_counter(), "no answer"
        try:
            answer = super().send(method, path, query=query, body=body)
            came_to = str(answer.status)
        except NoAnswer as failure:
            came_to = f"no answer ({failure.error.code})"
            raise
        finally:
            self._tell(f"{method} {self._root}{path} {came_to} {(perf_counter() - start) * 1000:.0f} ms")
        return answer
