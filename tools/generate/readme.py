"""The README's tables."""

from __future__ import annotations

import re
import sys
from itertools import groupby

from generate.declared import Input, exit_codes, inputs
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
    """A table of what most people need, and behind it one of all others, by group."""
    first, *others = [list(group) for _, group in groupby(inputs(), key=lambda one: one.group)]
    head = ["| input | default | meaning |", "|---|---|---|"]
    rest = [row for group in others for row in (f"| **{group[0].group}** | | |", *map(_input, group))]
    titles = f"**{first[0].group}:**", "**For special needs, by what they are about:**"
    return "\n".join([titles[0], "", *head, *map(_input, first), "", titles[1], "", *head, *rest])


def _input(one: Input) -> str:
    default = f"`{one.default}`" if one.default else ""
    return f"| `{one.name}` | {default} | {_cell(one.description)} |"


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
