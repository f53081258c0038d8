"""docs/harness.md: pipelines of several steps with their expressions, connectors, time limits, a CA, Drone's templates."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from certificates import Certificates
from ci.steps import Done
from conftest import MakeSandbox, Watch
from docs.documents import ROOT, Step, examples, marked, read_yaml, step_in, steps_in
from docs.workspace import Workspace
from har_labels.inputs.settings import defaults
from har_sandbox import Sandbox
from registry.servers import RawServer, raw_server

MODEL = ("acme/ml/prod/models", "resnet50")
FILES = sorted((ROOT / "harness").glob("*.yaml"))
# An output of a step, from the same stage (with or without a group), or from another one; or one value of its JSON.
_OUTPUT = (
    r"<\+(?:pipeline\.stages\.(?P<stage>\w+)\.spec\.)?(?:execution\.)?steps\.(?P<steps>\w+(?:\.steps\.\w+)*)"
    r'\.output\.outputVariables\.(?:(?P<name>\w+)|get\("(?P<got>[\w-]+)"\))>'
)
_SELECTED = re.compile(rf'<\+json\.select\("(?P<key>\w+)", {_OUTPUT}\)>')
_DIRECT = re.compile(_OUTPUT)


@dataclass
class Pipeline:
    """A block run as Harness would: our steps and Run steps in order, expressions filled from what ran before.

    `outputs` has each step's output variables under its path (stage, groups, step), `printed` what Run steps said.
    """

    workspace: Workspace
    outputs: dict[tuple[str, ...], Mapping[str, str]] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)

    def run(self, node: Any, path: tuple[str, ...] = ("",)) -> None:
        """Every step in a list of steps, groups or stages."""
        for one in node:
            ((kind, about),) = one.items()
            if kind == "step":
                self._run_step(about, path)
            else:
                self.run(*self._inside(kind, about, path))

    @staticmethod
    def _inside(kind: str, about: Mapping[str, Any], path: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
        if kind == "stage":
            return about["spec"]["execution"]["steps"], (about["identifier"],)
        return about["steps"], (*path, about["identifier"])

    def _run_step(self, about: Mapping[str, Any], path: tuple[str, ...]) -> None:
        if about["type"] == "Run":
            variables = {name: self._filled(text, path[0]) for name, text in about["spec"]["envVariables"].items()}
            ran = subprocess.run(
                ["sh", "-e", "-c", about["spec"]["command"]],
                env=variables, capture_output=True, text=True, timeout=30, check=True,
            )  # fmt: skip
            self.printed[about["identifier"]] = ran.stdout
            return
        (step,) = steps_in(json.dumps([{"step": about}]))
        done = self.workspace.run(step)
        assert done.code == 0, done.log
        self.outputs[*path, about["identifier"]] = _spelled(done)

    def _filled(self, text: str, stage: str) -> str:
        selected = _SELECTED.fullmatch(text)
        found = selected or _DIRECT.fullmatch(text)
        assert found, f"no test knows what {text} is"
        path = (found["stage"] or stage, *found["steps"].split(".steps."))
        value = self.outputs[path][found["name"] or found["got"]]
        return str(json.loads(value)[selected["key"]]) if selected else value


def _spelled(done: Done) -> dict[str, str]:
    """The outputs by the names that Harness has: an action's as they are declared, a plugin's in upper case."""
    if done.ci == "hybrid":
        return dict(done.outputs)
    return {name.upper().replace("-", "_"): text for name, text in done.outputs.items()}


@pytest.fixture
def box(make_sandbox: MakeSandbox) -> Sandbox:
    """A registry with the model of the page's examples."""
    box = make_sandbox()
    box.add_artifact(*MODEL, artifact_type="model", labels=["stage=dev"])
    return box


@pytest.fixture
def pipeline(box: Sandbox, watch: Watch, tmp_path: Path) -> Pipeline:
    """Nothing has run yet."""
    return Pipeline(Workspace(tmp_path, box, watch))


def test_outputs_reach_every_place(pipeline: Pipeline, box: Sandbox) -> None:
    """The expressions for the same stage, for a step group and for another stage bring what the steps put out."""
    pipeline.run(read_yaml(examples()["outputs"])["pipeline"]["stages"])
    assert pipeline.printed == {
        "same_stage": "changed true, now candidate\n",
        "same_group": 'added ["owner=vision"]\n',
        "other_stage": "candidate of vision\n",
    }
    assert sorted(box.labels(*MODEL) or []) == ["owner=vision", "stage=candidate"]


@pytest.mark.parametrize(
    ("name", "told"), [("harness", "The model is now candidate\n"), ("action-step", "now candidate\n")]
)
def test_outputs_reach_the_next_step(pipeline: Pipeline, tmp_path: Path, name: str, told: str) -> None:
    """So do the names of a Plugin step in the README, and those of an Action step, which are others."""
    (tmp_path / "metrics.json").write_text('{"accuracy": 0.9}', "utf-8")
    pipeline.run(read_yaml(examples()[name]))
    assert pipeline.printed == {"use_it": told}


def test_a_label_is_moved_one_pipeline_at_a_time(pipeline: Pipeline, box: Sandbox) -> None:
    """Behind the Queue step the label goes to the model, and the next step knows who had it."""
    box.add_artifact(MODEL[0], "resnet49", artifact_type="model", labels=["stage=production"])
    first, *rest = read_yaml(examples()["harness-move"])["pipeline"]["stages"]
    assert [one["step"]["type"] for one in first["stage"]["spec"]["execution"]["steps"]] == ["Queue"]
    pipeline.run(rest)
    assert pipeline.printed == {"had_it": 'Production was ["resnet49"]\n'}
    assert (box.labels(*MODEL), box.labels(MODEL[0], "resnet49") or []) == (["stage=production"], [])


def test_hostile_labels_reach_a_command_as_text(pipeline: Pipeline, tmp_path: Path, box: Sandbox) -> None:
    """A label that a shell would run passes through `envVariables` unchanged."""
    hostile = '$(touch mark)`touch mark`";touch mark;"'
    box.put_labels(*MODEL, [f"stage={hostile}"])
    block = examples()["outputs"].replace("labels: stage=candidate", "labels: owner=text")
    pipeline.run(read_yaml(block)["pipeline"]["stages"][:1])
    assert pipeline.printed["same_stage"] == f"changed true, now {hostile}\n"
    assert not list(tmp_path.rglob("mark"))


def test_what_is_there_after_a_failure(watch: Watch, make_sandbox: MakeSandbox, tmp_path: Path) -> None:
    """`LABELS_MAP` is empty, `STATUS` and `EXIT_CODE` are there, as the page says."""
    done = Workspace(tmp_path, make_sandbox(), watch).run(steps_in(examples()["outputs"])[0])
    outputs = _spelled(done)
    assert (done.code, outputs["LABELS_MAP"], outputs["STATUS"], outputs["EXIT_CODE"]) == (4, "", "FAILED", "4")


def test_an_open_source_step_leaves_its_report(watch: Watch, make_sandbox: MakeSandbox, tmp_path: Path) -> None:
    """Where there are no output variables, the report in the workspace has what a later step needs."""
    box = make_sandbox("open-source")
    box.add_artifact("acme/images", "trainer", package_type="DOCKER", version="1.0")
    assert Workspace(tmp_path, box, watch).run(step_in(examples()["open-source"])).code == 0
    (row,) = json.loads((tmp_path / "report.json").read_text("utf-8"))["results"]
    assert row["after"] == ["commit=0123456", "stage=candidate"]


def test_the_step_trusts_a_private_authority(
    box: Sandbox, certificates: Certificates, watch: Watch, tmp_path: Path
) -> None:
    """With the variable of the example a server of that authority is trusted, and without it it isn't."""
    step = step_in(examples()["private-ca"])
    (name,) = step.environ.values()
    shutil.copy(certificates.authority, tmp_path / name)
    with tls_before(box, certificates) as server:
        url = f"{server.url.replace('http:', 'https:')}/har/api/v1"
        workspace = Workspace(tmp_path, box, watch)
        done = workspace.run(step, {"PLUGIN_API_URL": url})
        bare = workspace.run(Step("harness", step.given), {"PLUGIN_API_URL": url, "PLUGIN_RETRIES": "0"})
    assert (done.code, bare.code, bare.errors) == (0, 7, ["HAR-UNREACHABLE"]), done.log + bare.log
    assert box.labels(*MODEL) == ["stage=candidate"]


def test_a_run_is_taken_back(watch: Watch, make_sandbox: MakeSandbox, tmp_path: Path) -> None:
    """With the page's two pipelines: the second only shows its changes by default, and writes its own report."""
    box = make_sandbox()
    for name in ("team/a", "team/b"):
        box.add_artifact(MODEL[0], name, artifact_type="model", labels=["owner=vision"])
    workspace = Workspace(tmp_path, box, watch)
    assert workspace.run(step_in(examples()["harness-report"])).code == 0
    undo = step_in(examples()["harness-undo"])
    shown = workspace.run(undo.answered({"dry_run": "true"}))
    assert (shown.code, shown.outputs["status"], shown.outputs["changed-count"]) == (0, "PLANNED", "2")
    assert box.labels(MODEL[0], "team/a") == ["owner=vision", "stage=production"]
    assert workspace.run(undo.answered({"dry_run": "false"})).code == 0
    assert [box.labels(MODEL[0], name) for name in ("team/a", "team/b")] == [["owner=vision"]] * 2
    assert json.loads((tmp_path / "undone" / "report.json").read_text("utf-8"))["run"]["mode"] == "undo"


def test_a_drone_template_keeps_our_templates(box: Sandbox, watch: Watch, tmp_path: Path) -> None:
    """What Go's templates make of the page's file is a step whose own template is filled in by us."""
    (tmp_path / "metrics.json").write_text('{"accuracy": 0.93417}', "utf-8")
    rendered = as_go_renders(examples()["drone-template"], {"registry_ref": MODEL[0]})
    assert "accuracy={{ metrics.accuracy | round(3) }}" in rendered
    done = Workspace(tmp_path, box, watch).run(step_in(rendered))
    assert (done.code, box.labels(*MODEL)) == (0, ["accuracy=0.934", "stage=candidate"]), done.log


def test_every_step_has_a_connector_of_our_host() -> None:
    """Wherever Harness pulls our image, the connector is the page's own, whose host is the image's, or is asked for."""
    connector = read_yaml(marked("fragment")["connector"])["connector"]
    host = connector["spec"]["dockerRegistryUrl"].removeprefix("https://")
    named = list(_named(harness_documents()))
    assert len(named) > 8
    for image, reference in named:
        assert image.startswith(f"{host}/")
        assert reference in {f"account.{connector['identifier']}", "<+input>"}


def test_every_step_has_time_for_its_deadline() -> None:
    """Each step of ours on Harness has a `timeout` above the default `deadline`, so that it ends by itself."""
    limits = [step["timeout"] for document in harness_documents() for step in _timed(document)]
    assert len(limits) > 10
    assert [limit for limit in limits if int(limit.removesuffix("m")) * 60 <= float(defaults()["deadline"])] == []


def harness_documents() -> list[Any]:
    """All that is written for Harness: examples and the files of harness/."""
    texts = [*examples().values(), *(path.read_text("utf-8") for path in FILES)]
    documents = [read_yaml(text) for text in texts]
    return [one for one in documents if any(step.ci in {"harness", "hybrid"} for step in steps_in(json.dumps(one)))]


def _timed(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping that a time limit of a step of ours belongs to; a missing one is an error of the document."""
    if isinstance(node, list):
        for one in node:
            yield from _timed(one)
    elif isinstance(node, dict):
        spec, run = node.get("spec"), node.get("run")
        is_ours = node.get("type") in {"Plugin", "Action"} or (isinstance(run, dict) and "container" in run)
        if is_ours and (isinstance(run, dict) or {"settings", "with"} & set(spec)):
            yield node
        for one in node.values():
            yield from _timed(one)


def _named(node: Any) -> Iterator[tuple[str, str]]:
    """Every image of ours with the connector beside it; an error where there is none."""
    if isinstance(node, list):
        for one in node:
            yield from _named(one)
    elif isinstance(node, dict):
        if "har-labels/har-labels" in str(node.get("image", "")):
            yield node["image"], node.get("connectorRef") or node["connector"]
        for one in node.values():
            yield from _named(one)


def as_go_renders(text: str, given: Mapping[str, str]) -> str:
    """The values of `{{ .input.name }}` and of a raw string in Go's text/template; a template may contain nothing else."""
    actions = {"{{ .input." + name + " }}": value for name, value in given.items()}
    pieces = re.split(r"(\{\{ (?:\.input\.\w+|`[^`]*`) \}\})", text)
    literal = "".join(pieces[::2])
    assert "{{" not in literal, literal
    return "".join(
        piece if number % 2 == 0 else actions.get(piece) or piece.removeprefix("{{ `").removesuffix("` }}")
        for number, piece in enumerate(pieces)
    )


def tls_before(box: Sandbox, certificates: Certificates) -> Any:
    """A server whose certificate the authority signed, and which passes on to the sandbox."""
    context = certificates.context("trusted")
    host, port = box.url.removeprefix("http://").split(":")

    def serve(_server: RawServer, connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as front,
            socket.create_connection((host, int(port))) as back,
        ):
            answers = threading.Thread(target=_copy, args=(back, front), daemon=True)
            answers.start()
            _copy(front, back)
            answers.join(10)

    return raw_server(serve)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
