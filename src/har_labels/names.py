"""What an input is called, and as what its text is read, as far as collecting it must know."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What an input's text is read as, as far as collecting it must know."""

    TEXT = "one text"
    SWITCH = "true or false, which may stand alone as a flag"
    LIST = "a list, whose flag may be given several times"


def dashed(name: str) -> str:
    """`registry_ref` → `registry-ref`, the name as contract, README and action.yml have it."""
    return name.replace("_", "-")
