"""What a caller decides about one Chromium. Knows the settings, not their effect (`arguments`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bykilt.browser.sandbox.profile import SandboxProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromiumSettings:
    """Settings of one start. Sizes in CSS pixels.

    Without `user_data_dir` the profile is new, and removed at the end. Chromium reaches loopback addresses
    directly even with a `proxy`, unless `proxy_loopback` is set. With a `sandbox` around its network, Chromium has no
    proxy of its own: the sandbox goes out through `upstream`, which may hold a user name and a password.
    """

    headless: bool = True
    width: int = 1280
    height: int = 720
    user_agent: str | None = None
    proxy: str | None = None
    proxy_loopback: bool = False
    extra_args: tuple[str, ...] = ()
    sandbox: SandboxProfile | None = None
    upstream: str | None = field(default=None, repr=False)
    user_data_dir: Path | None = None
