"""Translates paths between a GitHub container action and its job (facts: github-runtime "The container", "Inputs").

The runner mounts the job's workspace in the container as `/github/workspace`, and rewrites an input that begins with
the workspace's path on its own machine. It rewrites neither outputs nor the further paths of a list.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

_WORKSPACE = "/github/workspace"
_MOUNTS = "/github"
_PATH_OUTPUTS = ("plan-file", "report-file")


def translate_outputs(outputs: Mapping[str, str], environ: Mapping[str, str], folder: str) -> dict[str, str]:
    """The outputs with paths relative to the workspace, as the next steps of the job find the files.

    `folder` is the working directory. Paths outside the workspace stay as they are, and so do all where this is not such
    a container.
    """
    if not _is_container(environ):
        return dict(outputs)
    return dict(outputs) | {name: _in_job(outputs[name], folder) for name in _PATH_OUTPUTS if outputs.get(name)}


def path_notices(
    environ: Mapping[str, str], folder: str, written: Mapping[str, str], listed: Mapping[str, Sequence[tuple[str, str]]]
) -> list[str]:
    """Notices about paths in a container: `written` files outside the workspace, and `listed` paths that were not rewritten.

    Both by input name; of a list each item and the path in it, which differ for `NAME=PATH`. `folder` is the working
    directory.
    """
    if not _is_container(environ):
        return []
    temporary = environ.get("RUNNER_TEMP", "")
    in_temporary = [
        f"`{spelling}`: {path!r} is this container's own path; the job's next steps find the file as "
        f"`$RUNNER_TEMP/{posixpath.relpath(posixpath.join(folder, path), temporary)}`"
        for spelling, path in written.items()
        if temporary and _is_within(temporary, posixpath.join(folder, path))
    ]
    not_rewritten = [
        f"`{spelling}`: {item!r} is a path on the runner's machine, and a container sees the workspace only; the runner "
        "rewrites only a path at the start of an input, so write this one relative to the workspace"
        for spelling, items in listed.items()
        for at, (item, path) in enumerate(items)
        if (at or item != path) and path.startswith("/") and not _is_within(_MOUNTS, path)
    ]
    return in_temporary + not_rewritten


def _is_container(environ: Mapping[str, str]) -> bool:
    return environ.get("GITHUB_WORKSPACE", "").rstrip("/") == _WORKSPACE


def _in_job(path: str, folder: str) -> str:
    whole = posixpath.join(folder, path)
    is_here = folder == _WORKSPACE and not path.startswith("/")
    return posixpath.relpath(whole, _WORKSPACE) if _is_within(_WORKSPACE, whole) and not is_here else path


def _is_within(folder: str, path: str) -> bool:
    return posixpath.normpath(path).startswith(posixpath.normpath(folder) + "/")
