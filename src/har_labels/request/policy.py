"""A team's rules for labels: allowed, required and protected ones, and the breaches of these rules (contract §6 "Policy").

Pure. It answers two questions: may a run add a label, and which rules does a change of labels break? A rule that was
broken before the change does not count, so that no run is blocked by the breaches of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from har_labels.model.labels import WITHOUT_LABELS, Labels, Mode, key_and_value, matches, matches_any
from har_labels.text import number, shown

# The number of labels whose verdicts are cached: a large registry repeats a few; unique labels need no cache.
_CACHE_SIZE = 4096
_MOST_LISTED = 5
# In words, how a label breaks the rule that protects it.
WOULD_BE_ADDED = "would be added"
# Modes that add no label: they only remove, or write nothing.
_GIVING_NOTHING = WITHOUT_LABELS | {Mode.REMOVE}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy: its `place`, such as `policy.yaml:4:15`; `says`: the rule in words."""

    place: str
    says: str


class Breach(NamedTuple):
    """A breach of a rule by a `label`, or by a missing one if that is empty; `how` in words."""

    rule: Rule
    label: str
    how: str = ""

    @property
    def text(self) -> str:
        """The breach in words: `'stage=prd' would be new, and policy.yaml:3:20 says that …`."""
        what = repr(shown(self.label)) if self.label else ""
        return f"{' '.join(filter(None, (what, self.how)))}, and {self.rule.place} says that {self.rule.says}"


@dataclass(frozen=True, slots=True)
class KeyRule:
    """The rule for one key, or for all keys that match a pattern.

    `allowed`: patterns, or with `are_values` the values themselves; None allows any value.
    `required`: the rule that an artifact must have such a label, if there is one.
    """

    allowed: tuple[str, ...] | None
    are_values: bool
    rule: Rule
    required: Rule | None = None

    def allows(self, value: str) -> bool:
        if self.allowed is None:
            return True
        return value in self.allowed if self.are_values else matches_any(self.allowed, value)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one policy. `words`: patterns of labels without a key. `protected`: patterns of whole labels.

    `others`: the rule that denies all other labels; None allows them. Protected labels do not count as others.
    """

    keys: Mapping[str, KeyRule] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    protected: tuple[tuple[str, Rule], ...] = ()
    others: Rule | None = None
    _verdicts: dict[str, Rule | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def needs_reading(self) -> bool:
        """Whether a write without a read could break it (contract §1, last line)."""
        return bool(self.protected) or any(rule.required for rule in self.keys.values())

    def refusal(self, label: str, mode: Mode) -> tuple[Rule, str] | None:
        """The rule that forbids `label` for any current labels, and a cure; None if it is allowed.

        A `replace` may name a protected label to keep it: `new_breaches` checks that against the current labels.
        """
        if mode in _GIVING_NOTHING:
            return None
        if rule := self.broken_by(label):
            return rule, self._cure_for(label)
        if mode is not Mode.REPLACE and (rule := self.protection_of(label)):
            return rule, "Leave it out: a run may neither add, change nor remove what is protected."
        return None

    def broken_by(self, label: str) -> Rule | None:
        """The rule that does not allow `label` on an artifact; None if it is allowed."""
        if label in (known := self._verdicts):
            # `get`, as another thread may have cleared the cache since the check.
            return known.get(label) or self._find_broken(label)
        if len(known) >= _CACHE_SIZE:
            known.clear()
        found = known[label] = self._find_broken(label)
        return found

    def protection_of(self, label: str) -> Rule | None:
        return next((rule for pattern, rule in self.protected if matches(pattern, label)), None)

    def breaches(self, labels: Labels) -> list[Breach]:
        """All breaches by these labels."""
        wrong = [Breach(rule, label) for label in labels if (rule := self.broken_by(label))]
        return wrong + [Breach(rule, "", "has no label with that key") for rule in self._missing(labels)]

    def new_breaches(self, before: Labels, after: Labels) -> list[Breach]:
        """The breaches that a change from `before` to `after` adds."""
        had, has = set(before), set(after)
        if had == has:
            return []
        new = [label for label in after if label not in had]
        gone = [label for label in before if label not in has]
        missing = set(self._missing(before))
        return [
            *(Breach(rule, label, "would be new") for label in new if (rule := self.broken_by(label))),
            *(Breach(rule, label, WOULD_BE_ADDED) for label in new if (rule := self.protection_of(label))),
            *(Breach(rule, label, "would be removed") for label in gone if (rule := self.protection_of(label))),
            *(
                Breach(rule, "", "the last label with that key would go")
                for rule in self._missing(after)
                if rule not in missing
            ),
        ]

    def _missing(self, labels: Labels) -> list[Rule]:
        """The rules that require a key that no label has."""
        required = [(key, rule.required) for key, rule in self.keys.items() if rule.required]
        if not required:
            return []
        there = {pair[0] for label in labels if (pair := key_and_value(label))}
        return [rule for key, rule in required if key not in there and not any(matches(key, one) for one in there)]

    def _find_broken(self, label: str) -> Rule | None:
        pair = key_and_value(label)
        if pair and (of_key := self._rule_of(pair[0])):
            return None if of_key.allows(pair[1]) else of_key.rule
        if (not pair and matches_any(self.words, label)) or self.protection_of(label):
            return None
        return self.others

    def _rule_of(self, key: str) -> KeyRule | None:
        """The rule for a key: the one with its name, else the first with a pattern that it matches."""
        return self.keys.get(key) or next((rule for name, rule in self.keys.items() if matches(name, key)), None)

    def _cure_for(self, label: str) -> str:
        """The cure for a label that is not allowed, with a similar one that is."""
        pair = key_and_value(label)
        of_key = self._rule_of(pair[0]) if pair else None
        if pair and of_key and of_key.allowed:
            near = get_close_matches(pair[1], of_key.allowed, n=1)
            key = label[: len(label) - len(pair[1])]
            meant = [f"{key}{near[0]}"] if near and of_key.are_values else []
        else:
            meant = (
                get_close_matches(label, self.words, n=1) if not pair else get_close_matches(pair[0], self.keys, n=1)
            )
        hint = f"Did you mean `{shown(meant[0])}`? " if meant else ""
        return f"{hint}Give a label that the policy allows, or have the policy changed."


def breaches_text(breaches: Sequence[Breach]) -> str:
    """Several breaches of one artifact in one line."""
    listed = "; ".join(breach.text for breach in breaches[:_MOST_LISTED])
    more = len(breaches) - _MOST_LISTED
    return f"{listed}; and {number(more, 'more breach', 'more breaches')}" if more > 0 else listed
