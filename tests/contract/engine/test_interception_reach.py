"""Requests held back, and those of popups, frames, workers, redirects and servers that ask for a password."""

from __future__ import annotations

import json

import anyio

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import NewEngine, do, fails, go, js, recorded, site_launch
from tests.support.interception import FETCH, fetch, rule, seen, until_recorded
from tests.support.site import Site

# ---- delays


async def test_a_request_is_delayed(engine: BrowserEngine, site: Site) -> None:
    """Specification: the others are not."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/late", delay_ms=300)

    order = await js(
        engine,
        "(async () => { const done = []; const get = (p) => fetch(p).then(() => done.push(p));"
        " const start = performance.now(); await Promise.all([get('/hit/late'), get('/hit/early')]);"
        " return [done, performance.now() - start]; })()",
    )

    assert order[0] == ["/hit/early", "/hit/late"]
    assert order[1] >= 290
    assert (await seen(engine, "/hit/late"))["delayed_ms"] == 300


async def test_what_is_held_back_goes_on_when_the_interception_ends(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: nothing is left hanging."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/held", delay_ms=60_000)
    await js(engine, "void (window.held = fetch('/hit/held').then((a) => a.status)); ")
    await until_recorded(engine)
    assert site.hits("/hit/held") == 0

    await engine.disable_network_interception()

    assert await js(engine, "window.held") == 204
    assert site.hits("/hit/held") == 1


async def test_a_page_may_go_away_while_its_request_is_held_back(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: neither its closing nor the next page waits for it."""
    page = (await do(engine, "new_tab", url=site.url("a.html")))["page"]
    await rule(engine, url="/hit/held", delay_ms=60_000)
    await js(engine, "void fetch('/hit/held')", page=page)
    await until_recorded(engine)

    await do(engine, "close_tab", page=page)
    await go(engine, site.url("b.html"))

    assert site.hits("/hit/held") == 0


async def test_a_navigation_leaves_a_request_that_is_held_back(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/held", delay_ms=60_000)
    await js(engine, "void fetch('/hit/held')")

    await go(engine, site.url("b.html"))

    assert site.hits("/hit/held") == 0


async def test_the_engine_ends_while_a_request_is_held_back(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: in time, with nothing left."""
    engine = new_engine()
    await engine.launch(site_launch())
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/held", delay_ms=60_000)
    await js(engine, "void fetch('/hit/held')")

    with anyio.fail_after(10):
        await engine.shutdown()


# ---- where


async def test_a_popup_is_intercepted_from_its_first_request_on(engine: BrowserEngine, site: Site) -> None:
    """Specification: its document too."""
    await go(engine, site.url("a.html"))
    await rule(
        engine, url="/popup-page", fulfill={"headers": {"Content-Type": "text/html"}, "body": "<title>Ours</title>"}
    )

    opened = await do(
        engine,
        "wait_for_popup",
        action={"type": "evaluate_js", "expression": "void window.open('/popup-page')"},
    )

    await do(engine, "wait_for", page=opened["page"], expression="document.title === 'Ours'")
    assert site.hits("/popup-page") == 0


async def test_a_frame_of_another_site_is_intercepted(engine: BrowserEngine, site: Site) -> None:
    """Specification: its document and what it loads."""
    other = site.other_url("a.html", cross_site=True)
    site.set_page("/outer", f'<iframe name="inner" src="{other}"></iframe>')
    await rule(engine, url="localhost/hit/*", fulfill={"body": "answered"})
    await go(engine, site.url("outer"))

    answer = await js(engine, FETCH, "/hit/inside", frame="inner")

    assert answer["text"] == "answered"
    assert site.hits("/hit/inside") == 0


async def test_a_worker_is_intercepted(engine: BrowserEngine, site: Site) -> None:
    """Specification: what a worker asks for."""
    site.set_page(
        "/worker.js",
        "fetch('/hit/worker').then((a) => a.text()).then((text) => postMessage(text), (e) => postMessage(e.name))",
        content_type="text/javascript",
    )
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/worker", fulfill={"body": "answered"})

    told = await js(engine, "new Promise((done) => { new Worker('/worker.js').onmessage = (e) => done(e.data); })")

    assert told == "answered"
    assert site.hits("/hit/worker") == 0


async def test_a_service_worker_is_intercepted(engine: BrowserEngine, site: Site) -> None:
    """Specification: what it asks for by itself."""
    site.set_page(
        "/service.js",
        """addEventListener("activate", (event) => event.waitUntil(clients.claim()));
        addEventListener("message", async (event) => {
            event.source.postMessage(await (await fetch("/hit/service")).text());
        });""",
        content_type="text/javascript",
    )
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/service", fulfill={"body": "answered"})

    told = await js(
        engine,
        """(async () => {
            const told = new Promise((done) => { navigator.serviceWorker.onmessage = (event) => done(event.data); });
            await navigator.serviceWorker.register("/service.js");
            (await navigator.serviceWorker.ready).active.postMessage("go");
            return await told;
        })()""",
    )
    await js(engine, "navigator.serviceWorker.ready.then((found) => found.unregister())")

    assert told == "answered"
    assert site.hits("/hit/service") == 0


async def test_each_hop_of_a_redirect_is_a_request(engine: BrowserEngine, site: Site) -> None:
    """Contract: a redirect does not lead around a rule."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/*", block=True)

    assert "failed" in await fetch(engine, "/redirect?to=/hit/hidden")

    assert site.hits("/hit/hidden") == 0


async def test_two_browsers_do_not_share_their_rules(engine: BrowserEngine, new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines."""
    other = new_engine()
    await other.launch(site_launch())
    await rule(engine, url="/hit/*", block=True)
    await go(other, site.url("a.html"))

    assert (await fetch(other, "/hit/free"))["status"] == 204
    assert await recorded(other) == []


# ---- passwords


async def test_a_server_that_asks_gets_the_password(engine: BrowserEngine, site: Site) -> None:
    """Specification: and the password is in no record."""
    await rule(engine, url="127.0.0.1/basic*", auth={"username": "aiko", "password": "practice"})

    assert (await go(engine, site.url("basic")))["status"] == 200

    assert await js(engine, "document.title") == "Inside"
    assert "practice" not in json.dumps(await engine.get_intercepted_requests())


async def test_a_wrong_password_is_not_tried_for_ever(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the server's refusal is shown."""
    await rule(engine, url="/basic", auth={"username": "aiko", "password": "wrong"})

    assert (await go(engine, site.url("basic?user=other")))["status"] == 401


# ---- mistakes


async def test_a_rule_that_makes_no_sense_is_refused(engine: BrowserEngine) -> None:
    """Contract, both engines: with its place, and nothing is changed."""
    result = await fails(engine, "intercept_network", "invalid_action", rules=[{"block": True}, {"fail": "boom"}])

    assert "[1]: fail" in str(result.error)
    assert result.metadata["field"] == "rules"
