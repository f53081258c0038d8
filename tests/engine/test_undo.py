"""`undo` reverts exactly the writes in a report, with the checks of `apply-plan` (contract §5 point 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from canary import KEY
from ci.steps import CIS, Done, spelling
from conftest import MODELS, MakeSandbox, RunStep, Watch
from har_sandbox import Fault, Request, Sandbox

NAMES = ("a", "b", "c")
BEFORE = ["old", "stage=dev"]
AFTER = ["old", "stage=prod"]
PROMOTE = {"registry-ref": MODELS, "artifact": "*", "mode": "upsert", "labels": "stage=prod"}
Wrote = Callable[..., Path]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """Three artifacts with the same labels."""
    for name in NAMES:
        sandbox.add_artifact(MODELS, name, package_type="DOCKER", labels=BEFORE)
    return sandbox


@pytest.fixture
def wrote(run_step: RunStep, box: Sandbox, tmp_path: Path) -> Wrote:
    """Runs a step that changes something, and gives the path of its report."""

    def run(ci: str = "github", *, code: int = 0, name: str = "report.json", **inputs: str) -> Path:
        given = PROMOTE | {key.replace("_", "-"): text for key, text in inputs.items()}
        done = run_step(ci, box, {**given, "report-file": str(tmp_path / name)})
        assert done.code == code, done.err
        return tmp_path / name

    return run


@dataclass
class Undo:
    """Undoes the run of a report; `requests` are those that the last undo sent."""

    run_step: RunStep
    box: Sandbox
    before: int = 0

    def __call__(self, path: Path, ci: str = "github", **inputs: str) -> Done:
        self.before = len(self.box.requests)
        given = {"undo": str(path)} | {key.replace("_", "-"): text for key, text in inputs.items()}
        return self.run_step(ci, self.box, given)

    @property
    def requests(self) -> Sequence[Request]:
        return self.box.requests[self.before :]

    @property
    def puts(self) -> list[str]:
        return [request.path for request in self.requests if request.method == "PUT"]


@pytest.fixture
def undo(run_step: RunStep, box: Sandbox) -> Undo:
    """Undoes the runs of reports."""
    return Undo(run_step, box)


def labels(box: Sandbox) -> list[list[str]]:
    return [box.labels(MODELS, name) or [] for name in NAMES]


def rows(path: Path) -> dict[str, dict[str, Any]]:
    return {row["artifact"]: row for row in json.loads(path.read_text("utf-8"))["results"]}


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Writes a report anew, as an editor or another job would."""
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document, indent=1), "utf-8")


# --- the record -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ci", "environ", "told"),
    [
        (
            "github",
            {"GITHUB_RUN_ATTEMPT": "2"},
            ("octocat", "https://github.com/acme/vision/actions/runs/42", "0123456789abcdef", "2"),
        ),
        (
            "harness",
            {"HARNESS_USER_ID": "ana", "DRONE_BUILD_LINK": "https://app.harness.io/x/7"},
            ("ana", "https://app.harness.io/x/7", "0123456789abcdef", ""),
        ),
        ("terminal", {}, ("", "", "", "")),
    ],
)
def test_who_and_when(
    run_step: RunStep, box: Sandbox, tmp_path: Path, ci: str, environ: dict[str, str], told: tuple[str, ...]
) -> None:
    """Report and plan header have actor, times, address and versions of the run; the summary has actor and time."""
    report, plan = tmp_path / "report.json", tmp_path / "labels.plan"
    summary = tmp_path / "summary.md"
    asked = {**PROMOTE, "save-plan": str(plan), "report-file": str(report), "summary-file": str(summary)}
    assert run_step(ci, box, asked, environ=environ).code == 0
    for record in (json.loads(report.read_text()), json.loads(plan.read_text().splitlines()[0])):
        assert tuple(record[name] for name in ("actor", "run_url", "sha", "attempt")) == told
        assert record["api_url"] == box.api_url
        assert record["started_at"] <= record["finished_at"]
        assert record["started_at"].endswith("Z")
        assert record["tool_version"]
    started = json.loads(report.read_text())["started_at"]
    assert f"`{started[:10]} {started[11:16]} UTC`" in summary.read_text()
    assert not told[0] or f"by `{told[0]}`" in summary.read_text()


@pytest.mark.parametrize("inputs", [{"mode": "merge"}, {"artifact": "nothing"}, {"dry-run": "true"}])
def test_every_report_has_the_record(run_step: RunStep, box: Sandbox, tmp_path: Path, inputs: dict[str, str]) -> None:
    """So has that of a run whose inputs are wrong, of one that fails, and of a dry run."""
    report = tmp_path / "report.json"
    run_step("github", box, {**PROMOTE, **inputs, "report-file": str(report)})
    record = json.loads(report.read_text())
    assert (record["actor"], record["api_url"], record["sha"]) == ("octocat", box.api_url, "0123456789abcdef")
    assert record["started_at"] <= record["finished_at"]


def test_who_is_harmless_text(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Any actor's name is harmless in summary, plan and report, and a key in it is hidden."""
    report, plan = tmp_path / "report.json", tmp_path / "labels.plan"
    hostile = "<b>`|\u202e\x1b[31m\n::error::##[x]"
    environ = {"GITHUB_ACTOR": hostile, "GITHUB_SHA": f"x{KEY}"}
    done = run_step("github", box, {**PROMOTE, "save-plan": str(plan), "report-file": str(report)}, environ=environ)
    assert done.code == 0
    for text in (done.summary, report.read_text("utf-8"), plan.read_text("utf-8")):
        assert not set(text) & {"\u202e", "\x1b"}
    assert json.loads(report.read_text("utf-8"))["actor"] == hostile
    assert json.loads(plan.read_text("utf-8").splitlines()[0])["actor"] == hostile
    assert json.loads(plan.read_text("utf-8").splitlines()[0])["sha"] == "***"


# --- what was written -----------------------------------------------------------------------------------------


def test_what_our_writes_did(wrote: Wrote) -> None:
    """Each row has the labels that our PUT added and removed; an unchanged artifact has none."""
    first, second = rows(wrote()), rows(wrote())
    assert (first["a"]["wrote_added"], first["a"]["wrote_removed"]) == (["stage=prod"], ["stage=dev"])
    assert (second["a"]["status"], second["a"]["wrote_added"], second["a"]["wrote_removed"]) == ("unchanged", [], [])


def test_a_dry_run_has_written_nothing(wrote: Wrote) -> None:
    """In a dry run, new labels are in `added` and not in `wrote_added`."""
    row = rows(wrote(dry_run="true"))["a"]
    assert (row["added"], row["wrote_added"], row["wrote_removed"]) == (["stage=prod"], [], [])


def test_labels_that_came_in_between_are_not_ours(run_step: RunStep, undo: Undo, box: Sandbox, tmp_path: Path) -> None:
    """A label that another client adds after our first read is in `after` but not in our writes: an undo keeps it."""
    report = tmp_path / "report.json"
    written: list[Request] = []

    @box.before
    def write_back(request: Request) -> None:
        """At our first read: from the labels before our write."""
        if request.method == "PUT":
            written.append(request)
        elif len(written) == 1:
            written.append(request)
            box.put_labels(MODELS, "a", [*BEFORE, "theirs"])

    assert run_step("github", box, {**PROMOTE, "artifact": "a", "report-file": str(report)}).code == 0
    row = rows(report)["a"]
    assert (row["before"], row["after"]) == (BEFORE, [*AFTER, "theirs"])
    assert (row["added"], row["wrote_added"]) == (["stage=prod", "theirs"], ["stage=prod"])
    assert undo(report).code == 0
    assert box.labels(MODELS, "a") == [*BEFORE, "theirs"]


def test_a_rollback_leaves_nothing_of_ours(wrote: Wrote, box: Sandbox) -> None:
    """What was written and taken back again is nothing that was written."""
    box.script([Fault("400", method="PUT", artifact="c")])
    row = rows(wrote(code=6, on_failure="rollback", concurrency="1"))["a"]
    assert (row["status"], row["wrote_added"], row["wrote_removed"]) == ("rolled-back", [], [])


def test_a_write_in_doubt_is_not_known(wrote: Wrote, box: Sandbox) -> None:
    """After an unknown outcome `wrote_added` is null, not empty."""
    box.script([Fault("latency", method="PUT", delay=30, times=9)])
    row = rows(wrote(code=7, artifact="a", deadline="1", timeout="30"))["a"]
    assert (row["status"], row["wrote_added"], row["wrote_removed"]) == ("failed", None, None)


# --- the undo -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ci", CIS)
def test_a_run_is_taken_back(wrote: Wrote, undo: Undo, box: Sandbox, tmp_path: Path, ci: str) -> None:
    """All is as before; run twice the second finds it done and writes nothing; its own report undoes the undo."""
    report, redo = wrote(ci), tmp_path / "undo.json"
    assert labels(box) == [AFTER] * 3
    done = undo(report, ci, report_file=str(redo))
    assert (done.code, labels(box), done.outputs["changed-count"]) == (0, [BEFORE] * 3, "3")
    again = undo(report, ci)
    assert (again.code, again.outputs["unchanged-count"], undo.puts) == (0, "3", [])
    assert json.loads(redo.read_text("utf-8"))["run"]["mode"] == "undo"
    assert undo(redo, ci).code == 0
    assert labels(box) == [AFTER] * 3


def test_a_notice_names_the_run(wrote: Wrote, undo: Undo) -> None:
    """A notice has actor, time and address of that run; mode and summary show that this run is an undo."""
    report = wrote()
    done = undo(report)
    started = json.loads(report.read_text())["started_at"]
    assert f"undo of the run of {started} by octocat at https://github.com/acme/vision/actions/runs/42" in done.log
    assert "`undo` in `acme/ml/models/+`" in done.summary


def test_a_dry_run_of_an_undo(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """A dry run shows the reverted labels, and writes nothing."""
    done = undo(wrote(), dry_run="true")
    assert (done.code, done.outputs["status"], done.outputs["changed-count"], undo.puts) == (0, "PLANNED", "3", [])
    assert labels(box) == [AFTER] * 3


@pytest.mark.parametrize("ci", CIS)
def test_what_changed_since_stops_all(wrote: Wrote, undo: Undo, box: Sandbox, ci: str) -> None:
    """If one artifact has other labels than the run left, nothing is written: exit 5 with both lists."""
    report = wrote()
    box.put_labels(MODELS, "b", [*AFTER, "theirs"])
    done = undo(report, ci)
    assert (done.code, done.errors, undo.puts) == (5, ["HAR-PLAN-STALE"], [])
    assert "['old', 'stage=prod'], and now there is ['old', 'stage=prod', 'theirs']" in done.err
    assert "take its row out of the report" in done.err


def test_an_artifact_that_is_gone_stops_all(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """If an artifact is gone, nothing is written, and the error names it with the next step: exit 4."""
    report = wrote()

    def rename(document: dict[str, Any]) -> None:
        document["results"][1]["artifact"] = "gone"

    edit(report, rename)
    done = undo(report)
    assert (done.code, done.errors, undo.puts) == (4, ["HAR-ARTIFACT-NOT-FOUND"], [])
    assert "take its row out of the report" in done.err


def test_one_that_changes_before_its_write(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """Each is read once more before its write: one that changes in between fails alone, the others are taken back."""
    report = wrote()
    left = iter([True])

    def change(request: Request) -> None:
        if request.method == "PUT" and next(left, False):
            box.put_labels(MODELS, "c", ["theirs"])

    box.after(change)
    done = undo(report, concurrency="1")
    assert (done.code, done.errors) == (11, ["HAR-PLAN-STALE"])
    assert labels(box) == [BEFORE, BEFORE, ["theirs"]]


def test_an_undo_that_was_cut_short_is_finished(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """What is taken back already is unchanged, the rest is written: the same file again finishes the job."""
    report = wrote()
    box.script([Fault("400", method="PUT", artifact="b")])
    assert undo(report, concurrency="1").code == 11
    done = undo(report)
    assert (done.code, done.outputs["changed-count"], labels(box)) == (0, "1", [BEFORE] * 3)


def test_an_undo_may_roll_back(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """`on-failure: rollback` takes back an undo that fails on the way."""
    report = wrote()
    box.script([Fault("400", method="PUT", artifact="c")])
    done = undo(report, concurrency="1", on_failure="rollback")
    assert (done.code, labels(box)) == (6, [AFTER] * 3)


def test_another_server(wrote: Wrote, run_step: RunStep, make_sandbox: MakeSandbox) -> None:
    """A report of a run on another server is refused before any request."""
    other = make_sandbox()
    report = wrote()
    done = run_step("github", other, {"undo": str(report)})
    assert (done.code, done.errors, other.requests) == (2, ["HAR-REPORT-FILE"], [])
    assert other.api_url in done.err


# --- rows that are not taken back -----------------------------------------------------------------------------


def test_what_is_not_known_cannot_be_put_back(run_step: RunStep, undo: Undo, box: Sandbox, tmp_path: Path) -> None:
    """A row whose `before` is unknown is named with the way out; exit 2 before any request, however many others there are."""
    report = tmp_path / "report.json"
    box.script([Fault("400", method="GET", times=9)])
    asked = {"registry-ref": MODELS, "artifact": "a, b", "mode": "clear", "report-file": str(report)}
    assert run_step("github", box, asked).code == 0
    assert rows(report)["a"]["before"] is None
    assert (rows(report)["a"]["wrote_added"], rows(report)["a"]["wrote_removed"]) == (None, None)
    done = undo(report)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-REPORT-FILE"] * 2, [])
    assert "'a' in acme/ml/models/+ can't be undone" in done.err
    assert "'b' in acme/ml/models/+ can't be undone" in done.err

    def without(document: dict[str, Any]) -> None:
        document["results"] = [row for row in document["results"] if row["before"] is not None]
        document["counts"]["matched"] = len(document["results"])

    edit(report, without)
    assert undo(report).code == 0


def test_what_a_later_writer_set_is_left(run_step: RunStep, undo: Undo, box: Sandbox, tmp_path: Path) -> None:
    """A superseded row is left with a notice; the others are taken back."""
    report = tmp_path / "report.json"
    left = iter([True])

    def supersede(request: Request) -> None:
        if request.method == "PUT" and next(left, False):
            box.put_labels(MODELS, "a", ["old", "stage=theirs"])

    box.after(supersede)
    assert run_step("github", box, {**PROMOTE, "concurrency": "1", "report-file": str(report)}).code == 0
    assert rows(report)["a"]["status"] == "superseded"
    done = undo(report)
    assert (done.code, labels(box)) == (0, [["old", "stage=theirs"], BEFORE, BEFORE])
    assert "a later writer had set something else: 'a' in acme/ml/models/+" in done.log


def test_a_report_of_a_failed_run(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """The writes are reverted; a failed artifact that was certainly not written is ignored."""
    box.script([Fault("400", method="PUT", artifact="b")])
    report = wrote(code=11)
    assert labels(box) == [AFTER, BEFORE, AFTER]
    done = undo(report)
    assert (done.code, labels(box), len(undo.puts)) == (0, [BEFORE] * 3, 2)
    assert "not certain" not in done.log


def test_a_failure_that_may_have_written(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """A warning names each failed artifact whose writes are unknown."""
    box.script([Fault("latency", method="PUT", delay=30, times=9)])
    report = wrote(code=7, artifact="a", deadline="1", timeout="30")
    done = undo(report)
    assert done.code == 0
    assert "its writes are not certain; check by hand: 'a' in acme/ml/models/+" in done.log
    assert "it wrote nothing" not in done.log  # which nobody knows
    assert "none of its writes is certain to be there still, so there is nothing to undo" in done.log


@pytest.mark.parametrize(
    ("inputs", "code", "why"),
    [
        ({"dry_run": "true"}, 0, "a dry run writes nothing"),
        ({"labels": "stage=dev"}, 0, "it wrote nothing"),
        ({"artifact": "nothing*"}, 4, "it wrote nothing"),
        ({"mode": "merge"}, 2, "it wrote nothing"),
    ],
)
def test_a_run_that_wrote_nothing(
    wrote: Wrote, undo: Undo, box: Sandbox, inputs: dict[str, str], code: int, why: str
) -> None:
    """A dry run's report, one of a run that changed nothing or that failed: a notice, no request, exit 0."""
    done = undo(wrote(code=code, **inputs))
    assert (done.code, done.outputs["matched-count"], undo.requests) == (0, "0", [])
    assert f"{why}, so there is nothing to undo" in done.log


# --- hostile, edited and cut reports --------------------------------------------------------------------------


def _set(key: str, value: Any, row: int = 1) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["results"][row][key] = value

    return change


def _top(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document[key] = value

    return change


def _twice(document: dict[str, Any]) -> None:
    document["results"][1] = document["results"][0]


def _without(document: dict[str, Any]) -> None:
    del document["results"][1]


EDITED: Mapping[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another version": (_top("version", 2), "is not a report of version 1"),
    "true for a version": (_top("version", True), "is not a report of version 1"),
    "no results": (_top("results", None), "has no list `results`"),
    "another server": (_top("api_url", "https://evil.example/har/api/v1"), "is of a run on 'https://evil.example"),
    "a server that is no text": (_top("api_url", ["x"]), "is of a run on"),
    "no counts": (_top("counts", 7), "has 3 results, and its `counts.matched` is null"),
    "a row less": (_without, "has 2 results, and its `counts.matched` is 3"),
    "a row twice": (_twice, "occurs twice"),
    "a row of another kind": (lambda document: document["results"].append(7), "row 4: it is not a JSON object"),
    "another status": (_set("status", "done"), "row 2"),
    "a registry that leads elsewhere": (_set("registry_ref", "acme/../x/+"), "row 2"),
    "a registry of one part": (_set("registry_ref", "acme"), "row 2"),
    "an artifact that leads elsewhere": (_set("artifact", "../../b"), "row 2"),
    "no artifact": (_set("artifact", ""), "row 2"),
    "a number for an artifact": (_set("artifact", 7), "`artifact` is not a text"),
    "another type": (_set("artifact_type", "image&x=1"), "`artifact_type` is"),
    "labels as a text": (_set("after", "old"), "`after` is not a list of labels"),
    "numbers for labels": (_set("wrote_removed", [1]), "`wrote_removed` is not a list of labels"),
    "nothing for what was written": (_set("wrote_added", None), "can't be undone"),
    "in both": (_set("wrote_removed", ["stage=prod"]), "is in `wrote_added` and in `wrote_removed`"),
    "an empty label": (_set("wrote_removed", [""]), "it is empty"),
    "a label that the server splits": (_set("wrote_removed", ["n^_x"]), "`^_`"),
    "a label with a control character": (_set("wrote_removed", ["bell\x07"]), "U+0007"),
    "a label with a line's end": (_set("wrote_removed", ["x\u2028y"]), "U+2028"),
    "a turned label": (_set("wrote_removed", ["\u202ex"]), "U+202E"),
    "a blank": (_set("wrote_removed", [" x"]), "blank at its start or end"),
    "a long label": (_set("wrote_removed", ["x" * 4097]), "4,097 characters"),
    "half a pair": (_set("wrote_removed", ["\ud800"]), "surrogate"),
    "what stood for a key": (_set("wrote_removed", ["token ***"]), "it contained a key where it has `***`"),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITED)
def test_an_edited_report(wrote: Wrote, undo: Undo, box: Sandbox, case: str) -> None:
    """What no run wrote, or no input may write, is refused before any request, with file, row and reason: exit 2."""
    change, why = EDITED[case]
    report = wrote()
    edit(report, change)
    done = undo(report)
    assert (done.code, set(done.errors), undo.requests) == (2, {"HAR-REPORT-FILE"}, [])
    assert why in done.err
    assert repr(str(report)) in done.err
    assert not set(done.log) & {"\u202e", "\x07", "\u2028"}


@pytest.mark.parametrize("ci", CIS)
def test_all_wrong_rows_at_once(wrote: Wrote, undo: Undo, box: Sandbox, ci: str) -> None:
    """Three labels that can't be put back are three errors."""
    report = wrote()
    edit(report, lambda document: [_set("wrote_removed", [f" {row}"], row)(document) for row in range(3)])
    done = undo(report, ci)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-REPORT-FILE"] * 3, [])


def test_what_is_there_already_may_be_odd(undo: Undo, run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Only restored labels are validated; a label that is kept may be invalid."""
    report = tmp_path / "report.json"
    box.put_labels(MODELS, "a", [" odd", "stage=dev"])
    assert run_step("github", box, {**PROMOTE, "artifact": "a", "report-file": str(report)}).code == 0
    assert undo(report).code == 0
    assert box.labels(MODELS, "a") == [" odd", "stage=dev"]


def _cut(share: float) -> Callable[[str], str]:
    return lambda text: text[: int(len(text) * share)]


CUT: Mapping[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "no JSON": lambda _: "stage=prod\n",
    "a list": lambda _: "[]",
    "another tool's": lambda _: '{"version": 1, "results": []}',
    "a plan": lambda _: '{"har_labels_plan": 1, "api_url": "x", "steps": 0}\n',
    "the head alone": lambda text: text.partition("\n")[0],
    "the head and its end": lambda text: text.partition("\n")[0] + "\n",
    "half of it": _cut(0.5),
    "a third of it": _cut(1 / 3),
    "its end": lambda text: text.rstrip().removesuffix("]}"),
    "its last row": lambda text: "\n".join(text.splitlines()[:-2]) + "\n]}\n",
    "its first row": lambda text: "\n".join([text.splitlines()[0], *text.splitlines()[2:]]),
    "its commas": lambda text: text.replace("},\n", "}\n"),
    "a comma more": lambda text: text.replace("}\n]}", "},\n]}"),
    "more behind it": lambda text: f"{text}{{}}",
    "two of it": lambda text: text + text,
    "a key twice": lambda text: text.replace('"version":1', '"version":1,"api_url":"x"'),
    "a key of a row twice": lambda text: text.replace('"artifact":"b"', '"artifact":"b","artifact":"c"'),
    "NaN": lambda text: text.replace('"version":1', '"version":NaN'),
    "deep": lambda _: "[" * 100_000,
    "a deep row": lambda text: text.replace('"error":null', f'"error":{"[" * 100_000}', 1),
    "a long number": lambda text: text.replace('"attempts":1', f'"attempts":{"9" * 5000}', 1),
}


@pytest.mark.parametrize("case", CUT)
def test_a_report_that_was_cut(wrote: Wrote, undo: Undo, box: Sandbox, case: str) -> None:
    """An incomplete report is refused before any request, and never read as a smaller one."""
    report = wrote()
    report.write_text(CUT[case](report.read_text("utf-8")), "utf-8")
    done = undo(report)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-REPORT-FILE"], []), done.err


def test_a_plan_and_a_report_are_distinguished(
    wrote: Wrote, undo: Undo, run_step: RunStep, box: Sandbox, tmp_path: Path
) -> None:
    """A plan in `undo` and a report in `apply-plan` are recognized, and the error names the right input."""
    report, plan = wrote(), tmp_path / "plan.jsonl"
    plan.write_text('{"har_labels_plan":1,"api_url":"x","steps":0}\n')
    for text in (report.read_text("utf-8"), json.dumps(json.loads(report.read_text("utf-8")), indent=2)):
        report.write_text(text, "utf-8")
        done = run_step("github", box, {"apply-plan": str(report)})
        assert (done.code, done.errors) == (2, ["HAR-PLAN-FILE"])
        assert f"{str(report)!r} is the report of a run, not a plan" in done.err
        assert "`undo` takes a report" in done.err
    done = undo(plan)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-REPORT-FILE"], [])
    assert f"{str(plan)!r} is a plan, not the report of a run" in done.err
    assert "`apply-plan` takes a plan" in done.err


def test_a_plan_that_was_laid_out_anew_is_not_taken_for_a_report(
    run_step: RunStep, box: Sandbox, tmp_path: Path
) -> None:
    """What is wrong with it is its line, not its kind."""
    plan = tmp_path / "plan.jsonl"
    head = {"har_labels_plan": 1, "tool_version": "1", "api_url": box.api_url, "steps": 0}
    plan.write_text(json.dumps(head, indent=1), "utf-8")
    done = run_step("github", box, {"apply-plan": str(plan)})
    assert (done.code, done.errors) == (2, ["HAR-PLAN-FILE"])
    assert f"{str(plan)!r}, line 1: it is not a JSON object" in done.err


@pytest.mark.parametrize(
    "written",
    [
        lambda text: json.dumps(json.loads(text)),
        lambda text: json.dumps(json.loads(text), indent=2, sort_keys=True),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip(),
    ],
)
def test_another_layout(wrote: Wrote, undo: Undo, box: Sandbox, written: Callable[[str], str]) -> None:
    """A report that jq, Windows or an editor laid out anew is the same report."""
    report = wrote()
    report.write_bytes(written(report.read_text("utf-8")).encode())
    assert undo(report).code == 0
    assert labels(box) == [BEFORE] * 3


def test_too_large(wrote: Wrote, undo: Undo, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the limit is refused; so is one in another layout above its own."""
    report = wrote()
    monkeypatch.setattr("har_labels.request.report_file.LARGEST_REPORT_FILE", 1024)
    done = undo(report)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-INPUT"], [])
    monkeypatch.undo()
    edit(report, lambda _: None)
    monkeypatch.setattr("har_labels.request.report_file.LARGEST_REFORMATTED", 1024)
    done = undo(report)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-REPORT-FILE"], [])


@pytest.mark.parametrize("ci", CIS)
def test_no_such_file(undo: Undo, box: Sandbox, ci: str) -> None:
    """A report that is not there is an error that names the input as that CI spells it."""
    done = undo(Path("nope.json"), ci)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-INPUT"], [])
    assert f"`{spelling(ci, 'undo')}` names 'nope.json', which can't be read" in done.err


def test_it_would_be_written_over(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """`report-file` of an undo may not be the report that it reads."""
    report = wrote()
    before = report.read_bytes()
    done = undo(report, report_file=str(report))
    assert (done.code, undo.requests, report.read_bytes()) == (2, [], before)
    assert "name the same file" in done.err


def test_a_wrong_value_hides_no_wrong_report(undo: Undo, tmp_path: Path) -> None:
    """Errors of the report are reported together with errors of other inputs."""
    report = tmp_path / "report.json"
    report.write_text("{}")
    done = undo(report, timeout="0")
    assert (done.code, done.errors) == (2, ["HAR-INPUT", "HAR-REPORT-FILE"])


def test_hostile_words(wrote: Wrote, undo: Undo, box: Sandbox) -> None:
    """Any texts for actor and time in the report are shown harmless and truncated."""
    report = wrote()

    def change(document: dict[str, Any]) -> None:
        document["actor"] = "::error::x\n##[y]\x1b[31m\u202e" + "z" * 5000
        document["run_url"] = {"not": "a text"}

    edit(report, change)
    done = undo(report)
    assert (done.code, labels(box)) == (0, [BEFORE] * 3)
    assert not set(done.log) & {"\x1b", "\u202e"}
    assert "z" * 300 not in done.log
    assert not [line for line in done.log.splitlines() if line.startswith(("::error", "##["))]


def test_the_key_in_a_report(wrote: Wrote, undo: Undo, box: Sandbox, watch: Watch) -> None:
    """A label that holds the key is refused before any request, and not shown."""
    report = wrote()
    watch.may_hold_key.add(report)
    edit(report, _set("wrote_removed", [f"token {KEY}"]))
    done = undo(report)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-REPORT-FILE"], [])
    assert "row 2: a label contains the key" in done.err


def test_a_label_with_the_key_is_not_put_back(run_step: RunStep, undo: Undo, box: Sandbox, tmp_path: Path) -> None:
    """A report has `***` for the key: a label is never put back in that form."""
    report = tmp_path / "report.json"
    box.put_labels(MODELS, "a", [f"token {KEY}"])
    asked = {"registry-ref": MODELS, "artifact": "a", "mode": "clear", "report-file": str(report)}
    assert run_step("github", box, asked).code == 0
    assert rows(report)["a"]["wrote_removed"] == ["token ***"]
    done = undo(report)
    assert (done.code, done.errors, undo.requests) == (2, ["HAR-REPORT-FILE"], [])


# --- the exit codes -------------------------------------------------------------------------------------------


def _fail(kind: str, method: str) -> Callable[[Sandbox], None]:
    return lambda box: box.script([Fault(kind, method=method, times=99)])


ENDS: Mapping[str, tuple[Callable[[Sandbox], object], dict[str, str], int]] = {
    "done": (lambda _: None, {}, 0),
    "a wrong input": (lambda _: None, {"concurrency": "0"}, 2),
    "no right to read": (_fail("401", "GET"), {}, 3),
    "no right to write": (_fail("403", "PUT"), {}, 3),
    "gone": (lambda box: box.delete_artifact(MODELS, "a"), {}, 4),
    "changed": (lambda box: box.put_labels(MODELS, "a", []), {}, 5),
    "conflict": (_fail("409", "PUT"), {}, 5),
    "refused": (_fail("400", "PUT"), {}, 6),
    "failing": (_fail("503", "PUT"), {"retries": "1"}, 6),
    "out of reach": (_fail("cut", "GET"), {"retries": "1"}, 7),
    "no time": (lambda _: None, {"requests-per-minute": "1", "deadline": "0.001"}, 7),
    "one failed": (lambda box: box.script([Fault("400", method="PUT", artifact="b")]), {}, 11),
}


@pytest.mark.parametrize("ci", ["github", "harness"])
@pytest.mark.parametrize("case", ENDS)
def test_exit_codes(wrote: Wrote, undo: Undo, box: Sandbox, tmp_path: Path, case: str, ci: str) -> None:
    """An undo ends like every run, with the same code on both CIs, and always with a report of its own."""
    prepare, inputs, code = ENDS[case]
    report, own = wrote(ci), tmp_path / "undo.json"
    prepare(box)
    done = undo(report, ci, report_file=str(own), **{name.replace("-", "_"): text for name, text in inputs.items()})
    assert (done.code, done.outputs["exit-code"]) == (code, str(code))
    assert json.loads(own.read_text("utf-8"))["exit_code"] == code
