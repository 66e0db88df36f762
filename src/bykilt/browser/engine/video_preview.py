"""`preview.webp` of an engine, from the trace's pictures, or from the video's where there is no trace.

Knows what is told of moving pictures when the browser has ended. How a preview is made is in `browser.video`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.engine.trace_pictures import TracePictures
from bykilt.browser.engine.video_recorder import VideoRecorder
from bykilt.browser.video.imaging import PillowMissing
from bykilt.browser.video.preview import MAX_FRAMES, MEDIA_TYPE, make_preview, spread
from bykilt.events.model import Fact, PreviewMade, Warned
from bykilt.storage.atomic_file import write_atomic
from bykilt.storage.errors import StorageError

PREVIEW_NAME = "preview.webp"
_PATIENCE_S = 20.0


async def moving_pictures(folder: Path, video: VideoRecorder | None, pictures: TracePictures | None) -> list[Fact]:
    """Finish the video, make the preview, and return what is to be told of both. Never fails."""
    facts = await video.facts() if video is not None else []
    files = pictures.files if pictures is not None else []
    recorded = video.thumbnails.pictures if video is not None and not files else []
    with anyio.move_on_after(_PATIENCE_S, shield=True):
        told = await anyio.to_thread.run_sync(partial(_write, folder, files, recorded), abandon_on_cancel=True)
        facts += [] if told is None else [told]
    return facts


def _write(folder: Path, files: list[Path], recorded: list[bytes]) -> Fact | None:
    try:
        # Few are read: more would be left out again.
        taken = [files[index].read_bytes() for index in spread(len(files), 2 * MAX_FRAMES)]
        preview = make_preview(taken or recorded)
        if preview is None:
            return None
        write_atomic(folder / PREVIEW_NAME, preview.data)
    except (StorageError, OSError) as error:
        return Warned("preview_failed", f"{PREVIEW_NAME} could not be written: {error}", "free some space on the disk")
    except PillowMissing as error:
        return Warned("preview_failed", f"there is no {PREVIEW_NAME}: {error.message}", error.hint)
    return PreviewMade(PREVIEW_NAME, MEDIA_TYPE, len(preview.data), preview.frames, preview.width, preview.height)
