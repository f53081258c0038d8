"""The code's declarations as texts for the documents: inputs with their defaults, outputs, errors, the version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from har_labels import __version__
from har_labels.inputs.names import InputKind, dashed
from har_labels.inputs.settings import Settings, defaults, fields, groups

NAME = "Update Harness Artifact Labels"
AUTHOR = "The har-labels authors"
SHORT = "Change labels of models, datasets and packages in a Harness Artifact Registry, safely"
REPOSITORY = "https://github.com/har-labels/har-labels"
IMAGE = "ghcr.io/har-labels/har-labels"


@dataclass(frozen=True)
class Input:
    """One input: `name` with dashes, `default` as a CI file would give it (empty: none), `value` in the code, `kind` how it is read."""

    name: str
    default: str
    description: str
    group: str
    value: Any
    kind: InputKind


def inputs() -> Iterator[Input]:
    """Every input, in the order of all documents: those that most people need first, then group by group."""
    texts, kinds = defaults(), fields()
    for group, names in groups().items():
        for name in names:
            field = Settings.model_fields[name]
            yield Input(dashed(name), texts[name], field.description or "", group, field.default, kinds[name])


def yaml_text(document: Any, header: str) -> str:
    yaml, stream = YAML(), StringIO()
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(document, stream)
    return header + stream.getvalue()


def with_version(text: str) -> str:
    """`text` with this version in every reference to the image or the action that has a version number."""
    image = re.escape(IMAGE.partition("/")[2])  # on any host: a mirror has it too
    text = re.sub(rf"(/{image}:)\d+\.\d+\.\d+", rf"\g<1>{__version__}", text)
    text = re.sub(r"(har-labels/har-labels(?:/composite)?@v)\d+(?:\.\d+\.\d+)?", rf"\g<1>{__version__}", text)
    return re.sub(r"(versionLabel: )\d+\.\d+\.\d+", rf"\g<1>{__version__}", text)
