"""The examples of CONTRIBUTING work when applied: its input, filter, output, error, exit code and CI."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pytest

from canary import KEY
from ci import steps
from ci.steps import OUTPUTS, Done
from conftest import MakeSandbox, RunStep, entrypoint
from docs.documents import ROOT
from har_labels.platforms import detect, harness
from har_labels.platforms.platform import Platform
from har_labels.templates.scope import CI_NAMES
from har_sandbox import Fault, Sandbox

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
REGISTRY, NAME, BEFORE = "acme/ml/models", "resnet50", ["owner=vision", "stage=dev"]
ASKED = {"registry-ref": REGISTRY, "artifact": NAME, "mode": "replace", "labels": "stage=prod"}
GITLAB = {"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main", "CI_PIPELINE_ID": "7"}
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis")


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one labelled model."""
    sandbox.add_artifact(REGISTRY, NAME, labels=BEFORE)
    return sandbox


# --- an input, a filter, an output, an error and an exit code -------------------------------------------------


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout with the page's input, filter, output and error, and the documents generated again."""
    copy = tmp_path_factory.mktemp("grown") / "checkout"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    apply_changes(copy, "input", "filter", "output", "error")
    return copy


@pytest.fixture(scope="module")
def grown_more(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another copy, in which the error has the page's new exit code."""
    copy = tmp_path_factory.mktemp("grown_more") / "checkout"
    shutil.copytree(grown, copy, ignore=NOT_COPIED)
    apply_changes(copy, "exit code")
    return copy


def apply_changes(copy: Path, *titles: str) -> None:
    """Applies the page's blocks to the copy, and generates the documents again."""
    for title in titles:
        for name, old, new in changes(title):
            text = (copy / name).read_text("utf-8")
            assert text.count(old) == 1, f"{name} does not have exactly once what CONTRIBUTING shows of it:\n{old}"
            (copy / name).write_text(text.replace(old, new), "utf-8")
    run_python(copy, "tools/docs")
    run_python(copy, "tools/schemas")


def changes(title: str) -> Iterator[tuple[str, str, str]]:
    """Each change of the page's block: the file, the lines as they are, the lines as they become."""
    (block,) = re.findall(rf"<!-- change: {title} -->\n *```diff\n(.*?)\n *```", PAGE, re.DOTALL)
    for part in re.split(r"(?=^\S+\.(?:py|md)$)", textwrap.dedent(block), flags=re.MULTILINE)[1:]:
        name, *lines = part.strip().splitlines()
        yield name, *("".join(f"{line[1:]}\n" for line in lines if line[0] in signs) for signs in (" -", " +"))


def run_python(checkout: Path, *words: str) -> None:
    """A Python command of the copy, with the copy's own package."""
    environ = {**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, *words], cwd=checkout, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def run_grown(grown: Path, run_step: RunStep, box: Sandbox, inputs: Mapping[str, str]) -> Done:
    """A step of the copy on GitHub."""
    folder = run_step.new_folder()
    words = [str(grown / "entrypoint") if word.endswith("entrypoint") else word for word in entrypoint()]
    ran = subprocess.run(
        words,
        env=run_step.variables("github", folder, box, inputs, {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    run_step.watch.logs += [ran.stdout, ran.stderr]
    return steps.done("github", folder, ran.returncode, ran.stdout, ran.stderr)


def test_the_input_works(grown: Path, run_step: RunStep, box: Sandbox) -> None:
    """The page's input has its effect and its default, and the error for an invalid value names it."""
    assert "removes" in run_grown(grown, run_step, box, ASKED).log
    box.put_labels(REGISTRY, NAME, BEFORE)
    done = run_grown(grown, run_step, box, ASKED | {"announce-removals": "false"})
    assert (done.code, box.labels(REGISTRY, NAME), "removes" in done.log) == (0, ["stage=prod"], False)
    wrong = run_grown(grown, run_step, box, ASKED | {"announce-removals": "never"})
    assert (wrong.code, wrong.errors) == (2, ["HAR-INPUT"])
    assert "`announce-removals` is 'never': it is neither true nor false" in wrong.err


def test_the_filter_selects(grown: Path, run_step: RunStep, box: Sandbox) -> None:
    """The page's filter leaves out quarantined artifacts, by default none, and is invalid beside a plan file or a move."""
    box.add_artifact(REGISTRY, "yolo", labels=BEFORE)
    box.set_facts(REGISTRY, "yolo", quarantined=True)
    every = ASKED | {"artifact": "*"}
    skipped = run_grown(grown, run_step, box, every | {"skip-quarantined": "true"})
    assert (skipped.code, skipped.outputs["matched-count"]) == (0, "1"), skipped.log
    assert (box.labels(REGISTRY, NAME), box.labels(REGISTRY, "yolo")) == (["stage=prod"], BEFORE)
    assert run_grown(grown, run_step, box, every).code == 0
    assert box.labels(REGISTRY, "yolo") == ["stage=prod"]
    for excluding in ({"apply-plan": "plan.jsonl"}, {**ASKED, "mode": "move"}):
        done = run_grown(grown, run_step, box, excluding | {"skip-quarantined": "true"})
        assert done.code == 2
        assert re.search("`skip-quarantined` are both given|takes no `skip-quarantined`", done.err)


def test_the_output_is_set(grown: Path, run_step: RunStep, box: Sandbox) -> None:
    """The page's output is the number of requests that the registry received."""
    done = run_grown(grown, run_step, box, ASKED)
    assert done.outputs["requests-count"] == str(len(box.requests))


def test_the_error_is_raised(grown: Path, run_step: RunStep, make_sandbox: MakeSandbox) -> None:
    """The page's error has its parent's exit code, and the line is the one in the page's row."""
    done = run_too_large(grown, run_step, make_sandbox)
    assert (done.code, done.errors) == (6, ["HAR-TOO-LARGE"])
    run_tests(grown, "tests/docs/test_failures.py", "-k", "TOO-LARGE or every_code or categories")


def test_the_exit_code_is_used(grown_more: Path, run_step: RunStep, make_sandbox: MakeSandbox) -> None:
    """The page's exit code ends the run, and README, contract and `--help` list it with its meaning."""
    assert run_too_large(grown_more, run_step, make_sandbox).code == 8
    assert "| 8 | the list of labels is too large" in (grown_more / "README.md").read_text("utf-8")
    run_tests(grown_more, "tests/docs/test_declared.py")
    run_tests(grown_more, "tests/docs/test_failures.py", "-k", "TOO-LARGE or every_code or categories")


def run_too_large(checkout: Path, run_step: RunStep, make_sandbox: MakeSandbox) -> Done:
    """A step of the copy against a server that answers each write with 413."""
    box = make_sandbox(faults=[Fault("413", method="PUT", times=99)])
    box.add_artifact(REGISTRY, NAME, labels=BEFORE)
    return run_grown(checkout, run_step, box, ASKED)


def run_tests(checkout: Path, *words: str) -> None:
    """Tests of the copy."""
    run_python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words)


def test_the_documents_have_all_of_it(grown: Path) -> None:
    """After `make docs` every file for users has the additions, and the tests of declared inputs and outputs pass."""
    for name in ("action.yml", "composite/action.yml", "README.md"):
        text = (grown / name).read_text("utf-8")
        assert all(added in text for added in ("announce-removals", "skip-quarantined", "requests-count")), name
    settings = (grown / "harness" / "content.yaml").read_text("utf-8")
    assert all(f"{added}:" in settings for added in ("announce_removals", "skip_quarantined"))
    for name in ("README.md", "docs/troubleshooting.md", ".harness/errors.yaml"):
        assert "HAR-TOO-LARGE" in (grown / name).read_text("utf-8"), name
    assert "BadAnswer" in (grown / "src" / "har_labels" / "errors.py").read_text("utf-8").partition("TooLarge")[2]
    run_tests(grown, "tests/docs/test_declared.py")


def test_the_page_names_files_that_exist() -> None:
    """Every file in the table "look in" exists: below the package, below the folder named before it, or at the root."""
    table = PAGE.partition("| I want to know… |")[2].partition("\n\n")[0]
    for row in table.splitlines():
        folder = ROOT / "src" / "har_labels"
        for name in re.findall(r"`([\w/.]+)`", row):
            if name.endswith("/"):
                folder /= name
            elif "." in name:
                assert (folder / name).exists() or (ROOT / name).exists(), f"{name} in: {row}"


# --- a CI -----------------------------------------------------------------------------------------------------


def gitlab_facts(environ: Mapping[str, str]) -> dict[str, str]:
    """Step 2 of the page: the same names for all CIs, absent ones as empty text."""
    known = {"name": "gitlab", "branch": environ.get("CI_COMMIT_REF_NAME", "")}
    return dict.fromkeys(CI_NAMES, "") | known | {"run_id": environ.get("CI_PIPELINE_ID", "")}


def page_class() -> Any:
    """The class that the page shows, with the imports of `platforms/harness.py`."""
    (block,) = re.findall(r"^( *)```python\n(.*?)\n\1```", PAGE, re.DOTALL | re.MULTILINE)
    namespace = {**vars(harness), "gitlab_facts": gitlab_facts}
    exec(compile(textwrap.dedent(block[1]), "CONTRIBUTING.md", "exec"), namespace)
    return namespace["GitLab"]


@pytest.fixture
def on_gitlab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Step 3 of the page: GitLab's variable, checked after GitHub's; and a job's folder, in which its step starts."""
    gitlab = page_class()

    def detect_too(environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> Platform:
        is_gitlab = environ.get("GITLAB_CI") == "true" and environ.get("GITHUB_ACTIONS") != "true"
        return gitlab(environ, out, err) if is_gitlab else detect(environ, out, err)

    monkeypatch.setattr("har_labels.main.detect", detect_too)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "har-labels.env"


def test_the_ci_has_what_a_platform_needs() -> None:
    """The page's class implements every abstract method of `Platform`, and has a name and a prefix."""
    ci = page_class()
    assert issubclass(ci, Platform)
    assert not inspect.isabstract(ci)
    assert all(isinstance(getattr(ci, name), str) for name in ("name", "prefix"))


def test_the_ci_labels_and_publishes(run_step: RunStep, box: Sandbox, on_gitlab: Path) -> None:
    """A step on the page's CI labels by that CI's facts, and every output can be read from its file."""
    done = run_step("gitlab", box, ASKED | {"mode": "upsert", "labels": "branch={{ ci.branch }}"}, environ=GITLAB)
    assert (done.code, box.labels(REGISTRY, NAME)) == (0, ["branch=main", *BEFORE]), done.log
    outputs = steps.harness_outputs(on_gitlab.read_bytes())
    assert tuple(outputs) == OUTPUTS
    assert (outputs["exit-code"], outputs["changed"], outputs["added"]) == ("0", "true", '["branch=main"]')


def test_the_ci_spells_inputs_its_own_way(run_step: RunStep, box: Sandbox, on_gitlab: Path) -> None:
    """Errors about invalid and missing inputs spell them as GitLab's `variables:` do, and the outputs report the failure."""
    done = run_step("gitlab", box, {**ASKED, "mode": "merge", "registry-ref": ""}, environ=GITLAB)
    assert (done.code, done.errors) == (2, ["HAR-INPUT"] * 2)
    assert "`HAR_LABELS_MODE` is 'merge'" in done.err
    assert "`HAR_LABELS_REGISTRY_REF` is missing" in done.err
    assert "HAR_LABELS_REGISTRY_REF=account/org/project/registry" in done.err
    assert steps.harness_outputs(on_gitlab.read_bytes())["exit-code"] == "2"


def test_the_ci_keeps_the_key(run_step: RunStep, box: Sandbox, on_gitlab: Path) -> None:
    """A key that the server repeats is `***` in the outputs."""
    box.put_labels(REGISTRY, NAME, [f"token={KEY}"])
    assert run_step("gitlab", box, {**ASKED, "mode": "read", "labels": ""}, environ=GITLAB).code == 0
    assert steps.harness_outputs(on_gitlab.read_bytes())["labels"] == '["token=***"]'


def test_the_ci_names_what_it_cannot_write(run_step: RunStep, box: Sandbox, on_gitlab: Path) -> None:
    """A file that can't be written causes a warning that names it, and the step succeeds."""
    on_gitlab.mkdir()
    done = run_step("gitlab", box, ASKED, environ=GITLAB)
    assert (done.code, "har-labels: warning: can't write har-labels.env: Is a directory" in done.err) == (0, True)


def test_the_ci_names_an_output_too_long(run_step: RunStep, box: Sandbox, on_gitlab: Path) -> None:
    """An output that is too long for every reader is empty, and a warning reports it."""
    box.put_labels(REGISTRY, NAME, [f"{number:04}{'x' * 1000}" for number in range(70)])
    done = run_step("gitlab", box, {**ASKED, "mode": "read", "labels": ""}, environ=GITLAB)
    assert (done.code, steps.harness_outputs(on_gitlab.read_bytes())["labels"]) == (0, "")
    assert "har-labels: warning: the output `labels` is left empty" in done.err
