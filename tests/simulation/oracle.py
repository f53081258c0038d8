"""Knows every label that must be there at the end, and who is to blame for one that is not.

The guarantee (contract §5 point 5, docs/guarantee.md): a run that ended well has its change in the list, unless a
writer took it away whose gap between read and write was longer than `settle`, or who meant to. Everything is judged
from the history in the store, never from what the code under test believes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from har_labels.model.labels import Change, Labels, Mode, key_and_value
from har_labels.model.outcome import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulation.network import Read, Store, Write

GREEN = frozenset({Status.APPLIED, Status.UNCHANGED, Status.SUPERSEDED})


@dataclass(slots=True)
class Verdict:
    """`broken` holds a line for each broken promise; `explained` counts the losses that the conditions allow."""

    broken: list[str] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished har-labels run: its change, and its reported result. `status` None: a failed run."""

    name: str
    change: Change
    status: Status | None
    at: float

    @property
    def is_green(self) -> bool:
        """Whether the run reported success."""
        return self.status in GREEN


class Oracle:
    """Judges one finished race. `changes`: the intended change of each writer, by name.

    In virtual time only the network takes time, so that what har-labels itself let pass between its read and its
    write is not an excuse; with `forgives_own_waiting` it is, as on a machine where a process may be suspended.
    """

    def __init__(
        self,
        store: Store,
        runs: Iterable[Ended],
        changes: Mapping[str, Change],
        settle: float,
        *,
        forgives_own_waiting: bool = False,
    ) -> None:
        self._store, self._runs, self._changes, self._settle = store, tuple(runs), changes, settle
        self._ours = frozenset() if forgives_own_waiting else frozenset(run.name for run in self._runs)
        self._verdict = Verdict()

    def judge(self) -> Verdict:
        for run in self._runs:
            if run.is_green:
                self._judge_green(run)
            self._judge_writes(run)
        return self._verdict

    # --- what a green run promises ---------------------------------------------------------------------------

    def _judge_green(self, run: Ended) -> None:
        change, look = run.change, self._last_look(run)
        wrong_then = _differing(change, look.labels)
        if run.status is Status.SUPERSEDED:
            wrong_then -= self._superseded(run, look.labels)
        if wrong_then:
            self._break(run, f"ended {run.status}, and its last look had shown {_listed(look.labels)}")
            return
        wrong_now = _differing(change, self._store.labels) - _differing(change, look.labels)
        if later := wrong_now & self._superseded(run, self._store.labels):
            self._verdict.explained["set by a later writer"] += len(later)
        for label in sorted(wrong_now - later):
            self._explain(run, label, look)

    def _last_look(self, run: Ended) -> Read:
        """The labels of a run's last read, or of its last write if no read followed."""
        reads = [read for read in self._store.reads if read.who == run.name]
        writes = [write for write in self._writes_of(run) if write.at <= run.at]
        if writes and writes[-1].at > reads[-1].at:
            last = writes[-1]
            return type(reads[-1])(last.who, last.after, last.at, last.at)
        return reads[-1]

    def _superseded(self, run: Ended, labels: Labels) -> set[str]:
        """The labels that may differ, since another writer set a value that the run had not seen before its write."""
        news = set(labels) - self._seen_before_writing(run)
        keys = {pair[0] for label in news if (pair := key_and_value(label))}
        given = {label for label in run.change.labels if (key_and_value(label) or ("",))[0] in keys}
        return news | (given if run.change.mode is Mode.UPSERT else set())

    def _explain(self, run: Ended, label: str, look: Read) -> None:
        """Finds who spoilt `label` after the run's last look; breaks the verdict if that is within the conditions."""
        change, is_wanted = run.change, label not in self._store.labels
        culprits = [
            write
            for write in self._store.writes
            if write.at > look.at and label in _differing(change, write.after) - _differing(change, write.before)
        ]
        reasons = [self._reason(run, write, label, look) for write in culprits]
        reason = next((reason for reason in reasons if reason), None)
        if reason:
            self._verdict.explained[reason] += 1
        else:
            blamed = ", ".join(f"{write.who} at {write.at:.3f} (gap {write.gap:.3f})" for write in culprits)
            self._break(
                run, f"ended {run.status}, and {label!r} is {'gone' if is_wanted else 'back'}, by {blamed or 'nobody'}"
            )

    def _reason(self, run: Ended, write: Write, label: str, look: Read) -> str | None:
        if self._meant(write.who, label, is_there=label in write.after):
            return "meant by a later writer"
        if write.gap - self._own_waiting(write) > self._settle:
            return "a gap longer than settle"
        if self._was_put_back(run, look):
            return "the very same list had been put back"
        if run.status is Status.UNCHANGED and self._is_unwatched(write, look):
            return "unchanged, and its maker did not watch"
        return None

    def _own_waiting(self, write: Write) -> float:
        """Seconds that har-labels itself let pass between its read and its write: no excuse, unlike the network's."""
        return write.sent - write.basis.told if write.who in self._ours and write.basis else 0.0

    def _meant(self, who: str, label: str, *, is_there: bool) -> bool:
        change = self._changes[who]
        return (label in change.apply((label,))) == is_there and (label in change.labels if is_there else True)

    def _was_put_back(self, run: Ended, look: Read) -> bool:
        """Whether the labels changed and changed back between two reads of a run, which no reader can notice."""
        known = [read for read in self._store.reads if read.who == run.name and read.told <= look.at]
        lists = [(read.at, read.labels) for read in known] + [
            (own.at, own.after) for own in self._writes_of(run) if own.at < look.at
        ]
        since = max((at for at, labels in lists if at <= look.at - self._settle), default=look.at)
        between = self._writes_between(since, look.at)
        return any(at == since and labels == look.labels for at, labels in lists) and any(
            write.after != look.labels for write in between
        )

    def _is_unwatched(self, write: Write, look: Read) -> bool:
        """Whether the list was as a run found it for less than `settle`, from a writer that does not repair it."""
        assert write.basis
        watching = {run.name for run in self._runs if run.is_green}
        return any(made.who not in watching for made in self._writes_between(write.basis.at, look.at))

    def _writes_between(self, after: float, until: float) -> list[Write]:
        return [write for write in self._store.writes if after < write.at <= until]

    # --- what every write of ours keeps ----------------------------------------------------------------------

    def _judge_writes(self, run: Ended) -> None:
        """A value that was set after our first write is never removed (`superseded`)."""
        seen = self._seen_before_writing(run)
        for write in self._writes_of(run)[1:]:
            assert write.basis
            if undone := set(write.basis.labels) - seen - set(write.after):
                self._break(run, f"took away {sorted(undone)}, which came after its first write, at {write.at:.3f}")

    def _seen_before_writing(self, run: Ended) -> set[str]:
        """The labels that a run read before the first of its writes that may have been carried out."""
        until = next((sent for who, sent in self._store.tries if who == run.name), float("inf"))
        reads = [read for read in self._store.reads if read.who == run.name and read.told <= until]
        return {label for read in reads for label in read.labels}

    def _writes_of(self, run: Ended) -> list[Write]:
        return [write for write in self._store.writes if write.who == run.name]

    def _break(self, run: Ended, what: str) -> None:
        self._verdict.broken.append(f"{run.name}: {what}")


def _differing(change: Change, labels: Labels) -> set[str]:
    return set(change.apply(labels)) ^ set(labels)


def _listed(labels: Labels) -> str:
    return "[" + ", ".join(labels) + "]"
