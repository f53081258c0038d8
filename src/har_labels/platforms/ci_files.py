"""Writes the files that a CI gives a step. Errors are returned as text, never raised (contract §4)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from har_labels.files import reason_of, write_text


def append_text(path: str, text: str) -> str:
    """Appends `text`, on a new line, to a file that may not exist yet. Returns why that failed, or empty text."""
    try:
        with Path(path).open("ab") as file:
            file.write(b"\n" * _has_open_line(path) + text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as problem:
        return reason_of(problem)
    return ""


def replace_text(path: str, text: str) -> str:
    """Replaces the file as a whole: a new file beside it, then a rename. Returns why that failed, or empty text."""
    try:
        return write_text(path, [text])
    except ValueError as problem:
        return reason_of(problem)


def working_folder() -> str:
    """The working directory of the step; empty if it was deleted."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def size_of(path: str) -> int:
    """The file's size in bytes; 0 if there is none."""
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):
        return 0


def write_warnings(variable: str, path: str, problem: str) -> list[str]:
    """The warning that a file of the CI could not be written; none without a `problem`."""
    return [f"can't write {variable} ({path}): {problem}"] if problem else []


def _has_open_line(path: str) -> bool:
    """Whether an earlier writer of the same step left the last line without an end.

    False for a file that can't be read, such as a pipe.
    """
    with suppress(OSError), Path(path).open("rb") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    return False
