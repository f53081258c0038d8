r"""Writes the lines of Harness's output files so that every reader of them gets the same values (harness-runtime §1).

A file whose name ends in `.out` is for the Docker runner: it reads `KEY value`, split at the first space, and interprets
nothing in the value. drone-plugin-lib distinguishes the two in the same way. Every other file is dotenv.

Readers of dotenv are the generations 1 to 4 of harness/godotenv. Outside of quotes the older ones cut at nearly any
`#`, all expand `$X`; a quote at the start opens a quoted value, and one bad line loses every output of the
step. So a value is written in the first of these forms that all generations read back equal:

| form | for example |
|---|---|
| JSON: compact, in one line, `#` `$` `<` and everything beyond ASCII as `\uXXXX`: the same JSON, not the same bytes | `["a\u0023b"]` |
| as it is | `it's.json` |
| in single quotes | `'a#b $HOME'` |
| in double quotes, with `\n` `\r` `\"` `\$` | `"a\nb"` |
| as it is, but for `\$` | `a\b 'c' \$HOME` |
| `__B64__` and the base64 of its UTF-8 | `__B64__PCt4Pg==` |

Only lite-engine decodes the last form, the Docker runner doesn't. So it is used only for values that dotenv can't carry,
that look encoded already, or that contain `<+`, which a later step would evaluate as an expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# One line of 65,536 bytes makes readers of generation 2, and the reader of `KEY value`, reject the whole file.
LONGEST_LINE = 60_000
BASE64_MARK = "__B64__"

_EXPRESSION = "<+"
# What generations 3 and 4 trim, and where a comment may begin.
_BLANK = "[\t\v\f\r \x85\xa0]"
_NEVER_PLAIN = re.compile(rf"^{_BLANK}|^['\"]|[\r\n]|{_BLANK}#|{_BLANK}\Z")
_EXPANDED = re.compile(r"\\\$|\$\(?\{?[A-Z0-9_]")
_NEVER_IN_SINGLE_QUOTES = re.compile(r"(?<!\\)'|\n|[\\']\Z")
_NEVER_IN_DOUBLE_QUOTES = re.compile(r'\\|"\Z')
_DOUBLE_QUOTED = {"\n": r"\n", "\r": r"\r", '"': r"\"", "$": r"\$"}
_NOT_IN_JSON = re.compile("[^\x20-\x7e]|[#$<]")


def output_lines(path: str, outputs: Mapping[str, str], json_names: frozenset[str]) -> tuple[str, list[str], list[str]]:
    """The text of all outputs for the file at `path`, in the form of its name.

    Also returns the names of outputs left empty: those whose line would be too long, and those that the form can't carry.
    """
    form = _spaced_line if path.lower().endswith(".out") else _dotenv_line
    lines, too_long, unsupported = [], [], []
    for name, value in outputs.items():
        key = name.upper().replace("-", "_")
        line = form(key, _portable_json(value)) if name in json_names else form(key, _as_utf8(value))
        if line is None:
            unsupported.append(name)
        elif len(line.encode()) > LONGEST_LINE:
            too_long.append(name)
            line = None
        lines.append(f"{form(key, '') if line is None else line}\n")
    return "".join(lines), too_long, unsupported


def too_long_warnings(names: Iterable[str]) -> list[str]:
    """The warnings about outputs left empty because they are too long for Harness."""
    return [f"the output `{name}` is left empty: Harness takes at most {LONGEST_LINE:,} bytes" for name in names]


def unsupported_notices(names: Iterable[str]) -> list[str]:
    """The notices about outputs left empty because lines of `KEY value` can't carry them."""
    return [
        f"the output `{name}` is left empty: lines of `KEY value`, which this runner reads, carry neither line ends "
        f"nor text with `{_EXPRESSION}`"
        for name in names
    ]


def base64_value(text: str) -> str:
    """`text` encoded in characters that neither a shell nor a reader interprets."""
    from base64 import b64encode

    return BASE64_MARK + b64encode(_as_utf8(text).encode()).decode()


def _spaced_line(key: str, text: str) -> str | None:
    r"""`KEY value`, or None if the value would not be read back equal: the reader drops a `\r` before the line's end."""
    return None if "\n" in text or text.endswith("\r") or _EXPRESSION in text else f"{key} {text}"


def _dotenv_line(key: str, text: str) -> str:
    """`KEY=value`, the value in the first form of the table above that is read back equal."""
    forms = () if _EXPRESSION in text or text.startswith(BASE64_MARK) else _forms(text)
    return next((line for form in forms if not _is_cut_at_hash(line := f"{key}={form}")), f"{key}={base64_value(text)}")


def _forms(text: str) -> Iterable[str]:
    """The forms that are read back as `text`, unless part of the line is taken for a comment."""
    is_plain = not _NEVER_PLAIN.search(text)
    if is_plain and not _EXPANDED.search(text):
        yield text
    if not _NEVER_IN_SINGLE_QUOTES.search(text):
        yield f"'{text}'"
    if not _NEVER_IN_DOUBLE_QUOTES.search(text):
        yield '"{}"'.format("".join(_DOUBLE_QUOTED.get(character, character) for character in text))
    if is_plain:
        yield text.replace("$", r"\$")


def _is_cut_at_hash(line: str) -> bool:
    """Whether generation 2 cuts the line at a `#`: for it a part between two `#` with one quote opens or closes a quotation."""
    is_open = False
    for index, part in enumerate(line.split("#")):
        has_one_quote = part.count('"') == 1 or part.count("'") == 1
        if index and not has_one_quote and not is_open:
            return True
        is_open ^= has_one_quote
    return False


def _portable_json(text: str) -> str:
    """JSON with escapes for all characters that some reader interprets; in JSON these occur in strings only."""

    def escape(found: re.Match[str]) -> str:
        units = found[0].encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))

    return _NOT_IN_JSON.sub(escape, text)


def _as_utf8(text: str) -> str:
    r"""`text` with lone surrogates as `\ud800`, since UTF-8 can't encode them."""
    return text.encode("utf-8", "backslashreplace").decode()
