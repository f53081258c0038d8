"""Where each input's text comes from and how its reader spells it (contract §2).

Three layers, first wins: flags, the detected CI's prefix (`INPUT_`, `PLUGIN_`), `HAR_LABELS_`. What an
input may hold is `settings`' question; here it is still text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from har_labels.errors import InputError
from har_labels.inputs.names import Kind, dashed, instead_of
from har_labels.platforms.platform import HOW_TO_GIVE_THE_KEY
from har_labels.text import one_of

OWN_PREFIX = "HAR_LABELS_"
# Set by GitHub and Harness themselves, or inherited from their settings; never ours to complain about
# (facts: Harness sets PLUGIN_PIPELINE and the *_FILE variables in every step).
FOREIGN_NAMES = frozenset(
    {
        "args", "entrypoint", "pipeline", "artifact-file", "metadata-file", "build-tool-file",
        "cache-metrics-file", "cache-intel-metrics-file",
    },
)  # fmt: skip
# A name this alike to one of ours is a slip of the pen: `label`, `artifacts`, `registry`, `dryrun`.
ALIKE = 0.8


@dataclass(frozen=True, slots=True)
class Given:
    """One input as it was given: how its reader spelt it, and its text.

    `values` are those of a list's flag that was given several times; the text then has all of them.
    """

    spelling: str
    text: str
    values: tuple[str, ...] = ()


Layer = Mapping[str, Given]


@dataclass(slots=True)
class Inputs:
    """All that was given, most important layer first, and what is wrong with the names themselves.

    `is_unreadable` if the command line was, so that nothing can be said of what is missing; `suggested` are the
    inputs that a misspelt name seems to have meant.
    """

    layers: list[Layer] = field(default_factory=list)
    problems: list[InputError] = field(default_factory=list)
    wants_json: bool = False
    wants_debug: bool = False
    is_unreadable: bool = False
    suggested: set[str] = field(default_factory=set)

    @property
    def all_given(self) -> dict[str, Given]:
        """Every input that was given, each from the first layer that has it."""
        return {name: given for layer in reversed(self.layers) for name, given in layer.items()}

    def given(self, name: str) -> Given | None:
        """The input `name` (with underscores) from the first layer that has it."""
        return next((layer[name] for layer in self.layers if name in layer), None)


def collect(
    fields: Mapping[str, Kind],
    *,
    environ: Mapping[str, str],
    prefix: str,
    argv: Sequence[str] = (),
    help_texts: Mapping[str, Mapping[str, str]] | None = None,
) -> Inputs:
    """Gathers the texts of `fields` (name with underscores → its kind); `help_texts` are theirs for `--help`, by group.

    Empty means not given. Two spellings of one input with different values and near-misses of our names are
    problems; any other unknown name is ignored. `--help` and `--version` print and raise SystemExit(0).
    """
    inputs = Inputs()
    if argv:
        inputs.layers.append(_flags(inputs, fields, argv, help_texts or {}))
    if prefix:
        inputs.layers.append(_variables(inputs, fields, environ, prefix))
    inputs.layers.append(_variables(inputs, fields, environ, OWN_PREFIX))
    for given_by in filter(None, dict.fromkeys((prefix, OWN_PREFIX))):
        _ask_for_debug(inputs, _spelling(given_by, "debug"), environ.get(f"{given_by}DEBUG", ""))
    return inputs


def _ask_for_debug(inputs: Inputs, spelling: str, text: str) -> None:
    """No input, like `--json`: it changes what is logged and nothing else, so any of its places may turn it on."""
    match text.strip().lower():
        case "true" | "1":
            inputs.wants_debug = True
        case "" | "false" | "0":
            return
        case _:
            inputs.problems.append(InputError(f"`{spelling}` is {text.strip()!r}", "Write `true` or `false`."))


def _variables(inputs: Inputs, fields: Iterable[str], environ: Mapping[str, str], prefix: str) -> Layer:
    layer: dict[str, Given] = {}
    known = set(fields)
    for variable in sorted(environ):
        if not variable.startswith(prefix):
            continue
        rest = variable.removeprefix(prefix)
        name, text = rest.lower().replace("-", "_").replace(" ", "_"), environ[variable]
        if not text.strip():
            continue
        if name in known:
            _add(inputs, layer, name, Given(_spelling(prefix, name), text))
        else:
            _complain_if_near(inputs, known, name, spelt=partial(_spelling, prefix))
    return layer


def _spelling(prefix: str, name: str) -> str:
    """How the reader wrote it: `registry-ref` under `with:`, `registry_ref` under `settings:`, else the variable."""
    if prefix == "INPUT_":
        return dashed(name)
    return name if prefix == "PLUGIN_" else prefix + name.upper()


def _add(inputs: Inputs, layer: dict[str, Given], name: str, given: Given) -> None:
    other = layer.setdefault(name, given)
    if other.text.strip() != given.text.strip():
        inputs.problems.append(
            InputError(
                f"`{given.spelling}` is given twice, in two spellings, with different values",
                "Keep one of the two.",
            ),
        )


def _complain_if_near(inputs: Inputs, known: set[str], name: str, *, spelt: Callable[[str], str]) -> None:
    if dashed(name) in FOREIGN_NAMES:
        return
    if cure := instead_of(name, spelt):
        inputs.problems.append(InputError(f"`{spelt(name)}` is not an input any more", cure))
    elif near := _near(name, known):
        inputs.suggested.update(near)
        cure = f"Did you mean {one_of(map(spelt, near))}? Nothing was done."
        inputs.problems.append(InputError(f"`{spelt(name)}` is not an input", cure))


def _near(name: str, known: set[str]) -> list[str]:
    """What was meant by a name that is alike to one of ours, or is its first words alone: `dry`, `metrics`."""
    from difflib import get_close_matches

    return (
        get_close_matches(name, known, n=1, cutoff=ALIKE)
        or sorted(one for one in known if one.startswith(f"{name}_"))
        or sorted(one for one in known if _is_swapped(name, one))
    )


def _is_swapped(name: str, other: str) -> bool:
    """Whether two neighbouring letters have changed places: `moed`, which is less alike to `mode` than `node` is."""
    differing = [at for at, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]]
    return sorted(name) == sorted(other) and len(differing) == 2 and differing[1] == differing[0] + 1


def _flags(
    inputs: Inputs, fields: Mapping[str, Kind], argv: Sequence[str], help_texts: Mapping[str, Mapping[str, str]]
) -> Layer:
    from har_labels.inputs import flags

    layer: dict[str, Given] = {}
    parsed = flags.parse(argv, fields, help_texts)
    inputs.problems.extend(parsed.problems)
    inputs.wants_json, inputs.is_unreadable = parsed.wants_json, parsed.is_unreadable
    _ask_for_debug(inputs, "--debug", parsed.debug)
    for name, values in parsed.values.items():
        if text := "\n".join(filter(str.strip, values)):
            layer[name] = Given(f"--{dashed(name)}", text, values)
    inputs.problems.extend(_unknown_flag(inputs, word, fields) for word in _without_values(parsed.unknown))
    return layer


def _without_values(words: Sequence[str]) -> Iterator[str]:
    """Words that nothing is known of, but for what an unknown flag seems to be given: that may be a key."""
    is_value = False
    for word in words:
        if not is_value or word.startswith("-"):
            yield word
        is_value = word.startswith("-") and "=" not in word


def _unknown_flag(inputs: Inputs, word: str, fields: Iterable[str]) -> InputError:
    if not word.startswith("-"):
        return InputError(
            f"`{word}` belongs to no flag", "Give it behind one, such as `--artifact`; `--help` lists them."
        )
    name = word.lstrip("-").partition("=")[0].replace("-", "_").lower()
    if cure := instead_of(name, lambda other: f"--{dashed(other)}"):
        return InputError(f"the flag `{word.partition('=')[0]}` no longer exists", cure)
    near = _near(name, set(fields))
    inputs.suggested.update(near)
    cure = "`--help` lists the flags."
    if near == ["api_key"]:
        cure = HOW_TO_GIVE_THE_KEY
    elif near:
        cure = f"Did you mean {one_of(f'--{dashed(name)}' for name in near if name != 'api_key')}?"
    return InputError(f"there is no flag `{word.partition('=')[0]}`", cure)
