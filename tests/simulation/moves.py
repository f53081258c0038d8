"""Moves of one label in virtual time: two or three real runs at once, among several artifacts, over a bad network."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from har_labels.engine.moves import Mover
from har_labels.engine.planner import Planner
from har_labels.engine.verify import WritePolicy
from har_labels.engine.writer import Writer
from har_labels.errors import HarLabelsError, Stop
from har_labels.inputs.lists import Item
from har_labels.model.labels import Labels, Mode, to_labels
from har_labels.model.outcome import Status
from har_labels.model.shard import Shard
from har_labels.registry.client import Registry
from har_labels.registry.reader import Reader
from har_labels.registry.retry import RetryingReads
from har_labels.request.entry import Entry
from har_labels.request.label_spec import Among, LabelSpec
from simulation.network import Mishap, Network, Passage, Read, Store, Write, _json, _Request
from simulation.world import Actor, VirtualClock, World
from simulation.writers import _CONTEXT, REF, _drop, policy_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LABEL, NAMES = "stage=production", ("m0", "m1", "m2", "m3")
# What a bad network does to one request; all of them end before `settle` is over.
MISHAPS = (Mishap.REFUSED_BEFORE, Mishap.REFUSED_AFTER, Mishap.CUT_BEFORE, Mishap.CUT_AFTER, Mishap.TOO_MANY)


class Shelf(Store):
    """Several artifacts. In its history `labels` are the names of the holders, after each write and at each read."""

    def __init__(self, lists: dict[str, Labels]) -> None:
        super().__init__(())
        self.lists = lists

    @property
    def holders(self) -> Labels:
        return tuple(name for name, labels in sorted(self.lists.items()) if LABEL in labels)


class _Way(Network):
    """One run's way to the shelf."""

    def __init__(self, who: str, actor: Actor, shelf: Shelf, passage: Callable[[str], Passage]) -> None:
        super().__init__(who, actor, shelf, passage)
        self._shelf = shelf

    def _answer(self, request: _Request) -> tuple[Any, Read | None]:
        shelf, now, mishap = self._shelf, self._actor.world.now, request.mishap
        name = unquote(request.path.split("/artifact/")[-1].split("/")[0])
        if request.method == "PUT" and mishap.lets_through:
            before = shelf.holders
            shelf.lists[name] = to_labels(request.body["labels"])
            shelf.writes.append(Write(self._who, before, shelf.holders, now, request.sent, request.basis))
        match mishap:
            case Mishap.CUT_BEFORE | Mishap.CUT_AFTER:
                return None, None
            case Mishap.TOO_MANY:
                return _json(429, {"code": "429", "message": "slow down"}), None
            case Mishap.REFUSED_BEFORE | Mishap.REFUSED_AFTER:
                return _json(500, {"code": "500", "message": "oops"}), None
        rows = [
            {"name": one, "imageName": one, "packageType": "GENERIC", "labels": list(labels) or None}
            for one, labels in sorted(shelf.lists.items())
        ]
        if request.method == "PUT":
            row = next(row for row in rows if row["name"] == name)
            return _json(200, {"data": row, "status": "SUCCESS"}), None
        page = {"artifacts": rows, "itemCount": len(rows), "pageCount": 1, "pageIndex": 0, "pageSize": 100}
        return _json(200, {"data": page, "status": "SUCCESS"}), Read(self._who, shelf.holders, now, now)


class MoveRun:
    """One run that moves the label to `name`. `code`: the exit code of its step."""

    def __init__(
        self, who: str, name: str, world: World, shelf: Shelf, start: float, passage: Any, write_policy: WritePolicy
    ) -> None:
        self.who, self.name, self.write_policy = who, name, write_policy
        self.error: HarLabelsError | None = None
        self.actor = Actor(world, self._execute, start=start)
        self._way = _Way(who, self.actor, shelf, passage)

    @property
    def code(self) -> int:
        return self.error.exit_code if self.error else 0

    def _execute(self) -> None:
        """The order of events of `run.Run`, for a move."""
        clock = VirtualClock(self.actor)
        registry = Registry(self._way, wait_turn=clock.check)  # type: ignore[arg-type]
        reader = Reader(RetryingReads(registry, clock, retries=self.write_policy.retries), clock)
        planner = Planner(reader, clock, shard=Shard(), wait=0, needs_reading=False, notice=_drop, warning=_drop)
        spec = LabelSpec(Mode.MOVE, [Item(LABEL, 1)], _CONTEXT, among=Among(("m*",)))
        plan = planner.plan([Entry(REF, (self.name,), "", spec)])
        if plan.errors or plan.outcomes:
            self.error = plan.errors[0] if plan.errors else plan.outcomes[0].error
            return
        assert plan.move
        if not plan.changing:
            return
        writer = Writer(
            registry,
            reader,
            clock,
            replace(self.write_policy, settle=0),
            notice=_drop,
            warning=_drop,
        )
        mover = Mover(
            plan.move, writer, reader, clock,
            settle=self.write_policy.settle, retries=self.write_policy.retries, harms=lambda _task: False,
        )  # fmt: skip
        try:
            mover.run()
        except Stop as stop:
            self.error = stop.error
            return
        assert all(task.outcome for task in plan.tasks), "a run that is over has to say how"
        outcomes = [task.outcome for task in plan.tasks if task.outcome]
        self.error = next((one.error for one in outcomes if one.error and one.status is Status.FAILED), None)


@dataclass(slots=True)
class Moves:
    """The results of many scenarios. `broken`: the lines of those that broke a promise, by seed."""

    played: int = 0
    holders: Counter[int] = field(default_factory=Counter)
    codes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    broken: dict[int, list[str]] = field(default_factory=dict)


def explore(seeds: Iterable[int], *, rate: float = 0.0, slow: float = 0.0, runs: int = 2) -> Moves:
    """Plays a scenario for every seed: `rate` of the requests meet a mishap, `slow` of them take longer than `settle`."""
    moves = Moves()
    for seed in seeds:
        random.seed(seed)  # the waits of the code under test
        dice = random.Random(seed)
        shelf = Shelf(dict.fromkeys(NAMES, ("stage=old",)))
        for name in NAMES[: dice.choice([0, 1, 1, 1, 2])]:
            shelf.lists[name] = (LABEL,)
        world = World(dice)
        settle = dice.choice([0.5, 1.0, 2.0])
        span = settle * dice.choice([0.0, 0.05, 0.3, 2.0])
        winners = dice.sample(NAMES, runs)
        made = [
            MoveRun(
                f"w{at}",
                name,
                world,
                shelf,
                dice.uniform(0, span),
                _passages(dice, settle, rate, slow),
                policy_with(settle=settle),
            )
            for at, name in enumerate(winners)
        ]
        world.run()
        moves.played += 1
        moves.holders[len(shelf.holders)] += 1
        moves.codes[tuple(sorted(run.code for run in made))] += 1
        if told := list(_broken(made, shelf)):
            moves.broken[seed] = told
    return moves


def _broken(runs: list[MoveRun], shelf: Shelf) -> Iterable[str]:
    """The contradictions to the promise: in the last listing of each successful run, and in the final holders."""
    for run in runs:
        last = next(read for read in reversed(shelf.reads) if read.who == run.who)
        wrote = [write.at for write in shelf.writes if write.who == run.who]
        if not run.code and last.labels != (run.name,):
            yield f"{run.who} is green, and its last listing shows {last.labels}"
        if not run.code and wrote and last.at - max(wrote) < run.write_policy.settle:
            yield f"{run.who} is green {last.at - max(wrote):.3f} s after its last write"
        if run.code == 5 and last.labels == (run.name,):
            yield f"{run.who} is red, and its last listing shows it alone"
    if not any(run.code for run in runs) and len(shelf.holders) != 1:
        yield f"all are green, and {shelf.holders} hold it"


def _passages(dice: random.Random, settle: float, rate: float, slow: float) -> Callable[[str], Passage]:
    quick = settle * dice.choice([0.005, 0.05, 0.1])

    def passage(_method: str) -> Passage:
        mishap = dice.choice(MISHAPS) if dice.random() < rate else Mishap.NONE
        there, back = dice.uniform(0, quick), dice.uniform(0, quick)
        if dice.random() < slow:
            there += settle * dice.uniform(0.2, 6)
        return Passage(there, back, mishap)

    return passage
