"""The terminal, and what all platforms do alike with their streams."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ci.runner_model import commands_in
from har_labels.errors import InputError
from har_labels.model.outcome import RunFacts, RunResult
from har_labels.platforms import detect
from har_labels.platforms.platform import Platform
from har_labels.report.outputs import report_chunks
from har_labels.report.summary import text_diff
from har_labels.report.verdict import verdict_of
from report.results import outcome, run

KEY = "pat.account.token.secret-of-the-test"


class TerminalStream(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(environ: dict[str, str] | None = None) -> tuple[Platform, io.StringIO, io.StringIO]:
    """The platform and what it prints on either stream."""
    out, err = io.StringIO(), io.StringIO()
    platform = detect(environ or {}, out, err)
    platform.mask(KEY)
    return platform, out, err


def test_progress_goes_to_stdout_and_trouble_to_stderr() -> None:
    """So that the one can be piped and the other still be read."""
    platform, out, err = terminal()
    platform.info("reading")
    platform.notice("a thing")
    platform.warning("a worse thing")
    platform.error(InputError("`mode` is `ad`", "Write `add`."))
    assert out.getvalue() == "reading\n"
    assert err.getvalue() == (
        "har-labels: notice: a thing\nhar-labels: warning: a worse thing\nhar-labels: error HAR-INPUT: `mode` is `ad` | Write `add`.\n"
    )


@pytest.mark.parametrize("environ", [{}, {"GITHUB_ACTIONS": "true"}, {"DRONE": "true"}])
def test_the_key_is_hidden_wherever_it_is_printed(environ: dict[str, str]) -> None:
    """On every platform, in every kind of line; only GitHub gets it once, to mask it."""
    platform, out, err = terminal(environ)
    for print_line in (platform.info, platform.notice, platform.warning):
        print_line(f"a {KEY} b")
    platform.error(InputError(f"x {KEY}", f"y {KEY}"))
    platform.diff([f"+ {KEY}"])
    platform.publish({}, f"| {KEY} |")
    printed = (out.getvalue() + err.getvalue()).replace(f"::add-mask::{KEY}\n", "")
    assert KEY not in printed
    assert "***" in printed
    assert err.getvalue().count("::add-mask::") == (platform.name == "github")


@pytest.mark.parametrize("environ", [{}, {"GITHUB_ACTIONS": "true"}, {"DRONE": "true"}])
def test_a_blank_key_masks_nothing(environ: dict[str, str]) -> None:
    """Else every blank of the log would be hidden."""
    out = io.StringIO()
    platform = detect(environ, out, io.StringIO())
    platform.mask(" ")
    platform.info("a b")
    assert out.getvalue() == "a b\n"


@pytest.mark.parametrize(
    ("stream", "environ", "colour"),
    [
        (TerminalStream, {}, True),
        (TerminalStream, {"NO_COLOR": "1"}, False),
        (TerminalStream, {"NO_COLOR": ""}, True),
        (TerminalStream, {"TERM": "dumb"}, False),
        (TerminalStream, {"DRONE": "true"}, False),
        (io.StringIO, {}, False),
    ],
)
def test_colour_needs_a_terminal_that_wants_it(
    stream: type[io.StringIO], environ: dict[str, str], colour: bool
) -> None:
    """No colour in a file, a pipe or a CI, nor with NO_COLOR."""
    out = stream()
    detect(environ, out, io.StringIO()).diff(["+ new"])
    assert out.getvalue() == ("\x1b[32m+ new\x1b[0m\n" if colour else "+ new\n")


def test_the_diff_is_coloured_by_its_signs() -> None:
    """By the sign, around text that holds no escape of its own; a line without a sign has no colour."""
    out = TerminalStream()
    detect({}, out, io.StringIO()).diff(text_diff(run(outcome("a", ("old", "x"), ("\x1b[5mnew", "x")))))
    assert out.getvalue().splitlines() == [
        "\x1b[1m~ acme/ml/models/+ a\x1b[0m",
        "\x1b[32m+ \\x1b[5mnew\x1b[0m",
        "\x1b[31m- old\x1b[0m",
        "  x",
    ]


def test_only_the_diff_may_have_colours() -> None:
    """Its lines are harmless already; any other line is made so."""
    platform, out, _ = terminal()
    platform.diff(["\x1b[32m+ new\x1b[0m"])
    platform.info("\x1b[32mx")
    assert out.getvalue() == "\x1b[32m+ new\x1b[0m\n\\x1b[32mx\n"


def test_nothing_is_published() -> None:
    """A terminal has no files of a CI."""
    platform, out, err = terminal()
    assert platform.publish({"labels": "[]"}, "summary") == []
    assert (out.getvalue(), err.getvalue()) == ("", "")


class FullDisk(io.StringIO):
    """A stream without room."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


class Interrupted(io.StringIO):
    """A stream in the middle of another write."""

    def write(self, _: str) -> int:
        raise RuntimeError("reentrant call")


@pytest.mark.parametrize("environ", [{}, {"GITHUB_ACTIONS": "true"}, {"DRONE": "true"}])
@pytest.mark.parametrize("stream", [FullDisk(), Interrupted()])
def test_a_broken_log_does_not_stop_the_run(environ: dict[str, str], stream: io.StringIO) -> None:
    """Nothing is raised; the run goes on unheard."""
    platform = detect(environ, stream, stream)
    platform.mask(KEY)
    platform.info("a")
    platform.error(InputError("b"))
    platform.diff(["c"])
    assert platform.publish({}, "s") == []


def test_a_closed_stream_is_a_broken_one() -> None:
    """Python raises ValueError there, not OSError."""
    out = io.StringIO()
    platform = detect({}, out, out)
    out.close()
    platform.info("a")


def test_a_stream_that_knows_no_unicode_gets_escapes() -> None:
    """An ASCII log does not make the run fail."""
    raw = io.BytesIO()
    platform = detect({}, io.TextIOWrapper(raw, encoding="ascii"), io.StringIO())
    platform.info("é \ud800")
    assert raw.getvalue() == b"\\xe9 \\ud800\n"


def test_what_is_buffered_for_a_full_disk_is_dropped() -> None:
    """Closing the stream afterwards must not fail on it again."""
    with Path("/dev/full").open("w") as full:
        platform = detect({}, full, io.StringIO())
        platform.info("a")
        platform.info("b")


def test_a_closed_stream_is_not_a_terminal() -> None:
    """Python raises an error for the question; the platform starts all the same, and prints nothing."""
    closed = TerminalStream()
    closed.close()
    detect({}, closed, io.StringIO()).diff(["+ new"])


@pytest.mark.parametrize("environ", [{}, {"GITHUB_ACTIONS": "true"}, {"DRONE": "true"}])
def test_json_is_printed_as_it_is_but_for_the_key(environ: dict[str, str]) -> None:
    """Its own line ends stay, a label of a key's shape too, and no line of it is a command."""
    out = io.StringIO()
    platform = detect(environ, out, io.StringIO())
    platform.mask(KEY)
    texts = ["##[error]x", "::error::x", "\x1b[31m", "sat.a.b.c", KEY]
    result = RunResult((), RunFacts("replace", dry_run=False, requests=0, retries=0, seconds=0), notices=tuple(texts))
    platform.print_json(report_chunks(result, verdict_of(result), version="1"))
    printed = out.getvalue().replace(f"::add-mask::{KEY}\n", "")
    assert commands_in(printed) == []
    assert json.loads(printed)["notices"] == [*texts[:-1], "***"]
    assert platform.redact_known(f"a {KEY}") == "a ***"


@pytest.mark.parametrize("target", ["closed pipe", "/dev/full"])
def test_a_broken_stdout_keeps_the_exit_code(target: str) -> None:
    """Python would fail at exit on what is still buffered, and exit with 120."""
    script = "from har_labels.platforms import detect\np = detect({})\nfor i in range(10): p.info('x' * 9999)\nraise SystemExit(5)"
    if target == "closed pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(target, os.O_WRONLY)
    done = subprocess.run([sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (5, "")
