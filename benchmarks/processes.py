"""Measures whole processes from outside: wall seconds and peak memory, as counted by the operating system."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timed:
    """One finished process: wall seconds, processor seconds, peak resident memory in MB, exit code."""

    wall: float
    cpu: float
    peak: float
    code: int


def timed(command: Sequence[str], environment: Mapping[str, str], *, cwd: str | None = None) -> Timed:
    """Runs the command once, without its output."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(environment), cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    return Timed(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode)


def median_and_span(values: Sequence[float]) -> str:
    """`0.412 (0.398 to 0.455)`"""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def machine() -> str:
    """The machine of the measurement, in one line."""
    import platform

    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, Linux; sandbox on loopback on the same machine"
