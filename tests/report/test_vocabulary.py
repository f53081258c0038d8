"""Labels counted over many artifacts, and the small tables of them in the summary (contract §4)."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from har_labels.errors import Forbidden
from har_labels.model.labels import Labels, key_and_value
from har_labels.model.outcome import Outcome, RunResult, Status
from har_labels.report.overview import overview
from har_labels.report.summary import bytes_of
from har_labels.report.vocabulary import MOST_DISTINCT, MOST_KEYS, MOST_VALUES, KeyUsage, shifts_of, vocabulary_of
from har_labels.text import visible_characters
from hostile_text import hostile_texts
from report.results import failed, outcome, run, summary

RENDERER = MarkdownIt("gfm-like", {"html": True})
LARGE = 1_000_000
PAIRS = st.builds(
    "{}{}{}".format, st.sampled_from("abc"), st.sampled_from("=:"), st.sampled_from(["", "1", "2", "x:y"])
)
LABELS = st.lists(PAIRS | st.sampled_from(["word", "http://a/b", "=x", ":y"]), unique=True, max_size=5)


def read(*labels: Labels | None) -> RunResult:
    """A `read` over a glob that matched artifacts of these labels."""
    rows = (_read_row(f"m{at}", one) for at, one in enumerate(labels))
    return as_glob(run(*rows, mode="read"))


def _read_row(name: str, labels: Labels | None) -> Outcome:
    return outcome(name, labels, labels or (), Status.UNCHANGED, labels=labels, is_read=True)


def planned(*changes: tuple[Labels, Labels]) -> RunResult:
    """A dry run over several artifacts of these labels before and after."""
    rows = (
        outcome(f"m{at}", before, after, Status.PLANNED if before != after else Status.UNCHANGED)
        for at, (before, after) in enumerate(changes)
    )
    return run(*rows, mode="upsert", dry_run=True)


def as_glob(result: RunResult) -> RunResult:
    from dataclasses import replace

    return replace(result, is_over_glob=True)


def rows_of(text: str) -> list[list[Token]]:
    """The rendered tables' rows below their heads, each cell as its inline token."""
    rows: list[list[Token]] = []
    tokens = RENDERER.parse(text)
    for at, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "td_open":
            rows[-1].append(tokens[at + 1])
    return [row for row in rows if row]


def spans(cell: Token) -> list[str]:
    return [child.content for child in cell.children or [] if child.type == "code_inline"]


def number_in(cell: Token) -> int:
    return int(re.sub("[^0-9]", "", cell.content) or 0)


@given(st.lists(LABELS, max_size=12))
def test_the_counts_are_those_of_the_labels(labels: list[list[str]]) -> None:
    """Each key, each value of it and the bare words are counted as a loop over all artifacts would count them."""
    found = vocabulary_of(read(*map(tuple, labels)))
    if not labels:
        assert found is None
        return
    pairs = [{key_and_value(label) or ("", label) for label in one} for one in labels]
    values = Counter(pair for one in pairs for pair in one)
    keys = Counter(key for one in pairs for key in {key for key, _ in one})
    assert found
    for word in (*found.keys, found.words):
        mine = {value: count for (key, value), count in values.items() if key == word.key}
        assert word == KeyUsage(
            word.key,
            keys[word.key],
            len(mine),
            has_more=False,
            values=tuple(sorted(mine.items(), key=lambda one: (-one[1], one[0]))),
        )
    assert [word.key for word in found.keys] == sorted(keys.keys() - {""}, key=lambda key: (-keys[key], key))
    assert (found.artifacts, found.unlabelled, found.unknown) == (len(labels), labels.count([]), 0)


def test_the_most_frequent_values_are_found_among_very_many() -> None:
    """20 of them, counted exactly, even after a thousand others; `has_more` is true if there are others."""
    many = [(f"run={number}", f"word{number}") for number in range(1_500)]
    often = [(f"run=often{number:02}",) for number in range(25) for _ in range(25 - number + 1)]
    found = vocabulary_of(read(*many, *often))
    assert found
    [runs] = found.keys
    assert runs.values == tuple((f"often{number:02}", 26 - number) for number in range(MOST_VALUES))
    assert (runs.artifacts, runs.distinct, runs.has_more) == (len(many) + len(often), MOST_DISTINCT, True)
    assert (found.words.distinct, found.words.has_more, len(found.words.values)) == (MOST_DISTINCT, True, MOST_VALUES)
    exact = vocabulary_of(read(*many[:1_000]))
    assert exact
    assert [(word.distinct, word.has_more) for word in (*exact.keys, exact.words)] == [(MOST_DISTINCT, False)] * 2


def test_very_many_keys_are_counted_and_the_most_frequent_listed() -> None:
    """A registry in which each artifact has a key of its own makes no report of that size."""
    found = vocabulary_of(read(*((f"key{number}=1", "stage=dev") for number in range(1_500))))
    assert found
    assert (found.key_count, len(found.keys), found.keys[0].key) == (1_501, MOST_KEYS, "stage")


def test_both_signs_are_one_key() -> None:
    """`stage:dev` and `stage=dev` are one value, which an artifact that has both has once."""
    found = vocabulary_of(read(("stage:dev", "stage=dev"), ("stage:dev",), ("ci://x=1",)))
    assert found
    assert [(word.key, word.artifacts, word.values) for word in found.keys] == [
        ("stage", 2, (("dev", 2),)),
        ("ci", 1, (("//x=1", 1),)),
    ]


def test_only_many_artifacts_have_a_vocabulary() -> None:
    """One that is named has none; one that a glob found has, and so have two; where nothing is read there is none."""
    one = _read_row("a", ("x",))
    assert vocabulary_of(run(one)) is None
    assert vocabulary_of(as_glob(run(one)))
    assert vocabulary_of(run(one, _read_row("b", ())))
    assert vocabulary_of(as_glob(run(outcome("a"), outcome("b")))) is None
    assert vocabulary_of(as_glob(run())) is None


def test_artifacts_without_labels_and_unknown_ones_differ() -> None:
    """Both are counted, and the summary has both below the table."""
    result = read(("a=1",), (), None, None)
    found = vocabulary_of(result)
    assert found
    assert (found.artifacts, found.unlabelled, found.unknown) == (2, 1, 2)
    assert "*1 artifact without labels; 2 artifacts whose labels are not known*" in summary(result)
    assert "**The labels of 1 artifact:**\n\n\n*1 artifact without labels*" in summary(read(()))


def test_the_summary_of_a_read_begins_with_its_vocabulary() -> None:
    """A row a key, the most frequent first, its values with their counts, and the words without a key at the end."""
    labels = [("reviewed", "stage=dev")] * 3 + [("stage=production",), ("owner=nlp", "stage=dev")]
    text = summary(read(*labels))
    assert (
        "**The labels of 5 artifacts:**\n\n"
        "| key | artifacts | values | the most frequent, and in how many artifacts |\n| --- | ---: | ---: | --- |\n"
        "| `stage` | 5 | 2 | `dev`\u00a04 · `production`\u00a01 |\n"
        "| `owner` | 1 | 1 | `nlp`\u00a01 |\n"
        "| *words without a key* | 3 | 1 | `reviewed`\u00a03 |\n\n"
        "**Artifact by artifact:**\n\n| artifact | labels after |"
    ) in text


def test_the_summary_of_a_dry_run_begins_with_the_changes() -> None:
    """Each added or removed label with the numbers of artifacts before and after, key by key, and all labels."""
    before, after = ("owner=nlp", "stage=dev"), ("owner=nlp", "stage=production")
    text = summary(planned(*[(before, after)] * 3, (after, after), ((), ("new",))))
    assert (
        "**How the labels of 5 artifacts would change:**\n\n"
        "| label | before | added | removed | after |\n| --- | ---: | ---: | ---: | ---: |\n"
        "| `stage=dev` | 3 |  | \N{MINUS SIGN}\u00a03 | 0 |\n"
        "| `stage=production` | 1 | +\u00a03 |  | 4 |\n"
        "| `new` | 0 | +\u00a01 |  | 1 |\n"
        "| **all labels** | 8 | +\u00a04 | \N{MINUS SIGN}\u00a03 | 9 |\n\n"
        "**Artifact by artifact:**\n\n| artifact | labels after |"
    ) in text


def test_values_that_differ_everywhere_share_a_row() -> None:
    """A label that each artifact gets its own of makes one row of the others, not one an artifact."""
    text = summary(planned(*(((), (f"run={number:03}", f"word{number:03}")) for number in range(100))))
    assert "| *96 other values* of `run` | 0 | +\u00a096 |  | 96 |\n" in text
    assert "| *96 other words* | 0 | +\u00a096 |  | 96 |\n" in text
    keys = summary(planned(*(((), (f"key{number:03}=x",)) for number in range(100))))
    assert "| *70 other labels* | 0 | +\u00a070 |  | 70 |\n| **all labels** | 0 | +\u00a0100 |  | 100 |\n" in keys


@pytest.mark.parametrize(
    "result",
    [
        planned((("a",), ("b",))),
        planned((("a",), ("a",)), (("b",), ("b",))),
        run(outcome("a"), outcome("b")),
        as_glob(run(outcome("a", ("x",), ("x",), Status.UNCHANGED), dry_run=True)),
    ],
)
def test_few_artifacts_and_unchanged_ones_get_no_table(result: RunResult) -> None:
    """One artifact by its name, a dry run that changes nothing, and a run that wrote have the table alone."""
    assert shifts_of(result) is None
    assert overview(result, LARGE, bytes_of) == ""


def test_what_could_not_be_planned_is_counted_beside() -> None:
    """An artifact whose labels are not known is in no total; the heading counts it."""
    changing = outcome("a", ("x",), ("y",), Status.PLANNED)
    text = summary(as_glob(run(changing, failed(Forbidden("no")), dry_run=True)))
    assert "**How the labels of 1 artifact would change (the labels of 1 more are not known):**" in text


def test_a_manifest_may_read_and_change() -> None:
    """What it reads and what it would change are two tables."""
    text = summary(
        run(_read_row("a", ("x",)), _read_row("b", ("x",)), outcome("c", (), ("y",), Status.PLANNED), dry_run=True)
    )
    assert text.index("**The labels of 2 artifacts:**") < text.index("**How the labels of 3 artifacts would change:**")


hostile_labels = st.lists(hostile_texts.filter(bool), unique=True, max_size=4).map(lambda labels: tuple(sorted(labels)))


@settings(max_examples=300, deadline=None)
@given(st.lists(hostile_labels, min_size=1, max_size=4))
def test_every_key_and_value_shows_as_itself(labels: list[Labels]) -> None:
    """Pipes, backquotes, HTML, mentions, line ends: the table's cells hold the texts and nothing else."""
    result = read(*labels)
    found = vocabulary_of(result)
    assert found
    text = overview(result, LARGE, bytes_of)
    rows = {tuple(spans(key)): (number_in(count), spans(values)) for key, count, _, values in rows_of(text)}
    told = [*found.keys, *([found.words] if found.words.values else [])]
    assert rows == {
        ((visible_characters(word.key),) if word.key else ()): (
            word.artifacts,
            [visible_characters(value) for value, _ in word.values if value],  # an empty one is a word in italics
        )
        for word in told
    }
    _check_markup(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(hostile_labels, hostile_labels), min_size=2, max_size=3))
def test_every_label_of_a_dry_run_shows_as_itself_and_adds_up(changes: list[tuple[Labels, Labels]]) -> None:
    """Each row is one label with its true counts, and those of all rows make what changes in the last one."""
    text = overview(planned(*changes), LARGE, bytes_of)
    had, has = (Counter(label for pair in changes for label in pair[side]) for side in (0, 1))
    if all(before == after for before, after in changes):
        assert text == ""
        return
    *rows, total = rows_of(text)
    single = [row for row in rows if " other " not in row[0].content]
    by_label = {visible_characters(label): label for label in had | has}
    for name, before, added, removed, after in single:
        label = by_label[spans(name)[0]]
        assert (number_in(before), number_in(after)) == (had[label], has[label])
        assert number_in(before) + number_in(added) - number_in(removed) == number_in(after)
    for column in (2, 3):
        assert sum(number_in(row[column]) for row in rows) == number_in(total[column])
    assert (number_in(total[1]), number_in(total[4])) == (had.total(), has.total())
    _check_markup(text)


def _check_markup(text: str) -> None:
    """Nothing but our own emphasis, code, and text is in it."""
    ours = {"strong_open", "strong_close", "em_open", "em_close", "text", "code_inline", "softbreak"}
    for token in RENDERER.parse(text):
        assert {child.type for child in token.children or []} <= ours
        assert token.type not in {"html_block", "fence", "heading_open", "blockquote_open"}


@pytest.mark.parametrize("limit", [2_000, 60_000, 64 * 1024, 1_000_000])
@pytest.mark.parametrize(
    "text", ["x" * 4_000, "|" * 4_000, "`" * 3_999, "ä" * 4_000, "k=" + "v" * 4_000, "k" * 2_000 + "=v"]
)
def test_long_labels_leave_room_for_the_rest(limit: int, text: str) -> None:
    """The summary keeps to its limit, with its sentence, whatever the labels; every row that is there is whole."""
    names = [f"{text}{number}" for number in range(60)]
    for result in (read(*((name, "stage=dev") for name in names)), planned(*(((), (name,)) for name in names))):
        for size in (bytes_of, len):
            told = summary(result, limit=limit, size=size)
            assert size(told) <= limit
            assert "5 requests sent" in told
            assert {len(row) for row in rows_of(told)} <= {4, 5}
    if limit > 2_000:
        assert "| `stage` | 60 |" in summary(read(*((name, "stage=dev") for name in names)), limit=limit)


def test_a_key_that_is_too_long_leaves_the_others() -> None:
    """What has no row is counted."""
    result = read(*[("a" * 4_000 + "=1", "stage=dev")] * 2)
    text = overview(result, 3_000, bytes_of)
    assert "| `stage` | 2 |" in text
    assert "*1 more key, see the report*" in text
