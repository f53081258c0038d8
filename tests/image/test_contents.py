"""What is in the image, and what is not."""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

from image.containers import Image, describe

HOME = "opt/har-labels"
MOST_ADDED = 6_000_000
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
    """The layers that the image adds to its base, as the daemon would push them, not yet compressed."""
    added = len(describe(image.name)["RootFS"]["Layers"]) - len(describe(image.base)["RootFS"]["Layers"])
    saved = subprocess.run(["docker", "save", image.name], capture_output=True, timeout=300, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        names = json.load(manifest)[0]["Layers"][-added:]
        return [file.read() for name in names if (file := archive.extractfile(name))]


@pytest.fixture(scope="session")
def members(layers: list[bytes]) -> list[tarfile.TarInfo]:
    """Every file and folder in those layers."""
    found: list[tarfile.TarInfo] = []
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            found += archive.getmembers()
    return found


def test_adds_at_most_six_megabytes(layers: list[bytes], note: Callable[[str], None]) -> None:
    """The image adds at most 6 MB to its base, compressed as a registry stores it."""
    added = sum(len(layer if layer.startswith(b"\x1f\x8b") else gzip.compress(layer, 6)) for layer in layers)
    note(f"image: {added / 1e6:.2f} MB compressed added to its base")
    assert added <= MOST_ADDED


def test_adds_one_folder(members: list[tarfile.TarInfo]) -> None:
    """Beside one folder of ours the base only gets byte code of its own modules; nothing else of it changes."""
    files = {PurePosixPath(member.name) for member in members if not member.isdir()}
    outside = {file for file in files if not file.is_relative_to(HOME)}
    assert {file for file in outside if file.parent.name != "__pycache__" or file.suffix != ".pyc"} == set()


@pytest.mark.parametrize(
    "package",
    ["har_sandbox", "pip", "setuptools", "github", "nacl", "cryptography", "jwt", "cffi", "pytest", "tests", "bin"],
)
def test_leaves_out_what_no_step_needs(members: list[tarfile.TarInfo], package: str) -> None:
    """The sandbox, pip, PyGithub with its tree and the tools of development are not in the image."""
    assert not [member.name for member in members if member.name == f"{HOME}/src/{package}"]


def test_keeps_every_licence(members: list[tarfile.TarInfo]) -> None:
    """Each package we pass on comes with its METADATA and its licence, and we with ours."""
    names = [member.name for member in members]
    infos = {name for name in names if name.endswith(".dist-info")}
    assert infos
    for info in infos:
        inside = [name.removeprefix(info + "/") for name in names if name.startswith(info + "/")]
        assert "METADATA" in inside
        assert [name for name in inside if "LICEN" in name.upper()], info
    assert f"{HOME}/LICENSE" in names


def test_serves_any_user(members: list[tarfile.TarInfo]) -> None:
    """Every file can be read by any uid, none can be changed by another than root, none raises rights."""
    odd = [
        f"{member.mode:o} {member.name}"
        for member in members
        if not member.issym() and (member.mode & 0o6022 or not member.mode & 0o004 or member.uid or member.gid)
    ]
    assert odd == []


def test_is_byte_compiled(image: Image) -> None:
    """Every source of ours has byte code for this Python that is used without a look at it."""
    code, log = image.run("-IBc", BYTE_CODE, options=["--entrypoint", "python3"])
    assert (code, log) == (0, "")


def test_has_a_plain_configuration(image: Image) -> None:
    """No user, no working directory, no command; the entrypoint is one absolute path and needs no shell."""
    config, base = describe(image.name)["Config"], describe(image.base)["Config"]
    assert (config["User"], config["WorkingDir"], config["Cmd"]) == ("", "", None)
    assert config["Entrypoint"] == ["/opt/har-labels/entrypoint"]
    # docker itself gives an image with no PATH the usual one
    assert [line for line in set(config["Env"]) - set(base["Env"] or []) if not line.startswith("PATH=")] == []


def test_says_what_it_is(image: Image) -> None:
    """The OCI labels name the image, say what it does and under which licence."""
    labels = describe(image.name)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "har-labels"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert "labels of artifacts" in labels["org.opencontainers.image.description"]
