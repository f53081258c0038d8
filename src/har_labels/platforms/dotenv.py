r"""One line `KEY=value` that every reader of Harness's output files takes alike (harness-runtime §1).

Readers are the generations 1 to 4 of harness/godotenv. Outside of quotes the older ones cut at any `#`,
all expand `$X`; a quote at the start opens a quoted value, and one bad line loses every output of the
step. So a value goes out in the first of these forms that fits:

| value | form |
|---|---|
| JSON | compact, in one line, `#` `$` `<` and everything beyond ASCII as `\uXXXX`: the same JSON, not the same bytes |
| printable ASCII without `#` `$` `<` `'` `"` and blanks at the ends | as it is |
| no `'` `"` `<`, backslash or control character, such as a path with `#` or `é` | in single quotes |
| anything else | `__B64__` and the base64 of its UTF-8, which Harness's engine decodes after reading |

`<` is never written as it is: `<+` would be taken for an expression by a later step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from har_labels.labels import CONTROL_CHARACTERS

# Readers of generation 2 refuse the whole file for one line of 65,536 bytes.
LONGEST_LINE = 60_000
BASE64_MARK = "__B64__"

_PLAIN = re.compile(r"""[!%-~](?:[ !%-~]*[!%-~])?""")
_NEVER_PLAIN = re.compile("[<'\"]")
_NEVER_QUOTED = re.compile(f"['\"<\\\\]|{CONTROL_CHARACTERS.pattern}|[\ud800-\udfff]")
_NOT_IN_JSON = re.compile("[^\x20-\x7e]|[#$<]")


def dotenv_lines(outputs: Mapping[str, str], json_names: frozenset[str]) -> tuple[str, list[str]]:
    """The text of all outputs, and the names of those left empty because their line would be too long."""
    lines, too_long = [], []
    for name, value in outputs.items():
        line = f"{key_of(name)}={_portable_json(value) if name in json_names else scalar_value(value)}"
        if len(line.encode()) > LONGEST_LINE:
            too_long.append(name)
            line = f"{key_of(name)}="
        lines.append(f"{line}\n")
    return "".join(lines), too_long


def left_empty(names: Iterable[str]) -> list[str]:
    """The warnings about outputs that are too long for Harness."""
    return [f"the output `{name}` is left empty: Harness takes at most {LONGEST_LINE:,} bytes" for name in names]


def key_of(output_name: str) -> str:
    """`labels-map` as `LABELS_MAP`."""
    return output_name.upper().replace("-", "_")


def scalar_value(text: str) -> str:
    """A value that is not JSON, in the first form of the table above that brings it back equal."""
    if not text or (_PLAIN.fullmatch(text) and not _NEVER_PLAIN.search(text) and not text.startswith(BASE64_MARK)):
        return text
    # What Harness decodes it decodes after the quotes are gone.
    if _NEVER_QUOTED.search(text) or text.startswith(BASE64_MARK):
        return base64_value(text)
    return f"'{text}'"


def base64_value(text: str) -> str:
    """`text`, byte for byte, in characters that neither a shell nor a reader acts on."""
    from base64 import b64encode

    return BASE64_MARK + b64encode(text.encode("utf-8", "backslashreplace")).decode()


def _portable_json(text: str) -> str:
    """JSON text with escapes for all that some reader takes for its own; those characters stand in strings only."""
    return _NOT_IN_JSON.sub(lambda found: _json_escape(found[0]), text)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
