"""What a page keeps in closed shadow roots: reached by `pierce=`, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


@pytest.mark.parametrize(
    ("selector", "heard"),
    [
        ("pierce=#sealed", "sealed true"),
        ("pierce=sealed-card > section > button", "sealed true"),
        ("pierce=inner-box button#deep", "deep true"),
        ("pierce=#open #mixed", "mixed true"),
        ("pierce=#later", "later true"),
        ("#plain >> pierce=button >> nth=0", "sealed true"),
        ("pierce=inner-box >> pierce=button >> nth=0", "deep true"),
        ("pierce=sealed-card section >> text=Sealed", "sealed true"),
        ("pierce=sealed-card section >> role=button[name='Sealed']", "sealed true"),
    ],
)
async def test_a_click_reaches_into_a_closed_shadow_root(
    engine: BrowserEngine, site: Site, selector: str, heard: str
) -> None:
    """Contract, both engines: nested ones too, those inside open ones, and those that come while it is waited for."""
    await go(engine, site.url("sealed.html"))

    await do(engine, "click", selector=selector)

    assert await js(engine, "window.heard") == [heard]


async def test_a_form_in_a_closed_shadow_root_is_filled_in(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: keys, ticks, choices and files."""
    await go(engine, site.url("sealed.html"))
    file = tmp_path / "a.txt"
    file.write_text("tea")

    await do(engine, "fill", selector="pierce=#note", text="tea")
    await do(engine, "type", selector="pierce=#note", text="s")
    await do(engine, "press", selector="pierce=#note", key="Enter")
    await do(engine, "check", selector="pierce=#tick")
    await do(engine, "select_option", selector="pierce=#pick", label="two")
    await do(engine, "file_upload", selector="pierce=#sealed-file", files=[str(file)])

    assert await js(engine, "window.heard") == ["note teas", "tick on", "sealed-file a.txt"]
    read = await do(engine, "extract", selector="pierce=#pick", kind="attribute", attribute="id")
    assert read["result"] == "pick"


async def test_text_and_records_are_read_from_closed_shadow_roots(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: fields of a record take the selector as well."""
    await go(engine, site.url("sealed.html"))

    word = await do(engine, "extract", selector="pierce=.word")
    count = await do(engine, "extract", selector="pierce=sealed-card button", kind="count")
    records = await do(engine, "extract", selector="sealed-card", fields={"word": "pierce=.word b", "none": ".word b"})

    assert word["result"] == "Hidden word"
    assert count["result"] == 3
    assert records["result"] == [{"word": "word", "none": None}]


async def test_waiting_sees_what_is_in_a_closed_shadow_root(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what comes late appears, and what is there does not count as gone."""
    await go(engine, site.url("sealed.html"))

    await do(engine, "wait_for", selector="pierce=#later", state="visible")
    await fails(engine, "wait_for", "timeout", selector="pierce=#sealed", state="hidden", timeout_ms=600)
    await do(engine, "screenshot", selector="pierce=#sealed")


async def test_a_covered_element_in_a_closed_shadow_root_is_not_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what is over it is found although it is sealed too."""
    await go(engine, site.url("sealed.html"))

    result = await fails(engine, "click", "element_covered", selector="pierce=#covered", timeout_ms=3000)

    assert await js(engine, "window.heard") == []
    assert "lid" in str(result.error)


async def test_a_frame_in_a_closed_shadow_root(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: by the selector of its element."""
    await go(engine, site.url("sealed.html"))

    read = await do(engine, "extract", frame="pierce=sealed-card iframe", selector="#inside")

    assert read["result"] == "In the box"


def show_in_frames(site: Site) -> str:
    """Serve the page in a frame of its own site and in one of another; return the address."""
    return site.set_page(
        "framed.html",
        f'<iframe name="same" src="/sealed.html" width="600" height="300"></iframe>'
        f'<iframe src="{site.other_url("sealed.html", cross_site=True)}" width="600" height="300"></iframe>',
    )


@pytest.mark.parametrize("frame", ["same", "*localhost*sealed.html*"])
async def test_closed_shadow_roots_in_frames(engine: BrowserEngine, site: Site, frame: str) -> None:
    """Contract, both engines: of the same site and of another one, in a process of its own."""
    await go(engine, show_in_frames(site))

    await do(engine, "click", frame=frame, selector="pierce=#sealed")

    assert await js(engine, "window.heard", frame=frame) == ["sealed true"]


@pytest.mark.parametrize("frame", ["same", "*localhost*sealed.html*"])
async def test_a_frame_gets_another_document_while_it_is_looked_into(
    engine: BrowserEngine, site: Site, frame: str
) -> None:
    """Contract, both engines: the next document is looked into as well."""
    await go(engine, show_in_frames(site))
    await js(engine, "document.body.replaceChildren()", frame=frame)
    await js(engine, "setTimeout(() => location.replace('/sealed.html?again'), 600); null", frame=frame)

    await do(engine, "click", frame=frame, selector="pierce=#sealed")

    assert await js(engine, "[location.search, ...window.heard]", frame=frame) == ["?again", "sealed true"]


@pytest.mark.parametrize("selector", ["#sealed", "sealed-card #sealed", "text=Sealed", "role=button[name='Sealed']"])
async def test_without_asking_closed_shadow_roots_stay_closed(engine: BrowserEngine, site: Site, selector: str) -> None:
    """Contract, both engines: also after something has been reached in there; the page's heading is not meant."""
    await go(engine, site.url("sealed.html"))
    await do(engine, "click", selector="pierce=#sealed")
    await js(engine, "document.querySelector('h1').remove(); document.title = ''")

    await fails(engine, "click", "element_not_found", selector=selector, timeout_ms=400)


async def test_the_page_cannot_tell_that_its_closed_root_was_entered(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: nothing of the page's own is replaced, and the host still shows no root."""
    await go(engine, site.url("sealed.html"))

    await do(engine, "click", selector="pierce=#sealed")

    assert await js(engine, "document.getElementById('plain').shadowRoot") is None
    assert "[native code]" in await js(engine, "String(Element.prototype.attachShadow)")
    assert await js(engine, "Object.keys(globalThis).filter((name) => name.includes('bykilt'))") == []


async def test_the_tree_of_a_page_is_the_same_before_and_after(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what is sealed is no part of it."""
    await go(engine, site.url("sealed.html"))
    before = (await do(engine, "accessibility_snapshot"))["tree"]

    await do(engine, "click", selector="pierce=#sealed")

    assert (await do(engine, "accessibility_snapshot"))["tree"] == before


@pytest.mark.parametrize("selector", ["pierce=", "pierce=div[", "li >> pierce=  "])
async def test_a_piercing_selector_that_means_nothing_fails_at_once(
    engine: BrowserEngine, site: Site, selector: str
) -> None:
    """Contract, both engines."""
    await go(engine, site.url("sealed.html"))

    await fails(engine, "click", "invalid_selector", selector=selector)
