"""Every failure can be made to happen, and its line is the one that docs/troubleshooting.md shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ci.steps import Done
from conftest import MakeSandbox, RunStep
from docs.documents import ROOT, read_yaml
from docs.failures import FAILURES, Failure
from har_labels import run
from har_labels.errors import all_codes

SHOWN = re.findall(
    r"```text\n(har-labels: error (HAR-[A-Z-]+): .+)\n```", (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
)
RULES = read_yaml((ROOT / ".harness" / "errors.yaml").read_text("utf-8"))
# From Harness's page "Custom error categorization".
CATEGORIES = {
    "APPLICATION_FAILURE", "INFRASTRUCTURE_FAILURE", "CONNECTIVITY_FAILURE", "AUTHENTICATION_FAILURE",
    "AUTHORIZATION_FAILURE", "TIMEOUT_FAILURE", "CONFIGURATION_FAILURE", "RESOURCE_LIMITS_FAILURE",
    "PLUGIN_IMAGE_FAILURE", "VERIFICATION_FAILURE",
}  # fmt: skip
SUBCATEGORIES = {
    "EXECUTION_FAILURE", "REGISTRY_UNREACHABLE", "REGISTRY_RATE_LIMITED", "PROXY_MISCONFIGURED", "SOCKET_TIMEOUT",
    "INVALID_CREDENTIALS", "ACCESS_FORBIDDEN", "INVALID_YAML", "REQUIRED_FIELD_MISSING", "INVALID_PARAMETERS",
    "EXPRESSION_EVALUATION_FAILED", "PLUGIN_CONFIGURATION_INVALID", "STEP_EXECUTION_TIMEOUT", "PLUGIN_STEP_TIMEOUT",
    "PLUGIN_CRASHED", "VALIDATION",
}  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.code)
def test_the_line_is_the_one_shown(
    failure: Failure, make_sandbox: MakeSandbox, run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that fails so says what is shown under its code, and Harness's rules sort it under that code."""
    monkeypatch.chdir(tmp_path)
    box = make_sandbox(**failure.options, faults=failure.faults)
    failure.fill(box)
    done = run_step("github", box, {"retries": "4", **failure.inputs})
    assert done.errors[0] == failure.code
    assert _line(done) in [line for line, _ in SHOWN]
    assert _sorted_by_harness(done) == failure.code


def test_a_defect_is_told_in_one_line(
    make_sandbox: MakeSandbox, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody expected is HAR-DEFECT with its place, as shown."""

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(run, "entries_of", break_down)
    done = run_step("github", make_sandbox(), {"registry-ref": "acme/models", "artifact": "a", "labels": "b"})
    assert re.sub(r"\w+\.py:\d+", "planner.py:120", _line(done)) in [line for line, _ in SHOWN]


def test_every_code_is_shown_and_made_to_happen() -> None:
    """The page, the rules for Harness and the failures above each have every code, once."""
    codes = [kind.code for kind in all_codes()]
    assert [code for _, code in SHOWN] == codes
    assert sorted(rule["name"] for rule in RULES["ruleGroups"]) == sorted(codes)
    assert sorted(failure.code for failure in FAILURES) == sorted(set(codes) - {"HAR-DEFECT"})


def test_harness_knows_the_categories() -> None:
    """Each rule sets a category and a subcategory that Harness documents; it takes others for unknown ones."""
    assert RULES["version"] == "1.0"
    for rule in RULES["ruleGroups"]:
        actions = {action["type"]: action["value"] for action in rule["actions"]}
        assert set(actions) == {"setErrorCategory", "setErrorSubcategory", "setErrorMessage"}
        assert actions["setErrorCategory"] in CATEGORIES
        assert actions["setErrorSubcategory"] in SUBCATEGORIES


def _line(done: Done) -> str:
    """The first stable line, as if the registry were Harness's own."""
    line = next(line for line in done.err.splitlines() if line.startswith("har-labels: error"))
    return re.sub(r"127\.0\.0\.1(:\d+)?", "app.harness.io", line)


def _sorted_by_harness(done: Done) -> str:
    """The first rule that matches, as Harness evaluates them: `contains` looks for text whatever its case."""
    streams = {"standardOutput": done.out.lower(), "standardErrorOutput": done.err.lower()}
    for rule in RULES["ruleGroups"]:
        conditions = rule["conditionExpression"]["conditions"]
        if any(condition["value"].lower() in streams[condition["key"]] for condition in conditions):
            return str(rule["name"])
    return ""
