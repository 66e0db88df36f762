"""The filter that the worker puts on itself once the model is loaded: no files, programs, threads or executable memory.

Filters stack and the strictest answer wins, so this can only take away. Knows the numbers of x86-64; needs no library.

Source: seccomp(2), https://man7.org/linux/man-pages/man2/seccomp.2.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_X86_64, _SECCOMP, _SET_MODE_FILTER, _FLAG_TSYNC, _PROT_EXEC = 0xC000003E, 317, 1, 1, 4
_LOAD, _IS_EQUAL, _HAS_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _THIRD_ARGUMENT_AT = 0, 4, 32

_MEMORY = {"mmap": 9, "mprotect": 10}
_ALLOWED = {
    "read": 0, "write": 1, "close": 3, "poll": 7, "lseek": 8, "munmap": 11, "brk": 12, "rt_sigaction": 13,
    "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19, "writev": 20, "sched_yield": 24, "mremap": 25,
    "madvise": 28, "nanosleep": 35, "getpid": 39, "exit": 60, "gettimeofday": 96, "getrusage": 98, "sysinfo": 99,
    "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234,
    "set_robust_list": 273, "getrandom": 318, "rseq": 334,
}  # fmt: skip


def program() -> bytes:
    """Return the filter's instructions."""
    code = [_step(_LOAD, 0, 0, _ARCHITECTURE_AT), _step(_IS_EQUAL, 1, 0, _X86_64), _step(_RETURN, 0, 0, _KILL)]
    code.append(_step(_LOAD, 0, 0, _NUMBER_AT))
    for number in _MEMORY.values():
        code += [
            _step(_IS_EQUAL, 0, 4, number),
            _step(_LOAD, 0, 0, _THIRD_ARGUMENT_AT),
            _step(_HAS_BIT, 0, 1, _PROT_EXEC),
            _step(_RETURN, 0, 0, _REFUSE),
            _step(_RETURN, 0, 0, _ALLOW),
        ]
    for number in _ALLOWED.values():
        code += [_step(_IS_EQUAL, 0, 1, number), _step(_RETURN, 0, 0, _ALLOW)]
    code.append(_step(_RETURN, 0, 0, _REFUSE))
    return b"".join(code)


def install() -> None:
    """Put the filter on every thread of this process, for ever.

    Raises:
        OSError: The kernel refuses, or this is no x86-64.
    """
    if os.uname().machine != "x86_64":
        raise OSError(errno.ENOSYS, "the second filter is written for x86-64")
    code = program()
    instructions = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_long(_SECCOMP), ctypes.c_ulong(_SET_MODE_FILTER), ctypes.c_ulong(_FLAG_TSYNC), header)
    if libc.syscall(*arguments) != 0:
        raise OSError(ctypes.get_errno(), "the second filter was not accepted")


def is_in_force() -> bool:
    """Whether opening a file is refused, which is tried."""
    try:
        os.close(os.open("/proc/self/status", os.O_RDONLY))
    except PermissionError:
        return True
    return False


def _step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
