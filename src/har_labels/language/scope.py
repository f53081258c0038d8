"""What templates and `require` can see, and all they can see (contract §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from har_labels.errors import Unreadable
from har_labels.labels import Labels

# The same on every CI; what a CI doesn't tell is empty text (contract §3 "`ci` has the same names").
CI_NAMES = (
    "name", "repository", "branch", "tag", "sha", "short_sha", "pull_request",
    "run_id", "run_number", "run_url", "actor", "pipeline", "job", "head_sha", "run_attempt", "event", "default_branch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """What templates and `require` can see, and all they can see.

    `now` has a time zone. `current` (None: the registry doesn't show them) and `labels` (those given) are
    for `require` only.
    """

    metrics: Mapping[str, object]
    ci: Mapping[str, str]
    now: datetime
    artifact: str
    registry: str
    current: Labels | None = None
    labels: Labels | None = None

    def look_up(self, name: str) -> object:
        """The value of one name. Raises Unreadable for labels that aren't known: unknown is not empty."""
        value: object = getattr(self, name)
        if value is None:
            raise Unreadable(f"`require` reads `{name}`, and the labels of {self.artifact!r} are not known")
        return value
