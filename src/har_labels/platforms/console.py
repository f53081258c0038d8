"""The log of every platform: two streams on which nothing but harmless text arrives, and which never crash a run."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TextIO

from har_labels.errors import HarLabelsError
from har_labels.text import Redactor, visible

_LINES_AT_A_TIME = 1000


class Log:
    """A text stream that may break: a closed pipe or a full disk ends the log, not the run.

    None is what Python has for a stream that was closed before it began.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream or io.StringIO()
        self._is_broken = stream is None

    @property
    def is_terminal(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def write_lines(self, lines: Iterable[str]) -> None:
        """Writes many lines, a thousand at a time: a diff may have a million."""
        rest = iter(lines)
        while some := list(islice(rest, _LINES_AT_A_TIME)):
            self.write("".join(f"{line}\n" for line in some))

    def write(self, text: str) -> None:
        """Writes and flushes `text`; does nothing any more once that has failed."""
        if self._is_broken:
            return
        try:
            self._stream.write(self._encodable(text))
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()
        except RuntimeError:
            # A signal handler wrote in the middle of another write; the run matters more than the line.
            return

    def _encodable(self, text: str) -> str:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def _give_up(self) -> None:
        """Sends what is still buffered nowhere: else Python fails on it at exit and changes the exit code."""
        self._is_broken = True
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class Console:
    """What all platforms do alike. `out` and `err` are stdout and stderr unless given."""

    results_limit = 256 * 1024
    summary_limit = 1_000_000
    logs_summary = False
    colour = False
    workspace = ""
    wants_debug = False

    def __init__(self, environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._environ = environ
        self._out = Log(out or sys.stdout)
        self._err = Log(err or sys.stderr)
        self._log = self._out
        self._secrets: list[str] = []
        self._redactor = Redactor()

    def key_hint(self) -> tuple[str, str]:
        return "", ""

    def registry_scopes(self) -> list[str]:
        return []

    def path_notices(self, written: Mapping[str, str], listed: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:  # noqa: ARG002 - nothing is known of paths here
        return []

    def reserve_stdout(self) -> None:
        self._log = self._err

    def mask(self, secret: str) -> None:
        if secret.strip():
            self._secrets.append(secret)
            self._redactor = Redactor(self._secrets)

    def say(self, line: str) -> None:
        self._log.write(f"{self._harmless(line)}\n")

    def notice(self, line: str) -> None:
        self._err.write(f"{self._harmless(f'har-labels: notice: {line}')}\n")

    def warning(self, line: str) -> None:
        self._err.write(f"{self._harmless(f'har-labels: warning: {line}')}\n")

    def debug(self, line: str) -> None:
        self._err.write(f"{self._harmless(f'har-labels: debug: {line}')}\n")

    def error(self, error: HarLabelsError) -> None:
        self._err.write(f"{self._harmless(error.line)}\n")

    def group(self, title: str, lines: Iterable[str]) -> None:
        self.say(title)
        self._log.write_lines(self._harmless(f"  {line}") for line in lines)

    def diff(self, lines: Iterable[str]) -> None:
        self._log.write_lines(map(self._redactor.redact, lines))

    def print_json(self, chunks: Iterable[str]) -> None:
        for chunk in chunks:
            self._out.write(self.without_key(chunk))

    def without_keys(self, text: str) -> str:
        return self._redactor.redact(text)

    def without_key(self, text: str) -> str:
        return self._redactor.redact_known(text)

    def _harmless(self, text: str) -> str:
        return visible(self._redactor.redact(text))

    def _published(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """The outputs without the key; a label that only looks like one stays itself."""
        return {name: self.without_key(value) for name, value in outputs.items()}
