"""Scenarios from seeds: writers, changes, times, network and faults."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from har_labels.engine.writer import Writer
from har_labels.model.labels import Change, Labels, Mode, OnConflict, to_labels
from simulation.network import Mishap, Passage, Store
from simulation.oracle import Oracle, Verdict
from simulation.world import World
from simulation.writers import Plain, Run, Step, policy_with, start_plain

BEFORE = ("build-1", "k1=a", "k2=a", "tmp-1", "zzz")


@dataclass(frozen=True, slots=True)
class Climate:
    """The parameters of scenarios. Probabilities are per request, run or writer."""

    modes: tuple[str, ...]
    mishaps: tuple[Mishap, ...] = ()
    kills: float = 0.0
    slow: float = 0.0
    stale: float = 0.0


CLIMATES = {
    "calm": Climate(("add",)),
    "mixed": Climate(("add", "remove", "upsert", "owned", "keep")),
    "faults": Climate(("add", "remove", "upsert", "owned"), tuple(Mishap)[1:]),
    "kills": Climate(("add", "upsert", "owned"), tuple(Mishap)[1:], kills=0.3),
    "slow": Climate(("add", "remove", "upsert", "owned"), tuple(Mishap)[1:], kills=0.1, slow=0.08, stale=0.4),
}


@dataclass(slots=True)
class Scenario:
    """One simulation, before it runs. `named`: the change of each writer, by name."""

    labels: Labels
    settle: float
    steps: list[Step]
    plains: list[Plain]
    named: dict[str, Change] = field(init=False)

    def __post_init__(self) -> None:
        self.named = {writer.name: writer.change for writer in (*self.steps, *self.plains)}


@dataclass(frozen=True, slots=True)
class Played:
    """One simulation, after it ran."""

    store: Store
    runs: tuple[Run, ...]
    verdict: Verdict
    seconds: float


def play(scenario: Scenario, seed: int) -> Played:
    """Runs a scenario to its end and judges it; then reruns the failed runs without disturbance."""
    random.seed(seed)  # the back-off of the code under test
    world, store = World(random.Random(seed)), Store(scenario.labels)
    runs = tuple(Run(step, world, store) for step in scenario.steps)
    for plain in scenario.plains:
        start_plain(plain, world, store)
    world.run()
    verdict = Oracle(store, [run.ended for run in runs], scenario.named, scenario.settle).judge()
    played = Played(store, runs, verdict, world.now)
    for run in runs:
        if not run.ended.is_green:
            _run_again(run, world, Store(store.labels), verdict)
    return played


def _run_again(run: Run, world: World, store: Store, verdict: Verdict) -> None:
    """After a kill at any point, or a failure, a rerun finishes the job (contract §5 point 8)."""
    again = Run(Step(f"{run.step.name} again", run.step.change, world.now, lambda _: Passage(0.01, 0.01)), world, store)
    world.run()
    if not again.ended.is_green or run.step.change.apply(store.labels) != store.labels:
        verdict.broken.append(f"{run.step.name}: its rerun ended {again.status}")


def scenario_of(seed: int, climate: Climate, *, writer: type[Writer] = Writer) -> Scenario:
    """The scenario of a seed: the same for ever."""
    dice = random.Random(f"{seed}")
    settle = dice.choice([0.5, 1.0, 1.0, 2.0])
    labels = to_labels(label for label in BEFORE if dice.random() < 0.7)
    span = dice.choice([0.0, 0.3, 2.0]) * settle
    rate = dice.choice([0.05, 0.2, 0.5]) if climate.mishaps else 0.0
    steps = [
        Step(
            name=f"w{number}",
            change=_change(dice, climate, f"w{number}"),
            start=dice.uniform(0, span),
            passage=_passages(random.Random(dice.random()), climate, settle, rate),
            write_policy=policy_with(settle=settle, retries=dice.choice([2, 4, 6])),
            dies_at=dice.randrange(14) if dice.random() < climate.kills else None,
            lost_if_killed=dice.random() < 0.5,
            writer=writer,
        )
        for number in range(1, dice.choice([2, 3, 3, 4, 6]))
    ]
    plains = [
        Plain(
            name=f"f{number}",
            change=_change(dice, climate, f"f{number}"),
            start=dice.uniform(0, 3 * settle + span),
            gap=_gap(dice, climate, settle),
        )
        for number in range(1, dice.choice([1, 2, 3, 5, 8]))
    ]
    return Scenario(labels, settle, steps, plains)


def _change(dice: random.Random, climate: Climate, who: str) -> Change:
    match dice.choice(climate.modes):
        case "remove":
            return Change(Mode.REMOVE, (dice.choice(["tmp-*", "k1=*", "zzz"]),))
        case "upsert":
            keys = dice.choice([("k1",), ("k1",), ("k1", "k2")])
            return Change(Mode.UPSERT, tuple(f"{key}={who}" for key in keys))
        case "keep":
            return Change(Mode.UPSERT, (f"k3={who}",), on_conflict=OnConflict.KEEP)
        case "owned":
            return Change(Mode.REPLACE, (f"build-{who}",), owned=("build-*",))
        case _:
            label = dice.choice([who, who, who, "common", f"tmp-{who}", f"build-{who}"])
            return Change(Mode.ADD, (label,))


def _gap(dice: random.Random, climate: Climate, settle: float) -> float:
    if dice.random() < climate.stale:
        return settle * dice.uniform(1.05, 4)
    return settle * dice.choice([dice.uniform(0, 0.3), dice.uniform(0.3, 0.99), 0.99])


def _passages(dice: random.Random, climate: Climate, settle: float, rate: float):
    quick = settle * dice.choice([0.005, 0.05, 0.1])

    def passage(_method: str) -> Passage:
        mishap = dice.choice(climate.mishaps) if dice.random() < rate else Mishap.NONE
        there, back = dice.uniform(0, quick), dice.uniform(0, quick)
        if mishap is Mishap.LATE:
            there = back + settle * dice.choice([0.1, 0.5, 0.9] if not climate.slow else [0.5, 2, 5])
        if dice.random() < climate.slow:
            there += settle * dice.uniform(0.2, 6)
        return Passage(there, back, mishap)

    return passage
