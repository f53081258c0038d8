"""From the environment and the command line to checked settings and the key, all problems at once (contract §2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import SecretStr

from har_labels.errors import KEY_IS_ELSEWHERE, Failures, HarLabelsError, InputError
from har_labels.files import NO_WORKSPACE, Workspace, read_stdin, why_not_writable
from har_labels.inputs.conflicts import clashes, contradictions, named_files, written_files
from har_labels.inputs.flaws import unresolved
from har_labels.inputs.key import is_key, read_key
from har_labels.inputs.names import dashed
from har_labels.inputs.settings import Settings, check, fields, help_texts, quoted
from har_labels.inputs.sources import Given, Inputs, Layer, collect
from har_labels.platforms.platform import Platform
from har_labels.platforms.redactor import SHORTEST_KEY_TO_LOOK_FOR
from har_labels.text import named, number

# What Harness, and JSON, write for an expression without a value.
NULL = "null"
# Lists whose items `requested` judges one by one, so that a comment in them may hold anything.
_JUDGED_BY_ITEM = frozenset({"artifact", "labels", "owned", "among", "metrics_file"})


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the run was told, as far as it could be understood.

    `spell` writes an input's name as its reader does; `wants_json` is `--json`, `wants_debug` `--debug` or what this CI has
    for it. `bad` are the inputs whose value could
    not be used: the settings hold the default there. `key` is empty where none is known.
    """

    settings: Settings
    key: SecretStr
    spell: Callable[[str], str] = field(repr=False)
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    wants_json: bool = False
    wants_debug: bool = False
    workspace: Workspace = NO_WORKSPACE
    bad: frozenset[str] = frozenset()
    # What was read already, by its input: standard input can be read once.
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def stdin(self) -> Callable[[int], bytes] | None:
        """What reads standard input: the command in a shell has one, a CI's own step does not (contract §3)."""
        return read_stdin if self.spell("metrics_file").startswith(("--", "HAR_LABELS_")) else None

    @property
    def report_file(self) -> str | None:
        """Where the report may be written."""
        return None if "report_file" in self.bad else self.settings.report_file

    @property
    def summary_file(self) -> str | None:
        """Where the summary may be written, beside the CI's own."""
        return None if "summary_file" in self.bad else self.settings.summary_file

    @property
    def mode(self) -> str:
        """What the run is told to do, in one word; empty without a mode, and where it could not be understood."""
        settings = self.settings
        told_by = (("apply-plan", settings.apply_plan), ("undo", settings.undo), ("manifest", settings.manifest))
        named = next((name for name, given in told_by if given), "")
        return named or ("" if "mode" in self.bad else str(self.settings.mode or ""))

    def holds_key(self, text: str) -> bool:
        """Whether the key stands in a text, where it must not go."""
        return _holds(text, self.key)


class Misconfigured(Failures):
    """Wrong inputs, beside what could be understood: this run, too, reports as it was told."""

    configuration: Configuration

    def __new__(cls, errors: Sequence[HarLabelsError], configuration: Configuration) -> Self:
        group = super().__new__(cls, errors)
        group.configuration = configuration
        return group


def _holds(text: str, key: SecretStr) -> bool:
    secret = key.get_secret_value()
    return len(secret) >= SHORTEST_KEY_TO_LOOK_FOR and secret in text


def configure(argv: Sequence[str], environ: Mapping[str, str], platform: Platform) -> Configuration:
    """Collects and checks all inputs; masks the key before anything can be printed.

    Raises Misconfigured with one InputError a problem. `--help` and `--version` print and raise SystemExit(0).
    """
    inputs = collect(fields(), environ=environ, prefix=platform.prefix, argv=argv, help_texts=help_texts())
    if inputs.wants_json:
        platform.reserve_stdout()
    spell = _Speller(inputs, platform).spell
    problems = list(inputs.problems)
    key, warnings = SecretStr(""), tuple[str, ...]()
    try:
        key, warnings = _key(inputs, platform)
    except InputError as problem:
        problems.insert(0, problem)
    usable, unusable = _without_unusable(inputs, key)
    checked = check(usable)
    bad = frozenset(unusable) | frozenset(checked.problems)
    problems += [
        *unusable.values(),
        *(
            _with_scope(problem, inputs, platform.registry_scopes()) if name == "registry_ref" else problem
            for name, problem in checked.problems.items()
        ),
    ]
    workspace = Workspace(platform.workspace)
    leading_out = list(_leading_out(workspace, checked.settings))
    problems += [problem for _, problem in leading_out]
    overwriting = {written for _, written in clashes(checked.settings)}
    unwritable = dict(_unwritable(workspace, checked.settings, bad | overwriting | {name for name, _ in leading_out}))
    problems += unwritable.values()
    if not inputs.is_unreadable:  # else any input could have been given
        problems += contradictions(checked.settings, bad, meant=frozenset(inputs.suggested))
    bad |= overwriting | unwritable.keys() | {name for name, _ in leading_out}
    notices = tuple(_path_notices(platform, checked.settings))
    told = Configuration(
        checked.settings,
        key,
        spell,
        warnings,
        notices,
        inputs.wants_json,
        inputs.wants_debug or platform.wants_debug,
        workspace,
        bad,
    )
    if problems:
        raise Misconfigured(problems, told)
    return told


def _path_notices(platform: Platform, settings: Settings) -> list[str]:
    written = {named(name): path for name, path in written_files(settings).items()}
    listed = []
    for item in settings.metrics_file:
        from har_labels.inputs.metric_files import source_of

        listed.append((item.text, source_of(item.text).path))
    return platform.path_notices(written, {named("metrics_file"): listed})


@dataclass(frozen=True, slots=True)
class _Speller:
    inputs: Inputs
    platform: Platform

    def spell(self, name: str) -> str:
        """A name as it was written where it was given, else as this CI's users write it."""
        given = self.inputs.given(name.replace("-", "_"))
        return given.spelling if given else self.platform.spell(dashed(name))


def _key(
    inputs: Inputs, platform: Platform
) -> tuple[SecretStr, tuple[str, ...]]:  # fmt: skip
    """The key, masked from here on, and warnings about its file. Raises InputError, which never shows it."""
    if _stands_for_nothing(inputs, platform):
        return SecretStr(""), ()  # told with the other inputs
    if given := inputs.given("api_key"):
        platform.mask(given.text.strip())
        if not is_key(given.text.strip()):
            raise InputError(
                f"`{given.spelling}` can't be a key: it holds blanks, line ends or characters that no key has",
                "Store the key alone, on one line.",
            )
        return SecretStr(given.text.strip()), _short(given.text.strip(), given.spelling)
    if given := inputs.given("api_key_file"):
        Workspace(platform.workspace).check(given.text.strip(), spelling=given.spelling)
        key, warning = read_key(given.text.strip(), spelling=given.spelling)
        platform.mask(key.get_secret_value())
        warnings = (warning,) if warning else ()
        return key, (*warnings, *_short(key.get_secret_value(), given.spelling))
    if inputs.is_unreadable or inputs.suggested & {"api_key", "api_key_file"}:
        return SecretStr(""), ()  # what is wrong with the names is told already
    why, how = platform.key_hint()
    raise InputError(f"`{named('api_key')}` is missing{f': {why}' if why else ''}", how)


def _stands_for_nothing(inputs: Inputs, platform: Platform) -> bool:
    """Whether the CI has left an expression, or `null`, where the key or its file should stand."""
    given = inputs.given("api_key") or inputs.given("api_key_file")
    if not given or not (unresolved(given.text) or given.text.strip() == NULL):
        return False
    if given is inputs.given("api_key") and given.text.strip() != NULL:
        platform.mask(given.text.strip())  # whatever it is, it stands where a key does
    return True


def _short(key: str, spelling: str) -> tuple[str, ...]:
    """The warning about a key that would be found by accident in innocent text."""
    if len(key) >= SHORTEST_KEY_TO_LOOK_FOR:
        return ()
    length = number(len(key), "character")
    return (
        f"the key of `{spelling}` has {length}: a key as short is hidden only where it stands as a word of its own",
    )


def _leading_out(workspace: Workspace, settings: Settings) -> Iterator[tuple[str, InputError]]:
    """Files that a link planted in the workspace would have us read or write somewhere else."""
    for name, path in named_files(settings):
        try:
            if name != "api_key_file":  # checked before it was read
                workspace.check(path, spelling=named(name))
        except InputError as problem:
            yield name, problem


def _unwritable(workspace: Workspace, settings: Settings, bad: frozenset[str]) -> Iterator[tuple[str, InputError]]:
    """Files that could not be written in the end, when all is done and nothing can be undone; their folders are made."""
    for name, path in written_files(settings).items():
        if name not in bad and (problem := why_not_writable(path, workspace=workspace)):
            what = f"`{named(name)}` names {path!r}, which can't be written: {problem}"
            yield (
                name,
                InputError(what, "Check the path. A step in a container sees its workspace, not the whole machine."),
            )


def _without_unusable(inputs: Inputs, key: SecretStr) -> tuple[Inputs, dict[str, InputError]]:
    """Sets aside inputs whose text must not be looked at further: unresolved expressions, and copies of the key."""
    found: dict[str, InputError] = {}
    for name, given in inputs.all_given.items():
        if name != "api_key" and _holds(given.text, key):
            found[name] = InputError(
                f"`{given.spelling}` contains the key",
                KEY_IS_ELSEWHERE,
            )
        elif given.text.strip() == NULL:
            found[name] = _is_null(name, given)
        elif name not in _JUDGED_BY_ITEM and (flaw := unresolved(given.text)):
            what = f"is {quoted(given.text.strip())}: {flaw.why}"
            if name == "api_key":
                what = f"is {flaw.why.rpartition(', ')[2]}"  # nothing of its text is shown
            found[name] = InputError(f"`{given.spelling}` {what}", flaw.cure)
    layers: list[Layer] = [
        {name: given for name, given in layer.items() if name not in found} for layer in inputs.layers
    ]
    return Inputs(layers), found


def _is_null(name: str, given: Given) -> InputError:
    """What Harness writes for an expression without a value, and JSON for nothing."""
    itself = '; `"null"` in double quotes is that text' if name in _JUDGED_BY_ITEM else ""
    return InputError(
        f"`{given.spelling}` is 'null', which Harness and `toJSON` write for an expression that has no value",
        f"Give the expression a value, or leave `{given.spelling}` out{itself}.",
    )


def _with_scope(problem: InputError, inputs: Inputs, scopes: Sequence[str]) -> InputError:
    """What is wrong with `registry-ref`; in a Harness pipeline its full path can be spelt out (contract §2)."""
    given = inputs.given("registry_ref")
    if not given or not scopes:
        return problem
    name = given.text.strip().removesuffix("/+").rpartition("/")[2]
    name = name if re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name) else "REGISTRY"
    paths = " or ".join(f"`{scope}/{name}/+`" for scope in scopes)
    return InputError(problem.what, f"{problem.next_step} In this pipeline: {paths}.")
