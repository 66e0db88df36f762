"""Actions that send a frame to another document: they wait for it, as they do for that of the page."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, go, js
from tests.support.site import Site

# Longer than an action that waits for nothing takes.
SLOW = "/slow?ms=400&as=html"
PAGE = f"""<title>Here</title>
<a id=link href='{SLOW}'>Elsewhere</a> <a id=other href='{SLOW}' target=second>Beside</a>
<button id=script onclick="location.href = '{SLOW}'">By script</button>
<a id=tab href='/a.html' target=_blank>A tab</a> <a id=file href='/download/slow.bin?size=10'>A file</a>
<a id=empty href='/hit/empty'>Nothing</a>
<form action='/slow'><input type=hidden name=ms value=400><input type=hidden name=as value=html>
<input id=text><input id=tick type=checkbox onchange='this.form.submit()'>
<select id=pick onchange='this.form.submit()'><option>a<option>b</select></form>"""


def outer_page(site: Site, *, cross_site: bool) -> str:
    """Serve a page with that page in a frame, of this site or of another; return its address."""
    site.set_page("/inner.html", PAGE)
    inner = site.other_url("inner.html", cross_site=True) if cross_site else site.url("inner.html")
    site.set_page(
        "/outer.html",
        f"<title>Outer</title><a id=into href='{SLOW}' target=frame>Into</a>"
        f"<iframe name=frame src='{inner}'></iframe><iframe name=second></iframe>",
    )
    return site.url("outer.html")


ACTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "link": ("click", {"selector": "#link"}),
    "double click": ("dblclick", {"selector": "#link"}),
    "script": ("click", {"selector": "#script"}),
    "Enter": ("press", {"selector": "#text", "key": "Enter"}),
    "tick": ("check", {"selector": "#tick"}),
    "choice": ("select_option", {"selector": "#pick", "label": "b"}),
}


@pytest.mark.parametrize("cross_site", [False, True], ids=["same site", "other site"])
@pytest.mark.parametrize("how", ACTIONS)
async def test_an_action_waits_for_the_frames_slow_document(
    engine: BrowserEngine, site: Site, how: str, cross_site: bool
) -> None:
    """Contract, both engines: in the page's own process and in another one; the page itself stays."""
    url = outer_page(site, cross_site=cross_site)
    await go(engine, url)
    action, fields = ACTIONS[how]

    await do(engine, action, frame="frame", **fields)

    assert "/slow" in await js(engine, "location.href", frame="frame", timeout_ms=300)
    assert engine.current_url == url


async def test_a_click_waits_for_the_document_of_a_frame_beside(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: by its name, from inside another frame and from the page."""
    await go(engine, outer_page(site, cross_site=False))

    await do(engine, "click", frame="frame", selector="#other")
    assert "/slow" in await js(engine, "location.href", frame="second")

    await do(engine, "click", selector="#into")
    assert "/slow" in await js(engine, "location.href", frame="frame")


@pytest.mark.parametrize("link", ["#tab", "#file", "#empty"])
async def test_a_click_that_gives_the_frame_no_document_ends(engine: BrowserEngine, site: Site, link: str) -> None:
    """Contract, both engines: a tab, a download and an answer without content leave the frame as it is."""
    await go(engine, outer_page(site, cross_site=False))

    await do(engine, "click", frame="frame", selector=link, timeout_ms=8_000)

    assert (await js(engine, "location.href", frame="frame")).endswith("/inner.html")


async def test_a_click_need_not_wait_for_the_frame(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with no_wait_after."""
    site.set_page("/outer.html", "<title>Outer</title><iframe name=frame src='/inner.html'></iframe>")
    site.set_page("/inner.html", "<title>Here</title><a id=link href='/slow?ms=20000&as=html'>Elsewhere</a>")
    await go(engine, site.url("outer.html"))

    await do(engine, "click", frame="frame", selector="#link", no_wait_after=True, timeout_ms=8_000)


@pytest.mark.parametrize("action", ["wait_for", "click"])
async def test_a_frame_that_moves_to_another_process_is_waited_through(
    engine: BrowserEngine, site: Site, action: str
) -> None:
    """Contract, both engines: what was waited for in the frame's first document is found in that of another site."""
    site.set_page("/late.html", "<title>Late</title><button id=late onclick='document.title = 7'>Late</button>")
    elsewhere = site.other_url("late.html", cross_site=True)
    site.set_page(
        "/outer.html",
        "<title>Outer</title><iframe name=frame src='/inner.html'></iframe><script>"
        f"setTimeout(() => {{ document.querySelector('iframe').src = '{elsewhere}'; }}, 400)</script>",
    )
    site.set_page("/inner.html", "<title>Inner</title>Nothing yet")
    await go(engine, site.url("outer.html"))
    assert await js(engine, "document.title", frame="frame") == "Inner"

    await do(engine, action, frame="frame", selector="#late", timeout_ms=8_000)

    assert await js(engine, "location.href", frame="frame") == elsewhere
    assert await js(engine, "document.title", frame="frame") == ("7" if action == "click" else "Late")
