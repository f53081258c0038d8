"""Every input once: its name, type, default and description.

action.yml, the README's tables, `--help` and the error texts are made from this class (contract §2). `sources` reads the
texts of a run's inputs, `conflicts` checks which of them contradict each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from har_labels.errors import Invalid
from har_labels.inputs.names import InputKind, InputValue
from har_labels.inputs.types import (
    ApiUrl,
    ArtifactName,
    ArtifactType,
    AuthScheme,
    AuthSchemeName,
    Expressions,
    FileOrText,
    FilePath,
    Items,
    Key,
    LabelItems,
    ModeName,
    OnConflictName,
    OnFailure,
    OnFailureName,
    OnMissing,
    OnMissingName,
    Patterns,
    ScopePath,
    ShardOf,
    Switch,
    TemplateItems,
    count,
    seconds,
)
from har_labels.model.address import SAAS_PATH, ApiBase, parse_api_base
from har_labels.model.labels import Mode, OnConflict
from har_labels.model.shard import Shard

# The eight that most people need are listed first everywhere, all others by their group.
MOST_NEEDED = ("api_key", "registry_ref", "artifact", "mode", "labels", "metrics_file", "require", "dry_run")
FIRST_GROUP = "What most steps need"


def _input(default: Any, group: str, description: str) -> Any:
    return Field(default, description=description, json_schema_extra={"group": group})


class Settings(BaseSettings):
    """The checked inputs of one run, see `read_settings`.

    `Settings(sources=…)` takes the sources of pydantic-settings, the most important first; `Settings(mode="add")` takes
    texts. Neither reads anything else. Raises ValidationError, where each value's own error is an `Invalid`.
    """

    # Lists are not JSON, so nothing is decoded before it is validated.
    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False, enable_decoding=False
    )

    api_key: Key | None = _input(None, "Server and key", "Harness API key (PAT or SAT). Required, or `api-key-file`")
    api_key_file: FilePath | None = _input(None, "Server and key", "Path of a file holding the key (one line)")
    api_url: ApiUrl = _input(
        parse_api_base("https://app.harness.io"), "Server and key",
        "Harness host, or full API base. Without a path, `/har/api/v1` is added",
    )  # fmt: skip
    auth_scheme: AuthScheme | None = _input(
        None, "Server and key",
        "`x-api-key` (Harness SaaS) or `bearer` (Harness Open Source). Without it an API base below `/har/` gets the first",
    )  # fmt: skip
    allow_http: Switch = _input(False, "Server and key", "Permit plain http to a host that is not loopback")

    registry_ref: ScopePath | None = _input(
        None, "Which", "Scope path of the registry: account/org/project/registry; `/+` is added if missing",
    )  # fmt: skip
    artifact: Items = _input((), "Which", "Names or globs (`team/*`); one with a `!` excludes (`!team/old-*`); list")
    artifact_type: ArtifactType | None = _input(None, "Which", "`model` or `dataset`")
    where: Expressions = _input((), "Which", "Expressions, one a line; artifacts for which one is false are left out")
    manifest: FileOrText | None = _input(
        None, "Which",
        "YAML or JSON file with many changes, or its text; instead of `artifact` and `labels`",
    )  # fmt: skip

    labels: LabelItems = _input((), "What", "Labels or label templates: a list, or a map such as `{stage: production}`")
    labels_file: FilePath | None = _input(None, "What", "File of labels, in the same forms; added to `labels`")
    metrics_file: Items = _input(
        (), "What", "JSON, CSV, YAML or TOML file(s), as path, glob or `NAME=PATH`; `metrics` in templates; list"
    )
    mode: ModeName | None = _input(
        None, "What",
        "`replace`, `add`, `remove`, `upsert`, `clear`, `read`, `move`. Without it the labels given become the list, "
        "unless that would remove an existing label: then nothing is written (exit 10)",
    )  # fmt: skip
    on_conflict: OnConflictName = _input(
        OnConflict.OVERWRITE, "What",
        "`upsert` of a key that has another value: `overwrite`, `keep` the old, `error` (exit 5)",
    )  # fmt: skip
    owned: Patterns = _input(
        (), "What", "Patterns; `replace`, or a run without `mode`, then touches only labels that match"
    )
    among: Patterns = _input(
        (), "What", "Names or globs; `move` takes its label from all others of these, by default of the registry; list",
    )  # fmt: skip
    remove: TemplateItems = _input(
        (), "What", "Patterns of labels to remove in the same write; with `mode: add` or `mode: upsert`; list"
    )
    baseline: ArtifactName | None = _input(
        None, "What", "Another artifact of the registry, whose labels `require` sees as `baseline`, such as the champion",
    )  # fmt: skip
    require: Expressions = _input((), "What", "Expressions, one a line; all must hold before anything is written")

    policy: FileOrText | None = _input(
        None, "How safely", "YAML or JSON file (or its text) of the labels that are allowed, required and protected (exit 10)",
    )  # fmt: skip
    dry_run: Switch | None = _input(None, "How safely", "Show the plan, write nothing")
    save_plan: FilePath | None = _input(None, "How safely", "Where to write the plan; the run is then a dry run")
    apply_plan: FilePath | None = _input(
        None, "How safely", "Apply exactly this plan file, or nothing if an artifact changed since",
    )  # fmt: skip
    undo: FilePath | None = _input(
        None, "How safely",
        "Undo what the run of this report wrote, or nothing if an artifact changed since",
    )  # fmt: skip
    max_changes: Annotated[int, count(0)] | None = _input(
        None, "How safely", "Refuse a plan that would change more artifacts than this; `0` allows none",
    )  # fmt: skip
    on_missing: OnMissing = _input(OnMissingName.ERROR, "How safely", "Artifact not found: `error` or `skip`")
    wait_for_artifact: Annotated[float, seconds(0, 3600)] = _input(
        0.0, "How safely", "Seconds to wait for an artifact that was just pushed to appear",
    )  # fmt: skip
    on_failure: OnFailure = _input(
        OnFailureName.CONTINUE, "How safely", "In a run over many: `continue`, `stop`, `rollback`",
    )  # fmt: skip
    settle: Annotated[float, seconds(0, 60)] = _input(
        1.0, "How safely", "Seconds to watch a merged change for interference by other writers; `0` = don't",
    )  # fmt: skip
    allow_type_loss: Switch = _input(
        False, "How safely", "Write even where the server is known to drop a model's type",
    )  # fmt: skip

    timeout: Annotated[float, seconds(1, 300)] = _input(30.0, "How fast", "Seconds for one request (connect and read)")
    retries: Annotated[int, count(0, 10)] = _input(
        4, "How fast", "Retries of a read or a change after a transient failure"
    )
    deadline: Annotated[float, seconds(0, 86400)] = _input(900.0, "How fast", "Seconds for the whole step; `0` = none")
    requests_per_minute: Annotated[int, count(1, 100000)] | None = _input(
        None, "How fast",
        "Pace. Default 300 on `*.harness.io` (a key is allowed about 400), else none; divided by TOTAL of `shard`",
    )  # fmt: skip
    concurrency: Annotated[int, count(1, 32)] = _input(4, "How fast", "Requests in flight")
    shard: ShardOf | None = _input(
        None, "How fast", "This run's share of the artifacts, INDEX/TOTAL, counted from 0: `0/3`, `1/3`, `2/3`",
    )  # fmt: skip

    summary: Switch = _input(True, "What is reported", "Write the job summary")
    summary_file: FilePath | None = _input(
        None, "What is reported", "Where to write the summary as Markdown, such as for a comment; at most 60,000 characters",
    )  # fmt: skip
    report_file: FilePath | None = _input(None, "What is reported", "Where to write the JSON report")

    @property
    def effective_mode(self) -> Mode:
        """The mode; without one, `replace`: the labels given become the list (contract §3)."""
        return self.mode or Mode.REPLACE

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing is written: `dry-run` is true, or a plan file is asked for (contract §2 `save-plan`)."""
        return bool(self.dry_run or (self.save_plan and self.dry_run is None))

    @property
    def scheme(self) -> AuthSchemeName:
        """Which header carries the key: as given, else as the kind of server at the API base wants it (contract §2)."""
        return self.auth_scheme or (AuthSchemeName.X_API_KEY if self.api_url.is_below_har else AuthSchemeName.BEARER)

    @property
    def share(self) -> Shard:
        """This run's share of the artifacts; without `shard` all of them."""
        return self.shard or Shard()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the hook's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources that were passed, else the texts that were. The library's own source of variables is left out: it has
        no prefix, so it would read any program's MODE.
        """
        sources: tuple[PydanticBaseSettingsSource, ...] = init_settings().get("sources", (init_settings,))
        return sources


def fields() -> dict[str, InputKind]:
    """Every input's name with underscores, and its kind."""
    return {name: _kind_of(info) for name, info in Settings.model_fields.items()}


def _kind_of(info: FieldInfo) -> InputKind:
    # A switch without a default is a `Switch | None`.
    if info.annotation is bool or Switch in get_args(info.annotation):
        return InputKind.SWITCH
    return InputKind.LIST if isinstance(info.default, tuple) else InputKind.TEXT


def descriptions() -> dict[str, str]:
    """Every input's one-line description."""
    return {name: info.description or "" for name, info in Settings.model_fields.items()}


def defaults() -> dict[str, str]:
    """Every input's default as a CI file would give it; empty text for none."""
    return {name: _as_text(info.default) for name, info in Settings.model_fields.items()}


def groups() -> dict[str, tuple[str, ...]]:
    """The names of all inputs as they are listed: those that most people need, then the others by group."""
    found: dict[str, tuple[str, ...]] = {FIRST_GROUP: MOST_NEEDED}
    for name, info in Settings.model_fields.items():
        if name not in MOST_NEEDED:
            group = _group_of(info)
            found[group] = (*found.get(group, ()), name)
    return found


def names_in(*groups: str) -> tuple[str, ...]:
    """The names of all inputs of these groups, those that most people need among them."""
    return tuple(name for name, info in Settings.model_fields.items() if _group_of(info) in groups)


def _group_of(info: FieldInfo) -> str:
    return str(info.json_schema_extra["group"]) if isinstance(info.json_schema_extra, dict) else ""


def help_texts() -> dict[str, dict[str, str]]:
    """By group every input's description with its default, for `--help`."""
    texts, values = descriptions(), defaults()
    return {
        group: {name: texts[name] + (f" (default: {values[name]})" if values[name] else "") for name in names}
        for group, names in groups().items()
    }


def _as_text(default: Any) -> str:
    if default is None or default == ():
        return ""
    if isinstance(default, ApiBase):
        return default.url.removesuffix(SAAS_PATH)
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, int | float) else str(default)


class _Merged(PydanticBaseSettingsSource):
    """A source without a value of its own. As the last one it sees the merged values of all others."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.given: dict[str, InputValue] = {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base class's signature
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        self.given = dict(self.current_state)
        return {}


def read_settings(
    sources: Sequence[PydanticBaseSettingsSource],
) -> tuple[Settings, dict[str, InputValue], dict[str, Invalid]]:
    """The settings, the text that each input was given, and the error of each invalid input, all by name.

    The settings have the default of an invalid input, so that contradictions among the others are found in the same run
    (contract §2 "All problems at once").
    """
    merged = _Merged(Settings)
    try:
        return Settings(sources=(*sources, merged)), merged.given, {}  # type: ignore[call-arg] # no field, see there
    except ValidationError as error:
        # Without inputs: the error's own record keeps them, the key among them.
        found = error.errors(include_input=False, include_url=False)
    invalid = {str(one["loc"][0]): one["ctx"]["error"] for one in found}
    return settings_excluding(invalid, merged.given), merged.given, invalid


def settings_excluding(names: Collection[str], given: Mapping[str, InputValue]) -> Settings:
    """The settings with the default for these names."""
    texts: dict[str, Any] = {name: text for name, text in given.items() if name not in names}
    return Settings(**texts)
