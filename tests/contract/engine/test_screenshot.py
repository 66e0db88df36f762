"""Pictures that a step asks for: what is in them, judged by their bytes, and where they may be put."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import ScreenshotTaken
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, site_launch
from tests.support.pictures import Png, jpeg_size, png_size, read_picture
from tests.support.site import Site
from tests.support.site_pages import BAND_COLOURS, BAND_HEIGHT_PX


async def picture(engine: BrowserEngine, **fields: object) -> bytes:
    """Take a picture; return the file's bytes."""
    result = await engine.dispatch({"type": "screenshot", **fields})  # type: ignore[dict-item]
    assert result.success, result.error
    return read_picture(result.artifacts["screenshot_path"])


def rgb(colour: str) -> tuple[int, int, int]:
    """Return a colour as the page writes it (#rrggbb) in numbers."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


async def test_a_screenshot_shows_the_viewport(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a PNG of the size that was asked for at launch."""
    await go(engine, site.url("long.html?bands=4"))

    result = await engine.dispatch({"type": "screenshot"})

    path = Path(result.artifacts["screenshot_path"])
    assert path.suffix == ".png"
    assert png_size(read_picture(str(path))) == (VIEWPORT.width, VIEWPORT.height)
    assert (result.metadata["width"], result.metadata["height"]) == (VIEWPORT.width, VIEWPORT.height)
    assert path.is_relative_to(engine.artifact_dir)


async def test_a_screenshot_shows_what_is_scrolled_to(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the viewport is where the page is now."""
    await go(engine, site.url("long.html?bands=4"))
    await do(engine, "scroll", y=BAND_HEIGHT_PX)

    data = await picture(engine)

    assert Png(data).pixel(500, 10) == rgb(BAND_COLOURS[1])


async def test_a_full_page_shows_all_of_it(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: every band is there, and the page has not moved."""
    await go(engine, site.url("long.html?bands=4"))

    data = await picture(engine, full_page=True)

    shown = Png(data)
    assert png_size(data) == (VIEWPORT.width, 4 * BAND_HEIGHT_PX)
    middles = [shown.pixel(500, number * BAND_HEIGHT_PX + BAND_HEIGHT_PX // 2 + 100) for number in range(4)]
    assert middles == [rgb(colour) for colour in BAND_COLOURS[:4]]


async def test_an_element_is_cut_out(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: its box, also when it is far below."""
    site.set_page(
        "/box.html",
        "<body style='margin: 0'><div style='height: 3000px'></div>"
        "<div id=box style='width: 120px; height: 80px; background: #8e44ad'></div><div style='height: 900px'></div>",
    )
    await go(engine, site.url("box.html"))

    data = await picture(engine, selector="#box")

    assert png_size(data) == (120, 80)
    shown = Png(data)
    assert {shown.pixel(x, y) for x in (0, 60, 119) for y in (0, 40, 79)} == {rgb("#8e44ad")}


async def test_an_element_taller_than_the_viewport_is_whole(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what does not fit is not cut off."""
    site.set_page(
        "/tall.html", "<body style='margin:0'><div id=tall style='width: 50px; height: 1500px; background: #27ae60'>"
    )
    await go(engine, site.url("tall.html"))

    data = await picture(engine, selector="#tall")

    assert png_size(data) == (50, 1500)
    assert Png(data).pixel(25, 1499) == rgb("#27ae60")


async def test_an_element_of_a_frame_is_cut_out_where_it_shows(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a frame's coordinates are not the page's."""
    inner = "<body style='margin:0'><div id=box style='margin: 30px; width:60px; height:40px; background:%23c0392b'>"
    site.set_page(
        "/framed.html",
        "<body style='margin:0; padding: 70px'>"
        f"<iframe name=inner style='border: 5px solid' src=\"data:text/html,{inner}\">",
    )
    await go(engine, site.url("framed.html"))

    data = await picture(engine, selector="#box", frame="inner")

    assert png_size(data) == (60, 40)
    shown = Png(data)
    assert {shown.pixel(x, y) for x in (0, 59) for y in (0, 39)} == {rgb("#c0392b")}


async def test_a_jpeg_is_a_jpeg(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: in the viewport's size, named by its kind."""
    await go(engine, site.url("long.html?bands=4"))

    result = await engine.dispatch({"type": "screenshot", "format": "jpeg"})

    path = Path(result.artifacts["screenshot_path"])
    assert path.suffix in (".jpeg", ".jpg")
    assert jpeg_size(read_picture(str(path))) == (VIEWPORT.width, VIEWPORT.height)


async def test_less_quality_makes_a_smaller_jpeg(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    rough = await picture(engine, format="jpeg", quality=5)
    fine = await picture(engine, format="jpeg", quality=95)

    assert len(rough) < len(fine) / 2


async def test_a_mask_hides_what_it_covers_and_is_gone_afterwards(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: names and numbers that should not be in a picture."""
    site.set_page(
        "/secret.html",
        "<body style='margin: 0'><div class=secret style='width: 100px; height: 50px; background: #f39c12'></div>"
        "<div style='width: 100px; height: 50px; background: #2980b9'></div>",
    )
    await go(engine, site.url("secret.html"))

    masked = await picture(engine, mask=".secret")
    plain = await picture(engine)

    assert Png(masked).pixel(50, 25) != rgb("#f39c12")
    assert Png(masked).pixel(50, 75) == rgb("#2980b9")
    assert Png(plain).pixel(50, 25) == rgb("#f39c12")


async def test_a_path_is_taken_from_the_artifact_folder(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: folders on the way are made."""
    await go(engine, site.url("a.html"))

    result = await engine.dispatch({"type": "screenshot", "path": "deep/er/shot.png"})

    assert Path(result.artifacts["screenshot_path"]) == (engine.artifact_dir / "deep/er/shot.png").resolve()
    assert png_size(read_picture(str(engine.artifact_dir / "deep/er/shot.png"))) == (VIEWPORT.width, VIEWPORT.height)


@pytest.mark.parametrize("path", ["../out.png", "/tmp/bykilt-out.png", "a/../../out.png"])
async def test_a_path_out_of_the_artifact_folder_is_refused(engine: BrowserEngine, site: Site, path: str) -> None:
    """Contract, both engines: a flow file is not trusted with the rest of the disk."""
    await go(engine, site.url("a.html"))

    result = await fails(engine, "screenshot", "invalid_action", path=path)

    assert result.metadata["field"] == "path"
    assert not await anyio.Path(engine.artifact_dir.parent / "out.png").exists()
    assert not await anyio.Path("/tmp/bykilt-out.png").exists()


async def test_without_an_artifact_folder_any_path_may_be_named(
    new_engine: NewEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: a program that uses the engine by itself may put its files where it wants."""
    engine = new_engine()
    await engine.launch(site_launch(viewport=VIEWPORT))
    await go(engine, site.url("a.html"))

    result = await engine.dispatch({"type": "screenshot", "path": str(tmp_path / "shot.png")})

    assert Path(result.artifacts["screenshot_path"]) == tmp_path / "shot.png"
    assert png_size(read_picture(str(tmp_path / "shot.png"))) == (VIEWPORT.width, VIEWPORT.height)


async def test_two_screenshots_do_not_overwrite_each_other(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: without a path each gets a name of its own."""
    await go(engine, site.url("a.html"))

    first = await engine.dispatch({"type": "screenshot"})
    second = await engine.dispatch({"type": "screenshot"})

    assert first.artifacts["screenshot_path"] != second.artifacts["screenshot_path"]


async def test_a_screenshot_is_a_fact(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: with its file relative to the artifact folder, and its size."""
    await go(engine, site.url("long.html?bands=2"))

    await do(engine, "screenshot", path="fact.jpeg", format="jpeg", full_page=True)

    (taken,) = facts.of(ScreenshotTaken)
    assert (taken.file, taken.media_type) == ("fact.jpeg", "image/jpeg")
    assert (taken.width, taken.height) == (VIEWPORT.width, 2 * BAND_HEIGHT_PX)
    assert taken.phase is None


async def test_a_missing_element_has_no_picture(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    await fails(engine, "screenshot", "element_not_found", selector="#nothing", timeout_ms=400)


async def test_a_hidden_element_has_no_picture(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("visibility.html"))

    await fails(engine, "screenshot", "element_not_visible", selector="#display-none", timeout_ms=400)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"quality": 50}, "quality"),
        ({"full_page": True, "selector": "#x"}, "full_page"),
        ({"format": "gif"}, "format"),
        ({"format": "jpeg", "quality": 101}, "quality"),
    ],
)
async def test_what_does_not_go_together_is_refused(
    engine: BrowserEngine, fields: dict[str, object], field: str
) -> None:
    """Contract, both engines: before any picture is taken."""
    result = await fails(engine, "screenshot", "invalid_action", **fields)

    assert result.metadata["field"] == field


async def test_a_screenshot_right_after_a_navigation_succeeds(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the browser may not count the new document as the active one yet."""
    await go(engine, site.url("a.html"))

    for _ in range(3):
        await do(engine, "click", selector="#next")
        await do(engine, "screenshot", timeout_ms=5000)


def test_the_reader_of_pictures_can_read() -> None:
    """Spec: what the tests above rely on, shown on a picture made by hand."""
    rows = b"".join(b"\0" + bytes([9, 8, 7]) * 2 for _ in range(3))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 2, 3, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )

    assert png_size(data) == (2, 3)
    assert Png(data).pixel(1, 2) == (9, 8, 7)
