"""Machines on which seccomp filters cannot be built: without libseccomp, or with a kernel that refuses.

Knows how to make this machine look like one, for one process. Knows nothing of what that process does.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pyseccomp

_AS_IT_IS = ("bwrap", "--dev-bind", "/", "/")


def python_without_libseccomp(code: str) -> str:
    """Run Python code where libseccomp is an empty file; return what it printed."""
    hidden = [word for path in _loaded("libseccomp.so") for word in ("--ro-bind", os.devnull, str(path))]
    return _output([*_AS_IT_IS, *hidden, "--", sys.executable, "-c", code])


def python_without_seccomp(code: str) -> str:
    """Run Python code on a kernel that does not know seccomp filters; return what it printed."""
    refusing = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refusing.add_rule_exactly(pyseccomp.ERRNO(errno.ENOSYS), "seccomp")
    with os.fdopen(os.memfd_create("seccomp"), "w+b") as file:
        refusing.export_bpf(file)
        file.seek(0)
        command = [*_AS_IT_IS, "--add-seccomp-fd", str(file.fileno()), "--", sys.executable, "-c", code]
        return _output(command, pass_fds=[file.fileno()])


def _loaded(name: str) -> set[Path]:
    """Return the files of a library that this process has loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    found = {Path(line.split(maxsplit=5)[5]) for line in lines if name in line}
    assert found, f"{name} is not loaded"
    return found


def _output(command: list[str], *, pass_fds: Iterable[int] = ()) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, pass_fds=list(pass_fds))
    assert done.returncode == 0, done.stderr
    return done.stdout
