"""The page as PDF: its size, its pages and its place, read from the file itself."""

from __future__ import annotations

import re

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import fails, go
from tests.support.site import Site


async def printed(engine: BrowserEngine, **fields: object) -> bytes:
    """Print the page; return the file."""
    result = await engine.dispatch({"type": "pdf", **fields})  # type: ignore[dict-item]
    assert result.success, result.error
    data = await anyio.Path(result.artifacts["pdf_path"]).read_bytes()
    assert result.metadata["size_bytes"] == len(data)
    return data


def pages(data: bytes) -> list[tuple[int, int]]:
    """Return width and height of each page, in points."""
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", data)
    return [(round(float(width)), round(float(height))) for width, height in boxes]


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (595, 842)),
        ({"landscape": True}, (842, 595)),
        ({"format": "letter"}, (612, 792)),
        ({"format": "a5", "print_background": True}, (420, 595)),
    ],
)
async def test_paper_has_its_size(
    engine: BrowserEngine, site: Site, fields: dict[str, object], size: tuple[int, int]
) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    data = await printed(engine, **fields)

    assert data.startswith(b"%PDF-")
    ((width, height),) = set(pages(data))
    assert abs(width - size[0]) <= 1
    assert abs(height - size[1]) <= 1


async def test_a_long_page_has_many_pages_of_which_some_can_be_chosen(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("long.html"))

    assert len(pages(await printed(engine))) > 3
    assert len(pages(await printed(engine, page_ranges="1-2"))) == 2


async def test_the_file_has_the_given_name_inside_the_run_folder(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    assert await printed(engine, path="papers/a.pdf")
    assert await anyio.Path(engine.artifact_dir / "papers" / "a.pdf").is_file()
    await fails(engine, "pdf", "invalid_action", path="../a.pdf")
    await fails(engine, "pdf", "invalid_action", format="a99")


async def test_without_a_name_the_file_goes_to_a_folder_of_its_own(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: pictures and papers are kept apart, and none overwrites another."""
    await go(engine, site.url("a.html"))

    first = await engine.dispatch({"type": "pdf"})
    second = await engine.dispatch({"type": "pdf"})

    paths = [anyio.Path(result.artifacts["pdf_path"]) for result in (first, second)]
    assert {path.parent for path in paths} == {anyio.Path(engine.artifact_dir.resolve() / "pdf")}
    assert len(set(paths)) == 2
    assert [path.suffix for path in paths] == [".pdf", ".pdf"]


@pytest.mark.parametrize(
    ("fields", "edges"),
    [
        ({}, (28, 28, 28)),
        ({"margin": "0"}, (0, 0, 0)),
        ({"margin": 96}, (72, 72, 72)),
        ({"margin": "0.5in 72pt"}, (36, 72, 72)),
        ({"margin": "10mm 20px 0 1in"}, (28, 15, 72)),
    ],
)
async def test_margins_are_where_the_page_begins(
    engine: BrowserEngine, site: Site, fields: dict[str, object], edges: tuple[int, int, int]
) -> None:
    """Contract, both engines: read off the place of a link that fills the top of the page, in points."""
    link = '<a href="https://shop.example/" style="display: block; height: 50px">All of it</a>'
    site.set_page("link.html", f'<title>Link</title><body style="margin: 0">{link}')
    await go(engine, site.url("link.html"))

    data = await printed(engine, **fields)

    ((width, height),) = pages(data)
    found = re.search(rb"/Rect ?\[([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)\]", data)
    assert found is not None
    left, _, right, top = (float(each) for each in found.groups())
    for seen, wanted in zip((height - top, width - right, left), edges, strict=True):
        assert abs(seen - wanted) <= 2


@pytest.mark.parametrize("margin", ["wide", "1em", "-1cm", "1cm 1cm 1cm 1cm 1cm", "", "5in", "0 20cm", True, ["1cm"]])
async def test_margins_that_cannot_be_are_refused(engine: BrowserEngine, site: Site, margin: object) -> None:
    """Contract, both engines: before anything is printed, and naming the field."""
    result = await fails(engine, "pdf", "invalid_action", margin=margin)

    assert result.metadata["field"] == "margin"
