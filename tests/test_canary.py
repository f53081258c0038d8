"""The key canary itself: it finds the key in every form, and lets pass what has to hold it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

import canary
from canary import KEY
from conftest import RunStep
from har_sandbox import Request, Sandbox


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("after", ["", "z"])
def test_every_form_is_found(before: str, after: str) -> None:
    """Plain, in JSON, in a URL, in base64 at any offset: each is found at any position."""
    text = f"{before}{KEY}{after}"
    raw = text.encode()
    encoded = (base64.b64encode(raw), base64.urlsafe_b64encode(raw))
    forms = (text, json.dumps(text), quote(text), quote(text, safe=""), quote_plus(text), raw.hex())
    for form in (*forms, *(one.decode() for one in encoded)):
        with pytest.raises(canary.KeyLeakError):
            canary.check(f"log {form} log", "a log")


def test_innocent_text_passes() -> None:
    """Text without the key, and the line that masks it, are no leak."""
    canary.check(canary.without_mask(f"::add-mask::{KEY}\nhello\n"), "the log")
    with pytest.raises(canary.KeyLeakError):
        canary.check(canary.without_mask(f"hello ::add-mask::{KEY}\n"), "the log")


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {}},
        {"headers": {"x-api-key": KEY, "Cookie": KEY}},
        {"headers": {"Authorization": KEY}},
        {"headers": {"x-api-key": f"{KEY} "}},
        {"headers": {"x-api-key": KEY}, "query": f"access_token={quote(KEY)}"},
        {"headers": {"x-api-key": KEY}, "body": json.dumps({"labels": [KEY]}).encode()},
    ],
)
def test_a_request_has_the_key_in_one_header(wrong: dict[str, object]) -> None:
    """The key in another header, in a query or in a body is found, and so is a request without it."""
    canary.check_request(Request("GET", "/x", headers={"x-api-key": KEY}))
    canary.check_request(Request("GET", "/x", headers={"Authorization": f"Bearer {KEY}"}))
    with pytest.raises(canary.KeyLeakError):
        canary.check_request(Request("GET", "/x", **wrong))  # type: ignore[arg-type]


def test_a_leak_of_the_product_is_found(run_step: RunStep, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were nothing hidden, a label that holds the key would show in log, outputs and summary, and each is looked at."""
    sandbox.add_artifact("acme/r", "x", package_type="DOCKER", labels=[KEY])
    monkeypatch.setattr("har_labels.platforms.redactor.Redactor.redact_known", lambda _self, text: text)
    run_step("github", sandbox, {"registry-ref": "acme/r", "artifact": "x", "mode": "read"})
    with pytest.raises(canary.KeyLeakError):
        canary.check(canary.without_mask(run_step.watch.logs[0]), "the log")
    for name in ("github_output", "github_step_summary"):
        with pytest.raises(canary.KeyLeakError):
            canary.check((run_step.watch.folder / "step-1" / name).read_bytes(), name)
    # What it was shown on purpose is no finding of this test's own watch.
    run_step.watch.logs.clear()
    run_step.watch.may_hold_key |= set((run_step.watch.folder / "step-1").iterdir())
