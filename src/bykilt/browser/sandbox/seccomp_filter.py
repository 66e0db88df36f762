"""Builds the seccomp filters from the policy: bytes that the kernel runs at every system call.

Owns libseccomp (by pyseccomp). Knows nothing of who installs the filters, and not what they say (`seccomp_policy`).
There is no weaker filter than this one: what cannot be built as written is an error.
"""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bykilt.browser.sandbox.seccomp_policy import ALLOWED, CHECKED, REFUSED, Architecture, Conditions, Group
from bykilt.errors import MissingCapability

# The level of libseccomp's interface, which it finds out from the kernel, at which a whole process can be killed.
_API_KILL_PROCESS = 3
_UNKNOWN = -1


class SeccompUnavailable(MissingCapability):
    """The filters cannot be built or would not hold here."""

    code = "seccomp_unavailable"


def this_machine() -> Architecture:
    """Return what we run on.

    Raises:
        SeccompUnavailable: There is no policy for it.
    """
    machine = platform.machine()
    try:
        return Architecture(machine)
    except ValueError:
        known = ", ".join(architecture.value for architecture in Architecture)
        raise SeccompUnavailable(
            f"there are no seccomp filters for a {machine} machine",
            hint=f"run the sandboxed browser on one of {known}",
        ) from None


@dataclass(frozen=True, slots=True)
class SeccompOptions:
    """What the filters are for."""

    architecture: Architecture = field(default_factory=this_machine)


@cache
def build_filters(options: SeccompOptions) -> tuple[bytes, ...]:
    """Return the filters, to be installed in this order; a call is made only if each of them allows it.

    The first allows what the policy names, and nothing else exists for it (ENOSYS). The second allows everything but
    what the policy refuses. Both hold alone; where both refuse, the program sees the error of the one installed last.
    The first time takes some 20 ms, most of them for finding libseccomp; after that the same bytes come back.

    Raises:
        SeccompUnavailable: libseccomp is missing or too old, or this kernel cannot filter.

    Source: seccomp(2), seccomp_rule_add(3)
    """
    seccomp = _libseccomp()
    try:
        return (
            _Filter.allowing(seccomp, options.architecture).program(),
            _Filter.refusing(seccomp, options.architecture).program(),
        )
    except (OSError, ValueError) as error:
        raise SeccompUnavailable(
            f"libseccomp cannot build the sandbox's filters: {error}",
            hint="install libseccomp 2.5 or newer (Debian, Ubuntu: libseccomp2)",
        ) from error


def _libseccomp() -> Any:
    try:
        # It looks for the C library by running programs as soon as it is imported.
        import pyseccomp as seccomp
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise SeccompUnavailable(
            f"libseccomp cannot be loaded: {error}",
            hint="install it (Debian, Ubuntu: libseccomp2; Fedora: libseccomp) and bykilt's own dependencies",
        ) from error
    level = _interface_level(seccomp)
    if level < _API_KILL_PROCESS:
        raise SeccompUnavailable(
            f"this kernel cannot filter system calls as the sandbox needs (libseccomp's interface level is {level})",
            hint="use Linux 4.14 or newer with CONFIG_SECCOMP_FILTER; in a container, let it use seccomp(2)",
        )
    return seccomp


def _interface_level(seccomp: Any) -> int:
    try:
        return int(seccomp.get_api())
    except NotImplementedError:
        return 0


class _Filter:
    """One filter of libseccomp, for one architecture."""

    def __init__(self, seccomp: Any, architecture: Architecture, default: int) -> None:
        self._seccomp = seccomp
        self._arch: int = {
            Architecture.X86_64: seccomp.Arch.X86_64,
            Architecture.AARCH64: seccomp.Arch.AARCH64,
        }[architecture]
        self._filter: Any = seccomp.SyscallFilter(default)
        native: int = seccomp.system_arch()
        if self._arch != native:
            self._filter.add_arch(self._arch)
            self._filter.remove_arch(native)
        # Whoever installs the filters sets no_new_privs; it is no part of the bytes.
        self._filter.set_attr(seccomp.Attr.CTL_NNP, 0)
        # Also for x32, whose calls come from the same architecture with a bit set. Numbers mean other calls there.
        self._filter.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)

    @classmethod
    def allowing(cls, seccomp: Any, architecture: Architecture) -> _Filter:
        """Only what the policy names."""
        result = cls(seccomp, architecture, seccomp.ERRNO(errno.ENOSYS))
        for _, name in _each_name(ALLOWED, architecture):
            result._rule(seccomp.ALLOW, name)
        for call in CHECKED:
            for conditions in call.permitted or ((),):
                result._checked_rule(seccomp.ALLOW, call.name, conditions)
        return result

    @classmethod
    def refusing(cls, seccomp: Any, architecture: Architecture) -> _Filter:
        """Everything but what the policy refuses."""
        result = cls(seccomp, architecture, seccomp.ALLOW)
        for group, name in _each_name(REFUSED, architecture):
            result._rule(seccomp.ERRNO(group.error), name)
        for call in CHECKED:
            for refusal in call.refused:
                result._checked_rule(seccomp.ERRNO(refusal.error), call.name, refusal.conditions)
        return result

    def _rule(self, action: int, name: str) -> None:
        # A name that this libseccomp is too old for stays as it is for every unnamed call: it does not exist.
        if self._number(name) >= 0:
            self._filter.add_rule_exactly(action, name)

    def _checked_rule(self, action: int, name: str, conditions: Conditions) -> None:
        if self._number(name) < 0:
            raise ValueError(f"it does not know {name}")
        compared = (
            self._seccomp.Arg(condition.argument, self._seccomp.MASKED_EQ, condition.mask, condition.value)
            for condition in conditions
        )
        self._filter.add_rule_exactly(action, name, *compared)

    def _number(self, name: str) -> int:
        """Return the call's number, or a negative one where there is none."""
        return int(self._seccomp.resolve_syscall(self._arch, name))

    def program(self) -> bytes:
        """Return the filter as the kernel wants it: instructions of eight bytes each."""
        with os.fdopen(os.memfd_create("seccomp"), "w+b") as file:
            self._filter.export_bpf(file)
            file.seek(0)
            return file.read()


def _each_name(groups: Iterable[Group], architecture: Architecture) -> Iterable[tuple[Group, str]]:
    return ((group, name) for group in groups for name in group.names_on(architecture))
