"""`remove` beside `add` and `upsert`: patterns to take away in the same write (contract §3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.steps import Done, spelling
from conftest import MODELS, RunStep
from har_sandbox import Request, Sandbox

NAME = "resnet50"
BEFORE = ["candidate", "candidate-7", "owner=vision", "stage=staging"]
Ask = Callable[..., Done]


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    """A candidate that is to be promoted."""
    sandbox.add_artifact(MODELS, NAME, package_type="DOCKER", labels=BEFORE)
    return sandbox


@pytest.fixture
def ask(run_step: RunStep, box: Sandbox) -> Ask:
    """Runs a step for the artifact, which sets its stage by default."""

    def run(remove: str, *, ci: str = "github", **more: str) -> Done:
        asked = {
            "registry-ref": MODELS, "artifact": NAME, "mode": "upsert", "labels": "stage=production", "remove": remove,
        }  # fmt: skip
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, box, {name: text for name, text in asked.items() if text})

    return run


def puts(box: Sandbox) -> list[list[str]]:
    return [json.loads(request.body)["labels"] for request in box.requests if request.method == "PUT"]


@pytest.mark.parametrize(
    ("mode", "labels", "remove", "expected"),
    [
        ("upsert", "stage=production", "candidate*", ["owner=vision", "stage=production"]),
        ("add", "live", "candidate*, stage=*", ["live", "owner=vision"]),
        # what the step gives stays, whether it was there before or not
        ("add", "candidate-8", "candidate*", ["candidate-8", "owner=vision", "stage=staging"]),
        ("add", "candidate-7", "candidate*", ["candidate-7", "owner=vision", "stage=staging"]),
        ("upsert", "stage=production", "stage=*", ["candidate", "candidate-7", "owner=vision", "stage=production"]),
        ("upsert", "stage=production", "*", ["stage=production"]),
        # a pattern is a label or a glob, and may contain a template, whose characters match literally
        ("add", "x", "candidate", ["candidate-7", "owner=vision", "stage=staging", "x"]),
        ("add", "x", "candidate-{{ ci.run_number }}", ["candidate", "owner=vision", "stage=staging", "x"]),
        ("add", "x", "{{ '*' }}", sorted([*BEFORE, "x"])),
        ("add", "x", "Candidate*", sorted([*BEFORE, "x"])),
    ],
)
def test_it_is_taken_away_in_one_write(
    ask: Ask, box: Sandbox, mode: str, labels: str, remove: str, expected: list[str]
) -> None:
    """One PUT does both; a label of the step is kept even if a pattern matches it."""
    done = ask(remove, mode=mode, labels=labels)
    assert (done.code, box.labels(MODELS, NAME), puts(box)) == (0, expected, [expected])
    assert done.value("removed") == sorted(set(BEFORE) - set(expected))
    assert done.value("added") == sorted(set(expected) - set(BEFORE))


@pytest.mark.parametrize(
    ("on_conflict", "remove", "code", "stage"),
    [
        ("keep", "", 0, "stage=staging"),
        ("keep", "stage=s*", 0, "stage=production"),
        ("error", "", 5, "stage=staging"),
        ("error", "stage=s*", 0, "stage=production"),
    ],
)
def test_a_removed_label_is_not_a_conflict(
    ask: Ask, box: Sandbox, on_conflict: str, remove: str, code: int, stage: str
) -> None:
    """Removal is first: a removed value is neither a conflict nor kept by `on-conflict: keep`."""
    assert ask(remove, on_conflict=on_conflict).code == code
    assert stage in (box.labels(MODELS, NAME) or [])


def test_done_before_is_unchanged(ask: Ask, box: Sandbox) -> None:
    """A second run changes nothing, and a notice says that the pattern matches nothing."""
    assert ask("candidate*").code == 0
    box.forget_requests()
    done = ask("candidate*")
    assert (done.code, done.value("changed"), puts(box)) == (0, "false", [])
    assert "no label of any artifact matches 'candidate*'" in done.log


def test_it_is_made_again_if_undone(ask: Ask, box: Sandbox) -> None:
    """A removed label that a slow writer restores is removed again; one that was never read before stays."""
    seen: list[Request] = []

    @box.after
    def theirs(request: Request) -> None:
        if request.method == "PUT":
            seen.append(request)
            if len(seen) == 1:
                box.put_labels(MODELS, NAME, ["candidate", "candidate-9", "owner=vision", "stage=production"])

    done = ask("candidate*")
    assert (done.code, len(seen)) == (0, 2)
    assert box.labels(MODELS, NAME) == ["candidate-9", "owner=vision", "stage=production"]


@pytest.mark.parametrize("mode", ["", "replace", "remove", "clear", "read"])
@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
def test_it_needs_add_or_upsert_spelt(ask: Ask, box: Sandbox, mode: str, ci: str) -> None:
    """Without a mode and with any other it is an error in that CI's spelling, before any request."""
    done = ask("candidate*", mode=mode, labels="" if mode in {"clear", "read"} else "x", ci=ci)
    assert (done.code, done.errors, box.requests) == (2, ["HAR-INPUT"], [])
    ((_, what, _),) = done.stable_lines
    sign = "=" if ci == "terminal" else ": "
    name = spelling(ci, "mode", is_given=bool(mode))
    ways = [f"`{name}{sign if name.startswith('HAR') or ci != 'terminal' else ' '}{one}`" for one in ("add", "upsert")]
    assert what.startswith(f"`{spelling(ci, 'remove')}` goes with {' or '.join(ways)}")


@pytest.mark.parametrize("remove", ["a, - b", "${{ x }}", "[object Object]", "{a: b}", "null", "{{ nope }}"])
def test_items_are_held_to_what_lists_are(ask: Ask, box: Sandbox, remove: str) -> None:
    """Contradicting inputs are reported before any request."""
    done = ask(remove)
    assert (done.code, box.requests) == (2, [])
    assert "`remove`" in done.err


def test_the_key_is_refused_as_a_pattern(ask: Ask, box: Sandbox, tmp_path: Path) -> None:
    """A pattern that renders as the key is refused like a label, without showing the key."""
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"a": box.api_key[:10], "b": box.api_key[10:]}))
    done = ask("{{ metrics.a }}{{ metrics.b }}", metrics_file=str(metrics))
    assert (done.code, box.requests) == (2, [])
    assert box.api_key not in done.err + done.summary


def test_a_manifest_takes_away_too(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """Entries apply in order: a later one may add a label that an earlier one removes."""
    path = tmp_path / "labels.yaml"
    changes = [
        {"artifact": NAME, "labels": ["stage=production"], "remove": ["candidate*", "{{ artifact }}-*"]},
        {"artifact": NAME, "mode": "add", "labels": ["candidate-9"], "remove": "owner=*"},
    ]
    path.write_text(json.dumps({"version": 1, "registry-ref": MODELS, "mode": "upsert", "changes": changes}))
    done = run_step("github", box, {"manifest": str(path)})
    assert (done.code, puts(box)) == (0, [["candidate-9", "stage=production"]])


def test_a_manifests_default_counts_where_it_fits(run_step: RunStep, box: Sandbox, tmp_path: Path) -> None:
    """From the file or the input; where no entry's mode has a use for it, it is an error."""
    path = tmp_path / "labels.yaml"
    document = {"version": 1, "registry-ref": MODELS, "changes": [{"artifact": NAME, "labels": ["x"], "mode": "add"}]}
    path.write_text(json.dumps(document | {"remove": ["candidate*"]}))
    assert run_step("github", box, {"manifest": str(path)}).code == 0
    assert box.labels(MODELS, NAME) == ["owner=vision", "stage=staging", "x"]
    document["changes"] = [{"artifact": NAME, "mode": "clear"}]
    path.write_text(json.dumps(document))
    done = run_step("github", box, {"manifest": str(path), "remove": "candidate*"})
    assert (done.code, puts(box)) == (2, [["owner=vision", "stage=staging", "x"]])
    assert "`remove` goes with `mode: add` or `mode: upsert`, and no entry has that" in done.err


def test_a_comment_in_the_patterns_may_hold_anything(ask: Ask, box: Sandbox) -> None:
    """As in `labels`: a comment is removed first, so an expression of a CI in it is not an unresolved one."""
    assert ask("# see <+pipeline.name>\ncandidate*").code == 0
    assert "candidate" not in " ".join(box.labels(MODELS, NAME))
    refused = ask("<+pipeline.name>")
    assert (refused.code, refused.errors) == (2, ["HAR-INPUT"])
