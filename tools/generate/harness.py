"""What Harness and Drone take: the plugin catalogue's entry, and the rules by which Harness sorts failures."""

from __future__ import annotations

import json
from typing import Any

from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from generate.declared import AUTHOR, IMAGE, REPOSITORY, SHORT, Input, inputs, with_version, yaml_text
from har_labels import errors
from har_labels.errors import HarLabelsError, all_codes

EXAMPLE = f"""\
kind: pipeline
name: default

steps:
  - name: label
    image: {IMAGE}:0.0.0
    settings:
      api_key:
        from_secret: har_api_key
      registry_ref: acme/ml/prod/models
      artifact: resnet50
      mode: upsert
      labels: |
        stage=candidate
        commit={{{{ ci.short_sha }}}}
"""
# Harness joins a list with commas, by which these are split again; `require` is not.
LISTS = {"artifact", "labels", "metrics-file", "owned"}

# Category and subcategory of each failure, out of those that Harness documents for .harness/errors.yaml.
CATEGORIES: dict[type[HarLabelsError], tuple[str, str]] = {
    errors.Cancelled: ("TIMEOUT_FAILURE", "STEP_EXECUTION_TIMEOUT"),
    errors.HarLabelsError: ("APPLICATION_FAILURE", "PLUGIN_CRASHED"),
    errors.InputError: ("CONFIGURATION_FAILURE", "PLUGIN_CONFIGURATION_INVALID"),
    errors.TemplateError: ("CONFIGURATION_FAILURE", "EXPRESSION_EVALUATION_FAILED"),
    errors.MetricsError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.ManifestError: ("CONFIGURATION_FAILURE", "INVALID_YAML"),
    errors.PlanFileError: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.AmbiguousArtifact: ("CONFIGURATION_FAILURE", "REQUIRED_FIELD_MISSING"),
    errors.Unauthorized: ("AUTHENTICATION_FAILURE", "INVALID_CREDENTIALS"),
    errors.Forbidden: ("AUTHORIZATION_FAILURE", "ACCESS_FORBIDDEN"),
    errors.RegistryNotFound: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.ArtifactNotFound: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.NothingMatched: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.PlanStale: ("VERIFICATION_FAILURE", "VALIDATION"),
    errors.Overwritten: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.ValueConflict: ("VERIFICATION_FAILURE", "VALIDATION"),
    errors.Conflict: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.Refused: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.BadAnswer: ("CONNECTIVITY_FAILURE", "PROXY_MISCONFIGURED"),
    errors.Redirected: ("CONFIGURATION_FAILURE", "INVALID_PARAMETERS"),
    errors.Unreadable: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.TypeLoss: ("APPLICATION_FAILURE", "EXECUTION_FAILURE"),
    errors.ServerFailing: ("CONNECTIVITY_FAILURE", "REGISTRY_UNREACHABLE"),
    errors.RateLimited: ("CONNECTIVITY_FAILURE", "REGISTRY_RATE_LIMITED"),
    errors.Unreachable: ("CONNECTIVITY_FAILURE", "REGISTRY_UNREACHABLE"),
    errors.TimedOut: ("TIMEOUT_FAILURE", "SOCKET_TIMEOUT"),
    errors.PastDeadline: ("TIMEOUT_FAILURE", "PLUGIN_STEP_TIMEOUT"),
    errors.NoTime: ("TIMEOUT_FAILURE", "PLUGIN_STEP_TIMEOUT"),
    errors.RequireFailed: ("VERIFICATION_FAILURE", "VALIDATION"),
    errors.TooManyChanges: ("VERIFICATION_FAILURE", "VALIDATION"),
}


def content() -> str:
    """`content.yaml` of drone/drone-plugin-index."""
    document = {
        "title": "Harness artifact labels",
        "author": AUTHOR,
        "tags": ["harness", "artifact-registry", "labels", "mlops"],
        "repo": REPOSITORY,
        "image": f"https://{IMAGE}",
        "license": "Apache License 2.0",
        "readme": f"{REPOSITORY}/blob/main/README.md",
        "description": f"{SHORT}.",
        "example": LiteralScalarString(with_version(EXAMPLE)),
        "properties": {one.name.replace("-", "_"): _property(one) for one in inputs()},
    }
    return yaml_text(document, "# Written by `make docs` from src/har_labels/settings.py; edit that.\n")


def failure_rules() -> str:
    """`.harness/errors.yaml`: the first rule whose line is in the log decides. Some runners merge both streams."""
    kinds = sorted(all_codes(), key=lambda kind: kind is not errors.Cancelled)
    document = {"version": DoubleQuotedScalarString("1.0"), "ruleGroups": [_rule(kind) for kind in kinds]}
    header = (
        "# How Harness sorts har-labels' failures (feature flag CI_CUSTOM_ERROR_CATEGORIZATION).\n"
        "# Copy it into the repository that your stage clones.\n"
        "# Written by `make docs` from src/har_labels/errors.py and tools/generate/harness.py.\n"
    )
    return yaml_text(document, header)


def _property(one: Input) -> dict[str, Any]:
    kind = _type(one)
    is_number = kind == "number" and one.default
    return {
        "type": kind,
        "defaultValue": json.loads(one.default) if is_number or kind == "boolean" else one.default,
        "description": one.description,
        "secret": one.name == "api-key",
        "required": False,
    }


def _type(one: Input) -> str:
    """A type of the catalogue's. Any list may also be one text."""
    if one.name in LISTS:
        return "array"
    if isinstance(one.value, bool):
        return "boolean"
    is_number = isinstance(one.value, int | float) or one.name == "requests-per-minute"
    return "number" if is_number else "string"


def _rule(kind: type[HarLabelsError]) -> dict[str, Any]:
    category, subcategory = CATEGORIES[kind]
    line = DoubleQuotedScalarString(f"har-labels: error {kind.code}:")
    streams = ("standardErrorOutput", "standardOutput")
    return {
        "name": kind.code,
        "conditionExpression": {
            "operator": "OR",
            "conditions": [{"key": stream, "operand": "contains", "value": line} for stream in streams],
        },
        "actions": [
            {"type": "setErrorCategory", "value": category},
            {"type": "setErrorSubcategory", "value": subcategory},
            {"type": "setErrorMessage", "value": DoubleQuotedScalarString(f"{kind.cause} {kind.cure}")},
        ],
    }
