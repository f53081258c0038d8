"""Harness's files, read back by models of all generations of its reader."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.godotenv_model import RejectedError, key_value, read_by_harness, v2, v3, v4
from har_labels.errors import (
    Defect,
    Forbidden,
    HarLabelsError,
    InputError,
    PastDeadline,
    PlanStale,
    RegistryNotFound,
    Unauthorized,
    Unreachable,
)  # fmt: skip
from har_labels.platforms import detect
from har_labels.platforms.dotenv import LONGEST_LINE
from har_labels.platforms.harness import Harness
from har_labels.platforms.harness_annotation import LARGEST_ANNOTATIONS_FILE, MOST_ANNOTATIONS
from har_labels.platforms.platform import Platform
from har_labels.report.outputs import json_text
from hostile_text import encodable_texts, hostile_texts

READERS = (v2, v3, v4)
KEY = "s3cr3t-key-of-the-test"


def harness(environ: dict[str, str]) -> tuple[Platform, io.StringIO, io.StringIO]:
    """The platform and what it prints on either stream, at a fixed time."""
    out, err = io.StringIO(), io.StringIO()
    return Harness({"DRONE": "true"} | environ, out, err, clock=lambda: 1234.5), out, err


def published(outputs: dict[str, str], before: str = "", name: str = "step-output.env") -> bytes:
    """The output file after one run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        if before:
            path.write_text(before)
        assert harness({"DRONE_OUTPUT": str(path)})[0].publish(outputs, "") == []
        return path.read_bytes()


@settings(max_examples=600, deadline=None)
@given(st.lists(hostile_texts, max_size=4), encodable_texts, st.dictionaries(hostile_texts, hostile_texts, max_size=2))
def test_any_text_is_read_back_by_every_reader(labels: list[str], name: str, labels_map: dict[str, str]) -> None:
    """JSON as equal JSON, other values byte for byte, after what lite-engine does to them."""
    outputs = {
        "labels": json_text(labels),
        "image-name": name,
        "labels-map": json_text(labels_map),
        "status": "SUCCESS",
    }
    content = published(outputs)
    for reader in READERS:
        read = read_by_harness(content, reader)
        assert json.loads(read["LABELS"]) == json.loads(outputs["labels"])
        assert json.loads(read["LABELS_MAP"]) == json.loads(outputs["labels-map"])
        assert (read["IMAGE_NAME"], read["STATUS"]) == (name, "SUCCESS")


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"labels": '["a","b c"]'}, 'LABELS=["a","b c"]\n'),
        (
            {"labels": '["a#b","$X","<+y>","é😀"]'},
            'LABELS=["a\\u0023b","\\u0024X","\\u003c+y>","\\u00e9\\ud83d\\ude00"]\n',
        ),
        ({"status": "SUCCESS", "changed-count": "3", "plan-file": ""}, "STATUS=SUCCESS\nCHANGED_COUNT=3\nPLAN_FILE=\n"),
        ({"image-name": "team/model x"}, "IMAGE_NAME=team/model x\n"),
        ({"image-name": "a#b $HOME é"}, "IMAGE_NAME='a#b $HOME é'\n"),
        ({"image-name": " a "}, "IMAGE_NAME=' a '\n"),
        ({"plan-file": "it's.json"}, "PLAN_FILE=it's.json\n"),
        ({"plan-file": "a'b'c"}, "PLAN_FILE=a'b'c\n"),
        ({"plan-file": "a<b.json"}, "PLAN_FILE=a<b.json\n"),
        ({"plan-file": 'C:\\a "b"$.json'}, 'PLAN_FILE=C:\\a "b"$.json\n'),
        ({"image-name": "it's # $HOME"}, 'IMAGE_NAME="it\'s # \\$HOME"\n'),
        ({"image-name": "it's \\ $HOME"}, "IMAGE_NAME=it's \\ \\$HOME\n"),
        ({"image-name": "a\nb"}, 'IMAGE_NAME="a\\nb"\n'),
        ({"image-name": "a\\\nb"}, "IMAGE_NAME=__B64__YVwKYg==\n"),
        ({"image-name": "<+x>"}, "IMAGE_NAME=__B64__PCt4Pg==\n"),
        ({"image-name": "__B64__YQ=="}, "IMAGE_NAME=__B64__X19CNjRfX1lRPT0=\n"),
        ({"image-name": "#\\"}, "IMAGE_NAME=__B64__I1w=\n"),
    ],
)
def test_each_value_has_the_first_form_that_fits(outputs: dict[str, str], text: str) -> None:
    """As it is, in single quotes, or encoded; JSON with escapes."""
    assert published(outputs).decode() == text


@settings(max_examples=1500, deadline=None)
@given(st.text(st.sampled_from("ab'\"\\$A{(}# \t\n\r\x1b<+é\xa0="), max_size=8) | encodable_texts)
def test_base64_is_only_for_text_that_dotenv_cannot_carry(text: str) -> None:
    """The Docker runner decodes none: if any form is taken for the text by all readers, one of those is written."""
    content = published({"image-name": text}).decode()
    if "<+" in text or text.startswith("__B64__") or not content.startswith("IMAGE_NAME=__B64__"):
        return
    escaped = "".join({"\n": "\\n", "\r": "\\r", '"': '\\"', "$": "\\$"}.get(one, one) for one in text)
    for form in (text, f"'{text}'", f'"{text}"', f'"{escaped}"', text.replace("$", "\\$")):
        assert not all(_reads(reader, form) == {"A": text, "B": "1"} for reader in READERS), form


def _reads(reader: Callable[[str], dict[str, str]], form: str) -> dict[str, str]:
    try:
        return reader(f"A={form}\nB=1\n")
    except RejectedError:
        return {}


@settings(max_examples=300, deadline=None)
@given(st.lists(hostile_texts, max_size=4), encodable_texts)
def test_any_text_of_one_line_is_read_back_by_the_docker_runner(labels: list[str], name: str) -> None:
    """It reads `KEY value` from a file `….out`, and decodes nothing; what it can't carry is empty."""
    outputs = {"labels": json_text(labels), "image-name": name, "status": "SUCCESS", "plan-file": ""}
    read = key_value(published(outputs, name="label.out"))
    is_carried = "\n" not in name and not name.endswith("\r") and "<+" not in name
    assert json.loads(read["LABELS"]) == labels
    assert "<+" not in read["LABELS"]
    assert read == read | {"IMAGE_NAME": name if is_carried else "", "STATUS": "SUCCESS", "PLAN_FILE": ""}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("step.out", 'LABELS ["a b"]\nPLAN_FILE it\'s #1 $X\n'),
        ("STEP.OUT", 'LABELS ["a b"]\nPLAN_FILE it\'s #1 $X\n'),
        (".out", 'LABELS ["a b"]\nPLAN_FILE it\'s #1 $X\n'),
        ("step.env", 'LABELS=["a b"]\nPLAN_FILE="it\'s #1 \\$X"\n'),
        ("step", 'LABELS=["a b"]\nPLAN_FILE="it\'s #1 \\$X"\n'),
        ("out", 'LABELS=["a b"]\nPLAN_FILE="it\'s #1 \\$X"\n'),
        ("step.out.txt", 'LABELS=["a b"]\nPLAN_FILE="it\'s #1 \\$X"\n'),
    ],
)
def test_the_suffix_decides_the_form(name: str, text: str) -> None:
    """As in drone-plugin-lib: `.out` alone, in any case, is `KEY value`; everything else is dotenv."""
    assert published({"labels": '["a b"]', "plan-file": "it's #1 $X"}, name=name).decode() == text


def test_each_output_file_has_its_own_form(tmp_path: Path) -> None:
    """Both variables may be set, to files of two kinds; the same holds for the error's file."""
    spaced, dotenv, failed = tmp_path / "a.out", tmp_path / "b.env", tmp_path / "c.out"
    environ = {
        "DRONE_OUTPUT": str(spaced),
        "HARNESS_OUTPUT_FILE": str(dotenv),
        "ERROR_METADATA_FILE": str(failed),
    }
    platform, _, _ = harness(environ)
    platform.error(InputError("it's #1", "Do."))
    assert platform.publish({"status": "FAILED"}, "") == []
    assert (spaced.read_text(), dotenv.read_text()) == ("STATUS FAILED\n", "STATUS=FAILED\n")
    assert key_value(failed.read_bytes())["ERROR_MESSAGE"] == "it's #1 | Do."


@pytest.mark.parametrize("text", ["a\nb", "a\r", "x <+pipeline.name>"])
def test_what_the_docker_runner_cannot_read_is_left_empty_with_a_notice(tmp_path: Path, text: str) -> None:
    """One output, not all of them, and no warning: there is nothing to mend."""
    path = tmp_path / "label.out"
    platform, _, err = harness({"DRONE_OUTPUT": str(path)})
    assert platform.publish({"image-name": text, "status": "SUCCESS"}, "") == []
    assert key_value(path.read_bytes()) == {"IMAGE_NAME": "", "STATUS": "SUCCESS"}
    assert err.getvalue().startswith("har-labels: notice: the output `image-name` is left empty")
    assert err.getvalue().count("\n") == 1


def test_the_models_reject_the_same_as_their_originals() -> None:
    """Else the property above would prove little."""
    assert v2("A=a#b\n") == {"A": "a"}
    assert v3("A=a#b\n") == v4("A=a#b\n") == {"A": "a#b"}
    assert v2('A="x\\\\y"\n') == v3('A="x\\\\y"\n') == {"A": "x\\y"}
    assert v4('A="x\\\\y"\n') == {"A": "x\\\\y"}
    assert v4("A=1\nB=$A$C\n") == {"A": "1", "B": "1"}
    for reader, text in ((v2, "A\n"), (v2, f"A={'x' * 65_536}\n"), (v4, "A='x\n")):
        with pytest.raises(RejectedError):
            reader(text)


@pytest.mark.parametrize("before", ["MINE=1\n", "MINE=1"])
def test_outputs_of_an_earlier_command_stay(before: str) -> None:
    """The file is appended to, on a new line."""
    for reader in READERS:
        assert reader(published({"status": "SUCCESS"}, before).decode()) == {"MINE": "1", "STATUS": "SUCCESS"}


def test_no_line_is_longer_than_all_readers_take(tmp_path: Path) -> None:
    """What is longer is left empty, with a warning that names it; the rest still goes out."""
    path = tmp_path / "out.env"
    too_long = json.dumps(["é" * 20_000], ensure_ascii=False)
    platform, _, _ = harness({"DRONE_OUTPUT": str(path)})
    [warning] = platform.publish({"results": too_long, "labels": "[]"}, "")
    assert "`results`" in warning
    assert v2(path.read_text()) == {"RESULTS": "", "LABELS": "[]"}
    fits = "[" + " " * (platform.results_limit - 2) + "]"
    assert published({"results": fits}).decode() == f"RESULTS={fits}\n"
    assert len(f"RESULTS={fits}") == LONGEST_LINE
    assert key_value(published({"results": fits}, name="a.out")) == {"RESULTS": fits}


def test_two_names_of_one_file_are_written_once(tmp_path: Path) -> None:
    """Also when one is a link to the other."""
    path, link, other = tmp_path / "a.env", tmp_path / "b.env", tmp_path / "c.env"
    link.symlink_to(path)
    harness({"DRONE_OUTPUT": str(path), "HARNESS_OUTPUT_FILE": str(link)})[0].publish({"status": "SUCCESS"}, "")
    assert path.read_text() == "STATUS=SUCCESS\n"
    harness({"DRONE_OUTPUT": str(path), "HARNESS_OUTPUT_FILE": str(other)})[0].publish({"status": "FAILED"}, "")
    assert path.read_text() == "STATUS=SUCCESS\nSTATUS=FAILED\n"
    assert other.read_text() == "STATUS=FAILED\n"


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    """Each names its variable and path, and nothing is raised."""
    nowhere = str(tmp_path / "no" / "file")
    names = ("DRONE_OUTPUT", "HARNESS_ANNOTATIONS_FILE", "ERROR_METADATA_FILE")
    platform, _, _ = harness(dict.fromkeys(names, nowhere) | {"CI_ENABLE_HARNESS_ANNOTATIONS": "true"})
    platform.error(InputError("x"))
    warnings = platform.publish({"status": "FAILED"}, "summary")
    assert [warning.split(":")[0] for warning in warnings] == [f"can't write {name} ({nowhere})" for name in names]


def test_drone_has_no_output_file_and_gets_no_warning() -> None:
    """There the log is all."""
    platform, out, _ = harness({})
    assert platform.publish({"status": "SUCCESS"}, "**Done:** 1 artifact.\n") == []
    assert out.getvalue() == "**Done:** 1 artifact.\n"


def test_the_key_is_in_no_file(tmp_path: Path) -> None:
    """Not in outputs, annotation or error, in any form."""
    environ = {
        name: str(tmp_path / name) for name in ("DRONE_OUTPUT", "HARNESS_ANNOTATIONS_FILE", "ERROR_METADATA_FILE")
    }
    platform, out, err = harness(environ | {"CI_ENABLE_HARNESS_ANNOTATIONS": "true"})
    platform.mask(KEY)
    platform.error(InputError(f"it's {KEY}"))
    platform.publish({"labels": f'["{KEY}"]', "image-name": f"it's {KEY}"}, f"| {KEY} |")
    files = [path.read_text() for path in tmp_path.iterdir()]
    assert len(files) == 3
    decoded = [str(read_by_harness(files_text.encode(), v4)) for files_text in files if not files_text.startswith("{")]
    assert not any(KEY in text for text in [*files, *decoded, out.getvalue(), err.getvalue()])


IDENTITY = {
    "HARNESS_ACCOUNT_ID": "acc", "HARNESS_ORG_ID": "org", "HARNESS_PROJECT_ID": "proj", "HARNESS_PIPELINE_ID": "pipe",
    "HARNESS_EXECUTION_ID": "exec", "HARNESS_STAGE_ID": "stage", "CI_ENABLE_HARNESS_ANNOTATIONS": "true",
}  # fmt: skip


def annotated(
    path: Path, more: dict[str, str] | None = None, summary: str = "**Done**", status: str = "SUCCESS"
) -> Any:
    """The annotations file after one run."""
    environ = IDENTITY | {"HARNESS_ANNOTATIONS_FILE": str(path)} | (more or {})
    assert harness(environ)[0].publish({"status": status}, summary) == []
    return json.loads(path.read_text())


def test_the_summary_is_an_annotation_where_that_is_on(tmp_path: Path) -> None:
    """With the identifiers that Harness posts it by, and no other file left behind."""
    assert annotated(tmp_path / "a.json") == {
        "accountId": "acc", "orgId": "org", "projectId": "proj", "pipelineId": "pipe", "planExecutionId": "exec",
        "stageExecutionId": "stage",
        "annotations": [{
            "contextId": "har-labels", "mode": "replace", "style": "success", "summary": "**Done**",
            "priority": 5, "timestamp": 1_234_500, "stepId": "",
        }],
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


@pytest.mark.parametrize("flag", ["", "True", "1", "false"])
def test_no_annotation_unless_a_flag_is_exactly_true(tmp_path: Path, flag: str) -> None:
    """Harness compares them so."""
    environ = IDENTITY | {"HARNESS_ANNOTATIONS_FILE": str(tmp_path / "a.json"), "CI_ENABLE_HARNESS_ANNOTATIONS": flag}
    environ["PIPE_HARNESS_ANNOTATIONS"] = flag
    assert harness(environ)[0].publish({}, "s") == []
    assert not (tmp_path / "a.json").exists()


def test_the_pipelines_flag_alone_will_do(tmp_path: Path) -> None:
    """As for Harness's own tool; what then posts the file reads that flag."""
    more = {"CI_ENABLE_HARNESS_ANNOTATIONS": "", "PIPE_HARNESS_ANNOTATIONS": "true"}
    assert len(annotated(tmp_path / "a.json", more)["annotations"]) == 1


@pytest.mark.parametrize(
    ("before", "ids"),
    [
        ({"annotations": []}, ["acc", "org", "proj", "pipe", "exec", "stage"]),
        (
            {"accountId": "", "orgId": None, "projectId": " ", "pipelineId": "theirs"},
            ["acc", "org", "proj", "theirs", "exec", "stage"],
        ),
    ],
)
def test_ids_that_another_tool_left_out_are_filled_in(tmp_path: Path, before: dict[str, Any], ids: list[str]) -> None:
    """Without an account Harness posts nothing of the file; ids that are there stay."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(before))
    document = annotated(path)
    names = ("accountId", "orgId", "projectId", "pipelineId", "planExecutionId", "stageExecutionId")
    assert [document[name] for name in names] == ids
    assert [one["contextId"] for one in document["annotations"]] == ["har-labels"]


@pytest.mark.parametrize(
    "content",
    ['{"annotations": null}', '{"accountId": "acc", "annotations": null}', "{}", "null", " \r\n\t", "\ufeff{}"],
)
def test_no_list_is_an_empty_list(tmp_path: Path, content: str) -> None:
    """Go writes an empty list so; of a file without a word in it there is nothing to keep."""
    path = tmp_path / "a.json"
    path.write_text(content)
    assert len(annotated(path)["annotations"]) == 1


@pytest.mark.parametrize(
    ("status", "style"), [("SUCCESS", "success"), ("PLANNED", "info"), ("PARTIAL", "warning"), ("FAILED", "error")]
)
def test_the_style_follows_the_status(tmp_path: Path, status: str, style: str) -> None:
    """In the words of Harness's source."""
    assert annotated(tmp_path / "a.json", status=status)["annotations"][0]["style"] == style


@pytest.mark.parametrize(
    ("more", "context"),
    [
        ({}, "har-labels"),
        ({"HARNESS_NODE_INDEX": "3"}, "har-labels-3"),
        ({"HARNESS_NODE_INDEX": "<+strategy.iteration>"}, "har-labels"),
        ({"HARNESS_NODE_INDEX": "null", "DRONE_STEP_NAME": "label"}, "har-labels-label"),
        (
            {"HARNESS_NODE_INDEX": "0", "HARNESS_STEP_ID": "label_models", "DRONE_STEP_NAME": "x"},
            "har-labels-label_models-0",
        ),
    ],
)
def test_each_step_and_turn_has_its_own_context(tmp_path: Path, more: dict[str, str], context: str) -> None:
    """Else parallel turns of a loop would replace each other's annotation."""
    assert annotated(tmp_path / "a.json", more)["annotations"][0]["contextId"] == context


def test_annotations_of_others_stay_and_ours_is_replaced(tmp_path: Path) -> None:
    """The file may be shared by the steps of a stage."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"accountId": "acc", "x": 1, "annotations": [{"contextId": "theirs"}]}))
    annotated(path, summary="one")
    document = annotated(path, summary="two")
    assert [note["contextId"] for note in document["annotations"]] == ["theirs", "har-labels"]
    assert (document["x"], document["annotations"][1]["summary"]) == (1, "two")


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"annotations": 3}',
        json.dumps({"annotations": [{}] * MOST_ANNOTATIONS}),
        json.dumps({"x": "y" * LARGEST_ANNOTATIONS_FILE}),
    ],
)
def test_a_file_that_takes_no_more_is_left_alone(tmp_path: Path, content: str) -> None:
    """A warning has the reason; the content of others is kept."""
    path = tmp_path / "a.json"
    path.write_text(content)
    [warning] = harness(IDENTITY | {"HARNESS_ANNOTATIONS_FILE": str(path)})[0].publish({}, "s")
    assert "HARNESS_ANNOTATIONS_FILE" in warning
    assert path.read_text() == content


def test_a_file_that_harness_skips_is_not_read(tmp_path: Path) -> None:
    """However large another tool has made it: the step's memory is its own."""
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.write(b'{"annotations": []}')
        file.truncate(1 << 40)
    [warning] = harness(IDENTITY | {"HARNESS_ANNOTATIONS_FILE": str(path)})[0].publish({}, "s")
    assert f"more than {LARGEST_ANNOTATIONS_FILE:,} bytes" in warning


@pytest.mark.parametrize("start", ["", "x", "xy", "xyz"])
def test_a_large_annotation_is_cut_between_two_characters(tmp_path: Path, start: str) -> None:
    """At 64 KiB, where Harness would cut between two bytes."""
    summary = annotated(tmp_path / "a.json", summary=start + "😀" * 20_000)["annotations"][0]["summary"]
    assert 64 * 1024 - 4 < len(summary.encode()) <= 64 * 1024
    assert summary.strip("xyz😀") == ""


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (InputError("it's `x`"), "CONFIGURATION_FAILURE"),
        (Unauthorized("x"), "AUTHENTICATION_FAILURE"),
        (Forbidden("x"), "AUTHORIZATION_FAILURE"),
        (Unreachable("x"), "CONNECTIVITY_FAILURE"),
        (PastDeadline("x"), "TIMEOUT_FAILURE"),
        (RegistryNotFound("x"), "CONFIGURATION_FAILURE"),
        (PlanStale("x"), "VERIFICATION_FAILURE"),
        (Defect("x"), "APPLICATION_FAILURE"),
        (HarLabelsError("x"), "APPLICATION_FAILURE"),
    ],
)
def test_the_first_error_is_written_as_harness_error_metadata(
    tmp_path: Path, error: HarLabelsError, category: str
) -> None:
    """Only where the variable names a file."""
    path = tmp_path / "error.env"
    platform, _, err = harness({"ERROR_METADATA_FILE": str(path)})
    error = error.spelt(platform.spell)
    platform.error(error)
    platform.error(InputError("another"))
    assert platform.publish({}, "") == []
    for reader in READERS:
        assert read_by_harness(path.read_bytes(), reader) == {
            "ERROR_MESSAGE": f"{error.what} | {error.next_step}",
            "ERROR_CODE": error.code,
            "ERROR_CATEGORY": category,
        }
    assert err.getvalue().count("\n") == 2


def test_detection_gives_the_same_platform() -> None:
    """With the limits of Harness."""
    platform = detect({"DRONE": "true"})
    assert (platform.name, platform.results_limit, platform.summary_limit) == ("harness", 59_992, 65_536)
