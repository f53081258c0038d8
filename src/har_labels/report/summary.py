"""What a run came to, for people: the Markdown of the job summary, and the diff in the log (contract §4).

The same Markdown goes into the user's own `summary-file`, for a comment, say. Pure. All text of others goes through
`display.py`; GitHub's limit is 1 MiB, Harness's 64 KiB (facts: github-runtime "GITHUB_STEP_SUMMARY", harness-runtime §4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from har_labels.errors import Cancelled, Defect
from har_labels.model.labels import Labels
from har_labels.model.outcome import Outcome, PolicyBreach, RunResult, Status, labels_after
from har_labels.report.outputs import added_and_removed, counts_of, failures_of, status_of
from har_labels.report.pictures import picture
from har_labels.text import code, codes, number, prose, table_row, visible

MOST_ROWS = 200  # contract §4: the first 200, then a count
MOST_FAILURES = 50
LONGEST_WORDING = 2_000  # characters of one failure; the whole is in the log and the report
MOST_REGISTRIES = 3  # named in the heading
DEFAULT_LIMIT = 1_000_000

_VERDICTS = {"SUCCESS": "Done", "PLANNED": "Dry run, nothing was written", "PARTIAL": "Partly done", "FAILED": "Failed"}
# What stands behind an artifact's name in the table, where its labels alone don't tell.
_MARKS = {
    Status.FAILED: "failed",
    Status.SKIPPED: "skipped",
    Status.ROLLED_BACK: "rolled back",
    Status.SUPERSEDED: "a later writer set something else",
}
_TABLE_HEAD = "| artifact | labels after | added | removed |\n| --- | --- | --- | --- |\n"
_SIGNS = {Status.FAILED: "!", Status.SKIPPED: "?", Status.ROLLED_BACK: "<"}
_COLOURS = {"+": "32", "-": "31", "~": "1", "!": "1;31"}


def bytes_of(text: str) -> int:
    """How long a text is in a CI's file."""
    return len(text.encode("utf-8", "backslashreplace"))


def markdown(result: RunResult, *, limit: int = DEFAULT_LIMIT, size: Callable[[str], int] = bytes_of) -> str:
    """The job summary: heading, sentence, picture of many artifacts, table, what breaks the policy, failures, warnings, run facts.

    Its `size` is at most `limit`. The table gives way first, at a row boundary and with a line that says so.
    """
    verdict, came_to = _sentence(result)
    head = f"{_heading(result)}\n\n**{verdict}:** {came_to}.\n\n"
    facts = f"{_run_facts(result)}\n"
    room = limit - size(head + facts)
    failures = _listed("What failed, and what to do", _failure_items(result), "failure", room // 2, size)
    warnings = _listed("Look at this, too", _warning_items(result), "warning", room // 4, size)
    broken = _broken_rules(result, room // 4, size)
    # Half of what is left at most, so that the table stays a table.
    seen = picture(result, min(room // 4, (room - size(broken + failures + warnings)) // 2), size)
    table = _table(result, limit - size(head + seen + broken + failures + warnings + facts), size)
    return head + seen + table + broken + failures + warnings + facts


def closing_line(result: RunResult) -> str:
    """The summary's first sentence as plain text, for the end of a log."""
    return "{}: {}.".format(*_sentence(result))


def text_diff(result: RunResult, *, colour: bool) -> Iterator[str]:
    """The run as lines of harmless text: a block an artifact, `+` added, `-` removed, two blanks for the rest.

    `~` opens a changed artifact, `=` an unchanged one, `!` a failed, `?` a skipped, `<` one rolled back; below an artifact
    `!` is a label that breaks the policy.
    """
    broken: dict[tuple[str, str, str], list[PolicyBreach]] = {}
    for row in _worth_showing(result):
        broken.setdefault((row.registry_ref, row.artifact, row.artifact_type), []).append(row)
    lines = chain.from_iterable(chain(_block(outcome), _broken_lines(outcome, broken)) for outcome in result.outcomes)
    return map(_painted, lines) if colour else lines


def _heading(result: RunResult) -> str:
    """What tells this use of the step from the others of its job: the mode, and the registries."""
    facts = result.facts
    told = list(dict.fromkeys(outcome.step.registry_ref for outcome in result.outcomes))
    registries = told or ([facts.registry] if facts.registry else [])
    where = ", ".join(map(code, registries[:MOST_REGISTRIES]))
    more = f" and {len(registries) - MOST_REGISTRIES:,} more" if len(registries) > MOST_REGISTRIES else ""
    # Without outcomes it may be that the mode could not be understood.
    mode = code(facts.mode) if facts.mode else "no mode" if result.outcomes else ""
    mode += " (dry run)" if mode and facts.dry_run else ""
    what = " in ".join(filter(None, (mode, where + more)))
    return f"### Labels: {what}" if what else "### Labels"


def _sentence(result: RunResult) -> tuple[str, str]:
    """The verdict, and what the run came to."""
    status = status_of(result)
    verdict = _VERDICTS[status]
    if result.facts.dry_run and status != "PLANNED":
        verdict = "Dry run failed, nothing was written" if result.outcomes else "Dry run failed"
    if any(isinstance(error, Cancelled) for error in result.errors):
        verdict = f"Cancelled, {verdict.lower()}"
    if not result.outcomes and result.errors:
        # A defect may have come when all was written, and what was known of it is gone.
        is_defect = any(isinstance(error, Defect) for error in result.errors)
        return verdict, "what was written is not known" if is_defect else "nothing was written"
    breaches = result.breaches.count if _is_audit(result) else 0
    broken = f", {number(breaches, 'breach', 'breaches')} of the policy" if breaches else ""
    return verdict, f"{_fates(result)}{broken}"


def _fates(result: RunResult) -> str:
    """`18 of 20 artifacts changed, 2 failed`."""
    counts = counts_of(result)
    rolled_back = sum(outcome.status is Status.ROLLED_BACK for outcome in result.outcomes)
    fates = (
        (counts["changed"], "to change" if result.facts.dry_run else "changed"),
        (counts["unchanged"] - rolled_back, "unchanged"),
        (rolled_back, "rolled back"),
        (counts["failed"], "failed"),
        (counts["skipped"], "skipped"),
    )
    total = number(counts["matched"], "artifact")
    first, *rest = [(count, word) for count, word in fates if count] or [(0, "")]
    if not rest:
        return f"{total} {first[1]}".strip()
    return ", ".join([f"{first[0]:,} of {total} {first[1]}", *(f"{count:,} {word}" for count, word in rest)])


def _table(result: RunResult, limit: int, size: Callable[[str], int]) -> str:
    if not result.outcomes:
        return ""
    has_places = len({(outcome.step.registry_ref, outcome.step.artifact_type) for outcome in result.outcomes}) > 1
    shown = _most_telling(result.outcomes)
    rows = [_TABLE_HEAD]
    room = limit - size(_TABLE_HEAD) - size(_more(len(result.outcomes), is_cut=True))
    for outcome in shown:
        line = _row(outcome, has_places=has_places)
        room -= size(line)
        if room < 0:
            break
        rows.append(line)
    left = len(result.outcomes) - len(rows) + 1
    return "".join(rows) + (_more(left, is_cut=room < 0) if left else "\n")


def _broken_rules(result: RunResult, limit: int, size: Callable[[str], int]) -> str:
    """A table of what breaks which rule of the policy: all of it where that is what was asked, else what a change would break."""
    rows = _worth_showing(result)
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


def _worth_showing(result: RunResult) -> Sequence[PolicyBreach]:
    """What a change would break; where labels were only read, all that is broken, since that was asked."""
    return result.breaches.rows if _is_audit(result) else [row for row in result.breaches.rows if row.is_new]


def _is_audit(result: RunResult) -> bool:
    """Whether labels were only read, and so what breaks the policy is what was asked."""
    return all(outcome.is_read for outcome in result.outcomes)


def _most_telling(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The rows that are shown: in their own order, and of too many first what failed, then what changed."""
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
    # Where nothing was sent nothing came or went, whatever is known of the labels.
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


def _listed(title: str, told: Iterator[str], noun: str, limit: int, size: Callable[[str], int]) -> str:
    """A list of the first items, its `size` at most `limit`, and how many more there are; nothing if there are none."""
    items = list(told)
    if not items:
        return ""

    def rest(count: int) -> str:
        return f"- and {number(count, f'more {noun}')}, see the log\n"

    text = f"**{title}**\n\n"
    for index, item in enumerate(items):
        if index == MOST_FAILURES or size(text + item) + size(rest(len(items))) > limit:
            return f"{text}{rest(len(items) - index)}\n"
        text += item
    return f"{text}\n"


def _warning_items(result: RunResult) -> Iterator[str]:
    # The word in front keeps a text that begins as a list does from being one.
    return (f"- Warning: {prose(_shortened(warning))}\n" for warning in result.warnings)


def _failure_items(result: RunResult) -> Iterator[str]:
    names = chain([""] * len(result.errors), (o.step.artifact for o in result.outcomes if o.status is Status.FAILED))
    for name, error in zip(names, failures_of(result), strict=True):
        where = f"{code(name)}: " if name and not error.what.startswith(repr(name)) else ""
        yield f"- {where}{code(error.code)} {prose(_shortened(error.what))}  \n  → {prose(_shortened(error.next_step))}\n"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_WORDING else f"{text[:LONGEST_WORDING]} …"


def _run_facts(result: RunResult) -> str:
    facts, record = result.facts, result.record
    parts = [
        *([f"Mode {code(facts.mode)}{' (dry run)' if facts.dry_run else ''}"] if facts.mode else []),
        *([f"by {code(record.actor)}"] if record.actor else []),
        *([code(_minute_of(record.started_at))] if record.started_at else []),
        f"{number(facts.requests, 'request')} sent",
        f"{facts.seconds:,.1f} seconds",
        number(facts.retries, "retry", "retries"),
        *(f"{name} {code(path)}" for name, path in (("plan", facts.plan_file), ("report", facts.report_file)) if path),
    ]
    return " · ".join(parts)


def _minute_of(time: str) -> str:
    """`2026-11-26 02:36 UTC` of the report's `2026-11-26T02:36:05Z`."""
    return f"{time[:16].replace('T', ' ')} UTC"


def _block(outcome: Outcome) -> Iterator[str]:
    step = outcome.step
    sign = _SIGNS.get(outcome.status) or ("~" if outcome.has_changed else "=")
    yield visible(" ".join(filter(None, (sign, step.registry_ref, step.artifact, step.artifact_type))))
    if outcome.error:
        yield visible(f"  ({outcome.error.code}: {outcome.error.what})")
    if outcome.has_changed or (outcome.is_read and outcome.status is Status.UNCHANGED):
        yield from _label_lines(outcome)


def _broken_lines(outcome: Outcome, broken: Mapping[tuple[str, str, str], Sequence[PolicyBreach]]) -> Iterator[str]:
    """What breaks the policy there; one that failed for it has said so already."""
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


def _painted(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return f"\x1b[{colour}m{line}\x1b[0m" if colour else line
