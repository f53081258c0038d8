"""Planning: from what is asked for to one task an artifact, by as few reads as it takes (contract §5 point 1).

Nothing has been written until every artifact of the run is planned. What can't be planned is told all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from har_labels.clock import LONGEST_WAIT, Clock
from har_labels.engine.baselines import baselines_of, names_to_read, take
from har_labels.engine.moves import Listing, Move, unmatched
from har_labels.engine.task import AFTER_A_WAIT, Task, Unread
from har_labels.engine.upserts import remarks_on
from har_labels.engine.where import Selected, Sieve
from har_labels.errors import (
    ArtifactNotFound,
    Failures,
    HarLabelsError,
    NotFound,
    NothingMatched,
    PolicyBroken,
    TooManyChanges,
    WouldRemove,
)
from har_labels.model.address import RegistryRef
from har_labels.model.goal import ChangeGoal
from har_labels.model.labels import Change, Changes, Labels, Mode, is_glob, key_and_value, matches
from har_labels.model.outcome import MOST_WITH_FACTS, ArtifactFacts, Breaches, Outcome, Status, Step
from har_labels.model.shard import Shard
from har_labels.registry.answers import Row
from har_labels.registry.reader import OnRefusal, Reader, Reading, Rows, choose, is_refusal, matching, may_pass
from har_labels.request.entry import Entry
from har_labels.request.label_spec import Baseline, LabelSpec
from har_labels.text import named, number

_MAY_BE_LOST = "no `mode` was given, so the list is overwritten, and labels of others may be lost"
_FIRST_WAIT = 0.5


class _Assigned(NamedTuple):
    """The type and the specs that entries ask for of one row; the first type given counts."""

    artifact_type: str
    specs: tuple[LabelSpec, ...]
    skips_missing: bool

    @property
    def is_read(self) -> bool:
        """Whether only the labels are asked for, so that the results tell what else the registry told."""
        return all(spec.mode is Mode.READ for spec in self.specs)

    def and_then(self, other: _Assigned) -> _Assigned:
        return _Assigned(
            self.artifact_type or other.artifact_type,
            self.specs + other.specs,
            self.skips_missing and other.skips_missing,
        )


@dataclass(slots=True)
class Plan:
    """The tasks, the outcomes of artifacts that come to none, and why the plan can't be written, if so.

    `is_over_glob`: a pattern named artifacts of it.
    """

    tasks: list[Task] = field(default_factory=list)
    others: list[Outcome] = field(default_factory=list)
    errors: list[HarLabelsError] = field(default_factory=list)
    baselines: list[tuple[RegistryRef, Baseline]] = field(default_factory=list)
    breaches: Breaches = field(default_factory=Breaches)
    move: Move | None = None
    is_over_glob: bool = False

    @property
    def changing(self) -> list[Task]:
        return [task for task in self.tasks if task.is_change]

    @property
    def is_writable(self) -> bool:
        """Whether it may be written."""
        return not self.errors and self.is_readable

    @property
    def is_readable(self) -> bool:
        """Whether it is a plan of everything asked for, though perhaps one that changes more than is allowed."""
        is_told = all(isinstance(error, TooManyChanges | WouldRemove | PolicyBroken) for error in self.errors)
        return is_told and all(outcome.status is not Status.FAILED for outcome in self.others)

    def put_aside(self, ended: Collection[Task]) -> None:
        """Makes outcomes of tasks that ended before anything was written."""
        gone = set(ended)
        self.others += [task.outcome for task in ended if task.outcome]
        self.tasks[:] = [task for task in self.tasks if task not in gone]  # a move has the same list


class Planner:
    """Plans entries. `wait` is the seconds that an artifact may take to appear (`wait-for-artifact`).

    With `needs_reading`, as a dry run does, what can't be read can't be planned either. `notice` takes one line about
    something the user should know, `warning` one that should be looked at.
    """

    def __init__(  # noqa: PLR0913 - what planning needs, each by its keyword
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
        self._missed: set[Step] = set()
        self._unmatched: set[str] = set()
        self._matched: set[str] = set()
        self._read_only = 0
        self._goals: dict[tuple[Change, ...], ChangeGoal] = {}
        self._selected: dict[tuple[int, ...], Selected] = {}
        # What is worth telling of `upsert`, with the first artifact it is true of and how many there are.
        self._remarks: dict[str, tuple[str, int]] = {}
        # Whether something was left out by `where` or a `!`, so that nothing may be left.
        self._is_narrowed = False

    def plan(self, entries: Sequence[Entry]) -> Plan:
        """One task for each artifact that the entries name; several entries of one artifact become one task."""
        plan = Plan()
        for ref in dict.fromkeys(entry.ref for entry in entries):
            of_ref = [entry for entry in entries if entry.ref == ref]
            at = self._clock.monotonic()
            unread: dict[str, HarLabelsError] = {}
            sieve = Sieve(ref, of_ref)
            try:
                rows = self._rows(ref, of_ref, unread, sieve)
            except HarLabelsError as error:
                plan.errors.append(of_ref[0].placed(str(ref), error) if isinstance(error, NotFound) else error)
                continue
            self._tell_unread(ref, of_ref, unread)
            if not self._take_baselines(plan, ref, of_ref, rows):
                continue
            listing = self._take_holders(plan, of_ref, rows, at)
            assigned = self._assigned(plan, of_ref, rows, unread, sieve)
            self._read_only += sum(asked.is_read for asked in assigned.values())
            for row, asked in assigned.items():
                is_told = len(assigned) == 1 or (asked.is_read and self._read_only <= MOST_WITH_FACTS)
                reading = Reading(row if is_told else row.lean, at)
                self._add(plan, ref, reading, asked, self._unread(unread.get(row.name), asked, at))
            if listing and plan.tasks:
                plan.move = Move(listing, plan.tasks)
        self._tell_of_all(plan)
        return plan

    def _tell_of_all(self, plan: Plan) -> None:
        """What is worth telling once everything is planned."""
        of_shard = f" of shard {self._shard.index}/{self._shard.total}" if self._shard.total > 1 else ""
        is_empty = not (plan.tasks or plan.others or plan.errors)
        if is_empty and self._is_narrowed:
            self._notice(f"no artifact{of_shard} is left, so there is nothing to do")
        elif is_empty and of_shard:
            self._notice(f"there is no artifact{of_shard}, so there is nothing to do")
        if self._read_only > MOST_WITH_FACTS:
            told_of = f"of more than {MOST_WITH_FACTS:,} artifacts the results tell the labels alone"
            self._notice(
                f"{number(self._read_only, 'artifact')} read: {told_of}, and no package type, downloads or age"
            )
        for pattern in sorted(self._unmatched - self._matched):
            self._notice(f"no label of any artifact{of_shard} matches {pattern!r}, so `remove` takes none away")
        for remark, subjects in self._remarks.items():
            more = f" and {number(subjects[1] - 1, 'more artifact')}" if subjects[1] > 1 else ""
            self._notice(f"{subjects[0]}{more}: {remark}")

    def _rows(
        self, ref: RegistryRef, entries: Sequence[Entry], unread: dict[str, HarLabelsError], sieve: Sieve
    ) -> Rows:
        """The rows by name; a name that may be written without being read, and can't be read, goes to `unread`."""
        patterns = list(dict.fromkeys(pattern for entry in entries for pattern in entry.patterns))
        may_be_unread = not self._needs_reading and not any(entry.needs_reading for entry in entries)
        skipping = partial(self._note_unread, entries, unread) if may_be_unread else None
        baselines = names_to_read(baselines_of(entries), ref)
        among = {pattern for entry in entries if entry.spec.among for pattern in entry.spec.among.patterns}
        rows = self._read(ref, patterns, skipping, sieve, beside=baselines | among)
        until, pause = self._clock.monotonic() + self._wait, _FIRST_WAIT
        # What was just pushed may be known by its summary before a list shows its labels.
        merging = {pattern for entry in entries if entry.spec.needs_labels for pattern in entry.patterns}
        while (missing := self._missing(ref, patterns, rows, merging, unread)) and self._clock.monotonic() < until:
            self._clock.sleep(min(pause, until - self._clock.monotonic()))
            pause = min(2 * pause, LONGEST_WAIT)
            rows |= self._read(ref, missing, skipping, sieve)
            if among and not self._missing(ref, patterns, rows, merging, unread):
                rows |= self._read(
                    ref, [], None, sieve, beside=among
                )  # who has a label may have changed while this waited
        return rows

    def _take_baselines(self, plan: Plan, ref: RegistryRef, entries: Sequence[Entry], rows: Rows) -> bool:
        """Keeps the labels of the baselines; False, with an error in the plan, where it can't be told which are meant."""
        for baseline in baselines_of(entries):
            try:
                take(baseline, ref, rows, warning=self._warning)
                plan.baselines.append((ref, baseline))
            except HarLabelsError as error:
                plan.errors.append(error)
                return False
        return True

    def _take_holders(self, plan: Plan, entries: Sequence[Entry], rows: Rows, at: float) -> Listing | None:
        """Who has the label that is to be moved, if one is; without it, with an error in the plan, where that is not known."""
        for entry in entries:
            if among := entry.spec.among:
                try:
                    change = entry.spec.change_for(artifact=entry.patterns[0], registry=str(entry.ref))
                    told = self._clock.monotonic()
                    listing = Listing.of(entry, among, change, rows, at=at, told=told)
                    among.holders = listing.names
                    for pattern in unmatched(among, rows):
                        self._warning(f"`{named('among')}` has {pattern!r}, and nothing in {entry.ref} matches that")
                except Failures:
                    continue  # told of the artifact, once
                except HarLabelsError as error:
                    plan.errors.append(error)
                else:
                    return listing
        return None

    def _missing(
        self, ref: RegistryRef, patterns: Sequence[str], rows: Rows, merging: set[str], unread: Collection[str]
    ) -> list[str]:
        """Patterns that mean nothing yet, or of which the labels are needed and not shown."""
        return [
            pattern
            for pattern in patterns
            if pattern not in unread
            and (is_glob(pattern) or self._shard.has(ref, pattern))
            and (
                not (names := [name for name in matching(pattern, rows) if _is_there(rows[name])])
                or (pattern in merging and any(row.labels is None for name in names for row in rows[name]))
            )
        ]

    def _read(
        self,
        ref: RegistryRef,
        patterns: Sequence[str],
        skipping: OnRefusal | None,
        sieve: Sieve,
        *,
        beside: Collection[str] = frozenset(),
    ) -> Rows:
        """The rows of the patterns, as far as they are of this shard, and of names and globs `beside` them."""
        names = {pattern for pattern in patterns if not is_glob(pattern)}
        # With a single name outside this shard there is nothing to ask the registry for.
        mine = {name for name in names if self._shard.has(ref, name)}
        mine |= {name for name in beside if not is_glob(name)}
        globs = [pattern for pattern in dict.fromkeys([*patterns, *beside]) if is_glob(pattern)]
        if not mine and not globs:
            return {}
        return self._reader.rows(ref, names=mine, globs=globs, skipping=skipping, view=sieve.view)

    @staticmethod
    def _note_unread(
        entries: Sequence[Entry], unread: dict[str, HarLabelsError], names: AbstractSet[str], error: HarLabelsError
    ) -> None:
        """Keeps why these names could not be read; raises it where an entry may not be written then (contract §5)."""
        for entry in entries:
            if not names & set(entry.patterns):
                continue
            # A list that can't be read for now must not turn a run without `mode` into one that takes labels away.
            if not is_refusal(error) and not (may_pass(error) and not entry.spec.removes_nothing):
                raise error
        unread |= dict.fromkeys(names, error)

    def _tell_unread(self, ref: RegistryRef, entries: Sequence[Entry], unread: dict[str, HarLabelsError]) -> None:
        """One line an error: what these artifacts had is not known, and without `mode` that is worth a warning."""
        for error in dict.fromkeys(unread.values()):
            names = [name for name, why in unread.items() if why is error]
            is_protected = any(entry.spec.removes_nothing and set(names) & set(entry.patterns) for entry in entries)
            of_which = repr(names[0]) if len(names) == 1 else number(len(names), "artifact")
            line = f"the labels of {of_which} in {ref} can't be read before the write: {error.what}"
            if is_protected:
                self._warning(
                    f"{line}; no `mode` was given, so the list is overwritten, and labels of others may be lost"
                )
            else:
                self._notice(f"{line}; what was there is not known")

    def _unread(self, error: HarLabelsError | None, asked: _Assigned, at: float) -> Unread | None:
        return Unread(error, at + self._wait, asked.skips_missing, self._wait) if error else None

    def _assigned(
        self, plan: Plan, entries: Sequence[Entry], rows: Rows, unread: Collection[str], sieve: Sieve
    ) -> dict[Row, _Assigned]:
        """Which specs each row gets, in the order of the entries; what is missing goes into the plan."""
        assigned: dict[Row, _Assigned] = {}
        left_out: set[Row] = set()
        failed: dict[Row, HarLabelsError] = {}
        for at, entry in enumerate(entries):
            # one for all that nothing else names
            alone = _Assigned(entry.artifact_type, (entry.spec,), entry.skips_missing)
            mine = dict.fromkeys(
                row
                for pattern in entry.patterns
                for row in (
                    [sieve.view(_unread_row(pattern, entry, entries))]
                    if pattern in unread
                    else self._rows_for(plan, entry, pattern, rows)
                )
            )
            taken_off = self._taken_off(entry, rows)
            for row in mine:
                if row.name in taken_off:
                    continue
                try:
                    if not sieve.takes(at, row):
                        left_out.add(row)
                        continue
                except HarLabelsError as error:
                    failed.setdefault(row, error)
                assigned[row] = assigned[row].and_then(alone) if row in assigned else alone
        for row, why in failed.items():
            step = Step(str(entries[0].ref), row.name, row.artifact_type, row.labels, row.labels or ())
            plan.others.append(Outcome(step, Status.FAILED, row.labels, error=why))
            del assigned[row]
        if not failed and any(entry.spec.where for entry in entries):
            self._tell_left_out(entries, left_out, assigned)
        return assigned

    def _taken_off(self, entry: Entry, rows: Rows) -> set[str]:
        """The names that items with a `!` take off again."""
        found: set[str] = set()
        for pattern in entry.excluded:
            names = matching(pattern, rows)
            found.update(names)
            self._is_narrowed = True
            if not names and any(map(is_glob, entry.patterns)):
                self._notice(f"{f'!{pattern}'!r} takes nothing off in {entry.ref}")
        return found

    def _tell_left_out(self, entries: Sequence[Entry], left_out: set[Row], assigned: Collection[Row]) -> None:
        ref = entries[0].ref
        out = sum(row not in assigned for row in left_out)
        self._is_narrowed = self._is_narrowed or out > 0
        if out:
            self._notice(f"`where` leaves out {out:,} of {number(out + len(assigned), 'artifact')} in {ref}")
        if partly := len(left_out) - out:
            self._notice(f"`where` leaves {number(partly, 'artifact')} in {ref} without a part of the changes")
        if out and not assigned:
            # A misspelt key would else be green for ever.
            for key in sorted(set().union(*(entry.spec.keys_chosen_by for entry in entries)) - _keys_of(left_out)):
                self._notice(f"`where` reads `current_map.{key}`, and no artifact there has a label with that key")

    def _goal(self, specs: Sequence[LabelSpec], *, artifact: str, registry: str) -> ChangeGoal:
        changes = tuple(spec.change_for(artifact=artifact, registry=registry) for spec in specs)
        if not any(spec.requirements for spec in specs):
            # Artifacts with the same change share one goal: a hundred thousand of them cost memory.
            return self._goals.setdefault(changes, ChangeGoal(Changes(changes)))
        gates = [
            spec.gate_for(change, artifact=artifact, registry=registry)
            for spec, change in zip(specs, changes, strict=True)
        ]

        def gate(now: Labels | None) -> None:
            for one in gates:
                one(now)

        return ChangeGoal(Changes(changes), gate)

    def _rows_for(self, plan: Plan, entry: Entry, pattern: str, rows: Rows) -> Iterable[Row]:
        if is_glob(pattern) and pattern not in rows:
            return self._rows_for_glob(plan, entry, pattern, rows)
        if not self._shard.has(entry.ref, pattern):
            return ()
        try:
            return (choose(rows.get(pattern, []), entry.ref, pattern, entry.artifact_type),)
        except ArtifactNotFound as error:
            self._miss(plan, entry, pattern, error)
        except HarLabelsError as error:
            plan.others.append(_without_reading(entry, pattern, Status.FAILED, entry.placed(pattern, error)))
        return ()

    def _rows_for_glob(self, plan: Plan, entry: Entry, pattern: str, rows: Rows) -> list[Row]:
        found = [
            row
            for name in matching(pattern, rows)
            for row in rows[name]
            if not row.is_deleted and (not entry.artifact_type or row.artifact_type in {entry.artifact_type, ""})
        ]
        plan.is_over_glob = True
        if not found:
            self._miss(plan, entry, pattern, NothingMatched(f"{pattern!r} matches nothing in {entry.ref}"))
        return [row for row in found if self._shard.has(entry.ref, row.name)]

    def _miss(self, plan: Plan, entry: Entry, pattern: str, error: HarLabelsError) -> None:
        error = entry.placed(pattern, error)
        if self._wait:
            error = error.reworded(f"{error.what} (waited {self._wait:g} s)").with_next_step(AFTER_A_WAIT)
        status = Status.SKIPPED if entry.skips_missing else Status.FAILED
        outcome = _without_reading(entry, pattern, status, None if entry.skips_missing else error)
        if outcome.step in self._missed:
            return  # another entry names it too
        self._missed.add(outcome.step)
        plan.others.append(outcome)
        if entry.skips_missing:
            self._notice(f"skipped: {error.what}")

    def _add(self, plan: Plan, ref: RegistryRef, reading: Reading, asked: _Assigned, unread: Unread | None) -> None:
        row, kind = reading.row, reading.row.artifact_type or asked.artifact_type
        task = Task(ref, row.name, kind, _NO_GOAL, reading, before=row.labels, target=row.labels or (), unread=unread)
        if any(spec.where for spec in asked.specs):
            by = tuple(map(id, asked.specs))
            task.selected = self._selected.setdefault(by, Selected(asked.specs, self._goal))
        try:
            goal = task.goal = self._goal(asked.specs, artifact=row.name, registry=str(ref))
            task.aim()
            self._note_patterns(goal, row.labels or ())
            if row.labels is None and not unread and goal.removes_nothing:
                self._warning(
                    f"{task.subject}: the registry does not show its labels; no `mode` was given, so the list is overwritten, and labels of others may be lost"
                )
            for remark in remarks_on(goal.changes.parts, row.labels):
                first, count = self._remarks.get(remark, (task.subject, 0))
                self._remarks[remark] = first, count + 1
        except Failures as failures:
            plan.errors += [error for error in failures.errors if not _is_told(plan, error)]
        except HarLabelsError as error:
            task.fail(error, row.labels)
        if task.outcome:
            plan.others.append(task.outcome)
        else:
            plan.tasks.append(task)

    def _note_patterns(self, goal: ChangeGoal, labels: Labels) -> None:
        """Nothing matched is another answer than nothing to change (contract §3)."""
        for part in goal.changes.parts:
            unseen = [pattern for pattern in part.patterns if pattern not in self._matched]
            self._unmatched.update(unseen)
            self._matched.update(pattern for pattern in unseen if any(matches(pattern, one) for one in labels))


_NO_GOAL = ChangeGoal(Changes(()))


def _unread_row(name: str, entry: Entry, entries: Sequence[Entry]) -> Row:
    """The row of an artifact that nothing was read of: an entry without a type means what another names with one."""
    types = (other.artifact_type for other in entries if name in other.patterns and other.artifact_type)
    return Row(name, entry.artifact_type or next(types, ""), None, ArtifactFacts())


def _keys_of(rows: Iterable[Row]) -> set[str]:
    pairs = (key_and_value(label) for row in rows for label in row.labels or ())
    return {pair[0] for pair in pairs if pair}


def _is_there(rows: Sequence[Row]) -> bool:
    return not all(row.is_deleted for row in rows)


def _without_reading(entry: Entry, pattern: str, status: Status, error: HarLabelsError | None) -> Outcome:
    return Outcome(Step(str(entry.ref), pattern, entry.artifact_type, None, ()), status, None, error=error)


def _is_told(plan: Plan, error: HarLabelsError) -> bool:
    """The same wrong label fails for every artifact alike; once is enough."""
    return any(other.line == error.line for other in plan.errors)
