"""tools/rootfs by itself: which modules it finds for an import, and how it takes a file. Needs no Docker."""

import os
import sysconfig
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
STANDARD = Path(sysconfig.get_path("stdlib"))


@pytest.fixture(scope="module")
def rootfs() -> ModuleType:
    """The script as a module; it has no ending, and runs nothing when it is loaded."""
    loader = SourceFileLoader("rootfs", str(ROOT / "tools" / "rootfs"))
    spec = spec_from_loader("rootfs", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    module.imports_of = cache(module.imports_of)  # a test each, and each reads the same two hundred files
    return module


def needed(rootfs: ModuleType, folder: Path, source: str, path: str = "ours/part.py") -> set[str]:
    """The modules that a package with this one source needs."""
    file = folder / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    return set(rootfs.needed_modules(folder))


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import wave", "wave"),
        ("import xml.dom.minidom as dom", "xml.dom.minidom"),
        ("from http import HTTPStatus, server", "http.server"),
        ("from xml.dom import minidom", "xml.dom.minidom"),
        ("from wave import *", "wave"),
        ("def later():\n    import wave", "wave"),
        ("class A:\n    async def later(self):\n        from wave import Error", "wave"),
        ("try:\n    import wave\nexcept ImportError:\n    pass", "wave"),
        ("if __name__ == 'never':\n    import wave", "wave"),
        ("import importlib\nimportlib.import_module('wave')", "wave"),
        ("__import__('wave')", "wave"),
    ],
)
def test_finds_every_kind_of_import(rootfs: ModuleType, tmp_path: Path, source: str, module: str) -> None:
    """However and wherever a module is imported, it and the packages it lies in are needed."""
    found = needed(rootfs, tmp_path, source)
    parents = module.split(".")
    assert {".".join(parents[:end]) for end in range(1, len(parents) + 1)} <= found
    assert module not in needed(rootfs, tmp_path / "other", "import json"), "the example is too common"


def test_follows_imports_through_the_library(rootfs: ModuleType, tmp_path: Path) -> None:
    """What a module of the standard library imports is needed too, to the end: relative imports and compiled modules."""
    found = needed(rootfs, tmp_path, "import json, sqlite3")
    assert {"json.decoder", "json.scanner", "sqlite3.dbapi2", "_sqlite3", "re", "enum", "os", "stat"} <= found


def test_takes_relative_imports_for_what_they_are(rootfs: ModuleType, tmp_path: Path) -> None:
    """`from . import wave` in a package is that package's own module, at any depth, and needs nothing of Python's."""
    source = "from . import wave\nfrom .wave import x\nfrom .. import wave\nfrom ..wave import x"
    assert "wave" not in needed(rootfs, tmp_path, source, "ours/inner/part.py")
    assert "wave" not in needed(rootfs, tmp_path / "package", source, "ours/inner/__init__.py")


@pytest.mark.parametrize(
    "module", ["encodings.idna", "encodings.cp1252", "stringprep", "_strptime", "site", "_compat_pickle"]
)
def test_knows_what_the_interpreter_looks_up_by_itself(rootfs: ModuleType, tmp_path: Path, module: str) -> None:
    """Codecs and what C code imports are needed, though no statement names them."""
    assert module in needed(rootfs, tmp_path, "")


def test_reads_the_names_in_compiled_modules(rootfs: ModuleType, tmp_path: Path) -> None:
    """A module that a compiled one of a dependency imports is needed."""
    compiled = tmp_path / "ours" / "_fast.so"
    compiled.parent.mkdir()
    compiled.write_bytes(b"\x7fELF\0..\0wave\0import of xml.dom in a sentence\0")
    found = rootfs.needed_modules(tmp_path)
    assert "wave" in found
    assert "xml.dom" not in found


@pytest.mark.parametrize("name", ["no_such_module", "no_such.module", "json.no_such", "json.decoder.JSONDecoder"])
def test_passes_over_what_is_no_module(rootfs: ModuleType, tmp_path: Path, name: str) -> None:
    """Other packages, other systems' modules and names inside of a module are no files of the standard library."""
    assert name not in needed(rootfs, tmp_path, f"import {name}")


def test_finds_files_in_the_standard_library_alone(rootfs: ModuleType, tmp_path: Path) -> None:
    """Each module found is a file that is there, in Python's own folder and not in an environment's."""
    needed(rootfs, tmp_path, "import json, pytest, requests")
    for file in rootfs.needed_modules(tmp_path).values():
        assert file.is_file()
        assert file.is_relative_to(STANDARD)
        assert "site-packages" not in file.parts


def test_takes_a_file_with_the_links_to_it(rootfs: ModuleType, tmp_path: Path) -> None:
    """Through links of folders and files, relative and absolute, each link and the file are at their own places."""
    base, target = tmp_path / "base", tmp_path / "root"
    (base / "usr" / "bin").mkdir(parents=True)
    (base / "usr" / "bin" / "dash").write_text("x")
    (base / "usr" / "bin" / "dash").chmod(0o755)
    (base / "usr" / "bin" / "sh").symlink_to("dash")
    (base / "bin").symlink_to("usr/bin")
    (base / "alternative").symlink_to(base / "bin" / "sh")
    root = rootfs.Root(target)
    for _ in range(2):  # a second time changes nothing
        assert root.take(base / "alternative") == base / "usr" / "bin" / "dash"
    there = target / base.relative_to("/")
    assert (there / "alternative").readlink() == base / "bin" / "sh"
    assert (there / "bin").readlink() == Path("usr/bin")
    assert (there / "bin" / "sh").readlink() == Path("dash")
    assert (there / "usr" / "bin" / "dash").stat().st_mode & 0o777 == 0o755
    assert base / "bin" not in root.taken, "a folder belongs to no package"


def test_names_the_libraries_of_a_program(rootfs: ModuleType) -> None:
    """A program's libraries and their loader are found, and the one that glibc opens when a thread ends."""
    names = {Path(path).name for path in rootfs.libraries([Path("/bin/sh").resolve()])}
    assert {"libc.so.6", "libgcc_s.so.1"} <= names
    assert [name for name in names if name.startswith("ld-linux")]


def test_a_command_that_the_base_lacks_is_an_error(rootfs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base without one of the commands makes no image; the message names it."""
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SystemExit, match="no tar"):
        rootfs.programs_called("tar")
