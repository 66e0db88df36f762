"""What both engines say of an upload, and which file chooser may have the files. Knows no browser."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.blocked import shown
from bykilt.browser.engine.errors import FileRejected, NoFileChooser, WrongElement
from bykilt.browser.engine.progress import Blocker
from bykilt.browser.engine.upload_files import UploadFile

_HINT = "point the selector at an <input type=file>, or at what opens a file chooser; or drop the files with `drop`"


def upload_output(files: Sequence[UploadFile]) -> ActionOutput:
    """Return the result for files that a page has got."""
    return ActionOutput(
        {
            "files": [{"name": file.name, "size": file.size, "path": str(file.source)} for file in files],
            "file_count": len(files),
        }
    )


def refused_files(selector: tuple[str, ...], reason: str, waited_s: float) -> WrongElement:
    """Return the error for an element that does not take the files."""
    return WrongElement(shown(selector), reason, waited_s, hint=_HINT)


def refused_by_chooser(selector: tuple[str, ...], reason: str, waited_s: float) -> WrongElement:
    """Return the error for a file chooser that opened and does not take the files."""
    return WrongElement(shown(selector), f"it opened a file chooser, but {reason}", waited_s, hint=_HINT)


def refused_drop(selector: tuple[str, ...], waited_s: float) -> WrongElement:
    """Return the error for a place where the page takes no dropped files."""
    return WrongElement(
        shown(selector),
        "the files were held over it, but the page accepts no drop there",
        waited_s,
        hint="point the selector at the drop zone itself, or at the button that opens a file chooser, without `drop`",
    )


def undroppable(files: Sequence[UploadFile]) -> FileRejected:
    """Return the error for files that are to be dropped in a browser that cannot read them where they are."""
    return FileRejected(
        str(files[0].source),
        "cannot be dropped, since the browser at cdp_url does not see it",
        hint="give it to a file input or a file chooser, without `drop`; or put it where that browser can read it",
    )


def no_chooser(selector: tuple[str, ...], seen: str) -> Blocker:
    """Return the error for a click that opened no file chooser."""
    return lambda waited_s: NoFileChooser(shown(selector), seen, waited_s)


def may_have_files(clicked_url: str, asking_url: str, *, same_frame: bool) -> bool:
    """Whether the chooser of a frame may have what was meant for a click in another one.

    What lies in a page from elsewhere must not catch its files by opening a chooser at the right moment.
    """
    clicked, asking = urlsplit(clicked_url), urlsplit(asking_url)
    same_origin = bool(clicked.netloc) and (clicked.scheme, clicked.netloc) == (asking.scheme, asking.netloc)
    return same_frame or same_origin
