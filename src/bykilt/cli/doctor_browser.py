"""Really starts Chromium once and looks at its processes: does it answer, as whom, and inside its sandbox?

Knows the kernel's words about a process. Does not know what is to be made of the findings (`doctor_checks`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import anyio

from bykilt.browser.cdp.commands import BROWSER_GET_VERSION, TARGET_CREATE_TARGET
from bykilt.browser.cdp.connection import Connection
from bykilt.browser.cdp.errors import ProtocolError
from bykilt.browser.cdp.transport import PipeTransport
from bykilt.browser.launch.arguments import weakens_sandbox
from bykilt.browser.launch.process import ChromiumProcess, start_chromium
from bykilt.browser.launch.processes import Process, living
from bykilt.browser.launch.settings import ChromiumSettings

_PATIENCE_S = 20.0
_SETTLE_S = 3.0
_NEXT_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Probe:
    """What was seen of a running Chromium.

    `seccomp` and `own_namespace` are about its renderers, the processes that run what pages bring.
    """

    product: str
    start_ms: float
    uid: int
    processes: int
    renderers: int
    as_root: int
    seccomp: bool
    own_namespace: bool
    weakened_by: tuple[str, ...]


async def probe_chromium() -> Probe:
    """Start Chromium with an empty page, look, and end it.

    Raises:
        ChromiumNotFound, ChromiumNotStarted: With the reason and what to do.
    """
    started_s = time.monotonic()
    process = await start_chromium(ChromiumSettings())
    connection = Connection(PipeTransport(*process.take_pipe()))
    try:
        with anyio.fail_after(_PATIENCE_S):
            version = await connection.root.send(BROWSER_GET_VERSION({}))
            start_ms = (time.monotonic() - started_s) * 1000
            await connection.root.send(TARGET_CREATE_TARGET({"url": "about:blank"}))
            return await _look_until_settled(process, version["product"], start_ms)
    except (ProtocolError, TimeoutError):
        raise await process.failure() from None
    finally:
        with anyio.move_on_after(_PATIENCE_S, shield=True):
            connection.close()
            await process.close()


async def _look_until_settled(process: ChromiumProcess, product: str, start_ms: float) -> Probe:
    """Look until every renderer is inside its sandbox, for a while at most; what is seen then counts.

    A renderer enters its sandbox a moment after it was forked, before it is given any page; another may just be
    ending. The kernel announces neither, so there is nothing to wait for but the next look.
    """
    give_up_s = time.monotonic() + _SETTLE_S
    while True:
        probe = await anyio.to_thread.run_sync(_look, process, product, start_ms)
        if (probe.seccomp and probe.own_namespace) or time.monotonic() >= give_up_s:
            return probe
        await anyio.sleep(_NEXT_LOOK_S)


def _look(process: ChromiumProcess, product: str, start_ms: float) -> Probe:
    mine = [found for found in living() if _belongs(found, process)]
    renderers = [found for found in mine if "--type=renderer" in _command_line(found.pid)]
    return Probe(
        product=product,
        start_ms=start_ms,
        uid=process.uid,
        processes=len(mine),
        renderers=len(renderers),
        as_root=sum(1 for found in mine if found.uid == 0),
        seccomp=bool(renderers) and all(_has_seccomp(found.pid) for found in renderers),
        own_namespace=bool(renderers) and all(_has_own_namespace(found.pid) for found in renderers),
        # Its children have such switches by design, for instance the zygote that forks the GPU process.
        weakened_by=tuple(part for part in _command_line(process.pid) if weakens_sandbox(part)),
    )


def _belongs(found: Process, process: ChromiumProcess) -> bool:
    # The browser leads a session of its own; its zygotes and all that they fork stay in it.
    return found.session == process.pid or found.pid == process.pid


def _command_line(pid: int) -> tuple[str, ...]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    # Chromium rewrites its title: arguments may be separated by spaces instead of NUL.
    return tuple(raw.decode(errors="replace").replace("\0", " ").split())


def _status(pid: int) -> dict[str, list[str]]:
    """Return the words that the kernel says about a process, by their name. Source: proc(5), everybody may read it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {name: words.split() for name, _, words in (line.partition(":") for line in lines)}


def _has_seccomp(pid: int) -> bool:
    """Return whether a filter decides about the process's system calls."""
    return _status(pid).get("Seccomp") == ["2"]


def _has_own_namespace(pid: int) -> bool:
    """Return whether the process has a pid of its own in a namespace below ours."""
    return len(_status(pid).get("NSpid", ())) > 1
