"""Probes: other processes, what was inherited, privileges, and staying alive."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import time

from tests.security.hostile.frame import BORN_WITH, Refused, World, probe
from tests.security.hostile.system_calls import IoVector, call, closing

AREA = "processes"

_PTRACE_TRACEME, _PTRACE_SEIZE = 0, 0x4206
_PID_IS_GONE = "ENOENT ESRCH"


def _status(name: str) -> str:
    with open("/proc/self/status") as file:
        return next(line.split(":", 1)[1].strip() for line in file if line.startswith(f"{name}:"))


def _own_memory() -> tuple[IoVector, ctypes.Array[ctypes.c_char]]:
    memory = ctypes.create_string_buffer(b"memory", 16)
    return IoVector(ctypes.addressof(memory), 16), memory


@probe("inheritance", "nothing")
def find_a_secret_in_the_environment(world: World) -> str:
    """Look at the variables that this program was started with."""
    if world.secret_variable not in os.environ:
        raise Refused
    return f"{world.secret_variable} is here"


@probe("inheritance", "nothing")
def find_a_secret_in_the_environment_of_others(world: World) -> str:
    """Look at what every process in sight was started with; clearing variables later does not change that."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if world.secret_variable.encode() in file.read():
                    return f"process {pid} was given {world.secret_variable}"
        except OSError:
            continue
    raise Refused


@probe("inheritance", "nothing")
def find_an_open_descriptor(world: World) -> str:
    """Look for descriptors that it was born with beyond input, output, errors, and the browser's pipe."""
    expected = (0, 1, 2, 3, 4) if world.is_walled else (0, 1, 2)
    found = {number: target for number, target in BORN_WITH.items() if number not in expected}
    if not found:
        raise Refused
    return f"found {found}"


@probe("inheritance", "nothing EACCES")
def find_an_open_descriptor_of_others(world: World) -> str:
    """Look for files of the host among the descriptors of every process in sight."""
    folder = os.path.dirname(world.secret_file)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            targets = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if any(target.startswith(folder) for target in targets):
            return f"process {pid} has {targets}"
    raise Refused


@probe("inheritance", "nothing", is_harmless_outside=False)
def learn_how_the_sandbox_was_made(world: World) -> str:
    """Look for bubblewrap's options on the command line of every process in sight."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        if b"--ro-bind" in words or b"--setenv" in words or b"--unshare-user" in words:
            return f"process {pid} tells all {len(words)} words"
    raise Refused


@probe(AREA, _PID_IS_GONE + " EPERM")
def signal_a_process_of_the_host(world: World) -> str:
    """Ask whether a process of the same user outside may be signalled."""
    os.kill(world.victim_pid, 0)
    return "may signal it"


@probe(AREA, _PID_IS_GONE)
def see_a_process_of_the_host(world: World) -> str:
    """Read the command line of a process outside."""
    with open(f"/proc/{world.victim_pid}/cmdline") as file:
        return f"it is {file.read()!r}"


@probe(AREA, "nothing")
def see_many_processes(world: World) -> str:
    """Count the processes in sight."""
    count = sum(name.isdigit() for name in os.listdir("/proc"))
    if count <= 5:
        raise Refused
    return f"sees {count} processes"


@probe(AREA, "EPERM")
def trace_a_process_of_the_host(world: World) -> str:
    """Attach to a process of the same user outside."""
    call("ptrace", _PTRACE_SEIZE, world.victim_pid, 0, 0)
    return "traces it"


@probe(AREA, "EPERM")
def let_a_child_be_traced(world: World) -> str:
    """Be traced by the parent, which takes no right to speak of."""
    call("ptrace", _PTRACE_TRACEME, 0, 0, 0)
    return "is traced"


@probe(AREA, "EPERM")
def read_memory_of_a_process(world: World) -> str:
    """Copy out of a process's memory, its own for want of another."""
    (here, _memory), (there, _other) = _own_memory(), _own_memory()
    call("process_vm_readv", os.getpid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return "read it"


@probe(AREA, "EPERM")
def write_memory_of_a_process(world: World) -> str:
    """Copy into a process's memory, its own for want of another."""
    (here, _memory), (there, _other) = _own_memory(), _own_memory()
    call("process_vm_writev", os.getpid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return "wrote it"


@probe(AREA, "EPERM")
def give_advice_on_memory_of_a_process(world: World) -> str:
    """Have another process's memory paged out, its own for want of another."""
    (there, _memory) = _own_memory()
    with closing(call("pidfd_open", os.getpid(), 0)) as process:
        call("process_madvise", process, ctypes.byref(there), 1, 20, 0)
    return "gave advice"


@probe(AREA, "EPERM")
def take_a_descriptor_out_of_a_process(world: World) -> str:
    """Get a descriptor of a process, its own for want of another."""
    with closing(call("pidfd_open", os.getpid(), 0)) as process, closing(call("pidfd_getfd", process, 0, 0)):
        return "took it"


@probe(AREA, "EPERM")
def compare_the_insides_of_processes(world: World) -> str:
    """Ask the kernel where its objects for two processes lie in relation to each other."""
    return f"learnt {call('kcmp', os.getpid(), os.getpid(), 1, 0, 0)}"


@probe("privileges", "EPERM EINVAL")
def become_root(world: World) -> str:
    """Take user 0."""
    os.setuid(0)
    return "is root"


@probe("privileges", "nothing")
def hold_a_capability(world: World) -> str:
    """Look for capabilities: effective, permitted, to be inherited."""
    sets = {name: _status(name) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
    if not any(int(value, 16) for value in sets.values()):
        raise Refused
    return f"has {sets}"


@probe("privileges", "nothing")
def gain_privileges_by_executing(world: World) -> str:
    """Look whether executing a program may give new privileges."""
    if _status("NoNewPrivs") == "1":
        raise Refused
    return "new privileges may be gained"


@probe("privileges", "nothing")
def run_without_a_filter(world: World) -> str:
    """Look whether system calls are filtered."""
    if _status("Seccomp") == "2":
        raise Refused
    return "no filter"


@probe("privileges", "nothing")
def raise_a_limit(world: World) -> str:
    """Raise the hard limit on open files."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
    except ValueError as error:
        raise Refused from error  # Python's word for EPERM
    return "raised it"


@probe("privileges", "EPERM EACCES")
def run_before_everybody_else(world: World) -> str:
    """Take a real-time priority."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "is first"


@probe("privileges", "EACCES EPERM")
def be_spared_when_memory_runs_out(world: World) -> str:
    """Lower its own score below what it was born with."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-900")
    return "is spared"


@probe("resources", "EAGAIN", is_harmless_outside=False)
def start_processes_without_end(world: World) -> str:
    """Fork more often than there is room for; all are ended again."""
    children: list[int] = []
    try:
        for _ in range(world.process_limit + 64):
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return f"started {len(children)} processes"


def _filled(folder: str, most_bytes: int) -> str:
    path = os.path.join(folder, "hostile-ballast")
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range((most_bytes >> 20) + 8):
                written = 0
                while written < 1 << 20:
                    written += file.write(bytes((1 << 20) - written))
    finally:
        os.unlink(path)
    return f"wrote more than {most_bytes >> 20} MiB"


@probe("resources", "ENOSPC", is_harmless_outside=False)
def fill_the_temporary_folder(world: World) -> str:
    """Write more into /tmp than it may hold."""
    return _filled("/tmp", world.tmp_bytes)


@probe("resources", "ENOSPC", is_harmless_outside=False)
def fill_the_shared_memory(world: World) -> str:
    """Write more into /dev/shm than it may hold."""
    return _filled("/dev/shm", world.shm_bytes)


@probe("resources", "ENOSPC", is_harmless_outside=False)
def fill_the_home(world: World) -> str:
    """Write more into its home than it may hold."""
    return _filled(os.environ["HOME"], world.home_bytes)


@probe("resources", "SIGKILL ENOMEM", is_harmless_outside=False)
def use_memory_without_end(world: World) -> str:
    """Have more memory than there is room for, every page of it written to."""
    try:
        pieces = [bytearray(b"x" * (1 << 20)) for _ in range((world.memory_bytes >> 20) + 64)]
    except MemoryError as error:
        raise OSError(errno.ENOMEM, "no memory") from error
    return f"has {len(pieces)} MiB"


@probe("resources", "nothing")
def outlive_the_sandbox(world: World) -> str:
    """Leave a process that has a session of its own and ignores every signal; whether it lives is seen from outside."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            for descriptor in range(64):
                try:
                    os.close(descriptor)
                except OSError:
                    continue
            time.sleep(20)
        os._exit(0)
    raise Refused
