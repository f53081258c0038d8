"""One file's content, by the ending of its name: JSON, JSON lines, CSV, TSV, TOML, a model card, else JSON or YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from har_labels.files import read_bytes
from har_labels.inputs.metric_files import STDIN, Unfit
from har_labels.inputs.yaml import DEEPEST, InvalidAt, load_plain
from har_labels.request.metrics import foreign
from har_labels.request.metrics.documents import document_in, read_json, read_json_lines
from har_labels.request.metrics.foreign import as_it_looks
from har_labels.request.metrics.rows import Content, mapping_of, table_rows
from har_labels.text import shown

MIB = 1024 * 1024
LARGEST_FILE = 32 * MIB
# Their readers take a hundred times as long as that of JSON.
LARGEST_SLOW_FILE = 10 * MIB
_MOST_TOLD = 5
_FRONT_MATTER = re.compile(r"\s*?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)


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
    return read_json(text) if foreign.json_form(text)[0] else _json_or_yaml(text)


def _table(text: str, separator: str, name: str, ending: str) -> Content:
    if foreign.json_form(text)[0]:
        raise as_it_looks(text, Unfit(f"is no {name}"), ending)
    return Content({}, table_rows(text, separator))


def _toml(text: str) -> Content:
    import tomllib

    _check_slow(text, "TOML")
    try:
        return Content(mapping_of(_without_times(tomllib.loads(text))))
    except tomllib.TOMLDecodeError as error:
        raise as_it_looks(text, Unfit(f"can't be read as TOML: {shown(str(error))}"), ".toml") from None
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
        raise as_it_looks(
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
        document = document_in(text)
    except json.JSONDecodeError:
        foreign.check_printed(text)
        return Content(_yaml(text))
    try:
        return Content(mapping_of(document), is_log=True)
    except Unfit as unfit:
        raise as_it_looks(text, unfit, "") from None


def _yaml(text: str) -> dict[str, object]:
    try:
        _check_slow(text, "YAML")
        return mapping_of(load_plain(text))
    except InvalidAt as error:
        raise as_it_looks(text, Unfit(f"can't be read at {error}"), ".yaml") from None
    except Unfit as unfit:
        raise as_it_looks(text, unfit, ".yaml") from None


def _check_slow(text: str, name: str) -> None:
    if len(text) > LARGEST_SLOW_FILE or len(text.encode()) > LARGEST_SLOW_FILE:
        raise Unfit(
            f"is larger than {LARGEST_SLOW_FILE // MIB} MiB, the most for {name}",
            "Write it as JSON, which may be larger.",
        )


_READERS: dict[str, Callable[[str], Content]] = {
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".csv": lambda text: _table(text, ",", "CSV", ".csv"),
    ".tsv": lambda text: _table(text, "\t", "TSV", ".tsv"),
    ".toml": _toml,
    ".md": _model_card,
    ".markdown": _model_card,
}
