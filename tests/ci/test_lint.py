"""`har-labels --lint FILE…`: manifests, policies and plans, without key or network (contract §6)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from canary import KEY
from conftest import MODELS, ROOT, RunStep, entrypoint
from har_sandbox import Sandbox

MANIFEST = """\
version: 1
changes:
  - artifact: resnet50
    labels: [stage=candidate, "accuracy={{ metrics.accuracy | round(3) }}", "tag={{ ci.tag }}"]
    metrics-file: not-there-yet.json
    require: ["'frozen' not in current", "metrics.accuracy > baseline.accuracy"]
    baseline: champion
  - {artifact: "team/*", mode: remove, labels: ["tmp-*"]}
"""
POLICY = 'version: 1\nkeys:\n  stage: {values: [dev]}\nprotected: ["legal:*"]\n'
PLAN = (
    '{"har_labels_plan":1,"api_url":"https://app.harness.io/har/api/v1","steps":1}\n'
    '{"registry_ref":"a/r/+","artifact":"x","artifact_type":"","before":[],"after":["a"]}\n'
)


def lint(
    *words: str, stdin: bytes = b"", environ: dict[str, str] | None = None, folder: Path = ROOT
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the real command, in an environment without anything."""
    ran = subprocess.run(
        entrypoint(*words), env=environ or {}, input=stdin, cwd=folder, capture_output=True, timeout=60, check=False
    )
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("labels.yaml", MANIFEST), ("policy.yaml", POLICY), ("labels.plan", PLAN)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_right_files_of_all_kinds(folder: Path) -> None:
    """Exit 0, and each is named with its kind; nothing that only a run knows is missed."""
    code, out, err = lint("--lint", "labels.yaml", "policy.yaml", "labels.plan", folder=folder)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "labels.yaml: a manifest, nothing wrong",
        "policy.yaml: a policy, nothing wrong",
        "labels.plan: a plan, nothing wrong",
    ]


def test_all_problems_in_all_files_are_reported_at_once(folder: Path) -> None:
    """Exit 2 with every problem of every file, in the lines that a run would print."""
    (folder / "labels.yaml").write_text(
        "version: 1\nchanges:\n  - artifact: a\n    labels: ['x={{ y( }}', 'a^_b', ok]\n    mode: add\n    owned: x\n"
        "  - labels: [a]\n    requier: 1\n"
    )
    (folder / "policy.yaml").write_text(POLICY + "others: forbid\n")
    (folder / "labels.plan").write_text(PLAN.replace('"steps":1', '"steps":3'))
    code, out, err = lint("--lint", "labels.yaml", "policy.yaml", "labels.plan", "nix.yaml", folder=folder)
    lines = [line.removeprefix("har-labels: error ") for line in err.splitlines()]
    assert (code, out) == (2, "")
    assert [line.partition(": ")[2].partition(": ")[0] for line in lines[:6]] == [
        "labels.yaml:4:14", "labels.yaml:4:28", "labels.yaml:6:5", "labels.yaml:7:5", "labels.yaml:8:5",
        "policy.yaml:5:9",
    ]  # fmt: skip
    assert [line.partition(":")[0] for line in lines[6:]] == ["HAR-PLAN-FILE", "HAR-INPUT"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (MANIFEST, "a manifest"),
        ("# of the team\n---\n" + POLICY, "a policy"),
        ('  "version": 1\n  "others": deny\n', "a policy"),
        ("version: 1\nlabels: [reviewed]\n", "a policy"),
        ('{"version": 1, "protected": ["a"]}', "a policy"),
        ('{"version": 1, "registry-ref": "a/r", "changes": [{"artifact": "a", "labels": ["b"]}]}', "a manifest"),
        (PLAN, "a plan"),
        (PLAN.replace('"har_labels_plan":1,', ' "har_labels_plan" : 1 ,'), "a plan"),
    ],
)
def test_the_kind_of_a_file_is_recognised_by_its_keys(text: str, kind: str) -> None:
    """Not by the name; standard input is a file, too."""
    assert lint("--lint", "-", stdin=text.encode()) == (0, f"-: {kind}, nothing wrong\n", "")


@pytest.mark.parametrize(
    "text", ["", "a", "- a\n", "version: 1\n", '{"results": []}', "# only\n", '{"name": "x", "required": []}']
)
def test_a_file_of_no_known_kind_is_an_error(text: str) -> None:
    """In one line."""
    code, _, err = lint("--lint=-", stdin=text.encode())
    assert code == 2
    assert "is neither a manifest, nor a policy, nor a plan" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["version: 1\nkeyz: {a: {}}\n", "version: 1\nprotcted: [a]\n", "version: 1\nkeys: {a: {values: [1}}\n"]
)
def test_a_misspelt_key_is_reported_for_its_kind_of_file(text: str) -> None:
    """A misspelt key or broken syntax doesn't hide what the file is meant to be."""
    code, _, err = lint("--lint", "-", stdin=text.encode())
    assert (code, err.count("HAR-POLICY-FILE")) == (2, len(err.splitlines()))


@pytest.mark.parametrize(
    "words",
    [["--lint"], ["--lint", "--json", "a"], ["--lint", "policy.yaml", "--dry-run=true"], ["--mode", "add", "--lint=a"]],
)
def test_it_goes_with_files_alone(folder: Path, words: list[str]) -> None:
    """Nothing is labelled beside it, and nothing is passed over."""
    code, out, err = lint(*words, folder=folder)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--lint" in err


def test_registry_and_mode_may_come_with_the_inputs() -> None:
    """What a run's inputs may add is not missed; what they can't is."""
    assert lint("--lint", "-", stdin=b"version: 1\nchanges: [{artifact: a, labels: [b]}]\n")[0] == 0
    assert lint("--lint", "-", stdin=b"version: 1\nchanges: [{artifact: a}]\nmode: add\n")[0] == 2
    assert lint("--lint", "-", stdin=b"version: 1\nchanges: [{labels: [a]}]\n")[0] == 2


def test_standard_input_that_cannot_be_read() -> None:
    """It is an error of the input, as for a step, and not a defect."""
    assert "is not UTF-8 text (byte 3)" in lint("--lint", "-", stdin=b"a: \xff")[2]
    with Path(os.devnull).open("wb") as written:
        ran = subprocess.run(
            entrypoint("--lint", "-"), env={}, stdin=written, capture_output=True, timeout=60, check=False
        )
    assert (ran.returncode, ran.stderr.count(b"\n")) == (2, 1)
    assert b"standard input can't be read: Bad file descriptor" in ran.stderr


def test_the_key_is_not_shown(tmp_path: Path, run_step: RunStep) -> None:
    """A key in a file or in the environment is masked in all messages about it."""
    text = f"version: 1\nothers: '{KEY}'\n"
    code, out, err = lint("--lint", "-", stdin=text.encode(), environ={"HAR_LABELS_API_KEY": KEY})
    assert code == 2
    run_step.watch.logs += [out, err]
    assert "***" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_file_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    """Nor a folder read."""
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("pipe.yaml", "."):
        code, _, err = lint("--lint", name, folder=tmp_path)
        assert (code, err.count("HAR-INPUT")) == (2, 1)


def test_a_plan_that_was_saved_is_right(run_step: RunStep, sandbox: Sandbox, tmp_path: Path) -> None:
    """With any labels, and made for any server."""
    sandbox.add_artifact(MODELS, "a", package_type="DOCKER", labels=["odd\u2028one"])
    plan = tmp_path / "labels.plan"
    asked = {"registry-ref": MODELS, "artifact": "a", "mode": "add", "labels": "b", "save-plan": str(plan)}
    assert run_step("github", sandbox, asked).code == 0
    assert lint("--lint", str(plan))[0] == 0
    plan.write_text(plan.read_text().replace('"b"', '"b^_c"'))
    assert lint("--lint", str(plan))[0] == 2
