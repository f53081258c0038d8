"""The image has exactly the parts of the standard library that a run can reach: by reading all its code, and by running it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from har_sandbox import Sandbox
from image.containers import Image, docker
from image.inside import NOT_FOR_RUNS
from image.test_runs import KEY, read_labels

ROOT = Path(__file__).parents[2]
# Every name that some code in the image may import, read from the byte code and not, as tools/rootfs does, from sources.
IMPORTED = """
import dis, importlib.util, json, marshal, pathlib, sysconfig
def codes(code):
    yield code
    for one in code.co_consts:
        if hasattr(one, "co_code"):
            yield from codes(one)
names = set()
for folder in (pathlib.Path(sysconfig.get_path("stdlib")), pathlib.Path("/opt/har-labels/src")):
    for file in folder.rglob("*.py*"):
        if file.parent.name == "__pycache__" or file.suffix not in {".py", ".pyc"}:
            continue
        text = file.read_bytes()
        code = marshal.loads(text[16:]) if file.suffix == ".pyc" else compile(text, str(file), "exec")
        parts = file.relative_to(folder).with_suffix("").parts
        package = ".".join(parts[:-1])
        for one in codes(code):
            for name, level, listed in dis._find_imports(one):
                name = importlib.util.resolve_name("." * level + name, package) if level else name
                names |= {name, *(f"{name}.{part}" for part in listed or ())}
print(json.dumps(sorted(names)))
"""
# Which of the names in a file are modules of the standard library here.
FOUND = """
import json, sys, sysconfig
from importlib.machinery import BuiltinImporter, PathFinder
def find(name):
    parent = name.rpartition(".")[0]
    if not parent:
        home = sysconfig.get_path("stdlib")
        return BuiltinImporter.find_spec(name) or PathFinder.find_spec(name, [home, home + "/lib-dynload"])
    package = find(parent)
    return package and PathFinder.find_spec(name, package.submodule_search_locations or [])
print(json.dumps([name for name in json.load(open("/names")) if find(name)]))
"""
# What C code imports, codecs, and a thread that is still busy when the interpreter ends.
BY_NAME = """
import datetime, decimal, encodings.aliases, hashlib, pickle, ssl, struct, threading, time, zlib
assert "münchen.example".encode("idna") == b"xn--mnchen-3ya.example"
assert time.strptime("2026-11-26", "%Y-%m-%d").tm_yday == 330
assert datetime.datetime.strptime("26 Nov 2026", "%d %b %Y").month == 11
assert pickle.loads(pickle.dumps(datetime.date(2026, 11, 26), 0)).day == 26
assert decimal.Decimal("0.1") + 1 == decimal.Decimal("1.1")
assert hashlib.sha256(zlib.compress(struct.pack("q", 1))).hexdigest()
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 0, "no certificates where OpenSSL looks"
assert "\\N{MICRO SIGN}" == "\u00b5"
for codec in sorted(set(encodings.aliases.aliases.values()) - {"mbcs", "oem"}):
    codecs = __import__("codecs").lookup(codec)
def busy():
    while True:
        time.sleep(0.0001)
for _ in range(20):
    threading.Thread(target=busy, daemon=True).start()
"""


def python(image: str, script: str, *options: str) -> str:
    """What a script prints in a container of an image."""
    return docker("run", "--rm", "--network=host", "--entrypoint=python3", *options, image, "-IBXutf8", "-c", script)


def test_nothing_imported_is_missing(image: Image, tmp_path: Path) -> None:
    """Every module that any code in the image may import, ours, a library's or Python's own, is there if the base has it."""
    names = json.loads(python(image.name, IMPORTED))
    assert {"har_labels.main", "requests.adapters", "email.message", "tomllib"} <= set(names)
    file = tmp_path / "names"
    file.write_text(json.dumps(names))
    mount = f"--volume={file}:/names:ro"
    there, here = (set(json.loads(python(one, FOUND, mount))) for one in (image.base, image.name))
    assert len(here) > 100
    assert {name for name in there - here if name.partition(".")[0] not in NOT_FOR_RUNS} == set()


def test_finds_what_is_asked_for_by_name_alone(image: Image) -> None:
    """Codecs, what C code imports, certificates, and the library for threads that end with the interpreter are there."""
    for _ in range(3):
        assert python(image.name, BY_NAME) == ""


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A registry on loopback with one labelled artifact."""
    with Sandbox(profile="saas", api_key=KEY) as running:
        running.add_artifact("acme/ml/models", "resnet50", package_type="DOCKER", labels=["stage=dev"])
        yield running


def test_looks_a_name_up(image: Image, box: Sandbox) -> None:
    """A registry is found by its name; an unknown name is an error that contains it."""
    port = box.url.rpartition(":")[2]
    options = ["--add-host=registry.example:127.0.0.1", "--add-host=xn--mnchen-3ya.example:127.0.0.1"]
    known = ("localhost", "registry.example", "xn--mnchen-3ya.example")
    for host, expected in [*((host, 0) for host in known), ("unknown.invalid", 7)]:
        inputs = read_labels(f"http://{host}:{port}") | {"allow-http": "true", "retries": "0", "deadline": "20"}
        variables = {f"INPUT_{name.upper()}": value for name, value in inputs.items()} | {"GITHUB_ACTIONS": "true"}
        code, log = image.run(options=options, environment=variables)
        assert code == expected, log
        assert ("stage=dev" if code == 0 else host) in log


@pytest.fixture(scope="session")
def libraries(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pytest for the image's Python: this environment's own, or made where that is for another Python."""
    version = python(image.name, "import sys; print('{}.{}'.format(*sys.version_info))")
    if version == "{}.{}".format(*sys.version_info):
        return Path(pytest.__file__).parents[1]
    folder = tmp_path_factory.mktemp("libraries")
    wanted = ["--only-binary=:all:", "--no-deps", "--require-hashes", f"--requirement={ROOT}/requirements/dev.txt"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", f"--target={folder}", f"--python-version={version}"]
    subprocess.run([*command, *wanted], timeout=300, check=True)
    return folder


@pytest.fixture(scope="session")
def base(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The base's files, outside of any container; in `commands` those that the tests call, with the base's libraries."""
    folder = tmp_path_factory.mktemp("base")
    container = docker("create", image.base, "nothing")
    try:
        unpack = f"docker export {container} | tar x -C {folder} usr"
        subprocess.run(["sh", "-c", unpack], timeout=120, check=True)
    finally:
        docker("rm", container)
    (folder / "commands").mkdir()
    for name in ("bash", "openssl"):
        command = folder / "commands" / name
        places = ":".join(f"/base/{found.relative_to(folder)}" for found in folder.glob("usr/lib/*-linux-gnu"))
        command.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={places} exec /base/usr/bin/{name} "$@"\n')
        command.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder], timeout=60, check=True)  # so that pytest can delete it


def test_the_tests_of_registry_and_engine_pass_in_it(image: Image, base: Path, libraries: Path) -> None:
    """Registry, transport, TLS, proxies and faults work with the image's Python, and no module is looked for in vain."""
    mounts = {
        ROOT / "tests": "/opt/har-labels/tests",
        ROOT / "pyproject.toml": "/opt/har-labels/pyproject.toml",
        ROOT / "schemas": "/opt/har-labels/schemas",
        ROOT / "src" / "har_sandbox": "/opt/har-labels/src/har_sandbox",
        libraries: "/libraries",
        base: "/base",
    }
    options = [f"--volume={here}:{there}:ro" for here, there in mounts.items()]
    options += ["--tmpfs=/tmp:exec,mode=1777", f"--user={os.getuid()}:{os.getgid()}", "--workdir=/tmp"]
    options += ["--entrypoint=python3", "--env=PATH=/usr/local/bin:/usr/bin:/bin:/base/commands"]
    words = ["-q", "-p", "no:cacheprovider", "--rootdir=/opt/har-labels", "-c", "/opt/har-labels/pyproject.toml"]
    run = ["-IBXutf8", "/opt/har-labels/tests/image/inside.py", "/base", "/libraries"]
    folders = [f"/opt/har-labels/tests/{room}" for room in ("registry", "engine")]
    with image.start(*run, *words, *folders, options=options) as container:
        code, log = container.wait(seconds=400), container.log()
    assert code == 0, log
    assert " passed" in log
