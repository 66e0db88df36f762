"""How one run is carried out, from its place in the queue to its last event.

Knows the order of things: engine, flow, shutdown, trace, result, end; one deadline, one outcome. Does not know
how runs are submitted or how many go on at a time (`service`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from bykilt.browser.engine.browser_engine import BrowserEngine, LaunchContext, Viewport
from bykilt.browser.sandbox.profile import SandboxProfile
from bykilt.clock import Clock
from bykilt.events.event_file import EventFile
from bykilt.events.model import Failure, Outcome, RunFinished, RunStarted, Warned
from bykilt.events.stream import EventStream
from bykilt.flows.asking import Asker
from bykilt.flows.interpreter import FlowInterpreter
from bykilt.flows.model import ParamType, asks_a_model
from bykilt.flows.names import secrets_in
from bykilt.history.model import RunRecord
from bykilt.history.recorder import RunRecorder
from bykilt.runs.failures import failure_of, write_trace
from bykilt.runs.model import Ending, EngineFactory, Models, RunRequest, Secrecy, TraceWriter
from bykilt.runs.result_file import RunSummary, write_result
from bykilt.runs.sandboxing import weakness_of, with_profile
from bykilt.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from bykilt.runs.answer_file import RecordedAnswers

TRACE_S = 60.0
"""How long the trace may take after the run."""

_CANCELLED = Ending(Outcome.CANCELLED, Failure("cancelled", "the run was cancelled", ""))


@dataclass(slots=True, kw_only=True)
class ActiveRun:
    """A run that this process carries out, and all that belongs to it."""

    request: RunRequest
    settings: LaunchContext
    timeout_s: float
    folder: RunFolder
    stream: EventStream
    file: EventFile
    recorder: RunRecorder
    summary: RunSummary
    replay: RecordedAnswers | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)

    @property
    def record(self) -> RunRecord:
        """The run as its events so far tell it."""
        return self.recorder.run


class RunExecutor:
    """Carries runs out, each in the task that calls it."""

    def __init__(
        self,
        engines: EngineFactory,
        traces: TraceWriter | None,
        secrecy: Secrecy,
        clock: Clock,
        models: Models | None = None,
    ) -> None:
        self._engines = engines
        self._models = models
        self._secrecy = secrecy
        self._traces = traces
        self._clock = clock

    async def carry_out(self, run: ActiveRun, turn: anyio.Semaphore) -> None:
        """Wait for a turn, carry the run out, and tell its end, whatever happens.

        Raises nothing of its own: errors and bugs become the run's failure. Cancellation from outside passes
        on after the end has been told, as cancelled.
        """
        ending = _CANCELLED
        begun_s = self._clock.monotonic_s()
        try:
            with run.scope:
                async with turn:
                    begun_s = self._clock.monotonic_s()
                    ending = await self._within_deadline(run)
        finally:
            with anyio.CancelScope(shield=True):
                await self._tell_the_end(run, ending, (self._clock.monotonic_s() - begun_s) * 1000)

    # ---- the run

    async def _within_deadline(self, run: ActiveRun) -> Ending:
        with anyio.move_on_after(run.timeout_s):
            return await self._drive_to_an_ending(run)
        return Ending(
            Outcome.FAILED,
            Failure(
                "run_timeout",
                f"the run was not finished after {run.timeout_s:g} s",
                "raise the timeout of the run (--timeout, or timeout_ms in the flow) if the pages are only slow",
            ),
            run.recorder.last_step,
        )

    async def _drive_to_an_ending(self, run: ActiveRun) -> Ending:
        ending = _CANCELLED

        async def drive() -> None:
            nonlocal ending
            ending = await self._drive(run)

        failure = await self._failure_in(run, drive)
        return Ending(Outcome.FAILED, failure, run.recorder.last_step) if failure else ending

    async def _failure_in(self, run: ActiveRun, work: Callable[[], Awaitable[object]]) -> Failure | None:
        """Do a part of the run; an error in it, expected or not, is returned: it must not end the other runs."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - see above; a bug goes to error.log
            return failure_of(error, run.folder, self._clock.wall_s())
        return None

    async def _drive(self, run: ActiveRun) -> Ending:
        flow = run.request.flow
        run.stream.publish(RunStarted(flow.name, run.record.engine, flow.step_count))
        weakness = weakness_of(run.settings.sandbox_profile)
        if weakness is not None:
            run.stream.publish(weakness)
        await self._secrecy.learn(secrets_in(flow.steps))
        asker: Asker | None = None
        if asks_a_model(flow.steps):
            # A model is told what pages show, which may be a secret that this flow does not use.
            await self._secrecy.learn_all()
            asker = await self._asker_for(run)
        engine = self._engines(run.record.engine, run.stream, run.folder.path)
        engine.secrets = self._secrecy.secrets_for(run.record.id, flow.name)
        try:
            await engine.launch(run.settings)
            return await self._interpret(run, engine, asker)
        finally:
            with anyio.CancelScope(shield=True):  # the engine itself bounds how long it takes
                await engine.shutdown()

    async def _asker_for(self, run: ActiveRun) -> Asker:
        """Return what answers the questions of a run.

        Raises:
            BykiltError: There is no model to ask.
        """
        # Imported here: most runs ask no model, and do without all of this.
        from bykilt.runs.answer_file import AnswerFile
        from bykilt.runs.asking import AnswerSource, RunAsker, gateway_source
        from bykilt.runs.replay import ReplaySource

        source: AnswerSource
        if run.replay is not None:
            source = ReplaySource(run.replay, run.stream, loosely=run.request.replay_llm_loosely)
        else:
            source = await gateway_source(self._models, run.request.owner, run.record.id)
        record = AnswerFile(run.folder.llm_answers)
        return RunAsker(source, record, redactor=self._secrecy.redactor, facts=run.stream, clock=self._clock)

    async def _interpret(self, run: ActiveRun, engine: BrowserEngine, asker: Asker | None) -> Ending:
        interpreter = FlowInterpreter(
            run.request.flow,
            run.record.params,
            perform=engine,
            facts=run.stream,
            data_dir=run.folder.data,
            asker=asker,
            clock=self._clock,
            run_id=run.record.id,
        )
        result = await interpreter.run()
        return Ending(result.outcome, result.failure, result.failed_step, result.outputs)

    # ---- its end

    async def _tell_the_end(self, run: ActiveRun, ending: Ending, duration_ms: float) -> None:
        for log in (run.folder.browser_log, run.folder.error_log):
            failure = await self._failure_in(run, partial(anyio.to_thread.run_sync, self._secrecy.clean, log))
            if failure is not None:
                run.stream.publish(Warned(failure.code, f"{log.name}: it may hold secrets", failure.hint))
        if self._traces is not None and run.request.trace and run.record.started_s is not None:
            await self._write_trace(run, self._traces)
        run.stream.publish(RunFinished(ending.outcome, duration_ms, ending.failure, ending.failed_step))
        failure = await self._failure_in(run, partial(self._write_files, run, ending))
        if failure is not None:
            run.stream.publish(Warned(failure.code, f"the run's files are incomplete: {failure.message}", failure.hint))
        run.stream.close()
        # A warning just published has opened the file again.
        await self._failure_in(run, partial(anyio.to_thread.run_sync, run.file.close))

    async def _write_files(self, run: ActiveRun, ending: Ending) -> None:
        write = partial(write_result, run.folder, run.record, run.summary, ending.outputs)
        await anyio.to_thread.run_sync(write)
        await anyio.to_thread.run_sync(run.file.close)

    async def _write_trace(self, run: ActiveRun, traces: TraceWriter) -> None:
        warning: Warned | None = Warned(
            "trace_failed", f"the trace was not ready within {TRACE_S:g} s", "the events are all in events.jsonl"
        )
        with anyio.move_on_after(TRACE_S):
            warning = await anyio.to_thread.run_sync(
                partial(write_trace, traces, run.folder, self._clock.wall_s()), abandon_on_cancel=True
            )
        if warning is not None:
            run.stream.publish(warning)


def launch_settings(request: RunRequest, profile: SandboxProfile | None, run_folder: Path) -> LaunchContext:
    """Return all settings of a run's browser.

    Raises:
        InvalidInput: What is asked of the sandbox contradicts itself.
    """
    context = launch_context(request)
    if profile is not None:
        context = with_profile(context, profile)
    if context.upload_folders is None:
        # A flow file is hostile input: it may not send away whatever this user can read.
        named = None if profile is None else profile.upload_folders
        context = replace(context, upload_folders=upload_folders(request, run_folder, named))
    _ = context.sandbox_profile
    return context


def launch_context(request: RunRequest) -> LaunchContext:
    """Return the settings of the browser: the request's, then the flow's wishes, then `headed`, `trace` and so on."""
    context = request.launch or LaunchContext()
    flow = request.flow
    if flow.browser.viewport_width is not None and flow.browser.viewport_height is not None:
        context = replace(context, viewport=Viewport(flow.browser.viewport_width, flow.browser.viewport_height))
    if flow.browser.user_agent is not None:
        context = replace(context, user_agent=flow.browser.user_agent)
    if flow.browser.hide:
        context = replace(context, hidden_elements=(*context.hidden_elements, *flow.browser.hide))
    if flow.browser.emulation is not None:
        context = replace(context, emulation={**flow.browser.emulation, **(context.emulation or {})})
    if request.har is not None:
        context = replace(context, record_har=request.har)
    if request.video:
        context = replace(context, record_video=True)
    return replace(context, headless=context.headless and not request.headed, trace_enabled=request.trace)


def upload_folders(request: RunRequest, run_folder: Path, named: Sequence[Path] | None = None) -> tuple[Path, ...]:
    """Return the folders and files from which a run may upload; those that a profile names replace the flow's own.

    Files count when they were handed in as parameters; the defaults in the flow file do not.
    """
    handed_in = [
        Path(given)
        for param in request.flow.params
        if param.type is ParamType.FILE and isinstance(given := request.params.get(param.name), str)
    ]
    own = [folder for folder in (request.flow.folder,) if folder is not None] if named is None else named
    return (*own, run_folder, *handed_in, *request.upload_folders)
