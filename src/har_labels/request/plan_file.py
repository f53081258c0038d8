"""A plan as JSON lines: a header, then one step an artifact. Written by a dry run, read by an apply (contract §6).

No secrets, readable in a diff. The header counts the steps, so that a file that was cut off is not taken for a
smaller plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from har_labels import __version__
from har_labels.errors import KEY_IS_ELSEWHERE, Failures, HarLabelsError, PlanFileError
from har_labels.files import read_text
from har_labels.model.address import parse_artifact_name, parse_registry_ref
from har_labels.model.labels import Labels, problem_with, to_labels
from har_labels.model.outcome import Record, Step
from har_labels.report.outputs import json_text, record_told
from har_labels.text import named, shown

VERSION = 1
LARGEST_PLAN_FILE = 512 * 1024 * 1024
STEP_KEYS = ("registry_ref", "artifact", "artifact_type", "before", "after")


def lines_of(steps: Sequence[Step], *, api_url: str, record: Record | None = None) -> Iterator[str]:
    """The file's lines. `api_url` is written down so that a plan is not applied to another server.

    `record` says who made it and when; nothing is decided by it.
    """
    header = {"har_labels_plan": VERSION, "api_url": api_url, "steps": len(steps), "tool_version": __version__}
    yield _line(header | record_told(replace(record or Record(), api_url=api_url)))
    for step in steps:
        values = (step.registry_ref, step.artifact, step.artifact_type, step.before, step.after)
        yield _line(dict(zip(STEP_KEYS, values, strict=True)))


def read_plan(
    path: str, *, spelling: str, api_url: str, holds_key: Callable[[str], bool] = lambda _: False
) -> list[Step]:
    """The steps of a plan file. Raises PlanFileError for anything that no dry run wrote, InputError if unreadable.

    Raises Failures with one PlanFileError for each label that a step adds and no input may hold, and for each step that
    `holds_key`: the file was edited.
    """
    text = read_text(path, spelling=spelling, limit=LARGEST_PLAN_FILE)
    return steps_in(text, path, api_url=api_url, holds_key=holds_key)


def steps_in(
    text: str, path: str, *, api_url: str | None, holds_key: Callable[[str], bool] = lambda _: False
) -> list[Step]:
    """The steps that a plan file's text has, as `read_plan`; without `api_url` it may be made for any server."""
    # Not `splitlines`: a label that is on an artifact already may hold U+2028 or the like.
    lines = text.removesuffix("\n").split("\n")
    header = _object(lines[0], path, 1)
    if header.get("har_labels_plan") != VERSION:
        raise PlanFileError(
            f"{path!r} is no plan of version {VERSION}", f"Name a file that `{named('save-plan')}` wrote."
        )
    if api_url is not None and header.get("api_url") != api_url:
        raise PlanFileError(f"{path!r} was made for {header.get('api_url')!r}, and this run goes to {api_url!r}")
    if header.get("steps") != len(lines) - 1:
        raise PlanFileError(f"{path!r} says that it has steps: {header.get('steps')}, and has {len(lines) - 1}")
    steps = [_step(_object(line, path, number), path, number) for number, line in enumerate(lines[1:], start=2)]
    if len({(step.registry_ref, step.artifact, step.artifact_type) for step in steps}) != len(steps):
        raise PlanFileError(f"{path!r} names an artifact twice")
    if refused := [
        error for number, step in enumerate(steps, start=2) for error in _refused(step, path, number, holds_key)
    ]:
        raise Failures(refused)
    return steps


def _refused(step: Step, path: str, number: int, holds_key: Callable[[str], bool]) -> Iterator[HarLabelsError]:
    """What a step adds is held to the rules for labels; what is on an artifact already may be as odd as it is."""
    before = set(step.before or ())
    if any(map(holds_key, {*before, *step.after})):
        yield PlanFileError(f"{path!r}, line {number}: a label contains the key", KEY_IS_ELSEWHERE)
        return
    for label in step.after:
        if label not in before and (problem := problem_with(label)):
            what = f"{path!r}, line {number}: the label {shown(label)!r} can't be written: {problem.why}"
            yield PlanFileError(what, f"{problem.cure} Better, make a new plan: this one was edited.")


def _line(value: dict[str, Any]) -> str:
    return json_text(value) + "\n"


def _object(line: str, path: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PlanFileError(f"{path!r}, line {number}: it is no JSON object")
    return value


def _step(value: dict[str, Any], path: str, number: int) -> Step:
    try:
        if set(value) != set(STEP_KEYS):
            raise ValueError(f"it has the keys {', '.join(sorted(value))}")  # noqa: TRY301 - one kind of error for one kind of fault
        return Step(
            registry_ref=str(parse_registry_ref(_text(value["registry_ref"]))),
            artifact=parse_artifact_name(_text(value["artifact"])),
            artifact_type=_text(value["artifact_type"]),
            before=None if value["before"] is None else _labels(value["before"]),
            after=_labels(value["after"]),
        )
    except ValueError as error:
        raise PlanFileError(f"{path!r}, line {number}: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004 - one kind of error for one kind of fault
    return value


def _labels(value: Any) -> Labels:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list of labels")  # noqa: TRY004 - as above
    return to_labels(map(_text, value))
