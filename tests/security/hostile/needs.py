"""What has to go on working in the sandbox: the calls of Chromium and of its own sandbox."""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import socket
import subprocess
import threading

from tests.security.hostile.frame import World, needed
from tests.security.hostile.system_calls import NEWNET, NEWPID, NEWUSER, call, closing, raw_clone, unshare

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER, _SET_MODE_FILTER = 22, 38, 2, 1


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _permitting_filter() -> tuple[_Program, ctypes.Array[ctypes.c_char]]:
    instructions = ctypes.create_string_buffer(bytes.fromhex("06000000 0000ff7f"), 8)  # return ALLOW
    return _Program(1, ctypes.addressof(instructions)), instructions


@needed
def start_a_process(world: World) -> str:
    """Fork, and see the child end."""
    child = os.fork()
    if child == 0:
        os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    return "forked"


@needed
def run_a_program(world: World) -> str:
    """Execute another program."""
    said = subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", "print(6 * 7)"], capture_output=True, check=True)
    assert said.stdout == b"42\n"
    return "executed"


@needed
def start_threads(world: World) -> str:
    """Start threads, for which the C library falls back from clone3."""
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(8))
    return "ran"


@needed
def talk_over_local_sockets(world: World) -> str:
    """A pair of local sockets."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        here.send(b"hello")
        assert there.recv(16) == b"hello"
    return "talked"


@needed
def talk_over_loopback(world: World) -> str:
    """TCP to itself, as Chromium does to the egress proxy."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as here:
        there, _ = server.accept()
        with there:
            here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            here.sendall(b"hello")
            assert there.recv(16) == b"hello"
    return "talked"


@needed
def send_datagrams(world: World) -> str:
    """UDP to itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", 0))
        here.sendto(b"hello", here.getsockname())
        assert here.recv(16) == b"hello"
    return "sent"


@needed
def ask_for_the_addresses(world: World) -> str:
    """Netlink for routes, and for devices."""
    for protocol in (0, 15):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as netlink:
            netlink.bind((0, 0))
    return f"asked: {socket.if_nameindex()}"


@needed
def have_a_user_namespace(world: World) -> str:
    """The zygote's own namespace of users."""
    unshare(NEWUSER)
    return "has it"


@needed
def have_the_namespaces_of_a_renderer(world: World) -> str:
    """A child with users, processes and network of its own."""
    raw_clone(NEWUSER | NEWPID | NEWNET)
    return "has them"


@needed
def leave_the_file_system(world: World) -> str:
    """Change the root to an empty folder, as Chromium's sandbox does."""
    unshare(NEWUSER)
    call("chroot", b"/proc/self/fdinfo/")
    return "left it"


@needed
def filter_its_own_calls(world: World) -> str:
    """Add a filter by prctl and one by seccomp."""
    program, _instructions = _permitting_filter()
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", _PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0)
    call("seccomp", _SET_MODE_FILTER, 0, ctypes.byref(program))
    return "filtered"


@needed
def make_code(world: World) -> str:
    """Write memory and then execute it, as a compiler of JavaScript does."""
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as memory:
        memory.write(b"\xc3" * 16)
        buffer = ctypes.c_char.from_buffer(memory)
        page = ctypes.c_void_p(ctypes.addressof(buffer))
        assert ctypes.CDLL(None).mprotect(page, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC) == 0
        del buffer
    return "made it"


@needed
def share_memory_by_descriptor(world: World) -> str:
    """Anonymous files."""
    with closing(os.memfd_create("shared")) as file:
        os.ftruncate(file, 4096)
        with mmap.mmap(file, 4096) as memory:
            memory[:5] = b"hello"
            assert os.pread(file, 5, 0) == b"hello"
    return "shared"


@needed
def wait_for_events(world: World) -> str:
    """epoll and pipes."""
    read_fd, write_fd = os.pipe()
    with select.epoll() as events, closing(read_fd), closing(write_fd):
        events.register(read_fd, select.EPOLLIN)
        os.write(write_fd, b"x")
        assert events.poll(1) == [(read_fd, select.EPOLLIN)]
    return "waited"


@needed
def keep_files_of_its_own(world: World) -> str:
    """Write, rename and delete in /tmp."""
    with open("/tmp/own", "w") as file:
        file.write("x" * 100)
    os.rename("/tmp/own", "/tmp/mine")
    size = os.stat("/tmp/mine").st_size
    os.unlink("/tmp/mine")
    return f"kept {size} bytes"
