"""The file of a policy: valid content, and the messages about problems (contract §6 "Policy")."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from har_labels.errors import Failures, HarLabelsError
from har_labels.model.labels import Mode
from har_labels.request.policy import Policy
from har_labels.request.policy_file import policy_in
from har_labels.text import visible_characters
from request.test_schemas import validator


def told(text: str, name: str = "policy.yaml") -> list[str]:
    """Every problem, `line:column: what`."""
    try:
        policy_in(text, name=name)
    except Failures as failures:
        assert {error.code for error in failures.errors} == {"HAR-POLICY-FILE"}
        return [error.what.removeprefix(f"{name}:") for error in failures.errors]
    return []


def schema_says(text: str) -> bool:
    """Whether the shipped schema takes a text, read as an editor would."""
    return validator("policy").is_valid(YAML(typ="safe", pure=True).load(text))


HEAD = "version: 1\n"
VALID = [
    f"{HEAD}keys: {{stage: {{values: [dev, production], required: true}}, owner: {{pattern: 'team-*'}}}}",
    f"{HEAD}keys:\n  ci:run: {{}}\n  '*': {{pattern: ['a*', b]}}\nothers: deny",
    f"{HEAD}protected: 'legal:*'\nlabels: '[a-z]*'\nothers: allow",
    f"{HEAD}protected: ['legal:*', '[a-z]=*']\nlabels: [':x', '=x', '://a=b', '*']",
    f"{HEAD}keys: {{list: {{values: ['1', 'true', no, 12:30:45]}}, text: {{required: false}}}}",
    f"{HEAD}others: deny",
    json.dumps({"version": 1, "keys": {"stage": {"values": ["dev"]}}}),
]
INVALID = {
    "nothing": "",
    "a list": "- a",
    "no version": "others: deny",
    "another version": "version: 2\nothers: deny",
    "a version in quotes": "version: '1'\nothers: deny",
    "no rule": "version: 1",
    "an unknown key": f"{HEAD}other: deny",
    "an input": f"{HEAD}mode: add\nothers: deny",
    "an unknown word for others": f"{HEAD}others: forbid",
    "nothing for others": f"{HEAD}others:",
    "no keys": f"{HEAD}keys: {{}}",
    "keys as a list": f"{HEAD}keys: [stage]",
    "values of a key alone": f"{HEAD}keys: {{stage: [dev]}}",
    "a text for a key": f"{HEAD}keys: {{stage: dev}}",
    "nothing for a key": f"{HEAD}keys: {{stage: }}",
    "an unknown key of a key": f"{HEAD}keys: {{stage: {{value: [dev]}}}}",
    "no values": f"{HEAD}keys: {{stage: {{values: []}}}}",
    "an empty value": f"{HEAD}keys: {{stage: {{values: ['']}}}}",
    "a number for a value": f"{HEAD}keys: {{version: {{values: [1, '2']}}}}",
    "true for a value": f"{HEAD}keys: {{prod: {{values: [true]}}}}",
    "a number for a pattern": f"{HEAD}keys: {{version: {{pattern: 1}}}}",
    "a mapping for a pattern": f"{HEAD}protected: [{{legal: hold}}]",
    "a list in a list": f"{HEAD}protected: [[a]]",
    "values and pattern": f"{HEAD}keys: {{stage: {{values: [dev], pattern: 'rc-*'}}}}",
    "required in quotes": f"{HEAD}keys: {{stage: {{required: 'true'}}}}",
    "required as a word": f"{HEAD}keys: {{stage: {{required: yes}}}}",
    "an empty key": f"{HEAD}keys: {{'': {{}}}}",
    "a label for a key": f"{HEAD}keys: {{stage=dev: {{}}}}",
    "a key for a word": f"{HEAD}labels: [stage=dev]",
    "a key with a colon for a word": f"{HEAD}labels: ['legal:*']",
    "a list in one text": f"{HEAD}protected: 'legal:*, ops:*'",
    "a list in lines": f"{HEAD}protected: |\n  legal:*\n  ops:*",
    "a key for one word": f"{HEAD}labels: stage=dev",
    "no words": f"{HEAD}labels: []",
}


def test_values_beside_a_pattern_are_reported_with_all_problems() -> None:
    """Contradictions within a key are reported together with all other problems."""
    assert told(f"{HEAD}keys: {{stage: {{values: [dev], pattern: 'rc-*'}}}}\nothers: dney\n") == [
        "2:31: `values` and `pattern` are both given for the key `stage`",
        "3:9: `others` is 'dney': it is not one of the allowed values",
    ]


@pytest.mark.parametrize("text", VALID)
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    """Patterns are one or a list, values are texts, every part may be left out."""
    assert told(text) == []
    assert schema_says(text)


@pytest.mark.parametrize("name", INVALID)
def test_what_the_schema_refuses_the_reader_refuses(name: str) -> None:
    """And the other way round."""
    assert told(INVALID[name])
    assert not schema_says(INVALID[name])


def test_all_problems_are_reported_at_once_with_their_places() -> None:
    """Each problem has line, column and cure."""
    text = (
        "version: 1\nkeys:\n  stage: {values: [1, dev], required: yes}\n  owner: {patern: 'team-*'}\n  a=b: {}\n"
        "labels: [stage=dev]\nothers: dney\nmode: add\n"
    )
    with pytest.raises(Failures) as raised:
        policy_in(text, name="team/policy.yaml")
    lines = [error.line for error in raised.value.errors]
    assert [line.split("team/policy.yaml:")[1].partition(": ")[0] for line in lines] == [
        "3:20", "3:39", "4:11", "5:8", "6:9", "7:9", "8:1",
    ]  # fmt: skip
    for line, part in zip(
        lines,
        ['Put it in quotes: "1".', "Write `true` or `false`", "Did you mean `pattern`?", "`stage` for `stage=production`",
         "Say under `keys`", "Use `allow` or `deny`.", "is an input of the step"],
        strict=True,
    ):  # fmt: skip
        assert part in line


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}others: deny\nothers: allow",
        f"{HEAD}protected: &a ['legal:*']\nlabels: *a",
        f"{HEAD}protected: [!!str x]",
        f"{HEAD}others: deny\n---\nversion: 1",
        f"{HEAD}protected: [${{{{ x }}}}]",
        f"{HEAD}protected: ['<+pipeline.name>']",
        f"{HEAD}keys: {'[' * 200}",
        f"{HEAD}\tothers: deny",
        '{"version": 1, "others": "deny",}x',
        f"{HEAD}others: \x1b",
    ],
)
def test_what_can_not_be_believed_is_refused(text: str) -> None:
    """Duplicate keys, anchors, tags, several documents, unresolved expressions, broken syntax, depth."""
    assert told(text)


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(["", f"{HEAD}keys: ", f"{HEAD}protected: "]))
def test_no_text_is_a_defect(text: str, head: str) -> None:
    """Any content gives a policy, or problems of one harmless line each."""
    try:
        policy_in(head + text, name="policy.yaml")
    except Failures as failures:
        assert all(
            isinstance(error, HarLabelsError) and visible_characters(error.line) == error.line
            for error in failures.errors
        )
    except YAMLError:  # pragma: no cover
        pytest.fail("the YAML library was heard")


def rule_of(policy: Policy, label: str) -> str:
    """The place of the rule by which a run may not give a label; empty text if it may."""
    refusal = policy.refusal(label, Mode.ADD)
    return refusal[0].place if refusal else ""


@pytest.mark.parametrize(
    ("label", "place"),
    [("ci:run=x", "p:3:12"), ("ci:sha=7", ""), ("ci:sha=x", "p:4:12"), ("x=7", ""), ("x=a", "p:5:9"), ("x", "")],
)
def test_a_key_is_ruled_by_its_own_name_before_any_pattern(label: str, place: str) -> None:
    """Else by the first pattern that it matches; a word has no key."""
    text = f"{HEAD}keys:\n  ci:run: {{pattern: '[0-9]*'}}\n  'ci:*': {{values: ['7']}}\n  '*': {{pattern: '[0-9]'}}\n"
    assert rule_of(policy_in(text, name="p"), label) == place


def test_a_value_is_not_a_pattern_and_a_pattern_matches_its_own_text() -> None:
    """`values` are compared, patterns match as everywhere: by equality or by `fnmatch`."""
    policy = policy_in(f"{HEAD}keys: {{a: {{values: ['v*']}}, b: {{pattern: '[x]*'}}}}", name="p")
    assert [rule_of(policy, label) for label in ("a=v*", "b=xy", "b=[x]*")] == ["", "", ""]
    assert all(rule_of(policy, label) for label in ("a=v1", "b=y"))


def test_required_by_a_pattern_is_met_by_any_such_key() -> None:
    """One label of a key that matches is enough."""
    policy = policy_in(f"{HEAD}keys: {{'owner*': {{required: true}}}}", name="p")
    assert [len(policy.breaches(labels)) for labels in ((), ("x=1",), ("owner-team=1",))] == [1, 1, 0]


LABELS = st.lists(
    st.sampled_from(["stage=dev", "stage=x", "stage:dev", "legal:a", "legal:b", "w", "v", "k=1"]), max_size=5
).map(lambda labels: tuple(sorted(set(labels))))


@given(LABELS, LABELS)
def test_a_change_creates_what_is_broken_after_it_and_was_not_before(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """As defined, rule by rule: older breaches are not reported, and every new one is."""
    policy = policy_in(
        f"{HEAD}keys: {{stage: {{values: [dev], required: true}}}}\nprotected: 'legal:*'\nlabels: [w]\nothers: deny",
        name="p",
    )
    created = policy.new_breaches(before, after)
    moved = {label for label in set(before) ^ set(after) if label.startswith("legal:")}
    lost = any(label.startswith("stage") for label in before) and not any(label.startswith("stage") for label in after)
    new = {label for label in set(after) - set(before) if label in {"stage=x", "v", "k=1"}}
    assert {breach.label for breach in created} == moved | new | ({""} if lost else set())
    assert policy.new_breaches(before, before) == []
