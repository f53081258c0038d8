"""One step as each CI runs it: the environment it gets, and what that CI reads afterwards.

`github` is a container action, `harness` a plugin step, `hybrid` a GitHub Action that Harness runs, `terminal` a
command line with HAR_LABELS_ variables; `drone` is a plugin step too, whose CI reads nothing but the log. Facts: contract
§2 and §4; the readers are those of runner_model and godotenv_model.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci import godotenv_model, runner_model

# Every input with its default as contract §2 has it; GitHub sets all of them, in each step.
INPUTS = {
    "api-key": "",
    "api-key-file": "",
    "api-url": "https://app.harness.io",
    "auth-scheme": "",
    "allow-http": "false",
    "registry-ref": "",
    "artifact": "",
    "artifact-type": "",
    "where": "",
    "manifest": "",
    "labels": "",
    "labels-file": "",
    "metrics-file": "",
    "mode": "",
    "on-conflict": "overwrite",
    "owned": "",
    "among": "",
    "remove": "",
    "baseline": "",
    "require": "",
    "policy": "",
    "dry-run": "",
    "save-plan": "",
    "apply-plan": "",
    "undo": "",
    "max-changes": "",
    "on-missing": "error",
    "wait-for-artifact": "0",
    "on-failure": "continue",
    "settle": "1",
    "allow-type-loss": "false",
    "timeout": "30",
    "retries": "4",
    "deadline": "900",
    "requests-per-minute": "",
    "concurrency": "4",
    "shard": "",
    "summary": "true",
    "summary-file": "",
    "report-file": "",
}
# Every output of contract §4; those whose text is JSON.
OUTPUTS = (
    "labels",
    "previous-labels",
    "added",
    "removed",
    "labels-map",
    "moved-from",
    "changed",
    "matched-count",
    "changed-count",
    "unchanged-count",
    "failed-count",
    "skipped-count",
    "status",
    "exit-code",
    "image-name",
    "package-type",
    "created-at",
    "modified-at",
    "downloads-count",
    "results",
    "plan-file",
    "report-file",
)
JSON_OUTPUTS = frozenset({"labels", "previous-labels", "added", "removed", "labels-map", "moved-from", "results"})
CIS = ("github", "harness", "hybrid", "terminal")

_STABLE_LINE = re.compile(r"har-labels: error (HAR-[A-Z0-9-]+): (.+) \| (.+)")
_HARNESS = {
    "DRONE": "true",
    "HARNESS_ACCOUNT_ID": "acme",
    "HARNESS_ORG_ID": "ml",
    "HARNESS_PROJECT_ID": "prod",
    "HARNESS_PIPELINE_ID": "train",
    "HARNESS_EXECUTION_ID": "x-1",
    "HARNESS_BUILD_ID": "7",
    "HARNESS_STAGE_ID": "publish",
    "HARNESS_STEP_ID": "label",
    "DRONE_REPO": "acme/vision",
    "DRONE_BRANCH": "main",
    "DRONE_COMMIT_SHA": "0123456789abcdef",
    "DRONE_BUILD_NUMBER": "7",
    "PLUGIN_PIPELINE": "train",
    "CI_ENABLE_HARNESS_ANNOTATIONS": "true",
}
_DRONE = {
    "CI": "true",
    "DRONE": "true",
    "DRONE_REPO": "acme/vision",
    "DRONE_BRANCH": "main",
    "DRONE_COMMIT": "0123456789abcdef",
    "DRONE_COMMIT_SHA": "0123456789abcdef",
    "DRONE_BUILD_NUMBER": "7",
    "DRONE_BUILD_EVENT": "push",
    "DRONE_STAGE_NAME": "default",
    "DRONE_STEP_NAME": "label",
}
_GITHUB = {
    "GITHUB_ACTIONS": "true",
    "CI": "true",
    "GITHUB_REPOSITORY": "acme/vision",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_SHA": "0123456789abcdef",
    "GITHUB_RUN_ID": "42",
    "GITHUB_RUN_NUMBER": "7",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_WORKFLOW": "train",
    "GITHUB_JOB": "publish",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_SERVER_URL": "https://github.com",
}


@dataclass(frozen=True)
class Done:
    """A step that is over. `outputs` are text by their GitHub name; a terminal has those of its JSON report."""

    ci: str
    code: int
    out: str
    err: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""

    def value(self, name: str) -> Any:
        """An output, JSON ones parsed; None for a JSON one that is not set."""
        text = self.outputs[name]
        if name not in JSON_OUTPUTS:
            return text
        return json.loads(text) if text else None

    @property
    def errors(self) -> list[str]:
        """The codes of the stable stderr lines, in order."""
        return [line[0] for line in self.stable_lines]

    @property
    def stable_lines(self) -> list[tuple[str, str, str]]:
        """Code, what and next step of each `har-labels: error` line; anything else with that head is a failure."""
        lines = [line for line in self.err.splitlines() if line.startswith("har-labels: error")]
        found = [_STABLE_LINE.fullmatch(line) for line in lines]
        assert all(found), lines
        return [(one[1], one[2], one[3]) for one in found if one]

    @property
    def log(self) -> str:
        """Both streams, as Harness merges them."""
        return self.out + self.err


def spelling(ci: str, name: str, *, is_given: bool = True) -> str:
    """How the reader of that CI writes an input: as they gave it, or would."""
    if ci == "terminal":
        return f"HAR_LABELS_{name.upper().replace('-', '_')}" if is_given else f"--{name}"
    return name.replace("-", "_") if ci == "harness" else name


def environment(ci: str, folder: Path, inputs: Mapping[str, str]) -> dict[str, str]:
    """The variables of a step with these inputs, whose CI keeps its files in `folder`."""
    match ci:
        case "github":
            return _github(folder, inputs) | {"RUNNER_ENVIRONMENT": "github-hosted"}
        case "harness" | "drone":
            own = _harness(folder) if ci == "harness" else _DRONE
            return own | {f"PLUGIN_{name.upper().replace('-', '_')}": text for name, text in inputs.items()}
        case "hybrid":
            # The fork of act passes the plugin's own variables on; where DRONE_OUTPUT points is not mounted there.
            passed_on = {f"PLUGIN_WITH_{name.upper()}": text for name, text in inputs.items()}
            unmounted = _harness(folder / "not-mounted")
            return unmounted | passed_on | _github(folder, inputs)
        case _:
            return {f"HAR_LABELS_{name.upper().replace('-', '_')}": text for name, text in inputs.items()}


def _github(folder: Path, inputs: Mapping[str, str]) -> dict[str, str]:
    files = {
        name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_STATE")
    }
    for path in files.values():
        path.touch()
    given = {f"INPUT_{name.upper()}": text for name, text in (INPUTS | dict(inputs)).items()}
    return _GITHUB | {name: str(path) for name, path in files.items()} | given


def _harness(folder: Path) -> dict[str, str]:
    output = str(folder / "label-output.env")
    annotations = str(folder / "annotations.json")
    return _HARNESS | {"DRONE_OUTPUT": output, "HARNESS_OUTPUT_FILE": output, "HARNESS_ANNOTATIONS_FILE": annotations}


def done(ci: str, folder: Path, code: int, out: str, err: str) -> Done:
    """What the CI has of a step that ended with `code`."""
    match ci:
        case "github":
            return Done(
                ci,
                code,
                out,
                err,
                runner_model.pairs_in(_bytes(folder / "github_output")),
                _text(folder / "github_step_summary"),
            )
        case "harness":
            return Done(
                ci,
                code,
                out,
                err,
                harness_outputs(_bytes(folder / "label-output.env")),
                _annotated(folder / "annotations.json"),
            )
        case "hybrid":
            pairs = runner_model.pairs_in(_bytes(folder / "github_output"))
            return Done(ci, code, out, err, _pasted(pairs, folder), _text(folder / "github_step_summary"))
        case "drone":
            return Done(ci, code, out, err)
        case _:
            return Done(ci, code, out, err, _reported(out))


def harness_outputs(content: bytes) -> dict[str, str]:
    """The outputs as every generation of Harness's reader takes them, which must be alike."""
    readers = (godotenv_model.v2, godotenv_model.v3, godotenv_model.v4)
    first, *others = (godotenv_model.read_by_harness(content, reader) for reader in readers)
    assert all(other == first for other in others)
    return {name.lower().replace("_", "-"): text for name, text in first.items()}


def _pasted(pairs: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The outputs after Harness's tool has pasted each into a shell line, a real shell has run it, and Harness has read it."""
    target = folder / "pasted.env"
    script = "".join(f'echo "{name}={text}" >> {target}\n' for name, text in pairs.items())
    ran = subprocess.run(["bash", "-c", script], capture_output=True, timeout=30, check=False)
    assert not ran.stdout + ran.stderr, ran
    return harness_outputs(_bytes(target))


def _annotated(path: Path) -> str:
    if not path.exists():
        return ""
    document = json.loads(path.read_bytes())
    assert document["accountId"] == "acme"
    return "".join(one["summary"] for one in document["annotations"])


def _reported(out: str) -> dict[str, str]:
    """The outputs, as far as the terminal's `--json` has them."""
    if not out.startswith('{"version"'):
        return {}
    report = json.loads(out)
    counts = {f"{fate}-count": str(number) for fate, number in report["counts"].items()}
    files = {"plan-file": report["run"]["plan_file"], "report-file": report["run"]["report_file"]}
    return (
        {"status": report["status"], "exit-code": str(report["exit_code"]), "results": json.dumps(report["results"])}
        | counts
        | files
    )


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _text(path: Path) -> str:
    return _bytes(path).decode()
