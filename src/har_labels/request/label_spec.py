"""One change as specified by inputs or a manifest, and the change that results for each artifact (contract §2, §3).

From item to change: an `Item` of a list (inputs/lists.py) is rendered as a template, the text is checked against the rules
for labels, and all texts together become the `Change` of an artifact, which is checked against mode and policy. A list is
split before rendering, and each item is rendered alone, so a value can never become two labels. The template language is
loaded only for items with a placeholder: most steps have none.
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
from har_labels.model.labels import (
    WITHOUT_LABELS,
    Change,
    Labels,
    Mode,
    OnConflict,
    key_and_value,
    matches_any,
    problem_with,
)
from har_labels.templates.keys import first_parts
from har_labels.templates.scope import ARTIFACT_NAMES, LACKABLE_NAMES, Scope
from har_labels.text import named, shown

if TYPE_CHECKING:
    from har_labels.model.facts import ArtifactFacts
    from har_labels.request.policy import Policy
    from har_labels.templates.template import Requirement, Selection

T = TypeVar("T")
# The names in an expression whose values are current labels.
_CURRENT_NAMES = frozenset({"current", "current_map", "baseline", "holders"})
_GLOB_SIGNS = re.compile(r"[*?\[]")
# Everything that begins template syntax, also syntax that is not allowed.
_TEMPLATE_SIGNS = re.compile(r"\{[{%#]")


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """The values for templates and expressions that are the same for the whole run.

    `unknown`: names that have no value yet. Items and expressions that read them are not checked in advance. These are
    `metrics` if a file can't be read, and also `ci` and `now` if a manifest is checked outside of a run.
    """

    metrics: Mapping[str, object]
    ci: Mapping[str, str]
    now: datetime
    unknown: frozenset[str] = frozenset()

    def scope(self, *, artifact: str = "", registry: str = "") -> Scope:
        """The names and values of an expression. Without an artifact: for expressions that read none of its names."""
        return Scope(metrics=self.metrics, ci=self.ci, now=self.now, artifact=artifact, registry=registry)


@dataclass(frozen=True, slots=True)
class RunContext:
    """The data that all label specs of one run share.

    `requirements` and `selections`: the lines of the inputs `require` and `where`, which apply in addition to those of a
    manifest. `policy`: the rules for the labels. `notice` takes one line for the log, `holds_key` finds the API key in a text.
    """

    templates: TemplateContext
    requirements: tuple[Requirement, ...] = ()
    selections: tuple[Selection, ...] = ()
    policy: Policy | None = None
    notice: Callable[[str], None] = lambda _line: None
    holds_key: Callable[[str], bool] = lambda _text: False


class Listed(Protocol):
    """An artifact as in a list of the registry; `labels` is None if they are not shown."""

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

    `labels`: those of the last read; empty if the artifact does not exist, None if the registry does not show them.
    """

    name: str
    artifact_type: str = ""
    labels: Labels | None = ()


@dataclass(slots=True, eq=False)
class Among:
    """The artifacts of which exactly one has the label after a move (contract §3 "Move").

    `patterns`: names or globs of one registry. `holders`: the names of the artifacts that had the label at the last read
    before the first write of the move; `require` reads them.
    """

    patterns: tuple[str, ...]
    holders: tuple[str, ...] | None = None


def baseline_of(name: str | None, artifact_type: str | None) -> Baseline | None:
    """The baseline that an input or a manifest's entry names, or None."""
    return Baseline(name, artifact_type or "") if name else None


@dataclass(frozen=True, slots=True, eq=False)
class LabelSpec:
    """One change as specified by the inputs or by an entry of a manifest.

    - `items`: the labels to render; with the mode `remove`, the patterns. `removals`: the patterns of the input `remove`,
      which `add` and `upsert` remove.
    - `is_without_mode`: the step has no `mode`. Then `mode` is `replace`, and must not remove a label.
    - `policy`: the rules for the labels.
    - `place` precedes positions in messages: `label`, or a manifest's line with that.
    - `notice` takes one line for each dropped label; `holds_key` finds the API key in a text; `add_place` adds the place
      in a manifest to an error.
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
    # The one change for all artifacts, if no item reads a name of the artifact.
    _shared: list[Change] = field(default_factory=list, repr=False)

    @property
    def is_merging(self) -> bool:
        """Whether the wanted labels depend on the current ones."""
        return bool(self.owned) or self.mode.is_merging

    @property
    def needs_reading(self) -> bool:
        """Whether an artifact has to be read before its change, `require` or `where` can be evaluated."""
        is_gated = any(first_parts(one.names) & _CURRENT_NAMES for one in self.requirements)
        return self.is_merging or is_gated or bool(self._names_in_where & LACKABLE_NAMES)

    @property
    def needs_labels(self) -> bool:
        """Whether an artifact can't be planned if the registry does not show its labels."""
        return self.is_merging or bool(self._names_in_where & _CURRENT_NAMES)

    @property
    def _names_in_where(self) -> set[str]:
        return first_parts(path for one in self.where for path in one.names)

    @property
    def keys_chosen_by(self) -> set[str]:
        """The label keys that `where` reads as `current_map.KEY`."""
        of_labels = "current_map."
        paths = (path for line in self.where for path in line.names if path.startswith(of_labels))
        return {path.removeprefix(of_labels) for path in paths}

    @property
    def must_not_remove(self) -> bool:
        """Whether current labels must not be removed, as no mode allows it (contract §3)."""
        return self.is_without_mode and not self.owned

    # --- one artifact ------------------------------------------------------------------------------------------

    def change_for(self, *, artifact: str, registry: str) -> Change:
        """The change for one artifact. Raises Failures with an InputError for each invalid label."""
        if not self._shared:
            scope = self.context.scope(artifact=artifact, registry=registry)
            change = self._change(self.items, self.removals, scope, notice=self.notice)
            if any(self._names_in(item) & ARTIFACT_NAMES for item in (*self.items, *self.removals)):
                return change
            self._shared.append(change)
        return self._shared[0]

    def selects(self, listed: Listed, *, registry: str) -> bool:
        """Whether every line of `where` is true for an artifact. Raises TemplateError and Unreadable, which name the artifact."""
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
        """A function that checks `require` for the current labels; it raises RequireFailed if a line is false."""
        fixed = replace(self.context.scope(artifact=artifact, registry=registry), labels=change.labels)

        def gate(now: Labels | None) -> None:
            if not self.requirements:
                return
            # Baseline and holders of the last read, which `engine.baselines` and `engine.moves` renew.
            baseline = self.baseline.labels if self.baseline else None
            holders = self.among.holders if self.among else None
            scope = replace(fixed, current=now, baseline=baseline, holders=holders)
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
        """The errors of the labels that read neither a name of the artifact nor an `unknown` one."""
        known = [item for item in self.items if self._is_known(self._names_in(item))]
        removals = [item for item in self.removals if self._is_known(self._names_in(item))]
        try:
            if len(known) == len(self.items) and len(removals) == len(self.removals):
                self.change_for(artifact="", registry="")
            elif known or removals:
                # An error of one label remains an error, whatever the others render as.
                self._change(known, removals, self.context.scope(), notice=lambda _line: None)
        except Failures as failures:
            return failures.errors
        return ()

    def expression_problems(self, *, is_baseline_known: bool = True) -> Sequence[HarLabelsError]:
        """The errors of `require` and `where` that do not depend on the artifact; whether `require` holds is checked later.

        Without `is_baseline_known` the input `baseline` is invalid, which is reported already.
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
        """The error of an expression, if it has one and reads only known names."""
        if self._is_known(first_parts(paths)):
            try:
                check(self.context.scope())
            except InputError as problem:
                yield problem

    def _is_known(self, names: set[str]) -> bool:
        return not names & (ARTIFACT_NAMES | self.context.unknown)

    def _names_in(self, item: Item) -> set[str]:
        """The names that an item reads; none if it can't be parsed, which rendering reports."""
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

        If the mode needs a label, all items of the spec together must give one; a part of the items need not.
        """
        try:
            rendered = render_items(items, scope, where=self.place, are_patterns=self.mode is Mode.REMOVE)
            removed = render_items(removals, scope, where=f"`{named('remove')}` item", are_patterns=True)
            for each in (rendered, removed):
                self._refuse_key(each)
                for line in each.notices:
                    notice(line)
            change = Change(
                self.mode, rendered.labels, self.owned, self.on_conflict, self.must_not_remove, removed.labels
            )
            is_whole = bool(rendered.labels) or items is self.items
            problems = [
                *(_problems_of_mode(change, rendered.names, were_given=bool(items)) if is_whole else ()),
                *self._policy_problems(rendered),
            ]
            if problems:
                raise Failures(problems)  # noqa: TRY301 - `add_place` applies to these, too
        except Failures as failures:
            raise Failures([self.add_place(error) for error in failures.errors]) from None
        return change

    def _refuse_key(self, rendered: Rendered) -> None:
        """Raises Failures for a label with the API key: a file or a metric may contain it, and everybody can read labels."""
        if found := [
            InputError.contains_key(f"{name} renders as a text that")
            for label, name in rendered.names.items()
            if self.holds_key(label)
        ]:
            raise Failures(found)

    def _policy_problems(self, rendered: Rendered) -> Iterator[HarLabelsError]:
        """Labels that the policy forbids for any current labels are refused before any request (contract §6 "Policy")."""
        if not self.policy:
            return
        for label, name in rendered.names.items():
            if refusal := self.policy.refusal(label, self.mode):
                rule, cure = refusal
                what = f"{name} {shown(label)!r} is not allowed: {rule.place} says that {rule.says}"
                yield InputError(what, cure)


# --- rendering ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rendered:
    """The rendered texts in order without duplicates, the name of each in messages, and a notice for each dropped item."""

    labels: tuple[str, ...]
    notices: tuple[str, ...]
    names: Mapping[str, str]


def render_items(items: Sequence[Item], scope: Scope, *, where: str, are_patterns: bool = False) -> Rendered:
    """Renders items as labels, or as patterns of labels to remove, to which the rules for labels do not apply.

    `where` precedes an item's position in messages: `label` gives `label 2`. In a pattern a `*`, `?` or `[` from a
    placeholder matches only itself, so no value can widen the pattern. Raises Failures with a TemplateError or
    InputError for every invalid item (contract §2 "A label").
    """
    names: dict[str, str] = {}
    notices: list[str] = []
    problems: list[HarLabelsError] = []
    for item in items:
        name = f"{item.where or where} {item.position}"
        try:
            text = _render_item(item.text, scope, name, is_pattern=are_patterns)
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


def _render_item(source: str, scope: Scope, name: str, *, is_pattern: bool) -> str | None:
    """Renders one item as a label or pattern; None if all its placeholders are empty. Raises InputError."""
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


# --- the labels of one change, checked against its mode -------------------------------------------------------------


def _problems_of_mode(change: Change, names: Mapping[str, str], *, were_given: bool) -> Iterator[InputError]:
    """Errors for labels that do not fit the mode of the change, and for an empty list. `names`: the labels' names in messages."""
    if change.mode in WITHOUT_LABELS:
        return
    if not change.labels:
        yield _nothing_given(change, were_given=were_given)
    elif change.mode is Mode.UPSERT:
        yield from _key_problems(names)
    elif change.mode is Mode.MOVE and len(change.labels) > 1:
        first_two = " and ".join(f"{names[label]} {label!r}" for label in change.labels[:2])
        more = f", of {len(change.labels):,} labels" if len(change.labels) > 2 else ""
        yield InputError(
            f"`move` moves one label, and there are {first_two}{more}", "Give one; another is another step."
        )
    else:
        for label in change.labels if change.owned else ():
            if not matches_any(change.owned, label):
                yield InputError(
                    f"{names[label]} {label!r} matches no pattern of `{named('owned')}`",
                    "Every label must match one of them, or the next run could not remove it.",
                )


def _nothing_given(change: Change, *, were_given: bool) -> InputError:
    if change.mode is not Mode.REPLACE:
        return InputError(f"there is nothing to {change.mode}: the list of labels is empty", "Give at least one label.")
    why = "all labels are empty" if were_given else "the list of labels is empty"
    if change.owned:
        owned, clear = named("owned"), named("mode", "clear")
        cure = f"Use `{named('mode', 'remove')}` with these patterns, or `{clear}`, if that is meant."
        return InputError(f"every label that matches `{owned}` would be removed: {why}", cure)
    what = "nothing would be left" if change.must_not_remove else "`replace` would leave nothing"
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
    """Parses all lines of `require`; a line of a manifest's list may hold several expressions.

    Raises Failures with one TemplateError for each expression that can't be parsed; it suggests a similar key of `metrics`.
    """
    if not lines:
        return ()
    from har_labels.templates.template import Requirement

    return _parse_lines(Requirement.parse, lines, place, metrics)


def selections_of(
    lines: Sequence[Item], *, place: str, metrics: Mapping[str, object] | None = None
) -> tuple[Selection, ...]:
    """Parses all lines of `where`, as `requirements_of` does."""
    if not lines:
        return ()
    from har_labels.templates.template import Selection

    return _parse_lines(Selection.parse, lines, place, metrics)


def _parse_lines(
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
