"""A step in a process of its own with something changed in it: run as `python driven.py WHAT`, by the tests beside it.

`effects FILE` notes what the process does to the rest of the world; the others break it where no fault from outside can.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from har_labels.main import main

_PROCESSES = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "pty.spawn",
}
_CHANGES = {
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.chmod",
    "os.symlink",
    "os.link",
    "os.truncate",
    "shutil.rmtree",
    "tempfile.mkstemp",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def note_effects(path: str) -> None:
    """Appends to a file at the end: processes started, files opened for writing or changed, addresses connected to."""
    seen: list[list[str]] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in _PROCESSES:
            seen.append(["process", event])
        elif event in _CHANGES:
            seen.append(["change", str(args[0])])
        elif event == "open" and isinstance(args[2], int) and args[2] & _WRITES:
            seen.append(["write", str(args[0])])
        elif event in {"socket.connect", "socket.bind", "socket.sendto"}:
            seen.append(["address", f"{event} {args[1]!r}"])

    sys.addaudithook(hook)
    code = main()
    noted = [*seen]
    Path(path).write_text(json.dumps(noted))
    sys.exit(code)


def fail(*_: object, **__: object) -> NoReturn:
    """Fails as a defect would: with the key in its message, in its locals and in its cause."""
    key = os.environ.get("INPUT_API-KEY") or os.environ.get("PLUGIN_API_KEY", "")
    try:
        raise ValueError(f"bad {key}")
    except ValueError as error:
        raise KeyError(key, {"headers": {"x-api-key": key}}) from error


def crash_in(module: str, name: str) -> None:
    """Runs with one function of the product replaced by a failure."""
    import importlib

    owner: Any = importlib.import_module(f"har_labels.{module}")
    for part in name.split(".")[:-1]:
        owner = getattr(owner, part)
    setattr(owner, name.rpartition(".")[2], fail)
    sys.exit(main())


def jump_clock() -> None:
    """Runs with a wall clock that jumps years back and forth at each look."""
    import time

    real, jumps, lock = time.time, iter(range(10**9)), threading.Lock()

    def jumping() -> float:
        with lock:
            return real() + (-1) ** next(jumps) * 10**8

    time.time = jumping
    sys.exit(main())


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    sys.argv[1:] = []
    {"effects": note_effects, "crash": crash_in, "clock": jump_clock}[what](*words)
