"""Ctrl-C and SIGTERM: while a run goes on the first asks it to end, the second does not wait.

Knows signals. What ending means is up to the function it is given.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import anyio
import click

from bykilt.errors import ExitCode


async def on_interrupt(end: Callable[[], Awaitable[object]]) -> None:
    """Call `end` at the first signal and leave the process at the second. Runs until it is cancelled.

    Leaving at once skips all clean-up: Chromium ends by itself when its pipe breaks, and the next start of
    bykilt marks the run as interrupted and removes what was left.
    """
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        asked = False
        async for _ in signals:
            if asked:
                click.echo("\nleaving at once", err=True)
                os._exit(ExitCode.INTERRUPTED)
            asked = True
            click.echo("\nending the run; once more to leave at once", err=True)
            await end()


@contextmanager
def interruptible() -> Iterator[Callable[[], object]]:
    """Yield a function that returns when the user has had enough of something that goes on in threads of its own.

    From the start of the block on no signal is lost: enter it before the user is told that the thing goes on.
    """
    # Of all queues this is the one that may be used in a signal handler.
    interrupts: SimpleQueue[int] = SimpleQueue()
    before = {
        number: signal.signal(number, lambda received, _: interrupts.put(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interrupts.get
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
