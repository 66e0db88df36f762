"""A hostile program in the browser's place: the bait around it, how it is started, and what is seen from outside.

Knows no probe in particular; they are under tests/security/hostile.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bykilt.browser.launch.identity import pick_identity
from tests.security.hostile.frame import Outcome, World

TMP_BYTES = 16 << 20
SHM_BYTES = 8 << 20
_ROOT = Path(__file__).resolve().parents[2]
_PROBES = _ROOT / "tests" / "security" / "hostile"
_SECRET_VARIABLE = "HOSTILE_SECRET"
_MORE_PROCESSES = 100
_PYTHON = ("/usr/bin/python3", "-I", "-S")
_TIMEOUT_S = 120

Wall = Callable[[Path, Sequence[int]], list[str]]
"""Takes a file that has to be seen inside, under its name, and the descriptors of the filters; returns a command line
up to and with its `--`. Inside, /usr has to be there, and /tmp and /dev/shm have to be writable and as large as above.
"""


@dataclass(frozen=True)
class Report:
    """What came of an attack. The rest is seen from outside: the program had no say in it.

    `visits` counts connections to the host's sockets. `survivors` are processes that outlived the program; they have
    been ended since. `errors` is what the program wrote to stderr.
    """

    outcomes: Mapping[str, Outcome]
    visits: Mapping[str, int]
    planted: bool
    victim_lives: bool
    survivors: tuple[int, ...]
    errors: str


def small_bubblewrap(seen: Path, filters: Sequence[int]) -> list[str]:
    """A sandbox like the browser's, with the system's programs in it, so that there is something to attack with."""
    namespaces = [f"--unshare-{name}" for name in ("user", "pid", "ipc", "uts", "cgroup", "net")]
    command = ["bwrap", *namespaces, "--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--die-with-parent"]
    command += ["--new-session", "--cap-drop", "ALL", "--clearenv", "--setenv", "HOME", "/home/b"]
    command += ["--ro-bind", "/usr", "/usr"]
    for name in ("/lib", "/lib64"):
        is_link = os.path.islink(name)
        command += ["--symlink", os.readlink(name), name] if is_link else ["--ro-bind-try", name, name]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for folder, size in (("/tmp", TMP_BYTES), ("/dev/shm", SHM_BYTES), ("/home/b", TMP_BYTES)):
        command += ["--size", str(size), "--perms", "1777", "--tmpfs", folder]
    command += ["--ro-bind", str(seen), str(seen), "--remount-ro", "/", "--chdir", "/home/b"]
    for fd in filters:
        command += ["--add-seccomp-fd", str(fd)]
    return [*command, "--"]


def attack(wall: Wall | None, filters: Sequence[bytes] = ()) -> Report:
    """Run every probe behind a wall, as an unprivileged user; without a wall only those that are harmless then."""
    with ExitStack() as stack:
        become = stack.enter_context(_somebody())
        bait = stack.enter_context(_Bait(become))
        world = replace(bait.world, is_walled=wall is not None)
        fds = [stack.enter_context(_in_memory(program)) for program in filters]
        before = [*become, "prlimit", f"--nproc={world.process_limit}", *(wall(bait.program, fds) if wall else [])]
        done = subprocess.run(
            [*before, *_PYTHON, str(bait.program), world.to_json()],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
            # What bubblewrap clears for the program stays to be read in /proc/1/environ, so it gets nothing itself.
            env={"PATH": os.defpath} if wall else bait.environment,
            pass_fds=fds if wall else [bait.descriptor],
        )
        survivors = _ended_survivors(world.marker)
        assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
        outcomes = {name: Outcome(**outcome) for name, outcome in json.loads(done.stdout).items()}
        return Report(outcomes, bait.visits(), bait.is_planted(), bait.victim.poll() is None, survivors, done.stderr)


@contextmanager
def _somebody() -> Iterator[list[str]]:
    """Give a command line by which root becomes a user that exists nowhere else; empty for an ordinary user."""
    identity = pick_identity()
    if identity is None:
        yield []
        return
    ids = [f"--reuid={identity.uid}", f"--regid={identity.gid}", "--clear-groups"]
    try:
        yield ["setpriv", *ids, "--inh-caps=-all", "--bounding-set=-all"]
    finally:
        identity.release()


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        file.write(content)
        file.flush()
        file.seek(0)
        yield file.fileno()


class _Bait:
    """Everything that a process finds which nothing holds: files, sockets, a process of the same user."""

    def __init__(self, become: Sequence[str]) -> None:
        self._become = become
        self._stack = ExitStack()

    def __enter__(self) -> _Bait:
        with ExitStack() as stack:
            self._lay_out(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def visits(self) -> dict[str, int]:
        """Count who has connected to each socket."""
        return {name: _waiting(listener) for name, listener in self._listeners.items()}

    def is_planted(self) -> bool:
        """Whether something was written into the folder that everybody may write to."""
        return bool(os.listdir(self.world.shared_folder))

    def _lay_out(self, stack: ExitStack) -> None:
        folder, program_folder = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2))
        folder.chmod(0o755)
        program_folder.chmod(0o755)
        secret, shared = folder / "secret", folder / "shared"
        secret.write_text("a secret of the host")
        secret.chmod(0o644)
        shared.mkdir()
        shared.chmod(0o777)
        marker = f"hostile-{uuid.uuid4()}"
        self._listeners = {
            "tcp": stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            "tcp6": stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6)),
            "path": stack.enter_context(_local_listener(str(folder / "socket"))),
            "abstract": stack.enter_context(_local_listener("\0" + marker)),
        }
        (folder / "socket").chmod(0o777)
        self.program = _packed(program_folder / "probes.zip")
        self.descriptor = stack.enter_context(secret.open("rb")).fileno()
        self.victim = stack.enter_context(_sleeping(self._become))
        self.environment = {
            "PATH": os.defpath,
            _SECRET_VARIABLE: "a secret",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder / 'socket'}",
        }
        self.world = World(
            is_walled=False,
            secret_file=str(secret),
            secret_variable=_SECRET_VARIABLE,
            shared_folder=str(shared),
            path_socket=str(folder / "socket"),
            abstract_socket=marker,
            tcp_port=self._listeners["tcp"].getsockname()[1],
            tcp6_port=self._listeners["tcp6"].getsockname()[1],
            victim_pid=self.victim.pid,
            tmp_bytes=TMP_BYTES,
            shm_bytes=SHM_BYTES,
            process_limit=_tasks_of_this_user() + _MORE_PROCESSES,
            marker=marker,
        )


def _packed(path: Path) -> Path:
    """Put the probes into one file that Python runs as a program, under the names that they have here."""
    with zipfile.ZipFile(path, "w") as archive:
        for source in _PROBES.glob("*.py"):
            archive.write(source, source.relative_to(_ROOT))
        # In an archive a folder is a package only by this file.
        for folder in (_PROBES, *_PROBES.parents[:2]):
            archive.writestr(str(folder.relative_to(_ROOT) / "__init__.py"), "")
        archive.writestr("__main__.py", "from tests.security.hostile.main import main\nmain()\n")
    path.chmod(0o644)
    return path


def _local_listener(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(16)
    return listener


def _waiting(listener: socket.socket) -> int:
    listener.setblocking(False)
    count = 0
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return count
        connection.close()
        count += 1


@contextmanager
def _sleeping(become: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A harmless process of the hostile program's user, outside."""
    with subprocess.Popen([*become, "sleep", str(_TIMEOUT_S)]) as victim:
        try:
            yield victim
        finally:
            victim.kill()


def _ended_survivors(marker: str) -> tuple[int, ...]:
    """Return who still runs with the marker in its command line, after a moment in which the dying may go; end them."""
    survivors = []
    for pid, descriptor in _marked(marker):
        is_gone = bool(select.select([descriptor], [], [], 1)[0])
        if not is_gone:
            survivors.append(pid)
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], 5)
        os.close(descriptor)
    return tuple(survivors)


def _marked(marker: str) -> Iterator[tuple[int, int]]:
    """Yield the number and a pidfd of each process with the marker in its command line."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            descriptor = os.pidfd_open(int(name))
        except OSError:
            continue
        try:
            is_marked = marker.encode() in Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            is_marked = False
        if is_marked:
            yield int(name), descriptor
        else:
            os.close(descriptor)


def _tasks_of_this_user() -> int:
    """Count the threads of our user, which a limit for an ordinary user includes; root's limit is for another user."""
    if os.geteuid() == 0:
        return 0
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue
    return count
