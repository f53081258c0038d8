"""What refuses a plan before its first write, though every artifact of it could be planned.

Each check yields a `Refusal` for what may not be written; `Plan.refuse` fails the task, or adds the error to the plan.
`require` is checked while planning, artifact by artifact: see `request.label_spec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from har_labels.clock import Clock, Pace
from har_labels.engine.plan import Plan, Refusal
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
from har_labels.model.goal import PlanGoal, is_merging, is_read
from har_labels.model.labels import Mode
from har_labels.model.outcome import Breaches, PolicyBreach, Status
from har_labels.registry.client import PAGE_SIZE
from har_labels.request.policy import WOULD_BE_ADDED, Breach, Policy, Rule, breaches_text
from har_labels.text import named, number, shown

# So many failures name artifact and label; the report has more of them as rows.
_MOST_IN_WORDS = 1_000


def preflight(  # noqa: PLR0913 - the plan, and what it is checked against
    plan: Plan,
    *,
    settings: Settings,
    policy: Policy | None,
    pace: Pace,
    clock: Clock,
    notice: Callable[[str], None],
) -> None:
    """Refuses what may not be written. Each check sees what the ones before it have left."""
    dry_run = settings.is_dry_run
    plan.refuse(_type_losses(plan, settings), dry_run=dry_run)
    plan.refuse(_unasked_removals(plan), dry_run=dry_run)
    if policy:
        plan.refuse(_policy_breaches(plan, policy, notice=notice), dry_run=dry_run)
    plan.refuse(_too_many(plan, settings), dry_run=dry_run)
    plan.refuse(_too_slow(plan, settings, pace, clock), dry_run=dry_run)


# --- artifacts that lose their type (contract §5 point 9) -------------------------------------------------------


def _type_losses(plan: Plan, settings: Settings) -> Iterator[Refusal]:
    """Each artifact whose type a write is known to clear, or may clear unseen."""
    return (Refusal(error, task) for task in plan.changing if (error := type_loss_of(task, settings)))


def type_loss_of(task: Task, settings: Settings) -> TypeLoss | None:
    """Why writing this artifact would, or may, cost it its type; None if it can't."""
    is_at_risk = task.is_typed_hugging_face or task.has_unseen_type
    if settings.api_url.keeps_types or settings.allow_type_loss or not is_at_risk:
        return None
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


# --- labels that nobody said may go (contract §3) ---------------------------------------------------------------


def _unasked_removals(plan: Plan) -> Iterator[Refusal]:
    """Each artifact that would lose a label though no `mode` says that it may."""
    for task in plan.changing:
        try:
            task.check_removals()
        except WouldRemove as error:
            yield Refusal(error, task, is_gate=True)


# --- policy (contract §6 "Policy") ------------------------------------------------------------------------------


def _policy_breaches(plan: Plan, policy: Policy, *, notice: Callable[[str], None]) -> Iterator[Refusal]:
    """Each artifact that a change makes break the policy, whether it was planned or comes from a plan file.

    What was broken before is one notice for each rule. Where labels are only read it refuses the plan, once for each
    rule: such a run is an audit.
    """
    collected = _CollectedBreaches(plan.breaches)
    for task in plan.tasks:
        task.policy = policy
        if task.before is None and policy.needs_reading:
            what = "the registry does not show the current labels, and the policy protects or requires some"
            cure = "A docker image needs a tag to be listed; a policy of values and patterns alone needs no current labels."
            yield Refusal(Unreadable(f"{task.subject}: {what}", cure), task)
            continue
        created = policy.new_breaches(task.before or (), task.target)
        collected.add(task, policy, created)
        if is_read(task.goal):
            task.end(Status.UNCHANGED, task.labels)
        elif created:
            yield Refusal(collected.error(task, created), task, is_gate=True)
    yield from map(Refusal, collected.audit_errors())
    for line in collected.notices():
        notice(line)


@dataclass(slots=True)
class _Tally:
    """How many artifacts break one rule, and how the first of them does."""

    first: str
    count: int = 0

    def line(self, rule: Rule) -> str:
        others = self.count - 1
        more = f"; {number(others, 'more artifact')} {'break' if others > 1 else 'breaks'} that rule" if others else ""
        return f"{self.first}, and {rule.place} says that {rule.says}{more}"


class _CollectedBreaches:
    """The breaches of all artifacts: each for report and summary, and one line for each rule for the log."""

    def __init__(self, breaches: Breaches) -> None:
        self._breaches = breaches
        # What was broken before, by rule and whether the labels are only read.
        self._old: dict[tuple[Rule, bool], _Tally] = {}
        self._refused = 0
        self._shared: dict[tuple[Rule, ...], HarLabelsError] = {}

    def add(self, task: Task, policy: Policy, created: Sequence[Breach]) -> None:
        """Takes in one artifact: what its change has `created`, and what was broken before and stays so."""
        before, created_by_lack = task.before or (), {breach.rule for breach in created if not breach.label}
        old = [
            breach
            for breach in policy.breaches(task.target)
            if (breach.label in before if breach.label else breach.rule not in created_by_lack)
        ]
        ref, name, kind = str(task.ref), task.name, task.artifact_type
        for breaches, is_new in ((created, True), (old, False)):
            for rule, label, _ in breaches:
                self._breaches.add(PolicyBreach(ref, name, kind, label or None, rule.place, rule.says, is_new=is_new))
        firsts: dict[Rule, Breach] = {}
        for breach in old:
            firsts.setdefault(breach.rule, breach)
        for rule, breach in firsts.items():
            how = f"has {shown(breach.label)!r}" if breach.label else breach.how
            self._old.setdefault((rule, is_read(task.goal)), _Tally(f"{task.subject} {how}")).count += 1

    def error(self, task: Task, created: Sequence[Breach]) -> HarLabelsError:
        """Why an artifact may not be written. Past the first ones, artifacts that break the same rules share one error.

        A hundred thousand errors, each with a text of its own, would take as much memory as all else.
        """
        self._refused += 1
        rules = tuple(dict.fromkeys(breach.rule for breach in created))
        if self._refused <= _MOST_IN_WORDS:
            # To give a label that is protected is a wrong input; else the change is refused.
            is_given = not isinstance(task.goal, PlanGoal) and any(breach.how == WOULD_BE_ADDED for breach in created)
            kind = InputError if is_given else PolicyBroken
            return kind(f"{task.subject}: {breaches_text(created)}", PolicyBroken.cure)
        if rules not in self._shared:
            told = "; ".join(f"{rule.place} says that {rule.says}" for rule in rules)
            self._shared[rules] = PolicyBroken(f"this change breaks the policy, too: {told}")
        return self._shared[rules]

    def audit_errors(self) -> Iterator[HarLabelsError]:
        """What was broken before where labels are only read, one for each rule."""
        return (PolicyBroken(tally.line(rule)) for (rule, is_read), tally in self._old.items() if is_read)

    def notices(self) -> Iterator[str]:
        """What was broken before and stays so in a run that writes, one line for each rule."""
        old = ((rule, tally) for (rule, is_read), tally in self._old.items() if not is_read)
        return (f"broken before this run: {tally.line(rule)}" for rule, tally in old)


# --- limits: `max-changes` (contract §2), `deadline` (contract §5 point 10) --------------------------------------


def _too_many(plan: Plan, settings: Settings) -> Iterator[Refusal]:
    """The plan, if it changes more artifacts than `max-changes` allows."""
    count, limit = len(plan.changing), settings.max_changes
    if limit is not None and count > limit:
        would_change = f"{number(count, 'artifact')} would change"
        yield Refusal(TooManyChanges(f"{would_change}, and `{named('max_changes')}` is {limit:,}"), is_gate=True)


def _too_slow(plan: Plan, settings: Settings, pace: Pace, clock: Clock) -> Iterator[Refusal]:
    """The plan, if it can't be written before the `deadline` at the pace given."""
    changing = plan.changing
    writing = pace.seconds_for(_requests_for(changing))
    watching = settings.settle if any(is_merging(task.goal) for task in changing) else 0
    if settings.is_dry_run or writing + watching <= clock.remaining():
        return
    needed = f"writing {number(len(changing), 'artifact')} takes {writing:,.0f} s at this pace"
    watched = f", watching {watching:g} s" if watching else ""
    # Where `shard` can't be given, the usual way out is not one.
    takes_no_shard = settings.mode is Mode.MOVE or settings.apply_plan or settings.undo
    cure = (
        f"Raise `{named('deadline')}`, raise `{named('requests-per-minute')}`, or lower `{named('settle')}`."
        if takes_no_shard
        else ""
    )
    left = f"{clock.remaining():,.0f} s are left of `{named('deadline')}`"
    yield Refusal(NoTime(f"{needed}{watched}, and {left}", cure))


def _requests_for(changing: Sequence[Task]) -> int:
    """How many requests writing takes at least: one PUT each, and for merged changes two looks by pages.

    A step of a plan file is read once more before its write (contract §5 point 7, §6).
    """
    exact = sum(isinstance(task.goal, PlanGoal) for task in changing)
    merging = sum(is_merging(task.goal) for task in changing)
    return len(changing) + exact + 2 * -(-merging // PAGE_SIZE)
