"""Hides the key in text, in every form that other software may have given it (contract §5). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from har_labels.text import ELLIPSIS, HIDDEN

# A shorter key would be found by chance in other text; real keys have dozens of characters.
SHORTEST_KEY_TO_LOOK_FOR = 8

# Other keys of the documented shape. Not inside a word (`compat.1.2.3`), unless the end of that word is an
# escape: `\npat.…`, `%3Dpat.…`. A quote, pipe or escape is not part of a key and may be markup around it.
_KEY_PART = r"""[^.\s`'"|\\<>\x1b]+"""
_KEY_SHAPED = re.compile(
    rf"(?:(?<![A-Za-z])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{{2}}))(?:pat|sat)\.{_KEY_PART}\.{_KEY_PART}\.{_KEY_PART}",
)


class Redactor:
    """Replaces `secrets` by `***`, in each of their encoded forms."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _encodings(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(_pattern_in_json, longest_first))) if forms else None
        short = [form for form in longest_first if len(form) < SHORTEST_KEY_TO_LOOK_FOR]
        self._words = re.compile("|".join(map(_pattern, short))) if short else None
        self._long = [form for form in longest_first if len(form) > SHORTEST_KEY_TO_LOOK_FOR]

    def redact(self, text: str) -> str:
        """`text` for people: the secrets, and everything shaped like a Harness key, as `***`."""
        known = self.redact_known(text)
        known = self._words.sub(HIDDEN, known) if self._words else known
        return _KEY_SHAPED.sub(HIDDEN, known) if "at." in known else known

    def redact_known(self, text: str) -> str:
        """`text` for programs: only the secrets as `***`, so that a label shaped like a key is not altered."""
        known = self._known.sub(HIDDEN, text) if self._known else text
        return self._redact_cut(known) if self._long and ELLIPSIS in known else known

    def _redact_cut(self, text: str) -> str:
        """Hides the beginning of a secret before an ellipsis: a text may have been cut within the secret."""
        first, *others = text.split(ELLIPSIS)
        done = [first]
        for part in others:
            before = done[-1].rstrip(" ")
            for form in self._long:
                at = before.rfind(form[:SHORTEST_KEY_TO_LOOK_FOR])
                if at >= 0 and form.startswith(before[at:]):
                    done[-1] = before[:at] + HIDDEN + done[-1][len(before) :]
                    break
            done.append(part)
        return ELLIPSIS.join(done)


def _pattern(form: str) -> str:
    """A pattern for one form of a key: anywhere, a short one only as a word of its own (`To***en`)."""
    literal = re.escape(form)
    return literal if len(form) >= SHORTEST_KEY_TO_LOOK_FOR else rf"(?<![\w-]){literal}(?![\w-])"


def _pattern_in_json(form: str) -> str:
    """The same for JSON, which must stay JSON: a short form is not replaced where it may be a name, number or truth value."""
    if len(form) >= SHORTEST_KEY_TO_LOOK_FOR:
        return _pattern(form)
    return r"(?!)" if re.fullmatch("[0-9]+|true|false|null", form) else rf'{_pattern(form)}(?!"\s*:)'


def _encodings(secret: str) -> Iterator[str]:
    """The key itself, and URL-, JSON-, Markdown- and base64-encoded."""
    import json
    from urllib.parse import quote, quote_plus

    for plain in {secret, secret.strip()} if secret.strip() else set():
        yield plain
        raw = plain.encode("utf-8", "surrogatepass")
        encoded = [json.dumps(plain, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)]
        encoded.append(plain.replace("|", "\\|"))  # in a table of Markdown
        for url in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
            encoded += [url, re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url)]
        for base64_text in _base64_forms(raw):
            encoded += [base64_text, base64_text.translate(str.maketrans("+/", "-_"))]
        yield from (form for form in encoded if len(form) >= SHORTEST_KEY_TO_LOOK_FOR)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The base64 of the key alone, and the part that is the same at each of three offsets in a longer text."""
    from base64 import b64encode

    yield b64encode(raw).decode()
    yield b64encode(raw).decode().rstrip("=")
    for shift in range(3):
        whole_groups = (len(raw) - shift) // 3 * 3
        yield b64encode(raw[shift : shift + whole_groups]).decode()
