"""Writes generated files, or compares them: the command line of tools/docs and tools/schemas."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path


def write_or_check(files: Iterable[tuple[str, str]], *, root: Path, tool: str, doc: str | None) -> int:
    """Writes the files that differ, each a path below `root` and its text; returns the exit code.

    With `--check` nothing is written; 1 if one differs, each named on stderr.
    """
    parser = argparse.ArgumentParser(prog=tool, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 and name what differs")
    is_check = parser.parse_args().check
    differs = []
    for name, text in files:
        path = root / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        differs.append(name)
        if not is_check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
    if not is_check:
        print(f"{tool}: {', '.join(differs) or 'nothing'} updated")
        return 0
    for name in differs:
        print(f"{tool}: {name} differs from what the code declares; run `make docs`", file=sys.stderr)
    return 1 if differs else 0
