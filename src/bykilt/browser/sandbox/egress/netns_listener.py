"""A listening socket inside a sandbox's network namespace, held by us. Knows how it is got (`namespace_socket`)."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys

from anyio import to_thread

from bykilt.browser.sandbox.egress import namespace_socket
from bykilt.errors import MissingCapability

PROXY_PORT = 3128
_PATIENCE_S = 10.0
# Not in Python's socket module. Source: include/uapi/asm-generic/socket.h, since Linux 5.14
_SO_NETNS_COOKIE = 71


class NetworkNamespaceFailed(MissingCapability):
    """The way out of the sandbox could not be opened, so the browser has none."""

    code = "network_namespace_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"no socket could be made in the sandbox's network: {reason}",
            hint="start the browser again; if it stays so, this machine may restrict user namespaces",
        )


async def open_listener(pid: int, port: int = PROXY_PORT) -> socket.socket:
    """Return a socket that listens on 127.0.0.1 of the network namespace of a process; the caller closes it.

    While it is open it keeps the namespace alive. It takes at most some seconds, also when it is cancelled.

    Raises:
        NetworkNamespaceFailed: The process is gone, shares our network, or the kernel refused.
    """
    # Not abandoned when cancelled: a socket that comes too late would keep the namespace for ever.
    listener = await to_thread.run_sync(_open, pid, port)
    try:
        _verify(listener, port)
    except BaseException:
        listener.close()
        raise
    return listener


def _open(pid: int, port: int) -> socket.socket:
    if not sys.executable:
        raise NetworkNamespaceFailed("there is no Python interpreter to start")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        ours.settimeout(_PATIENCE_S)
        command = [sys.executable, "-I", "-S", namespace_socket.__file__, str(pid), str(port), str(theirs.fileno())]
        try:
            with subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={},
            ) as helper:
                theirs.close()
                return _receive(ours, helper)
        except OSError as error:
            raise NetworkNamespaceFailed(str(error)) from error


def _receive(ours: socket.socket, helper: subprocess.Popen[bytes]) -> socket.socket:
    try:
        fd = _receive_fd(ours)
    except OSError:
        helper.kill()
        raise
    if fd is not None:
        return socket.socket(fileno=fd)
    _, said = helper.communicate(timeout=_PATIENCE_S)
    last_line = said.decode(errors="replace").strip().rpartition("\n")[2]
    raise NetworkNamespaceFailed(last_line or f"the helper ended with {helper.returncode}")


def _receive_fd(ours: socket.socket) -> int | None:
    """Return the descriptor that was sent, closed to every program that we start; None if there is none.

    `socket.recv_fds` cannot do that: it passes its flags on to nobody.
    """
    fds = array.array("i")
    _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(fds.itemsize), socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    for surplus in fds[1:]:
        os.close(surplus)
    return fds[0] if fds else None


def _verify(listener: socket.socket, port: int) -> None:
    """Look from outside at what came, whatever the helper did: it must be the browser's way out and nobody else's."""
    is_listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    if not is_listening or listener.getsockname() != ("127.0.0.1", port):
        raise NetworkNamespaceFailed("the socket does not listen where it should")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as own:
        cookie = _namespace_cookie(own)
    if cookie is not None and cookie == _namespace_cookie(listener):
        raise NetworkNamespaceFailed("the socket listens in our own network instead")


def _namespace_cookie(of: socket.socket) -> bytes | None:
    """Return what only sockets of one network namespace have in common; None where the kernel does not tell."""
    try:
        return of.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
    except OSError:
        return None
