"""Files for Harness and Drone: the plugin catalogue's entry, and the rules by which Harness categorizes failures."""

from __future__ import annotations

import json
from typing import Any

from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from generate.declared import AUTHOR, IMAGE, REPOSITORY, SHORT, Input, inputs, with_version, yaml_text
from har_labels.errors import Cancelled, HarLabelsError, all_codes
from har_labels.inputs.names import InputKind
from har_labels.platforms.categories import Reason, category_of, reasons_of
from har_labels.text import documented

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
# Harness joins a list with commas, at which these are split again; `require` is not.
LISTS = {"artifact", "labels", "metrics-file", "owned"}


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
    return yaml_text(document, "# Written by `make docs` from src/har_labels/inputs/settings.py; edit that.\n")


def failure_rules() -> str:
    """`.harness/errors.yaml`: the first rule whose line is in the log decides. Some runners merge both streams."""
    kinds = sorted(all_codes(), key=lambda kind: kind is not Cancelled)
    rules = [
        rule for kind in kinds for rule in (*(_rule_of_reason(kind, one) for one in reasons_of(kind)), _rule(kind))
    ]
    document = {"version": DoubleQuotedScalarString("1.0"), "ruleGroups": rules}
    header = (
        "# How Harness sorts har-labels' failures (feature flag CI_CUSTOM_ERROR_CATEGORIZATION).\n"
        "# Copy it into the repository that your stage clones.\n"
        "# Written by `make docs` from src/har_labels/errors.py and platforms/categories.py.\n"
    )
    return yaml_text(document, header)


def _property(one: Input) -> dict[str, Any]:
    kind = _type(one)
    return {
        "type": kind,
        "defaultValue": json.loads(one.default) if one.default and kind in {"number", "boolean"} else one.default,
        "description": one.description,
        "secret": one.name == "api-key",
        "required": False,
    }


def _type(one: Input) -> str:
    """An input's type in the catalogue. Any list may also be one text."""
    if one.name in LISTS:
        return "array"
    if one.kind is InputKind.SWITCH:
        return "boolean"
    is_number = isinstance(one.value, int | float) or one.name in {"requests-per-minute", "max-changes"}
    return "number" if is_number else "string"


def _rule(kind: type[HarLabelsError]) -> dict[str, Any]:
    category, subcategory = category_of(kind)
    return _group(
        kind.code,
        ("contains", f"har-labels: error {kind.code}:"),
        category,
        subcategory,
        documented(f"{kind.cause} {kind.cure}"),
    )


def _rule_of_reason(kind: type[HarLabelsError], reason: Reason) -> dict[str, Any]:
    """A pattern for one line: the code, then the failure's subject and its reason."""
    category, _ = category_of(kind)
    words = f"har-labels: error {kind.code}: .*({reason.words})"
    return _group(f"{kind.code} ({reason.name})", ("regex", words), category, reason.subcategory, reason.advice)


def _group(name: str, match: tuple[str, str], category: str, subcategory: str, message: str) -> dict[str, Any]:
    operand, value = match
    streams = ("standardErrorOutput", "standardOutput")
    return {
        "name": name,
        "conditionExpression": {
            "operator": "OR",
            "conditions": [
                {"key": stream, "operand": operand, "value": DoubleQuotedScalarString(value)} for stream in streams
            ],
        },
        "actions": [
            {"type": "setErrorCategory", "value": category},
            {"type": "setErrorSubcategory", "value": subcategory},
            {"type": "setErrorMessage", "value": DoubleQuotedScalarString(message)},
        ],
    }
