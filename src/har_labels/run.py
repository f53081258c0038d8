"""One run from checked settings to its result: plan, check, write or show, and what to say when it is cut short.

Runs in a thread of its own; `result` can be asked at any moment from another, which is how a cancelled or
overdue run still reports (contract §4, §5 point 8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from har_labels.apply import Writer
from har_labels.checks import OnFailureName
from har_labels.configuration import Configuration
from har_labels.entries import Entry, Shard
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
from har_labels.ledger import Ledger
from har_labels.plan import RunFacts, RunResult, Status, Step
from har_labels.planner import Plan, Planner
from har_labels.progress import Progress
from har_labels.reading import Reader
from har_labels.registry import PAGE_SIZE, Registry
from har_labels.requested import entries_of
from har_labels.rollback import roll_back
from har_labels.task import Task
from har_labels.timing import Clock, Pace
from har_labels.transport import Transport
from har_labels.watching import Care

# What a key is allowed on Harness's own hosts is about 400 requests a minute (contract §2).
SAAS_REQUESTS_PER_MINUTE = 300


class Run:
    """One run. `ci` are the facts of the CI for templates."""

    def __init__(self, configuration: Configuration, clock: Clock, ci: dict[str, str]) -> None:
        self._configuration, self._clock, self._ci = configuration, clock, ci
        settings = self._settings = configuration.settings
        self._ledger = Ledger(configuration.warnings)
        if settings.api_url.is_plain_http:
            self._ledger.warn(f"the key crosses the network in the clear: {settings.api_url.url} is plain http")
        self._transport = Transport(
            settings.api_url,
            scheme=settings.auth_scheme,
            key=configuration.key,
            timeout=lambda: max(0.1, min(settings.timeout, clock.left())),
        )
        if settings.api_url.is_loopback and (proxy := self._transport.proxy_in_the_clear):
            self._ledger.warn(
                f"the key goes through the proxy {proxy} in the clear; `NO_PROXY={settings.api_url.host}` keeps it here"
            )
        self._pace = Pace(clock, _per_minute(configuration))
        self._registry = Registry(self._transport, wait_turn=self._pace.wait)
        self._reader = Reader(self._registry, clock, retries=settings.retries)
        self._writer = Writer(self._registry, self._reader, clock, _care(configuration), notice=self._ledger.note)
        self._plan_file = ""

    def execute(self) -> None:
        """Does everything the settings ask for. What fails is kept for `result`; only defects are raised."""
        try:
            self._execute()
        except Stop as stop:
            self._ledger.errors.append(stop.error)
        except Failures as failures:
            self._ledger.errors += failures.errors
        except HarLabelsError as error:
            self._ledger.errors.append(error)

    def add_error(self, error: HarLabelsError) -> None:
        """Adds a failure found outside, such as a defect."""
        self._ledger.errors.append(error)

    def abort_reads(self) -> None:
        """Ends the requests under way that change nothing: a cancelled run has no use for their answers."""
        self._transport.abort_reads()

    def abort(self) -> None:
        """Ends the requests under way, whatever thread they are in."""
        self._transport.abort()

    def result(self, *, cut_short_by: HarLabelsError | None = None) -> RunResult:
        """What the run came to so far; `cut_short_by` says why if it is not over."""
        return self._ledger.result(self._facts(), cut_short_by=cut_short_by)

    # --- the order of events -------------------------------------------------------------------------------

    def _execute(self) -> None:
        planner = Planner(
            self._reader,
            self._clock,
            shard=Shard(self._settings.shard_index, self._settings.shard_total),
            wait=self._settings.wait_for_artifact,
            notice=self._ledger.note,
        )
        path = self._settings.apply_plan
        plan = planner.plan_again(self._planned_steps(path)) if path else planner.plan(self._entries())
        self._ledger.plan = plan
        self._check(plan)
        if not plan.is_writable:
            return
        if self._settings.dry_run:
            self._show_only(plan)
            return
        for task in plan.tasks:
            if not task.is_change:
                task.end(Status.UNCHANGED, task.labels)
        self._announce_removals(plan.changing)
        self._write(plan.changing)

    def _write(self, tasks: Sequence[Task]) -> None:
        try:
            self._writer.run(tasks)
        except Stop as stop:
            if self._clock.reason:
                raise
            self._ledger.errors.append(stop.error)
            self._writer.wind_up(tasks)
        causes = [task.outcome.error for task in tasks if task.outcome and task.outcome.error]
        if causes and self._settings.on_failure is OnFailureName.ROLLBACK:
            # Told by the run from here on: an artifact that is rolled back has failed no longer.
            self._ledger.errors += [cause for cause in causes if cause not in self._ledger.errors]
            roll_back(tasks, self._writer, self._reader, self._clock, notice=self._ledger.note)

    def _planned_steps(self, path: str) -> Sequence[Step]:
        from har_labels.planfile import read_plan

        return read_plan(path, spelling=self._spell("apply_plan"), api_url=self._settings.api_url.url)

    def _entries(self) -> Sequence[Entry]:
        return entries_of(self._configuration, ci=self._ci, now=self._clock.utcnow(), notice=self._ledger.note)

    def _check(self, plan: Plan) -> None:
        changing = plan.changing
        if 0 < self._settings.max_changes < len(changing):
            plan.errors.append(
                TooManyChanges(
                    f"{len(changing):,} artifacts would change, and `{self._spell('max_changes')}` is {self._settings.max_changes:,}"
                ),
            )
        if not self._settings.api_url.keeps_types and not self._settings.allow_type_loss:
            plan.errors += [_would_lose_type(task) for task in changing if task.is_typed_hugging_face]
        # One PUT each, and two looks again by pages of a hundred (contract §6).
        seconds = self._pace.seconds_for(len(changing) + 2 * -(-len(changing) // PAGE_SIZE))
        seconds += self._settings.settle if any(task.goal.is_merging for task in changing) else 0
        if not self._settings.dry_run and seconds > self._clock.left():
            plan.errors.append(
                NoTime(
                    f"{len(changing):,} changes need {seconds:,.0f} s at this pace, and {self._clock.left():,.0f} s are left of `{self._spell('deadline')}`"
                ),
            )

    def _show_only(self, plan: Plan) -> None:
        for task in plan.tasks:
            task.end(Status.PLANNED if task.is_change else Status.UNCHANGED, task.labels)
        if self._settings.save_plan:
            self._save(plan, self._settings.save_plan)

    def _save(self, plan: Plan, path: str) -> None:
        from har_labels.planfile import lines_of

        steps = [task.step for task in plan.tasks]
        if problem := write_text(path, lines_of(steps, api_url=self._settings.api_url.url)):
            raise InputError(f"`{self._spell('save_plan')}`: {path!r} can't be written: {problem}", "Check the path.")
        self._plan_file = path

    def _announce_removals(self, tasks: Iterable[Task]) -> None:
        """A `replace` or `clear` that takes labels away says which (contract §3)."""
        for task in tasks:
            if task.goal.is_sweeping and (removed := task.step.removed):
                self._ledger.note(f"{task.subject}: takes away {', '.join(map(repr, removed))}")

    @property
    def _mode(self) -> str:
        """What the run was told to do, in one word."""
        told_by = (("apply-plan", self._settings.apply_plan), ("manifest", self._settings.manifest))
        return next((name for name, given in told_by if given), str(self._settings.mode))

    @property
    def progress(self) -> Progress:
        """How far the run is; asked from the main thread while it goes on."""
        tasks = tuple(self._ledger.plan.tasks)
        fates = Counter(task.outcome.status for task in tasks if task.outcome)
        changed = fates[Status.APPLIED] + fates[Status.SUPERSEDED]
        return Progress(len(tasks), sum(fates.values()), changed, fates[Status.FAILED], self._registry.requests)

    def _facts(self) -> RunFacts:
        return RunFacts(
            mode=self._mode,
            dry_run=self._settings.dry_run,
            requests=self._registry.requests,
            retries=self._reader.retried + self._writer.retried,
            seconds=self._clock.elapsed(),
            plan_file=self._plan_file,
            report_file=self._settings.report_file or "",
        )

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
    return TypeLoss(
        f"{task.subject} is a {kind}, and a server without /har/ in its API base clears that on a write; nothing was written"
    )
