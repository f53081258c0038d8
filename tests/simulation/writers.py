"""Who writes: har-labels itself (its real code, in virtual time), and everybody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from har_labels.engine.planner import Planner
from har_labels.engine.verify import WritePolicy
from har_labels.engine.writer import Writer
from har_labels.errors import HarLabelsError, Stop
from har_labels.inputs.lists import Item
from har_labels.model.address import parse_registry_ref
from har_labels.model.labels import Change
from har_labels.model.outcome import Outcome, Status
from har_labels.model.shard import Shard
from har_labels.registry.client import Registry
from har_labels.registry.reader import Reader
from har_labels.registry.retry import RetryingReads
from har_labels.request.entry import Entry
from har_labels.request.label_spec import LabelSpec, TemplateContext
from simulation.network import NAME, Network, Passage, Store
from simulation.oracle import Ended
from simulation.world import Actor, VirtualClock, World

if TYPE_CHECKING:
    from har_labels.engine.task import Task

REF = parse_registry_ref("acme/ml/models/+")
_CONTEXT = TemplateContext({}, {}, datetime(2026, 1, 1, tzinfo=UTC))


def policy_with(*, settle: float = 1.0, retries: int = 4) -> WritePolicy:
    """A write policy with one worker, since in virtual time a run is one thread."""
    return WritePolicy(retries=retries, settle=settle, concurrency=1, allow_type_loss=False, stops_at_failure=False)


@dataclass(frozen=True, slots=True)
class Plain:
    """A foreign writer: reads at `start`, applies `change`, and its write arrives `gap` seconds later."""

    name: str
    change: Change
    start: float
    gap: float


@dataclass(slots=True)
class Step:
    """A har-labels run: its settings, how its requests fare, and the wait in which it is killed, if any."""

    name: str
    change: Change
    start: float
    passage: Callable[[str], Passage]
    write_policy: WritePolicy = field(default_factory=policy_with)
    dies_at: int | None = None
    lost_if_killed: bool = False
    writer: type[Writer] = Writer


class Run:
    """The result of a `Step`."""

    def __init__(self, step: Step, world: World, store: Store) -> None:
        self.step = step
        self.outcome: Outcome | None = None
        self.error: HarLabelsError | None = None
        self._over_at = 0.0
        self.actor = Actor(world, self._execute, start=step.start, dies_at=step.dies_at)
        self._network = Network(step.name, self.actor, store, step.passage, lost_if_killed=step.lost_if_killed)

    @property
    def ended(self) -> Ended:
        """The run as the oracle sees it."""
        status = self.outcome.status if self.outcome and not self.error and not self.actor.was_killed else None
        return Ended(self.step.name, self.step.change, status, self._over_at)

    @property
    def status(self) -> str:
        if self.actor.was_killed:
            return "killed"
        if self.error:
            return f"stopped: {self.error.what}"
        return str(self.outcome.status) if self.outcome else "no outcome"

    def _execute(self) -> None:
        """The order of events of `run.Run`, for one artifact."""
        clock = VirtualClock(self.actor)
        registry = Registry(self._network, wait_turn=clock.check)  # type: ignore[arg-type]
        reader = Reader(RetryingReads(registry, clock, retries=self.step.write_policy.retries), clock)
        planner = Planner(reader, clock, shard=Shard(), wait=0, needs_reading=False, notice=_drop, warning=_drop)
        plan = planner.plan([Entry(REF, (NAME,), "", _spec(self.step.change))])
        if plan.errors or plan.outcomes:
            self.error = plan.errors[0] if plan.errors else plan.outcomes[0].error
        else:
            self._write(plan.tasks[0], registry, reader, clock)
        self._over_at = clock.monotonic()
        assert self.error or self.outcome, "a run that is over has to say how"

    def _write(self, task: Task, registry: Registry, reader: Reader, clock: VirtualClock) -> None:
        if not task.is_change:
            task.end(Status.UNCHANGED, task.labels)
        try:
            self.step.writer(registry, reader, clock, self.step.write_policy, notice=_drop, warning=_drop).run([task])
        except Stop as stop:
            self.error = stop.error
        self.outcome = task.outcome


def start_plain(plain: Plain, world: World, store: Store) -> None:
    """Executes a foreign writer, which does not verify its write."""

    def execute() -> None:
        network.send("GET", "/artifacts")
        read = network.last_read
        assert read
        network.send("PUT", "/labels", body={"labels": list(plain.change.apply(read.labels))})

    def passage(method: str) -> Passage:
        return Passage(0.0, 0.0) if method == "GET" else Passage(plain.gap, 0.0)

    actor = Actor(world, execute, start=plain.start)
    network = Network(plain.name, actor, store, passage)


def _spec(change: Change) -> LabelSpec:
    items = [Item(label, at) for at, label in enumerate(change.labels, 1)]
    return LabelSpec(change.mode, items, _CONTEXT, change.owned, change.on_conflict)


def _drop(_line: str) -> None:
    """Notices are for people."""
