"""Looking names up and connecting, without deciding where to: the caller checks each address in between.

Knows the system's resolver and its sockets. Does not know which addresses may be reached.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio import to_thread

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Connect = Callable[[str, int], Awaitable[socket.socket]]

# A look-up cannot be interrupted and may go on long after nobody waits for it any more.
_lookups = threading.BoundedSemaphore(64)


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Return the addresses that the system's resolver has for a name.

    Raises:
        OSError: It has none, or has no time for us.
    """
    # `_lookups` is the limit: it counts threads that nobody waits for as well, which a limiter does not.
    return await to_thread.run_sync(_look_up, host, port, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))


async def connect_tcp(address: str, port: int) -> socket.socket:
    """Return a connection to an IP address.

    Raises:
        OSError: There is none.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        try:
            connection.connect((address, port))
        except BlockingIOError:
            await anyio.wait_writable(connection)
            error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "connection failed") from None
        if connection.getsockname() == connection.getpeername():
            # Nobody listens, and the port we were given is by chance the one that we called.
            raise ConnectionRefusedError("connected to itself")
    except BaseException:
        connection.close()
        raise
    return connection


def _look_up(host: str, port: int) -> list[str]:
    if not _lookups.acquire(blocking=False):
        raise OSError("too many names are being looked up")
    try:
        # As bytes, or Python would spell the name anew by rules of its own.
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    finally:
        _lookups.release()
    return [str(address[0]) for *_, address in found]
