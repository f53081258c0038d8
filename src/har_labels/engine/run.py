"""One run, from checked settings to its result: plan, check, show or write, verify, roll back.

It runs in its own thread. `result` can be called at any time from another thread, so a cancelled or overdue run
still reports (contract §4, §5 point 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from har_labels.clock import Clock, Pace
from har_labels.engine.baselines import renew_baselines
from har_labels.engine.ledger import Ledger
from har_labels.engine.moves import Move, Mover
from har_labels.engine.plan import Plan
from har_labels.engine.planner import Planner
from har_labels.engine.preflight import preflight, type_loss_of
from har_labels.engine.record import record_of
from har_labels.engine.rollback import roll_back
from har_labels.engine.task import Task
from har_labels.engine.verify import WritePolicy
from har_labels.engine.writer import Writer
from har_labels.errors import Failures, HarLabelsError, InputError, Overwritten, Stop, Unauthorized
from har_labels.files import write_text
from har_labels.inputs.configure import Configuration
from har_labels.inputs.types import OnFailureName
from har_labels.model.goal import is_sweeping
from har_labels.model.labels import Mode
from har_labels.model.outcome import Record, RunFacts, RunResult, Status
from har_labels.platforms.progress import Progress
from har_labels.registry.client import Registry
from har_labels.registry.reader import Reader
from har_labels.registry.retry import RetryingReads
from har_labels.registry.transport import Transport
from har_labels.request.build import entries_of, policy_of, read_steps
from har_labels.request.entry import Entry
from har_labels.request.policy import Policy
from har_labels.text import named

# Harness's own hosts allow a key about 400 requests a minute (contract §2).
SAAS_REQUESTS_PER_MINUTE = 300


class Run:
    """One run. `ci`: the CI's values for templates. `debug` receives one line per request; None logs nothing."""

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
        self._transport = Transport(
            settings.api_url,
            scheme=settings.scheme,
            key=configuration.key,
            timeout=lambda: max(0.1, min(settings.timeout, clock.remaining())),
            log=debug,
        )
        for warning in self._cleartext_warnings():
            self._ledger.warn(warning)
        self._pace = Pace(clock, _per_minute(configuration))
        self._registry = Registry(self._transport, wait_turn=self._pace.wait)
        self._reads = RetryingReads(self._registry, clock, retries=settings.retries)
        self._reader = Reader(self._reads, clock)
        self._writer = Writer(
            self._registry,
            self._reader,
            clock,
            _write_policy(configuration),
            notice=self._ledger.note,
            warning=self._ledger.warn,
        )
        self._plan_file = ""

    def execute(self) -> None:
        """Executes the run. Failures are collected for `result`; only defects are raised."""
        try:
            self._execute()
        except Stop as stop:  # a Stop that ends only the writes is handled in `_write_and_verify`
            self._ledger.errors.append(stop.error)
            was_written = any(task.may_have_written for task in self._ledger.plan.tasks)
            if self._wants_rollback and was_written and not self._ledger.rollback_was_tried:
                self._ledger.note("the run was cut short, so nothing is rolled back")
        except Failures as failures:
            self._ledger.errors += failures.errors
        except HarLabelsError as error:
            self._ledger.errors.append(error)

    def add_error(self, error: HarLabelsError) -> None:
        """Adds a failure that was found outside of the run, such as a defect."""
        self._ledger.errors.append(error)

    def abort_reads(self) -> None:
        """Aborts reads in flight: a cancelled run does not need their answers."""
        self._transport.abort_reads()

    def abort(self) -> None:
        """Aborts all requests in flight, in any thread."""
        self._transport.abort()

    def result(self, *, cut_short_by: HarLabelsError | None = None) -> RunResult:
        """The result so far. `cut_short_by`: the reason for ending a run that is not over."""
        facts = RunFacts(
            mode=self._configuration.mode,
            dry_run=self._settings.is_dry_run,
            requests=self._registry.requests,
            retries=self._reads.retried + self._ledger.retried_writes,
            seconds=self._clock.elapsed(),
            plan_file=self._plan_file,
            report_file=self._settings.report_file or "",
            registry=str(self._settings.registry_ref or ""),
        )
        return replace(self._ledger.result(facts, cut_short_by=cut_short_by), record=self._record())

    @property
    def progress(self) -> Progress:
        """The progress of the run; called from the main thread while it goes on."""
        tasks = tuple(self._ledger.plan.tasks)
        # Outcomes are set at the end of a round; until then a task with an attempt counts as done.
        done = sum(bool(task.outcome or task.attempts) for task in tasks)
        changed = sum(task.attempts > 0 and task.is_confirmed for task in tasks)
        failed = sum(bool(task.outcome and task.outcome.status is Status.FAILED) for task in tasks)
        return Progress(len(tasks), done, changed, failed, self._registry.requests)

    # --- the order of events -------------------------------------------------------------------------------

    def _execute(self) -> None:
        for warning in self._transport.certificate_warnings():
            self._ledger.warn(warning)
        policy = self._policy()
        plan = self._ledger.plan = self._plan(policy)
        preflight(
            plan,
            settings=self._settings,
            policy=policy,
            pace=self._pace,
            clock=self._clock,
            notice=self._ledger.note,
        )
        if self._settings.is_dry_run:
            self._show(plan)
            return
        if plan.is_writable:
            for task in plan.tasks:
                if not task.is_change:
                    task.end(Status.UNCHANGED, task.labels)
            plan.refuse(renew_baselines(plan, self._reader, warning=self._ledger.warn), dry_run=False)
        if plan.is_writable:
            self._announce_removals(plan.changing)
            self._write_and_verify(plan)
            if self._wants_rollback:
                self._roll_back(plan)

    # --- plan ----------------------------------------------------------------------------------------------

    def _policy(self) -> Policy | None:
        """The policy, or None. Raises Failures with all problems of the policy and of the entries."""
        try:
            return policy_of(self._configuration)
        except Failures:
            self._entries()
            raise

    def _plan(self, policy: Policy | None) -> Plan:
        """The plan, from the steps of a plan file or of a report to undo, or else from entries."""
        if file := read_steps(self._configuration, "apply_plan") or read_steps(self._configuration, "undo"):
            from har_labels.engine.replay import plan_from_steps

            for notice in file.notices:
                self._ledger.note(notice)
            for warning in file.warnings:
                self._ledger.warn(warning)
            return plan_from_steps(file, self._reader, self._clock)
        planner = Planner(
            self._reader,
            self._clock,
            shard=self._settings.share,
            wait=self._settings.wait_for_artifact,
            needs_reading=self._settings.is_dry_run or bool(policy and policy.needs_reading),
            notice=self._ledger.note,
            warning=self._ledger.warn,
        )
        return planner.plan(self._entries())

    def _entries(self) -> Sequence[Entry]:
        return entries_of(self._configuration, ci=self._ci, now=self._clock.utcnow(), notice=self._ledger.note)

    # --- show ----------------------------------------------------------------------------------------------

    def _show(self, plan: Plan) -> None:
        """Ends a dry run: each task is planned or unchanged. Writes the plan file for `save-plan`."""
        if not plan.is_complete:
            return
        for task in plan.tasks:
            task.end(Status.PLANNED if task.is_change else Status.UNCHANGED, task.labels)
        if self._settings.save_plan and plan.is_writable:
            self._save(plan, self._settings.save_plan)

    def _save(self, plan: Plan, path: str) -> None:
        """Writes the plan file. Raises InputError if that fails or if the file would contain the key."""
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

    # --- write, verify, roll back --------------------------------------------------------------------------

    def _announce_removals(self, tasks: Iterable[Task]) -> None:
        """Adds a notice for each `replace` or `clear` that removes labels (contract §3)."""
        for task in tasks:
            if is_sweeping(task.goal) and (removed := task.step.removed):
                self._ledger.note(f"{task.subject}: removes {', '.join(map(repr, removed))}")

    def _write_and_verify(self, plan: Plan) -> None:
        """Gives every task its outcome. Raises Stop only if the run is cancelled or overdue, so that no request may follow."""
        try:
            if plan.move:
                self._mover(plan.move).run()
            elif self._settings.undo:
                from har_labels.engine.replay import group_additions_first

                # The undo of a move, and the undo of that undo, never leave the label without a holder.
                for tasks in group_additions_first(plan.changing):
                    self._writer.run(tasks)
            else:
                self._writer.run(plan.changing)
        except Stop as stop:
            if self._clock.stop_reason:
                raise
            self._ledger.errors.append(stop.error)
            self._writer.finish_after_stop(plan.tasks, stop.error)

    def _mover(self, move: Move) -> Mover:
        def harms(task: Task) -> bool:
            if error := type_loss_of(task, self._settings):
                task.fail(error, task.labels)
            return error is not None

        return Mover(
            move,
            self._writer,
            self._reader,
            self._clock,
            settle=self._settings.settle,
            retries=self._settings.retries,
            harms=harms,
        )

    @property
    def _wants_rollback(self) -> bool:
        return self._settings.on_failure is OnFailureName.ROLLBACK

    def _roll_back(self, plan: Plan) -> None:
        """Rolls back all writes if an artifact failed, unless that failure forbids it (contract §5 point 6)."""
        causes = [task.outcome.error for task in plan.tasks if task.outcome and task.outcome.error]
        if any(isinstance(cause, Unauthorized) for cause in causes):
            # A refused key is not sent again.
            self._ledger.note("the key was refused, so nothing is rolled back")
        elif plan.move and any(isinstance(cause, Overwritten) for cause in causes):
            self._ledger.note("another writer moves the label, too, so nothing is rolled back")
        elif causes:
            self._ledger.rollback_was_tried = True
            # A rolled-back artifact no longer reports its own failure, so the run does.
            self._ledger.errors += [cause for cause in causes if cause not in self._ledger.errors]
            # In a move the former holders get the label back before the new holder loses it.
            for is_former in (True, False):
                tasks = [task for task in plan.tasks if task.is_former is is_former]
                roll_back(tasks, self._writer, self._reader, self._clock, notice=self._ledger.note)

    # --- report --------------------------------------------------------------------------------------------

    def _record(self) -> Record:
        return record_of(self._configuration, self._ci, self._clock)

    def _cleartext_warnings(self) -> Iterator[str]:
        """A warning for each way on which the key crosses a network unencrypted."""
        api_url = self._settings.api_url
        if api_url.is_plain_http:
            yield f"the key crosses the network in the clear: {api_url.url} is plain http"
        if api_url.is_loopback and (proxy := self._transport.proxy_in_the_clear):
            yield f"the key goes through the proxy {proxy} in the clear; `NO_PROXY={api_url.host}` keeps it here"


def _per_minute(configuration: Configuration) -> float | None:
    """The request rate of this run: with `shard`, its part of the whole rate. None if there is no limit."""
    settings = configuration.settings
    default = SAAS_REQUESTS_PER_MINUTE if settings.api_url.is_harness_saas else None
    rate = settings.requests_per_minute or default
    return rate / settings.share.total if rate else None


def _write_policy(configuration: Configuration) -> WritePolicy:
    settings = configuration.settings
    is_move = settings.mode is Mode.MOVE  # a move verifies by listing all holders itself
    return WritePolicy(
        retries=settings.retries,
        settle=0 if is_move else settings.settle,
        concurrency=settings.concurrency,
        allow_type_loss=settings.allow_type_loss,
        stops_at_failure=settings.on_failure is not OnFailureName.CONTINUE,
    )
