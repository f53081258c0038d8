"""The terminal's flags, made from the same inputs; only loaded when a command line is given.

They are argparse's, not those of pydantic-settings' own source: that one decodes lists as JSON, silently takes the last
of two values, and has neither suggestions for misspelt flags nor groups in `--help`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from har_labels import __version__
from har_labels.errors import InputError, exit_codes
from har_labels.inputs.key import HOW_TO_GIVE_THE_KEY
from har_labels.inputs.names import InputKind, InputValue, dashed, instead_of, names_near
from har_labels.inputs.settings import fields, help_texts
from har_labels.inputs.sources import InputSource
from har_labels.text import one_of, spelt

_EPILOG = """\
Every flag can also be set as HAR_LABELS_<NAME>. The key: HAR_LABELS_API_KEY or --api-key-file.

  HAR_LABELS_API_KEY=… har-labels --registry-ref acme/ml/prod/models --artifact resnet50 \\
    --mode upsert --labels stage=candidate --dry-run

Exit codes
"""


class CommandLine(InputSource):
    """The flags: `--name value`, `--name=value` and, for switches, a bare `--name`.

    A list's flag may be given several times; each value is a list by itself. `--api-key` is refused: a command line is
    visible to every process of the machine. `is_unreadable`: it could not be parsed, so any input may have been given.
    """

    def __init__(self, settings_cls: type[BaseSettings], argv: Sequence[str]) -> None:
        super().__init__(settings_cls)
        self._given: dict[str, InputValue] = {}
        try:
            found, unknown = _parser().parse_known_args(list(argv))
        except ValueError as error:
            cure = "`--help` lists the flags; write a value that begins with `-` after a `=`, as in `--labels=-x`."
            self.problems.append(InputError(f"the command line can't be read: {error}", cure))
            self.is_unreadable, self.wants_json = True, "--json" in argv
            return
        self.wants_json = found.json
        self._set_debug("--debug", found.debug)
        for name, kind in fields().items():
            self._add(name, kind, getattr(found, name) or [])
        for word in _without_values(unknown):
            self.problems.append(self._unknown(word))

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base class's signature
        return self._given.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._given)

    def _add(self, name: str, kind: InputKind, values: list[str]) -> None:
        flag = f"--{dashed(name)}"
        if name == "api_key" and values:
            what = "`--api-key` shows the key to every process of this machine, and your shell may keep it"
            self.problems.append(InputError(what, f"{HOW_TO_GIVE_THE_KEY} If the key was a real one, renew it."))
            return
        if kind is not InputKind.LIST and len(different := list(dict.fromkeys(values))) > 1:
            self.problems.append(InputError(f"`{flag}` is given {len(different)} times", "Keep one of them."))
        values = values if kind is InputKind.LIST else values[:1]
        if text := "\n".join(filter(str.strip, values)):
            self._given[name] = InputValue(text, flag, tuple(values))

    def _unknown(self, word: str) -> InputError:
        if not word.startswith("-"):
            return InputError(
                f"`{word}` belongs to no flag", "Write it after one, such as `--artifact`; `--help` lists them."
            )
        flag = word.partition("=")[0]
        name = flag.lstrip("-").replace("-", "_").lower()
        if cure := instead_of(name, lambda other: f"--{dashed(other)}"):
            return InputError(f"the flag `{flag}` no longer exists", cure)
        near = names_near(name, self.settings_cls.model_fields)
        self.meant.update(near)
        cure = "`--help` lists the flags."
        if near == ["api_key"]:
            cure = HOW_TO_GIVE_THE_KEY
        elif near:
            cure = f"Did you mean {one_of(f'--{dashed(name)}' for name in near if name != 'api_key')}?"
        return InputError(f"there is no flag `{flag}`", cure)


def _without_values(words: Sequence[str]) -> Iterator[str]:
    """Unknown words, without those that seem to be values of unknown flags: such a value may be a key."""
    is_value = False
    for word in words:
        if not is_value or word.startswith("-"):
            yield word
        is_value = word.startswith("-") and "=" not in word


def _epilog() -> str:
    """What follows the list of flags in `--help`. The exit codes are those that errors.py declares."""
    codes = (f"  {code:>8}  {spelt(meaning, lambda name: f'--{name}')}\n" for code, meaning in exit_codes().items())
    return _EPILOG + "".join(codes)


class _Parser(argparse.ArgumentParser):
    """Raises ValueError where argparse would print its usage and exit with a code of its own."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="har-labels",
        description="Change the labels of artifacts in a Harness Artifact Registry, safely.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        usage="har-labels [--help] [--version] [--json] [--debug] [--INPUT VALUE ...]",
    )
    parser.add_argument("--version", action="version", version=f"har-labels {__version__}")
    parser.add_argument("--json", action="store_true", help="print the JSON report instead of the diff")
    parser.add_argument(
        "--debug",
        nargs="?",
        const="true",
        default="",
        metavar="true|false",
        help="log each request: method, path, status, time",
    )
    parser.add_argument(
        "--lint",
        nargs="+",
        metavar="FILE",
        help="check manifests, policies and plans, without key or network, and do nothing else",
    )
    kinds = fields()
    for title, texts in help_texts().items():
        group = parser.add_argument_group(title, HOW_TO_GIVE_THE_KEY if "api_key" in texts else None)
        for name, text in texts.items():
            _add_flag(group, name, kinds[name], text)
    return parser


def _add_flag(group: argparse._ArgumentGroup, name: str, kind: InputKind, text: str) -> None:
    is_key, is_switch = name == "api_key", kind is InputKind.SWITCH
    group.add_argument(
        f"--{dashed(name)}",
        dest=name,
        action="append",
        nargs="?" if is_switch or is_key else None,
        const="true" if is_switch or is_key else None,
        metavar="true|false" if is_switch else "TEXT",
        help=argparse.SUPPRESS if is_key else text.replace("%", "%%"),
    )
