"""Whether a server keeps the type of a Hugging Face artifact when its labels are written (contract §5 point 9).

Harness Open Source clears it, which breaks the artifact's downloads (recorded/huggingface.json). So the first write of
each registry is made alone and looked at before any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from har_labels.engine.task import Task
from har_labels.errors import HarLabelsError, Stop, TypeLoss
from har_labels.model.address import RegistryRef
from har_labels.registry.reader import Reader
from har_labels.text import named


class TypeProof:
    """Knows which registries have been seen to keep types. `warning` takes one line about a loss that was allowed."""

    def __init__(self, reader: Reader, *, warning: Callable[[str], None], allow_loss: bool) -> None:
        self._reader, self._warning, self._allow_loss = reader, warning, allow_loss
        self._proven: set[RegistryRef] = set()

    def prove(self, tasks: Sequence[Task], write: Callable[[Task], None]) -> None:
        """Writes typed artifacts alone until one of their registry has shown that it keeps its type.

        Raises Stop where a type is lost and that is not allowed.
        """
        for task in tasks:
            if task.is_typed_hugging_face and task.ref not in self._proven:
                kind = task.reading.row.artifact_type
                write(task)
                if task.outcome is None:
                    self._look(task, kind)

    def _look(self, task: Task, kind: str) -> None:
        try:
            rows = self._reader.rows(task.ref, names={task.name}).get(task.name, [])
        except HarLabelsError:
            return  # the look that settles the write will tell; nothing is proven
        of_kind = [row for row in rows if row.artifact_type == kind]
        if any(row.labels == task.target for row in of_kind):
            self._proven.add(task.ref)
        if of_kind:
            return
        what = f"{task.subject} is no longer a {kind} since its labels were written"
        if self._allow_loss:
            self._proven.add(task.ref)
            self._warning(
                f"{what}, and so will be all others written in {task.ref}; `{named('allow-type-loss')}` goes on"
            )
            return
        error = TypeLoss(what)
        task.fail(error, rows[0].labels if rows else None)
        raise Stop(error)
