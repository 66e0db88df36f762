"""Facts that tell of files which a run leaves beside what its steps asked for; `model` has the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class VideoRecorded:
    """A video of the run. Width and height in pixels."""

    kind: ClassVar[str] = "video.recorded"
    file: str
    media_type: str
    size_bytes: int
    duration_ms: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PreviewMade:
    """A small animated picture of the run. Width and height in pixels."""

    kind: ClassVar[str] = "preview.made"
    file: str
    media_type: str
    size_bytes: int
    frames: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ResponseKept:
    """The body of an answer is in a file of the run folder, for the trace."""

    kind: ClassVar[str] = "response.kept"
    request_id: str
    file: str
    size_bytes: int
