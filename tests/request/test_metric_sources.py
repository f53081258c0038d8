"""From an item of `metrics-file` to the file that it means (contract §3 "Metrics files")."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from har_labels.errors import Failures, MetricsError
from har_labels.inputs.metric_files import paths_of, source_of
from har_labels.request.metrics import load_metrics
from har_labels.text import documented


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own folder as working directory, and names files relative to it."""
    monkeypatch.chdir(tmp_path)


def write(*paths: str) -> None:
    """Files that each hold their own path."""
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f'{{"is": "{path}"}}')


def found(item: str) -> object:
    """The path of the file that was read."""
    return load_metrics([item])["is"]


def refusal(*items: str) -> MetricsError:
    """The one error that the items give."""
    with pytest.raises(MetricsError) as caught:
        load_metrics(items)
    return caught.value


@pytest.mark.parametrize(
    ("item", "name", "path"),
    [
        ("val=val.json", "val", "val.json"),
        ("val = val.json", "val", "val.json"),
        ("_v1=out/a=b.json", "_v1", "out/a=b.json"),
        ("prüfung=m.json", "prüfung", "m.json"),
        ("val=-", "val", "-"),
        ("outputs/lr=0.1/m.json", "", "outputs/lr=0.1/m.json"),
        ("./lr=0.1/m.json", "", "./lr=0.1/m.json"),
        ("1=m.json", "", "1=m.json"),
        ("a-b=m.json", "", "a-b=m.json"),
        ("=m.json", "", "=m.json"),
        ("m.json", "", "m.json"),
    ],
)
def test_names(item: str, name: str, path: str) -> None:
    """NAME is a Python identifier before the first `=`; anything else is a path."""
    source = source_of(item)
    assert (source.name, source.path) == (name, path)


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        ("out/*/results_*.json", "out/m/results_2026.json"),
        ("out/m/results_????.json", "out/m/results_2026.json"),
        ("out/m/results_202[0-9].json", "out/m/results_2026.json"),
        ("**/results_2026.json", "out/m/results_2026.json"),
        ("out/**/deep.json", "out/m/n/deep.json"),
        ("out/m/n/**", "out/m/n/deep.json"),
        ("out/.h*/*.json", "out/.hidden/x.json"),
        ("./out/m/re*", "out/m/results_2026.json"),
        ("m[1].json", "m[1].json"),
        ("val=out/m/re*", "out/m/results_2026.json"),
    ],
)
def test_a_glob_that_matches_one_file(pattern: str, match: str) -> None:
    """A glob selects the one file that matches; a file with exactly that name has precedence."""
    write("out/m/results_2026.json", "out/m/n/deep.json", "out/.hidden/x.json", "m[1].json", "m1.json")
    metrics = load_metrics([pattern])
    assert (metrics.get("val") or metrics)["is"] == match  # type: ignore[index]
    assert paths_of(pattern) == [match]


def test_a_glob_from_the_root(tmp_path: Path) -> None:
    """An absolute pattern, and one that goes up, are patterns too."""
    write("sub/a.json", "b.json")
    assert found(f"{tmp_path}/s*/a.json") == "sub/a.json"
    os.chdir("sub")
    assert found("../*.json") == "b.json"


def test_a_glob_that_matches_several() -> None:
    """Several matches are listed in order, and how many more there are."""
    write("out/b.json", "out/a.json")
    error = refusal("out/*.json")
    assert error.what.endswith("matches 2 files: `out/a.json`, `out/b.json`")
    assert "NAME=PATH" in error.next_step
    write(*(f"many/{number:02}.json" for number in range(13)))
    assert "matches 13 files: `many/00.json`" in refusal("many/*").what
    assert refusal("many/*").what.endswith("`many/09.json` and 3 more")


@pytest.mark.parametrize("pattern", ["out/*.csv", "none/*.json", "out/*", "a**b", "out/[", "*\0"])
def test_a_glob_that_matches_none(pattern: str) -> None:
    """No match is an error; folders and hidden files do not match."""
    write("out/folder/x.json", "out/.hidden.json")
    assert "matches no file" in refusal(pattern).what


def test_links_make_no_circle() -> None:
    """`**` follows no link to a folder, so planted circles cost nothing."""
    write("a/m.json")
    for name in ("one", "two", "three"):
        Path("a", name).symlink_to("..", target_is_directory=True)
    assert found("**/m.json") == "a/m.json"


def test_named_files() -> None:
    """`NAME=PATH` gives `metrics.NAME`, also beside files without a name."""
    write("val.json", "test.json", "more.json")
    metrics = load_metrics(["val=val.json", "test=test.json", "more.json"])
    assert (metrics["val"]["is"], metrics["test"]["is"], metrics["is"]) == ("val.json", "test.json", "more.json")  # type: ignore[index]
    assert metrics["val"]["last"] == {"is": "val.json"}  # type: ignore[index]
    assert "rows" not in load_metrics(["val=val.json"])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["v=val.json", "v=test.json"], "metrics files `v=val.json` and `v=test.json` have the same name"),
        (["is=val.json", "test.json"], "metrics file `is=val.json` takes a name that `test.json` has as a key"),
        (["v="], "metrics file `v=` has no path after its name"),
        (["v=none.json"], "metrics file `v=none.json` can't be read: No such file"),
        (["v=*.json"], "metrics file `v=*.json` matches 2 files: `test.json`, `val.json`"),
        (["lr=0.1/m.json"], "is read as the file `0.1/m.json` under the name `lr`, and there is no such file"),
        (["-", "a=-"], "names standard input, `-`, twice"),
        (["-"], "`-`: standard input can't be read here"),
        (["v*.json", "v=t*t.json", "x*"], "metrics file `x*` matches no file"),
    ],
)
def test_names_that_are_refused(items: list[str], message: str) -> None:
    """An ambiguous name is an error with the cure."""
    write("val.json", "test.json", "lr=0.1/m.json")
    assert message in refusal(*items).what


def test_an_error_of_a_glob_names_its_match() -> None:
    """An error of the matching file names pattern and file."""
    Path("m1.json").write_text("[1]")
    assert refusal("m*.json").what.startswith("metrics file `m*.json` (`m1.json`) must hold")


@pytest.mark.parametrize(
    ("content", "metrics"),
    [
        (b'{"a": 1}', {"a": 1, "rows": [{"a": 1}], "last": {"a": 1}}),
        (b"a: 1\n", {"a": 1}),
        (b'{"a": 1}\n{"a": 2}\n', {"rows": [{"a": 1}, {"a": 2}], "last": {"a": 2}}),
        (b'[{"a": 1}]', {"rows": [{"a": 1}], "last": {"a": 1}}),
        (b"{a: 1}", {"a": 1}),
    ],
)
def test_standard_input(content: bytes, metrics: object) -> None:
    """`-` is standard input: any form of JSON, recognized by its content, else YAML."""
    assert load_metrics(["-"], stdin=lambda limit: content[:limit]) == metrics
    assert load_metrics(["v=-"], stdin=lambda limit: content[:limit]) == {"v": metrics}
    assert paths_of("-") == paths_of("v=-") == []


def test_standard_input_that_is_refused() -> None:
    """An error of standard input names standard input, not a file."""
    for content, message in ((b"", "it is empty"), (b"a,b\n1,2", "looks like CSV"), (b"x" * (33 << 20), "32 MiB")):
        with pytest.raises(MetricsError) as caught:
            load_metrics(["-"], stdin=lambda limit, content=content: content[:limit])  # type: ignore[misc]
        assert documented(caught.value.what).startswith("`metrics-file` is `-`: standard input ")
        assert message in caught.value.what


def test_several_problems_of_items() -> None:
    """All problems are reported at once."""
    with pytest.raises(Failures) as caught:
        load_metrics(["a.json", "b*.json", "c="])
    assert len(caught.value.errors) == 3
