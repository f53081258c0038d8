"""Values of a YAML or JSON document that know the line and column where they stand.

Words stay as written: whoever reads a value knows what it has to be. `documents` makes these from text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from har_labels.inputs.yaml12 import DEEPEST
from har_labels.text import shown

MENDING = "Correct that place; a text with `{{ }}`, `: ` or ` #` in it needs quotes around it."


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a place, and what to do about it."""

    place: Place
    what: str
    cure: str


class Kind(Enum):
    """What a word without quotes is taken for if not for a text, as the messages put it."""

    NUMBER = "a number"
    SWITCH = "true or false"
    DATE = "a date"
    NOTHING = "no value at all"
    REFUSED = "a value that is a problem already"


@dataclass(frozen=True, slots=True)
class Word:
    """A word without quotes that is taken for something other than a text, as written."""

    text: str
    kind: Kind


@dataclass(slots=True)
class Node:
    """A text, a word, a list of nodes or a mapping of names to nodes, and where it stands.

    `keys` says where each key of a mapping stands.
    """

    place: Place
    value: str | Word | list[Node] | dict[str, Node]
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def plain(self) -> Any:
        """The value without places: texts, words, lists and dicts."""
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        return self.value


class UnreadableError(Exception):
    """Behind this problem nothing can be read any more."""

    def __init__(self, place: Place, what: str, cure: str = MENDING) -> None:
        super().__init__(what)
        self.problem = Problem(place, what, cure)


@dataclass(slots=True)
class Builder:
    """Puts a document together from its parts as they come; what can be passed over becomes one of `problems`."""

    document: Node | None = None
    problems: list[Problem] = field(default_factory=list)
    _open: list[Node] = field(default_factory=list)
    # Beside each open node the key, in a mapping, whose value comes next.
    _keys: list[str | None] = field(default_factory=list)

    @property
    def expects_key(self) -> bool:
        """Whether what comes next is a mapping's key."""
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._keys[-1] is None

    def refuse(self, place: Place, what: str) -> None:
        """Notes something that YAML allows and a manifest does not."""
        self.problems.append(Problem(place, what, "Write out what is meant, as a plain text, list or mapping."))

    def add_key(self, name: str, place: Place) -> None:
        """The key of the value that comes next; one that is there twice is a problem."""
        mapping = self._open[-1]
        if name in mapping.keys:
            what = f"the key `{shown(name)}` is there twice, first in line {mapping.keys[name].line}"
            self.problems.append(Problem(place, what, "Keep one of the two."))
        mapping.keys[name] = place
        self._keys[-1] = name

    def add(self, value: str | Word, place: Place) -> None:
        """A value that is no list and no mapping."""
        self._add(Node(place, value))

    def open(self, value: list[Node] | dict[str, Node], place: Place) -> None:
        """An empty list or mapping, which takes what comes until `close`. Raises UnreadableError."""
        if self.expects_key:
            cure = 'If it is a template, put quotes around the whole text: "{{ … }}".'
            raise UnreadableError(place, "a key is a list or a mapping, and must be a text", cure)
        if len(self._open) >= DEEPEST:
            raise UnreadableError(place, f"it is nested more than {DEEPEST} deep", "Write it less deep.")
        self._open.append(Node(place, value))
        self._keys.append(None)

    def close(self) -> None:
        """The end of the innermost list or mapping."""
        self._keys.pop()
        self._add(self._open.pop())

    def _add(self, node: Node) -> None:
        if not self._open:
            self.document = node
            return
        container, name = self._open[-1].value, self._keys[-1]
        if isinstance(container, list):
            container.append(node)
            return
        assert isinstance(container, dict)
        assert name is not None
        container[name] = node
        self._keys[-1] = None
