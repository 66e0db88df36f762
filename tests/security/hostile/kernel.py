"""Probes: parts of the kernel where holes are found, and calls that change the machine.

What changes the machine is called in a way that does nothing if it succeeds.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import termios

from tests.security.hostile.frame import Refused, World, probe
from tests.security.hostile.system_calls import IS_X86_64, call, call_number, closing

AREA = "kernel"

_X32_BIT = 0x40000000
_IPC_PRIVATE = 0


@probe(AREA, "ENOSYS")
def start_a_ring_of_work(world: World) -> str:
    """Set up io_uring."""
    with closing(call("io_uring_setup", 4, ctypes.create_string_buffer(120))):
        return "has a ring"


@probe(AREA, "EPERM")
def start_asynchronous_files(world: World) -> str:
    """Set up the older asynchronous interface."""
    call("io_setup", 1, ctypes.byref(ctypes.c_uint64(0)))
    return "has a context"


@probe(AREA, "EPERM")
def load_a_program_into_the_kernel(world: World) -> str:
    """Create a map for a BPF program."""
    with closing(call("bpf", 0, (ctypes.c_uint32 * 16)(2, 4, 4, 1), 64)):
        return "has a map"


@probe(AREA, "EPERM")
def watch_the_kernel(world: World) -> str:
    """Count events of this process with perf."""
    attributes = (ctypes.c_uint32 * 28)(1, 112, 1)
    attributes[10] = 0x60  # not in the kernel and not in the hypervisor, which needs the fewest rights
    with closing(call("perf_event_open", attributes, 0, -1, -1, 0)):
        return "counts"


@probe(AREA, "EPERM")
def hold_up_the_kernel(world: World) -> str:
    """Handle page faults oneself, for as long as one likes."""
    with closing(call("userfaultfd", 1 | os.O_CLOEXEC)):
        return "handles faults"


@probe(AREA, "EPERM")
def hide_memory_from_the_kernel(world: World) -> str:
    """Have memory that nobody else can map."""
    with closing(call("memfd_secret", 0)):
        return "has secret memory"


@probe(AREA, "EPERM")
def read_the_key_ring(world: World) -> str:
    """Ask for the key ring of this process."""
    return f"its number is {call('keyctl', 0, -2, 1)}"


@probe(AREA, "EPERM")
def add_a_key(world: World) -> str:
    """Put a key into the ring of this process, which ends with it."""
    return f"its number is {call('add_key', b'user', b'hostile', b'x', 1, -2)}"


@probe(AREA, "EPERM")
def ask_for_a_key(world: World) -> str:
    """Ask for a key, for which the kernel may start a program of the host."""
    return f"its number is {call('request_key', b'user', b'hostile', 0, -2)}"


@probe(AREA, "EPERM")
def switch_off_the_shuffling_of_memory(world: World) -> str:
    """Take a personality in which addresses are known."""
    call("personality", 0x40000)
    return "has known addresses"


@probe(AREA, "EPERM")
def switch_off_the_shuffling_with_a_bit_too_many(world: World) -> str:
    """The same with a bit set that the kernel drops."""
    call("personality", 0x40000 | 1 << 32)
    return "has known addresses"


@probe(AREA, "EPERM ENOSYS")
def look_at_the_segments(world: World) -> str:
    """Read the local descriptor table."""
    call("modify_ldt", 0, ctypes.create_string_buffer(16), 16)
    return "read it"


@probe(AREA, "EPERM ENOSYS")
def ask_for_the_ports(world: World) -> str:
    """Set the privilege for ports to none, as it is."""
    call("iopl", 0)
    return "may ask"


@probe(AREA, "SIGSYS SIGSEGV nothing")
def call_as_a_program_of_32_bits(world: World) -> str:
    """Execute int 0x80, whose numbers mean other calls."""
    if not IS_X86_64:
        raise Refused
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as memory:
        memory.write(bytes.fromhex("b814000000 cd80 c3"))  # mov eax, getpid; int 0x80; ret
        buffer = ctypes.c_char.from_buffer(memory)
        answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(buffer))()
        del buffer
        return f"the kernel answered {answer}"


@probe(AREA, "SIGSYS nothing")
def call_as_a_program_of_x32(world: World) -> str:
    """Ask for the process's number with the bit that means another table of calls."""
    if not IS_X86_64:
        raise Refused
    return f"the kernel answered {call_number(_X32_BIT | 39)}"


@probe(AREA, "ENOSYS")
def move_pages_into_a_pipe(world: World) -> str:
    """Give pages of this process to a pipe."""
    read_fd, write_fd = os.pipe()
    piece = (ctypes.c_uint64 * 2)(ctypes.addressof(ctypes.create_string_buffer(16)), 1)
    with closing(read_fd), closing(write_fd):
        return f"moved {call('vmsplice', write_fd, piece, 1, 0)}"


@probe(AREA, "ENOSYS")
def move_a_file_into_a_pipe(world: World) -> str:
    """Give pages of a file to a pipe, which is how shared pages came to be written to."""
    read_fd, write_fd = os.pipe()
    with closing(read_fd), closing(write_fd), closing(os.open("/proc/self/exe", os.O_RDONLY)) as file:
        return f"moved {call('splice', file, 0, write_fd, 0, 16, 0)}"


@probe(AREA, "EPERM")
def share_memory_by_number(world: World) -> str:
    """Create a segment of System V memory."""
    number = call("shmget", _IPC_PRIVATE, 4096, 0o600)
    ctypes.CDLL(None).shmctl(number, 0, None)
    return "has a segment"


@probe(AREA, "EPERM")
def send_messages_by_number(world: World) -> str:
    """Create a queue of System V messages."""
    number = call("msgget", _IPC_PRIVATE, 0o600)
    ctypes.CDLL(None).msgctl(number, 0, None)
    return "has a queue"


@probe(AREA, "EPERM")
def count_by_number(world: World) -> str:
    """Create a System V semaphore."""
    number = call("semget", _IPC_PRIVATE, 1, 0o600)
    ctypes.CDLL(None).semctl(number, 0, 0)
    return "has a semaphore"


@probe(AREA, "EPERM")
def send_messages_by_name(world: World) -> str:
    """Create a POSIX message queue."""
    name = b"hostile-%d" % os.getpid()
    with closing(call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, 0)):
        ctypes.CDLL(None).mq_unlink(b"/" + name)
        return "has a queue"


@probe(AREA, "EPERM")
def ask_where_memory_lies(world: World) -> str:
    """Ask on which node this process gets its memory."""
    call("get_mempolicy", ctypes.create_string_buffer(8), 0, 0, 0, 0)
    return "learnt it"


@probe(AREA, "EPERM")
def move_memory(world: World) -> str:
    """Ask where pages of this process lie, by the call that moves them."""
    call("move_pages", 0, 0, ctypes.create_string_buffer(8), 0, ctypes.create_string_buffer(8), 0)
    return "learnt it"


@probe(AREA, "EPERM")
def look_at_the_quotas(world: World) -> str:
    """Ask for the format of quotas on nothing."""
    call("quotactl", 0x800001 << 8, 0, 0, 0)
    return "wrote all quotas out"


@probe(AREA, "EPERM")
def read_the_log_of_the_kernel(world: World) -> str:
    """Ask how large it is."""
    return f"it has {call('syslog', 10, 0, 0)} bytes"


@probe(AREA, "EPERM")
def read_the_clock_by_the_call_that_sets_it(world: World) -> str:
    """Adjust the clock by nothing."""
    call("clock_adjtime", 0, ctypes.create_string_buffer(256))
    return "may ask"


@probe(AREA, "EPERM")
def set_the_clock(world: World) -> str:
    """Set neither time nor zone."""
    call("settimeofday", 0, 0)
    return "may set nothing"


@probe(AREA, "EPERM")
def restart_the_machine(world: World) -> str:
    """Call reboot without its magic numbers, which does nothing."""
    call("reboot", 0, 0, 0, 0)
    return "may restart"


@probe(AREA, "EPERM")
def load_a_module(world: World) -> str:
    """Load a module of no bytes."""
    call("init_module", b"", 0, b"")
    return "may load modules"


@probe(AREA, "EPERM")
def remove_a_module(world: World) -> str:
    """Remove a module that does not exist."""
    call("delete_module", b"hostile_no_such_module", 0)
    return "may remove modules"


@probe(AREA, "EPERM")
def replace_the_kernel(world: World) -> str:
    """Load a kernel of no pieces, with flags that do not exist."""
    call("kexec_load", 0, 0, 0, 0xFFFF)
    return "may load a kernel"


@probe(AREA, "EPERM")
def swap_to_a_file(world: World) -> str:
    """Swap to a file that does not exist."""
    call("swapon", b"/no/such/file", 0)
    return "may swap"


@probe(AREA, "EPERM")
def write_accounts(world: World) -> str:
    """Have processes accounted for in a file that does not exist."""
    call("acct", b"/no/such/file")
    return "may account"


@probe(AREA, "EPERM")
def rename_the_machine(world: World) -> str:
    """Set the host name that it has."""
    name = os.uname().nodename.encode()
    call("sethostname", name, len(name))
    return "may rename"


def _terminal() -> int:
    """Return the program's end of a new terminal, which becomes its controlling one."""
    _master, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    return terminal


@probe("terminals", "EPERM")
def type_into_a_terminal(world: World) -> str:
    """Put a letter into the input of its terminal, as the user's own shell would read it."""
    with closing(_terminal()) as terminal:
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
        return "typed"


@probe("terminals", "EPERM")
def type_with_a_bit_too_many(world: World) -> str:
    """The same, with a bit set in the request that the kernel drops."""
    with closing(_terminal()) as terminal:
        number = 16 if IS_X86_64 else 29
        call_number(number, terminal, termios.TIOCSTI | 1 << 32, b"x")
        return "typed"


@probe("terminals", "EPERM")
def speak_to_the_console(world: World) -> str:
    """Use the console's own requests, of which some paste."""
    with closing(_terminal()) as terminal:
        fcntl.ioctl(terminal, 0x541C, b"\x06")
        return "spoke"


@probe("terminals", "EPERM")
def load_a_line_discipline(world: World) -> str:
    """Set the discipline that the terminal has, by the request that loads others."""
    with closing(_terminal()) as terminal:
        fcntl.ioctl(terminal, termios.TIOCSETD, (0).to_bytes(4, "little"))
        return "may set it"
