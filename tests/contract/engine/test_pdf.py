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
