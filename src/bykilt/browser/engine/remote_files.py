"""Files of a browser that somebody else has started, which may run on another machine or as another user.

A browser reads its own files into a file input when the protocol says so: a blank page of our own, which no other
page shares anything with, is the courier. Knows how a file is read through it. Does not know which files are wanted.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from bykilt.browser.cdp.commands import DOM_SET_FILE_INPUT_FILES, RUNTIME_CALL_FUNCTION_ON, RUNTIME_EVALUATE
from bykilt.browser.cdp.connection import Call
from bykilt.browser.engine.upload_files import UploadFile

SLICE_BYTES = 1 << 20
"""How much of a file goes in one message, before it is written as text."""

Send = Callable[[Call[Any]], Awaitable[Any]]
"""Sends a command to the courier and returns its answer; raises `OSError` when there is none."""

_INPUT = 'Object.assign(document.createElement("input"), { type: "file" })'
_SIZE = "function () { return this.files[0].size; }"
_READ = """function (from, to) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(this.files[0].slice(from, to));
  });
}"""


class RemoteFiles:
    """What the browser sees of files. `folder` is one of ours that every user of this machine may look into by name."""

    def __init__(self, folder: Path, open_courier: Callable[[], Awaitable[Send]]) -> None:
        self._folder = folder
        self._open_courier = open_courier
        self._courier: Send | None = None
        self._is_here: bool | None = None
        self._one_at_a_time = anyio.Lock()

    async def sees_all(self, files: Sequence[UploadFile]) -> bool:
        """Whether the browser can read these very files by their paths."""
        async with self._one_at_a_time:
            try:
                if not await self._shares_our_files():
                    return False
                for file in files:
                    opened = await self._opened(str(file.source))
                    if await self._size(opened) != file.size:
                        return False
                    await self._slice(opened, 0, 1)
            except OSError:
                return False
        return True

    async def fetch(self, remote_path: str, to: Path, size: int) -> None:
        """Bring a file of the browser's to a path of ours, unless it is there already because both are on one machine.

        Raises:
            OSError: It cannot be read, is not of that size in bytes, or cannot be written.
        """
        if await anyio.to_thread.run_sync(os.access, to, os.R_OK):
            return
        async with self._one_at_a_time:
            opened = await self._opened(remote_path)
            if await self._size(opened) != size:
                raise OSError(0, "the browser does not give back the file that it has downloaded")
            fd = await anyio.to_thread.run_sync(partial(_create, to))
            with os.fdopen(fd, "wb") as writing:
                for at in range(0, size, SLICE_BYTES):
                    content = await self._slice(opened, at, at + SLICE_BYTES)
                    await anyio.to_thread.run_sync(writing.write, content)

    async def _shares_our_files(self) -> bool:
        """Whether our folder is the same folder for the browser; a path alone could mean another file over there."""
        if self._is_here is None:
            token = secrets.token_bytes(32)
            probe = self._folder / f"probe-{secrets.token_hex(16)}"
            await anyio.to_thread.run_sync(probe.write_bytes, token)
            try:
                opened = await self._opened(str(probe))
                self._is_here = await self._slice(opened, 0, len(token) + 1) == token
            except OSError:
                self._is_here = False
            finally:
                await anyio.to_thread.run_sync(probe.unlink)
        return self._is_here

    async def _opened(self, path: str) -> str:
        """Return the courier's input with the file of the browser's machine in it; an empty one where there is none."""
        if self._courier is None:
            self._courier = await self._open_courier()
        made = await self._courier(RUNTIME_EVALUATE({"expression": _INPUT, "objectGroup": "bykilt"}))
        object_id: str = made["result"]["objectId"]
        await self._courier(DOM_SET_FILE_INPUT_FILES({"files": [path], "objectId": object_id}))
        return object_id

    async def _size(self, opened: str) -> int:
        return int(await self._call(opened, _SIZE))

    async def _slice(self, opened: str, start: int, end: int) -> bytes:
        return base64.b64decode(await self._call(opened, _READ, start, end))

    async def _call(self, opened: str, function: str, *args: int) -> Any:
        assert self._courier is not None
        answer = await self._courier(
            RUNTIME_CALL_FUNCTION_ON(
                {
                    "functionDeclaration": function,
                    "objectId": opened,
                    "arguments": [{"value": arg} for arg in args],
                    "awaitPromise": True,
                    "returnByValue": True,
                }
            )
        )
        if "exceptionDetails" in answer:
            raise OSError(0, "the browser cannot read the file")
        return answer["result"]["value"]


def _create(path: Path) -> int:
    # One that is there belongs to the browser's user and cannot be read.
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
