"""Writing the files that a CI gives a step: what can't be written is told, never raised (contract §4)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from har_labels.files import write_text


def append_text(path: str, text: str) -> str:
    """Appends `text`, on a new line, to a file that may not exist yet. Returns what went wrong, or empty text."""
    try:
        with Path(path).open("ab") as file:
            file.write(b"\n" * _is_line_open(path) + text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as problem:
        return reason(problem)
    return ""


def replace_text(path: str, text: str) -> str:
    """Writes the file as a whole, by way of a second one beside it. Returns what went wrong, or empty text."""
    try:
        return write_text(path, [text])
    except ValueError as problem:
        return reason(problem)


def working_folder() -> str:
    """Where the step was started; empty if that is gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def size_of(path: str) -> int:
    """Bytes the file has now; 0 if there is none."""
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):
        return 0


def reason(problem: OSError | ValueError) -> str:
    """The operating system's own words, such as `Permission denied`."""
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)


def _is_line_open(path: str) -> bool:
    """Whether an earlier writer of the same step left its last line without an end.

    What can't be read, such as a pipe, is taken to have none.
    """
    with suppress(OSError), Path(path).open("rb") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    return False


def unwritten(variable: str, path: str, problem: str) -> list[str]:
    """The warning that a file of the CI could not be written; none without a `problem`."""
    return [f"can't write {variable} ({path}): {problem}"] if problem else []
