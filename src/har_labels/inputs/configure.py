"""From the environment and the command line to checked settings and the key, all problems at once (contract §2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import SecretStr

from har_labels.errors import Failures, HarLabelsError, InputError, Invalid
from har_labels.files import NO_WORKSPACE, Workspace, read_stdin, why_not_writable
from har_labels.inputs.conflicts import (
    NO_KEY_IN_MANIFEST,
    PLANNING,
    clashes,
    contradictions,
    inputs_from_stdin,
    named_files,
    written_files,
)
from har_labels.inputs.flaws import NULL, unresolved
from har_labels.inputs.key import NO_KEY, holds_key, read_key
from har_labels.inputs.names import InputValue, dashed
from har_labels.inputs.settings import Settings, read_settings, settings_excluding
from har_labels.inputs.sources import OWN_PREFIX, InputSource, Variables
from har_labels.platforms.platform import Platform
from har_labels.platforms.publish import PublishOptions
from har_labels.text import named, quoted_value

# Lists whose items `request` checks one by one, so that their comments may contain anything.
CHECKED_BY_ITEM = ("artifact", "labels", "owned", "among", "remove", "metrics_file")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that the user asked for, as far as it is valid.

    `publishing`: where the result goes, without files that must not be written. `bad`: the inputs that can't be used; the
    settings have their defaults, or a path that must not be read or written. `key` is empty if none is known.
    `wants_debug`: `--debug` is given, or the CI's own debug log is on. `stdin` reads standard input; None if the input that
    names it was given to a step of a CI, which has none (contract §3).
    """

    settings: Settings
    key: SecretStr
    publishing: PublishOptions = field(repr=False)
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    wants_debug: bool = False
    workspace: Workspace = NO_WORKSPACE
    bad: frozenset[str] = frozenset()
    stdin: Callable[[int], bytes] | None = field(default=None, repr=False)
    # What was read already, by its input: standard input can be read once.
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def mode(self) -> str:
        """The kind of the run in one word: a mode, or the input that names a file; empty without a valid mode."""
        settings = self.settings
        files = (("apply-plan", settings.apply_plan), ("undo", settings.undo), ("manifest", settings.manifest))
        return next((name for name, given in files if given), str(settings.mode or ""))

    def holds_key(self, text: str) -> bool:
        """Whether a text contains the key, which must not go there."""
        return holds_key(text, self.key)


class Misconfigured(Failures):
    """Invalid inputs, with the configuration of the valid ones: this run, too, is reported where the user asked for it."""

    configuration: Configuration

    def __new__(cls, errors: Sequence[HarLabelsError], configuration: Configuration) -> Self:
        group = super().__new__(cls, errors)
        group.configuration = configuration
        return group


def configure(argv: Sequence[str], environ: Mapping[str, str], platform: Platform) -> Configuration:
    """Collects and checks all inputs; masks the key before anything can be printed.

    Raises Misconfigured with one InputError per problem. `--help` and `--version` print and raise SystemExit(0).
    """
    sources = sources_of(argv, environ, platform.prefix)
    if wants_json := any(source.wants_json for source in sources):
        platform.reserve_stdout()
    settings, given, invalid = read_settings(sources)
    problems = [problem for source in sources for problem in source.problems]
    meant = frozenset(name for source in sources for name in source.meant)
    is_unreadable = any(source.is_unreadable for source in sources)
    key, warnings = NO_KEY, tuple[str, ...]()
    try:
        # A misspelt name is reported already.
        is_reported = is_unreadable or bool(meant & {"api_key", "api_key_file"})
        key, warnings = read_key(given, platform, may_be_missing=is_reported)
    except InputError as problem:
        problems.insert(0, problem)
    refused = _refused(given, invalid, key, platform)
    settings = settings_excluding(refused, given) if refused else settings
    bad_files = _bad_files(settings, Workspace(platform.workspace), frozenset(refused))
    problems += [*refused.values(), *(problem for _, problem in bad_files if problem)]
    if not is_unreadable:  # else any input could have been given
        problems += contradictions(settings, frozenset(refused), meant=meant)
    bad = frozenset([*refused, *(name for name, _ in bad_files)])
    configuration = Configuration(
        settings=settings,
        key=key,
        publishing=_publish_options(settings, bad, given, platform, wants_json=wants_json),
        warnings=warnings,
        notices=_path_notices(settings, platform),
        wants_debug=platform.wants_debug or any(source.wants_debug for source in sources),
        workspace=Workspace(platform.workspace),
        bad=bad,
        stdin=None if any(given[name].is_of_ci_step for name in inputs_from_stdin(settings)) else read_stdin,
    )
    if problems:
        raise Misconfigured(problems, configuration)
    return configuration


def sources_of(argv: Sequence[str], environ: Mapping[str, str], prefix: str) -> tuple[InputSource, ...]:
    """The sources of a run in order of precedence: an input comes from the first that has it.

    `prefix` is that of the detected CI, empty without one. `--help` and `--version` print and raise SystemExit(0).
    """
    found: list[InputSource] = []
    if argv:
        from har_labels.inputs.flags import CommandLine

        found.append(CommandLine(Settings, argv))
    if prefix:
        found.append(Variables(Settings, environ, prefix))
    return (*found, Variables(Settings, environ, OWN_PREFIX))


def _publish_options(
    settings: Settings, bad: frozenset[str], given: Mapping[str, InputValue], platform: Platform, *, wants_json: bool
) -> PublishOptions:
    """Where the result goes, without the `bad` files."""
    # An input that is not given beside a manifest is one of its keys, which are spelt alike on every CI.
    keys = frozenset(PLANNING) - NO_KEY_IN_MANIFEST if settings.manifest is not None else frozenset()

    def spell(name: str) -> str:
        """The name as it was written where it was given, else as this CI's users write it."""
        field_name = name.replace("-", "_")
        if (value := given.get(field_name)) is not None:
            return value.spelling
        return dashed(name) if field_name in keys else platform.spell(dashed(name))

    return PublishOptions(
        summary=settings.summary,
        summary_file=None if "summary_file" in bad else settings.summary_file,
        report_file=None if "report_file" in bad else settings.report_file,
        wants_json=wants_json,
        spell=spell,
    )


def _refused(
    given: Mapping[str, InputValue], invalid: Mapping[str, Invalid], key: SecretStr, platform: Platform
) -> dict[str, InputError]:
    """The errors of inputs that can't be used, by name: copies of the key, unresolved expressions, and invalid values."""
    found: dict[str, InputError] = {}
    for name, value in given.items():
        text = value.strip()
        if name != "api_key" and holds_key(text, key):
            found[name] = InputError.contains_key(f"`{named(name)}`")
        elif text == NULL:
            itself = '; `"null"` in double quotes is that text' if name in CHECKED_BY_ITEM else ""
            found[name] = InputError(
                f"`{named(name)}` is 'null', which Harness and `toJSON` write for an expression that has no value",
                f"Give the expression a value, or leave `{named(name)}` out{itself}.",
            )
        elif name not in CHECKED_BY_ITEM and (flaw := unresolved(text)):
            # Of the key no text is shown.
            what = flaw.why.rpartition(", ")[2] if name == "api_key" else f"{quoted_value(text)}: {flaw.why}"
            found[name] = InputError(f"`{named(name)}` is {what}", flaw.cure)
    wrong = {name: _wrong(name, why, given[name].strip(), platform) for name, why in invalid.items()}
    return found | {name: error for name, error in wrong.items() if name not in found}


def _wrong(name: str, invalid: Invalid, text: str, platform: Platform) -> InputError:
    """The error of an invalid value. For `registry-ref` a Harness pipeline knows how the full path begins (contract §2)."""
    cure = invalid.cure
    if name == "registry_ref" and (scopes := platform.registry_scopes()):
        leaf = text.removesuffix("/+").rpartition("/")[2]
        leaf = leaf if re.fullmatch(r"[A-Za-z0-9_][\w.-]*", leaf) else "REGISTRY"
        cure = f"{cure} In this pipeline: {' or '.join(f'`{scope}/{leaf}/+`' for scope in scopes)}."
    return InputError(f"`{named(name)}` is {quoted_value(text)}: {invalid.why}", cure)


def _bad_files(
    settings: Settings, workspace: Workspace, refused: frozenset[str]
) -> list[tuple[str, InputError | None]]:
    """Inputs whose file must not be read or written, each with its error; None where `conflicts` reports it.

    Either a symbolic link leads out of the workspace, or the file would overwrite another input's, or it can't be written.
    Otherwise the last would show only after the labels are written. Missing folders are created.
    """
    found: list[tuple[str, InputError | None]] = [(written, None) for _, written in clashes(settings)]
    for name, path in named_files(settings):
        try:
            if name != "api_key_file":  # checked before it was read
                workspace.check(path, spelling=named(name))
        except InputError as problem:
            found.append((name, problem))
    bad = refused.union(name for name, _ in found)
    for name, path in written_files(settings).items():
        if name not in bad and (why := why_not_writable(path, workspace=workspace)):
            what = f"`{named(name)}` names {path!r}, which can't be written: {why}"
            cure = "Check the path. A step in a container sees its workspace, not the whole machine."
            found.append((name, InputError(what, cure)))
    return found


def _path_notices(settings: Settings, platform: Platform) -> tuple[str, ...]:
    written = {named(name): path for name, path in written_files(settings).items()}
    listed = []
    for item in settings.metrics_file:
        from har_labels.inputs.metric_files import source_of

        listed.append((item.text, source_of(item.text).path))
    return tuple(platform.path_notices(written, {named("metrics_file"): listed}))
