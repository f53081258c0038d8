"""GitHub, Harness and the terminal: which CI this is, and how each takes inputs and results (contract §2 "Spelling", §4).

Hides each CI's variables, commands and files. Its face: `detect`, `platform.Platform`, `publish.publish`.

| asked in this order | platform | why |
|---|---|---|
| `GITHUB_ACTIONS=true` | github | a Harness step that runs an action sets it beside its own variables |
| `DRONE=true`, an output file, an execution's or stage's id | harness | Harness and Drone always set one; `CI` only with a flag |
| one of our own required settings as `PLUGIN_…` | harness | the usual `docker run -e PLUGIN_…` trial of a plugin |
| else | terminal | `HARNESS_ACCOUNT_ID` alone is not a sign of Harness: people also set it for Terraform |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from har_labels.platforms.platform import Platform

_HARNESS_SIGNS = (
    "DRONE_OUTPUT", "HARNESS_OUTPUT_FILE",
    "HARNESS_EXECUTION_ID", "HARNESS_PIPELINE_ID", "HARNESS_STAGE_ID", "HARNESS_BUILD_ID",
)  # fmt: skip
_OWN_SETTINGS = ("API_KEY", "API_KEY_FILE", "REGISTRY_REF", "MANIFEST", "APPLY_PLAN")


def detect(environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> Platform:
    """The CI that `environ` belongs to. `out` and `err` are stdout and stderr unless given."""
    if environ.get("GITHUB_ACTIONS", "").lower() == "true":
        from har_labels.platforms.github import GitHub

        return GitHub(environ, out, err)
    if (
        environ.get("DRONE", "").lower() == "true"
        or any(environ.get(name) for name in _HARNESS_SIGNS)
        or any(environ.get(f"PLUGIN_{name}") for name in _OWN_SETTINGS)
    ):
        from har_labels.platforms.harness import Harness

        return Harness(environ, out, err)
    from har_labels.platforms.terminal import Terminal

    return Terminal(environ, out, err)
