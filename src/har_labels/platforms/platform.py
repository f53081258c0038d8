"""The interface of a CI, and the behaviour that all CIs share: the log, hiding the key, printing JSON (contract §4).

A new CI is one subclass in a file of its own: `name`, `prefix`, `spell`, `ci_facts` and `_publish`. All other members have
defaults, and a CI overrides those for which it has something better.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, TextIO

from har_labels.errors import HarLabelsError
from har_labels.platforms.log import Log
from har_labels.platforms.redactor import Redactor
from har_labels.text import visible


class Platform(ABC):
    """One CI: how its users write inputs, its facts about the run, its log, and where results go.

    `out` and `err` are stdout and stderr unless given.

    - `name`: `github`, `harness`, `terminal` …; `prefix`: of an input's environment variable, such as `INPUT_`.
    - `results_limit`: the most bytes of the output `results` (contract §4); `summary_limit`: those of the summary,
      0 where nothing shows one.
    - `logs_summary`: `publish` prints the summary to the log, as nobody would see it elsewhere.
    - `workspace`: the job's folder, whose symbolic links are not trusted; empty if there is none (contract §5).
    - `wants_debug`: debug logging is switched on in the CI itself.
    """

    name: ClassVar[str]
    prefix: ClassVar[str]
    results_limit = 256 * 1024
    summary_limit = 1_000_000
    logs_summary = False
    workspace = ""
    wants_debug = False

    def __init__(self, environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._environ = environ
        self._out = Log(out or sys.stdout)
        self._err = Log(err or sys.stderr)
        self._log = self._out
        self._secrets: list[str] = []
        self._redactor = Redactor()

    # --- inputs and facts --------------------------------------------------------------------------------------

    @abstractmethod
    def spell(self, input_name: str) -> str:
        """The input as this CI's users write it: `registry-ref`, `registry_ref`, `--registry-ref`."""

    @abstractmethod
    def ci_facts(self) -> dict[str, str]:
        """The `ci` of templates: every name of contract §3, empty text where the CI has no value."""

    def key_hint(self) -> tuple[str, str]:
        """Why the key may be missing, and how to give one here; empty texts for the general advice."""
        return "", ""

    def registry_scopes(self) -> list[str]:
        """The scope paths that this pipeline's registries may have, the longest first; empty if unknown."""
        return []

    def path_notices(self, written: Mapping[str, str], listed: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:  # noqa: ARG002 - for a CI whose steps see other paths
        """Notices about paths that name other files outside of this step.

        `written` has the path of each file to write by its input's name, `listed` the items of each list input, each with
        its path.
        """
        return []

    # --- the log -----------------------------------------------------------------------------------------------

    def mask(self, secret: str) -> None:
        """Hides `secret` in everything printed or published from now on. Called before anything is printed."""
        if secret.strip():
            self._secrets.append(secret)
            self._redactor = Redactor(self._secrets)

    def reserve_stdout(self) -> None:
        """From now on stdout is for `print_json` alone; the log goes to stderr."""
        self._log = self._err

    def info(self, line: str) -> None:
        """Prints one line of the log."""
        self._log.write(f"{self._harmless(line)}\n")

    def notice(self, line: str) -> None:
        """Prints one line that informs."""
        self._err.write(f"{self._harmless(f'har-labels: notice: {line}')}\n")

    def warning(self, line: str) -> None:
        """Prints one line that needs attention."""
        self._err.write(f"{self._harmless(f'har-labels: warning: {line}')}\n")

    def debug(self, line: str) -> None:
        """Prints one line for troubleshooting. May be called from any thread, only where debug logging is wanted."""
        self._err.write(f"{self._harmless(f'har-labels: debug: {line}')}\n")

    def error(self, error: HarLabelsError) -> None:
        """Prints the stable stderr line of one failure; a CI may show it elsewhere, too."""
        self._err.write(f"{self._harmless(error.line)}\n")

    def diff(self, lines: Iterable[str]) -> None:
        """Prints the lines of `text_diff`, which are harmless already but for the key."""
        self._log.write_lines(map(self.redact, lines))

    def print_json(self, chunks: Iterable[str]) -> None:
        """Prints the text of `report_chunks` on stdout, unchanged but for the key."""
        for chunk in chunks:
            self._out.write(self.redact_known(chunk))

    # --- results -----------------------------------------------------------------------------------------------

    def publish(self, outputs: Mapping[str, str], summary: str) -> list[str]:
        """Writes outputs and summary where the CI reads them, once, after all errors. Returns warnings; never raises.

        An empty `summary` is not written. The key is hidden in both, so that no CI can forget it; a label that only looks
        like a key stays in the outputs as it is.
        """
        return self._publish({name: self.redact_known(value) for name, value in outputs.items()}, self.redact(summary))

    @abstractmethod
    def _publish(self, outputs: dict[str, str], summary: str) -> list[str]:
        """`publish` on this CI. The key is hidden already."""

    def redact(self, text: str) -> str:
        """`text` for people: the key, and everything shaped like one, as `***`."""
        return self._redactor.redact(text)

    def redact_known(self, text: str) -> str:
        """`text` for programs: the key as `***`, everything else unchanged."""
        return self._redactor.redact_known(text)

    def _harmless(self, text: str) -> str:
        return visible(self.redact(text))
