"""What is asked of which artifacts: entries, and this run's share of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from har_labels.errors import HarLabelsError
from har_labels.model.address import RegistryRef
from har_labels.model.labels import is_glob
from har_labels.request.label_spec import LabelSpec


@dataclass(frozen=True, slots=True)
class Entry:
    """Which artifacts of one registry get which spec. `patterns` are names or globs, less what `excluded` ones match.

    `places` says where in a manifest each pattern and the registry (as its text) stand, such as `labels.yml:4:15`.
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
        """Whether it can't be made without the labels that are there: of a glob not even the names are known."""
        return self.spec.needs_reading or any(map(is_glob, self.patterns))

    def placed(self, written: str, error: HarLabelsError) -> HarLabelsError:
        """`error` with the place where what it is about was `written` in front, if that is in a manifest."""
        place = self.places.get(written)
        return error.placed(place) if place else error
