"""The key is hidden in every form in which it may occur."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from har_labels.errors import BadAnswer
from har_labels.model.outcome import RunResult
from har_labels.platforms.redactor import Redactor
from har_labels.report.summary import LONGEST_WORDING, summary_of
from har_labels.report.verdict import verdict_of
from har_labels.templates.values import listed
from har_labels.text import HIDDEN

KEY = "pat.AbCdEf0123456789ghijkl.0123456789abcdef01234567.s3cr/t+Value?&x"


def encoded_forms() -> list[str]:
    """The key as logs of other software hold it."""
    forms = [KEY, quote(KEY, safe=""), quote(KEY), json.dumps({"k": f"{KEY}é"})]
    for before in ("", "x", "xy", "xyz"):
        raw = f"{before}{KEY}:tail".encode()
        forms += [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    return [*forms, base64.b64encode(KEY.encode()).decode()]


@pytest.mark.parametrize("form", encoded_forms())
def test_the_key_is_hidden_in_every_form(form: str) -> None:
    """Literal, URL- and JSON-escaped, and base64 at each of the three offsets."""
    hidden = Redactor([KEY]).redact_known(f"before {form} after")
    assert HIDDEN in hidden
    assert "s3cr" not in hidden
    assert base64.b64encode(KEY.encode())[4:40].decode() not in hidden


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x-api-key: sat.acct.id.secret!", "x-api-key: ***"),
        ("`pat.a.b.c` | next", "`***` | next"),
        ("line\\npat.a.b.c", "line\\n***"),
        ("u%3Dpat.a.b.c", "u%3D***"),
        ("compat.1.2.3", "compat.1.2.3"),
        ("pat.1.2", "pat.1.2"),
    ],
)
def test_what_looks_like_a_key_is_hidden_from_people(text: str, shown: str) -> None:
    """Somebody else's key of the documented shape, but no word that merely ends alike."""
    assert Redactor().redact(text) == shown


def test_a_label_of_a_keys_shape_reaches_machines_whole() -> None:
    """Outputs lose only the known key: a label must never be altered silently."""
    assert Redactor([KEY]).redact_known("sat.a.b.c") == "sat.a.b.c"


def test_without_a_key_nothing_is_hidden() -> None:
    """An empty or blank secret hides nothing, rather than everything."""
    assert Redactor(["", " "]).redact_known("a b") == "a b"


@pytest.mark.parametrize("kept", [8, 12, len(KEY) - 1])
@pytest.mark.parametrize("end", ["…", " …", "…'", "…` and more", "… twice …"])
def test_the_beginning_of_a_cut_key_is_hidden(kept: int, end: str) -> None:
    """A message is cut before it is printed, perhaps within the key: what is left of it is hidden, and nothing else."""
    redactor = Redactor([KEY])
    for redact in (redactor.redact, redactor.redact_known):
        assert redact(f"the server said {KEY[:kept]}{end}") == f"the server said ***{end}"
    whole = f"labels … {KEY[:kept]} stay"
    assert redactor.redact_known(whole) == whole


@pytest.mark.parametrize("kept", [8, 27, 28, len(KEY) - 1])
def test_a_key_cut_in_the_summary_is_hidden(kept: int) -> None:
    """A long failure is cut before it becomes Markdown, which puts the beginning of a key into a code span."""
    before = ("x" + " x" * LONGEST_WORDING)[: LONGEST_WORDING - kept - 1]
    result = RunResult(errors=(BadAnswer(f"{before} {KEY}"),))
    summary = Redactor([KEY]).redact(summary_of(result, verdict_of(result), limit=60_000))
    assert "pat." not in summary
    assert HIDDEN in summary


def test_a_key_cut_in_a_list_of_names_is_hidden() -> None:
    """An error lists the names that exist; of a long one it shows the beginning."""
    assert Redactor([KEY]).redact_known(listed([f"x{KEY}"])) == "`x***…`"


def test_a_short_key_hides_itself_only() -> None:
    """Pieces of its base64 would be too short to mean anything."""
    assert Redactor(["abc"]).redact_known("abc YWJj") == "*** YWJj"
