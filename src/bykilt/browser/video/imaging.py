"""Pictures made into other pictures: a frame of a video, a small picture, an animation.

Knows Pillow, which no other module imports, and imports it only when a picture is there: that takes 50 ms.
A picture comes from a browser that shows hostile pages: only two formats are read, and none that is very large.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bykilt.errors import BykiltError

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_PIXELS = 10_000 * 10_000
# Of libwebp's 0 to 6: on a page of text the frames become 15 % smaller at 2, and take a quarter longer.
_FRAME_EFFORT = 0
_FRAME_QUALITY = 70
_SMALL_QUALITY = 70


class BadPicture(BykiltError):
    """The browser gave something that is no picture."""

    code = "bad_picture"


class PillowMissing(BykiltError):
    """Pillow cannot be loaded. A run goes on without its moving pictures."""

    code = "pillow_missing"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Pillow cannot be loaded: {reason}", hint="install the packages of requirements.lock again")


def vp8_key_frame(picture: bytes, width: int, height: int) -> bytes:
    """Return a JPEG or PNG as a key frame of VP8 of this size; bars fill what it leaves free.

    A lossy WebP file is one VP8 key frame in a box, so no video encoder is needed.
    Source: RFC 9649, "Simple File Format (Lossy)"

    Raises:
        BadPicture: It cannot be read.
        PillowMissing: No picture can be read.
    """
    fitted = _fitted(_read(picture, (width, height)), width, height)
    return _vp8_chunk(_encoded(fitted, quality=_FRAME_QUALITY, method=_FRAME_EFFORT))


def small_picture(picture: bytes, max_width: int, max_height: int) -> bytes:
    """Return a JPEG or PNG as a JPEG that is no larger than this.

    Raises:
        BadPicture: It cannot be read.
        PillowMissing: No picture can be read.
    """
    image = _read(picture, (max_width, max_height))
    image.thumbnail((max_width, max_height))
    into = io.BytesIO()
    image.save(into, "JPEG", quality=85)
    return into.getvalue()


def animation(pictures: Sequence[bytes], frame_ms: int, quality: int = _SMALL_QUALITY) -> tuple[bytes, int, int]:
    """Return an endless animated WebP of one or more pictures, with its width and height: the largest of theirs.

    Raises:
        BadPicture: One cannot be read.
    """
    images = [_read(picture, None) for picture in pictures]
    width, height = max(image.width for image in images), max(image.height for image in images)
    first, *rest = [_fitted(image, width, height) for image in images]
    into = io.BytesIO()
    first.save(into, "WEBP", save_all=True, append_images=rest, duration=frame_ms, loop=0, quality=quality, method=2)
    return into.getvalue(), width, height


def _read(picture: bytes, about: tuple[int, int] | None) -> Image:
    try:
        from PIL import Image
    except ImportError as error:
        raise PillowMissing(str(error)) from error
    try:
        image = Image.open(io.BytesIO(picture), formats=("JPEG", "PNG"))
        if image.width * image.height > _MAX_PIXELS:
            raise BadPicture(f"a picture of {image.width}x{image.height} pixels is too large")
        if about is not None:
            # A JPEG that is to become smaller is read at a fraction of its size, which is much faster.
            image.draft("RGB", about)
        return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(f"the browser's picture cannot be read: {error}") from error


def _fitted(image: Image, width: int, height: int) -> Image:
    if image.size == (width, height):
        return image
    from PIL import ImageOps

    return ImageOps.pad(image, (width, height), color="black")


def _encoded(image: Image, *, quality: int, method: int) -> bytes:
    into = io.BytesIO()
    image.save(into, "WEBP", quality=quality, method=method)
    return into.getvalue()


def _vp8_chunk(webp: bytes) -> bytes:
    at = 12
    while at + 8 <= len(webp):
        (length,) = struct.unpack_from("<I", webp, at + 4)
        if webp[at : at + 4] == b"VP8 ":
            return webp[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise BadPicture("the encoder gave no VP8 frame")
