"""Every fault the sandbox knows, before and after the write, at each request of each mode (contract §5).

The end state is the wanted one, or the run fails and reports the true state: never a false success, never a blind
repeat of an old list, also with a foreign write in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

import canary
from ci.steps import Done
from conftest import MODELS, RunStep
from har_sandbox import Fault, Request, Sandbox

NAME = "resnet50"
BEFORE = ("alpha", "stage=dev", "tmp-1")
THEIRS = "theirs"


@dataclass(frozen=True)
class Case:
    """A mode: its inputs, the labels that it must never change, and the condition for success."""

    inputs: dict[str, str]
    untouched: frozenset[str]
    is_done: Callable[[frozenset[str]], bool]
    is_merging: bool = True

    @property
    def requests(self) -> list[str]:
        """The requests it takes where nothing goes wrong: merging ones look twice again."""
        return ["GET", "PUT", "GET", "GET"] if self.is_merging else ["GET", "PUT"]


CASES = {
    "replace": Case({"mode": "replace", "labels": "new"}, frozenset(), lambda now: now == {"new"}, is_merging=False),
    "clear": Case({"mode": "clear"}, frozenset(), lambda now: not now, is_merging=False),
    "add": Case({"mode": "add", "labels": "new"}, frozenset(BEFORE), lambda now: "new" in now),
    "remove": Case(
        {"mode": "remove", "labels": "tmp-*"}, frozenset({"alpha", "stage=dev"}), lambda now: "tmp-1" not in now
    ),
    "upsert": Case(
        {"mode": "upsert", "labels": "stage=prod"},
        frozenset({"alpha", "tmp-1"}),
        lambda now: "stage=prod" in now and "stage=dev" not in now,
    ),
    "owned": Case(
        {"mode": "replace", "labels": "tmp-9", "owned": "tmp-*"},
        frozenset({"alpha", "stage=dev"}),
        lambda now: "tmp-9" in now and "tmp-1" not in now,
    ),
}
# A slow server is `drip` and `latency` here, which end; faults that don't end are in test_transport.
KINDS = (
    "400",
    "401",
    "403",
    "403-after",
    "404",
    "409",
    "413",
    "422",
    "429",
    "429-after",
    "500",
    "500-after",
    "502",
    "503-after",
    "504",
    "cut",
    "cut-after",
    "html",
    "html-after",
    "failure",
    "failure-after",
    "redirect",
    "redirect-after",
    "huge-after",
    "gzip-bomb",
    "reset",
    "drip",
    "wrong-length",
    "truncated",
    "wrong-types",
    "latency",
)
# Of each sort one; those alone meet every combination.
SORTS = (
    "400",
    "403",
    "409",
    "429",
    "500",
    "500-after",
    "cut",
    "cut-after",
    "html-after",
    "redirect",
    "failure",
    "truncated",
    "latency",
)
# A refusal that is a lie: by contract §5 point 3 a refusal means that nothing was written, so the report is not true.
LIES = {"403-after", "redirect-after", "429-after"}
# Answers of the sandbox that a client can't distinguish from a correct one, or that have no effect.
HARMLESS = {"drip", "latency"}


class Foreign:
    """Another writer, which writes once, right after the request with that number was carried out."""

    def __init__(self, box: Sandbox, at: int, *, is_stale: bool) -> None:
        self._box, self._at, self._is_stale = box, at, is_stale
        self.came_after: Request | None = None
        self._seen = 0

    def __call__(self, request: Request) -> None:
        self._seen += 1
        if self._seen == self._at:
            now = BEFORE if self._is_stale else self._box.labels(MODELS, NAME) or ()
            self._box.put_labels(MODELS, NAME, sorted({*now, THEIRS}))
            self.came_after = request


@dataclass(frozen=True)
class Ended:
    """A finished run, the labels at its end, its requests, and the foreign writer if there was one."""

    done: Done
    now: frozenset[str]
    requests: list[Request]
    foreign: Foreign | None

    @property
    def told(self) -> frozenset[str] | None:
        """The labels that the run reports, None if it reports none."""
        labels = self.done.value("labels")
        return None if labels is None else frozenset(labels)

    @property
    def writes(self) -> list[int]:
        return [at for at, request in enumerate(self.requests) if request.method == "PUT"]

    def story(self) -> str:
        """What happened, for a failed assertion."""
        lines = [f"{one.method} {one.fault or ''} {one.status} {one.body.decode()}" for one in self.requests]
        return "\n".join([*lines, f"now {sorted(self.now)}, told {self.told and sorted(self.told)}", self.done.err])


class RunWith:
    """Runs a case against one registry, brought back to where it began, with these faults and perhaps a foreign writer."""

    def __init__(self, box: Sandbox, run_step: RunStep) -> None:
        self._box, self._run_step = box, run_step
        self._foreign: Foreign | None = None
        box.add_artifact(MODELS, NAME, package_type="DOCKER", labels=BEFORE)
        box.after(lambda request: self._foreign and self._foreign(request))

    def __call__(self, case: Case, *faults: Fault, foreign_at: int = 0, is_stale: bool = False) -> Ended:
        box = self._box
        box.put_labels(MODELS, NAME, BEFORE)
        box.script(faults)
        box.forget_requests()
        self._foreign = Foreign(box, foreign_at, is_stale=is_stale)
        inputs = {"registry-ref": MODELS, "artifact": NAME, "retries": "1", "settle": "0.008", **case.inputs}
        done = self._run_step("github", box, inputs)
        for request in box.requests:
            canary.check_request(request)
        foreign = self._foreign if self._foreign.came_after else None
        return Ended(done, frozenset(box.labels(MODELS, NAME) or ()), box.requests, foreign)


@pytest.fixture
def run_with(sandbox: Sandbox, run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> RunWith:
    """Runs cases, one after the other."""
    monkeypatch.setattr("har_labels.clock.FIRST_BACKOFF", 0.002)
    return RunWith(sandbox, run_step)


@pytest.mark.parametrize("mode", CASES)
def test_without_a_fault(run_with: RunWith, mode: str) -> None:
    """Where nothing goes wrong each mode is done with one read and one write, and the looks that follow."""
    ended = run_with(CASES[mode])
    _check(ended, CASES[mode])
    assert ended.done.code == 0
    assert [request.method for request in ended.requests] == CASES[mode].requests


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", CASES)
def test_a_fault_at_each_request(run_with: RunWith, mode: str, kind: str) -> None:
    """Once or for ever, at each request of the mode: green and done, or red and true."""
    case = CASES[mode]
    for nth in range(1, len(case.requests if kind in SORTS else case.requests[:3]) + 1):
        for times in (1, 9) if kind in SORTS else (1,):
            ended = run_with(case, Fault(kind, nth=nth, times=times, delay=0.001))
            _check(ended, case)
            if kind in HARMLESS:
                assert ended.done.code == 0, ended.story()


@pytest.mark.parametrize("is_stale", [False, True], ids=["careful", "stale"])
@pytest.mark.parametrize("kind", SORTS)
@pytest.mark.parametrize("mode", [mode for mode, case in CASES.items() if case.is_merging])
def test_a_foreign_write_beside_a_fault(run_with: RunWith, mode: str, kind: str, is_stale: bool) -> None:
    """Another writer's label, put there after any request that went wrong, survives whatever is tried again."""
    case = CASES[mode]
    for nth in range(1, len(case.requests) + 1):
        ended = run_with(case, Fault(kind, nth=nth, delay=0.001), foreign_at=nth, is_stale=is_stale)
        _check(ended, case)
        if ended.foreign and (nth > 1 or kind not in HARMLESS):
            assert THEIRS in ended.now, ended.story()


@pytest.mark.parametrize("mode", CASES)
def test_a_foreign_write_alone(run_with: RunWith, mode: str) -> None:
    """Between any two requests, careful or from an older read: seen by the next look, or left alone after the last."""
    case = CASES[mode]
    for nth in range(1, len(case.requests) + 1):
        for is_stale in (False, True):
            _check(run_with(case, foreign_at=nth, is_stale=is_stale), case)


@pytest.mark.parametrize(
    "pair",
    [
        ("500", "500-after"),
        ("cut-after", "cut"),
        ("500-after", "403"),
        ("429", "500-after"),
        ("html", "redirect"),
        ("cut", "404"),
    ],
)
@pytest.mark.parametrize("mode", CASES)
def test_two_faults_in_a_row(run_with: RunWith, mode: str, pair: tuple[str, str]) -> None:
    """A write that fails and fails otherwise when tried again: green and done, or red and true."""
    faults = [Fault(kind, method="PUT", nth=nth) for nth, kind in enumerate(pair, start=1)]
    _check(run_with(CASES[mode], *faults), CASES[mode])


@pytest.mark.parametrize("reads", [1, 2, 99])
@pytest.mark.parametrize("kind", ["500", "500-after", "cut-after", "html"])
@pytest.mark.parametrize("mode", CASES)
def test_an_unknown_outcome_that_reads_cannot_settle_at_once(
    run_with: RunWith, mode: str, kind: str, reads: int
) -> None:
    """A write with an unknown outcome whose reads fail too: they are retried, then a whole list is sent again, and a merged
    change is red and claims nothing.
    """
    case = CASES[mode]
    ended = run_with(case, Fault(kind, method="PUT"), Fault("503", method="GET", nth=2, times=reads))
    _check(ended, case)
    if reads == 99 and not case.is_merging:
        assert (ended.done.code, len(ended.writes)) == (0, 2), ended.story()
    elif reads == 99:
        assert ended.done.code == 6, ended.story()
        assert ended.told is None
        assert "whether it was written" in ended.done.err or "could not be looked at" in ended.done.err


def _check(ended: Ended, case: Case) -> None:
    """The promises that hold for every run."""
    assert "Traceback" not in ended.done.log
    assert ended.done.code != 1, ended.story()
    if ended.done.code == 0:
        _check_green(ended, case)
    else:
        assert ended.done.errors, ended.story()
        assert ended.done.outputs["status"] in {"FAILED", "PARTIAL"}
        is_lied_to = any(request.fault in LIES for request in ended.requests)
        assert ended.foreign or is_lied_to or ended.told in {None, ended.now}, ended.story()
    assert case.untouched <= ended.now, ended.story()
    assert list(_blind_repeats(ended, case)) == [], ended.story()


def _check_green(ended: Ended, case: Case) -> None:
    """A successful run has made its change, and reports the current labels; only a later writer's value may replace it."""
    looked_since = ended.foreign and ended.foreign.came_after not in ended.requests[-1:]
    if not ended.foreign or (looked_since and case.is_merging):
        assert case.is_done(ended.now), ended.story()
        assert ended.told == ended.now, ended.story()
    else:
        assert case.is_done(ended.now) or not looked_since or not case.is_merging, ended.story()


def _blind_repeats(ended: Ended, case: Case) -> Iterator[int]:
    """PUTs that follow another PUT without a read in between, although the labels depend on the current ones."""
    for before, after in zip(ended.writes, ended.writes[1:], strict=False):
        reads = [
            request for request in ended.requests[before:after] if request.method == "GET" and request.status == 200
        ]
        if not reads and case.is_merging:
            yield after
