"""Shows the progress of a long run: a bar on a terminal, elsewhere a line from time to time (contract §4)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from har_labels.platforms.log import Log
from har_labels.platforms.platform import Platform
from har_labels.text import number

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_BARS = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run in artifacts, and the number of requests sent.

    `done` artifacts were written at least once or need no change; the writes of `changed` ones are confirmed. All may still
    be read again.
    """

    total: int
    done: int
    changed: int
    failed: int
    requests: int


class ProgressLine:
    """For logs: a line every ten seconds, so none for a short run."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print_line = print_line
        self.interval = SECONDS_BETWEEN_LINES

    def show(self, progress: Progress, seconds: float) -> None:
        if not progress.total:
            self._print_line(f"reading: {number(progress.requests, 'request')} in {seconds:.0f} s")
            return
        rate = progress.done / seconds if seconds else 0
        left = f", about {(progress.total - progress.done) / rate:,.0f} s left" if rate else ""
        self._print_line(
            f"{progress.done:,} of {progress.total:,} done, {progress.changed:,} changed, {progress.failed:,} failed, "
            f"{rate:,.1f} a second{left}",
        )

    def close(self) -> None:
        """Does nothing: a log needs no cleaning up."""


class ProgressBar:
    """For a terminal: a bar on stderr. Its library is loaded only when a run is long enough to need it."""

    def __init__(self) -> None:
        self.interval = SECONDS_BETWEEN_BARS
        self._bar: Any = None

    def show(self, progress: Progress, seconds: float) -> None:  # noqa: ARG002 - tqdm keeps the time itself
        if not progress.total:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=progress.total, unit=" artifacts", leave=False, file=sys.stderr)
        self._bar.set_postfix(changed=progress.changed, failed=progress.failed, refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def progress_for(platform: Platform, *, wants_bar: bool = True) -> ProgressLine | ProgressBar:
    """A bar if stderr is a terminal and `wants_bar`, else a line from time to time; never on the stdout that `--json` uses.

    `wants_bar` is False where other lines, such as those of debug logging, would break up the bar.
    """
    if platform.name != "terminal":
        return ProgressLine(platform.info)
    log = Log(sys.stderr)
    return ProgressBar() if log.is_terminal and wants_bar else ProgressLine(lambda line: log.write(f"{line}\n"))
