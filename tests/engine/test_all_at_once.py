"""All problems are reported in one run, before any request; and the key is never written into a label (contract §2)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from canary import KEY
from ci.steps import spelling
from conftest import MODELS, MakeSandbox, RunStep, Watch, entrypoint
from har_sandbox import Fault, Sandbox

ASKED = {"registry-ref": MODELS, "artifact": "resnet50", "mode": "add", "labels": "new"}


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A registry with one artifact."""
    sandbox.add_artifact(MODELS, "resnet50", package_type="DOCKER", labels=["old"])
    return sandbox


def test_a_wrong_value_hides_no_wrong_name_label_or_file(run_step: RunStep, box: Sandbox) -> None:
    """Invalid settings, artifact names, labels, `require` and metrics files of one run are all reported."""
    wrong = {
        "timeout": "0", "artifact": "a/../b", "labels": "x^_y, {{ foo }}", "require": "1 +",
        "metrics-file": "/nope/1.json, /nope/2.json",
    }  # fmt: skip
    done = run_step("github", box, ASKED | wrong)
    assert (done.code, box.requests) == (2, [])
    what = [said for _, said, _ in done.stable_lines]
    for begin in ("`timeout` is '0'", "`artifact` item 1", "label 1 `x^_y`", "label 2 `{{ foo }}`", "`require` line 1"):
        assert len([said for said in what if said.startswith(begin)]) == 1, begin
    assert [said for said in what if "/nope/" in said] == [
        f"metrics file `/nope/{number}.json` can't be read: No such file or directory" for number in (1, 2)
    ]
    assert len(what) == 7


def test_a_label_that_differs_by_artifact_hides_no_other(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Invalid labels are reported although another label depends on the artifact; in a manifest with their place."""
    labels = ["bare", "at={{ artifact }}", "k=1", "k=2"]
    done = run_step("github", box, ASKED | {"mode": "upsert", "labels": "\n".join(labels)})
    manifest = tmp_path / "labels.yaml"
    manifest.write_text(
        f"version: 1\nregistry-ref: {MODELS}\nchanges:\n  - {{artifact: resnet50, mode: upsert, labels: {json.dumps(labels)}}}\n"
    )
    by_manifest = run_step("terminal", box, {"manifest": str(manifest)})
    assert (done.code, by_manifest.code, box.requests) == (2, 2, [])
    said = ["label 1 'bare' has no key, and `upsert` sets keys", "label 4 'k=2' and label 3 'k=1' set one key"]
    assert [what for _, what, _ in done.stable_lines] == said
    assert set(by_manifest.errors) == {"HAR-MANIFEST"}
    assert "or use `mode: add`" in by_manifest.err, "a manifest's keys are the same on every CI"


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (
            {"apply-plan": "nope", "timeout": "0"},
            ["`timeout` is '0'", "`apply-plan` names 'nope', which can't be read"],
        ),
        ({"manifest": "nope", "mode": "zap"}, ["`mode` is 'zap'", "`manifest` names 'nope', which can't be read"]),
        ({"manifest": "bad.yaml", "on-conflict": "nein"}, ["`on-conflict` is 'nein'", "bad.yaml:1:"]),
    ],
)
def test_a_wrong_value_hides_no_wrong_file(
    run_step: RunStep,
    box: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, str],
    what: list[str],
) -> None:
    """What is wrong with a plan or a manifest by itself does not depend on the other inputs."""
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("colour: red\n")
    done = run_step("github", box, wrong)
    told = "\n".join(what for _, what, _ in done.stable_lines)
    assert (done.code, box.requests, [begin for begin in what if begin not in told]) == (2, [], [])


def test_an_invalid_path_is_reported_like_any_other(run_step: RunStep, box: Sandbox) -> None:
    """A NUL in a list of metrics files is an input error, not a defect, and hides no other error."""
    for ci in ("github", "harness", "terminal"):
        done = run_step(ci, box, ASKED | {"metrics-file": '["a\\u0000b", "n.json"]', "timeout": "0"})
        assert (done.code, done.errors) == (2, ["HAR-INPUT", "HAR-METRICS", "HAR-METRICS"])


def test_labels_with_an_unknown_mode_are_not_reported(run_step: RunStep, box: Sandbox) -> None:
    """A label without a key is invalid only for `upsert`, so it is not reported with a misspelt mode."""
    done = run_step("harness", box, ASKED | {"mode": "upset", "labels": "bare"})
    assert [said for _, said, _ in done.stable_lines] == ["`mode` is 'upset': it is not one of the allowed values"]


@pytest.mark.parametrize("fault", [None, "401", "cut"])
def test_an_invalid_label_is_reported_before_any_request(run_step: RunStep, box: Sandbox, fault: str | None) -> None:
    """These problems are reported without any request."""
    box.script([Fault(fault, times=99)] if fault else [])
    done = run_step("github", box, ASKED | {"labels": "x^_y"})
    assert (done.errors, box.requests) == (["HAR-INPUT"], [])


def test_a_manifest_reports_all_problems_in_one_run(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Invalid keys, values, labels and templates are reported together, in the order of the file."""
    manifest = tmp_path / "labels.yaml"
    manifest.write_text(
        f"version: 1\nregistry-ref: {MODELS}\ncolour: red\nchanges:\n"
        '  - {artifact: a, labels: ["a^_b", " x"]}\n'
        "  - {artifact: b, mode: upsert, labels: [bare]}\n"
        '  - {artifact: c, labels: ["{{ metrics.q }}", "{{ foo"]}\n'
        "  - {artifact: d, mode: ad, labels: [x]}\n"
    )
    done = run_step("github", box, {"manifest": str(manifest)})
    assert (done.code, box.requests) == (2, [])
    places = [said.removeprefix(f"{manifest}:").partition(": ")[0] for _, said, _ in done.stable_lines]
    assert places == ["3:1", "5:28", "5:36", "6:42", "7:28", "7:47", "8:25"]


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
@pytest.mark.parametrize("name", ["owned", "on-conflict"])
def test_an_input_that_no_entry_of_a_manifest_has_a_use_for(
    run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str, name: str
) -> None:
    """An input that no entry accepts as default is reported, like a default of the file, in its reader's spelling."""
    manifest = tmp_path / "labels.yaml"
    manifest.write_text(
        f"version: 1\nregistry-ref: {MODELS}\nchanges: [{{artifact: resnet50, mode: add, labels: [x]}}]\n"
    )
    value = {"owned": "ci:*", "on-conflict": "keep"}[name]
    done = run_step(ci, box, {"manifest": str(manifest), name: value})
    assert (done.code, done.errors, box.requests) == (2, ["HAR-MANIFEST"], [])
    assert f"the input `{spelling(ci, name)}` goes with" in done.err


def test_a_list_that_came_out_empty_turns_owned_into_nothing_else(run_step: RunStep, box: Sandbox) -> None:
    """A computed `owned` of `[]` would make the step a plain replace, which takes everybody's labels away."""
    for text in ("[]", " , "):
        done = run_step("github", box, ASKED | {"mode": "replace", "owned": text})
        assert (done.code, box.labels(MODELS, "resnet50")) == (2, ["old"])
        assert "it has no items" in done.err


def test_owned_labels_are_not_all_taken_away_by_an_empty_list(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """An empty file, or templates that all render empty, are an error also with `owned`."""
    (tmp_path / "none.txt").write_text("\n")
    for given in ({"labels": "", "labels-file": str(tmp_path / "none.txt")}, {"labels": "{{ ci.tag }}"}):
        done = run_step("github", box, {**ASKED, "mode": "replace", "owned": "ol*", **given})
        assert (done.code, box.labels(MODELS, "resnet50")) == (2, ["old"])
        assert "`mode: clear`" in done.err


def test_template_statements_are_refused(run_step: RunStep, box: Sandbox) -> None:
    """`{% if %}` is refused and not written literally, except in a text constant."""
    text = "{% if ci.tag %}release{% endif %}"
    assert run_step("github", box, ASKED | {"labels": text}).errors == ["HAR-TEMPLATE"]
    assert run_step("github", box, ASKED | {"labels": f"{{{{ '{text}' }}}}"}).code == 0
    assert box.labels(MODELS, "resnet50") == ["old", text]


@pytest.mark.parametrize("source", ["labels-file", "metrics", "manifest", "pieces", "pattern"])
def test_the_key_goes_into_no_label(run_step: RunStep, box: Sandbox, tmp_path: Path, watch: Watch, source: str) -> None:
    """However it gets there: from a file, a metric or put together, it is refused, and not shown."""
    path = tmp_path / "source.json"
    watch.may_hold_key.add(path)
    text = json.dumps(["a", KEY] if source == "labels-file" else {"k": KEY})
    asked = (
        ASKED
        | {
            "labels-file": {"labels": "", "labels-file": str(path)},
            "metrics": {"labels": "k={{ metrics.k }}", "metrics-file": str(path)},
            "pieces": {"labels": f"{{{{ '{KEY[:6]}' }}}}{{{{ {json.dumps(KEY[6:])} }}}}"},
            "pattern": {"labels": "{{ metrics.k }}*", "metrics-file": str(path), "mode": "remove"},
            "manifest": {"manifest": str(path), "artifact": "", "labels": "", "mode": "", "registry-ref": ""},
        }[source]
    )
    if source == "manifest":
        changes = [{"registry-ref": MODELS, "artifact": "resnet50", "mode": "add", "labels": ["a", KEY]}]
        text = json.dumps({"version": 1, "changes": changes})
    path.write_text(text)
    done = run_step("github", box, asked)
    assert (done.code, box.requests) == (2, [])
    assert "contains the key" in done.err


def test_no_plan_file_holds_the_key(make_sandbox: MakeSandbox, run_step: RunStep, tmp_path: Path, watch: Watch) -> None:
    """If a current label contains the key the plan is not saved, and the error has the reason."""
    box = make_sandbox()
    box.add_artifact(MODELS, "resnet50", package_type="DOCKER", labels=[f"k={KEY}"])
    plan = tmp_path / "labels.plan"
    done = run_step("github", box, ASKED | {"dry-run": "true", "save-plan": str(plan)})
    assert (done.code, plan.exists()) == (2, False)
    assert "has a label that contains the key" in done.err


@pytest.mark.parametrize(
    ("one", "other"), [("save-plan", "report-file"), ("labels-file", "report-file"), ("metrics-file", "report-file")]
)
def test_a_file_that_is_written_is_none_of_the_others(
    run_step: RunStep, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str
) -> None:
    """Another spelling of the path names the same file, whose content would be lost."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "f.json"
    path.write_text('{"a": 1}')
    Path("link.json").symlink_to("f.json")
    for written in (f"{tmp_path}/./f.json", "f.json", "link.json"):
        done = run_step("github", box, ASKED | {"dry-run": "true", one: str(path), other: written})
        assert (done.code, box.requests) == (2, [])
        assert f"`{one}` and `{other}` name the same file" in done.err
        assert path.read_text() == '{"a": 1}', "the report of the refusal went there"


@pytest.mark.parametrize("item", ["val=f.json", "f*.json", "**/f.json", "val=f?json"])
def test_the_report_does_not_replace_metrics(
    run_step: RunStep, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: str
) -> None:
    """The report's file is none of the metrics files, whichever way these are named."""
    monkeypatch.chdir(tmp_path)
    Path("f.json").write_text('{"a": 1}')
    done = run_step("github", box, ASKED | {"metrics-file": item, "report-file": "./f.json"})
    assert (done.code, box.requests) == (2, [])
    assert "`metrics-file` and `report-file` name the same file" in done.err
    assert Path("f.json").read_text() == '{"a": 1}'


def test_the_report_does_not_replace_the_key(
    run_step: RunStep, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    """A key's file that the report names another way keeps its key."""
    monkeypatch.chdir(tmp_path)
    Path("key").write_text(KEY)
    Path("key").chmod(0o600)
    watch.may_hold_key.add(tmp_path / "key")
    done = run_step("github", box, ASKED | {"api-key": "", "api-key-file": "key", "report-file": str(tmp_path / "key")})
    assert (done.code, Path("key").read_text()) == (2, KEY)


def test_an_invalid_require_is_reported_once_and_before_any_request(run_step: RunStep, box: Sandbox) -> None:
    """What reads the same for every artifact is tried at once, beside wrong labels; it holds or not later, as ever."""
    box.add_artifact(MODELS, "vgg16", package_type="DOCKER", labels=[])
    asked = ASKED | {"artifact": "*", "require": "metrics.acuracy > 1", "labels": "x^_y"}
    done = run_step("github", box, asked)
    assert (done.code, done.errors, box.requests) == (2, ["HAR-INPUT", "HAR-TEMPLATE"], [])
    assert "Name the file that has it with `metrics-file`." in done.err
    closed = run_step("github", box, ASKED | {"require": "1 > 2"})
    assert (closed.code, closed.errors) == (10, ["HAR-REQUIRE"])


def test_a_wrong_require_that_reads_labels_names_the_artifact(run_step: RunStep, box: Sandbox) -> None:
    """It can be evaluated only when the labels are known; the error then names the artifact."""
    done = run_step("github", box, ASKED | {"require": "current[0] == 1"})
    assert (done.code, done.errors) == (2, ["HAR-TEMPLATE"])
    assert done.stable_lines[0][1].startswith(f"'resnet50' in {MODELS}/+: `require` line 1")


@pytest.mark.parametrize("require", ["stage=prod in current", "x = 1"])
def test_a_comparison_with_one_equals_sign(run_step: RunStep, box: Sandbox, require: str) -> None:
    """The way out shows how to compare and how to quote."""
    done = run_step("github", box, ASKED | {"require": require})
    assert (done.code, box.requests) == (2, [])
    assert "`==` compares; a text is written in quotes" in done.err


def test_the_cure_of_an_error_in_a_manifest_names_its_keys(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Whatever the CI's spelling of inputs, a key of the file is spelt as the file has it."""
    for kind in ("model", "dataset"):
        box.add_artifact("acme/ml/twins", "twins", artifact_type=kind, labels=[])
    manifest = tmp_path / "labels.yaml"
    head = f"version: 1\nregistry-ref: {MODELS}\nchanges:\n"
    for entry, cure in (
        ("{registry-ref: acme/ml/twins, artifact: twins, labels: [x]}", "`artifact-type`"),
        ('{artifact: resnet50, labels: ["{% if x %}"]}', "`{{ '{%' }}`"),
        ("{artifact: nope, labels: [x]}", "`on-missing: skip`"),
    ):
        manifest.write_text(f"{head}  - {entry}\n")
        for ci in ("harness", "terminal"):
            done = run_step(ci, box, {"manifest": str(manifest)})
            assert cure in done.stable_lines[0][2], done.err


def test_one_line_spells_an_input_one_way(run_step: RunStep, box: Sandbox) -> None:
    """What was given by a variable is named by it in the cause and in the way out alike."""
    done = run_step("terminal", box, ASKED | {"deadline": "3", "settle": "5"})
    assert (done.code, done.errors) == (7, ["HAR-NO-TIME"])
    assert "writing 1 artifact takes 0 s at this pace, watching 5 s, and" in done.err
    assert "--deadline" not in done.err


def test_a_shard_without_artifacts_is_reported(run_step: RunStep, box: Sandbox) -> None:
    """A shard that nothing falls into is green, and not silent."""
    empty = [run_step("terminal", box, ASKED | {"artifact": "*", "shard": f"{index}/6"}) for index in range(6)]
    said = [done for done in empty if "there is no artifact of shard" in done.log]
    assert [done.code for done in empty] == [0] * 6
    assert len(said) == 5
    github = run_step("github", box, ASKED | {"artifact": "nothing*", "on-missing": "skip"})
    assert (github.code, "Done: " in github.out) == (0, True)


def test_duplicate_names_are_reported(run_step: RunStep, box: Sandbox) -> None:
    """A name that is given twice is dropped with a notice, as a label is."""
    done = run_step("github", box, ASKED | {"artifact": "resnet50, resnet50"})
    assert (done.code, done.outputs["matched-count"]) == (0, "1")
    assert "`artifact` item 2 is dropped: 'resnet50' is there already" in done.log


@pytest.mark.parametrize(
    ("ci", "spelt"),
    [("github", "`on-missing: skip`"), ("harness", "`on_missing: skip`"), ("terminal", "`--on-missing skip`")],
)
def test_fixed_texts_are_in_the_readers_spelling(run_step: RunStep, box: Sandbox, ci: str, spelt: str) -> None:
    """The way out names inputs as the reader's CI writes them."""
    done = run_step(ci, box, ASKED | {"artifact": "nope"})
    assert (done.code, done.errors) == (4, ["HAR-ARTIFACT-NOT-FOUND"])
    assert spelt in done.err


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("resnet50:v2", "resnet50"),
        ("trainer@sha256:0123abcd", "trainer"),
        ("trainer@sha256:…", "trainer"),
        ("trainer:1.0@sha256:0123abcd", "trainer"),
        ("team/trainer:1.0", "team/trainer"),
        ("host/acct/reg/trainer:1.0", "trainer"),
        ("pkg.harness.io/acct/reg/trainer:1.0", "trainer"),
        ("pkg.harness.io/acct/reg/team/trainer@sha256:0123abcd", "team/trainer"),
        ("localhost:5000/acct/reg/trainer", "trainer"),
        ("pkg.harness.io/ACME/ml/models/trainer:1", "trainer"),
        ("acme/models/trainer:1", "trainer"),
        ("acme/ml/models/trainer", "trainer"),
        ("@team/leftpad@1.0.0", "@team/leftpad"),
        ("com.acme:app:1.0", "com.acme:app"),
    ],
)
def test_a_version_is_not_part_of_an_artifacts_name(run_step: RunStep, box: Sandbox, written: str, meant: str) -> None:
    """For an image's tag, digest or whole address, the error suggests the plain artifact name."""
    done = run_step("github", box, ASKED | {"artifact": written})
    assert (done.code, done.errors) == (4, ["HAR-ARTIFACT-NOT-FOUND"])
    assert done.stable_lines[0][2] == f"Labels belong to an artifact, not to its versions: write {meant}."


def test_what_the_user_wrote_is_not_respelt(run_step: RunStep, box: Sandbox) -> None:
    """A label that reads like an input is shown as it was given, also where the way out quotes it."""
    done = run_step("terminal", box, ASKED | {"labels": "[a`on-missing: skip`b"})
    assert (done.code, "--on-missing skip" in done.err) == (2, False)
    assert "a`on-missing: skip`b" in done.stable_lines[0][2]


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
@pytest.mark.parametrize("content", ['{"a": 1', "<testsuite/>", None])
def test_an_unreadable_metrics_file_is_one_error(
    run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str, content: str | None
) -> None:
    """With an unreadable metrics file, expressions that read `metrics` in any form are not evaluated."""
    path = tmp_path / "m.json"
    if content:
        path.write_text(content)
    reading = {
        "labels": "a={{ metrics.a }}\nb={{ metrics['val/b'] }}\nc={{ metrics[0] }}",
        "require": "metrics['val/b'] > 0.9\nmetrics.a > 1\n'x' in metrics",
    }
    done = run_step(ci, box, ASKED | reading | {"metrics-file": str(path)})
    assert (done.code, done.errors, box.requests) == (2, ["HAR-METRICS"], [])
    manifest = tmp_path / "labels.json"
    lists = {name: text.split("\n") for name, text in reading.items()}
    entry = {"registry-ref": MODELS, "mode": "add", "metrics-file": [str(path)], **lists}
    manifest.write_text(json.dumps({"version": 1, "changes": [{**entry, "artifact": "resnet50"}]}))
    done = run_step(ci, box, {"manifest": str(manifest)})
    assert (done.code, done.errors, box.requests) == (2, ["HAR-METRICS"], [])


def test_metrics_from_standard_input(sandbox: Sandbox, box: Sandbox, run_step: RunStep) -> None:
    """The command in a shell reads `-` from its standard input, on a CI's runner too; a CI's own step has none."""
    inputs = ASKED | {"labels": "a={{ metrics.a }}", "metrics-file": "-"}
    for ci, words in (("terminal", ["--json"]), ("github", ["--metrics-file", "-"])):
        given = {name: value for name, value in inputs.items() if ci == "terminal" or name != "metrics-file"}
        variables = run_step.variables(ci, run_step.new_folder(), sandbox, given, {})
        ran = subprocess.run(
            entrypoint(*words), env=variables, input=b'{"a": 0.5}', capture_output=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert "a=0.5" in sandbox.labels(MODELS, "resnet50")
        sandbox.put_labels(MODELS, "resnet50", ["old"])
    for ci in ("github", "harness"):
        done = run_step(ci, sandbox, inputs, as_process=True)
        assert (done.code, done.errors) == (2, ["HAR-METRICS"])
        assert "standard input can't be read here" in done.err
    closed = run_step("terminal", sandbox, inputs, as_process=True)
    assert "standard input must hold metrics, and it is empty" in closed.err
