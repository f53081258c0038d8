"""Metrics files: formats, several files, and unreadable files (contract §3 "Metrics files")."""

from __future__ import annotations

import gzip
import json
import math
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_labels.errors import Failures, MetricsError
from har_labels.model.unusable import Unusable
from har_labels.request.metrics import load_metrics
from har_labels.request.metrics.readers import LARGEST_METRICS_FILE, LARGEST_SLOW_FILE, MOST_COLLECTIONS


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own folder as working directory, and names files relative to it."""
    monkeypatch.chdir(tmp_path)


def load(path: str, content: bytes | str) -> dict[str, object]:
    """The metrics of one file, without the `rows` and `last` that a log of one entry has too."""
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return without_rows(load_metrics([path]))


def without_rows(metrics: object) -> dict[str, object]:
    assert isinstance(metrics, dict)
    return {key: value for key, value in metrics.items() if key not in {"rows", "last"}}


def refusal(path: str, content: bytes | str) -> MetricsError:
    """The one error that the file gives."""
    with pytest.raises(MetricsError) as caught:
        load(path, content)
    return caught.value


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
        ("m.txt", "{'a': 0.93, 'b': 'it (x)', 'c': [True]}", {"a": 0.93, "b": "it (x)", "c": [True]}),
    ],
)
def test_json_and_yaml(path: str, content: bytes, metrics: dict[str, object] | None) -> None:
    """JSON by name or first character, else YAML 1.2; a byte order mark doesn't matter."""
    assert load(path, content) == metrics or metrics is None


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("m.json", '{"a": NaN, "b": -Infinity}'),
        ("m.yaml", '{"a": NaN, "b": -Infinity}'),
        ("m.json", '{"a": "nan", "b": "-inf"}'),
        ("m.json", '{"a": "+NaN", "b": "-Infinity"}'),
        ("m.yaml", "a: .nan\nb: -.inf"),
        ("m.yaml", "a: NaN\nb: '-inf'"),
        ("m.toml", 'a = nan\nb = "-Infinity"'),
        ("m.md", "---\na: nan\nb: -infinity\n---\n"),
        ("m.txt", "{'a': nan, 'b': -inf}"),
    ],
)
def test_nan_is_read(path: str, content: str) -> None:
    """NaN and infinity are read from a file of any kind, as a number or as a text that a training script wrote."""
    metrics = load(path, content)
    assert math.isnan(metrics["a"])  # type: ignore[arg-type]
    assert metrics["b"] == -math.inf


def test_blanks_around_nan() -> None:
    """However many blanks a tool pads its texts with, NaN is NaN."""
    assert math.isnan(load("m.json", json.dumps({"a": f"{' ' * 30}nan{' ' * 30}"}))["a"])  # type: ignore[arg-type]


def test_texts_that_only_look_like_nan() -> None:
    """A text that has more in it than NaN or infinity is itself, at any depth."""
    texts = ["nano", "info", "infinite", "- inf", "nan nan", "inf.", "in", "", "None", "NA", "x" * 100]
    assert load("m.json", json.dumps({"a": texts, "b": {"c": texts[0]}})) == {"a": texts, "b": {"c": "nano"}}
    assert load("m.json", '{"a": [["nan"], {"b": "inf"}]}')["a"][1] == {"b": math.inf}  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    [
        "np.float64(0.93)",
        "np.float32(1e-05)",
        "numpy.int64(3)",
        "np.float64(nan)",
        "[np.float64(0.93), np.float64(0.91)]",
        "np.str_('x')",
        "np.True_ or np.bool_(True)",
        "np.True_",
        " -np.inf",
        "np.nan",
        "jnp.float32(0.5)",
        "float32(0.5)",
        "tensor(0.9300, device='cuda:0')",
        "tensor([0.1,\n        0.2])",
        "torch.tensor(0.5)",
        "array(0.93, dtype=float32)",
        "Decimal('0.93')",
        "<tf.Tensor: shape=(), dtype=float32, numpy=0.93>",
        "<__main__.Metrics object at 0x7f00deadbeef>",
        "<class 'float'>",
    ],
)
def test_a_printed_python_value_is_unusable(text: str) -> None:
    """A value that Python printed is unusable, in a file of any format, and only this value."""
    for path, content in {
        "m.json": json.dumps({"a": text, "b": 1}),
        "m.yaml": f"a: {json.dumps(text)}\nb: 1",
        "m.toml": f"a = {json.dumps(text)}\nb = 1",
    }.items():
        metrics = load(path, content)
        assert isinstance(metrics["a"], Unusable)
        assert metrics["b"] == 1
    assert isinstance(load("m.txt", "{'a': np.float64(0.93), 'b': 1}")["a"], Unusable)


@pytest.mark.parametrize(
    "text",
    ["resnet50 (v2)", "f(x)", "numpy (1.26)", "a<b>", "np.float64", "np.nan or None", "np.nano", "best(ever)", "<unk>"],
)
def test_texts_that_python_did_not_print(text: str) -> None:
    """Brackets alone make no text unusable."""
    assert load("m.json", json.dumps({"a": text})) == {"a": text}


def test_toml() -> None:
    """TOML's tables are mappings; its dates and times are texts."""
    text = 'a = 1\nb = [1.5, true]\nd = 2026-08-06\nt = 2026-08-06T07:06:40Z\n[val]\nacc = 0.93\n"f1-score" = 1e-3\n'
    assert load("m.toml", text) == {
        "a": 1,
        "b": [1.5, True],
        "d": "2026-08-06",
        "t": "2026-08-06T07:06:40Z",
        "val": {"acc": 0.93, "f1-score": 0.001},
    }


@pytest.mark.parametrize(
    "text",
    [
        "---\na: 1\n---\n# Title\n\n---\n\n{{ not: yaml",
        "\n---\na: 1\n---",
        "--- \r\na: 1\r\n---\r\ntext\r\n",
        "---\na: 1\n...\ntext",
    ],
)
def test_front_matter(text: str) -> None:
    """Of Markdown the front matter is read, and nothing below it."""
    assert load("README.md", text) == load("card.markdown", "\ufeff" + text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "read", "unread"),
    [
        ("lr: 0.1\ncls: !!python/name:torch.nn.Linear ''\n", {"lr": 0.1}, ["cls"]),
        ("a: &x 1\nb: *x\nc: 3", {"c": 3}, ["a", "b"]),
        ("d: &d {lr: 1}\ntrain: {<<: *d, acc: 2}\nc: 3", {"c": 3}, ["d", "train"]),
        ("a: !!python/tuple [1, 2]\nb: {c: 1}", {"b": {"c": 1}}, ["a"]),
        ("a: ! 1\nb: 2", {"b": 2}, ["a"]),
        ("&k a: 1\nb: 2", {"a": 1, "b": 2}, []),
        ("!!int 1: 2\nb: 3", {"b": 3}, ["1"]),
        ("a: [&x 1, 2]\nb: {*x : 1, c: 2}", {}, ["b"]),
    ],
)
def test_tags_and_anchors(text: str, read: dict[str, object], unread: list[str]) -> None:
    """A YAML tag, anchor or alias makes its own value unusable, a merge key its mapping, and nothing else."""
    metrics = load("hparams.yaml", text)
    assert {key: value for key, value in metrics.items() if key in read} == read
    for key in unread:
        assert isinstance(metrics[key], Unusable), key


@pytest.mark.parametrize("text", ["!!python/object:argparse.Namespace\nlr: 0.1", "<<: {a: 1}\nb: 1", "&x {a: 1}"])
def test_a_tag_of_the_whole_file(text: str) -> None:
    """An error that makes the whole file unreadable is reported when it is read."""
    assert "the YAML " in refusal("hparams.yaml", text).what


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("m.json", b'{"a": 1,\n "b": x}', "can't be read at line 2, column 7: Expecting value"),
        ("m.json", b"a: 1", "line 1, column 1"),
        ("m.json", b'{"a": 1}\n{"a": 2', "line 2, column 8"),
        ("m.json", b'{\n"a": 1}\n{\n"a": 2}', "a second document begins at line 3, column 1"),
        ("m.yaml", b"a: 1\nb: [", "line 2, column 5"),
        ("m.yaml", b'{"a": 1, "a": 2}', "the key `a`"),
        ("m.json", b'{"a": {"b": 1, "c": 2, "b": 3}}', "has the key `b` twice"),
        ("m.json", b'{"a\\n": 1, "a\\n": 2}', "has the key `a\\n` twice"),
        ("m.json", b"", "it is empty"),
        ("m.json", b"null", "it holds nothing"),
        ("m.json", b"0.93", "it holds a number"),
        ("m.yaml", b" \n", "it is empty"),
        ("m.yaml", b"- a", "must hold one mapping"),
        ("m.json", b"[1]", "must hold mappings, and item 1 is a number"),
        ("m.yaml", b"pat.secret", "must hold one mapping of names to values, and it holds a text"),
        ("m.yaml", b"a: 1\nb: \xff", "is not UTF-8 text: line 2 has the byte 0xff"),
        ("m.json", b"{" + b" " * LARGEST_METRICS_FILE + b"}", "larger than 32 MiB"),
        ("m.yaml", b"a: " + b"x" * LARGEST_SLOW_FILE, "larger than 10 MiB, the most for YAML"),
        ("m.yaml", b"a: " + "é".encode() * (LARGEST_SLOW_FILE // 2), "larger than 10 MiB, the most for YAML"),
        ("m.toml", b"a = '" + b"x" * LARGEST_SLOW_FILE + b"'", "larger than 10 MiB, the most for TOML"),
        ("m.json", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested more than 100 deep"),
        ("m.json", b'{"a":' + b"[" * 100_000, "nested more than 100 deep"),
        ("m.yaml", b'{"a":' + b"[" * 100_000, "nested more than 100 deep"),
        ("m.json", b'{"a":' + b'{"a":' * 100_000, "nested more than 100 deep"),
        ("m.json", b'{"a": [' + b"{}," * MOST_COLLECTIONS + b"1]}", "has 2,000,002 lists and mappings"),
        ("m.toml", b"a = " + b"[" * 5000, "nested more than 100 deep"),
        ("m.toml", b"a = " + b"[" * 150 + b"]" * 150, "nested more than 100 deep"),
        ("m.json", b'{"a": ' + b"1" * 5000 + b"}", "too many digits"),
        ("m.toml", b"a = " + b"1" * 5000, "too many digits"),
        ("m.toml", b"a = 1\nb = x\n", "can't be read as TOML: Invalid value (at line 2, column 5)"),
        ("m.toml", b"a = 1\na = 2\n", "can't be read as TOML"),
        ("README.md", b"# A model", "has no front matter"),
        ("README.md", b"---\na: 1\n", "has no front matter"),
        ("README.md", b"---\na: 1\na: 2\n---\n", "line 3, column 1: the key `a` occurs twice"),
        ("README.md", b"---\n---\n", "it holds nothing"),
    ],
)
def test_files_that_are_refused(path: str, content: bytes, message: str) -> None:
    """A file that is not one plain mapping is an error that names it, its line and column, and no other content."""
    error = refusal(path, content)
    assert message in error.what
    assert error.what.startswith(f"metrics file `{path}` ")
    assert "secret" not in error.what


def test_json_may_be_larger_than_yaml() -> None:
    """JSON is read up to 32 MiB, with any file name: the state of a long training has 20 MB."""
    content = json.dumps({"a": 1, "text": "x" * (LARGEST_METRICS_FILE - 100)})
    for path in ("trainer_state.json", "state", "m.yaml"):
        assert load(path, content)["a"] == 1


PRINTED = "what Python prints"


@pytest.mark.parametrize(
    ("path", "content", "named"),
    [
        ("m.json", gzip.compress(b"{}", mtime=0), "gzip"),
        ("m.csv.gz", gzip.compress(b"a\n1\n", mtime=0), "gzip"),
        ("m.json", b"PK\x03\x04rest", "zip"),
        ("m.json", '{"a": 1}'.encode("utf-16"), "UTF-16"),
        ("m.csv", "a,b\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("m.json", '{"a": 1}'.encode("utf-16-be"), "UTF-16"),
        ("m.json", '{"a": 1}'.encode("utf-32"), "UTF-32"),
        ("m.json", b"\x00\x01\x02\x03", "binary"),
        ("events.out.tfevents", b"\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fbrain.Event:2", "binary"),
        ("m.pkl", pickle.dumps({"a": 1}), "pickle"),
        ("m.npy", b"\x93NUMPY\x01\x00v\x00{'descr'", "NumPy"),
        ("m.parquet", b"PAR1\x15", "Parquet"),
        ("m.db", b"SQLite format 3\x00", "SQLite"),
        ("m.h5", b"\x89HDF\r\n\x1a\nx", "HDF5"),
        ("m.png", b"\x89PNG\r\n\x1a\nx", "picture"),
        ("junit.xml", b'<?xml version="1.0" encoding="utf-8"?><testsuites name="x"></testsuites>', "JUnit"),
        ("junit.xml", b"<testsuite><testcase/></testsuite>", "JUnit"),
        ("m.json", b'<?xml version="1.0"?>\n<!-- a -->\n<coverage/>', "XML (`<coverage>`)"),
        ("m.csv", b"<!DOCTYPE html>\n<html>", "HTML"),
        ("m.yaml", b"<html><body>Sign in</body></html>", "HTML"),
        ("m.json", b"{'a': 1}", PRINTED),
        ("m.json", b'{"a": None}', PRINTED),
        ("m.json", b'{"a": True}', PRINTED),
        ("m.json", b'{"a": nan}', PRINTED),
        ("m.json", b'{"a": np.float64(0.9)}', PRINTED),
        ("m.json", b'{"a": (1, 2)}', PRINTED),
        ("m.json", b"OrderedDict([('a', 1)])", PRINTED),
        ("m.jsonl", b"{\"a\": 1}\n{'a': 1}", PRINTED),
        ("m.txt", b"{'a': None}", PRINTED),
        ("m.txt", b"{'a': (1, 2)}", PRINTED),
        ("m.txt", b"{'a': array([1, 2])}", PRINTED),
        ("m", b"{'a': tensor(0.9, device='cuda:0')}", PRINTED),
        ("m.yaml", b"{'a': b'x'}", PRINTED),
        ("m.txt", b"defaultdict(<class 'float'>, {'a': 1})", PRINTED),
        ("m.txt", b"Namespace(lr=0.1)", PRINTED),
        ("m.txt", b"[{'a': 1}]", PRINTED),
    ],
)
def test_the_error_names_the_format_of_the_file(path: str, content: bytes, named: str) -> None:
    """For a file of an unsupported format the message names the format."""
    error = refusal(path, content)
    assert named in error.what
    assert error.what.startswith(f"metrics file `{path}` ")


@pytest.mark.parametrize(
    ("path", "content", "ending"),
    [
        ("m.txt", '{"a": 1}\n{"a": 2}\n', ".jsonl"),
        ("m.yaml", '{"a": 1}\n{"a": 2}\n', ".jsonl"),
        ("m.csv", '{"a": 1}\n{"a": 2}\n', ".jsonl"),
        ("m.txt", '[{"a": 1}]', ".json"),
        ("m.csv", '{\n"a": 1}', ".json"),
        ("m.jsonl", '{\n"a": 1\n}', ".json"),
        ("m.jsonl", '[{"a": 1}]', ".json"),
        ("m.toml", '{"a": 1}', ".json"),
        ("README.md", '{"a": 1}', ".json"),
        ("m.txt", "a,b\n1,2\n", ".csv"),
        ("m.json", "a,b\n1,2\n", ".csv"),
        ("m", "epoch,val/acc\n1,0.5\n", ".csv"),
        ("m.tsv", "a,b\n1,2\n", ".csv"),
        ("m.txt", "a\tb\n1\t2\n", ".tsv"),
        ("m.csv", "a\tb\n1\t2\n", ".tsv"),
        ("m.txt", "a = 1\n[b]\nc = 2\n", ".toml"),
        ("m.yaml", "[b]\nc = 2\n", ".toml"),
        ("m.json", "a = 1", ".toml"),
        ("m.json", "a: 1\nb: 2", ".yaml"),
        ("m.toml", "a: 1", ".yaml"),
        ("card.yaml", "---\na: 1\n---\n# A model\n", ".md"),
    ],
)
def test_a_file_under_another_kinds_name(path: str, content: str, ending: str) -> None:
    """If content and name imply different formats, the error suggests the right name."""
    error = refusal(path, content)
    assert f"`{ending}`" in error.next_step
    renamed = str(Path(path).with_suffix("")) + ending
    Path(renamed).write_text(content)
    assert load_metrics([renamed])


def test_a_name_without_an_ending_may_be_either() -> None:
    """Only `.json` promises JSON: a flow mapping of YAML begins with a brace too."""
    assert load("m", b"{a: 1}") == load("metrics.txt", b'{"a": 1}') == {"a": 1}


def test_files_are_merged() -> None:
    """Unnamed files are merged key by key, in any order; equal values may be in several files."""
    files = {
        "1.json": b'{"a": 1, "val": {"x": 1, "y": {"z": NaN}}, "list": [1, {"b": 2}]}',
        "2.yaml": b"a: 1\nval: {x: 1, y: {w: 4, z: .nan}}\nlist: [1, {b: 2}]\nnew: 6",
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    for names in (list(files), list(reversed(files))):
        metrics = without_rows(load_metrics(names))
        assert metrics.keys() == {"a", "val", "list", "new"}
        assert metrics["val"] | {"y": 0} == {"x": 1, "y": 0}  # type: ignore[operator]
        assert set(metrics["val"]["y"]) == {"z", "w"}  # type: ignore[index]
    assert load_metrics([]) == {}


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        ('{"a": 1, "b": 2}', '{"b": 3}', "b"),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 2}}}', "a.b.c"),
        ('{"a": 1}', '{"a": {"b": 1}}', "a"),
        ('{"a": 1}', '{"a": 1.0}', "a"),
        ('{"a": 1}', '{"a": true}', "a"),
        ('{"a": 1}', '{"a": "1"}', "a"),
        ('{"a": null}', '{"a": 0}', "a"),
        ('{"a": [1, 2]}', '{"a": [1, 3]}', "a"),
        ('{"a": [{"b": 1}]}', '{"a": [{"b": true}]}', "a"),
        ('{"a": NaN}', '{"a": 1}', "a"),
    ],
)
def test_unnamed_files_may_not_contradict(one: str, other: str, key: str) -> None:
    """Two values of one key are an error in either order, which names both files, the key and the way out."""
    Path("new.json").write_text(one)
    Path("champion.json").write_text(other)
    for names in (["new.json", "champion.json"], ["champion.json", "new.json"]):
        with pytest.raises(MetricsError) as caught:
            load_metrics(names)
        assert f"`{names[0]}` and `{names[1]}` both have `{key}`, with different values" in caught.value.what
        for part in ("NAME=PATH", "`new=new.json`", "`champion=champion.json`", f"`metrics.{names[0][:-5]}.{key}`"):
            assert part in caught.value.next_step


def test_names_are_made_of_what_differs() -> None:
    """For equal file names the suggested names are those of the folders."""
    for folder in ("val", "test"):
        Path(folder).mkdir()
        Path(folder, "metrics.json").write_text(f'{{"a": "{folder}"}}')
    with pytest.raises(MetricsError) as caught:
        load_metrics(["val/metrics.json", "test/metrics.json"])
    assert "`val=val/metrics.json` and `test=test/metrics.json`" in caught.value.next_step


def test_every_contradiction_is_reported() -> None:
    """Each pair of contradicting files is an error; of many keys the first are listed."""
    for number in range(3):
        Path(f"{number}.json").write_text(json.dumps({f"k{each}": number for each in range(9)}))
    with pytest.raises(Failures) as caught:
        load_metrics(["0.json", "1.json", "2.json"])
    assert len(caught.value.errors) == 3
    assert "`k0`, `k1`, `k2`, `k3`, `k4` and more" in caught.value.errors[0].what


def test_all_unreadable_files_are_reported(tmp_path: Path) -> None:
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
    assert without_rows(load_metrics([str(good)])) == {"a": 1}
    for path, message in {
        str(tmp_path / "none"): "No such file",
        str(tmp_path): "is a directory; in it is `m.json`",
        str(pipe): "not a regular file",
        "/dev/zero": "not a regular file",
        "a\0b": "not a valid path",
    }.items():
        with pytest.raises(MetricsError, match=message):
            load_metrics([path])


FRAGMENTS = [
    *"{}[]():,'\"\\\n\t =-#&*!|<>.0a1e \r;\x00\ufeff\u2028é",
    "nan", "NaN", "None", "True", "null", "np.float64(", "tensor(", '{"a": 1}\n', "---\n", "a,b\n", "a: ", "a = ", "[a]\n",
    "<?xml ", "<html>", "</", "!!x ", "<<: ", "1e999", "1" * 400, "b'", "dict(", "\x1f\x8b", "PK\x03\x04", '"""', "'''",
]  # fmt: skip
ENDINGS = ["json", "jsonl", "csv", "tsv", "toml", "md", "yaml", "txt"]


@settings(max_examples=600)
@given(st.sampled_from(ENDINGS), st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
def test_any_file_is_metrics_or_an_error(ending: str, text: str) -> None:
    """Any content and name gives values that expressions accept, or one error that names the file."""
    path = Path(f"m.{ending}")
    path.write_text(text, "utf-8")
    try:
        metrics = load_metrics([str(path)])
    except MetricsError as error:
        assert error.what.startswith(f"metrics file `{path}` ")
        assert "\n" not in error.line
        return
    todo: list[object] = [metrics]
    seen: set[int] = set()
    while todo:
        value = todo.pop()
        if isinstance(value, dict | list):
            if id(value) not in seen:
                seen.add(id(value))
                assert all(isinstance(key, str) for key in value) or isinstance(value, list)
                todo += value.values() if isinstance(value, dict) else value
        else:
            assert value is None or isinstance(value, str | int | float | bool | Unusable)
