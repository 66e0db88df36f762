"""The filters, run by an interpreter: what is refused and how, what cannot get by, and what must go on working."""

import errno
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyseccomp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bykilt.browser.sandbox.seccomp_filter import SeccompOptions, build_filters
from bykilt.browser.sandbox.seccomp_policy import (
    ALLOWED,
    CHECKED,
    LOW_HALF,
    REFUSED,
    Architecture,
    Checked,
    Conditions,
)
from tests.support.bpf import Action, Call, Verdict, run, run_all
from tests.support.seccomp_lack import python_without_libseccomp, python_without_seccomp

ARCHES = {Architecture.X86_64: pyseccomp.Arch.X86_64, Architecture.AARCH64: pyseccomp.Arch.AARCH64}
RECORDED = Path(__file__).with_name("chromium_calls.txt")
X32_BIT = 0x40000000
HIGH = 1 << 32

NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
SIGCHLD = 17
THREAD = 0x3D0F00
UNIX, INET, NETLINK, INET6, PACKET, ALG, VSOCK, XDP = 1, 2, 16, 10, 17, 38, 40, 44
STREAM, DGRAM, RAW, SEQPACKET, DCCP, PACKET_TYPE = 1, 2, 3, 5, 6, 10
CLOEXEC, NONBLOCK = 0o2000000, 0o4000
SCTP, ICMP, MPTCP = 132, 1, 262

PERMITTED: list[tuple[str, *tuple[int, ...]]] = [
    ("clone", SIGCHLD),
    ("clone", THREAD),
    ("clone", NEWUSER | SIGCHLD),
    ("clone", NEWPID | SIGCHLD),
    ("clone", NEWUSER | NEWPID | NEWNET | SIGCHLD),
    ("unshare", NEWUSER),
    ("unshare", NEWUSER | NEWNET | NEWPID),
    ("socket", UNIX, STREAM, 0),
    ("socket", UNIX, SEQPACKET | CLOEXEC, 0),
    ("socket", INET, STREAM | CLOEXEC | NONBLOCK, 6),
    ("socket", INET6, DGRAM, 17),
    ("socket", HIGH | INET, HIGH | DGRAM, HIGH | 17),
    ("socket", NETLINK, RAW | CLOEXEC, 0),
    ("socket", NETLINK, RAW | NONBLOCK, 15),
    ("socketpair", UNIX, SEQPACKET, 0),
    ("setsockopt", 3, 0, 11),
    ("setsockopt", 3, 1, 26),
    ("setsockopt", 3, 41, 66),
    ("setsockopt", 3, 6, 64),
    ("getsockopt", 3, 1, 4),
    ("ioctl", 0, 0x5401),
    ("ioctl", 0, 0x541B),
    ("personality", 0),
    ("personality", 0xFFFFFFFF),
    ("personality", HIGH | 0xFFFFFFFF),
    ("seccomp", 1, 0, 0),
    ("prctl", 22, 2, 0),
    ("chroot", 0),
    ("capset", 0),
]

NOT_PERMITTED = [
    *["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "keyctl", "add_key", "request_key", "setns"],
    *["bpf", "perf_event_open", "userfaultfd", "memfd_secret", "mount", "umount2", "pivot_root", "open_by_handle_at"],
    *["kexec_load", "init_module", "finit_module", "delete_module", "mknodat", "shmget", "msgget", "semget", "mq_open"],
]
NOT_THERE = [
    *["clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "splice", "tee", "vmsplice"],
    *["open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "remap_file_pages"],
]
FORBIDDEN: list[tuple[str, int, *tuple[int, ...]]] = [
    ("clone", errno.EPERM, NEWNS | SIGCHLD),
    ("clone", errno.EPERM, NEWIPC | SIGCHLD),
    ("clone", errno.EPERM, NEWUTS | SIGCHLD),
    ("clone", errno.EPERM, NEWCGROUP | SIGCHLD),
    ("clone", errno.EPERM, NEWUSER | NEWNS | SIGCHLD),
    ("clone", errno.EPERM, NEWUSER | NEWPID | NEWNET | NEWUTS | SIGCHLD),
    ("clone", errno.EPERM, HIGH | NEWNS),
    ("clone", errno.EPERM, 1 << 63 | NEWIPC),
    ("clone", errno.EPERM, THREAD | NEWNS),
    ("unshare", errno.EPERM, NEWNS),
    ("unshare", errno.EPERM, NEWTIME),
    ("unshare", errno.EPERM, NEWUSER | NEWTIME),
    ("unshare", errno.EPERM, NEWUSER | NEWNS),
    ("unshare", errno.EPERM, HIGH | NEWUSER | NEWCGROUP),
    ("socket", errno.EAFNOSUPPORT, VSOCK, STREAM, 0),
    ("socket", errno.EAFNOSUPPORT, HIGH | VSOCK, STREAM, 0),
    ("socket", errno.EAFNOSUPPORT, PACKET, RAW, 0),
    ("socket", errno.EAFNOSUPPORT, ALG, SEQPACKET, 0),
    ("socket", errno.EAFNOSUPPORT, XDP, RAW, 0),
    ("socket", errno.EAFNOSUPPORT, 0, STREAM, 0),
    ("socket", errno.EAFNOSUPPORT, 0xFFFFFFFF, STREAM, 0),
    ("socket", errno.EAFNOSUPPORT, 1 << 31 | INET, STREAM, 0),
    ("socket", errno.EPERM, INET, RAW, 0),
    ("socket", errno.EPERM, INET, RAW | CLOEXEC, 17),
    ("socket", errno.EPERM, INET, HIGH | RAW, 0),
    ("socket", errno.EPERM, HIGH | INET6, HIGH | RAW | NONBLOCK, 0),
    ("socket", errno.EPERM, INET, PACKET_TYPE, 0),
    ("socket", errno.EPERM, INET, SEQPACKET, 0),
    ("socket", errno.EPERM, INET6, DCCP, 0),
    ("socket", errno.EPROTONOSUPPORT, INET, STREAM, SCTP),
    ("socket", errno.EPROTONOSUPPORT, INET, STREAM, HIGH | MPTCP),
    ("socket", errno.EPROTONOSUPPORT, INET6, DGRAM, ICMP),
    ("socket", errno.EPROTONOSUPPORT, NETLINK, RAW, 12),
    ("socket", errno.EPROTONOSUPPORT, NETLINK, RAW, HIGH | 12),
    ("socket", errno.EPROTONOSUPPORT, HIGH | NETLINK, DGRAM, 6),
    ("socketpair", errno.EAFNOSUPPORT, INET, STREAM, 0),
    ("socketpair", errno.EAFNOSUPPORT, HIGH | VSOCK, STREAM, 0),
    ("setsockopt", errno.ENOPROTOOPT, 3, 0, 64),
    ("setsockopt", errno.ENOPROTOOPT, 3, HIGH, HIGH | 64),
    ("setsockopt", errno.ENOPROTOOPT, 3, 0, 1152),
    ("setsockopt", errno.ENOPROTOOPT, 3, 41, 64),
    ("setsockopt", errno.ENOPROTOOPT, 3, HIGH | 41, HIGH | 65),
    ("getsockopt", errno.ENOPROTOOPT, 3, 0, 64),
    ("ioctl", errno.EPERM, 0, 0x5412),
    ("ioctl", errno.EPERM, 0, HIGH | 0x5412),
    ("ioctl", errno.EPERM, 0, 0x541C),
    ("ioctl", errno.EPERM, 0, 0x541D),
    ("ioctl", errno.EPERM, 0, 0x5423),
    ("personality", errno.EPERM, 0x20000),
    ("personality", errno.EPERM, 0x40000),
    ("personality", errno.EPERM, 8),
    ("personality", errno.EPERM, HIGH | 0x40000),
    *((name, errno.EPERM) for name in NOT_PERMITTED),
    *((name, errno.ENOSYS) for name in NOT_THERE),
]

both = pytest.mark.parametrize("architecture", Architecture)


def _call(architecture: Architecture, name: str, *arguments: int) -> Call:
    number = pyseccomp.resolve_syscall(ARCHES[architecture], name)
    return Call(number, arguments, _audit_number(architecture))


def _audit_number(architecture: Architecture) -> int:
    return int(ARCHES[architecture])


def _verdict(architecture: Architecture, name: str, *arguments: int) -> Verdict:
    return run_all(build_filters(SeccompOptions(architecture)), _call(architecture, name, *arguments))


@both
@pytest.mark.parametrize("call", PERMITTED, ids=str)
def test_a_call_that_chromium_needs_is_permitted(
    architecture: Architecture, call: tuple[str, *tuple[int, ...]]
) -> None:
    name, *arguments = call
    assert _verdict(architecture, name, *arguments).allows


@both
@pytest.mark.parametrize("call", FORBIDDEN, ids=str)
def test_a_forbidden_call_gets_its_error(architecture: Architecture, call: tuple[str, int, *tuple[int, ...]]) -> None:
    name, error, *arguments = call
    assert _verdict(architecture, name, *arguments) == Verdict(Action.ERRNO, error)


@both
@pytest.mark.parametrize("call", FORBIDDEN, ids=str)
def test_the_refusing_filter_is_enough_by_itself(
    architecture: Architecture, call: tuple[str, int, *tuple[int, ...]]
) -> None:
    """Defence in depth: neither filter relies on the other."""
    name, error, *arguments = call
    _, refusing = build_filters(SeccompOptions(architecture))
    assert run(refusing, _call(architecture, name, *arguments)) == Verdict(Action.ERRNO, error)


@both
def test_every_refused_name_is_refused_by_either_filter(architecture: Architecture) -> None:
    names = [name for group in REFUSED for name in group.names_on(architecture)]
    known = [name for name in names if pyseccomp.resolve_syscall(ARCHES[architecture], name) >= 0]
    assert len(known) > 80
    for program in build_filters(SeccompOptions(architecture)):
        assert [name for name in known if run(program, _call(architecture, name)).allows] == []


@both
def test_every_allowed_name_is_allowed_by_both_filters(architecture: Architecture) -> None:
    names = [name for group in ALLOWED for name in group.names_on(architecture)]
    known = [name for name in names if pyseccomp.resolve_syscall(ARCHES[architecture], name) >= 0]
    assert [name for name in known if not _verdict(architecture, name).allows] == []


@both
def test_what_the_policy_does_not_name_does_not_exist(architecture: Architecture) -> None:
    """Also the calls that no kernel has yet."""
    filters = build_filters(SeccompOptions(architecture))
    named = {
        _call(architecture, name).number for group in (*ALLOWED, *REFUSED) for name in group.names_on(architecture)
    }
    named |= {_call(architecture, call.name).number for call in CHECKED}
    others = [number for number in range(1024) if number not in named]
    verdicts = {run_all(filters, Call(number, (), _audit_number(architecture))) for number in others}
    assert verdicts == {Verdict(Action.ERRNO, errno.ENOSYS)}


@both
def test_the_calls_of_another_architecture_kill_the_process(architecture: Architecture) -> None:
    """The same number is another call there: 26 is ptrace for i386 and msync for x86_64."""
    filters = build_filters(SeccompOptions(architecture))
    for name in ("X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "RISCV64", "S390X"):
        number: int = getattr(pyseccomp.Arch, name)
        verdict = run_all(filters, Call(0, (), number))
        assert (verdict.action is Action.KILL_PROCESS) == (number != _audit_number(architecture)), name


def test_the_x32_calls_of_x86_64_kill_the_process() -> None:
    filters = build_filters(SeccompOptions(Architecture.X86_64))
    for number in (0, 39, 101, 512, 521, 0x3FFFFFFE):
        call = Call(X32_BIT | number, (), _audit_number(Architecture.X86_64))
        assert run_all(filters, call).action is Action.KILL_PROCESS
        assert [run(program, call).action for program in filters] == [Action.KILL_PROCESS] * 2


@both
def test_a_number_below_zero_is_no_call(architecture: Architecture) -> None:
    filters = build_filters(SeccompOptions(architecture))
    assert not run_all(filters, Call(-1, (), _audit_number(architecture))).allows


@both
def test_chromium_can_make_every_call_that_it_was_seen_to_make(architecture: Architecture) -> None:
    """Recorded from a real browser; where aarch64 has not got a call, its C library makes the newer one."""
    lines = [line.split() for line in RECORDED.read_text().splitlines() if not line.startswith("#")]
    calls = [(name, [int(argument, 16) for argument in arguments]) for name, *arguments in lines]
    assert len(calls) > 150
    known = [call for call in calls if pyseccomp.resolve_syscall(ARCHES[architecture], call[0]) >= 0]
    assert len(known) == len(calls) or architecture is not Architecture.X86_64
    assert [call for call in known if not _verdict(architecture, call[0], *call[1]).allows] == []


@both
@pytest.mark.parametrize("checked", CHECKED, ids=lambda checked: checked.name)
@settings(max_examples=100)
@given(data=st.data())
def test_the_low_half_of_the_arguments_decides_and_nothing_else(
    architecture: Architecture, checked: Checked, data: st.DataObject
) -> None:
    """For any arguments: what both filters say is what the policy says of the 32 bits that the kernel reads."""
    low = [data.draw(_low_half(checked, index)) for index in range(3)]
    high = data.draw(st.tuples(*[st.sampled_from([0, 1, 1 << 31, LOW_HALF]) | st.integers(0, LOW_HALF)] * 3))
    call = _call(architecture, checked.name, *(part | rest << 32 for part, rest in zip(low, high, strict=True)))
    allowing, refusing = build_filters(SeccompOptions(architecture))
    errors = {refusal.error for refusal in checked.refused if _hold(refusal.conditions, low)}
    is_permitted = not checked.permitted or any(_hold(conditions, low) for conditions in checked.permitted)

    assert run(refusing, call).allows == (not errors)
    assert run(allowing, call).allows == is_permitted
    assert run_all([allowing, refusing], call).error in (errors or {0})
    assert not checked.permitted or is_permitted == (not errors)


@cache
def _low_half(checked: Checked, index: int) -> st.SearchStrategy[int]:
    """Anything, but mostly what the policy compares this argument with, or a bit away from it."""
    alternatives = [*checked.permitted, *(refusal.conditions for refusal in checked.refused)]
    compared = sorted({each.value for conditions in alternatives for each in conditions if each.argument == index})
    known = st.sampled_from(compared or [0])
    near = st.builds(lambda value, bit: value ^ 1 << bit, known, st.integers(0, 31))
    return known | near | st.integers(0, 255) | st.integers(0, LOW_HALF)


def test_the_filters_are_built_once() -> None:
    assert build_filters(SeccompOptions()) is build_filters(SeccompOptions())


def test_the_module_is_imported_without_looking_for_libseccomp() -> None:
    """Looking for it runs other programs, and most commands start no browser."""
    code = "import sys, bykilt.browser.sandbox.seccomp_filter; print('pyseccomp' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


BUILD = """
from bykilt.browser.sandbox.seccomp_filter import SeccompOptions, SeccompUnavailable, build_filters
try:
    print("built", build_filters(SeccompOptions()))
except SeccompUnavailable as error:
    print(error.code, error.exit_code.name, error.explain())
"""


def test_without_libseccomp_there_is_an_error_with_advice_and_no_filter() -> None:
    said = python_without_libseccomp(BUILD)
    assert said.startswith("seccomp_unavailable MISSING_CAPABILITY libseccomp cannot be loaded")
    assert "libseccomp2" in said


def test_on_a_kernel_without_seccomp_there_is_an_error_with_advice_and_no_filter() -> None:
    said = python_without_seccomp(BUILD)
    assert said.startswith("seccomp_unavailable MISSING_CAPABILITY this kernel cannot filter system calls")
    assert "CONFIG_SECCOMP_FILTER" in said


def _hold(conditions: Conditions, arguments: list[int]) -> bool:
    return all(arguments[each.argument] & each.mask == each.value for each in conditions)
