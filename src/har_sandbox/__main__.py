"""The command `har-sandbox`: a registry to try workflows against, until SIGTERM or SIGINT.

    har-sandbox --port 8085 --load examples/sandbox.yaml --fault 503-after=0.05:PUT

The format of the file for `--load` is described in `preload.py`; artifacts that a database from an
earlier run already has are not changed. The kinds of faults are in `faults.py`.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import sqlite3
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from har_sandbox.faults import BadFaultError, Fault, Latency
from har_sandbox.preload import PreloadError
from har_sandbox.profiles import PROFILES
from har_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WRONG_USE = 2
#: Requests kept in memory: few, because the log of a sandbox that runs as a command is not read.
_LOG_SIZE = 0
# The methods that a fault can be limited to; without one it applies to all.
_METHODS = ("", "GET", "PUT", "DELETE")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Every error is a single line on stderr."""
        self.exit(WRONG_USE, f"har-sandbox: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Returns 0 after a clean stop, 2 if an argument or a file is invalid."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        box = _sandbox(given)
    except (BadFaultError, PreloadError) as error:
        parser.error(str(error))
    except sqlite3.Error as error:
        parser.error(f"cannot use database {given.database}: {error}")
    except OSError as error:
        parser.error(f"cannot listen on {given.host}:{given.port}: {error.strerror or error}")
    return _run(box, given, parser)


def _run(box: Sandbox, given: argparse.Namespace, parser: _Parser) -> int:
    with box, _told_to_stop() as stop:
        if given.ready_file is not None:
            try:
                _write_whole(given.ready_file, box.url + "\n")
            except OSError as error:
                parser.error(f"cannot write ready file {given.ready_file}: {error.strerror}")
        print(f"har-sandbox ({given.profile}) listening on {box.url}", flush=True)
        stop.wait()
    return 0


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the previous handlers are restored afterwards."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _sandbox(given: argparse.Namespace) -> Sandbox:
    return Sandbox(
        given.profile,
        api_key=given.api_key,
        faults=given.fault,
        latency=Latency(given.latency / 1000, *given.latency_tail),
        seed=given.seed,
        database=given.database,
        preload=given.load,
        host=_host(given),
        port=given.port,
        log_size=_LOG_SIZE,
    )


def _host(given: argparse.Namespace) -> str:
    host = str(given.host)
    if host != "localhost" and not given.allow_any_host:
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            message = f"--host {host} is not loopback: anybody could write; add --allow-any-host"
            raise BadFaultError(message)
    return host


def _write_whole(path: Path, text: str) -> None:
    """Write atomically: a reader sees the whole text or no file."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _fault(text: str) -> Fault:
    """Parse a fault such as `503-after=0.1:PUT`."""
    kind, sign, rest = text.partition("=")
    rate, _, method = rest.partition(":")
    try:
        if not sign:
            raise ValueError  # noqa: TRY301 - same message as for a rate that is not a number
        number = float(rate)
    except ValueError:
        message = f"{text!r} is not KIND=RATE[:METHOD], such as 503=0.1 or cut-after=0.05:PUT"
        raise argparse.ArgumentTypeError(message) from None
    if method not in _METHODS:
        message = f"{text!r}: {method} is not a method of this server; they are {' and '.join(filter(None, _METHODS))}"
        raise argparse.ArgumentTypeError(message)
    try:
        return Fault(kind, method=method or None, rate=number)
    except BadFaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _tail(text: str) -> tuple[float, float]:
    """Parse `0.01:500` into a probability and seconds."""
    rate, _, tail = text.partition(":")
    try:
        found = float(rate), float(tail) / 1000
    except ValueError:
        message = f"{text!r} is not PROBABILITY:MS, such as 0.01:500"
        raise argparse.ArgumentTypeError(message) from None
    if not 0 <= found[0] <= 1 or found[1] < 0:
        message = f"{text!r}: the probability must be from 0 to 1, the milliseconds at least 0"
        raise argparse.ArgumentTypeError(message)
    return found


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**16):
        message = f"{text!r} is not a port from 0 to 65535"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _milliseconds(text: str) -> float:
    if not text.replace(".", "", 1).isdecimal():
        message = f"{text!r} is not a number of milliseconds"
        raise argparse.ArgumentTypeError(message)
    return float(text)


def _parser() -> _Parser:
    parser = _Parser(
        prog="har-sandbox",
        description="A small Harness Artifact Registry for trying workflows.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--profile", choices=sorted(PROFILES), default="saas", help="which server to imitate")
    add("--host", default="127.0.0.1", help="address to listen on, loopback (default %(default)s)")
    add("--allow-any-host", action="store_true", help="permit a --host that is not loopback")
    add("--port", type=_port, default=0, help="port to listen on; 0, the default, means a free one")
    add("--database", default=":memory:", metavar="FILE", help="SQLite file to keep (default: none)")
    add("--load", type=Path, metavar="FILE.yaml", help="initial registries and artifacts")
    add("--api-key", default="sandbox-key", help="the valid key (default %(default)s)")
    add("--seed", type=int, default=0, help="random seed of faults and latency (default %(default)s)")
    add(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="KIND=RATE[:METHOD]",
        help="such as 503=0.1, 500-after=0.05:PUT, cut=0.02, html=0.01:GET; may be repeated",
    )
    add("--latency", type=_milliseconds, default=0.0, metavar="MS", help="approximate latency of every answer")
    add(
        "--latency-tail",
        type=_tail,
        default=(0.0, 0.0),
        metavar="P:MS",
        help="probability and latency of slow answers",
    )
    add("--ready-file", type=Path, metavar="FILE", help="file to which the URL is written when the server listens")
    return parser


if __name__ == "__main__":
    sys.exit(main())
