"""A key of a few characters, as for a first try on a test server: it may break no other word (contract §2, §4)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ci.steps import CIS
from conftest import RunStep
from har_sandbox import Sandbox

ASKED = {"registry-ref": "acme/r", "artifact": "x", "mode": "read"}


def box_with(key: str) -> Sandbox:
    """A registry that takes this key; not one of the fixtures, which look for the canary."""
    box = Sandbox("saas", api_key=key)
    box.add_artifact("acme/r", "x", package_type="GENERIC", labels=["stage=dev", "token"])
    return box


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("key", ["k", "To", "valid12"])
def test_messages_stay_readable(run_step: RunStep, ci: str, key: str) -> None:
    """No word of a message is masked, GitHub's runner gets no mask, and one warning explains it."""
    with box_with("another-key") as box:
        done = run_step(ci, box, {**ASKED, "api-key": key})
    assert (done.code, done.errors) == (3, ["HAR-UNAUTHORIZED"])
    assert "Token is not valid or missing" in done.err
    assert "add-mask" not in done.log
    # Where the log is all that is seen, it has the summary too, which lists warnings again.
    told = re.findall(r"^(?:::|.*: )warning(?:::|: )the key of `[\w-]+` has \d characters?: .*", done.log, re.MULTILINE)
    assert len(told) == 1
    assert f" has {len(key)} character" in told[0]


@pytest.mark.parametrize("key", ["1", "0", "true", "false", "labels", "x-api-", "stage"])
def test_what_machines_read_stays_what_it_is(run_step: RunStep, tmp_path: Path, key: str) -> None:
    """The report stays JSON with its names and numbers, and outputs of ours stay themselves, whatever the key."""
    report = tmp_path / "report.json"
    with box_with(key) as box:
        done = run_step("github", box, {**ASKED, "api-key": key, "report-file": str(report)})
    assert (done.code, done.outputs["changed"], done.outputs["matched-count"]) == (0, "false", "1")
    assert done.outputs["labels-map"] == '{"stage":"dev"}'
    assert json.loads(report.read_text())["results"][0]["artifact"] == "x"


def test_a_word_of_its_own_is_hidden(run_step: RunStep) -> None:
    """Where a whole word equals the key it is hidden, in the log and in outputs; as a part of another it is not."""
    with box_with("tok") as box:
        box.put_labels("acme/r", "x", ["tok", "token", "a tok b"])
        done = run_step("github", box, {**ASKED, "api-key": "tok"})
    assert done.value("labels") == ["a *** b", "***", "token"]
    assert not re.search(r"(?<![\w-])tok(?![\w-])", done.log + done.summary)


def test_a_short_key_in_an_input(run_step: RunStep) -> None:
    """It is not looked for in other inputs: a label that holds its letters is written."""
    with box_with("a") as box:
        done = run_step(
            "github",
            box,
            {"registry-ref": "acme/r", "artifact": "x", "mode": "replace", "labels": "alpha", "api-key": "a"},
        )
        assert (done.code, box.labels("acme/r", "x")) == (0, ["alpha"])


def test_a_long_key_is_masked_as_ever(run_step: RunStep) -> None:
    """From eight characters on the runner gets the mask, and there is no warning."""
    with box_with("12345678") as box:
        done = run_step("github", box, {**ASKED, "api-key": "12345678"})
    assert "::add-mask::12345678" in done.out
    assert "a word of its own" not in done.log
