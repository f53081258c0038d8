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
    """The artifacts of one registry that get a spec: `patterns` are names or globs, less what `excluded` ones match.

    `places`: the position in a manifest of each pattern and of the registry, such as `labels.yml:4:15`, by their text.
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
        """Whether the registry has to be read first: for the spec, or since the names that a glob matches are not known."""
        return self.spec.needs_reading or any(map(is_glob, self.patterns))

    def placed(self, text: str, error: HarLabelsError) -> HarLabelsError:
        """`error` with the place of `text`, a pattern or the registry, in front, if that is in a manifest."""
        place = self.places.get(text)
        return error.placed(place) if place else error
