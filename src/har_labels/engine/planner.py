"""Planning: from entries to one task for each artifact, with as few reads as possible (contract §5 point 1).

The phases, for each registry: read, update baselines, list holders of a label to move, assign specs to artifacts, make
tasks. Nothing is written before every artifact of the run is planned, and all problems are reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from har_labels.clock import LONGEST_POLL, Clock
from har_labels.engine.baselines import baselines_of, names_to_read, update_baseline
from har_labels.engine.filters import Filters, SelectedSpecs, is_candidate
from har_labels.engine.moves import Listing, Move
from har_labels.engine.plan import Plan
from har_labels.engine.task import AFTER_A_WAIT, Task, Unread
from har_labels.engine.upserts import side_effects_of
from har_labels.errors import ArtifactNotFound, Failures, HarLabelsError, NotFound, NothingMatched
from har_labels.model.address import RegistryRef
from har_labels.model.facts import ArtifactFacts
from har_labels.model.goal import ChangeGoal
from har_labels.model.labels import Change, Changes, Labels, Mode, is_glob, matches
from har_labels.model.outcome import MOST_WITH_FACTS, Outcome, Status, Step
from har_labels.model.shard import Shard
from har_labels.registry.answers import Row
from har_labels.registry.reader import OnUnread, Reader, Reading, Rows, choose, is_refusal, is_transient, matching
from har_labels.request.entry import Entry
from har_labels.request.label_spec import LabelSpec
from har_labels.text import named, number

_FIRST_WAIT = 0.5
_MAY_LOSE_LABELS = f"no `{named('mode')}` was given, so the list is overwritten, and labels set by others may be lost"
_NO_GOAL = ChangeGoal(Changes(()))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The artifacts of one registry that `entries` name, read at `at` (monotonic time at which the read began).

    `unread`: names whose read failed, with the error, and that may be written all the same (contract §5 point 1).
    """

    ref: RegistryRef
    entries: Sequence[Entry]
    filters: Filters
    at: float
    rows: Rows
    unread: Mapping[str, HarLabelsError]


class _Assignment(NamedTuple):
    """The type and the specs that entries request for one row. Of several types the first one counts."""

    artifact_type: str
    specs: tuple[LabelSpec, ...]
    skips_missing: bool

    @property
    def is_read(self) -> bool:
        """Whether the labels are only read, so that the results also contain the artifact's facts."""
        return all(spec.mode is Mode.READ for spec in self.specs)

    def merged_with(self, other: _Assignment) -> _Assignment:
        return _Assignment(
            self.artifact_type or other.artifact_type,
            self.specs + other.specs,
            self.skips_missing and other.skips_missing,
        )


class Planner:
    """Plans entries. `wait`: how many seconds an artifact may take to appear (`wait-for-artifact`).

    With `needs_reading`, as in a dry run, an artifact that can't be read can't be planned. `notice` and `warning` each
    take one line for the user.
    """

    def __init__(  # noqa: PLR0913 - all dependencies of planning, by keyword
        self,
        reader: Reader,
        clock: Clock,
        *,
        shard: Shard,
        wait: float,
        needs_reading: bool,
        notice: Callable[[str], None],
        warning: Callable[[str], None],
    ) -> None:
        self._reader, self._clock, self._shard, self._wait = reader, clock, shard, wait
        self._needs_reading, self._notice, self._warning = needs_reading, notice, warning
        self._totals = _Totals()
        self._missing: set[Step] = set()
        # Artifacts with the same change share one goal: a hundred thousand goals cost memory.
        self._goals: dict[tuple[Change, ...], ChangeGoal] = {}
        self._selected: dict[tuple[int, ...], SelectedSpecs] = {}

    def plan(self, entries: Sequence[Entry]) -> Plan:
        """One task for each artifact that the entries name; several entries for one artifact become one task."""
        plan = Plan()
        for ref in dict.fromkeys(entry.ref for entry in entries):
            of_ref = [entry for entry in entries if entry.ref == ref]
            try:
                snapshot = self._read(ref, of_ref)
            except HarLabelsError as error:
                plan.errors.append(of_ref[0].placed(str(ref), error) if isinstance(error, NotFound) else error)
                continue
            self._report_unread(snapshot)
            if not self._update_baselines(plan, snapshot):
                continue
            listing = self._list_holders(plan, snapshot)
            self._add_tasks(plan, snapshot, self._assign(plan, snapshot))
            if listing and plan.tasks:
                plan.move = Move(listing, plan.tasks[0])
        for line in self._totals.notices(plan, self._shard):
            self._notice(line)
        return plan

    # --- reading -------------------------------------------------------------------------------------------

    def _read(self, ref: RegistryRef, entries: Sequence[Entry]) -> _Snapshot:
        """Reads the artifacts that the entries name, and polls up to `wait` seconds for those that are missing.

        Raises the reader's errors if an artifact may not be written without a read.
        """
        unread: dict[str, HarLabelsError] = {}
        filters = Filters(ref, entries, self._shard, notice=self._notice)
        snapshot = _Snapshot(ref, entries, filters, self._clock.monotonic(), {}, unread)
        may_be_unread = not self._needs_reading and not any(entry.needs_reading for entry in entries)
        skipping = partial(_record_unread, entries, unread) if may_be_unread else None
        patterns = list(dict.fromkeys(pattern for entry in entries for pattern in entry.patterns))
        baselines = names_to_read(baselines_of(entries), ref)
        among = {pattern for entry in entries if entry.spec.among for pattern in entry.spec.among.patterns}
        self._add_rows(snapshot, patterns, skipping, beside=baselines | among)
        until, pause = self._clock.monotonic() + self._wait, _FIRST_WAIT
        while (pending := _pending(snapshot, patterns)) and self._clock.monotonic() < until:
            self._clock.sleep(min(pause, until - self._clock.monotonic()))
            pause = min(2 * pause, LONGEST_POLL)
            self._add_rows(snapshot, pending, skipping)
            if among and not _pending(snapshot, patterns):
                self._add_rows(snapshot, [], None, beside=among)  # the holders may have changed meanwhile
        return snapshot

    def _add_rows(
        self,
        snapshot: _Snapshot,
        patterns: Sequence[str],
        skipping: OnUnread | None,
        *,
        beside: AbstractSet[str] = frozenset(),
    ) -> None:
        """Reads the artifacts of the patterns that the filters admit, and those of the patterns `beside` them."""
        names = {name for name in patterns if not is_glob(name) and snapshot.filters.has_name(name)}
        names |= {name for name in beside if not is_glob(name)}
        globs = [pattern for pattern in dict.fromkeys([*patterns, *beside]) if is_glob(pattern)]
        if names or globs:  # else all names are those of other shards
            view = snapshot.filters.judge
            snapshot.rows.update(
                self._reader.rows(snapshot.ref, names=names, globs=globs, skipping=skipping, view=view)
            )

    def _report_unread(self, snapshot: _Snapshot) -> None:
        """Reports each read error: the previous labels are unknown. Without `mode` it is a warning, since labels may be lost."""
        for error in dict.fromkeys(snapshot.unread.values()):
            names = [name for name, why in snapshot.unread.items() if why is error]
            subject = repr(names[0]) if len(names) == 1 else number(len(names), "artifact")
            line = f"the labels of {subject} in {snapshot.ref} can't be read before the write: {error.what}"
            if any(entry.spec.must_not_remove and set(names) & set(entry.patterns) for entry in snapshot.entries):
                self._warning(f"{line}; {_MAY_LOSE_LABELS}")
            else:
                self._notice(f"{line}; the previous labels are not known")

    def _update_baselines(self, plan: Plan, snapshot: _Snapshot) -> bool:
        """Records the labels of the baselines. If one is ambiguous, adds the error to the plan and returns False."""
        for baseline in baselines_of(snapshot.entries):
            try:
                update_baseline(baseline, snapshot.ref, snapshot.rows, warning=self._warning)
            except HarLabelsError as error:
                plan.errors.append(error)
                return False
            plan.baselines.append((snapshot.ref, baseline))
        return True

    def _list_holders(self, plan: Plan, snapshot: _Snapshot) -> Listing | None:
        """The holders of the label to move. None without a move, or, with an error in the plan, if they are unknown."""
        for entry in snapshot.entries:
            if not (among := entry.spec.among):
                continue
            try:
                change = entry.spec.change_for(artifact=entry.patterns[0], registry=str(entry.ref))
                now = self._clock.monotonic()
                listing = Listing.from_rows(entry, among, change, snapshot.rows, asked_at=snapshot.at, answered_at=now)
            except Failures:
                continue  # `_add_task` reports the same failures
            except HarLabelsError as error:
                plan.errors.append(error)
                continue
            among.holders = listing.names
            for pattern in among.patterns:
                if not matching(pattern, snapshot.rows):
                    self._warning(f"`{named('among')}` has {pattern!r}, and nothing in {entry.ref} matches that")
            return listing
        return None

    # --- from rows to tasks --------------------------------------------------------------------------------

    def _assign(self, plan: Plan, snapshot: _Snapshot) -> dict[Row, _Assignment]:
        """The specs of each row, in the order of the entries. Failures and skipped artifacts are added to the plan's outcomes."""
        assigned: dict[Row, _Assignment] = {}
        filters = snapshot.filters
        for index, entry in enumerate(snapshot.entries):
            # All rows that no other entry names share this one.
            alone = _Assignment(entry.artifact_type, (entry.spec,), entry.skips_missing)
            candidates = dict.fromkeys(
                row for pattern in entry.patterns for row in self._candidates(plan, snapshot, entry, pattern)
            )
            for row in filters.select(index, candidates, snapshot.rows):
                assigned[row] = assigned[row].merged_with(alone) if row in assigned else alone
        for row, error in filters.failed.items():
            step = Step(str(snapshot.ref), row.name, row.artifact_type, row.labels, row.labels or ())
            plan.outcomes.append(Outcome(step, Status.FAILED, row.labels, error=error))
            assigned.pop(row, None)
        if not filters.failed:
            filters.report(assigned)
        self._totals.is_narrowed |= filters.is_narrowing
        return assigned

    def _candidates(self, plan: Plan, snapshot: _Snapshot, entry: Entry, pattern: str) -> Iterable[Row]:
        """The rows that a pattern of an entry matches. If it matches none, adds an outcome to the plan."""
        rows = snapshot.rows
        if pattern in snapshot.unread:
            return (snapshot.filters.judge(_unread_row(pattern, entry, snapshot.entries)),)
        if is_glob(pattern) and pattern not in rows:
            plan.is_over_glob = True
            names = matching(pattern, rows)
            found = [row for name in names for row in rows[name] if is_candidate(row, entry.artifact_type)]
            if not found:
                self._end_missing(plan, entry, pattern, NothingMatched(f"{pattern!r} matches nothing in {entry.ref}"))
            return found
        if not snapshot.filters.has_name(pattern):
            return ()
        try:
            return (choose(rows.get(pattern, []), entry.ref, pattern, entry.artifact_type),)
        except ArtifactNotFound as error:
            self._end_missing(plan, entry, pattern, error)
        except HarLabelsError as error:
            plan.outcomes.append(_outcome_without_row(entry, pattern, Status.FAILED, entry.placed(pattern, error)))
        return ()

    def _end_missing(self, plan: Plan, entry: Entry, pattern: str, error: HarLabelsError) -> None:
        """Fails or skips a pattern that matches no artifact; reported once if several entries have the pattern."""
        error = entry.placed(pattern, error)
        if self._wait:
            error = error.reworded(f"{error.what} (waited {self._wait:g} s)").with_next_step(AFTER_A_WAIT)
        status = Status.SKIPPED if entry.skips_missing else Status.FAILED
        outcome = _outcome_without_row(entry, pattern, status, None if entry.skips_missing else error)
        if outcome.step in self._missing:
            return
        self._missing.add(outcome.step)
        plan.outcomes.append(outcome)
        if entry.skips_missing:
            self._notice(f"skipped: {error.what}")

    def _add_tasks(self, plan: Plan, snapshot: _Snapshot, assigned: Mapping[Row, _Assignment]) -> None:
        self._totals.read_only += sum(assignment.is_read for assignment in assigned.values())
        for row, assignment in assigned.items():
            keeps_facts = len(assigned) == 1 or (assignment.is_read and self._totals.read_only <= MOST_WITH_FACTS)
            reading = Reading(row if keeps_facts else row.lean, snapshot.at)
            error, skips_missing = snapshot.unread.get(row.name), assignment.skips_missing
            unread = Unread(error, snapshot.at + self._wait, skips_missing, self._wait) if error else None
            self._add_task(plan, snapshot.ref, reading, assignment, unread)

    def _add_task(
        self, plan: Plan, ref: RegistryRef, reading: Reading, assignment: _Assignment, unread: Unread | None
    ) -> None:
        row, kind = reading.row, reading.row.artifact_type or assignment.artifact_type
        task = Task(ref, kind, _NO_GOAL, reading, before=row.labels, target=row.labels or (), unread=unread)
        if any(spec.where for spec in assignment.specs):
            key = tuple(map(id, assignment.specs))
            task.selected = self._selected.setdefault(key, SelectedSpecs(assignment.specs, self._goal))
        try:
            goal = task.goal = self._goal(assignment.specs, artifact=row.name, registry=str(ref))
            task.compute_target()
        except Failures as failures:
            # An invalid label fails in the same way for every artifact, and is reported once.
            known = {error.line for error in plan.errors}
            plan.errors += [error for error in failures.errors if error.line not in known]
        except HarLabelsError as error:
            task.fail(error, row.labels)
        else:
            if row.labels is None and not unread and goal.changes.must_not_remove:
                self._warning(f"{task.subject}: the registry does not show its labels; {_MAY_LOSE_LABELS}")
            self._totals.add(task.subject, goal, row.labels)
        if task.outcome:
            plan.outcomes.append(task.outcome)
        else:
            plan.planned.append(task)

    def _goal(self, specs: Sequence[LabelSpec], *, artifact: str, registry: str) -> ChangeGoal:
        changes = tuple(spec.change_for(artifact=artifact, registry=registry) for spec in specs)
        if not any(spec.requirements for spec in specs):
            return self._goals.setdefault(changes, ChangeGoal(Changes(changes)))
        gates = [
            spec.gate_for(change, artifact=artifact, registry=registry)
            for spec, change in zip(specs, changes, strict=True)
        ]

        def gate(now: Labels | None) -> None:
            for one in gates:
                one(now)

        return ChangeGoal(Changes(changes), gate)


class _Totals:
    """Totals over all artifacts, for notices after planning. `is_narrowed`: a filter may have left no artifact."""

    def __init__(self) -> None:
        self.read_only = 0
        self.is_narrowed = False
        self._unmatched: set[str] = set()
        self._matched: set[str] = set()
        # Each side effect of `upsert`: the first artifact that has it, and the number of artifacts that have it.
        self._side_effects: dict[str, tuple[str, int]] = {}

    def add(self, subject: str, goal: ChangeGoal, labels: Labels | None) -> None:
        """Adds one planned artifact with its current labels."""
        for part in goal.changes.parts:
            new = [pattern for pattern in part.patterns if pattern not in self._matched]
            self._unmatched.update(new)
            self._matched.update(pattern for pattern in new if any(matches(pattern, one) for one in labels or ()))
        for line in side_effects_of(goal.changes, labels):
            first, count = self._side_effects.get(line, (subject, 0))
            self._side_effects[line] = first, count + 1

    def notices(self, plan: Plan, shard: Shard) -> Iterator[str]:
        of_shard = f" of shard {shard.index}/{shard.total}" if shard.total > 1 else ""
        is_empty = not (plan.tasks or plan.outcomes or plan.errors)
        if is_empty and self.is_narrowed:
            yield f"no artifact{of_shard} is left, so there is nothing to do"
        elif is_empty and of_shard:
            yield f"there is no artifact{of_shard}, so there is nothing to do"
        if self.read_only > MOST_WITH_FACTS:
            yield (
                f"{number(self.read_only, 'artifact')} read: above {MOST_WITH_FACTS:,} artifacts the results have only "
                "the labels, without package type, downloads and age"
            )
        for pattern in sorted(self._unmatched - self._matched):
            # A pattern without a match may be a typo, so it is not reported as "unchanged" alone (contract §3).
            yield f"no label of any artifact{of_shard} matches {pattern!r}, so it removes none"
        for line, (first, count) in self._side_effects.items():
            more = f" and {number(count - 1, 'more artifact')}" if count > 1 else ""
            yield f"{first}{more}: {line}"


def _record_unread(
    entries: Sequence[Entry], unread: dict[str, HarLabelsError], names: AbstractSet[str], error: HarLabelsError
) -> None:
    """Records the error of a read for these names; raises it if one of them may not be written without a read.

    After a refusal writing is allowed. After a transient failure it is allowed only with a `mode`: an outage must not turn
    the default into a deletion (contract §5 point 1).
    """
    for entry in entries:
        may_be_written = is_refusal(error) or (is_transient(error) and not entry.spec.must_not_remove)
        if names & set(entry.patterns) and not may_be_written:
            raise error
    unread |= dict.fromkeys(names, error)


def _pending(snapshot: _Snapshot, patterns: Sequence[str]) -> list[str]:
    """The patterns that match no artifact yet, or one whose labels are needed and not shown yet.

    The summary of a new artifact may be available before a list shows its labels.
    """
    merging = {pattern for entry in snapshot.entries if entry.spec.needs_labels for pattern in entry.patterns}
    pending: list[str] = []
    for pattern in patterns:
        if pattern in snapshot.unread or not (is_glob(pattern) or snapshot.filters.has_name(pattern)):
            continue
        found = [snapshot.rows[name] for name in matching(pattern, snapshot.rows)]
        there = [rows for rows in found if not all(row.is_deleted for row in rows)]
        if not there or (pattern in merging and any(row.labels is None for rows in there for row in rows)):
            pending.append(pattern)
    return pending


def _unread_row(name: str, entry: Entry, entries: Sequence[Entry]) -> Row:
    """The row of an artifact that was not read. If its entry names no type, another entry's type for this name is used."""
    types = (other.artifact_type for other in entries if name in other.patterns and other.artifact_type)
    return Row(name, entry.artifact_type or next(types, ""), None, ArtifactFacts())


def _outcome_without_row(entry: Entry, pattern: str, status: Status, error: HarLabelsError | None) -> Outcome:
    return Outcome(Step(str(entry.ref), pattern, entry.artifact_type, None, ()), status, None, error=error)
