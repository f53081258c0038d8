"""This run's share of the artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from har_labels.model.address import RegistryRef


@dataclass(frozen=True, slots=True)
class Shard:
    """This run's share of the artifacts, by a stable hash of registry and name (contract §6)."""

    index: int = 0
    total: int = 1

    def has(self, ref: RegistryRef, name: str) -> bool:
        if self.total == 1:
            return True
        digest = sha256(f"{ref}\n{name}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.index
