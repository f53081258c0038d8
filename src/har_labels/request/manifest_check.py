"""A manifest read and checked key by key: what it says, and every problem with file, line and column (contract §6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from har_labels.errors import HarLabelsError, InputError, ManifestError
from har_labels.inputs.names import dashed, instead_of
from har_labels.inputs.settings import fields, quoted
from har_labels.inputs.sources import ALIKE
from har_labels.inputs.types import SEPARATOR
from har_labels.inputs.yaml import Node, Place, Word, WordKind, load_placed
from har_labels.request.manifest_schema import VERSION, Manifest, ManifestEntry
from har_labels.text import shown

# A file of another kind could have a problem in every line; nobody reads more than these.
MOST_TOLD = 100

_Location = tuple[int | str, ...]


@dataclass(slots=True)
class Faults:
    """What is wrong with one file, as failures of its `kind`. Told in the order of the places, the same thing once."""

    path: str
    kind: type[InputError] = ManifestError
    _found: list[tuple[Place, HarLabelsError]] = field(default_factory=list)

    def where(self, place: Place) -> str:
        """`manifest.yml:12:5`, which editors and logs make a link of."""
        return f"{shown(self.path)}:{place.line}:{place.column}"

    def add(self, place: Place, what: str, cure: str) -> None:
        self.add_error(place, self.kind(f"{self.where(place)}: {what}", cure))

    def add_error(self, place: Place, error: HarLabelsError) -> None:
        """An error whose text names the place already."""
        self._found.append((place, error))

    @property
    def errors(self) -> list[HarLabelsError]:
        ordered = sorted(self._found, key=lambda found: found[0])
        errors = list({error.line: error for _, error in ordered}.values())
        if len(errors) > MOST_TOLD:
            more = f"{shown(self.path)}: {len(errors) - MOST_TOLD:,} more problems in this file"
            return [*errors[:MOST_TOLD], self.kind(more, "Correct the ones before it first.")]
        return errors


@dataclass(frozen=True, slots=True)
class Level:
    """One mapping that can say things: an entry, or the file itself. `bad` has the keys that can't be understood."""

    form: Manifest | ManifestEntry
    node: Node
    bad: frozenset[str]

    def has(self, name: str) -> bool:
        """Whether it says `name` (with underscores), whatever it says."""
        return dashed(name) in self.node.keys

    def place(self, name: str) -> Place:
        """Where the key stands."""
        return self.node.keys[dashed(name)]

    def value_node(self, name: str) -> Node:
        """Where the value stands."""
        assert isinstance(self.node.value, dict)
        return self.node.value[dashed(name)]


def levels_of(text: str, faults: Faults) -> tuple[Level, list[Level]] | None:
    """The file and its entries as far as they can be understood; None if not even that. All else is in `faults`."""
    root = mapping_in(text, faults, _BEGINNING)
    if not root:
        return None
    form, errors = _validated(root.plain)
    for error in errors:
        add_value_error(error, root, faults, _WORDS)
    return _levels(form, root, [tuple(error["loc"]) for error in errors]) if form else None


def mapping_in(text: str, faults: Faults, beginning: tuple[str, str]) -> Node | None:
    """The mapping that a file is; None if it is none. What is wrong with its form goes into `faults`.

    `beginning` says what the file should be, and how such a file begins.
    """
    root, problems = load_placed(text, is_json=faults.path.lower().endswith(".json"))
    for problem in problems:
        faults.add(problem.place, problem.why, problem.cure)
    if root and isinstance(root.value, dict):
        return root
    if not problems:
        found = "its top is no mapping" if root else "it is empty"
        what, cure = beginning
        faults.add(root.place if root else Place(1, 1), f"{what} is a mapping, and {found}", cure)
    return None


def _levels(form: Manifest, root: Node, bad: Sequence[_Location]) -> tuple[Level, list[Level]]:
    changes = root.value["changes"].value if isinstance(root.value, dict) else []
    assert isinstance(changes, list)
    of_file = frozenset(str(location[0]) for location in bad if location[0] != "changes")
    entries = []
    for index, (entry, node) in enumerate(zip(form.changes, changes, strict=True)):
        mine = [location for location in bad if location[:2] == ("changes", index)]
        # Of an entry that is no mapping at all nothing more can be said.
        if all(len(location) > 2 for location in mine):
            entries.append(Level(entry, node, frozenset(str(location[2]) for location in mine)))
    return Level(form, root, of_file), entries


def _validated(plain: dict[str, Any]) -> tuple[Manifest | None, list[Any]]:
    """The manifest without what is wrong in it, and what that is. None if the rest is none."""
    try:
        return Manifest.model_validate(plain), []
    except ValidationError as error:
        errors = error.errors(include_input=False, include_context=False, include_url=False)
    for one in errors:
        _take_out(plain, one["loc"])
    try:
        return Manifest.model_validate(plain), errors
    except ValidationError:
        return None, errors


def _take_out(plain: dict[str, Any], location: _Location) -> None:
    changes = plain.get("changes")
    if location[0] == "version":
        plain["version"] = Word(str(VERSION), WordKind.NUMBER)  # what is wrong with the rest is worth telling too
    elif location[0] != "changes" or not isinstance(changes, list) or len(location) < 2:
        plain.pop(str(location[0]), None)
    elif len(location) > 2:
        changes[int(location[1])].pop(str(location[2]), None)
    else:
        changes[int(location[1])] = {}


# --- one problem in words ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """What the messages about one kind of file say: a `hint` at an unknown key, what is to be added where a key is missing,
    and why and cure of what pydantic finds by itself.
    """

    hint: Callable[[str, _Location], str]
    examples: Mapping[str, str]
    built_in: Mapping[str, tuple[str, str]]


def add_value_error(error: Any, root: Node, faults: Faults, words: Words) -> None:
    """One of pydantic's errors, with the place that it is about."""
    location: _Location = tuple(error["loc"])
    node = _node_at(root, location)
    if isinstance(node.value, Word) and node.value.kind is WordKind.REFUSED:
        return
    match error["type"]:
        case "extra_forbidden":
            key = str(location[-1])
            container = _node_at(root, location[:-1])
            faults.add(container.keys[key], f"there is no key `{shown(key)}` here", words.hint(key, location))
        case "missing":
            faults.add(node.place, f"`{location[-1]}` is missing", f"Add `{words.examples[str(location[-1])]}`.")
        case "wrong":
            why, _, cure = error["msg"].partition(SEPARATOR)
            faults.add(node.place, f"{_subject(location)}{_shown(node)}: {why}", cure)
        case kind:
            why, cure = words.built_in[kind]
            faults.add(node.place, f"{_subject(location)}{_shown(node)}: {why}", cure)


_BEGINNING = ("a manifest", "Begin it with `version: 1` and `changes:`.")
_EXAMPLES = {"version": "version: 1", "changes": "changes:"}
_BUILT_IN = {
    "list_type": ("it is no list", "Write each entry behind a `- `."),
    "too_short": ("it has no items", "Give at least one."),
    "model_type": ("it is no mapping", "Write each entry as a mapping, such as `- artifact: resnet50`."),
}


def _node_at(root: Node, location: _Location) -> Node:
    """The node there, or the last one on the way; a location also names the forms (`list`, `text`) that were tried."""
    node = root
    for step in location:
        value = node.value
        if isinstance(value, list) and isinstance(step, int):
            node = value[step]
        if isinstance(value, dict) and isinstance(step, str):
            node = value.get(step, node)
    return node


def _subject(location: _Location) -> str:
    """`labels` item 2, or `mode`: what the reader sees at that place."""
    keys = [step for step in location if isinstance(step, str) and step not in {"list", "text", "[key]"}]
    item = f" item {location[-1] + 1}" if isinstance(location[-1], int) else ""
    return f"`{shown(keys[-1])}`{item}"


def _shown(node: Node) -> str:
    if isinstance(node.value, str):
        return f" is {quoted(node.value)}"
    return f" is {shown(node.value.text)}" if isinstance(node.value, Word) and node.value.text else ""


def _hint(key: str, location: _Location) -> str:
    model = Manifest if len(location) == 1 else ManifestEntry
    known = [dashed(name) for name in model.model_fields]
    if cure := instead_of(key.lower().replace("-", "_"), str):
        return cure
    if near := near_key(key, known):
        return near
    if key.replace("-", "_") in fields():
        return f"`{shown(key)}` is an input of the step as a whole: give it there."
    return keys_here(known)


_WORDS = Words(_hint, _EXAMPLES, _BUILT_IN)


def near_key(key: str, known: Sequence[str]) -> str:
    """The key that was probably meant, as a question; empty text if none is near."""
    near = get_close_matches(key.lower().replace("_", "-"), known, n=1, cutoff=ALIKE)
    return f"Did you mean `{near[0]}`?" if near else ""


def keys_here(known: Sequence[str]) -> str:
    return f"The keys here are {', '.join(f'`{name}`' for name in known)}."
