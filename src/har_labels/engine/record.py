"""Who ran what, when and from where: what a report and a plan file begin with (contract §6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from har_labels.clock import Clock
from har_labels.inputs.configure import Configuration
from har_labels.model.outcome import Record
from har_labels.text import HIDDEN


def record_of(configuration: Configuration, ci: Mapping[str, str], clock: Clock) -> Record:
    """The record of a run that ends now. `ci` are the facts of templates; one that holds the key is not written down."""
    now = clock.utcnow()
    told = {name: ci.get(name, "") for name in ("actor", "run_url", "sha")} | {"attempt": ci.get("run_attempt", "")}
    return Record(
        started_at=_written(now - timedelta(seconds=clock.elapsed())),
        finished_at=_written(now),
        api_url=configuration.settings.api_url.url,
        **{name: HIDDEN if configuration.holds_key(text) else text for name, text in told.items()},
    )


def _written(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
