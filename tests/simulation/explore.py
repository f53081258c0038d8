"""Plays many scenarios: `python -m simulation.explore [--seeds FROM:TO] [--climate NAME] [--show SEED]`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from har_labels.engine.writer import Writer
from simulation.scenario import CLIMATES, Played, play, scenario_of

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Tally:
    """The results of many scenarios. `broken` holds the lines of those that broke a promise, by seed."""

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

    def __str__(self) -> str:
        counts = [f"{count} {what}" for what, count in (*self.ends.most_common(), *self.explained.most_common())]
        lines = [f"{self.played} played; {', '.join(counts)}; {len(self.broken)} broken"]
        lines += [f"seed {seed}: {'; '.join(told)}" for seed, told in sorted(self.broken.items(), key=_length)[:10]]
        return "\n  ".join(lines)


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
    events += [(run.ended.at, f"{run.step.name:>4} ends   {run.status}") for run in played.runs]
    lines = [f"{at:8.3f} {what}" for at, what in sorted(events)]
    wants = [f"{run.step.name}: {run.step.change}" for run in played.runs]
    return "\n".join([*wants, *lines, *played.verdict.broken])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:1000", help="FROM:TO (default 0:1000)")
    parser.add_argument("--climate", choices=CLIMATES, help="one kind of scenario instead of all")
    parser.add_argument("--show", type=int, help="tell one scenario event by event; needs --climate")
    wanted = parser.parse_args()
    if wanted.show is not None:
        sys.stdout.write(shown(play(scenario_of(wanted.show, CLIMATES[wanted.climate]), wanted.show)) + "\n")
        return
    first, last = map(int, wanted.seeds.split(":"))
    for climate in [wanted.climate] if wanted.climate else CLIMATES:
        sys.stdout.write(f"{climate}: {explore(climate, range(first, last))}\n")


def _length(item: tuple[int, list[str]]) -> str:
    """Sorts the shortest schedules first: their lines begin with the number of writes."""
    return f"{item[1][0].partition(' ')[0]:>6}"


if __name__ == "__main__":
    main()
