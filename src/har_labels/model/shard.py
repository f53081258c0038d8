"""The part of the artifacts that one of several parallel runs processes (input `shard`)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from har_labels.model.address import RegistryRef


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `total`, counted from 0, by a stable hash of registry and name (contract §6)."""

    index: int = 0
    total: int = 1

    def has(self, ref: RegistryRef, name: str) -> bool:
        """Whether this run processes the artifact."""
        if self.total == 1:
            return True
        digest = sha256(f"{ref}\n{name}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.index
