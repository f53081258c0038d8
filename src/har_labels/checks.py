"""What each kind of input may hold, and the words for what it may not (contract §2 "Ranges").

Each type takes the text as given and raises `wrong(why, allowed)`; the value itself is put in front by
`settings.check`, which knows how it was spelt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainValidator, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from har_labels.address import AddressError, ApiBase, RegistryRef, parse_api_base, parse_registry_ref
from har_labels.display import one_of
from har_labels.labels import Mode, OnConflict
from har_labels.lists import Item, ListError, parse_expressions, parse_list

SEPARATOR = "\x1f"
_MOST_DIGITS = 18
# Where a key lives in a header: printable ASCII without blanks.
_KEY = re.compile("[!-~]+")


def wrong(why: str, allowed: str) -> PydanticCustomError:
    """`why` the text can't be used, and what is `allowed` instead; both end up in one stderr line."""
    return PydanticCustomError("wrong", "{text}", {"text": f"{why}{SEPARATOR}{allowed}"})


def _one_of(kind: type[StrEnum]) -> Callable[[Any], StrEnum]:
    names = [member.value for member in kind]

    allowed = f"Use {one_of(names)}."

    def check(text: str) -> StrEnum:
        if text.strip() not in names:
            from difflib import get_close_matches

            near = get_close_matches(text.strip().lower(), names, n=1, cutoff=0.6)
            raise wrong("it is none of the values allowed", f"Did you mean `{near[0]}`? {allowed}" if near else allowed)
        return kind(text.strip())

    return check


def _switch(text: str) -> bool:
    if text.strip().lower() not in {"true", "false"}:
        raise wrong("it is neither true nor false", "Use `true` or `false`.")
    return text.strip().lower() == "true"


def _number(pattern: str, kind: type[int | float], least: int, most: int | None) -> Callable[[str], float]:
    what = "a number" if kind is float else "a whole number"
    fraction = ", a fraction is allowed" if kind is float else ""
    span = f"from {least} to {most}" if most is not None else f"of {least} or more"

    def check(text: str) -> float:
        plain = text.strip()
        allowed = f"Use {what} {span} in plain digits{fraction}."
        if re.fullmatch(f"-{pattern}", plain):
            raise wrong("it is out of range", allowed)
        if not re.fullmatch(pattern, plain):
            raise wrong(f"it is not {what.replace('a ', 'a plain ')}", allowed)
        if len(plain) > _MOST_DIGITS:
            raise wrong("it has too many digits", allowed)
        value = kind(plain)
        if value < least or (most is not None and value > most):
            raise wrong("it is out of range", allowed)
        return value

    return check


def Seconds(least: int, most: int) -> Any:  # noqa: N802 - reads as the type it makes
    """Seconds with an optional fraction, as a float."""
    return Annotated[float, PlainValidator(_number(r"[0-9]+(\.[0-9]+)?", float, least, most))]


def Count(least: int, most: int | None) -> Any:  # noqa: N802 - reads as the type it makes
    """A whole number in plain decimal digits."""
    return Annotated[int, PlainValidator(_number("[0-9]+", int, least, most))]


def _list(text: str) -> tuple[Item, ...]:
    try:
        return parse_list(text)
    except ListError as error:
        raise wrong(error.why, error.cure) from None


def _patterns(text: str) -> tuple[Item, ...]:
    """At least one: a computed list that came out empty must not turn `owned` off."""
    items = _list(text)
    if not items:
        raise wrong("it has no items", "Give a pattern, or leave it out.")
    return items


def _api_url(text: str) -> ApiBase:
    try:
        return parse_api_base(text.strip())
    except AddressError as error:
        raise wrong(str(error), "Write the Harness host, such as https://app.harness.io, or a full API base.") from None


def _registry(text: str) -> RegistryRef:
    try:
        return parse_registry_ref(text.strip())
    except AddressError as error:
        raise wrong(
            str(error), "Write account/registry, account/org/registry or account/org/project/registry.",
        ) from None  # fmt: skip


def is_key(text: str) -> bool:
    """Whether a text can be sent as a key: printable ASCII without blanks, and nothing that ends a header."""
    return bool(_KEY.fullmatch(text))


def _key(text: str) -> SecretStr:
    """`configuration` has checked it already, where its problem can be told without showing it."""
    return SecretStr(text.strip())


def _path(text: str) -> str:
    if "\0" in text or "\n" in text.strip():
        raise wrong("it is no path of one file", "Write one path on one line.")
    return text.strip()


class ArtifactTypeName(StrEnum):
    """Values of `artifact-type` and of the query parameter `artifact_type` (contract §1)."""

    MODEL = "model"
    DATASET = "dataset"


class AuthSchemeName(StrEnum):
    """Which header carries the key: `x-api-key: KEY`, or `Authorization: Bearer KEY`."""

    X_API_KEY = "x-api-key"
    BEARER = "bearer"


class OnMissingName(StrEnum):
    """What is done about an artifact that is not found."""

    ERROR = "error"
    SKIP = "skip"


class OnFailureName(StrEnum):
    """What a run over many does after a failure (contract §5 point 6)."""

    CONTINUE = "continue"
    STOP = "stop"
    ROLLBACK = "rollback"


Switch = Annotated[bool, PlainValidator(_switch)]
ModeName = Annotated[Mode, PlainValidator(_one_of(Mode))]
OnConflictName = Annotated[OnConflict, PlainValidator(_one_of(OnConflict))]
OnMissing = Annotated[OnMissingName, PlainValidator(_one_of(OnMissingName))]
OnFailure = Annotated[OnFailureName, PlainValidator(_one_of(OnFailureName))]
ArtifactType = Annotated[ArtifactTypeName, PlainValidator(_one_of(ArtifactTypeName))]
AuthScheme = Annotated[AuthSchemeName, PlainValidator(_one_of(AuthSchemeName))]
Items = Annotated[tuple[Item, ...], NoDecode, PlainValidator(_list)]
Patterns = Annotated[tuple[Item, ...], NoDecode, PlainValidator(_patterns)]
Expressions = Annotated[tuple[Item, ...], NoDecode, PlainValidator(parse_expressions)]
ApiUrl = Annotated[ApiBase, PlainValidator(_api_url)]
Registry = Annotated[RegistryRef, PlainValidator(_registry)]
Key = Annotated[SecretStr, PlainValidator(_key)]
FilePath = Annotated[str, PlainValidator(_path)]
