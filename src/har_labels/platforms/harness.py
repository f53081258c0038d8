"""Harness and Drone: output variables, annotation, error metadata (contract §4 "Harness/Drone"; facts: harness-runtime).

The forms of the output lines are in `dotenv.py`. Drone has neither output variables nor annotations; there is only its
log, so the summary is always printed there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TextIO

from har_labels.errors import HarLabelsError
from har_labels.files import is_same_file
from har_labels.platforms import ci_files
from har_labels.platforms.categories import category_of
from har_labels.platforms.ci_facts import harness_facts, harness_scopes
from har_labels.platforms.dotenv import LONGEST_LINE, output_lines, too_long_warnings, unsupported_notices
from har_labels.platforms.harness_annotation import LARGEST_SUMMARY, annotate, is_on
from har_labels.platforms.platform import Platform
from har_labels.report.outputs import JSON_OUTPUTS

# The variables that name the output file, preferred first (harness-runtime §1).
_OUTPUT_FILES = ("DRONE_OUTPUT", "HARNESS_OUTPUT_FILE")


class Harness(Platform):
    """A plugin step of Harness or Drone. `clock` gives seconds since 1970."""

    name = "harness"
    prefix = "PLUGIN_"
    results_limit = LONGEST_LINE - len("RESULTS=")
    summary_limit = LARGEST_SUMMARY
    logs_summary = True

    def __init__(
        self,
        environ: Mapping[str, str],
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(environ, out, err)
        self._clock = clock
        self.workspace = ci_files.working_folder()
        # Drone's own switch is a build in debug mode; `log_level` is a common setting of plugins.
        log_level = environ.get("PLUGIN_LOG_LEVEL", "").strip().lower()
        self.wants_debug = environ.get("DRONE_BUILD_DEBUG") == "true" or log_level in {"debug", "trace"}
        self._first_error: HarLabelsError | None = None

    def spell(self, input_name: str) -> str:
        return input_name.replace("-", "_")

    def ci_facts(self) -> dict[str, str]:
        return harness_facts(self._environ)

    def key_hint(self) -> tuple[str, str]:
        return "", 'Give it from a secret: `api_key: <+secrets.getValue("har_api_key")>`.'

    def registry_scopes(self) -> list[str]:
        return harness_scopes(self._environ)

    def error(self, error: HarLabelsError) -> None:
        super().error(error)
        self._first_error = self._first_error or error

    def _publish(self, outputs: dict[str, str], summary: str) -> list[str]:
        for line in summary.rstrip("\n").split("\n") if summary else ():
            self.info(line)
        return [
            *self._publish_outputs(outputs),
            *self._publish_annotation(summary, outputs.get("status", "")),
            *self._publish_error(),
        ]

    def _publish_outputs(self, outputs: dict[str, str]) -> list[str]:
        warnings: list[str] = []
        notices: list[str] = []
        written: list[str] = []
        for variable in _OUTPUT_FILES:
            path = self._environ.get(variable, "")
            if path and not any(is_same_file(path, other) for other in written):
                written.append(path)
                text, too_long, unsupported = output_lines(path, outputs, JSON_OUTPUTS)
                warnings += too_long_warnings(too_long)
                warnings += ci_files.write_warnings(variable, path, ci_files.append_text(path, text))
                notices += unsupported_notices(unsupported)
        for notice in dict.fromkeys(notices):
            self.notice(notice)
        return list(dict.fromkeys(warnings))

    def _publish_annotation(self, summary: str, status: str) -> list[str]:
        """Writes it where Harness's own tool would, too. The engine posts it only if the exit code is 0."""
        path = self._environ.get("HARNESS_ANNOTATIONS_FILE", "")
        if not summary or not path or not is_on(self._environ):
            return []
        problem = annotate(path, self._environ, summary=summary, status=status, milliseconds=int(self._clock() * 1000))
        return ci_files.write_warnings("HARNESS_ANNOTATIONS_FILE", path, problem)

    def _publish_error(self) -> list[str]:
        path, error = self._environ.get("ERROR_METADATA_FILE", ""), self._first_error
        if not path or not error:
            return []
        text, *_ = output_lines(
            path,
            {
                "error-message": self._harmless(f"{error.what} | {error.next_step}"),
                "error-code": error.code,
                "error-category": category_of(type(error))[0],
            },
            frozenset(),
        )
        return ci_files.write_warnings("ERROR_METADATA_FILE", path, ci_files.append_text(path, text))
