"""docs/runners.md says for every runner what to use and what was seen of it, and lists what was not."""

from __future__ import annotations

import re
import runpy

import pytest

from docs.documents import ROOT

PAGE = (ROOT / "docs" / "runners.md").read_text("utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}
ROWS = {
    name: (use, shown)
    for cells, use, shown in re.findall(r"^\| (\[.+\)) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    for name in re.findall(r"\[(.+)\]", cells)
}
# Each kind of runner that users have, by a word of its row.
KINDS = (
    "hosted", "self-hosted", "arm64", "ARC, Docker", "ARC, Kubernetes", "Enterprise", "air-gapped", "Podman", "rootless",
    "macOS", "Windows", "Cloud", "VMs", "on Kubernetes", "Docker runner", "Open Source", "Drone", "act",
)  # fmt: skip
NOT_SHOWN = ("arm64", "macOS", "Windows", "GitHub", "Enterprise", "Kubernetes", "Harness platform")


@pytest.mark.parametrize("kind", KINDS)
def test_every_runner_has_a_row(kind: str) -> None:
    """No kind of runner is left out of the table."""
    assert any(kind in row for row in ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_agrees_with_its_section(row: str) -> None:
    """A row that says run has a section that says what was run, and one that says read only has none."""
    (heading,) = [name for name in SECTIONS if _link(name) in _links(row)]
    has_run, is_read_only = "**Run:**" in SECTIONS[heading], ROWS[row][1] == "read"
    assert "use** " in SECTIONS[heading].lower() or "use the" in SECTIONS[heading]
    assert "**Read:**" in SECTIONS[heading] or row == "act"
    assert has_run is not is_read_only


def test_what_no_machine_could_show_is_listed() -> None:
    """The last section names all of it, and whatever is read only is among it."""
    assert list(SECTIONS)[-1] == "Not shown"
    assert [name for name in NOT_SHOWN if name not in SECTIONS["Not shown"]] == []


def test_what_the_image_has_for_arc_is_documented_alike() -> None:
    """Every page that names the image's commands names those that are copied into it, and all say what ARC loses."""
    commands = " ".join(runpy.run_path(str(ROOT / "tools" / "rootfs"))["COMMANDS"])
    told = {name: (ROOT / name).read_text("utf-8") for name in ("SECURITY.md", "CHANGELOG.md", "docs/runners.md")}
    assert [name for name, text in told.items() if f"`{commands}`" not in text] == []
    assert "copies nothing back" in SECTIONS["ARC"]
    assert "Those hooks copy nothing back" in (ROOT / "docs" / "contract.md").read_text("utf-8")


def test_the_readme_leads_there() -> None:
    """Both pages are linked from the README."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(f"](docs/{name}.md)" in readme for name in ("runners", "harness"))


def _links(row: str) -> list[str]:
    return re.findall(rf"\[{re.escape(row)}\]\(#(.+?)\)", PAGE)


def _link(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
