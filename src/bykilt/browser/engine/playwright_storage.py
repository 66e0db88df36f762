"""What a browser remembers, on the Playwright engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from bykilt.browser.engine.actions_state import SaveStorageState
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.storage_state import StorageState, keep_storage_state, read_storage_state

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine


async def read_state(engine: PlaywrightEngine) -> StorageState:
    """Return what the context remembers.

    Raises:
        ActionError: An origin stores what has no JSON form, or the browser is gone.
    """
    async with engine.asking():
        document: Any = await engine.registry.context.storage_state(indexed_db=True)
    return read_storage_state(document)


async def save_storage_state(engine: PlaywrightEngine, action: SaveStorageState, progress: Progress) -> ActionOutput:
    progress.waiting_for("cookies and storage to be read")
    path = engine.artifact_path(action.path, "storage", "storage-state", ".json")
    state = await read_state(engine)
    return await anyio.to_thread.run_sync(partial(keep_storage_state, path, state))


HANDLERS: Mapping[type[Any], Any] = {SaveStorageState: save_storage_state}
