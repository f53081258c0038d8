"""Showing that a long run is alive: a bar on a terminal, elsewhere a line now and then (contract §4)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from har_labels.platforms import Platform
from har_labels.platforms.console import Log

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_BARS = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, in artifacts, and the requests sent so far.

    `done` were written at least once or need nothing; of those `changed` are confirmed. All may still be looked at again.
    """

    total: int
    done: int
    changed: int
    failed: int
    requests: int


class ProgressLine:
    """For logs: one line each ten seconds, so none at all for a short run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.interval = SECONDS_BETWEEN_LINES

    def show(self, progress: Progress, seconds: float) -> None:
        if not progress.total:
            self._say(f"reading: {progress.requests:,} requests in {seconds:.0f} s")
            return
        rate = progress.done / seconds if seconds else 0
        left = f", about {(progress.total - progress.done) / rate:,.0f} s left" if rate else ""
        self._say(
            f"{progress.done:,} of {progress.total:,} done, {progress.changed:,} changed, {progress.failed:,} failed, "
            f"{rate:,.1f} a second{left}",
        )

    def close(self) -> None:
        """Nothing is left on a log."""


class ProgressBar:
    """For a terminal: a bar on stderr, which is loaded only when a run is long enough to need it."""

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
    """A bar where stderr is a terminal, a line now and then elsewhere; never on a stdout that `--json` may need.

    Lines of other things in between would tear the bar apart: then none is wanted.
    """
    if platform.name != "terminal":
        return ProgressLine(platform.say)
    log = Log(sys.stderr)
    return ProgressBar() if log.is_terminal and wants_bar else ProgressLine(lambda line: log.write(f"{line}\n"))
