"""What a worker that was taken over can do from inside its container: nothing that is listed here.

The same tries under a plain `docker run` show that each kind of them can succeed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyseccomp

from bykilt.llm.policy import SandboxPolicy
from bykilt.llm.worker import second_filter
from tests.support.llm import run_inside

PROBE = (Path(__file__).resolve().parents[1] / "support" / "llm_probe.py").read_text()
# Numbers of x86-64: 0 to 334 and 424 to 462 exist; between them there is nothing.
EVERY_CALL = {*range(335), *range(424, 463)}
# These are told apart by their arguments, which have tries of their own.
BY_ARGUMENT = {"clone", "clone3", "fcntl", "ioctl", "prctl", "prlimit64", "seccomp"}
# What a plain container lets through to the kernel and what does no harm there with impossible arguments.
HARMLESS = [
    22, 26, 32, 40, 41, 43, 49, 50, 51, 53, 54, 76, 77, 82, 83, 84, 86, 88, 90, 92, 101, 133, 161, 187, 188, 191, 206,
    208, 213, 216, 233, 240, 251, 254, 257, 258, 263, 275, 276, 283, 284, 285, 288, 290, 294, 299, 307, 310, 319, 322,
    326, 424, 425, 434, 437, 440, 448,
]  # fmt: skip


def probe(walls: str, numbers: list[int], policy: SandboxPolicy | None) -> dict[str, tuple[bool, str]]:
    ended = run_inside(PROBE, policy=policy, arguments=(walls, json.dumps(numbers)))
    assert ended.code == 0, ended.stderr
    return {what: (refused, came_back) for what, refused, came_back in ended.lines}


def allowed_by_profile() -> set[int]:
    profile = json.loads(
        next(
            option.removeprefix("seccomp=")
            for option in SandboxPolicy().host_config(has_apparmor=False)["SecurityOpt"]
            if option.startswith("seccomp=")
        )
    )
    names = {name for rule in profile["syscalls"] for name in rule["names"]} | BY_ARGUMENT
    return {pyseccomp.resolve_syscall(pyseccomp.Arch.X86_64, name) for name in names}


def test_no_way_out_of_the_container_works() -> None:
    """Every system call that is not on the list, every family of sockets, files, programs, namespaces."""
    found = probe("one", sorted(EVERY_CALL - allowed_by_profile()), SandboxPolicy())
    assert {what: back for what, (refused, back) in found.items() if not refused} == {}
    assert len(found) >= 400


def test_no_way_out_works_behind_the_second_filter() -> None:
    """No file can be opened, no thread or program started, no memory made executable."""
    allowed = {*second_filter._ALLOWED.values(), *second_filter._MEMORY.values()}
    found = probe("two", sorted(EVERY_CALL - allowed), SandboxPolicy())
    assert {what: back for what, (refused, back) in found.items() if not refused} == {}
    assert len(found) >= 300


def test_the_same_tries_succeed_in_a_plain_container() -> None:
    """A suite that refuses everything everywhere would prove nothing."""
    found = probe("none", HARMLESS, None)
    worked = {what for what, (refused, _) in found.items() if not refused}
    assert len(worked) >= 80, sorted(found.items())
    assert {"fork", "write /x", "socket(UNIX, 1)", "socketpair", "no root", "NoNewPrivs", "system call 41"} <= worked


def test_the_old_way_into_the_kernel_is_death() -> None:
    """The 32-bit entry would reach sockets past a filter for 64 bits: the process is killed (128 + SIGSYS)."""
    program = (
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))\n"  # mov eax, 20 (getpid); int 0x80; ret
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()\n"
    )
    assert run_inside(program, policy=SandboxPolicy()).code == 159
    assert run_inside(program, policy=None).code == 0
