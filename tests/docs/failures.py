"""How each failure comes about, by its code: what stands there, what is asked, what goes wrong.

Every run is of the one artifact `resnet50` of acme/ml/prod/models with the labels `owner=vision` and `stage=dev`,
unless its row says otherwise.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from har_sandbox import Fault, Request, Sandbox

REGISTRY = "acme/ml/prod/models"
NAME = "resnet50"
BEFORE = ("owner=vision", "stage=dev")
_ASKED = {"registry-ref": REGISTRY, "artifact": NAME, "mode": "add", "labels": "stage=prod"}


@dataclass(frozen=True)
class Failure:
    """`asks` adds to or replaces the inputs, `files` stand in the workspace, `artifacts` in the registry beside the one."""

    code: str
    asks: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    package_type: str = "DOCKER"
    hidden: bool = False
    prepare: Callable[[Sandbox], None] = lambda _box: None

    @property
    def inputs(self) -> dict[str, str]:
        return {name: text for name, text in (_ASKED | dict(self.asks)).items() if text}

    def fill(self, box: Sandbox) -> None:
        """Puts everything in place."""
        kind = "model" if self.package_type == "HUGGINGFACE" else None
        for name in (NAME, *self.artifacts):
            box.add_artifact(
                REGISTRY, name, labels=BEFORE, package_type=self.package_type, artifact_type=kind, hidden=self.hidden
            )
        self.prepare(box)
        for name, text in self.files.items():
            Path(name).write_text(text.replace("API-URL", box.api_url), "utf-8")


def _add_namesake(box: Sandbox) -> None:
    box.add_artifact(REGISTRY, NAME, artifact_type="dataset", labels=[])


def _undo_every_write(box: Sandbox) -> None:
    @box.after
    def undo(request: Request) -> None:
        if request.method == "PUT":
            box.put_labels(REGISTRY, NAME, BEFORE)


def _cancel_at_first_request(box: Sandbox) -> None:
    @box.before
    def cancel(_request: Request) -> None:
        box.on_request = None
        os.kill(os.getpid(), signal.SIGINT)


def _put(kind: str, **more: Any) -> Fault:
    return Fault(kind, method="PUT", times=99, **more)


# API-URL stands for the sandbox's.
_PLAN_HEADER = '{"har_labels_plan": 1, "api_url": "API-URL", "steps": 1}\n'
_CUT_HEADER = _PLAN_HEADER.replace('"steps": 1', '"steps": 2')
_STALE_STEP = (
    '{"registry_ref": "acme/ml/prod/models/+", "artifact": "resnet50", "artifact_type": "", '
    '"before": ["stage=test"], "after": ["stage=prod"]}\n'
)
_UNKNOWN_BEFORE = (
    '{"version": 1, "tool_version": "0.1.0", "api_url": "API-URL", "counts": {"matched": 1}, "results": [{'
    '"registry_ref": "acme/ml/prod/models/+", "artifact": "resnet50", "artifact_type": "", "status": "applied", '
    '"before": null, "after": [], "wrote_added": null, "wrote_removed": null}]}'
)
_APPLY = {"apply-plan": "labels.plan", "registry-ref": "", "artifact": "", "labels": "", "mode": ""}

FAILURES = (
    Failure("HAR-INPUT", {"mode": "merge"}),
    Failure("HAR-TEMPLATE", {"metrics-file": "metrics.json", "labels": "accuracy={{ metrics.acc }}"}, files={"metrics.json": '{"accuracy": 0.93}'}),
    Failure("HAR-METRICS", {"metrics-file": "metrics.json"}),
    Failure("HAR-MANIFEST", {"manifest": "labels.yaml", "artifact": "", "labels": "", "mode": ""}, files={"labels.yaml": "version: 1\nchanges:\n  - artefact: resnet50\n    labels: [stage=prod]\n"}),
    Failure("HAR-POLICY-FILE", {"policy": "policy.yaml"}, files={"policy.yaml": "version: 1\nkey:\n  stage: {values: [dev, prod]}\n"}),
    Failure("HAR-PLAN-FILE", _APPLY, files={"labels.plan": _CUT_HEADER + _STALE_STEP}),
    Failure("HAR-REPORT-FILE", _APPLY | {"apply-plan": "", "undo": "report.json"}, files={"report.json": _UNKNOWN_BEFORE}),
    Failure("HAR-AMBIGUOUS", package_type="HUGGINGFACE", prepare=_add_namesake),
    Failure("HAR-UNAUTHORIZED", options={"api_key": "another-key"}),
    Failure("HAR-FORBIDDEN", faults=[_put("403")]),
    Failure("HAR-REGISTRY-NOT-FOUND", {"registry-ref": "acme/ml/prod/model"}),
    Failure("HAR-ARTIFACT-NOT-FOUND", {"artifact": "resnet5"}),
    Failure("HAR-NOTHING-MATCHED", {"artifact": "team/*"}),
    Failure("HAR-PLAN-STALE", _APPLY, files={"labels.plan": _PLAN_HEADER + _STALE_STEP}),
    Failure("HAR-OVERWRITTEN", prepare=_undo_every_write),
    Failure("HAR-VALUE-CONFLICT", {"mode": "upsert", "on-conflict": "error"}),
    Failure("HAR-CONFLICT", faults=[_put("409")]),
    Failure("HAR-REFUSED", faults=[_put("400")]),
    Failure("HAR-BAD-ANSWER", faults=[_put("html")]),
    Failure("HAR-REDIRECTED", faults=[_put("redirect")]),
    Failure("HAR-UNREADABLE", hidden=True),
    Failure("HAR-TYPE-LOSS", package_type="HUGGINGFACE", options={"drops_type": True}),
    Failure("HAR-SERVER-FAILING", faults=[_put("503")]),
    Failure("HAR-RATE-LIMITED", faults=[_put("429")]),
    Failure("HAR-UNREACHABLE", faults=[Fault("cut", times=99)]),
    Failure("HAR-TIMED-OUT", {"timeout": "1", "retries": "0"}, faults=[Fault("latency", method="GET", times=99, delay=1.5)]),
    Failure("HAR-DEADLINE", {"deadline": "0.5"}, faults=[Fault("latency", method="GET", times=99, delay=1.5)]),
    Failure("HAR-NO-TIME", {"artifact": "*", "requests-per-minute": "1", "deadline": "60", "settle": "0"}, artifacts=[f"model-{number}" for number in range(90)]),
    Failure("HAR-REQUIRE", {"require": "'stage=staging' in current"}),
    Failure("HAR-MAX-CHANGES", {"artifact": "*", "max-changes": "2"}, artifacts=["model-1", "model-2", "model-3"]),
    Failure("HAR-WOULD-REMOVE", {"mode": ""}),
    Failure("HAR-POLICY", {"policy": "policy.yaml", "mode": "remove", "labels": "stage=dev"}, files={"policy.yaml": "version: 1\nkeys:\n  stage: {values: [dev, staging, prod], required: true}\n"}),
    Failure("HAR-CANCELLED", prepare=_cancel_at_first_request),
)  # fmt: skip
