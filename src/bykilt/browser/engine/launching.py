"""From the contract's launch settings to the launcher's, and from the launcher's errors to the contract's.

Shared by both engines. Starts nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bykilt.browser.engine.errors import BrowserNotFound, LaunchFailed
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.proxy import parse_proxy
from bykilt.browser.launch.errors import ChromiumNotFound, ChromiumNotStarted
from bykilt.browser.launch.settings import ChromiumSettings


def chromium_settings(context: LaunchContext) -> ChromiumSettings:
    """Return what the launcher needs of the contract's settings."""
    viewport, proxy = context.viewport_size, parse_proxy(context.proxy)
    return ChromiumSettings(
        headless=context.headless,
        width=viewport.width,
        height=viewport.height,
        user_agent=context.user_agent,
        proxy=proxy.address if proxy else None,
        extra_args=tuple(context.extra_args),
        user_data_dir=Path(context.user_data_dir) if context.user_data_dir else None,
    )


@contextmanager
def launch_errors() -> Iterator[None]:
    """Turn what the launcher raises inside into an `EngineError`."""
    try:
        yield
    except ChromiumNotFound as error:
        raise BrowserNotFound(error.message, hint=error.hint) from error
    except ChromiumNotStarted as error:
        raise LaunchFailed(error.message, hint=error.hint) from error
