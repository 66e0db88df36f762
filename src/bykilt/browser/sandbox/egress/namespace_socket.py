"""A program that makes one listening socket inside the network namespace of another process, and hands it out.

    python -I -S namespace_socket.py PID PORT FD

It listens on 127.0.0.1:PORT there, and sends the socket over the unix socket FD. A socket stays in the namespace in
which it was made, so that whoever has it serves the sandbox from outside: nothing of ours runs inside.
It needs nothing but the standard library, and nothing of the package: it runs on its own, as one thread.
Source: setns(2), ioctl_ns(2)
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import sys
import time

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_NS_GET_USERNS = 0xB701
_PATIENCE_S = 5.0
_PAUSE_S = 0.001
_BACKLOG = 512
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(pid: int, port: int, hand_over: int) -> None:
    """Enter the namespace, listen, and send the socket."""
    _enter(pid)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    _bind(listener, port)
    listener.listen(_BACKLOG)
    with socket.socket(fileno=hand_over) as receiver:
        socket.send_fds(receiver, [b"\0"], [listener.fileno()])


def _enter(pid: int) -> None:
    ours = os.stat("/proc/self/ns/net").st_ino
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if os.fstat(namespace).st_ino == ours:
        # To listen in our own would give the browser's way out to everybody on this machine.
        raise OSError(errno.EINVAL, "the process is in our own network namespace")
    if os.geteuid() != 0:
        # The owner of a user namespace may do in it what root may, also in what belongs to it.
        _setns(fcntl.ioctl(namespace, _NS_GET_USERNS), _CLONE_NEWUSER)
    _setns(namespace, _CLONE_NEWNET)


def _setns(namespace: int, kind: int) -> None:
    if _LIBC.setns(namespace, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def _bind(listener: socket.socket, port: int) -> None:
    """Bind once the loopback interface is up, which bubblewrap sees to in the same moment."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
