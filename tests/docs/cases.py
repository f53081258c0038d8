"""What every example and recipe does: what the registry holds before, what it holds after, and the exit code.

Artifacts are written as `registry:name`; each recipe has a case in which it takes effect, and a gate one in which it is closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from docs.documents import the_one
from docs.tool_files import files_of

Labels = Sequence[str]

MODEL = "acme/ml/prod/models:resnet50"
CHAMPION = "acme/ml/prod/models:resnet50-champion"
FORMER = "acme/ml/prod/models:resnet49"
GOOD = {"metrics.json": '{"accuracy": 0.93417}'}
POOR = {"metrics.json": '{"accuracy": 0.9199}'}
DEV = ("owner=vision", "stage=dev")
STAGING = ("owner=vision", "stage=staging")
CANDIDATE = ("owner=vision", "stage=candidate")
PULL_REQUEST = {
    "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/3/merge", "GITHUB_REF_NAME": "3/merge",
    "GITHUB_HEAD_REF": "x,stage=production",
}  # fmt: skip
TAG = {"GITHUB_REF": "refs/tags/v7", "GITHUB_REF_NAME": "v7", "GITHUB_REF_TYPE": "tag"}
_TEAM = {"acme/ml/prod/models:team/a": ["x"], "acme/ml/prod/models:team/b": [], MODEL: DEV}
_PRODUCTION = {
    "acme/ml/prod/models:team/a": ["stage=production", "x"],
    "acme/ml/prod/models:team/b": ["stage=production"],
}
_AGEING = {
    "acme/ml/prod/models:team/old": ["stage=dev"], "acme/ml/prod/models:team/bare": [],
    "acme/ml/prod/models:team/live": ["stage=production"], "acme/ml/prod/models:team/used": ["stage=dev"],
    "acme/ml/prod/models:team/reference-1": ["stage=dev"], "acme/ml/prod/models:other": ["stage=dev"],
}  # fmt: skip
_OF_AGEING = {place: {"age_days": 400, "downloads": 50 if place.endswith("used") else 1} for place in _AGEING}
_MANIFEST = {
    "acme/ml/models:resnet50": ["stage=dev"],
    "acme/ml/models:team/llm": ["stage=dev"],
    "acme/ml/data:faces": ["tmp-import", "licence=cc-by"],
    "acme/ml/data:roads": ["tmp-1", "tmp-2"],
}
# What the recipe of manifests makes of the page's file; the contract shows that file in other words.
_MANIFEST_DONE = {
    "acme/ml/models:resnet50": ["accuracy=0.934", "stage=candidate"],
    "acme/ml/models:team/llm": ["owner=vision", "stage=dev"],
    "acme/ml/data:faces": ["licence=cc-by"],
    "acme/ml/data:roads": [],
}
_OF_CONTRACT = {"labels.yaml": the_one("docs/contract.md", "```yaml\n(version: 1\n.+?)```")}
_SHARED = {f"acme/ml/models:team/m{number}": ["stage=dev"] for number in range(12)}


@dataclass(frozen=True)
class Case:
    """`recipes` run one after another, `meanwhile` is written by somebody else before the last of them.

    `after` are the artifacts that hold something else in the end; all others hold what they did. `outputs` are some
    of the last step's, `facts` an artifact's facts in the list besides its labels.
    """

    title: str
    recipes: Sequence[str]
    holds: Mapping[str, Labels]
    after: Mapping[str, Labels] = field(default_factory=dict)
    code: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    meanwhile: Mapping[str, Labels] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    contexts: Sequence[Mapping[str, str]] = field(default_factory=lambda: [{}])
    profile: str = "saas"


def _shards(index: str, total: str) -> Sequence[Mapping[str, str]]:
    return [{index: str(number), total: "3"} for number in range(3)]


def _asked(dry_run: str) -> Sequence[Mapping[str, str]]:
    return [{"${{ inputs.dry-run }}": dry_run}]


CASES = (
    Case("the example for GitHub", ["github"], {MODEL: DEV}, {MODEL: ["accuracy=0.934", "commit=0123456", "owner=vision", "stage=candidate"]}, files=GOOD, outputs={"labels-map": '{"accuracy":"0.934","commit":"0123456","owner":"vision","stage":"candidate"}'}),
    Case("the example for Harness", ["harness"], {MODEL: DEV}, {MODEL: ["accuracy=0.934", "commit=0123456", "owner=vision", "stage=candidate"]}, files=GOOD),
    Case("metrics, good enough", ["metrics"], {MODEL: DEV}, {MODEL: ["accuracy=0.934", "dataset=v7", "owner=vision", "stage=candidate"]}, files=GOOD),
    Case("metrics, not good enough", ["metrics"], {MODEL: DEV}, code=10, files=POOR),
    Case("a better candidate", ["champion"], {MODEL: DEV, CHAMPION: ["accuracy=0.934"]}, {MODEL: ["accuracy=0.934", "owner=vision", "stage=candidate"]}, files=GOOD),
    Case("a first candidate", ["champion"], {MODEL: DEV}, {MODEL: ["accuracy=0.934", "owner=vision", "stage=candidate"]}, files=GOOD),
    Case("a worse candidate", ["champion"], {MODEL: DEV, CHAMPION: ["accuracy=0.935"]}, code=10, files=GOOD),
    Case("promote", ["promote"], {MODEL: STAGING}, {MODEL: ["owner=vision", "stage=production"]}),
    Case("promote once more", ["promote", "promote"], {MODEL: STAGING}, {MODEL: ["owner=vision", "stage=production"]}, outputs={"changed": "false"}),
    Case("promote what is not in staging", ["promote"], {MODEL: DEV}, code=10),
    Case("promote what was vetoed", ["promote"], {MODEL: [*STAGING, "vetoed"]}, code=10),
    Case("promote and remove", ["promote-and-remove"], {MODEL: ["candidate", "candidate-7", *STAGING]}, {MODEL: ["owner=vision", "stage=production"]}),
    Case("where", ["where"], _AGEING, {"acme/ml/prod/models:team/old": ["stage=archived"], "acme/ml/prod/models:team/bare": ["stage=archived"]}, facts=_OF_AGEING, outputs={"matched-count": "2"}),
    Case("where, and nothing is left", ["where"], _AGEING, outputs={"matched-count": "0", "status": "SUCCESS"}),
    Case("move", ["move"], {MODEL: STAGING, FORMER: ["stage=production", "team=a"]}, {MODEL: ["owner=vision", "stage=production"], FORMER: ["team=a"]}, outputs={"moved-from": '["resnet49"]'}),
    Case("move once more", ["move", "move"], {MODEL: STAGING, FORMER: ["stage=production"]}, {MODEL: ["owner=vision", "stage=production"], FORMER: []}, outputs={"moved-from": "[]", "changed": "false"}),
    Case("move what is not in staging", ["move"], {MODEL: DEV, FORMER: ["stage=production"]}, code=10),
    Case("own labels", ["owned"], {MODEL: ["ci:old", "ci:run=6", "owner=vision"]}, {MODEL: ["ci:run=7", "ci:verified", "owner=vision"]}),
    Case("branch", ["branch"], {MODEL: DEV}, {MODEL: ["branch=main", *DEV]}),
    Case("branch of a stranger", ["branch"], {MODEL: DEV}, {MODEL: ["branch=x-stage-production", *DEV]}, environ=PULL_REQUEST),
    Case("branch recipe on a tag", ["branch"], {MODEL: DEV}, {MODEL: ["v7", *DEV]}, environ=TAG),
    Case("read", ["read"], {MODEL: ["stage=production"]}, outputs={"labels": '["stage=production"]', "changed": "false"}),
    Case("read what is not there", ["read"], {MODEL: DEV}, code=10, outputs={"exit-code": "10"}),
    Case("vocabulary", ["vocabulary"], _TEAM, outputs={"changed": "false", "matched-count": "3"}),
    Case("drift, and there is some", ["drift"], _TEAM, code=10, outputs={"changed-count": "2"}),
    Case("drift, and there is none", ["drift"], {name: [*labels, "owner=vision"] for name, labels in _TEAM.items()}, outputs={"status": "PLANNED", "changed": "false"}),
    Case("plan", ["plan"], _TEAM, outputs={"status": "PLANNED", "changed-count": "2"}),
    Case("plan, then apply", ["plan", "apply"], _TEAM, {"acme/ml/prod/models:team/a": ["owner=vision", "x"], "acme/ml/prod/models:team/b": ["owner=vision"]}),
    Case("plan, a change, then apply", ["plan", "apply"], _TEAM, {"acme/ml/prod/models:team/b": ["frozen"]}, code=5, meanwhile={"acme/ml/prod/models:team/b": ["frozen"]}),
    Case("policy, and the labels keep to it", ["policy"], {MODEL: [*DEV, "tmp"]}, {MODEL: ["owner=vision", "stage=staging"]}),
    Case("policy, and something protected would go", ["policy"], {MODEL: [*DEV, "legal:hold"]}, code=10),
    Case("audit, and all is well", ["audit"], {MODEL: DEV, CHAMPION: ["stage=production", "legal:hold"]}, outputs={"status": "SUCCESS"}),
    Case("audit, and a stage is none", ["audit"], {MODEL: DEV, CHAMPION: ["stage=prd"]}, code=10, outputs={"exit-code": "10", "changed": "false"}),
    Case("a run with its report", ["report"], _TEAM, _PRODUCTION),
    Case("look at what an undo would do", ["report", "undo"], _TEAM, _PRODUCTION, contexts=_asked("true"), outputs={"status": "PLANNED", "changed-count": "2"}),
    Case("take a run back", ["report", "undo"], _TEAM, contexts=_asked("false"), outputs={"status": "SUCCESS", "changed-count": "2"}),
    Case("take a run back too late", ["report", "undo"], _TEAM, {"acme/ml/prod/models:team/a": ["x", "stage=production"], "acme/ml/prod/models:team/b": ["frozen"]}, code=5, contexts=_asked("false"), meanwhile={"acme/ml/prod/models:team/b": ["frozen"]}),
    Case("a run with its report on Harness", ["harness-report"], _TEAM, _PRODUCTION),
    Case("manifest", ["manifest"], _MANIFEST, _MANIFEST_DONE, files=GOOD),
    Case("manifest of the contract", ["manifest"], _MANIFEST, _MANIFEST_DONE, files=GOOD | _OF_CONTRACT),
    Case("manifest, something is frozen", ["manifest"], {**_MANIFEST, "acme/ml/data:roads": ["frozen", "tmp-1"]}, code=10, files=GOOD),
    Case("shards on GitHub", ["shards-github"], _SHARED, dict.fromkeys(_SHARED, ("owner=vision", "stage=dev")), contexts=_shards("${{ strategy.job-index }}", "${{ strategy.job-total }}")),
    Case("shards on Harness", ["shards-harness"], _SHARED, dict.fromkeys(_SHARED, ("owner=vision", "stage=dev")), contexts=_shards("<+strategy.iteration>", "<+strategy.iterations>")),
    Case("instead of curl", ["curl"], {MODEL: ["old"]}, {MODEL: ["owner=vision", "stage=candidate"]}),
    Case("scikit-learn", ["scikit-learn"], {MODEL: DEV}, {MODEL: ["accuracy=0.925", "f1=0.924", *DEV]}, files=files_of("scikit-learn")),
    Case("scikit-learn, a class is recalled badly", ["scikit-learn"], {MODEL: DEV}, code=10, files=files_of("scikit-learn", "report.json", '"recall": 0.95', '"recall": 0.89')),
    Case("Lightning", ["lightning"], {MODEL: DEV}, {MODEL: ["best_epoch=1", "val_acc=0.84", *DEV]}, files=files_of("lightning")),
    Case("Lightning, not good enough", ["lightning"], {MODEL: DEV}, code=10, files=files_of("lightning", "metrics.csv", "0.8", "0.7")),
    Case("Transformers", ["transformers"], {MODEL: DEV}, {MODEL: ["accuracy=0.934", "best_step=1000", "epochs=3", *DEV]}, files=files_of("transformers")),
    Case("Transformers, not good enough", ["transformers"], {MODEL: DEV}, code=10, files=files_of("transformers", "all_results.json", "0.93404", "0.92999")),
    Case("Ultralytics", ["ultralytics"], {MODEL: DEV}, {MODEL: ["epoch=2", "map=0.48", *DEV]}, files=files_of("ultralytics")),
    Case("Ultralytics, not good enough", ["ultralytics"], {MODEL: DEV}, code=10, files={"runs/detect/train/results.csv": "epoch,metrics/mAP50-95(B)\n1,0.449\n"}),
    Case("lm-evaluation-harness", ["lm-evaluation-harness"], {MODEL: DEV}, {MODEL: ["evaluated=2026-09-01", "hellaswag=0.714", "mmlu=0.468", *DEV]}, files=files_of("lm-evaluation-harness")),
    Case("lm-evaluation-harness, not surely good enough", ["lm-evaluation-harness"], {MODEL: DEV}, code=10, files=files_of("lm-evaluation-harness", "results_*.json", "0.004,", "0.04,")),
    Case("one writer at a time on GitHub", ["guarantee 1"], {MODEL: DEV}, {MODEL: [*DEV, "reviewed"]}),
    Case("one writer at a time on Harness", ["guarantee 2"], {MODEL: DEV}, {MODEL: [*DEV, "reviewed"]}),
    Case("an Action step of Harness", ["action-step"], {MODEL: DEV}, {MODEL: CANDIDATE}, outputs={"labels-map": '{"owner":"vision","stage":"candidate"}'}),
    Case("a Custom stage of Harness", ["custom-stage"], {MODEL: STAGING}, {MODEL: ["owner=vision", "stage=production"]}),
    Case("Harness 3.0", ["harness-3"], {MODEL: DEV}, {MODEL: ["commit=0123456", *CANDIDATE]}),
    Case("Harness Open Source", ["open-source"], {"acme/images:trainer": DEV}, {"acme/images:trainer": ["commit=0123456", *CANDIDATE]}, profile="open-source"),
    Case("Drone", ["drone"], {MODEL: DEV}, {MODEL: ["commit=0123456", *CANDIDATE]}),
    Case("an image of one's own registry", ["mirrored"], {MODEL: DEV}, {MODEL: CANDIDATE}, outputs={"labels-map": '{"owner":"vision","stage":"candidate"}'}),
)  # fmt: skip
GATED = (
    "metrics", "champion", "promote", "move", "read", "manifest", "drift", "policy", "audit",
    "scikit-learn", "lightning", "transformers", "ultralytics", "lm-evaluation-harness",
)  # fmt: skip
# What test_harness_page.py runs: several steps of ours, or a step that needs more than an environment.
RUN_ELSEWHERE = ("outputs", "harness-move", "harness-undo", "private-ca", "drone-template")
