"""Manifests: from a file to entries to plan (contract §6). For invalid files see test_manifest_problems."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from har_labels.inputs.conflicts import NO_KEY_IN_MANIFEST, PLANNING
from har_labels.model.labels import Labels, Mode, OnConflict
from har_labels.request.entry import Entry
from har_labels.request.manifest_file import ManifestEntry
from request.manifests import Write

EXAMPLE = """
version: 1
registry-ref: acme/ml/models/+     # defaults for the entries; same names and rules as the inputs
mode: upsert
changes:
  - artifact: resnet50
    labels: [stage=candidate, "accuracy={{ metrics.accuracy | round(3) }}"]
  - artifact: "team/*"
    mode: add
    labels: [owner=vision]
  - registry-ref: acme/ml/data/+
    artifact: [faces, roads]
    artifact-type: dataset
    mode: remove
    labels: ["tmp-*"]
    require: ["'frozen' not in current"]
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes manifests."""
    return Write(tmp_path)


def given(entry: Entry) -> Labels:
    """The labels that an entry gives to an artifact `a`."""
    return entry.spec.change_for(artifact="a", registry="r").labels


def test_the_contracts_example(write: Write) -> None:
    """Entries keep their order, each with its own registry, artifacts, type, mode, labels and `require`."""
    first, second, third = write(EXAMPLE, metrics={"accuracy": 0.93456}).entries()
    assert (str(first.ref), first.patterns, first.spec.mode) == ("acme/ml/models/+", ("resnet50",), Mode.UPSERT)
    assert given(first) == ("stage=candidate", "accuracy=0.935")
    assert (str(second.ref), second.patterns, second.spec.mode) == ("acme/ml/models/+", ("team/*",), Mode.ADD)
    assert (str(third.ref), third.patterns, third.artifact_type) == ("acme/ml/data/+", ("faces", "roads"), "dataset")
    assert given(third) == ("tmp-*",)
    assert [requirement.source for requirement in third.spec.requirements] == ["'frozen' not in current"]
    assert not first.spec.requirements


def test_json_is_read_like_yaml(write: Write) -> None:
    """JSON with tabs, escapes and surrogate pairs is read correctly, with any file name."""
    document = {"version": 1, "registry-ref": "a/r", "changes": [{"artifact": "x", "labels": ["a/b", "tick 😀", "no"]}]}
    text = json.dumps(document, indent="\t").replace("/", "\\/")
    for name in ("m.json", "m.yml"):
        (entry,) = write(text, name=name).entries()
        assert given(entry) == ("a/b", "tick 😀", "no")


PRECEDENCE = {
    "registry-ref": ("a/entry", "a/file", "a/input", lambda entry: str(entry.ref).split("/")[1]),
    "mode": ("add", "remove", "replace", lambda entry: entry.spec.mode),
    "artifact-type": ("model", "dataset", "model", lambda entry: entry.artifact_type),
    "on-conflict": ("keep", "error", "overwrite", lambda entry: entry.spec.on_conflict),
    "on-missing": ("error", "skip", "error", lambda entry: "skip" if entry.skips_missing else "error"),
    "owned": ('["*entry*"]', '["*file*"]', "*input*", lambda entry: entry.spec.owned[0].strip("*")),
}


@pytest.mark.parametrize("key", PRECEDENCE)
@pytest.mark.parametrize("level", ["entry", "file", "input"])
def test_precedence(write: Write, key: str, level: str) -> None:
    """An entry has precedence over the file, and the file over the input."""
    of_entry, of_file, of_input, seen = PRECEDENCE[key]
    mode = "" if key == "mode" else "mode: upsert\n" if key == "on-conflict" else "mode: replace\n"
    at_top = f"{key}: {of_file}\n" if level != "input" else ""
    in_entry = f"    {key}: {of_entry}\n" if level == "entry" else ""
    text = f"version: 1\n{mode}{at_top}changes:\n  - artifact: x\n    labels: [entry=file-input]\n{in_entry}"
    (entry,) = write(text, inputs={"registry_ref": "a/r", key.replace("-", "_"): of_input}).entries()
    expected = {"entry": of_entry, "file": of_file, "input": of_input}[level]
    assert seen(entry) == expected.strip('[]*"').removeprefix("a/")


def test_labels_and_artifact_of_the_file(write: Write) -> None:
    """`artifact` and `labels` at the top of a file are for all entries that have none."""
    first, second = write(
        "version: 1\nregistry-ref: a/r\nartifact: x\nlabels: [a]\nmode: add\nchanges: [{mode: remove}, {labels: [b]}]\n"
    ).entries()
    assert (first.patterns, first.spec.mode, given(first)) == (("x",), Mode.REMOVE, ("a",))
    assert (second.patterns, second.spec.mode, given(second)) == (("x",), Mode.ADD, ("b",))


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ('["a, b", "c\\u0020d"]', ("a, b", "c d")),
        ('["[x]", \'"q"\']', ("[x]", '"q"')),
        ("a, b", ("a", "b")),
        ("|\n      a\n      b, c\n", ("a", "b, c")),
        ('\'{"stage": "prod", "n": 1.10}\'', ("stage=prod", "n=1.10")),
        ('"[\\"a, b\\"]"', ("a, b",)),
        ("'\"a, b\", c'", ("a, b", "c")),
        ("[no, off, 12:30:45, 1.2.3, v1, null-ish]", ("no", "off", "12:30:45", "1.2.3", "v1", "null-ish")),
        ('["1.0", "true", "null", "2026-11-23", "~", "a: b"]', ("1.0", "true", "null", "2026-11-23", "~", "a: b")),
    ],
)
def test_lists(write: Write, written: str, labels: Labels) -> None:
    """An item of a list is never split; a single text is parsed like the input `labels`; other unquoted words are texts."""
    (entry,) = write(f"version: 1\nregistry-ref: a/r\nchanges:\n  - artifact: x\n    labels: {written}\n").entries()
    assert given(entry) == labels


def test_artifact_as_a_text(write: Write) -> None:
    """`artifact` takes a list in the grammar of the inputs, plain names with or without `/+`, and names each once."""
    (entry,) = write(
        "version: 1\nregistry-ref: a/r\nchanges:\n  - artifact: 'x, team/m/+, x'\n    labels: [a]\n"
    ).entries()
    assert entry.patterns == ("x", "team/m")


def test_require_as_a_text(write: Write) -> None:
    """`require` as one text is one expression a line, commas and all."""
    head = "version: 1\nregistry-ref: a/r\nartifact: x\nlabels: [a]\n"
    text = f"{head}changes:\n  - require: |\n      1 < 2\n      'a,b' in current\n"
    (entry,) = write(text).entries()
    assert [one.source for one in entry.spec.requirements] == ["1 < 2", "'a,b' in current"]


def test_no_file_opens_a_gate_of_the_step(write: Write) -> None:
    """The input's `require` applies in addition to a manifest's, and an entry's replaces the file's."""
    text = """
version: 1
registry-ref: a/r
labels: [a]
require: ["2 > 1"]
changes: [{artifact: x}, {artifact: y, require: ["3 > 2"]}]
"""
    first, second = write(text, require="1 > 0").entries()
    assert [one.source for one in first.spec.requirements] == ["1 > 0", "2 > 1"]
    assert [one.source for one in second.spec.requirements] == ["1 > 0", "3 > 2"]


def test_what_an_entry_inherits_counts_where_it_fits(write: Write) -> None:
    """Defaults that an entry's mode does not accept are ignored."""
    text = """
version: 1
registry-ref: a/r
artifact: x
labels: [k=v]
owned: ["k=*"]
on-conflict: keep
changes: [{mode: replace}, {mode: upsert}, {mode: clear}, {mode: add}]
"""
    replace, upsert, clear, add = (entry.spec for entry in write(text).entries())
    assert (replace.owned, upsert.owned, clear.owned, add.owned) == (("k=*",), (), (), ())
    assert upsert.on_conflict is OnConflict.KEEP
    assert not clear.items


def test_metrics_of_an_entry(write: Write, tmp_path: Path) -> None:
    """`metrics-file` in a manifest replaces the input's, for that entry or for all."""
    (tmp_path / "own.json").write_text('{"accuracy": 2}')
    text = f"""
version: 1
registry-ref: a/r
labels: ["acc={{{{ metrics.accuracy }}}}"]
changes:
  - artifact: x
  - {{artifact: y, metrics-file: {tmp_path}/own.json}}
  - {{artifact: z, metrics-file: [{tmp_path}/own.json]}}
"""
    entries = write(text, metrics={"accuracy": 1}).entries()
    assert [given(entry) for entry in entries] == [("acc=1",), ("acc=2",), ("acc=2",)]


def test_places(write: Write) -> None:
    """Patterns and registry have their places, for errors of requests."""
    written = write(
        "version: 1\nregistry-ref: a/r\nchanges:\n  - artifact:\n      - x\n      - 'y*'\n    labels: [a]\n"
    )
    (entry,) = written.entries()
    path = written.path
    assert entry.places == {"x": f"{path}:5:9", "y*": f"{path}:6:9", "a/r/+": f"{path}:2:15"}


def test_notices_name_the_place(write: Write) -> None:
    """The notice of a dropped label has its place, and that of the equal one before it."""
    written = write("version: 1\nregistry-ref: a/r\nchanges:\n  - artifact: x\n    labels: [a, b, a]\n")
    assert given(written.entries()[0]) == ("a", "b")
    assert written.notices == [
        f"{written.path}:5:20: label 3 `a` is dropped: {written.path}:5:14: label 1 is the same, `a`"
    ]


def test_start_up_does_not_pay_for_manifests() -> None:
    """A run without a manifest loads neither its reader nor YAML."""
    names = [
        "har_labels.request.manifest",
        "har_labels.request.manifest_file",
        "har_labels.inputs.yaml",
        "ruamel.yaml",
    ]
    code = f"import sys, har_labels.engine.run; print([name for name in {names} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_keys_that_inputs_know_of() -> None:
    """The keys of a manifest are the inputs of a plan but for those that it has no key for."""
    assert set(PLANNING) - NO_KEY_IN_MANIFEST == set(ManifestEntry.model_fields)
