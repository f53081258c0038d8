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
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

from har_labels.clock import Clock
from har_labels.errors import Defect, HarLabelsError, Stop
from har_labels.inputs.names import is_lint
from har_labels.model.outcome import RunFacts, RunResult
from har_labels.platforms import Platform, detect
from har_labels.platforms.progress import ProgressBar, ProgressLine, progress_for
from har_labels.platforms.publish import Told, publish

if TYPE_CHECKING:
    from har_labels.engine.run import Run
    from har_labels.inputs.configure import Configuration

# What a cancelled run waits for writes in flight; GitHub kills 10 s after its first signal (contract §5 point 8).
GRACE_SECONDS = 5.0
# Held back for the end, so that a run without memory can still say so. Never touched, it takes none of the machine's.
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
        return _run(argv, environ, platform, clock, events)
    except SystemExit as leaving:  # --help and --version
        return int(leaving.code or 0)
    except Exception as error:  # noqa: BLE001 - a defect is reported like every other failure
        del reserve
        return _tell_defect(platform, _defect(error), clock)
    finally:
        events.stop_listening()


def _run(argv: Sequence[str], environ: Mapping[str, str], platform: Platform, clock: Clock, events: _Events) -> int:
    if is_lint(argv):
        from har_labels.request.lint import lint

        return lint(argv, environ, platform, now=clock.utcnow())
    from har_labels.inputs.configure import Misconfigured, configure

    try:
        configuration = configure(argv, environ, platform)
    except Misconfigured as wrong:
        from har_labels.engine.record import record_of
        from har_labels.request.build import further_problems

        configuration = wrong.configuration
        errors = [*wrong.errors, *further_problems(configuration, ci=platform.ci_facts(), now=clock.utcnow())]
        result = _before_any_request(errors, clock, configuration)
        result = replace(result, record=record_of(configuration, platform.ci_facts(), clock))
        return publish(platform, result, _told(configuration))
    settings = configuration.settings
    clock.set_deadline(settings.deadline)
    from har_labels.engine.run import Run

    debug = platform.debug if configuration.wants_debug else None
    run = Run(configuration, clock, platform.ci_facts(), debug=debug)
    # The entrypoint switched it off for the imports. What they made stays to the end: looking through it, as
    # the first collection would, costs as much as all of a short step's requests.
    gc.freeze()
    gc.enable()
    is_over = _conduct(run, clock, events, progress_for(platform, wants_bar=debug is None))
    result = run.result(cut_short_by=clock.stop_reason if clock.is_cancelled or not is_over else None)
    code = publish(platform, result, _told(configuration))
    if not is_over:
        # Some thread hangs in a request that nothing can end; the interpreter would wait for it.
        os._exit(code)  # all that was printed is flushed, see `console.Log`
    return code


def _told(configuration: Configuration) -> Told:
    return Told(
        configuration.settings.summary,
        configuration.summary_file,
        configuration.report_file,
        configuration.wants_json,
        configuration.spell,
    )


def _conduct(run: Run, clock: Clock, events: _Events, progress: ProgressLine | ProgressBar) -> bool:
    """Executes the run until it is over, cancelled or past its deadline; returns whether it is over."""

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
    """Signals and the run's end, in the order they come. A second signal ends the process at once.

    A queue, since nothing else that wakes the main thread may be used in a signal handler.
    """

    END = 0

    def __init__(self) -> None:
        self._queue: SimpleQueue[int] = SimpleQueue()
        self._was_signalled = False
        self._before = {number: signal.signal(number, self._take) for number in (signal.SIGINT, signal.SIGTERM)}

    def get(self, seconds: float) -> int | None:
        """The next event: END, a signal's number, or None when the seconds have passed."""
        try:
            return self._queue.get(timeout=None if seconds == float("inf") else max(0.0, seconds))
        except Empty:
            return None

    def put_end(self) -> None:
        self._queue.put(self.END)

    def stop_listening(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._was_signalled:
            os._exit(128 + number)
        self._was_signalled = True
        self._queue.put(number)


def _before_any_request(errors: Sequence[HarLabelsError], clock: Clock, configuration: Configuration) -> RunResult:
    """The result of a run whose inputs are wrong, with what could be understood of them."""
    result = _nothing_but(errors, clock)
    facts = replace(
        result.facts,
        mode=configuration.mode,
        report_file=configuration.report_file or "",
        registry=str(configuration.settings.registry_ref or ""),
    )
    return replace(result, facts=facts, notices=configuration.notices)


def _nothing_but(errors: Sequence[HarLabelsError], clock: Clock) -> RunResult:
    """The result of a run that came to nothing before it began."""
    facts = RunFacts("", dry_run=False, requests=0, retries=0, seconds=clock.elapsed())
    return RunResult(outcomes=(), facts=facts, errors=tuple(errors))


def _tell_defect(platform: Platform, defect: HarLabelsError, clock: Clock) -> int:
    """Tells a defect as any failure, or by its stable line alone where even that fails, as it does without memory."""
    try:
        return publish(platform, _nothing_but([defect], clock), Told())
    except Exception:  # noqa: BLE001 - nothing more can be told
        with suppress(Exception):
            platform.error(defect)
        return defect.exit_code


def _defect(error: BaseException) -> HarLabelsError:
    """A defect in one line: what and where, without values of variables, which may hold the key."""
    if isinstance(error, Stop):
        return error.error
    trace, place = error.__traceback__, ""
    while trace:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    if _is_out_of_memory(error):
        return Defect(f"the step ran out of memory at {place}", "Give it more: 128 MB are enough for most runs.")
    return Defect(f"{type(error).__name__} at {place}")


def _is_out_of_memory(error: BaseException) -> bool:
    """Also what Python and the loader of libraries make of it."""
    said = str(error)
    return isinstance(error, MemoryError) or said == "can't start new thread" or "failed to map segment" in said
