"""The keys of a manifest, once: which there are, where, and what each may hold (contract §6).

The reader checks with these models and the JSON Schema is made from them. Names, rules and descriptions are those of
the inputs. What can't be said of one value alone (contradictions, templates) is `manifest`'s business.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from har_labels.inputs.conflicts import MODES_OF
from har_labels.inputs.flaws import flaw_in, unresolved
from har_labels.inputs.lists import Item, Written
from har_labels.inputs.names import dashed
from har_labels.inputs.settings import descriptions, quoted
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
    Registry,
    TemplateItems,
    wrong,
)
from har_labels.inputs.yaml import Word, WordKind
from har_labels.model.address import WRITE_A_PLAIN_NAME, AddressError
from har_labels.model.labels import Mode, OnConflict
from har_labels.request.patterns import NAME_FIRST, parse_pattern, written
from har_labels.text import shown

VERSION = 1


def _text(value: Any) -> str:
    """A text that was written as one. Raises for whatever YAML takes for something else (contract §6)."""
    if isinstance(value, Word) and value.kind is WordKind.NOTHING and not value.text:
        raise wrong("it has no value", "Give one, or leave it out.")
    if isinstance(value, Word):
        raise wrong(f"it is read as {value.kind.value}, not as a text", f'Put it in quotes: "{value.text}".')
    if isinstance(value, dict):
        raise wrong("it is read as a mapping, not as a text", f"Put it in quotes{_as_text(value)}.")
    if isinstance(value, list):
        raise wrong("it is a list, and one text is wanted", "Write one text.")
    if not value:
        raise wrong("it is empty", "Write a text, or leave it out.")
    return str(value)


def text_of(value: Any) -> str:
    """A text without an expression that no CI resolves in a file."""
    if flaw := unresolved(text := _text(value)):
        raise wrong(flaw.why, flaw.cure)
    return text


def _label(value: Any) -> str:
    """A text that a template may write, which is how an item of a list in a file is taken as it is."""
    if flaw := flaw_in(Item(text := _text(value), 1), renders=True):
        raise wrong(flaw.why, flaw.cure)
    return text


def _label_text(value: Any) -> str:
    """A text that is read as the input is. Raises for a mapping, with the list that was meant."""
    if isinstance(value, dict):
        pairs = [(key, inner.text if isinstance(inner, Word) else inner) for key, inner in value.items()]
        labels = [f"{key}={inner}" for key, inner in pairs if isinstance(inner, str)]
        as_list = f": {json.dumps(labels, ensure_ascii=False)}" if len(labels) == len(value) else ", an item each"
        raise wrong("it is a mapping, and a list is wanted", f"Write the labels as a list{as_list}.")
    return _text(value)


def _sound(items: tuple[Item, ...], *, renders: bool = False) -> tuple[Item, ...]:
    for item in items:
        if flaw := flaw_in(item, renders=renders):
            raise wrong(f"its item {item.position} is {quoted(item.text)}: {flaw.why}", flaw.cure)
    return items


def _sound_labels(items: tuple[Item, ...]) -> tuple[Item, ...]:
    return _sound(items, renders=True)


def _as_text(mapping: dict[str, Any]) -> str:
    """What was probably meant by `stage: prod` in a list."""
    pairs = [(key, value.text if isinstance(value, Word) else value) for key, value in mapping.items()]
    if len(pairs) != 1 or not isinstance(pairs[0][1], str):
        return ""
    return f': "{shown(pairs[0][0])}: {shown(pairs[0][1])}"'


def word_of(value: Any) -> str:
    """One word as it is written, without blanks around it. Raises what `_text` raises, and for nothing at all."""
    if isinstance(value, Word) and value.kind is WordKind.NOTHING:
        raise wrong("it has no value", "Give one, or leave it out.")
    text = text_of(value)
    if text != text.strip():
        raise wrong("it has a blank at its start or end", "Take the blank away.")
    return text


def version_of(value: Any) -> int:
    """The one version there is."""
    if isinstance(value, Word) and value.kind is WordKind.NUMBER and value.text in {"1", "1.0"}:
        return VERSION
    raise wrong("this har-labels reads version 1 only", "Write `version: 1`.")


def _artifact(value: Any) -> str:
    try:
        return written(parse_pattern(text_of(value)))
    except AddressError as error:
        raise wrong(str(error), WRITE_A_PLAIN_NAME) from None


def _artifacts(items: tuple[Item, ...]) -> tuple[Item, ...]:
    found = []
    for item in items:
        try:
            pattern = parse_pattern(item.text, is_quoted=item.written is Written.QUOTED)
        except AddressError as error:
            raise wrong(f"in item {item.position} {error}", WRITE_A_PLAIN_NAME) from None
        found.append(Item(written(pattern), item.position))
    return tuple(found)


def _meaning_some(items: Any) -> Any:
    """A list of which something is left to be taken off."""
    texts = [item.text if isinstance(item, Item) else item for item in items]
    if texts and all(text.startswith("!") for text in texts):
        raise wrong("it has only items with a `!`, which take artifacts off", NAME_FIRST)
    return items


def _some(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise wrong("it has no items", "Give one, or leave it out.")
    return items


def _form(value: Any) -> str:
    return "list" if isinstance(value, list) else "text"


def _no_move(mode: Mode) -> Mode:
    """Entries are composed, artifact by artifact; a move is about several at once, and in an order of its own."""
    if mode is Mode.MOVE:
        raise wrong(
            "a manifest moves nothing", "Move a label by a step of its own, with `mode`, `artifact` and `among`."
        )
    return mode


def _values_of(kind: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"enum": [member.value for member in kind]})


def _string(**more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


_Text = Annotated[str, PlainValidator(text_of), _string(minLength=1)]
_Label = Annotated[str, PlainValidator(_label), _string(minLength=1)]
_Artifact = Annotated[str, PlainValidator(_artifact), _string(minLength=1)]
_OneArtifact = Annotated[ArtifactName, BeforeValidator(text_of), _string(pattern="^[^*?\\[]+$")]
_Registry = Annotated[Registry, BeforeValidator(word_of), _string(pattern="^[^/\\s][^/]*(/[^/]+){1,3}(/\\+)?$")]
_ArtifactType = Annotated[ArtifactType, BeforeValidator(word_of), _values_of(ArtifactTypeName)]
_Mode = Annotated[
    ModeName,
    BeforeValidator(word_of),
    AfterValidator(_no_move),
    WithJsonSchema({"enum": [mode.value for mode in Mode if mode is not Mode.MOVE]}),
]
_OnConflict = Annotated[OnConflictName, BeforeValidator(word_of), _values_of(OnConflict)]
_OnMissing = Annotated[OnMissing, BeforeValidator(word_of), _values_of(OnMissingName)]
_List = Field(min_length=1)
# At least one character that neither separates items nor surrounds them.
_InOneText = _string(pattern="[^, \\t\\n]")

TextList = Annotated[
    Annotated[list[_Text], _List, Tag("list")]
    | Annotated[Items, BeforeValidator(_text), AfterValidator(_some), AfterValidator(_sound), _InOneText, Tag("text")],
    Discriminator(_form),
]
TemplateList = Annotated[
    Annotated[list[_Label], _List, Tag("list")]
    | Annotated[
        TemplateItems,
        BeforeValidator(_text),
        AfterValidator(_some),
        AfterValidator(_sound_labels),
        _InOneText,
        Tag("text"),
    ],
    Discriminator(_form),
]
LabelList = Annotated[
    Annotated[list[_Label], _List, Tag("list")]
    | Annotated[
        LabelItems,
        BeforeValidator(_label_text),
        AfterValidator(_some),
        AfterValidator(_sound_labels),
        _InOneText,
        Tag("text"),
    ],
    Discriminator(_form),
]
ArtifactList = Annotated[
    Annotated[list[_Artifact], _List, AfterValidator(_meaning_some), Tag("list")]
    | Annotated[
        Items,
        BeforeValidator(_text),
        AfterValidator(_some),
        AfterValidator(_sound),
        AfterValidator(_artifacts),
        AfterValidator(_meaning_some),
        _InOneText,
        Tag("text"),
    ],
    Discriminator(_form),
]
Lines = Annotated[
    Annotated[list[_Text], _List, Tag("list")]
    | Annotated[Expressions, BeforeValidator(text_of), AfterValidator(_some), _InOneText, Tag("text")],
    Discriminator(_form),
]


def _key(name: str, more: str = "") -> Any:
    """A key of the name and the description of an input."""
    return Field(None, description=descriptions()[name] + more)


class Defaults(BaseModel):
    """What every entry may say, and the file for all entries that don't."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=dashed, hide_input_in_errors=True)

    registry_ref: _Registry | None = _key("registry_ref")
    artifact: ArtifactList | None = _key("artifact")
    artifact_type: _ArtifactType | None = _key("artifact_type")
    where: Lines | None = _key("where", "; the input's hold beside them")
    labels: LabelList | None = _key("labels")
    metrics_file: TextList | None = _key("metrics_file", "; instead of the input's")
    mode: _Mode | None = _key("mode")
    on_conflict: _OnConflict | None = _key("on_conflict")
    owned: TextList | None = _key("owned")
    remove: TemplateList | None = _key("remove")
    baseline: _OneArtifact | None = _key("baseline")
    require: Lines | None = _key("require", "; the input's hold beside them")
    on_missing: _OnMissing | None = _key("on_missing")


def _rule(name: str, *, unless: Any = False) -> dict[str, Any]:
    """What an editor can tell of one entry by itself: a mode that the key does not go with, `unless` it says that.

    `entry` knows the defaults too.
    """
    unfit = [mode.value for mode in Mode if mode not in MODES_OF[name] and mode is not Mode.MOVE]
    return {
        "if": {"required": ["mode"], "properties": {"mode": {"enum": unfit}}},
        "then": {"properties": {dashed(name): unless}},
    }


_ENTRY_RULES: list[Any] = [
    _rule("labels"),
    _rule("owned"),
    _rule("remove"),
    _rule("on_conflict", unless={"const": OnConflict.OVERWRITE.value}),
]


class ManifestEntry(Defaults):
    """One change: which artifacts, and what is done with their labels. The file, then the input say what it doesn't."""

    model_config = ConfigDict(json_schema_extra={"allOf": _ENTRY_RULES})


class Manifest(Defaults):
    """Many label changes in one file, made in order; an artifact that several name gets one write."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["artifact"]}, {"properties": {"changes": {"items": {"required": ["artifact"]}}}}],
        },
    )

    version: Annotated[int, PlainValidator(version_of), WithJsonSchema({"const": VERSION})] = Field(
        description="Version of this format",
    )
    changes: Annotated[list[ManifestEntry], Field(min_length=1)] = Field(description="The changes, in order")
