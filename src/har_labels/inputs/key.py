"""The API key: its sources, the checks of it, and its masking.

`platforms` hides masked keys in everything that is printed or published.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from har_labels.errors import InputError
from har_labels.files import Workspace, read_text
from har_labels.inputs.flaws import NULL, unresolved
from har_labels.inputs.names import InputValue
from har_labels.platforms.platform import Platform
from har_labels.platforms.redactor import SHORTEST_KEY_TO_LOOK_FOR
from har_labels.text import named, number

LARGEST_KEY_FILE = 64 * 1024
# No flag takes the key: a command line is visible to every process of the machine.
HOW_TO_GIVE_THE_KEY = "Set HAR_LABELS_API_KEY in the environment, or name a file with `--api-key-file`."
NO_KEY = SecretStr("")
# Printable ASCII without blanks, as a header can carry it.
_KEY = re.compile("[!-~]+")


def holds_key(text: str, key: SecretStr) -> bool:
    """Whether a text contains the key. False for a very short key, which other texts contain by chance."""
    secret = key.get_secret_value()
    return len(secret) >= SHORTEST_KEY_TO_LOOK_FOR and secret in text


def mask_keys(environ: Mapping[str, str], platform: Platform) -> None:
    """Masks every API key in the environment, under any prefix, for a command that needs none."""
    for name, text in environ.items():
        if re.sub("[- ]", "_", name.lower()).endswith("api_key"):
            platform.mask(text.strip())


def read_key(
    given: Mapping[str, InputValue], platform: Platform, *, may_be_missing: bool
) -> tuple[SecretStr, tuple[str, ...]]:
    """The key, masked from here on, and warnings about it. Raises InputError, which never shows it.

    Returns NO_KEY if the input is an expression that no CI resolved, which is reported as for any input, or if it is
    missing and `may_be_missing`.
    """
    name = next((name for name in ("api_key", "api_key_file") if name in given), "")
    text = given[name].strip() if name else ""
    if name == "api_key" and text != NULL:
        platform.mask(text)  # even an invalid text may be the key
    if text == NULL or unresolved(text) or (not name and may_be_missing):
        return NO_KEY, ()
    if not name:
        why, how = platform.key_hint()
        raise InputError(f"`{named('api_key')}` is missing{f': {why}' if why else ''}", how or HOW_TO_GIVE_THE_KEY)
    warnings: tuple[str, ...] = ()
    if name == "api_key_file":
        Workspace(platform.workspace).check(text, spelling=named(name))
        text, warnings = _in_file(text)
        platform.mask(text)
    elif not _KEY.fullmatch(text):
        raise InputError(
            f"`{named(name)}` can't be a key: it holds blanks, line ends or characters that no key has",
            "Store the key alone, on one line.",
        )
    if len(text) < SHORTEST_KEY_TO_LOOK_FOR:
        length = number(len(text), "character")
        short = f"the key of `{named(name)}` has {length}: a key this short is hidden only where it is a word by itself"
        warnings = (*warnings, short)
    return SecretStr(text), warnings


def _in_file(path: str) -> tuple[str, tuple[str, ...]]:
    """The key in a file of one line, and warnings about the file. Raises InputError, which never shows the content.

    A symbolic link is refused: its author would choose which secret is sent.
    """
    spelling = named("api_key_file")
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        # People put the key itself here; a text that does not name an existing folder may be one.
        is_path = path.startswith(("/", "./", "../")) or (Path(path).parent.name != "" and Path(path).parent.is_dir())
        shown = repr(path) if is_path else "a file (not shown, it may be the key itself)"
        what = f"`{spelling}` names {shown}, which can't be read: {error.strerror}"
        raise InputError(what, "Give the path of a file.") from None
    if stat.S_ISLNK(mode):
        raise InputError(f"`{spelling}` names {path!r}, which is a symbolic link", "Name the file itself.")
    text = read_text(path, spelling=spelling, limit=LARGEST_KEY_FILE).strip()
    if not _KEY.fullmatch(text):
        what = f"`{spelling}` names {path!r}, which does not hold a key on one line"
        raise InputError(what, "Store the key alone in it.")
    if _has_modes() and mode & (stat.S_IRWXG | stat.S_IRWXO):
        warning = f"`{spelling}`: {path!r} can be read by others (mode {stat.S_IMODE(mode):o}); `chmod 600` it"
        return text, (warning,)
    return text, ()


def _has_modes() -> bool:
    """False on Windows, which reports mode 666 for every file."""
    return os.name == "posix"
