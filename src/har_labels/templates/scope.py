"""What templates, `require` and `where` can see, and all they can see (contract §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from har_labels.errors import Unreadable
from har_labels.model.labels import Labels, key_and_value
from har_labels.model.unusable import Unusable
from har_labels.templates.values import Missing
from har_labels.text import shown

# The same on every CI; what a CI doesn't tell is empty text (contract §3 "`ci` has the same names").
CI_NAMES = (
    "name", "repository", "branch", "tag", "sha", "short_sha", "pull_request",
    "run_id", "run_number", "run_url", "actor", "pipeline", "job", "head_sha", "run_attempt", "event", "default_branch",
)  # fmt: skip


class Shape(Enum):
    """What can be taken out of a name's value."""

    MAPPING = auto()
    LIST = auto()
    TEXT = auto()
    TIME = auto()
    CI = auto()
    PLAIN = auto()


@dataclass(frozen=True, slots=True)
class Name:
    """One name: its shape, who beside templates knows it, and whether it is known only when an artifact is.

    A name that is neither for `require` nor for `where` is known everywhere. `says` is the README's line. Its value is the
    field of Scope with its name; or `made_of` is the field of labels that it has by their keys.
    """

    shape: Shape
    says: str
    is_for_require: bool = False
    is_for_where: bool = False
    is_of_artifact: bool = False
    made_of: str = ""


def _fact(shape: Shape, says: str) -> Name:
    return Name(shape, says, is_for_where=True, is_of_artifact=True)


NAMES = {
    "metrics": Name(Shape.MAPPING, "what the files of `metrics-file` hold"),
    "ci": Name(Shape.CI, f"facts of the run, the same on every CI, empty where one has none: `{' '.join(CI_NAMES)}`"),
    "now": Name(Shape.TIME, "the time, in UTC"),
    "artifact": Name(Shape.TEXT, "the artifact's name", is_of_artifact=True),
    "registry": Name(Shape.TEXT, "the registry's scope path", is_of_artifact=True),
    "current": Name(
        Shape.LIST, "the artifact's labels now, a list", is_for_require=True, is_for_where=True, is_of_artifact=True
    ),
    "current_map": Name(
        Shape.MAPPING,
        "those that are `key=value` or `key:value`, by key; the values are texts",
        is_for_require=True,
        is_for_where=True,
        is_of_artifact=True,
        made_of="current",
    ),
    "baseline": Name(
        Shape.MAPPING,
        "the labels of the artifact that the input `baseline` names, by key; empty if it is not there",
        is_for_require=True,
        is_of_artifact=True,
        made_of="baseline",
    ),
    "holders": Name(
        Shape.LIST,
        "with `mode: move` the artifacts of `among` that have the label now, a list of names",
        is_for_require=True,
        is_of_artifact=True,
    ),
    "labels": Name(Shape.LIST, "the labels given, a list", is_for_require=True, is_of_artifact=True),
    "labels_map": Name(Shape.MAPPING, "those by key", is_for_require=True, is_of_artifact=True, made_of="labels"),
    "package_type": _fact(Shape.TEXT, "the artifact's package type, such as `'DOCKER'`"),
    "artifact_type": _fact(Shape.TEXT, "`'model'` or `'dataset'`; most package types have none"),
    "downloads": _fact(Shape.PLAIN, "how often it was downloaded, a number"),
    "modified": _fact(Shape.TIME, "when it was last modified"),
    "age_days": _fact(Shape.PLAIN, "whole days since then"),
    "quarantined": _fact(Shape.PLAIN, "whether it is quarantined, true or false"),
    "latest_version": _fact(Shape.TEXT, "its latest version, a text"),
}
LABEL_NAMES = frozenset(name for name, each in NAMES.items() if not (each.is_for_require or each.is_for_where))
REQUIRE_NAMES = frozenset(name for name, each in NAMES.items() if each.is_for_require or not each.is_for_where)
WHERE_NAMES = frozenset(name for name, each in NAMES.items() if each.is_for_where or not each.is_for_require)
# What the rows of a list carry besides the labels.
FACT_NAMES = WHERE_NAMES - REQUIRE_NAMES
# What an artifact may lack: a key of its labels, or a fact.
LACKABLE_NAMES = WHERE_NAMES - LABEL_NAMES
# Not known before an artifact is.
ARTIFACT_NAMES = frozenset(name for name, each in NAMES.items() if each.is_of_artifact)


@dataclass(frozen=True, slots=True)
class Scope:
    """What templates, `require` and `where` can see, and all they can see.

    `now` has a time zone. `current` and `baseline` (None: the registry doesn't show them) and `labels` (those given) are
    not for templates, and neither are the mappings made of them. `fact` gives one of FACT_NAMES, None for one that the
    registry did not tell. `asker` is the input that is told of an unknown list.
    """

    metrics: Mapping[str, object]
    ci: Mapping[str, str]
    now: datetime
    artifact: str
    registry: str
    current: Labels | None = None
    labels: Labels | None = None
    baseline: Labels | None = None
    holders: tuple[str, ...] | None = None
    fact: Callable[[str], object] | None = None
    asker: str = "require"

    def look_up(self, name: str) -> object:
        """The value of one name. Raises Unreadable for labels that aren't known: unknown is not empty; Missing for a fact."""
        if name in FACT_NAMES:
            return self._fact(name)
        made_of = NAMES[name].made_of
        value: object = getattr(self, made_of or name)
        if value is None and name == "baseline":
            raise Unreadable("`require` reads `baseline`, and the registry does not show the labels of that artifact")
        if value is None and name == "holders":
            raise Unreadable("`require` reads `holders`, and who has the label is not known")
        if value is None:
            raise Unreadable(f"`{self.asker}` reads `{name}`, and the labels of {self.artifact!r} are not known")
        return by_key(value) if made_of and isinstance(value, tuple) else value

    def _fact(self, name: str) -> object:
        value = self.fact(name) if self.fact else None
        if value is None:
            raise Missing(lambda: f"the registry tells no `{name}` of this artifact")
        return value


def by_key(labels: Labels) -> Mapping[str, object]:
    """The labels that are `key=value` or `key:value`, as a mapping; a key that is there twice is an error where it is read.

    The output `labels-map` has both instead: it only tells, and nothing hangs on it.
    """
    found: dict[str, object] = {}
    first: dict[str, str] = {}
    for label in labels:
        if pair := key_and_value(label):
            key, value = pair
            found[key] = value if key not in found else _twice(first[key], label)
            first.setdefault(key, label)
    return found


def _twice(first: str, second: str) -> Unusable:
    both = f"`{shown(first)}` and `{shown(second)}`"
    return Unusable(f"two labels have this key, {both}", "Take one of the two labels away.")
