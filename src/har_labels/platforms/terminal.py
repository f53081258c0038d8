"""A person's terminal, or any CI we don't know: plain text on two streams, no files (contract §4 "Terminal")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from har_labels.platforms.ci_facts import terminal_facts
from har_labels.platforms.console import Console


class Terminal(Console):
    """The terminal command: flags, colour where wanted, nothing published."""

    name = "terminal"
    prefix = ""

    def __init__(self, environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        super().__init__(environ, out, err)
        # https://no-color.org: any value but an empty one.
        self.colour = self._out.is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

    def spell(self, input_name: str) -> str:
        if input_name == "api-key":
            return "HAR_LABELS_API_KEY"  # no flag takes it, see inputs
        return f"--{input_name.replace('_', '-')}"

    def ci_facts(self) -> dict[str, str]:
        return terminal_facts()

    def publish(self, outputs: Mapping[str, str], summary: str) -> list[str]:  # noqa: ARG002 - a terminal has no files
        return []
