"""What the documents say of the language is true: the README's table, the contract's names, and every expression shown."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from docs.documents import ROOT
from har_labels.templates.compiler import OF_PRESENCE
from har_labels.templates.filters import FILTERS
from har_labels.templates.scope import NAMES
from har_labels.templates.sequences import TESTS
from har_labels.templates.template import Requirement
from templates.scopes import SCOPE

README = (ROOT / "README.md").read_text("utf-8")
CONTRACT = (ROOT / "docs" / "contract.md").read_text("utf-8")
TABLE = README.partition("<!-- language")[2].partition("<!-- end of language")[0]
METRICS = {
    "acc": 0.934,
    "accuracy": 0.934,
    "score": "0.95",
    "val/acc": 0.9,
    "macro avg": {"f1-score": 0.8},
    "rows": [{"epoch": 1, "acc": 0.9}, {"epoch": 2, "acc": 0.95}],
}
SHOWN = re.findall(
    r"`(\(?(?:metrics|now|ci|current|current_map)\b(?![-:])[^`]*[\])\w'])`", README.replace("\\|", "|") + CONTRACT
)


def test_the_table_has_every_part() -> None:
    """The README's table has a row for each name, filter and test of the code."""
    cells = re.findall(r"^\| [^|]+ \| `(?:x is )?(\w+)", TABLE, re.MULTILINE)
    assert cells == [*NAMES, *FILTERS, *OF_PRESENCE, "startswith"]
    assert all(f"`{name}`" in TABLE for name in TESTS)


def test_the_contract_names_every_part() -> None:
    """The contract names each name, filter and test."""
    words = set(re.findall(r"\w+", CONTRACT.partition("## 3 ")[2].partition("## 4 ")[0]))
    assert {*NAMES, *FILTERS, *OF_PRESENCE, "startswith", "endswith"} <= words


@pytest.mark.parametrize("source", sorted(set(SHOWN)))
def test_expressions_that_are_shown(source: str) -> None:
    """Each expression of the README and the contract can be read, but for those that are shown as errors."""
    scope = replace(SCOPE, metrics=METRICS)
    if source in {"metrics.val/acc", "metrics.loss-1", "current.x", "metrics.mapping"}:
        return
    Requirement.parse(source, where="x", metrics=scope.metrics)
