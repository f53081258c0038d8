"""What the inputs ask for, as entries to plan.

Hides where items come from: inputs, list files, metrics files. Everything wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

from har_labels.address import AddressError, parse_artifact_name
from har_labels.checks import OnMissingName
from har_labels.configuration import Configuration
from har_labels.entries import Entry
from har_labels.errors import Failures, HarLabelsError, InputError
from har_labels.files import read_text
from har_labels.lists import Item, ListError, parse_list
from har_labels.recipe import Recipe, Surroundings, requirements_of
from har_labels.settings import quoted

if TYPE_CHECKING:
    from har_labels.rules import Requirement


class _Problems:
    """Gathers the failures of several `with` blocks, so that one doesn't hide the others."""

    def __init__(self) -> None:
        self._errors: list[HarLabelsError] = []

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Failures):
            self._errors += error.errors
        elif isinstance(error, HarLabelsError):
            self._errors.append(error)
        else:
            return False
        return True

    def raise_all(self) -> None:
        if self._errors:
            raise Failures(self._errors)


def entries_of(
    configuration: Configuration, *, ci: Mapping[str, str], now: datetime, notice: Callable[[str], None],
) -> Sequence[Entry]:  # fmt: skip
    """The entries that the inputs ask for. Raises Failures with every input that can't be used."""
    settings, spell = configuration.settings, configuration.spell
    if settings.manifest:
        return _entries_of_manifest(settings.manifest, configuration, ci=ci, now=now, notice=notice)
    problems = _Problems()
    metrics: Mapping[str, object] = {}
    patterns: tuple[str, ...] = ()
    items: tuple[Item, ...] = settings.labels
    requirements: Sequence[Requirement] = ()
    with problems:
        patterns = _patterns(settings.artifact, spell("artifact"))
    with problems:
        metrics = _metrics(settings.metrics_file)
    with problems:
        items += _items_in(settings.labels_file, spell("labels_file"))
    with problems:
        requirements = requirements_of(settings.require, place=f"`{spell('require')}` line")
    recipe = Recipe(
        mode=settings.mode,
        items=items,
        surroundings=Surroundings(metrics, ci, now),
        owned=tuple(item.text for item in settings.owned),
        on_conflict=settings.on_conflict,
        requirements=requirements,
        renders=settings.templates,
        notice=notice,
    )
    problems.raise_all()
    assert settings.registry_ref  # without it `contradictions` has spoken already
    return [
        Entry(
            ref=settings.registry_ref,
            patterns=patterns,
            artifact_type=settings.artifact_type or "",
            recipe=recipe,
            skips_missing=settings.on_missing is OnMissingName.SKIP,
        ),
    ]


def _entries_of_manifest(
    path: str, configuration: Configuration, *, ci: Mapping[str, str], now: datetime, notice: Callable[[str], None],
) -> Sequence[Entry]:  # fmt: skip
    """The manifest's entries; the inputs beside it are its defaults, and are wrong at the same time as it is."""
    from har_labels.manifest import check_labels, entries_in

    settings, spell = configuration.settings, configuration.spell
    problems = _Problems()
    metrics: Mapping[str, object] = {}
    requirements: Sequence[Requirement] = ()
    entries: Sequence[Entry] = ()
    with problems:
        metrics = _metrics(settings.metrics_file)
    with problems:
        requirements = requirements_of(settings.require, place=f"`{spell('require')}` line")
    with problems:
        entries = entries_in(
            path,
            spelling=spell("manifest"),
            defaults=settings,
            surroundings=Surroundings(metrics, ci, now),
            requirements=requirements,
            notice=notice,
            workspace=configuration.workspace,
        )
    problems.raise_all()
    check_labels(entries)
    return entries


def _patterns(items: Sequence[Item], spelling: str) -> tuple[str, ...]:
    """Artifact names and globs. Raises Failures with one InputError for each that can't be sent safely."""
    found, problems = [], []
    for item in items:
        try:
            found.append(parse_artifact_name(item.text))
        except AddressError as error:
            what = f"`{spelling}` item {item.position} is {quoted(item.text)}: {error}"
            problems.append(InputError(what, "Write the artifact's plain name, such as resnet50 or team/model."))
    if problems:
        raise Failures(problems)
    return tuple(dict.fromkeys(found))


def _metrics(paths: Sequence[Item]) -> Mapping[str, object]:
    if not paths:
        return {}
    from har_labels.metrics import load_metrics

    return load_metrics([path.text for path in paths])


def _items_in(path: str | None, spelling: str) -> tuple[Item, ...]:
    if not path:
        return ()
    try:
        return parse_list(read_text(path, spelling=spelling))
    except ListError as error:
        raise InputError(f"`{spelling}` names {path!r}: {error.why}", error.cure) from None
