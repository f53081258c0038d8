"""The terminal's flags, made from the same inputs; only loaded when a command line is given."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from har_labels import __version__
from har_labels.errors import InputError
from har_labels.inputs.names import Kind, dashed
from har_labels.platforms.platform import HOW_TO_GIVE_THE_KEY


@dataclass(slots=True)
class Flags:
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[InputError] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    wants_json: bool = False
    debug: str = ""
    is_unreadable: bool = False


_EPILOG = """\
Every flag can also be set as HAR_LABELS_<NAME>. The key: HAR_LABELS_API_KEY or --api-key-file.

  HAR_LABELS_API_KEY=… har-labels --registry-ref acme/ml/prod/models --artifact resnet50 \\
    --mode upsert --labels stage=candidate --dry-run

Exit codes: 0 done, 1 a defect, 2 a wrong input, 3 not allowed, 4 not found, 5 changed meanwhile, 6 refused or failing,
7 unreachable or too late, 10 a gate is closed, 11 some failed, 130 and 143 cancelled.
"""


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong instead of printing usage and leaving with a code of its own."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parse(argv: Sequence[str], fields: Mapping[str, Kind], help_texts: Mapping[str, Mapping[str, str]]) -> Flags:
    """Reads `--name value`, `--name=value` and, for switches, a bare `--name`.

    A list's flag may be given several times; each value is a list of its own. `--api-key` is refused: a
    command line is visible to every process of the machine.
    """
    flags = Flags()
    parser = _parser(fields, help_texts)
    try:
        found, flags.unknown = parser.parse_known_args(list(argv))
    except ValueError as error:
        cure = "`--help` lists the flags; a value that begins with `-` stands behind a `=`, as in `--labels=-x`."
        flags.problems.append(InputError(f"the command line can't be read: {error}", cure))
        flags.is_unreadable, flags.wants_json = True, "--json" in argv
        return flags
    flags.wants_json, flags.debug = found.json, found.debug
    for name, kind in fields.items():
        values = getattr(found, name) or []
        if kind is not Kind.LIST:
            values = list(dict.fromkeys(values))
        if problem := _problem_with_several(name, kind, values):
            flags.problems.append(problem)
            values = values[:1]
        if values:
            flags.values[name] = tuple(values)
    if "api_key" in flags.values:
        del flags.values["api_key"]
        flags.problems.append(
            InputError(
                "`--api-key` shows the key to every process of this machine, and your shell may keep it",
                f"{HOW_TO_GIVE_THE_KEY} If the key was a real one, renew it.",
            ),
        )
    return flags


def _problem_with_several(name: str, kind: Kind, values: Sequence[str]) -> InputError | None:
    """Why the values of one flag can't be taken together."""
    if len(values) < 2 or name == "api_key":
        return None
    if kind is Kind.LIST:
        return None
    return InputError(f"`--{dashed(name)}` is given {len(values)} times", "Keep one of them.")


def _parser(fields: Mapping[str, Kind], help_texts: Mapping[str, Mapping[str, str]]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="har-labels",
        description="Change the labels of artifacts in a Harness Artifact Registry, safely.",
        epilog=_EPILOG,
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
    # Without help texts, as where nobody asks for them, the flags are the same.
    for title, texts in (help_texts or {"": dict.fromkeys(fields, "")}).items():
        about = HOW_TO_GIVE_THE_KEY if "api_key" in texts else None
        group = parser.add_argument_group(title, about)
        for name, text in texts.items():
            _add_flag(group, name, fields[name], text)
    return parser


def _add_flag(group: argparse._ArgumentGroup, name: str, kind: Kind, text: str) -> None:
    is_key, is_switch = name == "api_key", kind is Kind.SWITCH
    group.add_argument(
        f"--{dashed(name)}",
        dest=name,
        action="append",
        nargs="?" if is_switch or is_key else None,
        const="true" if is_switch or is_key else None,
        metavar="true|false" if is_switch else "TEXT",
        help=argparse.SUPPRESS if is_key else text.replace("%", "%%"),
    )
