"""The image as a step of GitHub's runner on Kubernetes (ARC): its container hooks 0.8 and later start the container with
`tail`, copy the job's files in, and run the entrypoint by a script. The commands are theirs, word for word, from
actions/runner-container-hooks, packages/k8s/src: run-container-step.ts, k8s/utils.ts and k8s/index.ts."""

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from docs.documents import read_yaml
from har_sandbox import Sandbox
from image.containers import Container, Image

ROOT = Path(__file__).parents[2]
RUNS = read_yaml((ROOT / "action.yml").read_text("utf-8"))["runs"]
KEY = "sandbox-key-0123456789"
# writeContainerStepScript, with the workspace of a job in the repository har/labels
SCRIPT = """\
#!/bin/sh -l
rm "$0" # remove script after running
mv /__w/_temp/_github_home /github/home && \\
mv /__w/_temp/_github_workflow /github/workflow && \\
mv /__w/_temp/_runner_file_commands /github/file_commands || true && \\
mv /__w/labels/labels/ /github/workspace && \\
cd /github/workspace && \\
exec {environment} {entrypoint} \n"""
# listDirAllCommand
LIST = "cd {} && find . -type f -not -path '*/_runner_hook_responses*' -exec stat -c '%s %n' {{}} \\;"
# execCpToPod
COPY_IN = (
    "tar xf - --no-same-owner -C /__w 2>/dev/null; "
    "find /__w -type f -exec chmod u+rw {} \\; 2>/dev/null; "
    "find /__w -type d -exec chmod u+rwx {} \\; 2>/dev/null"
)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A registry on loopback with one labelled artifact."""
    with Sandbox(profile="saas", api_key=KEY) as running:
        running.add_artifact("acme/ml/models", "resnet50", package_type="DOCKER", labels=["stage=dev"])
        yield running


@pytest.fixture(params=["0:0", "1001:1001"])
def pod(request: pytest.FixtureRequest, image: Image) -> Iterator[Container]:
    """A step's container as createContainerSpec and an emptyDir for each mount make it, as root and as another user."""
    mounts = [f"--tmpfs={place}:mode=0777" for place in ("/__e", "/__w", "/github")]
    options = ["--entrypoint=tail", f"--user={request.param}", "--cap-drop=ALL", *mounts]
    with image.start("-f", "/dev/null", options=options) as container:
        yield container


def run_in(pod: Container, *command: str, given: bytes = b"") -> bytes:
    """execPodStep; what the command printed. As with the hooks, a word on standard error is a failure."""
    done = subprocess.run(
        ["docker", "exec", "-i", pod.name, *command], input=given, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b""), (command, done)
    return done.stdout


def packed(folder: Path) -> bytes:
    """A folder as the hooks send it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, ".")
    return stream.getvalue()


def listed(text: bytes) -> list[bytes]:
    """The lines by which the hooks compare what was copied."""
    return sorted(text.splitlines())


def script_env(variables: Mapping[str, str]) -> str:
    """scriptEnv: the step's variables, dashed ones too, as words of `env`."""
    for character in '\\"$`':
        variables = {name: value.replace(character, "\\" + character) for name, value in variables.items()}
    return "env " + " ".join(f'"{name}={value}"' for name, value in variables.items()) + " "


def test_the_action_names_the_images_entrypoint(image: Image) -> None:
    """`runs.entrypoint` of action.yml, without which the hooks refuse the step, is the path of the image's own."""
    assert [RUNS["entrypoint"]] == json.loads(
        subprocess.run(
            ["docker", "image", "inspect", "--format={{json .Config.Entrypoint}}", image.name],
            capture_output=True, timeout=60, check=True,
        ).stdout
    )  # fmt: skip


def test_the_hooks_own_commands_run_a_step(pod: Container, tmp_path: Path, box: Sandbox) -> None:
    """Files are copied in and compared, the step's script runs the entrypoint, outputs exist, and files are copied out."""
    job = tmp_path / "__w"
    commands = job / "_temp" / "_runner_file_commands"
    for made in (commands, job / "_temp" / "_github_home", job / "_temp" / "_github_workflow", job / "labels/labels"):
        made.mkdir(parents=True)
    (commands / "set_output_1").touch()
    (commands / "step_summary_1").touch()
    (job / "labels" / "labels" / "wanted.txt").write_text('stage=$prod `x` "größe"\n')
    variables = {
        "INPUT_API-URL": box.url, "INPUT_API-KEY": KEY, "INPUT_REGISTRY-REF": "acme/ml/models",
        "INPUT_ARTIFACT": "resnet50", "INPUT_LABELS-FILE": "wanted.txt", "INPUT_LABELS": 'a=$HOME `id` "b"\nc=d\\e',
        "INPUT_MODE": "replace", "GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_WORKSPACE": "/github/workspace",
        "GITHUB_OUTPUT": "/github/file_commands/set_output_1",
        "GITHUB_STEP_SUMMARY": "/github/file_commands/step_summary_1",
    }  # fmt: skip
    script = job / "_temp" / "b1f0.sh"
    script.write_text(SCRIPT.format(environment=script_env(variables), entrypoint=RUNS["entrypoint"]))

    run_in(pod, "sh", "-c", COPY_IN, given=packed(job))
    here = subprocess.run(["sh", "-c", LIST.format(job)], capture_output=True, timeout=60, check=True).stdout
    assert listed(run_in(pod, "sh", "-c", LIST.format("/__w"))) == listed(here) != []

    run_in(pod, "sh", "-e", f"/__w/_temp/{script.name}")
    assert set(box.labels("acme/ml/models", "resnet50")) == {
        'stage=$prod `x` "größe"', 'a=$HOME `id` "b"', "c=d\\e",
    }  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(run_in(pod, "tar", "cf", "-", "-C", "/", "github"))) as archive:
        output = archive.extractfile("github/file_commands/set_output_1")
        assert output is not None
        assert "SUCCESS" in output.read().decode()
        assert "github/workspace/wanted.txt" in archive.getnames()
    left = run_in(pod, "tar", "cf", "-", "-C", "/", "__w")
    with tarfile.open(fileobj=io.BytesIO(left)) as archive:
        assert "__w/_temp/b1f0.sh" not in archive.getnames(), "the script removes itself"
