"""A value that a file holds and that nobody can read: it is an error where it is read, and only there (contract §3).

The file's reader puts it in place of a value it can't take over, such as one with a YAML tag of Python's own; the
evaluator raises it where an expression reads that value, and `default` never stands in for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreadable:
    """`why` goes on behind "it can't be used: ", such as "the YAML tag !!python/tuple can't be read"; `cure` is a sentence."""

    why: str
    cure: str
