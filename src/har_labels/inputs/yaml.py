"""From the text of a YAML 1.2 or JSON document to values; hides ruamel.yaml.

One builder, two results. `load_plain` returns plain data, for metrics and label maps; `load_placed` returns nodes that
know their line and column, for manifests and policies. Anchors, aliases, tags and merge keys can make a value differ
from what it seems to be. In plain data such a value is Unusable and the rest of the file is not; in a placed document
each is a problem. Duplicate keys are refused in both. Nesting is counted, not recursed into.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from har_labels.errors import Invalid
from har_labels.model.unusable import Unusable
from har_labels.text import shown

DEEPEST = 100

_OWN_TAGS = "tag:yaml.org,2002:"
_WRITE_PLAINLY = "Have the job write plain values: JSON, or YAML by `yaml.safe_dump`."


class Place(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


class InvalidAt(Invalid):
    """What is wrong with a document, and the `place` where."""

    def __init__(
        self,
        place: Place,
        why: str,
        cure: str = "Correct that place; a text with `{{ }}`, `: ` or ` #` in it needs quotes around it.",
    ) -> None:
        super().__init__(why, cure)
        self.place = place

    def __str__(self) -> str:
        return f"line {self.place.line}, column {self.place.column}: {self.why}"


class DuplicateKey(InvalidAt):
    """A mapping has `key` twice."""

    def __init__(self, key: str, place: Place, first: Place | None) -> None:
        where = f", first in line {first.line}" if first else ""
        super().__init__(place, f"the key `{shown(key)}` occurs twice{where}", "Keep one of the two.")
        self.key = key


class _MarkKind(Enum):
    """Features of YAML that can make a value differ from what it seems to be."""

    ALIAS = "alias"
    ANCHOR = "anchor"
    MERGE_KEY = "merge key"
    TAG = "tag"


class _Mark(InvalidAt):
    """Such a feature at a value or key, as `written` in the file."""

    def __init__(
        self,
        kind: _MarkKind,
        written: str,
        place: Place,
        cure: str = "Write out what is meant, as a plain text, list or mapping.",
    ) -> None:
        self.kind, self.what = kind, f"{kind.value} `{shown(written)}`"
        super().__init__(place, f"the {self.what} is not allowed", cure)


# --- documents with places ---------------------------------------------------------------------------------------


class WordKind(Enum):
    """The types other than text that YAML gives a word without quotes, as messages name them."""

    NUMBER = "a number"
    SWITCH = "true or false"
    DATE = "a date"
    NOTHING = "no value at all"
    REFUSED = "a value that is reported already"


@dataclass(frozen=True, slots=True)
class Word:
    """A word without quotes that YAML does not read as a text, as written."""

    text: str
    kind: WordKind


@dataclass(slots=True)
class Node:
    """A text, a word, a list of nodes or a mapping of names to nodes, with the place where it begins.

    Words stay as written: the schema knows what each value has to be. `keys` has the place of each key of a mapping.
    """

    place: Place
    value: str | Word | list[Node] | dict[str, Node]
    keys: dict[str, Place] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        """The value of a key; None if there is none, or this is not a mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    @property
    def plain(self) -> Any:
        """The value without places: texts, words, lists and dicts."""
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        return self.value


def load_placed(text: str, *, is_json: bool) -> tuple[Node | None, list[InvalidAt]]:
    """The one document in `text`, and everything that is wrong with its form.

    The document is None if there is none or it can't be read. With `is_json` only JSON is accepted; without it JSON
    is still read as JSON, which is a hundred times faster than as YAML.
    """
    builder = _PlacedBuilder()
    looks_like_json = is_json or text.lstrip().startswith("{")
    problem = _json_problem(text) if looks_like_json else None
    if is_json and problem:
        return None, [problem]
    try:
        if looks_like_json and not problem:
            _build_from_json(text, builder)
        else:
            _build_from_yaml(text, builder, _word_reader())
    except InvalidAt as error:
        return None, [*builder.problems, error]
    return builder.document, builder.problems


# --- plain data --------------------------------------------------------------------------------------------------

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE_OR_FALSE = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEXADECIMAL = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})


def load_plain(text: str, *, as_written: bool = False) -> object:
    """The one document in `text` as dicts, lists, texts, numbers, true, false and None; keys are texts as written.

    Words follow YAML 1.2's core schema and nothing else: `1e-3` is a number; `no`, `12:30:45`, `1_000` and `2026-11-23`
    are texts. An alias, and a value with an anchor or a tag, are Unusable; so is a whole mapping with a merge key, since
    its keys are not known. None if the text is empty. With `as_written` numbers are texts with the digits that they
    have there. Raises InvalidAt; DuplicateKey for a key that occurs twice.
    """
    builder = _PlainBuilder()
    _build_from_yaml(text, builder, _written_value if as_written else _plain_value)
    return builder.document


def _plain_value(word: str) -> object:
    """A word by the core schema (YAML 1.2.2 §10.3.2). By regexes of our own: ruamel.yaml's resolver takes longer."""
    if word in _NULL:
        return None
    if word in _TRUE_OR_FALSE:
        return _TRUE_OR_FALSE[word]
    if _WHOLE.fullmatch(word):
        return int(word)
    if _OCTAL_OR_HEXADECIMAL.fullmatch(word):
        return int(word, 0)
    if _FLOAT.fullmatch(word):
        return float(word)
    if _INFINITE.fullmatch(word):
        return float("-inf" if word.startswith("-") else "inf")
    return float("nan") if word in _NAN else word


def _written_value(word: str) -> object:
    if word in _NULL:
        return None
    if word in _NAN or _INFINITE.fullmatch(word):
        raise Invalid(f"{word} is not a number that can be written")
    return _TRUE_OR_FALSE.get(word, word)


# --- the builder -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A list or mapping that isn't closed yet; `key` is a mapping's key whose value comes next, with its `key_marks`."""

    value: dict[str, Any] | list[Any]
    place: Place
    marks: list[_Mark]
    keys: dict[str, Place] = field(default_factory=dict)
    key: str | None = None
    key_marks: Sequence[_Mark] = ()


class _Builder(ABC):
    """Puts a document together from its parts in their order; `document` is None until it is complete."""

    def __init__(self) -> None:
        self.document: Any = None
        self._open: list[_Open] = []

    @abstractmethod
    def report(self, problem: InvalidAt) -> None:
        """Handles a problem after which the rest can still be read."""

    @abstractmethod
    def finished(self, value: Any, place: Place, marks: Sequence[_Mark], keys: dict[str, Place]) -> object:
        """A complete value as it goes into the document."""

    @property
    def expects_key(self) -> bool:
        """Whether the next part is a mapping's key."""
        return bool(self._open) and self._open[-1].key is None and isinstance(self._open[-1].value, dict)

    def add_key(self, name: str, place: Place, marks: Sequence[_Mark] = ()) -> None:
        """The key of the next value. An alias or merge key may be any keys, so it marks the whole mapping."""
        top = self._open[-1]
        for mark in marks:
            self.report(mark)
        if unknown := [mark for mark in marks if mark.kind in {_MarkKind.ALIAS, _MarkKind.MERGE_KEY}]:
            top.key, top.marks = "", top.marks + unknown
            return
        if name in top.value:
            self.report(DuplicateKey(name, place, top.keys.get(name)))
        top.key, top.key_marks = name, [mark for mark in marks if mark.kind is _MarkKind.TAG]

    def add(self, value: object, place: Place, marks: Sequence[_Mark] = ()) -> None:
        """A value that is neither a list nor a mapping."""
        for mark in marks:
            self.report(mark)
        self._add(value, place, marks, {})

    def open(self, value: list[Any] | dict[str, Any], place: Place, marks: Sequence[_Mark] = ()) -> None:
        """An empty list or mapping, which takes the following parts until `close`. Raises InvalidAt."""
        if self.expects_key:
            cure = 'If it is a template, put quotes around the whole text: "{{ … }}".'
            raise InvalidAt(place, "a key is a list or a mapping, and must be a text", cure)
        if len(self._open) >= DEEPEST:
            raise InvalidAt(place, f"it is nested more than {DEEPEST} deep", "Write it less deep.")
        for mark in marks:
            self.report(mark)
        self._open.append(_Open(value, place, list(marks)))

    def close(self) -> None:
        """The end of the innermost list or mapping."""
        closed = self._open.pop()
        self._add(closed.value, closed.place, closed.marks, closed.keys)

    def _add(self, value: object, place: Place, marks: Sequence[_Mark], keys: dict[str, Place]) -> None:
        if not self._open:
            self.document = self.finished(value, place, marks, keys)
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(self.finished(value, place, marks, keys))
        else:
            # A key comes before each value, so `key` is a text here.
            marks = [*top.key_marks, *marks] if top.key_marks else marks
            top.value[str(top.key)] = self.finished(value, place, marks, keys)
            top.key, top.key_marks = None, ()


class _PlainBuilder(_Builder):
    """Builds plain data. Ignores duplicate keys in a mapping that is Unusable anyway."""

    def report(self, problem: InvalidAt) -> None:
        if isinstance(problem, DuplicateKey) and not self._open[-1].marks:
            raise problem

    def finished(self, value: Any, place: Place, marks: Sequence[_Mark], keys: dict[str, Place]) -> object:  # noqa: ARG002 - the other builder's
        if not marks:
            return value
        return Unusable(f"the YAML {marks[0].what} in line {marks[0].place.line} is not supported", _WRITE_PLAINLY)


class _PlacedBuilder(_Builder):
    """Builds nodes. REFUSED are an alias, a word with a tag, and a mapping with keys that are not known.

    An anchor leaves its value as it is, and so does the tag of a list, a mapping or a key: what is in there is checked, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[InvalidAt] = []

    def report(self, problem: InvalidAt) -> None:
        self.problems.append(problem)

    def add_key(self, name: str, place: Place, marks: Sequence[_Mark] = ()) -> None:
        super().add_key(name, place, marks)
        self._open[-1].keys[name] = place
        self._open[-1].key_marks = ()

    def finished(self, value: Any, place: Place, marks: Sequence[_Mark], keys: dict[str, Place]) -> Node:
        harmless = {_MarkKind.ANCHOR} if isinstance(value, str) else {_MarkKind.ANCHOR, _MarkKind.TAG}
        if any(mark.kind not in harmless for mark in marks):
            return Node(place, Word(value if isinstance(value, str) else "", WordKind.REFUSED))
        return Node(place, value, keys)


# --- from JSON ---------------------------------------------------------------------------------------------------

_JSON_TOKEN = re.compile(r'[\s,:]*+(?:("(?:[^"\\]++|\\.)*+")|([\[{])|([\]}])|([^\s,:\[\]{}"]++))')
_JSON_KINDS = {"true": WordKind.SWITCH, "false": WordKind.SWITCH, "null": WordKind.NOTHING}


def _json_problem(text: str) -> InvalidAt | None:
    """Why the text is not valid JSON. Numbers stay as written, so that none has too many digits."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        return InvalidAt(Place(error.lineno, error.colno), f"not valid JSON: {error.msg}", "Correct that place.")
    except RecursionError:
        return None  # the builder finds the place where it is nested too deep
    return None


def _build_from_json(text: str, builder: _Builder) -> None:
    """Builds from a text that is known to be JSON, token by token."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    for found in _JSON_TOKEN.finditer(text):
        string, opening, closing, word = found.groups()
        offset = found.start(found.lastindex or 0)
        line = bisect_right(starts, offset)
        place = Place(line, offset - starts[line - 1] + 1)
        if string:
            (builder.add_key if builder.expects_key else builder.add)(json.loads(string), place)
        elif opening:
            builder.open([] if opening == "[" else {}, place)
        elif closing:
            builder.close()
        else:
            builder.add(Word(word, _JSON_KINDS.get(word, WordKind.NUMBER)), place)


# --- from YAML ---------------------------------------------------------------------------------------------------

# By YAML 1.1 rules, which ruamel.yaml and other readers partly follow, `1_000` is a number and `2026-11-23` a date.
# In quotes they are the same text to every reader.
_YAML_KINDS = {
    "int": WordKind.NUMBER,
    "float": WordKind.NUMBER,
    "bool": WordKind.SWITCH,
    "timestamp": WordKind.DATE,
    "null": WordKind.NOTHING,
}


def _build_from_yaml(text: str, builder: _Builder, value_of: Callable[[str], object]) -> None:
    """Builds from a YAML text; `value_of` gives the value of a word without quotes. Raises InvalidAt."""
    documents = 0
    for event in _events(text):
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        match type(event).__name__:
            case "ScalarEvent":
                _add_scalar(event, place, builder, value_of)
            case "MappingStartEvent":
                builder.open({}, place, _marks_of(event, place))
            case "SequenceStartEvent":
                builder.open([], place, _marks_of(event, place))
            case "MappingEndEvent" | "SequenceEndEvent":
                builder.close()
            case "AliasEvent":
                if builder.expects_key:
                    mark = _Mark(_MarkKind.ALIAS, f"*{event.anchor}", place, "Write the key itself.")
                    builder.add_key("", place, [mark])
                else:
                    builder.add("", place, [_Mark(_MarkKind.ALIAS, f"*{event.anchor}", place)])
            case "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    what = "a second document begins here, and only one is read"
                    raise InvalidAt(place, what, "Take out the `---` and what follows.")


def _add_scalar(event: Any, place: Place, builder: _Builder, value_of: Callable[[str], object]) -> None:
    text: str = event.value
    marks = _marks_of(event, place)
    if builder.expects_key:
        if text == "<<" and event.style is None:
            marks = [_Mark(_MarkKind.MERGE_KEY, "<<", place, "Write out the keys that are meant.")]
        builder.add_key(text, place, marks)
        return
    try:
        value = text if event.style is not None or event.tag is not None else value_of(text)
    except Invalid as error:
        raise InvalidAt(place, error.why) from None
    except ValueError:
        raise InvalidAt(place, "a number has too many digits") from None
    builder.add(value, place, marks)


def _marks_of(event: Any, place: Place) -> Sequence[_Mark]:
    """The tag and the anchor of a value, if it has any."""
    if event.tag is None and event.anchor is None:
        return ()
    marks = []
    if event.tag is not None:
        tag = str(event.tag)
        written = f"!!{tag.removeprefix(_OWN_TAGS)}" if tag.startswith(_OWN_TAGS) else tag
        marks.append(_Mark(_MarkKind.TAG, written, place))
    if event.anchor is not None:
        marks.append(_Mark(_MarkKind.ANCHOR, f"&{event.anchor}", place))
    return marks


def _word_reader() -> Callable[[str], str | Word]:
    """A reader of words without quotes: it returns a Word for one that YAML readers do not read as a text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode

    resolver = YAML(typ="safe", pure=True).resolver

    def text_or_word(word: str) -> str | Word:
        tag = resolver.resolve(ScalarNode, word, (True, False))
        kind = _YAML_KINDS.get(str(tag).rpartition(":")[2])
        return Word(word, kind) if kind else word

    return text_or_word


def _events(text: str) -> Iterator[Any]:
    """The parser's events; each of its errors is raised as InvalidAt."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except ReaderError as error:
        start_of_line = text.rfind("\n", 0, error.position) + 1
        place = Place(text.count("\n", 0, start_of_line) + 1, error.position - start_of_line + 1)
        raise InvalidAt(place, "a character that YAML doesn't allow") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise InvalidAt(place, f"not valid YAML: {shown(str(error.problem or error.context))}") from None
    except Exception as error:  # noqa: BLE001 - ruamel.yaml lets any other through, such as ValueError for "\U00110000"
        raise InvalidAt(Place(1, 1), f"not valid YAML ({type(error).__name__})") from None
