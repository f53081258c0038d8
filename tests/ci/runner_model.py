"""What GitHub's runner makes of a step's log and files, written from its grammar (actions/runner 2.336.0).

`Runner.Common/ActionCommand.cs`, `Runner.Worker/FileCommandManager.cs`, `Runner.Worker/ActionCommandManager.cs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

KNOWN = frozenset(
    [
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "notice",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
    ],
)
_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))


class BadLineError(Exception):
    """The runner fails the step with an error annotation."""


@dataclass(frozen=True)
class Command:
    """One recognised workflow command."""

    name: str
    data: str
    properties: dict[str, str] = field(default_factory=dict)


def commands_in(log: str) -> list[Command]:
    """Every command that the runner finds in a stream; a lone carriage return ends a line too."""
    return [found for line in re.split("\r\n|\r|\n", log) if (found := command_in(line))]


def command_in(line: str) -> Command | None:
    """`::` after blanks at the start, `##[` anywhere; only known names count."""
    text = line.lstrip()
    if text.startswith("::") and "::" in text[2:]:
        head, data = text[2:].split("::", 1)
        name, _, rest = head.partition(" ")
        if name.lower() in KNOWN:
            pairs = (part.split("=", 1) for part in rest.strip().split(",") if "=" in part)
            properties = {key: _unescaped(value, _PROPERTY) for key, value in pairs if key and value}
            return Command(name.lower(), _unescaped(data, _DATA), properties)
    start = line.find("##[")
    end = line.find("]", start)
    if 0 <= start < end:
        name = line[start + 3 : end].partition(" ")[0]
        if name.lower() in KNOWN:
            return Command(name.lower(), line[end + 1 :])
    return None


def pairs_in(content: bytes) -> dict[str, str]:
    """The outputs in a GITHUB_OUTPUT file, or BadLineError; a line ends at a newline only."""
    found: dict[str, str] = {}
    lines = content.decode("utf-8-sig").split("\n")
    has_last_newline = lines[-1] == ""
    rest = iter(lines[:-1] if has_last_newline else lines)
    for line in rest:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, value = line[:equals], line[equals + 1 :]
        elif heredoc >= 0:
            name, mark = line[:heredoc], line[heredoc + 2 :]
            value = _up_to(rest, mark)
        else:
            raise BadLineError(line)
        if not name:
            raise BadLineError(line)
        found[name.lower()] = value
    return found


def _up_to(lines: object, mark: str) -> str:
    taken: list[str] = []
    for line in lines:  # type: ignore[attr-defined] # the one iterator that the caller goes on with
        if mark and line == mark:
            return "\n".join(taken)
        taken.append(line)
    raise BadLineError(mark)


def _unescaped(text: str, table: tuple[tuple[str, str], ...]) -> str:
    for escaped, plain in table:
        text = text.replace(escaped, plain)
    return text
