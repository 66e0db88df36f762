"""What Chromium says on its standard error: kept, bounded, and read when something went wrong.

Knows a place of fixed size in memory that processes write to directly. Does not understand the lines.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

MAX_BYTES = 1 << 20
_TAIL_BYTES = 8 << 10


class BrowserLog:
    """The first mebibyte of output. The kernel refuses what goes beyond; nobody has to read along."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("chromium.log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._fd, MAX_BYTES)
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)

    @property
    def fd(self) -> int:
        """The descriptor to write to."""
        return self._fd

    @property
    def path(self) -> str:
        """A name under which other processes of our user can open it, as long as we live."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def text(self) -> str:
        """Return all that was written."""
        if self._fd < 0:
            return ""
        return os.pread(self._fd, MAX_BYTES, 0).rstrip(b"\0").decode(errors="replace")

    def tail(self, max_lines: int = 12) -> str:
        """Return the last lines."""
        return "\n".join(self.text()[-_TAIL_BYTES:].splitlines()[-max_lines:])

    def save(self, path: Path) -> None:
        """Write it to a file, if there is anything to write."""
        text = self.text()
        if text:
            path.write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Give the memory back; the text is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
