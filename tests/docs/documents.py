"""The documents as a reader finds them: their marked examples, and the steps in these as a CI would run them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from canary import KEY

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_MARKED = re.compile(r"<!-- (example|recipe|file|command|fragment): (.+?) -->\n```\w+\n(.*?)\n```", re.DOTALL)
_YAML = re.compile(r"^```yaml\n(.*?)\n```", re.DOTALL | re.MULTILINE)
_OURS = (
    "uses: har-labels/",
    "image: ghcr.io/har-labels/",
    "container: ghcr.io/har-labels/",
    "uses: docker://",
)
_IMAGE = re.compile(r"[\w.-]+/har-labels/har-labels[:@]\S+")
# How the CIs write a secret.
_SECRETS = (
    "${{ secrets.HAR_API_KEY }}",
    '<+secrets.getValue("har_api_key")>',
    "${{ secrets.har_api_key }}",
    '${{ secrets.get("har_api_key") }}',
)
# The expressions by which Harness asks the user of a pipeline or template.
_ASKED = re.compile(r"<\+input>(?:\.default\((?P<default>[^)]*)\))?(?:\.allowedValues\((?P<allowed>[^)]*)\))?")


def read_yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def marked(kind: str) -> dict[str, str]:
    """Every block of this kind by its name, over all pages."""
    blocks: dict[str, str] = {}
    for page in PAGES:
        for found in _MARKED.finditer(page.read_text("utf-8")):
            if found[1] == kind:
                assert found[2] not in blocks, f"{found[2]} occurs twice"
                blocks[found[2]] = found[3] + "\n"
    return blocks


def the_one(page: str, pattern: str) -> str:
    """The one text of a page that `pattern` finds."""
    (found,) = re.findall(pattern, (ROOT / page).read_text("utf-8"), re.DOTALL)
    return str(found)


def examples() -> dict[str, str]:
    """Every block with a step of ours: marked ones by their names, others as `page 1`, `page 2`."""
    found = marked("recipe") | marked("example")
    for page in PAGES:
        blocks = [
            block + "\n" for block in _YAML.findall(page.read_text("utf-8")) if any(sign in block for sign in _OURS)
        ]
        unmarked = [block for block in blocks if block not in found.values()]
        found |= {f"{page.stem} {number}": block for number, block in enumerate(unmarked, start=1)}
    return found


@dataclass(frozen=True)
class Step:
    """One step of ours as it is written: `given` are its `with:` or `settings:`, `parallelism` is its strategy's.

    `environ` are the variables it sets beside them; a step that only names our image has all of its inputs there.
    `node` is the whole step, as the document has it.
    """

    ci: str
    given: Mapping[str, Any]
    context: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1
    environ: Mapping[str, str] = field(default_factory=dict)
    node: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The variable that gives it the registry's address."""
        if not self.given:
            return "HAR_LABELS_API_URL"
        return "PLUGIN_API_URL" if self.ci in {"harness", "drone"} else "INPUT_API-URL"

    def variables(self) -> dict[str, str]:
        """What the CI makes of it: every declared input on GitHub, the settings alone on Harness and Drone."""
        texts = {name: _filled(_text(value), self.context) for name, value in self.given.items()}
        environ = {name: _filled(_text(value), self.context) for name, value in self.environ.items()}
        if self.ci in {"harness", "drone"}:
            return environ | {f"PLUGIN_{name.upper()}": text for name, text in texts.items()}
        declared = read_yaml((ROOT / "action.yml").read_text("utf-8"))["inputs"]
        assert set(texts) <= set(declared), set(texts) - set(declared)
        defaults = {name: about.get("default", "") for name, about in declared.items()}
        return environ | {f"INPUT_{name.upper()}": text for name, text in (defaults | texts).items()}

    def turns(self) -> list[Step]:
        """The step once for each turn of its strategy, as Harness counts them."""
        counted = {"<+strategy.iterations>": str(self.parallelism)}
        return [
            replace(self, context={**self.context, **counted, "<+strategy.iteration>": str(turn)})
            for turn in range(self.parallelism)
        ]

    def answered(self, answers: Mapping[str, str]) -> Step:
        """The step after somebody answered what its `<+input>`s ask; what they leave out has its default."""
        asked = {name: found for name, value in self.given.items() if (found := _ASKED.fullmatch(str(value)))}
        assert set(answers) <= set(asked), f"nobody asks for {set(answers) - set(asked)}"
        given = {name: _answer(name, found, answers.get(name)) for name, found in asked.items()}
        return replace(self, given={**self.given, **given})

    def allowed(self, name: str) -> list[str]:
        """The values among which Harness lets one choose."""
        found = _ASKED.fullmatch(self.given[name])
        assert found, self.given[name]
        return found["allowed"].split(",")


def step_in(block: str, context: Mapping[str, str] | None = None) -> Step:
    """The one step of ours in a block."""
    (step,) = steps_in(block, context)
    return step


def steps_in(block: str, context: Mapping[str, str] | None = None) -> list[Step]:
    """The steps of ours in a block, in the order in which they run."""
    return list(_steps(read_yaml(block), context or {}))


def _steps(node: Any, context: Mapping[str, str]) -> Iterator[Step]:
    if isinstance(node, list):
        for one in node:
            yield from _steps(one, context)
    elif isinstance(node, dict):
        found = _step(node)
        if found:
            yield replace(found, context=context, node=node)
        else:
            yield from _steps(list(node.values()), context)


def _step(node: Mapping[str, Any]) -> Step | None:
    """The step of ours that this mapping is, if it is one; otherwise its values are searched."""
    spec, run = node.get("spec"), node.get("run")
    if _is_ours(node.get("uses")):
        return Step("github", node["with"])
    if node.get("type") == "Action":  # a GitHub Action that Harness runs
        return Step("hybrid", spec["with"])
    if node.get("type") == "Plugin":
        parallelism = node.get("strategy", {}).get("parallelism", 1)
        return Step("harness", spec["settings"], parallelism=parallelism, environ=spec.get("envVariables", {}))
    if isinstance(run, dict) and _is_ours(run.get("container")):  # Harness 3.0
        return Step("harness", {}, environ=_of_entrypoint(run, "env"))
    if node.get("type") == "run" and _is_ours(spec.get("container")):  # Harness Open Source, whose runner is Drone's
        return Step("drone", {}, environ=_of_entrypoint(spec, "envs"))
    if "image" in node and "settings" in node:
        return Step("drone", node["settings"])
    return None


def _is_ours(named: Any) -> bool:
    """Whether this names our action or our image, by whatever host."""
    image = named.get("image") if isinstance(named, dict) else named
    text = str(image or "").removeprefix("docker://")
    return text.startswith("har-labels/") or bool(_IMAGE.fullmatch(text))


def _of_entrypoint(spec: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """The variables of a script that is our program's path in the image, and nothing else."""
    path = re.search(r'^ENTRYPOINT \["(.+)"\]$', (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert path
    assert spec["script"] == path[1]
    variables: Mapping[str, str] = spec[name]
    return variables


def _answer(name: str, asked: re.Match[str], answer: str | None) -> str:
    value = asked["default"] if answer is None else answer
    assert value is not None, f"{name} has no default and no answer"
    assert asked["allowed"] is None or value in asked["allowed"].split(","), f"{name} may not be {value}"
    return value


def _text(value: Any) -> str:
    """A YAML value as the CIs pass it on."""
    if value == {"from_secret": "har_api_key"}:  # Drone's word for it
        return KEY
    if isinstance(value, bool):
        return str(value).lower()
    assert isinstance(value, str | int | float), f"{value!r} reaches a step changed"
    return str(value)


def _filled(text: str, context: Mapping[str, str]) -> str:
    """`text` after the CI has put values in the place of its expressions."""
    known = dict.fromkeys(_SECRETS, KEY) | dict(context)
    for expression, value in known.items():
        text = text.replace(expression, value)
    assert "${{" not in text, text
    assert "<+" not in text, text
    return text
