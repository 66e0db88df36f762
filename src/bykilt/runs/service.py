"""The run service: runs are submitted, waited for, watched and cancelled.

Knows which runs this process carries out and how many at a time. Does not know how one run goes (`executor`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import anyio.abc
import anyio.to_thread

from bykilt.browser.engine.browser_engine import EngineType, UnknownEngine
from bykilt.browser.engine.loader import DEFAULT_ENGINE, EngineLoader
from bykilt.browser.sandbox.profile import SandboxProfile
from bykilt.clock import Clock, SystemClock
from bykilt.errors import InvalidInput
from bykilt.events.event_file import EventFile, read_events
from bykilt.events.model import Event, RunSubmitted
from bykilt.events.stream import EventListener, EventStream, SubscriberLagged
from bykilt.flows.params import bind_params
from bykilt.flows.writer import to_json as flow_json
from bykilt.history.history import History
from bykilt.history.model import RunRecord, RunStatus
from bykilt.history.recorder import HistoryWriter, RunProjection, RunRecorder
from bykilt.ids import RunId, new_run_id
from bykilt.json_types import JsonObject
from bykilt.runs.executor import ActiveRun, RunExecutor, launch_settings
from bykilt.runs.model import EngineFactory, Models, RunElsewhere, RunRequest, Secrecy, ServiceNotRunning, TraceWriter
from bykilt.runs.ownership import Owner
from bykilt.runs.recovery import Recovery, recover
from bykilt.runs.result_file import RunSummary, owner_of, write_request
from bykilt.runs.sandboxing import profile_of
from bykilt.runs.secrecy import OpenSecrecy
from bykilt.settings import Settings
from bykilt.storage.errors import StorageError, explained
from bykilt.storage.home import Home

if TYPE_CHECKING:
    from bykilt.runs.answer_file import RecordedAnswers

_READ_AHEAD = 500


class RunService:
    """Carries runs out inside `async with`; the block ends when all of them have.

    An error or a cancellation that leaves the block cancels the runs. At its start, runs that dead processes
    left are brought to their end (`recovery` says which). Belongs to one event loop.
    """

    def __init__(
        self,
        settings: Settings,
        history: History,
        engines: EngineFactory,
        *,
        traces: TraceWriter | None = None,
        listeners: Sequence[EventListener] = (),
        secrecy: Secrecy | None = None,
        models: Models | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Wire the service; `history` stays open for its owner to close. Without `traces` no run has one.

        `listeners` are told of the events of every run, after the run's own. Without `secrecy` there are no secrets,
        without `models` no language model to ask.
        """
        self.home = Home(settings.home)
        self.recovery = Recovery()
        self._settings = settings
        self._history = history
        self._traces = traces
        self._listeners = tuple(listeners)
        self._clock = clock or SystemClock()
        self._secrecy: Secrecy = secrecy or OpenSecrecy()
        self._executor = RunExecutor(engines, traces, self._secrecy, self._clock, models)
        self._writer = HistoryWriter(history)
        self._turn = anyio.Semaphore(settings.max_runs)
        self._active: dict[RunId, ActiveRun] = {}
        self._owner: Owner | None = None
        self._tasks: anyio.abc.TaskGroup | None = None
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Make the home, recover what dead processes left, and be ready for runs.

        Raises:
            StorageError: The home or the history cannot be used.
        """
        await anyio.to_thread.run_sync(self._open)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            saving = await stack.enter_async_context(anyio.create_task_group())
            # Shielded by its own scope: it ends when it is closed, after the last run has.
            saving.start_soon(self._save_until_closed)
            stack.callback(self._writer.close)
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        tasks, self._tasks = self._tasks, None
        if kind is None or issubclass(kind, anyio.get_cancelled_exc_class()):
            return await self._exit.__aexit__(kind, error, trace)
        # The runs end as cancelled; the error that left the block goes on as it is, not wrapped into a group.
        if tasks is not None:
            tasks.cancel_scope.cancel()
        await self._exit.__aexit__(None, None, None)
        return None

    async def submit(self, request: RunRequest) -> RunId:
        """Take a run; it begins when its turn comes. When this returns the run cannot be lost any more.

        Raises:
            FlowError: A parameter is unknown, missing or unfit.
            UnknownEngine: No engine has that name.
            UnknownRun: There is no run whose answers could be replayed.
            InvalidInput: That run was for another owner, or cannot be replayed; or the sandbox profile is unknown or
                unfit, or the settings contradict it.
            StorageError: The run could not be written down; nothing of it is left.
            ServiceNotRunning: Outside of the service's block.
        """
        if self._tasks is None:
            raise ServiceNotRunning()
        file = request.sandbox_file or self.home.sandbox_profiles
        profile = await anyio.to_thread.run_sync(profile_of, request.flow, request.sandbox, file)
        replay = await anyio.to_thread.run_sync(self._recorded_answers, request)
        run = self._prepare(request, profile, replay)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._write_down, run)
        self._active[run.record.id] = run
        self._tasks.start_soon(self._live, run, name=f"run {run.record.id}")
        return run.record.id

    async def cancel(self, run_id: RunId) -> bool:
        """Ask a run to end as cancelled, now or before it begins; return False if it has ended already.

        It has ended when `wait` returns.

        Raises:
            UnknownRun: There is none with that id.
            RunElsewhere: Another process carries it out.
        """
        run = self._active.get(run_id)
        if run is None:
            await self._finished(run_id)
            return False
        run.scope.cancel()
        return True

    async def wait(self, run_id: RunId) -> RunRecord:
        """Return a run once it has ended and its files are complete.

        Raises:
            UnknownRun: There is none with that id.
            RunElsewhere: Another process carries it out.
        """
        run = self._active.get(run_id)
        if run is None:
            return await self._finished(run_id)
        await run.over.wait()
        return run.record

    async def subscribe(self, run_id: RunId, after_seq: int = 0) -> AsyncIterator[Event]:
        """Yield the events of a run numbered above `after_seq`: those that were, then those to come, to its end.

        A reader who is too slow for the stream's memory goes on from the file without noticing. Of a run in
        another process, what is in its file now is yielded.

        Raises:
            UnknownRun: There is none with that id.
        """
        run = self._active.get(run_id)
        if run is None:
            await anyio.to_thread.run_sync(self._history.get, run_id)
            async for event in self._from_file(run_id, after_seq):
                yield event
            return
        while True:
            events = run.stream.subscribe(after_seq)
            try:
                async for event in events:
                    after_seq = event.seq
                    yield event
                return
            except SubscriberLagged as lag:
                oldest_kept = lag.oldest_kept
            async for event in self._from_file(run_id, after_seq):
                after_seq = event.seq
                yield event
            # What even the file does not have (its disk was full) is passed over.
            after_seq = max(after_seq, oldest_kept - 1)

    # ---- inside

    def _open(self) -> None:
        self.home.make()
        self.recovery = recover(self._history, self.home, self._traces, self._clock)
        self._owner = Owner.claim(self.home.owners)

    async def _close(self) -> None:
        if self._owner is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._owner.release)

    async def _save_until_closed(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._writer.run()

    def _recorded_answers(self, request: RunRequest) -> RecordedAnswers | None:
        if request.replay_llm is None:
            return None
        from bykilt.runs.answer_file import read_answers

        run_id = self._history.find(request.replay_llm).id
        folder = self.home.run_folder(run_id)
        if owner_of(folder) != request.owner:
            raise InvalidInput(
                f"run {run_id} was not for {request.owner!r}, and what models answer stays with its owner",
                hint="give the owner of that run with --owner",
            )
        return read_answers(folder.llm_answers, run_id)

    def _prepare(
        self, request: RunRequest, profile: SandboxProfile | None, replay: RecordedAnswers | None
    ) -> ActiveRun:
        flow = request.flow
        assert self._owner is not None
        submitted_s = round(self._clock.wall_s(), 6)
        record = RunRecord(
            id=new_run_id(submitted_s),
            flow=flow.name,
            source=flow.source if request.source is None else request.source,
            engine=str(_engine(request, self._settings)),
            params=dict(bind_params(flow, request.params)),
            status=RunStatus.QUEUED,
            submitted_s=submitted_s,
            step_count=flow.step_count,
            owner=self._owner.name,
            owner_pid=self._owner.pid,
        )
        submitted = RunSubmitted(record.flow, record.source, record.engine, record.params)
        folder = self.home.run_folder(record.id)
        run = ActiveRun(
            request=request,
            settings=launch_settings(request, profile, folder.path),
            timeout_s=_timeout_s(request, self._settings),
            folder=folder,
            stream=EventStream(
                record.id,
                clock=self._clock,
                earlier=[Event(record.id, 1, submitted_s, submitted)],
                redactor=self._secrecy.redactor,
            ),
            file=EventFile(folder.events),
            recorder=RunRecorder(self._writer, record),
            summary=RunSummary(),
            replay=replay,
        )
        listeners: list[EventListener] = [run.file, run.recorder, run.summary, *self._listeners]
        for listener in listeners:
            run.stream.listen(listener)
        return run

    def _write_down(self, run: ActiveRun) -> None:
        run.folder.make()
        try:
            write_request(run.folder, run.record, _wanted(run))
            with explained(run.folder.events):
                run.file.on_event(run.stream.latest)
                run.file.close()
            self._history.add(run.record)
        except BaseException:
            run.folder.remove()
            raise

    async def _live(self, run: ActiveRun) -> None:
        try:
            await self._executor.carry_out(run, self._turn)
        finally:
            with anyio.CancelScope(shield=True):
                run.recorder.release_end()
                await self._writer.flush()
                if self._writer.take_behind(run.record.id):
                    await anyio.to_thread.run_sync(self._retell, run)
            del self._active[run.record.id]
            run.over.set()

    def _retell(self, run: ActiveRun) -> None:
        """Tell the history the whole run again, from its file. What fails now is done by a later recovery."""
        projection = RunProjection()
        try:
            with explained(run.folder.events):
                for event in read_events(run.folder.events, run.record.id):
                    self._history.save(projection.feed(event))
        except StorageError:
            pass

    async def _finished(self, run_id: RunId) -> RunRecord:
        run = await anyio.to_thread.run_sync(self._history.get, run_id)
        if not run.status.is_final:
            raise RunElsewhere(run_id, run.owner_pid)
        return run

    async def _from_file(self, run_id: RunId, after_seq: int) -> AsyncIterator[Event]:
        events = read_events(self.home.run_folder(run_id).events, run_id, after_seq)
        while batch := await anyio.to_thread.run_sync(_next_events, events):
            for event in batch:
                yield event


def _next_events(events: Iterator[Event]) -> list[Event]:
    try:
        return list(islice(events, _READ_AHEAD))
    except FileNotFoundError:
        return []


def _engine(request: RunRequest, settings: Settings) -> EngineType:
    wanted = request.engine or request.flow.engine
    if wanted is None and settings.engine is not None:
        try:
            return EngineLoader.resolve(settings.engine)
        except UnknownEngine:
            raise UnknownEngine(settings.engine, list(EngineType), "from RUNNER_ENGINE") from None
    return EngineLoader.resolve(wanted or DEFAULT_ENGINE)


def _timeout_s(request: RunRequest, settings: Settings) -> float:
    if request.timeout_s is not None:
        if not request.timeout_s > 0:
            raise InvalidInput(
                f"a run needs a timeout above 0 s, got {request.timeout_s:g}", hint="leave it out for the default"
            )
        return request.timeout_s
    if request.flow.timeout_ms is not None:
        return request.flow.timeout_ms / 1000
    return settings.run_timeout_s


def _wanted(run: ActiveRun) -> JsonObject:
    request = run.request
    return {
        "trace": request.trace,
        "headed": request.headed,
        "timeout_s": run.timeout_s,
        "owner": request.owner,
        "replay_llm": None if run.replay is None else run.replay.run,
        "sandbox": run.settings.sandbox_profile.describe(),
        "flow": flow_json(request.flow),
    }
