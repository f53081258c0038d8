"""The folder of a job in which steps of the documents run, as processes that have nothing but what their CI gives them."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ci import steps
from ci.steps import Done
from conftest import Watch, entrypoint
from docs.documents import Step, marked
from har_sandbox import Sandbox


class Workspace:
    """The folder of a job, with the files that the documents show, and one registry."""

    def __init__(self, folder: Path, box: Sandbox, watch: Watch) -> None:
        self.folder, self._box, self._watch, self._numbers = folder, box, watch, itertools.count(1)
        for name, text in marked("file").items():
            (folder / name).write_text(text, "utf-8")

    def run(self, step: Step, environ: Mapping[str, str] | None = None) -> Done:
        """One step to its end; several may run at the same time."""
        files = self.folder / f"step-{next(self._numbers)}"
        files.mkdir()
        address = {step.address: self._box.api_url}
        variables = steps.environment(step.ci, files, {}) | step.variables() | address | dict(environ or {})
        ran = subprocess.run(
            entrypoint(), env=variables, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        self._watch.logs += [ran.stdout, ran.stderr]
        return steps.done(step.ci, files, ran.returncode, ran.stdout, ran.stderr)
