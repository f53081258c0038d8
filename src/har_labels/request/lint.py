"""`har-labels --lint FILE…`: checks manifests, policies and plans without API key or network (contract §6).

The kind of a file is recognized by its keys. All errors are reported at once; the exit code is 0 or 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from textwrap import dedent

from har_labels.errors import Failures, HarLabelsError, InputError
from har_labels.files import STDIN, Document, Workspace, read_document, read_stdin, read_text
from har_labels.platforms.platform import Platform
from har_labels.text import named

LARGEST_LINTED_FILE = 512 * 1024 * 1024
_KEY_OF_YAML = re.compile(r"""^(?:"([^"\n]+)"|'([^'\n]+)'|([A-Za-z][\w-]*))[ \t]*:(?:\s|$)""", re.MULTILINE)
_EXACT_WEIGHT = 2  # the weight of a known key; a similar one has 1
_PLAN = '"har_labels_plan"'
_COMMENTS = re.compile(r"(?:[ \t]*(?:#[^\n]*|---)?\r?\n)*")


class DocumentKind(Enum):
    """The kind of a file."""

    MANIFEST = "a manifest"
    POLICY = "a policy"
    PLAN = "a plan"


def lint(argv: Sequence[str], environ: Mapping[str, str], platform: Platform, *, now: datetime) -> int:
    """Checks every file and returns the exit code. API keys in `environ` are masked, as a file may contain one."""
    from har_labels.inputs.key import mask_keys

    mask_keys(environ, platform)
    errors: list[HarLabelsError] = []
    try:
        for path in _files(argv):
            try:
                platform.info(f"{path}: {_check(path, Workspace(platform.workspace), now).value}, nothing wrong")
            except Failures as failures:
                errors += failures.errors
    except InputError as error:
        errors.append(error)
    for problem in errors:
        platform.error(problem.spelt(platform.spell))
    return InputError.exit_code if errors else 0


def _files(argv: Sequence[str]) -> list[str]:
    """The files on the command line, each once. Raises InputError for anything else there."""
    words = [word.removeprefix("--lint=") for word in argv if word != "--lint"]
    for word in words:
        if word.startswith("-") and word != STDIN:
            raise InputError(
                f"`{word.partition('=')[0]}` can't be used with `--lint`", "Give files alone: `--lint FILE…`."
            )
    if not any(words):
        raise InputError("`--lint` names no file", "Give manifests, policies or plans, or `-` for standard input.")
    return list(dict.fromkeys(words))


def _check(path: str, workspace: Workspace, now: datetime) -> DocumentKind:
    """The kind of a valid file. Raises Failures with all problems of the file."""
    try:
        document = _document_at(path, workspace)
        kind = _document_kind(document)
        if kind is DocumentKind.PLAN:
            from har_labels.request.plan_file import steps_in

            steps_in(document.text, document.name, api_url=None)
        elif kind is DocumentKind.POLICY:
            from har_labels.request.policy_file import LARGEST_POLICY, policy_in

            _check_size(document, LARGEST_POLICY)
            policy_in(document.text, name=document.name)
        else:
            from har_labels.request.build import LARGEST_MANIFEST
            from har_labels.request.manifest import check_alone

            _check_size(document, LARGEST_MANIFEST)
            check_alone(document, now=now)
    except InputError as error:
        raise Failures([error]) from None
    return kind


def _document_at(path: str, workspace: Workspace) -> Document:
    if path == STDIN:
        return read_document(path, spelling="--lint", limit=LARGEST_LINTED_FILE, stdin=read_stdin)
    workspace.check(path, spelling="--lint")
    return Document(read_text(path, spelling="--lint", limit=LARGEST_LINTED_FILE), path)


def _check_size(document: Document, limit: int) -> None:
    if len(document.text) > limit:
        raise InputError(f"{document.name!r} is larger than {limit // 1024:,} KiB", "Name the right file, or split it.")


def _document_kind(document: Document) -> DocumentKind:
    """A plan by its header, others by keys, exact or similar, that only one kind has. Raises InputError if there are none."""
    text = document.text
    if _PLAN in text[:2000].partition("\n")[0]:
        return DocumentKind.PLAN
    from har_labels.inputs.names import dashed
    from har_labels.request.manifest_file import Manifest
    from har_labels.request.policy_file import PolicyForm

    there = set(_keys_of(text))
    of_policy, of_manifest = set(PolicyForm.model_fields), set(map(dashed, Manifest.model_fields))
    policy, manifest = _similarity(there, of_policy - of_manifest), _similarity(there, of_manifest - of_policy)
    if "version" not in there and max(policy, manifest) < _EXACT_WEIGHT:
        policy = manifest = 0  # one similar key is not enough
    # `labels` alone may be a whole policy, and never a whole manifest.
    if policy > manifest or (policy == manifest and {"version", "labels"} <= there):
        return DocumentKind.POLICY
    if manifest:
        return DocumentKind.MANIFEST
    raise InputError(
        f"{document.name!r} is neither a manifest, nor a policy, nor a plan",
        f"A manifest has `changes`, a policy `keys`, `protected` or `others`; a plan is what `{named('save-plan')}` wrote.",
    )


def _similarity(there: set[str], known: set[str]) -> int:
    from difflib import get_close_matches

    return sum(_EXACT_WEIGHT if key in known else bool(get_close_matches(key, known, n=1, cutoff=0.7)) for key in there)


def _keys_of(text: str) -> Iterator[str]:
    """The keys at the top. YAML is not parsed for this, as the file may be large or invalid."""
    if text.lstrip().startswith("{"):
        from har_labels.inputs.yaml import load_placed

        root, _ = load_placed(text, is_json=False)
        yield from root.keys if root else ()
        return
    for found in _KEY_OF_YAML.finditer(dedent(text[_COMMENTS.match(text).end() :])):  # type: ignore[union-attr]
        yield next(filter(None, found.groups()))
