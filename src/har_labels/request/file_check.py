"""Checks a YAML or JSON file key by key: the common part of manifest and policy (contract §6).

Each kind of file has pydantic models of its keys, from which its JSON Schema is made. This module has the checks of single
values, and the errors with file, line and column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Field, PlainValidator, Tag, ValidationError, WithJsonSchema

from har_labels.errors import Failures, HarLabelsError, InputError, Invalid
from har_labels.inputs.flaws import unresolved
from har_labels.inputs.names import ALIKE
from har_labels.inputs.settings import Settings
from har_labels.inputs.yaml import Node, Place, Word, WordKind, load_placed
from har_labels.text import is_named, quoted_value, shown

# The only version of manifests and policies.
FORMAT_VERSION = 1
# The maximum number of errors: a file of another format could have one in every line.
MOST_LISTED = 100

Location = tuple[int | str, ...]
ItemT = TypeVar("ItemT")
TextT = TypeVar("TextT")


# --- the errors of one file --------------------------------------------------------------------------------------


@dataclass(slots=True)
class FileErrors:
    """The errors of one file, of the class `kind`, in the order of their places; equal ones once.

    `path`: the path of the file, or the `named` input that contains its text.
    """

    path: str
    kind: type[InputError]
    _found: list[tuple[Place, HarLabelsError]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The file as messages name it."""
        return self.path if is_named(self.path) else shown(self.path)

    def where(self, place: Place) -> str:
        """The place as `manifest.yml:12:5`, which editors and logs show as a link."""
        return f"{self.title}:{place.line}:{place.column}"

    def add(self, place: Place, what: str, cure: str) -> None:
        self.add_errors(place, [self.kind(f"{self.where(place)}: {what}", cure)])

    def add_errors(self, place: Place, errors: Iterable[HarLabelsError]) -> None:
        """Adds errors whose texts have the place already."""
        self._found += [(place, error) for error in errors]

    def raise_any(self) -> None:
        """Raises Failures with all errors, if there are any."""
        ordered = sorted(self._found, key=lambda found: found[0])
        errors = list({error.line: error for _, error in ordered}.values())
        if len(errors) > MOST_LISTED:
            more = f"{self.title}: {len(errors) - MOST_LISTED:,} more problems in this file"
            errors[MOST_LISTED:] = [self.kind(more, "Correct the ones before it first.")]
        if errors:
            raise Failures(errors)


@dataclass(frozen=True, slots=True)
class FileKind:
    """The texts of the messages about one kind of file.

    `title` and `beginning`: for a file of another kind. `hint`: makes the cure for an unknown key. `examples`: the line to
    add for a missing key. `built_in`: the texts of pydantic's own errors, by their type.
    """

    title: str
    beginning: str
    hint: Callable[[str, Location], str]
    examples: Mapping[str, str]
    built_in: Mapping[str, Invalid]


def root_of(text: str, errors: FileErrors, kind: FileKind) -> Node | None:
    """The mapping at the top of a file; None if it has none. Syntax errors go into `errors`."""
    root, problems = load_placed(text, is_json=errors.path.lower().endswith(".json"))
    for problem in problems:
        errors.add(problem.place, problem.why, problem.cure)
    if root and isinstance(root.value, dict):
        return root
    if not problems:
        found = "its top is not a mapping" if root else "it is empty"
        errors.add(root.place if root else Place(1, 1), f"{kind.title} is a mapping, and {found}", kind.beginning)
    return None


def add_validation_errors(error: ValidationError, root: Node, errors: FileErrors, kind: FileKind) -> list[Location]:
    """Adds each of pydantic's errors with its place in the file; returns their locations."""
    found = error.errors(include_input=False, include_url=False)
    for one in found:
        _add_validation_error(one, root, errors, kind)
    return [tuple(one["loc"]) for one in found]


def _add_validation_error(error: Any, root: Node, errors: FileErrors, kind: FileKind) -> None:
    location: Location = tuple(error["loc"])
    node = _node_at(root, location)
    if isinstance(node.value, Word) and node.value.kind is WordKind.REFUSED:
        return
    match error["type"]:
        case "extra_forbidden":
            key = str(location[-1])
            mapping = _node_at(root, location[:-1])
            errors.add(mapping.keys[key], f"there is no key `{shown(key)}` here", kind.hint(key, location))
            return
        case "missing":
            errors.add(node.place, f"`{location[-1]}` is missing", f"Add `{kind.examples[str(location[-1])]}`.")
            return
        case "value_error":  # an Invalid, which pydantic keeps
            invalid = error["ctx"]["error"]
        case built_in:
            invalid = kind.built_in[built_in]
    errors.add(node.place, f"{_subject(location)}{_shown_value(node)}: {invalid.why}", invalid.cure)


def _node_at(root: Node, location: Location) -> Node:
    """The node at a location, or the nearest one above: a location also contains pydantic's tags (`list`, `text`)."""
    node = root
    for step in location:
        value = node.value
        if isinstance(value, list) and isinstance(step, int):
            node = value[step]
        if isinstance(value, dict) and isinstance(step, str):
            node = value.get(step, node)
    return node


def _subject(location: Location) -> str:
    """The key and item at a location, for a message: `labels` item 2, or `mode`."""
    keys = [step for step in location if isinstance(step, str) and step not in {"list", "text", "[key]"}]
    item = f" item {location[-1] + 1}" if isinstance(location[-1], int) else ""
    return f"`{shown(keys[-1])}`{item}"


def _shown_value(node: Node) -> str:
    if isinstance(node.value, str):
        return f" is {quoted_value(node.value)}"
    return f" is {shown(node.value.text)}" if isinstance(node.value, Word) and node.value.text else ""


def key_hint(key: str, known: Sequence[str]) -> str:
    """The cure for an unknown key: a similar one of the `known` keys, an input of that name, or all known keys."""
    if near := get_close_matches(key.lower().replace("_", "-"), known, n=1, cutoff=ALIKE):
        return f"Did you mean `{near[0]}`?"
    if key.replace("-", "_") in Settings.model_fields:
        return f"`{shown(key)}` is an input of the step as a whole: give it there."
    return f"The keys here are {', '.join(f'`{name}`' for name in known)}."


# --- the values of keys ------------------------------------------------------------------------------------------


def written_text(value: Any) -> str:
    """A value that YAML reads as a text. Raises Invalid for any other value, such as an unquoted `no` (contract §6)."""
    if isinstance(value, Word) and value.kind is WordKind.NOTHING and not value.text:
        raise Invalid("it has no value", "Give one, or leave it out.")
    if isinstance(value, Word):
        raise Invalid(f"it is read as {value.kind.value}, not as a text", f'Put it in quotes: "{value.text}".')
    if isinstance(value, dict):
        pairs = [(key, word_text(inner)) for key, inner in value.items()]
        # An item `stage: prod` of a list was probably intended as a text.
        is_pair = len(pairs) == 1 and isinstance(pairs[0][1], str)
        meant = f': "{shown(pairs[0][0])}: {shown(pairs[0][1])}"' if is_pair else ""
        raise Invalid("it is read as a mapping, not as a text", f"Put it in quotes{meant}.")
    if isinstance(value, list):
        raise Invalid("it is a list, and one text is wanted", "Write one text.")
    if not value:
        raise Invalid("it is empty", "Write a text, or leave it out.")
    return str(value)


def word_text(value: Any) -> Any:
    """The text of an unquoted word; any other value unchanged."""
    return value.text if isinstance(value, Word) else value


def resolved_text(value: Any) -> str:
    """A text without an expression of a CI, which nothing resolves in a file. Raises Invalid."""
    if flaw := unresolved(text := written_text(value)):
        raise flaw
    return text


def single_word(value: Any) -> str:
    """A text as in `resolved_text`, without blanks around it. Raises Invalid."""
    if isinstance(value, Word) and value.kind is WordKind.NOTHING:
        raise Invalid("it has no value", "Give one, or leave it out.")
    text = resolved_text(value)
    if text != text.strip():
        raise Invalid("it has a blank at its start or end", "Take the blank away.")
    return text


def _known_version(value: Any) -> int:
    """The version, which must be 1. Raises Invalid."""
    if isinstance(value, Word) and value.kind is WordKind.NUMBER and value.text in {"1", "1.0"}:
        return FORMAT_VERSION
    raise Invalid("this har-labels reads version 1 only", "Write `version: 1`.")


Text = Annotated[str, PlainValidator(resolved_text), WithJsonSchema({"type": "string", "minLength": 1})]
Version = Annotated[
    int,
    PlainValidator(_known_version),
    WithJsonSchema({"const": FORMAT_VERSION}),
    Field(description="Version of this format"),
]


def _form(value: Any) -> str:
    return "list" if isinstance(value, list) else "text"


# A key whose value is a list of items, or one text that has its own rules.
ListOrText = Annotated[
    Annotated[list[ItemT], Field(min_length=1), Tag("list")] | Annotated[TextT, Tag("text")], Discriminator(_form)
]
