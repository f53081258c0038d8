"""The order of events on one page, and the only place where an exception ends.

environment → platform → configuration → run (in a thread of its own) → result → outputs, summary, exit code
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

from har_labels.clock import Clock
from har_labels.errors import Defect, HarLabelsError, Stop
from har_labels.inputs.names import is_lint
from har_labels.model.outcome import RunFacts, RunResult
from har_labels.platforms import detect
from har_labels.platforms.platform import Platform
from har_labels.platforms.progress import ProgressBar, ProgressLine, progress_for
from har_labels.platforms.publish import PublishOptions, publish

if TYPE_CHECKING:
    from har_labels.engine.run import Run
    from har_labels.inputs.configure import Misconfigured

# The time for writes in flight after a cancel; GitHub kills the process 10 s after its first signal (contract §5 point 8).
GRACE_SECONDS = 5.0
# Freed when an exception ends the run, so that a run out of memory can still report it. Untouched, it uses no physical memory.
RESERVE_BYTES = 512 * 1024


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Runs the step once and returns its exit code (contract §4).

    `argv` and `environ` are this process's unless given.
    """
    argv = sys.argv[1:] if argv is None else argv
    environ = os.environ if environ is None else environ
    platform, clock = detect(environ), Clock()
    events = _Events()
    reserve = bytearray(RESERVE_BYTES)
    try:
        if is_lint(argv):
            from har_labels.request.lint import lint

            return lint(argv, environ, platform, now=clock.utcnow())
        return _run(argv, environ, platform, clock, events)
    except SystemExit as leaving:  # --help and --version
        return int(leaving.code or 0)
    except Exception as error:  # noqa: BLE001 - a defect is reported like every other failure
        del reserve
        return _publish_defect(platform, _defect(error), clock)
    finally:
        events.stop_listening()


def _run(argv: Sequence[str], environ: Mapping[str, str], platform: Platform, clock: Clock, events: _Events) -> int:
    from har_labels.inputs.configure import Misconfigured, configure

    try:
        configuration = configure(argv, environ, platform)
    except Misconfigured as wrong:
        return publish(platform, _result_of_wrong_inputs(wrong, platform, clock), wrong.configuration.publishing)
    clock.set_deadline(configuration.settings.deadline)
    from har_labels.engine.run import Run

    debug = platform.debug if configuration.wants_debug else None
    run = Run(configuration, clock, platform.ci_facts(), debug=debug)
    # `__main__` disabled collection for the imports. Their objects live to the end: examining them, as the first
    # collection would, takes as long as all requests of a short step.
    gc.freeze()
    gc.enable()
    is_over = _execute(run, clock, events, progress_for(platform, wants_bar=debug is None))
    result = run.result(cut_short_by=clock.stop_reason if clock.is_cancelled or not is_over else None)
    exit_code = publish(platform, result, configuration.publishing)
    if not is_over:
        # A thread hangs in a request that nothing can end; the interpreter would wait for it. `Log` has flushed all output.
        os._exit(exit_code)
    return exit_code


def _result_of_wrong_inputs(wrong: Misconfigured, platform: Platform, clock: Clock) -> RunResult:
    """The result of a run that sent no request, with the inputs that could be understood."""
    from har_labels.engine.record import record_of
    from har_labels.request.build import further_problems

    configuration, ci = wrong.configuration, platform.ci_facts()
    facts = RunFacts(
        mode=configuration.mode,
        seconds=clock.elapsed(),
        report_file=configuration.publishing.report_file or "",
        registry=str(configuration.settings.registry_ref or ""),
    )
    return RunResult(
        facts=facts,
        errors=(*wrong.errors, *further_problems(configuration, ci=ci, now=clock.utcnow())),
        notices=configuration.notices,
        record=record_of(configuration, ci, clock),
    )


def _execute(run: Run, clock: Clock, events: _Events, progress: ProgressLine | ProgressBar) -> bool:
    """Executes the run in a thread until it is over, cancelled or past its deadline. Returns whether it is over.

    A cancelled or overdue run has GRACE_SECONDS for its writes in flight, and a second more after those are aborted.
    """

    def execute() -> None:
        try:
            run.execute()
        except BaseException as error:  # noqa: BLE001 - it must reach the report, not vanish with the thread
            run.add_error(_defect(error))
        finally:
            events.put_end()

    threading.Thread(target=execute, name="run", daemon=True).start()
    while (event := events.get(min(clock.remaining(), progress.interval))) is None and not clock.stop_reason:
        progress.show(run.progress, clock.elapsed())
    progress.close()
    if event is _Events.END:
        return True
    if event is not None:
        clock.cancel(event)
    run.abort_reads()
    if events.get(GRACE_SECONDS) is _Events.END:
        return True
    run.abort()
    return events.get(1.0) is _Events.END


class _Events:
    """Signals and the end of the run, in order of arrival. A second signal ends the process at once.

    They pass through a queue, as only a SimpleQueue can wake the main thread from a signal handler safely.
    """

    END = 0

    def __init__(self) -> None:
        self._queue: SimpleQueue[int] = SimpleQueue()
        self._was_signalled = False
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}

    def get(self, seconds: float) -> int | None:
        """The next event: END, a signal's number, or None after `seconds` without one."""
        try:
            return self._queue.get(timeout=None if seconds == float("inf") else max(0.0, seconds))
        except Empty:
            return None

    def put_end(self) -> None:
        self._queue.put(self.END)

    def stop_listening(self) -> None:
        """Restores the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._was_signalled:
            os._exit(128 + number)
        self._was_signalled = True
        self._queue.put(number)


def _publish_defect(platform: Platform, defect: HarLabelsError, clock: Clock) -> int:
    """Publishes a defect like any failure, or prints its stable line alone if that fails, as it may without memory."""
    try:
        result = RunResult(facts=RunFacts(seconds=clock.elapsed()), errors=(defect,))
        return publish(platform, result, PublishOptions())
    except Exception:  # noqa: BLE001 - nothing more can be reported
        with suppress(Exception):
            platform.error(defect)
        return defect.exit_code


def _defect(error: BaseException) -> HarLabelsError:
    """An exception as a defect in one line: type and place, without values of variables, which may hold the key."""
    if isinstance(error, Stop):
        return error.error
    trace, place = error.__traceback__, ""
    while trace:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    # Python and the dynamic loader report some failed allocations as other errors.
    message = str(error)
    if isinstance(error, MemoryError) or message == "can't start new thread" or "failed to map segment" in message:
        return Defect(f"the step ran out of memory at {place}", "Give it more: 128 MB are enough for most runs.")
    return Defect(f"{type(error).__name__} at {place}")
