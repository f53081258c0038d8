"""The code's declarations, the documents and the CIs' files agree."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

from ci.steps import INPUTS
from ci.steps import OUTPUTS as TOLD
from docs.documents import PAGES, ROOT, read_yaml
from har_labels import __version__
from har_labels.errors import HarLabelsError, all_codes, exit_codes
from har_labels.report.outputs import OUTPUTS
from har_labels.text import documented

ACTION: dict[str, Any] = read_yaml((ROOT / "action.yml").read_text("utf-8"))
COMPOSITE: dict[str, Any] = read_yaml((ROOT / "composite" / "action.yml").read_text("utf-8"))
README = (ROOT / "README.md").read_text("utf-8")
MEANINGS = {code: documented(meaning) for code, meaning in exit_codes().items()}


def test_nothing_generated_has_drifted() -> None:
    """`tools/docs --check` finds every generated file as the code has it."""
    told = subprocess.run(
        [sys.executable, ROOT / "tools" / "docs", "--check"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_action_has_every_input_and_output() -> None:
    """action.yml and its composite variant have the inputs, defaults and outputs that users were promised."""
    for action in (ACTION, COMPOSITE):
        assert {name: about.get("default", "") for name, about in action["inputs"].items()} == INPUTS
        assert tuple(action["outputs"]) == TOLD == tuple(OUTPUTS)
        assert all(about["description"] for about in (*action["inputs"].values(), *action["outputs"].values()))


FIRST = ["api-key", "registry-ref", "artifact", "mode", "labels", "metrics-file", "require", "dry-run"]


def test_the_eight_that_most_people_need_are_first() -> None:
    """In both action files, README and plugin catalogue, and in `--help`, which shows the key as the variable that it is."""
    catalogue = read_yaml((ROOT / "harness" / "content.yaml").read_text("utf-8"))["properties"]
    of_readme = re.findall(r"^\| `([^`]+)` \|", README.partition("<!-- inputs:")[2], re.MULTILINE)
    said = subprocess.run([sys.executable, ROOT / "entrypoint", "--help"], capture_output=True, text=True, check=True)
    flags = re.findall(r"^  --([a-z-]+)", said.stdout.partition("What most steps need:")[2], re.MULTILINE)
    lists = (
        list(ACTION["inputs"]),
        list(COMPOSITE["inputs"]),
        of_readme,
        [name.replace("_", "-") for name in catalogue],
    )
    assert [names[:8] for names in lists] == [FIRST] * 4
    assert flags[:7] == FIRST[1:]
    assert "HAR_LABELS_API_KEY" in said.stdout.partition("What most steps need:")[2].partition("--registry-ref")[0]
    assert set(flags) == set(INPUTS) - {"api-key"}


def test_the_other_inputs_are_in_groups() -> None:
    """Each under one heading of the README, which action.yml and `--help` have too, in the same order."""
    table = README.partition("<!-- inputs:")[2].partition("<!-- end of inputs -->")[0]
    headings = re.findall(r"^\| \*\*(.+)\*\* \| \| \|$", table, re.MULTILINE)
    comments = re.findall(r"^  # (.+)$", (ROOT / "action.yml").read_text("utf-8"), re.MULTILINE)
    assert comments == ["What most steps need", *headings]
    said = subprocess.run([sys.executable, ROOT / "entrypoint", "--help"], capture_output=True, text=True, check=True)
    assert re.findall(r"^([A-Z].+):$", said.stdout, re.MULTILINE) == comments
    assert len(set(headings)) == len(headings) > 3


def test_action_fits_the_marketplace() -> None:
    """The description has fewer than 125 characters, and the defaults are texts, as GitHub's schema wants them."""
    assert len(ACTION["description"]) < 125
    assert len(COMPOSITE["description"]) < 125
    assert all(isinstance(about.get("default", ""), str) for about in ACTION["inputs"].values())
    assert set(ACTION["branding"]) == {"icon", "color"}


def test_readme_names_everything() -> None:
    """The README has a row for each input, output, error code and exit code."""
    cells = set(re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE))
    codes = {kind.code for kind in all_codes()}
    assert cells == set(INPUTS) | set(OUTPUTS) | codes
    table = README.partition("## Exit codes\n")[2].partition("<!-- errors:")[0]
    assert dict(re.findall(r"^\| ([\d, ]+) \| (.+) \|$", table, re.MULTILINE)) == MEANINGS


def test_each_exit_code_belongs_to_one_group_and_has_a_meaning() -> None:
    """A class with an exit code is directly below the root, has its meaning too, and shares neither."""
    groups = HarLabelsError.__subclasses__()
    setting = [kind for kind in all_codes() if "exit_code" in vars(kind)]
    assert set(setting) <= {HarLabelsError, *groups}
    own = [kind for kind in (HarLabelsError, *groups) if "exit_code" in vars(kind)]
    assert all("exit_meaning" in vars(kind) for kind in own)
    assert len({kind.exit_code for kind in own}) == len({kind.exit_meaning for kind in own}) == len(own)


def test_help_lists_the_exit_codes() -> None:
    """`--help` ends with every exit code and its meaning, inputs as flags."""
    said = subprocess.run([sys.executable, ROOT / "entrypoint", "--help"], capture_output=True, text=True, check=True)
    listed = re.findall(r"^ +([\d, ]+)  (.+)$", said.stdout.partition("Exit codes\n")[2], re.MULTILINE)
    assert [code for code, _ in listed] == list(MEANINGS)
    assert "`--max-changes`" in dict(listed)["10"]


def test_outputs_in_examples_exist() -> None:
    """An output that an example reads is one that the step has."""
    for page in PAGES:
        text = page.read_text("utf-8")
        named = set(re.findall(r"\.outputs\.([a-z-]+)", text))
        named |= {name.lower().replace("_", "-") for name in re.findall(r"outputVariables\.([A-Z_]+)", text)}
        named |= set(re.findall(r'outputVariables\.get\("([a-z-]+)"\)', text))
        assert named <= set(OUTPUTS), page.name


def test_codes_in_documents_exist() -> None:
    """No document has an error code that doesn't exist."""
    codes = {kind.code for kind in all_codes()}
    for page in PAGES:
        assert set(re.findall(r"HAR-[A-Z]+(?:-[A-Z]+)*", page.read_text("utf-8"))) <= codes, page.name


def test_examples_name_this_version() -> None:
    """Whatever names the image or the action by number names this version."""
    for path in (*PAGES, *(ROOT / "harness").glob("*.yaml")):
        named = re.findall(r"har-labels/har-labels(?:/composite)?(?:@v|:)(\d[^\s`]*)", path.read_text("utf-8"))
        assert set(named) <= {__version__}, path.name


def test_the_contract_has_every_input_output_and_exit_code() -> None:
    """Its tables, which users were promised, have the inputs with their defaults, the outputs, and the exit codes."""
    contract = (ROOT / "docs" / "contract.md").read_text("utf-8")
    given, told = (section(contract, number) for number in (2, 4))
    rows: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \|([^|]*)\|", given, re.MULTILINE):
        values = re.findall("`([^`]*)`", defaults) or [""]
        rows |= dict(zip(re.findall("`([a-z-]+)`", names), values, strict=True))
    assert rows == INPUTS
    outputs = [
        name for row in re.findall(r"^\| (`.+?) \|", told, re.MULTILINE) for name in re.findall("`([a-z-]+)`", row)
    ]
    assert sorted(outputs) == sorted(OUTPUTS)
    codes = told.partition("**Exit codes**")[2].partition("\n\n")[0]
    assert dict(re.findall(r"^- `([\d, ]+)` (.+)$", codes, re.MULTILINE)) == MEANINGS


def section(page: str, number: int) -> str:
    """One numbered section of a page."""
    return page.partition(f"\n## {number} ")[2].partition("\n## ")[0]
