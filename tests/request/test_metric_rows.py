"""Tables and logs as `rows` and `last` (contract §3 "Metrics files")."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.errors import MetricsError
from har_labels.model.unusable import Unusable
from har_labels.request.metrics import load_metrics
from har_labels.request.metrics.readers import MOST_CELLS, table_rows


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are in a folder of the test's own, and are named as a step names them."""
    monkeypatch.chdir(tmp_path)


def load(path: str, content: str | bytes) -> Mapping[str, Any]:
    """The metrics of one file."""
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_metrics([path])


def refusal(path: str, content: str | bytes) -> str:
    """What is wrong with the one file."""
    with pytest.raises(MetricsError) as caught:
        load(path, content)
    return caught.value.what


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0.5", 0.5),
        ("12", 12),
        ("-1e-05", -1e-05),
        ("1E+3", 1000.0),
        ("0", 0),
        ("  0.93 ", 0.93),
        ('"0.93"', 0.93),
        ("", None),
        ("   ", None),
        ('""', None),
        ("True", True),
        ("False", False),
        ("true", True),
        ("007", "007"),
        ("+1", "+1"),
        (".5", ".5"),
        ("1.", "1."),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("2026-08-06", "2026-08-06"),
        ("n/a", "n/a"),
        ("None", "None"),
        ("TRUE", "TRUE"),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ('"a, b"', "a, b"),
        ('"say ""hi"""', 'say "hi"'),
        ('"two\nlines"', "two\nlines"),
        ("0,93", None),
    ],
)
def test_a_cell(cell: str, value: object) -> None:
    """A cell is trimmed, and is nothing, a number as JSON writes it, true or false, or else its text."""
    if cell == "0,93":
        assert "has 3 cells in line 2, and 2 columns" in refusal("m.csv", f"a,b\n{cell},1\n")
        return
    row = load("m.csv", f"a,b\n{cell},1\n")["rows"][0]
    assert row == {"a": value, "b": 1}
    assert type(row["a"]) is type(value)


def test_cells_that_are_no_values() -> None:
    """NaN as a text is NaN, and a number that NumPy printed can't be read, in a cell as anywhere."""
    row = load("m.csv", "a,b,c\nnan,np.float64(0.93),NaN\n")["last"]
    assert math.isnan(row["a"])
    assert math.isnan(row["c"])
    assert isinstance(row["b"], Unusable)


@pytest.mark.parametrize(
    ("content", "rows", "last"),
    [
        ("a,b\n1,2\n3,4\n", [{"a": 1, "b": 2}, {"a": 3, "b": 4}], {"a": 3, "b": 4}),
        ("  a ,   val/acc\n  1,   0.5\n", [{"a": 1, "val/acc": 0.5}], {"a": 1, "val/acc": 0.5}),
        ("a,b\n1,2\n3,\n,\n", [{"a": 1, "b": 2}, {"a": 3, "b": None}, {"a": None, "b": None}], {"a": 3, "b": 2}),
        (",a\nx,1\n", [{"": "x", "a": 1}], {"": "x", "a": 1}),
        ("a,b\n", [], {}),
        ("a,b", [], {}),
        ("a,b\n,\n", [{"a": None, "b": None}], {}),
        ("a,b\n1\n", [{"a": 1, "b": None}], {"a": 1}),
        ("\ufeffa,b\r\n1,2\r\n", [{"a": 1, "b": 2}], {"a": 1, "b": 2}),
        ("a,b\r1,2\r", [{"a": 1, "b": 2}], {"a": 1, "b": 2}),
        ("\n\na,b\n\n1,2\n   \n\n", [{"a": 1, "b": 2}], {"a": 1, "b": 2}),
        ("a\n1\n\n2\n", [{"a": 1}, {"a": 2}], {"a": 2}),
        ('#{"t_start": 1.5, "env_id": "CartPole-v1"}\nr,l\n9.0,9\n', [{"r": 9.0, "l": 9}], {"r": 9.0, "l": 9}),
        ("#,a\n1,2\n", [{"#": 1, "a": 2}], {"#": 1, "a": 2}),
    ],
)
def test_csv(content: str, rows: list[object], last: dict[str, object]) -> None:
    """Header and cells make the rows; `last` has each column's last value that isn't empty."""
    assert load("m.CSV", content) == {"rows": rows, "last": last}
    if '"' not in content:
        assert load("m.tsv", content.replace(",", "\t")) == {"rows": rows, "last": last}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,a\n1,2,3\n", "the column `a` twice in line 1: columns 1 and 3"),
        ("a, b ,b\n", "the column `b` twice in line 1: columns 2 and 3"),
        ("\na,,\n", "the column `` twice in line 2: columns 2 and 3"),
        ("a,b\n1,2\n1,2,3\n", "has 3 cells in line 3, and 2 columns"),
        ("a,b\n1,2,\n", "has 3 cells in line 2, and 2 columns"),
        ('a,b\n"x\n1,2\n', "can't be read at line 3: unexpected end of data"),
        ('a,b\n"x"y,1\n', "can't be read at line 2"),
        ("a\n" + "1" * 5000, "a number of too many digits in line 2"),
        ("a\n" + "x" * 200_000, "line 2: field larger than field limit"),
        ("a;b\n1;2\n", "has its cells between semicolons, not commas"),
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("\n,\n", "twice in line 2"),
    ],
)
def test_csv_that_is_refused(content: str, message: str) -> None:
    """A table that can't be believed is an error with the place."""
    assert message in refusal("m.csv", content)


@given(st.lists(st.lists(st.text("ab1. ,\"'\t\n;"), min_size=3, max_size=3), max_size=8))
def test_what_pythons_csv_writes_is_read(table: list[list[str]]) -> None:
    """Every text that Python's csv writes is read back, trimmed; none moves to another column or row."""
    written = io.StringIO()
    csv.writer(written).writerows([["a", "b", "c"], *table])
    read = [[row[name] for name in "abc"] for row in table_rows(written.getvalue(), ",")]
    assert [[_text(cell) for cell in row] for row in read] == [[cell.strip() for cell in row] for row in table]


def _text(value: object) -> str:
    """A cell as it may have been written: these characters can only give whole numbers and plain fractions."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


LOG = '{"iteration": 19, "loss": 1.2}\n{"iteration": 39, "AP": 31.25, "loss": null}\n\n{"iteration": 40}\n'
LAST = {"iteration": 40, "loss": 1.2, "AP": 31.25}


@pytest.mark.parametrize("path", ["m.jsonl", "m.ndjson", "m.json", "2026.log.json"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_document_a_line(path: str, end: str) -> None:
    """JSON lines are rows, and so are those that a tool calls `.json`."""
    metrics = load(path, LOG.replace("\n", end))
    assert metrics["rows"] == [json.loads(line) for line in LOG.splitlines() if line]
    assert metrics["last"] == LAST


def test_a_list_at_the_top() -> None:
    """A list at the top of a .json is rows; `last` has each key's last value that isn't null."""
    assert load("m.json", '[{"a": 1, "b": {"c": 1}}, {"a": null, "d": "nan"}]')["rows"][0] == {"a": 1, "b": {"c": 1}}
    assert load("m.json", '[{"a": 1, "b": 2}, {"a": null}]')["last"] == {"a": 1, "b": 2}
    assert math.isnan(load("m.json", '[{"a": "nan"}]')["last"]["a"])
    assert load("m.json", "[]") == {"rows": [], "last": {}}


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("m.jsonl", '{"a": 1}\n\n{"a": 2,}\n', "at line 3, column "),
        ("m.json", '{"a": 1}\n{"a": \n', "at line 2, column "),
        ("m.jsonl", '{"a": 1}\n[1]\n', "must hold mappings, and line 2 is a list"),
        ("m.jsonl", '{"a": 1}\nnull\n', "must hold mappings, and line 2 is null"),
        ("m.json", '{"a": 1}\n0.5\n', "must hold mappings, and line 2 is a number"),
        ("m.json", '[{"a": 1}, [1]]', "must hold mappings, and item 2 is a list"),
        ("m.jsonl", '{"a": 1}\n{"a": 1, "a": 2}\n', "has the key `a` twice in one mapping, in line 2"),
        ("m.jsonl", '{"a": ' + "[" * 101 + "]" * 101 + "}", "is nested more than 100 deep"),
    ],
)
def test_logs_that_are_refused(path: str, content: str, message: str) -> None:
    """What isn't a mapping a line, or an item, is an error with its place."""
    assert message in refusal(path, content)


def test_a_log_with_one_entry_reads_as_one_with_two() -> None:
    """A JSON mapping also has `rows` and `last`, which are itself; a key that has such a name stays what it is."""
    one = load("m.json", '{"a": 1}')
    assert one == {"a": 1, "rows": [{"a": 1}], "last": {"a": 1}}
    assert load("m.jsonl", '{"a": 1}\n') == {"rows": [{"a": 1}], "last": {"a": 1}}
    assert load("m.txt", '{"a": 1}')["last"] == {"a": 1}
    assert load("m.json", '{"rows": 5}') == {"rows": 5, "last": {"rows": 5}}
    assert load("m.json", '{"last": 5, "a": 1}') == {"last": 5, "a": 1, "rows": [{"last": 5, "a": 1}]}
    for path, content in {"m.yaml": "a: 1", "m.toml": "a = 1", "m.md": "---\na: 1\n---"}.items():
        assert load(path, content) == {"a": 1}


def test_only_one_unnamed_file_gives_rows() -> None:
    """Two tables need names; one beside a mapping does not, and the mapping's keys are beside its rows."""
    Path("a.csv").write_text("x\n1\n")
    Path("b.jsonl").write_text('{"x": 2}\n')
    Path("m.json").write_text('{"acc": 0.9}')
    with pytest.raises(MetricsError, match=r"`a\.csv` and `b\.jsonl` both hold rows") as caught:
        load_metrics(["a.csv", "b.jsonl"])
    assert "`a=a.csv` and `b=b.jsonl`" in caught.value.next_step
    for items in (["a.csv", "m.json"], ["m.json", "a.csv"]):
        assert load_metrics(items) == {"acc": 0.9, "rows": [{"x": 1}], "last": {"x": 1}}
    assert load_metrics(["a.csv", "val=b.jsonl"]) == {
        "rows": [{"x": 1}],
        "last": {"x": 1},
        "val": {"rows": [{"x": 2}], "last": {"x": 2}},
    }


@pytest.mark.parametrize("path", ["m.csv", "m.jsonl", "m.json"])
def test_a_million_cells(path: str) -> None:
    """Rows hold 1,000,000 cells; one row more is an error that names how many there are."""
    header, row = {
        "m.csv": (",".join(map(str, range(1000))), ",".join(["1"] * 1000)),
        "m.jsonl": ("", json.dumps(dict.fromkeys(map(str, range(1000)), 1))),
        "m.json": ("", json.dumps(dict.fromkeys(map(str, range(1000)), 1))),
    }[path]
    rows = MOST_CELLS // 1000
    assert len(load(path, "\n".join([header, *[row] * rows]))["rows"]) == rows
    assert "has 1,002,000 cells in its rows, and 1,000,000 can be read" in refusal(
        path, "\n".join([header, *[row] * (rows + 2)])
    )
