"""The vault on a real terminal: what is typed is not seen, and a value is printed only after a question."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.vaults import CANARY

_PATIENCE_S = 60


class Terminal:
    """A terminal with the command on it; what the screen shows is remembered."""

    def __init__(self, screen: int) -> None:
        self._screen = screen
        self.shown = ""

    def wait_for(self, words: str) -> None:
        """Return when the screen shows the words behind what was waited for before."""
        start = len(self.shown)
        while words not in self.shown[start:]:
            self.shown += os.read(self._screen, 4096).decode()

    def type(self, text: str) -> None:
        """Type a text and Enter."""
        os.write(self._screen, f"{text}\n".encode())

    def rest(self) -> str:
        """Return all that was shown, once the command has ended."""
        while True:
            try:
                more = os.read(self._screen, 4096)
            except OSError:  # nobody has the other end open any more
                return self.shown
            if not more:
                return self.shown
            self.shown += more.decode()


@contextmanager
def on_a_terminal(home: Path, *arguments: str, code: int = 0) -> Iterator[Terminal]:
    """Run a command of `bykilt vault` on a terminal of its own."""
    screen, end = pty.openpty()
    env = {**os.environ, "BYKILT_HOME": str(home), "BYKILT_VAULT_KEYRING": "off"}
    command = [sys.executable, "-m", "bykilt", "vault", *arguments]
    process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=env, start_new_session=True)
    os.close(end)
    try:
        yield Terminal(screen)
        assert process.wait(_PATIENCE_S) == code
    finally:
        process.kill()
        process.wait()
        os.close(screen)


@pytest.mark.timeout(120)
def test_a_value_is_typed_unseen_and_shown_only_when_wanted(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path, "set", "a") as terminal:
        terminal.wait_for("Value of a:")
        terminal.type(CANARY)
        terminal.wait_for("Repeat for confirmation:")
        terminal.type(CANARY)
        assert "a is kept" in terminal.rest()
        assert CANARY not in terminal.shown

    with on_a_terminal(tmp_path, "get", "a", code=130) as terminal:
        terminal.wait_for("Print a to this terminal?")
        terminal.type("n")
        assert CANARY not in terminal.rest()

    with on_a_terminal(tmp_path, "get", "a") as terminal:
        terminal.wait_for("Print a to this terminal?")
        terminal.type("y")
        assert CANARY in terminal.rest()


@pytest.mark.timeout(120)
def test_a_passphrase_is_asked_for_unseen(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path, "set", "a") as terminal:
        for question in ("Value of a:", "Repeat for confirmation:"):
            terminal.wait_for(question)
            terminal.type("1")
        terminal.rest()
    with on_a_terminal(tmp_path, "rekey", "--to", "passphrase") as terminal:
        for question in ("New passphrase of the vault:", "Repeat for confirmation:"):
            terminal.wait_for(question)
            terminal.type("correct horse")
        assert "correct horse" not in terminal.rest()
    with on_a_terminal(tmp_path, "get", "a", "--yes") as terminal:
        terminal.wait_for("Passphrase of the vault:")
        terminal.type("correct horse")
        assert terminal.rest().endswith("1\r\n")
    with on_a_terminal(tmp_path, "get", "a", "--yes", code=2) as terminal:
        terminal.wait_for("Passphrase of the vault:")
        terminal.type("wrong")
        assert "sealed with the key" in terminal.rest()
