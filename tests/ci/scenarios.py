"""One table of scenarios for every CI: the registry's content, the inputs, and the expected result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from har_sandbox import Fault

REGISTRY = "acme/ml/models"
NAME = "resnet50"
BEFORE = ("alpha", "stage=dev")
# Text that would have an effect somewhere: shells, godotenv, workflow commands, Markdown, HTML, base64, expressions.
HOSTILE = (
    "$(touch owned)", "`id`", 'say "hi"', "it's", "#1", "a#b", "${HOME}", "back\\slash", "::error::x", "##[error]x", "|pipe|",
    "<b>", "<+pipeline.name>", "__B64__eA==", "größe: 3 µm", "😀", "ghadelimiter_1<<EOF", "a=b=c", "100%", "@octocat",
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """The labels in the registry, the inputs of a step, and its results on every CI.

    `fate` is what becomes of the one artifact (empty: the run is about none, or about several), `after` the labels
    in the results and `kept` those in the registry at the end (None: the same).
    """

    name: str
    inputs: Mapping[str, str]
    code: int = 0
    status: str = "SUCCESS"
    fate: str = "applied"
    before: Sequence[str] | None = BEFORE
    after: Sequence[str] | None = ()
    kept: Sequence[str] | None = None
    confirmed_by: str = "answer"
    puts: int = 1
    errors: tuple[str, ...] = ()
    counts: Mapping[str, int] | None = None
    summary: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    faults: Sequence[Fault] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Sequence[str]] = field(default_factory=lambda: {NAME: BEFORE})
    package_type: str = "DOCKER"
    hidden: bool = False

    @property
    def expected_counts(self) -> dict[str, int]:
        """How many artifacts had which fate."""
        fates = {
            "applied": "changed",
            "planned": "changed",
            "unchanged": "unchanged",
            "failed": "failed",
            "skipped": "skipped",
        }
        counts = dict.fromkeys(("matched", "changed", "unchanged", "failed", "skipped"), 0)
        if self.fate:
            counts["matched"] = counts[fates[self.fate]] = 1
        return counts | dict(self.counts or {})


def put_fault(kind: str, times: int = 1, **more: Any) -> Fault:
    """A fault of the first PUTs."""
    return Fault(kind, method="PUT", times=times, **more)


def _literally(text: str) -> str:
    """A text as an item that means it: in quotes, and what Harness would resolve written by a template."""
    quoted = text.replace('"', '""').replace("<+", "{{ '<+' }}")
    return f'"{quoted}"'


def _asks(mode: str = "replace", labels: str = "", **more: str) -> dict[str, str]:
    given = {"registry-ref": REGISTRY, "artifact": NAME, "mode": mode, "labels": labels}
    return given | {name.replace("_", "-"): text for name, text in more.items()}


PROD = _asks(labels="stage=prod")
# Nothing was written, and the log says why.
_FAILED: dict[str, Any] = {"status": "FAILED", "fate": "failed", "after": BEFORE, "confirmed_by": "", "puts": 0}
# The run ended before it was about any artifact.
_NONE: dict[str, Any] = {**_FAILED, "fate": "", "before": None, "after": None, "kept": BEFORE}
# Not even the artifact's labels were requested.
_MISSED: dict[str, Any] = {**_FAILED, "before": None, "after": None}
_TEAM = {"a": ("old",), "b": ("old",), "c": ("old",)}

SCENARIOS = (
    Scenario("replace", _asks(labels="stage=prod, team:vision"), after=["stage=prod", "team:vision"], log=("removes 'alpha'",)),
    Scenario("replace by a JSON array", _asks(labels='["b, c", "a"]'), after=["a", "b, c"]),
    Scenario("replace by lines", _asks(labels="b\n  a \n\nb\n"), after=["a", "b"], log=("is the same",)),
    Scenario("clear", _asks("clear"), after=[], log=("removes",)),
    Scenario("add", _asks("add", "new, alpha"), after=["alpha", "new", "stage=dev"]),
    Scenario("remove by a pattern", _asks("remove", "stage=*"), after=["alpha"]),
    Scenario("upsert", _asks("upsert", "stage:prod, owner=ada"), after=["alpha", "owner=ada", "stage:prod"]),
    Scenario("owned", _asks(labels="stage=prod", owned="stage=*, ci-*"), after=["alpha", "stage=prod"]),
    Scenario("template", _asks("add", "{{ artifact | upper }}, tag={{ ci.tag }}"), after=["RESNET50", "alpha", "stage=dev"], log=("is dropped",)),
    Scenario("hostile labels", _asks("add", "\n".join(map(_literally, HOSTILE))), after=sorted({*BEFORE, *HOSTILE})),
    Scenario("read", _asks("read"), fate="unchanged", after=BEFORE, puts=0, confirmed_by=""),
    Scenario("unchanged", _asks(labels="stage=dev, alpha, alpha"), fate="unchanged", after=BEFORE, puts=0, confirmed_by=""),
    Scenario("nothing matched", _asks("remove", "nope-*"), fate="unchanged", after=BEFORE, puts=0, confirmed_by=""),
    Scenario("dry run", {**PROD, "dry-run": "true"}, status="PLANNED", fate="planned", after=["stage=prod"], kept=BEFORE, puts=0, confirmed_by="", summary=("Dry run",)),
    Scenario("dry run without a change", _asks("add", "alpha", dry_run="TRUE"), status="PLANNED", fate="unchanged", after=BEFORE, puts=0, confirmed_by=""),
    Scenario("wrong key", PROD, 3, **_NONE, errors=("HAR-UNAUTHORIZED",), options={"api_key": "another-key"}, log=("(401)",)),
    Scenario("wrong key for writing", PROD, 3, **{**_FAILED, "puts": 1}, errors=("HAR-UNAUTHORIZED",), faults=[put_fault("401")]),
    Scenario("forbidden", PROD, 3, **{**_FAILED, "puts": 1}, errors=("HAR-FORBIDDEN",), faults=[put_fault("403")], summary=("this permission on the registry",)),
    Scenario("unknown registry", {**PROD, "registry-ref": "acme/ml/nope"}, 4, **_NONE, errors=("HAR-REGISTRY-NOT-FOUND",)),
    Scenario("unknown artifact", {**PROD, "artifact": "nope"}, 4, **_MISSED, kept=BEFORE, errors=("HAR-ARTIFACT-NOT-FOUND",)),
    Scenario("unknown artifact skipped", {**PROD, "artifact": "nope", "on-missing": "skip"}, fate="skipped", before=None, after=None, kept=BEFORE, puts=0, confirmed_by=""),
    Scenario("glob that matches nothing", {**PROD, "artifact": "nope*"}, 4, **_MISSED, kept=BEFORE, errors=("HAR-NOTHING-MATCHED",)),
    Scenario("500 after the write", PROD, after=["stage=prod"], confirmed_by="read-back", faults=[put_fault("500-after")], log=("a read shows that the labels are as wanted",)),
    Scenario("500 before the write", PROD, after=["stage=prod"], puts=2, faults=[put_fault("500")]),
    Scenario("500 for ever", PROD, 6, **{**_FAILED, "puts": 3}, errors=("HAR-SERVER-FAILING",), faults=[put_fault("500", 9)]),
    Scenario("cut before the write", PROD, after=["stage=prod"], puts=2, faults=[put_fault("cut")]),
    Scenario("cut after the write", _asks("add", "new"), after=["alpha", "new", "stage=dev"], confirmed_by="read-back", faults=[put_fault("cut-after")]),
    Scenario("cut for ever", PROD, 7, **{**_FAILED, "puts": 3}, errors=("HAR-UNREACHABLE",), faults=[put_fault("cut", 9)]),
    Scenario("too many requests", PROD, after=["stage=prod"], puts=3, faults=[put_fault("429", 2, retry_after="0")]),
    Scenario("too many requests for ever", PROD, 6, **{**_FAILED, "puts": 3}, errors=("HAR-RATE-LIMITED",), faults=[put_fault("429", 9)]),
    Scenario("web page instead", PROD, 6, **{**_FAILED, "puts": 3}, errors=("HAR-BAD-ANSWER",), faults=[put_fault("html", 9)]),
    Scenario("redirected", PROD, 6, **{**_FAILED, "puts": 1}, errors=("HAR-REDIRECTED",), faults=[put_fault("redirect")], log=("elsewhere.example.com",)),
    Scenario("reading refused, replaced", PROD, before=None, after=["stage=prod"], faults=[Fault("403", method="GET", times=9)], log=("can't be read before the write",)),
    Scenario("reading fails, replaced", PROD, before=None, after=["stage=prod"], faults=[Fault("502", method="GET", times=9)], log=("the previous labels are not known",)),
    Scenario("would remove", {**PROD, "mode": ""}, 10, **_FAILED, errors=("HAR-WOULD-REMOVE",), log=("'alpha'", "'stage=dev'")),
    Scenario("reading fails", _asks("add", "new"), 6, **_NONE, errors=("HAR-SERVER-FAILING",), faults=[Fault("502", method="GET", times=9)]),
    Scenario("unreadable, replaced", PROD, before=None, after=["stage=prod"], hidden=True),
    Scenario("unreadable, merged", _asks("add", "new"), 6, **_MISSED, kept=BEFORE, errors=("HAR-UNREADABLE",), hidden=True),
    Scenario("value conflict", _asks("upsert", "stage=prod", on_conflict="error"), 5, **_FAILED, errors=("HAR-VALUE-CONFLICT",), log=("'stage=dev'",)),
    Scenario("gate closed", {**PROD, "require": "'frozen' in current"}, 10, **_FAILED, errors=("HAR-REQUIRE",), log=("'frozen' in current", "'alpha'")),
    Scenario("gate open", {**PROD, "require": "'frozen' not in current"}, after=["stage=prod"]),
    Scenario("wrong input", {**PROD, "mode": "replcae"}, 2, **_NONE, errors=("HAR-INPUT",), log=("'replcae'",)),
    Scenario("no key", {**PROD, "api-key": ""}, 2, **_NONE, errors=("HAR-INPUT",)),
    Scenario("nothing to replace by", _asks(labels="{{ ci.tag }}"), 2, **_NONE, errors=("HAR-INPUT",), log=("`replace` would leave nothing", "clear`")),
    Scenario("several changed", {**PROD, "artifact": "*"}, fate="", artifacts=_TEAM, after=["stage=prod"], counts={"matched": 3, "changed": 3}, puts=3),
    Scenario("some failed", {**PROD, "artifact": "a, b, c"}, 11, "PARTIAL", "", artifacts=_TEAM, counts={"matched": 3, "changed": 2, "failed": 1}, puts=3, errors=("HAR-REFUSED",), faults=[put_fault("400", artifact="b")]),
    Scenario("max-changes", {**PROD, "artifact": "*", "max-changes": "2"}, 10, "FAILED", "", artifacts=_TEAM, kept=["old"], counts={"matched": 3, "skipped": 3}, puts=0, errors=("HAR-MAX-CHANGES",)),
    Scenario("type lost", {**PROD, "artifact-type": "model"}, 6, **{**_FAILED, "after": ["stage=prod"], "confirmed_by": "answer", "puts": 1}, errors=("HAR-TYPE-LOSS",), package_type="HUGGINGFACE", options={"drops_type": True}),
)  # fmt: skip
