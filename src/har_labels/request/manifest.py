"""From a manifest to entries to plan; all problems are reported before any request (contract §6).

Precedence is entry, file, input. The inputs `require` and `where` are not defaults: they apply in addition to the file's
lines, so that no file can weaken the conditions of the step. `manifest_file` reads and checks the file key by key; this
module checks contradictions between keys, defaults, and templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from har_labels.errors import Failures, HarLabelsError, InputError, ManifestError
from har_labels.files import NO_WORKSPACE, Document, Workspace
from har_labels.inputs.conflicts import MODES_OF
from har_labels.inputs.flaws import notices_about
from har_labels.inputs.lists import Item
from har_labels.inputs.names import dashed
from har_labels.inputs.settings import Settings
from har_labels.inputs.types import OnMissingName
from har_labels.inputs.yaml import Node, Place
from har_labels.model.labels import WITHOUT_LABELS, Mode, OnConflict
from har_labels.request.entry import Entry
from har_labels.request.file_check import FileErrors
from har_labels.request.label_spec import (
    LabelSpec,
    RunContext,
    TemplateContext,
    baseline_of,
    requirements_of,
    selections_of,
)
from har_labels.request.manifest_file import ManifestNode, read_manifest
from har_labels.request.patterns import parse_pattern, split_patterns
from har_labels.text import named

T = TypeVar("T")

# The keys that only some modes accept, with these modes in words.
_FITTING = {
    "labels": "a mode other than `clear` and `read`",
    "owned": "`mode: replace`",
    "on_conflict": "`mode: upsert`",
    "remove": "`mode: add` or `mode: upsert`",
}
_NEEDED = {"registry_ref": "account/org/project/registry", "artifact": "resnet50"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedItem(Item):
    """An item of a list in the file with its `place`."""

    place: Place


def entries_in(
    document: Document, run: RunContext, *, defaults: Settings, workspace: Workspace = NO_WORKSPACE
) -> list[Entry]:
    """The entries of a manifest in order, completed by the file's defaults, by the inputs (`defaults`) and by the run.

    Labels that are the same for every artifact are rendered now, so that an invalid one is reported before any request.
    Raises Failures with an error for every problem, each naming file, line and column.
    """
    errors = FileErrors(document.name, ManifestError)
    builder = _ManifestEntryBuilder(errors, run, workspace)
    made: list[Entry] = []
    if nodes := read_manifest(document.text, errors):
        file, own = nodes
        entries = [PlacedEntry(node, file, defaults) for node in own]
        for entry in entries:
            check_entry(entry, errors)
        check_defaults(file, entries, defaults, errors)
        made = [builder.entry(entry) for entry in entries if entry.is_whole]
    errors.raise_any()
    return made


def check_file(document: Document) -> None:
    """Checks the keys and values of a manifest, without inputs and other files. Raises Failures as `entries_in` does."""
    errors = FileErrors(document.name, ManifestError)
    read_manifest(document.text, errors)
    errors.raise_any()


def check_alone(document: Document, *, now: datetime) -> None:
    """Checks for problems that do not depend on inputs, metrics or registry. Raises Failures as `entries_in` does."""
    errors = FileErrors(document.name, ManifestError)
    run = RunContext(TemplateContext({}, {}, now, unknown=frozenset({"metrics", "ci", "now"})))
    builder = _ManifestEntryBuilder(errors, run, NO_WORKSPACE, is_alone=True)
    if nodes := read_manifest(document.text, errors):
        file, own = nodes
        inputs = Settings()
        entries = [PlacedEntry(node, file, inputs) for node in own]
        for entry in entries:
            check_entry(entry, errors, is_alone=True)
            builder.check(entry)
        if not any(entry.is_without_mode for entry in entries):
            check_defaults(file, entries, inputs, errors)
    errors.raise_any()


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """One entry with its defaults: the file, then the inputs."""

    own: ManifestNode
    file: ManifestNode
    inputs: Settings

    def source(self, name: str) -> ManifestNode | None:
        """The entry or the file, whichever has the key `name` (with underscores) first; None if the inputs decide."""
        return next((node for node in (self.own, self.file) if node.has(name)), None)

    def value(self, name: str) -> Any:
        """The value for the entry; None if it is missing or invalid."""
        source = self.source(name)
        return getattr(source.form, name) if source else getattr(self.inputs, name)

    def node(self, name: str) -> Node | None:
        """The node of the value; None if it is not from the file."""
        source = self.source(name)
        return source.value_node(name) if source else None

    def is_bad(self, name: str) -> bool:
        """Whether the value in entry or file is invalid."""
        source = self.source(name)
        return bool(source and dashed(name) in source.bad)

    @property
    def mode(self) -> Mode | None:
        """The mode, `replace` if there is none; None if it is invalid."""
        if self.is_bad("mode"):
            return None
        mode: Mode | None = self.value("mode")
        return mode or Mode.REPLACE

    @property
    def is_without_mode(self) -> bool:
        """Whether entry, file and inputs have no mode."""
        return not self.value("mode") and not self.is_bad("mode")

    @property
    def is_whole(self) -> bool:
        """Whether it has all required values."""
        return bool(self.value("registry_ref") and self.value("artifact") and self.mode)


def check_entry(entry: PlacedEntry, errors: FileErrors, *, is_alone: bool = False) -> None:
    """Reports missing keys of an entry, and its own keys that its mode does not accept.

    If the file `is_alone`, the inputs are unknown, which may have registry and mode.
    """
    for name, example in _NEEDED.items():
        if is_alone and name == "registry_ref":
            continue
        if not entry.value(name) and not entry.is_bad(name):
            cure = f"Give it here or for all at the top of the file, for example `{dashed(name)}: {example}`."
            errors.add(entry.own.node.place, f"this entry has no `{dashed(name)}`", cure)
    mode = entry.mode
    if not mode or (is_alone and entry.is_without_mode):
        return
    if mode not in WITHOUT_LABELS and not entry.source("labels"):
        cure = "Give them, or `mode: clear` to remove all labels." if mode is Mode.REPLACE else "Give them."
        needs = "" if entry.is_without_mode else f", and `mode: {mode}` needs them"
        errors.add(entry.own.node.place, f"this entry has no `labels`{needs}", cure)
    for name, with_what in _FITTING.items():
        if mode not in MODES_OF[name] and _has_own(entry.own, name):
            has = "no `mode`" if entry.is_without_mode else f"`mode: {mode}`"
            what = f"`{dashed(name)}` goes with {with_what}, and this entry has {has}"
            errors.add(entry.own.place(name), what, "Leave it out, or choose another mode.")


def check_defaults(file: ManifestNode, entries: list[PlacedEntry], inputs: Settings, errors: FileErrors) -> None:
    """Reports defaults of the file or of an input that the modes of all entries do not accept."""
    modes = {entry.mode for entry in entries}
    if None in modes:
        return
    for name, with_what in _FITTING.items():
        if modes & MODES_OF[name]:
            continue
        what = f"goes with {with_what}, and no entry has that"
        if _has_own(file, name):
            errors.add(file.place(name), f"`{dashed(name)}` {what}", "Leave it out, or choose another mode.")
        elif name != "labels" and getattr(inputs, name) != Settings.model_fields[name].default:
            errors.add(file.node.place, f"the input `{named(name)}` {what}", "Leave it out, or choose another mode.")


def _has_own(node: ManifestNode, name: str) -> bool:
    """Whether it has a valid value of the key; `on-conflict: overwrite`, the default, does not count."""
    return node.has(name) and dashed(name) not in node.bad and getattr(node.form, name) is not OnConflict.OVERWRITE


@dataclass(frozen=True, slots=True)
class _ManifestEntryBuilder:
    """Builds the entries of a run from those of a file; their problems go into `errors`."""

    errors: FileErrors
    run: RunContext
    workspace: Workspace
    is_alone: bool = False
    _metrics: dict[tuple[str, ...], TemplateContext | Sequence[HarLabelsError]] = field(default_factory=dict)

    def entry(self, entry: PlacedEntry) -> Entry:
        items = self._items(entry, "artifact")
        patterns, excluded = split_patterns(parse_pattern(item.text) for item in items)
        return Entry(
            ref=entry.value("registry_ref"),
            patterns=patterns,
            excluded=excluded,
            artifact_type=entry.value("artifact_type") or "",
            spec=self._spec(entry),
            skips_missing=entry.value("on_missing") is OnMissingName.SKIP,
            places=self._places(entry, items),
        )

    def check(self, entry: PlacedEntry) -> None:
        """Reports the problems of one entry that do not depend on the artifact."""
        if entry.mode:
            self._spec(entry)

    def _places(self, entry: PlacedEntry, patterns: Sequence[Item]) -> dict[str, str]:
        """The places of the patterns and the registry, for errors of requests."""
        placed = [item for item in reversed(patterns) if isinstance(item, PlacedItem)]
        places = {parse_pattern(item.text).text: self.errors.where(item.place) for item in placed}
        if registry := entry.node("registry_ref"):
            places[str(entry.value("registry_ref"))] = self.errors.where(registry.place)
        return places

    def _spec(self, entry: PlacedEntry) -> LabelSpec:
        mode, context = entry.mode or Mode.REPLACE, self._context_of(entry)
        at = (entry.node("labels") or entry.own.node).place
        place = f"{self.errors.where(at)}: label"
        spec = LabelSpec(
            mode=mode,
            is_without_mode=entry.is_without_mode,
            items=() if mode in WITHOUT_LABELS else self._items(entry, "labels"),
            context=context,
            owned=tuple(item.text for item in self._items(entry, "owned")) if mode is Mode.REPLACE else (),
            on_conflict=entry.value("on_conflict") or OnConflict.OVERWRITE,
            baseline=baseline_of(entry.value("baseline"), entry.value("artifact_type")),
            requirements=(*self.run.requirements, *self._lines_of(entry, "require", requirements_of, context)),
            where=(*self.run.selections, *self._lines_of(entry, "where", selections_of, context)),
            removals=self._items(entry, "remove") if mode in MODES_OF["remove"] else (),
            place=place,
            policy=self.run.policy,
            add_place=partial(self._of_file, place),
            notice=self.run.notice,
            holds_key=self.run.holds_key,
        )
        if spec.items and not any(map(entry.is_bad, MODES_OF)):
            self.errors.add_errors(at, spec.label_problems())
        problems = spec.expression_problems(is_baseline_known=not entry.is_bad("baseline"))
        self.errors.add_errors(entry.own.node.place, problems)
        return spec

    def _of_file(self, place: str, error: HarLabelsError) -> HarLabelsError:
        """The error of a label, or of all labels, with its place in this file."""
        is_placed = error.what.startswith(f"{self.errors.title}:")
        error = error.placed("" if is_placed else f"{place}s")
        return ManifestError(error.what, error.next_step) if type(error) is InputError else error

    def _items(self, entry: PlacedEntry, name: str) -> tuple[Item, ...]:
        """The items of a list, each with its place if it is in the file."""
        found, node = entry.value(name) or (), entry.node(name)
        if not node or not found:
            return tuple(found)
        items = [item if isinstance(item, Item) else Item(item, at) for at, item in enumerate(found, start=1)]
        for remark in notices_about(items, are_labels=name == "labels"):
            self.run.notice(f"{self.errors.where(node.place)}: `{dashed(name)}` {remark}")
        nodes = node.value if isinstance(node.value, list) else [node] * len(found)
        title = {"labels": ": label", "remove": ": `remove` item"}.get(name)
        placed = []
        for item, item_node in zip(items, nodes, strict=True):
            where = f"{self.errors.where(item_node.place)}{title}" if title else ""
            placed.append(PlacedItem(item.text, item.position, where, place=item_node.place))
        return tuple(placed)

    def _lines_of(
        self, entry: PlacedEntry, name: str, parsed: Callable[..., tuple[T, ...]], context: TemplateContext
    ) -> Iterator[T]:
        """The lines of `require` or `where` in entry or file, without those of the input."""
        for item in self._items(entry, name) if entry.source(name) else ():
            assert isinstance(item, PlacedItem)
            try:
                yield from parsed([item], place=f"{self.errors.where(item.place)}: `{name}`", metrics=context.metrics)
            except Failures as failures:
                self.errors.add_errors(item.place, failures.errors)

    def _context_of(self, entry: PlacedEntry) -> TemplateContext:
        """The context of the run; if entry or file name metrics files, with these metrics instead of the input's.

        They are `unknown` if their files can't be read.
        """
        node = entry.node("metrics_file")
        if self.is_alone or not node:
            return self.run.templates
        items = tuple(item.text for item in self._items(entry, "metrics_file"))
        if items not in self._metrics:
            self._metrics[items] = self._with_metrics(items)
        found = self._metrics[items]
        if isinstance(found, TemplateContext):
            return found
        self.errors.add_errors(node.place, [error.placed(self.errors.where(node.place)) for error in found])
        return replace(self.run.templates, metrics={}, unknown=frozenset({"metrics"}))

    def _with_metrics(self, items: Sequence[str]) -> TemplateContext | Sequence[HarLabelsError]:
        """The context with these metrics, or the errors. Standard input is only available to the input `metrics-file`."""
        from har_labels.inputs.metric_files import paths_of
        from har_labels.request.metrics import load_metrics

        try:
            for path in chain.from_iterable(map(paths_of, items)):
                self.workspace.check(path, spelling="metrics-file")
            return replace(self.run.templates, metrics=load_metrics(items), unknown=frozenset())
        except Failures as failures:
            return failures.errors
        except InputError as error:
            return [error]
