"""The results of a run for programs: outputs and the JSON report (contract §4). Pure.

The summary and the diff, which are for people, are in `summary.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from har_labels.errors import HarLabelsError
from har_labels.model.facts import FACTS, fact
from har_labels.model.labels import Labels, as_map, to_labels
from har_labels.model.outcome import MOST_WITH_FACTS, Outcome, RunResult, Status, labels_after
from har_labels.model.unusable import Unusable
from har_labels.report.verdict import Verdict, is_move
from har_labels.report.vocabulary import KeyUsage, Vocabulary, splits_key, vocabulary_of
from har_labels.text import CONTROL_CHARACTERS, named, utc_text

# Every output, in the order of contract §4. action.yml and the README are generated from this.
OUTPUTS: dict[str, str] = {
    "labels": "Labels of the one artifact after the run (in a dry run: those it would have), a sorted JSON array.",
    "previous-labels": "Labels of the one artifact before the run, a sorted JSON array.",
    "added": "Labels the one artifact has now and did not have before, a sorted JSON array.",
    "removed": "Labels the one artifact had before and no longer has, a sorted JSON array.",
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
    "image-name": "The one artifact's name as the registry reports it.",
    "package-type": "The one artifact's package type, such as DOCKER or HUGGINGFACE.",
    "created-at": "When the one artifact was created, as the registry reports it (milliseconds since 1970).",
    "modified-at": "When the one artifact was last modified, as the registry reports it (milliseconds since 1970).",
    "downloads-count": "How often the one artifact was downloaded, as the registry reports it.",
    "results": "JSON array of one object per artifact; empty if it is too large, see report-file then.",
    "plan-file": "Path of the plan file, if one was written.",
    "report-file": "Path of the JSON report, if one was written.",
}
JSON_OUTPUTS = frozenset({"labels", "previous-labels", "added", "removed", "labels-map", "moved-from", "results"})

REPORT_VERSION = 1


def added_and_removed(outcome: Outcome) -> tuple[Labels, Labels] | None:
    """The labels really added and removed, not those that were wanted; None where the labels before or after are unknown."""
    before, after = outcome.step.before, labels_after(outcome)
    if before is None or after is None:
        return None
    had, has = set(before), set(after)
    return tuple(sorted(has - had)), tuple(sorted(had - has))


def outputs_of(result: RunResult, verdict: Verdict, *, results_limit: int) -> dict[str, str]:
    """Every output as plain text; empty text where it is not set.

    `results` is left empty if it had more than `results_limit` bytes; `results_notice` reports that.
    """
    outputs = dict.fromkeys(OUTPUTS, "")
    outputs["changed"] = "true" if verdict.counts.changed else "false"
    outputs |= {f"{name}-count": str(count) for name, count in asdict(verdict.counts).items()}
    outputs |= {"status": verdict.status, "exit-code": str(verdict.exit_code)}
    outputs |= {"plan-file": result.facts.plan_file, "report-file": result.facts.report_file}
    outputs["results"] = _results_within(result, results_limit)
    targeted = [outcome for outcome in result.outcomes if not outcome.is_former]
    if len(targeted) == 1:
        outputs |= _outputs_of_one(targeted[0], result.holds_key)
    if is_move(result) and targeted:
        # Without those that have the label again after a rollback.
        taken = {Status.APPLIED, Status.PLANNED}
        former = (one.step.artifact for one in result.outcomes if one.is_former and one.status in taken)
        outputs["moved-from"] = _array(to_labels(former))
    return outputs


def results_notice(result: RunResult, outputs: dict[str, str]) -> str:
    """The notice that `results` is left empty, with the reason; empty text if it is not."""
    if outputs["results"]:
        return ""
    where = (
        f"see the report {result.facts.report_file}"
        if result.facts.report_file
        else f"set `{named('report-file')}` to have them in a file"
    )
    return f"the output `results` is left empty, since it would be too large; {where}"


def report_chunks(result: RunResult, verdict: Verdict, *, version: str) -> Iterator[str]:
    """The text of the JSON report piece by piece, one artifact per line, so that memory never holds all of it.

    `version` is that of this tool. The report's schema is schemas/report.schema.json.
    """
    yield json_text(_envelope(result, verdict, version))[:-1] + ',"results":['
    for index, row in enumerate(_json_rows(result)):
        yield (",\n" if index else "\n") + json_text(row)
    yield "\n]}\n"


def json_text(value: object) -> str:
    """Compact JSON without raw control, bidi or surrogate characters, which are escaped (contract §4, "The summary").

    `##[` is escaped as well: GitHub would act on it wherever a later step prints it. The values are the same.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    escaped = CONTROL_CHARACTERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    without_commands = escaped.replace("##[", "##\\u005b")
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", without_commands)


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
        else json_text(as_map(tuple(label for label in sorted(after) if not splits_key(label, holds_key)))),
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
    for row in _json_rows(result):
        rows.append(json_text(row))
        size += len(rows[-1].encode()) + (len(rows) > 1)
        if size > limit:
            return ""
    return f"[{','.join(rows)}]"


def _json_rows(result: RunResult) -> Iterator[dict[str, Any]]:
    """One object per artifact; with its facts if it was read, and at most MOST_WITH_FACTS were."""
    has_facts = sum(outcome.is_read for outcome in result.outcomes) <= MOST_WITH_FACTS
    started = result.record.started_at
    now = datetime.fromisoformat(started) if started else None
    for outcome in result.outcomes:
        yield _json_row(outcome) | (_json_facts(outcome, now) if has_facts and outcome.is_read else {})


def _json_facts(outcome: Outcome, now: datetime | None) -> dict[str, Any]:
    """The artifact's facts by their names in `where`; null where the registry gave no value, or one of another type."""
    asked_at = now or datetime.fromtimestamp(0, UTC)
    values = {
        name: fact(name, outcome.facts, outcome.step.artifact_type, asked_at)
        for name in FACTS
        if name != "artifact_type"  # which every row has
    }
    return {name: _json_value(value) for name, value in values.items()} | ({} if now else {"age_days": None})


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return utc_text(value)
    return None if isinstance(value, Unusable) else value


def _json_row(outcome: Outcome) -> dict[str, Any]:
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
        "error": _json_error(outcome.error) if outcome.error else None,
    }


def _json_error(error: HarLabelsError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "next_step": error.next_step}


def _envelope(result: RunResult, verdict: Verdict, version: str) -> dict[str, Any]:
    facts = result.facts
    return {
        "version": REPORT_VERSION,
        "tool_version": version,
        **asdict(result.record),
        "status": verdict.status,
        "exit_code": verdict.exit_code,
        "run": asdict(facts) | {"seconds": round(facts.seconds, 3)},
        "counts": asdict(verdict.counts),
        "errors": list(map(_json_error, result.errors)),
        "notices": list(result.notices),
        "warnings": list(result.warnings),
        "breach_count": result.breaches.count,
        "breaches": list(map(asdict, result.breaches.rows)),
        "vocabulary": _json_vocabulary(vocabulary) if (vocabulary := vocabulary_of(result)) else None,
    }


def _json_vocabulary(found: Vocabulary) -> dict[str, Any]:
    return {
        "artifacts": found.artifacts,
        "unlabelled": found.unlabelled,
        "unknown": found.unknown,
        "key_count": found.key_count,
        "keys": [{"key": usage.key} | _json_key_usage(usage) for usage in found.keys],
        "words": _json_key_usage(found.words),
    }


def _json_key_usage(usage: KeyUsage) -> dict[str, Any]:
    return {
        "artifacts": usage.artifacts,
        "distinct": usage.distinct,
        "has_more": usage.has_more,
        "values": [{"value": value, "artifacts": count} for value, count in usage.values],
    }
