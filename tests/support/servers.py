"""Real servers that keep secrets, for tests: OpenBao, and moto's HTTP server in AWS's place.

Their packages are many and none of ours, so they are in an environment of their own, which set-up makes. Knows how
to start them on loopback and to wait until they answer. Knows no test.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOT_TOKEN = "test-root-token"
_PATIENCE_S = 60


@cache
def server_programs() -> Path:
    """Return the folder of the servers' programs; the first time, set-up installs them from their lock."""
    given = os.environ.get("BYKILT_TEST_SERVERS")
    folder = Path(given) if given else ROOT / ".venv-servers"
    if not given:
        subprocess.run(["bash", "-c", "source scripts/_setup.sh; setup_servers"], cwd=ROOT, check=True, timeout=600)
    return folder / "bin"


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def openbao(folder: Path) -> Iterator[str]:
    """Run an OpenBao server that keeps everything in memory; yield its address. `ROOT_TOKEN` may do anything."""
    address = f"127.0.0.1:{free_port()}"
    command = [str(server_programs() / "bao"), "server", "-dev", f"-dev-root-token-id={ROOT_TOKEN}"]
    with _running([*command, f"-dev-listen-address={address}"], folder, "server started"):
        yield f"http://{address}"


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Run moto's server, which answers as AWS does and keeps everything in memory; yield its address."""
    port = free_port()
    command = [str(server_programs() / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder, "Running on"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], folder: Path, ready: str) -> Iterator[None]:
    """Run a server, from the moment when it says that it is ready to the end of the block."""
    env = {"HOME": str(folder), "PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
    )
    assert process.stdout is not None
    reader = threading.Thread(target=process.stdout.read)
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line)
            if ready in line:
                break
        else:
            raise AssertionError(f"{command[0]} did not start: {''.join(said)}")
        # Somebody has to read on, or the server stops when the pipe is full.
        reader.start()
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)
        if reader.is_alive():
            reader.join(_PATIENCE_S)
        process.stdout.close()
