"""One entry of a manifest with the defaults behind it, and what contradicts what there (contract §6).

The rules are those of `contradictions`, asked of each entry: what an entry says itself must fit its mode, what it
inherits counts only where it fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from har_labels.inputs.conflicts import MODES_OF, WITHOUT_LABELS
from har_labels.inputs.names import dashed
from har_labels.inputs.settings import Settings
from har_labels.inputs.yaml import Node
from har_labels.model.labels import Mode, OnConflict
from har_labels.request.manifest_check import Faults, Level

# The keys that go with some modes only, and how the message says with which.
_FITTING = {
    "labels": "a mode other than `clear` and `read`",
    "owned": "`mode: replace`",
    "on_conflict": "`mode: upsert`",
    "remove": "`mode: add` or `mode: upsert`",
}
_NEEDED = {"registry_ref": "account/org/project/registry", "artifact": "resnet50"}


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """One entry; what it does not say the file says, or else the inputs."""

    own: Level
    file: Level
    inputs: Settings

    def level(self, name: str) -> Level | None:
        """Which of entry and file says `name` (with underscores); None leaves it to the inputs."""
        return next((level for level in (self.own, self.file) if level.has(name)), None)

    def value(self, name: str) -> Any:
        """What is said of it; None if nothing is, or nothing that can be understood."""
        level = self.level(name)
        return getattr(level.form, name) if level else getattr(self.inputs, name)

    def node(self, name: str) -> Node | None:
        """Where its value stands; None if that is in no file."""
        level = self.level(name)
        return level.value_node(name) if level else None

    def is_bad(self, name: str) -> bool:
        """Whether it is said in a way that can't be understood."""
        level = self.level(name)
        return bool(level and dashed(name) in level.bad)

    @property
    def mode(self) -> Mode | None:
        """The mode, or what is done without one; None if it can't be understood."""
        if self.is_bad("mode"):
            return None
        mode: Mode | None = self.value("mode")
        return mode or Mode.REPLACE

    @property
    def is_without_mode(self) -> bool:
        """Whether neither entry nor file nor input says a mode."""
        return not self.value("mode") and not self.is_bad("mode")

    @property
    def is_whole(self) -> bool:
        """Whether there is enough of it to be made an entry of a run."""
        return bool(self.value("registry_ref") and self.value("artifact") and self.mode)


def check_entry(entry: PlacedEntry, faults: Faults, *, is_alone: bool = False) -> None:
    """What is missing in an entry, and what it says that its mode has no use for.

    If the file `is_alone`, nothing is known of the inputs beside it, which may say registry and mode.
    """
    for name, example in _NEEDED.items():
        if is_alone and name == "registry_ref":
            continue
        if not entry.value(name) and not entry.is_bad(name):
            cure = f"Give it here or for all at the top of the file, for example `{dashed(name)}: {example}`."
            faults.add(entry.own.node.place, f"this entry has no `{dashed(name)}`", cure)
    mode = entry.mode
    if not mode or (is_alone and entry.is_without_mode):
        return
    if mode not in WITHOUT_LABELS and not entry.level("labels"):
        cure = "Give them, or `mode: clear` to take all labels away." if mode is Mode.REPLACE else "Give them."
        needs = "" if entry.is_without_mode else f", and `mode: {mode}` needs them"
        faults.add(entry.own.node.place, f"this entry has no `labels`{needs}", cure)
    for name, with_what in _FITTING.items():
        if mode not in MODES_OF[name] and _says(entry.own, name):
            has = "no `mode`" if entry.is_without_mode else f"`mode: {mode}`"
            what = f"`{dashed(name)}` goes with {with_what}, and this entry has {has}"
            faults.add(entry.own.place(name), what, "Leave it out, or choose another mode.")


def check_defaults(file: Level, entries: list[PlacedEntry], inputs: Settings, faults: Faults) -> None:
    """What the file, or an input beside it, says for all entries though no entry's mode has a use for it."""
    modes = {entry.mode for entry in entries}
    if None in modes:
        return
    for name, with_what in _FITTING.items():
        if modes & MODES_OF[name]:
            continue
        what = f"goes with {with_what}, and no entry has that"
        if _says(file, name):
            faults.add(file.place(name), f"`{dashed(name)}` {what}", "Leave it out, or choose another mode.")
        elif name != "labels" and getattr(inputs, name) != Settings.model_fields[name].default:
            faults.add(file.node.place, f"the input `{dashed(name)}` {what}", "Leave it out, or choose another mode.")


def _says(level: Level, name: str) -> bool:
    """Whether it is said; `on-conflict: overwrite` is what is done anyway, and counts as not said."""
    return level.has(name) and dashed(name) not in level.bad and getattr(level.form, name) is not OnConflict.OVERWRITE
