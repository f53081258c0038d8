"""GitHub, Harness and the terminal: which CI this is, and what each gives and takes (contract §2 "Spelling", §4).

Hides each CI's variables, commands and files. Its face: `detect`, `Platform`, `publish.publish`.

    detect(environ) → GitHub · Harness · Terminal, all of them a Platform

| asked in this order | platform | why |
|---|---|---|
| `GITHUB_ACTIONS=true` | github | a Harness step that runs an action sets it beside its own variables |
| `DRONE=true`, an output file, an execution's or stage's id | harness | Harness and Drone always set one; `CI` only with a flag |
| one of our own required settings as `PLUGIN_…` | harness | the usual `docker run -e PLUGIN_…` trial of a plugin |
| else | terminal | `HARNESS_ACCOUNT_ID` alone is also what people set for Terraform |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TextIO

from har_labels.errors import HarLabelsError

_HARNESS_SIGNS = (
    "DRONE_OUTPUT", "HARNESS_OUTPUT_FILE",
    "HARNESS_EXECUTION_ID", "HARNESS_PIPELINE_ID", "HARNESS_STAGE_ID", "HARNESS_BUILD_ID",
)  # fmt: skip
_OWN_SETTINGS = ("API_KEY", "API_KEY_FILE", "REGISTRY_REF", "MANIFEST", "APPLY_PLAN")


class Platform(Protocol):
    """One CI: how it spells inputs, what it tells about the run, where results go."""

    @property
    def name(self) -> str:
        """`github`, `harness` or `terminal`."""

    @property
    def prefix(self) -> str:
        """What stands before an input's name in the environment: `INPUT_`, `PLUGIN_`, or nothing."""

    @property
    def results_limit(self) -> int:
        """Bytes that the output `results` may have (contract §4)."""

    @property
    def summary_limit(self) -> int:
        """Bytes that the summary may have."""

    @property
    def logs_summary(self) -> bool:
        """Whether `publish` puts the summary into the log, where nobody would see it elsewhere."""

    @property
    def colour(self) -> bool:
        """Whether the log is a terminal that shows colours, and wants them."""

    @property
    def workspace(self) -> str:
        """The folder of the job, whose links are not trusted; empty where there is none (contract §5)."""

    @property
    def wants_debug(self) -> bool:
        """Whether the CI itself was told to log more than usual."""

    def spell(self, input_name: str) -> str:
        """The input as this CI's users write it: `registry-ref`, `registry_ref`, `--registry-ref`."""

    def ci_facts(self) -> dict[str, str]:
        """The `ci` of templates: the names of contract §3, absent ones as empty text."""

    def reserve_stdout(self) -> None:
        """From now on stdout is for `print_json` alone; the rest of the log goes to stderr."""

    def key_hint(self) -> tuple[str, str]:
        """Why there may be no key, and how one is given here; empty text where nothing special is known of it."""

    def registry_scopes(self) -> list[str]:
        """The scope paths in which this pipeline's registries stand, the longest first; none if that isn't told."""

    def path_notices(self, written: Mapping[str, str], listed: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
        """What should be known of paths that mean something else outside of this step.

        Those of files that are `written`, and those that stand in a list (each item and its path), by their input as its
        reader writes it.
        """

    def mask(self, secret: str) -> None:
        """Keeps `secret` out of everything that is printed or published from now on. Call it before anything else."""

    def say(self, line: str) -> None:
        """One line of the log."""

    def notice(self, line: str) -> None:
        """One line worth knowing."""

    def warning(self, line: str) -> None:
        """One line that should be looked at."""

    def debug(self, line: str) -> None:
        """One line for whoever looks for a fault. Called only where that is wanted, from any thread."""

    def error(self, error: HarLabelsError) -> None:
        """The stable stderr line of one failure, and what else the CI shows failures with."""

    def group(self, title: str, lines: Iterable[str]) -> None:
        """Lines of the log that belong together, folded where the CI can."""

    def diff(self, lines: Iterable[str]) -> None:
        """The lines of `summary.text_diff`, which are harmless already and may be coloured."""

    def print_json(self, chunks: Iterable[str]) -> None:
        """Text of `report.report_chunks` on stdout as it is, line ends and all, but for the key."""

    def without_key(self, text: str) -> str:
        """`text` for a file of machines: the key as `***`, everything else as it is."""

    def without_keys(self, text: str) -> str:
        """`text` for people: the key, and whatever has the shape of one, as `***`."""

    def publish(self, outputs: Mapping[str, str], summary: str) -> list[str]:
        """Writes outputs and summary to the CI's files, once, after all errors. Returns warnings; never raises.

        An empty `summary` means that none is wanted.
        """


def detect(environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> Platform:
    """The CI that `environ` belongs to. `out` and `err` are stdout and stderr unless given."""
    if environ.get("GITHUB_ACTIONS", "").lower() == "true":
        from har_labels.platforms.github import GitHub

        return GitHub(environ, out, err)
    if _is_harness(environ):
        from har_labels.platforms.harness import Harness

        return Harness(environ, out, err)
    from har_labels.platforms.terminal import Terminal

    return Terminal(environ, out, err)


def _is_harness(environ: Mapping[str, str]) -> bool:
    return (
        environ.get("DRONE", "").lower() == "true"
        or any(environ.get(name) for name in _HARNESS_SIGNS)
        or any(environ.get(f"PLUGIN_{name}") for name in _OWN_SETTINGS)
    )
