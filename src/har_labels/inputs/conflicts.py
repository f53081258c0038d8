"""Contradictions among the inputs, and missing inputs (contract §2 "All problems at once").

All valid inputs are checked, so that an invalid one does not hide a contradiction among others.
"""

from __future__ import annotations

from collections.abc import Iterator

from har_labels.errors import InputError
from har_labels.files import STDIN, is_file, is_same_file
from har_labels.inputs.settings import Settings, names_in
from har_labels.model.labels import WITHOUT_LABELS, Mode, is_glob, matches_any
from har_labels.text import named, one_of, quoted_value

Problems = Iterator[InputError]

# The inputs that decide what is planned. `apply-plan` and `undo` read a finished plan from a file, so they exclude these.
PLANNING = (*names_in("Which", "What"), "save_plan", "max_changes", "on_missing", "wait_for_artifact", "shard")
# Of these a manifest has no key; it has one for each of the others, of the same name.
NO_KEY_IN_MANIFEST = frozenset(
    {"manifest", "labels_file", "among", "save_plan", "max_changes", "wait_for_artifact", "shard"}
)
# A manifest has these entry by entry, so the inputs of the same names may not be given beside it.
IN_MANIFEST = ("artifact", "labels", "labels_file")
# The modes that an input goes with, if not all of them. The checks of a manifest's entries and its schema use the same table.
MODES_OF = {
    "labels": frozenset(Mode) - WITHOUT_LABELS,
    "labels_file": frozenset(Mode) - WITHOUT_LABELS,
    "owned": frozenset({Mode.REPLACE}),
    "on_conflict": frozenset({Mode.UPSERT}),
    "remove": frozenset({Mode.ADD, Mode.UPSERT}),
}

# The inputs that a move excludes: it concerns one artifact and all others of `among`, together.
WITHOUT_MOVE = ("manifest", "shard", "save_plan", "where", "remove")

# Inputs that name one file each; `metrics_file` names several, which are read.
_READ, WRITTEN = (
    ("api_key_file", "manifest", "policy", "labels_file", "apply_plan", "undo"),
    ("save_plan", "summary_file", "report_file"),
)
# Of these the text itself may be given, or `-` for standard input.
DOCUMENTS = ("manifest", "policy")


def contradictions(settings: Settings, bad: frozenset[str], *, meant: frozenset[str] = frozenset()) -> list[InputError]:
    """Every contradiction and every missing input.

    `bad`: the inputs whose value is invalid. `meant`: those that a misspelt name was probably meant for, which are not
    reported as missing. A value equal to its default counts as not given, since GitHub sets every input that has one.
    """
    given = bad | {name for name, field in Settings.model_fields.items() if getattr(settings, name) != field.default}
    return [
        *_server_and_key(settings),
        *_missing(settings, given | meant),
        *_sources(settings, given),
        *(_modes(settings, given) if "mode" not in bad else ()),
        *(_move(settings, given, bad) if "mode" not in bad else ()),
        *_plans(settings, given),
        *_files(settings),
    ]


def _server_and_key(settings: Settings) -> Problems:
    if settings.api_key and settings.api_key_file:
        yield InputError(f"`{named('api_key')}` and `{named('api_key_file')}` are both given", "Keep one of the two.")
    if settings.api_url.is_plain_http and not settings.allow_http:
        yield InputError(
            f"`{named('api_url')}` is {settings.api_url.url!r}, plain http, and the key would cross the network in the clear",
            f"Use https, or `{named('allow_http', 'true')}` if you accept that.",
        )


def _missing(settings: Settings, given: frozenset[str]) -> Problems:
    if given & {"apply_plan", "undo", "manifest"}:
        return
    for name, example in (("registry_ref", "account/org/project/registry"), ("artifact", "resnet50")):
        if name not in given:
            yield InputError(f"`{named(name)}` is missing", f"Give it, for example `{named(name, example)}`.")
    mode = settings.mode
    if mode is None and "mode" in given:
        return  # it is invalid, and the one that was meant is unknown
    if mode not in WITHOUT_LABELS and not given & {"labels", "labels_file"}:
        cure = (
            f"Give the labels, or `{named('mode', 'clear')}` to remove all labels."
            if mode in {None, Mode.REPLACE}
            else "Give the labels."
        )
        needs = f", and `{named('mode', mode)}` needs it" if mode else ""
        yield InputError(f"`{named('labels')}` is missing{needs}", cure)


def _sources(settings: Settings, given: frozenset[str]) -> Problems:
    if settings.manifest and not settings.apply_plan and not settings.undo:
        for name in IN_MANIFEST:
            if name in given:
                yield InputError(
                    f"`{named('manifest')}` and `{named(name)}` are both given",
                    "Write it into the manifest, or leave the manifest out.",
                )


def _modes(settings: Settings, given: frozenset[str]) -> Problems:
    for name, modes in MODES_OF.items():
        if name not in given or settings.effective_mode in modes:
            continue
        if settings.mode is Mode.MOVE and name in WITHOUT_MOVE:
            continue  # `_move` reports it
        if modes == MODES_OF["labels"]:
            yield InputError(
                f"`{named('mode', settings.effective_mode)}` takes no `{named(name)}`",
                f"Leave `{named(name)}` out, or choose another mode.",
            )
        elif not settings.manifest:  # there it is a default of the entries
            fitting = one_of(named("mode", mode) for mode in sorted(modes))
            instead = f", not with `{settings.mode}`" if settings.mode else ""
            yield InputError(
                f"`{named(name)}` goes with {fitting}{instead}", f"Leave `{named(name)}` out, or use {fitting}."
            )


def _move(settings: Settings, given: frozenset[str], bad: frozenset[str]) -> Problems:
    moving = named("mode", Mode.MOVE)
    if settings.mode is not Mode.MOVE:
        if "among" in given and not (settings.apply_plan or settings.undo):
            instead = f", not with `{settings.mode}`" if settings.mode else ""
            yield InputError(
                f"`{named('among')}` goes with `{moving}`{instead}",
                f"Leave `{named('among')}` out, or use `{moving}`.",
            )
        return
    for name in WITHOUT_MOVE:
        if name in given:
            cure = f"Leave `{named(name)}` out, or choose another mode."
            yield InputError(f"`{moving}` takes no `{named(name)}`", cure)
    if "artifact" in given - bad and not settings.manifest:
        yield from _move_target(settings, bad, moving)


def _move_target(settings: Settings, bad: frozenset[str], moving: str) -> Problems:
    """A move names one artifact, which `among` matches, so that two concurrent moves see each other's artifact."""
    names = list(dict.fromkeys(item.text for item in settings.artifact))
    if len(names) != 1:
        what = f"`{moving}` gives the label to one artifact, and `{named('artifact')}` names {len(names)}"
        yield InputError(what, "Name one.")
    elif is_glob(names[0]):
        what = f"`{moving}` gives the label to one artifact, and `{named('artifact')}` is the pattern {quoted_value(names[0])}"
        yield InputError(what, f"Write one name; the pattern belongs in `{named('among')}`.")
    elif settings.among and "among" not in bad and not matches_any((item.text for item in settings.among), names[0]):
        yield InputError(
            f"`{named('among')}` does not match {quoted_value(names[0])}, the `{named('artifact')}` that is to have the label",
            "Widen it: the label is moved among these, and the one that gets it is one of them.",
        )


def _plans(settings: Settings, given: frozenset[str]) -> Problems:
    if settings.undo:
        for name in ("apply_plan", *PLANNING):
            if name in given:
                yield InputError(
                    f"`{named('undo')}` and `{named(name)}` are both given",
                    f"The report has all that is undone: leave `{named(name)}` out.",
                )
    elif settings.apply_plan:
        for name in PLANNING:
            if name in given:
                yield InputError(
                    f"`{named('apply_plan')}` and `{named(name)}` are both given",
                    f"A plan is applied as it was made: leave `{named(name)}` out; it belongs to the dry run.",
                )
    elif settings.save_plan and settings.dry_run is False:
        yield InputError(
            f"`{named('save_plan')}` and `{named('dry_run', 'false')}` are both given",
            f"A run that saves its plan writes nothing else: leave `{named('dry_run')}` out, or `{named('save_plan')}`.",
        )


def _files(settings: Settings) -> Problems:
    for name, written in clashes(settings):
        what = f"`{named(name)}` and `{named(written)}` name the same file"
        yield InputError(what, "Give each a path of its own.")
    from_stdin = inputs_from_stdin(settings)
    if len(from_stdin) > 1:  # it can be read once
        given = " and ".join(f"`{named(name)}`" for name in from_stdin)
        yield InputError(
            f"{given} are all standard input" if len(from_stdin) > 2 else f"{given} are both standard input",
            "Name a file for all but one.",
        )


def inputs_from_stdin(settings: Settings) -> list[str]:
    """The inputs that are read from standard input."""
    found = [name for name in DOCUMENTS if getattr(settings, name) == STDIN]
    if settings.metrics_file:
        from har_labels.inputs.metric_files import source_of

        found += ["metrics_file"] * any(source_of(item.text).is_stdin for item in settings.metrics_file)
    return found


def clashes(settings: Settings) -> Iterator[tuple[str, str]]:
    """Pairs of inputs that name the same file, which the second would write: one of the two contents would be lost."""
    before: list[tuple[str, str]] = []
    for name, path in named_files(settings):
        if name in WRITTEN:
            yield from ((other, name) for other, its_path in before if is_same_file(path, its_path))
        before.append((name, path))


def written_files(settings: Settings) -> dict[str, str]:
    """The files that a run writes for its user, by their input."""
    return {name: path for name in WRITTEN if (path := getattr(settings, name))}


def named_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every file that an input names, with that input: those that are read, then those that are written."""
    given = ((name, getattr(settings, name)) for name in _READ)
    yield from ((name, path) for name, path in given if path and (name not in DOCUMENTS or is_file(path)))
    for item in settings.metrics_file:
        from har_labels.inputs.metric_files import paths_of

        yield from (("metrics_file", path) for path in paths_of(item.text))
    yield from written_files(settings).items()
