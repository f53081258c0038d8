"""Links inside of the repository lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.documents import PAGES, ROOT

WRITTEN = (
    *PAGES,
    *(path for path in (ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md") if path.exists()),
)
CODE = sorted((ROOT / "src").rglob("*.py"))
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the repository names one that exists, and every link to a heading one that is there."""
    dead = []
    for link in _LINK.findall(_without_code(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (heading and heading not in _headings(target)):
            dead.append(link)
    assert dead == []


def _headings(page: Path) -> set[str]:
    """The names by which GitHub links a page's headings."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.DOTALL | re.MULTILINE)


# Where the code names the source of a rule, and what it looks like there.
SOURCES = {
    r"contract §(\d+)": ("docs/contract.md", r"^## {} "),
    r"harness-runtime §(\d+)": ("docs/facts/harness-runtime.md", r"^## {} "),
    r'github-runtime "([^"]+)"': ("docs/facts/github-runtime.md", r"^##+ {}"),
}


@pytest.mark.parametrize("named", SOURCES)
def test_the_source_of_every_rule_is_there(named: str) -> None:
    """What a docstring or comment names as the reason of a rule can be read in this repository."""
    page, heading = SOURCES[named]
    text = (ROOT / page).read_text("utf-8")
    names = {name for path in CODE for name in re.findall(named, path.read_text("utf-8"))}
    assert names
    assert {name for name in names if not re.search(heading.format(re.escape(name)), text, re.MULTILINE)} == set()


def test_every_recording_that_is_named_is_there() -> None:
    """So can each recorded exchange."""
    names = {name for path in CODE for name in re.findall(r"recorded/([\w-]+\.(?:json|md))", path.read_text("utf-8"))}
    assert names
    assert {name for name in names if not (ROOT / "tests" / "recorded" / name).exists()} == set()
