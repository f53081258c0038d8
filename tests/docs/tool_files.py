"""Files of the shapes that training and evaluation tools write, a folder for each tool; values and texts are made up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TOOLS = Path(__file__).parent / "tools"


def files_of(tool: str, name: str = "", old: str = "", new: str = "") -> Mapping[str, str]:
    """The files of one tool by their paths; in the one called `name`, `old` is replaced by `new`."""
    folder = TOOLS / tool
    files = {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}
    if name:
        (path,) = [path for path in files if Path(path).match(name)]
        assert old in files[path]
        files[path] = files[path].replace(old, new)
    return files
