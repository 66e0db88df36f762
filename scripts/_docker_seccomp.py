"""Write the seccomp profile of a container in which bykilt runs.

Knows what bykilt itself, bubblewrap and set-up do beyond what the browser does; the browser's calls are those of its
own filter, so that the container never forbids what the sandbox needs. The form is Docker's, which Podman and others
read too.
Source: https://docs.docker.com/engine/security/seccomp/
"""

import errno
import json

from bykilt.browser.sandbox.seccomp_policy import ALLOWED, CHECKED, Architecture

AROUND_THE_BROWSER = {
    "bubblewrap makes the sandbox: its mounts, its root, its name; and threads with clone3": (
        "clone3 mount umount2 pivot_root sethostname"
    ),
    "bykilt enters the sandbox's network namespace to listen there": "setns",
    "named pipes between bykilt and the warden; device files are left to the container's device rules": (
        "mknod mknodat"
    ),
    "copying between files, as Python, Node and the package tools do it": "splice tee",
    "shared memory and semaphores of Python and of databases beside it": (
        "shmget shmat shmctl shmdt semget semop semtimedop semctl"
    ),
}


def docker_seccomp() -> str:
    """Return the profile: what is not named does not exist, which programs know how to get along with."""
    names = {name for group in ALLOWED for each in Architecture for name in group.names_on(each)}
    names |= {checked.name for checked in CHECKED}
    names |= {name for words in AROUND_THE_BROWSER.values() for name in words.split()}
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": int(errno.ENOSYS),
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [{"names": sorted(names), "action": "SCMP_ACT_ALLOW"}],
    }
    return json.dumps(profile, indent=2) + "\n"
