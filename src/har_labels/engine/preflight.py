"""What a plan may not be, though every artifact of it could be planned: too many changes, harmful, too slow.

`require` is asked while planning, artifact by artifact: see `label_spec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from har_labels.clock import Clock, Pace
from har_labels.engine.baselines import names_to_read, take
from har_labels.engine.planner import Plan
from har_labels.engine.task import Task
from har_labels.errors import (
    HarLabelsError,
    InputError,
    NoTime,
    PolicyBroken,
    TooManyChanges,
    TypeLoss,
    Unreadable,
    WouldRemove,
)
from har_labels.inputs.settings import Settings
from har_labels.model.labels import Mode
from har_labels.model.outcome import Breaches, PolicyBreach, Status
from har_labels.registry.client import PAGE_SIZE
from har_labels.registry.reader import Reader
from har_labels.request.policy import ADDED, Breach, Policy, Rule, breaches_text
from har_labels.text import named, number, shown

# Failures that are told with artifact and label; the report has more of them as rows.
_MOST_IN_WORDS = 1_000


def refusals(changing: Sequence[Task], *, settings: Settings, pace: Pace, clock: Clock) -> Iterator[HarLabelsError]:
    """Why these changes may not be written (contract §2 `max-changes`, §5 point 10)."""
    if settings.max_changes is not None and len(changing) > settings.max_changes:
        would_change = f"{number(len(changing), 'artifact')} would change"
        yield TooManyChanges(f"{would_change}, and `{named('max_changes')}` is {settings.max_changes:,}")
    writing = pace.seconds_for(_requests_for(changing))
    watching = settings.settle if any(task.goal.is_merging for task in changing) else 0
    if not settings.is_dry_run and writing + watching > clock.left():
        needed = f"writing {number(len(changing), 'artifact')} takes {writing:,.0f} s at this pace"
        watched = f", watching {watching:g} s" if watching else ""
        is_whole = settings.mode is Mode.MOVE or settings.apply_plan or settings.undo  # none of them takes a `shard`
        cure = (
            f"Raise `{named('deadline')}`, raise `{named('requests-per-minute')}`, or lower `{named('settle')}`."
            if is_whole
            else ""
        )
        yield NoTime(f"{needed}{watched}, and {clock.left():,.0f} s are left of `{named('deadline')}`", cure)


def fail_harmful(plan: Plan, settings: Settings) -> None:
    """Fails each artifact that a write is known to harm, or may harm unseen (contract §5 point 9)."""
    harmed = [task for task in plan.changing if fails_as_harmful(task, settings)]
    plan.put_aside(harmed)


def fails_as_harmful(task: Task, settings: Settings) -> bool:
    """Fails one artifact, and says so, that a write is known to harm, or may harm unseen."""
    is_at_risk = task.is_typed_hugging_face or task.has_unseen_type
    if settings.api_url.keeps_types or settings.allow_type_loss or not is_at_risk:
        return False
    task.fail(_would_lose_type(task), task.labels)
    return True


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


def judge(plan: Plan, policy: Policy, *, dry_run: bool, notice: Callable[[str], None]) -> None:
    """Holds a plan to the policy, however it came about (contract §6 "Policy"): all artifacts are told at once.

    What a change breaks refuses it; a dry run shows it all the same. What was broken before is a notice a rule, where
    only labels are read a refusal a rule: that is an audit.
    """
    judgement = _Judgement(plan.breaches)
    refused: list[Task] = []
    for task in plan.tasks:
        task.policy = policy
        if task.before is None and policy.needs_reading:
            task.fail(_needs_labels(task))
            refused.append(task)
            continue
        created = policy.new_breaches(task.before or (), task.target)
        judgement.take(task, policy, created)
        if task.goal.is_read:
            task.end(Status.UNCHANGED, task.labels)
        elif created and dry_run:
            plan.errors.append(judgement.error(task, created))
        elif created:
            task.fail(judgement.error(task, created), task.labels)
            refused.append(task)
    plan.errors[:] = dict.fromkeys(plan.errors)  # what several artifacts share is told once
    plan.put_aside(refused)
    plan.errors += judgement.refusals()
    for line in judgement.notices():
        notice(line)


@dataclass(slots=True)
class _Tally:
    """How many artifacts break one rule, and how the first of them does."""

    first: str
    count: int = 0

    def told(self, rule: Rule) -> str:
        others = self.count - 1
        more = f"; {number(others, 'more artifact')} {'break' if others > 1 else 'breaks'} that rule" if others else ""
        return f"{self.first}, and {rule.place} says that {rule.says}{more}"


class _Judgement:
    """Gathers breaches: each for report and summary, and one line a rule for the log."""

    def __init__(self, breaches: Breaches) -> None:
        self._breaches = breaches
        self._left: dict[tuple[Rule, bool], _Tally] = {}
        self._refused = 0
        self._shared: dict[tuple[Rule, ...], HarLabelsError] = {}

    def take(self, task: Task, policy: Policy, created: Sequence[Breach]) -> None:
        """What one artifact breaks: what is `created`, and what was broken before and stays so."""
        lost = {breach.rule for breach in created if not breach.label}
        left = [
            breach
            for breach in policy.breaches(task.target)
            if (breach.label in (task.before or ()) if breach.label else breach.rule not in lost)
        ]
        for breach in created:
            self._breaches.add(_row(task, breach, is_new=True))
        for breach in left:
            self._breaches.add(_row(task, breach, is_new=False))
        firsts: dict[Rule, Breach] = {}
        for breach in left:
            firsts.setdefault(breach.rule, breach)
        for rule, breach in firsts.items():
            how = f"has {shown(breach.label)!r}" if breach.label else breach.how
            tally = self._left.setdefault((rule, task.goal.is_read), _Tally(f"{task.subject} {how}"))
            tally.count += 1

    def error(self, task: Task, created: Sequence[Breach]) -> HarLabelsError:
        """Why an artifact may not be written; past the first ones it is one for all that break the same rules.

        A hundred thousand failures in words of their own would take as much memory as all else.
        """
        self._refused += 1
        rules = tuple(dict.fromkeys(breach.rule for breach in created))
        if self._refused <= _MOST_IN_WORDS:
            return _broken(task, created)
        if rules not in self._shared:
            told = "; ".join(f"{rule.place} says that {rule.says}" for rule in rules)
            self._shared[rules] = PolicyBroken(f"what would change breaks the policy, too: {told}")
        return self._shared[rules]

    def refusals(self) -> Iterator[HarLabelsError]:
        """What an audit found, a failure a rule."""
        return (PolicyBroken(tally.told(rule)) for (rule, is_audit), tally in self._left.items() if is_audit)

    def notices(self) -> Iterator[str]:
        """What a run over these artifacts leaves as it found it."""
        told = ((rule, tally) for (rule, is_audit), tally in self._left.items() if not is_audit)
        return (f"broken before this run: {tally.told(rule)}" for rule, tally in told)


def _row(task: Task, breach: Breach, *, is_new: bool) -> PolicyBreach:
    label = breach.label or None
    rule = breach.rule
    return PolicyBreach(str(task.ref), task.name, task.artifact_type, label, rule.place, rule.says, is_new=is_new)


def _broken(task: Task, created: Sequence[Breach]) -> HarLabelsError:
    """An input is wrong where the run gives what is protected; else its change is refused."""
    is_given = not task.goal.is_exact and any(breach.how == ADDED for breach in created)
    kind = InputError if is_given else PolicyBroken
    return kind(f"{task.subject}: {breaches_text(created)}", PolicyBroken.cure)


def _needs_labels(task: Task) -> Unreadable:
    return Unreadable(
        f"{task.subject}: the registry does not show the current labels, and the policy protects or requires some",
        "A docker image needs a tag to be listed; a policy of values and patterns alone needs no current labels.",
    )


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
    if task.has_unseen_type:
        unseen = "can't be read" if task.unread else "is shown by no list"
        why = f" ({task.unread.error.what})" if task.unread else ""
        return TypeLoss(
            f"{task.subject} {unseen}, so it may be a model or a dataset, and {clears}{why}",
            f"Let the key read the registry; `{named('allow-type-loss', 'true')}` writes all the same.",
        )
    return TypeLoss(
        f"{task.subject} is a {task.reading.row.artifact_type}, and {clears}",
        f"Label it on another server; `{named('allow-type-loss', 'true')}` writes all the same, and its downloads break.",
    )
