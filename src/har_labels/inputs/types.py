"""The types of the inputs: which texts are valid, and the errors of those that are not (contract §2 "Ranges").

Each type takes the text as given and raises `Invalid`: why it can't be used, and what is allowed instead. Pydantic keeps
that error, and `configure` puts the input's name and the value in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainValidator, SecretStr

from har_labels.errors import Invalid
from har_labels.files import is_inline
from har_labels.inputs.flaws import NOTHING, begins_with_dash, unresolved
from har_labels.inputs.lists import Item, ItemStyle, content_lines, numbered, parse_expressions, parse_list
from har_labels.inputs.maps import begins_map, parse_map, unexpected_map
from har_labels.inputs.names import values_of
from har_labels.model.address import (
    WRITE_A_PLAIN_NAME,
    ApiBase,
    RegistryRef,
    parse_api_base,
    parse_artifact_name,
    parse_registry_ref,
)
from har_labels.model.labels import Mode, OnConflict, is_glob
from har_labels.model.shard import Shard
from har_labels.text import one_of

_MOST_DIGITS = 18
# Characters of a list, quotes, a template or a digest, which no artifact's name has.
_IN_NO_NAME = re.compile(r"[ ,;'\"`{}]|@sha256:")


def _one_of(kind: type[StrEnum]) -> Callable[[Any], StrEnum]:
    names = [member.value for member in kind]

    allowed = f"Use {one_of(names)}."

    def check(text: str) -> StrEnum:
        if text.strip() not in names:
            from difflib import get_close_matches

            near = get_close_matches(text.strip().lower(), names, n=1, cutoff=0.6)
            raise Invalid(
                "it is not one of the allowed values", f"Did you mean `{near[0]}`? {allowed}" if near else allowed
            )
        return kind(text.strip())

    return check


def _switch(text: str) -> bool:
    if text.strip().lower() not in {"true", "false"}:
        raise Invalid("it is neither true nor false", "Use `true` or `false`.")
    return text.strip().lower() == "true"


def _number(pattern: str, kind: type[int | float], least: int, most: int | None) -> Callable[[str], float]:
    what = "a number" if kind is float else "a whole number"
    fraction = "; a fraction is allowed" if kind is float else ""
    span = f"from {least} to {most}" if most is not None else f"of {least} or more"

    def check(text: str) -> float:
        plain = text.strip()
        allowed = f"Use {what} {span} in plain digits{fraction}."
        if re.fullmatch(f"-{pattern}", plain):
            raise Invalid("it is out of range", allowed)
        if not re.fullmatch(pattern, plain):
            raise Invalid(f"it is not {what.replace('a ', 'a plain ')}", allowed)
        if len(plain) > _MOST_DIGITS:
            raise Invalid("it has too many digits", allowed)
        value = kind(plain)
        if value < least or (most is not None and value > most):
            raise Invalid("it is out of range", allowed)
        return value

    return check


def seconds(least: int, most: int) -> PlainValidator:
    """For a float: seconds with an optional fraction."""
    return PlainValidator(_number(r"[0-9]+(\.[0-9]+)?", float, least, most))


def count(least: int, most: int | None = None) -> PlainValidator:
    """For an int: a whole number in plain decimal digits."""
    return PlainValidator(_number("[0-9]+", int, least, most))


def read_labels(text: str, *, is_file: bool = False) -> tuple[Item, ...]:
    """The labels of one value or of a file: a list, or a map. Raises Invalid."""
    return parse_map(text) if begins_map(text) else parse_list(text, is_file=is_file)


def _read_items(text: str) -> tuple[Item, ...]:
    if begins_map(text):
        raise unexpected_map(text)
    return parse_list(text)


def _items_of(given: str, read: Callable[[str], tuple[Item, ...]], *, renders: bool = False) -> tuple[Item, ...]:
    """The items of all values, each value read by itself. Single items are checked where they are used, by `flaw_in`."""
    found: list[tuple[str, ItemStyle]] = []
    values = values_of(given)
    for at, text in enumerate(values, start=1):
        try:
            found += ((item.text, item.style) for item in read(text))
        except Invalid as error:
            # An expression that no CI resolved may be the only reason why it is not a list.
            cause = unresolved("\n".join(content_lines(text)), renders=renders) or error
            place = "" if len(values) == 1 else f"in value {at} of {len(values)}, "
            raise Invalid(f"{place}{cause.why}", cause.cure) from None
    return numbered(found)


def _list(given: str) -> tuple[Item, ...]:
    return _items_of(given, _read_items)


def _templates(given: str) -> tuple[Item, ...]:
    return _items_of(given, _read_items, renders=True)


def _labels(given: str) -> tuple[Item, ...]:
    return _items_of(given, read_labels, renders=True)


def _expressions(given: str) -> tuple[Item, ...]:
    """Refuses the items of a YAML list: with its dash, `- metrics.loss < 1` is true for every loss."""
    texts = (item.text for value in values_of(given) for item in parse_expressions(value))
    found = numbered((text, ItemStyle.AS_LINE) for text in texts)
    for item in found:
        if begins_with_dash(item.text):
            raise Invalid(
                f"line {item.position} begins with `- `, as an item of a YAML list does, and this is one text",
                "Leave the dash out: each line is an expression; a minus has no blank after it, as in `-metrics.loss`.",
            )
    return found


def _patterns(given: str) -> tuple[Item, ...]:
    """At least one: an empty result of a computation must not disable `owned`."""
    items = _list(given)
    if not items:
        raise Invalid("it has no items", "Give a pattern, or leave it out.")
    return items


def _shard(text: str) -> Shard:
    """INDEX/TOTAL as CIs count: `strategy.job-index` of GitHub and `<+strategy.iteration>` of Harness begin at 0."""
    plain = text.strip()
    allowed = "Write INDEX/TOTAL in plain digits, counted from 0: `0/3`, `1/3` and `2/3` are all of three."
    if "null" in plain.split("/"):
        raise Invalid("it has no number, as outside of a loop", "Leave it out where nothing runs several times.")
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", plain)
    if not found:
        raise Invalid("it is not an index and a total", allowed)
    if max(map(len, found.groups())) > _MOST_DIGITS:
        raise Invalid("it has too many digits", allowed)
    index, total = map(int, found.groups())
    if not total:
        raise Invalid("its total is 0", allowed)
    if index == total:
        raise Invalid("shards count from 0", f"The last of {total} is `{total - 1}/{total}`, the first `0/{total}`.")
    if index > total:
        raise Invalid("its index is greater than its total", allowed)
    return Shard(index, total)


def artifact_name(text: str) -> str:
    """The name of one artifact, not a pattern.

    A missing artifact is taken for a first run (contract §3 `baseline`), so a text that can't be a name is refused.
    """
    if is_glob(text):
        raise Invalid("it is a pattern, and a single artifact is needed", WRITE_A_PLAIN_NAME)
    if text.strip() in NOTHING:
        raise Invalid("programs write that for a missing value", WRITE_A_PLAIN_NAME)
    if found := _IN_NO_NAME.search(text.strip()):
        sign = f"`{found[0]}`" if found[0].strip() else "a blank"
        raise Invalid(f"it has {sign}, which no artifact's name has", WRITE_A_PLAIN_NAME)
    return parse_artifact_name(text.strip())


def _key(text: str) -> SecretStr:
    """`key.read_key` checks it, and reports what is wrong with it without showing it."""
    return SecretStr(text.strip())


def _path(text: str) -> str:
    if "\0" in text or "\n" in text.strip():
        raise Invalid("it is not the path of a single file", "Write one path on one line.")
    return text.strip()


def _document(text: str) -> str:
    """The path of a file, or the file's own text, whose blanks are significant."""
    return str(text) if is_inline(text) else _path(text)


class ArtifactTypeName(StrEnum):
    """Values of `artifact-type` and of the query parameter `artifact_type` (contract §1)."""

    MODEL = "model"
    DATASET = "dataset"


class AuthSchemeName(StrEnum):
    """Which header carries the key: `x-api-key: KEY`, or `Authorization: Bearer KEY`."""

    X_API_KEY = "x-api-key"
    BEARER = "bearer"


class OnMissingName(StrEnum):
    """What to do about an artifact that is not found."""

    ERROR = "error"
    SKIP = "skip"


class OnFailureName(StrEnum):
    """What a run over many artifacts does after a failure (contract §5 point 6)."""

    CONTINUE = "continue"
    STOP = "stop"
    ROLLBACK = "rollback"


ShardOf = Annotated[Shard, PlainValidator(_shard)]
Switch = Annotated[bool, PlainValidator(_switch)]
ModeName = Annotated[Mode, PlainValidator(_one_of(Mode))]
OnConflictName = Annotated[OnConflict, PlainValidator(_one_of(OnConflict))]
OnMissing = Annotated[OnMissingName, PlainValidator(_one_of(OnMissingName))]
OnFailure = Annotated[OnFailureName, PlainValidator(_one_of(OnFailureName))]
ArtifactType = Annotated[ArtifactTypeName, PlainValidator(_one_of(ArtifactTypeName))]
AuthScheme = Annotated[AuthSchemeName, PlainValidator(_one_of(AuthSchemeName))]
Items = Annotated[tuple[Item, ...], PlainValidator(_list)]
TemplateItems = Annotated[tuple[Item, ...], PlainValidator(_templates)]
LabelItems = Annotated[tuple[Item, ...], PlainValidator(_labels)]
Patterns = Annotated[tuple[Item, ...], PlainValidator(_patterns)]
Expressions = Annotated[tuple[Item, ...], PlainValidator(_expressions)]
ApiUrl = Annotated[ApiBase, PlainValidator(lambda text: parse_api_base(text.strip()))]
ScopePath = Annotated[RegistryRef, PlainValidator(lambda text: parse_registry_ref(text.strip()))]
ArtifactName = Annotated[str, PlainValidator(artifact_name)]
Key = Annotated[SecretStr, PlainValidator(_key)]
FilePath = Annotated[str, PlainValidator(_path)]
FileOrText = Annotated[str, PlainValidator(_document)]
