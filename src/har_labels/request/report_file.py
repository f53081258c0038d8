"""Reads the report of a run as the steps that undo its writes (contract §5 point 7).

report/outputs.py writes one row per line, and the file is read line by line, so a large one takes little memory. A report
in another layout is read as a whole, up to a size limit. The file is from another job and may have been edited, so the
labels and names in it are validated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from sys import intern
from typing import Any

from har_labels.errors import Failures, HarLabelsError, Invalid, ReportFileError
from har_labels.files import read_text
from har_labels.model.address import parse_artifact_name, parse_registry_ref
from har_labels.model.labels import Labels, problem_with, to_labels
from har_labels.model.outcome import Status, Step
from har_labels.report.outputs import REPORT_VERSION
from har_labels.request.plan_file import StepFile
from har_labels.text import HIDDEN, named, number, shown

_LEAVE_IT_OUT = "To undo the others, take its row out of the report and lower `counts.matched` by one."
LARGEST_REPORT_FILE = 512 * 1024 * 1024
# The maximum number of characters of a report in another layout.
LARGEST_REFORMATTED = 32 * 1024 * 1024
MOST_NAMED = 10
_ROWS_BEGIN, _ROWS_END = ',"results":[', "]}"


@dataclass(frozen=True, slots=True)
class _ReportRow:
    """One artifact of the report. `before`, `after`, `added` and `removed` are None if unknown."""

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


def read_report(path: str, *, spelling: str, api_url: str, holds_key: Callable[[str], bool]) -> StepFile:
    """The steps that undo a run: from the labels that it left to the labels without its writes.

    Raises InputError if the file can't be read, ReportFileError if no run can have written it, and Failures with one
    ReportFileError for each row that can't be undone, for each invalid label that would be restored, and for each row
    with a label that `holds_key`.
    """
    head, values = _head_and_rows(read_text(path, spelling=spelling, limit=LARGEST_REPORT_FILE), path)
    _check_head(head, path, api_url)
    rows = _RowSorter(path, holds_key)
    for value in values:
        rows.add(value)
    counts = head.get("counts")
    stated = counts.get("matched") if isinstance(counts, dict) else None
    if stated != rows.count or isinstance(stated, bool):
        raise ReportFileError(
            f"{path!r} has {number(rows.count, 'result')}, and its `counts.matched` is {shown(json.dumps(stated))}",
            "It was cut off or edited. To undo only some of its rows, write their number into `counts.matched`, too.",
        )
    if rows.refusals:
        raise Failures(rows.refusals)
    return StepFile(
        rows.steps,
        expectation="the report to undo says that the run left",
        if_missing=f"It is gone since that run. {_LEAVE_IT_OUT}",
        if_stale=f"Somebody has changed it since. Look at both lists, and change this one by hand. {_LEAVE_IT_OUT}",
        notices=list(_notices(head, rows)),
        warnings=list(_warnings(rows)),
    )


class _RowSorter:
    """Sorts the rows one by one, and keeps only the needed data of each, as there may be a hundred thousand."""

    def __init__(self, path: str, holds_key: Callable[[str], bool]) -> None:
        self._path, self._holds_key = path, holds_key
        self._seen: set[tuple[str, str, str]] = set()
        self.steps: list[Step] = []
        self.refusals: list[HarLabelsError] = []
        self.superseded: list[str] = []
        self.uncertain: list[str] = []

    @property
    def count(self) -> int:
        return len(self._seen)

    def add(self, value: Any) -> None:
        """Adds one row. Raises ReportFileError if no run can have written it."""
        row = _report_row(value, self._path, self.count + 1)
        key = (row.registry_ref, row.artifact, row.artifact_type)
        if key in self._seen:
            raise ReportFileError(f"{self._path!r}, row {row.number}: {row.subject} occurs twice")
        self._seen.add(key)
        if row.status is Status.SUPERSEDED:
            self.superseded.append(row.subject)
        elif row.status is Status.FAILED and (row.added != () or row.removed != ()):
            self.uncertain.append(row.subject)
        elif row.status is Status.APPLIED:
            try:
                if (step := _inverse_step(row, f"{self._path!r}, row {row.number}", self._holds_key)).is_change:
                    self.steps.append(step)
            except Failures as failures:
                self.refusals += failures.errors


# --- the file -------------------------------------------------------------------------------------------------


def _head_and_rows(text: str, path: str) -> tuple[Mapping[str, Any], Iterator[Any]]:
    """The report without its rows, and an iterator over the rows. Both raise ReportFileError."""
    if text.startswith('{"har_labels_plan"'):
        cure = f"Name a file that `{named('report-file')}` wrote. `{named('apply-plan')}` takes a plan."
        raise ReportFileError(f"{path!r} is a plan, not the report of a run", cure)
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
    """The rows from `start` on, one per line. Without `splitlines`, as a label may contain U+2028 or the like."""
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
        raise ReportFileError(f"{path!r}{f', row {row}' if row else ''}: it is not a JSON object, or it is cut off")
    return value


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError for a duplicate key: a reviewer sees the first value, and JSON parsers use the last."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key occurs twice")
    return made


def _check_head(head: Mapping[str, Any], path: str, api_url: str) -> None:
    version = head.get("version")
    if version != REPORT_VERSION or isinstance(version, bool) or "tool_version" not in head:
        raise ReportFileError(f"{path!r} is not a report of version {REPORT_VERSION}")
    if (made_for := head.get("api_url")) != api_url:
        raise ReportFileError(
            f"{path!r} is of a run on {shown(repr(made_for))}, and this one goes to {api_url!r}",
            f"Give the same `{named('api-url')}` as that run's.",
        )


def _report_row(value: Any, path: str, at: int) -> _ReportRow:
    """Parses a row. Names are validated only if APPLIED, since other rows may have globs or invalid names."""
    try:
        if not isinstance(value, dict):
            raise Invalid("it is not a JSON object")
        status, ref, artifact = Status(_text(value, "status")), _text(value, "registry_ref"), _text(value, "artifact")
        if (artifact_type := _text(value, "artifact_type")) not in {"model", "dataset", ""}:
            raise Invalid(f"`artifact_type` is {artifact_type!r}")
        is_written = status is Status.APPLIED
        return _ReportRow(
            number=at,
            status=status,
            registry_ref=_registry_ref(ref) if is_written else intern(ref),
            artifact=parse_artifact_name(artifact) if is_written else artifact,
            artifact_type=artifact_type,
            before=_labels(value, "before"),
            after=_labels(value, "after"),
            added=_labels(value, "wrote_added"),
            removed=_labels(value, "wrote_removed"),
        )
    except ValueError as error:
        raise ReportFileError(f"{path!r}, row {at}: {shown(str(error))}") from None


@lru_cache(maxsize=64)
def _registry_ref(text: str) -> str:
    """One string object per registry, so that a large report takes little memory."""
    return str(parse_registry_ref(text))


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise Invalid(f"`{key}` is not a text")
    return value


def _labels(row: Mapping[str, Any], key: str) -> Labels | None:
    if key not in row:
        raise Invalid(f"it has no `{key}`")
    value = row[key]
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise Invalid(f"`{key}` is not a list of labels")
    return to_labels(value)


# --- the steps ------------------------------------------------------------------------------------------------


def _inverse_step(row: _ReportRow, place: str, holds_key: Callable[[str], bool]) -> Step:
    """The step from the labels that the run left to those without its writes; writes of others are kept (contract §5 point 6).

    Raises Failures if these labels are unknown, or if an invalid label would be restored.
    """
    if row.before is None or row.after is None or row.added is None or row.removed is None:
        why = "its labels before the run" if row.before is None else "the writes of the run"
        what = f"{place}: {row.subject} can't be undone: {why} are not known"
        raise Failures([ReportFileError(what, f"Change its labels by hand. {_LEAVE_IT_OUT}")])
    if any(map(holds_key, {*row.before, *row.after, *row.added, *row.removed})):
        raise Failures([ReportFileError.contains_key(f"{place}: a label")])
    refusals: list[HarLabelsError] = []
    if both := set(row.added) & set(row.removed):
        refusals.append(
            ReportFileError(f"{place}: {shown(repr(min(both)))} is in `wrote_added` and in `wrote_removed`")
        )
    for label in row.removed:
        what = f"{place}: the label {shown(label)!r} can't be put back"
        if HIDDEN in label:
            cure = f"Change its labels by hand. {_LEAVE_IT_OUT}"
            refusals.append(ReportFileError(f"{what}: it contained a key where it has `{HIDDEN}`", cure))
        elif problem := problem_with(label):
            cure = "Remove it from `wrote_removed`: it is then not restored, and everything else is undone."
            refusals.append(ReportFileError(f"{what}: {problem.why}", cure))
    if refusals:
        raise Failures(refusals)
    after = to_labels((set(row.after) - set(row.added)) | set(row.removed))
    return Step(row.registry_ref, row.artifact, row.artifact_type, row.after, after)


def _notices(head: Mapping[str, Any], rows: _RowSorter) -> Iterator[str]:
    texts = {key: shown(value) for key in ("started_at", "actor", "run_url") if isinstance(value := head.get(key), str)}
    words = (("of", "started_at"), ("by", "actor"), ("at", "run_url"))
    which = " ".join(["the run", *(f"{word} {texts[key]}" for word, key in words if texts.get(key))])
    run = head.get("run")
    is_dry = isinstance(run, dict) and run.get("dry_run") is True
    wrote = "a dry run writes nothing" if is_dry else "it wrote nothing"
    if rows.superseded or rows.uncertain:
        wrote = "none of its writes is certain to be there still"
    yield f"undo of {which}{'' if rows.steps else f': {wrote}, so there is nothing to undo'}"
    if rows.superseded:
        yield f"left as it is, since a later writer had set something else: {_named(rows.superseded)}"


def _warnings(rows: _RowSorter) -> Iterator[str]:
    """A warning for artifacts on which the run failed, although they may have some of its writes."""
    if rows.uncertain:
        yield f"not undone, since the run failed there and its writes are not certain; check by hand: {_named(rows.uncertain)}"


def _named(subjects: Sequence[str]) -> str:
    names = ", ".join(subjects[:MOST_NAMED])
    more = len(subjects) - MOST_NAMED
    return f"{names} and {number(more, 'more artifact')}" if more > 0 else names
