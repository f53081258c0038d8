"""One file's content, by the ending of its name: JSON, JSON lines, CSV, TSV, TOML, a model card, else JSON or YAML."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from har_labels import yaml12
from har_labels.display import shown
from har_labels.files import read_bytes
from har_labels.language.unreadable import Unreadable
from har_labels.language.values import kind_of
from har_labels.metrics import foreign
from har_labels.metrics.foreign import Unfit
from har_labels.metrics.rows import Row, rows_of, table_rows
from har_labels.metrics.sources import STDIN
from har_labels.metrics.texts import settle
from har_labels.yaml12 import DEEPEST

MIB = 1024 * 1024
LARGEST_FILE = 32 * MIB
# Their readers take a hundred times as long as that of JSON.
LARGEST_SLOW_FILE = 10 * MIB
# Each takes a hundred bytes though its text may take three; no log has as many within 32 MiB.
MOST_COLLECTIONS = 2_000_000
_MOST_TOLD = 5
_FRONT_MATTER = re.compile(r"\s*?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: a mapping, or rows beside an empty one.

    A mapping `is_log` if its kind is one that could hold several: a log with one entry reads as one with two.
    """

    mapping: dict[str, object]
    rows: list[Row] | None = None
    is_log: bool = False


def read_content(path: str, stdin: Callable[[int], bytes] | None = None) -> Content:
    """The content of the file at `path`; `stdin` reads that of `-`. Raises Unfit, with line and column where it can."""
    text = _text_of(_bytes_of(path, stdin))
    foreign.check_text(text)
    if not text.strip():
        raise Unfit("must hold metrics, and it is empty")
    if path == STDIN:
        return _nameless(text)
    return _READERS.get(PurePath(path).suffix.lower(), _json_or_yaml)(text)


def _bytes_of(path: str, stdin: Callable[[int], bytes] | None) -> bytes:
    try:
        content = _from_stdin(stdin) if path == STDIN else read_bytes(path, LARGEST_FILE)
    except IsADirectoryError:
        raise Unfit(
            f"is a directory{_files_in(path)}", "Name a file in it, or a glob such as `folder/*.json`."
        ) from None
    except OSError as error:
        raise Unfit(f"can't be read: {error.strerror or error}") from None
    except ValueError:
        raise Unfit("can't be read: this is no path") from None
    if len(content) > LARGEST_FILE:
        raise Unfit(f"is larger than {LARGEST_FILE // MIB} MiB")
    return content


def _from_stdin(stdin: Callable[[int], bytes] | None) -> bytes:
    if stdin is None:
        raise Unfit(
            "has nothing to read here: a step of a CI has none",
            "Give the path of a file; `-` is for the command in a shell. A file of that name is `./-`.",
        )
    return stdin(LARGEST_FILE + 1)


def _files_in(path: str) -> str:
    try:
        names = sorted(each.name for each in islice(Path(path).iterdir(), 1000) if each.is_file())
    except OSError:
        return ""
    told = ", ".join(f"`{shown(name)}`" for name in names[:_MOST_TOLD])
    return (
        f"; in it {'is' if len(names) == 1 else 'are'} {told}{' and more' * (len(names) > _MOST_TOLD)}" if names else ""
    )


def _text_of(content: bytes) -> str:
    foreign.check_bytes(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unfit(f"is not UTF-8 text: line {line} has the byte 0x{content[error.start]:02x}") from None


def _nameless(text: str) -> Content:
    """Standard input has no name, so whatever is JSON by its looks is read as a `.json` is."""
    return _json(text) if foreign.json_form(text)[0] else _json_or_yaml(text)


def _json(text: str) -> Content:
    """A mapping, a list of rows, or one document a line: several tools call such a log `.json`."""
    try:
        document = _document(text, _decoder())
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and len(_lines_of(text, 2)) > 1:
            return Content({}, _logged(text, error))
        raise _unfit_json(text, error) from None
    if isinstance(document, list):
        settle(document)
        return Content({}, rows_of((f"item {number:,}", row) for number, row in enumerate(document, start=1)))
    return Content(_mapping(document), is_log=True)


def _logged(text: str, whole: json.JSONDecodeError) -> list[Row]:
    """One document a line, though the name alone doesn't say so; if not even the first line is one, it was no such log."""
    try:
        _document(_lines_of(text, 1)[0][1], _decoder())
    except json.JSONDecodeError:
        place = f"line {whole.lineno:,}, column {whole.colno:,}"
        cure = "Write one document in all, or each on a line of its own."
        raise Unfit(f"can't be read: a second document begins at {place}", cure) from None
    return rows_of(_documents(text))


def _json_lines(text: str) -> Content:
    try:
        return Content({}, rows_of(_documents(text)))
    except Unfit as unfit:
        raise _as_it_looks(text, unfit, ".jsonl") from None


def _documents(text: str) -> Iterator[tuple[str, object]]:
    decoder = _decoder()
    for number, line in _each_line(text):
        try:
            document = _document(line, decoder)
        except json.JSONDecodeError as error:
            foreign.check_json_error(line, error.pos, number, error.colno)
            raise Unfit(f"can't be read at line {number:,}, column {error.colno:,}: {error.msg}") from None
        except Unfit as unfit:
            raise Unfit(f"{unfit.problem}, in line {number:,}", unfit.cure) from None
        if isinstance(document, dict | list):
            settle(document)
        yield f"line {number:,}", document


def _each_line(text: str) -> Iterator[tuple[int, str]]:
    """The lines that aren't blank, one at a time, with their numbers from 1."""
    for number, found in enumerate(re.finditer(r"[^\n]*(?:\n|$)", text), start=1):
        if line := found[0].strip():
            yield number, line


def _lines_of(text: str, most: int) -> list[tuple[int, str]]:
    return list(islice(_each_line(text), most))


def _table(text: str, separator: str, name: str, ending: str) -> Content:
    if foreign.json_form(text)[0]:
        raise _as_it_looks(text, Unfit(f"is no {name}"), ending)
    return Content({}, table_rows(text, separator))


def _toml(text: str) -> Content:
    import tomllib

    _check_slow(text, "TOML")
    try:
        return Content(_mapping(_without_times(tomllib.loads(text))))
    except tomllib.TOMLDecodeError as error:
        raise _as_it_looks(text, Unfit(f"can't be read as TOML: {shown(str(error))}"), ".toml") from None
    except ValueError:
        raise Unfit("has a number of too many digits") from None
    except RecursionError:
        raise Unfit(f"is nested more than {DEEPEST} deep") from None


def _without_times(value: Any) -> Any:
    """TOML's own dates and times as the texts that they are in every other kind."""
    if isinstance(value, dict):
        return {key: _without_times(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_times(each) for each in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value.isoformat()).replace("+00:00", "Z")


def _model_card(text: str) -> Content:
    """What stands between the first two lines of dashes; the lines keep their numbers."""
    found = _FRONT_MATTER.match(text)
    if not found:
        raise _as_it_looks(
            text,
            Unfit(
                "has no front matter, and of a Markdown file only that is read",
                "It stands at the top of the file, between two lines `---`.",
            ),
            ".md",
        )
    before = text[: found.start(1)]
    return Content(_yaml("\n" * before.count("\n") + found[1]))


def _json_or_yaml(text: str) -> Content:
    """Of a name that promises neither. JSON's own reader knows NaN, and is a hundred times faster."""
    try:
        document = _document(text, _decoder())
    except json.JSONDecodeError:
        foreign.check_printed(text)
        return Content(_yaml(text))
    try:
        return Content(_mapping(document), is_log=True)
    except Unfit as unfit:
        raise _as_it_looks(text, unfit, "") from None


def _yaml(text: str) -> dict[str, object]:
    try:
        _check_slow(text, "YAML")
        return _mapping(yaml12.load(text))
    except yaml12.YamlError as error:
        raise _as_it_looks(text, Unfit(f"can't be read at {error}"), ".yaml") from None
    except Unfit as unfit:
        raise _as_it_looks(text, unfit, ".yaml") from None


def _mapping(document: object) -> dict[str, object]:
    if isinstance(document, Unreadable):
        raise Unfit(f"can't be used: {document.why}", document.cure)
    if not isinstance(document, dict):
        found = f"it holds {kind_of(document) if document is not None else 'nothing'}"
        raise Unfit(f"must hold one mapping of names to values, and {found}")
    settle(document)
    return document


def _check_slow(text: str, name: str) -> None:
    if len(text) > LARGEST_SLOW_FILE or len(text.encode()) > LARGEST_SLOW_FILE:
        raise Unfit(
            f"is larger than {LARGEST_SLOW_FILE // MIB} MiB, the most for {name}",
            "Write it as JSON, which may be larger.",
        )


def _as_it_looks(text: str, unfit: Unfit, ending: str) -> Unfit:
    """`unfit`, with what the file looks like where that isn't what its name's `ending` says."""
    kind, right = foreign.what_it_looks_like(text)
    if not kind or (right and right == ending):
        return unfit
    cure = (
        f"If that is what it is, let its name end in `{right}`."
        if right
        else "Write it with `json.dump(metrics, file)`."
    )
    return Unfit(f"{unfit.problem}; it looks like {kind}", cure)


def _unfit_json(text: str, error: json.JSONDecodeError) -> Unfit:
    foreign.check_json_error(text, error.pos, error.lineno, error.colno)
    unfit = Unfit(f"can't be read at line {error.lineno:,}, column {error.colno:,}: {error.msg}")
    return _as_it_looks(text, unfit, ".json")


def _decoder() -> json.JSONDecoder:
    """Reads JSON documents; keys that are equal share one text, also from one document to the next. Raises Unfit."""
    known: dict[str, str] = {}

    def mapping_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
        mapping = {known.setdefault(key, key): value for key, value in pairs}
        if len(mapping) < len(pairs):
            key = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise Unfit(f"has the key `{shown(key)}` twice in one mapping")
        return mapping

    return json.JSONDecoder(object_pairs_hook=mapping_of)


def _document(text: str, decoder: json.JSONDecoder) -> object:
    """The JSON document that `text` is. Raises JSONDecodeError, Unfit."""
    if (count := text.count("{") + text.count("[")) > MOST_COLLECTIONS:
        raise Unfit(f"has {count:,} lists and mappings, and {MOST_COLLECTIONS:,} can be read")
    try:
        return decoder.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise Unfit("has a number of too many digits") from None
    except RecursionError:
        raise Unfit(f"is nested more than {DEEPEST} deep") from None


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
