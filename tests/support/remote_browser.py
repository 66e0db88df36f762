"""A Chromium that somebody else has started: on this machine, on "another" one, or behind a door with a login.

Another machine is a mount namespace with a /tmp of its own: what we put there is not there for the browser, and what
it puts there is not there for us.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bykilt.browser.launch.executable import find_chromium

_SAYS_WHERE = re.compile(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)/")
_START_S = 30.0

DECOY = Path(f"/tmp/bykilt-decoy-{os.getpid()}.txt")
"""A path under which the other machine has a file of its own, which holds `THERE`."""

THERE = "there"
_MAX_HEAD_BYTES = 64 << 10


_NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


@contextmanager
def remote_chromium(*, own_tmp: bool = False) -> Iterator[str]:
    """Run a Chromium with a debugging port and yield its `http://` address; with `own_tmp` it has its own /tmp."""
    profile = Path("/tmp/bykilt-remote-profile") if own_tmp else Path(tempfile.mkdtemp(prefix="bykilt-remote-"))
    command = [
        str(find_chromium()),
        "--headless=new",
        # Only pages of the tests are shown in it.
        "--no-sandbox",
        "--no-first-run",
        "--disable-background-networking",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    if own_tmp:
        inside = f'mount -t tmpfs tmpfs /tmp && printf {THERE} > {DECOY} && exec "$@"'
        command = [*_NAMESPACE, "sh", "-c", inside, "sh", *command]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{_port_of(process)}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(timeout=10)
        assert process.stderr is not None
        process.stderr.close()
        shutil.rmtree(profile, ignore_errors=True)


def _port_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stderr is not None
    said = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stderr, selectors.EVENT_READ)
        while waiting.select(_START_S):
            more = os.read(process.stderr.fileno(), 65536)
            said += more
            found = _SAYS_WHERE.search(said)
            if found:
                # Nobody reads on: what a full pipe held up would be the browser.
                threading.Thread(target=_drain, args=(process.stderr.fileno(),), daemon=True).start()
                return int(found[1])
            if not more:
                break
    raise AssertionError(f"Chromium did not say where it listens: {said.decode(errors='replace')[-2000:]}")


def _drain(fd: int) -> None:
    with suppress(OSError):
        while os.read(fd, 65536):
            pass


class Door:
    """A port in front of another one that answers 401 to every connection without the header.

    `refused` counts those; `seen` keeps the heads of all requests that came.
    """

    def __init__(self, target_port: int, name: str, value: str) -> None:
        self.refused = 0
        self.seen: list[str] = []
        self._target_port = target_port
        self._wanted = f"{name}: {value}".lower()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        """The port that is to be asked."""
        port: int = self._listening.getsockname()[1]
        return port

    def __enter__(self) -> Door:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in [self._listening, *self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
                more = client.recv(4096)
                if not more:
                    return
                head += more
            text = head.decode("latin-1")
            self.seen.append(text)
            if self._wanted not in text.lower():
                self.refused += 1
                client.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                client.close()
                return
            browser = socket.create_connection(("127.0.0.1", self._target_port))
            self._open.append(browser)
            browser.sendall(head)
            threading.Thread(target=_pump, args=(browser, client), daemon=True).start()
            _pump(client, browser)


def _pump(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
