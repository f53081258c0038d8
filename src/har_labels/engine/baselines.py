"""The artifacts that `require` compares with (contract §3 `baseline`). Read with all others, and again before the first PUT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from har_labels.engine.plan import Plan, Refusal
from har_labels.errors import ArtifactNotFound, HarLabelsError
from har_labels.model.address import RegistryRef, plain_name
from har_labels.registry.reader import Reader, Rows, choose
from har_labels.request.entry import Entry
from har_labels.request.label_spec import Baseline
from har_labels.text import named


def baselines_of(entries: Sequence[Entry]) -> list[Baseline]:
    return [entry.spec.baseline for entry in entries if entry.spec.baseline]


def names_to_read(baselines: Iterable[Baseline], ref: RegistryRef) -> set[str]:
    """The names to request: for `champion:1.0` also `champion`, of which it may be a version."""
    return {name for baseline in baselines for name in (baseline.name, plain_name(baseline.name, ref)) if name}


def update_baseline(baseline: Baseline, ref: RegistryRef, rows: Rows, *, warning: Callable[[str], None]) -> None:
    """Records the labels of the baseline. If it does not exist: no labels, with a warning.

    On a first run it does not exist yet, and a typo looks the same. Raises AmbiguousArtifact, and ArtifactNotFound if the
    name is a version of an artifact that exists.
    """
    try:
        row = choose(rows.get(baseline.name, []), ref, baseline.name, baseline.artifact_type)
    except ArtifactNotFound as error:
        if baseline.name not in rows and rows.get(plain_name(baseline.name, ref)):
            raise error.reworded(f"`{named('baseline')}`: {error.what}") from None
        warning(
            f"the baseline does not exist ({error.what}), so `baseline` is empty and any `default` in "
            f"`{named('require')}` applies: expected on a first run, otherwise check its name"
        )
        baseline.labels = ()
    else:
        baseline.labels = row.labels


def renew_baselines(plan: Plan, reader: Reader, *, warning: Callable[[str], None]) -> Iterator[Refusal]:
    """Reads every baseline of the plan again, and checks `require` again if one has changed.

    Refuses tasks whose `require` no longer holds, and the whole plan if a baseline can't be read. Reads nothing if the plan
    changes nothing.
    """
    if not plan.changing:
        return
    has_changed = False
    for ref in dict.fromkeys(ref for ref, _ in plan.baselines):
        of_ref = [baseline for at, baseline in plan.baselines if at == ref]
        before = [baseline.labels for baseline in of_ref]
        try:
            rows = reader.rows(ref, names=names_to_read(of_ref, ref))
            for baseline in of_ref:
                update_baseline(baseline, ref, rows, warning=warning)
        except HarLabelsError as error:
            yield Refusal(error)
        has_changed |= [baseline.labels for baseline in of_ref] != before
    for task in plan.changing if has_changed else ():
        try:
            task.compute_target()
        except HarLabelsError as error:
            yield Refusal(error, task)
