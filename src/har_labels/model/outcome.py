"""A plan is steps, a run is outcomes: the values that pass between planning, writing and reporting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from har_labels.errors import HarLabelsError
from har_labels.model.labels import Labels

# Of so many artifacts that are read a run keeps what the registry told besides the labels; of more, the labels alone.
MOST_WITH_FACTS = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """One artifact and its labels before and after. `before` is None where the registry doesn't show them.

    A dry run is its steps, an apply writes them. `registry_ref` is the scope path with `/+`; `artifact_type`
    is `model`, `dataset` or empty.
    """

    registry_ref: str
    artifact: str
    artifact_type: str
    before: Labels | None
    after: Labels

    @property
    def is_change(self) -> bool:
        return self.before != self.after

    @property
    def removed(self) -> Labels:
        """The labels that are taken away."""
        kept = set(self.after)
        return tuple(label for label in self.before or () if label not in kept)


# More rows than anybody reads, in little memory.
MOST_BREACHES = 10_000


class Status(StrEnum):
    """What became of one artifact (contract §4, output `results`)."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"


# The artifact is not as it was: by our write, or by a later writer's over it.
WRITTEN = frozenset({Status.APPLIED, Status.SUPERSEDED})


class ConfirmedBy(StrEnum):
    """How it is known that the labels are there: the server's answer, or a read after it."""

    NOTHING = ""
    ANSWER = "answer"
    READ_BACK = "read-back"


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """What the registry told about an artifact besides its labels; empty text where it told nothing.

    `created_at` and `modified_at` are as the server gives them (milliseconds since 1970, as text); `is_quarantined` is
    `true` or `false`. facts.py has the values that these texts stand for.
    """

    image_name: str = ""
    package_type: str = ""
    created_at: str = ""
    modified_at: str = ""
    downloads_count: str = ""
    is_quarantined: str = ""
    latest_version: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step.

    `step.after` is what was wanted; `labels` is what is there now as far as known (None: not known).
    `attempts` counts the PUT requests sent for it, `wrote_added` and `wrote_removed` are what these did (None: not known),
    whatever others did meanwhile. `is_read`: only the labels were asked for. `is_former`: a move is to
    take its label from this artifact.
    """

    step: Step
    status: Status
    labels: Labels | None
    confirmed_by: ConfirmedBy = ConfirmedBy.NOTHING
    attempts: int = 0
    error: HarLabelsError | None = None
    facts: ArtifactFacts = field(default_factory=ArtifactFacts)
    is_read: bool = False
    is_former: bool = False
    wrote_added: Labels | None = ()
    wrote_removed: Labels | None = ()

    @property
    def has_changed(self) -> bool:
        """Whether the artifact changed, or would change in a dry run (output `changed`)."""
        return self.status in WRITTEN or (self.status is Status.PLANNED and self.step.is_change)


def labels_after(outcome: Outcome) -> Labels | None:
    """The artifact's labels now, or those a dry run would leave; None where they are not known."""
    return outcome.step.after if outcome.status is Status.PLANNED else outcome.labels


@dataclass(frozen=True, slots=True)
class PolicyBreach:
    """A rule of the policy that an artifact breaks: by a `label`, or by having none (None).

    `rule` is its place, `says` what it asks for. `is_new` if this run's change breaks it, not what was there before.
    """

    registry_ref: str
    artifact: str
    artifact_type: str
    label: str | None
    rule: str
    says: str
    is_new: bool


@dataclass(slots=True)
class Breaches:
    """The breaches of all artifacts: the first ones each by itself, and how many there are in all."""

    rows: list[PolicyBreach] = field(default_factory=list)
    count: int = 0

    def add(self, breach: PolicyBreach) -> None:
        self.count += 1
        if len(self.rows) < MOST_BREACHES:
            self.rows.append(breach)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the summary tells of the run as a whole. `seconds` from start to report, `registry` the one that was named."""

    mode: str = ""
    dry_run: bool = False
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    plan_file: str = ""
    report_file: str = ""
    registry: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Who ran what, when and from where, as the registry itself keeps no trail; empty text where the CI tells nothing.

    The times are UTC, as `now` in templates prints. `sha`, `actor`, `run_url` and `attempt` are those of `ci` in templates.
    """

    started_at: str = ""
    finished_at: str = ""
    api_url: str = ""
    actor: str = ""
    run_url: str = ""
    sha: str = ""
    attempt: str = ""


@dataclass(frozen=True, slots=True)
class RunResult:
    """All that a run came to: one outcome an artifact, failures that belong to no single artifact, and notices.

    `errors` are the run's own failures (a wrong input, a cancel, the deadline); an artifact's failure is in
    its outcome. `notices` and `warnings` are single lines of plain text, in the order they arose.
    `rollback_was_tried`: the exit code is then that of its cause. `is_over_glob`: a pattern named the artifacts.
    `breaches` are those of the policy.
    `holds_key` tells a text that the API key stands in: of a label that is told in two parts it may tear it in two.
    """

    outcomes: tuple[Outcome, ...] = ()
    facts: RunFacts = field(default_factory=RunFacts)
    errors: tuple[HarLabelsError, ...] = ()
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    rollback_was_tried: bool = False
    breaches: Breaches = field(default_factory=Breaches)
    is_over_glob: bool = False
    holds_key: Callable[[str], bool] = lambda _text: False
    record: Record = field(default_factory=Record)
