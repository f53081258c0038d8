"""Publishes a result: log, annotations, report file, summary file, outputs and summary, once and at the end (contract §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from har_labels import __version__
from har_labels.errors import HarLabelsError
from har_labels.model.outcome import Breaches, RunResult
from har_labels.platforms.platform import Platform
from har_labels.report.outputs import outputs_of, report_chunks, results_notice
from har_labels.report.verdict import Verdict, verdict_of
from har_labels.text import as_documented, spelt

# A comment on GitHub takes 65,536 characters, and a user may write some of their own above.
LONGEST_SUMMARY_FILE = 60_000


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """Where the user wants the result: the inputs of the same names, and the terminal's `--json`.

    `spell` writes an input's name as the reader of this run does. The defaults are for a defect before the inputs are known.
    """

    summary: bool = True
    summary_file: str | None = None
    report_file: str | None = None
    wants_json: bool = False
    spell: Callable[[str], str] = as_documented


def publish(platform: Platform, result: RunResult, options: PublishOptions) -> int:
    """Publishes the result and returns the exit code. A file that can't be written is a warning that names it."""
    from har_labels.report.summary import closing_line, summary_of, text_diff

    result = replace(result, holds_key=lambda text: platform.redact_known(text) != text)
    result = _spelt(result, options.spell)
    verdict = verdict_of(result)
    result = _with_report_file(platform, result, verdict, options)
    result = _with_summary_file(platform, result, verdict, options)
    outputs = outputs_of(result, verdict, results_limit=platform.results_limit)
    if options.wants_json:
        platform.print_json(report_chunks(result, verdict, version=__version__))
    elif result.outcomes or not result.errors:
        platform.diff(text_diff(result))
        if not (options.summary and platform.logs_summary):
            platform.info(closing_line(result, verdict))
    for line in (*result.notices, *filter(None, [spelt(results_notice(result, outputs), options.spell)])):
        platform.notice(line)
    for line in result.warnings:
        platform.warning(line)
    for error in verdict.failures:
        platform.error(error)
    wants_summary = options.summary and platform.summary_limit > 0
    summary = summary_of(result, verdict, limit=platform.summary_limit) if wants_summary else ""
    for line in platform.publish(outputs, summary):
        platform.warning(line)
    return verdict.exit_code


def _spelt(result: RunResult, spell: Callable[[str], str]) -> RunResult:
    """The result with every input that it names as its reader writes it."""
    known: dict[int, HarLabelsError] = {}  # one error may belong to a hundred thousand artifacts

    def of(error: HarLabelsError) -> HarLabelsError:
        if id(error) not in known:
            known[id(error)] = error.spelt(spell)
        return known[id(error)]

    return replace(
        result,
        outcomes=tuple(replace(one, error=of(one.error)) if one.error else one for one in result.outcomes),
        errors=tuple(map(of, result.errors)),
        notices=tuple(spelt(line, spell) for line in result.notices),
        warnings=tuple(spelt(line, spell) for line in result.warnings),
        breaches=Breaches(
            [replace(row, rule=spelt(row.rule, spell)) for row in result.breaches.rows], result.breaches.count
        ),
    )


def _with_report_file(platform: Platform, result: RunResult, verdict: Verdict, options: PublishOptions) -> RunResult:
    """Writes the report. Returns the result, with a warning and without the report's path if that failed."""
    text = map(platform.redact_known, report_chunks(result, verdict, version=__version__))
    if options.report_file and (warning := _write(platform, "report", options.report_file, text)):
        facts = replace(result.facts, report_file="")
        return replace(result, facts=facts, warnings=(*result.warnings, warning))
    return result


def _with_summary_file(platform: Platform, result: RunResult, verdict: Verdict, options: PublishOptions) -> RunResult:
    """Writes the user's own summary file. Returns the result, with a warning if that failed."""
    if not options.summary_file:
        return result
    from har_labels.report.summary import summary_of

    text = platform.redact(summary_of(result, verdict, limit=LONGEST_SUMMARY_FILE, size=len))
    warning = _write(platform, "summary", options.summary_file, [text])
    return replace(result, warnings=(*result.warnings, warning)) if warning else result


def _write(platform: Platform, noun: str, path: str, text: Iterable[str]) -> str:
    """Writes a file at a path that the user gave. Returns the warning if that failed, or empty text."""
    from har_labels.files import Workspace, write_text

    problem = write_text(path, text, workspace=Workspace(platform.workspace))
    return f"the {noun} could not be written to {path!r}: {problem}" if problem else ""
