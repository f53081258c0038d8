"""Harness's failure category and subcategory for each of our errors (harness-runtime §4).

The names are from Harness's page "Custom error categorization". A failing step writes its category beside its outputs;
.harness/errors.yaml, which `make docs` generates from here, classifies steps by their line on stderr.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from har_labels import errors
from har_labels.errors import HarLabelsError

# A class without an entry has that of its nearest parent, so a new error class needs none.
_CATEGORIES: dict[type[HarLabelsError], tuple[str, str]] = {
    errors.HarLabelsError: ("APPLICATION_FAILURE", "PLUGIN_CRASHED"),
    errors.InputError: ("CONFIGURATION_FAILURE", "PLUGIN_CONFIGURATION_INVALID"),
    errors.TemplateError: ("CONFIGURATION_FAILURE", "EXPRESSION_EVALUATION_FAILED"),
    errors.MetricsError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.ManifestError: ("CONFIGURATION_FAILURE", "INVALID_YAML"),
    errors.PolicyFileError: ("CONFIGURATION_FAILURE", "INVALID_YAML"),
    errors.PlanFileError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.ReportFileError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.AmbiguousArtifact: ("CONFIGURATION_FAILURE", "REQUIRED_FIELD_MISSING"),
    errors.NotAllowed: ("AUTHORIZATION_FAILURE", "ACCESS_FORBIDDEN"),
    errors.Unauthorized: ("AUTHENTICATION_FAILURE", "INVALID_CREDENTIALS"),
    errors.NotFound: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.Changed: ("VERIFICATION_FAILURE", "VALIDATION"),
    errors.Overwritten: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.Conflict: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.Refused: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.BadAnswer: ("CONNECTIVITY_FAILURE", "PROXY_MISCONFIGURED"),
    errors.Redirected: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.ServerFailing: ("CONNECTIVITY_FAILURE", "REGISTRY_UNREACHABLE"),
    errors.RateLimited: ("CONNECTIVITY_FAILURE", "REGISTRY_RATE_LIMITED"),
    errors.OutOfReach: ("CONNECTIVITY_FAILURE", "REGISTRY_UNREACHABLE"),
    errors.TimedOut: ("TIMEOUT_FAILURE", "SOCKET_TIMEOUT"),
    errors.PastDeadline: ("TIMEOUT_FAILURE", "PLUGIN_STEP_TIMEOUT"),
    errors.NoTime: ("TIMEOUT_FAILURE", "PLUGIN_STEP_TIMEOUT"),
    errors.GateClosed: ("VERIFICATION_FAILURE", "VALIDATION"),
    errors.Cancelled: ("TIMEOUT_FAILURE", "STEP_EXECUTION_TIMEOUT"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A more precise reason within an error's line, for which Harness has a subcategory.

    `words`: a regular expression that Go and Python read in the same way. `advice`: Harness shows it instead of our line.
    """

    name: str
    words: str
    subcategory: str
    advice: str


# The order matters: a proxy whose own name does not resolve is a failure of the proxy. The words for proxy and TLS are those
# of registry/transport.py; those for DNS and a refused connection are of the operating systems: glibc, musl, macOS, Windows.
_REASONS: dict[type[HarLabelsError], tuple[Reason, ...]] = {
    errors.Unreachable: (
        Reason(
            "proxy",
            "the proxy on the way to [^ ]+ failed",
            "PROXY_MISCONFIGURED",
            "The proxy on the way to the registry failed. Check the proxy settings of the runner, and NO_PROXY.",
        ),
        Reason(
            "TLS",
            "no trusted TLS connection to",
            "SSL_HANDSHAKE_EXCEPTION",
            "There is no trusted TLS connection to the registry. For a private certificate authority name its file in SSL_CERT_FILE.",
        ),
        Reason(
            "DNS",
            "Name or service not known|name resolution|No address associated|[Nn]ame does not resolve|"
            "nodename nor servname|getaddrinfo failed|No such host is known",
            "DNS_RESOLUTION_FAILED",
            "The registry's name does not resolve. Check `api_url` and the DNS resolver of the runner.",
        ),
        Reason(
            "refused",
            "Connection refused|actively refused",
            "CONNECTION_REFUSED",
            "Nothing listens at the registry's address. Check host and port of `api_url`.",
        ),
    ),
}


def reasons_of(kind: type[HarLabelsError]) -> Sequence[Reason]:
    """The reasons that an error of this class can have in its line, the most specific first."""
    return _REASONS.get(kind, ())


def category_of(kind: type[HarLabelsError]) -> tuple[str, str]:
    """Category and subcategory of an error class: its own, or those of its nearest parent."""
    return next(_CATEGORIES[one] for one in kind.__mro__ if one in _CATEGORIES)
