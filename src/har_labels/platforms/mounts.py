"""Paths that mean something else outside of a GitHub container action (facts: github-runtime "The container", "Inputs").

The runner shows the job's workspace to the container as `/github/workspace`, and rewrites an input that begins with
the workspace's path on its own machine. It does so with no output, and with no further path in a list.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

_WORKSPACE = "/github/workspace"
_MOUNTS = "/github"
# The outputs that are paths.
_PATHS = ("plan-file", "report-file")


def with_paths_of_the_job(outputs: Mapping[str, str], environ: Mapping[str, str], folder: str) -> dict[str, str]:
    """The outputs with paths in the workspace told from there on, as the job's next steps find them.

    `folder` is where this step runs. Paths elsewhere stay as they were given, and all do outside of such a container.
    """
    if not _is_container(environ):
        return dict(outputs)
    return dict(outputs) | {name: _in_job(outputs[name], folder) for name in _PATHS if outputs.get(name)}


def path_notices(
    environ: Mapping[str, str], folder: str, written: Mapping[str, str], listed: Mapping[str, Sequence[tuple[str, str]]]
) -> list[str]:
    """What should be known of paths in a container: of files that are `written`, and of those that stand in a list.

    Both by the input's name as its reader writes it; of a list each item and the path in it, which differ for `NAME=PATH`.
    `folder` is where this step runs.
    """
    if not _is_container(environ):
        return []
    temporary = environ.get("RUNNER_TEMP", "")
    below = [
        f"`{spelling}`: {path!r} is this container's own path; the job's next steps find the file as "
        f"`$RUNNER_TEMP/{posixpath.relpath(posixpath.join(folder, path), temporary)}`"
        for spelling, path in written.items()
        if temporary and _is_within(temporary, posixpath.join(folder, path))
    ]
    unmapped = [
        f"`{spelling}`: {item!r} is a path of the runner's machine, and a container sees the workspace only; the runner "
        "rewrites no path but one that an input begins with, so write this one relative to the workspace"
        for spelling, items in listed.items()
        for at, (item, path) in enumerate(items)
        if (at or item != path) and path.startswith("/") and not _is_within(_MOUNTS, path)
    ]
    return below + unmapped


def _is_container(environ: Mapping[str, str]) -> bool:
    return environ.get("GITHUB_WORKSPACE", "").rstrip("/") == _WORKSPACE


def _in_job(path: str, folder: str) -> str:
    whole = posixpath.join(folder, path)
    is_here = folder == _WORKSPACE and not path.startswith("/")
    return posixpath.relpath(whole, _WORKSPACE) if _is_within(_WORKSPACE, whole) and not is_here else path


def _is_within(folder: str, path: str) -> bool:
    return posixpath.normpath(path).startswith(posixpath.normpath(folder) + "/")
