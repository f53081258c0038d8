"""An entry: which artifacts of a registry get which change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from har_labels.errors import HarLabelsError
from har_labels.model.address import RegistryRef
from har_labels.model.labels import is_glob
from har_labels.request.label_spec import LabelSpec


@dataclass(frozen=True, slots=True)
class Entry:
    """The artifacts of one registry to which a spec applies: those that match `patterns` (names or globs) and not `excluded`.

    `places`: the position in a manifest, such as `labels.yml:4:15`, of each pattern and of the registry, by their text.
    """

    ref: RegistryRef
    patterns: tuple[str, ...]
    artifact_type: str
    spec: LabelSpec
    skips_missing: bool = False
    places: Mapping[str, str] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()

    @property
    def needs_reading(self) -> bool:
        """Whether the registry has to be read first: for the spec, or to find the names that a glob matches."""
        return self.spec.needs_reading or any(map(is_glob, self.patterns))

    def placed(self, text: str, error: HarLabelsError) -> HarLabelsError:
        """`error`, preceded by the place of `text` (a pattern or the registry) if that is in a manifest."""
        place = self.places.get(text)
        return error.placed(place) if place else error
