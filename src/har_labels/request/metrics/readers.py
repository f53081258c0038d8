"""Reads the values of one metrics file, by the ending of its name (contract §3 "Metrics files").

The formats are JSON, JSON lines, CSV, TSV, TOML, and the front matter of a model card; any other name is JSON or YAML.
Several tools give a log with one JSON document per line the name `.json`, and DVCLive and SageMaker scripts write NaN as a
text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from har_labels.errors import Invalid
from har_labels.files import STDIN, read_bytes
from har_labels.inputs.yaml import DEEPEST, InvalidAt, load_plain
from har_labels.model.unusable import Unusable
from har_labels.request.metrics import foreign
from har_labels.request.metrics.foreign import as_it_looks
from har_labels.templates.values import kind_of
from har_labels.text import shown

MIB = 1024 * 1024
LARGEST_METRICS_FILE = 32 * MIB
# The parsers of YAML and TOML are a hundred times slower than that of JSON.
LARGEST_SLOW_FILE = 10 * MIB
MOST_CELLS = 1_000_000
# Each needs a hundred bytes of memory, and its text may have only three; no real log of 32 MiB has as many.
MOST_COLLECTIONS = 2_000_000
_MOST_LISTED = 5

TableRow = dict[str, object]


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a file: a mapping, or rows and an empty mapping.

    `is_log`: the format allows several mappings, so that a log with one entry is read like one with two.
    """

    mapping: dict[str, object]
    rows: list[TableRow] | None = None
    is_log: bool = False

    @property
    def metrics(self) -> dict[str, object]:
        """The mapping with the additional keys `rows` and `last`; in a log with one entry both are made of the mapping."""
        if self.rows is not None:
            last: TableRow = {}  # the last non-empty value of each column: training tools do not write every column in every step
            for row in self.rows:
                last.update((key, value) for key, value in row.items() if value is not None)
            return self.mapping | {"rows": self.rows, "last": last}
        return {"rows": [self.mapping], "last": self.mapping} | self.mapping if self.is_log else self.mapping


def read_content(path: str, stdin: Callable[[int], bytes] | None = None) -> Content:
    """The content of the file at `path`, for `-` from `stdin`. Raises Invalid, with line and column if known."""
    text = _decoded(_bytes_of(path, stdin))
    foreign.check_text(text)
    if not text.strip():
        raise Invalid("must hold metrics, and it is empty")
    if path == STDIN:
        # Without a name, a text that looks like JSON is read as a `.json` file.
        return _json(text) if foreign.json_form(text)[0] else _json_or_yaml(text)
    return _READERS.get(PurePath(path).suffix.lower(), _json_or_yaml)(text)


# --- from the file to its text -----------------------------------------------------------------------------------


def _bytes_of(path: str, stdin: Callable[[int], bytes] | None) -> bytes:
    if path == STDIN:
        if stdin is None:
            raise Invalid(
                "can't be read here: a step of a CI has none",
                "Give the path of a file; `-` is for the command in a shell. A file of that name is `./-`.",
            )
        content = stdin(LARGEST_METRICS_FILE + 1)
    else:
        try:
            content = read_bytes(path, LARGEST_METRICS_FILE)
        except IsADirectoryError:
            cure = "Name a file in it, or a glob such as `folder/*.json`."
            raise Invalid(f"is a directory{_files_in(path)}", cure) from None
        except OSError as error:
            raise Invalid(f"can't be read: {error.strerror or error}") from None
        except ValueError:
            raise Invalid("can't be read: this is not a valid path") from None
    if len(content) > LARGEST_METRICS_FILE:
        raise Invalid(f"is larger than {LARGEST_METRICS_FILE // MIB} MiB")
    return content


def _files_in(path: str) -> str:
    try:
        names = sorted(each.name for each in islice(Path(path).iterdir(), 1000) if each.is_file())
    except OSError:
        return ""
    listed = ", ".join(f"`{shown(name)}`" for name in names[:_MOST_LISTED])
    more = " and more" * (len(names) > _MOST_LISTED)
    return f"; in it {'is' if len(names) == 1 else 'are'} {listed}{more}" if names else ""


def _decoded(content: bytes) -> str:
    foreign.check_bytes(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid(f"is not UTF-8 text: line {line} has the byte 0x{content[error.start]:02x}") from None


# --- JSON --------------------------------------------------------------------------------------------------------


def _json(text: str) -> Content:
    """A mapping, a list of rows, or one document a line."""
    try:
        document = _json_document(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and len(list(islice(_each_line(text), 2))) > 1:
            return Content({}, _log(text, error))
        foreign.check_json_error(text, error.pos, error.lineno, error.colno)
        unread = Invalid(f"can't be read at line {error.lineno:,}, column {error.colno:,}: {error.msg}")
        raise as_it_looks(text, unread, ".json") from None
    if isinstance(document, list):
        _convert_texts(document)
        return Content({}, _rows_of((f"item {number:,}", row) for number, row in enumerate(document, start=1)))
    return Content(_mapping_of(document), is_log=True)


def _json_lines(text: str) -> Content:
    try:
        return Content({}, _rows_of(_each_document(text)))
    except Invalid as error:
        raise as_it_looks(text, error, ".jsonl") from None


def _log(text: str, whole: json.JSONDecodeError) -> list[TableRow]:
    """The rows of a log whose name is `.json`. If not even the first line is a document, the file is not a log."""
    try:
        _json_document(next(_each_line(text))[1])
    except json.JSONDecodeError:
        place = f"line {whole.lineno:,}, column {whole.colno:,}"
        cure = "Write one document in all, or each on a line of its own."
        raise Invalid(f"can't be read: a second document begins at {place}", cure) from None
    return _rows_of(_each_document(text))


def _each_document(text: str) -> Iterator[tuple[str, object]]:
    """The document of each line, preceded by its place in words."""
    decoder = _json_decoder()
    for number, line in _each_line(text):
        try:
            document = _json_document(line, decoder)
        except json.JSONDecodeError as error:
            foreign.check_json_error(line, error.pos, number, error.colno)
            raise Invalid(f"can't be read at line {number:,}, column {error.colno:,}: {error.msg}") from None
        except Invalid as error:
            raise Invalid(f"{error.why}, in line {number:,}", error.cure) from None
        if isinstance(document, dict | list):
            _convert_texts(document)
        yield f"line {number:,}", document


def _each_line(text: str) -> Iterator[tuple[int, str]]:
    """The non-blank lines with their numbers from 1, one at a time."""
    for number, found in enumerate(re.finditer(r"[^\n]*(?:\n|$)", text), start=1):
        if line := found[0].strip():
            yield number, line


def _json_decoder() -> json.JSONDecoder:
    """A decoder in which equal keys share one string object, also across documents. Raises Invalid for a duplicate key."""
    known: dict[str, str] = {}

    def checked(pairs: list[tuple[str, object]]) -> dict[str, object]:
        mapping = {known.setdefault(key, key): value for key, value in pairs}
        if len(mapping) < len(pairs):
            key = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise Invalid(f"has the key `{shown(key)}` twice in one mapping")
        return mapping

    return json.JSONDecoder(object_pairs_hook=checked)


def _json_document(text: str, decoder: json.JSONDecoder | None = None) -> object:
    """Parses one JSON document. Raises JSONDecodeError, Invalid."""
    if (count := text.count("{") + text.count("[")) > MOST_COLLECTIONS:
        raise Invalid(f"has {count:,} lists and mappings, and {MOST_COLLECTIONS:,} can be read")
    try:
        return (decoder or _json_decoder()).decode(text)
    except (json.JSONDecodeError, Invalid):
        raise
    except ValueError:
        raise Invalid("has a number of too many digits") from None
    except RecursionError:
        raise Invalid(f"is nested more than {DEEPEST} deep") from None


# --- YAML, TOML, model cards -------------------------------------------------------------------------------------

_FRONT_MATTER = re.compile(r"\s*?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)


def _json_or_yaml(text: str) -> Content:
    """For a name that implies neither. JSON first: its parser accepts NaN, and is a hundred times faster."""
    try:
        document = _json_document(text)
    except json.JSONDecodeError:
        foreign.check_printed(text)
        return Content(_yaml(text))
    try:
        return Content(_mapping_of(document), is_log=True)
    except Invalid as error:
        raise as_it_looks(text, error, "") from None


def _yaml(text: str) -> dict[str, object]:
    try:
        _check_size(text, "YAML")
        return _mapping_of(load_plain(text))
    except InvalidAt as error:
        raise as_it_looks(text, Invalid(f"can't be read at {error}"), ".yaml") from None
    except Invalid as error:
        raise as_it_looks(text, error, ".yaml") from None


def _toml(text: str) -> Content:
    import tomllib

    _check_size(text, "TOML")
    try:
        document = _without_times(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise as_it_looks(text, Invalid(f"can't be read as TOML: {shown(str(error))}"), ".toml") from None
    except ValueError:
        raise Invalid("has a number of too many digits") from None
    except RecursionError:
        raise Invalid(f"is nested more than {DEEPEST} deep") from None
    return Content(_mapping_of(document))


def _without_times(value: Any) -> Any:
    """TOML's dates and times as texts, as in every other format."""
    if isinstance(value, dict):
        return {key: _without_times(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_times(each) for each in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value.isoformat()).replace("+00:00", "Z")


def _model_card(text: str) -> Content:
    """Reads the YAML between the first two lines of dashes; errors keep the line numbers of the file."""
    found = _FRONT_MATTER.match(text)
    if not found:
        what = "has no front matter, the only part of a Markdown file that is read"
        cure = "It is at the top of the file, between two lines `---`."
        raise as_it_looks(text, Invalid(what, cure), ".md")
    before = text[: found.start(1)]
    return Content(_yaml("\n" * before.count("\n") + found[1]))


def _check_size(text: str, name: str) -> None:
    if len(text) > LARGEST_SLOW_FILE or len(text.encode()) > LARGEST_SLOW_FILE:
        what = f"is larger than {LARGEST_SLOW_FILE // MIB} MiB, the most for {name}"
        raise Invalid(what, "Write it as JSON, which may be larger.")


# --- CSV and TSV -------------------------------------------------------------------------------------------------

# stable-baselines3 writes such a comment above the header of its monitor.csv.
_COMMENT = re.compile(r"\A#\{.*\}[ \t]*(?=\r?\n)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {"": None, "True": True, "False": False, "true": True, "false": False}
_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}


def _table(text: str, separator: str, name: str, ending: str) -> Content:
    if foreign.json_form(text)[0]:
        raise as_it_looks(text, Invalid(f"is not {name}"), ending)
    return Content({}, table_rows(text, separator))


def table_rows(text: str, separator: str) -> list[TableRow]:
    """The rows of a CSV or TSV text below its header. Raises Invalid."""
    import csv

    text = _COMMENT.sub("", text)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        lines = ((reader.line_num, line) for line in reader if len(line) > 1 or (line and line[0].strip()))
        number, header = next(lines, (1, []))
        columns = _columns(header, number)
        _check_separator(text, separator, columns)
        rows: list[TableRow] = []
        count = 0
        for number, line in lines:
            count += 1
            if len(line) > len(columns):
                raise Invalid(f"has {len(line):,} cells in line {number:,}, and {len(columns):,} columns")
            if count * len(columns) <= MOST_CELLS:
                row: TableRow = dict.fromkeys(columns)  # missing cells are empty
                row.update((column, _cell(cell.strip(), number)) for column, cell in zip(columns, line, strict=False))
                rows.append(row)
    except csv.Error as error:
        raise Invalid(f"can't be read at line {reader.line_num:,}: {error}") from None
    _check_cells(count * len(columns))
    return rows


def _columns(header: Sequence[str], line: int) -> list[str]:
    """The names of the columns. The empty name is allowed: pandas writes its index without a name."""
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
    """Raises Invalid if the table seems to have another separator: one column, and equally many of it in the next line."""
    if len(columns) > 1:
        return
    first, second = ([*text.strip().split("\n", 2), ""])[:2]
    for sign, words in _SEPARATORS.items():
        if sign != separator and first.count(sign) > 0 and (not second or first.count(sign) == second.count(sign)):
            cure = {",": "Name it `.csv`.", "\t": "Name it `.tsv`."}.get(sign, "Write it with commas.")
            raise Invalid(f"has its cells between {words}, not {_SEPARATORS[separator]}", cure)


def _cell(text: str, line: int) -> object:
    """The value of a cell: None, true, false, a number in JSON's syntax, else a text."""
    if text in _WORDS:
        return _WORDS[text]
    if found := _NUMBER.fullmatch(text):
        read: Callable[[str], object] = float if found[1] or found[2] else int
        try:
            return read(text)
        except ValueError:
            raise Invalid(f"has a number of too many digits in line {line:,}") from None
    return _converted(text)


_READERS: dict[str, Callable[[str], Content]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": lambda text: _table(text, ",", "CSV", ".csv"),
    ".tsv": lambda text: _table(text, "\t", "TSV", ".tsv"),
    ".toml": _toml,
    ".md": _model_card,
    ".markdown": _model_card,
}


# --- from documents to content -----------------------------------------------------------------------------------

_NOT_FINITE = re.compile(r"\s*[-+]?\.?(?:nan|inf(?:inity)?)\s*", re.IGNORECASE)
# Python's printed form of a value. One of NumPy may be a part of the text, as in a printed list.
_PRINTED_VALUE = re.compile(
    r"""(?x)
    .* (?<![\w.]) (?:np|numpy|jnp|jax|cupy|cp) \. (?:float|int|uint|complex|bool|str|longdouble|bfloat|datetime|array)\w* \( .*
    | \s* [-+]? (?:np|numpy|math) \. (?:True_|False_|nan|inf) \s*
    | \s* (?:[A-Za-z_]\w*\.)* (?:array|tensor|Tensor|EagerTensor|Array|DeviceArray|Parameter|Decimal|Fraction
      | (?:float|int|uint|bfloat|complex)\d+ | Timestamp | timedelta | Timedelta | datetime | date) \( .* \) \s*
    | \s* <(?:tf\.Tensor|tf\.Variable|class|function|bound\ method|built-in)\b .* > \s*
    | \s* <[\w.]+ (?:\ .*)? \ at\ 0x[0-9a-f]+ > \s*
    """,
    re.DOTALL,
)
_LONGEST_PRINTED = 100_000
# Longer than `-numpy.False_` with blanks around it.
_LONGEST_WORD = 20


def _mapping_of(document: object) -> dict[str, object]:
    """The document, which must be a mapping, with its texts converted. Raises Invalid."""
    if isinstance(document, Unusable):
        raise Invalid(f"can't be used: {document.why}", document.cure)
    if not isinstance(document, dict):
        found = f"it holds {kind_of(document) if document is not None else 'nothing'}"
        raise Invalid(f"must hold one mapping of names to values, and {found}")
    _convert_texts(document)
    return document


def _rows_of(documents: Iterable[tuple[str, object]]) -> list[TableRow]:
    """The documents, each preceded by its place in words, as rows. Raises Invalid if one is not a mapping."""
    rows: list[TableRow] = []
    cells = 0
    for place, document in documents:
        if not isinstance(document, dict):
            what = kind_of(document) if document is not None else "null"
            raise Invalid(
                f"must hold mappings, and {place} is {what}", "Write one mapping of names to values for each entry."
            )
        cells += max(len(document), 1)
        if cells <= MOST_CELLS:
            rows.append(document)
    _check_cells(cells)
    return rows


def _check_cells(count: int) -> None:
    if count > MOST_CELLS:
        problem = f"has {count:,} cells in its rows, and {MOST_CELLS:,} can be read"
        raise Invalid(
            problem, "Keep fewer columns, or every tenth row, or write what is needed into a file of its own."
        )


def _convert_texts(document: dict[str, object] | list[object]) -> None:
    """Converts all texts in place, level by level. Raises Invalid if nested too deep."""
    level: list[dict[str, object] | list[object]] = [document]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _convert_level(each)]
    if level:
        raise Invalid(f"is nested more than {DEEPEST} deep")


def _convert_level(one: dict[str, object] | list[object]) -> list[dict[str, object] | list[object]]:
    """Converts the texts of one list or mapping; returns the lists and mappings in it."""
    inner: list[dict[str, object] | list[object]] = []
    places: Any = one  # each kind has its own keys
    for key, value in one.items() if isinstance(one, dict) else enumerate(one):
        if isinstance(value, str):
            if (converted := _converted(value)) is not value:
                places[key] = converted
        elif isinstance(value, dict | list):
            inner.append(value)
    return inner


def _converted(text: str) -> object:
    """NaN and infinity as numbers, printed Python values (NumPy 2: `np.float64(0.93)`) as Unusable, other texts unchanged."""
    if (len(text) < _LONGEST_WORD or len(text.strip()) < _LONGEST_WORD) and _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    end = text.rstrip()[-1:]
    if (
        (end in {")", ">"} or "(" in text or len(text) < _LONGEST_WORD)
        and len(text) <= _LONGEST_PRINTED
        and _PRINTED_VALUE.fullmatch(text)
    ):
        return Unusable(
            "it is a text that Python printed, such as `np.float64(0.93)`, and not a number",
            "Write `float(value)`, or `value.item()`, into the file.",
        )
    return text
