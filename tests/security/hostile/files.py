"""Probes: what a hostile program in the sandbox finds of the machine's files, and can change of them."""

from __future__ import annotations

import ctypes
import glob
import os
import stat
import sys

from tests.security.hostile.frame import Refused, World, probe
from tests.security.hostile.system_calls import NEWUSER, call, closing, unshare

AREA = "files"
MISSING = "ENOENT EACCES"


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return f"read {len(file.read(4096))} bytes of {path}"


def _listed(path: str) -> str:
    names = os.listdir(path)
    if not names:
        raise Refused
    return f"{path} holds {sorted(names)[:5]}"


def _planted(path: str) -> str:
    with open(path, "w"):
        os.unlink(path)
    return f"created {path}"


def _opened_for_writing(path: str) -> str:
    with closing(os.open(path, os.O_WRONLY)):
        return f"opened {path} for writing"


@probe(AREA, MISSING)
def read_a_file_of_the_host(world: World) -> str:
    """Open a file that everybody on the host may read."""
    return _read(world.secret_file)


@probe(AREA, MISSING)
def read_the_password_hashes(world: World) -> str:
    """Open /etc/shadow."""
    return _read("/etc/shadow")


@probe(AREA, MISSING + " nothing")
def find_the_users_of_the_host(world: World) -> str:
    """Look for root in /etc/passwd."""
    with open("/etc/passwd") as file:
        if "root:" not in file.read():
            raise Refused
    return "root is in /etc/passwd"


@probe(AREA, MISSING + " nothing")
def list_the_home_folders(world: World) -> str:
    """List /home, but for the sandbox's own, and /root."""
    found = [path for path in glob.glob("/home/*") if not os.environ.get("HOME", "").startswith(path)]
    return f"found {found[:3]}" if found else _listed("/root")


@probe(AREA, MISSING)
def list_the_devices_of_the_kernel(world: World) -> str:
    """List /sys."""
    return _listed("/sys/class")


@probe(AREA, MISSING)
def list_what_services_left_in_run(world: World) -> str:
    """List /run."""
    return _listed("/run")


@probe(AREA, MISSING)
def list_the_logs(world: World) -> str:
    """List /var/log."""
    return _listed("/var/log")


@probe(AREA, MISSING)
def learn_the_name_servers(world: World) -> str:
    """Read /etc/resolv.conf."""
    return _read("/etc/resolv.conf")


@probe(AREA, MISSING + " nothing")
def learn_the_identity_of_the_machine(world: World) -> str:
    """Read /etc/machine-id; one of zeros is nobody's."""
    with open("/etc/machine-id") as file:
        if not file.read().strip("0\n"):
            raise Refused
    return "read the machine's id"


@probe(AREA, MISSING + " EROFS")
def put_a_file_where_the_host_finds_it(world: World) -> str:
    """Write into a folder of the host that everybody may write to."""
    path = os.path.join(world.shared_folder, "planted")
    with open(path, "w") as file:
        file.write("planted")
    return f"wrote {path}"


@probe(AREA, "EROFS EACCES EPERM ENOENT")
def change_the_programs(world: World) -> str:
    """Create a file in /usr."""
    return _planted("/usr/planted")


@probe(AREA, "EROFS EACCES EPERM")
def write_beside_everything(world: World) -> str:
    """Create a file at the root."""
    return _planted("/planted")


@probe(AREA, "nothing")
def change_a_setting(world: World) -> str:
    """Open each file in /etc for writing: users, names, the browser's own policy."""
    for folder, _, names in os.walk("/etc"):
        for name in names:
            try:
                return _opened_for_writing(os.path.join(folder, name))
            except OSError:
                continue
    raise Refused


@probe(AREA, "EROFS EACCES ENOENT")
def change_what_is_to_be_uploaded(world: World) -> str:
    """Create a file among those that are on their way into a page."""
    return _planted(os.path.join(os.path.dirname(os.environ.get("HOME", "/")), "uploads", "planted"))


@probe(AREA, "EROFS EACCES ENOENT")
def leave_a_file_beside_its_folders(world: World) -> str:
    """Create a file in the folder of the session, where the files of the sandbox lie on the host."""
    return _planted(os.path.join(os.path.dirname(os.environ.get("HOME", "/")), "sandbox", "planted"))


@probe(AREA, "EROFS EACCES EPERM ENOENT")
def change_which_libraries_are_loaded(world: World) -> str:
    """Open the linker's cache for writing."""
    return _opened_for_writing("/etc/ld.so.cache")


@probe(AREA, "EPERM EROFS ENOENT")
def change_the_mode_of_a_program(world: World) -> str:
    """Set the mode of an executable, to what it is."""
    os.chmod("/usr/bin/env", stat.S_IMODE(os.stat("/usr/bin/env").st_mode))
    return "set the mode of a program"


@probe(AREA, "nothing")
def run_a_setuid_program_with_its_rights(world: World) -> str:
    """See whether setuid bits count where the programs are."""
    if os.statvfs("/usr").f_flag & os.ST_NOSUID:
        raise Refused
    return "setuid bits count in /usr"


@probe(AREA, "nothing")
def find_a_disk(world: World) -> str:
    """Look in /dev for anything but the harmless devices."""
    harmless = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console", "core", "fd"}
    harmless |= {"stdin", "stdout", "stderr", "shm", "pts", "mqueue"}
    found = sorted(name for name in os.listdir("/dev") if name not in harmless)
    devices = [name for name in found if not stat.S_ISDIR(os.lstat(f"/dev/{name}").st_mode)]
    if not devices:
        raise Refused
    return f"found {devices[:5]}"


@probe(AREA, "EPERM")
def make_a_device_file(world: World) -> str:
    """Create /tmp/disk as the device of a disk."""
    call("mknodat", -100, b"/tmp/hostile-disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
    os.unlink("/tmp/hostile-disk")
    return "made a block device"


@probe(AREA, "EROFS EACCES EPERM")
def take_over_the_handler_of_crashes(world: World) -> str:
    """Open core_pattern for writing, which the kernel runs as root at the next crash."""
    return _opened_for_writing("/proc/sys/kernel/core_pattern")


@probe(AREA, "EROFS EACCES EPERM ENOENT")
def press_the_magic_keys(world: World) -> str:
    """Open sysrq-trigger for writing, by which the machine can be restarted."""
    return _opened_for_writing("/proc/sysrq-trigger")


@probe(AREA, MISSING + " EPERM nothing")
def read_the_memory_of_the_kernel(world: World) -> str:
    """Open /proc/kcore."""
    return _read("/proc/kcore")


@probe(AREA, MISSING + " EPERM nothing")
def follow_the_roots_of_other_processes(world: World) -> str:
    """Open the host's file below the root and working folder of every process in sight."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for link in ("root", "cwd"):
            path = f"/proc/{pid}/{link}/" + "../" * (20 if link == "cwd" else 0) + world.secret_file
            try:
                return _read(path)
            except OSError:
                continue
    raise Refused


@probe(AREA, MISSING)
def look_behind_the_new_root(world: World) -> str:
    """Open the host's file where bubblewrap had it while it was building."""
    return _read("/oldroot" + world.secret_file)


@probe(AREA, MISSING)
def climb_out_of_the_root(world: World) -> str:
    """The classic escape: change the root again while a folder above it is open, and go up from there."""
    with closing(os.open("/", os.O_RDONLY)) as above:
        unshare(NEWUSER)
        call("chroot", b"/tmp")
        os.fchdir(above)
    for _ in range(50):
        os.chdir("..")
    call("chroot", b".")
    return _read(world.secret_file)


@probe(AREA, "EPERM")
def name_a_file_by_handle(world: World) -> str:
    """Ask for the handle of a file, by which it can be opened past all mounts."""
    handle = ctypes.create_string_buffer((128).to_bytes(4, sys.byteorder), 136)
    call("name_to_handle_at", -100, b"/usr", handle, ctypes.create_string_buffer(8), 0)
    return "got the handle of /usr"


@probe(AREA, "EPERM")
def open_a_file_by_handle(world: World) -> str:
    """Open the root of the file system by its well-known handle."""
    handle = (8).to_bytes(4, "little") + (1).to_bytes(4, "little") + (2).to_bytes(8, "little")
    with closing(os.open("/usr", os.O_RDONLY)) as mount, closing(call("open_by_handle_at", mount, handle, 0)):
        return "opened the root"


@probe(AREA, "EPERM")
def watch_all_files(world: World) -> str:
    """Start notices of everything that others open."""
    with closing(call("fanotify_init", 0x200, 0)):
        return "watches files"
