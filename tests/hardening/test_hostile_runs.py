"""Text of others through whole runs: labels, names, messages, metrics, branches, files; as processes of every CI."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.scenarios import HOSTILE
from ci.steps import CIS
from conftest import RunStep
from har_labels.inputs.flaws import unresolved
from har_labels.text import CONTROL_CHARACTERS
from har_sandbox import Fault, Sandbox
from hardening.checks import check_orderly
from hardening.conftest import StartStep
from registry.servers import answer_bytes, canned, success

REGISTRY = "acme/ml/models"
CONTROLS = (
    "::error::x\n::set-output name=status::SUCCESS", "a\r::stop-commands::x", "##[group]x\n##[endgroup]", "\x1b[2J\x1b]0;title\x07", "\u202eevil\u202c", "\u2028::warning::x", "\x85::x", "\x00",
    "x\nEOF\nlabels<<EOF\n[]", "</details></table><script>alert(1)</script>", "| a | b |\n|---|---|", "[click](javascript:alert(1))", "![](http://evil.example/p.png)", "<!-- -->", "`" * 20,
    "__B64__" + "A" * 100, "{{ metrics.secret }}", "<+secrets.getValue('x')>", "${{ secrets.X }}", "\\u0000", "%0A::error::x", "\ufeff::error::x", "pat.account.id.secret", " leading", "trailing ", "",
)  # fmt: skip
# Names of one path segment, as a registry may hold them.
NAMES = (
    "::error::x",
    "##[error]x",
    "`id`",
    "$(touch owned)",
    "<b>x",
    "|x|",
    "a'b\"c",
    "__B64__eA==",
    "größe 3 µm",
    "😀",
    "[x](y)",
    "@octocat",
    "-rf",
    "=x",
    "a=b<<EOF",
    "{{ x }}",
)
WANTED = "wanted=yes"


@pytest.mark.parametrize("ci", CIS)
def test_labels_that_are_there_already(start_step: StartStep, sandbox: Sandbox, ci: str) -> None:
    """Any text in an artifact's labels is kept by an `add`, reported unchanged and has no effect, with control characters too."""
    there = sorted({*HOSTILE, *CONTROLS})
    sandbox.add_artifact(REGISTRY, "x", package_type="GENERIC", labels=there)
    done = start_step(ci, sandbox, {"registry-ref": REGISTRY, "artifact": "x", "mode": "add", "labels": WANTED}).done()
    check_orderly(done)
    assert done.code == 0, done.log
    assert set(sandbox.labels(REGISTRY, "x") or ()) == {*there, WANTED}
    row = done.value("results")[0]
    assert (row["before"], row["added"], set(row["after"])) == (there, [WANTED], {*there, WANTED})
    if ci != "terminal":
        assert done.value("labels") == sorted({*there, WANTED})


@pytest.mark.parametrize("ci", CIS)
def test_labels_that_are_taken_away(start_step: StartStep, sandbox: Sandbox, ci: str) -> None:
    """So does a `replace`, whose notice names all of them."""
    there = sorted({*HOSTILE, *CONTROLS})
    sandbox.add_artifact(REGISTRY, "x", package_type="GENERIC", labels=there)
    done = start_step(
        ci, sandbox, {"registry-ref": REGISTRY, "artifact": "x", "mode": "replace", "labels": WANTED}
    ).done()
    check_orderly(done)
    assert (done.code, sandbox.labels(REGISTRY, "x")) == (0, [WANTED])
    assert done.value("results")[0]["removed"] == there


@pytest.mark.parametrize("ci", CIS)
def test_names_of_artifacts(start_step: StartStep, sandbox: Sandbox, ci: str) -> None:
    """Artifacts of any name are found by a glob and labelled, each by its own name."""
    for name in NAMES:
        sandbox.add_artifact(REGISTRY, name, package_type="GENERIC", labels=["old"])
    done = start_step(
        ci, sandbox, {"registry-ref": REGISTRY, "artifact": "*", "mode": "replace", "labels": WANTED}
    ).done()
    check_orderly(done)
    assert (done.code, done.outputs["changed-count"]) == (0, str(len(NAMES))), done.log
    assert all(sandbox.labels(REGISTRY, name) == [WANTED] for name in NAMES)
    assert sorted(row["artifact"] for row in done.value("results")) == sorted(NAMES)


@pytest.mark.parametrize("as_process", [True, False])
@pytest.mark.parametrize("ci", CIS)
def test_messages_of_the_server(run_step: RunStep, ci: str, as_process: bool) -> None:
    """What a server says when it refuses is quoted in one line, and does nothing."""
    page = success({"artifacts": [{"name": "x", "labels": ["old"]}], "pageSize": 100, "itemCount": 1})
    texts = [text for text in (*HOSTILE, *CONTROLS) if text]
    for text in ["\n".join(texts)] if as_process else texts:
        refusal = answer_bytes(
            403,
            {"Content-Type": "application/json"},
            json.dumps({"code": text, "message": text, "details": text}).encode(),
        )
        with canned(page, refusal) as server:
            done = run_step(
                ci,
                None,
                {"api-url": server.url, "registry-ref": REGISTRY, "artifact": "x", "mode": "replace", "labels": WANTED},
                as_process=as_process,
            )
        check_orderly(done)
        assert (done.code, done.errors) == (3, ["HAR-FORBIDDEN"])


@pytest.fixture
def labelled(run_step: RunStep, sandbox: Sandbox) -> Callable[..., tuple[int, list[str]]]:
    """Runs a step that sets one label; its result, and the labels then."""

    def run(ci: str, label: str, **more: str) -> tuple[int, list[str]]:
        sandbox.add_artifact(REGISTRY, "x", package_type="GENERIC", labels=["old"])
        environ = {name: more.pop(name) for name in [*more] if name.isupper()}
        inputs = {
            "registry-ref": REGISTRY,
            "artifact": "x",
            "mode": "replace",
            "labels": label,
            **{name.replace("_", "-"): text for name, text in more.items()},
        }
        done = run_step(ci, sandbox, inputs, environ=environ)
        check_orderly(done)
        return done.code, sandbox.labels(REGISTRY, "x") or []

    return run


def is_label(text: str) -> bool:
    """The rules of contract §3, for text behind `v=`."""
    return not CONTROL_CHARACTERS.search(text) and text == text.rstrip() and "^_" not in text


@pytest.mark.parametrize("ci", ["github", "harness"])
def test_values_of_metrics(labelled: Callable[..., tuple[int, list[str]]], tmp_path: Path, ci: str) -> None:
    """A value makes exactly one label, or is refused; it never becomes two, a template or anything else."""
    for text in (*HOSTILE, *CONTROLS, "a, b", "a\nb", '["x","y"]', '"x","y"'):
        (tmp_path / "metrics.json").write_text(json.dumps({"v": text}))
        code, labels = labelled(ci, "v={{ metrics.v }}", metrics_file=str(tmp_path / "metrics.json"))
        assert (code, labels) == ((0, [f"v={text}"]) if text and is_label(text) else (2, ["old"]))


@pytest.mark.parametrize(("ci", "variable"), [("github", "GITHUB_REF_NAME"), ("harness", "DRONE_BRANCH")])
def test_names_of_branches(labelled: Callable[..., tuple[int, list[str]]], ci: str, variable: str) -> None:
    """The same for a branch, whose name anybody may choose who opens a pull request."""
    for text in (*HOSTILE, *CONTROLS, "a, b", 'x","y', "{{ ci.sha }}"):
        if "\0" in text or not text or text.startswith("<+"):
            continue  # no environment holds the first two, and the last is Harness's own word for nothing
        code, labels = labelled(ci, "v={{ ci.branch }}", **{variable: text})
        assert (code, labels) == ((0, [f"v={text}"]) if is_label(text) else (2, ["old"]))


@pytest.mark.parametrize("ci", CIS)
def test_names_of_files(
    run_step: RunStep, sandbox: Sandbox, tmp_path: Path, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report of any name is written there, and the output equals the given path."""
    sandbox.add_artifact(REGISTRY, "x", package_type="GENERIC", labels=["old"])
    monkeypatch.chdir(tmp_path)
    for text in (*HOSTILE, *CONTROLS):
        name = text.replace("/", "-").strip()
        if not name or "\0" in name or "\n" in name or unresolved(name):
            continue
        done = run_step(ci, sandbox, {"registry-ref": REGISTRY, "artifact": "x", "mode": "read", "report-file": name})
        check_orderly(done)
        assert (done.code, done.outputs["report-file"]) == (0, name)
        assert (tmp_path / name).exists()
        missing = run_step(ci, sandbox, {"registry-ref": REGISTRY, "artifact": "x", "labels-file": f"no-{name}"})
        check_orderly(missing)
        assert (missing.code, missing.errors) == (2, ["HAR-INPUT"])


@pytest.mark.parametrize("ci", CIS)
def test_inputs_that_are_refused(run_step: RunStep, ci: str) -> None:
    """A wrong value is shown in its error without effect, whatever it is."""
    for text in (*HOSTILE, *CONTROLS):
        if "\0" in text or not text.strip():
            continue
        names = ("mode", "registry-ref", "artifact-type", "timeout", "api-url", "on-missing", "dry-run")
        done = run_step(ci, None, dict.fromkeys(names, text) | {"artifact": "x", "labels": "a"})
        check_orderly(done)
        assert done.code == 2
        assert len(done.errors) >= len(names) - 1


@pytest.mark.parametrize("ci", CIS)
def test_where_a_redirect_points(start_step: StartStep, sandbox: Sandbox, ci: str) -> None:
    """The address that a redirect names is quoted without effect."""
    sandbox.script([Fault("redirect", location="https://x/?\x1b[31m::error::y##[error]z|<b>", times=9)])
    done = start_step(ci, sandbox, {"registry-ref": REGISTRY, "artifact": "x", "mode": "replace", "labels": "a"}).done()
    check_orderly(done)
    assert (done.code, done.errors) == (6, ["HAR-REDIRECTED"])
