"""One run from checked settings to its result: plan, check, write or show, and what to say when it is cut short.

Runs in a thread of its own; `result` can be asked at any moment from another, which is how a cancelled or
overdue run still reports (contract §4, §5 point 8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from har_labels.apply import Care, Writer
from har_labels.checks import OnFailureName
from har_labels.configuration import Configuration
from har_labels.errors import (
    Failures,
    HarLabelsError,
    InputError,
    NoTime,
    Stop,
    TooManyChanges,
    TypeLoss,
)
from har_labels.files import write_text
from har_labels.labels import Mode
from har_labels.plan import ConfirmedBy, Outcome, RunFacts, RunResult, Status, Step
from har_labels.planner import Entry, Plan, Planner, Shard
from har_labels.progress import Progress
from har_labels.reading import Reader
from har_labels.registry import PAGE_SIZE, Registry
from har_labels.requested import entries_of
from har_labels.task import Task
from har_labels.timing import Clock, Pace
from har_labels.transport import Transport

# What a key is allowed on Harness's own hosts is about 400 requests a minute (contract §2).
SAAS_REQUESTS_PER_MINUTE = 300


class Run:
    """One run. `ci` are the facts of the CI for templates."""

    def __init__(self, configuration: Configuration, clock: Clock, ci: dict[str, str]) -> None:
        self._configuration, self._clock, self._ci = configuration, clock, ci
        settings = self._settings = configuration.settings
        self._transport = Transport(
            settings.api_url,
            scheme=settings.auth_scheme,
            key=configuration.key,
            timeout=lambda: max(0.1, min(settings.timeout, clock.left())),
        )
        self._pace = Pace(clock, _per_minute(configuration))
        self._registry = Registry(self._transport, wait_turn=self._pace.wait)
        self._reader = Reader(self._registry, clock, retries=settings.retries)
        self._writer = Writer(self._registry, self._reader, clock, _care(configuration), notice=self._note)
        self._plan = Plan()
        self._errors: list[HarLabelsError] = []
        self._notices: list[str] = []
        self._warnings: list[str] = list(configuration.warnings)
        self._plan_file = ""
        if settings.api_url.is_plain_http:
            self._warnings.append(f"the key crosses the network in the clear: {settings.api_url.url} is plain http")

    def execute(self) -> None:
        """Does everything the settings ask for. What fails is kept for `result`; only defects are raised."""
        try:
            self._execute()
        except Stop as stop:
            self._errors.append(stop.error)
        except Failures as failures:
            self._errors += failures.errors
        except HarLabelsError as error:
            self._errors.append(error)

    def add_error(self, error: HarLabelsError) -> None:
        """Adds a failure found outside, such as a defect."""
        self._errors.append(error)

    def abort(self) -> None:
        """Ends the requests under way, whatever thread they are in."""
        self._transport.abort()

    def result(self, *, cut_short_by: HarLabelsError | None = None) -> RunResult:
        """What the run came to so far; `cut_short_by` says why if it is not over.

        An artifact without an outcome is reported as far as is known, never as better than that.
        """
        errors = [*self._errors, *self._plan.errors]
        if cut_short_by and cut_short_by not in errors:
            errors.insert(0, cut_short_by)
        reason = errors[0] if errors else None
        outcomes = [*self._plan.others, *(self._outcome(task, reason) for task in tuple(self._plan.tasks))]
        outcomes.sort(key=lambda outcome: (outcome.step.registry_ref, outcome.step.artifact, outcome.step.artifact_type))
        return RunResult(
            outcomes=tuple(outcomes),
            facts=self._facts(),
            errors=tuple(error for error in errors if not _is_of_an_artifact(error, outcomes)),
            notices=tuple(dict.fromkeys(self._notices)),
            warnings=tuple(dict.fromkeys(self._warnings)),
        )

    # --- the order of events -------------------------------------------------------------------------------

    def _execute(self) -> None:
        planner = Planner(
            self._reader,
            self._clock,
            shard=Shard(self._settings.shard_index, self._settings.shard_total),
            wait=self._settings.wait_for_artifact,
            notice=self._note,
        )
        if self._settings.apply_plan:
            self._plan = planner.plan_again(self._planned_steps(self._settings.apply_plan))
        else:
            self._plan = planner.plan(self._entries())
        self._check_plan()
        if not self._plan.is_writable:
            return
        if self._settings.dry_run:
            self._show_only()
            return
        for task in self._plan.tasks:
            if not task.is_change:
                task.end(Status.UNCHANGED, task.labels)
        self._announce_removals(self._plan.changing)
        self._write(self._plan.changing)

    def _write(self, tasks: Sequence[Task]) -> None:
        try:
            self._writer.run(tasks)
        except Stop as stop:
            if self._clock.reason:
                raise
            self._errors.append(stop.error)
            self._writer.wind_up(tasks)
        has_failed = any(task.outcome and task.outcome.status is Status.FAILED for task in tasks)
        if has_failed and self._settings.on_failure is OnFailureName.ROLLBACK:
            self._writer.roll_back(tasks)

    def _planned_steps(self, path: str) -> Sequence[Step]:
        from har_labels.planfile import read_plan

        return read_plan(path, spelling=self._spell("apply_plan"), api_url=self._settings.api_url.url)

    def _entries(self) -> Sequence[Entry]:
        return entries_of(self._configuration, ci=self._ci, now=self._clock.utcnow(), notice=self._note)

    def _check_plan(self) -> None:
        changing = self._plan.changing
        if 0 < self._settings.max_changes < len(changing):
            self._plan.errors.append(
                TooManyChanges(f"{len(changing):,} artifacts would change, and `{self._spell('max_changes')}` is {self._settings.max_changes:,}"),
            )
        if not self._settings.api_url.keeps_types and not self._settings.allow_type_loss:
            self._plan.errors += [_would_lose_type(task) for task in changing if task.is_typed_hugging_face]
        # One PUT each, and two looks again by pages of a hundred (contract §6).
        seconds = self._pace.seconds_for(len(changing) + 2 * -(-len(changing) // PAGE_SIZE))
        if not self._settings.dry_run and seconds > self._clock.left():
            self._plan.errors.append(
                NoTime(f"{len(changing):,} changes need {seconds:,.0f} s at this pace, and {self._clock.left():,.0f} s are left of `{self._spell('deadline')}`"),
            )

    def _show_only(self) -> None:
        for task in self._plan.tasks:
            task.end(Status.PLANNED if task.is_change else Status.UNCHANGED, task.labels)
        if self._settings.save_plan:
            self._save_plan(self._settings.save_plan)

    def _save_plan(self, path: str) -> None:
        from har_labels.planfile import lines_of

        steps = [task.step for task in self._plan.tasks]
        if problem := write_text(path, lines_of(steps, api_url=self._settings.api_url.url)):
            raise InputError(f"`{self._spell('save_plan')}`: {path!r} can't be written: {problem}", "Check the path.")
        self._plan_file = path

    def _announce_removals(self, tasks: Iterable[Task]) -> None:
        """A `replace` or `clear` that takes labels away says which (contract §3)."""
        if self._settings.mode not in {Mode.REPLACE, Mode.CLEAR}:
            return
        for task in tasks:
            if removed := task.step.removed:
                self._note(f"{task.name!r} in {task.ref}: takes away {', '.join(map(repr, removed))}")

    # --- the result ----------------------------------------------------------------------------------------

    def _outcome(self, task: Task, reason: HarLabelsError | None) -> Outcome:
        if task.outcome:
            return task.outcome
        doubt = task.doubt
        if doubt and reason:
            what = f"{task.name!r} in {task.ref}: {doubt.error.what}; whether the labels were written is not known, as {reason.what}"
            return _cut_short(task, Status.FAILED, type(reason)(what))
        if task.confirmed_by is not ConfirmedBy.NOTHING:
            return _cut_short(task, Status.APPLIED, None)
        if not task.attempts:
            return _cut_short(task, Status.SKIPPED, reason)
        what = f"{task.name!r} in {task.ref}: whether the labels were written is not known" + (f", as {reason.what}" if reason else "")
        return _cut_short(task, Status.FAILED, type(reason)(what) if reason else HarLabelsError(what))

    @property
    def progress(self) -> Progress:
        """How far the run is; asked from the main thread while it goes on."""
        tasks = tuple(self._plan.tasks)
        fates = Counter(task.outcome.status for task in tasks if task.outcome)
        changed = fates[Status.APPLIED] + fates[Status.SUPERSEDED]
        return Progress(len(tasks), sum(fates.values()), changed, fates[Status.FAILED], self._registry.requests)

    def _facts(self) -> RunFacts:
        return RunFacts(
            mode="apply-plan" if self._settings.apply_plan else str(self._settings.mode),
            dry_run=self._settings.dry_run,
            requests=self._registry.requests,
            retries=self._reader.retried + self._writer.retried,
            seconds=self._clock.elapsed(),
            plan_file=self._plan_file,
            report_file=self._settings.report_file or "",
        )

    def _note(self, line: str) -> None:
        self._notices.append(line)

    def _spell(self, name: str) -> str:
        return self._configuration.spell(name)


def _per_minute(configuration: Configuration) -> float | None:
    settings = configuration.settings
    default = SAAS_REQUESTS_PER_MINUTE if settings.api_url.is_harness_saas else None
    rate = settings.requests_per_minute or default
    return rate / settings.shard_total if rate else None


def _care(configuration: Configuration) -> Care:
    settings = configuration.settings
    return Care(
        retries=settings.retries,
        settle=settings.settle,
        concurrency=settings.concurrency,
        allow_type_loss=settings.allow_type_loss,
        stops_at_failure=settings.on_failure is not OnFailureName.CONTINUE,
    )


def _would_lose_type(task: Task) -> TypeLoss:
    kind = task.reading.row.artifact_type
    return TypeLoss(f"{task.name!r} in {task.ref} is a {kind}, and a server without /har/ in its API base clears that on a write; nothing was written")


def _cut_short(task: Task, status: Status, error: HarLabelsError | None) -> Outcome:
    labels = task.target if status is Status.APPLIED else task.labels if status is Status.SKIPPED else None
    return Outcome(task.step, status, labels, task.confirmed_by, task.attempts, error, task.facts)


def _is_of_an_artifact(error: HarLabelsError, outcomes: Iterable[Outcome]) -> bool:
    """Whether an outcome tells this failure already, as when an artifact's own failure stopped the run."""
    return any(outcome.status is Status.FAILED and outcome.error is error for outcome in outcomes)
