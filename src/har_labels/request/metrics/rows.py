"""Tables and logs: CSV, TSV, and JSON documents one after another, as rows (contract §3 "Metrics files").

A row is a mapping. `last` has each column's last value that isn't empty: training tools write a column every so
many steps, and leave its cells empty in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO

from har_labels.errors import Invalid
from har_labels.model.unusable import Unusable
from har_labels.request.metrics.texts import meant_by, settle
from har_labels.templates.values import kind_of
from har_labels.text import shown

MOST_CELLS = 1_000_000
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_COMMENT = re.compile(r"\A#\{.*\}[ \t]*(?=\r?\n)")
_WORDS: dict[str, object] = {"": None, "True": True, "False": False, "true": True, "false": False}
_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: a mapping, or rows beside an empty one.

    A mapping `is_log` if its kind is one that could hold several: a log with one entry reads as one with two.
    """

    mapping: dict[str, object]
    rows: list[Row] | None = None
    is_log: bool = False

    @property
    def metrics(self) -> dict[str, object]:
        """The mapping with `rows` and `last` beside its keys; of a log of one entry, which is the mapping, both are itself."""
        if self.rows is not None:
            return self.mapping | {"rows": self.rows, "last": last_of(self.rows)}
        return {"rows": [self.mapping], "last": self.mapping} | self.mapping if self.is_log else self.mapping


def mapping_of(document: object) -> dict[str, object]:
    """The mapping that a document is, its texts settled. Raises Invalid if it is anything else."""
    if isinstance(document, Unusable):
        raise Invalid(f"can't be used: {document.why}", document.cure)
    if not isinstance(document, dict):
        found = f"it holds {kind_of(document) if document is not None else 'nothing'}"
        raise Invalid(f"must hold one mapping of names to values, and {found}")
    settle(document)
    return document


def last_of(rows: Iterable[Row]) -> Row:
    """Each column's last value that isn't empty; without the columns that have none."""
    last: Row = {}
    for row in rows:
        last.update((key, value) for key, value in row.items() if value is not None)
    return last


def rows_of(documents: Iterable[tuple[str, object]]) -> list[Row]:
    """The documents as rows; each has the place where it stands before it. Raises Invalid if one is no mapping."""
    rows: list[Row] = []
    cells = 0
    for place, document in documents:
        if not isinstance(document, dict):
            what = kind_of(document) if document is not None else "null"
            raise Invalid(
                f"must hold mappings, and {place} is {what}", "Write one mapping of names to values an entry."
            )
        cells += max(len(document), 1)
        if cells <= MOST_CELLS:
            rows.append(document)
    _check_cells(cells)
    return rows


def table_rows(text: str, separator: str) -> list[Row]:
    """The rows of a CSV or TSV text below its header. Raises Invalid."""
    import csv

    # stable-baselines3 writes such a comment above the header of its monitor.csv.
    text = _COMMENT.sub("", text)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        lines = ((reader.line_num, line) for line in reader if len(line) > 1 or (line and line[0].strip()))
        number, header = next(lines, (1, []))
        columns = _columns(header, number)
        _check_separator(text, separator, columns)
        rows: list[Row] = []
        count = 0
        for number, line in lines:
            count += 1
            if len(line) > len(columns):
                raise Invalid(f"has {len(line):,} cells in line {number:,}, and {len(columns):,} columns")
            if count * len(columns) <= MOST_CELLS:
                rows.append(_row(columns, line, number))
    except csv.Error as error:
        raise Invalid(f"can't be read at line {reader.line_num:,}: {error}") from None
    _check_cells(count * len(columns))
    return rows


def _columns(header: Sequence[str], line: int) -> list[str]:
    """The names of the columns. An empty one is the key `''`: pandas leaves its index without a name."""
    if not header:
        raise Invalid("is empty: it has no header")
    columns = [name.strip() for name in header]
    place: dict[str, int] = {}
    for number, name in enumerate(columns, start=1):
        if place.setdefault(name, number) != number:
            what = f"has the column `{shown(name)}` twice in line {line:,}: columns {place[name]:,} and {number:,}"
            raise Invalid(what, "Give each column a name of its own.")
    return columns


def _check_separator(text: str, separator: str, columns: Sequence[str]) -> None:
    """One column that holds another separator, and as many of it in the next line, is a table of another kind."""
    if len(columns) > 1:
        return
    first, second = ([*text.strip().split("\n", 2), ""])[:2]
    for sign, words in _SEPARATORS.items():
        if sign != separator and first.count(sign) > 0 and (not second or first.count(sign) == second.count(sign)):
            cure = {",": "Name it `.csv`.", "\t": "Name it `.tsv`."}.get(sign, "Write it with commas.")
            raise Invalid(f"has its cells between {words}, not {_SEPARATORS[separator]}", cure)


def _row(columns: Sequence[str], line: Sequence[str], number: int) -> Row:
    """One line by its columns; the cells it is short of are empty."""
    row: Row = dict.fromkeys(columns)
    for column, cell in zip(columns, line, strict=False):
        row[column] = _value(cell.strip(), number)
    return row


def _value(cell: str, line: int) -> object:
    """What a cell holds: nothing, true or false, a number as JSON writes it, else a text."""
    if cell in _WORDS:
        return _WORDS[cell]
    if found := _NUMBER.fullmatch(cell):
        read: Callable[[str], object] = float if found[1] or found[2] else int
        try:
            return read(cell)
        except ValueError:
            raise Invalid(f"has a number of too many digits in line {line:,}") from None
    return meant_by(cell)


def _check_cells(count: int) -> None:
    if count > MOST_CELLS:
        problem = f"has {count:,} cells in its rows, and {MOST_CELLS:,} can be read"
        raise Invalid(
            problem, "Keep fewer columns, or every tenth row, or write what is needed into a file of its own."
        )
