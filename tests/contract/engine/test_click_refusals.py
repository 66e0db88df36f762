"""What a click refuses: each reason is an error of its own, says what was seen for how long, and nothing is hit."""

from __future__ import annotations

import re

import pytest

from bykilt.browser.engine.browser_engine import ActionResult, BrowserEngine
from tests.support.engines import fails, go, js
from tests.support.site import Site

TIMEOUT_MS = 500


async def refused(
    engine: BrowserEngine, code: str, selector: str, kind: str = "click", timeout_ms: int = TIMEOUT_MS
) -> ActionResult:
    """Expect the refusal, with the selector and the waiting time in its text."""
    result = await fails(engine, kind, code, selector=selector, timeout_ms=timeout_ms)
    assert result.error is not None
    assert result.error.startswith(f"{selector}: ")
    waited = re.search(r"waited (\d+\.\d) s", result.error)
    assert waited is not None, result.error
    assert timeout_ms / 1000 - 0.1 <= float(waited[1]) <= timeout_ms / 1000 + 1
    assert result.metadata["hint"]
    return result


async def test_a_covered_button_is_not_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error names what lies on top; neither of them is clicked."""
    await go(engine, site.url("covered.html"))

    result = await refused(engine, "element_covered", "#buy")

    assert '<div id="overlay" class="cover">' in str(result.error)
    assert (site.hits("/hit/buy"), site.hits("/hit/overlay")) == (0, 0)


async def test_a_cover_that_comes_with_the_pointer_is_not_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: checked at the event itself, since no look beforehand could have seen it."""
    await go(engine, site.url("covered.html"))

    result = await refused(engine, "element_covered", "#late-cover")

    assert 'id="sudden"' in str(result.error)
    assert (site.hits("/hit/late-cover"), site.hits("/hit/sudden")) == (0, 0)


async def test_an_element_that_takes_no_pointer_is_not_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with `pointer-events: none` the event would go through to what is behind."""
    await go(engine, site.url("covered.html"))

    await refused(engine, "element_covered", "#dead")

    assert site.hits("/hit/dead") == 0


async def test_an_element_that_never_rests_is_not_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error says how it moves."""
    await go(engine, site.url("moving.html"))

    result = await refused(engine, "element_not_stable", "#endless")

    assert "moved by" in str(result.error)
    assert site.beacons("endless") == []


@pytest.mark.parametrize(
    ("button", "seen"),
    [
        ("never", "disabled attribute"),
        ("in-fieldset", "disabled <fieldset>"),
        ("aria", "aria-disabled"),
    ],
)
async def test_a_disabled_button_is_not_clicked(engine: BrowserEngine, site: Site, button: str, seen: str) -> None:
    """Contract, both engines: the error says what disables it."""
    await go(engine, site.url("disabled_then_enabled.html"))

    result = await refused(engine, "element_disabled", f"#{button}")

    assert seen in str(result.error)
    assert site.hits(f"/hit/{button}") == 0


async def test_a_missing_element_is_an_error_of_its_own(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: nothing matched, as long as it waited."""
    await go(engine, site.url("clicks.html"))

    result = await refused(engine, "element_not_found", "#no-such-element")

    assert site.url("clicks.html") in str(result.error)
    assert site.beacons() == []


@pytest.mark.parametrize(
    ("element", "seen"),
    [
        ("display-none", "display: none"),
        ("visibility-hidden", "visibility: hidden"),
        ("zero", "box is empty"),
        ("folded", "closed"),
    ],
)
async def test_a_hidden_element_is_not_clicked(engine: BrowserEngine, site: Site, element: str, seen: str) -> None:
    """Contract, both engines: the error says what hides it."""
    await go(engine, site.url("visibility.html"))

    result = await refused(engine, "element_not_visible", f"#{element}")

    assert seen in str(result.error)


async def test_an_element_outside_of_any_scroll_is_not_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: no scrolling brings it into the viewport."""
    site.set_page(
        "/outside.html",
        "<button id=out style='position: fixed; left: -500px; width: 100px' onclick='window.clicked = 1'>Out</button>",
    )
    await go(engine, site.url("outside.html"))

    await refused(engine, "element_outside_viewport", "#out")

    assert await js(engine, "window.clicked") is None


async def test_the_reason_is_the_one_at_the_end(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what was seen last counts, not what was in the way first."""
    await go(engine, site.url("disabled_then_enabled.html?ms=200"))
    await js(engine, "later.insertAdjacentHTML('afterend', '<div id=lid style=\"position:fixed;inset:0\"></div>')")

    await refused(engine, "element_covered", "#later", timeout_ms=2_000)

    assert site.hits("/hit/later") == 0


async def test_a_hover_is_refused_for_the_same_reasons(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the pointer has to reach the element."""
    await go(engine, site.url("covered.html"))

    await refused(engine, "element_covered", "#buy", kind="hover")


async def test_the_first_alternative_that_matches_decides(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a blocked first alternative is not given up for the second."""
    await go(engine, site.url("covered.html"))

    result = await fails(engine, "click", "element_covered", selector=["#buy", "#see-through"], timeout_ms=TIMEOUT_MS)

    assert "#buy | #see-through" in str(result.error)
    assert site.hits("/hit/see-through") == 0
