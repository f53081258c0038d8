"""docs/troubleshooting.md: every error with a real line of it, its cause, its cure and a hint (see failures.py)."""

from __future__ import annotations

from generate.failures import FAILURES
from har_labels.errors import HarLabelsError, all_codes, exit_codes_of
from har_labels.text import documented

HEAD = """\
# Troubleshooting, by error code

Each failure is one line on stderr: `har-labels: error HAR-<code>: <what> | <next step>`. Find the code below. On GitHub the
same line is an annotation; on both CIs it is in the summary and in the report (`report-file`). The lines here are real: a test
produces each failure and compares its line.

To see whether anything was written, look at the table in the summary, which shows each artifact's labels now, and at `changed-count`.
After any failure a rerun is safe: what is already done is not written again. (A `require` on `current` is evaluated again: write it so
that it is also true after the change.)

On Harness, [.harness/errors.yaml](../.harness/errors.yaml) maps these codes to Harness's own failure categories.

<!-- written by `make docs` from src/har_labels/errors.py and tools/generate/failures.py -->
"""

_BY_CODE = {failure.code: failure for failure in FAILURES}


def page() -> str:
    return HEAD + "".join(map(_section, all_codes()))


def line_of(kind: type[HarLabelsError]) -> str:
    failure = _BY_CODE[kind.code]
    return f"har-labels: error {kind.code}: {failure.what} | {failure.next_step or documented(kind.cure)}"


def _section(kind: type[HarLabelsError]) -> str:
    hint = f"\n{_BY_CODE[kind.code].hint}\n" if _BY_CODE[kind.code].hint else ""
    return f"""
## {kind.code}

```text
{line_of(kind)}
```

**Cause.** {documented(kind.cause)} **Cure.** {documented(kind.cure)} Exit code {exit_codes_of(kind).replace(", ", " or ")}.
{hint}"""
