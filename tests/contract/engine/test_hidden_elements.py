"""Elements that no picture may show: the page works as before, and nothing that is kept has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.errors import InvalidInput
from tests.support.engines import VIEWPORT, NewEngine, do, go, js, site_launch
from tests.support.site import Site

PAGE = """<!doctype html><title>Account</title><h1>Account</h1>
<style>b, button { display: inline-block; width: 400px }</style>
<p>IBAN <b id=iban>%s</b> and a button: <button id=b class=card onclick="b.value = 'used'">%s</button>
<script>document.adoptedStyleSheets = []; requestAnimationFrame(() => document.adoptedStyleSheets = [])</script>"""
VALUES = ("DE02120300000000202051", "FR7630006000011234567890189")


@pytest.fixture
async def covering(new_engine: NewEngine, tmp_path: Path) -> BrowserEngine:
    """An engine that hides two kinds of elements, and leaves a trace."""
    engine = new_engine(artifact_dir=tmp_path / "files")
    await engine.launch(site_launch(viewport=VIEWPORT, trace_enabled=True, hidden_elements=["#iban", ".card"]))
    return engine


async def picture(engine: BrowserEngine) -> Image.Image:
    result = await engine.dispatch({"type": "screenshot"})
    return Image.open(result.artifacts["screenshot_path"]).convert("RGB")


async def test_pictures_do_not_show_them(covering: BrowserEngine, site: Site) -> None:
    """Contract, both engines: also in frames, and where the page sets its own style sheets."""
    pictures = []
    for value in VALUES:
        site.set_page("/inner", PAGE % (value, value[:4]))
        site.set_page("/account", (PAGE % (value[:20], "Pay")) + "<iframe src=/inner width=900 height=300></iframe>")
        await go(covering, site.url("account"))
        pictures.append(await picture(covering))
    assert ImageChops.difference(*pictures).getbbox() is None


async def test_without_the_list_they_are_seen(engine: BrowserEngine, site: Site) -> None:
    """Control, both engines: the same pages look different."""
    pictures = []
    for value in VALUES:
        site.set_page("/account", PAGE % (value[:20], "Pay"))
        await go(engine, site.url("account"))
        pictures.append(await picture(engine))
    assert ImageChops.difference(*pictures).getbbox() is not None


async def test_they_can_be_used(covering: BrowserEngine, site: Site) -> None:
    """Contract, both engines: and the page finds no trace of the script."""
    site.set_page("/account", PAGE % (VALUES[0], "Pay"))
    await go(covering, site.url("account"))
    await do(covering, "click", selector=".card")
    assert await js(covering, "[b.value, typeof bykiltCovers]") == ["used", "undefined"]


async def test_the_trace_has_their_place_alone(covering: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: neither text nor attributes."""
    site.set_page("/account", PAGE % (VALUES[0], "Pay"))
    await go(covering, site.url("account"))
    await do(covering, "click", selector=".card")
    await covering.shutdown()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "files" / "trace").rglob("*.dom.json"))
    assert b"Account" in kept
    assert VALUES[0].encode() not in kept


SPOKEN = """<!doctype html><title>Account</title>
<p>IBAN <b id=iban>DE02120300000000202051</b>, and more</p>
<div class=card style="display: contents">DE02120300000000202051 <i>DE02120300000000202051</i></div>
<button class=card>DE02120300000000202051</button>
<button>Pay <b id=iban>DE02120300000000202051</b></button>
<input aria-labelledby="iban b2"><b id=b2>Amount</b>
<div contenteditable role=textbox aria-label=Note>Note <b id=iban>DE02120300000000202051</b></div>
<span class=card><a href="#">DE02120300000000202051</a></span>
<div class=card id=host></div>
<script>
  document.querySelector("#host").attachShadow({ mode: "open" }).innerHTML = "<p>DE02120300000000202051</p>";
</script>"""


async def test_a_snapshot_leaves_them_out_where_it_is_asked_to(covering: BrowserEngine, site: Site) -> None:
    """Contract, both engines: texts, names, values and frames. Otherwise it tells of them, since they can be used."""
    site.set_page("/inner", SPOKEN)
    site.set_page("/account", SPOKEN + "<iframe src=/inner></iframe><iframe class=card src=/inner title=gone></iframe>")
    await go(covering, site.url("account"))
    whole = (await do(covering, "accessibility_snapshot"))["text"]
    without = (await do(covering, "accessibility_snapshot", without_hidden=True))["text"]

    assert whole.count("DE02120300000000202051") > 10
    assert "DE02" not in without
    assert without.count("IBAN") == without.count("and more") == without.count('button "Pay"') == 2
    assert without.count('textbox "Amount"') == 2
    assert without.count(": Note") == 2
    assert "gone" not in without
    inside = await do(covering, "accessibility_snapshot", selector=".card a", without_hidden=True)
    assert "DE02" not in inside["text"]


@pytest.mark.parametrize("selector", ["#a {}", "::nowhere(", "a, b) or (b", ""])
async def test_a_selector_that_hides_nothing_is_refused(new_engine: NewEngine, selector: str) -> None:
    """Contract, both engines: at launch, rather than in the pictures."""
    with pytest.raises(InvalidInput, match="hidden_elements"):
        await new_engine().launch(site_launch(hidden_elements=[selector]))
