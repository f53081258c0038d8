"""A soak test: real runs in all modes, with faults and other writers, checked by an oracle that knows every required label.

A lane is one artifact. In each trial one run of ours changes it while another client, which verifies as we do, adds a label.
No earlier label may be lost, a successful run must have made its change, and the other client's label must not be lost.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from har_sandbox import Fault, Latency, Sandbox

ROOT = Path(__file__).resolve().parent.parent
KEY, REGISTRY, SETTLE = "soak-key-0123456789", "acme/ml/models", 0.6
FAULTS = (
    "429", "500", "503", "500-after", "503-after", "cut", "cut-after", "html", "html-after", "failure", "failure-after",
    "reset", "truncated", "wrong-types", "wrong-length",
)  # fmt: skip
MODES = ("add", "remove", "upsert", "replace-owned")


@dataclass
class Tally:
    """The results of the soak test."""

    runs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    false_greens: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """One change of ours, by its inputs; `is_done`: whether the labels show that it was made."""

    mode: str
    number: int

    @property
    def inputs(self) -> dict[str, str]:
        return {
            "add": {"mode": "add", "labels": f"ours-{self.number}"},
            "remove": {"mode": "remove", "labels": "tmp-*"},
            "upsert": {"mode": "upsert", "labels": f"stage=v{self.number}"},
            "replace-owned": {"mode": "replace", "owned": "ci:*", "labels": f"ci:run={self.number}"},
        }[self.mode]

    def is_done(self, labels: set[str]) -> bool:
        return {
            "add": f"ours-{self.number}" in labels,
            "remove": not any(label.startswith("tmp-") for label in labels),
            "upsert": {label for label in labels if label.startswith("stage=")} == {f"stage=v{self.number}"},
            "replace-owned": {label for label in labels if label.startswith("ci:")} == {f"ci:run={self.number}"},
        }[self.mode]

    def may_take(self, label: str) -> bool:
        prefix = {"add": "\0", "remove": "tmp-", "upsert": "stage=", "replace-owned": "ci:"}[self.mode]
        return label.startswith(prefix)


class Lane:
    """One artifact, and its trials one after another."""

    def __init__(self, box: Sandbox, name: str, tally: Tally, seed: int) -> None:
        self._box, self._name, self._tally, self._dice = box, name, tally, random.Random(seed)
        box.add_artifact(REGISTRY, name, package_type="DOCKER", labels=["base", "tmp-0", "stage=v0", "ci:old=1"])

    def soak(self, until: float) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            self._try(Trial(self._dice.choice(MODES), number))

    def _try(self, trial: Trial) -> None:
        box, before = self._box, self._labels()
        theirs = f"theirs-{trial.number}"
        stranger = threading.Thread(target=self._add_carefully, args=(theirs,))
        stranger.start()
        code = self._run(trial)
        stranger.join()
        labels = self._labels()
        where = f"{self._name} trial {trial.number} ({trial.mode}, exit {code})"
        gone = {label for label in before if not trial.may_take(label)} | {theirs}
        self._tally.lost += [f"{where}: {label}" for label in sorted(gone - labels)]
        if code == 0 and not trial.is_done(labels):
            self._tally.false_greens.append(where)
        self._tally.runs["green" if code == 0 else f"exit {code}"] += 1
        # Otherwise lists would grow without limit; the trial's own labels have been checked.
        box.put_labels(
            REGISTRY,
            self._name,
            ["base", f"tmp-{trial.number}", *sorted(label for label in labels if label[:3] in {"sta", "ci:"})],
        )

    def _run(self, trial: Trial) -> int:
        inputs = {
            "api_url": self._box.url,
            "api_key": KEY,
            "registry_ref": REGISTRY,
            "artifact": self._name,
            "settle": str(SETTLE),
            "timeout": "3",
        }
        environment = {f"HAR_LABELS_{name.upper()}": text for name, text in (inputs | trial.inputs).items()}
        command = [sys.executable, "-IBXutf8", str(ROOT / "entrypoint")]
        return subprocess.run(
            command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, timeout=120, check=False
        ).returncode

    def _add_carefully(self, label: str) -> None:
        """Another writer that verifies: read, write at once, then watch as long as a late writer may write."""
        quiet_since = None
        while quiet_since is None or time.monotonic() - quiet_since < 4 * SETTLE:
            labels = self._labels()
            if label not in labels:
                self._box.put_labels(REGISTRY, self._name, sorted(labels | {label}))
                quiet_since = time.monotonic()
            time.sleep(0.05 + self._dice.random() * 0.1)

    def _labels(self) -> set[str]:
        return set(self._box.labels(REGISTRY, self._name) or [])


def soak(*, minutes: float, lanes: int, seed: int) -> Tally:
    """Runs the lanes in parallel for these minutes. Every request gets a fault with a probability of one in eight."""
    tally = Tally()
    faults = [Fault(kind, rate=0.12 / len(FAULTS)) for kind in FAULTS]
    with Sandbox(
        profile="saas", api_key=KEY, faults=faults, latency=Latency(base=0.01, tail_rate=0.02, tail=0.05), seed=seed
    ) as box:
        until = time.monotonic() + 60 * minutes
        rows = [Lane(box, f"model-{number}", tally, seed + number) for number in range(lanes)]
        with ThreadPoolExecutor(lanes) as pool:
            for done in [pool.submit(row.soak, until) for row in rows]:
                done.result()
        tally.faults = Counter(request.fault for request in box.requests if request.fault)
    return tally


def report(tally: Tally, *, minutes: float) -> int:
    """Prints the figures. Returns 1 if a label was lost or a run succeeded without its change."""
    print(
        f"\n{sum(tally.runs.values()):,} runs in {minutes:g} minutes: "
        + ", ".join(f"{count} {what}" for what, count in tally.runs.most_common())
    )
    print(
        f"{sum(tally.faults.values()):,} faults: "
        + ", ".join(f"{count} {kind}" for kind, count in sorted(tally.faults.items()))
    )
    print(f"labels lost: {len(tally.lost)}\nfalse greens: {len(tally.false_greens)}")
    for line in [*tally.lost[:20], *tally.false_greens[:20]]:
        print(f"  {line}")
    return 1 if tally.lost or tally.false_greens else 0
