"""Files that inputs name: read with a limit, written atomically, and on a CI not through links out of the workspace."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from har_labels.errors import InputError

LARGEST_LIST_FILE = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a CI's job. The code checked out there is not trusted: it may contain symbolic links.

    An empty `root` means a terminal, where all links are the user's own.
    """

    root: str = ""

    def check(self, path: str, *, spelling: str) -> None:
        """Raises InputError if a link within the workspace leads `path` out of it.

        A path that itself leads elsewhere, such as an absolute one, was given by the user and is allowed.
        """
        # A path that no file can have leads nowhere; opening it is an error anyway.
        with suppress(ValueError):
            self._check(path, spelling)

    def owner_of_new(self, path: str) -> tuple[int, int] | None:
        """The owner and group for a file or folder created at `path`: the workspace's, if it is in it and we are root.

        None if the owner is not to be changed.
        """
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        with suppress(OSError, ValueError):
            if self.root and is_root and _is_within(os.path.realpath(self.root), os.path.realpath(Path(path).parent)):
                there = os.stat(self.root)  # noqa: PTH116 - as in `_check`
                return there.st_uid, there.st_gid
        return None

    def _check(self, path: str, spelling: str) -> None:
        if not self.root:
            return
        root = os.path.realpath(self.root)
        named = PurePath(path)
        here = named.anchor or _current_folder()
        for part in named.parts[1:] if named.anchor else named.parts:
            there = os.path.join(here, part)  # noqa: PTH118 - pathlib would raise for a loop of links
            real = os.path.realpath(there)
            # From a real folder only `..` and links lead elsewhere; on Windows also junctions.
            if part != ".." and _is_within(root, here) and not _is_within(root, real):
                raise InputError(
                    f"`{spelling}` names {path!r}, which a symbolic link leads out of the workspace, to {real!r}",
                    "If that is the file you mean, name it by its absolute path.",
                )
            here = real


def _current_folder() -> str:
    try:
        return os.path.realpath(".")
    except OSError:
        return "/"  # it was deleted, so no relative path exists


def _is_within(folder: str, path: str, kind: type[PurePath] = PurePath) -> bool:
    """Whether a real path is `folder` or inside it, with the separators and case rules of this system (or of `kind`)."""
    return kind(path).is_relative_to(kind(folder))


def is_same_file(one: str, other: str) -> bool:
    """Whether two paths lead to the same file, which need not exist yet."""
    try:
        return os.path.realpath(one) == os.path.realpath(other)
    except ValueError:
        return False  # no file can have such a path


# A terminal: every link is the user's own.
NO_WORKSPACE = Workspace()

# The path that means standard input.
STDIN = "-"


def is_inline(given: str) -> bool:
    """Whether an input that takes a path has the text itself instead: several lines, or a brace of JSON or YAML first."""
    return "\n" in given.strip() or given.lstrip().startswith("{")


def is_file(given: str) -> bool:
    """Whether an input that takes a path or a text has the path of a file."""
    return given != STDIN and not is_inline(given)


def read_bytes(path: str, limit: int) -> bytes:
    """The content of a regular file, at most one byte more than `limit`. Raises OSError; never blocks.

    A pipe or a device could be endless, and opening a pipe alone blocks until it has a writer.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        return file.read(limit + 1)


def read_stdin(limit: int) -> bytes:
    """All of standard input, at most `limit` bytes; nothing if it is closed. Raises OSError."""
    return sys.stdin.buffer.read(limit) if sys.stdin else b""


@dataclass(frozen=True, slots=True)
class Document:
    """A text, and its name in messages, before a line and a column: its path, its input, or `stdin`."""

    text: str
    name: str


def read_document(given: str, *, spelling: str, limit: int, stdin: Callable[[int], bytes] | None) -> Document:
    """The document of an input that takes a path, the text itself or `-`. Raises InputError.

    `stdin` reads standard input; None if there is none, as in a step of a CI.
    """
    if is_inline(given):
        return Document(given, spelling)
    if given != STDIN:
        return Document(read_text(given, spelling=spelling, limit=limit), given)
    if stdin is None:
        raise InputError(
            f"`{spelling}` is '-', and a step of a CI has no standard input",
            "Name a file, or give the text itself.",
        )
    try:
        content = stdin(limit + 1)
    except OSError as error:
        raise InputError(f"`{spelling}`: standard input can't be read: {error.strerror}", "Name a file.") from None
    return Document(_decoded(content, limit, f"`{spelling}`: standard input"), "stdin")


def read_text(path: str, *, spelling: str, limit: int = LARGEST_LIST_FILE) -> str:
    """The file's text, UTF-8 with or without a byte-order mark. Raises InputError naming input, path and reason."""
    try:
        content = read_bytes(path, limit)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is not a valid path"
        raise InputError(
            f"`{spelling}` names {path!r}, which can't be read: {reason}",
            "Check the path. A step in a container sees its workspace, not the whole machine.",
        ) from None
    return _decoded(content, limit, f"`{spelling}` names {path!r}, which")


def _decoded(content: bytes, limit: int, subject: str) -> str:
    if len(content) > limit:
        raise InputError(f"{subject} is larger than {limit // 1024:,} KiB", "Name the right file, or split it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{subject} is not UTF-8 text (byte {error.start})", "Save it as UTF-8.") from None


def write_text(path: str, chunks: Iterable[str], *, workspace: Workspace = NO_WORKSPACE) -> str:
    """Writes a file atomically: a temporary file beside it is renamed. Returns why that failed, or empty text.

    A pipe or a device such as /dev/null is refused, as the rename would replace it by a file. An overwritten file
    keeps its owner and mode; a new one in the workspace gets the workspace's owner (contract §4).
    """
    # Not the process id: in containers that is always 1.
    temporary = f"{path}.{os.urandom(4).hex()}.part"
    try:
        if _is_special(path):
            return "it is not a regular file"
        # A lone surrogate is written as `\ud800`, which is its escape in JSON.
        with Path(temporary).open("x", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            _set_owner_and_mode(file.fileno(), path, workspace)
            file.writelines(chunks)
        Path(temporary).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        return reason_of(error)
    return ""


def why_not_writable(path: str, *, workspace: Workspace = NO_WORKSPACE) -> str:
    """Creates the folders of `path` and a temporary file as `write_text` does. Returns why that failed, or empty text."""
    temporary = Path(f"{path}.{os.urandom(4).hex()}.part")
    try:
        if _is_special(path):
            return "it is not a regular file"
        _make_folders(path, workspace)
        temporary.open("x").close()
        temporary.unlink()
    except FileExistsError:
        return "a file is where its folder would be"
    except (OSError, ValueError) as error:
        return reason_of(error)
    return ""


def reason_of(problem: OSError | ValueError) -> str:
    """The operating system's own words, such as `Permission denied`."""
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)


def _make_folders(path: str, workspace: Workspace) -> None:
    """Creates the missing folders of `path`. Raises OSError.

    Those in the workspace get its owner, by a descriptor: a link that replaces the new folder is not followed.
    """
    missing = [folder for folder in Path(path).parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if owner := workspace.owner_of_new(str(folder)):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            with suppress(OSError):
                os.fchown(descriptor, *owner)
            os.close(descriptor)


def _set_owner_and_mode(descriptor: int, path: str, workspace: Workspace) -> None:
    """Gives the new file for `path` its owner and mode, by the descriptor: the name could be a link by now.

    Without the permission to change them they stay.
    """
    before = _regular(path)
    owner = (before.st_uid, before.st_gid) if before else workspace.owner_of_new(path)
    if owner and hasattr(os, "fchown"):
        with suppress(OSError):
            os.fchown(descriptor, *owner)
    if before and hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(descriptor, before.st_mode & 0o777)


def _regular(path: str) -> os.stat_result | None:
    """The status of a regular file at `path`, otherwise None: a link is replaced, not followed."""
    with suppress(OSError):
        found = os.lstat(path)
        return found if stat.S_ISREG(found.st_mode) else None
    return None


def _is_special(path: str) -> bool:
    """Whether `path` exists and is not a regular file."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return not stat.S_ISREG(Path(path).stat().st_mode)
    return False
