"""The drawings of the code are true: who imports whom, what is pure, and that importing does nothing."""

from __future__ import annotations

import ast
import dataclasses
import graphlib
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import har_labels
from docs.imports import PACKAGE, modules, reached

ROOT = PACKAGE.parents[1]
GRAPH = modules()
# A library, and the modules that hide it.
HIDDEN = {
    "requests": {"registry.transport", "registry.connections", "registry.certificates"},
    "urllib3": {"registry.transport", "registry.connections", "registry.certificates"},
    "actions_toolkit": {"platforms.github"},
    "jinja2": {"templates.parser"},
    "ruamel": {"inputs.yaml"},
    "tqdm": {"platforms.progress"},
    "argparse": {"inputs.flags"},
}
PURE_ROOMS = {"templates", "report", "model", "text", "errors"}
# Those of other rooms that are pure as well: which labels and artifacts are meant.
PURE_TOO = {
    "inputs.lists",
    "inputs.flaws",
    "request.patterns",
    "request.label_spec",
    "request.policy",
    "engine.upserts",
    "platforms.redactor",
    "platforms.dotenv",
    "platforms.mounts",
    "platforms.categories",
}
EFFECTS = {
    "os", "sys", "io", "pathlib", "time", "random", "secrets", "socket", "ssl", "http", "threading", "signal",
    "subprocess", "shutil", "tempfile", "requests", "urllib3", "actions_toolkit", "tqdm",
}  # fmt: skip
CIS = {"platforms.github", "platforms.harness", "platforms.terminal"}


def room_of(name: str) -> str:
    """The room of a module: its folder, or the module itself if it is at the top."""
    return name.partition(".")[0]


PURE = sorted(name for name in GRAPH if room_of(name) in PURE_ROOMS or name in PURE_TOO)
SIDE_BY_SIDE = {"registry", "report", "templates"}
LONGEST_FUNCTION = 40
# From top to bottom, as the package's docstring draws them.
ROOMS = re.findall(r"^    ([a-z_]+) {2,}\S", har_labels.__doc__ or "", re.MULTILINE)


def roots(name: str) -> set[str]:
    """The libraries that a module imports."""
    return {imported.partition(".")[0] for imported in GRAPH[name].others}


@pytest.mark.parametrize("library", HIDDEN)
def test_a_library_is_hidden_behind_its_modules(library: str) -> None:
    """Each library that could be replaced is imported by the modules that hide it, and by no other."""
    assert {name for name in GRAPH if library in roots(name)} == HIDDEN[library]


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_reach_no_effect(name: str) -> None:
    """A pure module reaches, through others too, nothing that reads a file, a clock, the environment or the network."""
    effects = {one: roots(one) & EFFECTS for one in reached(name, GRAPH)}
    assert {one: found for one, found in effects.items() if found} == {}


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_ask_no_clock_and_open_nothing(name: str) -> None:
    """A pure module calls neither `open` nor `now`, `today` or `utcnow`: both are arguments."""
    calls = [
        node.func for node in ast.walk(ast.parse(GRAPH[name].path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    names = {
        call.attr if isinstance(call, ast.Attribute) else call.id
        for call in calls
        if isinstance(call, ast.Attribute | ast.Name)
    }
    assert names & {"open", "now", "today", "utcnow", "input", "print"} == set()


def test_no_ci_knows_another() -> None:
    """A CI's module imports no other CI's, so a new one is one file."""
    for name in CIS:
        assert {one for one in CIS - {name} if one in _reached_below(name)} == set()


def test_only_main_knows_the_whole() -> None:
    """Only the start imports main, and only main imports a run."""
    assert {name for name, module in GRAPH.items() if "main" in module.ours} == {"__main__"}
    assert {name for name, module in GRAPH.items() if "engine.run" in module.ours} == {"main"}


def test_product_and_sandbox_are_strangers() -> None:
    """Neither imports the other: the sandbox is not in the image, and shares no mistake with the product."""
    assert {name for name in GRAPH if "har_sandbox" in roots(name)} == set()
    for path in (PACKAGE.parent / "har_sandbox").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) har_labels\b", path.read_text("utf-8"), re.MULTILINE), path.name


def test_the_map_lists_every_room_once() -> None:
    """The package's docstring has one line for each room, and none for a room that isn't there."""
    assert sorted(ROOMS) == sorted({room_of(name) for name in GRAPH} - {"", "__main__"})


@pytest.mark.parametrize("name", sorted(set(GRAPH) - {"", "__main__"}))
def test_imports_go_down(name: str) -> None:
    """A module imports from its own room and from those that the map lists below it."""
    above = {one for one in GRAPH[name].ours - {""} if ROOMS.index(room_of(one)) < ROOMS.index(room_of(name))}
    assert above == set()


def test_neighbours_are_strangers() -> None:
    """Registry, report and templates are on one floor: none imports another."""
    for name in (name for name in GRAPH if room_of(name) in SIDE_BY_SIDE):
        others = {room_of(one) for one in GRAPH[name].ours} & (SIDE_BY_SIDE - {room_of(name)})
        assert others == set(), f"{name} imports from {others}"


def test_the_page_draws_the_same_rooms() -> None:
    """CONTRIBUTING's table of the rooms has the rooms of the map, in its order."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = re.search(r"<!-- rooms -->\n(.*?)\n\n", text, re.DOTALL)
    assert table
    assert list(re.findall(r"^\| `([a-z_]+)[/.`]", table[1], re.MULTILINE)) == ROOMS


@pytest.mark.parametrize("room", sorted({room_of(name) for name in GRAPH if "." in name}))
def test_a_room_names_its_face(room: str) -> None:
    """The docstring of a room names what others use of it, and each of these names is there."""
    told = " ".join((ast.get_docstring(ast.parse(GRAPH[room].path.read_text("utf-8"))) or "").split())
    face = re.search(r"Its face: ((?:`[\w.]+`(?:, )?)+)\.", told)
    assert face, f"{room} names no face"
    for name in re.findall(r"`([\w.]+)`", face[1]):
        module, _, leaf = f"har_labels.{room}.{name}".rpartition(".")
        assert hasattr(importlib.import_module(module), leaf), f"{module} has no {leaf}"


def test_no_modules_import_in_a_circle() -> None:
    """Within a line and within a folder too: each module can be read after those it imports."""
    graphlib.TopologicalSorter({name: module.ours - {name} for name, module in GRAPH.items()}).prepare()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "src").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT / "src"))
)
def test_no_function_is_long(path: Path) -> None:
    """A function has at most 40 lines: past that it has two jobs. How it branches is held by ruff's C901."""
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    }
    assert long == {}


_WATCHED_IMPORT = """
import importlib, os, sys
from pathlib import Path

package, names = Path(sys.argv[1]), sys.argv[2:]
homes = tuple(str(Path(home).resolve()) for home in (package, sys.prefix, sys.base_prefix, "/usr/lib"))
seen = []

def ours():
    # who asked, past the layers of os.environ itself
    frame = sys._getframe(2)
    while frame and frame.f_code.co_filename in ("<string>", "<frozen _collections_abc>", "<frozen os>", os.__file__):
        frame = frame.f_back
    return bool(frame) and frame.f_code.co_filename.startswith(str(package))

class Environment(type(os.environ)):
    def __init__(self, real):
        self.__dict__.update(real.__dict__)
    def __getitem__(self, name):
        if name.startswith(("INPUT", "PLUGIN", "GITHUB", "HARNESS", "DRONE", "HAR_", "RUNNER", "CI")) or ours():
            seen.append(f"reads the variable {name}")
        return super().__getitem__(name)
    def __iter__(self):
        if ours():
            seen.append("lists the environment")
        return super().__iter__()

def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and not os.path.realpath(arguments[0]).startswith(homes):
        seen.append(f"opens {arguments[0]}")
    if event.startswith(("socket.connect", "socket.getaddrinfo", "subprocess", "os.system", "os.remove", "os.mkdir")):
        seen.append(event)

sys.path.insert(0, str(package.parent))
os.environ = Environment(os.environ)
sys.addaudithook(hook)
before = set(__import__("threading").enumerate())
for name in names:
    importlib.import_module(name)
    while seen:
        print(f"{name} {seen.pop(0)}")
if set(__import__("threading").enumerate()) != before:
    print("a thread was started")
"""


def test_importing_does_nothing() -> None:
    """Importing every module reads no variable, opens no file but the package's and Python's own, starts nothing."""
    names = [f"har_labels.{name}".rstrip(".") for name in GRAPH]
    command = [sys.executable, "-IBXutf8", "-c", _WATCHED_IMPORT, str(PACKAGE), *names]
    told = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout, told.stderr, told.returncode) == ("", "", 0)


def _reached_below(name: str) -> frozenset[str]:
    """What a CI's module imports; `platforms` itself chooses among the CIs, so its own imports don't count."""
    return reached(name, GRAPH | {"platforms": dataclasses.replace(GRAPH["platforms"], ours=frozenset())})
