"""From the contract's launch settings to the launcher's, and from the launcher's errors to the contract's.

Shared by both engines. Starts nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bykilt.browser.engine.errors import BrowserNotFound, LaunchFailed, SandboxMismatch, SandboxRefused
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.proxy import Proxy, parse_proxy
from bykilt.browser.launch.errors import ChromiumNotFound, ChromiumNotStarted
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.sandbox.errors import SandboxBroken, SandboxUnavailable
from bykilt.browser.sandbox.profile import NetworkMode


def chromium_settings(context: LaunchContext) -> ChromiumSettings:
    """Return what the launcher needs of the contract's settings."""
    viewport, proxy = context.viewport_size, browser_proxy(context)
    profile = context.sandbox_profile
    return ChromiumSettings(
        headless=context.headless,
        width=viewport.width,
        height=viewport.height,
        user_agent=context.user_agent,
        proxy=proxy.address if proxy else None,
        extra_args=tuple(context.extra_args),
        sandbox=profile if profile.enabled else None,
        upstream=context.proxy if proxy is None else None,
        user_data_dir=Path(context.user_data_dir) if context.user_data_dir else None,
    )


def browser_proxy(context: LaunchContext) -> Proxy | None:
    """Return the proxy that the browser itself is to use; the sandbox's way out goes through the others.

    Raises:
        InvalidInput: It is no address.
    """
    profile = context.sandbox_profile
    walled_in = context.cdp_url is None and profile.enabled and profile.network is not NetworkMode.HOST
    return None if walled_in else parse_proxy(context.proxy)


@contextmanager
def launch_errors() -> Iterator[None]:
    """Turn what the launcher raises inside into an `EngineError`."""
    try:
        yield
    except ChromiumNotFound as error:
        raise BrowserNotFound(error.message, hint=error.hint) from error
    except ChromiumNotStarted as error:
        raise LaunchFailed(error.message, hint=error.hint) from error
    except SandboxUnavailable as error:
        raise SandboxRefused(error.message, hint=error.hint) from error
    except SandboxBroken as error:
        raise SandboxMismatch(error.message, hint=error.hint) from error
