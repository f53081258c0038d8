"""The annotation that Harness shows beside a step (harness-runtime §4), in a JSON file that several steps may share."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har_labels.platforms import ci_files

LARGEST_SUMMARY = 64 * 1024
LARGEST_ANNOTATIONS_FILE = 3_538_944
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
# Harness's own tool writes the file if either is exactly `true`; the engine posts it only if the first one is.
_SWITCHES = ("CI_ENABLE_HARNESS_ANNOTATIONS", "PIPE_HARNESS_ANNOTATIONS")
_TOO_LARGE = f"it {{}} more than {LARGEST_ANNOTATIONS_FILE:,} bytes, and Harness skips such a file"
_STYLES = {"SUCCESS": "success", "PLANNED": "info", "PARTIAL": "warning", "FAILED": "error"}


def is_on(environ: Mapping[str, str]) -> bool:
    """Whether this pipeline wants annotations."""
    return any(environ.get(switch) == "true" for switch in _SWITCHES)


def annotate(path: str, environ: Mapping[str, str], *, summary: str, status: str, milliseconds: int) -> str:
    """Adds our annotation to those of the file, or replaces it there. Returns why that failed, or empty text.

    A file that does not have the form that Harness documents is not ours and is left alone. Missing ids are filled in,
    since without them Harness posts nothing.
    """
    if ci_files.size_of(path) > LARGEST_ANNOTATIONS_FILE:
        return _TOO_LARGE.format("has")
    ids = {name: environ.get(variable, "") for name, variable in _ENVELOPE.items()}
    try:
        document = _existing(path)
        document |= {name: value for name, value in ids.items() if not str(document.get(name) or "").strip()}
    except (OSError, ValueError, RecursionError) as problem:
        return f"its content can't be read: {problem}"
    ours = _annotation(environ, summary, status, milliseconds)
    others = [
        other
        for other in document["annotations"]
        if not (isinstance(other, dict) and other.get("contextId") == ours["contextId"])
    ]
    if len(others) >= MOST_ANNOTATIONS:
        return f"it has {len(others)} annotations already, and Harness shows {MOST_ANNOTATIONS}"
    text = json.dumps(document | {"annotations": [*others, ours]}, ensure_ascii=False)
    if len(text.encode("utf-8", "backslashreplace")) > LARGEST_ANNOTATIONS_FILE:
        return _TOO_LARGE.format("would have")
    return ci_files.replace_text(path, text)


def _existing(path: str) -> dict[str, Any]:
    """The content of the file. A missing or null list of annotations is an empty one, as for Harness's own tool."""
    content = Path(path).read_bytes() if ci_files.size_of(path) else b""
    document = json.loads(content) if content.strip() else {}
    if document is None:
        document = {}
    if isinstance(document, dict) and document.get("annotations") is None:
        document["annotations"] = []
    if not isinstance(document, dict) or not isinstance(document["annotations"], list):
        raise ValueError("it is not an object with a list of annotations")  # noqa: TRY004 - reported like any other problem of the file
    return document


def _annotation(environ: Mapping[str, str], summary: str, status: str, milliseconds: int) -> dict[str, Any]:
    return {
        "contextId": _context(environ),
        "mode": "replace",
        "style": _STYLES.get(status, "info"),
        # Cut between two characters.
        "summary": summary.encode("utf-8", "backslashreplace")[:LARGEST_SUMMARY].decode("utf-8", "ignore"),
        "priority": PRIORITY,
        "timestamp": milliseconds,
        "stepId": environ.get("HARNESS_STEP_ID", ""),
    }


def _context(environ: Mapping[str, str]) -> str:
    """The id of our annotation, different for each step and loop iteration, so that none replaces another's (harness-runtime §6).

    Outside a loop the index is absent, `null` or an expression.
    """
    step = environ.get("HARNESS_STEP_ID") or environ.get("DRONE_STEP_NAME", "")
    index = environ.get("HARNESS_NODE_INDEX", "")
    parts = ["har-labels", step, index if re.fullmatch("[0-9]{1,9}", index) else ""]
    return "-".join(part for part in parts if part)[-LONGEST_CONTEXT:]
