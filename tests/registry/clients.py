"""The product's layers over HTTP, each alone."""

from __future__ import annotations

from pydantic import SecretStr

from canary import KEY
from har_labels.model.address import parse_api_base, parse_registry_ref
from har_labels.registry.client import Registry
from har_labels.registry.transport import Transport

REF = parse_registry_ref("acme/ml/models")


def transport(url: str, *, scheme: str = "x-api-key", timeout: float = 5) -> Transport:
    """A transport to this base, with the canary as its key."""
    return Transport(parse_api_base(url), scheme=scheme, key=SecretStr(KEY), timeout=lambda: timeout)


def registry(url: str, *, scheme: str = "x-api-key") -> Registry:
    """The registry's calls, without a pace."""
    return Registry(transport(url, scheme=scheme), wait_turn=lambda: None)
