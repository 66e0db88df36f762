"""The run service: submitting, waiting, watching, cancelling, and how many at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio import fail_after

from bykilt.browser.engine.errors import UnknownEngine
from bykilt.errors import InvalidInput
from bykilt.events.event_file import read_events
from bykilt.events.model import Event, Outcome, RunFinished, RunStarted, RunSubmitted, StepFinished
from bykilt.flows.problems import FlowError
from bykilt.history.history import History
from bykilt.history.model import RunStatus, UnknownRun
from bykilt.ids import RunId
from bykilt.runs.model import RunElsewhere, RunRequest, ServiceNotRunning
from bykilt.runs.service import RunService
from bykilt.settings import Settings
from bykilt.storage.errors import DiskFull
from bykilt.storage.home import Home
from tests.support.history_records import run_record
from tests.support.run_services import clicks, open_history, request, run_service
from tests.support.scripted_engine import Script, ScriptedEngines, hangs, waits
from tests.support.small_disk import fill


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def history(home: Path) -> Iterator[History]:
    """The history as another process sees it."""
    history = open_history(home)
    yield history
    history.close()


def kinds(events: list[Event]) -> list[str]:
    return [event.fact.kind for event in events]


async def test_a_run_goes_from_its_submission_to_its_end(home: Path, history: History) -> None:
    engines = ScriptedEngines()
    with fail_after(10):
        async with run_service(home, engines) as service:
            run_id = await service.submit(request("#a", "#b"))
            record = await service.wait(run_id)

    assert record.status is RunStatus.SUCCEEDED
    assert record == history.get(run_id)
    assert [(step.step_id, step.outcome) for step in history.steps(run_id)] == [
        ("click1", "succeeded"),
        ("click2", "succeeded"),
    ]
    events = list(read_events(Home(home).run_folder(run_id).events, run_id))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[0].fact, RunSubmitted)
    assert isinstance(events[1].fact, RunStarted)
    assert isinstance(events[-1].fact, RunFinished)
    assert (engines.open, engines.made[0].shutdowns) == (0, 1)


async def test_the_result_file_says_it_all(home: Path) -> None:
    flow = clicks("#a", params={"who": {"type": "string"}}, outputs={"greeting": "hello ${params.who}"})
    with fail_after(10):
        async with run_service(home, ScriptedEngines()) as service:
            run_id = await service.submit(RunRequest(flow=flow, params={"who": "world"}, source="elsewhere"))
            record = await service.wait(run_id)

    result = json.loads(Home(home).run_folder(run_id).result.read_bytes())
    assert result["bykilt_result"] == 1
    assert result["run"]["status"] == "succeeded"
    assert result["run"]["source"] == "elsewhere"
    assert result["run"]["params"] == {"who": "world"}
    assert result["run"]["duration_ms"] == record.duration_ms
    assert result["outputs"] == {"greeting": "hello world"}
    assert result["steps"] == {"succeeded": 1}
    assert result["warnings"] == []
    assert result["trace"] is None


async def test_a_submitted_run_is_written_down_before_submit_returns(home: Path, history: History) -> None:
    """Contract: nothing that was submitted can be lost."""
    with fail_after(10):
        async with run_service(home, ScriptedEngines(Script({"#a": hangs})), max_runs=1) as service:
            await service.submit(request("#a"))
            run_id = await service.submit(request("#a"))

            assert history.get(run_id).status is RunStatus.QUEUED
            folder = Home(home).run_folder(run_id)
            assert kinds(list(read_events(folder.events, run_id))) == ["run.submitted"]
            assert json.loads(folder.request.read_bytes())["run"]["id"] == run_id
            for run in history.list_runs().runs:
                await service.cancel(run.id)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (RunRequest(flow=clicks("#a"), params={"no": "such"}), FlowError),
        (RunRequest(flow=clicks("#a"), engine="netscape"), UnknownEngine),
        (RunRequest(flow=clicks("#a"), timeout_s=0), InvalidInput),
        (RunRequest(flow=clicks("#a"), timeout_s=float("nan")), InvalidInput),
    ],
    ids=["params", "engine", "timeout", "nan"],
)
async def test_a_request_that_cannot_be_is_refused_and_leaves_nothing(
    home: Path, history: History, wanted: RunRequest, error: type[Exception]
) -> None:
    async with run_service(home, ScriptedEngines()) as service:
        with pytest.raises(error):
            await service.submit(wanted)

    assert history.list_runs().runs == ()
    assert list(Home(home).runs.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "in_flow", "in_settings", "taken"),
    [
        (None, None, None, "cdp"),
        (None, None, "playwright", "playwright"),
        (None, "cdp", "playwright", "cdp"),
        ("playwright", "cdp", None, "playwright"),
    ],
)
async def test_the_engine_is_the_one_asked_for_else_the_flows_else_the_settings(
    home: Path, asked: str | None, in_flow: str | None, in_settings: str | None, taken: str
) -> None:
    engines = ScriptedEngines()
    flow = clicks("#a", engine=in_flow) if in_flow else clicks("#a")
    with fail_after(10):
        async with run_service(home, engines, engine=in_settings) as service:
            record = await service.wait(await service.submit(RunRequest(flow=flow, engine=asked)))

    assert (record.engine, engines.names) == (taken, [taken])


async def test_an_impossible_engine_in_the_settings_is_an_error_that_names_the_variable(home: Path) -> None:
    async with run_service(home, ScriptedEngines(), engine="netscape") as service:
        with pytest.raises(UnknownEngine, match="RUNNER_ENGINE"):
            await service.submit(request("#a"))


async def test_no_more_runs_go_on_than_the_settings_allow_and_all_come_to_their_turn_in_order(home: Path) -> None:
    go = anyio.Event()
    engines = ScriptedEngines(Script({"#a": waits(go)}))
    with fail_after(10):
        async with run_service(home, engines, max_runs=2) as service:
            ids = [await service.submit(request("#a")) for _ in range(6)]
            events = service.subscribe(ids[1])
            while (await anext(events)).fact.kind != "step.started":
                pass
            assert engines.open == 2
            go.set()
            records = [await service.wait(run_id) for run_id in ids]

    starts = [record.started_s or 0 for record in records]
    assert {record.status for record in records} == {RunStatus.SUCCEEDED}
    assert starts == sorted(starts)


async def test_eight_submitters_at_once_get_eight_runs(home: Path, history: History) -> None:
    ids: list[RunId] = []

    with fail_after(20):
        async with run_service(home, ScriptedEngines(), max_runs=4) as service, anyio.create_task_group() as tasks:

            async def submit() -> None:
                for _ in range(3):
                    ids.append(await service.submit(request("#a")))

            for _ in range(8):
                tasks.start_soon(submit)

    assert len(set(ids)) == 24
    assert {run.id for run in history.list_runs().runs} == set(ids)
    assert {run.status for run in history.list_runs().runs} == {RunStatus.SUCCEEDED}


async def test_a_cancelled_run_ends_as_cancelled_with_its_browser_gone(home: Path, history: History) -> None:
    begun = anyio.Event()
    engines = ScriptedEngines(Script({"#b": waits(anyio.Event(), begun=begun)}))
    with fail_after(10):
        async with run_service(home, engines) as service:
            run_id = await service.submit(request("#a", "#b"))
            await begun.wait()
            assert await service.cancel(run_id)
            record = await service.wait(run_id)
            assert not await service.cancel(run_id)

    assert record.status is RunStatus.CANCELLED
    assert engines.open == 0
    assert record == history.get(run_id)
    assert [(step.step_id, step.outcome) for step in history.steps(run_id)] == [
        ("click1", "succeeded"),
        ("click2", "cancelled"),
    ]
    assert json.loads(Home(home).run_folder(run_id).result.read_bytes())["run"]["status"] == "cancelled"


async def test_a_run_that_waits_for_its_turn_can_be_cancelled(home: Path) -> None:
    engines = ScriptedEngines(Script({"#a": hangs}))
    with fail_after(10):
        async with run_service(home, engines, max_runs=1) as service:
            first = await service.submit(request("#a"))
            second = await service.submit(request("#b"))
            await service.cancel(second)
            record = await service.wait(second)
            assert (record.status, record.started_s) == (RunStatus.CANCELLED, None)
            await service.cancel(first)

    assert len(engines.made) == 1


async def test_watchers_see_every_event_whenever_they_come(home: Path) -> None:
    go, begun = anyio.Event(), anyio.Event()
    engines = ScriptedEngines(Script({"#b": waits(go, begun=begun)}))
    seen: dict[str, list[Event]] = {}

    async def watch(name: str, service: RunService, run_id: RunId, after: int = 0) -> None:
        seen[name] = [event async for event in service.subscribe(run_id, after)]

    with fail_after(10):
        async with run_service(home, engines) as service:
            run_id = await service.submit(request("#a", "#b"))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch, "early", service, run_id)
                await begun.wait()
                tasks.start_soon(watch, "late", service, run_id)
                tasks.start_soon(watch, "from 3", service, run_id, 3)
                go.set()
            await service.wait(run_id)
            await watch("after", service, run_id)
            await watch("after, from 3", service, run_id, 3)

    assert isinstance(seen["early"][-1].fact, RunFinished)
    assert seen["early"] == seen["late"] == seen["after"]
    assert seen["from 3"] == seen["after, from 3"] == seen["early"][3:]
    assert [e.fact.step_id for e in seen["early"] if isinstance(e.fact, StepFinished)] == ["click1", "click2"]


async def test_a_watcher_who_is_far_too_slow_goes_on_from_the_file(home: Path) -> None:
    """Every action gives off several facts: 700 actions are more than the stream keeps in memory."""
    go = anyio.Event()
    engines = ScriptedEngines(Script({"#go": waits(go)}))
    with fail_after(30):
        async with run_service(home, engines) as service:
            run_id = await service.submit(request(*["#a"] * 700, "#go"))
            events = service.subscribe(run_id)
            first = await anext(events)
            watch = service.subscribe(run_id)
            steps = 0
            while steps < 701:
                steps += (await anext(watch)).fact.kind == "step.started"
            go.set()
            seqs = [first.seq] + [event.seq async for event in events]

    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) > 2800


async def test_unknown_runs_and_runs_of_other_processes_are_said_to_be_so(home: Path, history: History) -> None:
    async with run_service(home, ScriptedEngines()) as service:
        with pytest.raises(UnknownRun):
            await service.wait(RunId("nowhere"))
        with pytest.raises(UnknownRun):
            await service.cancel(RunId("nowhere"))
        with pytest.raises(UnknownRun):
            await anext(service.subscribe(RunId("nowhere")))

        other = run_record()
        history.add(other)
        for ask in (service.wait, service.cancel):
            with pytest.raises(RunElsewhere, match="4711"):
                await ask(other.id)


async def test_a_run_of_an_earlier_process_can_be_waited_for_and_watched(home: Path) -> None:
    async with run_service(home, ScriptedEngines()) as service:
        run_id = await service.submit(request("#a"))
        before = [event async for event in service.subscribe(run_id)]

    async with run_service(home, ScriptedEngines()) as service:
        assert (await service.wait(run_id)).status is RunStatus.SUCCEEDED
        assert [event async for event in service.subscribe(run_id)] == before


async def test_outside_of_its_block_the_service_takes_nothing(home: Path, history: History) -> None:
    service = RunService(Settings(home=home), history, ScriptedEngines())
    with pytest.raises(ServiceNotRunning):
        await service.submit(request("#a"))
    async with service:
        pass
    with pytest.raises(ServiceNotRunning):
        await service.submit(request("#a"))


async def test_the_block_ends_when_all_runs_have(home: Path, history: History) -> None:
    async with run_service(home, ScriptedEngines(), max_runs=1) as service:
        for _ in range(3):
            await service.submit(request("#a"))

    assert [run.status for run in history.list_runs().runs] == [RunStatus.SUCCEEDED] * 3


async def test_an_error_that_leaves_the_block_cancels_the_runs_and_goes_on_as_it_is(
    home: Path, history: History
) -> None:
    engines = ScriptedEngines(Script({"#a": hangs}))

    async def submit_and_fail() -> None:
        async with run_service(home, engines, max_runs=1) as service:
            await service.submit(request("#a"))
            await service.submit(request("#a"))
            raise KeyError("a bug in the caller")

    with fail_after(10), pytest.raises(KeyError, match="a bug in the caller"):
        await submit_and_fail()

    assert [run.status for run in history.list_runs().runs] == [RunStatus.CANCELLED] * 2
    assert engines.open == 0


async def test_a_cancellation_from_outside_ends_every_run_as_cancelled(home: Path, history: History) -> None:
    """This is what Ctrl-C comes down to."""
    begun = anyio.Event()
    engines = ScriptedEngines(Script({"#a": waits(anyio.Event(), begun=begun)}))
    with fail_after(10), anyio.CancelScope() as scope:
        async with run_service(home, engines, max_runs=1) as service:
            for _ in range(2):
                await service.submit(request("#a"))
            await begun.wait()
            scope.cancel()
            await anyio.sleep_forever()

    assert [run.status for run in history.list_runs().runs] == [RunStatus.CANCELLED] * 2
    assert engines.open == 0
    assert list(Home(home).owners.iterdir()) == []


async def test_on_a_full_disk_nothing_is_submitted_and_nothing_is_left(small_disk: Path) -> None:
    home = small_disk / "home"
    with fail_after(10):
        async with run_service(home, ScriptedEngines()) as service:
            fill(small_disk)
            with pytest.raises(DiskFull):
                await service.submit(request("#a"))
            assert list(Home(home).runs.iterdir()) == []

            (small_disk / "filler").unlink()
            record = await service.wait(await service.submit(request("#a")))

    assert record.status is RunStatus.SUCCEEDED


async def test_a_disk_that_fills_up_during_a_run_leaves_its_outcome_to_be_told_later(small_disk: Path) -> None:
    """The run itself did what it should; what could not be written is made good at the next start."""
    home, go, begun = small_disk / "home", anyio.Event(), anyio.Event()
    engines = ScriptedEngines(Script({"#a": waits(go, begun=begun)}))
    with fail_after(20):
        async with run_service(home, engines) as service:
            run_id = await service.submit(request("#a", *["#b"] * 100))
            await begun.wait()
            fill(small_disk)
            go.set()
            record = await service.wait(run_id)
    assert record.status is RunStatus.SUCCEEDED

    (small_disk / "filler").unlink()
    async with run_service(home, ScriptedEngines()) as service:
        told = await service.wait(run_id)
    assert told.status.is_final
    assert Home(home).run_folder(run_id).result.exists()


def test_every_outcome_of_a_run_is_a_status() -> None:
    assert {RunStatus(outcome) for outcome in Outcome if outcome is not Outcome.SKIPPED} == {
        status for status in RunStatus if status.is_final
    }
