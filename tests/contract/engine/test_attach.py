"""A browser that runs elsewhere: reached by its address, with what it asks for in headers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from bykilt.browser.cdp.endpoint import websocket_address
from bykilt.browser.engine.errors import LaunchFailed
from bykilt.errors import InvalidInput
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, go, js, site_launch
from tests.support.remote_browser import Door, remote_chromium
from tests.support.site import Site

SECRET = "Bearer s3cr3t-of-the-door"


@pytest.fixture(scope="module")
def remote() -> Iterator[str]:
    """A Chromium on this machine that nobody of us has started."""
    with remote_chromium() as url:
        yield url


@pytest.fixture
def door(remote: str) -> Iterator[Door]:
    """A port before it that asks for a header."""
    port = urlsplit(remote).port
    assert port is not None
    with Door(port, "Authorization", SECRET) as door:
        yield door


@pytest.mark.parametrize("form", ["http://127.0.0.1:{port}", "http://127.0.0.1:{port}/", "ws"])
async def test_a_browser_behind_a_login_is_reached_with_headers(
    new_engine: NewEngine, site: Site, door: Door, remote: str, form: str
) -> None:
    """Contract, both engines: by either form of address; every connection carries them."""
    url = form.format(port=door.port)
    if form == "ws":
        url = await websocket_of(remote, door.port)
    engine = new_engine()

    await engine.launch(site_launch(viewport=VIEWPORT, cdp_url=url, cdp_headers={"Authorization": SECRET}))
    await go(engine, site.url("a.html"))

    assert await js(engine, "document.title")
    assert site.hits("/a.html") == 1
    assert door.refused == 0
    assert door.seen


async def websocket_of(remote: str, port: int) -> str:
    """Return the browser's own `ws://` address, at another port."""
    found = await websocket_address(remote, timeout_s=5)
    return urlsplit(found)._replace(netloc=f"127.0.0.1:{port}").geturl()


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wr0ng-one"}])
async def test_without_the_right_header_there_is_no_browser(
    new_engine: NewEngine, door: Door, headers: dict[str, str], scheme: str
) -> None:
    """Contract, both engines: what was sent stands in no error and in no fact, nor do passwords in the address."""
    facts = Facts()
    engine = new_engine(facts=facts)
    url = f"{scheme}://127.0.0.1:{door.port}/?key=wr0ng-one"
    context = site_launch(cdp_url=url, cdp_headers=headers)

    with pytest.raises(LaunchFailed) as caught:
        await engine.launch(context)

    assert door.refused
    said = f"{caught.value.message} {caught.value.hint} {facts.heard!r}"
    assert "wr0ng-one" not in said
    assert "Bearer" not in said + repr(context)
    assert "401" in said


async def test_headers_go_to_no_other_host(new_engine: NewEngine, site: Site, door: Door) -> None:
    """Contract, both engines: neither by a redirect nor by what is said to be the browser's address."""
    elsewhere = f"http://127.0.0.1:{door.port}/json/version"
    site.set_page("/moved/json/version", "", status=302, headers={"Location": elsewhere})
    site.set_page(
        "/says/json/version",
        f'{{"webSocketDebuggerUrl": "ws://127.0.0.1:{door.port}/devtools/browser/x"}}',
        content_type="application/json",
    )

    for path in ("moved", "says"):
        context = site_launch(cdp_url=site.url(path), cdp_headers={"Authorization": SECRET}, timeout_ms=5000)
        with pytest.raises(LaunchFailed):
            await new_engine().launch(context)

    assert door.seen == []


async def test_what_the_headers_hold_is_not_told(new_engine: NewEngine, site: Site, door: Door) -> None:
    """Contract, both engines: not in the facts of a run that went well, either."""
    facts = Facts()
    engine = new_engine(facts=facts)
    url = f"http://127.0.0.1:{door.port}"
    await engine.launch(site_launch(viewport=VIEWPORT, cdp_url=url, cdp_headers={"Authorization": SECRET}))

    await go(engine, site.url("a.html"))
    await do(engine, "click", selector="body")
    await engine.shutdown()

    assert facts.heard
    assert "s3cr3t" not in repr(facts.heard)


@pytest.mark.parametrize(
    ("name", "value"), [("Two words", "x"), ("", "x"), ("X", "one\r\nY: s3cr3t"), ("X", "s3cr3t\0"), ("X", "s3cr3t…")]
)
async def test_a_header_that_cannot_be_sent_is_refused(new_engine: NewEngine, name: str, value: str) -> None:
    """Contract, both engines: before anything is sent, and without its value."""
    with pytest.raises(InvalidInput) as caught:
        await new_engine().launch(site_launch(cdp_url="http://127.0.0.1:9", cdp_headers={name: value}))

    assert "s3cr3t" not in str(caught.value)


async def test_headers_without_an_address_are_refused(new_engine: NewEngine) -> None:
    """Contract, both engines."""
    with pytest.raises(InvalidInput, match="attached to"):
        await new_engine().launch(site_launch(cdp_headers={"Authorization": SECRET}))
