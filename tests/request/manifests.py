"""Manifests as files, read as a run reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from har_labels.errors import Failures, HarLabelsError
from har_labels.files import read_document
from har_labels.inputs.lists import parse_expressions
from har_labels.inputs.settings import Settings
from har_labels.request.build import LARGEST_MANIFEST
from har_labels.request.entry import Entry
from har_labels.request.label_spec import RunContext, TemplateContext, requirements_of
from har_labels.request.manifest import entries_in

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Written:
    """A manifest, with the inputs beside it."""

    path: Path
    inputs: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, object] = field(default_factory=dict)
    require: str = ""
    notices: list[str] = field(default_factory=list)

    def entries(self) -> list[Entry]:
        """The entries that the reader makes. Raises Failures."""
        return entries_in(
            read_document(str(self.path), spelling="manifest", limit=LARGEST_MANIFEST, stdin=None),
            RunContext(
                TemplateContext(self.metrics, {}, NOW),
                requirements_of(parse_expressions(self.require), place="`require` line"),
                notice=self.notices.append,
            ),
            defaults=Settings(**self.inputs),
        )

    def problems(self) -> list[HarLabelsError]:
        """All that is wrong with it."""
        try:
            self.entries()
        except Failures as failures:
            return list(failures.errors)
        return []

    def told(self) -> list[str]:
        """All problems, as `line:column: what`."""
        return [error.what.removeprefix(f"{self.path}:") for error in self.problems()]


class Write:
    """Writes manifests into one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, text: str | bytes, name: str = "manifest.yml", **beside: object) -> Written:
        path = self._folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return Written(path, **beside)  # type: ignore[arg-type]
