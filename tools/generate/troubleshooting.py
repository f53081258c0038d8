"""docs/troubleshooting.md: every failure with a real line of it, its cause, its cure, and what else helps.

tests/docs makes each failure happen and compares the line.
"""

from __future__ import annotations

# ruff: noqa: ISC004 - a line that is shown stands on one line
from generate.declared import exit_codes
from har_labels.errors import HarLabelsError, all_codes
from har_labels.text import documented

HEAD = """\
# Troubleshooting, by error code

Each failure is one line on stderr: `har-labels: error HAR-<code>: <what> | <next step>`. Find the code below. On GitHub the
same line is an annotation, on both CIs it is in the summary and in the report (`report-file`). The lines here are real: a test
makes each failure happen and compares.

Whether anything was written: the table of the summary shows what each artifact has now, and `changed-count` counts. After any
failure a rerun is safe: what is already done is not written again. (A `require` on `current` is asked again: let it also hold when the
work is done.)

On Harness, [.harness/errors.yaml](../.harness/errors.yaml) sorts these codes into Harness's own failure categories.

<!-- written by `make docs` from src/har_labels/errors.py and tools/generate/troubleshooting.py -->
"""

# What the line says about `resnet50` of acme/ml/prod/models: what happened, and the next step where it isn't the usual one.
LINES: dict[str, tuple[str, str]] = {
    "HAR-DEFECT": ("RuntimeError at planner.py:120", ""),
    "HAR-INPUT": (
        "`mode` is 'merge': it is not one of the allowed values",
        "Use `replace`, `add`, `remove`, `upsert`, `clear`, `read` or `move`.",
    ),
    "HAR-TEMPLATE": (
        "label 1 `accuracy={{ metrics.acc }}`: there is no metric `acc`; there are `accuracy`, `last`, `rows`",
        "Correct the name, give the metric, or put `| default('…')` behind it.",
    ),
    "HAR-METRICS": ("metrics file `metrics.json` can't be read: No such file or directory", ""),
    "HAR-MANIFEST": ("labels.yaml:3:5: there is no key `artefact` here", "Did you mean `artifact`?"),
    "HAR-POLICY-FILE": ("policy.yaml:2:1: there is no key `key` here", "Did you mean `keys`?"),
    "HAR-PLAN-FILE": ("'labels.plan' has 1 step, and its header says 2", ""),
    "HAR-REPORT-FILE": (
        "'report.json', row 1: 'resnet50' in acme/ml/prod/models/+ can't be taken back: what its labels were before the run is not known",
        "Change its labels by hand. To undo the others, take its row out of the report and lower `counts.matched` by one.",
    ),
    "HAR-AMBIGUOUS": ("'resnet50' in acme/ml/prod/models/+ names several artifacts: dataset and model", ""),
    "HAR-UNAUTHORIZED": (
        "the server refused a request for registry acme/ml/prod/models/+ (401): Token is not valid or missing: x-api-key", "",
    ),
    "HAR-FORBIDDEN": (
        "the server refused a request for artifact 'resnet50' in acme/ml/prod/models/+ (403): Forbidden", "",
    ),
    "HAR-REGISTRY-NOT-FOUND": (
        "registry acme/ml/prod/model/+ was not found (400): registry not found: Failed to find repo: resource not found", "",
    ),
    "HAR-ARTIFACT-NOT-FOUND": ("there is no artifact 'resnet5' in acme/ml/prod/models/+", ""),
    "HAR-NOTHING-MATCHED": ("'team/*' matches nothing in acme/ml/prod/models/+", ""),
    "HAR-PLAN-STALE": (
        "'resnet50' in acme/ml/prod/models/+: the plan expects ['stage=test'], and now there is ['owner=vision', 'stage=dev']", "",
    ),
    "HAR-OVERWRITTEN": ("'resnet50' in acme/ml/prod/models/+: the change was undone 5 times", ""),
    "HAR-VALUE-CONFLICT": ("'resnet50' in acme/ml/prod/models/+: key 'stage' has 'stage=dev', and 'stage=prod' was to be set", ""),
    "HAR-CONFLICT": (
        "the server refused a request for artifact 'resnet50' in acme/ml/prod/models/+ (409): Conflict", "",
    ),
    "HAR-REFUSED": (
        "the server refused a request for artifact 'resnet50' in acme/ml/prod/models/+ (400): Bad Request", "",
    ),
    "HAR-BAD-ANSWER": (
        "'resnet50' in acme/ml/prod/models/+: the server answered 200 with text/html that is not valid JSON (5 tries); "
        "a read shows that the labels were not written", "",
    ),
    "HAR-REDIRECTED": (
        "the answer to a request for artifact 'resnet50' in acme/ml/prod/models/+ points to "
        "'https://elsewhere.example.com/har/api/v1/registry/acme/ml/prod/models/+/artifact/resnet50/labels'", "",
    ),
    "HAR-UNREADABLE": ("'resnet50' in acme/ml/prod/models/+: the registry does not show the current labels, and `add` needs them", ""),
    "HAR-TYPE-LOSS": ("'resnet50' in acme/ml/prod/models/+ is no longer a model since its labels were written", ""),
    "HAR-SERVER-FAILING": (
        "'resnet50' in acme/ml/prod/models/+: the server answered 503: Service Unavailable (5 tries); "
        "a read shows that the labels were not written", "",
    ),
    "HAR-RATE-LIMITED": (
        "'resnet50' in acme/ml/prod/models/+: too many requests (429): Too Many Requests (5 tries); nothing was written", "",
    ),
    "HAR-UNREACHABLE": ("reading acme/ml/prod/models/+: the connection to app.harness.io failed: Remote end closed connection without response (5 tries)", ""),
    "HAR-TIMED-OUT": ("reading acme/ml/prod/models/+: app.harness.io did not answer within 1 s (1 try)", ""),
    "HAR-DEADLINE": ("the deadline of 0.5 s passed", ""),
    "HAR-NO-TIME": ("writing 91 artifacts takes 2,040 s at this pace, and 60 s are left of `deadline`", ""),
    "HAR-REQUIRE": (
        "'resnet50' in acme/ml/prod/models/+: `'stage=staging' in current` is false; "
        "it read current is ['owner=vision', 'stage=dev']", "",
    ),
    "HAR-MAX-CHANGES": ("4 artifacts would change, and `max-changes` is 2", ""),
    "HAR-WOULD-REMOVE": (
        "'resnet50' in acme/ml/prod/models/+: 'owner=vision', 'stage=dev' would be removed, and no `mode` says that it may", "",
    ),
    "HAR-POLICY": (
        "'resnet50' in acme/ml/prod/models/+: the last label with that key would go, and policy.yaml:3:41 says that `stage` is required", "",
    ),
    "HAR-CANCELLED": ("the run was cancelled", ""),
}  # fmt: skip

# What helps beyond cause and cure.
HINTS: dict[str, str] = {
    "HAR-INPUT": "All wrong inputs of a run are told at once, each spelt as your CI spells it. An empty `api-key` on a pull "
    "request from a fork means that forks get no secrets: label after the merge instead.",
    "HAR-TEMPLATE": "The line names the label by its place in the list. `{{ '{{ x }}' }}` writes braces.",
    "HAR-METRICS": "Paths are seen from inside the step's container, where the workspace is mounted: keep the file below it.",
    "HAR-MANIFEST": "`labels.yaml:3:5` is line 3, column 5. A number or `true` in `labels` must stand in quotes. Editors check "
    "while you type with [schemas/manifest.schema.json](../schemas/manifest.schema.json).",
    "HAR-POLICY-FILE": "Editors check while you type with [schemas/policy.schema.json](../schemas/policy.schema.json), and "
    "`har-labels --lint policy.yaml` without a key or a registry. A number or `true` in `values` must stand in quotes.",
    "HAR-PLAN-FILE": "A plan also belongs to one `api-url`; it can't be applied to another host.",
    "HAR-REPORT-FILE": "A report also belongs to one `api-url`. Plain `replace` and `clear` go on where labels can't be read; what they "
    "took away is then not known, and can't be put back.",
    "HAR-UNAUTHORIZED": "A key is valid only on its account's own cluster: `app.harness.io`, `app3.harness.io`, an EU or a vanity "
    "host. Below `/har/` the key goes as `x-api-key`, elsewhere as a bearer token; `auth-scheme` says otherwise.",
    "HAR-FORBIDDEN": "In Harness: Account settings, Access control, Service accounts, then a role with `Artifact Registry: "
    "Edit` for this registry. The right to upload or to view is not enough.",
    "HAR-REGISTRY-NOT-FOUND": "The first part is the account's identifier, not its name. In a Harness pipeline: "
    "`<+account.identifier>/<+org.identifier>/<+project.identifier>/models`.",
    "HAR-ARTIFACT-NOT-FOUND": "A push may take some seconds to be listed: `wait-for-artifact: 60`.",
    "HAR-NOTHING-MATCHED": "An empty match is refused on purpose: a typing error would else be a green step that did nothing.",
    "HAR-PLAN-STALE": "Found while reading: nothing was written. Found just before one artifact's own write: that one is left alone, "
    "and the others are written (exit code 11). Of an `undo`: somebody has written since, and their labels stay.",
    "HAR-OVERWRITTEN": "Somebody reads, waits and writes back the whole list, again and again. A larger `settle` helps if their "
    "gap is a few seconds; see [how writing works](how-writing-works.md).",
    "HAR-BAD-ANSWER": "With `api-url: https://host/some/path` the path is taken as the full API base; without a path "
    "`/har/api/v1` is added.",
    "HAR-UNREADABLE": "Merging modes never take unknown labels for none: that would delete them.",
    "HAR-TYPE-LOSS": "Known of Harness Open Source. Where the API base has no `/har/` the write is refused beforehand; elsewhere "
    "the first write is looked at alone, and the run stops there.",
    "HAR-SERVER-FAILING": "'A read shows' tells what stands there now. A 500 that *had* written is no failure: the step is "
    "green, with a notice.",
    "HAR-RATE-LIMITED": "Harness allows a key about 400 requests a minute, all jobs together. Give each job a key of its own or "
    "a share of the rate; shards divide `requests-per-minute` among themselves.",
    "HAR-UNREACHABLE": "The public Harness hosts must be reachable from the runner. A certificate of your own authority goes "
    "into the file that `SSL_CERT_FILE` names, which adds to what is trusted already ([SECURITY.md](../SECURITY.md) has the "
    "other ways); certificates can't be left unchecked. A path of the host is not seen in a container: mount it.",
    "HAR-DEADLINE": "Set `deadline` below your CI's own time limit, so that there is time to say what was done.",
    "HAR-NO-TIME": "See [many artifacts](many-artifacts.md) for the arithmetic.",
    "HAR-REQUIRE": "Exit code 10: branch on `steps.<id>.outputs.exit-code` if this is no failure for you.",
    "HAR-WOULD-REMOVE": "The endpoint replaces the whole list, so the labels that others have set would go. All artifacts of the "
    "run are told, and none is written. A dry run shows the difference all the same.",
    "HAR-POLICY": "What was broken before the run is a notice and stops nothing, unless `mode: read` asks for it. A label "
    "that the run gives and no rule allows is HAR-INPUT, exit code 2.",
    "HAR-CANCELLED": "`status` is `PARTIAL` if anything had been written by then.",
}


def page() -> str:
    return HEAD + "".join(map(_section, all_codes()))


def line_of(kind: type[HarLabelsError]) -> str:
    what, next_step = LINES[kind.code]
    return f"har-labels: error {kind.code}: {what} | {next_step or documented(kind.cure)}"


def _section(kind: type[HarLabelsError]) -> str:
    hint = f"\n{HINTS[kind.code]}\n" if kind.code in HINTS else ""
    return f"""
## {kind.code}

```text
{line_of(kind)}
```

**Cause.** {documented(kind.cause)} **Cure.** {documented(kind.cure)} Exit code {exit_codes(kind).replace(", ", " or ")}.
{hint}"""
