"""Checks of a whole plan before its first write.

Each check yields a `Refusal` for a task or plan that may not be written; `Plan.refuse` fails the task, or adds the error to
the plan. `require` is checked during planning, for each artifact: see `LabelSpec.gate_for`.
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

# The number of errors with a text of their own; the report lists further breaches as rows.
_MOST_IN_WORDS = 1_000


def preflight(  # noqa: PLR0913 - the plan, and everything that it is checked against
    plan: Plan,
    *,
    settings: Settings,
    policy: Policy | None,
    pace: Pace,
    clock: Clock,
    notice: Callable[[str], None],
) -> None:
    """Runs all checks. A task that one check has failed is not part of the next."""
    dry_run = settings.is_dry_run
    plan.refuse(_type_losses(plan, settings), dry_run=dry_run)
    plan.refuse(_unasked_removals(plan), dry_run=dry_run)
    if policy:
        plan.refuse(_policy_breaches(plan, policy, notice=notice), dry_run=dry_run)
    plan.refuse(_too_many(plan, settings), dry_run=dry_run)
    plan.refuse(_too_slow(plan, settings, pace, clock), dry_run=dry_run)


# --- artifacts that lose their type (contract §5 point 9) -------------------------------------------------------


def _type_losses(plan: Plan, settings: Settings) -> Iterator[Refusal]:
    """A refusal for each artifact whose type a write would clear, or may clear unnoticed."""
    return (Refusal(error, task) for task in plan.changing if (error := type_loss_of(task, settings)))


def type_loss_of(task: Task, settings: Settings) -> TypeLoss | None:
    """The error if a write would, or may, clear the type of this artifact; None if it can't."""
    is_at_risk = task.is_typed_hugging_face or task.has_unseen_type
    if settings.api_url.keeps_types or settings.allow_type_loss or not is_at_risk:
        return None
    clears = "a server without /har/ in its API base clears that on a write; nothing was written"
    if task.has_unseen_type:
        unseen = "can't be read" if task.unread else "is not in any list"
        why = f" ({task.unread.error.what})" if task.unread else ""
        return TypeLoss(
            f"{task.subject} {unseen}, so it may be a model or a dataset, and {clears}{why}",
            f"Let the key read the registry; `{named('allow-type-loss', 'true')}` writes all the same.",
        )
    return TypeLoss(
        f"{task.subject} is a {task.reading.row.artifact_type}, and {clears}",
        f"Label it on another server; `{named('allow-type-loss', 'true')}` writes it anyway, and then it can't be downloaded.",
    )


# --- removals without a `mode` (contract §3) --------------------------------------------------------------------


def _unasked_removals(plan: Plan) -> Iterator[Refusal]:
    """A refusal for each artifact that would lose a label although no `mode` allows that."""
    for task in plan.changing:
        try:
            task.check_removals()
        except WouldRemove as error:
            yield Refusal(error, task, is_gate=True)


# --- policy (contract §6 "Policy") ------------------------------------------------------------------------------


def _policy_breaches(plan: Plan, policy: Policy, *, notice: Callable[[str], None]) -> Iterator[Refusal]:
    """A refusal for each artifact whose change breaks the policy.

    Breaches from before the run give one notice per rule. A run that only reads is an audit: there they refuse the plan,
    one error per rule.
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
    """The number of artifacts that break one rule, and a text for the first of them."""

    first: str
    count: int = 0

    def line(self, rule: Rule) -> str:
        others = self.count - 1
        more = f"; {number(others, 'more artifact')} {'break' if others > 1 else 'breaks'} that rule" if others else ""
        return f"{self.first}, and {rule.place} says that {rule.says}{more}"


class _CollectedBreaches:
    """Collects the breaches of all artifacts: every one for report and summary, one line per rule for the log."""

    def __init__(self, breaches: Breaches) -> None:
        self._breaches = breaches
        # Breaches from before the run; the key is the rule, and whether the labels are only read.
        self._old: dict[tuple[Rule, bool], _Tally] = {}
        self._refused = 0
        self._shared: dict[tuple[Rule, ...], HarLabelsError] = {}

    def add(self, task: Task, policy: Policy, created: Sequence[Breach]) -> None:
        """Adds the breaches of one artifact: those that its change has `created`, and older ones that remain."""
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
        """The error of an artifact that may not be written. After the first ones, equal breaches share one error.

        A hundred thousand errors, each with its own text, would take as much memory as all other data.
        """
        self._refused += 1
        rules = tuple(dict.fromkeys(breach.rule for breach in created))
        if self._refused <= _MOST_IN_WORDS:
            # A protected label in the inputs is an invalid input; any other breach is a refused change.
            is_input = not isinstance(task.goal, PlanGoal) and any(breach.how == WOULD_BE_ADDED for breach in created)
            kind = InputError if is_input else PolicyBroken
            return kind(f"{task.subject}: {breaches_text(created)}", PolicyBroken.cure)
        if rules not in self._shared:
            broken = "; ".join(f"{rule.place} says that {rule.says}" for rule in rules)
            self._shared[rules] = PolicyBroken(f"this change breaks the policy, too: {broken}")
        return self._shared[rules]

    def audit_errors(self) -> Iterator[HarLabelsError]:
        """The breaches from before in a run that only reads, one error per rule."""
        return (PolicyBroken(tally.line(rule)) for (rule, is_read), tally in self._old.items() if is_read)

    def notices(self) -> Iterator[str]:
        """The remaining breaches from before in a run that writes, one line per rule."""
        old = ((rule, tally) for (rule, is_read), tally in self._old.items() if not is_read)
        return (f"broken before this run: {tally.line(rule)}" for rule, tally in old)


# --- limits: `max-changes` (contract §2), `deadline` (contract §5 point 10) --------------------------------------


def _too_many(plan: Plan, settings: Settings) -> Iterator[Refusal]:
    """Refuses a plan that changes more artifacts than `max-changes` allows."""
    count, limit = len(plan.changing), settings.max_changes
    if limit is not None and count > limit:
        would_change = f"{number(count, 'artifact')} would change"
        yield Refusal(TooManyChanges(f"{would_change}, and `{named('max_changes')}` is {limit:,}"), is_gate=True)


def _too_slow(plan: Plan, settings: Settings, pace: Pace, clock: Clock) -> Iterator[Refusal]:
    """Refuses a plan that can't be written before the `deadline` at the configured request rate."""
    changing = plan.changing
    writing = pace.seconds_for(_requests_for(changing))
    watching = settings.settle if any(is_merging(task.goal) for task in changing) else 0
    if settings.is_dry_run or writing + watching <= clock.remaining():
        return
    needed = f"writing {number(len(changing), 'artifact')} takes {writing:,.0f} s at this pace"
    watched = f", watching {watching:g} s" if watching else ""
    # The usual cure is `shard`, which these runs do not accept.
    takes_no_shard = settings.mode is Mode.MOVE or settings.apply_plan or settings.undo
    cure = (
        f"Raise `{named('deadline')}`, raise `{named('requests-per-minute')}`, or lower `{named('settle')}`."
        if takes_no_shard
        else ""
    )
    left = f"{clock.remaining():,.0f} s are left of `{named('deadline')}`"
    yield Refusal(NoTime(f"{needed}{watched}, and {left}", cure))


def _requests_for(changing: Sequence[Task]) -> int:
    """The minimum number of requests for writing: one PUT per artifact, and for merging changes two reads of all pages.

    A step of a plan file is read again before its write (contract §5 point 7, §6).
    """
    exact = sum(isinstance(task.goal, PlanGoal) for task in changing)
    merging = sum(is_merging(task.goal) for task in changing)
    return len(changing) + exact + 2 * -(-merging // PAGE_SIZE)
