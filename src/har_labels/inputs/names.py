"""Names of inputs, the texts given for them, and the names that were probably meant by misspelt ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import Enum
from typing import Self

# A name at least this similar to an input's is a misspelling of it: `label`, `artifacts`, `registry`, `dryrun`.
ALIKE = 0.8


class InputKind(Enum):
    """How an input's text is read, as far as the command line and the documents need it."""

    TEXT = "one text"
    SWITCH = "true or false; as a flag it needs no value"
    LIST = "a list, whose flag may be given several times"


class InputValue(str):
    """The text of an input, with the spelling of the name under which its reader gave it.

    `values` are those of a list's flag that was given several times; the text then has all of them. `is_of_ci_step` if a
    CI gave it to a step of its own, which has no standard input (contract §3). The repr hides the text, which may be the key.
    """

    __slots__ = ("is_of_ci_step", "spelling", "values")
    spelling: str
    values: tuple[str, ...]
    is_of_ci_step: bool

    def __new__(cls, text: str, spelling: str, values: tuple[str, ...] = (), *, is_of_ci_step: bool = False) -> Self:
        value = super().__new__(cls, text)
        value.spelling, value.values, value.is_of_ci_step = spelling, values or (text,), is_of_ci_step
        return value

    def __repr__(self) -> str:
        return f"<{self.spelling}>"


def values_of(text: str) -> tuple[str, ...]:
    """The values of a list's flag that was given several times; of any other text that text alone."""
    return text.values if isinstance(text, InputValue) else (text,)


def dashed(name: str) -> str:
    """`registry_ref` → `registry-ref`, the name in contract, README and action.yml."""
    return name.replace("_", "-")


def names_near(name: str, known: Collection[str]) -> list[str]:
    """The inputs that a misspelt name may mean: a similar one, or all that begin with it, as `dry` and `metrics` do."""
    from difflib import get_close_matches

    return (
        get_close_matches(name, known, n=1, cutoff=ALIKE)
        or sorted(one for one in known if one.startswith(f"{name}_"))
        or sorted(one for one in known if _is_swapped(name, one))
    )


def _is_swapped(name: str, other: str) -> bool:
    """Whether two neighbouring letters are swapped: difflib finds `moed` less similar to `mode` than `node`."""
    differing = [at for at, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]]
    return sorted(name) == sorted(other) and len(differing) == 2 and differing[1] == differing[0] + 1


def instead_of(name: str, spell: Callable[[str], str]) -> str:
    """What to write instead of an input that no longer exists; empty for any other name.

    `spell` writes the name of an input (with underscores) as its reader does. Underscores in `name` make no difference:
    `shardIndex` of a plugin's settings arrives as `shardindex`.
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
