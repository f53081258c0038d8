"""The overview of a run over many artifacts: small tables at the top of the summary (contract §4 "summary"). Pure.

After a `read` it shows the existing labels; in a dry run, how many artifacts have each label before and after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest

from har_labels.model.outcome import RunResult
from har_labels.report.markdown import code, table_row
from har_labels.report.vocabulary import KEYLESS, KeyUsage, Shift, Shifts, Vocabulary, key_of, shifts_of, vocabulary_of
from har_labels.text import number

MOST_KEY_ROWS = 30
# Of one key in a dry run, where each value has its own row; the others share one row.
MOST_VALUE_ROWS = 5
# The largest part of the room for one row, so that a key with long values leaves room for others.
SHARE_OF_A_ROW = 4

_KEYS_HEAD = (
    "| key | artifacts | values | the most frequent, and in how many artifacts |\n| --- | ---: | ---: | --- |\n"
)
_SHIFTS_HEAD = "| label | before | added | removed | after |\n| --- | ---: | ---: | ---: | ---: |\n"
_ROWS_HEADING = "**Artifact by artifact:**\n\n"
_WORDS = "*words without a key*"


def overview(result: RunResult, limit: int, size: Callable[[str], int]) -> str:
    """The overview as Markdown, its `size` at most `limit`. Empty text for few artifacts, or if no table fits.

    A dry run of a manifest may read some artifacts and change others: then there are two tables.
    """
    vocabulary, shifts = vocabulary_of(result), shifts_of(result)
    share = (limit - size(_ROWS_HEADING)) // (2 if vocabulary and shifts else 1)
    read = _of_vocabulary(vocabulary, share, size) if vocabulary else ""
    planned = _of_shifts(shifts, share, size) if shifts else ""
    return read + planned + _ROWS_HEADING if read or planned else ""


# --- after a read ------------------------------------------------------------------------------------------------


def _of_vocabulary(found: Vocabulary, limit: int, size: Callable[[str], int]) -> str:
    words = [*found.keys[:MOST_KEY_ROWS], *([found.words] if found.words.values else [])]
    head = f"**The labels of {number(found.artifacts, 'artifact')}:**\n\n{_KEYS_HEAD if words else ''}"
    room = limit - size(head + _foot(found, found.key_count, has_words=False))
    rows: dict[str, str] = {}
    for usage in words:
        row = _row_of_key(usage, room // SHARE_OF_A_ROW, size)
        if size(row) <= room:
            room -= size(row)
            rows[usage.key] = row
    if room < 0 or (words and not rows):
        return ""  # a table without rows would suggest that there are no labels
    foot = _foot(found, found.key_count - len(rows.keys() - {KEYLESS}), has_words=KEYLESS in rows)
    return f"{head}{''.join(rows.values())}{foot}"


def _foot(found: Vocabulary, left: int, *, has_words: bool) -> str:
    """The line about what the table leaves out: `left` keys, words without a key, artifacts without known labels."""
    notes = [
        *([f"{number(left, 'more key')}, see the report"] if left else []),
        *(["words without a key, see the report"] if found.words.values and not has_words else []),
        *([f"{number(found.unlabelled, 'artifact')} without labels"] if found.unlabelled else []),
        *([f"{number(found.unknown, 'artifact')} whose labels are not known"] if found.unknown else []),
    ]
    return f"\n*{'; '.join(notes)}*\n\n" if notes else "\n"


def _row_of_key(usage: KeyUsage, limit: int, size: Callable[[str], int]) -> str:
    """One key, with as many of its values as fit."""
    shown: list[str] = []
    for value, count in usage.values:
        text = f"{code(value)}\u00a0{count:,}"
        if size(" · ".join([*shown, text])) > limit:
            break
        shown.append(text)
    if left := usage.distinct - len(shown):
        shown.append("and more" if usage.has_more else f"and {left:,} more")
    distinct = f"over {usage.distinct:,}" if usage.has_more else f"{usage.distinct:,}"
    key = _WORDS if usage.key == KEYLESS else code(usage.key)
    return table_row((key, f"{usage.artifacts:,}", distinct, " · ".join(shown)))


# --- in a dry run ------------------------------------------------------------------------------------------------


def _of_shifts(found: Shifts, limit: int, size: Callable[[str], int]) -> str:
    unknown = f" (the labels of {found.unknown:,} more are not known)" if found.unknown else ""
    head = f"**How the labels of {number(found.artifacts, 'artifact')} would change{unknown}:**\n\n{_SHIFTS_HEAD}"
    total = _row_of_shift("**all labels**", found.total)
    left, rest = sum(1 for _ in found.labels()), found.changing
    room = limit - size(f"{head}{_row_of_others('label', left, rest)}{total}\n")
    shown: list[str] = []
    for count, shift, row in _rows_of_shifts(found):
        if size(row) <= room:
            room -= size(row)
            shown.append(row)
            left, rest = left - count, rest - shift
    return f"{head}{''.join(shown)}{_row_of_others('label', left, rest)}{total}\n" if shown else ""


def _rows_of_shifts(found: Shifts) -> Iterator[tuple[int, Shift, str]]:
    """Each row, with its number of labels and their shift: key by key, most changes first, a few values of each."""

    def most_first(label: str) -> tuple[int, str]:
        return -found.added[label] - found.removed[label], label

    for key, labels in _by_key(found).items():
        single = nsmallest(
            MOST_VALUE_ROWS if len(labels) <= MOST_VALUE_ROWS else MOST_VALUE_ROWS - 1, labels, key=most_first
        )
        for label in single:
            yield 1, found.of(label), _row_of_shift(code(label), found.of(label))
        if left := len(labels) - len(single):
            rest = found.all_of(labels) - found.all_of(single)
            yield left, rest, _row_of_others("value" if key else "word", left, rest, of_key=key)


def _by_key(found: Shifts) -> dict[str, Sequence[str]]:
    """The labels of the keys with the most changes, by key."""
    changes = Counter[str]()
    for label in found.labels():
        changes[key_of(label)] += found.added[label] + found.removed[label]
    by_key: dict[str, list[str]] = {
        key: [] for key in nsmallest(MOST_KEY_ROWS, changes, key=lambda key: (-changes[key], key))
    }
    for label in found.labels():
        by_key.get(key_of(label), []).append(label)
    return {**by_key}


def _row_of_others(noun: str, count: int, shift: Shift, *, of_key: str = KEYLESS) -> str:
    """The row that several labels share; empty text if there are none."""
    key = f" of {code(of_key)}" if of_key else ""
    return _row_of_shift(f"*{number(count, f'other {noun}')}*{key}", shift) if count else ""


def _row_of_shift(label: str, shift: Shift) -> str:
    added = f"+\u00a0{shift.added:,}" if shift.added else ""
    removed = f"\N{MINUS SIGN}\u00a0{shift.removed:,}" if shift.removed else ""
    return table_row((label, f"{shift.before:,}", added, removed, f"{shift.after:,}"))
