"""A plan as JSON lines: a header, then one step per artifact. A dry run writes it, `apply-plan` reads it (contract §6).

It contains no secrets and is readable in a diff. The header has the number of steps, so that a truncated file is not read
as a smaller plan. engine/replay.py plans the steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from har_labels import __version__
from har_labels.errors import Failures, HarLabelsError, Invalid, PlanFileError
from har_labels.files import read_text
from har_labels.model.address import parse_artifact_name, parse_registry_ref
from har_labels.model.labels import Labels, problem_with, to_labels
from har_labels.model.outcome import Record, Step
from har_labels.report.outputs import json_text
from har_labels.text import named, number, shown

PLAN_VERSION = 1
LARGEST_PLAN_FILE = 512 * 1024 * 1024
STEP_KEYS = tuple(field.name for field in fields(Step))


@dataclass(frozen=True, slots=True)
class StepFile:
    """The steps of a file: a plan, or the report of a run to undo.

    - `expectation`: precedes the step's `before` in the error of an artifact that has other labels.
    - `if_missing`, `if_stale`: the next step of the error if the artifact is gone, or has other labels (empty: the usual one).
    - `notices`, `warnings`: lines about rows that are left out.
    """

    steps: Sequence[Step]
    expectation: str = "the plan expects"
    if_missing: str = "It is gone since the plan was made: make a new one."
    if_stale: str = ""
    notices: Sequence[str] = ()
    warnings: Sequence[str] = ()


def plan_lines(steps: Sequence[Step], record: Record) -> Iterator[str]:
    """The lines of the file. The record's `api_url` keeps the plan from being applied to another server.

    The rest of the record (who made the plan, and when) is for information only.
    """
    header = {
        "har_labels_plan": PLAN_VERSION,
        "api_url": record.api_url,
        "steps": len(steps),
        "tool_version": __version__,
    }
    yield json_text(header | asdict(record)) + "\n"
    for step in steps:
        yield json_text({key: getattr(step, key) for key in STEP_KEYS}) + "\n"


def read_plan(path: str, *, spelling: str, api_url: str, holds_key: Callable[[str], bool]) -> StepFile:
    """The steps of a plan file. Raises InputError if it can't be read, PlanFileError if no dry run can have written it.

    Raises Failures with one PlanFileError for each invalid label that a step adds, and for each step with a label that
    `holds_key`: the file was edited.
    """
    text = read_text(path, spelling=spelling, limit=LARGEST_PLAN_FILE)
    return StepFile(steps_in(text, path, api_url=api_url, holds_key=holds_key))


def steps_in(
    text: str, path: str, *, api_url: str | None, holds_key: Callable[[str], bool] = lambda _: False
) -> list[Step]:
    """The steps in the text of a plan file, as `read_plan`. Without `api_url` a plan for any server is accepted."""
    # Not `splitlines`: a current label may contain U+2028 or the like.
    lines = text.removesuffix("\n").split("\n")
    cure = f"Name a file that `{named('save-plan')}` wrote."
    if '"har_labels_plan"' not in text[:1000] and '"tool_version"' in text[:1000]:
        raise PlanFileError(f"{path!r} is the report of a run, not a plan", f"{cure} `{named('undo')}` takes a report.")
    header = _object(lines[0], path, 1)
    if header.get("har_labels_plan") != PLAN_VERSION:
        raise PlanFileError(f"{path!r} is not a plan of version {PLAN_VERSION}", cure)
    if api_url is not None and header.get("api_url") != api_url:
        raise PlanFileError(f"{path!r} was made for {header.get('api_url')!r}, and this run goes to {api_url!r}")
    if header.get("steps") != len(lines) - 1:
        steps_there = number(len(lines) - 1, "step")
        raise PlanFileError(f"{path!r} has {steps_there}, and its header says {header.get('steps')}")
    steps = [_step(_object(line, path, at), path, at) for at, line in enumerate(lines[1:], start=2)]
    if len({(step.registry_ref, step.artifact, step.artifact_type) for step in steps}) != len(steps):
        raise PlanFileError(f"{path!r} names an artifact twice")
    if refused := [error for at, step in enumerate(steps, start=2) for error in _refusals(step, path, at, holds_key)]:
        raise Failures(refused)
    return steps


def _object(line: str, path: str, at: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PlanFileError(f"{path!r}, line {at}: it is not a JSON object")
    return value


def _step(value: dict[str, Any], path: str, at: int) -> Step:
    try:
        if set(value) != set(STEP_KEYS):
            raise Invalid(f"it has the keys {', '.join(sorted(value))}")
        return Step(
            registry_ref=str(parse_registry_ref(_text(value["registry_ref"]))),
            artifact=parse_artifact_name(_text(value["artifact"])),
            artifact_type=_text(value["artifact_type"]),
            before=None if value["before"] is None else _labels(value["before"]),
            after=_labels(value["after"]),
        )
    except ValueError as error:
        raise PlanFileError(f"{path!r}, line {at}: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{value!r} is not a text")
    return value


def _labels(value: Any) -> Labels:
    if not isinstance(value, list):
        raise Invalid(f"{value!r} is not a list of labels")
    return to_labels(map(_text, value))


def _refusals(step: Step, path: str, at: int, holds_key: Callable[[str], bool]) -> Iterator[HarLabelsError]:
    """The errors of a step: an added label must keep the rules for labels; a current one need not."""
    before = set(step.before or ())
    if any(map(holds_key, {*before, *step.after})):
        yield PlanFileError.contains_key(f"{path!r}, line {at}: a label")
        return
    for label in step.after:
        if label not in before and (problem := problem_with(label)):
            what = f"{path!r}, line {at}: the label {shown(label)!r} can't be written: {problem.why}"
            yield PlanFileError(what, f"{problem.cure} Better, make a new plan: this one was edited.")
