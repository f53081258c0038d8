"""From a manifest to entries to plan, and everything that is wrong with it before anything is requested (contract §6).

Precedence is entry, file, input. Only the input `require` is no default: it holds beside whatever a file says, so
that no file can open a gate that the step has closed. documents, positions: text with places; keys: which keys there
are; file: what is wrong with single values; entry: defaults and contradictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from har_labels.checks import OnMissingName
from har_labels.contradictions import WITHOUT_LABELS
from har_labels.entries import Entry
from har_labels.errors import Failures, HarLabelsError, InputError, ManifestError
from har_labels.files import NO_WORKSPACE, Workspace, read_text
from har_labels.labels import Mode, OnConflict
from har_labels.lists import Item
from har_labels.manifest.entry import PlacedEntry, check_defaults, check_entry
from har_labels.manifest.file import Faults, levels_of
from har_labels.manifest.positions import Place
from har_labels.recipe import Recipe, Surroundings, requirements_of
from har_labels.rendering import has_placeholders, render_labels, render_patterns
from har_labels.settings import Settings

if TYPE_CHECKING:
    from har_labels.rules import Requirement

LARGEST_MANIFEST = 10 * 1024 * 1024
_OF_THE_ARTIFACT = frozenset({"artifact", "registry"})


@dataclass(frozen=True, slots=True)
class PlacedItem(Item):
    """An item of a list, and where it stands: `place` in the file, `where` in messages (`manifest.yml:12:15`)."""

    place: Place
    where: str


def entries_in(  # noqa: PLR0913 - what a run knows, each by its keyword
    path: str,
    *,
    spelling: str,
    defaults: Settings,
    surroundings: Surroundings,
    requirements: Sequence[Requirement] = (),
    notice: Callable[[str], None],
    workspace: Workspace = NO_WORKSPACE,
) -> list[Entry]:
    """The entries of a manifest in order, each with what the file and the inputs (`defaults`) add to it.

    `spelling` is the input `manifest` as its reader writes it, `requirements` are those of the input `require`.
    Raises Failures with an error for every problem, each naming file, line and column; InputError if the file can't
    be read at all. Labels are not rendered yet: see `check_labels`.
    """
    text = read_text(path, spelling=spelling, limit=LARGEST_MANIFEST)
    faults = Faults(path)
    making = _Making(faults, surroundings, tuple(requirements), notice, workspace)
    made: list[Entry] = []
    if levels := levels_of(text, faults):
        file, own = levels
        entries = [PlacedEntry(level, file, defaults) for level in own]
        for entry in entries:
            check_entry(entry, faults)
        check_defaults(file, entries, faults)
        made = [making.entry(entry) for entry in entries if entry.is_whole]
    if errors := faults.errors:
        raise Failures(errors)
    return made


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes entries of a run out of those of a file; what is wrong with them goes into `faults`."""

    faults: Faults
    surroundings: Surroundings
    requirements: tuple[Requirement, ...]
    notice: Callable[[str], None]
    workspace: Workspace
    _metrics: dict[tuple[str, ...], Surroundings] = field(default_factory=dict)

    def entry(self, entry: PlacedEntry) -> Entry:
        patterns = self._items(entry, "artifact")
        return Entry(
            ref=entry.value("registry_ref"),
            patterns=tuple(dict.fromkeys(item.text for item in patterns)),
            artifact_type=entry.value("artifact_type") or "",
            recipe=self._recipe(entry, entry.mode or Mode.REPLACE),
            skips_missing=entry.value("on_missing") is OnMissingName.SKIP,
            places=self._places(entry, patterns),
        )

    def _places(self, entry: PlacedEntry, patterns: Sequence[Item]) -> dict[str, str]:
        """Where the patterns and the registry stand, for errors that only the registry can tell."""
        places = {item.text: item.where for item in reversed(patterns) if isinstance(item, PlacedItem)}
        if registry := entry.node("registry_ref"):
            places[str(entry.value("registry_ref"))] = self.faults.where(registry.place)
        return places

    def _recipe(self, entry: PlacedEntry, mode: Mode) -> Recipe:
        labels = entry.node("labels")
        recipe = Recipe(
            mode=mode,
            items=() if mode in WITHOUT_LABELS else self._items(entry, "labels"),
            surroundings=self._surroundings_of(entry),
            owned=tuple(item.text for item in self._items(entry, "owned")) if mode is Mode.REPLACE else (),
            on_conflict=entry.value("on_conflict") or OnConflict.OVERWRITE,
            requirements=(*self.requirements, *self._requirements_of(entry)),
            renders=entry.value("templates") is not False,
            place=f"{self.faults.where(labels.place if labels else entry.own.node.place)}: label",
            notice=self.notice,
        )
        self._check_syntax(recipe)
        return recipe

    def _items(self, entry: PlacedEntry, name: str) -> tuple[Item, ...]:
        """The items of a list, each with its place if it stands in the file."""
        found, node = entry.value(name) or (), entry.node(name)
        if not node or not found:
            return tuple(found)
        items = (item if isinstance(item, Item) else Item(item, at) for at, item in enumerate(found, start=1))
        nodes = node.value if isinstance(node.value, list) else [node] * len(found)
        return tuple(
            PlacedItem(item.text, item.position, at.place, self.faults.where(at.place))
            for item, at in zip(items, nodes, strict=True)
        )

    def _requirements_of(self, entry: PlacedEntry) -> Iterator[Requirement]:
        """Those that entry or file give; the input's are there already."""
        for item in self._items(entry, "require") if entry.level("require") else ():
            assert isinstance(item, PlacedItem)
            try:
                yield from requirements_of([item], place=f"{item.where}: `require`")
            except Failures as failures:
                self._add(item.place, failures.errors)

    def _surroundings_of(self, entry: PlacedEntry) -> Surroundings:
        """What templates see: the metrics of the entry or file, if it names some, instead of the input's."""
        node = entry.node("metrics_file")
        if not node:
            return self.surroundings
        from har_labels.metrics import load_metrics

        paths = tuple(item.text for item in self._items(entry, "metrics_file"))
        try:
            for path in paths:
                self.workspace.check(path, spelling="metrics-file")
            if paths not in self._metrics:
                self._metrics[paths] = replace(self.surroundings, metrics=load_metrics(paths))
        except InputError as error:
            placed = type(error)(f"{self.faults.where(node.place)}: {error.what}", error.next_step)
            self._add(node.place, [placed])
        return self._metrics.get(paths, self.surroundings)

    def _check_syntax(self, recipe: Recipe) -> None:
        for item in recipe.items if recipe.renders else ():
            assert isinstance(item, PlacedItem)
            try:
                _names_in(item.text, where=f"{item.where}: label {item.position}")
            except InputError as error:
                self._add(item.place, [error])

    def _add(self, place: Place, errors: Sequence[HarLabelsError]) -> None:
        for error in errors:
            self.faults.add_error(place, error)


def check_labels(entries: Sequence[Entry]) -> None:
    """Renders all labels that are the same for every artifact, so that a wrong one is told before any request.

    Raises Failures with every one that can't be. Those that name the artifact are rendered when it is known.
    """
    errors = {error.line: error for entry in entries for error in _label_errors(entry.recipe)}
    if errors:
        raise Failures(list(errors.values()))


def _label_errors(recipe: Recipe) -> Sequence[HarLabelsError]:
    known = [item for item in recipe.items if not _names_artifact(recipe, item)]
    of_all: Sequence[HarLabelsError] = ()
    if len(known) == len(recipe.items):
        try:
            recipe.change_for(artifact="", registry="")
        except Failures as failures:
            of_all = [_placed(error, recipe.place) for error in failures.errors]
        else:
            return ()
    # What one item is wrong about is told with that item's place, not the list's.
    return [error for item in known for error in _item_errors(recipe, item)] or of_all


def _item_errors(recipe: Recipe, item: Item) -> Sequence[HarLabelsError]:
    render = render_patterns if recipe.mode is Mode.REMOVE else render_labels
    scope = recipe.surroundings.scope(artifact="", registry="")
    where = f"{item.where}: label" if isinstance(item, PlacedItem) else recipe.place
    try:
        render([item], scope, where=where, enabled=recipe.renders)
    except Failures as failures:
        return failures.errors
    return ()


def _names_artifact(recipe: Recipe, item: Item) -> bool:
    names = _names_in(item.text, where=recipe.place) if recipe.renders else frozenset[str]()
    return any(name.partition(".")[0] in _OF_THE_ARTIFACT for name in names)


def _names_in(text: str, *, where: str) -> frozenset[str]:
    """What the placeholders of a text read. Raises TemplateError."""
    if not has_placeholders(text):
        return frozenset()
    from har_labels.rules import Template

    return Template.parse(text, where=where).names


def _placed(error: HarLabelsError, place: str) -> HarLabelsError:
    return error if error.what.startswith(place) else ManifestError(f"{place}s: {error.what}", error.next_step)
