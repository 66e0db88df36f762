"""What a probe is, and how one is run: in a process of its own, because a refusal may be its death.

Knows nothing of any wall. Runs on the system's Python without other packages, inside and outside of a sandbox.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class World:
    """The bait: what the outside has laid within reach of a process that nothing holds.

    `marker` is in the command line of every process that a probe leaves behind. Where nothing holds the process,
    `is_walled` is false, and a probe that would be a burden to the machine is left out. Sizes are the limits in bytes.
    """

    is_walled: bool
    proxy_port: int
    secret_file: str
    secret_variable: str
    shared_folder: str
    path_socket: str
    abstract_socket: str
    tcp_port: int
    tcp6_port: int
    victim_pid: int
    tmp_bytes: int
    shm_bytes: int
    home_bytes: int
    memory_bytes: int
    process_limit: int
    marker: str

    def to_json(self) -> str:
        """Return it as one word of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> World:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def open_descriptors() -> dict[int, str]:
    """Return what lies behind each descriptor of this process, as the kernel names it."""
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the one that the listing itself used
    return found


# Looked at before any probe has opened something.
BORN_WITH = open_descriptors()


class Refused(Exception):
    """A refusal that is no error of the system: there was nothing to be had."""


Attempt = Callable[[World], str]


@dataclass(frozen=True)
class Probe:
    """One attempt. `refusals` are the answers that mean no: names of errors, of signals, and `nothing`."""

    area: str
    name: str
    refusals: frozenset[str]
    attempt: Attempt
    is_harmless_outside: bool

    @property
    def tries(self) -> str:
        """What it tries, for a person."""
        return " ".join((self.attempt.__doc__ or "").split())


@dataclass(frozen=True)
class Outcome:
    """What came of a probe. `answer` is one of its refusals, or what was gained, or what went wrong."""

    kind: str  # gained, refused, broken
    answer: str


PROBES: list[Probe] = []
# What Chromium cannot do without: the same form, and a refusal is the failure.
NEEDS: list[Probe] = []
NOTHING = "nothing"


def probe(area: str, refusals: str, *, is_harmless_outside: bool = True) -> Callable[[Attempt], Attempt]:
    """Make a probe of a function that returns what it gained, or raises OSError or Refused."""

    def register(attempt: Attempt) -> Attempt:
        name = attempt.__name__.replace("_", " ")
        PROBES.append(Probe(area, name, frozenset(refusals.split()), attempt, is_harmless_outside))
        return attempt

    return register


def needed(attempt: Attempt) -> Attempt:
    """Register a function as something that has to work in the sandbox too."""
    NEEDS.append(Probe("needed", attempt.__name__.replace("_", " "), frozenset(), attempt, True))
    return attempt


def run_probe(one: Probe, world: World) -> Outcome:
    """Carry out one probe in a child."""
    sys.stdout.flush()
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_fd)
        os.setsid()
        outcome = _carry_out(one, world)
        os.write(write_fd, json.dumps(asdict(outcome)).encode())
        os._exit(0)
    os.close(write_fd)
    said = b""
    if is_over := bool(select.select([read_fd], [], [], _PATIENCE_S)[0]):
        said = os.read(read_fd, 65536)
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read_fd)
    _, status = os.waitpid(child, 0)
    if said:
        return Outcome(**json.loads(said))
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if ended_by and is_over:
        return Outcome("refused", signal.Signals(ended_by).name)
    return Outcome("broken", f"no answer in {_PATIENCE_S} s" if ended_by else "an error that is no refusal, on stderr")


def _carry_out(one: Probe, world: World) -> Outcome:
    try:
        return Outcome("gained", one.attempt(world))
    except Refused as refusal:
        return Outcome("refused", str(refusal) or NOTHING)
    except OSError as error:
        return Outcome("refused", errno.errorcode.get(error.errno or 0, str(error)))
