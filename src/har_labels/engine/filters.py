"""All filters that decide which of the matching artifacts are part of a run.

| filter | evaluated on | when | in |
|---|---|---|---|
| `shard` | the name | before anything is read (contract §6) | `Filters.has_name` |
| `artifact-type`, soft-deleted | the row | when a glob is matched, `among` too (contract §1, §3) | `is_candidate` |
| an item with a `!` | the name | when all rows are known (contract §2) | `Filters.select` |
| `where` | the full row | as soon as it is read, and again before the first PUT (contract §3) | `Filters.judge`, `SelectedSpecs` |

To filter by a fact of the registry's list, write a line of `where`; no new filter is needed. A large run keeps only lean
rows, so `where` is evaluated as soon as the full row is read, and the row keeps only the verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from har_labels.errors import HarLabelsError
from har_labels.model.address import RegistryRef
from har_labels.model.goal import ChangeGoal
from har_labels.model.labels import is_glob, key_and_value, matches
from har_labels.model.shard import Shard
from har_labels.registry.answers import Row
from har_labels.registry.reader import Rows, matching
from har_labels.request.entry import Entry
from har_labels.request.label_spec import LabelSpec
from har_labels.text import named, number


def is_candidate(row: Row, artifact_type: str) -> bool:
    """Whether a glob may match this row: it is not deleted, and has the requested type or none."""
    return not row.is_deleted and (not artifact_type or row.artifact_type in {artifact_type, ""})


class Filters:
    """The filters over the artifacts of one registry. An entry is identified by its index in `entries`.

    `failed`: rows for which `where` failed, with the error. `is_narrowing`: a filter of an entry may have left no artifact.
    """

    def __init__(
        self, ref: RegistryRef, entries: Sequence[Entry], shard: Shard, *, notice: Callable[[str], None]
    ) -> None:
        self._ref, self._entries, self._shard, self._notice = ref, entries, shard, notice
        self.failed: dict[Row, HarLabelsError] = {}
        self.is_narrowing = any(entry.excluded for entry in entries)
        self._left_out: set[Row] = set()
        self._errors: dict[tuple[str, str], dict[int, HarLabelsError]] = {}
        # The few different verdicts are shared by all rows.
        self._verdicts: dict[frozenset[int], frozenset[int]] = {}
        # The indices of the entries with a `where`, by name or glob.
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_glob: list[tuple[str, int]] = []
        for index, entry in enumerate(entries):
            for pattern in entry.patterns if entry.spec.where else ():
                self._by_name[pattern].append(index)
                if is_glob(pattern):
                    self._by_glob.append((pattern, index))

    def has_name(self, name: str) -> bool:
        """Whether an artifact of this name may be part of the run. Needs no read."""
        return self._shard.has(self._ref, name)

    def judge(self, row: Row) -> Row:
        """The row with `left_out`, the entries whose `where` excludes it. Called for every full row as soon as it is read."""
        if row.is_deleted or not self._by_name:
            return row
        self._errors.pop((row.name, row.artifact_type), None)
        by_glob = (index for pattern, index in self._by_glob if matches(pattern, row.name))
        indices = dict.fromkeys([*self._by_name.get(row.name, ()), *by_glob])
        left_out = frozenset([index for index in indices if not self._holds(index, row)])
        return replace(row, left_out=self._verdicts.setdefault(left_out, left_out)) if left_out else row

    def _holds(self, index: int, row: Row) -> bool:
        try:
            return self._entries[index].spec.selects(row, registry=str(self._ref))
        except HarLabelsError as error:
            # Reported only if the row is a candidate and not excluded: see `select`.
            self._errors.setdefault((row.name, row.artifact_type), {})[index] = error
            return True

    def select(self, index: int, candidates: Iterable[Row], rows: Rows) -> list[Row]:
        """The candidates that pass all filters of one entry; one whose `where` failed is added to `failed`.

        `rows`: all rows that were read. An excluded pattern that is the exact name of one of them excludes only that one.
        """
        excluded: set[str] = set()
        for pattern in self._entries[index].excluded:
            names = matching(pattern, rows)
            excluded.update(names)
            if not names and any(map(is_glob, self._entries[index].patterns)):
                self._notice(f"{f'!{pattern}'!r} excludes nothing in {self._ref}")
        selected: list[Row] = []
        for row in candidates:
            if row.name in excluded or not self.has_name(row.name):
                continue
            if error := self._errors.get((row.name, row.artifact_type), {}).get(index):
                self.failed.setdefault(row, error)
            elif index in row.left_out:
                self._left_out.add(row)
            else:
                selected.append(row)
        return selected

    def report(self, selected: Collection[Row]) -> None:
        """Adds notices of the artifacts that `where` left out. `selected`: the rows that at least one entry selects."""
        ref, where = self._ref, named("where")
        out = sum(row not in selected for row in self._left_out)
        self.is_narrowing = self.is_narrowing or out > 0
        if out:
            self._notice(f"`{where}` leaves out {out:,} of {number(out + len(selected), 'artifact')} in {ref}")
        if partly := len(self._left_out) - out:
            self._notice(f"`{where}` selects {number(partly, 'artifact')} in {ref} for some of their changes only")
        if out and not selected:
            # A misspelt key leaves everything out on every run, and every run succeeds. So it is reported.
            pairs = (key_and_value(label) for row in self._left_out for label in row.labels or ())
            unknown = set().union(*(entry.spec.keys_chosen_by for entry in self._entries))
            for key in sorted(unknown - {pair[0] for pair in pairs if pair}):
                self._notice(f"`{where}` reads `current_map.{key}`, and no artifact there has a label with that key")


@dataclass(frozen=True, slots=True, eq=False)
class SelectedSpecs:
    """The specs for which an artifact was selected; artifacts with the same specs share one instance.

    `goal_of` makes the goal of these specs for one artifact.
    """

    specs: tuple[LabelSpec, ...]
    goal_of: Callable[..., ChangeGoal]

    def reselect(self, row: Row, ref: RegistryRef) -> SelectedSpecs | None:
        """The specs that still select the artifact by a newer `row`: `self` if all do, None if none does.

        Raises the errors of `LabelSpec.selects`.
        """
        held = tuple(spec for spec in self.specs if spec.selects(row, registry=str(ref)))
        if len(held) == len(self.specs):
            return self
        return SelectedSpecs(held, self.goal_of) if held else None
