"""What an input is called, and as what its text is read, as far as collecting it must know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum


class Kind(Enum):
    """What an input's text is read as, as far as collecting it must know."""

    TEXT = "one text"
    SWITCH = "true or false, which may stand alone as a flag"
    LIST = "a list, whose flag may be given several times"


def instead_of(name: str, spell: Callable[[str], str]) -> str:
    """What to write instead of an input that no longer exists, and empty text for any other name.

    `spell` writes the name of an input (with underscores) as its reader does. How the words are put together makes no
    difference: `shardIndex` of a plugin's settings comes as `shardindex`.
    """
    name = name.lower().replace("_", "")
    if name in {"shardindex", "shardtotal"}:
        return f"Write INDEX/TOTAL into `{spell('shard')}` instead, counted from 0: `0/3` is the first of three."
    return (
        "Leave it out: labels are always rendered, and `{{ '{{ x }}' }}` writes braces." if name == "templates" else ""
    )


def is_lint(argv: Sequence[str]) -> bool:
    """Whether the command line asks for files to be checked and for nothing else."""
    return any(word == "--lint" or word.startswith("--lint=") for word in argv)


def dashed(name: str) -> str:
    """`registry_ref` → `registry-ref`, the name as contract, README and action.yml have it."""
    return name.replace("_", "-")
