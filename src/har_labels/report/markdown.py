"""Text of others in Markdown, which must be shown literally and have no effect (contract §4 "The summary"). Pure.

It is put into code spans, not into `<code>` with entities: nothing in a span is markup, while GitHub still links addresses
in raw `<code>`, and Harness strips HTML. Facts: github-runtime "GITHUB_STEP_SUMMARY", harness-runtime §9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from har_labels.text import visible_characters

# A word that is not markup, mention, reference, emoji code or link, alone or beside its neighbours: letters, perhaps
# with hyphens or quotes, or a short number. Seven hex digits could be a commit.
_HARMLESS_WORD = re.compile(
    r"""["'(]?(?![0-9a-f]{7})(?:[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[0-9]{1,6})["')]?[,.;:!?]?""",
)
# One piece of a message: text that it quotes itself, a list, a text in Python's quotes, or else a word.
_QUOTED = re.compile(r"`[^`]+`")
_PIECE = re.compile(
    rf"""(?<![^ (]){_QUOTED.pattern}(?=[ ,.;:!?)]|$)|\[[^\[\]`]*\](?![^ ]*`)|'(?:[^'\\`]|\\.)*'(?![^ ]*`)|\((?=`)|[^ ]+""",
)
_CLOSING_MARKS = ",.;:!?)"
_PUNCTUATION = re.compile(r"[,.;:!?()]{1,2}")


def code(text: str) -> str:
    """`text` as a code span, in running text or a table.

    A run of backquotes would end the span, so its fence is longer than any run inside. A blank separates the fence from a
    backquote at an end; as a reader removes one blank from both ends where both have one, one is added there.
    """
    content = visible_characters(text)
    if not content:
        return "*(empty)*"
    fence = "`" * (1 + max(map(len, re.findall("`+", content)), default=0))
    has_outer_blanks = content.startswith(" ") and content.endswith(" ") and content.strip(" ") != ""
    pad = " " if has_outer_blanks or content.startswith("`") or content.endswith("`") else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def codes(texts: Iterable[str], sign: str = "") -> str:
    """Several code spans in a row, each after `sign`."""
    return " ".join(f"{sign}{code(text)}" for text in texts)


def prose(text: str) -> str:
    """`text` as a sentence: harmless words as they are, quotations and everything else as code spans.

    A whole piece in backquotes is our own quotation, and the code span replaces them.
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

    `|` would end the cell even inside a code span, so it becomes `\|`, also after a backslash: GitHub takes a pipe for
    escaped whatever precedes that backslash, and removes just the one.
    """
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |\n"


def cut_at_line(text: str, limit: int, note: str) -> str:
    """`text` if it has at most `limit` bytes of UTF-8, else its first whole lines, and `note` as the last one.

    Empty text if there is no room for the note.
    """
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= limit:
        return text
    room = limit - len(note.encode("utf-8")) - 2
    if room <= 0:
        return ""
    kept = encoded[: encoded.rfind(b"\n", 0, room) + 1].decode("utf-8")
    return f"{kept}\n{note}\n" if kept else f"{note}\n"
