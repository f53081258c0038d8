"""The key: its sources, its form, and that no error shows it (contract §2, §5)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from canary import KEY
from ci.steps import CIS, spelling
from har_labels.text import spelt
from inputs.asking import ask, refusals

FROM_FILE = {"api-key": ""}


@pytest.fixture
def key_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a key file that only its owner can read."""

    def write(content: bytes = KEY.encode(), mode: int = 0o600) -> Path:
        path = tmp_path / "key"
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"{KEY}\r\n", f" {KEY} \n\n", f"\ufeff{KEY}"])
def test_a_key_file_of_one_line(ci: str, content: str, key_file: Callable[..., Path]) -> None:
    """A file that holds just the key gives it, line end, blanks around it and byte-order mark apart."""
    configuration = ask(ci, {**FROM_FILE, "api-key-file": str(key_file(content.encode()))})
    assert configuration.key.get_secret_value() == KEY
    assert not configuration.warnings


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not hold a key on one line"),
        (b"\n \n", "does not hold a key on one line"),
        (f"{KEY}\n{KEY}\n".encode(), "does not hold a key on one line"),
        (f"key = {KEY}".encode(), "does not hold a key on one line"),
        (f"{KEY}\x00".encode(), "does not hold a key on one line"),
        (f"{KEY}é".encode(), "does not hold a key on one line"),
        (b"\xff\xfe" + KEY.encode("utf-16-le"), "is not UTF-8 text (byte 0)"),
        (KEY.encode() * 4000, "is larger than 64 KiB"),
    ],
    ids=["empty", "blank", "two-lines", "with-a-name", "nul", "not-ascii", "utf-16", "large"],
)
def test_other_key_files_are_refused(content: bytes, why: str, key_file: Callable[..., Path]) -> None:
    """A file with anything but one key is refused, naming the file and showing nothing of it."""
    path = key_file(content)
    ((what, cure),) = refusals("harness", {**FROM_FILE, "api-key-file": str(path)})
    assert what == f"`api_key_file` names {str(path)!r}, which {why}"
    assert cure


def test_files_that_are_not_key_files(tmp_path: Path, key_file: Callable[..., Path]) -> None:
    """A missing file, a folder and a link to a good key file are refused."""
    link = tmp_path / "link"
    link.symlink_to(key_file())
    no_file, folder = "can't be read: No such file or directory", "can't be read: Is a directory"
    for path, why in ((tmp_path / "nope", no_file), (link, "is a symbolic link"), (tmp_path, folder)):
        ((what, _),) = refusals("github", {**FROM_FILE, "api-key-file": str(path)})
        assert what == f"`api-key-file` names {str(path)!r}, which {why}"


def test_a_pipe_is_not_a_key_file(tmp_path: Path) -> None:
    """A named pipe that nobody writes to is refused at once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ((what, _),) = refusals("github", {**FROM_FILE, "api-key-file": str(pipe)})
    assert what == f"`api-key-file` names {str(pipe)!r}, which can't be read: it is not a regular file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_warns(mode: int, key_file: Callable[..., Path]) -> None:
    """The key is taken, with a warning that names the input, the file and its mode."""
    path = key_file(mode=mode)
    configuration = ask("terminal", {**FROM_FILE, "api-key-file": str(path)})
    assert tuple(spelt(line, configuration.publishing.spell) for line in configuration.warnings) == (
        f"`HAR_LABELS_API_KEY_FILE`: {str(path)!r} can be read by others (mode {mode:o}); `chmod 600` it",
    )


def test_windows_gives_no_warning_about_a_key_file(
    key_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There every file has mode 666, and `chmod` does not help, so there is no warning."""
    path = str(key_file(mode=0o666))
    monkeypatch.setattr("har_labels.inputs.key._has_modes", lambda: False)
    configuration = ask("terminal", {**FROM_FILE, "api-key-file": path})
    assert (configuration.warnings, configuration.key.get_secret_value()) == ((), KEY)


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    "text", [f"{KEY} {KEY}", f"{KEY}\nX-Evil: 1", f"{KEY}\r\nx", f"Bearer {KEY}", f"{KEY}é", f"{KEY}\t1", f"{KEY}\x7f"]
)
def test_what_can_be_no_key(ci: str, text: str) -> None:
    """Blanks, line ends, control characters and anything beyond ASCII can't be a key, and are not shown."""
    said = refusals(ci, {"api-key": text})
    name = spelling(ci, "api-key")
    assert said == [
        (
            f"`{name}` can't be a key: it holds blanks, line ends or characters that no key has",
            "Store the key alone, on one line.",
        )
    ]


def test_a_key_is_trimmed() -> None:
    """Line ends around a key, as secrets often have, are not part of it."""
    assert ask("github", {"api-key": f" {KEY}\n"}).key.get_secret_value() == KEY


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    "name",
    ["labels", "artifact", "registry-ref", "mode", "report-file", "metrics-file", "timeout", "api-url", "require"],
)
def test_the_key_in_another_input(ci: str, name: str) -> None:
    """An input that contains the key is refused without being shown, and not looked at any further."""
    said = refusals(ci, {name: f"https://x/{KEY}?y"})
    assert said == [
        (f"`{spelling(ci, name)}` contains the key", "The key belongs in its own input only; it is not shown here.")
    ]


def test_the_key_of_a_file_in_another_input(key_file: Callable[..., Path]) -> None:
    """A key from a file is found in other inputs, too."""
    ((what, _),) = refusals("github", {**FROM_FILE, "api-key-file": str(key_file()), "labels": f"token={KEY}"})
    assert what == "`labels` contains the key"


def test_an_unresolved_key() -> None:
    """A key that Harness did not resolve is reported as an unresolved expression, and no request is sent."""
    said = refusals("harness", {"api-key": '<+secrets.getValue("har_api_key")>'})
    assert len(said) == 1
    assert said[0][0].startswith("`api_key` is ")
    assert said[0][0].endswith("an expression that Harness did not resolve")


def test_a_short_key_is_not_looked_for() -> None:
    """A key of a few characters would be found in innocent inputs; it is taken as it is."""
    assert not refusals("github", {"api-key": "a", "labels": "alpha"})


def test_a_key_given_as_the_path_of_its_file_is_not_shown() -> None:
    """A key in `api-key-file` itself is an error that does not show it."""
    ((what, _),) = refusals("github", {**FROM_FILE, "api-key-file": "a1b2c3d4e5f6g7h8"})
    assert (
        what
        == "`api-key-file` names a file (not shown, it may be the key itself), which can't be read: No such file or directory"
    )
