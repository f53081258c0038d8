"""What the inputs ask for, as entries to plan.

Hides where items come from: inputs, list files, metrics files. Everything wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

from har_labels.address import WRITE_A_PLAIN_NAME, AddressError, parse_artifact_name
from har_labels.checks import OnMissingName, read_labels
from har_labels.configuration import Configuration
from har_labels.entries import Entry
from har_labels.errors import Failures, HarLabelsError, InputError
from har_labels.files import read_stdin, read_text
from har_labels.flaws import Flaw, flaw_in, remarks_on, unresolved
from har_labels.lists import Item, ListError, lines_of
from har_labels.recipe import Recipe, Surroundings, baseline_of, requirements_of
from har_labels.settings import quoted

if TYPE_CHECKING:
    from har_labels.rules import Requirement


# Where one of these can't be understood, nothing can be said of the labels.
_MAKING_LABELS = ("labels", "labels_file", "mode", "owned", "on_conflict")


class _Problems:
    """Gathers the failures of several `with` blocks, so that one doesn't hide the others."""

    def __init__(self) -> None:
        self.errors: list[HarLabelsError] = []

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Failures):
            self.errors += error.errors
        elif isinstance(error, HarLabelsError):
            self.errors.append(error)
        else:
            return False
        return True

    def raise_all(self) -> None:
        if self.errors:
            raise Failures(self.errors)


def entries_of(
    configuration: Configuration, *, ci: Mapping[str, str], now: datetime, notice: Callable[[str], None],
) -> Sequence[Entry]:  # fmt: skip
    """The entries that the inputs ask for. Raises Failures with everything that is wrong with what they name.

    Labels that are the same for every artifact are rendered, so that a wrong one is told before any request.
    """
    asked = _Asked(configuration, ci, now, notice)
    entries = asked.entries()
    asked.problems.raise_all()
    return entries


def further_problems(configuration: Configuration, *, ci: Mapping[str, str], now: datetime) -> Sequence[HarLabelsError]:
    """What is wrong beside the inputs that could not be understood, so that all is told in one run (contract §2)."""
    asked = _Asked(configuration, ci, now, notice=lambda _line: None)
    asked.entries()
    return asked.problems.errors


class _Asked:
    """Makes entries of what could be understood; all that is wrong goes into `problems`."""

    def __init__(
        self, configuration: Configuration, ci: Mapping[str, str], now: datetime, notice: Callable[[str], None]
    ) -> None:
        self._configuration, self._settings, self._spell = configuration, configuration.settings, configuration.spell
        self._ci, self._now, self._notice = ci, now, notice
        self.problems = _Problems()

    def entries(self) -> Sequence[Entry]:
        """The entries, as far as there are some."""
        for name in ("artifact", "labels", "owned", "metrics_file"):
            self._judge(name, getattr(self._settings, name))
        if self._settings.apply_plan:
            self._check_plan(self._settings.apply_plan)
            return ()  # its file says what is asked for, see `replay`
        metrics = self._metrics()
        requirements: Sequence[Requirement] = ()
        with self.problems:
            place = f"`{self._spell('require')}` line"
            requirements = requirements_of(self._settings.require, place=place, metrics=metrics)
        surroundings = Surroundings(metrics or {}, self._ci, self._now)
        make = self._of_manifest if self._settings.manifest else self._of_inputs
        return make(surroundings, requirements, has_metrics=metrics is not None)

    def _check_plan(self, path: str) -> None:
        from har_labels.planfile import read_plan

        if not self._is_bad("apply_plan") and not self._is_bad("api_url"):
            with self.problems:
                read_plan(path, spelling=self._spell("apply_plan"), api_url=self._settings.api_url.url)

    def _metrics(self) -> Mapping[str, object] | None:
        """The metrics, or None if they can't be read."""
        if self._is_bad("metrics_file"):
            return None
        if not self._settings.metrics_file:
            return {}
        if any(map(flaw_in, self._settings.metrics_file)):
            return None
        from har_labels.metrics import load_metrics

        with self.problems:
            return load_metrics([item.text for item in self._settings.metrics_file], stdin=self._stdin())
        return None

    def _judge(self, name: str, items: Sequence[Item]) -> None:
        """Tells what is wrong with the items of a list, and what may be meant otherwise."""
        are_labels = name in {"labels", "labels_file"}
        for item in items:
            if flaw := flaw_in(item, renders=are_labels):
                what = f"`{self._spell(name)}` item {item.position} is {quoted(item.text)}: {flaw.why}"
                self.problems.errors.append(InputError(what, flaw.cure, is_spelt=True))
        for remark in remarks_on(items, are_labels=are_labels):
            self._notice(f"`{self._spell(name)}` {remark}")

    def _sound_labels(self) -> tuple[Item, ...] | None:
        """The labels of input and file without those that are refused already; None if that leaves none.

        Raises InputError for the file.
        """
        path, spelling = self._settings.labels_file, self._spell("labels_file")
        of_file = () if self._is_bad("labels_file") or not path else _items_in(path, spelling)
        self._judge("labels_file", of_file)
        given = (*self._settings.labels, *of_file)
        sound = tuple(item for item in given if not flaw_in(item))
        return sound if sound or not given else None

    def _stdin(self) -> Callable[[int], bytes] | None:
        """What reads standard input: the command in a shell has one, a CI's own step does not (contract §3)."""
        in_a_shell = self._spell("metrics_file").startswith(("--", "HAR_LABELS_"))
        return read_stdin if in_a_shell else None

    def _of_inputs(
        self, surroundings: Surroundings, requirements: Sequence[Requirement], *, has_metrics: bool
    ) -> Sequence[Entry]:
        settings = self._settings
        patterns: tuple[str, ...] = ()
        items: tuple[Item, ...] | None = None
        with self.problems:
            patterns = _patterns(settings.artifact, self._spell("artifact"), self._notice)
        with self.problems:
            items = self._sound_labels()
        recipe = Recipe(
            mode=settings.effective_mode,
            is_without_mode=settings.mode is None,
            items=items or (),
            surroundings=surroundings,
            owned=tuple(dict.fromkeys(item.text for item in settings.owned)),
            on_conflict=settings.on_conflict,
            requirements=requirements,
            baseline=baseline_of(settings.baseline, settings.artifact_type),
            notice=self._notice,
            holds_key=self._configuration.holds_key,
        )
        is_given = bool(items) or (items is not None and settings.labels_file is not None)
        is_judged = is_given and not any(map(self._is_bad, _MAKING_LABELS))
        self.problems.errors += recipe.problems(has_metrics=has_metrics) if is_judged else ()
        self.problems.errors += recipe.problems_of_requirements(
            has_metrics=has_metrics, is_baseline_known=not self._is_bad("baseline")
        )
        if not settings.registry_ref:
            return ()  # `contradictions` has spoken already
        return [
            Entry(
                ref=settings.registry_ref,
                patterns=patterns,
                artifact_type=settings.artifact_type or "",
                recipe=recipe,
                skips_missing=settings.on_missing is OnMissingName.SKIP,
            ),
        ]

    def _of_manifest(
        self, surroundings: Surroundings, requirements: Sequence[Requirement], *, has_metrics: bool
    ) -> Sequence[Entry]:
        """The manifest's entries; the inputs beside it are its defaults, and are wrong at the same time as it is."""
        from har_labels.manifest import check_file, entries_in

        assert self._settings.manifest
        if self._is_bad("manifest"):
            return ()
        if any(map(self._is_bad, (*_MAKING_LABELS, "registry_ref", "artifact", "baseline"))):
            with self.problems:  # the defaults of its entries are not known
                check_file(self._settings.manifest, spelling=self._spell("manifest"))
            return ()
        with self.problems:
            return entries_in(
                self._settings.manifest,
                spelling=self._spell("manifest"),
                defaults=self._settings,
                surroundings=surroundings,
                requirements=requirements,
                notice=self._notice,
                workspace=self._configuration.workspace,
                has_metrics=has_metrics,
                holds_key=self._configuration.holds_key,
            )
        return ()

    def _is_bad(self, name: str) -> bool:
        return name in self._configuration.bad


def _patterns(items: Sequence[Item], spelling: str, notice: Callable[[str], None]) -> tuple[str, ...]:
    """Artifact names and globs, a duplicate dropped with a notice.

    Raises Failures with one InputError for each that can't be sent safely.
    """
    found: list[str] = []
    problems: list[HarLabelsError] = []
    for item in items:
        if flaw_in(item):
            continue  # it is told already
        try:
            name = parse_artifact_name(item.text)
            if name in found:
                notice(f"`{spelling}` item {item.position} is dropped: {name!r} is there already")
            else:
                found.append(name)
        except AddressError as error:
            what = f"`{spelling}` item {item.position} is {quoted(item.text)}: {error}"
            problems.append(InputError(what, WRITE_A_PLAIN_NAME))
    if problems:
        raise Failures(problems)
    return tuple(found)


def _items_in(path: str, spelling: str) -> tuple[Item, ...]:
    text = read_text(path, spelling=spelling)
    try:
        items = read_labels(text, is_file=True)
        return tuple(replace(item, where=f"`{spelling}` label") for item in items)
    except ListError as error:
        found: Flaw | ListError = unresolved("\n".join(lines_of(text)), renders=True) or error
        raise InputError(f"`{spelling}` names {path!r}: {found.why}", found.cure, is_spelt=True) from None
