"""System calls by number, as a hostile program makes them: past the C library, and with any arguments.

Knows the numbers on x86_64 and aarch64, and the layout of what the calls take. Makes no judgement.
Source: asm/unistd_64.h, asm-generic/unistd.h
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

IS_X86_64 = platform.machine() == "x86_64"
HIGH_BIT = 1 << 32
SIGCHLD = 17

NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

# name: x86_64, aarch64
_NUMBERS = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsopen": (430, 430),
    "get_mempolicy": (239, 236),
    "getpid": (39, 172),
    "getsockopt": (55, 209),
    "init_module": (175, 105),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_secret": (447, 447),
    "mknodat": (259, 33),
    "modify_ldt": (154, -1),
    "mount": (165, 40),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "seccomp": (317, 277),
    "semget": (64, 190),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "setsockopt": (54, 208),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "splice": (275, 76),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "tee": (276, 77),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class IoVector(ctypes.Structure):
    """`struct iovec`: one piece of memory."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def number_of(name: str) -> int:
    """Return the number of a call on this machine."""
    number = _NUMBERS[name][0 if IS_X86_64 else 1]
    if number < 0:
        raise OSError(38, f"{name} is no call of this machine")
    return number


def call_number(number: int, *arguments: object) -> int:
    """Make a system call; integers are passed as 64 bits, buffers by address.

    Raises:
        OSError: The kernel said no.
    """
    passed = [ctypes.c_uint64(each & 0xFFFF_FFFF_FFFF_FFFF) if isinstance(each, int) else each for each in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        number_of_error = ctypes.get_errno()
        raise OSError(number_of_error, os.strerror(number_of_error))
    return result


def call(name: str, *arguments: object) -> int:
    """Make a system call by name; see `call_number`."""
    return call_number(number_of(name), *arguments)


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    call("unshare", flags)


def raw_clone(flags: int) -> None:
    """Start a child in new namespaces that ends at once."""
    _end(call("clone", flags | SIGCHLD, 0, 0, 0, 0))


def raw_clone3(flags: int) -> None:
    """Start a child in new namespaces that ends at once, by the call whose flags lie in memory."""
    arguments = (ctypes.c_uint64 * 8)(flags, 0, 0, 0, SIGCHLD, 0, 0, 0)
    _end(call("clone3", ctypes.byref(arguments), ctypes.sizeof(arguments)))


def _end(child: int) -> None:
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


@contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close a descriptor at the end."""
    try:
        yield fd
    finally:
        os.close(fd)
