"""Metrics files: JSON or YAML 1.2 into the mapping that templates call `metrics` (contract §3 "Templates").

Several files are merged in the order given: mappings key by key, all else replaced by the later file.
null, NaN and infinity are read like any value; they are an error only where an expression reads them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from har_labels import yaml12
from har_labels.display import shown
from har_labels.errors import Failures, MetricsError
from har_labels.files import read_bytes
from har_labels.language.values import kind_of
from har_labels.yaml12 import DEEPEST

LARGEST_FILE = 10 * 1024 * 1024


def load_metrics(paths: Sequence[str]) -> dict[str, object]:
    """All metrics of the files, with texts as keys at every level.

    Raises MetricsError that names the file, with line and column where its syntax is wrong; Failures for several.
    """
    metrics: dict[str, object] = {}
    problems: list[MetricsError] = []
    for path in paths:
        try:
            _merge(metrics, _parse(path, _read_text(path)))
        except MetricsError as problem:
            problems.append(problem)
    if problems:
        raise problems[0] if len(problems) == 1 else Failures(problems)
    return metrics


def _read_text(path: str) -> str:
    try:
        content = read_bytes(path, LARGEST_FILE)
    except OSError as error:
        raise _error(path, f"can't be read: {error.strerror or error}") from None
    except ValueError:
        raise _error(path, "can't be read: this is no path") from None
    if len(content) > LARGEST_FILE:
        raise _error(path, f"is larger than {LARGEST_FILE // 1024 // 1024} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(path, f"is not UTF-8 text: line {line} has the byte 0x{content[error.start]:02x}") from None


def _parse(path: str, text: str) -> dict[str, object]:
    parsed = _parse_either(path, text)
    if not isinstance(parsed, dict):
        found = (
            "it is empty" if not text.strip() else f"it holds {kind_of(parsed) if parsed is not None else 'nothing'}"
        )
        raise _error(path, f"must hold one mapping of names to values, and {found}")
    return parsed


def _parse_either(path: str, text: str) -> object:
    """As JSON if the file's name says so; any other may be either."""
    if not text.strip():
        return None
    if PurePath(path).suffix.lower() == ".json":
        return _parse_json(path, text)
    # JSON's own reader knows NaN, and is a hundred times faster.
    return _parse_json(path, text) if _is_json(text) else _parse_yaml(path, text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _parse_yaml(path: str, text: str) -> object:
    try:
        return yaml12.load(text)
    except yaml12.YamlError as error:
        raise _error(path, f"can't be read at {error}") from None


def _parse_json(path: str, text: str) -> object:
    try:
        parsed: object = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        raise _error(path, f"can't be read at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except _DuplicateKeyError as duplicate:
        raise _error(path, f"has the key `{shown(str(duplicate))}` twice in one mapping") from None
    except ValueError:
        raise _error(path, "has a number of too many digits") from None
    except RecursionError:
        raise _error(path, f"is nested more than {DEEPEST} deep") from None
    if _is_deeper(parsed, DEEPEST):
        raise _error(path, f"is nested more than {DEEPEST} deep")
    return parsed


class _DuplicateKeyError(Exception):
    """A key that a JSON object has twice."""


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise _DuplicateKeyError(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return mapping


def _is_deeper(value: object, allowed: int) -> bool:
    """Whether lists and mappings are nested deeper than `allowed`; looks at one level at a time."""
    level = [value]
    for _ in range(allowed):
        level = [inner for each in level for inner in _collections_in(each)]
    return bool(level)


def _collections_in(value: object) -> list[object]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in inner if isinstance(each, dict | list)]


def _merge(into: dict[str, object], later: dict[str, object]) -> None:
    for key, value in later.items():
        there = into.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            _merge(there, value)
        else:
            into[key] = value


def _error(path: str, problem: str) -> MetricsError:
    return MetricsError(f"metrics file `{shown(path)}` {problem}")
