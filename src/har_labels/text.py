"""How somebody else's text is printed so that it has no effect, and how the key is kept out of it (contract §4, §5).

Pure. Labels, names and server messages are written by others: they may hold terminal escapes, bidi
overrides, line ends, workflow commands or Markdown. Facts: github-runtime "Workflow commands" and
"GITHUB_STEP_SUMMARY", harness-runtime §9.

In Markdown it stands in code spans, not in `<code>` with entities: inside a span nothing is markup, while
GitHub still links addresses inside of raw `<code>`, and Harness strips HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

# C0, DEL, C1, the line and paragraph separators, and the bidi controls (contract §2 "A label").
CONTROL_CHARACTERS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]",
)

HIDDEN = "***"
# Below this length a key would be found by accident in innocent text; real keys have dozens of characters.
SHORTEST_KEY_TO_LOOK_FOR = 8
LONGEST_SHOWN = 200

# Around an input's name in a text of ours. Noncharacters of Unicode: no text of others keeps them, see `_UNPRINTABLE`.
_NAME_BEGINS, _NAME_ENDS = "\ufdd0", "\ufdd1"
_NAMED = re.compile(f"{_NAME_BEGINS}([a-z][a-z-]*)(?::([^{_NAME_BEGINS}{_NAME_ENDS}]*))?{_NAME_ENDS}")

_UNPRINTABLE = re.compile(f"{CONTROL_CHARACTERS.pattern}|[\ud800-\udfff{_NAME_BEGINS}{_NAME_ENDS}]")
_SHORT_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
# The runner trims blanks before it looks for `::`; the two invisible characters are trimmed by no runner
# we know, and cost nothing.
_LEADING_COLONS = re.compile("^([\\s\u200b\ufeff]*):(?=:)")
# Keys of others, of the documented shape. Not inside a word (`compat.1.2.3`), unless that word's end is an
# escape: `\npat.…`, `%3Dpat.…`. A quote, pipe or escape is no part of a key and may be markup around it.
_KEY_PART = r"""[^.\s`'"|\\<>\x1b]+"""
_KEY_SHAPED = re.compile(
    rf"(?:(?<![A-Za-z])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{{2}}))(?:pat|sat)\.{_KEY_PART}\.{_KEY_PART}\.{_KEY_PART}",
)
# A word that is no markup, mention, reference, emoji code or link, alone or beside its neighbours: letters, perhaps
# with hyphens or quotes, or a short number. Seven hex digits could be a commit.
_HARMLESS_WORD = re.compile(
    r"""["'(]?(?![0-9a-f]{7})(?:[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[0-9]{1,6})["')]?[,.;:!?]?""",
)
# What stands together in a message: what it quotes itself, a list, a text in Python's quotes, or else a word.
_QUOTED = re.compile(r"`[^`]+`")
_PIECE = re.compile(
    rf"""(?<![^ (]){_QUOTED.pattern}(?=[ ,.;:!?)]|$)|\[[^\[\]`]*\](?![^ ]*`)|'(?:[^'\\`]|\\.)*'(?![^ ]*`)|\((?=`)|[^ ]+""",
)
_CLOSING_MARKS = ",.;:!?)"
_PUNCTUATION = re.compile(r"[,.;:!?()]{1,2}")


def named(name: str, value: str | None = None) -> str:
    """An input in a text of ours, perhaps with a value: `spelt` writes it as its reader does when the text is published.

    `name` is the input's, with dashes or underscores.
    """
    given = "" if value is None else f":{value}"
    return f"{_NAME_BEGINS}{name.replace('_', '-')}{given}{_NAME_ENDS}"


def spelt(text: str, spell: Callable[[str], str]) -> str:
    """`text` with each input that is `named` in it as its reader writes it; `spell` has an input's name with dashes.

    With a value that is `mode: clear`, `--mode clear` or `HAR_LABELS_MODE=clear` (contract §2 "Spelling").
    """

    def write(found: re.Match[str]) -> str:
        name, value = spell(found[1]), found[2]
        if value is None:
            return name
        between = " " if name.startswith("--") else "=" if name.startswith("HAR_LABELS_") else ": "
        return f"{name}{between}{value}"

    return _NAMED.sub(write, text) if _NAME_BEGINS in text else text


def as_documented(name: str) -> str:
    """How the documents, GitHub and the keys of a manifest spell an input, for `spelt`."""
    return name


def documented(text: str) -> str:
    """`text` with each input that is `named` in it as the documents spell it."""
    return spelt(text, as_documented)


def visible_characters(text: str) -> str:
    r"""`text` as one line of harmless characters: controls and lone surrogates become `\x1b`, `\u202e`, `\n`."""
    # Python calls all of them unprintable; asking that is many times faster than searching.
    return text if text.isprintable() else _UNPRINTABLE.sub(_escape, text)


def shown(text: str) -> str:
    """`text` as a message quotes it: harmless characters on one line, and not too many of them."""
    return visible_characters(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def number(count: int, word: str, words: str = "") -> str:
    """`1 artifact`, `2,000 artifacts`; `words` is the plural where it isn't `word` with an s."""
    return f"{count:,} {word if count == 1 else words or f'{word}s'}"


def one_of(names: Iterable[str]) -> str:
    """`` `a`, `b` or `c` ``."""
    *others, last = [f"`{name}`" for name in names]
    return f"{', '.join(others)} or {last}" if others else last


def visible(text: str) -> str:
    r"""`text` as a log line that neither a terminal nor GitHub's two command parsers act on.

    `##[` anywhere becomes `##\[` and `::` at the start, after blanks too, becomes `:\:`. Applying it twice
    is applying it once. Everything else shows as itself.
    """
    line = visible_characters(text).replace("##[", "##\\[")
    return _LEADING_COLONS.sub(r"\1:\\", line) if "::" in line else line


def code(text: str) -> str:
    """`text` as a code span, in running text or a table.

    A run of backquotes would end it, so its own is longer than any inside, with a blank where one stands at
    an end; and as one blank is taken off if both ends have one, one is put there.
    """
    shown = visible_characters(text)
    if not shown:
        return "*(empty)*"
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if _needs_padding(shown) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def codes(texts: Iterable[str], sign: str = "") -> str:
    """Several code spans in a row, each after `sign`."""
    return " ".join(f"{sign}{code(text)}" for text in texts)


def prose(text: str) -> str:
    """`text` as a sentence: harmless words as they are, what it quotes and anything else as code.

    Backquotes around a whole piece are our own way to quote, and the code span stands in their place.
    """
    made, end = "", 0
    for found in _PIECE.finditer(visible_characters(text)):
        piece = _as_prose(found[0])
        # Two runs of backquotes side by side would be one, which nothing closes.
        is_apart = found.start() > end or (made.endswith("`") and piece.startswith("`"))
        made += f" {piece}" if made and is_apart else piece
        end = found.end()
    return made


def _as_prose(piece: str) -> str:
    if _QUOTED.fullmatch(piece):
        return code(piece[1:-1])
    if _HARMLESS_WORD.fullmatch(piece) or _PUNCTUATION.fullmatch(piece):
        return piece
    bare = piece.rstrip(_CLOSING_MARKS)
    return code(bare) + piece[len(bare) :] if bare else code(piece)


def table_row(cells: Iterable[str]) -> str:
    r"""One line of a table, from Markdown without line ends.

    `|` would end the cell even inside a code span, so it becomes `\|`, also after a backslash: GitHub takes a
    pipe for escaped whatever stands before that backslash, and removes just the one.
    """
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |\n"


def cut_at_line(text: str, limit: int, note: str) -> str:
    """`text` if it is at most `limit` bytes of UTF-8, else its first whole lines and `note` as the last one."""
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= limit:
        return text
    room = limit - len(note.encode("utf-8")) - 2
    if room <= 0:
        return ""
    kept = encoded[: encoded.rfind(b"\n", 0, room) + 1].decode("utf-8")
    return f"{kept}\n{note}\n" if kept else f"{note}\n"


class Redactor:
    """Takes keys out of text, in every form in which they could have got there."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(_where_in_values, longest_first))) if forms else None
        short = [form for form in longest_first if len(form) < SHORTEST_KEY_TO_LOOK_FOR]
        self._words = re.compile("|".join(map(_where, short))) if short else None

    def redact(self, text: str) -> str:
        """`text` for people: known keys, and whatever looks like a Harness key, as `***`."""
        known = self.redact_known(text)
        known = self._words.sub(HIDDEN, known) if self._words else known
        return _KEY_SHAPED.sub(HIDDEN, known) if "at." in known else known

    def redact_known(self, text: str) -> str:
        """`text` for machines: only the known keys as `***`, so that a label of a key's shape stays itself."""
        return self._known.sub(HIDDEN, text) if self._known else text


def _where(form: str) -> str:
    """A pattern for one form of a key: anywhere, a short one only as a word of its own (`To***en`)."""
    literal = re.escape(form)
    return literal if len(form) >= SHORTEST_KEY_TO_LOOK_FOR else rf"(?<![\w-]){literal}(?![\w-])"


def _where_in_values(form: str) -> str:
    """The same where our own names, numbers and truth values stand in JSON, which must stay JSON."""
    if len(form) >= SHORTEST_KEY_TO_LOOK_FOR:
        return _where(form)
    return r"(?!)" if re.fullmatch("[0-9]+|true|false|null", form) else rf'{_where(form)}(?!"\s*:)'


def _needs_padding(shown: str) -> bool:
    has_outer_blanks = shown.startswith(" ") and shown.endswith(" ") and shown.strip(" ") != ""
    return has_outer_blanks or shown.startswith("`") or shown.endswith("`")


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _forms(secret: str) -> Iterator[str]:
    """The key itself, and URL-, JSON- and base64-encoded."""
    for plain in {secret, secret.strip()} if secret.strip() else set():
        yield plain
        yield from (form for form in _encoded(plain) if len(form) >= SHORTEST_KEY_TO_LOOK_FOR)


def _encoded(plain: str) -> Iterator[str]:
    import json
    from urllib.parse import quote, quote_plus

    for url in (quote(plain, safe=""), quote(plain), quote_plus(plain)):
        yield from (url, re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url))
    yield from (json.dumps(plain, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    for base64_text in _base64_forms(plain.encode("utf-8", "surrogatepass")):
        yield from (base64_text, base64_text.translate(str.maketrans("+/", "-_")))


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The key's base64 alone, and what stays the same of it at each of three offsets in a longer text."""
    from base64 import b64encode

    yield b64encode(raw).decode()
    yield b64encode(raw).decode().rstrip("=")
    for shift in range(3):
        whole_groups = (len(raw) - shift) // 3 * 3
        yield b64encode(raw[shift : shift + whole_groups]).decode()
