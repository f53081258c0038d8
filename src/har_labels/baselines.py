"""The artifacts that `require` compares with, as they were read (contract §3 `baseline`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from har_labels.address import RegistryRef
from har_labels.entries import Entry
from har_labels.errors import ArtifactNotFound
from har_labels.reading import Rows, choose
from har_labels.recipe import Baseline


def take(baseline: Baseline, ref: RegistryRef, rows: Rows, *, warning: Callable[[str], None]) -> None:
    """Keeps the labels that were read of it. Raises AmbiguousArtifact.

    One that is not there has none: so begins a first run. A typo looks the same, hence the warning.
    """
    try:
        row = choose(rows.get(baseline.name, []), ref, baseline.name, baseline.artifact_type)
    except ArtifactNotFound:
        warning(
            f"the baseline {baseline.name!r} is not in {ref}, so `baseline` is empty and any `default` in `require` counts: "
            "right for a first run, else check its name"
        )
        baseline.labels = ()
    else:
        baseline.labels = row.labels


def baselines_of(entries: Sequence[Entry]) -> list[Baseline]:
    return [entry.recipe.baseline for entry in entries if entry.recipe.baseline]
