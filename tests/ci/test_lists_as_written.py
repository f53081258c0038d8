"""Lists say what people mean, or say that they don't, on every CI (contract §2 "Lists")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ci.scenarios import NAME, REGISTRY
from ci.steps import CIS, Done, spelling
from conftest import RunStep
from har_sandbox import Sandbox

# As docker/metadata-action writes its output `labels`.
METADATA = """\
org.opencontainers.image.created=2026-03-01T10:00:00.000Z
org.opencontainers.image.description=Fast, small and "portable", they say
org.opencontainers.image.title=resnet50
org.opencontainers.image.url=https://git.example.com/acme/vision?tab=readme&x=1
org.opencontainers.image.version=pr-12, main"""
# As Harness writes a map, and a list of maps, of `settings:`.
PRETTY_MAP = '{\n  "stage" : "production",\n  "accuracy" : 0.950,\n  "final" : true\n}'
PRETTY_LIST = '[ {\n  "stage" : "production"\n}, {\n  "owner" : "ada"\n} ]'


def _label(run_step: RunStep, ci: str, box: Sandbox, inputs: Mapping[str, str], *argv: str) -> Done:
    box.add_artifact(REGISTRY, NAME, labels=["old"])
    return run_step(ci, box, {"registry-ref": REGISTRY, "artifact": NAME, "mode": "replace", **inputs}, argv=argv)


def _written(box: Sandbox) -> set[str]:
    return set(box.labels(REGISTRY, NAME) or ())


def _notices(done: Done) -> list[str]:
    marks = ("har-labels: notice: ", "::notice::", "::notice title=har-labels::")
    return [line.split(mark, 1)[1] for line in done.log.splitlines() for mark in marks if line.startswith(mark)]


def _odd(done: Done) -> list[str]:
    """The notices that are about the items given."""
    return [line for line in _notices(done) if " item " in line]


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("value", "labels"),
    [
        (METADATA, METADATA.splitlines()),
        (METADATA.replace("\n", "\r\n") + "\r\n", METADATA.splitlines()),
        ("stage=prod, owner=ada", ["stage=prod", "owner=ada"]),
        ("\n\n  stage=prod, owner=ada  \n\n", ["stage=prod", "owner=ada"]),
        ("\ufeffstage=prod,owner=ada", ["stage=prod", "owner=ada"]),
        ("# who and where\n  # more\n#\n#\ttabbed\nstage=prod, owner=ada\n", ["stage=prod", "owner=ada"]),
        ("a\n  # comment\n\n\u3000# blanks of any kind\nb\n", ["a", "b"]),
        ("#tag\n#5\n##", ["#tag", "#5", "##"]),
        ('"# quoted"\nb', ["# quoted", "b"]),
        ('"# quoted"', ["# quoted"]),
        ('note=say "hi\nscreen=15"', ['note=say "hi', 'screen=15"']),
        ('screen=15"', ['screen=15"']),
        ("path=C:\\,\nb", ["path=C:\\,", "b"]),
        ("{{ artifact | replace('a', 'b, \"') }}, x", ["resnet50".replace("a", 'b, "'), "x"]),
        ('"- a"\n"null"\n"[object Object]"\n"a, b"\n"undefined"', ["- a", "null", "[object Object]", "a, b", "undefined"]),
        ('"null"', ["null"]),
        ('["- a", "null", "[object Object]", "a, b", "it\\"s", "# x"]', ["- a", "null", "[object Object]", "a, b", 'it"s', "# x"]),
        ('# an array\n[\n  "a, b",\n  # of two\n  "c"\n]\n', ["a, b", "c"]),
        ('["one"]', ["one"]),
        ('["{{ artifact }}, x"]', ["resnet50, x"]),
        ("nullable, None-ish, undefined=x", ["nullable", "None-ish", "undefined=x"]),
        ("a=1 <+ 5\nb<+2\n$ {{ artifact }}\nx <+<", ["a=1 <+ 5", "b<+2", "$ resnet50", "x <+<"]),
        ("{{ '<+' }}pipeline.name>, {{ '$' }}{{ '{{' }} x }}", ["<+pipeline.name>", "${{ x }}"]),
        ('{"stage": "production"}', ["stage=production"]),
        (PRETTY_MAP, ["stage=production", "accuracy=0.950", "final=true"]),
        (PRETTY_MAP.replace("\n", "\r\n"), ["stage=production", "accuracy=0.950", "final=true"]),
        ('\n  # a map\n {"a": 1.10, "b": 1e-3, "c": -0, "d": 12345678901234567890123}', ["a=1.10", "b=1e-3", "c=-0", "d=12345678901234567890123"]),
        ("{stage: production, note: 'a, b', v: 007, w: 1.10, x: True, y: no, z: 1_000, t: 12:30}", ["stage=production", "note=a, b", "v=007", "w=1.10", "x=true", "y=no", "z=1_000", "t=12:30"]),
        ("{\n  stage: production, # where\n  owner: ada\n}", ["stage=production", "owner=ada"]),
        ('{"note": "one, two", "q": "say \\"hi\\"", "n": "null", "of": "{{ artifact }}"}', ["note=one, two", 'q=say "hi"', "n=null", "of=resnet50"]),
        ('{"ci:run": 12, "url": "https://x.y/?q=1", "empty": ""}', ["ci:run=12", "url=https://x.y/?q=1", "empty="]),
        ("{{ artifact }}=x", ["resnet50=x"]),
    ],
)  # fmt: skip
def test_what_is_meant_is_written(run_step: RunStep, sandbox: Sandbox, ci: str, value: str, labels: list[str]) -> None:
    """Lines, commas, comments, quotes, arrays and maps are read as the labels that people mean by them."""
    done = _label(run_step, ci, sandbox, {"labels": value})
    assert (done.code, _written(sandbox)) == (0, set(labels)), done.err


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("- stage=prod\n- owner=ada", ["item 1 is '- stage=prod'", '`"- stage=prod"`', "item 2 is '- owner=ada'", "YAML list"]),
        ("a, - b", ["item 2 is '- b'", '`"- b"`']),
        ("-\u00a0a", ['`"-\u00a0a"`']),
        ('note="a, b", c', ['item 1 `note="a`', '`"note=""a, b"""`', '`"note=""a"`']),
        ('x, screen=15"', ['item 2 `screen=15"`', '`"screen=15"""`']),
        ("x, {{ artifact | replace('\"', ',') }}\"", ["item 2 "]),
        ("a\\, b\\, c, d", ["item 1 `a\\`", '`"a, b, c"`', '`"a\\"`']),
        ("x, a\\,", ["item 2 `a\\`", '`"a,"`']),
        ("[object Object]", ["JavaScript", '"[object Object]"', "toJSON"]),
        ("[object Object],[object Object]", ["JavaScript", "toJSON"]),
        ("a, meta=[object Object]", ["item 2 is 'meta=[object Object]'", '`"meta=[object Object]"`']),
        ("a\n# no item\nmeta=[object Object]", ["item 2 is 'meta=[object Object]'"]),
        ('{"meta": "[object Object]"}', ["item 1 is 'meta=[object Object]'"]),
        ("null", ["is 'null'", "has no value", '`"null"`']),
        (" null\n", ["is 'null'", "has no value"]),
        ("a,null", ["item 2 is 'null'", '`"null"`']),
        ("undefined", ["item 1 is 'undefined'", '`"undefined"`']),
        ("a\nNone\nundefined", ["item 2 is 'None'", "item 3 is 'undefined'"]),
        ("branch=<+trigger.branch>", ["item 1 is 'branch=<+trigger.branch>'", "`<+trigger.branch>`", "Harness did not resolve", "`\"branch={{ '<+' }}trigger.branch>\"`"]),
        ("a, b=<+stage.variables.x>, c", ["item 2 is 'b=<+stage.variables.x>'"]),
        ('"branch=<+trigger.branch>"', ["item 1 is", "Harness did not resolve"]),
        ('["a", "branch=<+trigger.branch>"]', ["item 2 is", "Harness did not resolve"]),
        ('{"branch": "<+trigger.branch>"}', ["item 1 is", "Harness did not resolve"]),
        ("{branch: <+trigger.branch>}", ["item 1 is", "Harness did not resolve"]),
        ("[<+trigger.branch>]", ["`<+trigger.branch>`", "Harness did not resolve"]),
        ("{<+trigger.branch>}", ["Harness did not resolve"]),
        ("{{ '<+trigger.branch>' }}", ["Harness did not resolve"]),
        ("tag=${{ github.ref_name }}", ["item 1 is", "GitHub did not resolve", "`{{ … }}`"]),
        ('"${{ github.ref_name }}"', ["item 1 is", "GitHub did not resolve"]),
        ("cost=${{ metrics.cost }}", ["`\"cost={{ '$' }}{{ '{{' }} metrics.cost }}\"`"]),
        ('{"stage": "production", "owner": null}', ["`owner` has no value", '`{"owner": ""}`', '`{"owner": "null"}`']),
        ("{stage: ~}", ["`stage` has no value"]),
        ("{stage: }", ["`stage` has no value"]),
        ("{stage:production}", ['`{"stage": "production"}`']),
        ('{"labels": {"stage": "prod"}}', ["`labels` has a map", '`["labels.stage=prod"]`']),
        ('{"stage": "prod", "tags": ["a", "b"]}', ["`tags` has a list", '`["stage=prod", "tags=a", "tags=b"]`']),
        ('{"stage": "a", "stage": "b"}', ["`stage` occurs twice", '`["stage=a", "stage=b"]`']),
        ("{stage: a, stage: b}", ["`stage` occurs twice"]),
        (PRETTY_LIST, ["item 1 of the JSON array is an object", '`["stage=production", "owner=ada"]`']),
        ('{"stage": "a"}\n{"owner": "b"}', ['`["stage=a", "owner=b"]`']),
        ('{"stage": "a"}, {"owner": "b"}', ['`["stage=a", "owner=b"]`']),
        ("{wip}", ['`"{wip}"`']),
        ("{wip}, x", ['`"{wip}"`', '`{"stage": "production"}`']),
        ('{"stage": "prod"', ["neither JSON nor a map of YAML"]),
        ("{accuracy: {{ metrics.a }}}", ['`{"stage": "{{ … }}"}`']),
        ('{"a=b": "c"}', ['`["a=b=c"]`']),
        ('{"stage": "prod", "tags": []}', ["`tags` has a list", '`["stage=prod"]`']),
        ('{"tags": {}}', ["`tags` has a map", "text for each key, or leave the key out"]),
        ('{"stage": "a", "stage": "a"}', ["`stage` occurs twice", "one of the two."]),
        ("x={{ '<+trigger.branch>' }}", ["a placeholder can't hold it, but `{{ '<+' }}` beside one writes it"]),
        ("x={{ '${{' }}", ["a placeholder can't hold it, but `{{ '$' }}{{ '{{' }}` beside one writes it"]),
        ('{"": "c"}', ["empty"]),
        ('{"a": NaN}', ['`"NaN"`']),
        ("{a: &x 1}", ["the YAML anchor `&x`"]),
        ("[wip]", ['`["wip"]`', '`"[wip]"`']),
        ('"a', ['`"""a"`']),
        ('"a" "b"\nc', ["lines don't split"]),
    ],
)  # fmt: skip
def test_certain_mistakes_are_refused(
    run_step: RunStep, sandbox: Sandbox, ci: str, value: str, told: list[str]
) -> None:
    """What can't be meant is one error each, which names input and item and shows the way out; nothing is written."""
    done = _label(run_step, ci, sandbox, {"labels": value})
    assert (done.code, set(done.errors), _written(sandbox)) == (2, {"HAR-INPUT"}, {"old"}), done.err
    assert not [request for request in sandbox.requests if request.method == "PUT"]
    said = "\n".join(" | ".join(line) for line in done.stable_lines)
    assert f"`{spelling(ci, 'labels')}` " in said
    for text in told:
        assert text in said


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("value", "labels", "told"),
    [
        ("a=1, b=2\nc=3, wip\nd=x, y z", ["a=1, b=2", "c=3, wip", "d=x, y z"], ["item 1 `a=1, b=2` (and 1 more such items) is one item"]),
        ("a,\nb", ["a,", "b"], ["item 1 `a,` is one item"]),
        ("'stage=prod'", ["'stage=prod'"], ["item 1 `'stage=prod'` has single quotes"]),
        ("'a, b'", ["'a", "b'"], ["item 1 `'a` has single quotes"]),
        ("stage=prod # where", ["stage=prod # where"], ["item 1 `stage=prod # where` has a `#` in it"]),
        ("a\nb #5", ["a", "b #5"], ["item 2 `b #5` has a `#` in it"]),
        ("a, # b", ["a", "# b"], ["item 2 `# b` has a `#` in it"]),
        ("a=1 b=2 c=3\n", ["a=1 b=2 c=3"], ["item 1 `a=1 b=2 c=3` is one item, though it looks like several"]),
        ("team:vision stage:prod", ["team:vision stage:prod"], ["item 1 `team:vision stage:prod` is one item, though it looks like several"]),
        ("wip stage=prod owner:ada", ["wip stage=prod owner:ada"], ["item 1 `wip stage=prod owner:ada` is one item, though it looks like several"]),
        ("a=1, b=2 c=3", ["a=1", "b=2 c=3"], ["item 2 `b=2 c=3` is one item, though it looks like several"]),
        ("note=Fast, small models", ["note=Fast", "small models"], ["item 2 `small models` was split"]),
        ("version=, stage=null", ["version=", "stage=null"], ["item 1 `version=` (and 1 more such items) has no value"]),
        ("a\nb:None\nc=undefined", ["a", "b:None", "c=undefined"], ["item 2 `b:None` (and 1 more such items) has no value"]),
        ('["version="]', ["version="], ["item 1 `version=` has no value"]),
        ('{"version": ""}', ["version="], ["item 1 `version=` has no value"]),
        ('"a=1\\nb=2"', ["a=1\\nb=2"], ["item 1 `a=1\\nb=2` has `\\n` in it"]),
        (METADATA, METADATA.splitlines(), ["item 5 `org.opencontainers.image.version=pr-12, main` is one item"]),
        (METADATA.rpartition("\n")[0], METADATA.splitlines()[:-1], []),
        # Nothing is odd about these.
        ("stage=prod, wip, team:vision", ["stage=prod", "wip", "team:vision"], []),
        ('"a=1, b=2"\nc', ["a=1, b=2", "c"], []),
        ("\"'a'\"\n\"b # c\"\n\"stage=null\"", ["'a'", "b # c", "stage=null"], []),
        ("a={{ 'x, y' }}\nb", ["a=x, y", "b"], []),
        ("it's, #tag, a#b", ["it's", "#tag", "a#b"], []),
        ("built:2026-01-02 12:30", ["built:2026-01-02 12:30"], []),
        ("see:https://a.example.com https://b.example.com", ["see:https://a.example.com https://b.example.com"], []),
    ],
)  # fmt: skip
def test_ambiguous_items_get_a_notice(
    run_step: RunStep, sandbox: Sandbox, ci: str, value: str, labels: list[str], told: list[str]
) -> None:
    """A value that probably means something else is written as given, with one notice of each kind, and no other."""
    done = _label(run_step, ci, sandbox, {"labels": value})
    assert (done.code, _written(sandbox)) == (0, set(labels)), done.err
    odd = _odd(done)
    assert len(odd) == len(told), odd
    for text, line in zip(told, odd, strict=True):
        assert line.startswith(f"`{spelling(ci, 'labels')}` {text}")


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ("a, b", ["a, b"]),
        ("\ufeff# c\r\n\r\na, b\r\nstage=x\r\n", ["a, b", "stage=x"]),
        ('"# q"\n#tag\n# comment', ["# q", "#tag"]),
        ("\ufeffa\n\ufeff# c\n\ufeffstage=x\n", ["a", "stage=x"]),
        ('["a, b", "c"]\n', ["a, b", "c"]),
        (PRETTY_MAP, ["stage=production", "accuracy=0.950", "final=true"]),
    ],
)
def test_a_file_has_an_item_a_line(
    run_step: RunStep, sandbox: Sandbox, tmp_path: Path, ci: str, content: str, labels: list[str]
) -> None:
    """In the file of `labels-file` commas separate nothing, however few lines there are; all else is as in `labels`."""
    path = tmp_path / "labels.txt"
    path.write_bytes(content.encode())
    done = _label(run_step, ci, sandbox, {"labels-file": str(path)})
    assert (done.code, _written(sandbox)) == (0, set(labels)), done.err


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a\n# c\n- b", "item 2 is '- b'"),
        ("null", "item 1 is 'null'"),
        ("tag=${{ github.ref_name }}", "GitHub did not resolve"),
        ("x\nb=<+trigger.branch>", "item 2 is 'b=<+trigger.branch>'"),
        ("{<+trigger.branch>", "Harness did not resolve"),
        ('{"a": null}', "`a` has no value"),
    ],
)
def test_a_file_is_held_to_the_same(
    run_step: RunStep, sandbox: Sandbox, tmp_path: Path, ci: str, content: str, told: str
) -> None:
    """What is refused in `labels` is refused in its file, named as that."""
    path = tmp_path / "labels.txt"
    path.write_text(content, "utf-8")
    done = _label(run_step, ci, sandbox, {"labels-file": str(path)})
    assert (done.code, done.errors, _written(sandbox)) == (2, ["HAR-INPUT"], {"old"})
    ((_, what, _),) = done.stable_lines
    assert what.startswith(f"`{spelling(ci, 'labels-file')}` ")
    assert told in what


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("name", ["artifact", "owned", "metrics-file"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x\n- y", "item 2 is '- y'"),
        ("x,null", "item 2 is 'null'"),
        ("x, [object Object]", "item 2 is '[object Object]'"),
        ("x<+trigger.branch>", "Harness did not resolve"),
        ("# c\n<+input>", "item 1 is '<+input>'"),
        ("x-${{ github.ref }}", "GitHub did not resolve"),
        ('x, y"', 'item 2 `y"`'),
        ('{"a": "b"}', "only labels can be a map"),
        ("null", "is 'null'"),
    ],
)
def test_other_lists_are_held_to_the_same(
    run_step: RunStep, sandbox: Sandbox, ci: str, name: str, value: str, told: str
) -> None:
    """`artifact`, `owned` and `metrics-file` refuse what `labels` refuses, and a map."""
    done = _label(run_step, ci, sandbox, {"labels": "new", name: value})
    assert (done.code, _written(sandbox)) == (2, {"old"})
    assert any(what.startswith(f"`{spelling(ci, name)}` ") and told in what for _, what, _ in done.stable_lines), (
        done.err
    )


@pytest.mark.parametrize("ci", CIS)
def test_other_lists_are_read_alike(run_step: RunStep, sandbox: Sandbox, tmp_path: Path, ci: str) -> None:
    """`artifact`, `owned` and `metrics-file` have comments and an item a line, with commas in it."""
    (tmp_path / "m, 1.json").write_text('{"a": 1}', "utf-8")
    (tmp_path / "m2.json").write_text('{"b": 2}', "utf-8")
    for name in ("x, y", "z"):
        sandbox.add_artifact(REGISTRY, name, labels=["a, b", "c", "mine"])
    inputs = {
        "artifact": "# both\nx, y\nz\n",
        "owned": "# ours\na, *\nc\nk=*\n",
        "metrics-file": f"{tmp_path}/m, 1.json\n# then\n{tmp_path}/m2.json",
        "labels": "k={{ metrics.a }}{{ metrics.b }}",
    }
    done = run_step(ci, sandbox, {"registry-ref": REGISTRY, "mode": "replace", **inputs})
    assert done.code == 0, done.err
    assert [sandbox.labels(REGISTRY, name) for name in ("x, y", "z")] == [["k=12", "mine"]] * 2


@pytest.mark.parametrize("ci", CIS)
def test_all_problems_are_reported_at_once(run_step: RunStep, sandbox: Sandbox, tmp_path: Path, ci: str) -> None:
    """Each wrong item of each list has an error of its own, in one run, beside those of other inputs."""
    (tmp_path / "labels.txt").write_text("undefined\n", "utf-8")
    inputs = {"labels": "- a\nNone\n^_", "labels-file": str(tmp_path / "labels.txt"), "owned": "null", "retries": "x"}
    done = _label(run_step, ci, sandbox, inputs)
    said = " ".join(what for _, what, _ in done.stable_lines)
    assert done.code == 2
    assert len(done.errors) == 5
    for told in ("item 1 is '- a'", "item 2 is 'None'", "item 1 is 'undefined'", "'null'", "'x'"):
        assert told in said


TEXTS = (
    "report-file",
    "save-plan",
    "manifest",
    "registry-ref",
    "artifact-type",
    "api-key-file",
    "mode",
    "api-url",
    "require",
)


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("name", [*TEXTS, "dry-run", "timeout", "labels-file", "on-missing"])
@pytest.mark.parametrize("value", ["null", " null ", "x<+trigger.branch>y", "<+input>", "a ${{ github.ref }}"])
def test_no_input_takes_an_unresolved_expression(
    run_step: RunStep, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, name: str, value: str
) -> None:
    """`null` alone, and an expression at any place, is an error of any input, and nothing is requested or written."""
    monkeypatch.chdir(tmp_path)
    inputs = {"labels": "new", name: value} | ({"api-key": ""} if name == "api-key-file" else {})
    done = _label(run_step, ci, sandbox, inputs)
    assert (done.code, set(done.errors)) == (2, {"HAR-INPUT"}), done.err
    ours = [what for _, what, _ in done.stable_lines if what.startswith(f"`{spelling(ci, name)}` is ")]
    assert len(ours) == 1, done.err
    assert repr(value.strip()) in ours[0]
    assert "Harness" in ours[0] or "GitHub did not resolve" in ours[0]
    assert not sandbox.requests
    assert not (tmp_path / "null").exists()


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("value", ["null", "<+secrets.x>", "pat<+x.y", "${{secrets.X}}", "${{ secrets.X }}"])
def test_an_unresolved_key_is_not_shown(run_step: RunStep, sandbox: Sandbox, ci: str, value: str) -> None:
    """An unresolved key is one error, which shows nothing of it, whatever it may be."""
    done = _label(run_step, ci, sandbox, {"labels": "new", "api-key": value})
    ((code, what, _),) = done.stable_lines
    assert (done.code, code, what.split(" ")[0]) == (2, "HAR-INPUT", f"`{spelling(ci, 'api-key')}`")
    assert value == "null" or value not in done.log.replace(f"::add-mask::{value}", "")
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("argv", "labels"),
    [
        (["--labels", "a,b", "--labels", "c"], ["a", "b", "c"]),
        (["--labels", '["a, b"]', "--labels", "c, d"], ["a, b", "c", "d"]),
        (["--labels", '{"stage": "prod"}', "--labels", "x\ny, z"], ["stage=prod", "x", "y, z"]),
        (["--labels", "# none", "--labels", "c,d"], ["c", "d"]),
        (["--labels", "", "--labels", "[]", "--labels=#x"], ["#x"]),
    ],
)
def test_repeated_flags_are_values_of_their_own(
    run_step: RunStep, sandbox: Sandbox, argv: list[str], labels: list[str]
) -> None:
    """Each value of a flag that is given several times is a list by itself."""
    done = _label(run_step, "terminal", sandbox, {}, *argv)
    assert (done.code, _written(sandbox)) == (0, set(labels)), done.err


def test_positions_go_on_over_repeated_flags(run_step: RunStep, sandbox: Sandbox) -> None:
    """Items are counted over all values of a flag, comments and empty lines left out."""
    done = _label(run_step, "terminal", sandbox, {}, "--labels", "# c\na, b", "--labels", "\n\nc\n# d\nnull")
    assert "`--labels` item 4 is 'null'" in done.err


@pytest.mark.parametrize("ci", CIS)
def test_require_as_a_list_of_yaml(run_step: RunStep, sandbox: Sandbox, ci: str) -> None:
    """`require` that Harness joined with commas is refused, and the error says that, and the form that works."""
    done = _label(run_step, ci, sandbox, {"labels": "new", "require": "'old' in current,'new' not in current"})
    ((code, what, cure),) = done.stable_lines
    assert (done.code, code) == (2, "HAR-TEMPLATE")
    assert "`,`" in what
    assert "Harness joins a YAML list with commas" in cure
    assert "one expression a line" in cure


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("value", ["# all\n# gone", "\n \n", "[]", "{}", "#", ",", '# c\n["a"]'])
def test_a_list_without_items(run_step: RunStep, sandbox: Sandbox, ci: str, value: str) -> None:
    """A list of comments only, or of nothing, removes no label."""
    done = _label(run_step, ci, sandbox, {"labels": value})
    if "a" in value and "[" in value:
        assert (done.code, _written(sandbox)) == (0, {"a"})
        return
    assert (done.code, _written(sandbox)) == (2, {"old"})
    assert "is missing" in done.err


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("before", "labels", "after", "told"),
    [
        (["ci:verified"], "ci:run=12", {"ci:verified", "ci:run=12"}, ["'ci:verified' stays beside 'ci:run=12', whose key is 'ci:run'"]),
        (["ci:run=11"], "ci:run=12", {"ci:run=12"}, []),
        (["version=1.2"], "version=", {"version="}, ["'version=1.2' is replaced by 'version=', which has no value"]),
        (["stage=x"], "stage:y", {"stage:y"}, ["'stage=x' is removed, as 'stage:y' sets the same key in another spelling"]),
        (["stage:y", "stage=y"], "stage=y", {"stage=y"}, ["'stage:y' is removed, as 'stage=y' sets the same key in another spelling"]),
        (["version=1.2", "version="], "version=", {"version="}, ["'version=1.2' is replaced by 'version=', which has no value"]),
        (["ci:run=12", "ci:ok"], "ci:run=12", {"ci:run=12", "ci:ok"}, []),
        (["a:b", "a:c=1", "a=2", "other"], "a:d=3", {"a:b", "a:c=1", "a=2", "a:d=3", "other"}, ["'a:b', 'a:c=1' stay beside 'a:d=3'"]),
        (["version="], "version=", {"version="}, []),
        (["url:https://x.y?a=1"], "url=https://x.y?a=2", {"url=https://x.y?a=2"}, ["'url:https://x.y?a=1' is removed"]),
        (["stage=x"], "stage=y", {"stage=y"}, []),
    ],
)  # fmt: skip
def test_upsert_has_a_notice_about_keys(
    run_step: RunStep, sandbox: Sandbox, ci: str, before: list[str], labels: str, after: set[str], told: list[str]
) -> None:
    """A key ends at the first `=`, else at the first `:`; there is a notice of what an upsert empties, respells or leaves beside it."""
    sandbox.add_artifact(REGISTRY, NAME, labels=before)
    done = run_step(ci, sandbox, {"registry-ref": REGISTRY, "artifact": NAME, "mode": "upsert", "labels": labels})
    assert (done.code, _written(sandbox)) == (0, after), done.err
    found = [line for line in _notices(done) if line.startswith(f"'{NAME}' in {REGISTRY}/+: '")]
    assert len(found) == len(told), found
    for text, line in zip(told, found, strict=True):
        assert text in line


def test_upsert_reports_many_artifacts_at_once(run_step: RunStep, sandbox: Sandbox) -> None:
    """The same remark on several artifacts is one notice."""
    for name in ("a", "b", "c"):
        sandbox.add_artifact(REGISTRY, name, labels=["version=1"])
    inputs = {"registry-ref": REGISTRY, "artifact": "*", "mode": "upsert", "labels": "version="}
    done = run_step("github", sandbox, inputs)
    assert [line for line in _notices(done) if "replaced" in line] == [
        f"'a' in {REGISTRY}/+ and 2 more artifacts: 'version=1' is replaced by 'version=', which has no value"
    ]


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("value", "line"), [("- 'old' in current", 1), ("'old' in current\n- metrics.loss < 1", 2), ("# c\n-\u00a0metrics.loss < 1", 1)]
)  # fmt: skip
def test_require_with_the_dashes_of_a_yaml_list(
    run_step: RunStep, sandbox: Sandbox, ci: str, value: str, line: int
) -> None:
    """A dash is not a minus: `- metrics.loss < 1` would hold for every loss, so it is refused, and the error says what to write."""
    done = _label(run_step, ci, sandbox, {"labels": "new", "require": value})
    ((_, what, cure),) = done.stable_lines
    assert (done.code, sandbox.requests) == (2, [])
    assert what.startswith(f"`{spelling(ci, 'require')}` is ")
    assert f"line {line} begins with `- `" in what
    assert "Leave the dash out" in cure


@pytest.mark.parametrize("ci", ["github", "harness", "hybrid"])
def test_a_key_that_is_there_twice(run_step: RunStep, sandbox: Sandbox, ci: str) -> None:
    """`labels-map` has all values of a key that several labels have, as a JSON array."""
    sandbox.add_artifact(REGISTRY, NAME, labels=["tag=a", "tag=b", "stage=prod", "ci:run=12", "ci:ok", "bare"])
    done = run_step(ci, sandbox, {"registry-ref": REGISTRY, "artifact": NAME, "mode": "read"})
    assert done.value("labels-map") == {"tag": ["a", "b"], "stage": "prod", "ci:run": "12", "ci": "ok"}


MANIFEST = "version: 1\nregistry-ref: acme/ml/models\nartifact: resnet50\nmode: replace\nchanges:\n"


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("labels: [a, 'b=<+trigger.branch>']", "6:17: `labels` item 2 is 'b=<+trigger.branch>': it holds"),
        ("labels: ['t=${{ github.ref }}']", "GitHub did not resolve"),
        ("labels: ['[object Object]']", "JavaScript"),
        ("labels: |\n      - a\n      - b", "its item 1 is '- a'"),
        ("labels: 'a,null'", "its item 2 is 'null'"),
        ("{artifact: 'x<+a.b>', labels: [a]}", "Harness did not resolve"),
        ("{labels: [a], require: \"'<+a.b>' in current\"}", "Harness did not resolve"),
        ("{labels: [a], owned: ['<+a.b>']}", "Harness did not resolve"),
        ("{labels: [a], mode: '<+a.b>'}", "Harness did not resolve"),
    ],
)
def test_manifests_are_held_to_the_same(
    run_step: RunStep, sandbox: Sandbox, tmp_path: Path, ci: str, entry: str, told: str
) -> None:
    """No CI resolves anything in a file, so a manifest's texts hold no expression; its lists are taken as they are."""
    sandbox.add_artifact(REGISTRY, NAME, labels=["old"])
    path = tmp_path / "labels.yml"
    path.write_text(f"{MANIFEST}  - {entry}\n", "utf-8")
    done = run_step(ci, sandbox, {"manifest": str(path)})
    assert (done.code, _written(sandbox)) == (2, {"old"}), done.err
    assert set(done.errors) <= {"HAR-MANIFEST", "HAR-INPUT"}
    assert told in done.err


def test_a_list_of_a_manifest_is_taken_as_it_is(run_step: RunStep, sandbox: Sandbox, tmp_path: Path) -> None:
    """What an item of a list in a file holds is one label, whatever the lists of inputs make of such a text."""
    sandbox.add_artifact(REGISTRY, NAME, labels=["old"])
    labels = ["- a", "a, b", "# c", 'x"', "a\\, b", "'q'", "{wip}", "[wip]", "#d", "null", "{{ '<+' }}a.b>"]
    path = tmp_path / "labels.yml"
    path.write_text(f"{MANIFEST}  - labels: {json.dumps(labels)}\n", "utf-8")
    done = run_step("github", sandbox, {"manifest": str(path)})
    assert (done.code, _written(sandbox)) == (0, {*labels[:-1], "<+a.b>"}), done.err


def test_a_very_long_list(run_step: RunStep, sandbox: Sandbox, tmp_path: Path) -> None:
    """Thousands of lines are thousands of labels, and thousands of odd ones are one notice a kind."""
    lines = [f"k{number}=a, b" for number in range(3000)]
    (tmp_path / "labels.txt").write_text("\n".join(lines), "utf-8")
    done = _label(run_step, "github", sandbox, {"labels-file": str(tmp_path / "labels.txt")})
    assert (done.code, _written(sandbox)) == (0, set(lines))
    assert len(_odd(done)) == 1
