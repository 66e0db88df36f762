"""Which system calls the processes of a sandboxed browser may make, and why: data, and nothing that applies it.

Every process in the sandbox is under it. Chromium's own filters come on top, and only in some of its processes: the
browser process, and by default the network and GPU processes, have none but this one.

Three lists. ALLOWED names what may be called with any arguments. CHECKED names what may be called with some, and
says which, twice over: by what is permitted and by what is refused, for the two filters that `seccomp_filter` builds.
REFUSED names what is answered with an error of its own. A call in none of the lists does not exist (ENOSYS).

The names are those that Docker's default profile allows, less what a browser has no use for, and those that Chromium
was seen to make. Chromium's own sandbox needs new user, PID and network namespaces, chroot, capset, prctl and seccomp.
Source: https://github.com/moby/profiles/blob/main/seccomp/default.json, seccomp(2), and a recording of Chromium's calls
(tests/unit/browser/sandbox/chromium_calls.txt).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import Enum

LOW_HALF = 0xFFFFFFFF


class Architecture(Enum):
    """A machine that filters can be made for, as `platform.machine()` calls it."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"


@dataclass(frozen=True, slots=True)
class Group:
    """System calls that belong together. `only` is the one architecture that has them."""

    reason: str
    names: str
    only: Architecture | None = None
    error: int = 0

    def names_on(self, architecture: Architecture) -> tuple[str, ...]:
        """Return the names that this architecture has."""
        return tuple(self.names.split()) if self.only in (None, architecture) else ()


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when `argument & mask == value`.

    The kernel reads most arguments as 32 bits and drops the rest, while a filter sees 64. So no mask goes beyond the
    low half: a comparison of the whole is passed by setting bit 32.
    """

    argument: int
    mask: int
    value: int


Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error that a call is answered with when all the conditions hold."""

    error: int
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Checked:
    """A system call whose arguments decide: `permitted` and `refused` are alternatives, each all of its conditions.

    Where the permitted cannot be listed (ioctl has thousands of requests) `permitted` is empty, which means any.
    """

    name: str
    reason: str
    permitted: tuple[Conditions, ...]
    refused: tuple[Refusal, ...]


def equals(argument: int, value: int, mask: int = LOW_HALF) -> Condition:
    """Return the condition that an argument, as the kernel reads it, is this value."""
    return Condition(argument, mask, value)


def all_but(argument: int, *values: int, mask: int = LOW_HALF) -> tuple[Condition, ...]:
    """Return conditions of which exactly one holds when the argument is none of the values, and none when it is one.

    A filter can compare for "equal" under a mask but not for "in none of these". So the values are looked at as
    addresses, and what is left is cut into blocks that begin with the same bits. `mask` is a number of low bits.
    """
    width = mask.bit_length()
    result: list[Condition] = []
    taken = {0}  # beginnings that some of the values have, as numbers of the bits so far
    for bits in range(1, width + 1):
        below = width - bits
        wanted = {value >> below for value in values}
        halves = {beginning << 1 | bit for beginning in taken for bit in (0, 1)}
        block = mask >> below << below
        result += [Condition(argument, block, free << below) for free in sorted(halves - wanted)]
        taken = wanted
    return tuple(result)


ALLOWED = (
    Group(
        "reading and writing what is open already",
        """read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range dup dup3
        fcntl flock ftruncate fallocate fadvise64 readahead fsync fdatasync sync sync_file_range syncfs sendfile
        copy_file_range cachestat""",
    ),
    Group(
        "files and folders: what can be reached is decided by the mounts",
        """openat openat2 truncate mkdirat unlinkat renameat renameat2 linkat symlinkat readlinkat faccessat
        faccessat2 fchmod fchmodat fchmodat2 fchown fchownat utimensat getdents64 getcwd chdir fchdir umask fstat
        newfstatat statx statfs fstatfs""",
    ),
    Group(
        "attributes of files, which fontconfig and the download code look at",
        """getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat setxattr lsetxattr
        fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat""",
    ),
    Group(
        "the older forms of these calls, which C libraries still use where they exist",
        """open creat access chmod chown lchown mkdir rmdir link unlink symlink readlink rename stat lstat getdents
        utime utimes futimesat dup2 pipe poll select epoll_create epoll_wait epoll_ctl_old epoll_wait_old eventfd
        signalfd inotify_init fork vfork getpgrp alarm pause time""",
        only=Architecture.X86_64,
    ),
    Group(
        "waiting for something to happen",
        """ppoll pselect6 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 eventfd2 signalfd4 timerfd_create
        timerfd_settime timerfd_gettime inotify_init1 inotify_add_watch inotify_rm_watch""",
    ),
    Group("pipes, on which the protocol to bykilt runs", "pipe2"),
    Group(
        "memory: JavaScript engines map it, protect it and give it back all the time",
        """mmap munmap mprotect mremap madvise brk mincore msync mlock mlock2 mlockall munlock munlockall
        memfd_create mseal pkey_alloc pkey_free pkey_mprotect membarrier""",
    ),
    Group(
        "threads and the locks between them",
        """futex futex_waitv futex_wait futex_wake futex_requeue set_robust_list get_robust_list set_tid_address rseq
        restart_syscall gettid tgkill tkill""",
    ),
    Group(
        "starting programs and seeing them end; new processes are decided by the rules for clone",
        "execve execveat exit exit_group wait4 waitid kill pidfd_open pidfd_send_signal",
    ),
    Group(
        "who and what a process is; nothing is gained, for there is no privilege to take",
        """getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getsid setpgid setsid
        setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid uname sysinfo getrusage times
        capget""",
    ),
    Group(
        "Chromium's own sandbox: it drops capabilities, leaves the file system, and adds filters of its own",
        "capset chroot prctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
    ),
    Group(
        "signals between the processes of the sandbox, and how they are taken",
        """rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
        rt_sigreturn sigaltstack""",
    ),
    Group(
        "clocks and timers, to be read and to wait on",
        """clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday timer_create timer_settime timer_gettime
        timer_getoverrun timer_delete getitimer setitimer""",
    ),
    Group(
        "which thread runs when: Chromium gives its threads priorities",
        """sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
        sched_getscheduler sched_setscheduler sched_get_priority_min sched_get_priority_max sched_rr_get_interval
        getpriority setpriority ioprio_get ioprio_set getcpu""",
    ),
    Group("limits of a process, which it can only lower", "getrlimit setrlimit prlimit64"),
    Group(
        "using sockets that exist; which can be made is decided by the rules for socket",
        """bind listen accept accept4 connect shutdown getsockname getpeername sendto sendmsg sendmmsg recvfrom
        recvmsg recvmmsg""",
    ),
    Group("randomness for cryptography", "getrandom"),
    Group(
        "where the thread's own data lies",
        "arch_prctl set_thread_area get_thread_area",
        only=Architecture.X86_64,
    ),
)

REFUSED = (
    Group(
        "reading and changing other processes: the way from one renderer to the others, and to the browser",
        "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd",
        error=errno.EPERM,
    ),
    Group(
        "mounting: with a namespace of its own a process could give itself another view of the files",
        "mount umount2 pivot_root swapon swapoff",
        error=errno.EPERM,
    ),
    Group(
        "the newer way to mount, which programs expect to be missing",
        "open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr statmount listmount",
        error=errno.ENOSYS,
    ),
    Group("entering a namespace that another process made", "setns listns", error=errno.EPERM),
    Group(
        "clone with its flags in memory, where no filter can read them; C libraries go back to clone",
        "clone3",
        error=errno.ENOSYS,
    ),
    Group(
        "work that the kernel does out of a filter's sight, and a rich source of holes",
        "io_uring_setup io_uring_enter io_uring_register",
        error=errno.ENOSYS,
    ),
    Group(
        "the older asynchronous file access, which nothing here uses",
        "io_setup io_submit io_destroy io_cancel io_getevents io_pgetevents",
        error=errno.EPERM,
    ),
    Group(
        "loading code into the kernel, or replacing it",
        "bpf init_module finit_module delete_module kexec_load kexec_file_load",
        error=errno.EPERM,
    ),
    Group(
        "watching and holding up the kernel: what makes its races easy to win",
        "perf_event_open userfaultfd lookup_dcookie",
        error=errno.EPERM,
    ),
    Group("the kernel's key ring, which knows no namespace", "keyctl add_key request_key", error=errno.EPERM),
    Group(
        "files by handle, past the mounts, and notices of what others do to files",
        "open_by_handle_at name_to_handle_at fanotify_init fanotify_mark quotactl quotactl_fd",
        error=errno.EPERM,
    ),
    Group("device files and named pipes", "mknodat", error=errno.EPERM),
    Group("device files and named pipes, the older form", "mknod", only=Architecture.X86_64, error=errno.EPERM),
    Group(
        "settings of the machine: its clock, name, log, power, accounting, terminals",
        """settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname syslog reboot acct vhangup
        nfsservctl""",
        error=errno.EPERM,
    ),
    Group(
        "machine ports, segments and calls of the past",
        "iopl ioperm modify_ldt uselib ustat sysfs _sysctl",
        only=Architecture.X86_64,
        error=errno.EPERM,
    ),
    Group(
        "where memory lies on the machine's nodes, and moving that of others",
        "mbind set_mempolicy set_mempolicy_home_node get_mempolicy migrate_pages move_pages",
        error=errno.EPERM,
    ),
    Group("memory that even the kernel cannot look into", "memfd_secret", error=errno.EPERM),
    Group(
        "moving pages between pipes, files and memory without a copy: shared pages were written to through it",
        "splice tee vmsplice remap_file_pages",
        error=errno.ENOSYS,
    ),
    Group(
        "shared memory, messages and semaphores of System V and POSIX queues: Chromium shares by descriptor",
        """shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl semget semop semtimedop semctl mq_open mq_unlink
        mq_timedsend mq_timedreceive mq_notify mq_getsetattr""",
        error=errno.EPERM,
    ),
    Group(
        "the interface of security modules, and shadow stacks",
        "lsm_get_self_attr lsm_set_self_attr lsm_list_modules map_shadow_stack",
        error=errno.ENOSYS,
    ),
)

# Source: linux/sched.h
NEWTIME = 0x80
NEWNS = 0x20000
NEWCGROUP = 0x2000000
NEWUTS = 0x4000000
NEWIPC = 0x8000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000
_CLONE_REFUSED = (NEWNS, NEWCGROUP, NEWUTS, NEWIPC)
# In the flags of clone this bit belongs to the signal at the child's end.
_UNSHARE_REFUSED = (*_CLONE_REFUSED, NEWTIME)

# Source: linux/socket.h, linux/net.h, linux/in.h, linux/netlink.h
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM = 1, 2
_SOCKET_TYPE = 0xF  # above it are SOCK_NONBLOCK and SOCK_CLOEXEC
IPPROTO_DEFAULT, IPPROTO_TCP, IPPROTO_UDP = 0, 6, 17
NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT = 0, 15
SOL_IP, SOL_IPV6 = 0, 41
# Source: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h. IPv6 has options of its own above these.
_IP_TABLES_FIRST = 64
_IP6_TABLES = (64, 65)

# Source: asm-generic/ioctls.h
TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD = 0x5412, 0x541C, 0x541D, 0x5423

_INTERNET = (AF_INET, AF_INET6)
_TYPES = (SOCK_STREAM, SOCK_DGRAM)
_PROTOCOLS = (IPPROTO_DEFAULT, IPPROTO_TCP, IPPROTO_UDP)


def _no_flag(flags: tuple[int, ...]) -> Conditions:
    return (Condition(0, sum(flags), 0),)


def _any_flag(flags: tuple[int, ...]) -> tuple[Refusal, ...]:
    return tuple(Refusal(errno.EPERM, (Condition(0, flag, flag),)) for flag in flags)


def _sockets_permitted() -> tuple[Conditions, ...]:
    internet = [
        (equals(0, family), equals(1, kind, _SOCKET_TYPE), equals(2, protocol))
        for family in _INTERNET
        for kind in _TYPES
        for protocol in _PROTOCOLS
    ]
    netlink = [(equals(0, AF_NETLINK), equals(2, protocol)) for protocol in (NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT)]
    return ((equals(0, AF_UNIX),), *internet, *netlink)


def _sockets_refused() -> tuple[Refusal, ...]:
    result = [Refusal(errno.EAFNOSUPPORT, (other,)) for other in all_but(0, AF_UNIX, *_INTERNET, AF_NETLINK)]
    for family in _INTERNET:
        kinds = all_but(1, *_TYPES, mask=_SOCKET_TYPE)
        result += [Refusal(errno.EPERM, (equals(0, family), kind)) for kind in kinds]
        protocols = all_but(2, *_PROTOCOLS)
        result += [Refusal(errno.EPROTONOSUPPORT, (equals(0, family), protocol)) for protocol in protocols]
    protocols = all_but(2, NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT)
    return (*result, *(Refusal(errno.EPROTONOSUPPORT, (equals(0, AF_NETLINK), protocol)) for protocol in protocols))


def _tables_refused() -> tuple[Refusal, ...]:
    above = (Condition(2, 1 << bit, 1 << bit) for bit in range(_IP_TABLES_FIRST.bit_length() - 1, 32))
    ipv4 = [Refusal(errno.ENOPROTOOPT, (equals(1, SOL_IP), option)) for option in above]
    ipv6 = [Refusal(errno.ENOPROTOOPT, (equals(1, SOL_IPV6), equals(2, option))) for option in _IP6_TABLES]
    return (*ipv4, *ipv6)


CHECKED = (
    Checked(
        "clone",
        "new processes, threads, and the namespaces of Chromium's own sandbox; no other kinds of namespace",
        permitted=(_no_flag(_CLONE_REFUSED),),
        refused=_any_flag(_CLONE_REFUSED),
    ),
    Checked(
        "unshare",
        "Chromium's zygote takes a user namespace of its own; mounts, names, queues and clocks stay shared",
        permitted=(_no_flag(_UNSHARE_REFUSED),),
        refused=_any_flag(_UNSHARE_REFUSED),
    ),
    Checked(
        "socket",
        "local sockets, TCP, UDP, and netlink for addresses and devices; a network namespace holds no other family "
        "back (vsock reaches the host), and raw sockets and rare protocols are where holes are found",
        permitted=_sockets_permitted(),
        refused=_sockets_refused(),
    ),
    Checked(
        "socketpair",
        "pairs of local sockets; for other families it would still load and start their code",
        permitted=((equals(0, AF_UNIX),),),
        refused=tuple(Refusal(errno.EAFNOSUPPORT, (other,)) for other in all_but(0, AF_UNIX)),
    ),
    Checked(
        "setsockopt",
        "options of sockets, but not netfilter's tables, which a process with namespaces of its own could fill",
        permitted=(),
        refused=_tables_refused(),
    ),
    Checked(
        "getsockopt",
        "options of sockets, but not netfilter's tables",
        permitted=(),
        refused=_tables_refused(),
    ),
    Checked(
        "ioctl",
        "what the descriptors in the sandbox offer, but no typing into terminals and no loading of line disciplines",
        permitted=(),
        refused=tuple(
            Refusal(errno.EPERM, (equals(1, request),)) for request in (TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD)
        ),
    ),
    Checked(
        "personality",
        "asking for it, and the default; other personalities switch off protections of memory",
        permitted=((equals(0, 0),), (equals(0, LOW_HALF),)),
        refused=tuple(Refusal(errno.EPERM, (other,)) for other in all_but(0, 0, LOW_HALF)),
    ),
)
