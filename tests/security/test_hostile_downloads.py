"""A browser that was taken over tells of downloads that are none: by names that lead elsewhere, and by what it puts
into the one folder that it shares with us. Nothing outside of that folder is read, kept or removed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from bykilt.browser.engine.download_limits import DownloadLimits
from bykilt.browser.engine.downloads import BrowserFiles, Downloads
from bykilt.clock import SystemClock
from bykilt.events.model import DownloadFinished, Outcome
from tests.support.engines import Facts

if TYPE_CHECKING:
    from cdp_use.cdp.browser.events import DownloadProgressEvent, DownloadWillBeginEvent

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SECRET = b"a secret of the host"
MOST_BYTES = 1 << 20
# `OUTSIDE` is the host's folder; `link` in the shared folder leads there, too.
NAMES = ["../outside/secret", "OUTSIDE/secret", "link/secret", "link/../secret", "./../outside/secret", "", ".", ".."]


@dataclass(frozen=True)
class Scene:
    """The shared folder, what lies outside of it, where things are kept, and what was told."""

    shared: Path
    secret: Path
    kept: Path
    facts: Facts
    downloads: Downloads

    async def tells(self, guid: str, state: str, size: int = len(SECRET)) -> DownloadFinished:
        """Let the browser tell of a download from its beginning to its end; return what is told on."""
        begin: DownloadWillBeginEvent = {
            "frameId": "1",
            "guid": guid,
            "url": "http://a.test/",
            "suggestedFilename": "a.txt",
        }
        end = {"guid": guid, "totalBytes": size, "receivedBytes": size, "state": state}
        self.downloads.begun(begin)
        progress: DownloadProgressEvent = end  # type: ignore[assignment]  # the browser says what it likes
        self.downloads.progressed(progress)
        with anyio.fail_after(5):
            await self.downloads.settle()
        (told,) = self.facts.of(DownloadFinished)
        return told


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A secret outside, a link to it inside, and downloads as an engine has them."""
    shared, outside, kept = (tmp_path / name for name in ("shared", "outside", "kept"))
    for folder in (shared, outside, kept):
        folder.mkdir()
    (outside / "secret").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    (shared / "link").symlink_to(outside)
    facts = Facts()
    # All files here are ours, as with an ordinary user: who owns them is no protection.
    files = BrowserFiles(shared, os.geteuid())
    downloads = Downloads(DownloadLimits.of(MOST_BYTES, None), files, lambda: kept, facts, SystemClock())
    return Scene(shared, outside / "secret", kept, facts, downloads)


@pytest.mark.parametrize("state", ["completed", "canceled"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_leads_elsewhere_leads_nowhere(scene: Scene, name: str, state: str) -> None:
    """Promise: neither kept as a download, nor removed as one that was given up; it is told as failed."""
    told = await scene.tells(name.replace("OUTSIDE", str(scene.secret.parent)), state)

    assert told.outcome is Outcome.FAILED
    assert scene.secret.read_bytes() == SECRET
    assert (scene.secret.parent.parent / "secret").read_bytes() == SECRET
    assert list(scene.kept.iterdir()) == []


async def test_a_plain_file_is_kept(scene: Scene) -> None:
    """The control."""
    (scene.shared / GUID).write_bytes(SECRET)

    told = await scene.tells(GUID, "completed")

    assert told.outcome is Outcome.SUCCEEDED
    assert (scene.kept / "a.txt").read_bytes() == SECRET
    assert not (scene.shared / GUID).exists()


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe", "folder"])
@pytest.mark.parametrize("state", ["completed", "canceled"])
async def test_what_is_no_plain_file_is_not_kept(scene: Scene, kind: str, state: str) -> None:
    """Promise: nothing is waited for either, as opening a pipe would."""
    place = scene.shared / GUID
    match kind:
        case "symbolic link":
            place.symlink_to(scene.secret)
        case "hard link":
            place.hardlink_to(scene.secret)
        case "pipe":
            os.mkfifo(place)
        case _:
            place.mkdir()
            (place / "inside").touch()

    told = await scene.tells(GUID, state)

    assert told.outcome is Outcome.FAILED
    assert scene.secret.read_bytes() == SECRET
    assert list(scene.kept.iterdir()) == []


async def test_a_file_that_is_larger_than_what_was_said_is_not_kept(scene: Scene) -> None:
    """Promise: what the browser says of the size does not limit it, and one that goes on growing has an end."""
    (scene.shared / GUID).touch()
    os.truncate(scene.shared / GUID, MOST_BYTES + 1)

    told = await scene.tells(GUID, "completed", size=5)

    assert told.outcome is Outcome.FAILED
    assert told.failure is not None
    assert "1,048,576 bytes that are allowed" in told.failure.message
    assert list(scene.kept.iterdir()) == []
