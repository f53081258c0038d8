"""What the outcomes come to: counts, status, exit code, outputs and the JSON report (contract §4).

Pure. The summary and the diff, which are for people, are in `summary.py`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from har_labels.errors import Cancelled, Defect, GateClosed, HarLabelsError, PastDeadline
from har_labels.model.facts import FACTS, fact
from har_labels.model.labels import Labels, Mode, as_map, to_labels
from har_labels.model.outcome import MOST_WITH_FACTS, WRITTEN, Outcome, RunResult, Status, labels_after
from har_labels.model.unusable import Unusable
from har_labels.report.vocabulary import Vocabulary, Word, tears_key, vocabulary_of
from har_labels.text import CONTROL_CHARACTERS, named

# Every output once, in the order of contract §4; action.yml and the README are generated from this.
OUTPUTS: dict[str, str] = {
    "labels": "Labels of the one artifact after the run (in a dry run: those it would have), a sorted JSON array.",
    "previous-labels": "Labels of the one artifact before the run, a sorted JSON array.",
    "added": "Labels the one artifact has now and had not before, a sorted JSON array.",
    "removed": "Labels the one artifact had before and has no more, a sorted JSON array.",
    "labels-map": "Its key=value and key:value labels as a JSON object, for fromJSON(… || '{}').stage; a key of several labels has an array.",
    "moved-from": "With mode: move, the names that the label was taken from (in a dry run: would be), a sorted JSON array.",
    "changed": "true if any artifact changed (in a dry run: would change), else false.",
    "matched-count": "How many artifacts the run was about.",
    "changed-count": "How many changed (in a dry run: would change).",
    "unchanged-count": "How many needed no change, or were rolled back.",
    "failed-count": "How many failed.",
    "skipped-count": "How many were skipped.",
    "status": "SUCCESS, PLANNED (dry run), PARTIAL (some failed, others were done) or FAILED.",
    "exit-code": "The exit code; the README lists them.",
    "image-name": "The one artifact's name as the registry tells it.",
    "package-type": "The one artifact's package type, such as DOCKER or HUGGINGFACE.",
    "created-at": "When the one artifact was created, as the registry tells it (milliseconds since 1970).",
    "modified-at": "When the one artifact was last modified, as the registry tells it (milliseconds since 1970).",
    "downloads-count": "How often the one artifact was downloaded, as the registry tells it.",
    "results": "JSON array of one object an artifact; empty if it is too large, see report-file then.",
    "plan-file": "Path of the plan file, if one was written.",
    "report-file": "Path of the JSON report, if one was written.",
}
JSON_OUTPUTS = frozenset({"labels", "previous-labels", "added", "removed", "labels-map", "moved-from", "results"})

REPORT_VERSION, SOME_FAILED = 1, 11


def added_and_removed(outcome: Outcome) -> tuple[Labels, Labels] | None:
    """What really came and went, not what was wanted; None where either list is not known."""
    before, after = outcome.step.before, labels_after(outcome)
    if before is None or after is None:
        return None
    had, has = set(before), set(after)
    return tuple(sorted(has - had)), tuple(sorted(had - has))


def counts_of(result: RunResult) -> dict[str, int]:
    """Artifacts by fate. The last four add up to `matched`; a rolled-back one has its labels unchanged."""
    by_fate = Counter(map(_fate, result.outcomes))
    return {"matched": len(result.outcomes)} | {
        fate: by_fate[fate] for fate in ("changed", "unchanged", "failed", "skipped")
    }


def failures_of(result: RunResult) -> Iterator[HarLabelsError]:
    """Every failure: the run's own, then those of its artifacts. One without a reason is a defect of ours."""
    yield from result.errors
    for outcome in result.outcomes:
        if outcome.status is Status.FAILED:
            yield outcome.error or Defect(f"{outcome.step.artifact} failed without a reason")


def exit_code_of(result: RunResult) -> int:
    """The step's exit code (contract §4): cancelled, 1, 11, past the deadline, the shared cause, the lowest."""
    failures = list(failures_of(result))
    if not failures:
        return 0
    if cancel := next((failure for failure in failures if isinstance(failure, Cancelled)), None):
        return 128 + cancel.signal_number
    codes = {failure.exit_code for failure in failures}
    if Defect.exit_code in codes:
        return Defect.exit_code
    if _is_partly_done(result) and not result.rollback_was_tried and not is_move(result):
        return SOME_FAILED
    if any(isinstance(failure, PastDeadline) for failure in failures):
        return PastDeadline.exit_code
    return min(codes)


def status_of(result: RunResult) -> str:
    """SUCCESS, PLANNED, PARTIAL or FAILED (contract §4)."""
    if any(failures_of(result)):
        return "PARTIAL" if _is_partly_done(result) else "FAILED"
    return "PLANNED" if result.facts.dry_run else "SUCCESS"


def outputs_of(result: RunResult, *, results_limit: int) -> dict[str, str]:
    """Every output as plain text; empty text where it is not set.

    `results` stays empty past `results_limit` bytes, which `results_notice` then tells.
    """
    outputs = dict.fromkeys(OUTPUTS, "")
    counts = counts_of(result)
    outputs["changed"] = "true" if counts["changed"] else "false"
    outputs |= {f"{fate}-count": str(number) for fate, number in counts.items()}
    outputs |= {"status": status_of(result), "exit-code": str(exit_code_of(result))}
    outputs |= {"plan-file": result.facts.plan_file, "report-file": result.facts.report_file}
    outputs["results"] = _results_within(result, results_limit)
    targeted = [outcome for outcome in result.outcomes if not outcome.is_former]
    if len(targeted) == 1:
        outputs |= _outputs_of_one(targeted[0], result.holds_key)
    if is_move(result) and targeted:
        outputs["moved-from"] = _array(moved_from(result))
    return outputs


def is_move(result: RunResult) -> bool:
    """Whether the artifacts of the run are one change: the label is moved, or it is not."""
    return result.facts.mode == Mode.MOVE


def moved_from(result: RunResult) -> Labels:
    """The names of the artifacts that a move has taken its label from, and that have not got it back."""
    taken = {Status.APPLIED, Status.PLANNED}
    return to_labels(one.step.artifact for one in result.outcomes if one.is_former and one.status in taken)


def results_notice(result: RunResult, outputs: dict[str, str]) -> str:
    """The line that says why `results` is empty; empty text if it is not."""
    if outputs["results"]:
        return ""
    where = (
        f"see the report {result.facts.report_file}"
        if result.facts.report_file
        else f"set `{named('report-file')}` to have them in a file"
    )
    return f"the output `results` is left empty, since it would be too large; {where}"


def report_chunks(result: RunResult, *, version: str) -> Iterator[str]:
    """The text of the JSON report piece by piece, one artifact a line, without holding it all in memory.

    `version` is this tool's. The report's schema is shipped.
    """
    yield json_text(_envelope(result, version))[:-1] + ',"results":['
    for index, row in enumerate(_rows(result)):
        yield (",\n" if index else "\n") + json_text(row)
    yield "\n]}\n"


def json_text(value: object) -> str:
    """Compact JSON, readable but without raw control, bidi or surrogate characters (contract §4, "The summary").

    Nor with `##[`, which GitHub would act on wherever a later step prints it. The values are the same.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    escaped = CONTROL_CHARACTERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    without_commands = escaped.replace("##[", "##\\u005b")
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", without_commands)


def _fate(outcome: Outcome) -> str:
    if outcome.status in {Status.FAILED, Status.SKIPPED}:
        return outcome.status.value
    return "changed" if outcome.has_changed else "unchanged"


def _is_partly_done(result: RunResult) -> bool:
    """Whether something failed and something else is as wanted.

    An artifact that needed nothing counts beside an artifact's failure, but not beside a closed gate: that
    one holds for the whole run, which then wrote nothing (contract §3 `require`), nor after a rollback.
    """
    statuses = {outcome.status for outcome in result.outcomes}
    if is_move(result):  # half a move is none, unless it is not over
        return bool(statuses & WRITTEN) and any(isinstance(error, Cancelled | PastDeadline) for error in result.errors)
    if statuses & WRITTEN:
        return True
    own_failures = [outcome.error for outcome in result.outcomes if outcome.status is Status.FAILED]
    is_gate_closed = any(isinstance(failure, GateClosed) for failure in failures_of(result))
    return bool(own_failures) and Status.UNCHANGED in statuses and not is_gate_closed and not result.rollback_was_tried


def _outputs_of_one(outcome: Outcome, holds_key: Callable[[str], bool]) -> dict[str, str]:
    facts = outcome.facts
    after, difference = labels_after(outcome), added_and_removed(outcome)
    return {
        "labels": _array(after),
        "previous-labels": _array(outcome.step.before),
        "added": _array(difference and difference[0]),
        "removed": _array(difference and difference[1]),
        "labels-map": ""
        if after is None
        else json_text(as_map(tuple(label for label in sorted(after) if not tears_key(label, holds_key)))),
        "image-name": facts.image_name,
        "package-type": facts.package_type,
        "created-at": facts.created_at,
        "modified-at": facts.modified_at,
        "downloads-count": facts.downloads_count,
    }


def _array(labels: Labels | None) -> str:
    return "" if labels is None else json_text(sorted(labels))


def _results_within(result: RunResult, limit: int) -> str:
    rows: list[str] = []
    size = len("[]")
    for row in _rows(result):
        rows.append(json_text(row))
        size += len(rows[-1].encode()) + (len(rows) > 1)
        if size > limit:
            return ""
    return f"[{','.join(rows)}]"


def _rows(result: RunResult) -> Iterator[dict[str, Any]]:
    """One object an artifact; with what the registry told besides the labels where it was read, and few enough were."""
    tells_facts = sum(outcome.is_read for outcome in result.outcomes) <= MOST_WITH_FACTS
    started = result.record.started_at
    now = datetime.fromisoformat(started) if started else None
    for outcome in result.outcomes:
        yield _row(outcome) | (_facts(outcome, now) if tells_facts and outcome.is_read else {})


def _facts(outcome: Outcome, now: datetime | None) -> dict[str, Any]:
    """By the names of `where`; null for what the registry did not tell, or what is none of its kind."""
    asked_at = now or datetime.fromtimestamp(0, UTC)
    told = {
        name: fact(name, outcome.facts, outcome.step.artifact_type, asked_at)
        for name in FACTS
        if name != "artifact_type"  # which every row has
    }
    return {name: _plain(value) for name, value in told.items()} | ({} if now else {"age_days": None})


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"  # as `now` prints
    return None if isinstance(value, Unusable) else value


def _row(outcome: Outcome) -> dict[str, Any]:
    step, difference = outcome.step, added_and_removed(outcome)
    return {
        "registry_ref": step.registry_ref,
        "artifact": step.artifact,
        "artifact_type": step.artifact_type,
        "status": outcome.status.value,
        "before": step.before,
        "after": labels_after(outcome),
        "added": difference and difference[0],
        "removed": difference and difference[1],
        "wrote_added": outcome.wrote_added,
        "wrote_removed": outcome.wrote_removed,
        "confirmed_by": outcome.confirmed_by.value,
        "attempts": outcome.attempts,
        "error": _error(outcome.error) if outcome.error else None,
    }


def _error(error: HarLabelsError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "next_step": error.next_step}


def _envelope(result: RunResult, version: str) -> dict[str, Any]:
    facts = result.facts
    return {
        "version": REPORT_VERSION,
        "tool_version": version,
        **asdict(result.record),
        "status": status_of(result),
        "exit_code": exit_code_of(result),
        "run": asdict(facts) | {"seconds": round(facts.seconds, 3)},
        "counts": counts_of(result),
        "errors": list(map(_error, result.errors)),
        "notices": list(result.notices),
        "warnings": list(result.warnings),
        "breach_count": result.breaches.count,
        "breaches": list(map(asdict, result.breaches.rows)),
        "vocabulary": _vocabulary(vocabulary) if (vocabulary := vocabulary_of(result)) else None,
    }


def _vocabulary(found: Vocabulary) -> dict[str, Any]:
    return {
        "artifacts": found.artifacts,
        "unlabelled": found.unlabelled,
        "unknown": found.unknown,
        "key_count": found.key_count,
        "keys": [{"key": word.key} | _word(word) for word in found.keys],
        "words": _word(found.words),
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "artifacts": word.artifacts,
        "distinct": word.distinct,
        "has_more": word.has_more,
        "values": [{"value": value, "artifacts": count} for value, count in word.values],
    }
