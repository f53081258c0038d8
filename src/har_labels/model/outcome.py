"""Steps, outcomes and the result of a run: the values passed between planning, writing and reporting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from har_labels.errors import HarLabelsError
from har_labels.model.facts import ArtifactFacts
from har_labels.model.labels import Labels

# With at most this number of artifacts, a run that reads keeps the facts of each; with more, only their labels.
MOST_WITH_FACTS = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """One artifact of a plan, with its labels before and after. `before`: None if the registry does not show them.

    `registry_ref` is the scope path with `/+`; `artifact_type` is `model`, `dataset` or empty.
    """

    registry_ref: str
    artifact: str
    artifact_type: str
    before: Labels | None
    after: Labels

    @property
    def is_change(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    @property
    def removed(self) -> Labels:
        """The labels that the step removes."""
        kept = set(self.after)
        return tuple(label for label in self.before or () if label not in kept)


# Bounds the memory; nobody reads more.
MOST_BREACHES = 10_000


class Status(StrEnum):
    """The result for one artifact (contract §4, output `results`)."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"


# The run has written the artifact; with SUPERSEDED a later writer has changed it since.
WRITTEN_STATUSES = frozenset({Status.APPLIED, Status.SUPERSEDED})


class ConfirmedBy(StrEnum):
    """The evidence that the labels were written: the server's answer, or a later read."""

    NOTHING = ""
    ANSWER = "answer"
    READ_BACK = "read-back"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one step.

    `step.after` are the wanted labels, `labels` the current ones (None: unknown). `attempts` counts the PUT requests;
    `wrote_added` and `wrote_removed` are the labels that these added and removed (None: unknown), without the changes of
    other clients. `is_read`: with `mode: read`. `is_former`: an artifact that loses its label in a move.
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
        """Whether the artifact was changed, or would be by a dry run's plan (output `changed`)."""
        return self.status in WRITTEN_STATUSES or (self.status is Status.PLANNED and self.step.is_change)


def labels_after(outcome: Outcome) -> Labels | None:
    """The artifact's current labels, in a dry run the planned ones; None if unknown."""
    return outcome.step.after if outcome.status is Status.PLANNED else outcome.labels


@dataclass(frozen=True, slots=True)
class PolicyBreach:
    """A rule of the policy that an artifact breaks: by a `label`, or by a missing one (None).

    `rule`: the place of the rule in the file. `says`: the rule in words. `is_new`: this run's change breaks it.
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
    """The breaches of all artifacts: the first MOST_BREACHES of them, and the number of all."""

    rows: list[PolicyBreach] = field(default_factory=list)
    count: int = 0

    def add(self, breach: PolicyBreach) -> None:
        """Counts a breach, and keeps it while there is room."""
        self.count += 1
        if len(self.rows) < MOST_BREACHES:
            self.rows.append(breach)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Data of the whole run for the summary. `seconds`: from start to report; `registry`: as in the input."""

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
    """An audit record, as the registry keeps none: who ran what, when and from where. Empty texts if the CI provides none.

    The times are UTC, in the format of `now` in templates. `sha`, `actor`, `run_url` and `attempt` are values of `ci` in
    templates.
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
    """The result of a run: one outcome per artifact, failures of the run itself, and notices.

    - `errors`: failures of the run (an invalid input, a cancel, the deadline). An artifact's failure is in its outcome.
    - `notices`, `warnings`: single lines of plain text in order of time.
    - `rollback_was_tried`: the exit code is then that of the failure that caused the rollback.
    - `is_over_glob`: a glob selected the artifacts.
    - `breaches`: the breaches of the policy.
    - `holds_key`: tests whether a text contains the API key. A label that is shown in two parts could split the key.
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
