"""No example pastes text of others into a shell line, and `make check` finds one that does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import MakeSandbox, Watch
from docs.documents import PAGES, ROOT, examples, read_yaml, step_in
from docs.workspace import Workspace

STEP = """\
- id: label
  uses: har-labels/har-labels@v0.1.0
"""
# Texts that a document must not have: one for each CI, each form of its shell lines, and each place in a page.
PASTED = {
    "GitHub": f"```yaml\n{STEP}- run: echo ${{{{ fromJSON(steps.label.outputs.labels-map || '{{}}').stage }}}}\n```",
    "GitHub, a branch": f"```yaml\n{STEP}- run: |\n    git switch ${{{{ github.head_ref }}}}\n```",
    "GitHub, a job": "```yaml\nlabel:\n  runs-on: ubuntu-latest\n  steps:\n    - run: echo ${{ steps.a.outputs.b }}\n```",
    "GitHub, a workflow": "```yaml\non: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
    "      - run: echo ${{ github.event.pull_request.title }}\n```",
    "Harness": "```yaml\n- step:\n    type: Run\n    spec:\n      command: echo <+steps.label.output.outputVariables.ADDED>\n```",
    "Harness, a script": "```yaml\n- step:\n    type: ShellScript\n    spec:\n      source:\n        spec:\n          script: |-\n"
    "            echo\n            echo '<+execution.steps.a.output.outputVariables.X>'\n```",
    "Harness 3.0": "```yaml\nsteps:\n  - run:\n      script: echo ${{ steps.label.outputs.ADDED }}\n```",
    "Harness 3.0, in short": "```yaml\nsteps:\n  - run: [make, 'echo ${{ steps.label.outputs.ADDED }}']\n```",
    "Drone": "```yaml\nsteps:\n  - name: a\n    commands: [make, 'echo <+trigger.branch>']\n```",
    "in a list of a page": "1. First\n\n   ```yaml\n   - step:\n       type: Run\n       spec:\n         command: echo <+pipeline.name>\n   ```",
    "behind a title": "```yaml title=\"a.yaml\"\n- run: ['echo ${{ steps.label.outputs.labels }}']\n```",
    "within tildes": "~~~yaml\n- run: ['echo ${{ steps.label.outputs.labels }}']\n~~~",
    "the second of two documents": "```yaml\nkind: pipeline\n---\nsteps:\n  - commands: [echo <+pipeline.name>]\n```",
    "a shell's block": '```sh\necho "${{ steps.label.outputs.labels }}"\n```',
    "in the text": "Say `run: echo ${{ steps.label.outputs.labels }}` after it.",
    "no YAML": "```yaml\n- run: [\n```",
    "without a language": "```\nrun: echo ${{ steps.label.outputs.labels }}\n```",
    "another language": "```text\ncommand: echo <+pipeline.name>\n```",
    "a language with a dash": "```github-actions\n- run: echo ${{ steps.label.outputs.labels }}\n```",
    "a session": "```console\n$ echo ${{ steps.label.outputs.labels }}\n```",
    "PowerShell": "```pwsh\nWrite-Output ${{ steps.label.outputs.labels }}\n```",
    "JSON": '```json\n{"run": "echo ${{ steps.label.outputs.labels }}"}\n```',
    "in a quotation": '> [!TIP]\n> ```yaml\n> - run: ["echo ${{ steps.label.outputs.labels }}"]\n> ```',
    "behind a tab": '- First\n\n\t```yaml\n\t- run: ["echo ${{ steps.label.outputs.labels }}"]\n\t```',
    "an indented block": "So:\n\n    run: echo ${{ steps.label.outputs.labels }}\n",
    "HTML": "<pre>run: echo ${{ steps.label.outputs.labels }}</pre>",
    "a block that isn't closed": "```sh\necho ${{ steps.label.outputs.labels }}",
    "the arguments of a test": "```yaml\n- step:\n    type: RunTests\n    spec:\n      args: test -Dname=<+pipeline.name>\n```",
    "an entry point": "```yaml\n- step:\n    spec:\n      entrypoint: [sh, -c, 'echo <+pipeline.name>']\n```",
    "what Drone fills in": "```yaml\nsteps:\n  - name: a\n    commands: ['echo ${DRONE_COMMIT_MESSAGE}']\n```",
}
HARMLESS = f"""\
```yaml
{STEP}- run: echo "$STAGE"
  env:
    STAGE: ${{{{ fromJSON(steps.label.outputs.labels-map || '{{}}').stage }}}}
```

```yaml
- step:
    type: Run
    spec:
      command: echo "$STAGE"
      envVariables:
        STAGE: <+steps.label.output.outputVariables.ADDED>
```

```yaml
steps:
  - name: a
    commands: [echo "$DRONE_COMMIT_MESSAGE"]
```

> ```yaml
> - step:
>     type: Run
>
>     spec:
>       command: echo "$STAGE"
> ```

A `run:` step reads `${{{{ steps.label.outputs.labels }}}}` by `env:`.
Write `labels: branch={{{{ ci.branch }}}}`, never `labels: branch=${{{{ github.head_ref }}}}`.
"""
_OUTPUT = re.compile(r"\$\{\{ fromJSON\(steps\.label\.outputs\.([\w-]+) \|\| '(.*)'\)\.(\w+) \}\}")


def looked_at(*pages: Path) -> subprocess.CompletedProcess[str]:
    """The check over these pages, or over all documents."""
    tool = [sys.executable, str(ROOT / "tools" / "examples"), *map(str, pages)]
    return subprocess.run(tool, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("place", PASTED)
def test_text_in_a_shell_line_is_found(place: str, tmp_path: Path) -> None:
    """Wherever a page hands an expression to a shell, the check is red and names the page and the block's line."""
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{PASTED[place]}\n", "utf-8")
    done = looked_at(page)
    told = done.stdout + done.stderr
    assert done.returncode == 1, told
    assert re.search(r"page\.md(:|-line-)\d+", told), told


@pytest.mark.parametrize("place", ["Harness", "Drone"])
def test_text_in_a_shell_line_of_a_yaml_file_is_found(place: str, tmp_path: Path) -> None:
    """So it is in the files for Harness, and in the catalogue's example, which is a text in such a file."""
    (tmp_path / "step.yaml").write_text(
        "example: |\n" + "".join(f"  {line}\n" for line in PASTED[place].splitlines()[1:-1]), "utf-8"
    )
    assert looked_at(tmp_path / "step.yaml").returncode == 1


def test_values_in_the_environment_are_no_fault(tmp_path: Path) -> None:
    """An expression that only fills a variable, an input or a sentence is what the documents recommend."""
    page = tmp_path / "page.md"
    page.write_text(HARMLESS, "utf-8")
    done = looked_at(page)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_document_pastes() -> None:
    """The documents and the files for Harness hold none, and `make check` asks."""
    done = looked_at()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\t.*tools/examples$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("stage", ["candidate", '$(touch "mark")`touch mark`"; touch mark; "'])
def test_what_follows_the_first_example(stage: str, make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path) -> None:
    """The README's next step says the stage as it is, whatever its text: no part of it is run."""
    box = make_sandbox()
    box.add_artifact("acme/ml/prod/models", "resnet50", labels=["owner=vision"])
    (tmp_path / "metrics.json").write_text(json.dumps({"accuracy": 0.9, "stage": stage}), "utf-8")
    block = examples()["github"].replace("stage=candidate", "stage={{ metrics.stage }}")
    done = Workspace(tmp_path, box, watch).run(step_in(block))
    assert done.code == 0, done.log
    assert said(block, done.outputs["labels-map"], tmp_path) == f"The model is now {stage}\n"
    assert not (tmp_path / "mark").exists()


def test_what_follows_the_first_example_after_a_failure(
    make_sandbox: MakeSandbox, watch: Watch, tmp_path: Path
) -> None:
    """Where the step failed before it knew labels, the next step's expression is an empty text and no error."""
    done = Workspace(tmp_path, make_sandbox(), watch).run(step_in(examples()["github"]))
    assert (done.code, done.outputs["labels-map"]) == (2, "")
    assert said(examples()["github"], "", tmp_path) == "The model is now \n"


def test_every_expression_reads_json_that_is_there() -> None:
    """Wherever a document or a workflow reads an output as JSON, an empty one is an empty object."""
    written = [*PAGES, ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")]
    read = [found for page in written for found in re.findall(r"fromJSON\(.*?\)", page.read_text("utf-8"))]
    assert len(read) > 5
    assert [one for one in read if not re.search(r"(?:\|\||\\\|\\\|) '(?:\{\}|\[\])'\)$", one)] == []


def test_the_first_example_needs_no_rights() -> None:
    """The README says so, no input asks for GitHub's token, and no code of ours reads one."""
    assert "It needs no `permissions` and no checkout" in (ROOT / "README.md").read_text("utf-8")
    assert "github.token" not in (ROOT / "action.yml").read_text("utf-8")
    code = [path.read_text("utf-8") for path in (ROOT / "src" / "har_labels").rglob("*.py")]
    assert not [text for text in code if re.search("GITHUB_TOKEN|ACTIONS_RUNTIME_TOKEN|ID_TOKEN", text)]


def said(block: str, labels_map: str, folder: Path) -> str:
    """What the `run:` of a block prints, its variables filled as GitHub fills them from this output."""
    (step,) = [step for step in read_yaml(block) if "run" in step]
    variables = {}
    for name, text in step["env"].items():
        found = _OUTPUT.fullmatch(text)
        assert found, text
        variables[name] = json.loads(labels_map or found[2]).get(found[3], "")
    ran = subprocess.run(
        ["bash", "-e", "-c", step["run"]], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout
