"""`network.har`: the requests of a browser as an archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.browser.launch.executable import find_chromium
from bykilt.errors import InvalidInput
from tests.support.engines import NewEngine, go, js, site_launch
from tests.support.site import Site


async def recorded(engine: BrowserEngine, site: Site, folder: Path, **settings: Any) -> dict[str, Any]:
    """Return the archive of a short visit."""
    await engine.launch(site_launch(**settings))
    site.set_page("/tea", "<title>Tea</title><script src='/large?mb=1'></script>")
    await go(engine, site.url("tea"))
    await js(engine, "fetch('/cookie?name=session&value=x').then((answer) => answer.text())")
    await js(
        engine,
        "fetch('/echo', { method: 'POST', body: 'two cups', headers: { Authorization: 'Bearer hunter2' } })"
        ".then((answer) => answer.text())",
    )
    await js(engine, "fetch('/redirect?to=/b.html').then((answer) => answer.text())")
    await js(engine, "fetch('/reset').catch(() => 0)")
    await engine.shutdown()
    document: dict[str, Any] = json.loads((folder / "network.har").read_bytes())
    return document["log"]  # type: ignore[no-any-return]


def entry_of(log: dict[str, Any], ending: str) -> dict[str, Any]:
    """Return the one entry whose address ends so."""
    (found,) = [entry for entry in log["entries"] if entry["request"]["url"].endswith(ending)]
    return found  # type: ignore[no-any-return]


async def test_the_archive_has_every_request(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Specification: in the form of HAR 1.2, oldest first."""
    log = await recorded(new_engine(artifact_dir=tmp_path), site, tmp_path, record_har="headers")

    assert log["version"] == "1.2"
    assert log["creator"]["name"] == "bykilt"
    pages = [page["id"] for page in log["pages"]]
    times = [entry["startedDateTime"] for entry in log["entries"]]
    assert times == sorted(times)
    for entry in log["entries"]:
        assert entry["pageref"] in pages
        assert set(entry) >= {"startedDateTime", "time", "request", "response", "cache", "timings"}
        assert set(entry["request"]) >= {"method", "url", "httpVersion", "cookies", "headers", "queryString"}
        assert set(entry["response"]) >= {"status", "statusText", "httpVersion", "cookies", "headers", "content"}
        assert all(entry["timings"][part] >= 0 for part in ("send", "wait", "receive"))
        assert "text" not in entry["response"]["content"]
    assert entry_of(log, "/tea")["response"]["status"] == 200
    assert entry_of(log, "/redirect?to=/b.html")["response"]["redirectURL"] == "/b.html"
    assert entry_of(log, site.url("b.html"))["response"]["status"] == 200
    assert entry_of(log, "/reset")["response"]["_failureText"]
    assert {"name": "mb", "value": "1"} in entry_of(log, "/large?mb=1")["request"]["queryString"]


async def test_credentials_are_not_in_the_archive(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Specification: their names are, their values are not."""
    log = await recorded(new_engine(artifact_dir=tmp_path), site, tmp_path, record_har="headers")

    sent = {each["name"].lower(): each["value"] for each in entry_of(log, "/echo")["request"]["headers"]}
    assert sent["authorization"] == "***"
    assert "hunter2" not in json.dumps(log)
    assert "session=x" not in json.dumps(log)


async def test_the_archive_has_bodies_within_the_limit(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Specification: what was sent and what came; a larger one is left out, and that is said."""
    log = await recorded(
        new_engine(artifact_dir=tmp_path), site, tmp_path, record_har="bodies", har_max_body_bytes=100_000
    )

    assert "<title>Tea</title>" in entry_of(log, "/tea")["response"]["content"]["text"]
    echo = entry_of(log, "/echo")
    assert echo["request"]["postData"]["text"] == "two cups"
    assert json.loads(echo["response"]["content"]["text"])["body"] == "two cups"
    large = entry_of(log, "/large?mb=1")["response"]["content"]
    assert "text" not in large
    assert "limit" in large["comment"]


async def test_playwright_plays_the_archive_back(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: a page is shown again with no server behind it."""
    await recorded(new_engine(artifact_dir=tmp_path), site, tmp_path, record_har="bodies")
    site.forget()

    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=find_chromium())
        page = await browser.new_page()
        await page.route_from_har(tmp_path / "network.har")
        await page.goto(site.url("tea"))
        title = await page.title()
        await browser.close()

    assert title == "Tea"
    assert site.requests() == []


async def test_without_asking_there_is_no_archive(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    engine = new_engine(artifact_dir=tmp_path)
    await engine.launch(site_launch())
    await go(engine, site.url("a.html"))
    await engine.shutdown()

    assert not (tmp_path / "network.har").exists()


@pytest.mark.parametrize("settings", [{"record_har": "all"}, {"record_har": "bodies", "har_max_body_bytes": -1}])
async def test_a_setting_that_makes_no_sense_is_refused(new_engine: NewEngine, settings: dict[str, Any]) -> None:
    """Contract, both engines: before anything is started."""
    with pytest.raises(InvalidInput):
        await new_engine().launch(site_launch(**settings))
