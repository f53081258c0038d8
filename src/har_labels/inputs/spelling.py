"""Fixed texts in the spelling of the CI that is told: they are written once, with the names that GitHub's users write."""

from __future__ import annotations

import re
from collections.abc import Callable

from har_labels.inputs.conflicts import setting
from har_labels.inputs.settings import fields

_NAMED = re.compile("`([a-z]+(?:-[a-z]+)*)(?:: ([^`]*))?`")
# Alone in backquotes these may be something else: a name in `require`, an output, a key of a manifest.
_AMBIGUOUS = frozenset(
    {"labels", "artifact", "manifest", "summary", "mode", "baseline", "owned", "remove", "require", "where"}
)


def speller(spell: Callable[[str], str]) -> Callable[[str], str]:
    """What writes a text anew: `on-missing: skip` becomes `on_missing: skip` or `--on-missing skip`.

    `spell` writes an input's name with dashes as its reader does.
    """
    known = {name.replace("_", "-") for name in fields()}

    def spelt(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in known or (value is None and name in _AMBIGUOUS):
            return found[0]
        return f"`{spell(name) if value is None else setting(spell(name), value)}`"

    return lambda text: _NAMED.sub(spelt, text)
