"""Runs many scenarios: `python -m simulation.explore [--seeds FROM:TO] [--climate NAME] [--show SEED]`."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from har_labels.apply import Writer
from simulation.scenario import CLIMATES, Played, play, scenario_of


@dataclass(slots=True)
class Tally:
    """What many scenarios came to. `broken` holds the lines of those that broke a promise, by seed."""

    played: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    broken: dict[int, list[str]] = field(default_factory=dict)

    def add(self, seed: int, played: Played) -> None:
        self.played += 1
        self.ends.update(run.status.partition(":")[0] for run in played.runs)
        self.explained.update(played.verdict.explained)
        if played.verdict.broken:
            self.broken[seed] = [f"({len(played.store.writes)} writes) {line}" for line in played.verdict.broken]


def explore(climate: str, seeds: Iterable[int], *, writer: type[Writer] = Writer) -> Tally:
    """Plays the scenario of every seed."""
    tally = Tally()
    for seed in seeds:
        tally.add(seed, play(scenario_of(seed, CLIMATES[climate], writer=writer), seed))
    return tally


def shown(played: Played) -> str:
    """A simulation as a table of what reached the server, and how each run ended."""
    events = [(read.at, f"{read.who:>4} reads  [{' '.join(read.labels)}]") for read in played.store.reads]
    events += [
        (write.at, f"{write.who:>4} writes [{' '.join(write.after)}]  sent {write.sent:.3f}, gap {write.gap:.3f}")
        for write in played.store.writes
    ]
    events += [(run.ended, f"{run.step.name:>4} ends   {run.status}") for run in played.runs]
    lines = [f"{at:8.3f} {what}" for at, what in sorted(events)]
    wants = [f"{run.step.name}: {run.step.change}" for run in played.runs]
    return "\n".join([*wants, *lines, *played.verdict.broken])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:1000")
    parser.add_argument("--climate", choices=CLIMATES, default=None)
    parser.add_argument("--show", type=int)
    wanted = parser.parse_args()
    climates = [wanted.climate] if wanted.climate else list(CLIMATES)
    if wanted.show is not None:
        print(shown(play(scenario_of(wanted.show, CLIMATES[climates[0]]), wanted.show)))
        return
    first, last = map(int, wanted.seeds.split(":"))
    for climate in climates:
        tally = explore(climate, range(first, last))
        print(f"{climate}: {tally.played} played, ends {dict(tally.ends)}, explained {dict(tally.explained)}, {len(tally.broken)} broken")
        for seed, lines in sorted(tally.broken.items(), key=lambda item: item[1][0])[:10]:
            print(f"  seed {seed}: {'; '.join(lines)}")


if __name__ == "__main__":
    main()
