"""How one run goes: whatever happens in it, it has one outcome, and the others go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio import fail_after

from bykilt.browser.engine import browser_engine
from bykilt.browser.engine.browser_engine import LaunchContext, Viewport
from bykilt.browser.engine.errors import ActionError, BrowserGone, ElementNotFound, LaunchFailed
from bykilt.events.event_file import read_events
from bykilt.events.model import RunFinished, Warned
from bykilt.history.history import History
from bykilt.history.model import RunStatus
from bykilt.runs import executor
from bykilt.runs.executor import launch_context
from bykilt.runs.model import RunRequest, TraceWriter
from bykilt.storage.home import Home
from bykilt.trace.writer import TraceNotWritten
from tests.support.ended_run import EndedRun
from tests.support.run_services import clicks, open_history, request, run_service
from tests.support.scripted_engine import Script, ScriptedEngines, hangs, raises, waits


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


async def carry_out(
    home: Path, script: Script, wanted: RunRequest | None = None, traces: TraceWriter | None = None
) -> EndedRun:
    engines = ScriptedEngines(script)
    with fail_after(10):
        async with run_service(home, engines, traces=traces) as service:
            run_id = await service.submit(wanted or request("#a", "#b"))
            run = await service.wait(run_id)
    return EndedRun(run, Home(home).run_folder(run_id), engines)


def failure_code(ended: EndedRun) -> str:
    assert ended.run.failure is not None
    assert ended.run.failure.message
    return ended.run.failure.code


# ---- what goes wrong in a browser


@pytest.mark.parametrize("error", [ElementNotFound("#b", 1.0), BrowserGone("it was killed")])
async def test_an_action_that_fails_fails_the_run_and_names_the_step(
    home: Path, history: History, error: ActionError
) -> None:
    ended = await carry_out(home, Script({"#b": raises(error)}))

    assert ended.run.status is RunStatus.FAILED
    assert failure_code(ended) == error.code
    assert ended.run.failed_step == "click2"
    assert ended.run == history.get(ended.run.id)
    assert ended.engines.open == 0
    last = ended.events[-1].fact
    assert isinstance(last, RunFinished)
    assert last.failure == ended.run.failure
    assert ended.result["run"]["failure"]["code"] == error.code


async def test_a_browser_that_does_not_start_fails_the_run_with_the_reason_and_the_hint(home: Path) -> None:
    error = LaunchFailed("no usable sandbox", hint="allow user namespaces")
    ended = await carry_out(home, Script(launch=raises(error)))

    assert ended.run.status is RunStatus.FAILED
    assert failure_code(ended) == "launch_failed"
    assert ended.run.failure is not None
    assert ended.run.failure.hint == "allow user namespaces"
    assert ended.run.failed_step is None
    assert ended.engines.open == 0


async def test_an_error_wrapped_by_a_task_group_is_told_as_itself(home: Path) -> None:
    wrapped = ExceptionGroup("tasks", [ExceptionGroup("tasks", [LaunchFailed("it is broken")])])
    ended = await carry_out(home, Script(launch=raises(wrapped)))

    assert failure_code(ended) == "launch_failed"


# ---- what takes too long


@pytest.mark.parametrize(
    ("script", "step"),
    [(Script({"#b": hangs}), "click2"), (Script(launch=hangs), None)],
    ids=["step", "launch"],
)
async def test_a_run_that_takes_too_long_fails_at_its_deadline(home: Path, script: Script, step: str | None) -> None:
    ended = await carry_out(home, script, request("#a", "#b", timeout_s=0.3))

    assert ended.run.status is RunStatus.FAILED
    assert failure_code(ended) == "run_timeout"
    assert ended.run.failed_step == step
    assert 300 <= (ended.run.duration_ms or 0) < 3000
    assert ended.engines.open == 0


async def test_the_deadline_of_a_flow_counts_when_the_request_has_none(home: Path) -> None:
    flow = clicks("#a", timeout_ms=300)
    ended = await carry_out(home, Script({"#a": hangs}), RunRequest(flow=flow))

    assert failure_code(ended) == "run_timeout"


async def test_time_in_the_queue_does_not_count(home: Path) -> None:
    begun, go = anyio.Event(), anyio.Event()
    engines = ScriptedEngines(Script({"#first": waits(go, begun=begun)}))
    with fail_after(10):
        async with run_service(home, engines, max_runs=1) as service:
            await service.submit(request("#first"))
            second = await service.submit(request("#a", timeout_s=0.5))
            await begun.wait()
            with anyio.move_on_after(0.8):
                await service.wait(second)
            go.set()
            record = await service.wait(second)

    assert record.status is RunStatus.SUCCEEDED


async def test_a_browser_that_does_not_end_is_left_alone_after_a_while(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_engine, "SHUTDOWN_S", 0.2)
    ended = await carry_out(home, Script(shutdown=hangs))

    assert ended.run.status is RunStatus.SUCCEEDED
    assert [warning.code for warning in ended.warnings] == ["shutdown_slow"]
    assert ended.result["warnings"][0]["code"] == "shutdown_slow"


# ---- bugs


@pytest.mark.parametrize(
    "script",
    [
        Script({"#b": raises(ZeroDivisionError("by zero"))}),
        Script(launch=raises(ZeroDivisionError("by zero"))),
        Script(shutdown=raises(ZeroDivisionError("by zero"))),
        Script({"#b": raises(ExceptionGroup("several", [ZeroDivisionError("by zero"), OSError("too")]))}),
    ],
    ids=["action", "launch", "shutdown", "group"],
)
async def test_a_bug_fails_its_run_and_leaves_a_traceback(home: Path, script: Script) -> None:
    ended = await carry_out(home, script)

    assert ended.run.status is RunStatus.FAILED
    assert failure_code(ended) == "internal_error"
    assert "ZeroDivisionError: by zero" in ended.folder.error_log.read_text()
    assert ended.folder.error_log.stat().st_mode & 0o777 == 0o600
    assert ended.run.failure is not None
    assert "error.log" in ended.run.failure.hint


async def test_a_bug_in_one_run_leaves_the_others_alone(home: Path) -> None:
    go, begun = anyio.Event(), anyio.Event()
    script = Script({"#bug": raises(ZeroDivisionError()), "#wait": waits(go, begun=begun)})
    with fail_after(10):
        async with run_service(home, ScriptedEngines(script), max_runs=2) as service:
            good = await service.submit(request("#wait", "#a"))
            await begun.wait()
            bad = await service.wait(await service.submit(request("#bug")))
            go.set()
            record = await service.wait(good)

    assert bad.status is RunStatus.FAILED
    assert record.status is RunStatus.SUCCEEDED


async def test_a_result_that_cannot_be_written_is_a_warning(home: Path) -> None:
    go, begun = anyio.Event(), anyio.Event()
    with fail_after(10):
        async with run_service(home, ScriptedEngines(Script({"#a": waits(go, begun=begun)}))) as service:
            run_id = await service.submit(request("#a"))
            await begun.wait()
            folder = Home(home).run_folder(run_id)
            (folder.result / "in the way").mkdir(parents=True)
            go.set()
            record = await service.wait(run_id)

    assert record.status is RunStatus.SUCCEEDED
    last = list(read_events(folder.events, run_id))[-1].fact
    assert isinstance(last, Warned)
    assert "result.json" in last.message


# ---- the trace


def write_some_trace(run_dir: Path) -> Path:
    (run_dir / "trace.zip").write_bytes(b"PK")
    return run_dir / "trace.zip"


async def test_a_run_has_a_trace_unless_it_is_asked_not_to(home: Path) -> None:
    traced = await carry_out(home, Script(), traces=write_some_trace)
    untraced = await carry_out(home, Script(), request("#a", trace=False), traces=write_some_trace)

    assert traced.result["trace"] == "trace.zip"
    assert {"name": "trace.zip", "size_bytes": 2} in traced.result["files"]
    assert (untraced.result["trace"], untraced.folder.trace.exists()) == (None, False)


async def test_a_failed_run_has_a_trace_too(home: Path) -> None:
    ended = await carry_out(home, Script({"#a": raises(ElementNotFound("#a", 1))}), traces=write_some_trace)

    assert ended.result["trace"] == "trace.zip"


@pytest.mark.parametrize("error", [TraceNotWritten("no room", hint="make room"), KeyError("a bug")])
async def test_a_trace_that_fails_is_a_warning_and_never_fails_the_run(home: Path, error: Exception) -> None:
    def broken(run_dir: Path) -> Path:
        raise error

    ended = await carry_out(home, Script(), traces=broken)

    assert ended.run.status is RunStatus.SUCCEEDED
    assert [warning.code for warning in ended.warnings] == ["trace_failed"]
    assert ended.result["warnings"][0]["code"] == "trace_failed"
    assert ended.folder.error_log.exists() == isinstance(error, KeyError)


async def test_a_trace_that_takes_too_long_is_not_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "TRACE_S", 0.2)
    release = threading.Event()

    def slow(run_dir: Path) -> Path:
        release.wait(10)
        return run_dir

    begun_s = time.monotonic()
    ended = await carry_out(home, Script(), traces=slow)
    release.set()

    assert time.monotonic() - begun_s < 5
    assert ended.run.status is RunStatus.SUCCEEDED
    assert [warning.code for warning in ended.warnings] == ["trace_failed"]


# ---- what the browser is started with


def test_the_browser_is_started_as_request_and_flow_want_it() -> None:
    flow = clicks(
        "#a",
        browser={"viewport": {"width": 800, "height": 600}, "user_agent": "Flow/1"},
        defaults={"timeout_ms": 1234},
    )

    assert launch_context(RunRequest(flow=clicks("#a"))) == LaunchContext(trace_enabled=True)
    assert launch_context(RunRequest(flow=flow, headed=True, trace=False)) == LaunchContext(
        headless=False, viewport=Viewport(800, 600), user_agent="Flow/1"
    )
    given = LaunchContext(headless=False, proxy="http://proxy", trace_enabled=True, user_agent="Given/1")
    assert launch_context(RunRequest(flow=clicks("#a"), launch=given, trace=False)) == LaunchContext(
        headless=False, proxy="http://proxy", user_agent="Given/1"
    )
