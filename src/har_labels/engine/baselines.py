"""The artifacts that `require` compares with, as they were read (contract §3 `baseline`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from har_labels.errors import ArtifactNotFound
from har_labels.model.address import RegistryRef, plain_name
from har_labels.registry.reader import Rows, choose
from har_labels.request.entry import Entry
from har_labels.request.label_spec import Baseline


def names_to_read(baselines: Iterable[Baseline], ref: RegistryRef) -> set[str]:
    """The names to ask the registry for: of `champion:1.0` also the artifact that it seems to be a version of."""
    return {name for baseline in baselines for name in (baseline.name, plain_name(baseline.name, ref)) if name}


def take(baseline: Baseline, ref: RegistryRef, rows: Rows, *, warning: Callable[[str], None]) -> None:
    """Keeps the labels that were read of it. Raises AmbiguousArtifact, ArtifactNotFound for a version of one that is there.

    One that is not there has none: so begins a first run. A typo looks the same, hence the warning.
    """
    try:
        row = choose(rows.get(baseline.name, []), ref, baseline.name, baseline.artifact_type)
    except ArtifactNotFound as error:
        if baseline.name not in rows and rows.get(plain_name(baseline.name, ref)):
            raise error.reworded(f"`baseline`: {error.what}") from None
        warning(
            f"the baseline is not there ({error.what}), so `baseline` is empty and any `default` in `require` counts: "
            "right for a first run, else check its name"
        )
        baseline.labels = ()
    else:
        baseline.labels = row.labels


def baselines_of(entries: Sequence[Entry]) -> list[Baseline]:
    return [entry.spec.baseline for entry in entries if entry.spec.baseline]
