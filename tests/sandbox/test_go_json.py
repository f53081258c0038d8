"""Bodies are decoded as Go's encoding/json does, beyond what the recordings show."""

from __future__ import annotations

import pytest

from har_sandbox.go_json import GoDecodeError, read_labels
from har_sandbox.open_source import as_stored

BODY = "UpdateArtifactLabelsJSONRequestBody"


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        (b'{"labels":["a"]}', ["a"]),
        (b' \n{"x":{"labels":[1]},"LaBeLs":["a","b"]} trailing', ["a", "b"]),
        (b'{"labels":["a"],"labels":null}', []),
        (b'{"labels":[null,"b"]}', ["", "b"]),
        (b'{"labels":["\\ud83d\\ude80\\ud800"]}', ["\U0001f680\ufffd"]),
        (b'{"labels":["\xe2\x82"]}', ["\ufffd\ufffd"]),
        (b"null garbage", []),
    ],
)
def test_what_go_takes(body: bytes, labels: list[str]) -> None:
    """Key case, doubles, nulls, bad bytes and what follows the value are handled as in Go."""
    assert read_labels(body) == labels


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "EOF"),
        (b"  ", "EOF"),
        (b"{", "unexpected EOF"),
        (b'{"labels":["a', "unexpected EOF"),
        (b"tru", "unexpected EOF"),
        (b"trux", "invalid character 'x' in literal true (expecting 'e')"),
        (b"NaN", "invalid character 'N' looking for beginning of value"),
        (b'{"labels":["a" "b"]}', "invalid character '\"' after array element"),
        (b'{"labels":["a"] "b"}', "invalid character '\"' after object key:value pair"),
        (b'{"labels" ["a"]}', "invalid character '[' after object key"),
        (b"{labels:1}", "invalid character 'l' looking for beginning of object key string"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b'{"labels":["a\nb"]}', "invalid character '\\n' in string literal"),
        (b'{"labels":["\\x"]}', "invalid character 'x' in string escape code"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b"\xc3\xa9", "invalid character 'Ã' looking for beginning of value"),
        (
            b'{"labels":[["a"]]}',
            f"json: cannot unmarshal array into Go struct field {BODY}.labels of type string",
        ),
        (
            b"true",
            f"json: cannot unmarshal bool into Go value of type artifact.{BODY}",
        ),
        (b"[" * 100_000, "json: exceeded max depth"),
    ],
)
def test_what_go_refuses(body: bytes, message: str) -> None:
    """Errors have Go's words."""
    with pytest.raises(GoDecodeError) as caught:
        read_labels(body)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("sent", "kept"),
    [([], None), ([""], None), (["b", "a"], ["a", "b"]), (["^_a", "b^_"], ["", "a", "b", ""])],
)
def test_labels_are_joined_and_split(sent: list[str], kept: list[str] | None) -> None:
    """Sorting, joining by `^_` and splitting give what the server reads back."""
    assert as_stored(sent) == kept
