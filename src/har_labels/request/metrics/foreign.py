"""Recognizes formats that can't be read as metrics, so that the message can name the format (contract §3)."""

from __future__ import annotations

import json
import re

from har_labels.errors import Invalid

PLAIN_TEXT = "Have the job write JSON, YAML or CSV, as plain text."
_UNPACK = "Unpack it in an earlier step, and name the unpacked file."
_WRITE_JSON = "Write it with `json.dump(metrics, file)`, not with `print` or `str`."

# The first bytes of formats. https://www.garykessler.net/library/file_sigs.html, and each format's own documents.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "is compressed with gzip", _UNPACK),
    (b"PK\x03\x04", "is a zip archive, as `.npz`, `.xlsx` and PyTorch's `.pt` are too", _UNPACK),
    (b"BZh", "is compressed with bzip2", _UNPACK),
    (b"\xfd7zXZ\x00", "is compressed with xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", _UNPACK),
    (b"\x93NUMPY", "is an array of NumPy", PLAIN_TEXT),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file", PLAIN_TEXT),
    (b"PAR1", "is a Parquet file", PLAIN_TEXT),
    (b"ARROW1", "is an Arrow file", PLAIN_TEXT),
    (b"SQLite format 3\x00", "is an SQLite database", PLAIN_TEXT),
    (b"\x89PNG\r\n\x1a\n", "is a picture (PNG)", PLAIN_TEXT),
    (b"\xff\xd8\xff", "is a picture (JPEG)", PLAIN_TEXT),
    (b"%PDF-", "is a PDF document", PLAIN_TEXT),
    (b"\x7fELF", "is a program", PLAIN_TEXT),
)
_UTF = (
    (b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_LOOKED_AT = 4096

_MARKUP = re.compile(r"<(?:[?!]?[A-Za-z]|!--)")
_ROOT = re.compile(r"(?:<[?!][^>]*>|<!--.*?-->|\s)*<([\w:.-]+)", re.DOTALL)
_JUNIT, _HTML = frozenset({"testsuites", "testsuite"}), frozenset({"html", "head", "body"})
# The output of Python's print for a mapping, a list or another object, and its parts, outside of quotes, that YAML would read
# as something else: `None`, a tuple, bytes, a call. A call with one number (`np.float64(0.93)`) is an error only if it is used.
_PRINTED_COLLECTION = re.compile(r"\s*(?:[\[({]\s*)+(?:['\"(\d]|np\.|array\b|tensor\b)")
_PRINTED_OBJECT = re.compile(r"\s*(?:[A-Za-z_]\w*\.)*(?:\w*[dD]ict|[A-Z]\w*)\(")
_IN_PRINTED = re.compile(
    r"""(?x) '(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*"
    | \w[\w.]* \( \s* (?: '[^'\\\n]*' | [-+\w.]* ) \s* \)
    | (?P<token> (?<![\w.])None(?!\w) | (?<!\w)b['"] | \w[\w.]*\( | (?<=[:,\[{(])\ *\( | ^\s*\( )""",
)
_AT_PRINTED = re.compile(
    r"b?'|\(|-?(?:nan|inf)\b|(?:True|False|None)\b|(?:np|numpy)\.|[A-Za-z_][\w.]*\(",
)


def check_bytes(content: bytes) -> None:
    """Raises Invalid if the content is certainly not UTF-8 text."""
    for signature, what, cure in _SIGNATURES:
        if content.startswith(signature):
            raise Invalid(what, cure)
    if _PICKLE.match(content):
        raise Invalid("is a Python pickle, which is never loaded: that would run its code", PLAIN_TEXT)
    for signature, name in _UTF:
        if content.startswith(signature):
            raise Invalid(f"is {name} text, not UTF-8", f"Save it as UTF-8; PowerShell writes {name} by default.")
    start = content[:_LOOKED_AT]
    if b"\x00" in start:
        if _is_utf_16(start):
            raise Invalid("is UTF-16 text, not UTF-8", "Save it as UTF-8.")
        raise Invalid("is a binary file, not text", PLAIN_TEXT)


def _is_utf_16(start: bytes) -> bool:
    """UTF-16 without a byte order mark: every other byte of plain text is zero."""
    half = max(len(start) // 2, 1)
    return any(start[at::2].count(0) > half * 0.9 and min(start[1 - at :: 2], default=0) >= ord("\t") for at in (0, 1))


def check_text(text: str) -> None:
    """Raises Invalid for XML and HTML."""
    start = text[:_LOOKED_AT].lstrip()
    if not _MARKUP.match(start):
        return
    root = found[1].lower() if (found := _ROOT.match(start)) else ""
    if root in _JUNIT:
        raise Invalid("is XML: a JUnit report of tests", PLAIN_TEXT)
    if root in _HTML or start[:9].lower() == "<!doctype":
        raise Invalid("is HTML, such as a page that asks to log in", "Check how the file was fetched.")
    if start.startswith("<?xml") or re.search(r"</|/>", text[:_LOOKED_AT]):
        raise Invalid(f"is XML (`<{root}>`)" if root else "is XML", PLAIN_TEXT)


def check_json_error(text: str, position: int, line: int, column: int) -> None:
    """Raises Invalid if the syntax error of JSON is at a value in Python's own syntax."""
    if _AT_PRINTED.match(text, position) or _PRINTED_OBJECT.match(text):
        problem = (
            f"is not JSON but what Python prints (single quotes, `True`, `None`): line {line:,}, column {column:,}"
        )
        raise Invalid(problem, _WRITE_JSON)


def check_printed(text: str) -> None:
    """Raises Invalid for the output of Python's print that YAML would read as something else."""
    is_object = bool(_PRINTED_OBJECT.match(text))
    if not is_object and not _PRINTED_COLLECTION.match(text):
        return
    for found in _IN_PRINTED.finditer(text):
        if token := found["token"]:
            line = text.count("\n", 0, found.start()) + 1
            raise Invalid(f"is what Python prints, not JSON or YAML: `{token.strip()}` in line {line:,}", _WRITE_JSON)


def as_it_looks(text: str, error: Invalid, ending: str) -> Invalid:
    """`error`, with the apparent format of the file if its name's `ending` is that of another one."""
    kind, right = what_it_looks_like(text)
    if not kind or (right and right == ending) or kind in error.why:
        return error
    cure = (
        f"If that is what it is, let its name end in `{right}`."
        if right
        else "Write it with `json.dump(metrics, file)`."
    )
    return Invalid(f"{error.why}; it looks like {kind}", cure)


def json_form(text: str) -> tuple[str, str]:
    """The form of JSON in a text, and the file name's ending for it; empty texts if it is not JSON."""
    first, second = _first_lines(text)
    if first[:1] not in {"{", "["}:
        return "", ""
    if second.startswith("{") and isinstance(_parsed_json(first), dict):
        return "one JSON document a line", ".jsonl"
    document = _parsed_json(text)
    if isinstance(document, list):
        return "a JSON list", ".json"
    return ("JSON", ".json") if isinstance(document, dict) else ("", "")


def _parsed_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def what_it_looks_like(text: str) -> tuple[str, str]:
    """The apparent format of a text, and the file name's ending for it; empty texts if unknown."""
    if (form := json_form(text))[0]:
        return form
    first, second = _first_lines(text)
    if _PRINTED_COLLECTION.match(text) and "'" in first:
        return "what Python prints", ""
    if first == "---" and re.search(r"^---\s*$", text[len(first) :], re.MULTILINE):
        return "a text with front matter", ".md"
    for sign, name, ending in (("\t", "TSV", ".tsv"), (",", "CSV", ".csv")):
        if 0 < first.count(sign) == second.count(sign):
            return name, ending
    if re.match(r"\[\[?[\w.\" -]+\]\]?\s*$|[\w.\"-]+\s*=\s*\S", first):
        return "TOML", ".toml"
    if re.match(r"[\w./ -]+:(\s|$)", first):
        return "YAML", ".yaml"
    return "", ""


def _first_lines(text: str) -> tuple[str, str]:
    """The first two lines that aren't blank, trimmed."""
    lines = [line.strip(" \r") for line in text[: 16 * _LOOKED_AT].split("\n")]
    first, second = ([*filter(None, lines), "", ""])[:2]
    return first, second
