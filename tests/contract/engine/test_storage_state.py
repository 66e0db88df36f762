"""What a browser remembers: written into one document, and there again in the next browser, of either engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.loader import EngineLoader
from bykilt.errors import InvalidInput
from bykilt.events.model import PageOpened
from tests.support.engines import Facts, NewEngine, do, go, js, site_launch
from tests.support.site import Site

FILL = """(async () => {
  localStorage.setItem("theme", "濃い");
  const opening = indexedDB.open("shop", 3);
  opening.onupgradeneeded = () => {
    const orders = opening.result.createObjectStore("orders", {keyPath: "id", autoIncrement: true});
    orders.createIndex("by-city", "city", {unique: false});
    opening.result.createObjectStore("odd");
  };
  const database = await new Promise(done => opening.onsuccess = () => done(opening.result));
  const writing = database.transaction(["orders", "odd"], "readwrite");
  writing.objectStore("orders").put({city: "Osaka", lines: [1, 2.5, null, true]});
  const odd = {when: new Date(86400000), big: 12345678901234567890n, none: undefined, not: NaN, minus: -0};
  odd.bytes = new Uint8Array([0, 1, 255]); odd.map = new Map([["a", new Set([1])]]); odd.self = odd;
  writing.objectStore("odd").put(odd, new Date(0));
  await new Promise(done => writing.oncomplete = done);
  database.close();
})()"""

READ = """(async () => {
  const opening = indexedDB.open("shop");
  const database = await new Promise(done => opening.onsuccess = () => done(opening.result));
  const ask = request => new Promise(done => request.onsuccess = () => done(request.result));
  const reading = database.transaction(["orders", "odd"]);
  const order = await ask(reading.objectStore("orders").index("by-city").get("Osaka"));
  const odd = await ask(reading.objectStore("odd").get(new Date(0)));
  const found = {
    theme: localStorage.getItem("theme"), version: database.version, order,
    odd: [odd.when.getTime(), String(odd.big), "none" in odd, Number.isNaN(odd.not), Object.is(odd.minus, -0),
          [...odd.bytes], odd.map.get("a").has(1), odd.self === odd],
    cookie: document.cookie,
  };
  database.close();
  return found;
})()"""

FOUND = {
    "theme": "濃い",
    "version": 3,
    "order": {"id": 1, "city": "Osaka", "lines": [1, 2.5, None, True]},
    "odd": [86400000, "12345678901234567890", True, True, True, [0, 1, 255], True, True],
    "cookie": "flavour=green",
}


async def filled(engine: BrowserEngine, site: Site) -> None:
    """Let a page of the site store everything that there is."""
    await go(engine, site.url("a.html"))
    await js(engine, FILL)
    await do(engine, "set_cookie", name="flavour", value="green")


async def test_what_one_browser_remembers_the_next_one_begins_with(
    new_engine: NewEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: cookies, localStorage and IndexedDB, with values that JSON has no words for."""
    first = new_engine(artifact_dir=tmp_path)
    await first.launch(site_launch())
    await filled(first, site)

    saved = await do(first, "save_storage_state", path="state.json")

    assert saved["origins"] == [site.origin]
    second = new_engine()
    await second.launch(site_launch(storage_state=saved["path"]))
    await go(second, site.url("a.html"))
    assert await js(second, READ) == FOUND
    assert "flavour=green" in dict(site.requests("/a.html")[-1].headers).get("cookie", "")


@pytest.mark.parametrize("other", list(EngineType), ids=lambda other: f"to-{other}")
async def test_either_engine_begins_with_what_the_other_wrote(
    engine_type: EngineType, other: EngineType, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: it is one document, that of Playwright."""
    async with EngineLoader.load_engine(engine_type, artifact_dir=tmp_path) as first:
        await first.launch(site_launch())
        await filled(first, site)
        saved = await do(first, "save_storage_state")
    async with EngineLoader.load_engine(other) as second:
        await second.launch(site_launch(storage_state=saved["path"]))
        await go(second, site.url("a.html"))
        assert await js(second, READ) == FOUND


async def test_the_file_is_for_its_owner_alone(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: it holds sessions."""
    engine = new_engine(artifact_dir=tmp_path)
    await engine.launch(site_launch())
    await filled(engine, site)

    saved = Path((await do(engine, "save_storage_state"))["path"])

    assert (await anyio.Path(saved).stat()).st_mode & 0o777 == 0o600
    assert saved.is_relative_to(tmp_path)


async def test_no_fact_holds_a_value(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: neither what is stored nor a page of ours shows in the events."""
    await go(engine, site.url("a.html"))
    await js(engine, "localStorage.setItem('token', 'k' + 7731)")
    facts.heard.clear()

    await do(engine, "save_storage_state")

    assert "k7731" not in repr(facts.heard)
    assert not facts.of(PageOpened)


async def test_no_server_hears_of_it(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what is stored is read without a request."""
    await go(engine, site.url("a.html"))
    await js(engine, "localStorage.setItem('theme', 'dark')")
    site.forget()

    await do(engine, "save_storage_state")

    assert not [request for request in site.requests() if request.path != "/favicon.ico"]


async def test_frames_of_other_origins_count(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what a foreign frame stored is kept, under the place where it stored it."""
    await go(engine, site.url("a.html"))
    await js(engine, "localStorage.setItem('theme', 'dark')")
    await go(engine, site.other_url("a.html", cross_site=True))
    await js(engine, "localStorage.setItem('theme', 'light')")

    saved = await do(engine, "save_storage_state")

    assert sorted(saved["origins"]) == sorted([site.origin, site.cross_site_origin])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is no JSON object"),
        ("[]", "is no JSON object"),
        ('{"cookies": {}}', "cookies is no list"),
        ('{"cookies": [{"name": "a"}]}', r"cookies\[0\] is no cookie"),
        ('{"origins": [{"origin": "shop"}]}', r"origins\[0\] has no origin"),
        ('{"origins": [{"origin": "http://a.test", "localStorage": 3}]}', r"origins\[0\].localStorage is no list"),
    ],
)
async def test_a_document_that_is_none(new_engine: NewEngine, tmp_path: Path, content: str, reason: str) -> None:
    """Contract, both engines: refused with the place, before anything starts."""
    file = tmp_path / "state.json"
    file.write_text(content)

    with pytest.raises(InvalidInput, match=reason):
        await new_engine().launch(site_launch(storage_state=file))


async def test_a_file_that_is_not_there(new_engine: NewEngine, tmp_path: Path) -> None:
    """Contract, both engines."""
    with pytest.raises(InvalidInput, match="cannot be read"):
        await new_engine().launch(site_launch(storage_state=tmp_path / "none.json"))


async def test_a_document_instead_of_a_file(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: a Python caller need not write one."""
    state: dict[str, Any] = {
        "cookies": [],
        "origins": [{"origin": site.origin, "localStorage": [{"name": "theme", "value": "dark"}]}],
    }
    engine = new_engine()
    await engine.launch(site_launch(storage_state=json.loads(json.dumps(state))))

    await go(engine, site.url("a.html"))

    assert await js(engine, "localStorage.getItem('theme')") == "dark"
