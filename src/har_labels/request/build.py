"""What the inputs ask for, as entries to plan.

Hides where items come from: inputs, list files, metrics files. Everything wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

from har_labels.errors import KEY_IS_ELSEWHERE, Failures, HarLabelsError, InputError
from har_labels.files import Document, read_document, read_text
from har_labels.inputs.configure import Configuration
from har_labels.inputs.flaws import Flaw, flaw_in, remarks_on, unresolved
from har_labels.inputs.lists import Item, ListError, Written, lines_of
from har_labels.inputs.settings import quoted
from har_labels.inputs.types import OnMissingName, read_labels
from har_labels.model.address import WRITE_A_PLAIN_NAME, AddressError
from har_labels.model.labels import Mode
from har_labels.request.entry import Entry
from har_labels.request.patterns import NAME_FIRST, Pattern, apart, parse_pattern, written
from har_labels.request.recipe import Among, Recipe, TemplateContext, baseline_of, requirements_of, selections_of
from har_labels.text import named

if TYPE_CHECKING:
    from har_labels.request.policy import Policy
    from har_labels.templates.template import Requirement, Selection


# Where one of these can't be understood, nothing can be said of the labels.
_MAKING_LABELS = ("labels", "labels_file", "mode", "owned", "on_conflict", "remove")
_EVERYWHERE = ("*",)


LARGEST_MANIFEST = 10 * 1024 * 1024


def policy_of(configuration: Configuration) -> Policy | None:
    """The policy that the input names; None without one. Read once, since it may come by standard input.

    Raises Failures with everything that is wrong with it.
    """
    given, spelling = configuration.settings.policy, named("policy")
    if given is None:
        return None
    if "policy" not in configuration.kept:
        from har_labels.request.policy_file import LARGEST_POLICY, policy_in

        try:
            document = read_document(given, spelling=spelling, limit=LARGEST_POLICY, stdin=configuration.stdin)
            _refuse_key(configuration, document.text, spelling)
            configuration.kept["policy"] = policy_in(document.text, name=document.name)
        except InputError as error:
            configuration.kept["policy"] = Failures([error])
        except Failures as failures:
            configuration.kept["policy"] = failures
    found: Policy | Failures = configuration.kept["policy"]
    if isinstance(found, Failures):
        raise found
    return found


def _refuse_key(configuration: Configuration, text: str, spelling: str) -> None:
    if configuration.holds_key(text):
        raise InputError(f"the policy of `{spelling}` contains the key", KEY_IS_ELSEWHERE)


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
        for name in ("artifact", "labels", "owned", "among", "remove", "metrics_file"):
            self._judge(name, getattr(self._settings, name))
        policy: Policy | None = None
        if not self._is_bad("policy"):
            with self.problems:
                policy = policy_of(self._configuration)
        if self._settings.apply_plan or self._settings.undo:
            self._check_files()
            return ()  # such a file says what is asked for, see `replay`
        metrics = self._metrics()
        requirements: Sequence[Requirement] = ()
        selections: Sequence[Selection] = ()
        with self.problems:
            place = f"`{named('require')}` line"
            requirements = requirements_of(self._settings.require, place=place, metrics=metrics)
        with self.problems:
            place = f"`{named('where')}` line"
            selections = selections_of(self._settings.where, place=place, metrics=metrics)
        context = TemplateContext(metrics or {}, self._ci, self._now)
        make = self._of_manifest if self._settings.manifest else self._of_inputs
        return make(context, requirements, selections, policy, has_metrics=metrics is not None)

    def _check_files(self) -> None:
        """Tells what is wrong with a plan, or with a report to undo, by itself."""
        from har_labels.request.plan_file import read_plan
        from har_labels.request.report_file import read_report

        read: Sequence[tuple[str, Callable[..., object]]] = (("apply_plan", read_plan), ("undo", read_report))
        for name, reader in read:
            path = getattr(self._settings, name)
            if path and not self._is_bad(name) and not self._is_bad("api_url"):
                with self.problems:
                    reader(path, spelling=named(name), api_url=self._settings.api_url.url)

    def _metrics(self) -> Mapping[str, object] | None:
        """The metrics, or None if they can't be read."""
        if self._is_bad("metrics_file"):
            return None
        if not self._settings.metrics_file:
            return {}
        if any(map(flaw_in, self._settings.metrics_file)):
            return None
        from har_labels.request.metrics import load_metrics

        with self.problems:
            return load_metrics([item.text for item in self._settings.metrics_file], stdin=self._configuration.stdin)
        return None

    def _judge(self, name: str, items: Sequence[Item]) -> None:
        """Tells what is wrong with the items of a list, and what may be meant otherwise."""
        are_labels = name in {"labels", "labels_file"}
        for item in items:
            if flaw := flaw_in(item, renders=are_labels or name == "remove"):
                what = f"`{named(name)}` item {item.position} is {quoted(item.text)}: {flaw.why}"
                self.problems.errors.append(InputError(what, flaw.cure))
        for remark in remarks_on(items, are_labels=are_labels):
            self._notice(f"`{named(name)}` {remark}")

    def _sound_labels(self) -> tuple[Item, ...] | None:
        """The labels of input and file without those that are refused already; None if that leaves none.

        Raises InputError for the file.
        """
        path, spelling = self._settings.labels_file, named("labels_file")
        of_file = () if self._is_bad("labels_file") or not path else _items_in(path, spelling)
        self._judge("labels_file", of_file)
        given = (*self._settings.labels, *of_file)
        sound = tuple(item for item in given if not flaw_in(item))
        return sound if sound or not given else None

    def _of_inputs(
        self,
        context: TemplateContext,
        requirements: Sequence[Requirement],
        selections: Sequence[Selection],
        policy: Policy | None,
        *,
        has_metrics: bool,
    ) -> Sequence[Entry]:
        settings = self._settings
        patterns: Sequence[Pattern] = ()
        items: tuple[Item, ...] | None = None
        with self.problems:
            patterns = _patterns(settings.artifact, named("artifact"), self._notice)
        with self.problems:
            items = self._sound_labels()
        among: tuple[str, ...] = ()
        with self.problems:
            among = _names(_patterns(settings.among, named("among"), self._notice), named("among"))
        recipe = Recipe(
            mode=settings.effective_mode,
            is_without_mode=settings.mode is None,
            items=items or (),
            context=context,
            owned=tuple(dict.fromkeys(item.text for item in settings.owned)),
            on_conflict=settings.on_conflict,
            requirements=requirements,
            where=selections,
            removals=tuple(
                replace(item, where=f"`{named('remove')}` item") for item in settings.remove if not flaw_in(item)
            ),
            baseline=baseline_of(settings.baseline, settings.artifact_type),
            policy=policy,
            among=Among(among or _EVERYWHERE) if settings.mode is Mode.MOVE else None,
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
        names, excluded = apart(patterns)
        return [
            Entry(
                ref=settings.registry_ref,
                patterns=names,
                excluded=excluded,
                artifact_type=settings.artifact_type or "",
                recipe=recipe,
                skips_missing=settings.on_missing is OnMissingName.SKIP,
            ),
        ]

    def _of_manifest(
        self,
        context: TemplateContext,
        requirements: Sequence[Requirement],
        selections: Sequence[Selection],
        policy: Policy | None,
        *,
        has_metrics: bool,
    ) -> Sequence[Entry]:
        """The manifest's entries; the inputs beside it are its defaults, and are wrong at the same time as it is."""
        from har_labels.request.manifest import check_file, entries_in

        if self._is_bad("manifest"):
            return ()
        if any(map(self._is_bad, (*_MAKING_LABELS, "registry_ref", "artifact", "baseline"))):
            with self.problems:  # the defaults of its entries are not known
                check_file(self._manifest())
            return ()
        with self.problems:
            return entries_in(
                self._manifest(),
                defaults=self._settings,
                context=context,
                requirements=requirements,
                selections=selections,
                policy=policy,
                notice=self._notice,
                workspace=self._configuration.workspace,
                has_metrics=has_metrics,
                holds_key=self._configuration.holds_key,
            )
        return ()

    def _manifest(self) -> Document:
        given, configuration = self._settings.manifest or "", self._configuration
        return read_document(given, spelling=named("manifest"), limit=LARGEST_MANIFEST, stdin=configuration.stdin)

    def _is_bad(self, name: str) -> bool:
        return name in self._configuration.bad


def _names(patterns: Sequence[Pattern], spelling: str) -> tuple[str, ...]:
    """The names and globs of a list that takes none off. Raises Failures."""
    if problems := [
        InputError(f"`{spelling}` has {written(pattern)!r}, and only `artifact` takes names off", WRITE_A_PLAIN_NAME)
        for pattern in patterns
        if pattern.takes_off
    ]:
        raise Failures(problems)
    return tuple(pattern.text for pattern in patterns)


def _patterns(items: Sequence[Item], spelling: str, notice: Callable[[str], None]) -> Sequence[Pattern]:
    """Artifact names and globs, and what is taken off; a duplicate is dropped with a notice.

    Raises Failures with one InputError for each that can't be sent safely, and where all are taken off from nothing.
    """
    found: list[Pattern] = []
    problems: list[HarLabelsError] = []
    for item in items:
        if flaw_in(item):
            continue  # it is told already
        try:
            pattern = parse_pattern(item.text, is_quoted=item.written is Written.QUOTED)
            if pattern in found:
                notice(f"`{spelling}` item {item.position} is dropped: {written(pattern)!r} is there already")
            else:
                found.append(pattern)
        except AddressError as error:
            what = f"`{spelling}` item {item.position} is {quoted(item.text)}: {error}"
            problems.append(InputError(what, WRITE_A_PLAIN_NAME))
    if found and not problems and all(pattern.takes_off for pattern in found):
        problems.append(InputError(f"`{spelling}` has only items with a `!`, which take artifacts off", NAME_FIRST))
    if problems:
        raise Failures(problems)
    return found


def _items_in(path: str, spelling: str) -> tuple[Item, ...]:
    text = read_text(path, spelling=spelling)
    try:
        items = read_labels(text, is_file=True)
        return tuple(replace(item, where=f"`{spelling}` label") for item in items)
    except ListError as error:
        found: Flaw | ListError = unresolved("\n".join(lines_of(text)), renders=True) or error
        raise InputError(f"`{spelling}` names {path!r}: {found.why}", found.cure) from None
