"""Runs that can be interrupted at each of their requests, with the labels before and the required labels at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ci.steps import Done
from har_labels.model.address import parse_api_base
from har_labels.model.outcome import Record, Step
from har_labels.request.plan_file import plan_lines
from har_sandbox import Request, Sandbox

REGISTRY = "acme/ml/models"
TEAM = ("team/a", "team/b", "team/c")


@dataclass(frozen=True)
class Work:
    """One job. `requests` is how many an undisturbed run sends, one after another."""

    name: str
    inputs: Mapping[str, str]
    before: Sequence[str]
    after: Sequence[str]
    requests: int
    artifacts: Sequence[str] = TEAM
    plan: bool = False
    undoes: bool = False
    files: Sequence[str] = field(default_factory=tuple)

    @property
    def boundaries(self) -> range:
        return range(1, self.requests + 1)

    @property
    def writes(self) -> range:
        """Those of the requests that write: after one list, one for each artifact."""
        return range(2, 2 + len(self.artifacts)) if self.before != self.after else range(0)

    def fill(self, box: Sandbox) -> None:
        for artifact in self.artifacts:
            box.add_artifact(REGISTRY, artifact, package_type="GENERIC", labels=list(self.before))

    def inputs_in(self, folder: Path, box: Sandbox) -> dict[str, str]:
        """The inputs, with the files that they name."""
        given = {"concurrency": "1", **self.inputs}
        if self.plan:
            steps = [Step(f"{REGISTRY}/+", name, "", tuple(self.before), tuple(self.after)) for name in self.artifacts]
            path = folder / "plan.jsonl"
            path.write_text("".join(plan_lines(steps, Record(api_url=parse_api_base(box.api_url).url))))
            given["apply-plan"] = str(path)
        elif self.undoes:
            path = folder / "to-undo.json"
            path.write_text(json.dumps(self._report(parse_api_base(box.api_url).url)))
            given["undo"] = str(path)
        else:
            given["registry-ref"] = REGISTRY
        return given | {name: str(folder / name) for name in self.files}

    def _report(self, api_url: str) -> dict[str, object]:
        """Of the run that made `before` of `after`."""
        wrote = {"wrote_added": list(self.before), "wrote_removed": list(self.after)}
        row = {"registry_ref": f"{REGISTRY}/+", "artifact_type": "", "status": "applied"} | wrote
        rows = [row | {"artifact": name, "before": self.after, "after": self.before} for name in self.artifacts]
        head = {"version": 1, "tool_version": "0.1.0", "api_url": api_url, "counts": {"matched": len(rows)}}
        return head | {"results": rows}

    def labels(self, box: Sandbox) -> dict[str, list[str]]:
        return {name: box.labels(REGISTRY, name) or [] for name in self.artifacts}

    def is_finished(self, box: Sandbox) -> bool:
        return all(labels == list(self.after) for labels in self.labels(box).values())


ONE = Work(
    "one",
    {"artifact": "team/a", "mode": "upsert", "labels": "stage=prod"},
    ["a", "stage=dev"],
    ["a", "stage=prod"],
    4,
    TEAM[:1],
)
MANY = Work("many", {"artifact": "team/*", "mode": "replace", "labels": "b, c"}, ["a"], ["b", "c"], 4)
MERGED = Work("merged", {"artifact": "team/*", "mode": "add", "labels": "b"}, ["a"], ["a", "b"], 6)
DRY = Work(
    "dry run",
    {"artifact": "team/*", "mode": "replace", "labels": "b", "dry-run": "true"},
    ["a"],
    ["a"],
    1,
    files=["save-plan"],
)
APPLIED = Work("apply-plan", {}, ["a"], ["b"], 6, plan=True)
UNDONE = Work("undo", {}, ["a"], ["b"], 6, undoes=True)
ALL = (ONE, MANY, MERGED, DRY, APPLIED, UNDONE)


def puts_in(requests: Sequence[Request]) -> list[str]:
    """The artifacts that were written, in order."""
    return [request.path for request in requests if request.method == "PUT"]


def path_of(name: str) -> str:
    return f"/har/api/v1/registry/{REGISTRY}/+/artifact/{name}/+/labels"


def check_told_the_truth(work: Work, box: Sandbox, done: Done) -> None:
    """The results of each artifact are the registry's labels; if they are unknown, the run reports that."""
    told = json.loads(done.outputs["results"])
    now = work.labels(box)
    for row in told:
        expected = {
            "applied": [work.after],
            "skipped": [work.before],
            "unchanged": [work.after],
            "planned": [work.before],
        }
        allowed = expected.get(row["status"], [work.before, work.after])
        assert now[row["artifact"]] in map(list, allowed), (row, now)
        if row["status"] == "failed":
            assert "not known" in row["error"]["what"]
