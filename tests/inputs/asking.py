"""Inputs as a CI gives them, and the errors of `configure` about them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import canary
from canary import KEY
from ci import steps
from har_labels.errors import InputError
from har_labels.inputs.configure import Configuration, Misconfigured, configure
from har_labels.platforms import detect

# Enough for a run; a test's own inputs are added to these or empty them.
ENOUGH = {"api-key": KEY, "registry-ref": "acme/ml/models", "artifact": "resnet50", "labels": "a"}


def ask(
    ci: str,
    inputs: Mapping[str, str],
    *,
    environ: Mapping[str, str] | None = None,
    argv: Sequence[str] = (),
    folder: Path | None = None,
) -> Configuration:
    """The configuration of a step with these inputs beside those that every run needs."""
    import tempfile

    with tempfile.TemporaryDirectory() as somewhere:
        variables = steps.environment(ci, folder or Path(somewhere), ENOUGH | dict(inputs)) | dict(environ or {})
        out, err = io.StringIO(), io.StringIO()
        try:
            return configure(argv, variables, detect(variables, out, err))
        finally:
            canary.check(canary.without_mask(out.getvalue() + err.getvalue()), "the log")


def refusals(ci: str, inputs: Mapping[str, str], **more: object) -> list[tuple[str, str]]:
    """What is wrong with the inputs, and what to do: none if they are fine. Never shows the key."""
    try:
        ask(ci, inputs, **more)  # type: ignore[arg-type]
    except Misconfigured as wrong:
        errors = [error.spelt(wrong.configuration.publishing.spell) for error in wrong.errors]
    else:
        return []
    assert all(type(error) is InputError for error in errors)
    canary.check("".join(error.line for error in errors), "an error")
    return [(error.what, error.next_step) for error in errors]


def spelled(text: str, ci: str, inputs: Mapping[str, str]) -> str:
    """`text` with each `@input@` as that CI's reader writes it, and `@input@: value` as they write that."""
    given = {name for name, value in (ENOUGH | dict(inputs)).items() if value}

    def written(found: re.Match[str]) -> str:
        name = steps.spelling(ci, found[1], is_given=found[1] in given)
        return name + (found[2] and {"--": " ", "HA": "="}.get(name[:2], ": "))

    return re.sub("@([a-z-]+)@(: |)", written, text)
