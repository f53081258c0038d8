"""The profiles by name, and the options of each."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from har_sandbox.open_source import OpenSource
from har_sandbox.saas import Saas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from har_sandbox.store import Store
    from har_sandbox.traffic import Profile

PROFILES: dict[str, type[Saas | OpenSource]] = {"saas": Saas, "open-source": OpenSource}


def make_profile(name: str, store: Store, api_key: str, options: Mapping[str, Any]) -> Profile:
    """The profile of that name. Raises ValueError for an unknown name, TypeError for an unknown option."""
    if name not in PROFILES:
        msg = f"unknown profile {name!r}: use one of {', '.join(PROFILES)}"
        raise ValueError(msg)
    made = PROFILES[name]
    known = {field.name for field in fields(made)} - {"store", "api_key"}
    if unknown := sorted(set(options) - known):
        msg = f"profile {name} has no option {', '.join(unknown)}: it has {', '.join(sorted(known))}"
        raise TypeError(msg)
    return made(store=store, api_key=api_key, **options)
