"""Starting a program with exactly the descriptors it should have. Knows posix_spawn; nothing of Chromium.

`posix_spawn` runs no Python between fork and exec, so it is safe beside threads, and fast however large we are.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bykilt.browser.launch.errors import ChromiumNotStarted

# Above every number that a child is given, so that putting one descriptor in place never closes another.
_FIRST_SAFE_FD = 64
_PIPE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Spawned:
    """A started program: it reads what is written to `write_fd` as its 3, and writes its 4 to `read_fd`."""

    pid: int
    read_fd: int
    write_fd: int


def spawn(command: Sequence[str], environment: Mapping[str, str], stderr_fd: int) -> Spawned:
    """Start a program in a session of its own, with descriptors 0 to 4 and no other.

    Raises:
        ChromiumNotStarted: The system refused.
    """
    to_child, write_fd = os.pipe()
    read_fd, from_child = os.pipe()
    try:
        _enlarge(read_fd)
        pid = _spawn(command, environment, {1: stderr_fd, 2: stderr_fd, 3: to_child, 4: from_child})
    except OSError as error:
        os.close(read_fd)
        os.close(write_fd)
        raise ChromiumNotStarted(
            f"{command[0]} could not be started: {error.strerror}",
            hint="check that the file can be executed, and the limits on processes and memory",
        ) from error
    finally:
        os.close(to_child)
        os.close(from_child)
    return Spawned(pid=pid, read_fd=read_fd, write_fd=write_fd)


def _spawn(command: Sequence[str], environment: Mapping[str, str], wanted: Mapping[int, int]) -> int:
    with open(os.devnull, "rb") as nothing:
        sources = {0: nothing.fileno(), **wanted}
        safe = {target: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_SAFE_FD) for target, fd in sources.items()}
        try:
            actions: list[tuple[int, int, int] | tuple[int, int]] = [
                (os.POSIX_SPAWN_DUP2, fd, target) for target, fd in safe.items()
            ]
            actions += [(os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable() if fd not in safe]
            return os.posix_spawn(
                command[0],
                list(command),
                dict(environment),
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                # Python ignores these two, and the child would go on ignoring them.
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
        finally:
            for fd in safe.values():
                os.close(fd)


def _inheritable() -> list[int]:
    """Return the descriptors that a child would get although nobody meant it to, such as those we got that way."""
    found: list[int] = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue
    return found


def _enlarge(pipe_fd: int) -> None:
    """Let large messages, such as pictures, through in fewer turns."""
    try:
        fcntl.fcntl(pipe_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass  # the user's share of pipe memory is used up; it works without
