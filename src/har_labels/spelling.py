"""Fixed texts in the spelling of the CI that is told: they are written once, with the names that GitHub's users write."""

from __future__ import annotations

import re
from collections.abc import Callable

from har_labels.contradictions import setting
from har_labels.errors import HarLabelsError, ManifestError
from har_labels.settings import fields

_NAMED = re.compile("`([a-z]+(?:-[a-z]+)*)(?:: ([^`]*))?`")


def speller(spell: Callable[[str], str]) -> Callable[[HarLabelsError], HarLabelsError]:
    """What writes a failure's next step anew: `on-missing: skip` becomes `on_missing: skip` or `--on-missing skip`.

    `spell` writes an input's name with dashes as its reader does. A manifest's keys are the same on every CI.
    """
    known = {name.replace("_", "-") for name in fields()}

    def spelt(found: re.Match[str]) -> str:
        name, value = found.groups()
        # A word alone may mean something else: `labels` are also a name in `require`.
        if name not in known or (value is None and "-" not in name):
            return found[0]
        return f"`{spell(name) if value is None else setting(spell(name), value)}`"

    def respell(error: HarLabelsError) -> HarLabelsError:
        step = error.next_step if isinstance(error, ManifestError) else _NAMED.sub(spelt, error.next_step)
        return error if step == error.next_step else error.with_next_step(step)

    return respell
