"""What the environment says about the vault: which backend, where its file and its key are.

Knows the variables and which values are impossible. Does not open anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bykilt.settings import InvalidSetting, Settings

KEY_VARIABLE = "VAULT_MASTER_KEY"
CREDENTIAL_NAME = "bykilt-vault-key"
_OFF = {"0", "off", "no", "false"}
_ON = {"1", "on", "yes", "true"}


class BackendName(StrEnum):
    """Where secrets are kept."""

    FILE = "file"
    HASHICORP = "hashicorp"
    AWS = "aws"
    ENV = "env"


@dataclass(frozen=True, slots=True, kw_only=True)
class HashicorpSettings:
    """Where HashiCorp Vault or OpenBao is, and how to log in: with a token, or with an AppRole."""

    url: str = "http://127.0.0.1:8200"
    mount: str = "secret"
    path: str = "bykilt"
    namespace: str | None = None
    token: str | None = field(default=None, repr=False)
    role_id: str | None = None
    secret_id: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @classmethod
    def from_environment(cls, given: Mapping[str, str]) -> HashicorpSettings:
        """Read the settings; the variables of Vault's own command line count, too.

        Raises:
            InvalidSetting: The address cannot be used.
        """

        def read(*variables: str) -> str | None:
            return next((value for name in variables if (value := given.get(name, "").strip())), None)

        url = read("BYKILT_VAULT_URL", "BAO_ADDR", "VAULT_ADDR") or "http://127.0.0.1:8200"
        if not url.startswith(("http://", "https://")):
            hint = "for instance https://vault.example:8200"
            raise InvalidSetting("BYKILT_VAULT_URL", url, "this is no address of a server", hint=hint)
        role_id = read("BYKILT_VAULT_ROLE_ID")
        return cls(
            url=url.rstrip("/"),
            mount=(read("BYKILT_VAULT_MOUNT") or "secret").strip("/"),
            path=(read("BYKILT_VAULT_PATH") or "bykilt").strip("/"),
            namespace=read("BYKILT_VAULT_NAMESPACE", "BAO_NAMESPACE", "VAULT_NAMESPACE"),
            token=None if role_id else read("BAO_TOKEN", "VAULT_TOKEN"),
            role_id=role_id,
            secret_id=read("BYKILT_VAULT_SECRET_ID"),
            ca_file=read("BAO_CACERT", "VAULT_CACERT"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """The settings of the vault of one process.

    `master_key` is VAULT_MASTER_KEY, several keys separated by commas, the current one first. `key_file` is
    BYKILT_VAULT_KEY_FILE or `vault.key` in the home. `credentials_dir` is where systemd puts credentials.
    `environ` holds the variables that a fallback or the backend `env` may read.
    """

    home: Path
    backend: BackendName = BackendName.FILE
    master_key: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    credentials_dir: Path | None = None
    passphrase_file: Path | None = None
    use_keyring: bool = True
    fallback_when_down: bool = False
    lock_timeout_s: float = 10.0
    backend_timeout_s: float = 10.0
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        """Below which path a store that is not ours keeps the secrets (BYKILT_VAULT_PATH)."""
        return (self.environ.get("BYKILT_VAULT_PATH", "").strip() or "bykilt").strip("/")

    @property
    def file(self) -> Path:
        """Where the file backend keeps the secrets."""
        return self.home / "secrets.vault"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> VaultSettings:
        """Read the settings; a variable that is empty counts as not set.

        Raises:
            InvalidSetting: A variable cannot be used; the message names it.
        """
        given = os.environ if environ is None else environ
        return cls(
            home=Settings.from_environment(given).home,
            backend=_backend(given),
            master_key=given.get(KEY_VARIABLE, "").strip() or None,
            key_file=_path(given, "BYKILT_VAULT_KEY_FILE"),
            credentials_dir=_path(given, "CREDENTIALS_DIRECTORY"),
            passphrase_file=_path(given, "BYKILT_VAULT_PASSPHRASE_FILE"),
            use_keyring=_switch(given, "BYKILT_VAULT_KEYRING", default=True),
            fallback_when_down=_switch(given, "BYKILT_VAULT_FALLBACK", default=False),
            backend_timeout_s=_seconds(given, "BYKILT_VAULT_TIMEOUT_S", 10.0),
            environ=given,
        )


def _backend(given: Mapping[str, str]) -> BackendName:
    value = given.get("BYKILT_VAULT", "").strip() or BackendName.FILE
    try:
        return BackendName(value)
    except ValueError:
        known = ", ".join(BackendName)
        raise InvalidSetting("BYKILT_VAULT", value, "no such backend", hint=f"one of {known}") from None


def _path(given: Mapping[str, str], variable: str) -> Path | None:
    value = given.get(variable, "").strip()
    return Path(value).expanduser().absolute() if value else None


def _switch(given: Mapping[str, str], variable: str, *, default: bool) -> bool:
    value = given.get(variable, "").strip().lower()
    if not value:
        return default
    if value in _ON | _OFF:
        return value in _ON
    raise InvalidSetting(variable, value, "this is neither on nor off", hint="write `on` or `off`")


def _seconds(given: Mapping[str, str], variable: str, default: float) -> float:
    value = given.get(variable, "").strip()
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 300:
        raise InvalidSetting(variable, value, "a number from 0.1 to 300 is needed", hint=f"unset it for {default:g}")
    return seconds
