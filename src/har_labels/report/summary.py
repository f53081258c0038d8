"""The results of a run for people: the Markdown of the job summary, and the diff in the log (contract §4). Pure.

The same Markdown is written to the user's own `summary-file`, for a comment, for example. All text of others goes through
`markdown.py` or `visible`. GitHub's limit is 1 MiB, Harness's 64 KiB (facts: github-runtime "GITHUB_STEP_SUMMARY",
harness-runtime §4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from har_labels.errors import Cancelled, Defect
from har_labels.model.labels import Labels
from har_labels.model.outcome import Outcome, PolicyBreach, RunResult, Status, labels_after
from har_labels.report.markdown import code, codes, prose, table_row
from har_labels.report.outputs import added_and_removed
from har_labels.report.overview import overview
from har_labels.report.verdict import Verdict
from har_labels.text import cut, number, visible

MOST_ROWS = 200  # contract §4: the first 200, then a count
MOST_FAILURES = 50
LONGEST_WORDING = 2_000  # characters of one failure; the whole is in the log and the report
MOST_REGISTRIES = 3  # named in the heading

_OPENINGS = {"SUCCESS": "Done", "PLANNED": "Dry run, nothing was written", "PARTIAL": "Partly done", "FAILED": "Failed"}
# Printed after an artifact's name in the table, if its labels alone do not show its outcome.
_MARKS = {
    Status.FAILED: "failed",
    Status.SKIPPED: "skipped",
    Status.ROLLED_BACK: "rolled back",
    Status.SUPERSEDED: "a later writer set something else",
}
_TABLE_HEAD = "| artifact | labels after | added | removed |\n| --- | --- | --- | --- |\n"
_TITLES = {"failure": "What failed, and what to do", "warning": "Look at this, too"}  # of the lists
_SIGNS = {Status.FAILED: "!", Status.SKIPPED: "?", Status.ROLLED_BACK: "<"}


def bytes_of(text: str) -> int:
    """The size of a text in a CI's file."""
    return len(text.encode("utf-8", "backslashreplace"))


def summary_of(result: RunResult, verdict: Verdict, *, limit: int, size: Callable[[str], int] = bytes_of) -> str:
    """The job summary in Markdown, its `size` at most `limit`.

    Heading, sentence, overview of many artifacts, table, breaches of the policy, failures, warnings, facts of the run. The
    table is cut first, at the end of a row and with a line about it.
    """
    opening, sentence = _sentence(result, verdict)
    head = f"{_heading(result)}\n\n**{opening}:** {sentence}.\n\n"
    facts = f"{_run_facts(result)}\n"
    room = limit - size(head + facts)
    # The leading word prevents a text that begins like a list from becoming one.
    warned = (f"- Warning: {_wording(warning)}\n" for warning in result.warnings)
    failed = _failure_items(result, verdict)
    failures = _bullet_list("failure", failed, len(verdict.failures), room // 2, size)
    warnings = _bullet_list("warning", warned, len(result.warnings), room // 4, size)
    breaches = _breach_table(result, room // 4, size)
    # At most half of the rest, so that the table has room.
    labels = overview(result, min(room // 4, (room - size(breaches + failures + warnings)) // 2), size)
    table = _table(result, limit - size(head + labels + breaches + failures + warnings + facts), size)
    return head + labels + table + breaches + failures + warnings + facts


def closing_line(result: RunResult, verdict: Verdict) -> str:
    """The first sentence of the summary as plain text, for the end of a log."""
    return "{}: {}.".format(*_sentence(result, verdict))


def text_diff(result: RunResult) -> Iterator[str]:
    """The run as lines of harmless text: a block per artifact, `+` added, `-` removed, two blanks for other labels.

    `~` starts a changed artifact, `=` an unchanged, `!` a failed, `?` a skipped one, `<` one rolled back; below an artifact
    `!` is a label that breaks the policy.
    """
    broken: dict[tuple[str, str, str], list[PolicyBreach]] = {}
    for row in _shown_breaches(result):
        broken.setdefault((row.registry_ref, row.artifact, row.artifact_type), []).append(row)
    return chain.from_iterable(chain(_block(outcome), _breach_lines(outcome, broken)) for outcome in result.outcomes)


def _heading(result: RunResult) -> str:
    """Distinguishes this step from others of its job: the mode, and the registries."""
    facts = result.facts
    found = list(dict.fromkeys(outcome.step.registry_ref for outcome in result.outcomes))
    registries = found or ([facts.registry] if facts.registry else [])
    where = ", ".join(map(code, registries[:MOST_REGISTRIES]))
    more = f" and {len(registries) - MOST_REGISTRIES:,} more" if len(registries) > MOST_REGISTRIES else ""
    # Without outcomes the mode may be empty because its input was wrong.
    mode = code(facts.mode) if facts.mode else "no mode" if result.outcomes else ""
    mode += " (dry run)" if mode and facts.dry_run else ""
    what = " in ".join(filter(None, (mode, where + more)))
    return f"### Labels: {what}" if what else "### Labels"


def _sentence(result: RunResult, verdict: Verdict) -> tuple[str, str]:
    """The first sentence of the summary: its opening, such as `Done`, and the numbers of artifacts."""
    opening = _OPENINGS[verdict.status]
    if result.facts.dry_run and verdict.status != "PLANNED":
        opening = "Dry run failed, nothing was written" if result.outcomes else "Dry run failed"
    if any(isinstance(error, Cancelled) for error in result.errors):
        opening = f"Cancelled, {opening.lower()}"
    if not result.outcomes and result.errors:
        # A defect may have happened after the writes, and their outcomes are lost.
        is_defect = any(isinstance(error, Defect) for error in result.errors)
        return opening, "what was written is not known" if is_defect else "nothing was written"
    breaches = result.breaches.count if _is_audit(result) else 0
    suffix = f", {number(breaches, 'breach', 'breaches')} of the policy" if breaches else ""
    return opening, f"{_tally(result, verdict)}{suffix}"


def _tally(result: RunResult, verdict: Verdict) -> str:
    """`18 of 20 artifacts changed, 2 failed`."""
    counts = verdict.counts
    rolled_back = sum(outcome.status is Status.ROLLED_BACK for outcome in result.outcomes)
    parts = (
        (counts.changed, "to change" if result.facts.dry_run else "changed"),
        (counts.unchanged - rolled_back, "unchanged"),
        (rolled_back, "rolled back"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
    )
    total = number(counts.matched, "artifact")
    first, *rest = [(count, word) for count, word in parts if count] or [(0, "")]
    if not rest:
        return f"{total} {first[1]}".strip()
    return ", ".join([f"{first[0]:,} of {total} {first[1]}", *(f"{count:,} {word}" for count, word in rest)])


def _table(result: RunResult, limit: int, size: Callable[[str], int]) -> str:
    if not result.outcomes:
        return ""
    has_places = len({(outcome.step.registry_ref, outcome.step.artifact_type) for outcome in result.outcomes}) > 1
    rows = [_TABLE_HEAD]
    room = limit - size(_TABLE_HEAD) - size(_more(len(result.outcomes), is_cut=True))
    for outcome in _shown_outcomes(result.outcomes):
        line = _row(outcome, has_places=has_places)
        room -= size(line)
        if room < 0:
            break
        rows.append(line)
    left = len(result.outcomes) - len(rows) + 1
    return "".join(rows) + (_more(left, is_cut=room < 0) if left else "\n")


def _breach_table(result: RunResult, limit: int, size: Callable[[str], int]) -> str:
    """The table of the labels that break a rule of the policy."""
    rows = _shown_breaches(result)
    total = result.breaches.count if len(rows) == len(result.breaches.rows) else len(rows)
    if not rows:
        return ""
    made = ["**What breaks the policy**\n\n| artifact | label | rule | says |\n| --- | --- | --- | --- |\n"]
    room = limit - size(made[0]) - size(_more_breaches(total))
    has_places = len({(row.registry_ref, row.artifact_type) for row in rows}) > 1
    for row in rows[:MOST_ROWS]:
        place = f" in {code(row.registry_ref)} {row.artifact_type}".rstrip() if has_places else ""
        label = "*(none)*" if row.label is None else code(row.label)
        made.append(table_row((code(row.artifact) + place, label, code(row.rule), prose(row.says))))
        room -= size(made[-1])
        if room < 0:
            made.pop()
            break
    left = total - len(made) + 1
    return "".join(made) + (_more_breaches(left) if left else "\n")


def _more_breaches(count: int) -> str:
    return f"\n*{number(count, 'more breach', 'more breaches')}, see the report.*\n\n"


def _shown_breaches(result: RunResult) -> Sequence[PolicyBreach]:
    """The breaches that a change would cause; after a `read` all existing ones, since the user asked for them."""
    return result.breaches.rows if _is_audit(result) else [row for row in result.breaches.rows if row.is_new]


def _is_audit(result: RunResult) -> bool:
    """Whether labels were only read: then the user asked for all breaches of the policy."""
    return all(outcome.is_read for outcome in result.outcomes)


def _shown_outcomes(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The rows of the table, in their own order. Of too many, first those that failed, then those that changed."""
    if len(outcomes) <= MOST_ROWS:
        return outcomes
    ranks = {Status.FAILED: 0, Status.UNCHANGED: 2, Status.SKIPPED: 2}
    return sorted(outcomes, key=lambda outcome: ranks.get(outcome.status, 1))[:MOST_ROWS]


def _more(count: int, *, is_cut: bool) -> str:
    why = "the table is cut here, more does not fit into the summary: " if is_cut else ""
    return f"\n*{why}{number(count, 'more artifact')}, see the outputs or the report.*\n\n"


def _row(outcome: Outcome, *, has_places: bool) -> str:
    step, after, difference = outcome.step, labels_after(outcome), added_and_removed(outcome)
    place = f" in {code(step.registry_ref)} {step.artifact_type}".rstrip() if has_places else ""
    mark = f" **{_MARKS[outcome.status]}**" if outcome.status in _MARKS else ""
    # Where no write was sent no label was added or removed, even if the labels are unknown.
    nothing = ((), ()) if outcome.status in {Status.FAILED, Status.SKIPPED} and not outcome.attempts else (None, None)
    added, removed = difference or nothing
    return table_row(
        (
            code(step.artifact) + place + mark,
            _cell(after, none="none"),
            _cell(added, "+\u00a0"),
            _cell(removed, "\N{MINUS SIGN}\u00a0"),
        )
    )


def _cell(labels: Labels | None, sign: str = "", *, none: str = "") -> str:
    if labels is None:
        return "not known"
    return codes(sorted(labels), sign) or none


def _bullet_list(noun: str, items: Iterator[str], total: int, limit: int, size: Callable[[str], int]) -> str:
    """A list of the first items, its `size` at most `limit`, and the number of the others; empty text without items.

    Of the `total` items, which may be a hundred thousand, only the first are made.
    """
    if not total:
        return ""

    def rest(count: int) -> str:
        return f"- and {number(count, f'more {noun}')}, see the log\n"

    text = f"**{_TITLES[noun]}**\n\n"
    for index, item in enumerate(items):
        if index == MOST_FAILURES or size(text + item) + size(rest(total)) > limit:
            return f"{text}{rest(total - index)}\n"
        text += item
    return f"{text}\n"


def _failure_items(result: RunResult, verdict: Verdict) -> Iterator[str]:
    names = chain([""] * len(result.errors), (o.step.artifact for o in result.outcomes if o.status is Status.FAILED))
    for name, error in zip(names, verdict.failures, strict=True):
        where = f"{code(name)}: " if name and not error.what.startswith(repr(name)) else ""
        yield f"- {where}{code(error.code)} {_wording(error.what)}  \n  → {_wording(error.next_step)}\n"


def _wording(text: str) -> str:
    return prose(cut(text, LONGEST_WORDING))


def _run_facts(result: RunResult) -> str:
    facts, record = result.facts, result.record
    parts = [
        *([f"Mode {code(facts.mode)}{' (dry run)' if facts.dry_run else ''}"] if facts.mode else []),
        *([f"by {code(record.actor)}"] if record.actor else []),
        # `2026-11-26 02:36 UTC` for the report's `2026-11-26T02:36:05Z`
        *([code(f"{record.started_at[:16].replace('T', ' ')} UTC")] if record.started_at else []),
        f"{number(facts.requests, 'request')} sent",
        f"{facts.seconds:,.1f} seconds",
        number(facts.retries, "retry", "retries"),
        *(f"{name} {code(path)}" for name, path in (("plan", facts.plan_file), ("report", facts.report_file)) if path),
    ]
    return " · ".join(parts)


def _block(outcome: Outcome) -> Iterator[str]:
    step = outcome.step
    sign = _SIGNS.get(outcome.status) or ("~" if outcome.has_changed else "=")
    yield visible(" ".join(filter(None, (sign, step.registry_ref, step.artifact, step.artifact_type))))
    if outcome.error:
        yield visible(f"  ({outcome.error.code}: {outcome.error.what})")
    if outcome.has_changed or (outcome.is_read and outcome.status is Status.UNCHANGED):
        yield from _label_lines(outcome)


def _breach_lines(outcome: Outcome, broken: Mapping[tuple[str, str, str], Sequence[PolicyBreach]]) -> Iterator[str]:
    """The artifact's labels that break the policy; none for a failed one, whose error names them."""
    step = outcome.step
    for row in broken.get((step.registry_ref, step.artifact, step.artifact_type), ()) if not outcome.error else ():
        yield visible(f"! {row.label or '(no label)'}: {row.rule} says that {row.says}")


def _label_lines(outcome: Outcome) -> Iterator[str]:
    after, difference = labels_after(outcome), added_and_removed(outcome)
    if after is None:
        return
    added, removed = difference or ((), ())
    if not after and not removed:
        yield "  (no labels)"
    signs = dict.fromkeys(after, " ") | dict.fromkeys(added, "+") | dict.fromkeys(removed, "-")
    for label in sorted(signs):
        yield f"{signs[label]} {visible(label)}"
