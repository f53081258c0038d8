"""Files that inputs name: read with a limit, written whole or not at all, and on a CI only where they were named."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from pydantic import SecretStr

from har_labels.checks import is_key
from har_labels.errors import InputError

LARGEST_KEY_FILE = 64 * 1024
LARGEST_LIST_FILE = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a CI's job. Whoever wrote what is checked out there may have planted symbolic links in it.

    No `root` is a terminal, where all links are the user's own.
    """

    root: str = ""

    def check(self, path: str, *, spelling: str) -> None:
        """Raises InputError if a link that stands in the workspace leads `path` out of it.

        A path that itself goes elsewhere, such as an absolute one, is the user's word and stays allowed.
        """
        # One that no file can have leads nowhere; whoever opens it tells.
        with suppress(ValueError):
            self._check(path, spelling)

    def _check(self, path: str, spelling: str) -> None:
        if not self.root:
            return
        root = os.path.realpath(self.root)
        here = "/" if path.startswith("/") else _working_folder()
        for part in PurePath(path).parts:
            there = os.path.join(here, part)  # noqa: PTH118 - pathlib would raise for a loop of links
            real = os.path.realpath(there)
            if os.path.islink(there) and _is_within(root, here) and not _is_within(root, real):  # noqa: PTH114 - as above
                raise InputError(
                    f"`{spelling}` names {path!r}, which a symbolic link leads out of the workspace, to {real!r}",
                    "If that is the file you mean, name it by its absolute path.",
                )
            here = real


def _working_folder() -> str:
    try:
        return os.path.realpath(".")
    except OSError:
        return "/"  # it is gone, and with it all that a relative path could name


def _is_within(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file, though it may not exist yet."""
    try:
        return os.path.realpath(one) == os.path.realpath(other)
    except ValueError:
        return False  # no file can have such a path


# A terminal: every link is the user's own.
NO_WORKSPACE = Workspace()


def read_bytes(path: str, limit: int) -> bytes:
    """The content of a regular file, at most one byte more than `limit`. Raises OSError; never waits.

    A pipe or a device could go on for ever: already opening a pipe waits for its writer.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file")
        return file.read(limit + 1)


def read_stdin(limit: int) -> bytes:
    """All of standard input, at most `limit` bytes; nothing if it is closed. Raises OSError."""
    return sys.stdin.buffer.read(limit) if sys.stdin else b""


def read_text(path: str, *, spelling: str, limit: int = LARGEST_LIST_FILE) -> str:
    """The file's text, UTF-8 with or without a byte-order mark. Raises InputError naming input, path and reason."""
    try:
        content = read_bytes(path, limit)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is no path"
        raise InputError(
            f"`{spelling}` names {path!r}, which can't be read: {reason}",
            "Check the path. A step in a container sees its workspace, not the whole machine.",
        ) from None
    if len(content) > limit:
        raise InputError(
            f"`{spelling}` names {path!r}, which is larger than {limit // 1024:,} KiB",
            "Name the right file, or split it.",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"`{spelling}` names {path!r}, which is not UTF-8 text (byte {error.start})", "Save it as UTF-8."
        ) from None


def read_key(path: str, *, spelling: str) -> tuple[SecretStr, str]:
    """The key in a file of one line, and a warning or empty text. Raises InputError, which never shows the content.

    A link is refused, since whoever can set it chooses which secret is sent where.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        # People put the key itself here; whatever is not in a folder that exists may be one.
        is_path = path.startswith(("/", "./", "../")) or (Path(path).parent.name != "" and Path(path).parent.is_dir())
        named = repr(path) if is_path else "a file (not shown, it may be the key itself)"
        raise InputError(
            f"`{spelling}` names {named}, which can't be read: {error.strerror}", "Give the path of a file."
        ) from None
    if stat.S_ISLNK(mode):
        raise InputError(f"`{spelling}` names {path!r}, which is a symbolic link", "Name the file itself.")
    text = read_text(path, spelling=spelling, limit=LARGEST_KEY_FILE).strip()
    if not is_key(text):
        raise InputError(
            f"`{spelling}` names {path!r}, which does not hold a key on one line", "Store the key alone in it."
        )
    others = mode & (stat.S_IRWXG | stat.S_IRWXO)
    warning = (
        f"`{spelling}`: {path!r} can be read by others (mode {stat.S_IMODE(mode):o}); `chmod 600` it" if others else ""
    )
    return SecretStr(text), warning


def write_text(path: str, chunks: Iterable[str]) -> str:
    """Writes the file whole or not at all (a neighbour, then a rename); returns why it could not, or empty text.

    A pipe or a device such as /dev/null is no place for it: the rename would put a file there instead.
    """
    # Not the process id: in containers that is 1 each time.
    neighbour = f"{path}.{os.urandom(4).hex()}.part"
    try:
        if _is_special(path):
            return "it is no regular file"
        # Half a surrogate pair comes out as `\ud800`, which in JSON is what it is.
        with Path(neighbour).open("x", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.writelines(chunks)
        Path(neighbour).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(neighbour).unlink(missing_ok=True)
        return error.strerror or str(error)
    return ""


def _is_special(path: str) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return not stat.S_ISREG(Path(path).stat().st_mode)
    return False
