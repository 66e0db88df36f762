"""Vaults in homes of their own, with keys and a clock that tests set. Knows no test."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bykilt.security.maintenance import VaultKeeper
from bykilt.security.master_key import MasterKey
from bykilt.security.opening import make_keeper, make_vault
from bykilt.security.secrets_vault import SecretsVault
from bykilt.security.vault_settings import VaultSettings

CANARY = "canary-7f3a-value-that-must-not-be-written"


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until it is set."""

    now_s: float = 1_795_000_000.0

    def wall_s(self) -> float:
        return self.now_s

    def monotonic_s(self) -> float:
        return self.now_s


@dataclass(slots=True)
class VaultHome:
    """A home with a vault in it; each `vault` opens it afresh, as another process would."""

    path: Path
    clock: SetClock
    environ: dict[str, str]
    notes: list[str]
    started: list[subprocess.Popen[str]]

    @classmethod
    def at(cls, path: Path, **environ: str) -> VaultHome:
        """Return a home whose vault has the environment given, and no keyring."""
        return cls(path, SetClock(), {"BYKILT_HOME": str(path), "BYKILT_VAULT_KEYRING": "off", **environ}, [], [])

    @property
    def file(self) -> Path:
        return self.path / "secrets.vault"

    @property
    def key_file(self) -> Path:
        return self.path / "vault.key"

    def settings(self) -> VaultSettings:
        return VaultSettings.from_environment(self.environ)

    def vault(self) -> SecretsVault:
        return make_vault(self.settings(), via="test", notify=self.notes.append, clock=self.clock)

    def keeper(self) -> VaultKeeper:
        return make_keeper(self.settings(), via="test", notify=self.notes.append, clock=self.clock)

    def start(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python program in this home, which writes what it has done line by line."""
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, **self.environ},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        return process

    def kill_left(self) -> None:
        """Kill the programs that a test has left."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def new_key() -> str:
    """Return a fresh master key as text."""
    return MasterKey.generate().text()


def everything_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def line_of(process: subprocess.Popen[str]) -> Any:
    """Return the next line that a program wrote."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
