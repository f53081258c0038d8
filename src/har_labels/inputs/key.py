"""The API key: what can be one, and where it is read from."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from pydantic import SecretStr

from har_labels.errors import InputError
from har_labels.files import read_text

LARGEST_KEY_FILE = 64 * 1024
# Where a key lives in a header: printable ASCII without blanks.
_KEY = re.compile("[!-~]+")


def is_key(text: str) -> bool:
    """Whether a text can be sent as a key: printable ASCII without blanks, and nothing that ends a header."""
    return bool(_KEY.fullmatch(text))


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
    # Windows tells 666 of every file, whoever may read it.
    others = mode & (stat.S_IRWXG | stat.S_IRWXO) if _has_modes() else 0
    warning = (
        f"`{spelling}`: {path!r} can be read by others (mode {stat.S_IMODE(mode):o}); `chmod 600` it" if others else ""
    )
    return SecretStr(text), warning


def _has_modes() -> bool:
    return os.name == "posix"
