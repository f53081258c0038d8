"""What contradicts what, and what is missing: each with its exact words, in each CI's spelling (contract §2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ci.steps import CIS
from har_labels.inputs.conflicts import PLANNING
from har_labels.inputs.settings import Settings, names_in
from inputs.asking import ask, refusals, spelled

PLAN = "A plan is applied as it was made: leave `@{}@` out; it belongs to the dry run."
NO_LIST = {"labels": ""}
# What a plan file says already, each with a value that is not its default.
PLANNED = {
    "registry-ref": "a/r",
    "artifact": "x",
    "artifact-type": "model",
    "manifest": "m",
    "labels": "a",
    "labels-file": "f",
    "metrics-file": "f",
    "mode": "add",
    "owned": "o",
    "require": "true",
    "save-plan": "q",
    "max-changes": "3",
    "on-missing": "skip",
    "wait-for-artifact": "5",
    "shard": "1/2",
}
ALONE = {"registry-ref": "", "artifact": "", "labels": ""}

# inputs, then the error and its cure, for each problem
REFUSALS = [
    (
        {"registry-ref": "", "artifact": ""},
        ("`@registry-ref@` is missing", "Give it, for example `@registry-ref@: account/org/project/registry`."),
        ("`@artifact@` is missing", "Give it, for example `@artifact@: resnet50`."),
    ),
    (
        {"labels": ""},
        (
            "`@labels@` is missing",
            "Give the labels, or `@mode@: clear` to remove all labels.",
        ),
    ),
    (
        {**NO_LIST, "mode": "", "owned": "ci-*"},
        ("`@labels@` is missing", "Give the labels, or `@mode@: clear` to remove all labels."),
    ),
    ({**NO_LIST, "mode": "add"}, ("`@labels@` is missing, and `@mode@: add` needs it", "Give the labels.")),
    ({**NO_LIST, "mode": "remove"}, ("`@labels@` is missing, and `@mode@: remove` needs it", "Give the labels.")),
    ({"mode": "read"}, ("`@mode@: read` takes no `@labels@`", "Leave `@labels@` out, or choose another mode.")),
    ({"mode": "clear"}, ("`@mode@: clear` takes no `@labels@`", "Leave `@labels@` out, or choose another mode.")),
    (
        {**NO_LIST, "mode": "clear", "labels-file": "f"},
        ("`@mode@: clear` takes no `@labels-file@`", "Leave `@labels-file@` out, or choose another mode."),
    ),
    (
        {"mode": "add", "owned": "ci-*"},
        ("`@owned@` goes with `@mode@: replace`, not with `add`", "Leave `@owned@` out, or use `@mode@: replace`."),
    ),
    (
        {**NO_LIST, "mode": "read", "owned": "ci-*"},
        ("`@owned@` goes with `@mode@: replace`, not with `read`", "Leave `@owned@` out, or use `@mode@: replace`."),
    ),
    (
        {"mode": "add", "on-conflict": "keep"},
        (
            "`@on-conflict@` goes with `@mode@: upsert`, not with `add`",
            "Leave `@on-conflict@` out, or use `@mode@: upsert`.",
        ),
    ),
    (
        {"manifest": "m.yaml"},
        ("`@manifest@` and `@artifact@` are both given", "Write it into the manifest, or leave the manifest out."),
        ("`@manifest@` and `@labels@` are both given", "Write it into the manifest, or leave the manifest out."),
    ),
    (
        {"manifest": "m.yaml", "artifact": "", "labels": "", "labels-file": "f"},
        ("`@manifest@` and `@labels-file@` are both given", "Write it into the manifest, or leave the manifest out."),
    ),
    (
        {"save-plan": "p", "dry-run": "false"},
        (
            "`@save-plan@` and `@dry-run@: false` are both given",
            "A run that saves its plan writes nothing else: leave `@dry-run@` out, or `@save-plan@`.",
        ),
    ),
    *(
        (
            {**ALONE, "apply-plan": "p", name: value},
            (f"`@apply-plan@` and `@{name}@` are both given", PLAN.format(name)),
        )
        for name, value in PLANNED.items()
    ),
    *(
        (
            {**ALONE, "undo": "r", name: value},
            (f"`@undo@` and `@{name}@` are both given", f"The report has all that is undone: leave `@{name}@` out."),
        )
        for name, value in (PLANNED | {"apply-plan": "p"}).items()
    ),
    (
        {"api-url": "http://registry.example"},
        (
            "`@api-url@` is 'http://registry.example/har/api/v1', plain http, and the key would cross the network in the clear",
            "Use https, or `@allow-http@: true` if you accept that.",
        ),
    ),
    ({"api-key-file": "/nope"}, ("`@api-key@` and `@api-key-file@` are both given", "Keep one of the two.")),
]


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    "case", REFUSALS, ids=lambda case: ",".join(f"{name}={text}" for name, text in case[0].items())
)
def test_contradictions(ci: str, case: tuple[dict[str, str], *tuple[tuple[str, str], ...]]) -> None:
    """Each contradiction and each missing input has exactly one error, with exactly these words."""
    inputs, *problems = case
    assert refusals(ci, inputs) == [(spelled(what, ci, inputs), spelled(cure, ci, inputs)) for what, cure in problems]


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    "inputs",
    [
        {**ALONE, "apply-plan": "p", "mode": "", "on-missing": "error", "settle": "1"},
        {"mode": "replace", "on-conflict": "overwrite"},
        {**ALONE, "apply-plan": "p", "dry-run": "true"},
        {**ALONE, "undo": "r", "mode": "", "on-failure": "rollback", "report-file": "u", "dry-run": "true"},
        {**ALONE, "manifest": "m", "mode": "add", "registry-ref": "a/r", "artifact-type": "model"},
        {"save-plan": "p", "dry-run": "true"},
        {"save-plan": "p"},
        {"dry-run": "false"},
        {"mode": "read", "labels": ""},
        {"labels": "", "labels-file": "f"},
        {"owned": "ci-*"},
        {"shard": "2/3"},
        {"api-url": "http://127.0.0.1:1"},
        {"api-url": "http://registry.example", "allow-http": "true"},
    ],
)
def test_what_goes_together(ci: str, inputs: dict[str, str]) -> None:
    """A value equal to its default counts as not given, since GitHub sets every default; the rest is fine too."""
    assert not refusals(ci, inputs)


@pytest.mark.parametrize("ci", ["harness", "hybrid"])
@pytest.mark.parametrize(
    ("given", "scope", "hint"),
    [
        ("models", {}, "`acme/ml/prod/models/+` or `acme/ml/models/+` or `acme/models/+`"),
        ("models/+", {}, "`acme/ml/prod/models/+` or `acme/ml/models/+` or `acme/models/+`"),
        ("a/b/c/d/models", {}, "`acme/ml/prod/models/+` or `acme/ml/models/+` or `acme/models/+`"),
        ("models", {"HARNESS_PROJECT_ID": ""}, "`acme/ml/models/+` or `acme/models/+`"),
        ("models", {"HARNESS_PROJECT_ID": "", "HARNESS_ORG_ID": ""}, "`acme/models/+`"),
        ("ml//", {}, "`acme/ml/prod/REGISTRY/+` or `acme/ml/REGISTRY/+` or `acme/REGISTRY/+`"),
    ],
)
def test_a_pipeline_spells_the_path(ci: str, given: str, scope: dict[str, str], hint: str) -> None:
    """In a Harness pipeline the hint for a registry-ref spells the full path from its account, org and project."""
    ((_, cure),) = refusals(ci, {"registry-ref": given}, environ=scope)
    assert (
        cure
        == f"Write account/registry, account/org/registry or account/org/project/registry. In this pipeline: {hint}."
    )


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    "name",
    ["registry-ref", "require", "mode", "api-url", "timeout", "dry-run", "api-key-file", "report-file", "manifest"],
)
def test_unresolved_expressions_are_named(ci: str, name: str) -> None:
    """An expression that Harness did not resolve is an error at any place of a value; lists are checked later."""
    inputs = {name: "a <+pipeline.variables.x> b", **({"api-key": ""} if name == "api-key-file" else {})}
    what, cure = next(problem for problem in refusals(ci, inputs) if "expression" in problem[0])
    assert what == spelled(
        f"`@{name}@` is 'a <+pipeline.variables.x> b': it holds `<+pipeline.variables.x>`, "
        "an expression that Harness did not resolve",
        ci,
        inputs,
    )
    assert cure == "Check its spelling, and that it has a value where this step runs."


@pytest.mark.parametrize("ci", CIS)
def test_an_expression_hides_no_other_problem(ci: str) -> None:
    """Other problems are reported beside an unresolved expression, but none about the unknown value."""
    assert len(refusals(ci, {"registry-ref": "<+input>", "mode": "nope", "timeout": "9999"})) == 3


HINTS = {
    "github": "Give it from a secret: `api-key: ${{ secrets.HAR_API_KEY }}`.",
    "hybrid": "Give it from a secret: `api-key: ${{ secrets.HAR_API_KEY }}`.",
    "harness": 'Give it from a secret: `api_key: <+secrets.getValue("har_api_key")>`.',
    "terminal": "Set HAR_LABELS_API_KEY in the environment, or name a file with `--api-key-file`.",
}


@pytest.mark.parametrize("ci", CIS)
def test_no_key(ci: str) -> None:
    """The error about a missing key has the way to give one on that CI; a terminal has no flag for it."""
    spelt = "HAR_LABELS_API_KEY" if ci == "terminal" else spelled("@api-key@", ci, {"api-key": ""})
    assert refusals(ci, {"api-key": ""}) == [(f"`{spelt}` is missing", HINTS[ci])]


def event(folder: Path, head: object, base: str = "acme/vision") -> dict[str, str]:
    """The variables of a pull request whose event file names these repositories."""
    path = folder / "event.json"
    path.write_text(json.dumps({"pull_request": {"head": {"repo": head}, "base": {"repo": {"full_name": base}}}}))
    return {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}


def test_no_key_on_a_pull_request(tmp_path: Path) -> None:
    """The error of an empty key on a pull request from a fork mentions that forks get no secrets; in the same repository it does not."""
    fork, own = {"full_name": "fork/vision"}, {"full_name": "acme/vision"}
    said = refusals("github", {"api-key": ""}, environ=event(tmp_path, fork))
    assert said == [
        (
            "`api-key` is missing: pull requests from forks get no secrets",
            "Label after the merge instead, in a workflow that runs on `push`.",
        )
    ]
    assert refusals("github", {"api-key": ""}, environ=event(tmp_path, None)) == said  # the fork is deleted
    review = event(tmp_path, fork) | {"GITHUB_EVENT_NAME": "pull_request_review"}
    assert refusals("github", {"api-key": ""}, environ=review) == said
    target = event(tmp_path, fork) | {"GITHUB_EVENT_NAME": "pull_request_target"}
    assert refusals("github", {"api-key": ""}, environ=target) == [("`api-key` is missing", HINTS["github"])]
    said = refusals("github", {"api-key": ""}, environ=event(tmp_path, own))
    assert said == [("`api-key` is missing", HINTS["github"])]
    said = refusals("github", {"api-key": ""}, environ={"GITHUB_ACTOR": "dependabot[bot]"})
    assert said == [("`api-key` is missing: runs started by Dependabot get Dependabot's secrets only", HINTS["github"])]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pull_request": 1}', "\x00"])
def test_a_broken_event_file_is_not_a_defect(tmp_path: Path, content: str) -> None:
    """An event file that can't be read takes no part in the wording."""
    (tmp_path / "event.json").write_text(content)
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    assert refusals("github", {"api-key": ""}, environ=environ) == [("`api-key` is missing", HINTS["github"])]


def test_the_default_pace_and_place() -> None:
    """Nothing given beyond what is needed makes a run against Harness's own host."""
    settings = ask("github", {}).settings
    assert settings.api_url.url == "https://app.harness.io/har/api/v1"
    assert settings.requests_per_minute is None


def test_every_input_goes_with_a_plan_file_or_does_not() -> None:
    """A plan has all that is planned; only inputs about writing and reporting can be given beside it."""
    beside = {
        *names_in("Server and key", "What is reported"), "dry_run", "apply_plan", "undo", "on_failure", "settle", "allow_type_loss",
        "policy", "timeout", "retries", "deadline", "requests_per_minute", "concurrency",
    }  # fmt: skip
    assert set(PLANNING) | beside == set(Settings.model_fields)
    assert not set(PLANNING) & beside
