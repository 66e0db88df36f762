"""Files that are sent to a page byte by byte, for a browser that cannot read them itself.

The scripts beside the page put them together; the page gets them when they are given to an input (`injected/files.js`).
"""

from __future__ import annotations

import base64
import itertools
import mimetypes
from collections.abc import Sequence
from typing import Any

import anyio

from bykilt.browser.cdp.commands import RUNTIME_CALL_FUNCTION_ON
from bykilt.browser.cdp.realms import Realm
from bykilt.browser.engine.errors import FileRejected
from bykilt.browser.engine.remote_files import SLICE_BYTES
from bykilt.browser.engine.upload_files import UploadFile

_keys = itertools.count(1)


async def sent_files(realm: Realm, files: Sequence[UploadFile]) -> list[str]:
    """Send the files to our scripts in a frame and return the names under which these keep them.

    Raises:
        FileRejected: One cannot be read any more.
        RealmLost, ProtocolError: The document or the page went away.
    """
    return [await _sent(realm, file) for file in files]


async def _sent(realm: Realm, file: UploadFile) -> str:
    key = f"file-{next(_keys)}"
    try:
        async with await anyio.open_file(file.source, "rb") as reading:
            kind = mimetypes.guess_type(file.name)[0] or ""
            modified_ms = (await anyio.Path(file.source).stat()).st_mtime * 1000
            await _call(realm, "begin", key, file.name, kind, modified_ms)
            while content := await reading.read(SLICE_BYTES):
                await _call(realm, "append", key, base64.b64encode(content).decode())
    except OSError as error:
        raise FileRejected(str(file.source), f"could not be read: {error.strerror}") from error
    return key


async def _call(realm: Realm, function: str, *args: Any) -> None:
    # As arguments, not as text of a script, which would be compiled and kept.
    await realm.session.send(
        RUNTIME_CALL_FUNCTION_ON(
            {
                "functionDeclaration": f"function (...args) {{ bykiltFiles.{function}(...args); }}",
                "executionContextId": realm.context_id,
                "arguments": [{"value": arg} for arg in args],
            }
        )
    )
