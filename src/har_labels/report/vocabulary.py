"""Counts labels over many artifacts: the vocabulary of a registry, and how a run would change it (contract §4). Pure.

It needs little memory beside the outcomes, as the counters share their strings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain

from har_labels.model.labels import Labels, key_and_value
from har_labels.model.outcome import Outcome, RunResult, labels_after
from har_labels.text import HIDDEN

MOST_VALUES = 20  # of one key, the most frequent first
MOST_DISTINCT = 1_000  # of one key; `has_more` is true if there are more
MOST_KEYS = 1_000  # the most frequent first; a hostile writer may have as many keys as labels
# The key of a label without one: no label has an empty key (contract §3).
KEYLESS = ""


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """How a key is used: its values; or all labels without a key (`key` is then KEYLESS).

    `artifacts` is the number of artifacts that have the key. `values` are the most frequent values, each with its number of
    artifacts, in descending order; `distinct` is the number of values up to MOST_DISTINCT, and `has_more` is True above that.
    """

    key: str
    artifacts: int
    distinct: int
    has_more: bool
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The labels of the artifacts that a run read. `keys` are the most frequent of `key_count`, in descending order.

    `artifacts` counts those whose labels are known, `unlabelled` those of them without labels, `unknown` the others.
    """

    artifacts: int
    unlabelled: int
    unknown: int
    key_count: int
    keys: tuple[KeyUsage, ...]
    words: KeyUsage


@dataclass(frozen=True, slots=True)
class Shift:
    """The numbers of artifacts that have a label before, get it and lose it; or their sums over several labels."""

    before: int = 0
    added: int = 0
    removed: int = 0

    @property
    def after(self) -> int:
        return self.before + self.added - self.removed

    def __sub__(self, other: Shift) -> Shift:
        return Shift(self.before - other.before, self.added - other.added, self.removed - other.removed)


@dataclass(frozen=True, slots=True)
class Shifts:
    """The changes of a dry run: of each label added or removed anywhere, how many artifacts have, get and lose it.

    `artifacts` counts those whose labels are known before and after, `unknown` the others. `total` is over all labels,
    including those that no artifact gets or loses.
    """

    artifacts: int
    unknown: int
    total: Shift
    before: Counter[str]
    added: Counter[str]
    removed: Counter[str]

    def of(self, label: str) -> Shift:
        return Shift(self.before[label], self.added[label], self.removed[label])

    def all_of(self, labels: Sequence[str]) -> Shift:
        """Several labels together."""
        counters = (self.before, self.added, self.removed)
        return Shift(*(sum(counter[label] for label in labels) for counter in counters))

    def labels(self) -> Iterator[str]:
        """Every label that is added or removed, once."""
        return chain(self.added, (label for label in self.removed if label not in self.added))

    @property
    def changing(self) -> Shift:
        """All labels that are added or removed, together."""
        return Shift(self.before.total(), self.added.total(), self.removed.total())


def vocabulary_of(result: RunResult) -> Vocabulary | None:
    """The vocabulary of the artifacts that were read; None unless there were several, or a glob named them."""
    read = [outcome for outcome in result.outcomes if outcome.is_read]
    if not read or not (result.is_over_glob or len(read) > 1):
        return None
    known = [labels for outcome in read if (labels := labels_after(outcome)) is not None]
    values, keys = Counter[str](), Counter[str]()
    for labels in known:
        pairs = {_in_parts(label, values, result.holds_key) for label in labels}
        values.update(pairs)
        keys.update({key_of(pair) for pair in pairs})
    frequent = nsmallest(MOST_KEYS, (key for key in keys if key != KEYLESS), key=lambda key: (-keys[key], key))
    usages = {usage.key: usage for usage in _usages(values, keys, {*frequent, KEYLESS})}
    return Vocabulary(
        artifacts=len(known),
        unlabelled=sum(not labels for labels in known),
        unknown=len(read) - len(known),
        key_count=len(keys) - (KEYLESS in keys),
        keys=tuple(usages[key] for key in frequent),
        words=usages.get(KEYLESS, KeyUsage(KEYLESS, 0, 0, has_more=False, values=())),
    )


def shifts_of(result: RunResult) -> Shifts | None:
    """The changes of a dry run; None unless it changes any and is over several artifacts, or over a glob."""
    changing = [outcome for outcome in result.outcomes if outcome.has_changed]
    if not result.facts.dry_run or not changing or not (result.is_over_glob or len(result.outcomes) > 1):
        return None
    before, added, removed = Counter[str](), Counter[str](), Counter[str]()
    for had, has in filter(None, map(_known, changing)):
        added.update(set(has).difference(had))
        removed.update(set(had).difference(has))
    artifacts, all_before = 0, 0
    for outcome in result.outcomes:
        if pair := _known(outcome):
            artifacts += 1
            all_before += len(pair[0])
            before.update(label for label in pair[0] if label in added or label in removed)
    total = Shift(all_before, added.total(), removed.total())
    shifts = Shifts(artifacts, len(result.outcomes) - artifacts, total, before, added, removed)
    for label in [label for label in shifts.labels() if splits_key(label, result.holds_key)]:
        for counter in (before, added, removed):
            if label in counter:
                counter[HIDDEN] += counter.pop(label)
    return shifts


def _known(outcome: Outcome) -> tuple[Labels, Labels] | None:
    before, after = outcome.step.before, labels_after(outcome)
    return None if before is None or after is None else (before, after)


def splits_key(label: str, holds_key: Callable[[str], bool]) -> bool:
    """Whether a label contains the API key, but neither of its parts does: split, the key would not be found and hidden."""
    return holds_key(label) and not any(map(holds_key, key_and_value(label) or ()))


def _with_one_sign(label: str) -> str:
    """`key:value` as `key=value`, since the two have one key (contract §3); any other label as it is."""
    if "=" in label and "://" not in label:
        return label
    pair = key_and_value(label)
    return f"{pair[0]}={pair[1]}" if pair else label


def _in_parts(label: str, checked: Container[str], holds_key: Callable[[str], bool]) -> str:
    """The label with one separator, or HIDDEN if its parts must not be shown. Those in `checked` may be shown."""
    one = _with_one_sign(label)
    return one if one in checked or not splits_key(label, holds_key) else HIDDEN


def key_of(label: str) -> str:
    """The label's key, or KEYLESS."""
    pair = key_and_value(label)
    return pair[0] if pair else KEYLESS


def _usages(values: Counter[str], keys: Counter[str], wanted: Iterable[str]) -> Iterator[KeyUsage]:
    """The usage of each `wanted` key that exists, in one pass over all labels that keeps few of them."""
    best: dict[str, list[tuple[int, str]]] = {key: [] for key in wanted if key in keys}
    distinct = dict.fromkeys(best, 0)
    for label, count in values.items():
        key, value = key_and_value(label) or (KEYLESS, label)
        if key not in best:
            continue
        distinct[key] += 1
        best[key].append((-count, value))
        if len(best[key]) > 4 * MOST_VALUES:
            best[key] = sorted(best[key])[:MOST_VALUES]
    for key, found in best.items():
        top = tuple((value, -count) for count, value in sorted(found)[:MOST_VALUES])
        yield KeyUsage(key, keys[key], min(distinct[key], MOST_DISTINCT), distinct[key] > MOST_DISTINCT, top)
