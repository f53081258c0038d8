"""JSON files: one document, a list of them, or one a line (contract §3 "Metrics files").

Several tools call a log with one document a line `.json`, and one with a single entry is a mapping.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from har_labels.inputs.metric_files import Unfit
from har_labels.inputs.yaml import DEEPEST
from har_labels.request.metrics import foreign
from har_labels.request.metrics.foreign import as_it_looks
from har_labels.request.metrics.rows import Content, Row, mapping_of, rows_of
from har_labels.request.metrics.texts import settle
from har_labels.text import shown

# Each takes a hundred bytes though its text may take three; no log has as many within 32 MiB.
MOST_COLLECTIONS = 2_000_000


def read_json(text: str) -> Content:
    """A mapping, a list of rows, or one document a line: several tools call such a log `.json`."""
    try:
        document = document_in(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and len(_lines_of(text, 2)) > 1:
            return Content({}, _logged(text, error))
        raise _unfit_json(text, error) from None
    if isinstance(document, list):
        settle(document)
        return Content({}, rows_of((f"item {number:,}", row) for number, row in enumerate(document, start=1)))
    return Content(mapping_of(document), is_log=True)


def read_json_lines(text: str) -> Content:
    try:
        return Content({}, rows_of(_documents(text)))
    except Unfit as unfit:
        raise as_it_looks(text, unfit, ".jsonl") from None


def _logged(text: str, whole: json.JSONDecodeError) -> list[Row]:
    """One document a line, though the name alone doesn't say so; if not even the first line is one, it was no such log."""
    try:
        document_in(_lines_of(text, 1)[0][1])
    except json.JSONDecodeError:
        place = f"line {whole.lineno:,}, column {whole.colno:,}"
        cure = "Write one document in all, or each on a line of its own."
        raise Unfit(f"can't be read: a second document begins at {place}", cure) from None
    return rows_of(_documents(text))


def _documents(text: str) -> Iterator[tuple[str, object]]:
    decoder = _decoder()
    for number, line in _each_line(text):
        try:
            document = document_in(line, decoder)
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


def _unfit_json(text: str, error: json.JSONDecodeError) -> Unfit:
    foreign.check_json_error(text, error.pos, error.lineno, error.colno)
    unfit = Unfit(f"can't be read at line {error.lineno:,}, column {error.colno:,}: {error.msg}")
    return as_it_looks(text, unfit, ".json")


def _decoder() -> json.JSONDecoder:
    """Reads JSON documents; keys that are equal share one text, also from one document to the next. Raises Unfit."""
    known: dict[str, str] = {}

    def checked(pairs: list[tuple[str, object]]) -> dict[str, object]:
        mapping = {known.setdefault(key, key): value for key, value in pairs}
        if len(mapping) < len(pairs):
            key = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise Unfit(f"has the key `{shown(key)}` twice in one mapping")
        return mapping

    return json.JSONDecoder(object_pairs_hook=checked)


def document_in(text: str, decoder: json.JSONDecoder | None = None) -> object:
    """The JSON document that `text` is. Raises JSONDecodeError, Unfit."""
    if (count := text.count("{") + text.count("[")) > MOST_COLLECTIONS:
        raise Unfit(f"has {count:,} lists and mappings, and {MOST_COLLECTIONS:,} can be read")
    try:
        return (decoder or _decoder()).decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise Unfit("has a number of too many digits") from None
    except RecursionError:
        raise Unfit(f"is nested more than {DEEPEST} deep") from None
