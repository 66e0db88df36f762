"""A program that stands between bykilt and one sandbox, and ends only when nothing of the sandbox lives.

    python -I -S warden.py ORDERS PROGRAM ARGUMENT...

It needs nothing but the standard library, and nothing of the package: it runs on its own.
ORDERS is a JSON file:

    {"lifeline": FIFO, "report": FIFO, "owner": [pid, start ticks], "bwrap": program, "options": [words],
     "options_fd": n, "info_fd": n, "seccomp": {"n": file}, "cgroups": [folder], "folder": of the session,
     "lock": folder or null,
     "user": [uid, gid] or null, "rlimits": {"name": n}}

Bykilt alone holds the writing end of the lifeline. The kernel closes it when bykilt ends, however it ends; then,
or when the sandbox ends by itself, everything below is killed until nothing is left. An inner process whose parent
died falls to us, because we are a sub-reaper, so that none can hide. What bubblewrap says about the namespaces that
it has made goes to the report, as one line of JSON; `{"exit": n}` is said instead if it failed.

`--die-with-parent` alone does not do: a bubblewrap that is killed in the moment of its start leaves an orphan.
Source: prctl(2), https://github.com/containers/bubblewrap/issues/633
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from typing import Any

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_CHILD_SUBREAPER = 36
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)
_KILLING_S = 10.0
_PAUSE_S = 0.004
_CANNOT_START = 97
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(orders_file: str, program: list[str]) -> int:
    """Start the sandbox, wait for its end or bykilt's, kill what is left, and return its exit status."""
    with open(orders_file, encoding="utf-8") as lines:
        orders: dict[str, Any] = json.load(lines)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    lifeline = os.open(orders["lifeline"], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    report = os.open(orders["report"], os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not _lives(*orders["owner"]):
        # It died before we held the lifeline: a pipe that never had a writer does not hang up.
        return _CANNOT_START
    if orders["lock"] is not None and not _share_lock(orders["lock"]):
        _say(report, json.dumps({"exit": _CANNOT_START}).encode())
        return _CANNOT_START
    info, info_child = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            _become(orders, info_child, program)
        except (OSError, ValueError, KeyError) as error:
            os.write(2, f"bykilt: the sandbox could not be started: {error}\n".encode())
        finally:
            os._exit(_CANNOT_START)
    os.close(info_child)
    # The pipes to the browser are the browser's alone: it has to see when the other side closes them.
    os.closerange(3, min(lifeline, report, info))
    status = _watch(child, lifeline, info, report)
    _remove(orders["cgroups"])
    if not _lives(*orders["owner"]):
        # Nobody else is left to do it; what a browser wrote to disk must not outlive it.
        shutil.rmtree(orders["folder"], ignore_errors=True)
    return status


def _share_lock(folder: str) -> bool:
    """Hold the lock on a profile that is kept, as bykilt does: as long as we live, and so as long as the browser."""
    try:
        fcntl.flock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        os.write(2, f"bykilt: the lock on the profile was lost: {error}\n".encode())
        return False
    return True


def _become(orders: dict[str, Any], info: int, program: list[str]) -> None:
    """Turn into bubblewrap, with less than we have."""
    for folder in orders["cgroups"]:
        with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as members:
            members.write(str(os.getpid()))
    for name, limit in orders["rlimits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(number, (allowed, allowed))
    for number in _IGNORED:
        signal.signal(number, signal.SIG_DFL)
    for target, path in orders["seccomp"].items():
        _put(os.open(path, os.O_RDONLY | os.O_CLOEXEC), int(target))
    _put(info, orders["info_fd"])
    _put(_in_memory("\0".join(orders["options"]).encode()), orders["options_fd"])
    if orders["user"] is not None:
        _give_up_root(*orders["user"])
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # Whatever runs inside can read the command line of its first process: what is hidden stays off it.
    command = [orders["bwrap"], "--args", str(orders["options_fd"]), "--", *program]
    os.execve(command[0], command, {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})


def _in_memory(content: bytes) -> int:
    """Return a descriptor from which this can be read."""
    fd = os.memfd_create("options", os.MFD_CLOEXEC)
    # Short enough to be written at once: the kernel takes 2 GiB.
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _put(fd: int, target: int) -> None:
    os.dup2(fd, target, inheritable=True)
    os.close(fd)


def _give_up_root(uid: int, gid: int) -> None:
    """Become an ordinary user for good: neither a setuid program nor the bounding set gives rights back."""
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as line:
        last = int(line.read())
    for capability in range(last + 1):
        _prctl(_PR_CAPBSET_DROP, capability)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


def _lives(pid: int, start_ticks: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as line:
            text = line.read()
    except OSError:
        return False
    return int(text[text.rindex(")") + 2 :].split()[19]) == start_ticks


def _watch(child: int, lifeline: int, info: int, report: int) -> int:
    """Return the exit status once nothing below us lives."""
    pidfd = os.pidfd_open(child)
    poll = select.poll()
    for fd in (lifeline, pidfd, info):
        poll.register(fd, select.POLLIN)
    said = b""
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if info in ready:
            chunk = os.read(info, 4096)
            said += chunk
            if not chunk:
                poll.unregister(info)
                _say(report, said)
                said = b""
        if pidfd in ready or lifeline in ready:
            break
    status = _kill_all(child)
    if said or info in ready:
        _say(report, json.dumps({"exit": status}).encode())
    return status


def _say(report: int, what: bytes) -> None:
    try:
        os.write(report, b" ".join(what.split()) + b"\n")
    except OSError:
        pass  # nobody listens any more, which the lifeline tells as well


def _kill_all(child: int) -> int:
    """Kill whatever is below us; orphans go on arriving while we do."""
    status = 128 + signal.SIGKILL
    deadline = time.monotonic() + _KILLING_S
    while time.monotonic() < deadline:
        for pid in _children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while True:
                ended, raw = os.waitpid(-1, os.WNOHANG)
                if ended == 0:
                    break
                if ended == child:
                    code = os.waitstatus_to_exitcode(raw)
                    status = code if code >= 0 else 128 - code
        except ChildProcessError:
            break
        time.sleep(_PAUSE_S)
    return status


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as line:
        return [int(each) for each in line.read().split()]


def _remove(cgroups: list[str]) -> None:
    deadline = time.monotonic() + 1.0
    for folder in cgroups:
        while True:
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                break
            except OSError:
                # The kernel takes a moment to let go of the dead.
                if time.monotonic() > deadline:
                    break
                time.sleep(_PAUSE_S)
            else:
                break


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
