"""The audit record at the head of a report and of a plan file: who ran what, when and from where (contract §6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from har_labels.clock import Clock
from har_labels.inputs.configure import Configuration
from har_labels.model.outcome import Record
from har_labels.text import HIDDEN, utc_text


def record_of(configuration: Configuration, ci: Mapping[str, str], clock: Clock) -> Record:
    """The record of a run that ends now. A value of `ci` that contains the API key is hidden."""
    now = clock.utcnow()
    facts = {name: ci.get(name, "") for name in ("actor", "run_url", "sha")} | {"attempt": ci.get("run_attempt", "")}
    return Record(
        started_at=utc_text(now - timedelta(seconds=clock.elapsed())),
        finished_at=utc_text(now),
        api_url=configuration.settings.api_url.url,
        **{name: HIDDEN if configuration.holds_key(text) else text for name, text in facts.items()},
    )
