"""Text in messages: that of others is escaped so that it has no effect, and our own names inputs (contract §4, §5).

Pure. Labels, names and server messages are written by others: they may hold terminal escapes, bidi overrides, line ends or
workflow commands. Facts: github-runtime "Workflow commands". `report/markdown.py` puts them into Markdown, and
`platforms/redactor.py` hides the key in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

# C0, DEL, C1, the line and paragraph separators, and the bidi controls (contract §2 "A label").
CONTROL_CHARACTERS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]",
)

# What is printed in place of the key.
HIDDEN = "***"
# Replaces the rest of a text that was cut.
ELLIPSIS = "…"
LONGEST_SHOWN = 200  # characters of a text of others in one of our messages

# They enclose an input's name in a text of ours. Noncharacters of Unicode: `_UNPRINTABLE` escapes them in texts of others.
_NAME_BEGINS, _NAME_ENDS = "\ufdd0", "\ufdd1"
_NAMED = re.compile(f"{_NAME_BEGINS}([a-z][a-z-]*)(?::([^{_NAME_BEGINS}{_NAME_ENDS}]*))?{_NAME_ENDS}")

_UNPRINTABLE = re.compile(f"{CONTROL_CHARACTERS.pattern}|[\ud800-\udfff{_NAME_BEGINS}{_NAME_ENDS}]")
_SHORT_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
# GitHub's runner trims blanks before it looks for `::`. No known runner trims the two invisible characters; this is caution.
_LEADING_COLONS = re.compile("^([\\s\u200b\ufeff]*):(?=:)")


def named(name: str, value: str | None = None) -> str:
    """Marks an input, or an input with a value, in a text of ours; `spelt` replaces the mark when the text is published.

    `name` may have dashes or underscores.
    """
    given = "" if value is None else f":{value}"
    return f"{_NAME_BEGINS}{name.replace('_', '-')}{given}{_NAME_ENDS}"


def is_named(text: str) -> bool:
    """Whether a text is one input that is `named`, and nothing else."""
    return bool(_NAMED.fullmatch(text))


def spelt(text: str, spell: Callable[[str], str]) -> str:
    """`text` with every `named` input as its reader writes it. `spell` takes the name with dashes.

    An input with a value becomes `mode: clear`, `--mode clear` or `HAR_LABELS_MODE=clear` (contract §2 "Spelling").
    """

    def write(found: re.Match[str]) -> str:
        name, value = spell(found[1]), found[2]
        if value is None:
            return name
        between = " " if name.startswith("--") else "=" if name.startswith("HAR_LABELS_") else ": "
        return f"{name}{between}{value}"

    return _NAMED.sub(write, text) if _NAME_BEGINS in text else text


def as_documented(name: str) -> str:
    """The spelling of an input in the documents, on GitHub and in a manifest: a `spell` for `spelt`."""
    return name


def as_in_manifest(name: str) -> str:
    """The spelling of an input in an error of a manifest: a `spell` for `spelt`.

    Its keys are spelt alike on every CI. An input that holds a file's text stays `named`: positions in the text begin with it.
    """
    return named(name) if name in {"manifest", "policy"} else name


def documented(text: str) -> str:
    """`text` with every `named` input as the documents spell it."""
    return spelt(text, as_documented)


def visible_characters(text: str) -> str:
    r"""`text` as one line of harmless characters: controls and lone surrogates become `\x1b`, `\u202e`, `\n`."""
    # Python counts all of them as unprintable; this check is many times faster than a search.
    return text if text.isprintable() else _UNPRINTABLE.sub(_escape, text)


def cut(text: str, most: int) -> str:
    """`text`, or its first `most` characters and `…`, before which the redactor also finds the beginning of a cut key."""
    return text if len(text) <= most else text[:most] + ELLIPSIS


def shown(text: str, most: int = LONGEST_SHOWN) -> str:
    """`text` as a message quotes it: harmless characters on one line, `cut`."""
    return visible_characters(cut(text, most))


def in_backquotes(text: str) -> str:
    """`text` as `shown`, between backquotes."""
    return f"`{shown(text)}`"


def quoted_value(text: str) -> str:
    """An invalid value as its error shows it: in Python's quotes, without a password in an address, cut as by `shown`."""
    return repr(cut(re.sub(r"//[^/\s]*@", "//***@", text), LONGEST_SHOWN))


def number(count: int, word: str, words: str = "") -> str:
    """`1 artifact`, `2,000 artifacts`; `words` is the plural where it isn't `word` with an s."""
    return f"{count:,} {word if count == 1 else words or f'{word}s'}"


def utc_text(at: datetime) -> str:
    """`2026-11-26T02:36:05Z`, a time in UTC to the second."""
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def one_of(names: Iterable[str]) -> str:
    """`` `a`, `b` or `c` ``."""
    *others, last = [f"`{name}`" for name in names]
    return f"{', '.join(others)} or {last}" if others else last


def visible(text: str) -> str:
    r"""`text` as a log line that neither a terminal nor GitHub's two command parsers act on.

    `##[` anywhere becomes `##\[` and `::` at the start, after blanks too, becomes `:\:`. Applying it twice
    gives the same as applying it once. Everything else shows as itself.
    """
    line = visible_characters(text).replace("##[", "##\\[")
    return _LEADING_COLONS.sub(r"\1:\\", line) if "::" in line else line


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
