"""What a limit of the sandbox has to do with a failed action, in words. Pure; knows no sandbox, only its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bykilt.browser.engine.errors import ActionError, BrowserGone, PageCrashed, ScriptFailed
from bykilt.browser.sandbox.profile import MIB, SandboxLimits

_Words = Callable[[SandboxLimits], str]

# What takes a renderer's life, and what a page is only refused. Each with the setting that changes it.
_DEADLY: Mapping[str, tuple[_Words, str]] = {
    "memory": (lambda limits: f"memory limit of {limits.memory_bytes // MIB} MiB", "limits.memory_mib"),
    "processes": (lambda limits: f"limit of {limits.processes} processes and threads", "limits.processes"),
}
_ROOM: Mapping[str, tuple[_Words, str]] = {
    "home": (lambda limits: f"limit of {limits.home_bytes // MIB} MiB for what pages store", "limits.home_mib"),
    "tmp": (lambda limits: f"limit of {limits.tmp_bytes // MIB} MiB for temporary files", "limits.tmp_mib"),
    "shm": (lambda limits: f"limit of {limits.shm_bytes // MIB} MiB for shared memory", "limits.shm_mib"),
}


def explain_by_limits(error: ActionError, hits: Mapping[str, int], limits: SandboxLimits) -> bool:
    """Say in the error which limits were hit, if they may have caused it; return whether there was one.

    `hits` are the limits that were come to so far, with how often.
    """
    if isinstance(error, PageCrashed | BrowserGone):
        known = {**_DEADLY, **_ROOM}
    elif isinstance(error, ScriptFailed):
        known = dict(_ROOM)
    else:
        return False
    found = [(in_words(limits), setting) for name, (in_words, setting) in known.items() if hits.get(name)]
    if not found:
        return False
    words, settings = (part[0] for part in found), (part[1] for part in found)
    error.message += f"; the sandbox's {' and its '.join(words)} was hit"
    error.hint = f"raise {' or '.join(settings)} in the sandbox profile, or let the page use less"
    return True


def explain_by_own_memory(error: ActionError, limits: SandboxLimits) -> None:
    """Say in a crash's hint that each process is limited by itself, where nothing tells whether one came to that."""
    if isinstance(error, PageCrashed | BrowserGone):
        error.hint += (
            f"; each process may have {limits.memory_bytes // MIB} MiB at most on this machine:"
            " raise limits.memory_mib in the sandbox profile if that is too little"
        )
