"""The README's tables."""

from __future__ import annotations

import re
import sys
from itertools import groupby

from generate.declared import Input, inputs
from har_labels.errors import all_codes, exit_codes, exit_codes_of
from har_labels.report.outputs import OUTPUTS
from har_labels.templates.compiler import OF_PRESENCE
from har_labels.templates.filters import FILTERS, Filter
from har_labels.templates.scope import NAMES, Name
from har_labels.templates.sequences import TESTS
from har_labels.text import documented


def with_tables(text: str) -> str:
    """The README with generated tables."""
    tables = (
        ("inputs", _inputs()),
        ("language", _language()),
        ("outputs", _outputs()),
        ("exit codes", _exit_codes()),
        ("errors", _errors()),
    )
    for name, table in tables:
        pattern = f"(<!-- {name}: written by `make docs` -->\n).*?(\n<!-- end of {name} -->)"
        text, times = re.subn(pattern, lambda found, table=table: found[1] + table + found[2], text, flags=re.DOTALL)
        if times != 1:
            sys.exit(f"docs: README.md needs the pair of marks for {name} once, and has it {times} times")
    return text


def _inputs() -> str:
    """A table of the inputs that most people need, then one of all others, by group."""
    first, *others = [list(group) for _, group in groupby(inputs(), key=lambda one: one.group)]
    head = ["| input | default | meaning |", "|---|---|---|"]
    rest = [row for group in others for row in (f"| **{group[0].group}** | | |", *map(_input, group))]
    titles = f"**{first[0].group}:**", "**For special needs, by what they are about:**"
    return "\n".join([titles[0], "", *head, *map(_input, first), "", titles[1], "", *head, *rest])


def _input(one: Input) -> str:
    default = f"`{one.default}`" if one.default else ""
    return f"| `{one.name}` | {default} | {_cell(one.description)} |"


def _language() -> str:
    """The parts of an expression: names, filters by purpose, and tests."""
    rows = ["| | in an expression | what it is |", "|---|---|---|"]
    rows += [f"| {_known_in(one)} | `{name}` | {_cell(one.doc)} |" for name, one in NAMES.items()]
    rows += [f"| a filter of {one.group} | `{_call(name, one)}` | {_cell(one.doc)} |" for name, one in FILTERS.items()]
    rows += [f"| a test | `x is {name}` | {_cell(says)} |" for name, says in OF_PRESENCE.items()]
    others = " ".join(f"`{name}`" for name in TESTS)
    rows.append(f"| a test | `x is startswith('v1.')` | and so with {others}, which are also those of `selectattr` |")
    return "\n".join(rows)


def _known_in(one: Name) -> str:
    askers = [
        f"`{asker}`" for asker, is_for in (("require", one.is_for_require), ("where", one.is_for_where)) if is_for
    ]
    return f"a name in {' and '.join(askers)}" if askers else "a name"


def _call(name: str, one: Filter) -> str:
    if one.is_open:
        return f"{name}(…)"
    given = [parameter if at < one.required else f"{parameter}=…" for at, parameter in enumerate(one.parameters)]
    return f"{name}({', '.join(given)})" if given else name


def _outputs() -> str:
    rows = [f"| `{name}` | {_cell(description)} |" for name, description in OUTPUTS.items()]
    return "\n".join(["| output | what it holds |", "|---|---|", *rows])


def _exit_codes() -> str:
    rows = [f"| {code} | {_cell(documented(meaning))} |" for code, meaning in exit_codes().items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def _errors() -> str:
    rows = [
        f"| `{kind.code}` | {exit_codes_of(kind)} | {_cell(documented(kind.cause))} | {_cell(documented(kind.cure))} |"
        for kind in all_codes()
    ]
    return "\n".join(["| code | exit | cause | cure |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
