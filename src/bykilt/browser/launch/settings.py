"""What a caller decides about one Chromium. Knows the settings, not their effect (`arguments`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromiumSettings:
    """Settings of one start. Sizes in CSS pixels.

    Without `user_data_dir` the profile is new, and removed at the end. Chromium reaches loopback addresses
    directly even with a `proxy`, unless `proxy_loopback` is set.
    """

    headless: bool = True
    width: int = 1280
    height: int = 720
    user_agent: str | None = None
    proxy: str | None = None
    proxy_loopback: bool = False
    extra_args: tuple[str, ...] = ()
    user_data_dir: Path | None = None
