"""`manifest` and `policy` without a checkout: the text itself, or `-` for standard input (contract §6)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from canary import KEY
from ci.steps import CIS
from conftest import MODELS, RunStep, entrypoint
from har_sandbox import Sandbox

MANIFEST = f"""\
version: 1
registry-ref: {MODELS}
changes:
  - artifact: resnet50
    mode: add
    labels: [stage=dev]
"""
POLICY = "version: 1\nkeys:\n  stage: {values: [dev]}\n"


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    sandbox.add_artifact(MODELS, "resnet50", package_type="DOCKER", labels=[])
    return sandbox


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("manifest", "policy"),
    [
        (MANIFEST, POLICY),
        ("\n  " + MANIFEST.replace("\n", "\n  "), "\n\n" + POLICY),
        (
            json.dumps({"version": 1, "registry-ref": MODELS, "changes": [{"artifact": "resnet50", "mode": "add", "labels": ["stage=dev"]}]}),
            '{"version": 1, "keys": {"stage": {"values": ["dev"]}}}',
        ),
        (f"{{version: 1, registry-ref: {MODELS}, changes: [{{artifact: resnet50, mode: add, labels: [stage=dev]}}]}}", " {version: 1, others: allow}"),
    ],
    ids=["yaml", "indented", "json", "flow"],
)  # fmt: skip
def test_the_text_itself(run_step: RunStep, box: Sandbox, ci: str, manifest: str, policy: str) -> None:
    """Several lines, or a text that begins with `{`, are the file; indentation as it is."""
    done = run_step(ci, box, {"manifest": manifest, "policy": policy})
    assert (done.code, box.labels(MODELS, "resnet50")) == (0, ["stage=dev"]), done.log


@pytest.mark.parametrize(
    ("ci", "spelt"), [("github", "manifest"), ("harness", "manifest"), ("terminal", "HAR_LABELS_MANIFEST")]
)
def test_problems_of_a_text_name_its_input(run_step: RunStep, box: Sandbox, ci: str, spelt: str) -> None:
    """With line and column in the text as it was given."""
    done = run_step(
        ci, box, {"manifest": MANIFEST.replace("mode: add", "mode: ad"), "policy": POLICY + "other: deny\n"}
    )
    assert (done.code, sorted(done.errors), box.requests) == (2, ["HAR-MANIFEST", "HAR-POLICY-FILE"], [])
    assert f"{spelt}:5:11: `mode` is 'ad'" in done.err
    assert (
        f"{spelt.replace('manifest', 'policy').replace('MANIFEST', 'POLICY')}:4:1: there is no key `other`" in done.err
    )


@pytest.mark.parametrize(
    ("ci", "spelt"), [("github", "manifest"), ("harness", "manifest"), ("terminal", "HAR_LABELS_MANIFEST")]
)
@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ("mode: upsert\n    labels: [a=1, a=2]", "M:6:19: label 2 'a=2' and M:6:14: label 1 'a=1' set one key"),
        ("mode: add\n    labels: [a^_b]", "M:6:14: label 1 `a^_b` can't be a label"),
        ("mode: add\n    labels: [stage=x]", "M:6:14: label 1 'stage=x' is not allowed: P:3:11 says that"),
        ("mode: replace\n    owned: b\n    labels: [a]", "M:7:14: label 1 'a' matches no pattern of `owned`"),
        ("mode: add\n    labels: [a]\n    remove: ['{{ f() }}']", "M:7:14: `remove` item 1 `{{ f() }}`"),
    ],
)
def test_problems_of_labels_in_a_text_name_its_input(
    run_step: RunStep, box: Sandbox, ci: str, spelt: str, labels: str, told: str
) -> None:
    """The text by its input, in the reader's spelling, and the keys in it plainly."""
    manifest = MANIFEST.replace("mode: add\n    labels: [stage=dev]", labels)
    done = run_step(ci, box, {"manifest": manifest, "policy": POLICY})
    policy = spelt.replace("manifest", "policy").replace("MANIFEST", "POLICY")
    assert (done.code, box.requests) == (2, [])
    assert told.replace("M:", f"{spelt}:").replace("P:", f"{policy}:") in done.err


@pytest.mark.parametrize("text", ["labels.yaml", " labels.yaml\n", "./{x}.yaml"])
def test_one_line_is_a_path(run_step: RunStep, box: Sandbox, text: str) -> None:
    """Also a path with the line end that a block of YAML adds to it."""
    done = run_step("github", box, {"manifest": text})
    assert (done.code, box.requests) == (2, [])
    assert f"`manifest` names {text.strip()!r}, which can't be read" in done.err


def test_a_text_that_holds_the_key_is_refused_unseen(run_step: RunStep, box: Sandbox) -> None:
    """As in any other input."""
    done = run_step("github", box, {"manifest": MANIFEST + f"# {KEY}\n"})
    assert (done.code, box.requests) == (2, [])
    assert "`manifest` contains the key" in done.err


def test_an_unresolved_expression_is_refused(run_step: RunStep, box: Sandbox) -> None:
    """In a text as in its file."""
    done = run_step("harness", box, {"manifest": MANIFEST.replace("stage=dev", "stage=<+pipeline.name>")})
    assert (done.code, box.requests) == (2, [])
    assert "`manifest`" in done.err


@pytest.mark.parametrize(
    ("ci", "spelt"), [("github", "policy"), ("harness", "policy"), ("terminal", "HAR_LABELS_POLICY")]
)
@pytest.mark.parametrize("mode", ["read", "add"])
def test_a_breach_of_a_text_names_its_input(
    run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str, spelt: str, mode: str
) -> None:
    """In the log and in the report, whether it fails the run or was there before."""
    box.put_labels(MODELS, "resnet50", ["stage=x"])
    report = tmp_path / "report.json"
    given = {"registry-ref": MODELS, "artifact": "resnet50", "policy": POLICY, "mode": mode, "report-file": str(report)}
    done = run_step(ci, box, given | ({"labels": "a=b"} if mode == "add" else {}))
    assert f"{spelt}:3:11 says that" in done.out + done.err
    assert [row["rule"] for row in json.loads(report.read_text("utf-8"))["breaches"]] == [f"{spelt}:3:11"]


def test_a_text_is_not_a_file_that_another_input_could_overwrite(run_step: RunStep, box: Sandbox) -> None:
    """Only paths clash."""
    done = run_step("github", box, {"manifest": MANIFEST, "policy": MANIFEST})
    assert done.errors == ["HAR-POLICY-FILE"] * len(done.errors)


def _piped(run_step: RunStep, box: Sandbox, text: str | bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    variables = run_step.variables("terminal", run_step.new_folder(), box, {}, {})
    content = text.encode() if isinstance(text, str) else text
    return subprocess.run(
        entrypoint(*words), env=variables, input=content, capture_output=True, timeout=60, check=False
    )


def test_standard_input_in_a_terminal(run_step: RunStep, box: Sandbox) -> None:
    """`-` is read once, for manifest or policy."""
    ran = _piped(run_step, box, MANIFEST, "--manifest", "-", "--policy", POLICY)
    assert (ran.returncode, box.labels(MODELS, "resnet50")) == (0, ["stage=dev"]), ran.stderr
    box.put_labels(MODELS, "resnet50", [])
    ran = _piped(run_step, box, POLICY.replace("dev", "test"), "--manifest", MANIFEST, "--policy=-")
    assert (ran.returncode, box.labels(MODELS, "resnet50")) == (2, None)
    assert b"'stage=dev' is not allowed: stdin:3:11 says that" in ran.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--manifest", "-", "--policy", "-"], "`--manifest` and `--policy` are both standard input"),
        (["--policy", "-", "--metrics-file", "m=-"], "`--policy` and `--metrics-file` are both standard input"),
        (["--manifest=-", "--policy=-", "--metrics-file=-"], "are all standard input"),
    ],
)
def test_standard_input_is_there_for_one_input(run_step: RunStep, box: Sandbox, words: list[str], named: str) -> None:
    """Two that would share it are named in an error, before any request."""
    ran = _piped(run_step, box, MANIFEST, *words)
    assert (ran.returncode, box.requests) == (2, [])
    assert named in ran.stderr.decode()


@pytest.mark.parametrize(
    ("content", "why"), [(b"\xff\xfe", "is not UTF-8 text"), (b"", "a policy is a mapping, and it is empty")]
)
def test_standard_input_that_is_not_text(run_step: RunStep, box: Sandbox, content: bytes, why: str) -> None:
    """One clear error."""
    ran = _piped(run_step, box, content, "--manifest", MANIFEST, "--policy", "-")
    assert (ran.returncode, box.requests) == (2, [])
    assert why in ran.stderr.decode()


@pytest.mark.parametrize("ci", ["github", "harness", "hybrid"])
def test_a_step_of_a_ci_has_no_standard_input(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """It would wait for input that never arrives."""
    done = run_step(ci, box, {"manifest": "-"})
    assert (done.code, box.requests) == (2, [])
    assert "`manifest` is '-', and a step of a CI has no standard input" in done.err
