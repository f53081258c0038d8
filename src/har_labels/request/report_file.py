"""The report of a run, read as the steps that take back what it wrote (contract §5 point 7).

Written by `report`, a row a line, and read so: a large one takes little memory. What somebody laid out anew is read as a
whole, up to a limit. The file comes from another job: nothing in it is believed but within the rules for labels and names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from sys import intern
from typing import Any

from har_labels.errors import KEY_IS_ELSEWHERE, Failures, HarLabelsError, ReportFileError
from har_labels.files import read_text
from har_labels.model.address import parse_artifact_name, parse_registry_ref
from har_labels.model.labels import Labels, problem_with, to_labels
from har_labels.model.outcome import Status, Step
from har_labels.report.outputs import REPORT_VERSION
from har_labels.text import HIDDEN, named, number, shown

# How one that can't be undone is left out.
WITHOUT_IT = "To undo the others, take its row out of the report and lower `counts.matched` by one."
LARGEST_REPORT_FILE = 512 * 1024 * 1024
# Characters of a report whose rows don't stand on lines of their own.
LARGEST_REFORMATTED = 32 * 1024 * 1024
MOST_NAMED = 10
_ROWS_BEGIN, _ROWS_END = ',"results":[', "]}"


@dataclass(frozen=True, slots=True)
class Report:
    """What undoes a run: `steps` from what it left to what was there without its writes; what is left as it is, and why."""

    steps: Sequence[Step]
    notices: Sequence[str] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """One artifact of the report. `after`, `added` and `removed` are None where that is not known."""

    number: int
    status: Status
    registry_ref: str
    artifact: str
    artifact_type: str
    before: Labels | None
    after: Labels | None
    added: Labels | None
    removed: Labels | None

    @property
    def subject(self) -> str:
        return f"{shown(repr(self.artifact))} in {shown(self.registry_ref)}"


def read_report(
    path: str, *, spelling: str, api_url: str, holds_key: Callable[[str], bool] = lambda _: False
) -> Report:
    """The report at `path`. Raises ReportFileError for what no run wrote, InputError if unreadable.

    Raises Failures with one ReportFileError for each row that can't be taken back, for each label that would be put back and
    that no input may hold, and for each row that `holds_key`.
    """
    head, values = _parsed(read_text(path, spelling=spelling, limit=LARGEST_REPORT_FILE), path)
    _check_head(head, path, api_url)
    found = _Found(path, holds_key)
    for value in values:
        found.add(value)
    if (told := _count(head)) != found.rows:
        raise ReportFileError(
            f"{path!r} says that it has results: {shown(str(told))}, and has {found.rows}",
            "It was cut off or edited. To undo only some of its rows, write their number into `counts.matched`, too.",
        )
    if found.refused:
        raise Failures(found.refused)
    return Report(found.steps, list(_notices(head, found)), list(_warnings(found)))


class _Found:
    """What the rows come to, one after another: of a hundred thousand only what is needed stays."""

    def __init__(self, path: str, holds_key: Callable[[str], bool]) -> None:
        self._path, self._holds_key = path, holds_key
        self._seen: set[tuple[str, str, str]] = set()
        self.steps: list[Step] = []
        self.refused: list[HarLabelsError] = []
        self.superseded: list[str] = []
        self.unsure: list[str] = []

    @property
    def rows(self) -> int:
        return len(self._seen)

    def add(self, value: Any) -> None:
        """Takes one row. Raises ReportFileError for what no run wrote."""
        row = _row(value, self._path, self.rows + 1)
        key = (row.registry_ref, row.artifact, row.artifact_type)
        if key in self._seen:
            raise ReportFileError(f"{self._path!r}, row {row.number}: {row.subject} is there twice")
        self._seen.add(key)
        if row.status is Status.SUPERSEDED:
            self.superseded.append(row.subject)
        elif row.status is Status.FAILED and (row.added != () or row.removed != ()):
            self.unsure.append(row.subject)
        elif row.status is Status.APPLIED:
            refused = list(_refused(row, self._path, self._holds_key))
            self.refused += refused
            if not refused and (step := _inverse(row)).is_change:
                self.steps.append(step)


# --- the file -------------------------------------------------------------------------------------------------


def _parsed(text: str, path: str) -> tuple[Mapping[str, Any], Iterator[Any]]:
    """The report without its results, and these one by one. Raises ReportFileError, the second while it is gone through."""
    end = text.find("\n")
    if text.endswith(_ROWS_BEGIN, 0, max(end, 0)):
        return _object(f"{text[: end - len(_ROWS_BEGIN)]}}}", path), _from_lines(text, end + 1, path)
    if len(text) > LARGEST_REFORMATTED:
        raise ReportFileError(
            f"{path!r} is cut off, or too large to be read in another layout than it was written in",
            f"Name the file that `{named('report-file')}` wrote, as it is.",
        )
    head = _object(text, path)
    if not isinstance(results := head.get("results"), list):
        raise ReportFileError(f"{path!r} has no list `results`")
    return head, iter(results)


def _from_lines(text: str, start: int, path: str) -> Iterator[Any]:
    """The rows that begin at `start`, a line each. Not by `splitlines`: a text may hold what that takes for a line's end."""
    is_first = has_comma = True
    for at in count(1):
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)]
        if line == _ROWS_END and (is_first or not has_comma) and not text[start + len(line) :].strip():
            return
        if not has_comma or end < 0:
            raise ReportFileError(f"{path!r} is cut off at row {at}, or was edited there")
        start, is_first, has_comma = end + 1, False, line.endswith(",")
        yield _object(line.removesuffix(","), path, at)


def _object(text: str, path: str, row: int = 0) -> Mapping[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ReportFileError(f"{path!r}{f', row {row}' if row else ''}: it is no JSON object, or it is cut off")
    return value


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Who looks a report through sees the first of two values, and we would take the last."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made


def _check_head(head: Mapping[str, Any], path: str, api_url: str) -> None:
    version = head.get("version")
    if version != REPORT_VERSION or isinstance(version, bool) or "tool_version" not in head:
        raise ReportFileError(f"{path!r} is no report of version {REPORT_VERSION}")
    if (told := head.get("api_url")) != api_url:
        raise ReportFileError(
            f"{path!r} is of a run on {shown(repr(told))}, and this one goes to {api_url!r}",
            f"Give the same `{named('api-url')}` as that run's.",
        )


def _count(head: Mapping[str, Any]) -> Any:
    counts = head.get("counts")
    told = counts.get("matched") if isinstance(counts, dict) else None
    return None if isinstance(told, bool) else told


def _row(value: Any, path: str, at: int) -> _Row:
    """Names are held to the rules only where something is written: others may be globs, or what was refused."""
    try:
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY301, TRY004 - one kind of error for one kind of fault
        status, ref, artifact = Status(_text(value, "status")), _text(value, "registry_ref"), _text(value, "artifact")
        is_written = status is Status.APPLIED
        return _Row(
            number=at,
            status=status,
            registry_ref=_registry_ref(ref) if is_written else intern(ref),
            artifact=parse_artifact_name(artifact) if is_written else artifact,
            artifact_type=_artifact_type(value),
            before=_labels(value, "before"),
            after=_labels(value, "after"),
            added=_labels(value, "wrote_added"),
            removed=_labels(value, "wrote_removed"),
        )
    except ValueError as error:
        raise ReportFileError(f"{path!r}, row {at}: {shown(str(error))}") from None


@lru_cache(maxsize=64)
def _registry_ref(text: str) -> str:
    """One text for all rows of a registry."""
    return str(parse_registry_ref(text))


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is no text")  # noqa: TRY004 - one kind of error for one kind of fault
    return value


def _artifact_type(row: Mapping[str, Any]) -> str:
    text = _text(row, "artifact_type")
    if text not in {"model", "dataset", ""}:
        raise ValueError(f"`artifact_type` is {text!r}")
    return text


def _labels(row: Mapping[str, Any], key: str) -> Labels | None:
    if key not in row:
        raise ValueError(f"it has no `{key}`")
    value = row[key]
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise ValueError(f"`{key}` is no list of labels")
    return to_labels(value)


# --- what it comes to -----------------------------------------------------------------------------------------


def _refused(row: _Row, path: str, holds_key: Callable[[str], bool]) -> Iterator[HarLabelsError]:
    """Why a row can't be taken back. What is put back is held to the rules for labels, like what a plan file adds."""
    place = f"{path!r}, row {row.number}"
    if row.before is None or row.after is None or row.added is None or row.removed is None:
        why = "what its labels were before the run" if row.before is None else "what the run wrote"
        what = f"{place}: {row.subject} can't be taken back: {why} is not known"
        yield ReportFileError(what, f"Change its labels by hand. {WITHOUT_IT}")
        return
    if any(map(holds_key, {*row.before, *row.after, *row.added, *row.removed})):
        yield ReportFileError(f"{place}: a label contains the key", KEY_IS_ELSEWHERE)
        return
    if both := set(row.added) & set(row.removed):
        yield ReportFileError(f"{place}: {shown(repr(min(both)))} stands in `wrote_added` and in `wrote_removed`")
    for label in row.removed:
        if HIDDEN in label:
            what = f"{place}: the label {shown(label)!r} can't be put back: a key stood where it has `{HIDDEN}`"
            yield ReportFileError(what, f"Change its labels by hand. {WITHOUT_IT}")
        elif problem := problem_with(label):
            what = f"{place}: the label {shown(label)!r} can't be put back: {problem.why}"
            yield ReportFileError(what, "Take it out of `wrote_removed`: it stays away, and all else is taken back.")


def _inverse(row: _Row) -> Step:
    """From what the run left to the same without its writes: what others wrote before stays (contract §5 point 6)."""
    assert row.after is not None
    assert row.added is not None
    assert row.removed is not None
    after = to_labels((set(row.after) - set(row.added)) | set(row.removed))
    return Step(row.registry_ref, row.artifact, row.artifact_type, row.after, after)


def _notices(head: Mapping[str, Any], found: _Found) -> Iterator[str]:
    run = head.get("run")
    is_dry = isinstance(run, dict) and run.get("dry_run") is True
    wrote = "a dry run writes nothing" if is_dry else "it wrote nothing"
    if found.superseded or found.unsure:
        wrote = "nothing that it wrote is sure to be there still"
    nothing = f": {wrote}, so there is nothing to take back"
    yield f"undo of {_told_of(head)}{'' if found.steps else nothing}"
    if found.superseded:
        yield f"left as it is, since a later writer had set something else: {_named(found.superseded)}"


def _warnings(found: _Found) -> Iterator[str]:
    """Artifacts that the run failed on, and that may hold some of its writes all the same."""
    if found.unsure:
        yield f"not taken back, since the run failed there and what it left is not certain; look at it: {_named(found.unsure)}"


def _told_of(head: Mapping[str, Any]) -> str:
    """The run that is taken back, as far as its report tells."""
    texts = {
        name: shown(value) for name in ("started_at", "actor", "run_url") if isinstance(value := head.get(name), str)
    }
    words = (("of", "started_at"), ("by", "actor"), ("at", "run_url"))
    return " ".join(["the run", *(f"{word} {texts[name]}" for word, name in words if texts.get(name))])


def _named(subjects: Sequence[str]) -> str:
    names = ", ".join(subjects[:MOST_NAMED])
    more = len(subjects) - MOST_NAMED
    return f"{names} and {number(more, 'more artifact')}" if more > 0 else names
