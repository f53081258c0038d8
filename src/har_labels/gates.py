"""What a plan may not be, though every artifact of it could be planned: too many changes, harmful, too slow.

`require` is asked while planning, artifact by artifact: see `recipe`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from har_labels.baselines import names_to_read, take
from har_labels.display import number
from har_labels.errors import HarLabelsError, NoTime, TooManyChanges, TypeLoss, WouldRemove
from har_labels.planner import Plan
from har_labels.reading import Reader
from har_labels.registry import PAGE_SIZE
from har_labels.settings import Settings
from har_labels.task import Task
from har_labels.timing import Clock, Pace


def refusals(
    changing: Sequence[Task], *, settings: Settings, pace: Pace, clock: Clock, spell: Callable[[str], str]
) -> Iterator[HarLabelsError]:
    """Why these changes may not be written (contract §2 `max-changes`, §5 point 10)."""
    if settings.max_changes is not None and len(changing) > settings.max_changes:
        would_change = f"{number(len(changing), 'artifact')} would change"
        yield TooManyChanges(f"{would_change}, and `{spell('max_changes')}` is {settings.max_changes:,}")
    writing = pace.seconds_for(_requests_for(changing))
    watching = settings.settle if any(task.goal.is_merging for task in changing) else 0
    if not settings.is_dry_run and writing + watching > clock.left():
        needed = f"writing {number(len(changing), 'artifact')} takes {writing:,.0f} s at this pace"
        watched = f", watching {watching:g} s" if watching else ""
        yield NoTime(f"{needed}{watched}, and {clock.left():,.0f} s are left of `{spell('deadline')}`")


def fail_harmful(plan: Plan, settings: Settings) -> None:
    """Fails each artifact that a write is known to harm, or may harm unseen (contract §5 point 9)."""
    if settings.api_url.keeps_types or settings.allow_type_loss:
        return
    harmed = [task for task in plan.changing if task.is_typed_hugging_face or task.unread]
    for task in harmed:
        task.fail(_would_lose_type(task), task.labels)
    plan.put_aside(harmed)


def check_removals(plan: Plan, *, dry_run: bool) -> None:
    """Refuses to take a label away where no `mode` says that it may (contract §3): all artifacts are told at once.

    A dry run shows what would change all the same.
    """
    refused: list[Task] = []
    for task in plan.changing:
        try:
            task.check_removals()
        except WouldRemove as error:
            if dry_run:
                plan.errors.append(error)
            else:
                task.fail(error, task.labels)
                refused.append(task)
    plan.put_aside(refused)


def renew_baselines(plan: Plan, reader: Reader, *, warning: Callable[[str], None]) -> None:
    """Reads every baseline of the plan once more and asks `require` anew where one has changed (contract §3 `baseline`).

    What no longer holds, or can't be read, makes the plan one that isn't written.
    """
    has_changed = False
    for ref in dict.fromkeys(ref for ref, _ in plan.baselines):
        of_ref = [baseline for at, baseline in plan.baselines if at == ref]
        before = [baseline.labels for baseline in of_ref]
        try:
            rows = reader.rows(ref, names=names_to_read(of_ref, ref))
            for baseline in of_ref:
                take(baseline, ref, rows, warning=warning)
        except HarLabelsError as error:
            plan.errors.append(error)
        has_changed |= [baseline.labels for baseline in of_ref] != before
    refused: list[Task] = []
    for task in plan.changing if has_changed else ():
        try:
            task.aim()
        except HarLabelsError as error:
            task.fail(error, task.labels)
            refused.append(task)
    plan.put_aside(refused)


def _requests_for(changing: Sequence[Task]) -> int:
    """What writing them takes at least: one PUT each, and for merged changes two looks by pages of a hundred.

    A plan's step is read once more before its write, see `apply` (contract §5 point 7, §6).
    """
    exact = sum(task.goal.is_exact for task in changing)
    merging = sum(task.goal.is_merging for task in changing)
    return len(changing) + exact + 2 * -(-merging // PAGE_SIZE)


def _would_lose_type(task: Task) -> TypeLoss:
    clears = "a server without /har/ in its API base clears that on a write; nothing was written"
    if task.unread:
        return TypeLoss(
            f"{task.subject} can't be read, so it may be a model or a dataset, and {clears} ({task.unread.error.what})",
            "Let the key read the registry; `allow-type-loss: true` writes all the same.",
        )
    return TypeLoss(
        f"{task.subject} is a {task.reading.row.artifact_type}, and {clears}",
        "Label it on another server; `allow-type-loss: true` writes all the same, and its downloads break.",
    )
