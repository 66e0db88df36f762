"""Giving files to a page: what is checked before Chromium sees it, and what arrives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site

NAMES = "(id) => [...document.getElementById(id).files].map((file) => [file.name, file.size])"


def make_file(folder: Path, name: str, content: bytes = b"tea,5\nrice,7\n") -> str:
    """Write a file; return its path."""
    path = folder / name
    path.write_bytes(content)
    return str(path)


async def test_a_file_arrives_at_the_server_as_it_is(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: name, size and every byte."""
    content = bytes(range(256)) * 400
    path = make_file(tmp_path, "prices.bin", content)
    await go(engine, site.url("forms.html"))

    metadata = await do(engine, "file_upload", selector="#file", files=[path])
    await do(engine, "click", selector="#send-files")
    await do(engine, "wait_for", expression="out.textContent.includes('sha256')")

    (uploaded,) = site.uploads()
    assert (uploaded.name, uploaded.size) == ("prices.bin", len(content))
    assert uploaded.sha256 == hashlib.sha256(content).hexdigest()
    assert metadata["file_count"] == 1
    assert metadata["files"][0]["name"] == "prices.bin"
    assert metadata["files"][0]["size"] == len(content)


async def test_the_page_hears_of_the_files(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: input and change, once each."""
    await go(engine, site.url("forms.html"))

    await do(engine, "file_upload", selector="#file", files=[make_file(tmp_path, "a.csv")])

    assert [event[:2] for event in await js(engine, "window.events")] == [["input", "file"], ["change", "file"]]


async def test_several_files_keep_their_order(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    files = [make_file(tmp_path, name, name.encode()) for name in ("b.txt", "a.txt", "c.txt")]
    await go(engine, site.url("forms.html"))

    metadata = await do(engine, "file_upload", selector="#files", files=files)

    assert await js(engine, NAMES, "files") == [["b.txt", 5], ["a.txt", 5], ["c.txt", 5]]
    assert metadata["file_count"] == 3


@pytest.mark.parametrize("name", ["注文 一覧.csv", "with space & sign.txt", "日本語.pdf"])
async def test_names_of_any_script_are_kept(engine: BrowserEngine, site: Site, tmp_path: Path, name: str) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await do(engine, "file_upload", selector="#file", files=[make_file(tmp_path, name)])

    assert await js(engine, NAMES, "file") == [[name, 13]]


async def test_files_of_the_same_name_are_two_files(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: they come from different folders, and each keeps its content."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    files = [make_file(tmp_path / "one", "same.txt", b"1"), make_file(tmp_path / "two", "same.txt", b"22")]
    await go(engine, site.url("forms.html"))

    await do(engine, "file_upload", selector="#files", files=files)

    assert await js(engine, NAMES, "files") == [["same.txt", 1], ["same.txt", 2]]


async def test_an_empty_file_is_a_file(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await do(engine, "file_upload", selector="#file", files=[make_file(tmp_path, "empty.txt", b"")])

    assert await js(engine, NAMES, "file") == [["empty.txt", 0]]


@pytest.mark.parametrize("selector", ["#hidden-file", "text=One file", "label:has(#files)", "form >> #file"])
async def test_an_input_may_be_hidden_or_named_by_its_label(
    engine: BrowserEngine, site: Site, tmp_path: Path, selector: str
) -> None:
    """Contract, both engines: pages often hide the input behind something prettier."""
    await go(engine, site.url("forms.html"))

    await do(engine, "file_upload", selector=selector, files=[make_file(tmp_path, "a.csv")])

    assert (
        await js(engine, "document.querySelectorAll('input[type=file]').values().some((i) => i.files.length)") is True
    )


async def test_a_later_upload_replaces_the_earlier(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))
    await do(engine, "file_upload", selector="#file", files=[make_file(tmp_path, "old.txt")])

    await do(engine, "file_upload", selector="#file", files=[make_file(tmp_path, "new.txt")])

    assert await js(engine, NAMES, "file") == [["new.txt", 13]]


async def test_an_upload_inside_shadow_dom(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: an input that no style and no script of the page reaches."""
    await go(engine, site.url("shadow.html"))

    await do(engine, "file_upload", selector="#first #deep-file", files=[make_file(tmp_path, "deep.txt")])

    deep = "first.shadowRoot.querySelector('inner-card').shadowRoot.querySelector('#deep-file').files[0].name"
    assert await js(engine, deep) == "deep.txt"


async def test_an_upload_inside_a_frame(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: also one of another site, in a process of its own."""
    await go(engine, site.url("frames.html"))

    for frame in ("same", "*localhost*frame_inner*"):
        path = make_file(tmp_path, "framed.txt")
        await do(engine, "file_upload", frame=frame, selector="#frame-file", files=[path])
        expression = "document.getElementById('frame-file').files[0].name"
        assert await js(engine, expression, frame=frame) == "framed.txt"


async def test_both_names_of_the_action_work(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: `upload_file` is `file_upload`, and so is the method."""
    path = make_file(tmp_path, "a.csv")
    await go(engine, site.url("forms.html"))

    await do(engine, "upload_file", selector="#file", files=[path])
    result = await engine.upload_file("#hidden-file", [path])

    assert result.success
    assert result.action_type == "file_upload"
    assert await js(engine, NAMES, "hidden-file") == [["a.csv", 13]]


async def test_a_missing_file_is_refused_before_the_page_sees_it(
    engine: BrowserEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: Chromium alone would hand over an empty file without a word."""
    missing = str(tmp_path / "missing.csv")
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "file_upload", "file_rejected", selector="#file", files=[missing])

    assert missing in str(result.error)
    assert "no such file" in str(result.error)
    assert await js(engine, NAMES, "file") == []
    assert await js(engine, "window.events") == []
    assert result.duration_ms < 2000


async def test_one_bad_path_among_several_refuses_all(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: half an upload is none."""
    files = [make_file(tmp_path, "good.csv"), str(tmp_path / "missing.csv")]
    await go(engine, site.url("forms.html"))

    await fails(engine, "file_upload", "file_rejected", selector="#files", files=files)

    assert await js(engine, NAMES, "files") == []


async def test_a_folder_is_refused(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "file_upload", "file_rejected", selector="#file", files=[str(tmp_path)])

    assert "folder" in str(result.error)
    assert await js(engine, "window.events") == []


async def test_a_single_input_takes_one_file(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: several are refused, not cut down to the first."""
    files = [make_file(tmp_path, name) for name in ("a.txt", "b.txt")]
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "file_upload", "wrong_element", selector="#file", files=files, timeout_ms=1000)

    assert "one file" in str(result.error)
    assert await js(engine, NAMES, "file") == []


@pytest.mark.parametrize("selector", ["#city", "#name", "#agree"])
async def test_what_takes_no_files_is_refused(engine: BrowserEngine, site: Site, tmp_path: Path, selector: str) -> None:
    """Contract, both engines: what a click does something else to is not clicked to see whether it takes files."""
    await go(engine, site.url("forms.html"))

    await fails(
        engine, "file_upload", "wrong_element", selector=selector, files=[make_file(tmp_path, "a.txt")], timeout_ms=1000
    )


async def test_a_missing_input_is_refused(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await fails(
        engine,
        "file_upload",
        "element_not_found",
        selector="#nothing",
        files=[make_file(tmp_path, "a.txt")],
        timeout_ms=400,
    )
