"""The keys of a manifest and their values, and the reader that checks a file key by key (contract §6).

The reader checks with the models below, and the JSON Schema is made from them. Names, rules and descriptions are those
of the inputs. `manifest` checks everything that concerns more than one value (contradictions, templates).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)

from har_labels.errors import Invalid
from har_labels.inputs.conflicts import MODES_OF
from har_labels.inputs.flaws import flaw_in
from har_labels.inputs.lists import Item, ItemStyle
from har_labels.inputs.names import dashed, instead_of
from har_labels.inputs.settings import descriptions
from har_labels.inputs.types import (
    ArtifactName,
    ArtifactType,
    ArtifactTypeName,
    Expressions,
    Items,
    LabelItems,
    ModeName,
    OnConflictName,
    OnMissing,
    OnMissingName,
    ScopePath,
    TemplateItems,
)
from har_labels.inputs.yaml import Node, Place, Word, WordKind
from har_labels.model.labels import Mode, OnConflict
from har_labels.request.file_check import (
    FORMAT_VERSION,
    FileErrors,
    FileKind,
    ListOrText,
    Location,
    Text,
    Version,
    add_validation_errors,
    key_hint,
    resolved_text,
    root_of,
    single_word,
    word_text,
    written_text,
)
from har_labels.request.patterns import NAME_FIRST, item_text, parse_pattern
from har_labels.text import quoted_value

# --- values of keys ----------------------------------------------------------------------------------------------


def _list_item(value: Any) -> str:
    """A label in a list of a file: taken unchanged. Raises Invalid for an expression of a CI, which nothing resolves."""
    if flaw := flaw_in(Item(text := written_text(value), 1), renders=True):
        raise flaw
    return text


def _label_text(value: Any) -> str:
    """A text that is parsed like the input. Raises Invalid for a mapping, with the intended list."""
    if isinstance(value, dict):
        pairs = [(key, word_text(inner)) for key, inner in value.items()]
        labels = [f"{key}={inner}" for key, inner in pairs if isinstance(inner, str)]
        as_list = f": {json.dumps(labels, ensure_ascii=False)}" if len(labels) == len(value) else ", an item each"
        raise Invalid("it is a mapping, and a list is wanted", f"Write the labels as a list{as_list}.")
    return written_text(value)


def _sound(items: tuple[Item, ...], *, renders: bool = False) -> tuple[Item, ...]:
    for item in items:
        if flaw := flaw_in(item, renders=renders):
            raise Invalid(f"its item {item.position} is {quoted_value(item.text)}: {flaw.why}", flaw.cure)
    return items


def _sound_labels(items: tuple[Item, ...]) -> tuple[Item, ...]:
    return _sound(items, renders=True)


def _artifact(value: Any) -> str:
    return item_text(parse_pattern(resolved_text(value)))


def _artifacts(items: tuple[Item, ...]) -> tuple[Item, ...]:
    found = []
    for item in items:
        try:
            pattern = parse_pattern(item.text, is_quoted=item.style is ItemStyle.QUOTED)
        except Invalid as error:
            raise Invalid(f"in item {item.position} {error.why}", error.cure) from None
        found.append(Item(item_text(pattern), item.position))
    return tuple(found)


def _not_only_excluding(items: Any) -> Any:
    """Items, of which at least one must not be an exclusion."""
    texts = [item.text if isinstance(item, Item) else item for item in items]
    if texts and all(text.startswith("!") for text in texts):
        raise Invalid("it has only items with a `!`, which exclude artifacts", NAME_FIRST)
    return items


def _not_empty(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise Invalid("it has no items", "Give one, or leave it out.")
    return items


def _no_move(mode: Mode) -> Mode:
    """Raises Invalid for `move`: entries are composed per artifact, and a move changes several artifacts in its own order."""
    if mode is Mode.MOVE:
        raise Invalid(
            "a manifest moves nothing", "Move a label by a step of its own, with `mode`, `artifact` and `among`."
        )
    return mode


def _values_of(kind: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"enum": [member.value for member in kind]})


def _string(**more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


_Label = Annotated[str, PlainValidator(_list_item), _string(minLength=1)]
_Artifact = Annotated[str, PlainValidator(_artifact), _string(minLength=1)]
_OneArtifact = Annotated[ArtifactName, BeforeValidator(resolved_text), _string(pattern="^[^*?\\[]+$")]
_ScopePath = Annotated[ScopePath, BeforeValidator(single_word), _string(pattern="^[^/\\s][^/]*(/[^/]+){1,3}(/\\+)?$")]
_ArtifactType = Annotated[ArtifactType, BeforeValidator(single_word), _values_of(ArtifactTypeName)]
_Mode = Annotated[
    ModeName,
    BeforeValidator(single_word),
    AfterValidator(_no_move),
    WithJsonSchema({"enum": [mode.value for mode in Mode if mode is not Mode.MOVE]}),
]
_OnConflict = Annotated[OnConflictName, BeforeValidator(single_word), _values_of(OnConflict)]
_OnMissing = Annotated[OnMissing, BeforeValidator(single_word), _values_of(OnMissingName)]
# At least one character that neither separates items nor surrounds them.
_InOneText = _string(pattern="[^, \\t\\n]")
# Each key that is a list accepts the items themselves, or one text that is parsed like the input.
_TextItems = Annotated[
    Items, BeforeValidator(written_text), AfterValidator(_not_empty), AfterValidator(_sound), _InOneText
]
_TemplateItems = Annotated[
    TemplateItems, BeforeValidator(written_text), AfterValidator(_not_empty), AfterValidator(_sound_labels), _InOneText
]
_LabelItems = Annotated[
    LabelItems, BeforeValidator(_label_text), AfterValidator(_not_empty), AfterValidator(_sound_labels), _InOneText
]
_Lines = Annotated[Expressions, BeforeValidator(resolved_text), AfterValidator(_not_empty), _InOneText]
_ArtifactItems = Annotated[_TextItems, AfterValidator(_artifacts)]


# --- the models --------------------------------------------------------------------------------------------------


def _field(name: str, more: str = "") -> Any:
    """A key with the name and the description of an input."""
    return Field(None, description=descriptions()[name] + more)


class Defaults(BaseModel):
    """The keys of an entry, which the file may have as defaults for all entries."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=dashed, hide_input_in_errors=True)

    registry_ref: _ScopePath | None = _field("registry_ref")
    artifact: Annotated[ListOrText[_Artifact, _ArtifactItems], AfterValidator(_not_only_excluding)] | None = _field(
        "artifact"
    )
    artifact_type: _ArtifactType | None = _field("artifact_type")
    where: ListOrText[Text, _Lines] | None = _field("where", "; in addition to the input's")
    labels: ListOrText[_Label, _LabelItems] | None = _field("labels")
    metrics_file: ListOrText[Text, _TextItems] | None = _field("metrics_file", "; instead of the input's")
    mode: _Mode | None = _field("mode")
    on_conflict: _OnConflict | None = _field("on_conflict")
    owned: ListOrText[Text, _TextItems] | None = _field("owned")
    remove: ListOrText[_Label, _TemplateItems] | None = _field("remove")
    baseline: _OneArtifact | None = _field("baseline")
    require: ListOrText[Text, _Lines] | None = _field("require", "; in addition to the input's")
    on_missing: _OnMissing | None = _field("on_missing")


def _rule(name: str, *, unless: Any = False) -> dict[str, Any]:
    """The schema's rule for one entry: some modes do not accept the key, `unless` it has that value.

    `manifest.check_entry` also considers the defaults.
    """
    excluded = [mode.value for mode in Mode if mode not in MODES_OF[name] and mode is not Mode.MOVE]
    return {
        "if": {"required": ["mode"], "properties": {"mode": {"enum": excluded}}},
        "then": {"properties": {dashed(name): unless}},
    }


_ENTRY_RULES: list[Any] = [
    _rule("labels"),
    _rule("owned"),
    _rule("remove"),
    _rule("on_conflict", unless={"const": OnConflict.OVERWRITE.value}),
]


class ManifestEntry(Defaults):
    """One change: its artifacts, and the change of their labels. Missing keys are those of the file, then of the inputs."""

    model_config = ConfigDict(json_schema_extra={"allOf": _ENTRY_RULES})


class Manifest(Defaults):
    """Many label changes in one file, made in order; an artifact that several name gets one write."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["artifact"]}, {"properties": {"changes": {"items": {"required": ["artifact"]}}}}],
        },
    )

    version: Version
    changes: Annotated[list[ManifestEntry], Field(min_length=1)] = Field(description="The changes, in order")


# --- the file ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ManifestNode:
    """An entry of the file, or the file itself. `bad`: the keys with an invalid value."""

    form: Manifest | ManifestEntry
    node: Node
    bad: frozenset[str]

    def has(self, name: str) -> bool:
        """Whether the key `name` (with underscores) is present, with any value."""
        return dashed(name) in self.node.keys

    def place(self, name: str) -> Place:
        """The place of the key."""
        return self.node.keys[dashed(name)]

    def value_node(self, name: str) -> Node:
        """The node of the value."""
        assert isinstance(self.node.value, dict)
        return self.node.value[dashed(name)]


def read_manifest(text: str, errors: FileErrors) -> tuple[ManifestNode, list[ManifestNode]] | None:
    """The file and its entries, as far as they are valid; None if nothing is. All problems go into `errors`."""
    root = root_of(text, errors, _KIND)
    if not root:
        return None
    plain = root.plain
    try:
        return _nodes(Manifest.model_validate(plain), root, [])
    except ValidationError as error:
        bad = add_validation_errors(error, root, errors, _KIND)
    for location in bad:
        _take_out(plain, location)
    try:
        return _nodes(Manifest.model_validate(plain), root, bad)
    except ValidationError:
        return None


def _take_out(plain: dict[str, Any], location: Location) -> None:
    changes = plain.get("changes")
    if location[0] == "version":
        plain["version"] = Word(str(FORMAT_VERSION), WordKind.NUMBER)  # so that the rest is checked, too
    elif location[0] != "changes" or not isinstance(changes, list) or len(location) < 2:
        plain.pop(str(location[0]), None)
    elif len(location) > 2:
        changes[int(location[1])].pop(str(location[2]), None)
    else:
        changes[int(location[1])] = {}


def _nodes(form: Manifest, root: Node, bad: Sequence[Location]) -> tuple[ManifestNode, list[ManifestNode]]:
    changes = root.value["changes"].value if isinstance(root.value, dict) else []
    assert isinstance(changes, list)
    of_file = frozenset(str(location[0]) for location in bad if location[0] != "changes")
    entries = []
    for index, (entry, node) in enumerate(zip(form.changes, changes, strict=True)):
        own = [location for location in bad if location[:2] == ("changes", index)]
        # An entry that is not a mapping is reported already, and has nothing else to check.
        if all(len(location) > 2 for location in own):
            entries.append(ManifestNode(entry, node, frozenset(str(location[2]) for location in own)))
    return ManifestNode(form, root, of_file), entries


def _hint(key: str, location: Location) -> str:
    model = Manifest if len(location) == 1 else ManifestEntry
    return instead_of(key.lower().replace("-", "_"), str) or key_hint(key, list(map(dashed, model.model_fields)))


_KIND = FileKind(
    title="a manifest",
    beginning="Begin it with `version: 1` and `changes:`.",
    hint=_hint,
    examples={"version": "version: 1", "changes": "changes:"},
    built_in={
        "list_type": Invalid("it is not a list", "Begin each entry with `- `."),
        "too_short": Invalid("it has no items", "Give at least one."),
        "model_type": Invalid("it is not a mapping", "Write each entry as a mapping, such as `- artifact: resnet50`."),
    },
)
