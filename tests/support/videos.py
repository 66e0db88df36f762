"""Looking at a video or an animated picture in a browser: does it play, and what does it show when.

Knows the browser's own decoders alone. Does not know how the files were made.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PIL import Image

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import js

COLOURS = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
}
_STEP_S = 0.05
_CLUSTER = bytes.fromhex("1f43b675")
_BLOCK = b"\xa3\x01"

_WATCH = """async ({ data, type, step }) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const video = document.createElement('video');
  video.src = URL.createObjectURL(new Blob([bytes], { type }));
  await new Promise((done, failed) => {
    video.onloadeddata = done;
    video.onerror = () => failed(new Error(video.error.message));
  });
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const paper = canvas.getContext('2d', { willReadFrequently: true });
  const pixels = [];
  for (let at = 0; at < video.duration; at += step) {
    const sought = new Promise((done) => { video.onseeked = done; });
    video.currentTime = at;
    await sought;
    paper.drawImage(video, 0, 0);
    const [red, green, blue, opacity] = paper.getImageData(canvas.width - 20, canvas.height - 20, 1, 1).data;
    // Nothing is drawn while the decoder has no frame yet.
    if (opacity) pixels.push([red, green, blue]);
  }
  return { duration: video.duration, width: video.videoWidth, height: video.videoHeight, pixels };
}"""

_LEAF = """async ({ data, type }) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const decoder = new ImageDecoder({ data: bytes, type });
  await Promise.all([decoder.tracks.ready, decoder.completed]);
  const track = decoder.tracks.selectedTrack;
  const { image } = await decoder.decode({ frameIndex: track.frameCount - 1 });
  return { frames: track.frameCount, animated: track.animated, width: image.codedWidth, height: image.codedHeight };
}"""


@dataclass(frozen=True, slots=True)
class Playback:
    """What a browser makes of a video. `colours` are those near the lower right corner, one after the other."""

    duration_s: float
    width: int
    height: int
    colours: list[str]

    def shows(self, *colours: str) -> bool:
        """Whether these are shown in this order; blank pages between do not count."""
        return [colour for colour in self.colours if colour != "white"] == [*colours]


async def watch(engine: BrowserEngine, file: Path, media_type: str = "video/webm") -> Playback:
    """Play a video in the engine's page.

    The colours are those of the frames in the file: a busy browser may draw a frame late, and pass over a short one.
    """
    seen = await js(engine, _WATCH, {"data": _in_base64(file), "type": media_type, "step": _STEP_S})
    colours = [colour for colour, _ in groupby(_colour_of(frame) for frame in _frames(file))]
    drawn = {_nearest(*pixel) for pixel in seen["pixels"]}
    assert drawn
    assert drawn <= set(colours), (drawn, colours)
    return Playback(seen["duration"], seen["width"], seen["height"], colours)


def last_colour(folder: Path) -> str | None:
    """Return the colour near the lower right corner of the last frame of the video that grows, or None without one."""
    for file in folder.glob(".video.webm*"):
        frames = list(_frames(file))
        return _colour_of(frames[-1]) if frames else None
    return None


def _frames(file: Path) -> Iterator[bytes]:
    """The frames of a WebM file as our writer makes it: one in each cluster, sizes always in eight bytes."""
    video = file.read_bytes()
    at = 0
    while (at := video.find(_CLUSTER, at)) >= 0:
        size = int.from_bytes(video[at + 5 : at + 12], "big")
        cluster = video[at + 12 : at + 12 + size]
        if len(cluster) < size:
            return
        block = cluster.index(_BLOCK, 1)
        yield cluster[block + 9 + 4 :]
        at += 12 + size


def _colour_of(frame: bytes) -> str:
    """The colour near the lower right corner of a key frame of VP8, which a WebP file is too, in a box.

    Sources: RFC 6386, section 9.1; RFC 9649, "Simple File Format (Lossy)"
    """
    chunk = b"WEBPVP8 " + struct.pack("<I", len(frame)) + frame + bytes(len(frame) % 2)
    with Image.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(chunk)) + chunk)) as picture:
        at = (picture.width - 20, picture.height - 20)
        return _nearest(*picture.convert("RGB").crop((*at, at[0] + 1, at[1] + 1)).tobytes())


async def leaf_through(engine: BrowserEngine, file: Path, media_type: str = "image/webp") -> dict[str, int | bool]:
    """Decode an animated picture in the engine's page, which has to be a secure one.

    Returns `frames`, `animated`, and `width` and `height` in pixels.
    """
    found: dict[str, int | bool] = await js(engine, _LEAF, {"data": _in_base64(file), "type": media_type})
    return found


def _in_base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _nearest(red: int, green: int, blue: int) -> str:
    def distance(name: str) -> int:
        return sum(abs(one - other) for one, other in zip((red, green, blue), COLOURS[name], strict=True))

    return min(COLOURS, key=distance)
