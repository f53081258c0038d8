"""What the inputs (or one manifest entry) ask for, before it is known of which artifact.

Hides rendering: from items, templates and `require` lines to the `Change` and the gate of one artifact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from har_labels.errors import KEY_IS_ELSEWHERE, Failures, HarLabelsError, InputError, RequireFailed, TemplateError
from har_labels.inputs.lists import Item, parse_expressions
from har_labels.model.labels import Change, Labels, Mode, OnConflict, key_and_value, matches_any
from har_labels.request.rendering import Rendered, has_placeholders, render_labels, render_patterns
from har_labels.templates.keys import first_parts
from har_labels.templates.scope import ARTIFACT_NAMES, LACKABLE_NAMES, Scope
from har_labels.text import named, shown

if TYPE_CHECKING:
    from har_labels.model.outcome import ArtifactFacts
    from har_labels.request.policy import Policy
    from har_labels.templates.template import Requirement, Selection

T = TypeVar("T")
# What a `require` line may read of labels that are there.
_OF_CURRENT = frozenset({"current", "current_map", "baseline", "holders"})


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """What templates see besides the artifact: the same for the whole run."""

    metrics: Mapping[str, object]
    ci: Mapping[str, str]
    now: datetime

    def scope(self, *, artifact: str, registry: str) -> Scope:
        return Scope(metrics=self.metrics, ci=self.ci, now=self.now, artifact=artifact, registry=registry)


class Listed(Protocol):
    """An artifact as a list shows it; `labels` is None where they are not shown."""

    @property
    def name(self) -> str: ...
    @property
    def artifact_type(self) -> str: ...
    @property
    def labels(self) -> Labels | None: ...
    @property
    def facts(self) -> ArtifactFacts: ...


@dataclass(slots=True, eq=False)
class Baseline:
    """Another artifact of the same registry, whose labels `require` sees as the mapping `baseline`.

    `labels` are those last read: none where it is not there, None where the registry does not show them.
    """

    name: str
    artifact_type: str = ""
    labels: Labels | None = ()


@dataclass(slots=True, eq=False)
class Among:
    """The artifacts of which a move leaves one with the label (contract §3 "Move").

    `patterns` are names or globs of one registry. `holders` are the names of those that had the label when it was last
    looked at before the move's first write, which `require` sees.
    """

    patterns: tuple[str, ...]
    holders: tuple[str, ...] | None = None


def baseline_of(name: str | None, artifact_type: str | None) -> Baseline | None:
    """The baseline that an input or a manifest's entry names, if it does."""
    return Baseline(name, artifact_type or "") if name else None


@dataclass(slots=True)
class Recipe:
    """One change to be made of every artifact it is asked for.

    `is_without_mode`: nobody gave a mode, so `mode` is `replace` and takes nothing away that is there. `policy` is what the
    labels given are held to.
    `place` stands before positions in messages: `label`, or that with a manifest's line. `notice` takes
    one line for each label that was dropped; `holds_key` tells a text that the key stands in; `worded` tells a failure
    as its reader needs it, such as with the place in a manifest.
    """

    mode: Mode
    items: Sequence[Item]
    context: TemplateContext
    owned: tuple[str, ...] = ()
    on_conflict: OnConflict = OnConflict.OVERWRITE
    requirements: Sequence[Requirement] = ()
    where: Sequence[Selection] = ()
    removals: Sequence[Item] = ()
    baseline: Baseline | None = None
    among: Among | None = None
    is_without_mode: bool = False
    policy: Policy | None = None
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
        """Whether it can't be made, or its `require` or `where` not be asked, without the artifact having been read."""
        is_gated = any(first_parts(one.names) & _OF_CURRENT for one in self.requirements)
        return self.is_merging or is_gated or bool(self._asked_of_artifacts & LACKABLE_NAMES)

    @property
    def needs_labels(self) -> bool:
        """Whether it can't be made, or its `where` not be asked, where the labels are not shown."""
        return self.is_merging or bool(self._asked_of_artifacts & _OF_CURRENT)

    @property
    def _asked_of_artifacts(self) -> set[str]:
        """The names that `where` reads."""
        return first_parts(path for one in self.where for path in one.names)

    @property
    def keys_chosen_by(self) -> set[str]:
        """The labels' keys that `where` reads, as far as they are names."""
        of_labels = "current_map."
        paths = (path for line in self.where for path in line.names if path.startswith(of_labels))
        return {path.removeprefix(of_labels) for path in paths}

    @property
    def removes_nothing(self) -> bool:
        """Whether labels that are there stay, as no mode says that they may go (contract §3)."""
        return self.is_without_mode and not self.owned

    def change_for(self, *, artifact: str, registry: str) -> Change:
        """The change of one artifact. Raises Failures or InputError for labels that can't be."""
        if self._shared:
            return self._shared
        change = self._checked(self.items, self.removals, artifact=artifact, registry=registry, notice=self.notice)
        if not any(
            self._reads(item) & ARTIFACT_NAMES for item in (*self.items, *self.removals)
        ):  # rendered once for all
            self._shared = change
        return change

    def selects(self, listed: Listed, *, registry: str) -> bool:
        """Whether every line of `where` holds for an artifact. Raises TemplateError and Unreadable, which name it."""
        if not self.where:
            return True
        from har_labels.model.facts import fact

        def fact_of(name: str) -> object:
            return fact(name, listed.facts, listed.artifact_type, self.context.now)

        scope = self.context.scope(artifact=listed.name, registry=registry)
        scope = replace(scope, current=listed.labels, fact=fact_of, asker="where")
        try:
            return all(line.holds(scope) for line in self.where)
        except TemplateError as error:
            raise error.reworded(f"{listed.name!r} in {registry}: {error.what}") from None

    def gate_for(self, change: Change, *, artifact: str, registry: str) -> Callable[[Labels | None], None]:
        """What raises RequireFailed when a `require` of this recipe does not hold for the labels there now."""
        if not self.requirements:
            return _open_gate
        scope = replace(self.context.scope(artifact=artifact, registry=registry), labels=change.given)

        def gate(now: Labels | None) -> None:
            for requirement in self.requirements:
                try:
                    verdict = requirement.check(self._scope_now(scope, now))
                except TemplateError as error:
                    raise error.reworded(f"{artifact!r} in {registry}: {error.what}") from None
                if not verdict.holds:
                    values = f"; it read {verdict.explanation}" if verdict.read else ""
                    raise RequireFailed(f"{artifact!r} in {registry}: `{requirement.source}` is false{values}")

        return gate

    def _scope_now(self, scope: Scope, now: Labels | None) -> Scope:
        """What the labels are, here and elsewhere, as last read."""
        baseline = self.baseline.labels if self.baseline else None
        holders = self.among.holders if self.among else None
        return replace(scope, current=now, baseline=baseline, holders=holders)

    def problems_of_requirements(
        self, *, has_metrics: bool = True, is_alone: bool = False, is_baseline_known: bool = True
    ) -> Sequence[HarLabelsError]:
        """What is wrong with the `require` lines that read the same for every artifact; whether they hold is asked later.

        Without `is_baseline_known` one was given and is refused already.
        """
        unknown = _unknown(has_metrics=has_metrics, is_alone=is_alone)
        problems: list[HarLabelsError] = []
        for requirement in self.requirements:
            if is_baseline_known and not self.baseline and "baseline" in first_parts(requirement.names):
                what = f"{requirement.where} `{shown(requirement.source)}` reads `baseline`, and there is none"
                problems.append(
                    TemplateError(what, f"Name the artifact to compare with: `{named('baseline', 'NAME')}`.")
                )
            if not self.among and "holders" in first_parts(requirement.names):
                what = f"{requirement.where} `{shown(requirement.source)}` reads `holders`, and nothing is moved"
                problems.append(TemplateError(what, f"It goes with `{named('mode', 'move')}`."))
            if not first_parts(requirement.names) & unknown:
                try:
                    requirement.check(self.context.scope(artifact="", registry=""))
                except InputError as problem:
                    problems.append(problem)
        return [*problems, *self._problems_of_where(unknown)]

    def _problems_of_where(self, unknown: frozenset[str]) -> Iterator[HarLabelsError]:
        """What is wrong with the lines of `where` that read nothing of an artifact, or nothing at all of the `unknown`."""
        for line in self.where:
            if not first_parts(line.names) & unknown:
                try:
                    line.holds(self.context.scope(artifact="", registry=""))
                except InputError as problem:
                    yield problem

    def problems(self, *, has_metrics: bool = True, is_alone: bool = False) -> Sequence[HarLabelsError]:
        """What is wrong with the labels that are the same for every artifact, before any artifact is known.

        Without `has_metrics` those that read metrics are not judged; if a file `is_alone`, none that reads what a run knows.
        """
        unknown = _unknown(has_metrics=has_metrics, is_alone=is_alone)
        known = [item for item in self.items if not self._reads(item) & unknown]
        removals = [item for item in self.removals if not self._reads(item) & unknown]
        try:
            if len(known) == len(self.items) and len(removals) == len(self.removals):
                self.change_for(artifact="", registry="")
            elif known or removals:
                # What is wrong with some of the labels is wrong whatever the others come to.
                self._checked(known, removals, artifact="", registry="", notice=lambda _line: None)
        except Failures as failures:
            return failures.errors
        return ()

    def _checked(
        self,
        items: Sequence[Item],
        removals: Sequence[Item],
        *,
        artifact: str,
        registry: str,
        notice: Callable[[str], None],
    ) -> Change:
        """The change that `items` come to. Some of them alone may come to nothing, all of them may not."""
        render = render_patterns if self.mode is Mode.REMOVE else render_labels
        scope = self.context.scope(artifact=artifact, registry=registry)
        try:
            rendered = render(items, scope, where=self.place)
            taken_away = render_patterns(removals, scope, where="`remove` item")
            for each in (rendered, taken_away):
                self._check_secrets(each)
                for line in each.notices:
                    notice(line)
            change = Change(
                self.mode, rendered.labels, self.owned, self.on_conflict, self.removes_nothing, taken_away.labels
            )
            is_whole = bool(rendered.labels) or items is self.items
            problems = list(_errors(change, rendered.names, was_given=bool(items))) if is_whole else []
            if problems := [*problems, *self._policy_problems(rendered)]:
                raise Failures(problems)  # noqa: TRY301 - with the others, for their wording
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

    def _policy_problems(self, rendered: Rendered) -> Iterator[HarLabelsError]:
        """What a run gives is judged before any write, whatever the labels are now (contract §6 "Policy")."""
        for label, name in rendered.names.items() if self.policy else ():
            if self.policy and (refusal := self.policy.refusal(label, self.mode)):
                rule, cure = refusal
                what = f"{name} {shown(label)!r} is not allowed: {rule.place} says that {rule.says}"
                yield InputError(what, cure)

    def _reads(self, item: Item) -> set[str]:
        """The names that an item reads; none of one that can't be read, which rendering tells."""
        if not has_placeholders(item.text):
            return set()
        from har_labels.templates.template import Template

        with suppress(InputError):
            return first_parts(Template.parse(item.text, where=self.place).names)
        return set()


def requirements_of(
    lines: Sequence[Item], *, place: str = "`require` line", metrics: Mapping[str, object] | None = None
) -> tuple[Requirement, ...]:
    """Parses every line, which may be several where it stands in a list of a manifest.

    Raises Failures with one TemplateError for each that can't be read; it names the key of `metrics` that seems to be meant.
    """
    if not lines:
        return ()
    from har_labels.templates.template import Requirement

    return _parsed(Requirement.parse, lines, place, metrics)


def selections_of(
    lines: Sequence[Item], *, place: str = "`where` line", metrics: Mapping[str, object] | None = None
) -> tuple[Selection, ...]:
    """As `requirements_of`, the lines of `where`."""
    if not lines:
        return ()
    from har_labels.templates.template import Selection

    return _parsed(Selection.parse, lines, place, metrics)


def _parsed(
    parse: Callable[..., T], lines: Sequence[Item], place: str, metrics: Mapping[str, object] | None
) -> tuple[T, ...]:
    parsed: list[T] = []
    problems: list[HarLabelsError] = []
    for line in lines:
        for expression in parse_expressions(line.text):
            try:
                parsed.append(parse(expression.text, where=f"{place} {line.position}", metrics=metrics))
            except InputError as problem:
                problems.append(problem)
    if problems:
        raise Failures(problems)
    return tuple(parsed)


def _unknown(*, has_metrics: bool, is_alone: bool) -> frozenset[str]:
    """The names of which nothing can be said yet; of a file that `is_alone` there is not even a run."""
    return frozenset(ARTIFACT_NAMES | (set() if has_metrics else {"metrics"}) | ({"ci", "now"} if is_alone else set()))


def _open_gate(_now: Labels | None) -> None:
    """No `require`: always open."""


def _errors(change: Change, names: Mapping[str, str], *, was_given: bool) -> Iterator[HarLabelsError]:
    yield from (InputError(what, cure) for what, cure in _problems(change, names, was_given=was_given))


def _problems(change: Change, names: Mapping[str, str], *, was_given: bool) -> Sequence[tuple[str, str]]:
    """`names` has each label as messages name it."""
    if change.mode in {Mode.CLEAR, Mode.READ}:
        return []
    if not change.given and change.mode is Mode.REPLACE:
        why = "all labels given came to nothing" if was_given else "the list of labels is empty"
        if change.owned:
            cure = f"Use `{named('mode', 'remove')}` with the patterns of `owned`, or `{named('mode', 'clear')}`, if that is meant."
            return [(f"all that is `owned` would be taken away: {why}", cure)]
        what = "nothing would be left" if change.removes_nothing else "`replace` would leave nothing"
        return [(f"{what}: {why}", f"Use `{named('mode', 'clear')}` if that is meant.")]
    if not change.given:
        return [(f"there is nothing to {change.mode}: the list of labels came to nothing", "Give at least one label.")]
    if change.mode is Mode.UPSERT:
        return _key_problems(names)
    if change.mode is Mode.MOVE and len(change.given) > 1:
        told = " and ".join(f"{names[label]} {label!r}" for label in change.given[:2])
        more = f", of {len(change.given):,} labels" if len(change.given) > 2 else ""
        return [(f"`move` moves one label, and there are {told}{more}", "Give one; another is another step.")]
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
            cure = f"Write it as `key=value` or `key:value`, or use `{named('mode', 'add')}`."
            found.append((f"{name} {label!r} has no key, and `upsert` sets keys", cure))
        elif setter.setdefault(pair[0], label) != label:
            other = setter[pair[0]]
            found.append((f"{name} {label!r} and {names[other]} {other!r} set one key", "Keep one of the two."))
    return found
