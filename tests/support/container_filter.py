"""A command under the system call filter of a container, without the container.

    python container_filter.py PROFILE ERRNO COMMAND...

Knows the form of Docker's seccomp profiles, as far as ours uses it. What is not named in it fails with ERRNO.
Run by itself, so that the filter holds for the command alone.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pyseccomp


def main(profile: str, errno: str, *command: str) -> None:
    """Install the filter for this process and become the command."""
    syscalls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(int(errno)))
    for group in json.loads(Path(profile).read_text())["syscalls"]:
        for name in group["names"]:
            # A libseccomp that does not know a name leaves it out, as container engines do.
            if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) >= 0:
                syscalls.add_rule(pyseccomp.ALLOW, name)
    syscalls.load()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
