"""Keeps this process's memory out of core dumps and away from other processes of the same user.

Knows two calls of Linux. Does not know what is in the memory.
"""

from __future__ import annotations

import ctypes
import resource

_PR_SET_DUMPABLE = 4
"""Source: https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html"""


def guard_memory() -> None:
    """Switch core dumps off, and forbid other processes of this user to attach or read the memory.

    Programs that this process starts are not concerned: the kernel makes them dumpable again at `execve`, while
    the limit for core files is inherited.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        pass  # only raising a hard limit can be refused
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
