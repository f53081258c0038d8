"""Every failure by its code: how to produce it, the line that it prints, and a hint for docs/troubleshooting.md.

Each run is about the artifact `resnet50` of acme/ml/prod/models with the labels `owner=vision` and `stage=dev`, unless
its row has others. tests/docs/test_failures.py produces each failure and compares the line.
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
    """One failure. `what` and `next_step` are those of its line; an empty `next_step` is the class's cure.

    To produce it: `asks` adds to or replaces the inputs, `files` are put into the workspace, `artifacts` into the registry
    beside the one, `faults` and `options` make the sandbox fail.
    """

    code: str
    what: str
    next_step: str = ""
    hint: str = ""
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
        """Puts registry and workspace into the state that the failure needs."""
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


# API-URL is replaced by the sandbox's.
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
    Failure(
        "HAR-DEFECT",
        what="RuntimeError at planner.py:120",
    ),
    Failure(
        "HAR-INPUT",
        what="`mode` is 'merge': it is not one of the allowed values",
        next_step="Use `replace`, `add`, `remove`, `upsert`, `clear`, `read` or `move`.",
        hint=(
            "All invalid inputs of a run are reported at once, each in the spelling of your CI. An empty "
            "`api-key` on a pull request from a fork means that forks get no secrets: label after the merge "
            "instead."
        ),
        asks={"mode": "merge"},
    ),
    Failure(
        "HAR-TEMPLATE",
        what="label 1 `accuracy={{ metrics.acc }}`: there is no metric `acc`; there are `accuracy`, `last`, `rows`",
        next_step="Correct the name, give the metric, or put `| default('…')` after it.",
        hint="The line names the label by its position in the list. `{{ '{{ x }}' }}` writes literal braces.",
        asks={"metrics-file": "metrics.json", "labels": "accuracy={{ metrics.acc }}"},
        files={"metrics.json": '{"accuracy": 0.93}'},
    ),
    Failure(
        "HAR-METRICS",
        what="metrics file `metrics.json` can't be read: No such file or directory",
        hint=(
            "Paths are resolved inside the step's container, where the workspace is mounted: keep the file in the"
            " workspace."
        ),
        asks={"metrics-file": "metrics.json"},
    ),
    Failure(
        "HAR-MANIFEST",
        what="labels.yaml:3:5: there is no key `artefact` here",
        next_step="Did you mean `artifact`?",
        hint=(
            "`labels.yaml:3:5` is line 3, column 5. Put a number or `true` in `labels` into quotes. Editors check"
            " while you type with [schemas/manifest.schema.json](../schemas/manifest.schema.json)."
        ),
        asks={"manifest": "labels.yaml", "artifact": "", "labels": "", "mode": ""},
        files={"labels.yaml": "version: 1\nchanges:\n  - artefact: resnet50\n    labels: [stage=prod]\n"},
    ),
    Failure(
        "HAR-POLICY-FILE",
        what="policy.yaml:2:1: there is no key `key` here",
        next_step="Did you mean `keys`?",
        hint=(
            "Editors check while you type with [schemas/policy.schema.json](../schemas/policy.schema.json); so "
            "does `har-labels --lint policy.yaml`, without a key or a registry. Put a number or `true` in "
            "`values` into quotes."
        ),
        asks={"policy": "policy.yaml"},
        files={"policy.yaml": "version: 1\nkey:\n  stage: {values: [dev, prod]}\n"},
    ),
    Failure(
        "HAR-PLAN-FILE",
        what="'labels.plan' has 1 step, and its header says 2",
        hint="A plan belongs to one `api-url`; it can't be applied to another host.",
        asks=_APPLY,
        files={"labels.plan": _CUT_HEADER + _STALE_STEP},
    ),
    Failure(
        "HAR-REPORT-FILE",
        what=(
            "'report.json', row 1: 'resnet50' in acme/ml/prod/models/+ can't be undone: its labels "
            "before the run are not known"
        ),
        next_step="Change its labels by hand. To undo the others, take its row out of the report and lower `counts.matched` by one.",
        hint=(
            "A report belongs to one `api-url`. Plain `replace` and `clear` continue where labels can't be read; "
            "what they removed is then unknown and can't be restored."
        ),
        asks=_APPLY | {"apply-plan": "", "undo": "report.json"},
        files={"report.json": _UNKNOWN_BEFORE},
    ),
    Failure(
        "HAR-AMBIGUOUS",
        what="'resnet50' in acme/ml/prod/models/+ names several artifacts: dataset and model",
        package_type="HUGGINGFACE",
        prepare=_add_namesake,
    ),
    Failure(
        "HAR-UNAUTHORIZED",
        what=(
            "the server refused a request for registry acme/ml/prod/models/+ (401): Token is not valid or "
            "missing: x-api-key"
        ),
        hint=(
            "A key is valid only on its account's own cluster: `app.harness.io`, `app3.harness.io`, an EU host or"
            " a vanity host. Below `/har/` the key is sent as `x-api-key`, elsewhere as a bearer token; "
            "`auth-scheme` overrides this."
        ),
        options={"api_key": "another-key"},
    ),
    Failure(
        "HAR-FORBIDDEN",
        what="the server refused a request for artifact 'resnet50' in acme/ml/prod/models/+ (403): Forbidden",
        hint=(
            "In Harness: Account settings, Access control, Service accounts, then a role with `Artifact Registry:"
            " Edit` for this registry. Permission to upload or to view is not enough."
        ),
        faults=[_put("403")],
    ),
    Failure(
        "HAR-REGISTRY-NOT-FOUND",
        what=(
            "registry acme/ml/prod/model/+ was not found (400): registry not found: Failed to find repo: resource"
            " not found"
        ),
        hint=(
            "The first part is the account's identifier, not its name. In a Harness pipeline: "
            "`<+account.identifier>/<+org.identifier>/<+project.identifier>/models`."
        ),
        asks={"registry-ref": "acme/ml/prod/model"},
    ),
    Failure(
        "HAR-ARTIFACT-NOT-FOUND",
        what="there is no artifact 'resnet5' in acme/ml/prod/models/+",
        hint="It may take some seconds until a pushed artifact is listed: `wait-for-artifact: 60`.",
        asks={"artifact": "resnet5"},
    ),
    Failure(
        "HAR-NOTHING-MATCHED",
        what="'team/*' matches nothing in acme/ml/prod/models/+",
        hint=(
            "An empty match is an error on purpose: otherwise a typing error would give a green step that did nothing."
        ),
        asks={"artifact": "team/*"},
    ),
    Failure(
        "HAR-PLAN-STALE",
        what=(
            "'resnet50' in acme/ml/prod/models/+: the plan expects ['stage=test'], and now there is "
            "['owner=vision', 'stage=dev']"
        ),
        hint=(
            "If this is found while planning, nothing was written. If it is found just before one artifact's own "
            "write, that artifact is not changed and the others are written (exit code 11). For an `undo` it "
            "means that somebody has written since; their labels stay."
        ),
        asks=_APPLY,
        files={"labels.plan": _PLAN_HEADER + _STALE_STEP},
    ),
    Failure(
        "HAR-OVERWRITTEN",
        what="'resnet50' in acme/ml/prod/models/+: the change was undone 5 times",
        hint=(
            "Another writer reads the whole list, waits and writes it back, again and again. A larger `settle` "
            "helps if that writer's gap between read and write is a few seconds; see [how writing "
            "works](how-writing-works.md)."
        ),
        prepare=_undo_every_write,
    ),
    Failure(
        "HAR-VALUE-CONFLICT",
        what="'resnet50' in acme/ml/prod/models/+: key 'stage' has 'stage=dev', and 'stage=prod' was to be set",
        asks={"mode": "upsert", "on-conflict": "error"},
    ),
    Failure(
        "HAR-CONFLICT",
        what="the server refused a request for artifact 'resnet50' in acme/ml/prod/models/+ (409): Conflict",
        faults=[_put("409")],
    ),
    Failure(
        "HAR-REFUSED",
        what="the server refused a request for artifact 'resnet50' in acme/ml/prod/models/+ (400): Bad Request",
        faults=[_put("400")],
    ),
    Failure(
        "HAR-BAD-ANSWER",
        what=(
            "'resnet50' in acme/ml/prod/models/+: the server answered 200 with text/html that is not valid JSON (5 "
            "tries); a read shows that the labels were not written"
        ),
        hint=(
            "A path in `api-url`, as in `https://host/some/path`, is used as the full API base; without a path "
            "`/har/api/v1` is added."
        ),
        faults=[_put("html")],
    ),
    Failure(
        "HAR-REDIRECTED",
        what=(
            "the answer to a request for artifact 'resnet50' in acme/ml/prod/models/+ points to "
            "'https://elsewhere.example.com/har/api/v1/registry/acme/ml/prod/models/+/artifact/resnet50/labels'"
        ),
        faults=[_put("redirect")],
    ),
    Failure(
        "HAR-UNREADABLE",
        what=(
            "'resnet50' in acme/ml/prod/models/+: the registry does not show the current labels, and `add` needs them"
        ),
        hint="Merging modes never treat unknown labels as none: that would delete them.",
        hidden=True,
    ),
    Failure(
        "HAR-TYPE-LOSS",
        what="'resnet50' in acme/ml/prod/models/+ is no longer a model since its labels were written",
        hint=(
            "Known of Harness Open Source. Where the API base has no `/har/`, the write is refused before any "
            "request; elsewhere the first write is checked on its own, and the run stops there."
        ),
        package_type="HUGGINGFACE",
        options={"drops_type": True},
    ),
    Failure(
        "HAR-SERVER-FAILING",
        what=(
            "'resnet50' in acme/ml/prod/models/+: the server answered 503: Service Unavailable (5 tries); a read "
            "shows that the labels were not written"
        ),
        hint=(
            "'A read shows' reports the labels after the failed write. If a 500 *had* written, the step does not "
            "fail: it is green, with a notice."
        ),
        faults=[_put("503")],
    ),
    Failure(
        "HAR-RATE-LIMITED",
        what=(
            "'resnet50' in acme/ml/prod/models/+: too many requests (429): Too Many Requests (5 tries); nothing "
            "was written"
        ),
        hint=(
            "Harness allows a key about 400 requests a minute, all jobs together. Give each job its own key or a "
            "share of the rate; shards divide `requests-per-minute` among themselves."
        ),
        faults=[_put("429")],
    ),
    Failure(
        "HAR-UNREACHABLE",
        what=(
            "reading acme/ml/prod/models/+: the connection to app.harness.io failed: Remote end closed connection"
            " without response (5 tries)"
        ),
        hint=(
            "The public Harness hosts must be reachable from the runner. If you use a private certificate "
            "authority, name its certificate file in `SSL_CERT_FILE`; it is added to the trusted ones "
            "([SECURITY.md](../SECURITY.md) has the other ways). Certificate checks can't be switched off. A file"
            " of the host is not visible in a container: mount it."
        ),
        faults=[Fault("cut", times=99)],
    ),
    Failure(
        "HAR-TIMED-OUT",
        what="reading acme/ml/prod/models/+: app.harness.io did not answer within 1 s (1 try)",
        asks={"timeout": "1", "retries": "0"},
        faults=[Fault("latency", method="GET", times=99, delay=1.5)],
    ),
    Failure(
        "HAR-DEADLINE",
        what="the deadline of 0.5 s passed",
        hint="Set `deadline` below your CI's own time limit, so that there is time to report what was done.",
        asks={"deadline": "0.5"},
        faults=[Fault("latency", method="GET", times=99, delay=1.5)],
    ),
    Failure(
        "HAR-NO-TIME",
        what="writing 91 artifacts takes 2,040 s at this pace, and 60 s are left of `deadline`",
        hint="See [many artifacts](many-artifacts.md) for the calculation.",
        asks={"artifact": "*", "requests-per-minute": "1", "deadline": "60", "settle": "0"},
        artifacts=[f"model-{number}" for number in range(90)],
    ),
    Failure(
        "HAR-REQUIRE",
        what=(
            "'resnet50' in acme/ml/prod/models/+: `'stage=staging' in current` is false; it read current is "
            "['owner=vision', 'stage=dev']"
        ),
        hint=(
            "If this is not a failure for you, continue on error and branch on `steps.<id>.outputs.exit-code`, "
            "which is 10."
        ),
        asks={"require": "'stage=staging' in current"},
    ),
    Failure(
        "HAR-MAX-CHANGES",
        what="4 artifacts would change, and `max-changes` is 2",
        asks={"artifact": "*", "max-changes": "2"},
        artifacts=["model-1", "model-2", "model-3"],
    ),
    Failure(
        "HAR-WOULD-REMOVE",
        what=(
            "'resnet50' in acme/ml/prod/models/+: 'owner=vision', 'stage=dev' would be removed, and no `mode` "
            "allows that"
        ),
        hint=(
            "The endpoint replaces the whole list, so labels that others have set would be removed. The run "
            "reports every such artifact and writes none. A dry run still shows the difference."
        ),
        asks={"mode": ""},
    ),
    Failure(
        "HAR-POLICY",
        what=(
            "'resnet50' in acme/ml/prod/models/+: the last label with that key would go, and policy.yaml:3:41 "
            "says that `stage` is required"
        ),
        hint=(
            "A rule that was broken before the run is only a notice and stops nothing, except with `mode: read`. "
            "A label that the run gives and that no rule allows is HAR-INPUT, exit code 2."
        ),
        asks={"policy": "policy.yaml", "mode": "remove", "labels": "stage=dev"},
        files={"policy.yaml": "version: 1\nkeys:\n  stage: {values: [dev, staging, prod], required: true}\n"},
    ),
    Failure(
        "HAR-CANCELLED",
        what="the run was cancelled",
        hint="`status` is `PARTIAL` if anything had been written before.",
        prepare=_cancel_at_first_request,
    ),
)
