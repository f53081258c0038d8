"""What is in the image, and what is not."""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

import pytest

from image.containers import Image, describe

HOME = "opt/har-labels"
MOST_IN_ALL = 20_000_000
# What tools/rootfs writes itself: the loader's index, and the link by which OpenSSL finds the certificates.
MADE = {"etc/ld.so.cache", "usr/lib/ssl/cert.pem"}
BYTE_CODE = """
import importlib.util, pathlib
for source in pathlib.Path("/opt/har-labels/src").rglob("*.py"):
    compiled = pathlib.Path(importlib.util.cache_from_source(source))
    head = compiled.read_bytes()[:8] if compiled.exists() else b""
    if head != importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little"):
        print(source)
"""


@pytest.fixture(scope="session")
def layers(image: Image) -> list[bytes]:
    """The image's layers, as the daemon would push them, not yet compressed."""
    saved = subprocess.run(["docker", "save", image.name], capture_output=True, timeout=300, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        names = json.load(manifest)[0]["Layers"]
        return [file.read() for name in names if (file := archive.extractfile(name))]


@pytest.fixture(scope="session")
def files(layers: list[bytes]) -> dict[str, bytes]:
    """Every plain file in it with what is in it."""
    found: dict[str, bytes] = {}
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            found |= {one.name: file.read() for one in archive if one.isreg() and (file := archive.extractfile(one))}
    return found


@pytest.fixture(scope="session")
def members(layers: list[bytes]) -> list[tarfile.TarInfo]:
    """Every file, link and folder in it."""
    found: list[tarfile.TarInfo] = []
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            found += archive.getmembers()
    return found


def test_a_first_use_pulls_at_most_twenty_megabytes(layers: list[bytes], note: Callable[[str], None]) -> None:
    """All of the image, base included, has at most 20 MB, compressed as a registry stores it."""
    size = sum(len(layer if layer.startswith(b"\x1f\x8b") else gzip.compress(layer, 6)) for layer in layers)
    note(f"image: {size / 1e6:.2f} MB compressed in all")
    assert size <= MOST_IN_ALL


def test_changes_nothing_of_its_base(image: Image, files: Mapping[str, bytes]) -> None:
    """Beside our folder, byte code and the packages' entries each file is the base's own, in its place."""
    command = ["tar", "cf", "-", "--dereference", "--ignore-failed-read", "-C", "/", "etc", "usr", "var/lib/dpkg"]
    run = ["docker", "run", "--rm", "--network=host", image.base, *command]
    base = subprocess.run(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, check=False).stdout
    with tarfile.open(fileobj=io.BytesIO(base)) as archive:
        theirs = {one.name: one for one in archive}
        for name, content in files.items():
            path = PurePosixPath(name)
            if path.is_relative_to(HOME) or path.suffix == ".pyc" or path.is_relative_to("var/lib/dpkg/status.d"):
                continue
            if name not in MADE:
                file = archive.extractfile(theirs[name])
                assert file is not None
                assert file.read() == content, name


@pytest.mark.parametrize(
    "package",
    ["har_sandbox", "pip", "setuptools", "github", "nacl", "cryptography", "jwt", "cffi", "pytest", "tests", "bin"],
)
def test_leaves_out_what_no_step_needs(members: list[tarfile.TarInfo], package: str) -> None:
    """The sandbox, pip, PyGithub with its tree and the tools of development are not in the image."""
    assert not [member.name for member in members if member.name == f"{HOME}/src/{package}"]


@pytest.mark.parametrize(
    "name", ["pip", "ensurepip", "venv", "idlelib", "tkinter", "lib2to3", "test", "unittest", "pydoc", "sqlite3"]
)
def test_leaves_out_what_no_import_reaches(members: list[tarfile.TarInfo], name: str) -> None:
    """Parts of Python's own library that the product can't reach are not in the image, nor is a package manager."""
    paths = [PurePosixPath(member.name) for member in members]
    assert name not in {path.name.split(".")[0] for path in paths}
    commands = {path.name for path in paths if path.parent.name in {"bin", "sbin"}}
    assert commands.isdisjoint({"apt", "apt-get", "dpkg", "perl", "bash", "su", "mount"})


def test_keeps_every_licence(files: Mapping[str, bytes]) -> None:
    """Each package in the image has its METADATA and its licence, and so has ours."""
    infos = {name.partition(".dist-info/")[0] + ".dist-info" for name in files if ".dist-info/" in name}
    assert infos
    for info in infos:
        inside = [name.removeprefix(info + "/") for name in files if name.startswith(info + "/")]
        assert "METADATA" in inside
        assert [name for name in inside if "LICEN" in name.upper()], info
    assert f"{HOME}/LICENSE" in files


def test_names_every_debian_package(image: Image, files: Mapping[str, bytes], members: list[tarfile.TarInfo]) -> None:
    """Scanners find each package that a file was taken of in status.d, with its version, and readers its licence."""
    listed = {name.rpartition("/")[2]: files[name].decode() for name in files if "dpkg/status.d/" in name}
    # dpkg's own word on who owns a file; before Debian 13 it knows some by a path through the link /lib
    paths = [f"/{one.name}" for one in members if not one.isdir() and not one.name.startswith((HOME, "usr/share"))]
    paths += [path.removeprefix("/usr") for path in paths if path.startswith("/usr/")]
    paths += [path.removesuffix("c") for path in paths if path.endswith(".pyc")]
    command = ["docker", "run", "--rm", "--network=host", image.base, "dpkg-query", "--search", *paths]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    found = (line.partition(": ") for line in told.splitlines() if not line.startswith("diversion"))
    owners = {owner.partition(":")[0] for owner, _, path in found if path not in {"/bin", "/lib", "/lib64"}}
    assert owners | {"ca-certificates"} == set(listed)
    for package, entry in listed.items():
        assert entry.startswith(f"Package: {package}\n")
        assert "\nVersion: " in entry
        assert "\nStatus: install ok installed\n" in entry
        assert [one for one in members if f"{one.name}/".startswith(f"usr/share/doc/{package}/")]
    assert [name for name in files if name.endswith("/LICENSE.txt")]  # Python's own


def test_serves_any_user(members: list[tarfile.TarInfo]) -> None:
    """Every file can be read by any uid, none can be changed by another than root, none raises rights."""
    odd = [
        f"{member.mode:o} {member.name}"
        for member in members
        if not member.issym() and (member.mode & 0o6022 or not member.mode & 0o004 or member.uid or member.gid)
    ]
    assert odd in (["41777 tmp"], ["1777 tmp"])


def test_is_byte_compiled(image: Image) -> None:
    """Every source of ours has byte code for this Python that is used without a look at it."""
    code, log = image.run("-IBc", BYTE_CODE, options=["--entrypoint", "python3"])
    assert (code, log) == (0, "")


def test_has_a_plain_configuration(image: Image) -> None:
    """No user, no working directory, no command; the entrypoint is one absolute path and needs no shell."""
    config = describe(image.name)["Config"]
    assert (config["User"], config["WorkingDir"], config["Cmd"]) == ("", "", None)
    assert config["Entrypoint"] == ["/opt/har-labels/entrypoint"]
    assert config["Env"] == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def test_says_what_it_is(image: Image) -> None:
    """The OCI labels name the image, say what it does and under which licence."""
    labels = describe(image.name)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "har-labels"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert "labels of artifacts" in labels["org.opencontainers.image.description"]
