"""What the `where` of entries says of artifacts as they are read (contract §3).

It is asked of the full row, of which a large run keeps a lean one, so nothing is held for it but the verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from har_labels.errors import HarLabelsError
from har_labels.model.address import RegistryRef
from har_labels.model.goal import ChangeGoal
from har_labels.model.labels import is_glob, matches
from har_labels.registry.answers import Row
from har_labels.request.entry import Entry
from har_labels.request.label_spec import LabelSpec


class Sieve:
    """Judges the rows of one registry by the `where` of its entries."""

    def __init__(self, ref: RegistryRef, entries: Sequence[Entry]) -> None:
        self._registry, self._entries = str(ref), entries
        self._of_name: dict[str, list[int]] = defaultdict(list)
        self._of_globs: list[tuple[str, int]] = []
        self._errors: dict[tuple[str, str], dict[int, HarLabelsError]] = {}
        # Rows share their few verdicts.
        self._verdicts: dict[frozenset[int], frozenset[int]] = {}
        for at, entry in enumerate(entries):
            for pattern in entry.patterns if entry.spec.where else ():
                self._of_name[pattern].append(at)
                if is_glob(pattern):
                    self._of_globs.append((pattern, at))

    def view(self, row: Row) -> Row:
        """The row with the entries for which it is left out; asked of every row, as soon as it is read."""
        if row.is_deleted or not self._of_name:
            return row
        self._errors.pop((row.name, row.artifact_type), None)
        of_globs = (at for pattern, at in self._of_globs if matches(pattern, row.name))
        asked = dict.fromkeys([*self._of_name.get(row.name, ()), *of_globs])
        left_out = frozenset([at for at in asked if not self._holds(at, row)])
        return replace(row, left_out=self._verdicts.setdefault(left_out, left_out)) if left_out else row

    def takes(self, at: int, row: Row) -> bool:
        """Whether a row, as `view` gave it, is part of what the entry at this place asks for.

        Raises what kept it from being judged: a value of the wrong kind, labels that can't be read.
        """
        if error := self._errors.get((row.name, row.artifact_type), {}).get(at):
            raise error
        return at not in row.left_out

    def _holds(self, at: int, row: Row) -> bool:
        try:
            return self._entries[at].spec.selects(row, registry=self._registry)
        except HarLabelsError as error:
            self._errors.setdefault((row.name, row.artifact_type), {})[at] = error
            return True


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """The specs that an artifact was selected for, one for all that were selected for the same.

    `goal_of` makes their goal for one artifact.
    """

    specs: tuple[LabelSpec, ...]
    goal_of: Callable[..., ChangeGoal]

    def still(self, row: Row, ref: RegistryRef) -> Selected | None:
        """What is left of it by a newer row; itself if that is all, None if nothing is. Raises as `LabelSpec.selects`."""
        held = tuple(spec for spec in self.specs if spec.selects(row, registry=str(ref)))
        if len(held) == len(self.specs):
            return self
        return Selected(held, self.goal_of) if held else None

    def goal(self, artifact: str, ref: RegistryRef) -> ChangeGoal:
        return self.goal_of(self.specs, artifact=artifact, registry=str(ref))
