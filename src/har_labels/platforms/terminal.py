"""A person's terminal, or a CI that is not known: plain text on two streams, no files (contract §4 "Terminal")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TextIO

from har_labels.platforms.ci_facts import terminal_facts
from har_labels.platforms.platform import Platform

# By a line's first character, as `text_diff` writes it.
_COLOURS = {"+": "32", "-": "31", "~": "1", "!": "1;31"}


class Terminal(Platform):
    """The terminal command: flags, colour where wanted, nothing published."""

    name = "terminal"
    prefix = ""
    summary_limit = 0

    def __init__(self, environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        super().__init__(environ, out, err)
        # https://no-color.org: any value but an empty one.
        self._has_colour = self._out.is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

    def spell(self, input_name: str) -> str:
        if input_name == "api-key":
            return "HAR_LABELS_API_KEY"  # no flag takes the key
        return f"--{input_name.replace('_', '-')}"

    def ci_facts(self) -> dict[str, str]:
        return terminal_facts()

    def diff(self, lines: Iterable[str]) -> None:
        super().diff(map(_coloured, lines) if self._has_colour else lines)

    def _publish(self, outputs: Mapping[str, str], summary: str) -> list[str]:  # noqa: ARG002 - a terminal has no files
        return []


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return f"\x1b[{colour}m{line}\x1b[0m" if colour else line
