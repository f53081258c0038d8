"""Telling a result everywhere it belongs: log, annotations, report file, outputs and summary, once and at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from har_labels import __version__
from har_labels.errors import HarLabelsError
from har_labels.model.outcome import RunResult
from har_labels.platforms import Platform
from har_labels.report.outputs import exit_code_of, failures_of, outputs_of, report_chunks, results_notice
from har_labels.text import as_documented, spelt

# A comment on GitHub takes 65,536 characters, and some words of the user's own may stand above.
LONGEST_SUMMARY_FILE = 60_000


@dataclass(frozen=True, slots=True)
class Told:
    """What the user asked to be told, and where: the inputs of the same names, and the terminal's `--json`.

    `spell` writes an input's name as the reader of this run does.
    """

    summary: bool = True
    summary_file: str | None = None
    report_file: str | None = None
    wants_json: bool = False
    spell: Callable[[str], str] = as_documented


def publish(platform: Platform, result: RunResult, told: Told) -> int:
    """Tells the result and returns the exit code. What can't be written is a warning that names it (contract §4)."""
    from har_labels.report.summary import closing_line, markdown, text_diff

    result = replace(result, holds_key=lambda text: platform.without_key(text) != text)
    result = _with_report_file(platform, _spelt(result, told.spell), told)
    result = _with_summary_file(platform, result, told)
    outputs = outputs_of(result, results_limit=platform.results_limit)
    if told.wants_json:
        platform.print_json(report_chunks(result, version=__version__))
    elif result.outcomes or not result.errors:
        platform.diff(text_diff(result, colour=platform.colour))
        if not (told.summary and platform.logs_summary):
            platform.say(closing_line(result))
    for line in (*result.notices, *filter(None, [spelt(results_notice(result, outputs), told.spell)])):
        platform.notice(line)
    for line in result.warnings:
        platform.warning(line)
    for error in failures_of(result):
        platform.error(error)
    summary = markdown(result, limit=platform.summary_limit) if told.summary else ""
    for line in platform.publish(outputs, summary):
        platform.warning(line)
    return exit_code_of(result)


def _spelt(result: RunResult, spell: Callable[[str], str]) -> RunResult:
    """The result with every input that it names as its reader writes it."""
    known: dict[int, HarLabelsError] = {}  # one error may be that of a hundred thousand artifacts

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
    )


def _with_report_file(platform: Platform, result: RunResult, told: Told) -> RunResult:
    if not told.report_file:
        return result
    from har_labels.files import Workspace, write_text

    text = map(platform.without_key, report_chunks(result, version=__version__))
    if problem := write_text(told.report_file, text, workspace=Workspace(platform.workspace)):
        facts = replace(result.facts, report_file="")
        warning = f"the report could not be written to {told.report_file!r}: {problem}"
        return replace(result, facts=facts, warnings=(*result.warnings, warning))
    return result


def _with_summary_file(platform: Platform, result: RunResult, told: Told) -> RunResult:
    if not told.summary_file:
        return result
    from har_labels.files import Workspace, write_text
    from har_labels.report.summary import markdown

    text = platform.without_keys(markdown(result, limit=LONGEST_SUMMARY_FILE, size=len))
    if problem := write_text(told.summary_file, [text], workspace=Workspace(platform.workspace)):
        warning = f"the summary could not be written to {told.summary_file!r}: {problem}"
        return replace(result, warnings=(*result.warnings, warning))
    return result
