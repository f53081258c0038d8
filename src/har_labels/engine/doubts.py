"""What is told of a write that no answer and no read has confirmed. Pure.

Each function words one way in which a task can end so; the kind of the error decides the exit code.
"""

from __future__ import annotations

from har_labels.engine.task import AFTER_A_WAIT, Task, Unread, is_missing
from har_labels.errors import ArtifactNotFound, Defect, HarLabelsError, NotFound, OutOfReach, Overwritten
from har_labels.registry.reader import advice_on
from har_labels.text import named, number

_NOTHING_WRITTEN = "nothing was written"
_NOT_KNOWN = "whether the labels were written is not known"


def retries_exhausted(task: Task) -> HarLabelsError:
    """The doubt that no retry settled, with what is known of the labels now."""
    assert task.doubt
    error = task.doubt.error
    tries = number(task.attempts, "try", "tries") + task.doubt.wait_note
    if task.unread and task.unread.says_missing and isinstance(error, OutOfReach):
        return missing(task, error)
    return error.reworded(f"{task.subject}: {error.what} ({tries}); {_known(task)}")


def missing(task: Task, error: HarLabelsError) -> HarLabelsError:
    """An artifact that could not be read, and whose write came to `error`: a 404, or nothing where reading came to one."""
    assert task.unread
    found = error if isinstance(error, NotFound) else _missing(task, task.unread, error)
    if task.unread.wait and is_missing(error):
        found = found.reworded(f"{found.what} (waited {task.unread.wait:g} s)").with_next_step(AFTER_A_WAIT)
    if advice := advice_on(task.name, task.ref):
        return found.with_next_step(advice)
    return found


def _missing(task: Task, unread: Unread, error: HarLabelsError) -> HarLabelsError:
    before = f" (reading it: {unread.error.what})"
    waited = f"; tried {number(task.attempts, 'time')}" if task.attempts > 1 else ""
    return ArtifactNotFound(
        f"{task.subject} was not found: {error.what}{waited}{before}",
        f"Check `{named('registry-ref')}`, `artifact` and `{named('artifact-type')}`, and that the path of `{named('api-url')}` is the API's base.",
    )


def unverifiable(task: Task, error: HarLabelsError) -> HarLabelsError:
    """The write can't be looked at: reading failed with `error`."""
    if task.doubt:
        what = f"{task.doubt.error.what}, and no read could tell whether it was written: {error.what}"
    else:
        what = f"the labels were written, but could not be looked at again: {error.what}"
    return error.reworded(f"{task.subject}: {what}")


def cut_short(task: Task, reason: HarLabelsError | None) -> HarLabelsError:
    """The run was over, for `reason`, before the write was confirmed."""
    because = f", as {reason.what}" if reason else ""
    if task.doubt and task.is_known:
        return task.doubt.error.reworded(f"{task.subject}: {task.doubt.error.what}; {_known(task)}")
    if task.is_known:
        return Overwritten(f"{task.subject}: the change was undone and not made again{because}")
    said = f"{task.doubt.error.what}; " if task.doubt else ""
    known = _known(task) if task.doubt and task.doubt.written is False else _NOT_KNOWN
    return (reason or Defect("")).reworded(f"{task.subject}: {said}{known}{because}")


def _known(task: Task) -> str:
    """What is known of the labels after a write that came to nothing certain."""
    assert task.doubt
    if task.doubt.written is False:
        return "the last try wrote nothing" if task.may_be_written else _NOTHING_WRITTEN
    if task.is_known:
        return "a read shows that the labels were not written"
    return f"the labels can't be read back, so {_NOT_KNOWN}"
