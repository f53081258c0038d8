"""The keys of a policy and their values, and the reader that checks a file key by key (contract §6 "Policy").

The reader checks with the models below, and the JSON Schema is made from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

from har_labels.errors import Invalid, PolicyFileError
from har_labels.inputs.yaml import Node, Place, Word, WordKind
from har_labels.model.labels import key_and_value
from har_labels.request.file_check import (
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
)
from har_labels.request.policy import KeyRule, Policy, Rule
from har_labels.text import quoted_value, shown

LARGEST_POLICY = 1024 * 1024


class Others(StrEnum):
    """Whether labels that no other rule covers are allowed."""

    ALLOW = "allow"
    DENY = "deny"


def _switch(value: Any) -> bool:
    if isinstance(value, Word) and value.kind is WordKind.SWITCH:
        return value.text.lower() == "true"
    raise Invalid("it is neither true nor false", "Write `true` or `false`, without quotes.")


def _others(value: Any) -> Others:
    text = single_word(value)
    if text not in list(Others):
        raise Invalid("it is not one of the allowed values", "Use `allow` or `deny`.")
    return Others(text)


def _valid_key(name: str) -> str:
    if not name or "=" in name:
        why = "it has a `=`, and a label's key ends there" if name else "it is empty"
        raise Invalid(why, "Write the key alone: `stage` for `stage=production`.")
    return name


def _rules(value: Any) -> Any:
    """The rules of one key. Raises Invalid for likely mistakes, with the correct form."""
    if isinstance(value, Word) and value.kind is WordKind.NOTHING:
        raise Invalid("it has no value", "Write `{}` for any value, or `{values: [dev, production]}`.")
    if not isinstance(value, dict):
        raise Invalid(
            "it is not a mapping", 'Write `{values: [dev, production]}`, `{pattern: "team-*"}` or `{}` for any value.'
        )
    return value


def _one(value: Any) -> str:
    """A text with one item. Raises Invalid if it looks like several."""
    text = resolved_text(value)
    if "," in text or "\n" in text.strip():
        raise Invalid(
            "it is one text, and looks like several", 'Write a list: `[a, b]`; one item with a comma is `["a,b"]`.'
        )
    return text


def _without_keys(items: Any) -> Any:
    for text in _items(items):
        if pair := key_and_value(text):
            raise Invalid(
                f"its item {quoted_value(text)} has the key {quoted_value(pair[0])}, and this is for words without one",
                "Say under `keys` which values the key may have.",
            )
    return items


def _items(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


_OneOrList = ListOrText[
    Text, Annotated[str, PlainValidator(_one), WithJsonSchema({"type": "string", "pattern": "^[^,\n]+$"})]
]
_Key = Annotated[str, AfterValidator(_valid_key)]
_WORD_PATTERN = r"^(=.*|:[^=]*|://.*|[^=:]+)$"


class KeyForm(BaseModel):
    """What labels with this key may be: one of `values`, or what matches `pattern`; any without both."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True,
        json_schema_extra={"not": {"required": ["values", "pattern"]}},
    )  # fmt: skip

    values: _OneOrList | None = Field(None, description="The values that it may have")
    pattern: _OneOrList | None = Field(None, description="A pattern that its value matches, or several: `team-*`")
    required: Annotated[bool, PlainValidator(_switch), WithJsonSchema({"type": "boolean"})] = Field(
        default=False, description="Whether every artifact has to have a label with this key",
    )  # fmt: skip


class PolicyForm(BaseModel):
    """The vocabulary of a team's labels; a pattern is a text or a list of texts, `*` in it matches anything."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, json_schema_extra={"minProperties": 2}
    )

    version: Version
    keys: (
        Annotated[
            dict[_Key, Annotated[KeyForm, BeforeValidator(_rules)]],
            Field(min_length=1, json_schema_extra={"propertyNames": {"pattern": "^[^=]+$"}}),
        ]
        | None
    ) = Field(None, description="What labels with a key may be, by key or by a pattern of keys")
    protected: _OneOrList | None = Field(
        None, description="Patterns of labels that a run may neither add, change nor remove",
    )  # fmt: skip
    labels: Annotated[_OneOrList, AfterValidator(_without_keys)] | None = Field(
        None, description="Labels without a key that may be there; patterns",
        json_schema_extra={"items": {"pattern": _WORD_PATTERN}, "pattern": _WORD_PATTERN},
    )  # fmt: skip
    others: Annotated[Others, PlainValidator(_others), WithJsonSchema({"enum": [one.value for one in Others]})] = Field(
        default=Others.ALLOW, description="Whether all other labels are allowed",
    )  # fmt: skip


def policy_in(text: str, *, name: str) -> Policy:
    """Parses a policy; `name`: the file's name in messages.

    Raises Failures with a PolicyFileError for every problem, each naming file, line and column.
    """
    errors = FileErrors(name, PolicyFileError)
    policy = _policy(text, errors)
    errors.raise_any()
    assert policy
    return policy


def _policy(text: str, errors: FileErrors) -> Policy | None:
    root = root_of(text, errors, _KIND)
    if not root:
        return None
    _check_keys(root, errors)
    try:
        form = PolicyForm.model_validate(root.plain)
    except ValidationError as error:
        add_validation_errors(error, root, errors, _KIND)
        return None
    if not form.model_fields_set - {"version"}:
        errors.add(root.place, "this policy has no rules", "Add `keys`, `protected`, `labels` or `others: deny`.")
    return _PolicyBuilder(form, root, errors).policy()


def _check_keys(root: Node, errors: FileErrors) -> None:
    """Reports contradictions within a key. Not in the models, so that they are reported with all other problems."""
    keys = root.get("keys")
    for key, node in keys.value.items() if keys and isinstance(keys.value, dict) else ():
        if isinstance(node.value, dict) and {"values", "pattern"} <= node.keys.keys():
            what = f"`values` and `pattern` are both given for the key `{shown(key)}`"
            errors.add(node.keys["pattern"], what, "Keep one: a list of patterns may have whole values in it.")


@dataclass(frozen=True, slots=True)
class _PolicyBuilder:
    """Builds the rules of a policy from its file, each with its place."""

    form: PolicyForm
    root: Node
    errors: FileErrors

    def policy(self) -> Policy:
        form, keys = self.form, self.root.get("keys")
        is_denied = form.others is Others.DENY
        return Policy(
            keys={key: self._key_rule(key, one, keys.get(key)) for key, one in (form.keys or {}).items() if keys},
            words=tuple(_items(form.labels)),
            protected=tuple(self._protected()),
            others=self._rule(self.root.keys["others"], "no other labels are allowed") if is_denied else None,
        )

    def _key_rule(self, key: str, form: KeyForm, node: Node | None) -> KeyRule:
        assert node
        name = "pattern" if form.pattern is not None else "values"
        allowed = tuple(_items(getattr(form, name)))
        says = f"`{shown(key)}` {'matches' if name == 'pattern' else 'is'} {_alternatives(allowed)}" if allowed else ""
        required = self._rule(node.keys["required"], f"`{shown(key)}` is required") if form.required else None
        rule = self._rule(node.keys.get(name, node.place), says)
        return KeyRule(allowed or None, name == "values", rule, required)

    def _protected(self) -> Iterator[tuple[str, Rule]]:
        node = self.root.get("protected")
        for at, pattern in enumerate(_items(self.form.protected)):
            assert node
            own = node.value[at] if isinstance(node.value, list) else node
            yield pattern, self._rule(own.place, f"{pattern!r} is protected")

    def _rule(self, place: Place, says: str) -> Rule:
        return Rule(self.errors.where(place), says)


def _alternatives(texts: Sequence[str]) -> str:
    """`'a', 'b' or 'c'`, truncated if long."""
    *others, last = [repr(text) for text in texts]
    return shown(f"{', '.join(others)} or {last}" if others else last)


def _hint(key: str, location: Location) -> str:
    return key_hint(key, list((PolicyForm if len(location) == 1 else KeyForm).model_fields))


_KIND = FileKind(
    title="a policy",
    beginning="Begin it with `version: 1` and `keys:`.",
    hint=_hint,
    examples={"version": "version: 1"},
    built_in={
        "dict_type": Invalid(
            "it is not a mapping", "Write each key with what it may be: `stage: {values: [dev, production]}`."
        ),
        "too_short": Invalid("it has no items", "Give at least one."),
        "model_type": Invalid("it is not a mapping", "Write `{}` for any value, or `{values: [dev, production]}`."),
    },
)
