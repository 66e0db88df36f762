"""Eight engines in one browser at the same time: nobody sees, answers or keeps what is another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.loader import EngineLoader
from bykilt.events.model import DialogHandled, DownloadFinished
from bykilt.json_types import JsonObject
from bykilt.practice.loopback import Response
from tests.support.engines import Facts, do, go, js, site_launch
from tests.support.remote_browser import remote_chromium
from tests.support.site import Site

COUNT = 8
ROUNDS = 3
PAGE = """<!doctype html><title>Parallel</title><button id=ask onclick="said.value = prompt('Who?')">Ask</button>
<a id=load download=who.txt>Load</a> <output id=said></output>
<script>load.href = URL.createObjectURL(new Blob([new URL(location).searchParams.get('number')]))</script>"""


@pytest.fixture
def browser_url() -> Iterator[str]:
    """The address of a browser that all attach to."""
    with remote_chromium() as url:
        yield url


async def test_eight_at_a_time_without_cross_talk(
    engine_type: EngineType, site: Site, tmp_path: Path, browser_url: str
) -> None:
    """Contract, both engines: cookies, storage, interception, dialogs, downloads, emulation."""
    site.set_page("/parallel", PAGE)
    site.on("/cookies", lambda request: Response(body=dict(request.headers).get("cookie", "").encode()))
    seen: list[list[Any]] = [[] for _ in range(COUNT)]
    launched: list[int] = []
    all_launched = anyio.Event()

    async def one(number: int) -> None:
        facts = Facts()
        engine = EngineLoader.load_engine(engine_type, facts=facts, artifact_dir=tmp_path / str(number))
        async with engine:
            await engine.launch(site_launch(cdp_url=browser_url, dialog_policy="accept", dialog_text=f"text {number}"))
            launched.append(number)
            if len(launched) == COUNT:
                all_launched.set()
            # A dialog that opens while Playwright attaches to the same browser may be dismissed by it.
            await all_launched.wait()
            await _prepare(engine, number)
            for _ in range(ROUNDS):
                await go(engine, site.url(f"parallel?number={number}"))
                seen[number].append(await _look(engine, site, number))
            dialogs = facts.of(DialogHandled)
            assert [dialog.answer for dialog in dialogs] == ["accepted"] * ROUNDS
            assert len(facts.of(DownloadFinished)) == ROUNDS

    async with anyio.create_task_group() as group:
        for number in range(COUNT):
            group.start_soon(one, number)

    for number in range(COUNT):
        assert seen[number] == [_expected(number, round_number) for round_number in range(1, ROUNDS + 1)]


async def _prepare(engine: BrowserEngine, number: int) -> None:
    await do(engine, "set_cookie", name="who", value=f"cookie-{number}", domain="127.0.0.1")
    rule: JsonObject = {"url": "*/answered", "fulfill": {"body": f"rule {number}"}}
    result = await engine.enable_network_interception(["*/answered"], [rule])
    assert result.success, result.error
    await do(engine, "emulate", viewport={"width": 400 + number, "height": 300})


async def _look(engine: BrowserEngine, site: Site, number: int) -> list[Any]:
    visits = await js(engine, "localStorage.visits = Number(localStorage.visits ?? 0) + 1")
    sent = await js(engine, "fetch('/cookies').then(answer => answer.text())")
    answered = await js(engine, "fetch('/answered').then(answer => answer.text())")
    await do(engine, "click", selector="#ask")
    said = await js(engine, "said.value")
    loaded = await do(engine, "wait_for_download", action={"type": "click", "selector": "#load"})
    content = await anyio.Path(loaded["path"]).read_text()
    recorded = len(await engine.get_intercepted_requests())
    return [visits, sent, answered, said, content, recorded, await js(engine, "innerWidth")]


def _expected(number: int, visits: int) -> list[Any]:
    return [
        visits,
        f"who=cookie-{number}",
        f"rule {number}",
        f"text {number}",
        str(number),
        visits,
        400 + number,
    ]
