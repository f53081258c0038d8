"""Metrics files: the values of `metrics` in templates and `require` (contract §3 "Metrics files").

Unnamed files are merged key by key, and must not contradict each other; `NAME=PATH` gives `metrics.NAME`. Values that
can't be used, such as null, NaN and those with a YAML tag, are accepted here; they are an error only if an expression reads
them.

`inputs.metric_files` finds the file of an item, `readers` reads it by its extension, `foreign` recognizes other formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from pathlib import PurePath

from har_labels.errors import Failures, Invalid, MetricsError
from har_labels.inputs.metric_files import Source, file_of, source_of
from har_labels.request.metrics.readers import Content, read_content
from har_labels.text import named, shown

_MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One file that was read."""

    source: Source
    content: Content

    @property
    def title(self) -> str:
        """The file's name in messages."""
        return f"`{shown(self.source.item)}`"


def load_metrics(items: Sequence[str], *, stdin: Callable[[int], bytes] | None = None) -> Mapping[str, object]:
    """The metrics of the files that `items` (paths, globs, `NAME=PATH`) name; the keys are texts at every level.

    `stdin` reads up to that number of bytes of standard input, if there is one. Raises a MetricsError that names the file,
    with line and column of a syntax error; Failures for several.
    """
    sources = [source_of(item) for item in items]
    problems = list(_problems_of(sources))
    loaded: list[_Loaded] = []
    for source in sources if not problems else ():
        path = source.path
        try:
            path = file_of(source)
            loaded.append(_Loaded(source, read_content(path, stdin)))
        except Invalid as error:
            problems.append(_metrics_error(source, path, error))
    if not problems:
        problems += _contradictions(loaded)
    if problems:
        raise problems[0] if len(problems) == 1 else Failures(problems)
    return _together(loaded)


def _metrics_error(source: Source, path: str, error: Invalid) -> MetricsError:
    if source.is_stdin:
        return MetricsError(f"`{named('metrics-file')}` is `-`: standard input {error.why}", error.cure)
    found = f" (`{shown(path)}`)" if path != source.path else ""
    return MetricsError(f"metrics file `{shown(source.item)}`{found} {error.why}", error.cure)


def _problems_of(sources: Sequence[Source]) -> Iterator[MetricsError]:
    """Problems of the items themselves, before any file is read."""
    for one, other in combinations(sources, 2):
        if one.name and one.name == other.name:
            what = f"metrics files `{shown(one.item)}` and `{shown(other.item)}` have the same name"
            yield MetricsError(what, "Give each a name of its own.")
        elif one.is_stdin and other.is_stdin:
            yield MetricsError(f"`{named('metrics-file')}` names standard input, `-`, twice", "Name it once.")


def _contradictions(loaded: Sequence[_Loaded]) -> Iterator[MetricsError]:
    """Unnamed files with different values for a key, and names that are also keys."""
    unnamed = [each for each in loaded if not each.source.name]
    for one, other in combinations(unnamed, 2):
        if one.content.rows is not None and other.content.rows is not None:
            yield _contradiction(one, other, "both hold rows", "rows")
        elif keys := list(islice(_unlike(one.content.mapping, other.content.mapping, ""), _MOST_LISTED + 1)):
            listed = ", ".join(f"`{shown(key)}`" for key in keys[:_MOST_LISTED]) + (
                " and more" * (len(keys) > _MOST_LISTED)
            )
            yield _contradiction(one, other, f"both have {listed}, with different values", keys[0])
    for each in (each for each in loaded if each.source.name):
        for other in unnamed:
            if each.source.name in other.content.mapping:
                what = f"metrics file {each.title} takes a name that {other.title} has as a key"
                yield MetricsError(what, f"Give it another name than `{shown(each.source.name)}`.")


def _contradiction(one: _Loaded, other: _Loaded, what: str, key: str) -> MetricsError:
    first, second = _suggested_names(one.source.path, other.source.path)
    cure = (
        f"Give each a name by `NAME=PATH`, such as `{first}={shown(one.source.path)}` and "
        f"`{second}={shown(other.source.path)}`, and read `metrics.{first}.{shown(key)}`."
    )
    return MetricsError(f"metrics files {one.title} and {other.title} {what}", cure)


def _suggested_names(one: str, other: str) -> tuple[str, str]:
    """Two names made of the last parts in which the paths differ: the file, else its folder."""
    for first, second in zip(reversed(PurePath(one).parts), reversed(PurePath(other).parts), strict=False):
        names = tuple(
            "".join(each if each.isalnum() else "_" for each in PurePath(part).stem) for part in (first, second)
        )
        if names[0] != names[1] and all(name.isidentifier() for name in names):
            return names[0], names[1]
    return "first", "second"


def _unlike(one: Mapping[str, object], other: Mapping[str, object], path: str) -> Iterator[str]:
    """The keys, down to the values, for which two mappings have different values."""
    for key in (key for key in one if key in other):
        here, there = one[key], other[key]
        if isinstance(here, dict) and isinstance(there, dict):
            yield from _unlike(here, there, f"{path}{key}.")
        elif not _is_same(here, there):
            yield f"{path}{key}"


def _is_same(one: object, other: object) -> bool:
    """Whether two values print alike: 1, 1.0 and true do not, NaN does."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(value, other[key]) for key, value in one.items())
    return type(one) is type(other) and (one == other or (one != one and other != other))  # noqa: PLR0124 - NaN


def _together(loaded: Sequence[_Loaded]) -> Mapping[str, object]:
    unnamed = [each.content for each in loaded if not each.source.name]
    merged: dict[str, object] = {}
    for content in unnamed:
        _merge(merged, content.mapping)
    rows = next((content.rows for content in unnamed if content.rows is not None), None)
    together = Content(merged, rows, is_log=any(content.is_log for content in unnamed)).metrics
    return together | {each.source.name: each.content.metrics for each in loaded if each.source.name}


def _merge(into: dict[str, object], later: Mapping[str, object]) -> None:
    for key, value in later.items():
        there = into.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            _merge(there, value)
        else:
            into[key] = value
