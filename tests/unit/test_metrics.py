"""Metrics files (contract §3 "Templates")."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from har_labels.errors import Failures, MetricsError
from har_labels.metrics import LARGEST_FILE, load_metrics


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files stand in a folder of the test's own, and are named as a step names them."""
    monkeypatch.chdir(tmp_path)


def load(path: str, content: bytes) -> dict[str, object]:
    """The metrics of one file."""
    Path(path).write_bytes(content)
    return load_metrics([path])


@pytest.mark.parametrize(
    ("path", "content", "metrics"),
    [
        (
            "m.json",
            b'{"a": 1, "b": [1e-3, null, true], "c": {"d": "x"}}',
            {"a": 1, "b": [0.001, None, True], "c": {"d": "x"}},
        ),
        ("m.JSON", b" \n{}", {}),
        ("m", b'\n {"a": 1}', {"a": 1}),
        ("m", b"a: no\nb: 1e-3", {"a": "no", "b": 0.001}),
        ("m.yaml", b"{a: 1}", {"a": 1}),
        ("m.yml", b'{"a": 1}', {"a": 1}),
        ("m.json", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("m.yaml", b"\xef\xbb\xbfa: \xc3\xa9\r\nb: 2\r\n", {"a": "é", "b": 2}),
        ("m.json", b'{"val.acc": 1, "val": {"acc": 2}}', {"val.acc": 1, "val": {"acc": 2}}),
        ("m.json", b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", None),
    ],
)
def test_json_and_yaml(path: str, content: bytes, metrics: dict[str, object] | None) -> None:
    """JSON by name or first character, else YAML 1.2; a byte order mark doesn't matter."""
    assert load(path, content) == metrics or metrics is None


def test_nan_is_read() -> None:
    """NaN and Infinity, which JSON lacks and training jobs write, are read from a file of either name."""
    for path in ("m.json", "m.yaml"):
        metrics = load(path, b'{"a": NaN, "b": -Infinity}')
        assert math.isnan(metrics["a"])  # type: ignore[arg-type]
        assert metrics["b"] == -math.inf


def test_files_are_merged_in_order() -> None:
    """Mappings are merged key by key; of anything else the later file's value stands."""
    files = {
        "1.json": b'{"a": 1, "val": {"x": 1, "y": {"z": 1}}, "list": [1, 2], "kind": {"k": 1}}',
        "2.yaml": b"a: 2\nval: {x: 3, y: {w: 4}}\nlist: [3]\nkind: 5\nnew: 6",
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    assert load_metrics(list(files)) == {
        "a": 2,
        "val": {"x": 3, "y": {"z": 1, "w": 4}},
        "list": [3],
        "kind": 5,
        "new": 6,
    }
    assert load_metrics([]) == {}


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("m.json", b'{"a": 1,\n "b": x}', "can't be read at line 2, column 7: Expecting value"),
        ("m.json", b"a: 1", "line 1, column 1"),
        ("m.json", b'{"a": 1}\n{"a": 2}', "line 2, column 1: Extra data"),
        ("m.yaml", b"a: 1\nb: [", "line 2, column 5"),
        ("m.yaml", b'{"a": 1, "a": 2}', "the key `a`"),
        ("m.json", b'{"a": {"b": 1, "c": 2, "b": 3}}', "has the key `b` twice"),
        ("m.json", b'{"a\\n": 1, "a\\n": 2}', "has the key `a\\n` twice"),
        ("m.json", b"", "it is empty"),
        ("m.json", b"null", "it holds nothing"),
        ("m.yaml", b" \n", "it is empty"),
        ("m.yaml", b"- a", "must hold one mapping"),
        ("m.json", b"[1]", "must hold one mapping"),
        ("m.yaml", b"pat.secret", "must hold one mapping of names to values, and it holds a text"),
        ("m.yaml", b"a: 1\nb: \xff", "is not UTF-8 text: line 2 has the byte 0xff"),
        ("m.json", '{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        ("m.json", b"{" + b" " * LARGEST_FILE + b"}", "larger than 10 MiB"),
        ("m.json", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested more than 100 deep"),
        ("m.json", b'{"a":' + b"[" * 100_000, "nested more than 100 deep"),
        ("m.yaml", b'{"a":' + b"[" * 100_000, "nested more than 100 deep"),
        ("m.json", b'{"a":' + b'{"a":' * 100_000, "nested more than 100 deep"),
        ("m.json", b'{"a": ' + b"1" * 5000 + b"}", "too many digits"),
        ("m.yaml", b"a: &x 1\nb: *x", "anchor"),
    ],
)
def test_files_that_are_refused(path: str, content: bytes, message: str) -> None:
    """A file that is not one plain mapping is an error that names it, its line and column, and no other content."""
    with pytest.raises(MetricsError) as caught:
        load(path, content)
    assert message in caught.value.what
    assert caught.value.what.startswith(f"metrics file `{path}` ")
    assert "secret" not in caught.value.what


def test_a_name_without_an_ending_may_be_either() -> None:
    """Only `.json` promises JSON: a flow mapping of YAML begins with a brace too."""
    assert load("m", b"{a: 1}") == load("metrics.txt", b'{"a": 1}') == {"a": 1}


def test_all_files_that_cant_be_read_are_told(tmp_path: Path) -> None:
    """One missing file doesn't hide the next."""
    with pytest.raises(Failures) as caught:
        load_metrics([str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    assert [error.what.partition("`")[2].partition("`")[0] for error in caught.value.errors] == [
        str(tmp_path / "a.json"), str(tmp_path / "b.json"),
    ]  # fmt: skip


def test_real_files(tmp_path: Path) -> None:
    """Regular files are read; a missing file, a directory and a pipe are refused without waiting."""
    good, pipe = tmp_path / "m.json", tmp_path / "pipe"
    good.write_text('{"a": 1}')
    os.mkfifo(pipe)
    assert load_metrics([str(good)]) == {"a": 1}
    for path, message in {
        str(tmp_path / "none"): "No such file",
        str(tmp_path): "directory",
        str(pipe): "no regular file",
        "/dev/zero": "no regular file",
        "a\0b": "no path",
    }.items():
        with pytest.raises(MetricsError, match=message):
            load_metrics([path])
