"""One run from checked settings to its result: plan, check, write or show, and what to say when it is cut short.

Runs in a thread of its own; `result` can be asked at any moment from another, which is how a cancelled or
overdue run still reports (contract §4, §5 point 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from har_labels.clock import Clock, Pace
from har_labels.engine.ledger import Ledger
from har_labels.engine.moves import Move, Mover
from har_labels.engine.planner import Plan, Planner
from har_labels.engine.preflight import check_removals, fail_harmful, fails_as_harmful, judge, refusals, renew_baselines
from har_labels.engine.record import record_of
from har_labels.engine.rollback import roll_back
from har_labels.engine.task import Task
from har_labels.engine.verify import Care
from har_labels.engine.writer import Writer
from har_labels.errors import Failures, HarLabelsError, InputError, Overwritten, Stop, Unauthorized
from har_labels.files import write_text
from har_labels.inputs.configure import Configuration
from har_labels.inputs.types import OnFailureName
from har_labels.model.labels import Mode
from har_labels.model.outcome import Record, RunFacts, RunResult, Status
from har_labels.platforms.progress import Progress
from har_labels.registry.client import Registry
from har_labels.registry.reader import Reader
from har_labels.registry.tracing import TracedTransport
from har_labels.registry.transport import Transport
from har_labels.request.build import entries_of, policy_of, read_steps
from har_labels.request.entry import Entry
from har_labels.request.policy import Policy
from har_labels.text import named

# What a key is allowed on Harness's own hosts is about 400 requests a minute (contract §2).
SAAS_REQUESTS_PER_MINUTE = 300


class Run:
    """One run. `ci` are the facts of the CI for templates; `debug` is told of each request, if given."""

    def __init__(
        self,
        configuration: Configuration,
        clock: Clock,
        ci: dict[str, str],
        *,
        debug: Callable[[str], None] | None = None,
    ) -> None:
        self._configuration, self._clock, self._ci = configuration, clock, ci
        settings = self._settings = configuration.settings
        self._ledger = Ledger(configuration.warnings)
        for notice in configuration.notices:
            self._ledger.note(notice)
        if settings.api_url.is_plain_http:
            self._ledger.warn(f"the key crosses the network in the clear: {settings.api_url.url} is plain http")
        transport = partial(TracedTransport, tell=debug) if debug else Transport
        self._transport = transport(
            settings.api_url,
            scheme=settings.scheme,
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
        self._writer = Writer(
            self._registry,
            self._reader,
            clock,
            _care(configuration),
            notice=self._ledger.note,
            warning=self._ledger.warn,
        )
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
        return replace(self._ledger.result(self._facts(), cut_short_by=cut_short_by), record=self._record())

    # --- the order of events -------------------------------------------------------------------------------

    def _execute(self) -> None:
        for oddity in self._transport.certificate_warnings():
            self._ledger.warn(oddity)
        policy = self._policy()
        planner = Planner(
            self._reader,
            self._clock,
            shard=self._settings.share,
            wait=self._settings.wait_for_artifact,
            needs_reading=self._settings.is_dry_run or bool(policy and policy.needs_reading),
            notice=self._ledger.note,
            warning=self._ledger.warn,
        )
        plan = self._ledger.plan = self._made_by(planner)
        fail_harmful(plan, self._settings)
        check_removals(plan, dry_run=self._settings.is_dry_run)
        if policy:
            judge(plan, policy, dry_run=self._settings.is_dry_run, notice=self._ledger.note)
        plan.errors += refusals(plan.changing, settings=self._settings, pace=self._pace, clock=self._clock)
        if self._settings.is_dry_run and plan.is_readable:
            self._show_only(plan)
        if not plan.is_writable or self._settings.is_dry_run:
            return
        for task in plan.tasks:
            if not task.is_change:
                task.end(Status.UNCHANGED, task.labels)
        if plan.changing:
            renew_baselines(plan, self._reader, warning=self._ledger.warn)
        if not plan.is_writable:
            return
        if plan.move:
            self._write(plan.move.tasks, self._mover(plan.move).run)
            return
        self._announce_removals(plan.changing)
        write = self._take_back if self._settings.undo else self._writer.run
        self._write(plan.changing, partial(write, plan.changing))

    def _take_back(self, changing: Sequence[Task]) -> None:
        """Gives before it takes, so that the undo of a move, and the undo of that, leave no moment without a holder."""
        from har_labels.engine.replay import group_additions_first

        for group in group_additions_first(changing):
            self._writer.run(group)

    def _mover(self, move: Move) -> Mover:
        return Mover(
            move,
            self._writer,
            self._reader,
            self._clock,
            settle=self._settings.settle,
            retries=self._settings.retries,
            harms=partial(fails_as_harmful, settings=self._settings),
        )

    def _write(self, tasks: Sequence[Task], write: Callable[[], None]) -> None:
        """Writes the tasks, to which `write` may add some, and rolls back where that failed and is wanted."""
        wants_rollback = self._settings.on_failure is OnFailureName.ROLLBACK
        try:
            self._write_to_the_end(tasks, write)
        except Stop:
            if wants_rollback and any(task.may_be_written for task in tasks):
                self._ledger.note("the run was cut short, so nothing is rolled back")
            raise
        causes = [task.outcome.error for task in tasks if task.outcome and task.outcome.error]
        if causes and wants_rollback and any(isinstance(cause, Unauthorized) for cause in causes):
            # A key that was refused is not sent again.
            self._ledger.note("the key was refused, so nothing is rolled back")
        elif (
            causes and wants_rollback and self._ledger.plan.move and any(isinstance(one, Overwritten) for one in causes)
        ):
            self._ledger.note("another writer moves the label, too, so nothing is rolled back")
        elif causes and wants_rollback:
            self._ledger.rollback_was_tried = True
            # Told by the run from here on: an artifact that is rolled back has failed no longer.
            self._ledger.errors += [cause for cause in causes if cause not in self._ledger.errors]
            # Who held a label that was to be moved has it back before the one gives it up.
            for group in ([task for task in tasks if task.is_former], [task for task in tasks if not task.is_former]):
                roll_back(group, self._writer, self._reader, self._clock, notice=self._ledger.note)

    def _write_to_the_end(self, tasks: Sequence[Task], write: Callable[[], None]) -> None:
        """Raises Stop only where there is no time left for anything."""
        try:
            write()
        except Stop as stop:
            if self._clock.reason:
                raise
            self._ledger.errors.append(stop.error)
            self._writer.wind_up(tasks, stop.error)

    def _made_by(self, planner: Planner) -> Plan:
        plan = self._plan_again()
        return planner.plan(self._entries()) if plan is None else plan

    def _plan_again(self) -> Plan | None:
        """The plan of a file that says what to write; None where the other inputs do."""
        file = read_steps(self._configuration, "apply_plan") or read_steps(self._configuration, "undo")
        if not file:
            return None
        from har_labels.engine.replay import plan_again

        for notice in file.notices:
            self._ledger.note(notice)
        for warning in file.warnings:
            self._ledger.warn(warning)
        return plan_again(file, self._reader, self._clock)

    def _policy(self) -> Policy | None:
        """The policy, if there is one; what is wrong with it is told with all else that is wrong."""
        try:
            return policy_of(self._configuration)
        except Failures:
            self._entries()
            raise

    def _entries(self) -> Sequence[Entry]:
        return entries_of(self._configuration, ci=self._ci, now=self._clock.utcnow(), notice=self._ledger.note)

    def _show_only(self, plan: Plan) -> None:
        for task in plan.tasks:
            task.end(Status.PLANNED if task.is_change else Status.UNCHANGED, task.labels)
        if self._settings.save_plan and plan.is_writable:
            self._save(plan, self._settings.save_plan)

    def _save(self, plan: Plan, path: str) -> None:
        from har_labels.request.plan_file import plan_lines

        steps, record = [task.step for task in plan.tasks], self._record()
        for step in steps:
            if any(map(self._configuration.holds_key, (*(step.before or ()), *step.after))):
                raise InputError(
                    f"`{named('save_plan')}`: {step.artifact!r} in {step.registry_ref} has a label that contains the key",
                    "A plan file holds no secrets: revoke the key, and take that label away.",
                )
        if problem := write_text(path, plan_lines(steps, record), workspace=self._configuration.workspace):
            raise InputError(f"`{named('save_plan')}`: {path!r} can't be written: {problem}", "Check the path.")
        self._plan_file = path

    def _announce_removals(self, tasks: Iterable[Task]) -> None:
        """A `replace` or `clear` that takes labels away says which (contract §3)."""
        for task in tasks:
            if task.goal.is_sweeping and (removed := task.step.removed):
                self._ledger.note(f"{task.subject}: takes away {', '.join(map(repr, removed))}")

    @property
    def progress(self) -> Progress:
        """How far the run is; asked from the main thread while it goes on."""
        tasks = tuple(self._ledger.plan.tasks)
        # Outcomes come at the end of a round; until then the writes tell.
        done = sum(bool(task.outcome or task.attempts) for task in tasks)
        changed = sum(task.attempts > 0 and task.is_confirmed for task in tasks)
        failed = sum(bool(task.outcome and task.outcome.status is Status.FAILED) for task in tasks)
        return Progress(len(tasks), done, changed, failed, self._registry.requests)

    def _facts(self) -> RunFacts:
        return RunFacts(
            mode=self._configuration.mode,
            dry_run=self._settings.is_dry_run,
            requests=self._registry.requests,
            retries=self._reader.retried + self._writer.retried,
            seconds=self._clock.elapsed(),
            plan_file=self._plan_file,
            report_file=self._settings.report_file or "",
            registry=str(self._settings.registry_ref or ""),
        )

    def _record(self) -> Record:
        return record_of(self._configuration, self._ci, self._clock)


def _per_minute(configuration: Configuration) -> float | None:
    settings = configuration.settings
    default = SAAS_REQUESTS_PER_MINUTE if settings.api_url.is_harness_saas else None
    rate = settings.requests_per_minute or default
    return rate / settings.share.total if rate else None


def _care(configuration: Configuration) -> Care:
    settings = configuration.settings
    is_move = settings.mode is Mode.MOVE  # which looks for itself, at all that have the label
    return Care(
        retries=settings.retries,
        settle=0 if is_move else settings.settle,
        concurrency=settings.concurrency,
        allow_type_loss=settings.allow_type_loss,
        stops_at_failure=settings.on_failure is not OnFailureName.CONTINUE,
    )
