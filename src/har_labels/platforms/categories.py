"""Our failures in Harness's terms: the failure category and subcategory of each (harness-runtime §4).

Both are from Harness's page "Custom error categorization": a failing step writes its category into ERROR_METADATA_FILE, and
.harness/errors.yaml, which `make docs` generates from here, categorizes a step by its line on stderr.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from har_labels import errors
from har_labels.errors import HarLabelsError

# A kind that is not listed has the category of its parent.
_CATEGORIES: dict[type[HarLabelsError], tuple[str, str]] = {
    errors.Cancelled: ("TIMEOUT_FAILURE", "STEP_EXECUTION_TIMEOUT"),
    errors.HarLabelsError: ("APPLICATION_FAILURE", "PLUGIN_CRASHED"),
    errors.InputError: ("CONFIGURATION_FAILURE", "PLUGIN_CONFIGURATION_INVALID"),
    errors.TemplateError: ("CONFIGURATION_FAILURE", "EXPRESSION_EVALUATION_FAILED"),
    errors.MetricsError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.ManifestError: ("CONFIGURATION_FAILURE", "INVALID_YAML"),
    errors.PolicyFileError: ("CONFIGURATION_FAILURE", "INVALID_YAML"),
    errors.PlanFileError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.ReportFileError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.AmbiguousArtifact: ("CONFIGURATION_FAILURE", "REQUIRED_FIELD_MISSING"),
    errors.Unauthorized: ("AUTHENTICATION_FAILURE", "INVALID_CREDENTIALS"),
    errors.Forbidden: ("AUTHORIZATION_FAILURE", "ACCESS_FORBIDDEN"),
    errors.NotFound: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.Changed: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.PlanStale: ("VERIFICATION_FAILURE", "VALIDATION"),
    errors.ValueConflict: ("VERIFICATION_FAILURE", "VALIDATION"),
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
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason, named in a failure's line, for which Harness has a subcategory of its own.

    `words` is a regular expression for both Go and Python. `advice` is the text that Harness shows in place of our line.
    """

    name: str
    words: str
    subcategory: str
    advice: str


# The order matters: a proxy whose own name can't be resolved is a failure of the proxy. `registry/transport.py` writes the
# words; those of a resolver or a refused connection are the operating system's: glibc, musl, macOS, Windows.
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
            "There is no trusted TLS connection to the registry. For a certificate of your own, name the file of its authority.",
        ),
        Reason(
            "DNS",
            "Name or service not known|name resolution|No address associated|[Nn]ame does not resolve|"
            "nodename nor servname|getaddrinfo failed|No such host is known",
            "DNS_RESOLUTION_FAILED",
            "The registry's name can't be resolved. Check `api_url` and the resolver of the runner.",
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
    """The reasons that a failure of this kind may name, the most specific first."""
    return _REASONS.get(kind, ())


def category_of(kind: type[HarLabelsError]) -> tuple[str, str]:
    """Category and subcategory of a kind of failure; those of its parent if it has none of its own."""
    return next(_CATEGORIES[one] for one in kind.__mro__ if one in _CATEGORIES)
