"""Downloads: what is kept and under which name, limits, and what is told of those that nobody waits for."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from urllib.parse import quote

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.errors import InvalidInput
from bykilt.events.model import DownloadFinished, Outcome
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, site_launch
from tests.support.site import Site
from tests.support.site_endpoints import download_content


def click(selector: str) -> dict[str, object]:
    """Return the action that downloads."""
    return {"type": "click", "selector": selector}


def left_in(folder: Path) -> list[str]:
    """Return the names of all files in the folder of downloads."""
    return sorted(path.name for path in (folder / "downloads").iterdir()) if (folder / "downloads").exists() else []


async def serve_link(engine: BrowserEngine, site: Site, href: str) -> None:
    """Show a page with one link."""
    site.set_page("link.html", f"<a id=a href='{href}'>Download</a>")
    await go(engine, site.url("link.html"))


def content_of(path: str | Path) -> bytes:
    """Return what a file holds."""
    return Path(path).read_bytes()


def mode_of(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_download_is_kept_as_it_was_sent(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: every byte, in the artifact folder, and never executable."""
    content = download_content("report.csv", 5000)
    await go(engine, site.url("downloads.html"))

    kept = await do(engine, "wait_for_download", action=click("#attachment"))

    path = Path(kept["path"])
    assert path.parent == engine.artifact_dir / "downloads"
    assert content_of(path) == content
    assert (kept["size"], kept["sha256"]) == (5000, hashlib.sha256(content).hexdigest())
    assert kept["suggested_filename"] == "report.csv"
    assert kept["url"] == site.url("download/report.csv?size=5000")
    assert mode_of(path) == 0o640


@pytest.mark.parametrize(
    ("selector", "name", "content"),
    [
        ("#attribute", "renamed.json", b'{"slow": true}'),
        ("#blob", "made here.txt", b"made in the page"),
        ("#named", "注文.csv", download_content("注文.csv", 100)),
        ("#slow", "slow.bin", download_content("slow.bin", 200_000)),
    ],
)
async def test_every_way_to_download(
    engine: BrowserEngine, site: Site, selector: str, name: str, content: bytes
) -> None:
    """Contract, both engines: by attribute, made by a script, under a name of any script, slowly."""
    await go(engine, site.url("downloads.html"))

    kept = await do(engine, "wait_for_download", action=click(selector))

    assert kept["suggested_filename"] == name
    assert content_of(kept["path"]) == content


async def test_nothing_is_overwritten(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: the second of a name gets a number."""
    engine = new_engine(artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT))
    await go(engine, site.url("downloads.html"))

    for _ in range(2):
        await do(engine, "wait_for_download", action=click("#attachment"))

    assert left_in(tmp_path) == ["report (2).csv", "report.csv"]


@pytest.mark.parametrize("name", ["../../evil.sh", "..%2fevil.sh", ".bashrc", "a\u202efdp.exe", "con.txt", "x" * 300])
async def test_no_name_leads_out_of_the_folder(engine: BrowserEngine, site: Site, name: str) -> None:
    """Contract, both engines: what the server suggests is only a suggestion."""
    await serve_link(engine, site, f"/download/{quote(name, safe='')}?size=10")

    kept = await do(engine, "wait_for_download", action=click("#a"))

    path = Path(kept["path"])
    assert path.parent == engine.artifact_dir / "downloads"
    assert not path.name.startswith(".")
    assert "\u202e" not in path.name
    assert len(path.name.encode()) < 200


async def test_a_download_that_breaks_off_leaves_nothing(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: no half of a file that looks like a whole one."""
    engine = new_engine(artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT))
    await go(engine, site.url("downloads.html"))

    await fails(engine, "wait_for_download", "download_failed", action=click("#cut"))

    assert left_in(tmp_path) == []


@pytest.mark.parametrize("href", ["/download/big.bin?size=200000", "/download/big.bin?size=200000&ms=300"])
async def test_what_is_too_large_is_refused(new_engine: NewEngine, site: Site, tmp_path: Path, href: str) -> None:
    """Contract, both engines: also when the length is not known before."""
    facts = Facts()
    engine = new_engine(artifact_dir=tmp_path, facts=facts)
    await engine.launch(site_launch(viewport=VIEWPORT, download_max_bytes=50_000))
    await serve_link(engine, site, href)

    result = await fails(engine, "wait_for_download", "download_refused", action=click("#a"))

    assert "50,000" in str(result.error)
    assert left_in(tmp_path) == []
    assert [fact.outcome for fact in facts.of(DownloadFinished)] == [Outcome.FAILED]


async def test_only_allowed_types_are_kept(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: by suffix and by media type."""
    engine = new_engine(artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT, download_types=["PDF", "text/*"]))

    for name in ("a.pdf", "b.csv"):
        await serve_link(engine, site, f"/download/{name}?size=10")
        await do(engine, "wait_for_download", action=click("#a"))
    await serve_link(engine, site, "/download/c.exe?size=10")
    await fails(engine, "wait_for_download", "download_refused", action=click("#a"))

    assert left_in(tmp_path) == ["a.pdf", "b.csv"]


async def test_what_nobody_waits_for_is_kept_and_told(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: a fact says what it was."""
    facts = Facts()
    engine = new_engine(artifact_dir=tmp_path, facts=facts)
    await engine.launch(site_launch(viewport=VIEWPORT))
    await go(engine, site.url("downloads.html"))

    await do(engine, "click", selector="#slow")
    while not (listed := await engine.get_downloads()):
        await do(engine, "evaluate_js", expression="1")

    fact = await facts.until(DownloadFinished)
    assert listed[0]["state"] == "completed"
    assert (fact.name, fact.size_bytes, fact.sha256) == ("slow.bin", 200_000, listed[0]["sha256"])
    assert fact.file == "downloads/slow.bin"
    assert left_in(tmp_path) == ["slow.bin"]


async def test_no_download_is_a_timeout_that_says_what_was_done(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("clicks.html"))

    result = await fails(engine, "wait_for_download", "timeout", action=click("#plain"), timeout_ms=600)

    assert "click #plain" in str(result.error)
    assert "began none" in str(result.error)


async def test_a_download_that_takes_too_long_says_how_far_it_is(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await serve_link(engine, site, "/download/slow.bin?size=2000&ms=2500")

    result = await fails(engine, "wait_for_download", "timeout", action=click("#a"), timeout_ms=900)

    assert "slow.bin" in str(result.error)


async def test_a_download_of_a_popup_counts(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the link opens a page that closes when the download begins."""
    site.set_page("link.html", "<a id=a target=_blank href='/download/x.csv?size=10'>Download</a>")
    await go(engine, site.url("link.html"))

    assert (await do(engine, "wait_for_download", action=click("#a")))["size"] == 10


@pytest.mark.parametrize("settings", [{"download_max_bytes": 0}, {"download_types": []}, {"download_types": ["a b"]}])
async def test_impossible_limits_are_refused(new_engine: NewEngine, settings: dict[str, object]) -> None:
    """Contract, both engines: before any browser starts."""
    with pytest.raises(InvalidInput):
        await new_engine().launch(site_launch(**settings))
