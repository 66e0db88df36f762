"""The memory of one session: its browser, and whatever stands around it. Reads /proc; knows nothing of browsers.

Source: proc(5), /proc/pid/smaps_rollup
"""

from __future__ import annotations

import os
from pathlib import Path

from bykilt.browser.sandbox.process_facts import below

_PROC = Path("/proc")


def session_pss_bytes() -> int:
    """Return the proportional memory of all processes below this one, except helpers of a driver."""
    total = 0
    for pid in below(os.getpid()):
        try:
            if (_PROC / str(pid) / "comm").read_text().strip() in ("node", "MainThread"):
                continue
            lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has ended
        total += next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
    return total
