"""Problems of a manifest: all reported at once, with file, line, column and cure (contract §6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har_labels.errors import InputError, ManifestError, MetricsError, TemplateError
from request.manifests import Write, Written

HEAD = "version: 1\nregistry-ref: a/r\nchanges:\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes manifests."""
    return Write(tmp_path)


@pytest.mark.parametrize(
    ("written", "told", "cure"),
    [
        ("1.0", "is 1.0: it is read as a number", '"1.0"'),
        ("1_000", "is 1_000: it is read as a number", '"1_000"'),
        ("0x1F", "is 0x1F: it is read as a number", '"0x1F"'),
        (".inf", "is .inf: it is read as a number", '".inf"'),
        ("true", "is true: it is read as true or false", '"true"'),
        ("2026-11-23", "is 2026-11-23: it is read as a date", '"2026-11-23"'),
        ("~", "is ~: it is read as no value at all", '"~"'),
        ("null", "is null: it is read as no value at all", '"null"'),
        ("stage: prod", ": it is read as a mapping", ': "stage: prod"'),
        ("a: 1", ": it is read as a mapping", ': "a: 1"'),
        ("{a: b, c: d}", ": it is read as a mapping", "quotes."),
        ("[a]", ": it is a list", "one text"),
        ('""', "is '': it is empty", "leave it out"),
    ],
)
def test_labels_that_are_not_texts(write: Write, written: str, told: str, cure: str) -> None:
    """A value that YAML reads as number, date, boolean, mapping or null is refused, with the quoted form."""
    (error,) = write(f"{HEAD}  - artifact: x\n    labels:\n      - fine\n      - {written}\n").problems()
    assert type(error) is ManifestError
    assert f"manifest.yml:7:9: `labels` item 2 {told}".replace(" :", ":") in error.what
    assert cure in error.next_step


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("{stage: prod, n: 1.10}", 'Write the labels as a list: ["stage=prod", "n=1.10"].'),
        ("{a: [b]}", "Write the labels as a list, an item each."),
    ],
)
def test_labels_as_a_mapping(write: Write, written: str, cure: str) -> None:
    """For a mapping in place of the list of labels, the message has the intended list."""
    (error,) = write(f"{HEAD}  - {{artifact: x, labels: {written}}}\n").problems()
    assert "`labels`: it is a mapping, and a list is wanted" in error.what
    assert error.next_step == cure


def test_all_at_once(write: Write) -> None:
    """Invalid values, unknown and duplicate keys, aliases, contradictions and templates are reported in one run, in order."""
    written = write(
        """version: 2
mode: repalce
registry-reff: a/r
changes:
  - artifact: [a, 1, x/../y]
    labels: &own [1.0, "a^_b"]
    artifact: *own
  - mode: clear
    labels: [a]
    registry-ref: onlyone
    artifact: x
  - just text
  - {artifact: x, mode: add, registry-ref: a/r, labels: ["{{ f() }}"], require: 1 +, metrics-file: /nope}
"""
    )
    assert [line.partition(": ")[0] for line in written.told()] == [
        "1:10", "2:7", "3:1", "5:5", "6:13", "6:19", "7:5", "7:15", "9:5", "10:19", "12:5", "13:58", "13:81", "13:100",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("labls: [a]", "there is no key `labls` here | Did you mean `labels`?"),
        ("Labels: [a]", "there is no key `Labels` here | Did you mean `labels`?"),
        ("on_missing: skip", "there is no key `on_missing` here | Did you mean `on-missing`?"),
        ("dry-run: true", "there is no key `dry-run` here | `dry-run` is an input of the step as a whole"),
        ("templates: false", "there is no key `templates` here | Leave it out: labels are always rendered"),
        ("shard-index: 0", "there is no key `shard-index` here | Write INDEX/TOTAL into `shard` instead"),
        ("Shard_Total: 3", "there is no key `Shard_Total` here | Write INDEX/TOTAL into `shard` instead"),
        ("shard: 0/3", "there is no key `shard` here | `shard` is an input of the step as a whole"),
        ("colour: red", "there is no key `colour` here | The keys here are `registry-ref`, `artifact`"),
        ("1: x", "there is no key `1` here"),
    ],
)
def test_unknown_keys(write: Write, text: str, told: str) -> None:
    """An unknown key is an error at its own place, with the key that was probably meant."""
    (error,) = write(f"{HEAD}  - artifact: x\n    labels: [a]\n    {text}\n").problems()
    assert f"manifest.yml:6:5: {told}" in f"{error.what} | {error.next_step}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mode: add\nmode: add", "2:1: the key `mode` occurs twice, first in line 1"),
        ("mode: &a add", "1:7: the anchor `&a` is not allowed"),
        ("mode: *a", "1:7: the alias `*a` is not allowed"),
        ("mode: !!str add", "1:7: the tag `!!str` is not allowed"),
        ("changes: !x []", "1:10: the tag `!x` is not allowed"),
        ("<<: {mode: add}", "1:1: the merge key `<<` is not allowed"),
        ("*a : 1", "1:1: the alias `*a` is not allowed"),
        ("labels:\n  - {{ metrics.x }}", "2:6: a key is a list or a mapping"),
        ("mode: add\n---\nmode: add", "2:1: a second document begins here"),
        ("mode: [a", "1:9: not valid YAML: expected ',' or ']'"),
        ("mode: a: b", "1:8: not valid YAML: mapping values are not allowed here"),
        ("mode:\n\tadd", "2:1: not valid YAML: found character '\\t' that cannot"),
        ("mode: \x07", "1:7: a character that YAML doesn't allow"),
        ('mode: "\\U00110000"', "1:1: not valid YAML (ValueError)"),
        ("", "1:1: a manifest is a mapping, and it is empty"),
        ("# nothing", "1:1: a manifest is a mapping, and it is empty"),
        ("- a", "1:1: a manifest is a mapping, and its top is not a mapping"),
        ("[" * 101, "1:101: it is nested more than 100 deep"),
        ("{}", "1:1: `version` is missing"),
        ("{}", "1:1: `changes` is missing"),
    ],
)
def test_form(write: Write, text: str, told: str) -> None:
    """Unreadable or misleading syntax is an error with its place."""
    assert any(line.startswith(told) for line in write(text).told()), write(text).told()


@pytest.mark.parametrize(
    ("entry", "places"),
    [
        ("!x {artifact: y, labls: [a]}", ["4:5", "4:5", "4:22"]),
        ("{artifact: y, mode: add, labels: !x [1]}", ["4:38", "4:42"]),
        ("{artifact: y, labels: [a], !x mode: ad}", ["4:32", "4:41"]),
        ("{artifact: y, labels: [a], mode: !x ad}", ["4:38"]),
    ],
)
def test_what_a_tag_is_put_on_is_checked_all_the_same(write: Write, entry: str, places: list[str]) -> None:
    """A tag on a list, a mapping or a key hides no other problem; what a word with one means is not known."""
    lines = write(f"{HEAD}  - {entry}\n").told()
    assert [line.partition(": ")[0] for line in lines] == places
    assert any("the tag `!x` is not allowed" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("<<: {mode: add}", "Write out the keys that are meant."),
        ("*a : 1", "Write the key itself."),
        ("mode: *a", "Write out what is meant, as a plain text, list or mapping."),
    ],
)
def test_how_to_write_it_instead(write: Write, text: str, cure: str) -> None:
    """What YAML adds is written out, each in its way."""
    assert cure in [error.next_step for error in write(text).problems()]


def test_a_tag_on_the_whole_file(write: Write) -> None:
    """The same at the top."""
    lines = write("!x\nversion: 2\nchanges: [{artifact: y, mode: add, labels: [a], registry-ref: a/r}]\n").told()
    assert [line.partition(": ")[0] for line in lines] == ["1:1", "2:10"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n "version": 1,\n "version": 1}', "3:2: the key `version` occurs twice, first in line 2"),
        ('{\n\t"version": 1,\n\t"changes": [\n\t\t{"artifact": 1}]}', "4:16: `artifact` is 1: it is read as a number"),
        ('{"version": true}', "1:13: `version` is true"),
        ('{"version": null}', "1:13: `version` is null"),
        ('{"version": NaN}', "1:13: `version` is NaN"),
        ('{"version": ' + "9" * 5000 + "}", "1:13: `version` is 999"),
        ('{"a": 1', "1:8: not valid JSON: Expecting ',' delimiter"),
        ("version: 1", "1:1: not valid JSON"),
        ("[" * 5000, "1:101: it is nested more than 100 deep"),
        ('["a", 1]', "1:1: a manifest is a mapping, and its top is not a mapping"),
    ],
)
def test_form_of_json(write: Write, text: str, told: str) -> None:
    """JSON knows its places as well, and a file called .json is nothing else."""
    assert any(line.startswith(told) for line in write(text, name="m.json").told()), write(text, name="m.json").told()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{mode: add, labels: [a]}", "4:5: this entry has no `artifact`"),
        ("{artifact: x}", "4:5: this entry has no `labels`"),
        ("{artifact: x, mode: clear, labels: [a]}", "4:32: `labels` goes with a mode other than `clear` and `read`"),
        ("{artifact: x, mode: add, labels: [a], owned: [a]}", "4:43: `owned` goes with `mode: replace`"),
        ("{artifact: x, labels: [a], on-conflict: keep}", "4:32: `on-conflict` goes with `mode: upsert`"),
        ("{artifact: x, labels: [a], mode: ' add'}", "4:38: `mode` is ' add': it has a blank"),
        ("{artifact: x, labels: }", "4:26: `labels`: it has no value"),
        ("{artifact: x, labels: []}", "4:27: `labels`: it has no items"),
        ("{artifact: [x/../y], labels: [a]}", "4:17: `artifact` item 1 is 'x/../y': it has the segment '..'"),
        ("{artifact: '%2e', labels: [a]}", "4:16: `artifact` is '%2e': in item 1 it is percent-encoded"),
        ("{artifact: x, labels: [a, 'b^_c']}", "4:31: label 2 `b^_c` can't be a label: it has `^_`"),
        ("{artifact: x, labels: ['{{ metrics.x }}']}", "4:28: label 1 `{{ metrics.x }}`: there is no metric `x`"),
        ("{artifact: x, labels: ['{{ f() }}']}", "4:28: label 1 `{{ f() }}`"),
        ("{artifact: x, labels: ['{{ artifact'] }", "4:28: label 1 `{{ artifact`"),
        ("{artifact: x, labels: [a], mode: upsert}", "4:28: label 1 'a' has no key"),
        ("{artifact: x, labels: [a], owned: [b]}", "4:28: label 1 'a' matches no pattern of `owned`"),
        ("{artifact: x, labels: ['{{ ci.tag }}']}", "4:27: labels: nothing would be left"),
        ("{artifact: x, labels: [a], require: [1 +]}", "4:42: `require` 1 `1 +`"),
        ("{artifact: x, labels: [a], metrics-file: /nope}", "4:46: metrics file `/nope` can't be read"),
    ],
)
def test_entries(write: Write, entry: str, told: str) -> None:
    """Missing keys, contradictions to the mode and invalid templates of an entry are reported with their places."""
    written = write(f"{HEAD}  - {entry}\n")
    (line,) = written.told()
    assert line.startswith(told), line


def test_labels_of_one_artifact_wait_for_it(write: Write) -> None:
    """Labels that name the artifact are not rendered before it is known; their neighbours are."""
    (line,) = write(f"{HEAD}  - artifact: x\n    labels: ['of={{{{ artifact }}}}', 'a^_b']\n").told()
    assert line.startswith("5:35: label 2 `a^_b`")


@pytest.mark.parametrize("line", ["owned: [a]", "on-conflict: keep", "labels: [a]"])
def test_defaults_for_nobody(write: Write, line: str) -> None:
    """A default that no entry's mode has a use for is an error; one that is done anyway is not."""
    (told,) = write(f"{HEAD}  - {{artifact: x, mode: clear}}\n{line}\n").told()
    assert told.startswith(f"5:1: `{line.partition(':')[0]}` goes with")
    assert not write(f"{HEAD}  - {{artifact: x, mode: clear}}\non-conflict: overwrite\n").told()


def test_registry_in_no_place(write: Write) -> None:
    """An entry without a registry is an error, unless the file or the input has one."""
    text = "version: 1\nchanges: [{artifact: x, labels: [a]}]\n"
    (line,) = write(text).told()
    assert line.startswith("2:11: this entry has no `registry-ref`")
    assert not write(text, inputs={"registry_ref": "a/r"}).told()


def test_an_invalid_default_is_reported_once(write: Write) -> None:
    """A default that can't be understood is one error, not one for each entry that inherits it."""
    text = (
        "version: 1\nregistry-ref: x\nmode: ad\nrequire: 1 +\nchanges: [{artifact: x}, {artifact: y}, {artifact: z}]\n"
    )
    assert [line.partition(": ")[0] for line in write(text).told()] == ["2:15", "3:7"]


def test_kinds_of_errors(write: Write) -> None:
    """Errors of templates and metrics files keep their own codes; all have exit code 2."""
    text = f"{HEAD}  - {{artifact: x, labels: ['{{{{ f() }}}}'], metrics-file: /nope, colour: red}}\n"
    errors = write(text).problems()
    assert [type(error) for error in errors] == [TemplateError, MetricsError, ManifestError]
    assert {error.exit_code for error in errors} == {2}


def test_not_more_than_anyone_reads(write: Write) -> None:
    """Past a hundred problems the rest is counted."""
    lines = write(HEAD + "  - 1\n" * 150).told()
    assert len(lines) == 101
    assert lines[-1].endswith("50 more problems in this file")


def test_files_that_cant_be_read(write: Write, tmp_path: Path) -> None:
    """A file that is missing, no file, too large or no UTF-8 is an error that names input and path."""
    with pytest.raises(InputError, match=r"`manifest` names .* can't be read"):
        Written(tmp_path / "nowhere.yml").entries()
    for content, why in ((b"#" * (10 * 1024 * 1024 + 1), "larger than"), (b"version: 1 # \xff", "not UTF-8")):
        with pytest.raises(InputError, match=why):
            write(content).entries()
    with pytest.raises(InputError, match="`manifest` names"):
        Written(tmp_path).entries()


@given(st.text(st.sampled_from("version1changes:-[]{}'\"*&!|>#%@, \n\t~\\éartifclbx"), max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_text_is_a_defect(write: Write, text: str) -> None:
    """Any content is either accepted or refused as an input error."""
    for name, content in (("m.yml", text), ("m.json", text), ("m.yml", f"{HEAD}  - {text}")):
        assert all(isinstance(error, InputError) for error in write(content, name=name).problems())
