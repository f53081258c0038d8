"""What a step is on each CI beside its outcome: its process, its files, what if they can't be written (§2, §4)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from canary import KEY
from ci import godotenv_model, steps
from ci.scenarios import BEFORE, NAME, PROD, REGISTRY
from ci.steps import CIS, OUTPUTS, Done
from conftest import RunStep
from har_sandbox import Fault, Sandbox

READ = {"registry-ref": REGISTRY, "artifact": NAME, "mode": "read"}


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with the scenarios' artifact."""
    sandbox.add_artifact(REGISTRY, NAME, package_type="DOCKER", labels=BEFORE)
    return sandbox


@pytest.mark.parametrize("ci", CIS)
def test_the_entrypoint_is_the_same_run(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """As a process of its own, with no HOME, PATH or locale, a step ends with the same results as within this one."""
    done = run_step(ci, box, PROD, as_process=True)
    assert (done.code, done.errors, box.labels(REGISTRY, NAME)) == (0, [], ["stage=prod"])
    assert done.value("results")[0]["status"] == "applied"


@pytest.mark.parametrize("ci", CIS)
def test_a_failing_process(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """Exit code and outputs are there when the process fails."""
    box.script([Fault("403", method="PUT")])
    done = run_step(ci, box, PROD, as_process=True)
    assert (done.code, done.errors, done.outputs["exit-code"]) == (3, ["HAR-FORBIDDEN"], "3")


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_the_command_in_a_run_step(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """With HAR_LABELS_ variables and flags in a `run:` step the command still writes that CI's outputs and summary."""
    environ = {"HAR_LABELS_API_KEY": KEY, "HAR_LABELS_API_URL": box.api_url, "HAR_LABELS_REGISTRY_REF": REGISTRY}
    folder = run_step.new_folder()
    # A `run:` step has no `with:`, so none of its inputs.
    variables = {
        name: text for name, text in steps.environment(ci, folder, {}).items() if not name.startswith("INPUT_")
    } | environ
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from har_labels.main import main

    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main(["--artifact", NAME, "--labels", "stage=prod", "--mode=replace"], variables)
    run_step.watch.logs += [out.getvalue(), err.getvalue()]
    done = steps.done(ci, folder, code, out.getvalue(), err.getvalue())
    assert (done.code, done.value("labels")) == (0, ["stage=prod"])
    assert done.summary.strip().startswith("### Labels: `replace` in `acme/ml/models/+`\n\n**Done:**")


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("outcome", ["green", "dry", "red", "refused"])
def test_the_report_file(run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str, outcome: str) -> None:
    """The JSON report is written on success, dry run, failure and refused inputs alike, and named in the outputs."""
    path = tmp_path / "report.json"
    more = {"dry": {"dry-run": "true"}, "red": {"require": "false"}, "refused": {"mode": "nonsense"}}.get(outcome, {})
    done = run_step(ci, box, {**PROD, **more, "report-file": str(path)})
    assert done.code == {"green": 0, "dry": 0, "red": 10, "refused": 2}[outcome]
    assert done.outputs["report-file"] == str(path)
    report = json.loads(path.read_bytes())
    assert (report["version"], report["exit_code"], report["status"]) == (1, done.code, done.outputs["status"])
    assert report["results"] == json.loads(done.outputs["results"])


@pytest.mark.parametrize("ci", CIS)
def test_a_report_that_cannot_be_written_is_an_error(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """It ends the run before anything is written; the error names the file and the reason, and no output claims the file."""
    before = box.labels(REGISTRY, NAME)
    done = run_step(ci, box, {**PROD, "report-file": "/dev/null/report.json"})
    assert (done.code, done.outputs["report-file"], box.labels(REGISTRY, NAME)) == (2, "", before)
    assert "names '/dev/null/report.json', which can't be written: " in done.err


@pytest.mark.parametrize(
    ("ci", "variable"),
    [
        ("github", "GITHUB_OUTPUT"),
        ("github", "GITHUB_STEP_SUMMARY"),
        ("harness", "DRONE_OUTPUT"),
        ("harness", "HARNESS_ANNOTATIONS_FILE"),
    ],
)
def test_a_ci_file_that_cannot_be_written_is_a_warning(run_step: RunStep, box: Sandbox, ci: str, variable: str) -> None:
    """A CI's file that can't be written is a warning that names it, and no crash."""
    done = run_step(ci, box, PROD, environ={variable: "/nowhere/file"})
    assert done.code == 0
    assert f"can't write {variable} (/nowhere/file): No such file or directory" in done.log
    assert box.labels(REGISTRY, NAME) == ["stage=prod"]


@pytest.mark.parametrize("ci", ["github", "harness", "hybrid"])
def test_no_summary_where_none_is_wanted(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """`summary: false` writes none; the outputs are as they are."""
    done = run_step(ci, box, {**READ, "summary": "false"})
    assert (done.code, done.summary, done.value("labels")) == (0, "", list(BEFORE))


def read_file(path: Path) -> str:
    """What a test's step wrote there."""
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("summary", ["true", "false"])
@pytest.mark.parametrize("outcome", ["green", "dry", "red", "refused"])
def test_the_summary_file(run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str, outcome: str, summary: str) -> None:
    """The same Markdown as the CI's own summary, for a comment: whatever became of the run, and without that summary, too."""
    path = tmp_path / "summary.md"
    more = {"dry": {"dry-run": "true"}, "red": {"require": "false"}, "refused": {"settle": "soon"}}.get(outcome, {})
    done = run_step(ci, box, {**PROD, **more, "summary": summary, "summary-file": str(path)})
    assert done.code == {"green": 0, "dry": 0, "red": 10, "refused": 2}[outcome]
    mode = "`replace` (dry run)" if outcome == "dry" else "`replace`"
    assert read_file(path).startswith(f"### Labels: {mode} in `{REGISTRY}/+`\n\n**")
    assert done.summary.strip() == ("" if ci == "terminal" or summary == "false" else read_file(path).strip())


def test_the_summary_file_holds_no_key(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Nor what has the shape of one; the canary looks through the file."""
    box.put_labels(REGISTRY, NAME, [f"token={KEY}", "pat.a.b.c"])
    assert run_step("github", box, {**READ, "summary-file": str(tmp_path / "s.md")}).code == 0
    assert "`token=***`" in read_file(tmp_path / "s.md")
    assert "pat.a.b.c" not in read_file(tmp_path / "s.md")


def test_a_large_summary_file_is_cut_at_a_row(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """A comment may have some 65,000 characters of any kind: the file has 60,000 at most, and a note of the rest."""
    for index in range(150):
        box.add_artifact(REGISTRY, f"a{index:03}", package_type="DOCKER", labels=["ä" * 700])
    path = tmp_path / "s.md"
    done = run_step("github", box, {**READ, "artifact": "a*", "summary-file": str(path)})
    text = read_file(path)
    assert done.code == 0
    assert 58_000 < len(text) <= 60_000
    assert "the table is cut here" in text
    assert all(line.endswith(" |") for line in text.splitlines() if line.startswith("| "))
    assert len(done.summary) > 100_000


@pytest.mark.parametrize("ci", CIS)
def test_a_summary_file_that_cannot_be_written_is_refused(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """As for the report: before anything is asked or written."""
    done = run_step(ci, box, {**READ, "summary-file": "/dev/null/s.md"})
    assert (done.code, box.requests) == (2, [])
    assert "names '/dev/null/s.md', which can't be written: " in done.log


@pytest.mark.parametrize("ci", CIS)
def test_two_files_in_one(run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str) -> None:
    """Report and summary can't share a path: one would be lost."""
    path = tmp_path / "both"
    done = run_step(ci, box, {**PROD, "summary-file": str(path), "report-file": str(path)})
    assert (done.code, box.labels(REGISTRY, NAME)) == (2, list(BEFORE))
    assert f"`{steps.spelling(ci, 'report-file')}` name the same file" in done.err


def test_no_annotation_where_it_is_not_on(run_step: RunStep, box: Sandbox) -> None:
    """Harness annotations are written only with their flag; the summary is in the log in any case."""
    done = run_step("harness", box, READ, environ={"CI_ENABLE_HARNESS_ANNOTATIONS": None})
    assert done.summary == ""
    assert "1 artifact unchanged" in done.out


@pytest.mark.parametrize("variable", ["DRONE_OUTPUT", "HARNESS_OUTPUT_FILE"])
def test_either_output_file_of_harness_will_do(run_step: RunStep, box: Sandbox, variable: str) -> None:
    """Where only one of the two variables is set, outputs go there."""
    done = run_step("harness", box, READ, environ={variable: None})
    assert done.value("labels") == list(BEFORE)


def test_the_docker_runner_of_harness_gets_its_own_form(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """A file that ends in `.out` is read as `KEY value` lines: each output arrives there too."""
    path = tmp_path / "label.out"
    environ = {"DRONE_OUTPUT": str(path), "HARNESS_OUTPUT_FILE": None}
    assert run_step("harness", box, PROD, environ=environ).code == 0
    told = godotenv_model.key_value(path.read_bytes())
    assert {name.lower().replace("_", "-") for name in told} == set(OUTPUTS)
    assert (told["LABELS"], told["STATUS"], json.loads(told["RESULTS"])[0]["after"]) == (
        '["stage=prod"]',
        "SUCCESS",
        ["stage=prod"],
    )


def test_the_terminal_shows_a_diff(run_step: RunStep, box: Sandbox) -> None:
    """Without `--json` a terminal gets a readable diff on stdout, and notices on stderr."""
    folder = run_step.new_folder()
    variables = run_step.variables(
        "terminal",
        folder,
        box,
        {"registry-ref": REGISTRY, "artifact": NAME, "mode": "replace", "labels": "stage=prod"},
        {},
    )
    done = _plain(run_step, variables)
    assert done.out.splitlines()[:4] == [f"~ {REGISTRY}/+ {NAME}", "- alpha", "- stage=dev", "+ stage=prod"]
    assert "::" not in done.out


def _plain(run_step: RunStep, variables: dict[str, str]) -> Done:
    import subprocess

    from conftest import entrypoint

    ran = subprocess.run(entrypoint(), env=variables, capture_output=True, text=True, timeout=60, check=False)
    run_step.watch.logs += [ran.stdout, ran.stderr]
    return Done("terminal", ran.returncode, ran.stdout, ran.stderr)


def test_the_key_is_masked_before_anything_else_is_printed(run_step: RunStep, box: Sandbox) -> None:
    """On GitHub the first line of the log makes the runner mask the key."""
    done = run_step("github", box, PROD)
    assert done.out.splitlines()[0] == f"::add-mask::{KEY}"


@pytest.mark.parametrize("ci", CIS)
def test_a_server_that_repeats_the_key(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """Labels and messages of a server that hold the key are shown and published without it."""
    box.put_labels(REGISTRY, NAME, [f"token={KEY}", "b"])
    done = run_step(ci, box, READ)
    assert done.code == 0
    assert "***" in done.outputs["results"]


@pytest.mark.parametrize("ci", CIS)
def test_a_defect_is_reported_in_one_line(
    run_step: RunStep, box: Sandbox, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception ends with exit 1 and one stable line, without a traceback or a value of a variable."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(KEY)

    monkeypatch.setattr("har_labels.engine.run.preflight", broken)
    done = run_step(ci, box, PROD)
    assert (done.code, done.errors) == (1, ["HAR-DEFECT"])
    assert "Traceback" not in done.log
    assert "ZeroDivisionError at test_steps.py:" in done.err
    assert box.labels(REGISTRY, NAME) == list(BEFORE)


@pytest.mark.parametrize("ci", CIS)
def test_a_key_that_is_not_text(run_step: RunStep, box: Sandbox, ci: str) -> None:
    """A byte that is not UTF-8 arrives as half of a surrogate pair: a wrong input, not a defect."""
    done = run_step(ci, box, {**PROD, "api-key": "0123456789\udcff-abcdef"})
    assert (done.code, done.errors, box.requests) == (2, ["HAR-INPUT"], [])
