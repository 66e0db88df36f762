"""What pages are made to believe: device, place, language, network; now, in popups and frames, and after a reset."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.errors import InvalidAction
from bykilt.events.model import ActionStarted
from tests.support.engines import Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.site import Site

LOCATE = """new Promise(done => navigator.geolocation.getCurrentPosition(
    place => done([place.coords.latitude, place.coords.longitude, place.coords.accuracy]),
    error => done(error.message)))"""
ZONE = "Intl.DateTimeFormat().resolvedOptions().timeZone"
LOCALE = "Intl.NumberFormat().resolvedOptions().locale"
SIZE = "[innerWidth, innerHeight, devicePixelRatio]"


def header(site: Site, path: str, name: str) -> str:
    """Return a header of the latest request for a path; empty if it had none."""
    found = {key.lower(): value for key, value in dict(site.requests(path)[-1].headers).items()}
    return str(found.get(name, ""))


async def test_time_zone(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: at once, in the page that is open."""
    await go(engine, site.url("a.html"))

    await do(engine, "emulate", timezone="Asia/Tokyo")

    assert await js(engine, ZONE) == "Asia/Tokyo"
    assert await js(engine, "new Date(0).getHours()") == 9


async def test_locale(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: scripts format by it, and the server is told."""
    await do(engine, "emulate", locale="de-DE")

    await go(engine, site.url("a.html"))

    assert await js(engine, "(1234.5).toLocaleString()") == "1.234,5"
    assert await js(engine, "navigator.languages") == ["de-DE", "de"]
    assert header(site, "/a.html", "accept-language").startswith("de-DE,de")


async def test_one_locale_after_the_other(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    seen = []
    for locale, timezone in (("ja-JP", "Asia/Tokyo"), ("fr-FR", "Europe/Paris")):
        await do(engine, "emulate", locale=locale, timezone=timezone)
        seen.append([await js(engine, LOCALE), await js(engine, ZONE)])

    assert seen == [["ja-JP", "Asia/Tokyo"], ["fr-FR", "Europe/Paris"]]


async def test_geolocation(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page is allowed to ask, since a place was given."""
    await go(engine, site.url("a.html"))

    await do(engine, "emulate", geolocation={"latitude": 35.68, "longitude": 139.77, "accuracy": 20})

    assert await js(engine, LOCATE) == [35.68, 139.77, 20]


async def test_permissions(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what is given is granted; after a reset it is asked for again."""
    await go(engine, site.url("a.html"))
    state = "navigator.permissions.query({name: 'notifications'}).then(found => found.state)"

    await do(engine, "emulate", permissions=["notifications"])
    granted = await js(engine, state)
    await do(engine, "emulate", reset=True)

    assert granted == "granted"
    assert await js(engine, state) != "granted"


async def test_offline(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: no request goes out until the network is back."""
    await go(engine, site.url("a.html"))
    await do(engine, "emulate", offline=True)

    assert await js(engine, "navigator.onLine") is False
    await fails(engine, "navigate", "navigation_failed", url=site.url("b.html"))
    assert not site.requests("/b.html")

    await do(engine, "emulate", offline=False)
    await go(engine, site.url("b.html"))


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_colour_scheme(engine: BrowserEngine, site: Site, scheme: str) -> None:
    """Contract, both engines: style sheets and scripts see it."""
    await go(engine, site.url("a.html"))

    await do(engine, "emulate", color_scheme=scheme)

    assert await js(engine, f"matchMedia('(prefers-color-scheme: {scheme})').matches") is True


async def test_extra_headers(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: the server gets them with documents and fetches; no event holds their values."""
    await do(engine, "emulate", extra_headers={"X-Team": "back-office-7731"})

    await go(engine, site.url("a.html"))
    await js(engine, "fetch('/b.html').then(answer => answer.status)")

    assert header(site, "/a.html", "x-team") == "back-office-7731"
    assert header(site, "/b.html", "x-team") == "back-office-7731"
    started = [fact for fact in facts.of(ActionStarted) if fact.action == "emulate"]
    assert "back-office-7731" not in repr(started)


async def test_viewport(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page is laid out anew, and pictures have that size."""
    await go(engine, site.url("a.html"))

    result = await do(engine, "emulate", viewport={"width": 640, "height": 480})

    assert await js(engine, SIZE) == [640, 480, 1]
    assert result["viewport"] == {"width": 640, "height": 480}


async def test_a_device(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: size, density, touch and the name of the browser together."""
    await do(engine, "emulate", device="pixel 8")

    await go(engine, site.url("a.html"))

    assert await js(engine, "[screen.width, devicePixelRatio]") == [412, 2.625]
    assert await js(engine, "matchMedia('(pointer: coarse)').matches") is True
    assert "Pixel 8" in await js(engine, "navigator.userAgent")
    assert "Pixel 8" in header(site, "/a.html", "user-agent")


async def test_user_agent(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await do(engine, "emulate", user_agent="Robot/1.0")

    await go(engine, site.url("a.html"))

    assert header(site, "/a.html", "user-agent") == "Robot/1.0"


async def test_a_new_tab_believes_the_same(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await do(engine, "emulate", timezone="Asia/Tokyo", locale="ja-JP", viewport={"width": 500, "height": 400})

    await do(engine, "new_tab", url=site.url("a.html"))

    assert await js(engine, ZONE) == "Asia/Tokyo"
    assert await js(engine, LOCALE) == "ja-JP"
    assert await js(engine, SIZE) == [500, 400, 1]


async def test_a_reset(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: everything is as it was at the launch."""
    await go(engine, site.url("a.html"))
    await do(engine, "emulate", reset=True)
    before = [await js(engine, part) for part in (ZONE, LOCALE, SIZE, "navigator.userAgent", "navigator.languages")]
    await do(
        engine, "emulate", device="iPhone 15", timezone="Asia/Tokyo", locale="ja-JP", extra_headers={"X-Team": "a"}
    )

    await do(engine, "emulate", reset=True)
    await go(engine, site.url("a.html"))

    after = [await js(engine, part) for part in (ZONE, LOCALE, SIZE, "navigator.userAgent", "navigator.languages")]
    assert after == before
    assert header(site, "/a.html", "x-team") == ""


async def test_what_is_left_out_stays(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))
    await do(engine, "emulate", timezone="Asia/Tokyo")

    await do(engine, "emulate", locale="ja-JP")

    assert [await js(engine, ZONE), await js(engine, LOCALE)] == ["Asia/Tokyo", "ja-JP"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc"}, "timezone"),
        ({"locale": "german"}, "locale"),
        ({"geolocation": {"latitude": 91, "longitude": 0}}, "geolocation"),
        ({"geolocation": {"latitude": 1}}, "geolocation"),
        ({"device": "Pixel 88"}, "device"),
        ({"viewport": {"width": 0, "height": 10}}, "viewport"),
        ({"color_scheme": "sepia"}, "color_scheme"),
        ({"permissions": ["root"]}, "permissions"),
        ({"extra_headers": {"X-Team": "a\r\nX-Other: b"}}, "extra_headers"),
        ({"extra_headers": {"X Team": "a"}}, "extra_headers"),
    ],
)
async def test_values_that_make_no_sense(engine: BrowserEngine, site: Site, fields: dict[str, Any], field: str) -> None:
    """Contract, both engines: refused with the field at fault; nothing has changed."""
    await go(engine, site.url("a.html"))
    zone = await js(engine, ZONE)

    failed = await fails(engine, "emulate", "invalid_action", **fields)

    assert failed.metadata["field"] == field
    assert await js(engine, ZONE) == zone


async def test_from_the_launch_on(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: the first script of a popup and of a foreign frame finds it, too."""
    engine = new_engine()
    await engine.launch(
        site_launch(
            emulation={
                "device": "iPhone 15",
                "timezone": "Asia/Tokyo",
                "locale": "ja-JP",
                "color_scheme": "dark",
                "geolocation": {"latitude": 1, "longitude": 2},
                "extra_headers": {"X-Team": "a"},
            }
        )
    )
    await go(engine, site.url("popups.html"))
    popup = await do(engine, "wait_for_popup", action={"type": "click", "selector": "#open"})

    for page in (None, popup["page"]):
        assert await js(engine, ZONE, page=page) == "Asia/Tokyo"
        assert await js(engine, LOCALE, page=page) == "ja-JP"
        assert await js(engine, "matchMedia('(prefers-color-scheme: dark)').matches", page=page) is True
        assert "iPhone" in await js(engine, "navigator.userAgent", page=page)
    assert "iPhone" in header(site, "/a.html", "user-agent")
    assert header(site, "/a.html", "x-team") == "a"
    assert header(site, "/a.html", "accept-language").startswith("ja-JP")


async def test_a_launch_with_a_value_that_makes_no_sense(new_engine: NewEngine, engine_type: EngineType) -> None:
    """Contract, both engines: nothing starts."""
    with pytest.raises(InvalidAction, match="emulate: timezone"):
        await new_engine().launch(site_launch(emulation={"timezone": ""}))
