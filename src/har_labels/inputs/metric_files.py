"""Finds the file of an item of `metrics-file`: `PATH`, a glob, `NAME=PATH`, or `-` for standard input (contract §3)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from har_labels.errors import Invalid
from har_labels.text import shown

STDIN = "-"
_GLOB_SIGN = re.compile(r"[*?\[]")
_MOST_LISTED = 10
# Globbing stops here: more matches than anybody reads.
_MOST_MATCHES = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """`item` as it was written, its `name` or empty text, and its `path`, which may be a glob."""

    item: str
    name: str
    path: str

    @property
    def is_stdin(self) -> bool:
        return self.path == STDIN


def source_of(item: str) -> Source:
    """`NAME=PATH` where NAME is a Python identifier, so that `outputs/lr=0.1/m.json` is a path; else a path."""
    name, sign, path = (part.strip() for part in item.partition("="))
    return Source(item, name, path) if sign and name.isidentifier() else Source(item, "", item)


def file_of(source: Source) -> str:
    """The path of the one file that is meant. Raises Invalid if a glob matches no file or several."""
    path = source.path
    if not path:
        raise Invalid("has no path behind its name", f"Write `{shown(source.name)}=PATH`.")
    if source.name and not _is_there(path) and _is_there(source.item) and not list(_matches(path)):
        problem = (
            f"is read as the file `{shown(path)}` under the name `{shown(source.name)}`, and there is no such file"
        )
        raise Invalid(problem, f"Write `./{shown(source.item)}` for the path.")
    if not _is_glob(path):
        return path
    matches = sorted(set(islice(_matches(path), _MOST_MATCHES + 1)))
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise Invalid("matches no file", "Check the pattern; `*` stays within one folder, `**` goes through all below.")
    listed = ", ".join(f"`{shown(match)}`" for match in matches[:_MOST_LISTED])
    more = f" and {len(matches) - _MOST_LISTED:,} more" if len(matches) > _MOST_LISTED else ""
    count = f"{len(matches):,}" if len(matches) <= _MOST_MATCHES else f"more than {_MOST_MATCHES:,}"
    raise Invalid(
        f"matches {count} files: {listed}{more}", "Make the pattern match one file, or name each by `NAME=PATH`."
    )


def paths_of(item: str) -> list[str]:
    """The files that reading `item` might open, to check where their paths lead."""
    source = source_of(item)
    if source.is_stdin or not source.path:
        return []
    return list(islice(_matches(source.path), _MOST_MATCHES)) if _is_glob(source.path) else [source.path]


def _is_glob(path: str) -> bool:
    """Not if a file of that very name exists; the same rule holds for artifacts (contract §3)."""
    return bool(_GLOB_SIGN.search(path)) and not _is_there(path)


def _is_there(path: str) -> bool:
    with suppress(ValueError):
        return os.path.lexists(path)
    return False  # no file can have such a path


def _matches(pattern: str) -> Iterator[str]:
    """The files that match, as a shell finds them: hidden ones only where the pattern says so, `**` follows no link."""
    parts = PurePath(pattern).parts
    fixed = next((number for number, part in enumerate(parts) if _GLOB_SIGN.search(part)), len(parts))
    if fixed == len(parts) or "\0" in pattern:
        return
    folder, rest = Path(*parts[:fixed]), PurePath(*parts[fixed:], *("*" if parts[-1] == "**" else ()))
    wants_hidden = any(part.startswith(".") for part in rest.parts)
    with suppress(OSError, ValueError):  # ValueError: `a**b`, which is no pattern
        for match in folder.glob(str(rest)):
            is_hidden = any(part.startswith(".") for part in match.relative_to(folder).parts)
            if match.is_file() and (wants_hidden or not is_hidden):
                yield str(match)
