"""The isolated model for tests: an image that is there, and programs of our own run inside its walls.

Knows how to have set-up make the image, and how to run Python in a container that is held like the worker's, or not
held at all. Knows no test.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bykilt.llm.docker_client import DockerClient
from bykilt.llm.errors import RuntimeMissing
from bykilt.llm.image_contents import image_name
from bykilt.llm.policy import SandboxPolicy
from bykilt.llm.protocol import AttachedStream

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 60


@cache
def require_image() -> str:
    """Return the image's name; the first time, set-up makes sure of Docker and of the image."""
    subprocess.run(["bash", "-c", "source scripts/_setup.sh; setup_llm"], cwd=ROOT, check=True, timeout=600)
    return image_name()


@cache
def require_gvisor() -> str:
    """Return the name of gVisor's runtime; the test fails where the Docker daemon does not know it."""
    require_image()
    with closing(DockerClient()) as client:
        if "runsc" in client.runtimes():
            return "runsc"
    # A daemon that was there before set-up is left as it is.
    pytest.fail(f"set-up could not have Docker use gVisor. {RuntimeMissing('runsc').hint}")


@dataclass(frozen=True)
class Ended:
    """What a program in a container came to."""

    code: int
    out_of_memory: bool
    lines: list[Any]
    stderr: str


def run_inside(program: str, *, policy: SandboxPolicy | None, arguments: tuple[str, ...] = ()) -> Ended:
    """Run a Python program in the image: behind the walls of `policy`, or with None as `docker run` would.

    Its lines of JSON on standard output are returned.
    """
    image = require_image()
    with closing(DockerClient()) as client:
        configuration: dict[str, Any] = {
            "Image": image,
            "Entrypoint": ["python3", "-I", "-c", program, *arguments],
            "AttachStdout": True,
            "AttachStderr": True,
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
        }
        if policy is None:
            configuration["User"] = "0:0"
        else:
            configuration["HostConfig"] = policy.host_config(has_apparmor=client.has_apparmor())
        container = client.create(configuration)
        try:
            with client.attach(container) as attached:
                attached.settimeout(_PATIENCE_S)
                client.start(container)
                stream = AttachedStream()
                stream.allow(1 << 24)
                lines = [json.loads(line) for line in _lines(attached, stream)]
            code = client.wait(container)
            state = client.inspect(container)["State"]
            return Ended(code, bool(state["OOMKilled"]), lines, stream.stderr)
        finally:
            client.remove(container)


def _lines(attached: Any, stream: AttachedStream) -> Iterator[bytes]:
    while block := attached.recv(65536):
        yield from stream.feed(block)


@contextmanager
def image_with_worker(
    at_the_call: str, *, second_filter: bool = True, heeds_end_of_input: bool = True
) -> Iterator[str]:
    """Make an image whose worker is ready like the real one and then runs `at_the_call` when it is called.

    It has no model. `call` is the id of the call and `say` writes a line.
    """
    program = _WORKER.format(second_filter=second_filter, heeds=heeds_end_of_input) + textwrap.indent(
        at_the_call, "    "
    )
    tag = f"bykilt/llm-test:{secrets.token_hex(6)}"
    dockerfile = f"FROM {require_image()}\nCOPY start.py /opt/llm/start.py\n"
    with closing(DockerClient()) as client, tempfile.TemporaryDirectory() as folder:
        Path(folder, "Dockerfile").write_text(dockerfile)
        Path(folder, "start.py").write_text(program)
        for _ in client.build(Path(folder), tag, {}, {}):
            pass
    try:
        yield tag
    finally:
        subprocess.run(["docker", "rmi", "--force", tag], check=True, stdout=subprocess.DEVNULL, timeout=60)


_WORKER = """
import json, os, signal, sys, threading
sys.path.insert(0, "/opt/llm")
from bykilt.llm.worker.attest import attest

def say(**message):
    os.write(1, json.dumps(message).encode() + b"\\n")

say(ev="ready", second_filter={second_filter}, limits=attest())
line = sys.stdin.readline()
if not line and not {heeds}:
    threading.Event().wait()
if line:
    call = json.loads(line)["id"]
"""
