"""Giving files to a page that has no file input to name: through the chooser that a click opens, or by a drop."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site

CONTENT = bytes(range(256)) * 300
SENT = "out.textContent.includes('sent')"


def make_file(folder: Path, name: str, content: bytes = CONTENT) -> str:
    """Write a file; return its path."""
    path = folder / name
    path.write_bytes(content)
    return str(path)


async def sent(engine: BrowserEngine, site: Site, **where: str) -> list[tuple[str, str]]:
    """Return name and hash of what the page has sent to the server, once it has."""
    await do(engine, "wait_for", expression=SENT, **where)
    return [(upload.name, upload.sha256) for upload in site.uploads()]


def expected(*names: str, content: bytes = CONTENT) -> list[tuple[str, str]]:
    """Return name and hash of files with that content."""
    return [(name, hashlib.sha256(content).hexdigest()) for name in names]


@pytest.mark.parametrize("button", ["#one", "#late", "#caption", "role=button[name='Several files']"])
async def test_the_chooser_that_a_button_opens_gets_the_file(
    engine: BrowserEngine, site: Site, tmp_path: Path, button: str
) -> None:
    """Contract, both engines: every byte reaches the server; the page hears what it hears of a person's choice."""
    await go(engine, site.url("choosers.html"))

    metadata = await do(engine, "file_upload", selector=button, files=[make_file(tmp_path, "prices.bin")])

    assert await sent(engine, site) == expected("prices.bin")
    assert metadata["file_count"] == 1
    assert await js(engine, "window.heard") == ["change true"]


async def test_a_chooser_takes_several_files_in_their_order(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    await go(engine, site.url("choosers.html"))
    files = [make_file(tmp_path, name) for name in ("b.bin", "a.bin")]

    await do(engine, "file_upload", selector="#many", files=files)

    assert await sent(engine, site) == expected("b.bin", "a.bin")


async def test_a_chooser_for_one_file_refuses_several(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: none of them is given."""
    await go(engine, site.url("choosers.html"))
    files = [make_file(tmp_path, name) for name in ("a.bin", "b.bin")]

    result = await fails(engine, "file_upload", "wrong_element", selector="#one", files=files)

    assert "one file" in str(result.error)
    assert await js(engine, "window.heard") == []
    assert not site.uploads()


async def test_a_chooser_for_a_folder_takes_no_files(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    await go(engine, site.url("choosers.html"))

    result = await fails(
        engine, "file_upload", "wrong_element", selector="#folder", files=[make_file(tmp_path, "a.bin")]
    )

    assert "folder" in str(result.error)


async def test_a_picker_that_only_a_person_can_answer_opens_nothing(
    engine: BrowserEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: `showOpenFilePicker` gives a page a handle to write with, which no upload is."""
    await go(engine, site.url("choosers.html"))

    await fails(
        engine,
        "file_upload",
        "no_file_chooser",
        selector="#picker",
        files=[make_file(tmp_path, "a.bin")],
        timeout_ms=1500,
    )

    assert await js(engine, "window.heard") == ["AbortError"]


async def test_a_click_that_opens_no_chooser_says_what_was_clicked(
    engine: BrowserEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines."""
    await go(engine, site.url("choosers.html"))

    result = await fails(
        engine,
        "file_upload",
        "no_file_chooser",
        selector="#idle",
        files=[make_file(tmp_path, "a.bin")],
        timeout_ms=700,
    )

    assert '<button id="idle">' in str(result.error)


async def test_a_chooser_that_nobody_waits_for_holds_nothing_up(
    engine: BrowserEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: before and after an upload, and after one that failed; the page goes on."""
    await go(engine, site.url("choosers.html"))
    path = make_file(tmp_path, "a.bin")

    await do(engine, "click", selector="#one")
    await do(engine, "wait_for", expression="window.heard.length === 1")
    await fails(engine, "file_upload", "wrong_element", selector="#one", files=[path, path])
    await do(engine, "click", selector="#one")
    await do(engine, "wait_for", expression="window.heard.length === 2")
    await do(engine, "file_upload", selector="#one", files=[path])
    await do(engine, "wait_for", expression="window.heard.length === 3")
    await do(engine, "click", selector="#one")
    await do(engine, "wait_for", expression="window.heard.length === 4")

    assert await js(engine, "window.heard") == ["cancel", "cancel", "change true", "cancel"]
    assert await sent(engine, site) == expected("a.bin")


async def test_a_file_that_may_not_be_given_opens_no_chooser(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: what is refused is refused before anything is clicked."""
    await go(engine, site.url("choosers.html"))
    await js(engine, "addEventListener('click', () => window.heard.push('click'), true)")

    await fails(engine, "file_upload", "file_rejected", selector="#one", files=[str(tmp_path / "missing")])
    await fails(engine, "file_upload", "file_rejected", selector="#zone", drop=True, files=[str(tmp_path)])

    assert await js(engine, "window.heard") == []


@pytest.mark.parametrize("frame", ["same", "*localhost*choosers.html"])
async def test_a_chooser_in_a_frame(engine: BrowserEngine, site: Site, tmp_path: Path, frame: str) -> None:
    """Contract, both engines: also one of another site, in a process of its own."""
    show_in_frames(site)
    await go(engine, site.url("framed.html"))

    await do(engine, "file_upload", frame=frame, selector="#one", files=[make_file(tmp_path, "framed.bin")])

    assert await sent(engine, site, frame=frame) == expected("framed.bin")


async def test_what_another_site_opens_meanwhile_gets_no_files(
    engine: BrowserEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: a frame of another site opens its chooser while the page's own is waited for."""
    show_in_frames(site)
    await go(engine, site.url("framed.html"))
    there = "*localhost*choosers.html"
    await do(engine, "click", selector="#name", frame=there)
    await js(engine, "setTimeout(() => document.getElementById('many').click(), 400)", frame=there)

    await fails(
        engine,
        "file_upload",
        "no_file_chooser",
        selector="#idle",
        files=[make_file(tmp_path, "a.bin")],
        timeout_ms=1500,
    )

    assert not site.uploads()


def show_in_frames(site: Site) -> None:
    """Serve a page with the choosers in a frame of its own site and in one of another."""
    site.set_page(
        "framed.html",
        f'<title>Framed</title><button id="idle">Nothing</button><p style="height: 300px">'
        f'<iframe name="same" src="/choosers.html" width="600" height="500"></iframe>'
        f'<iframe src="{site.other_url("choosers.html", cross_site=True)}" width="600" height="500"></iframe>',
    )


async def test_a_host_with_a_file_input_in_its_shadow_takes_files(
    engine: BrowserEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: what holds a file input is enough to name it."""
    await go(engine, site.url("choosers.html"))

    await do(engine, "file_upload", selector="#host", files=[make_file(tmp_path, "deep.bin")])

    assert await js(engine, "host.shadowRoot.querySelector('input').files[0].name") == "deep.bin"


async def test_files_are_dropped_on_an_element(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: trusted events with files, and every byte reaches the server."""
    await go(engine, site.url("choosers.html"))
    files = [make_file(tmp_path, name) for name in ("a.bin", "b.bin")]

    metadata = await do(engine, "file_upload", selector="#zone", files=files, drop=True)

    assert await sent(engine, site) == expected("a.bin", "b.bin")
    assert metadata["file_count"] == 2
    heard = await js(engine, "window.heard")
    assert heard[0] == "dragenter true Files"
    assert heard[-1] == "drop true Files"


async def test_a_drop_that_the_page_does_not_accept_is_an_error(
    engine: BrowserEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: the page stays, no file is opened in it, and it hears that the files are gone again."""
    await go(engine, site.url("choosers.html"))
    hear = "for (const type of ['dragenter', 'drop', 'dragleave']) addEventListener(type, () => heard.push(type), true)"
    await js(engine, hear)

    result = await fails(
        engine, "file_upload", "wrong_element", selector="#no-zone", files=[make_file(tmp_path, "a.bin")], drop=True
    )

    assert "accepts no drop" in str(result.error)
    assert await js(engine, "document.title") == "Choosers"
    assert await js(engine, "window.heard") == ["dragenter", "dragleave"]


async def test_a_file_input_takes_a_drop_by_itself(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: the page has no part in it and hears what it hears of a choice."""
    site.set_page(
        "plain.html",
        """<title>Plain</title><input id="plain" type="file"><script>window.heard = [];
        plain.onchange = (event) => heard.push(event.isTrusted, plain.files[0].name, plain.files[0].size);</script>""",
    )
    await go(engine, site.url("plain.html"))

    await do(engine, "file_upload", selector="#plain", files=[make_file(tmp_path, "a.bin")], drop=True)

    assert await js(engine, "window.heard") == [True, "a.bin", len(CONTENT)]


@pytest.mark.parametrize("frame", ["same", "*localhost*choosers.html"])
async def test_files_are_dropped_in_a_frame(engine: BrowserEngine, site: Site, tmp_path: Path, frame: str) -> None:
    """Contract, both engines: also in one of another site, in a process of its own."""
    show_in_frames(site)
    await go(engine, site.url("framed.html"))

    await do(engine, "file_upload", frame=frame, selector="#zone", files=[make_file(tmp_path, "a.bin")], drop=True)

    assert await sent(engine, site, frame=frame) == expected("a.bin")
