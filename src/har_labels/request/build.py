"""From the inputs to the entries of a run: which labels are set on which artifacts (contract §2, §3).

Reads the files that the inputs name: labels, metrics, policy, manifest. All problems are reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from har_labels.errors import Failures, HarLabelsError, InputError, Invalid
from har_labels.files import Document, read_document, read_text
from har_labels.inputs.configure import CHECKED_BY_ITEM, Configuration
from har_labels.inputs.flaws import flaw_in, notices_about, unresolved
from har_labels.inputs.lists import Item, ItemStyle, content_lines
from har_labels.inputs.types import OnMissingName, read_labels
from har_labels.model.address import WRITE_A_PLAIN_NAME
from har_labels.model.labels import Mode
from har_labels.request.entry import Entry
from har_labels.request.label_spec import (
    Among,
    LabelSpec,
    RunContext,
    TemplateContext,
    baseline_of,
    requirements_of,
    selections_of,
)
from har_labels.request.patterns import NAME_FIRST, Pattern, item_text, parse_pattern, split_patterns
from har_labels.text import named, quoted_value

if TYPE_CHECKING:
    from har_labels.request.plan_file import StepFile
    from har_labels.request.policy import Policy

T = TypeVar("T")
# If one of these inputs is invalid, the labels can't be checked.
_MAKING_LABELS = ("labels", "labels_file", "mode", "owned", "on_conflict", "remove")
_EVERYWHERE = ("*",)
LARGEST_MANIFEST = 10 * 1024 * 1024


def entries_of(
    configuration: Configuration, *, ci: Mapping[str, str], now: datetime, notice: Callable[[str], None],
) -> Sequence[Entry]:  # fmt: skip
    """The entries that the inputs describe; none with `apply-plan` or `undo`. Raises Failures with all problems.

    Labels that are the same for every artifact are rendered now, so that an invalid one is reported before any request.
    """
    builder = _InputEntryBuilder(configuration, ci, now, notice)
    entries = builder.entries()
    if builder.problems:
        raise Failures(builder.problems)
    return entries


def further_problems(configuration: Configuration, *, ci: Mapping[str, str], now: datetime) -> Sequence[HarLabelsError]:
    """The problems of the valid inputs and of the files that they name, to report them with the invalid inputs (contract §2)."""
    builder = _InputEntryBuilder(configuration, ci, now, notice=lambda _line: None)
    builder.entries()
    return builder.problems


def policy_of(configuration: Configuration) -> Policy | None:
    """The policy that the input names; None without one. Read only once, since it may be standard input.

    Raises Failures with all problems of the policy.
    """
    source, spelling = configuration.settings.policy, named("policy")
    if source is None:
        return None
    if "policy" not in configuration.kept:
        from har_labels.request.policy_file import LARGEST_POLICY, policy_in

        try:
            document = read_document(source, spelling=spelling, limit=LARGEST_POLICY, stdin=configuration.stdin)
            if configuration.holds_key(document.text):
                raise InputError.contains_key(f"the policy of `{spelling}`")
            configuration.kept["policy"] = policy_in(document.text, name=document.name)
        except InputError as error:
            configuration.kept["policy"] = Failures([error])
        except Failures as failures:
            configuration.kept["policy"] = failures
    found: Policy | Failures = configuration.kept["policy"]
    if isinstance(found, Failures):
        raise found
    return found


def read_steps(configuration: Configuration, name: str) -> StepFile | None:
    """The steps of the plan, or of the report to undo, that the input `name` names; None without a valid input.

    Raises InputError, or Failures with all problems of the file.
    """
    path: str | None = getattr(configuration.settings, name)
    if not path or configuration.bad & {name, "api_url"}:
        return None
    if name == "undo":
        from har_labels.request.report_file import read_report as read
    else:
        from har_labels.request.plan_file import read_plan as read
    api_url = configuration.settings.api_url.url
    return read(path, spelling=named(name), api_url=api_url, holds_key=configuration.holds_key)


class _InputEntryBuilder:
    """Makes entries of the valid inputs; everything wrong goes into `problems`."""

    def __init__(
        self, configuration: Configuration, ci: Mapping[str, str], now: datetime, notice: Callable[[str], None]
    ) -> None:
        self._configuration, self._settings = configuration, configuration.settings
        self._ci, self._now, self._notice = ci, now, notice
        self.problems: list[HarLabelsError] = []

    def entries(self) -> Sequence[Entry]:
        """The entries, as far as they are valid."""
        settings = self._settings
        for name in CHECKED_BY_ITEM:
            self._check_items(name, getattr(settings, name))
        policy = None if self._is_bad("policy") else self._attempt(lambda: policy_of(self._configuration), None)
        if settings.apply_plan or settings.undo:
            for name in ("apply_plan", "undo"):
                self._attempt(partial(read_steps, self._configuration, name), None)
            return ()  # the file has the target labels, see engine/replay.py
        metrics = self._attempt(self._metrics, None)
        unknown = frozenset({"metrics"} if metrics is None else ())
        require, where = f"`{named('require')}` line", f"`{named('where')}` line"
        run = RunContext(
            TemplateContext(metrics or {}, self._ci, self._now, unknown),
            self._attempt(lambda: requirements_of(settings.require, place=require, metrics=metrics), ()),
            self._attempt(lambda: selections_of(settings.where, place=where, metrics=metrics), ()),
            policy=policy,
            notice=self._notice,
            holds_key=self._configuration.holds_key,
        )
        return self._of_manifest(run) if settings.manifest else self._of_inputs(run)

    def _attempt(self, read: Callable[[], T], otherwise: T) -> T:
        """The value that `read` returns; `otherwise` if it fails, so that one failure does not hide others."""
        try:
            return read()
        except Failures as failures:
            self.problems += failures.errors
        except HarLabelsError as error:
            self.problems.append(error)
        return otherwise

    def _is_bad(self, name: str) -> bool:
        return name in self._configuration.bad

    def _check_items(self, name: str, items: Sequence[Item]) -> None:
        """Reports items that are probably mistakes as errors, and ambiguous ones as notices."""
        are_labels = name in {"labels", "labels_file"}
        for item in items:
            if flaw := flaw_in(item, renders=are_labels or name == "remove"):
                what = f"`{named(name)}` item {item.position} is {quoted_value(item.text)}: {flaw.why}"
                self.problems.append(InputError(what, flaw.cure))
        for remark in notices_about(items, are_labels=are_labels):
            self._notice(f"`{named(name)}` {remark}")

    def _metrics(self) -> Mapping[str, object] | None:
        """The metrics; None if `metrics-file` is invalid, which is reported already. Raises Failures if they can't be read."""
        files = self._settings.metrics_file
        if self._is_bad("metrics_file") or any(map(flaw_in, files)):
            return None
        if not files:
            return {}
        from har_labels.request.metrics import load_metrics

        return load_metrics([item.text for item in files], stdin=self._configuration.stdin)

    # --- without a manifest ------------------------------------------------------------------------------------

    def _of_inputs(self, run: RunContext) -> Sequence[Entry]:
        settings = self._settings
        patterns: Sequence[Pattern] = self._attempt(lambda: self._patterns("artifact"), ())
        items = self._attempt(self._sound_labels, None)
        among: Sequence[str] = self._attempt(self._among, ())
        spec = self._spec(run, items or (), Among(tuple(among) or _EVERYWHERE) if settings.mode is Mode.MOVE else None)
        has_labels = bool(items) or (items is not None and settings.labels_file is not None)
        if has_labels and not any(map(self._is_bad, _MAKING_LABELS)):
            self.problems += spec.label_problems()
        self.problems += spec.expression_problems(is_baseline_known=not self._is_bad("baseline"))
        if not settings.registry_ref:
            return ()  # inputs/conflicts.py has reported it
        names, excluded = split_patterns(patterns)
        return [
            Entry(
                ref=settings.registry_ref,
                patterns=names,
                excluded=excluded,
                artifact_type=settings.artifact_type or "",
                spec=spec,
                skips_missing=settings.on_missing is OnMissingName.SKIP,
            ),
        ]

    def _spec(self, run: RunContext, items: tuple[Item, ...], among: Among | None) -> LabelSpec:
        settings = self._settings
        return LabelSpec(
            mode=settings.effective_mode,
            is_without_mode=settings.mode is None,
            items=items,
            context=run.templates,
            owned=tuple(dict.fromkeys(item.text for item in settings.owned)),
            on_conflict=settings.on_conflict,
            requirements=run.requirements,
            where=run.selections,
            removals=tuple(item for item in settings.remove if not flaw_in(item)),
            baseline=baseline_of(settings.baseline, settings.artifact_type),
            among=among,
            policy=run.policy,
            notice=run.notice,
            holds_key=run.holds_key,
        )

    def _sound_labels(self) -> tuple[Item, ...] | None:
        """The labels of input and file without those that are reported already; None if all of them are.

        Raises InputError for the file.
        """
        of_file: tuple[Item, ...] = ()
        if (path := self._settings.labels_file) and not self._is_bad("labels_file"):
            of_file = _items_in(path, named("labels_file"))
        self._check_items("labels_file", of_file)
        items = (*self._settings.labels, *of_file)
        sound = tuple(item for item in items if not flaw_in(item))
        return sound if sound or not items else None

    def _among(self) -> Sequence[str]:
        """The names and globs of `among`, which accepts no exclusions. Raises Failures."""
        patterns = self._patterns("among")
        if problems := [
            InputError(
                f"`{named('among')}` has {item_text(pattern)!r}, and only `{named('artifact')}` accepts exclusions",
                WRITE_A_PLAIN_NAME,
            )
            for pattern in patterns
            if pattern.is_excluded
        ]:
            raise Failures(problems)
        return [pattern.text for pattern in patterns]

    def _patterns(self, name: str) -> Sequence[Pattern]:
        """The artifact names, globs and exclusions of one input; a duplicate is dropped with a notice.

        Raises Failures with one InputError for each unsafe name, and if there are only exclusions.
        """
        found: list[Pattern] = []
        problems: list[HarLabelsError] = []
        for item in getattr(self._settings, name):
            if flaw_in(item):
                continue  # reported already
            try:
                pattern = parse_pattern(item.text, is_quoted=item.style is ItemStyle.QUOTED)
            except Invalid as error:
                what = f"`{named(name)}` item {item.position} is {quoted_value(item.text)}: {error}"
                problems.append(InputError(what, error.cure))
                continue
            if pattern in found:
                text = item_text(pattern)
                self._notice(f"`{named(name)}` item {item.position} is dropped: {text!r} is there already")
            else:
                found.append(pattern)
        if found and not problems and all(pattern.is_excluded for pattern in found):
            what = f"`{named(name)}` has only items with a `!`, which exclude artifacts"
            problems.append(InputError(what, NAME_FIRST))
        if problems:
            raise Failures(problems)
        return found

    # --- with a manifest ---------------------------------------------------------------------------------------

    def _of_manifest(self, run: RunContext) -> Sequence[Entry]:
        """The manifest's entries. The inputs beside it are their defaults; all problems are reported together."""
        from har_labels.request.manifest import check_file, entries_in

        settings, workspace = self._settings, self._configuration.workspace
        if self._is_bad("manifest"):
            return ()
        if any(map(self._is_bad, (*_MAKING_LABELS, "registry_ref", "artifact", "baseline"))):
            self._attempt(lambda: check_file(self._manifest()), None)  # invalid defaults, so the entries can't be made
            return ()
        return self._attempt(lambda: entries_in(self._manifest(), run, defaults=settings, workspace=workspace), [])

    def _manifest(self) -> Document:
        source, stdin = self._settings.manifest or "", self._configuration.stdin
        return read_document(source, spelling=named("manifest"), limit=LARGEST_MANIFEST, stdin=stdin)


def _items_in(path: str, spelling: str) -> tuple[Item, ...]:
    text = read_text(path, spelling=spelling)
    try:
        items = read_labels(text, is_file=True)
    except Invalid as error:
        cause = unresolved("\n".join(content_lines(text)), renders=True) or error
        raise InputError(f"`{spelling}` names {path!r}: {cause.why}", cause.cure) from None
    return tuple(replace(item, where=f"`{spelling}` label") for item in items)
