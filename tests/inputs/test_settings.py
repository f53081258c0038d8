"""Settings: what each input may hold, and the exact words where it may not (contract §2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import KEY
from ci.steps import CIS, INPUTS
from har_labels.inputs.settings import Settings
from inputs.asking import ENOUGH, ask, refusals, spelled

MODES = "Use `replace`, `add`, `remove`, `upsert`, `clear`, `read` or `move`."
HOST = "Write the Harness host, such as https://app.harness.io, or a full API base."
SHARE = "Write INDEX/TOTAL in plain digits, counted from 0: `0/3`, `1/3` and `2/3` are all of three."
NO_SHARE = "it is not an index and a total"
NO_LOOP = ("it has no number, as outside of a loop", "Leave it out where nothing runs several times.")
REF = "Write account/registry, account/org/registry or account/org/project/registry."
NO_CHOICE = "it is not one of the allowed values"
BAD_PATH = ("it is not the path of a single file", "Write one path on one line.")
SWITCHES = ("allow-http", "dry-run", "allow-type-loss", "summary")
# name, least, most, whether a fraction is allowed
NUMBERS = (
    ("timeout", 1, 300, True),
    ("retries", 0, 10, False),
    ("deadline", 0, 86400, True),
    ("concurrency", 1, 32, False),
    ("settle", 0, 60, True),
    ("wait-for-artifact", 0, 3600, True),
    ("requests-per-minute", 1, 100000, False),
    ("max-changes", 0, None, False),
)
NO_NUMBERS = (
    "+1",
    "1e2",
    "0x10",
    "1_0",
    "\uff11",
    "\u0661",
    "inf",
    "nan",
    "1,5",
    "1.",
    ".5",
    "1.5.0",
    "five",
    "1 2",
    "0" * 19,
    "--",
    "true",
)

# input, value, why, what is allowed
VALUES = (
    ("mode", "replcae", NO_CHOICE, f"Did you mean `replace`? {MODES}"),
    ("mode", "REPLACE", NO_CHOICE, f"Did you mean `replace`? {MODES}"),
    ("on-conflict", "fail", NO_CHOICE, "Use `overwrite`, `keep` or `error`."),
    ("on-missing", "ignore", NO_CHOICE, "Use `error` or `skip`."),
    ("on-failure", "abort", NO_CHOICE, "Use `continue`, `stop` or `rollback`."),
    ("artifact-type", "models", NO_CHOICE, "Did you mean `model`? Use `model` or `dataset`."),
    ("auth-scheme", "basic", NO_CHOICE, "Use `x-api-key` or `bearer`."),
    ("api-url", "ftp://h", "only https (and http to this machine) can be used", HOST),
    ("api-url", "https://me:pw@h", "it has a user name or password; the key has an input of its own", HOST),
    ("api-url", "https://h?x", "it has a query or fragment", HOST),
    ("api-url", "https://h/a/../b", "its path has an empty, dotted or percent-encoded part", HOST),
    ("api-url", "https://h:port", "it is not a valid URL, or its port is not a number", HOST),
    ("api-url", "https:// h", "it has a blank, a backslash or a control character", HOST),
    ("registry-ref", "models", "it has one segment, and the account must precede it", REF),
    ("registry-ref", "a/b/c/d/e", "it has 5 segments, and at most four are allowed", REF),
    ("registry-ref", "a//models", "it has an empty segment", REF),
    ("registry-ref", "a/../models", "it has the segment '..'", REF),
    ("registry-ref", "a/%2e%2e/models", "it is percent-encoded; write it plainly: '..'", REF),
    ("registry-ref", "a%2Fmodels", "it is percent-encoded; write it plainly: 'a/models'", REF),
    ("labels-file", "a\nb", *BAD_PATH),
    ("shard", "3/3", "shards count from 0", "The last of 3 is `2/3`, the first `0/3`."),
    ("shard", "1/1", "shards count from 0", "The last of 1 is `0/1`, the first `0/1`."),
    ("shard", "4/3", "its index is greater than its total", SHARE),
    ("shard", "0/0", "its total is 0", SHARE),
    ("shard", "null/null", *NO_LOOP),
    ("shard", "null/3", *NO_LOOP),
    ("shard", "0/null", *NO_LOOP),
    *(
        ("shard", text, NO_SHARE, SHARE)
        for text in ("2", "1/", "/3", "/", "1 / 3", "-1/3", "1/3/3", "1.0/3", "\u0661/3", "1:3", "a/b")
    ),
    ("shard", f"0/{'9' * 19}", "it has too many digits", SHARE),
    ("report-file", "a\nb", *BAD_PATH),
    (
        "labels",
        "[wip",
        "it starts with `[` but is not a JSON array of strings",
        'Write `["wip"]` for a JSON array, or `"[wip"` if an item itself starts with `[`.',
    ),
    (
        "labels",
        "[a, b]",
        "it starts with `[` but is not a JSON array of strings",
        'Write `["a", "b"]` for a JSON array, or `"[a", b]` if an item itself starts with `[`.',
    ),
    (
        "owned",
        "[1]",
        "item 1 of the JSON array is not a string in quotes",
        'Write `["1"]` for a JSON array, or `"[1]"` if an item itself starts with `[`.',
    ),
    (
        "labels",
        '"a" b',
        '`"a" b` goes on after its closing quote',
        'Put a comma after the quote, or write `"""a"" b"` if all of it is one item.',
    ),
)


def enough_for(name: str) -> dict[str, str]:
    """Inputs with which the one named makes no contradiction."""
    return {"owned": {"mode": "replace"}, "on-conflict": {"mode": "upsert"}}.get(name, {})


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(("name", "value", "why", "allowed"), VALUES)
def test_a_wrong_value_is_refused(ci: str, name: str, value: str, why: str, allowed: str) -> None:
    """A wrong value is named in that CI's spelling with the value itself, why it can't be used, and what is allowed."""
    inputs = {**enough_for(name), name: value}
    what, cure = refusals(ci, inputs)[0]
    # An address is shown without a password in it.
    assert what == spelled(f"`@{name}@` is {value.replace('me:pw@', '***@')!r}: {why}", ci, inputs)
    # On Harness the hint continues with the path of the pipeline's scope.
    assert cure == allowed or (
        name == "registry-ref" and ci in {"harness", "hybrid"} and cure.startswith(f"{allowed} In this pipeline: ")
    )
    assert len(refusals(ci, inputs)) == 1


@pytest.mark.parametrize(("name", "least", "most", "fraction"), NUMBERS)
def test_numbers_within_their_range(name: str, least: int, most: int | None, fraction: bool) -> None:
    """Both ends of a range are allowed, what lies just beyond is refused, and only plain digits are numbers."""
    span = f"from {least} to {most}" if most is not None else f"of {least} or more"
    whole = "" if fraction else "whole "
    allowed = f"Use a {whole}number {span} in plain digits{'; a fraction is allowed' if fraction else ''}."
    spelt = name.replace("-", "_")
    highest = str(most if most is not None else 999_999_999_999)
    for value in [str(least), f"0{least}", f" {least}\n", highest, *([f"{least}.0", f"{least}.5"] * fraction)]:
        assert not refusals("harness", {name: value}), value
    beyond = [
        str(least - 1),
        "-0.5" if fraction else "-30",
        *([str(most + 1)] if most is not None else []),
        *([f"{most}.01"] if fraction else []),
    ]
    for value in beyond:
        assert refusals("harness", {name: value}) == [(f"`{spelt}` is {value!r}: it is out of range", allowed)]
    for value in NO_NUMBERS + (() if fraction else ("1.0", "1.5")):
        assert refusals("harness", {name: value}) == [
            (f"`{spelt}` is {value!r}: {_told_of(value, f'it is not a plain {whole}number')}", allowed)
        ]


def _told_of(value: str, why: str) -> str:
    """The error of an invalid value: very many digits are too many."""
    return "it has too many digits" if value.isascii() and value.isdigit() and len(value) > 18 else why


@pytest.mark.parametrize("ci", CIS)
def test_numbers_are_spelt_as_their_reader_does(ci: str) -> None:
    """A number out of range is named in each CI's spelling."""
    inputs = {"requests-per-minute": "0"}
    allowed = "Use a whole number from 1 to 100000 in plain digits."
    assert refusals(ci, inputs) == [
        (spelled("`@requests-per-minute@` is '0': it is out of range", ci, inputs), allowed)
    ]


@pytest.mark.parametrize("name", SWITCHES)
def test_switches(name: str) -> None:
    """`true` and `false` in any case, and nothing else."""
    for value in ("true", "True", "TRUE", "tRuE", " true\n"):
        assert getattr(ask("github", {name: value}).settings, name.replace("-", "_")) is True
    for value in ("false", "False", "FALSE"):
        assert getattr(ask("github", {name: value}).settings, name.replace("-", "_")) is False
    for value in ("yes", "no", "on", "off", "1", "0", "y", "t", "truee", "none"):
        assert refusals("harness", {name: value}) == [
            (
                f"`{name.replace('-', '_')}` is {value!r}: {_told_of(value, 'it is neither true nor false')}",
                "Use `true` or `false`.",
            )
        ]


def test_inputs_and_defaults_are_those_of_the_contract() -> None:
    """The class declares exactly the inputs of the table, with its defaults, and a one-line description each."""
    assert [name.replace("_", "-") for name in Settings.model_fields] == list(INPUTS)
    told = ask("terminal", {}).settings
    spelt_out = ask("github", {}).settings
    for name, field in Settings.model_fields.items():
        assert field.description
        assert "\n" not in field.description
        if name.replace("_", "-") not in ENOUGH:
            assert getattr(told, name) == field.default == getattr(spelt_out, name)


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("blank", ["", " ", "\n", " \t\n"])
def test_empty_means_not_given(ci: str, blank: str) -> None:
    """An empty or blank text leaves every input at its default."""
    others = {name: blank for name in INPUTS if name not in ENOUGH}
    assert ask(ci, others).settings == ask(ci, {}).settings


@pytest.mark.parametrize("ci", CIS)
def test_three_wrong_inputs_are_three_problems(ci: str) -> None:
    """A run with three wrong inputs reports three, each naming its input, and a contradiction beside them."""
    inputs = {
        "mode": "rplace",
        "timeout": "0",
        "registry-ref": "models",
        "max-changes": "-1",
        "save-plan": "p.jsonl",
        "dry-run": "false",
        "artifact": "",
    }
    found = [what for what, _ in refusals(ci, inputs)]
    heads = [
        "`@registry-ref@` is 'models'",
        "`@mode@` is 'rplace'",
        "`@max-changes@` is '-1'",
        "`@timeout@` is '0'",
        "`@artifact@` is missing",
        "`@save-plan@` and `@dry-run@: false` are both given",
    ]
    assert len(found) == len(heads)
    for head, what in zip(heads, found, strict=True):
        assert what.startswith(spelled(head, ci, inputs))


@settings(max_examples=40)
@given(
    st.text(st.characters(exclude_characters="\0"), max_size=20),
    st.sampled_from(sorted(set(INPUTS) - {"api-key", "api-key-file"})),
)
def test_no_text_is_a_defect(text: str, name: str) -> None:
    """Any text of an input is accepted or refused; the error is one line and names the input."""
    for what, cure in refusals("harness", {name: text}):
        assert cure
        assert (
            f"`{name.replace('-', '_')}" in what
            or "is missing" in what
            or " goes with " in what
            or " takes no " in what
            or "both given" in what
        )


def test_a_long_value_is_cut() -> None:
    """A value of thousands of characters is shown by its beginning only."""
    what, _ = refusals("github", {"mode": "x" * 10_000})[0]
    assert what == f"`mode` is {'x' * 200 + '…'!r}: {NO_CHOICE}"


def test_no_text_of_the_settings_shows_the_key() -> None:
    """Printing the configuration or its settings, or dumping them, shows no key."""
    configuration = ask("github", {})
    for shown in (repr(configuration), str(configuration.settings), repr(configuration.settings)):
        assert KEY not in shown
    assert configuration.key.get_secret_value() == KEY
