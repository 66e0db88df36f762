"""Why there is no browser. The engines turn these into errors of the contract."""

from __future__ import annotations

from bykilt.errors import MissingCapability


class ChromiumNotFound(MissingCapability):
    """No usable executable was found; the message says what was tried."""

    code = "browser_not_found"


class ChromiumNotStarted(MissingCapability):
    """Chromium could not be started, or ended before it answered; the message ends with its log."""

    code = "launch_failed"
