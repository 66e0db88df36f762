"""The command `bykilt` as a process of its own, with a home of its own.

Knows how to start it, to read what it says, and to press Ctrl-C. Knows no command.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.engines import SITE_HOSTS

PATIENCE_S = 90


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and with which code it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return standard output, which is one JSON document."""
        return json.loads(self.out)


class Started:
    """A command that goes on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._heard: list[str] = []

    def hear(self, words: str) -> str:
        """Return the next line on standard error that contains the words; waits for it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._heard.append(line)
            if words in line:
                return line
        raise AssertionError(f"{words!r} was not said: {''.join(self._heard)}")

    def read_line(self) -> str:
        """Return the next line on standard output; waits for it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(number)

    def end(self) -> Said:
        """Return what it said, once it has ended."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return Said(self.process.returncode, out, "".join(self._heard) + err)


_SANDBOXING = frozenset({"--sandbox", "--sandbox-file", "--network", "--allow-host", "--no-sandbox", "--help"})


class CommandLine:
    """Runs `bykilt` with a home folder and a clean environment; a run may reach the loopback site."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {name: value for name, value in os.environ.items() if name not in ("RUNNER_ENGINE", "BYKILT_HOME")}
        self.env["BYKILT_HOME"] = str(home)
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path) -> Started:
        """Start a command; it is killed by the test's end at the latest (`kill_left`)."""
        command = [sys.executable, "-m", "bykilt", *map(str, arguments)]
        if arguments[:1] == ("run",) and not _SANDBOXING.intersection(command):
            command += [part for host in SITE_HOSTS for part in ("--allow-host", host)]
        process = subprocess.Popen(
            command,
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._started.append(process)
        return Started(process)

    def run(self, *arguments: str | Path) -> Said:
        """Run a command to its end."""
        return self.start(*arguments).end()

    def kill_left(self) -> None:
        """Kill the commands that a failed test has left."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
