"""The README's tables."""

from __future__ import annotations

import re
import sys

from generate.declared import exit_codes, inputs
from har_labels.errors import all_codes
from har_labels.report import OUTPUTS


def with_tables(text: str) -> str:
    """The README with its three tables anew."""
    for name, table in (("inputs", _inputs()), ("outputs", _outputs()), ("errors", _errors())):
        pattern = f"(<!-- {name}: written by `make docs` -->\n).*?(\n<!-- end of {name} -->)"
        text, times = re.subn(pattern, lambda found, table=table: found[1] + table + found[2], text, flags=re.DOTALL)
        if times != 1:
            sys.exit(f"docs: README.md needs the pair of marks for {name} once, and has it {times} times")
    return text


def _inputs() -> str:
    rows, group = ["| input | default | meaning |", "|---|---|---|"], ""
    for one in inputs():
        if one.group != group:
            group = one.group
            rows.append(f"| **{group}** | | |")
        default = f"`{one.default}`" if one.default else ""
        rows.append(f"| `{one.name}` | {default} | {_cell(one.description)} |")
    return "\n".join(rows)


def _outputs() -> str:
    rows = [f"| `{name}` | {_cell(description)} |" for name, description in OUTPUTS.items()]
    return "\n".join(["| output | what it holds |", "|---|---|", *rows])


def _errors() -> str:
    rows = [
        f"| `{kind.code}` | {exit_codes(kind)} | {_cell(kind.cause)} | {_cell(kind.cure)} |" for kind in all_codes()
    ]
    return "\n".join(["| code | exit | cause | cure |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
