"""The placeholder for a value in a metrics file or of the registry that can't be used (contract §3).

A reader puts it in place of such a value, for example one with a Python tag in YAML. It is an error only if an
expression reads it, and `default` does not replace it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unusable:
    """`why` follows "it can't be used: ", such as "the YAML tag !!python/tuple can't be read"; `cure` is a sentence."""

    why: str
    cure: str
