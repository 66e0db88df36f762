"""What is laid within reach of a hostile program, and what is seen of its doings from outside.

Knows files, sockets and processes on this machine. Knows no probe, and nothing of who attacks.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bykilt.browser.sandbox.attendant import PROXY_PORT
from bykilt.browser.sandbox.profile import SandboxLimits
from tests.security.hostile.frame import World

_ROOT = Path(__file__).resolve().parents[2]
_PROBES = _ROOT / "tests" / "security" / "hostile"
_SECRET_VARIABLE = "HOSTILE_SECRET"
_AT_LEAST_S = 120


class Bait:
    """Everything that a process finds which nothing holds: files, sockets, a process of the same user.

    `become` are the words before a command by which it runs as the hostile program's user.
    """

    def __init__(self, become: Sequence[str], limits: SandboxLimits) -> None:
        self._become = become
        self._limits = limits
        self._stack = ExitStack()

    def __enter__(self) -> Bait:
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
            proxy_port=PROXY_PORT,
            tmp_bytes=self._limits.tmp_bytes,
            shm_bytes=self._limits.shm_bytes,
            home_bytes=self._limits.home_bytes,
            memory_bytes=self._limits.memory_bytes,
            process_limit=self._limits.processes,
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


@contextmanager
def ours(environment: Mapping[str, str]) -> Iterator[None]:
    """Have these variables ourselves, as whoever starts a browser has secrets in its environment."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


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
    with subprocess.Popen([*become, "sleep", str(_AT_LEAST_S)]) as victim:
        try:
            yield victim
        finally:
            victim.kill()


def ended_survivors(marker: str) -> tuple[int, ...]:
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
