"""GitHub's files and commands, read back by a model of its runner."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.runner_model import Command, commands_in, pairs_in
from har_labels.errors import InputError, Refused
from har_labels.platforms import detect
from har_labels.platforms.github import LARGEST_SUMMARY, MOST_ERRORS
from har_labels.platforms.platform import Platform
from har_labels.text import visible
from hostile_text import encodable_texts, hostile_texts

KEY = "s3cr3t-key-of-the-test"
HOSTILE = "x\n::error::y\r##[warning]z \x1b[31m \u202e"


def github(environ: dict[str, str] | None = None) -> tuple[Platform, io.StringIO, io.StringIO]:
    """The platform of an action, all of whose inputs are set, and what it prints on either stream."""
    out, err = io.StringIO(), io.StringIO()
    return detect({"GITHUB_ACTIONS": "true", "INPUT_LABELS": ""} | (environ or {}), out, err), out, err


def published(outputs: dict[str, str], before: bytes = b"") -> dict[str, str]:
    """The outputs as the runner reads them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "output")
        path.write_bytes(before)
        platform, _, _ = github({"GITHUB_OUTPUT": str(path)})
        assert platform.publish(outputs, "") == []
        return pairs_in(path.read_bytes())


@settings(max_examples=600, deadline=None)
@given(st.dictionaries(st.sampled_from(["labels", "image-name", "status", "a"]), encodable_texts))
def test_any_text_is_read_back_from_the_output_file(outputs: dict[str, str]) -> None:
    """Byte for byte, with any marks, equal signs and line ends."""
    assert published(outputs) == outputs


def test_half_a_surrogate_pair_does_not_stop_the_outputs() -> None:
    """UTF-8 can't hold it, so it goes out as its escape."""
    assert published({"image-name": "a\ud800"}) == {"image-name": "a\\ud800"}


@pytest.mark.parametrize("before", [b"", b"mine=1\n", b"mine=1", b"mine<<E\nx\nE"])
def test_outputs_of_an_earlier_command_stay(before: bytes) -> None:
    """The file is appended to, on a new line."""
    assert published({"labels": "[]"}, before)["labels"] == "[]"
    assert len(published({"labels": "[]"}, before)) == 1 + bool(before)


def test_each_run_has_its_own_marks(tmp_path: Path) -> None:
    """Nobody can know one beforehand."""
    path = tmp_path / "output"
    platform, _, _ = github({"GITHUB_OUTPUT": str(path)})
    platform.publish({"a": "1", "b": "2"}, "")
    marks = [line.split("<<")[1] for line in path.read_text().splitlines() if "<<" in line]
    assert len(set(marks)) == 2


def test_a_missing_file_is_made_and_a_missing_folder_is_a_warning(tmp_path: Path) -> None:
    """The toolkit would raise for both; the warning names the variable and the path."""
    made, nowhere = tmp_path / "output", tmp_path / "no" / "output"
    assert github({"GITHUB_OUTPUT": str(made)})[0].publish({"a": "1"}, "") == []
    assert pairs_in(made.read_bytes()) == {"a": "1"}
    environ = {"GITHUB_OUTPUT": str(nowhere), "GITHUB_STEP_SUMMARY": str(tmp_path)}
    warnings = github(environ)[0].publish({"a": "1"}, "summary")
    assert [warning.split(":")[0] for warning in warnings] == [
        f"can't write GITHUB_OUTPUT ({nowhere})",
        f"can't write GITHUB_STEP_SUMMARY ({tmp_path})",
    ]


def test_without_files_nothing_is_printed_in_their_place() -> None:
    """The toolkit would fall back to `::set-output`, which GitHub has deprecated."""
    platform, out, _ = github()
    assert platform.publish({"labels": "[]"}, "summary") == []
    assert out.getvalue() == ""


def test_the_key_is_in_no_output_and_no_summary(tmp_path: Path) -> None:
    """Even if somebody made a label of it; a label of a key's shape stays itself."""
    environ = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    platform, _, _ = github(environ)
    platform.mask(KEY)
    platform.publish({"labels": f'["{KEY}","pat.a.b.c"]'}, f"| `{KEY}` | `pat.a.b.c` |")
    assert pairs_in((tmp_path / "output").read_bytes()) == {"labels": '["***","pat.a.b.c"]'}
    assert (tmp_path / "summary").read_text().strip() == "| `***` | `***` |"


@pytest.mark.parametrize("before", [0, 1000, LARGEST_SUMMARY - 500])
def test_the_summary_stays_below_the_limit_of_github(tmp_path: Path, before: int) -> None:
    """Together with the text of an earlier command; it is cut at a line, with a note."""
    path = tmp_path / "summary"
    path.write_text("é" * (before // 2))
    rows = "".join(f"| `label-{index}` | é |\n" for index in range(100_000))
    assert github({"GITHUB_STEP_SUMMARY": str(path)})[0].publish({}, rows) == []
    text = path.read_text()
    assert 999_000 < path.stat().st_size <= 1_000_000
    assert text.endswith("*Cut here: the summary of a step is kept at 1,000,000 bytes.*\n\n")
    assert all(line.endswith(" |") for line in text.splitlines() if line.startswith("| `label"))


def test_a_summary_without_any_room_is_a_warning(tmp_path: Path) -> None:
    """One byte too many and GitHub shows none of it."""
    path = tmp_path / "summary"
    path.write_bytes(b"x" * LARGEST_SUMMARY)
    [warning] = github({"GITHUB_STEP_SUMMARY": str(path)})[0].publish({}, "| row |\n")
    assert "GITHUB_STEP_SUMMARY" in warning
    assert path.stat().st_size == LARGEST_SUMMARY


def test_masking_precedes_any_other_line() -> None:
    """What is printed after it is masked by the runner too, in all the forms it knows."""
    platform, out, _ = github()
    platform.mask("key with % and\nline")
    assert commands_in(out.getvalue()) == [Command("add-mask", "key with % and\nline")]


@settings(max_examples=400, deadline=None)
@given(hostile_texts)
def test_no_text_of_others_becomes_a_command(text: str) -> None:
    """Every command on either stream is one of ours, with the text in it as a value."""
    platform, out, err = github()
    platform.info(text)
    platform.diff([text])
    platform.diff([text, text])
    platform.notice(text)
    platform.warning(text)
    platform.error(Refused(text, text))
    platform.publish({"labels": text}, text)
    shown = visible(text.replace("pat.a.b.c", "***"))
    found = commands_in(out.getvalue())
    assert [command.name for command in found] == [
        "group",
        "endgroup",
        "group",
        "endgroup",
        "notice",
        "warning",
        "error",
    ]
    if "pat." not in text:
        assert [command.data for command in found[2:6]] == ["Labels", "", shown, shown]
    assert found[-1].properties == {"title": "HAR-REFUSED"}
    assert commands_in(err.getvalue()) == []
    assert err.getvalue().count("\n") == 1


def test_no_command_has_empty_properties() -> None:
    """The toolkit prints `file=,line=,` for what is not given."""
    platform, out, _ = github()
    platform.error(InputError("x", "y"))
    assert out.getvalue() == "::error title=HAR-INPUT::x | y\n"


def test_the_stable_line_of_an_error_is_on_stderr() -> None:
    """One line, whatever the text."""
    platform, _, err = github()
    platform.error(InputError(HOSTILE, "Do."))
    assert err.getvalue() == "har-labels: error HAR-INPUT: x\\n::error::y\\r##\\[warning]z \\x1b[31m \\u202e | Do.\n"


@pytest.mark.parametrize(("number", "shown"), [(1, 1), (MOST_ERRORS, 9), (MOST_ERRORS + 1, 10), (500, 10)])
def test_ten_annotations_at_most(number: int, shown: int) -> None:
    """GitHub keeps ten: nine errors, and one that counts the rest; stderr has them all."""
    platform, out, err = github()
    for index in range(number):
        platform.error(Refused(f"failure {index}"))
    platform.publish({}, "")
    errors = [command for command in commands_in(out.getvalue()) if command.name == "error"]
    assert len(errors) == shown
    assert err.getvalue().count("har-labels: error") == number
    if number > MOST_ERRORS:
        assert errors[-1].data.startswith(f"and {number - MOST_ERRORS} more")


def test_the_toolkit_leaves_the_process_streams_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What it prints goes to the stream we were given."""
    stdout = sys.stdout
    platform, out, _ = github()
    platform.notice("x")
    assert sys.stdout is stdout
    assert capsys.readouterr().out == ""
    assert out.getvalue() == "::notice::x\n"


def test_an_empty_diff_makes_no_group() -> None:
    """Nothing to fold."""
    platform, out, _ = github()
    platform.diff([])
    assert out.getvalue() == ""


def test_large_results_are_allowed_on_github() -> None:
    """256 KiB, and the file may be larger than that."""
    platform, _, _ = github()
    assert platform.results_limit == 256 * 1024
    large = json.dumps(["x" * 1000] * 400)
    assert published({"results": large}) == {"results": large}


GIVE_WAY = ("results", "moved-from", "previous-labels", "removed", "added", "labels-map", "labels")


@pytest.mark.parametrize("size", [0, 64_280, 74_995, 76_000, 90_000, 112_500, 150_000, 225_000, 449_997, 450_000])
def test_the_outputs_of_a_job_stay_below_the_limit_of_github(tmp_path: Path, size: int) -> None:
    """Counted in UTF-16 and all together, in a fixed order of giving way, with a notice each; the rest is never emptied."""
    path = tmp_path / "output"
    outputs = dict.fromkeys(GIVE_WAY, "😀" * (size // 2) + "é" * (size % 2)) | {
        "status": "SUCCESS",
        "plan-file": "",
    }
    platform, out, _ = github({"GITHUB_OUTPUT": str(path)})
    assert platform.publish(outputs, "") == []
    read = pairs_in(path.read_bytes())
    kept = [name for name in GIVE_WAY if read[name]]
    fitting = max(count for count in range(len(GIVE_WAY) + 1) if count * size + len("SUCCESS") < 450_000) if size else 0
    assert kept == list(GIVE_WAY[len(GIVE_WAY) - fitting :])
    assert all(read[name] == outputs[name] for name in (*kept, "status", "plan-file"))
    told = [command.data for command in commands_in(out.getvalue()) if command.name == "notice"]
    emptied = GIVE_WAY[: len(GIVE_WAY) - fitting] if size else ()
    assert [notice.partition(" is left empty: ")[0] for notice in told] == [f"the output `{name}`" for name in emptied]


def test_what_no_output_can_give_is_kept_all_the_same(tmp_path: Path) -> None:
    """Counts, status and paths are never emptied, and there is no notice about outputs that are empty anyway."""
    path = tmp_path / "output"
    platform, out, _ = github({"GITHUB_OUTPUT": str(path)})
    platform.publish({"image-name": "x" * 500_000, "labels": "[]", "added": ""}, "")
    assert pairs_in(path.read_bytes()) == {"image-name": "x" * 500_000, "labels": "", "added": ""}
    [notice] = commands_in(out.getvalue())
    assert "`labels`" in notice.data
    assert "`added`" not in notice.data


def test_commands_of_a_run_step_go_to_stderr() -> None:
    """Its stdout may be a file or a pipe, and the key must not get there; a step without inputs is not an action."""
    out, err = io.StringIO(), io.StringIO()
    platform = detect({"GITHUB_ACTIONS": "true"}, out, err)
    platform.mask(KEY)
    platform.warning("careful")
    platform.diff(["+ a"])
    assert [command.name for command in commands_in(err.getvalue())] == ["add-mask", "warning"]
    assert [command.name for command in commands_in(out.getvalue())] == ["group", "endgroup"]


def test_with_json_stdout_is_for_json_alone() -> None:
    """An action's commands and lines go to stderr then, which the runner reads as well."""
    platform, out, err = github()
    platform.reserve_stdout()
    platform.mask(KEY)
    platform.notice("n")
    platform.info("s")
    platform.print_json(["{}"])
    assert out.getvalue() == "{}"
    assert [command.name for command in commands_in(err.getvalue())] == ["add-mask", "notice"]
