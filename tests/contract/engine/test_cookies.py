"""Cookies: set, read, deleted; what the server sees of them, and that their values stay out of every record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.browser.engine.errors import ActionError
from tests.support.engines import Facts, do, fails, go, js
from tests.support.site import Site

FAR_S = 4_000_000_000


@pytest.fixture
async def engine(engine: BrowserEngine) -> AsyncIterator[BrowserEngine]:
    """An engine without cookies, before and after."""
    await do(engine, "clear_cookies")
    yield engine
    if engine.running:
        await engine.clear_cookies()


async def seen(engine: BrowserEngine, site: Site, path: str = "/cookies", origin: str | None = None) -> Any:
    """Return the cookies that the server gets with a navigation."""
    await go(engine, (origin or site.origin) + path)
    return json.loads(await js(engine, "document.body.innerText"))


async def test_a_cookie_goes_to_the_server(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    metadata = await do(engine, "set_cookie", name="session", value="xyz")

    assert metadata == {"name": "session", "domain": "127.0.0.1", "path": "/"}
    assert await seen(engine, site) == {"session": "xyz"}


async def test_the_method_of_the_specification_sets_a_cookie(engine: BrowserEngine, site: Site) -> None:
    """Spec: name, value and keywords."""
    await engine.set_cookie("session", "xyz", domain="example.com", secure=True, http_only=True)

    (cookie,) = await engine.get_cookies()
    assert cookie == {
        "name": "session",
        "value": "xyz",
        "domain": "example.com",
        "path": "/",
        "secure": True,
        "http_only": True,
        "same_site": "Lax",
        "expires": None,
    }


async def test_scripts_see_a_cookie_unless_it_is_for_http_only(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    await engine.set_cookie("open", "1")
    await engine.set_cookie("closed", "2", http_only=True)

    assert await js(engine, "document.cookie") == "open=1"
    assert await seen(engine, site) == {"open": "1", "closed": "2"}


async def test_a_cookie_without_a_domain_is_for_the_pages_host_alone(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: another site gets nothing."""
    await go(engine, site.url("a.html"))
    await engine.set_cookie("mine", "1")

    assert await seen(engine, site, origin=site.cross_site_origin) == {}
    assert await seen(engine, site) == {"mine": "1"}


async def test_the_domain_defaults_to_that_of_the_named_frame(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the frame is of another site."""
    site.set_page("/around.html", f'<iframe name=inner src="{site.other_url("a.html", cross_site=True)}"></iframe>')
    await go(engine, site.url("around.html"))

    metadata = await do(engine, "set_cookie", name="inner", value="1", frame="inner")

    assert metadata["domain"] == "localhost"


async def test_the_domain_defaults_to_that_of_the_named_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))
    page = (await do(engine, "new_tab", url=site.other_url("b.html", cross_site=True)))["page"]
    await do(engine, "switch_tab", page=(await first_page(engine, page)))

    metadata = await do(engine, "set_cookie", name="there", value="1", page=page)

    assert metadata["domain"] == "localhost"


async def first_page(engine: BrowserEngine, other: str) -> str:
    """Return the page that is not the other."""
    error = await fails(engine, "evaluate_js", "unknown_page", expression="1", page="page@0")
    pages = error.metadata["hint"].removeprefix("open pages: ").split(", ")
    return str(next(page for page in pages if page != other))


async def test_a_path_limits_where_a_cookie_goes(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))
    await engine.set_cookie("deep", "1", path="/shop")

    assert await seen(engine, site) == {}
    await go(engine, site.url("shop/cart"))
    assert site.requests("/shop/cart")[0].headers.get("cookie") == "deep=1"


async def test_a_secure_cookie_goes_to_this_machine_without_tls(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: loopback addresses count as trustworthy."""
    await go(engine, site.url("a.html"))
    await engine.set_cookie("__Host-id", "1", secure=True)

    assert await seen(engine, site) == {"__Host-id": "1"}


@pytest.mark.parametrize("same_site", ["Strict", "lax", "None"])
async def test_same_site_is_kept(engine: BrowserEngine, site: Site, same_site: str) -> None:
    """Contract, both engines: in any case of letters."""
    result = await engine.set_cookie("c", "1", domain="example.com", secure=True, same_site=same_site)

    assert result.success
    assert (await engine.get_cookies())[0]["same_site"] == same_site.capitalize()


async def test_a_strict_cookie_stays_away_when_another_site_leads_there(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the browser heeds same_site."""
    await engine.set_cookie("strict", "1", domain="localhost", same_site="Strict")
    await engine.set_cookie("lax", "2", domain="localhost", same_site="Lax")
    site.set_page("/from.html", f'<a href="{site.other_url("echo", cross_site=True)}">go</a>')
    await go(engine, site.url("from.html"))

    await do(engine, "click", selector="a")
    await site.until_hit("/echo")

    assert site.requests("/echo")[0].headers.get("cookie") == "lax=2"


async def test_expires_is_kept(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: in seconds since 1970; the browser may shorten it."""
    await engine.set_cookie("long", "1", domain="example.com", expires=FAR_S)

    (cookie,) = await engine.get_cookies()
    assert isinstance(cookie["expires"], float)
    assert cookie["expires"] <= FAR_S


async def test_setting_a_cookie_again_replaces_it(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await engine.set_cookie("c", "1", domain="example.com")
    await engine.set_cookie("c", "2", domain="example.com", http_only=True)

    assert [(cookie["value"], cookie["http_only"]) for cookie in await engine.get_cookies()] == [("2", True)]


async def test_a_value_may_be_a_number_or_empty_or_of_any_script(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await do(engine, "set_cookie", name="number", value=7, domain="example.com")
    await do(engine, "set_cookie", name="empty", value="", domain="example.com")
    await do(engine, "set_cookie", name="tea", value="お茶", domain="example.com")

    assert {cookie["name"]: cookie["value"] for cookie in await engine.get_cookies()} == {
        "number": "7",
        "empty": "",
        "tea": "お茶",
    }


async def test_a_cookie_that_the_server_sets_is_read(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("cookie?name=flavour&value=plum"))

    (cookie,) = await engine.get_cookies()

    assert (cookie["name"], cookie["value"], cookie["domain"]) == ("flavour", "plum", "127.0.0.1")


async def test_what_is_read_can_be_set_again(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the words are the same."""
    await engine.set_cookie("a", "1", domain=".example.com", path="/x", secure=True, same_site="None", expires=FAR_S)
    (before,) = await engine.get_cookies()
    await engine.clear_cookies()

    await do(engine, "set_cookie", **before)

    (after,) = await engine.get_cookies()
    assert {**after, "expires": None} == {**before, "expires": None}


async def fill(engine: BrowserEngine) -> None:
    """Set cookies of several names and domains."""
    await engine.set_cookie("a", "1", domain="example.com")
    await engine.set_cookie("a", "2", domain=".example.com", path="/shop")
    await engine.set_cookie("b", "3", domain="www.example.com", secure=True)
    await engine.set_cookie("b", "4", domain="other.example")


@pytest.mark.parametrize(
    ("choice", "values"),
    [
        ({}, "1234"),
        ({"name": "a"}, "12"),
        ({"domain": "example.com"}, "12"),
        ({"domain": ".EXAMPLE.com"}, "12"),
        ({"domain": "www.example.com", "name": "a"}, ""),
        ({"urls": ["http://example.com/"]}, "1"),
        ({"urls": "http://www.example.com/shop/cart"}, "2"),
        ({"urls": ["https://www.example.com/shopping"]}, "3"),
        ({"urls": ["http://example.com/", "https://other.example/x"]}, "14"),
    ],
    ids=str,
)
async def test_cookies_are_chosen(engine: BrowserEngine, choice: dict[str, Any], values: str) -> None:
    """Contract, both engines: by name, domain and where they go; `clear_cookies` chooses alike."""
    await fill(engine)

    read = (await do(engine, "get_cookies", **choice))["cookies"]
    cleared = await do(engine, "clear_cookies", **choice)

    assert "".join(sorted(cookie["value"] for cookie in read)) == values
    assert cleared["count"] == len(values)
    left = {cookie["value"] for cookie in await engine.get_cookies()}
    assert left == set("1234") - set(values)


async def test_clearing_tells_what_went_without_its_value(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    await engine.set_cookie("a", "1", domain="example.com", http_only=True, secure=True)

    result = await engine.clear_cookies()

    assert result.metadata["cookies"] == [{"name": "a", "domain": "example.com", "path": "/"}]


async def test_deleting_one_cookie_leaves_the_others(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the server sees the rest."""
    await go(engine, site.url("a.html"))
    await engine.set_cookie("keep", "1")
    await engine.set_cookie("drop", "2")

    await engine.delete_cookie("drop")

    assert await seen(engine, site) == {"keep": "1"}


async def test_clearing_an_empty_jar_is_fine(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    assert (await do(engine, "clear_cookies"))["count"] == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"domain": "example.com", "same_site": "None"}, "same_site"),
        ({"name": "__Host-a", "domain": "example.com"}, "secure"),
        ({"name": "__Host-a", "domain": ".example.com", "secure": True}, "domain"),
        ({"name": "__host-a", "domain": "example.com", "secure": True, "path": "/x"}, "path"),
        ({"name": "__Secure-a", "domain": "example.com"}, "secure"),
        ({"name": "a b=", "domain": "example.com"}, "name"),
        ({"domain": "https://example.com/"}, "domain"),
        ({"domain": "example.com:8080"}, "domain"),
        ({"domain": "example.com", "path": "shop"}, "path"),
        ({"domain": "example.com", "expires": 5}, "expires"),
        ({"domain": "example.com", "same_site": "sometimes"}, "same_site"),
        ({}, "domain"),
    ],
    ids=str,
)
async def test_what_no_browser_keeps_is_refused(engine: BrowserEngine, fields: dict[str, Any], field: str) -> None:
    """Contract, both engines: with the field at fault and a hint; the page is blank."""
    result = await fails(engine, "set_cookie", "invalid_action", **{"name": "a", "value": "1", **fields})

    assert result.metadata["field"] == field
    assert result.metadata["hint"]
    assert await engine.get_cookies() == []


@pytest.mark.parametrize(
    "value", ["secret;x", "secret\n", " secret", "secret" * 800], ids=["semicolon", "line", "blank", "long"]
)
async def test_a_value_that_is_refused_is_not_told(engine: BrowserEngine, facts: Facts, value: str) -> None:
    """Contract, both engines."""
    result = await fails(engine, "set_cookie", "invalid_action", name="a", value=value, domain="example.com")

    assert "secret" not in f"{result} {facts.heard}"


async def test_a_cookie_that_the_browser_refuses_is_an_error(engine: BrowserEngine) -> None:
    """Contract, both engines: there is no such host."""
    result = await fails(engine, "set_cookie", "cookie_refused", name="a", value="two", domain="exa%mple.com")

    assert "two" not in str(result.error)
    assert result.metadata["hint"]


async def test_an_address_that_is_none_is_refused(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    await fails(engine, "get_cookies", "invalid_action", urls=["example.com"])
    with pytest.raises(ActionError, match="no http address"):
        await engine.get_cookies(["about:blank"])


async def test_values_are_in_no_fact(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: nor in what a request is recorded with."""
    await go(engine, site.url("a.html"))
    await engine.set_cookie("session", "very-secret-value")
    await go(engine, site.url("b.html"))
    await engine.get_cookies()
    await engine.delete_cookie("session")

    assert (site.requests("/b.html")[0].headers or {})["cookie"] == "session=very-secret-value"
    assert "very-secret-value" not in repr(facts.heard)
    assert "set_cookie session" in repr(facts.heard)


async def test_a_popup_has_the_cookie_with_its_first_request(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))
    await engine.set_cookie("c", "1")

    await js(engine, "void window.open('/echo?popup')")
    await site.until_hit("/echo")

    assert site.requests("/echo")[0].headers.get("cookie") == "c=1"
