"""The names that templates, `require` and `where` can read, and their values (contract §3)."""

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

# The same on every CI; what a CI does not provide is empty text (contract §3 "`ci` has the same names").
CI_NAMES = (
    "name", "repository", "branch", "tag", "sha", "short_sha", "pull_request",
    "run_id", "run_number", "run_url", "actor", "pipeline", "job", "head_sha", "run_attempt", "event", "default_branch",
)  # fmt: skip


class Shape(Enum):
    """Which parts of a name's value can be accessed."""

    MAPPING = auto()
    LIST = auto()
    TEXT = auto()
    TIME = auto()
    CI = auto()
    PLAIN = auto()


@dataclass(frozen=True, slots=True)
class Name:
    """One name: its shape, where it can be read, and whether it belongs to an artifact.

    A name that is neither for `require` nor for `where` can be read everywhere. `doc` is the README's line. The value is
    the field of Scope with its name; or the labels of the field `made_of`, by their keys.
    """

    shape: Shape
    doc: str
    is_for_require: bool = False
    is_for_where: bool = False
    is_of_artifact: bool = False
    made_of: str = ""


def _fact(shape: Shape, doc: str) -> Name:
    return Name(shape, doc, is_for_where=True, is_of_artifact=True)


NAMES = {
    "metrics": Name(Shape.MAPPING, "the contents of the files of `metrics-file`"),
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
# The facts in the rows of a list.
FACT_NAMES = WHERE_NAMES - REQUIRE_NAMES
# Names of which an artifact may lack something: a key of its labels, or a fact.
LACKABLE_NAMES = WHERE_NAMES - LABEL_NAMES
# Known only for a certain artifact.
ARTIFACT_NAMES = frozenset(name for name, each in NAMES.items() if each.is_of_artifact)


@dataclass(frozen=True, slots=True)
class Scope:
    """All that templates, `require` and `where` can read.

    `now` has a time zone. `current` and `baseline` (None: the registry doesn't show them), `labels` (the given ones) and
    the mappings made of them are not for templates. `fact` returns one of FACT_NAMES, None if the registry did not
    report it. `asker` is the input that the error about unknown labels names.
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
        """The value of one name. Raises Unreadable for unknown labels, as unknown is not empty; Missing for an unknown fact."""
        if name in FACT_NAMES:
            return self._fact(name)
        made_of = NAMES[name].made_of
        value: object = getattr(self, made_of or name)
        if value is None and name == "baseline":
            raise Unreadable("`require` reads `baseline`, and the registry does not show the labels of that artifact")
        if value is None and name == "holders":
            raise Unreadable("`require` reads `holders`, and it is not known which artifacts have the label")
        if value is None:
            raise Unreadable(f"`{self.asker}` reads `{name}`, and the labels of {self.artifact!r} are not known")
        return by_key(value) if made_of and isinstance(value, tuple) else value

    def _fact(self, name: str) -> object:
        value = self.fact(name) if self.fact else None
        if value is None:
            raise Missing(lambda: f"the registry reports no `{name}` of this artifact")
        return value


def by_key(labels: Labels) -> Mapping[str, object]:
    """The labels that are `key=value` or `key:value`, as a mapping; a duplicate key is an error where it is read.

    The output `labels-map` has both values instead: nothing is decided by it.
    """
    found: dict[str, object] = {}
    first: dict[str, str] = {}
    for label in labels:
        if pair := key_and_value(label):
            key, value = pair
            if key in found:
                both = f"`{shown(first[key])}` and `{shown(label)}`"
                found[key] = Unusable(f"two labels have this key, {both}", "Remove one of the two labels.")
            else:
                found[key], first[key] = value, label
    return found
