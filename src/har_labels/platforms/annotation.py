"""The annotation that Harness shows beside a step (harness-runtime §4): one JSON file that several steps may share."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har_labels.platforms import files

LARGEST_SUMMARY = 64 * 1024
LARGEST_FILE = 3_538_944
MOST_ANNOTATIONS = 50
LONGEST_CONTEXT = 256
PRIORITY = 5

_ENVELOPE = {
    "accountId": "HARNESS_ACCOUNT_ID",
    "orgId": "HARNESS_ORG_ID",
    "projectId": "HARNESS_PROJECT_ID",
    "pipelineId": "HARNESS_PIPELINE_ID",
    "planExecutionId": "HARNESS_EXECUTION_ID",
    "stageExecutionId": "HARNESS_STAGE_ID",
}
# Harness's own tool writes the file where either is exactly `true`; the engine posts it for the first one alone.
_SWITCHES = ("CI_ENABLE_HARNESS_ANNOTATIONS", "PIPE_HARNESS_ANNOTATIONS")
_TOO_LARGE = f"it {{}} more than {LARGEST_FILE:,} bytes, and Harness skips such a file"
_STYLES = {"SUCCESS": "success", "PLANNED": "info", "PARTIAL": "warning", "FAILED": "error"}


def is_on(environ: Mapping[str, str]) -> bool:
    """Whether this pipeline wants annotations."""
    return any(environ.get(switch) == "true" for switch in _SWITCHES)


def annotate(path: str, environ: Mapping[str, str], *, summary: str, status: str, milliseconds: int) -> str:
    """Puts our annotation among those of the file. Returns why that was not possible, or empty text.

    A file that is not what Harness documents is another's: it is left alone. Ids that its writer left out are filled in,
    since without them nothing of it is posted.
    """
    if files.size_of(path) > LARGEST_FILE:
        return _TOO_LARGE.format("has")
    try:
        document = _with_ids(_existing(path), environ)
    except (OSError, ValueError, RecursionError) as problem:
        return f"what is there can't be read: {problem}"
    ours = _annotation(environ, summary, status, milliseconds)
    others = [other for other in document["annotations"] if not _has_context(other, ours["contextId"])]
    if len(others) >= MOST_ANNOTATIONS:
        return f"it has {len(others)} annotations already, and Harness shows {MOST_ANNOTATIONS}"
    text = json.dumps(document | {"annotations": [*others, ours]}, ensure_ascii=False)
    if len(text.encode("utf-8", "backslashreplace")) > LARGEST_FILE:
        return _TOO_LARGE.format("would have")
    return files.replace_text(path, text)


def _existing(path: str) -> dict[str, Any]:
    """What is in the file, its list of annotations empty where it is missing or null, as for Harness's own tool."""
    content = Path(path).read_bytes() if files.size_of(path) else b""
    document = json.loads(content) if content.strip() else {}
    if document is None:
        document = {}
    if isinstance(document, dict) and document.get("annotations") is None:
        document["annotations"] = []
    if not isinstance(document, dict) or not isinstance(document["annotations"], list):
        raise ValueError("it is not an object with a list of annotations")  # noqa: TRY004 - told like all else that may be wrong with the file
    return document


def _with_ids(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    ours = {name: environ.get(variable, "") for name, variable in _ENVELOPE.items()}
    return document | {name: value for name, value in ours.items() if not str(document.get(name) or "").strip()}


def _annotation(environ: Mapping[str, str], summary: str, status: str, milliseconds: int) -> dict[str, Any]:
    return {
        "contextId": _context(environ),
        "mode": "replace",
        "style": _STYLES.get(status, "info"),
        "summary": _cut(summary),
        "priority": PRIORITY,
        "timestamp": milliseconds,
        "stepId": environ.get("HARNESS_STEP_ID", ""),
    }


def _context(environ: Mapping[str, str]) -> str:
    """One a step and turn of its loop, so that neither replaces another's (harness-runtime §6).

    Outside a loop the index is absent, `null` or an expression.
    """
    step = environ.get("HARNESS_STEP_ID") or environ.get("DRONE_STEP_NAME", "")
    index = environ.get("HARNESS_NODE_INDEX", "")
    parts = ["har-labels", step, index if re.fullmatch("[0-9]{1,9}", index) else ""]
    return "-".join(part for part in parts if part)[-LONGEST_CONTEXT:]


def _cut(summary: str) -> str:
    """At most 64 KiB, cut between two characters."""
    return summary.encode("utf-8", "backslashreplace")[:LARGEST_SUMMARY].decode("utf-8", "ignore")


def _has_context(annotation: object, context: str) -> bool:
    return isinstance(annotation, dict) and annotation.get("contextId") == context
