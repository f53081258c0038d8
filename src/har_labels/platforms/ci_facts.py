"""The facts that each CI has about its run, under the same names: the `ci` of templates (contract §3).

| name | GitHub | Harness, Drone |
|---|---|---|
| name | `github` | `harness` |
| repository | GITHUB_REPOSITORY | DRONE_REPO |
| default_branch | the event file's `repository.default_branch`; a `schedule`, which has none, runs on it | DRONE_REPO_BRANCH |
| branch | GITHUB_HEAD_REF; for reviews the file's; else GITHUB_REF_NAME of a branch | pull request: DRONE_SOURCE_BRANCH; else DRONE_BRANCH, none for a tag |
| tag | GITHUB_REF_NAME of a GITHUB_REF_TYPE `tag` | DRONE_TAG |
| sha | GITHUB_SHA (of a pull request: its merge commit) | DRONE_COMMIT_SHA, DRONE_COMMIT |
| short_sha | its first 7 characters | the same |
| head_sha | pull request: the event file's `pull_request.head.sha`; else as sha | as sha |
| pull_request | N of GITHUB_REF `refs/pull/N/merge`; for `pull_request_target` the event file's `number` | DRONE_PULL_REQUEST |
| event | GITHUB_EVENT_NAME | DRONE_BUILD_EVENT |
| run_id | GITHUB_RUN_ID | HARNESS_EXECUTION_ID, else DRONE_BUILD_NUMBER |
| run_number | GITHUB_RUN_NUMBER | HARNESS_BUILD_ID, else DRONE_BUILD_NUMBER |
| run_attempt | GITHUB_RUN_ATTEMPT | |
| run_url | GITHUB_SERVER_URL/repository/actions/runs/run_id | DRONE_BUILD_LINK, CI_BUILD_LINK |
| actor | GITHUB_ACTOR | HARNESS_USER_ID, else DRONE_COMMIT_AUTHOR |
| pipeline | GITHUB_WORKFLOW | HARNESS_PIPELINE_ID, else DRONE_STAGE_NAME (Drone's name for it) |
| job | GITHUB_JOB | HARNESS_STAGE_ID, else DRONE_STAGE_NAME |

Facts: github-runtime "The container", harness-runtime §3. The codebase ones are empty in a Harness stage
without a clone. A GitHub Action run by Harness sees both sets of variables; there GITHUB_RUN_ID, GITHUB_ACTOR and
others are invented by the tool that simulates the runner (harness-runtime §7), so Harness's own take precedence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from har_labels.templates.scope import CI_NAMES

SHORT_SHA = 7


def terminal_facts() -> dict[str, str]:
    """No CI: only its name is known."""
    return _facts(name="terminal")


def github_facts(environ: Mapping[str, str]) -> dict[str, str]:
    """The facts of a GitHub run, from its variables and its event file."""
    get, event = partial(_first, environ), _event(environ)
    ref_type, ref_name = get("GITHUB_REF_TYPE"), get("GITHUB_REF_NAME")
    own_branch = ref_name if ref_type == "branch" and not get("GITHUB_REF").startswith("refs/pull/") else ""
    is_pull_request, is_schedule = _is_pull_request(environ), get("GITHUB_EVENT_NAME") == "schedule"
    return _facts(
        name="github",
        repository=get("GITHUB_REPOSITORY"),
        default_branch=_text_at(event, "repository", "default_branch") or (own_branch if is_schedule else ""),
        branch=get("GITHUB_HEAD_REF")
        or (is_pull_request and _text_at(event, "pull_request", "head", "ref"))
        or own_branch,
        tag=ref_name if ref_type == "tag" else "",
        sha=get("GITHUB_SHA"),
        # In a pull request GITHUB_SHA is a merge commit, so without an event file the head is unknown.
        head_sha=_text_at(event, "pull_request", "head", "sha") if is_pull_request else get("GITHUB_SHA"),
        pull_request=_github_pull_request(environ, event),
        event=get("GITHUB_EVENT_NAME"),
        run_id=get("GITHUB_RUN_ID"),
        run_number=get("GITHUB_RUN_NUMBER"),
        run_attempt=get("GITHUB_RUN_ATTEMPT"),
        run_url=_github_run_url(environ),
        actor=get("GITHUB_ACTOR"),
        pipeline=get("GITHUB_WORKFLOW"),
        job=get("GITHUB_JOB"),
    )


def harness_facts(environ: Mapping[str, str]) -> dict[str, str]:
    """The facts of a Harness or Drone run."""
    get = partial(_first, environ)
    tag, pull_request = get("DRONE_TAG"), get("DRONE_PULL_REQUEST")
    # In a pull request DRONE_BRANCH is the target branch, on a tag it has no useful value.
    branch = get("DRONE_SOURCE_BRANCH") if pull_request else get("DRONE_BRANCH")
    return _facts(
        name="harness",
        repository=get("DRONE_REPO"),
        default_branch=get("DRONE_REPO_BRANCH"),
        branch="" if tag else branch,
        tag=tag,
        sha=get("DRONE_COMMIT_SHA", "DRONE_COMMIT"),
        head_sha=get("DRONE_COMMIT_SHA", "DRONE_COMMIT"),
        pull_request=pull_request,
        event=get("DRONE_BUILD_EVENT"),
        run_id=get("HARNESS_EXECUTION_ID", "DRONE_BUILD_NUMBER"),
        run_number=get("HARNESS_BUILD_ID", "DRONE_BUILD_NUMBER"),
        run_url=get("DRONE_BUILD_LINK", "CI_BUILD_LINK"),
        actor=get("HARNESS_USER_ID", "DRONE_COMMIT_AUTHOR"),
        pipeline=get("HARNESS_PIPELINE_ID", "DRONE_STAGE_NAME"),
        job=get("HARNESS_STAGE_ID", "DRONE_STAGE_NAME"),
    )


def hybrid_facts(environ: Mapping[str, str]) -> dict[str, str]:
    """The facts of a GitHub Action run by Harness: Harness's, or GitHub's where Harness's are empty."""
    known = {name: value for name, value in harness_facts(environ).items() if value}
    return github_facts(environ) | {"run_attempt": ""} | known


def harness_scopes(environ: Mapping[str, str]) -> list[str]:
    """`account/org/project`, `account/org` and `account` of a Harness pipeline, those of them that are known."""
    get = partial(_first, environ)
    parts = [get(f"HARNESS_{part}_ID") for part in ("ACCOUNT", "ORG", "PROJECT")]
    return ["/".join(parts[:depth]) for depth in (3, 2, 1) if all(parts[:depth])]


def why_github_gave_no_secret(environ: Mapping[str, str]) -> tuple[str, str]:
    """Why GitHub gives this run no secrets, which shows only as an empty input, and what to do if that is special.

    Empty texts for all other runs.
    """
    if environ.get("GITHUB_ACTOR") == "dependabot[bot]":
        return "runs started by Dependabot get Dependabot's secrets only", ""
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name.startswith("pull_request") and name != "pull_request_target" and _is_from_fork(environ):
        cure = "Label after the merge instead, in a workflow that runs on `push`."
        return "pull requests from forks get no secrets", cure
    return "", ""


def _first(environ: Mapping[str, str], *names: str) -> str:
    """The value of the first of several variables that has one.

    Harness leaves an expression that it can't resolve as it is, or writes `null` (harness-runtime §2, §6): these count as no value.
    """
    values = (environ.get(name, "") for name in names)
    return next((value for value in values if value and value != "null" and not value.startswith("<+")), "")


def _facts(**known: str) -> dict[str, str]:
    facts = dict.fromkeys(CI_NAMES, "") | known
    facts["short_sha"] = facts["sha"][:SHORT_SHA]
    return facts


def _is_pull_request(environ: Mapping[str, str]) -> bool:
    is_event = environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request")
    return is_event or environ.get("GITHUB_REF", "").startswith("refs/pull/")


def _github_pull_request(environ: Mapping[str, str], event: Mapping[str, Any]) -> str:
    if found := re.match(r"refs/pull/(\d+)/", environ.get("GITHUB_REF", "")):
        return found[1]
    number = event.get("number") if _is_pull_request(environ) else None
    return str(number) if isinstance(number, int) else ""


def _text_at(event: object, *keys: str) -> str:
    """The text at this place in the event file; empty text if there is none."""
    for key in keys:
        event = event.get(key) if isinstance(event, dict) else None
    return event if isinstance(event, str) else ""


def _is_from_fork(environ: Mapping[str, str]) -> bool:
    """Whether the event's pull request comes from another repository, or from one that was deleted."""
    try:
        pull_request = _event(environ)["pull_request"]
        head = pull_request["head"]["repo"]
        return head is None or bool(head["full_name"] != pull_request["base"]["repo"]["full_name"])
    except (KeyError, TypeError):
        return False


def _event(environ: Mapping[str, str]) -> dict[str, Any]:
    """GitHub's event file; empty if it can't be read."""
    try:
        event = json.loads(Path(environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _github_run_url(environ: Mapping[str, str]) -> str:
    server, repository, run_id = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run_id}" if server and repository and run_id else ""
