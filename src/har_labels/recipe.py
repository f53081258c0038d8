"""What the inputs (or one manifest entry) ask for, before it is known of which artifact.

Hides rendering: from items, templates and `require` lines to the `Change` and the gate of one artifact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from har_labels.display import shown
from har_labels.errors import KEY_IS_ELSEWHERE, Failures, HarLabelsError, InputError, RequireFailed, TemplateError
from har_labels.labels import Change, Labels, Mode, OnConflict, key_and_value, matches_any
from har_labels.language.scope import ARTIFACT_NAMES, Scope
from har_labels.lists import Item, parse_expressions
from har_labels.rendering import Rendered, has_placeholders, render_labels, render_patterns

if TYPE_CHECKING:
    from har_labels.rules import Requirement

# What a `require` line may read of labels that are there.
_OF_CURRENT = frozenset({"current", "current_map", "baseline"})
# Where a path's first part ends.
_END_OF_NAME = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What templates see besides the artifact: the same for the whole run."""

    metrics: Mapping[str, object]
    ci: Mapping[str, str]
    now: datetime

    def scope(self, *, artifact: str, registry: str) -> Scope:
        return Scope(metrics=self.metrics, ci=self.ci, now=self.now, artifact=artifact, registry=registry)


@dataclass(slots=True, eq=False)
class Baseline:
    """Another artifact of the same registry, whose labels `require` sees as the mapping `baseline`.

    `labels` are those last read: none where it is not there, None where the registry does not show them.
    """

    name: str
    artifact_type: str = ""
    labels: Labels | None = ()


def baseline_of(name: str | None, artifact_type: str | None) -> Baseline | None:
    """The baseline that an input or a manifest's entry names, if it does."""
    return Baseline(name, artifact_type or "") if name else None


@dataclass(slots=True)
class Recipe:
    """One change to be made of every artifact it is asked for.

    `is_without_mode`: nobody gave a mode, so `mode` is `replace` and takes nothing away that is there.
    `place` stands before positions in messages: `label`, or that with a manifest's line. `notice` takes
    one line for each label that was dropped; `holds_key` tells a text that the key stands in; `worded` tells a failure
    as its reader needs it, such as with the place in a manifest.
    """

    mode: Mode
    items: Sequence[Item]
    surroundings: Surroundings
    owned: tuple[str, ...] = ()
    on_conflict: OnConflict = OnConflict.OVERWRITE
    requirements: Sequence[Requirement] = ()
    baseline: Baseline | None = None
    is_without_mode: bool = False
    place: str = "label"
    notice: Callable[[str], None] = lambda _line: None
    holds_key: Callable[[str], bool] = lambda _text: False
    worded: Callable[[HarLabelsError], HarLabelsError] = lambda error: error
    _shared: Change | None = field(default=None, repr=False)

    @property
    def is_merging(self) -> bool:
        """Whether what it asks for depends on the labels that are there."""
        return Change(self.mode, owned=self.owned).is_merging

    @property
    def needs_reading(self) -> bool:
        """Whether it can't be made, or its `require` not be asked, without the labels that are there."""
        return self.is_merging or any(_first_parts(one.names) & _OF_CURRENT for one in self.requirements)

    @property
    def removes_nothing(self) -> bool:
        """Whether labels that are there stay, as no mode says that they may go (contract §3)."""
        return self.is_without_mode and not self.owned

    def change_for(self, *, artifact: str, registry: str) -> Change:
        """The change of one artifact. Raises Failures or InputError for labels that can't be."""
        if self._shared:
            return self._shared
        change = self._checked(self.items, artifact=artifact, registry=registry, notice=self.notice)
        if not any(self._reads(item) & ARTIFACT_NAMES for item in self.items):  # rendered once for all
            self._shared = change
        return change

    def gate_for(self, change: Change, *, artifact: str, registry: str) -> Callable[[Labels | None], None]:
        """What raises RequireFailed when a `require` of this recipe does not hold for the labels there now."""
        if not self.requirements:
            return _open_gate
        scope = replace(self.surroundings.scope(artifact=artifact, registry=registry), labels=change.given)

        def gate(now: Labels | None) -> None:
            baseline = self.baseline.labels if self.baseline else None  # as last read
            for requirement in self.requirements:
                try:
                    verdict = requirement.check(replace(scope, current=now, baseline=baseline))
                except TemplateError as error:
                    raise error.reworded(f"{artifact!r} in {registry}: {error.what}") from None
                if not verdict.holds:
                    values = f"; it read {verdict.explanation}" if verdict.read else ""
                    raise RequireFailed(f"{artifact!r} in {registry}: `{requirement.source}` is false{values}")

        return gate

    def problems_of_requirements(
        self, *, has_metrics: bool = True, is_baseline_known: bool = True
    ) -> Sequence[HarLabelsError]:
        """What is wrong with the `require` lines that read the same for every artifact; whether they hold is asked later.

        Without `is_baseline_known` one was given and is refused already.
        """
        unknown = ARTIFACT_NAMES if has_metrics else ARTIFACT_NAMES | {"metrics"}
        problems: list[HarLabelsError] = []
        for requirement in self.requirements:
            if is_baseline_known and not self.baseline and "baseline" in _first_parts(requirement.names):
                what = f"{requirement.where} `{shown(requirement.source)}` reads `baseline`, and there is none"
                problems.append(TemplateError(what, "Name the artifact to compare with: `baseline: NAME`."))
            if not _first_parts(requirement.names) & unknown:
                try:
                    requirement.check(self.surroundings.scope(artifact="", registry=""))
                except InputError as problem:
                    problems.append(problem)
        return problems

    def problems(self, *, has_metrics: bool = True) -> Sequence[HarLabelsError]:
        """What is wrong with the labels that are the same for every artifact, before any artifact is known.

        Without `has_metrics` those that read metrics are not judged.
        """
        unknown = ARTIFACT_NAMES if has_metrics else ARTIFACT_NAMES | {"metrics"}
        known = [item for item in self.items if not self._reads(item) & unknown]
        try:
            if len(known) == len(self.items):
                self.change_for(artifact="", registry="")
            elif known:
                # What is wrong with some of the labels is wrong whatever the others come to.
                self._checked(known, artifact="", registry="", notice=lambda _line: None)
        except Failures as failures:
            return failures.errors
        return ()

    def _checked(self, items: Sequence[Item], *, artifact: str, registry: str, notice: Callable[[str], None]) -> Change:
        """The change that `items` come to. Some of them alone may come to nothing, all of them may not."""
        render = render_patterns if self.mode is Mode.REMOVE else render_labels
        scope = self.surroundings.scope(artifact=artifact, registry=registry)
        try:
            rendered = render(items, scope, where=self.place)
            self._check_secrets(rendered)
            for line in rendered.notices:
                notice(line)
            change = Change(self.mode, rendered.labels, self.owned, self.on_conflict, self.removes_nothing)
            if rendered.labels or items is self.items:
                _check(change, rendered.names, was_given=bool(items))
        except Failures as failures:
            raise Failures([self.worded(error) for error in failures.errors]) from None
        return change

    def _check_secrets(self, rendered: Rendered) -> None:
        """The key may have come by a file or a metric, and a label is there for all to read."""
        found = [
            InputError(f"{name} comes to a text that contains the key", KEY_IS_ELSEWHERE)
            for label, name in rendered.names.items()
            if self.holds_key(label)
        ]
        if found:
            raise Failures(found)

    def _reads(self, item: Item) -> set[str]:
        """The names that an item reads; none of one that can't be read, which rendering tells."""
        if not has_placeholders(item.text):
            return set()
        from har_labels.rules import Template

        with suppress(InputError):
            return _first_parts(Template.parse(item.text, where=self.place).names)
        return set()


def requirements_of(
    lines: Sequence[Item], *, place: str = "`require` line", metrics: Mapping[str, object] | None = None
) -> tuple[Requirement, ...]:
    """Parses every line, which may be several where it stands in a list of a manifest.

    Raises Failures with one TemplateError for each that can't be read; it names the key of `metrics` that seems to be meant.
    """
    if not lines:
        return ()
    from har_labels.rules import Requirement

    parsed, problems = [], []
    for line in lines:
        for expression in parse_expressions(line.text):
            try:
                where = f"{place} {line.position}"
                parsed.append(Requirement.parse(expression.text, where=where, metrics=metrics))
            except InputError as problem:
                problems.append(problem)
    if problems:
        raise Failures(problems)
    return tuple(parsed)


def _first_parts(paths: Iterable[str]) -> set[str]:
    return {_END_OF_NAME.split(path, maxsplit=1)[0] for path in paths}


def _open_gate(_now: Labels | None) -> None:
    """No `require`: always open."""


def _check(change: Change, names: Mapping[str, str], *, was_given: bool) -> None:
    problems = [InputError(what, cure) for what, cure in _problems(change, names, was_given=was_given)]
    if problems:
        raise Failures(problems)


def _problems(change: Change, names: Mapping[str, str], *, was_given: bool) -> Sequence[tuple[str, str]]:
    """`names` has each label as messages name it."""
    if change.mode in {Mode.CLEAR, Mode.READ}:
        return []
    if not change.given and change.mode is Mode.REPLACE:
        why = "all labels given came to nothing" if was_given else "the list of labels is empty"
        if change.owned:
            cure = "Use `mode: remove` with the patterns of `owned`, or `mode: clear`, if that is meant."
            return [(f"`replace` would take away all that is `owned`: {why}", cure)]
        return [(f"`replace` would leave nothing: {why}", "Use `mode: clear` if that is meant.")]
    if not change.given:
        return [(f"there is nothing to {change.mode}: the list of labels came to nothing", "Give at least one label.")]
    if change.mode is Mode.UPSERT:
        return _key_problems(names)
    if change.owned:
        return [
            (
                f"{names[label]} {label!r} is not `owned`",
                "Every label given must match a pattern of `owned`, or the next run could not remove it.",
            )
            for label in change.given
            if not matches_any(change.owned, label)
        ]
    return []


def _key_problems(names: Mapping[str, str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    setter: dict[str, str] = {}
    for label, name in names.items():
        if (pair := key_and_value(label)) is None:
            cure = "Write it as `key=value` or `key:value`, or use `mode: add`."
            found.append((f"{name} {label!r} has no key, and `upsert` sets keys", cure))
        elif setter.setdefault(pair[0], label) != label:
            other = setter[pair[0]]
            found.append((f"{name} {label!r} and {names[other]} {other!r} set one key", "Keep one of the two."))
    return found
