"""One change as inputs or a manifest specify it, and what it is for each artifact (contract §2, §3).

The way of a label: an `Item` of a list (lists.py) is rendered as a template, the text is checked against the rules for
labels, and all texts together become the `Change` of an artifact, which is checked against mode and policy. A list is split
before anything is rendered, and each item is rendered alone, so a value can never turn into two labels. Items without a
placeholder never load the template language: most steps have none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from har_labels.errors import Failures, HarLabelsError, InputError, RequireFailed, TemplateError
from har_labels.inputs.lists import Item, parse_expressions
from har_labels.model.labels import Change, Labels, Mode, OnConflict, key_and_value, matches_any, problem_with
from har_labels.templates.keys import first_parts
from har_labels.templates.scope import ARTIFACT_NAMES, LACKABLE_NAMES, Scope
from har_labels.text import named, shown

if TYPE_CHECKING:
    from har_labels.model.facts import ArtifactFacts
    from har_labels.request.policy import Policy
    from har_labels.templates.template import Requirement, Selection

T = TypeVar("T")
# The names of an expression whose values are labels that are there now.
_CURRENT_NAMES = frozenset({"current", "current_map", "baseline", "holders"})
_GLOB_SIGNS = re.compile(r"[*?\[]")
# Whatever the template language reads, allowed or not.
_TEMPLATE_SIGNS = re.compile(r"\{[{%#]")


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """The values that templates and expressions see, apart from the artifact's own: the same for the whole run.

    `unknown`: names without a value as yet, so that whatever reads them is not checked before an artifact is planned:
    `metrics` where their files can't be read, `ci` and `now` where a manifest is checked outside of a run.
    """

    metrics: Mapping[str, object]
    ci: Mapping[str, str]
    now: datetime
    unknown: frozenset[str] = frozenset()

    def scope(self, *, artifact: str = "", registry: str = "") -> Scope:
        """The names and values of an expression; without an artifact for one that reads nothing of it."""
        return Scope(metrics=self.metrics, ci=self.ci, now=self.now, artifact=artifact, registry=registry)


@dataclass(frozen=True, slots=True)
class RunContext:
    """Everything that the label specs of one run share.

    `requirements` and `selections` are the inputs' lines of `require` and `where`, which hold beside those of a manifest.
    `policy`: what the labels given are held to. `notice` takes one line for the log, `holds_key` finds the API key in a text.
    """

    templates: TemplateContext
    requirements: tuple[Requirement, ...] = ()
    selections: tuple[Selection, ...] = ()
    policy: Policy | None = None
    notice: Callable[[str], None] = lambda _line: None
    holds_key: Callable[[str], bool] = lambda _text: False


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


@dataclass(frozen=True, slots=True, eq=False)
class LabelSpec:
    """One change, as inputs or a manifest's entry specify it, of every artifact that it is asked for.

    `items` are the labels to render, for `remove` the patterns; `removals` the patterns to take away beside `add` or `upsert`.
    `is_without_mode`: no mode was given, so `mode` is `replace` and takes nothing away that is there. `policy`: what the
    labels given are held to. `place` precedes positions in messages: `label`, or a manifest's line with that. `notice`
    takes one line for each label that is dropped, `holds_key` finds the API key in a text, `add_place` puts the place in a
    manifest into a failure.
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
    add_place: Callable[[HarLabelsError], HarLabelsError] = lambda error: error
    # The one change of all artifacts, if no item reads anything of an artifact.
    _shared: list[Change] = field(default_factory=list, repr=False)

    @property
    def is_merging(self) -> bool:
        """Whether the labels wanted depend on those that are there."""
        return bool(self.owned) or self.mode.is_merging

    @property
    def needs_reading(self) -> bool:
        """Whether an artifact has to be read before its change can be computed, or its `require` or `where` evaluated."""
        is_gated = any(first_parts(one.names) & _CURRENT_NAMES for one in self.requirements)
        return self.is_merging or is_gated or bool(self._names_in_where & LACKABLE_NAMES)

    @property
    def needs_labels(self) -> bool:
        """Whether nothing can be done for an artifact whose labels the registry does not show."""
        return self.is_merging or bool(self._names_in_where & _CURRENT_NAMES)

    @property
    def _names_in_where(self) -> set[str]:
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

    # --- one artifact ------------------------------------------------------------------------------------------

    def change_for(self, *, artifact: str, registry: str) -> Change:
        """The change of one artifact. Raises Failures with an InputError for each label that can't be given."""
        if not self._shared:
            scope = self.context.scope(artifact=artifact, registry=registry)
            change = self._change(self.items, self.removals, scope, notice=self.notice)
            if any(self._names_in(item) & ARTIFACT_NAMES for item in (*self.items, *self.removals)):
                return change
            self._shared.append(change)
        return self._shared[0]

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
        """A check of the labels that are there: it raises RequireFailed where a line of `require` does not hold."""
        given = replace(self.context.scope(artifact=artifact, registry=registry), labels=change.given)

        def gate(now: Labels | None) -> None:
            if not self.requirements:
                return
            # Baseline and holders as last read: planning and preflight renew them.
            baseline = self.baseline.labels if self.baseline else None
            holders = self.among.holders if self.among else None
            scope = replace(given, current=now, baseline=baseline, holders=holders)
            for requirement in self.requirements:
                try:
                    verdict = requirement.check(scope)
                except TemplateError as error:
                    raise error.reworded(f"{artifact!r} in {registry}: {error.what}") from None
                if not verdict.holds:
                    values = f"; it read {verdict.explanation}" if verdict.read else ""
                    raise RequireFailed(f"{artifact!r} in {registry}: `{requirement.source}` is false{values}")

        return gate

    # --- before any artifact is known --------------------------------------------------------------------------

    def label_problems(self) -> Sequence[HarLabelsError]:
        """The errors of those labels that are the same for every artifact and read no name that is `unknown`."""
        known = [item for item in self.items if self._is_known(self._names_in(item))]
        removals = [item for item in self.removals if self._is_known(self._names_in(item))]
        try:
            if len(known) == len(self.items) and len(removals) == len(self.removals):
                self.change_for(artifact="", registry="")
            elif known or removals:
                # An error of one label stays an error, whatever the others are.
                self._change(known, removals, self.context.scope(), notice=lambda _line: None)
        except Failures as failures:
            return failures.errors
        return ()

    def expression_problems(self, *, is_baseline_known: bool = True) -> Sequence[HarLabelsError]:
        """The errors of `require` and `where` that are the same for every artifact; whether `require` holds is checked later.

        Without `is_baseline_known` a baseline was given and is refused already.
        """
        problems: list[HarLabelsError] = []
        for requirement in self.requirements:
            names, where = first_parts(requirement.names), f"{requirement.where} `{shown(requirement.source)}`"
            if is_baseline_known and not self.baseline and "baseline" in names:
                cure = f"Name the artifact to compare with: `{named('baseline', 'NAME')}`."
                problems.append(TemplateError(f"{where} reads `baseline`, and there is none", cure))
            if not self.among and "holders" in names:
                cure = f"It goes with `{named('mode', 'move')}`."
                problems.append(TemplateError(f"{where} reads `holders`, and nothing is moved", cure))
            problems += self._problem_in(requirement.names, requirement.check)
        for line in self.where:
            problems += self._problem_in(line.names, line.holds)
        return problems

    def _problem_in(self, paths: Iterable[str], check: Callable[[Scope], object]) -> Iterator[HarLabelsError]:
        """The error of an expression that reads only what is known already, if it has one."""
        if self._is_known(first_parts(paths)):
            try:
                check(self.context.scope())
            except InputError as problem:
                yield problem

    def _is_known(self, names: set[str]) -> bool:
        return not names & (ARTIFACT_NAMES | self.context.unknown)

    def _names_in(self, item: Item) -> set[str]:
        """The names that an item reads; none if it can't be parsed, which is reported when it is rendered."""
        if _TEMPLATE_SIGNS.search(item.text):
            from har_labels.templates.template import Template

            with suppress(InputError):
                return first_parts(Template.parse(item.text, where=self.place).names)
        return set()

    # --- from items to a change --------------------------------------------------------------------------------

    def _change(
        self, items: Sequence[Item], removals: Sequence[Item], scope: Scope, *, notice: Callable[[str], None]
    ) -> Change:
        """The change of rendered `items`, checked against mode and policy. Raises Failures.

        All of the spec's items together must give a label where the mode needs one; some of them alone need not.
        """
        render = render_patterns if self.mode is Mode.REMOVE else render_labels
        try:
            rendered = render(items, scope, where=self.place)
            taken_away = render_patterns(removals, scope, where=f"`{named('remove')}` item")
            for each in (rendered, taken_away):
                self._refuse_key(each)
                for line in each.notices:
                    notice(line)
            change = Change(
                self.mode, rendered.labels, self.owned, self.on_conflict, self.removes_nothing, taken_away.labels
            )
            is_whole = bool(rendered.labels) or items is self.items
            problems = [
                *(_problems_of_mode(change, rendered.names, were_given=bool(items)) if is_whole else ()),
                *self._policy_problems(rendered),
            ]
            if problems:
                raise Failures(problems)  # noqa: TRY301 - with the others, for their places
        except Failures as failures:
            raise Failures([self.add_place(error) for error in failures.errors]) from None
        return change

    def _refuse_key(self, rendered: Rendered) -> None:
        """The key may have come by a file or a metric, and everybody can read a label."""
        if found := [
            InputError.contains_key(f"{name} renders as a text that")
            for label, name in rendered.names.items()
            if self.holds_key(label)
        ]:
            raise Failures(found)

    def _policy_problems(self, rendered: Rendered) -> Iterator[HarLabelsError]:
        """Labels that no run may give are refused before any write, whatever is there now (contract §6 "Policy")."""
        for label, name in rendered.names.items() if self.policy else ():
            if self.policy and (refusal := self.policy.refusal(label, self.mode)):
                rule, cure = refusal
                what = f"{name} {shown(label)!r} is not allowed: {rule.place} says that {rule.says}"
                yield InputError(what, cure)


# --- rendering ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts in order without duplicates, each with its name in messages, and a notice for each item that was dropped."""

    labels: tuple[str, ...]
    notices: tuple[str, ...]
    names: Mapping[str, str]


def render_labels(items: Sequence[Item], scope: Scope, *, where: str) -> Rendered:
    """Labels from the items of `labels`.

    `where` precedes an item's position in messages: `label` gives `label 2`. Raises Failures with
    a TemplateError or InputError for every item that can't be a label (contract §2 "A label").
    """
    return _rendered(items, scope, where, are_patterns=False)


def render_patterns(items: Sequence[Item], scope: Scope, *, where: str) -> Rendered:
    """Patterns from the items of `remove`, or of `labels` in that mode: as `render_labels`, without the rules for labels.

    A `*`, `?` or `[` that comes out of a placeholder matches only itself, so no value can widen a pattern.
    """
    return _rendered(items, scope, where, are_patterns=True)


def _rendered(items: Sequence[Item], scope: Scope, where: str, *, are_patterns: bool) -> Rendered:
    names: dict[str, str] = {}
    notices: list[str] = []
    problems: list[HarLabelsError] = []
    for item in items:
        name = f"{item.where or where} {item.position}"
        try:
            text = _text_of(item.text, scope, name, is_pattern=are_patterns)
        except InputError as problem:
            problems.append(problem)
            continue
        if text is None:
            notices.append(f"{name} `{shown(item.text)}` is dropped: all its placeholders are empty")
        elif text in names:
            notices.append(f"{name} `{shown(item.text)}` is dropped: {names[text]} is the same, `{shown(text)}`")
        else:
            names[text] = name
    if problems:
        raise Failures(problems)
    return Rendered(tuple(names), tuple(notices), names)


def _text_of(source: str, scope: Scope, name: str, *, is_pattern: bool) -> str | None:
    """The label or pattern of one item; None if all its placeholders are empty. Raises InputError."""
    text: str | None = source
    if _TEMPLATE_SIGNS.search(source):
        from har_labels.templates.template import Template

        template = Template.parse(source, where=name, metrics=scope.metrics)
        text = template.render(scope, literally=_as_literal_pattern if is_pattern else str)
    if text is not None and not is_pattern and (problem := problem_with(text)):
        rendered = "" if text == source else f" renders as `{shown(text)}`, which"
        raise InputError(f"{name} `{shown(source)}`{rendered} can't be a label: {problem.why}", problem.cure)
    return text


def _as_literal_pattern(value: str) -> str:
    return _GLOB_SIGNS.sub(lambda found: f"[{found[0]}]", value)


# --- the labels of one change, judged by its mode -------------------------------------------------------------------


def _problems_of_mode(change: Change, names: Mapping[str, str], *, were_given: bool) -> Iterator[InputError]:
    """Labels that the change's mode can't take, and a list without any. `names`: each label as messages name it."""
    if change.mode in {Mode.CLEAR, Mode.READ}:
        return
    if not change.given:
        yield _nothing_given(change, were_given=were_given)
    elif change.mode is Mode.UPSERT:
        yield from _key_problems(names)
    elif change.mode is Mode.MOVE and len(change.given) > 1:
        first_two = " and ".join(f"{names[label]} {label!r}" for label in change.given[:2])
        more = f", of {len(change.given):,} labels" if len(change.given) > 2 else ""
        yield InputError(
            f"`move` moves one label, and there are {first_two}{more}", "Give one; another is another step."
        )
    else:
        for label in change.given if change.owned else ():
            if not matches_any(change.owned, label):
                yield InputError(
                    f"{names[label]} {label!r} matches no pattern of `{named('owned')}`",
                    "Every label given must match one of them, or the next run could not remove it.",
                )


def _nothing_given(change: Change, *, were_given: bool) -> InputError:
    if change.mode is not Mode.REPLACE:
        return InputError(f"there is nothing to {change.mode}: the list of labels is empty", "Give at least one label.")
    why = "all labels given are empty" if were_given else "the list of labels is empty"
    if change.owned:
        owned, clear = named("owned"), named("mode", "clear")
        cure = f"Use `{named('mode', 'remove')}` with these patterns, or `{clear}`, if that is meant."
        return InputError(f"every label that matches `{owned}` would be taken away: {why}", cure)
    what = "nothing would be left" if change.removes_nothing else "`replace` would leave nothing"
    return InputError(f"{what}: {why}", f"Use `{named('mode', 'clear')}` if that is meant.")


def _key_problems(names: Mapping[str, str]) -> Iterator[InputError]:
    setter: dict[str, str] = {}
    for label, name in names.items():
        if (pair := key_and_value(label)) is None:
            cure = f"Write it as `key=value` or `key:value`, or use `{named('mode', 'add')}`."
            yield InputError(f"{name} {label!r} has no key, and `upsert` sets keys", cure)
        elif setter.setdefault(pair[0], label) != label:
            other = setter[pair[0]]
            yield InputError(f"{name} {label!r} and {names[other]} {other!r} set one key", "Keep one of the two.")


# --- expressions ----------------------------------------------------------------------------------------------------


def requirements_of(
    lines: Sequence[Item], *, place: str, metrics: Mapping[str, object] | None = None
) -> tuple[Requirement, ...]:
    """Parses every line; one of a manifest's list may hold several expressions.

    Raises Failures with one TemplateError for each that can't be parsed; it names the key of `metrics` that seems to be meant.
    """
    if not lines:
        return ()
    from har_labels.templates.template import Requirement

    return _parsed(Requirement.parse, lines, place, metrics)


def selections_of(
    lines: Sequence[Item], *, place: str, metrics: Mapping[str, object] | None = None
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
