"""The sources of inputs: where each text is found, and how its reader spells its name (contract §2).

These are sources of pydantic-settings, which merges them for `Settings`; their order is in `configure.sources_of`. What an
input may hold is checked by `settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from har_labels.errors import InputError
from har_labels.inputs.names import InputValue, dashed, instead_of, names_near
from har_labels.text import one_of

OWN_PREFIX = "HAR_LABELS_"
# Set by GitHub and Harness themselves, or inherited from their settings, so never reported as unknown
# (facts: Harness sets PLUGIN_PIPELINE and the *_FILE variables in every step).
FOREIGN_NAMES = frozenset(
    {
        "args", "entrypoint", "pipeline", "artifact-file", "metadata-file", "build-tool-file",
        "cache-metrics-file", "cache-intel-metrics-file",
    },
)  # fmt: skip


class InputSource(PydanticBaseSettingsSource):
    """A source of inputs. Calling it returns their texts, each an InputValue, by name.

    `problems`: the errors about the given names. `meant`: the inputs that misspelt names were probably meant for.
    """

    is_unreadable = False
    wants_json = False
    wants_debug = False

    def __init__(self, settings_cls: type[BaseSettings], **options: Any) -> None:
        self.problems: list[InputError] = []
        self.meant: set[str] = set()
        super().__init__(settings_cls, **options)

    def _set_debug(self, spelling: str, text: str) -> None:
        """`debug` is not an input, like `--json`: it only changes what is logged, so any source may turn it on."""
        match text.strip().lower():
            case "true" | "1":
                self.wants_debug = True
            case "" | "false" | "0":
                return
            case _:
                self.problems.append(InputError(f"`{spelling}` is {text.strip()!r}", "Write `true` or `false`."))


class Variables(InputSource, EnvSettingsSource):
    """The variables of `environ` under one prefix. Dashes, blanks and underscores in their names make no difference.

    An empty text is not given. Two spellings of one input with different values and near-misses of our names are
    problems; any other unknown name is ignored.
    """

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str], prefix: str) -> None:
        self._environ = environ
        super().__init__(settings_cls, env_prefix=prefix)
        self._set_debug(_spelling(prefix, "debug"), environ.get(f"{prefix}DEBUG", ""))

    def _load_env_vars(self) -> Mapping[str, str | None]:
        """The texts by prefix and field name in lower case, as the base class looks them up.

        pydantic-settings' own sources that don't read `os.environ` override this method, too.
        """
        found: dict[str, str | None] = {}
        prefix = self.env_prefix
        for variable in sorted(self._environ):
            text = self._environ[variable]
            if not variable.startswith(prefix) or not text.strip():
                continue
            name = re.sub("[- ]", "_", variable.removeprefix(prefix).lower())
            if name not in self.settings_cls.model_fields:
                self._check_unknown(name)
                continue
            spelling = _spelling(prefix, name)
            value = InputValue(text, spelling, is_of_ci_step=prefix != OWN_PREFIX)
            other = found.setdefault(f"{prefix.lower()}{name}", value)
            if other and other.strip() != text.strip():
                what = f"`{spelling}` is given twice, in two spellings, with different values"
                self.problems.append(InputError(what, "Keep one of the two."))
        return found

    def __call__(self) -> dict[str, Any]:
        # The base class examines the type of every field, which costs a millisecond.
        return super().__call__() if self.env_vars else {}

    def _check_unknown(self, name: str) -> None:
        if dashed(name) in FOREIGN_NAMES:
            return
        spell = partial(_spelling, self.env_prefix)
        if cure := instead_of(name, spell):
            self.problems.append(InputError(f"`{spell(name)}` is not an input any more", cure))
        elif near := names_near(name, self.settings_cls.model_fields):
            self.meant.update(near)
            cure = f"Did you mean {one_of(map(spell, near))}? Nothing was done."
            self.problems.append(InputError(f"`{spell(name)}` is not an input", cure))


def _spelling(prefix: str, name: str) -> str:
    """How the reader wrote it: `registry-ref` under `with:`, `registry_ref` under `settings:`, else the variable."""
    if prefix == "INPUT_":
        return dashed(name)
    return name if prefix == "PLUGIN_" else prefix + name.upper()
