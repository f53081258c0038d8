"""Runs pytest inside of a container of the image: `python3 -IBXutf8 inside.py BASE LIBRARIES WORDS…`.

The tests need more of Python than the product: what the image lacks they get from BASE, the whole system that it was
made of. But nothing of the product gets it: a module of the image that looks for one that only BASE has is a fault,
which is printed and fails the run, as it would fail the step. LIBRARIES holds pytest itself.
"""

import ctypes
import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import ClassVar

BASE, LIBRARIES, *WORDS = sys.argv[1:]
STANDARD = sysconfig.get_path("stdlib")
PRODUCT = ("/opt/har-labels/src/", STANDARD + "/")
OF_TESTS = "/opt/har-labels/src/har_sandbox/"
# Looked for by what no run calls: see NOT_FOR_RUNS in tools/rootfs.
NOT_FOR_RUNS = {"test", "doctest", "pydoc", "readline", "rlcompleter", "_pyrepl"}


class Base:
    """The last finder: what is found nowhere in the image."""

    faults: ClassVar[list[str]] = []

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module in BASE, for the tests alone."""
        places = [STANDARD, STANDARD + "/lib-dynload"] if path is None else path
        spec = PathFinder.find_spec(name, [BASE + place for place in places if place.startswith(STANDARD)])
        if spec is None and path is not None:
            return None
        importer = _importer()
        if spec and importer.startswith(PRODUCT) and not importer.startswith(OF_TESTS):
            if name.partition(".")[0] not in NOT_FOR_RUNS:
                cls.faults.append(f"{importer} looks for {name}, which is not in the image")
            return None
        return spec


def _importer() -> str:
    """The file of the module that calls."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith("<frozen importlib") and frame.f_back:
        frame = frame.f_back
    return str(frame.f_globals.get("__file__", ""))


if __name__ == "__main__":
    sys.path[:0] = ["/opt/har-labels/src"]
    sys.path.append(LIBRARIES)
    sys.meta_path.append(Base)  # type: ignore[arg-type]
    for library in Path(BASE).glob("usr/lib/*/libsqlite3.so.0"):
        ctypes.CDLL(str(library))  # of the sandbox; by its name it is then there for _sqlite3
    import pytest

    code = pytest.main(WORDS)
    sys.exit("\n".join(Base.faults) or code)
