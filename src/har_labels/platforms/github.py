"""GitHub Actions: workflow commands, output and summary files (contract §4 "GitHub"; facts: github-runtime).

actions-toolkit's `core` makes the commands and the heredoc form. This module works around its limits: it prints to
`sys.stdout` (redirected) and reads `os.environ` for file paths (we append to the files ourselves, which also creates a
missing one), falls back to `::set-output` (never reached), prints empty annotation properties (we pass only ours), exits
with 1 in `set_failed` and lets `::` and `##[` through in `info` (neither is used), and has no job summary.

A GitHub Action run by Harness is this platform too. There each output is pasted into a shell line,
`echo "name=VALUE" > file`, and then decoded if it starts with `__B64__` (harness-runtime §1, §7): the shell would execute
`$(…)` in a label. So a value with any but plain characters is written as `__B64__` and base64.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from itertools import chain
from typing import Any, TextIO

from har_labels.errors import HarLabelsError
from har_labels.platforms import ci_files, mounts
from har_labels.platforms.ci_facts import github_facts, harness_scopes, hybrid_facts, why_github_gave_no_secret
from har_labels.platforms.dotenv import BASE64_MARK, LONGEST_LINE, base64_value, too_long_warnings
from har_labels.platforms.platform import Platform
from har_labels.platforms.redactor import SHORTEST_KEY_TO_LOOK_FOR
from har_labels.report.markdown import cut_at_line
from har_labels.text import number

MOST_ERRORS = 9  # GitHub keeps 10 annotations; ours in the tenth place counts the rest
# Less than the documented 1 MiB: the runner has lost summaries of almost that size.
LARGEST_SUMMARY = 1_000_000
CUT_NOTE = f"*Cut here: the summary of a step is kept at {LARGEST_SUMMARY:,} bytes.*"
# All outputs of a job together may have 1 MB, counted in UTF-16; more fails the job (github-runtime "Sizes").
MOST_OUTPUT_UNITS = 450_000
# The outputs that are left empty until the rest fits, in this order; the report has everything.
EMPTIED_FIRST = ("results", "moved-from", "previous-labels", "removed", "added", "labels-map", "labels")

# Held while `sys.stdout` is redirected. Reentrant, as a signal handler may interrupt the holder.
_STDOUT_LOCK = threading.RLock()
_SAFE_IN_A_SHELL_LINE = re.compile(r"[A-Za-z0-9_.:/=+-]*")


def is_run_by_harness(environ: Mapping[str, str]) -> bool:
    """Whether Harness runs this GitHub Action.

    Harness sets DRONE in every step. Other HARNESS_* variables count unless RUNNER_ENVIRONMENT is set, as GitHub's own
    runner does: users' workflows set HARNESS_ACCOUNT_ID and similar variables there.
    """
    if environ.get("DRONE"):
        return True
    is_real_runner = bool(environ.get("RUNNER_ENVIRONMENT"))
    return not is_real_runner and any(name.startswith("HARNESS_") and value for name, value in environ.items())


class GitHub(Platform):
    """A step of a GitHub job, in the action's container or in `run:`."""

    name = "github"
    prefix = "INPUT_"
    summary_limit = LARGEST_SUMMARY

    def __init__(self, environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        super().__init__(environ, out, err)
        # Harness shows no job summary (harness-runtime §7), and an action can't write its annotations.
        self.logs_summary = self._is_run_by_harness = is_run_by_harness(environ)
        self._error_count = 0
        # In a `run:` step stdout may be a file or a pipe, where neither the key nor a command belongs. The runner reads
        # commands on both streams (github-runtime "Workflow commands").
        is_action = any(name.startswith(self.prefix) for name in environ)
        self._commands = self._log if is_action else self._err
        self.workspace = environ.get("GITHUB_WORKSPACE") or ci_files.working_folder()
        # "Enable debug logging" of a rerun, or the secret or variable ACTIONS_STEP_DEBUG.
        self.wants_debug = environ.get("RUNNER_DEBUG") == "1"
        if self._is_run_by_harness:
            # Its base64 must fit into one line of Harness's own output file.
            self.results_limit = (LONGEST_LINE - 100) * 3 // 4

    def key_hint(self) -> tuple[str, str]:
        why, how = why_github_gave_no_secret(self._environ)
        return why, how or "Give it from a secret: `api-key: ${{ secrets.HAR_API_KEY }}`."

    def registry_scopes(self) -> list[str]:
        return harness_scopes(self._environ) if self._is_run_by_harness else []

    def reserve_stdout(self) -> None:
        super().reserve_stdout()
        self._commands = self._err

    def spell(self, input_name: str) -> str:
        return input_name.replace("_", "-")

    def ci_facts(self) -> dict[str, str]:
        return (hybrid_facts if self._is_run_by_harness else github_facts)(self._environ)

    def path_notices(self, written: Mapping[str, str], listed: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
        return mounts.path_notices(self._environ, ci_files.working_folder(), written, listed)

    def mask(self, secret: str) -> None:
        super().mask(secret)
        # The runner would hide a short secret inside of words, in the logs of the whole job.
        if len(secret.strip()) >= SHORTEST_KEY_TO_LOOK_FOR:
            self._commands.write(_command("add-mask", secret))

    def notice(self, line: str) -> None:
        self._commands.write(_command("notice", self._harmless(line)))

    def warning(self, line: str) -> None:
        self._commands.write(_command("warning", self._harmless(line)))

    def debug(self, line: str) -> None:
        # The runner shows the command only where its own debug log is on.
        line = self._harmless(line)
        self._commands.write(_command("debug", line) if self.wants_debug else f"har-labels: debug: {line}\n")

    def error(self, error: HarLabelsError) -> None:
        super().error(error)
        self._error_count += 1
        if self._error_count <= MOST_ERRORS:
            message = self._harmless(f"{error.what} | {error.next_step}")
            self._commands.write(_command("error", message, title=error.code))

    def _print_group(self, title: str, lines: Iterable[str]) -> None:
        """Lines of the log that GitHub folds under their title."""
        self._log.write(_command("group", title))
        self._log.write_lines(map(self._harmless, lines))
        self._log.write(_command("endgroup", ""))

    def diff(self, lines: Iterable[str]) -> None:
        rest = iter(lines)
        first = next(rest, None)
        if first is not None:
            self._print_group("Labels", chain([first], rest))

    def _publish(self, outputs: dict[str, str], summary: str) -> list[str]:
        if self._error_count > MOST_ERRORS:
            self._commands.write(
                _command(
                    "error", f"and {number(self._error_count - MOST_ERRORS, 'more error')}: see the log and the summary"
                )
            )
        if self.logs_summary and summary:
            self._print_group("Summary", summary.rstrip("\n").split("\n"))
        outputs = mounts.translate_outputs(outputs, self._environ, ci_files.working_folder())
        return [*self._publish_outputs(outputs), *self._publish_summary(summary)]

    def _publish_outputs(self, outputs: dict[str, str]) -> list[str]:
        """Writes outputs in heredoc form; none without the variable, as in a plain `docker run`."""
        path = self._environ.get("GITHUB_OUTPUT", "")
        if not path:
            return []
        warnings: list[str] = []
        if self._is_run_by_harness:
            outputs, warnings = _encode_for_a_shell_line(outputs)
        else:
            outputs, emptied = _fit_into_a_job(outputs)
            for name in emptied:
                self.notice(
                    f"the output `{name}` is left empty: a job's outputs may have 1 MB in all; `{self.spell('report-file')}` has everything"
                )
        problem = ci_files.append_text(path, "".join(_heredoc(name, value) for name, value in outputs.items()))
        return [*warnings, *ci_files.write_warnings("GITHUB_OUTPUT", path, problem)]

    def _publish_summary(self, summary: str) -> list[str]:
        path = self._environ.get("GITHUB_STEP_SUMMARY", "")
        if not path or not summary:
            return []
        # An earlier command of the same `run:` step may have written there; GitHub drops a summary that is too large.
        room = LARGEST_SUMMARY - ci_files.size_of(path) - len("\n\n\n")
        text = cut_at_line(summary, room, CUT_NOTE)
        problem = ci_files.append_text(path, f"\n{text}\n") if text else "no room is left in it"
        return ci_files.write_warnings("GITHUB_STEP_SUMMARY", path, problem)


def _command(name: str, message: str, **properties: str) -> str:
    """The line `::name key=value::message`. actions-toolkit escapes it and prints it to `sys.stdout`."""
    from actions_toolkit import core

    with _STDOUT_LOCK, redirect_stdout(io.StringIO()) as printed:
        core.issue_command(name, properties, message)
    return printed.getvalue()


def _heredoc(name: str, value: str) -> str:
    """`name<<mark`, the value, the mark. The mark is random, a new one for each output."""
    from actions_toolkit import core

    message: Any = core.prepare_key_value_message(name, value)
    return f"{message}\n"


def _fit_into_a_job(outputs: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The outputs, with as many of EMPTIED_FIRST emptied as necessary for all to fit together, and the names of those."""
    kept, emptied = dict(outputs), []
    for name in EMPTIED_FIRST:
        if sum(len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in kept.values()) < MOST_OUTPUT_UNITS:
            break
        if kept.get(name):
            kept[name] = ""
            emptied.append(name)
    return kept, emptied


def _encode_for_a_shell_line(outputs: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The outputs in plain characters, those that then are too long left empty, and a warning for each of those."""
    safe = {name: value if _is_plain(value) else base64_value(value) for name, value in outputs.items()}
    too_long = {name for name, value in safe.items() if len(f"{name}={value}") > LONGEST_LINE}
    warnings = too_long_warnings(sorted(too_long))
    return safe | dict.fromkeys(too_long, ""), warnings


def _is_plain(value: str) -> bool:
    """Whether the value may be written as it is. One that only looks encoded may not, as it would be decoded."""
    return bool(_SAFE_IN_A_SHELL_LINE.fullmatch(value)) and not value.startswith(BASE64_MARK)
