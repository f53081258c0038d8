"""Registries and artifacts from a YAML file, or from a mapping of the same form.

```yaml
registries:
  - ref: acme/ml/models          # account/[org/[project/]]registry
    package-type: HUGGINGFACE    # default HUGGINGFACE
    artifacts:
      - name: resnet50
        type: model              # model or dataset, HUGGINGFACE only
        labels: [stage=staging]
        versions: [main]         # default: one version
        downloads: 12            # facts that lists have besides the labels
        age-days: 400            # days since it was last modified
        quarantined: true
      - name: "team/llm"
        type: model
        hidden: true             # exists, but is in no list
      - name: "team/old"
        deleted: true            # soft-deleted: the list of profile saas has it with `deletedAt`
```

For DOCKER and HELM `versions` are tags; `versions: []` is an image without a tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

_TOP = {"registries"}
_REGISTRY = {"ref", "package-type", "artifacts"}
_ARTIFACT = {"name", "type", "labels", "versions", "hidden", "deleted", "downloads", "age-days", "quarantined"}
PACKAGE_TYPES = (
    "DOCKER", "MAVEN", "PYTHON", "GENERIC", "HELM", "NUGET", "NPM", "RPM", "CARGO", "GO", "HUGGINGFACE",
    # Only in the hosted service:
    "COMPOSER", "CONDA", "DART", "SWIFT", "PUPPET", "RUBY", "CRAN", "RAW", "HELM_HTTP", "DEBIAN", "CONAN", "TERRAFORM",
)  # fmt: skip


class PreloadError(ValueError):
    """A file that does not have the format above; the text names the place and the problem."""


@dataclass(frozen=True)
class Preloaded:
    """One artifact of the file with its registry."""

    registry: str
    package_type: str
    name: str
    type: str | None
    labels: list[str]
    versions: list[str] | None
    hidden: bool
    deleted: bool
    downloads: int | None
    age_days: int | None
    quarantined: bool


def read(source: str | PathLike[str] | Mapping[str, Any]) -> tuple[dict[str, str], list[Preloaded]]:
    """Registries (reference to package type) and artifacts of a file or a mapping."""
    content = source if isinstance(source, dict) else _parse(Path(str(source)))
    top = _mapping(content, _TOP, "the file")
    registries: dict[str, str] = {}
    artifacts: list[Preloaded] = []
    for number, entry in enumerate(_list(top.get("registries", []), "registries"), 1):
        place = f"registry {number}"
        row = _mapping(entry, _REGISTRY, place)
        ref = _text(row.get("ref"), f"{place}: ref").removesuffix("/+")
        kind = _text(row.get("package-type", "HUGGINGFACE"), f"{place}: package-type")
        if kind not in PACKAGE_TYPES:
            _fail(f"{place}: package-type {kind!r} is not one of {' '.join(PACKAGE_TYPES)}")
        if not 2 <= len(ref.split("/")) <= 4 or "" in ref.split("/"):
            _fail(f"{place}: ref {ref!r} is not account/[org/[project/]]registry")
        if ref in registries:
            _fail(f"{place}: ref {ref!r} is a duplicate")
        registries[ref] = kind
        artifacts += _artifacts(row.get("artifacts", []), ref, kind)
    return registries, artifacts


def _artifacts(value: object, ref: str, kind: str) -> Iterator[Preloaded]:
    seen: set[tuple[object, object]] = set()
    for number, entry in enumerate(_list(value, f"{ref}: artifacts"), 1):
        place = f"{ref}: artifact {number}"
        row = _mapping(entry, _ARTIFACT, place)
        for switch in ("hidden", "deleted", "quarantined"):
            if not isinstance(row.get(switch, False), bool):
                _fail(f"{place}: {switch} must be true or false, found {row[switch]!r}")
        if (known := (str(row.get("name")), row.get("type"))) in seen:
            _fail(f"{place}: {row.get('name')!r} is a duplicate")
        seen.add(known)
        wanted = row.get("type")
        if wanted not in (None, "model", "dataset") or (wanted and kind != "HUGGINGFACE"):
            _fail(f"{place}: type {wanted!r} must be model or dataset, in a HUGGINGFACE registry")
        versions = row.get("versions")
        yield Preloaded(
            registry=ref,
            package_type=kind,
            name=_text(row.get("name"), f"{place}: name"),
            type=wanted,
            labels=_texts(row.get("labels", []), f"{place}: labels"),
            versions=None if versions is None else _texts(versions, f"{place}: versions"),
            hidden=row.get("hidden", False),
            deleted=row.get("deleted", False),
            downloads=_count(row.get("downloads"), f"{place}: downloads"),
            age_days=_count(row.get("age-days"), f"{place}: age-days"),
            quarantined=row.get("quarantined", False),
        )


def _parse(path: Path) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PreloadError(f"cannot read {path}: {error}") from error
    except YAMLError as error:
        raise PreloadError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _mapping(value: object, known: set[str], place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(f"{place} must be a mapping with {', '.join(sorted(known))}")
    if unknown := sorted(str(key) for key in set(value) - known):
        _fail(f"{place}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return value


def _list(value: object, place: str) -> list[Any]:
    if not isinstance(value, list):
        _fail(f"{place} must be a list")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        _fail(f"{place} must be text, found {value!r} (quote it)")
    return value


def _texts(value: object, place: str) -> list[str]:
    return [_text(item, place) for item in _list(value, place)]


def _count(value: object, place: str) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 100_000):
        _fail(f"{place} must be a whole number from 0 to 99,999, found {value!r}")
    return value


def _fail(problem: str) -> NoReturn:
    raise PreloadError(problem)
