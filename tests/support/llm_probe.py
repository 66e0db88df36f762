"""Runs inside the container: tries to get out in every way that is listed here, and says what each try came to.

Standard library only; it is sent as text. The first argument names the walls it is behind (`one`: the container's,
`two`: the worker's own filter on top, `gvisor`: gVisor's kernel alone, `none`: `docker run`), the second the numbers of
the system calls to try.
Each line is [what was tried, whether it was refused, what came back].
"""

import ctypes
import errno
import json
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, "/opt/llm")
from bykilt.llm.worker import second_filter

LIBC = ctypes.CDLL(None, use_errno=True)
WALLS, NUMBERS = sys.argv[1], json.loads(sys.argv[2])
REFUSED = {errno.EPERM, errno.ENOSYS}
REFUSED_FILE = REFUSED | {errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR}
if WALLS == "gvisor":  # it answers these by itself: it has no such socket, no way anywhere, nobody who listens
    REFUSED_FILE |= {
        errno.EAFNOSUPPORT,
        errno.ESOCKTNOSUPPORT,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ECONNREFUSED,
    }
OUT: list[object] = []


def tell(what: str, refused: bool, came_back: object) -> None:
    OUT.append([what, refused, str(came_back)])


def call(what: str, number: int, *arguments: int) -> None:
    padded = [ctypes.c_long(argument) for argument in arguments]
    ctypes.set_errno(0)
    result = LIBC.syscall(ctypes.c_long(number), *padded)
    code = ctypes.get_errno()
    tell(what, result == -1 and code in REFUSED, f"{result} {errno.errorcode.get(code, code)}")


def attempt(what: str, action: Callable[[], object], refused: set[int] = REFUSED_FILE) -> None:
    try:
        result = action()
    except OSError as error:
        tell(what, isinstance(error, socket.gaierror) or error.errno in refused, error)
    except (RuntimeError, ValueError) as error:  # how Python tells a refused thread, a refused limit
        tell(what, True, error)
    else:
        tell(what, False, f"it worked: {result!r:.80}")


def fork() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def new_thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def connect(kind: int, family: int, address: Any) -> None:
    with socket.socket(family, kind) as probe:
        probe.settimeout(1)
        probe.connect(address)


def open_socket(family: int, kind: int) -> None:
    socket.socket(family, kind).close()


def open_file(path: str, flags: int) -> None:
    os.close(os.open(path, flags))


def system_calls() -> None:
    for number in NUMBERS:
        call(f"system call {number}", number, -1, -1, -1, -1, -1, -1)


def arguments_that_matter() -> None:
    spaces = {"NEWNS": 17, "NEWCGROUP": 25, "NEWUTS": 26, "NEWIPC": 27, "NEWUSER": 28, "NEWPID": 29, "NEWNET": 30}
    for name, bit in spaces.items():
        # Without a stack, SIGHAND without VM: what the filter lets through, the kernel answers with EINVAL.
        call(f"clone({name})", 56, (1 << bit) | 0x800, 0, 0, 0, 0)
        call(f"clone(THREAD|{name})", 56, (1 << bit) | 0x10000, 0, 0, 0, 0)
        call(f"clone3({name})", 435, 0, 0)
    for name, request in {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C, "SIOCGIFCONF": 0x8912, "FIONBIO": 0x5421}.items():
        call(f"ioctl({name})", 16, 0, request, 0)
    for name, option in {"SET_SECCOMP": 22, "SET_DUMPABLE": 4, "SET_PTRACER": 0x59616D61, "SET_MM": 35,
                         "CAP_AMBIENT": 47, "SET_KEEPCAPS": 8, "SET_SECUREBITS": 28}.items():  # fmt: skip
        call(f"prctl({name})", 157, option, 1, 0, 0, 0)
    call("prlimit64 of process 1 by its id", 302, 1, 7, 0, 0)
    call("seccomp(GET_ACTION_AVAIL)", 317, 2, 0, 0)


def sockets() -> None:
    families = {"UNIX": 1, "INET": 2, "INET6": 10, "NETLINK": 16, "PACKET": 17, "ALG": 38, "VSOCK": 40, "XDP": 44}
    for name, family in families.items():
        for kind in (1, 2, 3):
            attempt(f"socket({name}, {kind})", partial(open_socket, family, kind))
    attempt("socketpair", lambda: [end.detach() for end in socket.socketpair()])
    for host in ("127.0.0.1", "169.254.169.254", "172.17.0.1", "10.0.0.1"):
        for port in (53, 80, 2375):
            attempt(f"TCP {host}:{port}", partial(connect, socket.SOCK_STREAM, socket.AF_INET, (host, port)))
    attempt("UDP 8.8.8.8:53", lambda: connect(socket.SOCK_DGRAM, socket.AF_INET, ("8.8.8.8", 53)))
    attempt("DNS", lambda: socket.getaddrinfo("example.com", 443))
    attempt("an abstract socket", lambda: connect(socket.SOCK_STREAM, socket.AF_UNIX, "\0docker"))


def files() -> None:
    for path in ("/x", "/opt/llm/x", "/etc/x", "/usr/bin/x", "/dev/x", "/proc/sys/kernel/core_pattern",
                 "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/proc/sys/vm/overcommit_memory",
                 "/proc/sys/kernel/hostname", "/sys/fs/cgroup/x", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                 "/sys/fs/cgroup/memory.max", "/etc/passwd", "/etc/hosts", "/etc/resolv.conf",
                 "/opt/llm/model.gguf", "/opt/llm/start.py", "/dev/mem", "/dev/port"):  # fmt: skip
        attempt(f"write {path}", partial(open_file, path, os.O_WRONLY | os.O_CREAT))
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/dev/kvm", "/dev/kmsg",
                 "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/net/tun", "/proc/kcore", "/proc/kmsg", "/home",
                 "/host", "/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/dash", "/usr/bin/perl", "/usr/bin/apt",
                 "/usr/bin/su", "/usr/bin/mount", "/bin/busybox", "/usr/bin/env"):  # fmt: skip
        attempt(f"read {path}", partial(open_file, path, os.O_RDONLY))


def programs() -> None:
    attempt("fork", fork)
    for path in ("/bin/sh", "/tmp/program"):
        attempt(f"execve {path}", partial(os.execv, path, [path]))
    attempt("kill -0 1 by the call", lambda: os.kill(1, 0))
    attempt("set the hostname", lambda: socket.sethostname("x"))
    attempt("become root", lambda: os.setuid(0))
    attempt("nice", lambda: os.nice(-5))
    attempt("raise the limit of files", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)),
            REFUSED | {errno.EINVAL})  # fmt: skip


def behind_the_second_filter() -> None:
    attempt("open a file to read", lambda: os.open("/etc/passwd", os.O_RDONLY), REFUSED)
    attempt("open a file in /tmp", lambda: os.open("/tmp/x", os.O_WRONLY | os.O_CREAT), REFUSED)
    attempt("list a folder", lambda: os.listdir("/"), REFUSED)
    attempt("look at a file", lambda: os.stat("/"), REFUSED)
    attempt("start a program", lambda: os.execv("/usr/bin/python3", ["python3", "-V"]), REFUSED)
    attempt("start a thread", new_thread, REFUSED)
    attempt("duplicate a descriptor", lambda: os.dup(0), REFUSED)
    attempt("make a pipe", os.pipe, REFUSED)
    page, anonymous = 4096, 0x22
    for name, protection in {"RX": 5, "RWX": 7, "X": 4}.items():
        call(f"map memory {name}", 9, 0, page, protection, anonymous, -1, 0)
        call(f"make memory {name}", 10, 0, page, protection)


def lines_of(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def facts() -> None:
    status = dict(line.split(":\t", 1) for line in lines_of("/proc/self/status") if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", *(("CapAmb",) if WALLS != "gvisor" else ())):
        tell(f"{name} is empty", int(status[name], 16) == 0, status[name])
    if WALLS == "gvisor":  # its kernel has no other way to say it
        tell("NoNewPrivs", LIBC.prctl(39, 0, 0, 0, 0) == 1, "")
    else:
        tell("NoNewPrivs", status["NoNewPrivs"] == "1", status["NoNewPrivs"])
        tell("a filter", status["Seccomp"] == "2", status["Seccomp"])
    tell("no root", os.getuid() == 65532 and os.getgid() == 65532, (os.getuid(), os.getgid()))
    interfaces = sorted(line.split(":")[0].strip() for line in lines_of("/proc/self/net/dev")[2:])
    tell("loopback alone", interfaces == ["lo"], interfaces)
    tell("no route", len(lines_of("/proc/self/net/route")) <= 1, "")
    tell("no secrets", not [name for name in os.environ if "KEY" in name or "TOKEN" in name], sorted(os.environ))
    alone = [name for name in os.listdir("/proc") if name.isdecimal()]
    tell("no process but ours", len(alone) == 1, alone)
    tell("nothing setuid", setuid_files() == [], setuid_files())


def setuid_files() -> list[str]:
    found = []
    for base in ("/usr", "/opt", "/etc", "/lib"):
        for folder, _, names in os.walk(base):
            paths = [os.path.join(folder, name) for name in names]
            found += [path for path in paths if os.lstat(path).st_mode & 0o6000]
    return found


if WALLS == "two":
    resource.getrlimit(resource.RLIMIT_NOFILE), "x".encode("idna")
    second_filter.install()
    system_calls()
    behind_the_second_filter()
else:
    facts()
    files()
    sockets()
    programs()
    arguments_that_matter()
    system_calls()
for line in OUT:
    sys.stdout.write(json.dumps(line) + "\n")
sys.stdout.flush()
os._exit(0)
