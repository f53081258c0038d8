"""Which CI a run is in, how it spells inputs, and its facts about the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from har_labels.platforms import detect
from har_labels.templates.scope import CI_NAMES

GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/vision", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch", "GITHUB_SHA": "0123456789abcdef", "GITHUB_RUN_ID": "77", "GITHUB_RUN_NUMBER": "8",
    "GITHUB_SERVER_URL": "https://github.com", "GITHUB_ACTOR": "mona", "GITHUB_WORKFLOW": "train", "GITHUB_JOB": "label",
    "GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ATTEMPT": "2",
}  # fmt: skip
HARNESS = {
    "DRONE": "true", "HARNESS_ACCOUNT_ID": "acc", "HARNESS_EXECUTION_ID": "exec", "HARNESS_BUILD_ID": "12",
    "HARNESS_PIPELINE_ID": "train", "HARNESS_STAGE_ID": "label", "HARNESS_USER_ID": "user", "DRONE_REPO": "acme/vision",
    "DRONE_BRANCH": "main", "DRONE_COMMIT_SHA": "fedcba9876543210", "DRONE_BUILD_LINK": "https://app.harness.io/x",
    "DRONE_BUILD_NUMBER": "12", "DRONE_BUILD_EVENT": "push", "DRONE_REPO_BRANCH": "trunk",
}  # fmt: skip
PULL_REQUEST = {"GITHUB_REF": "refs/pull/5/merge", "GITHUB_REF_NAME": "5/merge", "GITHUB_HEAD_REF": "fix"}


@pytest.mark.parametrize(
    ("environ", "name", "prefix", "spelling"),
    [
        ({"GITHUB_ACTIONS": "true"}, "github", "INPUT_", "registry-ref"),
        ({"GITHUB_ACTIONS": "true", "DRONE": "true", "PLUGIN_API_KEY": "x"}, "github", "INPUT_", "registry-ref"),
        ({"DRONE": "true"}, "harness", "PLUGIN_", "registry_ref"),
        ({"DRONE_OUTPUT": "/x.env"}, "harness", "PLUGIN_", "registry_ref"),
        ({"HARNESS_ACCOUNT_ID": "a", "HARNESS_STAGE_ID": "s"}, "harness", "PLUGIN_", "registry_ref"),
        ({"PLUGIN_REGISTRY_REF": "a/b/+"}, "harness", "PLUGIN_", "registry_ref"),
        ({}, "terminal", "", "--registry-ref"),
        ({"CI": "true", "GITHUB_ACTIONS": "false"}, "terminal", "", "--registry-ref"),
        ({"HARNESS_ACCOUNT_ID": "for-terraform", "PLUGIN_PATH": "/x"}, "terminal", "", "--registry-ref"),
    ],
)
def test_the_ci_is_detected_by_its_own_variables(
    environ: dict[str, str], name: str, prefix: str, spelling: str
) -> None:
    """GitHub before Harness; variables that people set themselves prove nothing."""
    platform = detect(environ)
    assert (platform.name, platform.prefix, platform.spell("registry-ref")) == (name, prefix, spelling)
    assert platform.spell("registry_ref") == spelling


@pytest.mark.parametrize("environ", [{}, GITHUB, HARNESS, GITHUB | HARNESS])
def test_facts_have_the_same_names_everywhere(environ: dict[str, str]) -> None:
    """All of them text, absent ones empty."""
    facts = detect(environ).ci_facts()
    assert tuple(facts) == CI_NAMES
    assert all(isinstance(value, str) for value in facts.values())


def test_facts_of_a_push_on_github() -> None:
    """Each from the variable that the table names."""
    assert detect(GITHUB).ci_facts() == {
        "name": "github", "repository": "acme/vision", "branch": "main", "tag": "", "sha": "0123456789abcdef",
        "short_sha": "0123456", "head_sha": "0123456789abcdef", "pull_request": "", "event": "push", "run_attempt": "2",
        "default_branch": "", "run_id": "77", "run_number": "8",
        "run_url": "https://github.com/acme/vision/actions/runs/77", "actor": "mona", "pipeline": "train", "job": "label",
    }  # fmt: skip


def test_facts_of_a_push_on_harness() -> None:
    """Each from the variable that the table names."""
    assert detect(HARNESS).ci_facts() == {
        "name": "harness", "repository": "acme/vision", "branch": "main", "tag": "", "sha": "fedcba9876543210",
        "short_sha": "fedcba9", "head_sha": "fedcba9876543210", "pull_request": "", "event": "push", "run_attempt": "",
        "default_branch": "trunk", "run_id": "exec", "run_number": "12",
        "run_url": "https://app.harness.io/x", "actor": "user", "pipeline": "train", "job": "label",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "branch", "tag", "pull_request"),
    [
        (GITHUB | PULL_REQUEST, "fix", "", "5"),
        (GITHUB | PULL_REQUEST | {"GITHUB_HEAD_REF": ""}, "", "", "5"),
        (GITHUB | {"GITHUB_REF": "refs/tags/v1", "GITHUB_REF_NAME": "v1", "GITHUB_REF_TYPE": "tag"}, "", "v1", ""),
        (HARNESS | {"DRONE_PULL_REQUEST": "5", "DRONE_SOURCE_BRANCH": "fix"}, "fix", "", "5"),
        (HARNESS | {"DRONE_PULL_REQUEST": "5"}, "", "", "5"),
        (HARNESS | {"DRONE_TAG": "v1"}, "", "v1", ""),
        (HARNESS | {"DRONE_TAG": "<+codebase.tag>", "DRONE_PULL_REQUEST": "null"}, "main", "", ""),
    ],
)
def test_branch_tag_and_pull_request(more: dict[str, str], branch: str, tag: str, pull_request: str) -> None:
    """A pull request's branch is its source branch, never its target; a tag has none."""
    facts = detect(more).ci_facts()
    assert (facts["branch"], facts["tag"], facts["pull_request"]) == (branch, tag, pull_request)


@pytest.mark.parametrize(
    ("content", "number"),
    [('{"number": 41}', "41"), ("{}", ""), ("[]", ""), ("not json", ""), ('{"number": "x"}', ""), ("[" * 100_000, "")],
)
def test_the_number_of_a_pull_request_target_is_in_the_event_file(tmp_path: Path, content: str, number: str) -> None:
    """There GITHUB_REF is the target branch; a file that can't be read has no number."""
    event = tmp_path / "event.json"
    event.write_text(content)
    environ = GITHUB | {
        "GITHUB_EVENT_NAME": "pull_request_target",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_HEAD_REF": "fix",
    }
    facts = detect(environ).ci_facts()
    assert (facts["pull_request"], facts["branch"]) == (number, "fix")
    assert detect(environ | {"GITHUB_EVENT_PATH": "/no/such/file"}).ci_facts()["pull_request"] == ""


PAYLOAD = '{"number": 5, "pull_request": {"head": {"sha": "feed"}}, "repository": {"default_branch": "trunk"}}'
SHA = GITHUB["GITHUB_SHA"]


@pytest.mark.parametrize(
    ("name", "content", "head_sha", "default_branch"),
    [
        ("pull_request", PAYLOAD, "feed", "trunk"),
        ("pull_request_target", PAYLOAD, "feed", "trunk"),
        ("pull_request_review", PAYLOAD, "feed", "trunk"),
        ("push", PAYLOAD, SHA, "trunk"),
        ("workflow_dispatch", '{"repository": {"default_branch": 7}}', SHA, ""),
        ("push", '{"repository": null}', SHA, ""),
        ("push", "not json", SHA, ""),
        ("pull_request", '{"pull_request": []}', "", ""),
        ("pull_request_target", "not json", "", ""),
    ],
)
def test_head_and_default_branch_are_in_the_event_file(
    tmp_path: Path, name: str, content: str, head_sha: str, default_branch: str
) -> None:
    """A pull request's GITHUB_SHA is a merge commit or the base: where its head is unknown, it stays empty."""
    event = tmp_path / "event.json"
    event.write_text(content)
    facts = detect(GITHUB | {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(event)}).ci_facts()
    assert (facts["head_sha"], facts["default_branch"], facts["event"], facts["sha"]) == (
        head_sha,
        default_branch,
        name,
        SHA,
    )


@pytest.mark.parametrize(("name", "default_branch"), [("schedule", "main"), ("workflow_dispatch", "")])
def test_a_schedule_runs_on_the_default_branch(tmp_path: Path, name: str, default_branch: str) -> None:
    """Its event file has no repository; any other run may be one of any branch."""
    event = tmp_path / "event.json"
    event.write_text('{"schedule": "0 3 * * *", "workflow": ".github/workflows/label.yml"}')
    ref = {"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch"}
    facts = detect(GITHUB | ref | {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(event)}).ci_facts()
    assert facts["default_branch"] == default_branch


def test_the_branch_of_a_review_is_in_the_event_file(tmp_path: Path) -> None:
    """GITHUB_HEAD_REF is set for a pull request's own two events alone."""
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"number": 5, "head": {"ref": "fix", "sha": "feed"}}}')
    ref = {"GITHUB_REF": "refs/pull/5/merge", "GITHUB_REF_NAME": "5/merge", "GITHUB_REF_TYPE": "branch"}
    environ = GITHUB | ref | {"GITHUB_EVENT_NAME": "pull_request_review", "GITHUB_EVENT_PATH": str(event)}
    facts = detect(environ).ci_facts()
    assert [facts[name] for name in ("branch", "pull_request", "head_sha")] == ["fix", "5", "feed"]


def test_a_terminal_knows_none_of_them() -> None:
    """Even if the environment has variables of another CI."""
    facts = detect({"GITHUB_RUN_ATTEMPT": "1", "DRONE_REPO_BRANCH": "main"}).ci_facts()
    assert [facts[name] for name in ("head_sha", "run_attempt", "event", "default_branch")] == [""] * 4


def test_drone_alone_has_its_own_numbers() -> None:
    """Without Harness's variables its build number and stage are used."""
    facts = detect(
        {"DRONE": "true", "DRONE_BUILD_NUMBER": "3", "DRONE_STAGE_NAME": "default", "DRONE_COMMIT_AUTHOR": "mona"}
    ).ci_facts()
    assert [facts[name] for name in ("run_id", "run_number", "pipeline", "job", "actor")] == [
        "3",
        "3",
        "default",
        "default",
        "mona",
    ]


def test_an_action_run_by_harness_has_the_facts_of_harness() -> None:
    """GitHub's run number and actor are invented there; facts that only GitHub has are kept."""
    facts = detect(GITHUB | HARNESS | {"DRONE_REPO": ""}).ci_facts()
    assert (facts["name"], facts["run_id"], facts["actor"], facts["sha"]) == (
        "harness",
        "exec",
        "user",
        "fedcba9876543210",
    )
    assert facts["repository"] == "acme/vision"
    assert (facts["head_sha"], facts["event"], facts["default_branch"]) == ("fedcba9876543210", "push", "trunk")
    assert facts["run_attempt"] == ""  # made up there: the tool that plays the runner knows of one try only


def test_importing_does_nothing_heavy() -> None:
    """No CI's module, no toolkit and no HTTP is loaded before it is needed."""
    script = "import sys, har_labels.platforms; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"requests", "actions_toolkit", "har_labels.platforms.github", "uuid", "base64", "hashlib"} & set(loaded)
