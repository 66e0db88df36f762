"""The page in the stock viewer, in a real Chromium: what a run on either engine left can be looked into."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.loader import EngineLoader
from bykilt.trace.viewer_server import ViewerServer
from tests.support.engines import do, go, js, site_launch
from tests.support.made_run import png
from tests.support.site import Site
from tests.support.traced_run import RUN, traced_run

SHOWN = "iframe.snapshot-visible"

SHOP = """<!doctype html><title>Shop</title><link rel=stylesheet href=/shop.css>
<h1>Tea shop</h1><input id=name><input id=pin type=password><select id=kind><option>green<option>black</select>
<button id=buy onclick="document.querySelector('h1').textContent = 'Sold'">Buy</button>
<div id=host><template shadowrootmode=open><p id=inside>in the shadow</p></template></div>
<iframe src="/shelf" width=300 height=80></iframe><img id=dot src=/dot.png>
<div id=box style="height:50px;overflow:auto"><div style="height:900px">long</div></div>
<script>
  const adopted = new CSSStyleSheet(); adopted.replaceSync('#inside { color: rgb(7, 8, 9) }');
  document.getElementById('host').shadowRoot.adoptedStyleSheets = [adopted];
  window.alive = true;
</script>"""


@pytest.fixture(params=list(EngineType), ids=str)
def engine_type(request: pytest.FixtureRequest) -> EngineType:
    chosen: EngineType = request.param
    return chosen


@pytest.fixture
async def viewer(tmp_path: Path) -> AsyncIterator[BrowserEngine]:
    engine = EngineLoader.load_engine("cdp", artifact_dir=tmp_path / "viewer")
    with anyio.fail_after(60):
        await engine.launch(site_launch(viewport={"width": 1400, "height": 850}, timeout_ms=10_000))
        try:
            yield engine
        finally:
            await engine.shutdown()


async def record(engine_type: EngineType, site: Site, folder: Path) -> None:
    """Buy some tea."""
    site.set_page("/shop", SHOP)
    site.set_page("/shop.css", "h1 { color: rgb(1, 2, 3) }", content_type="text/css")
    site.set_page("/dot.png", png(200, 0, 0, 20, 10), content_type="image/png")
    site.set_page("/shelf", "<!doctype html><p id=tea>Sencha</p>")
    async with traced_run(engine_type, folder) as engine:
        await go(engine, site.url("shop"))
        await do(engine, "fill", selector="#name", text="Aiko")
        await do(engine, "fill", selector="#pin", text="hunter2")
        await do(engine, "select_option", selector="#kind", label="black")
        await js(engine, "document.getElementById('box').scrollTop = 120; null")
        await do(engine, "click", selector="#buy")


async def choose(viewer: BrowserEngine, row: int, tab: str, seen: str) -> None:
    """Choose an action by its row, and one of its moments; wait until the page shows a text."""
    await js(viewer, f"document.querySelectorAll('.action-title')[{row}].click()")
    await do(viewer, "click", selector=f'role=tab[name="{tab}"]')
    # The viewer has two frames, and shows one while the other loads.
    shown = f"document.querySelector('{SHOWN}')?.contentDocument?.body?.textContent.includes({seen!r})"
    await do(viewer, "wait_for", expression=shown)


async def test_the_page_can_be_looked_into(
    viewer: BrowserEngine, engine_type: EngineType, site: Site, tmp_path: Path
) -> None:
    await record(engine_type, site, tmp_path)
    with ViewerServer(tmp_path / RUN / "trace.zip") as server:
        await go(viewer, server.url)
        await do(viewer, "wait_for", selector=".action-title")
        await choose(viewer, 5, "Before", "Tea shop")

        async def seen(expression: str, **fields: Any) -> Any:
            return await js(viewer, expression, **({"frame": SHOWN} | fields))

        assert await seen("document.getElementById('name').value") == "Aiko"
        assert await seen("document.getElementById('pin').value") == "••••••••"
        assert await seen("document.getElementById('kind').value") == "black"
        assert await seen("document.getElementById('box').scrollTop") == 120
        assert await seen("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
        inside = "document.getElementById('host').shadowRoot.getElementById('inside')"
        assert await seen(f"{inside}.textContent") == "in the shadow"
        assert await seen(f"getComputedStyle({inside}).color") == "rgb(7, 8, 9)"
        assert await seen("document.getElementById('dot').naturalWidth") == 20
        assert await seen("typeof window.alive") == "undefined"
        await do(viewer, "wait_for", frame="*frameId=*", text="Sencha")

        await choose(viewer, 5, "After", "Sold")
        await choose(viewer, 0, "After", "Tea shop")
        assert await seen("document.getElementById('name').value") == ""
        await choose(viewer, 5, "After", "Sold")
        await choose(viewer, 5, "Action", "Tea shop")
        assert await seen("document.querySelectorAll('x-pw-pointer').length") == 1


async def test_a_page_that_is_too_large_is_shown_as_its_picture(
    viewer: BrowserEngine, engine_type: EngineType, site: Site, tmp_path: Path
) -> None:
    """Else the viewer would show the page as it was some actions before."""
    site.set_page("/shop", SHOP)
    async with traced_run(engine_type, tmp_path, trace_dom_max_nodes=200) as engine:
        await go(engine, site.url("shop"))
        await js(engine, "document.body.append(...Array.from({length: 250}, () => document.createElement('p')))")
    with ViewerServer(tmp_path / RUN / "trace.zip") as server:
        await go(viewer, server.url)
        await do(viewer, "wait_for", selector=".action-title")
        await choose(viewer, 0, "After", "Tea shop")
        await js(viewer, "document.querySelectorAll('.action-title')[1].click()")
        picture = f"document.querySelector('{SHOWN}').contentDocument.querySelector('img[alt^=\"only a picture\"]')"
        await do(viewer, "wait_for", expression=f"{picture}?.naturalWidth === 1000")
        await do(viewer, "click", selector='role=tab[name="Log"]')
        await do(viewer, "wait_for", text="only the picture of the page is kept: it has more than 200 nodes")


async def test_a_hostile_page_does_nothing_in_the_viewer(
    viewer: BrowserEngine, engine_type: EngineType, site: Site, tmp_path: Path
) -> None:
    site.set_page("/evil", HOSTILE)
    async with traced_run(engine_type, tmp_path) as engine:
        await go(engine, site.url("evil"))
        await do(engine, "click", selector="#go")
    with ViewerServer(tmp_path / RUN / "trace.zip") as server:
        await go(viewer, server.url)
        await do(viewer, "wait_for", selector=".action-title")
        await choose(viewer, 1, "After", "went on")
        await js(viewer, "document.getElementById('link').click()", frame=SHOWN)
        found = "[typeof window.evil, typeof parent.evil, document.querySelectorAll('script').length, document.title]"
        assert await js(viewer, found, frame=SHOWN) == ["undefined", "undefined", 1, "</title><script>evil=1</script>"]
    assert site.hits("/stolen") == 0


HOSTILE = """<!doctype html><title></title><style id=style></style>
<a id=link href="javascript:parent.evil=1">link</a><button id=go onclick="goOn()">Go</button><p id=p></p>
<svg><script>window.evil = 1</script><a xlink:href="javascript:evil=1"><animate onbegin="parent.evil=1" /></a></svg>
<template __playwright_shadow_root_=open><img src=x onerror="parent.evil=1"></template>
<iframe __playwright_src__="/snapshot/x" srcdoc="<script>parent.parent.evil=1</script>"></iframe>
<object data="data:text/html,<script>parent.evil=1</script>"></object><base href="//evil.example/">
<script>
  document.title = "</title><script>evil=1</" + "script>";
  document.getElementById('style').textContent = "</style><script>evil=1</" + "script>";
  const odd = document.createElement('p');
  odd.innerHTML = `<b x"onclick=evil=1 y'=1 <=2>odd</b>`;
  document.body.append(odd);
  for (const name of ['nodeName', 'firstChild', 'attributes', 'childNodes'])
    Object.defineProperty(Node.prototype, name, { get() { throw new Error('patched'); } });
  Array.prototype.join = () => '<script>evil=1</' + 'script>';
  WeakMap.prototype.get = () => ({ number: 1, index: 0 });
  function goOn() { document.getElementById('p').textContent = 'went on'; }
</script>"""


class Blotter:
    """Masks one word, however it is written."""

    def mask(self, text: str) -> str:
        return text.replace("sesame", "******").replace("%73esame", "******")


async def test_what_the_redactor_knows_is_nowhere_in_the_trace(
    engine_type: EngineType, site: Site, tmp_path: Path
) -> None:
    site.set_page("/sesame", SECRETS)
    site.set_page("/open-sesame.css", "p::before { content: 'sesame' }", content_type="text/css")
    async with traced_run(engine_type, tmp_path, Blotter(), record_har="bodies") as engine:
        await go(engine, site.url("sesame"))
        await do(engine, "fill", selector="#a", text="open sesame")
        await js(engine, "console.log('sesame'); document.styleSheets[0].insertRule('b { --x: sesame }'); 'sesame'")
        await engine.dispatch({"type": "click", "selector": "#sesame", "timeout_ms": 100})
    run_dir = tmp_path / RUN
    with zipfile.ZipFile(run_dir / "trace.zip") as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    texts |= {str(path): path.read_bytes() for path in (run_dir / "trace").rglob("*") if path.is_file()}
    texts["network.har"] = (run_dir / "network.har").read_bytes()
    assert [name for name, data in texts.items() if b"******" in data]
    assert [name for name, data in texts.items() if b"sesame" in data.lower()] == []


SECRETS = """<!doctype html><title>sesame</title><link rel=stylesheet href=/open-sesame.css>
<style>p { --y: 'sesame' }</style>
<input id=a><p data-x="sesame" class=sesame>sesame</p><a href="/to?word=sesame">x</a><b data-sesame=1>x</b>
<iframe srcdoc="<i>sesame</i>"></iframe>"""
