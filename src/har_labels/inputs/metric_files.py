"""From an item of `metrics-file` to the file that it names: `PATH`, a glob, `NAME=PATH`, or `-` (contract §3)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from har_labels.errors import Invalid
from har_labels.files import STDIN
from har_labels.text import shown

_GLOB_SIGN = re.compile(r"[*?\[]")
_MOST_LISTED = 10
# More matches than anyone reads; each one costs a system call.
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
    """The one file that `source` names. Raises Invalid if a glob matches none or several."""
    path = source.path
    if not path:
        raise Invalid("has no path after its name", f"Write `{shown(source.name)}=PATH`.")
    if source.name and not _exists(path) and _exists(source.item) and not list(_matches(path)):
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
    """The files that reading `item` might open, for the check that paths stay in the workspace."""
    source = source_of(item)
    if source.is_stdin or not source.path:
        return []
    return list(islice(_matches(source.path), _MOST_MATCHES)) if _is_glob(source.path) else [source.path]


def _is_glob(path: str) -> bool:
    """Whether it is a glob: a file with such a name takes precedence, as such an artifact does (contract §3)."""
    return bool(_GLOB_SIGN.search(path)) and not _exists(path)


def _exists(path: str) -> bool:
    with suppress(ValueError):
        return os.path.lexists(path)
    return False  # not a valid path


def _matches(pattern: str) -> Iterator[str]:
    """The files that match, as a shell finds them: hidden ones only if the pattern names them, and `**` follows no link."""
    parts = PurePath(pattern).parts
    fixed = next((number for number, part in enumerate(parts) if _GLOB_SIGN.search(part)), len(parts))
    if fixed == len(parts) or "\0" in pattern:
        return
    folder, rest = Path(*parts[:fixed]), PurePath(*parts[fixed:], *("*" if parts[-1] == "**" else ()))
    wants_hidden = any(part.startswith(".") for part in rest.parts)
    with suppress(OSError, ValueError):  # ValueError: `a**b` is not a valid pattern
        for match in folder.glob(str(rest)):
            is_hidden = any(part.startswith(".") for part in match.relative_to(folder).parts)
            if match.is_file() and (wants_hidden or not is_hidden):
                yield str(match)
