"""One stream of the log: stdout or stderr, written so that a broken one never ends the run."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import TextIO

_LINES_AT_A_TIME = 1000


class Log:
    """A text stream that may break: a closed pipe or a full disk ends the log, not the run.

    Python has None for a stream that was closed before the process started.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream or io.StringIO()
        self._is_broken = stream is None

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees the stream as it is written."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def write_lines(self, lines: Iterable[str]) -> None:
        """Writes many lines, a thousand at a time: a diff may have a million."""
        rest = iter(lines)
        while batch := list(islice(rest, _LINES_AT_A_TIME)):
            self.write("".join(f"{line}\n" for line in batch))

    def write(self, text: str) -> None:
        """Writes and flushes `text`. After a failed write it does nothing."""
        if self._is_broken:
            return
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._discard_buffer()
        except RuntimeError:
            # A signal handler wrote in the middle of another write; the run matters more than the line.
            return

    def _discard_buffer(self) -> None:
        """Redirects the stream to the null device: at exit Python flushes its buffer, and a failure changes the exit code."""
        self._is_broken = True
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
