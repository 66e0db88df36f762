"""Files to and from a browser on another machine, which sees none of ours; and on this one, which does.

The other machine is a mount namespace with a /tmp of its own (`remote_chromium`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.remote_browser import DECOY, THERE, remote_chromium
from tests.support.site import Site
from tests.support.site_endpoints import download_content

# More than goes in one message.
LARGE = bytes(range(256)) * 10_000


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """A browser on another machine."""
    with remote_chromium(own_tmp=True) as url:
        yield url


@pytest.fixture(scope="module")
def beside() -> Iterator[str]:
    """A browser on this machine."""
    with remote_chromium() as url:
        yield url


@pytest.fixture
async def far(new_engine: NewEngine, elsewhere: str, tmp_path: Path) -> BrowserEngine:
    """An engine that is attached to the browser on another machine."""
    return await attached(new_engine, elsewhere, tmp_path / "run")


async def attached(new_engine: NewEngine, url: str, folder: Path, facts: Facts | None = None) -> BrowserEngine:
    """Return an engine that is attached to a browser."""
    engine = new_engine(artifact_dir=folder, facts=facts)
    await engine.launch(site_launch(viewport=VIEWPORT, cdp_url=url))
    return engine


def make_file(folder: Path, name: str, content: bytes) -> str:
    """Write a file; return its path."""
    path = folder / name
    path.write_bytes(content)
    return str(path)


def kept(metadata: dict[str, Any]) -> bytes:
    """Return what was kept of a download."""
    return Path(metadata["path"]).read_bytes()


def received(site: Site) -> list[tuple[str, str]]:
    """Return name and hash of what the server got."""
    return [(upload.name, upload.sha256) for upload in site.uploads()]


def hashed(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


async def test_files_reach_a_page_on_another_machine(far: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: every byte, by an input; the page hears of them."""
    files = [
        make_file(tmp_path, "large.bin", LARGE),
        make_file(tmp_path, "注文.csv", b"tea,5\n"),
        make_file(tmp_path, "empty", b""),
    ]
    await go(far, site.url("forms.html"))

    await do(far, "file_upload", selector="#files", files=files)
    heard = await js(far, "window.events")
    await do(far, "click", selector="#send-files")
    await do(far, "wait_for", expression="out.textContent.includes('sha256')")

    assert [event[:2] for event in heard] == [["input", "files"], ["change", "files"]]
    assert received(site) == [("large.bin", hashed(LARGE)), ("注文.csv", hashed(b"tea,5\n")), ("empty", hashed(b""))]


async def test_a_chooser_on_another_machine_gets_the_files(far: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: also of an input that is in no document, and in a frame of another site."""
    site.set_page(
        "framed.html",
        f'<iframe src="{site.other_url("choosers.html", cross_site=True)}" width="600" height="500"></iframe>',
    )
    await go(far, site.url("framed.html"))
    frame = "*localhost*choosers.html"

    await do(far, "file_upload", frame=frame, selector="#one", files=[make_file(tmp_path, "large.bin", LARGE)])
    await do(far, "wait_for", frame=frame, expression="out.textContent.includes('sent')")

    assert received(site) == [("large.bin", hashed(LARGE))]


async def test_what_that_machine_has_under_the_same_name_is_not_sent(far: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the file is ours, not the one of the same size that lies there at the same path."""
    ours = b"here!"
    assert len(ours) == len(THERE)
    path = make_file(DECOY.parent, DECOY.name, ours)
    await go(far, site.url("forms.html"))

    try:
        await do(far, "file_upload", selector="#file", files=[path])
        await fails(far, "file_upload", "file_rejected", selector="#file", files=[path], drop=True)
    finally:
        DECOY.unlink()
    await do(far, "click", selector="#send-files")
    await do(far, "wait_for", expression="out.textContent.includes('sha256')")

    assert received(site) == [(DECOY.name, hashed(ours))]


async def test_files_cannot_be_dropped_on_another_machine(far: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: an empty file under the right name would be worse than an error."""
    await go(far, site.url("choosers.html"))

    result = await fails(
        far, "file_upload", "file_rejected", selector="#zone", files=[make_file(tmp_path, "a.bin", b"a")], drop=True
    )

    assert "cdp_url" in str(result.error)
    assert await js(far, "window.heard") == []


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
async def test_a_download_is_brought_from_another_machine(
    far: BrowserEngine, site: Site, tmp_path: Path, size: int
) -> None:
    """Contract, both engines: it is requested once, and every byte is kept here."""
    site.set_page("get.html", f'<title>Get</title><a id="get" href="/download/report.csv?size={size}">Get</a>')
    await go(far, site.url("get.html"))

    metadata = await do(far, "wait_for_download", action={"type": "click", "selector": "#get"})

    content = download_content("report.csv", size)
    assert kept(metadata) == content
    assert metadata["sha256"] == hashed(content)
    assert Path(metadata["path"]).is_relative_to(tmp_path / "run")
    assert site.hits("/download/report.csv") == 1


async def test_what_a_page_makes_itself_is_brought_too(far: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a blob that no server has, and that is gone at once."""
    site.set_page(
        "blob.html",
        """<title>Blob</title><button id="make">Make</button><script>
        make.onclick = () => {
          const url = URL.createObjectURL(new Blob(["tea,5\\n"]));
          Object.assign(document.createElement("a"), { href: url, download: "made.csv" }).click();
          setTimeout(() => URL.revokeObjectURL(url), 0);
        };
        </script>""",
    )
    await go(far, site.url("blob.html"))

    metadata = await do(far, "wait_for_download", action={"type": "click", "selector": "#make"})

    assert kept(metadata) == b"tea,5\n"


async def test_the_courier_is_no_page_of_the_run(
    new_engine: NewEngine, elsewhere: str, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: what brings the files is not listed, not heard of, and never the current page."""
    facts = Facts()
    engine = await attached(new_engine, elsewhere, tmp_path / "run", facts)
    site.set_page("get.html", '<title>Get</title><a id="get" href="/download/report.csv?size=10">Get</a>')
    await go(engine, site.url("get.html"))

    await do(engine, "wait_for_download", action={"type": "click", "selector": "#get"})
    await fails(engine, "file_upload", "file_rejected", selector="a", files=[make_file(tmp_path, "a", b"a")], drop=True)

    assert len(facts.open_pages) == 1
    assert await js(engine, "document.title") == "Get"
    assert (await do(engine, "new_tab"))["page"] == "page@2"


async def test_a_browser_on_this_machine_reads_the_files_itself(
    new_engine: NewEngine, beside: str, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: they are dropped as anywhere, and downloads are found where they lie."""
    engine = await attached(new_engine, beside, tmp_path / "run")
    await go(engine, site.url("choosers.html"))

    await do(engine, "file_upload", selector="#zone", files=[make_file(tmp_path, "a.bin", LARGE)], drop=True)
    await do(engine, "wait_for", expression="out.textContent.includes('sent')")
    site.set_page("get.html", '<title>Get</title><a id="get" href="/download/report.csv?size=10">Get</a>')
    await go(engine, site.url("get.html"))
    metadata = await do(engine, "wait_for_download", action={"type": "click", "selector": "#get"})

    assert received(site) == [("a.bin", hashed(LARGE))]
    assert kept(metadata) == download_content("report.csv", 10)
