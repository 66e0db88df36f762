"""Every way in which the vault says no. Knows codes, words and exits; holds no secret and no part of one.

Wrong key, damaged file, missing file and locked file are four errors, because four different things mend them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bykilt.errors import BykiltError, ExitCode, InvalidInput


class VaultError(BykiltError):
    """The vault cannot do what was asked."""

    code = "vault_error"


class WrongMasterKey(VaultError):
    code = "vault_wrong_key"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, path: Path, wanted_id: str, source: str, found_ids: Sequence[str]) -> None:
        super().__init__(
            f"{path} is sealed with the key {wanted_id}, and {source} holds {' and '.join(found_ids)}",
            hint="put the right key there, or take the one there away if another place holds the right one; "
            "`bykilt vault status` shows where keys are looked for",
        )


class InvalidMasterKey(InvalidInput):
    """What should be a key is none."""

    code = "vault_invalid_key"

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(
            f"{source} holds no usable master key: {reason}",
            hint="a key is 32 random bytes in URL-safe base64; `openssl rand -base64 32 | tr +/ -_` makes one",
        )


class NoMasterKey(VaultError):
    code = "vault_no_key"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, path: Path, wanted_id: str, looked_in: Sequence[str]) -> None:
        super().__init__(
            f"{path} is sealed with the key {wanted_id}, and no key was found; looked in {', '.join(looked_in)}",
            hint="bring the key back from your backup of it, for instance as VAULT_MASTER_KEY",
        )


class KeyFileExposed(VaultError):
    code = "vault_exposed"
    exit_code = ExitCode.MISSING_CAPABILITY

    def __init__(self, path: Path, mode: int, what: str) -> None:
        super().__init__(
            f"{path} can be read or changed by others (mode {mode:04o}); {what} is not used so",
            hint=f"chmod {'700' if path.is_dir() else '600'} {path}; if others had access, rotate the key and "
            "change the secrets",
        )


class NotOurFile(VaultError):
    code = "vault_exposed"
    exit_code = ExitCode.MISSING_CAPABILITY

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is not used: {reason}", hint="check what is there, and remove or chown it")


class VaultDamaged(VaultError):
    code = "vault_damaged"
    exit_code = ExitCode.RUN_FAILED

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(
            f"{path} is damaged or was tampered with: {reason}",
            hint="`bykilt vault restore` brings a backup back; keep the damaged file to find out what happened",
        )


class VaultMissing(VaultError):
    code = "vault_missing"
    exit_code = ExitCode.MISSING_CAPABILITY

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there is no vault at {path}",
            hint="`bykilt vault set NAME` makes one; `bykilt vault restore` brings one back; is BYKILT_HOME right?",
        )


class VaultLocked(VaultError):
    code = "vault_locked"
    exit_code = ExitCode.MISSING_CAPABILITY

    def __init__(self, path: Path, waited_s: float) -> None:
        super().__init__(
            f"{path} was locked by another process for {waited_s:g} s",
            hint="look for a stopped bykilt process (fg, or kill it); the lock ends with it",
        )


class NewerVault(VaultError):
    code = "vault_newer"
    exit_code = ExitCode.MISSING_CAPABILITY

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(
            f"{path} has format {found}; this version of bykilt knows up to {known}",
            hint="use the newer bykilt that wrote it",
        )


class VaultRolledBack(VaultError):
    code = "vault_rolled_back"

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} is of generation {found}, and generation {known} was written here before: "
            "an older file was put back",
            hint="if that was you: `bykilt vault restore` takes an older file on purpose; otherwise find "
            "out who did it",
        )


class SecretNotFound(VaultError):
    code = "secret_not_found"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, name: str, *, deleted: bool = False, version: int | None = None) -> None:
        which = f" in version {version}" if version is not None else ""
        hint = "`bykilt vault list` shows what there is; `bykilt vault set` adds one"
        if deleted:
            hint = f"it was deleted; `bykilt vault undelete {name}` brings it back"
        super().__init__(f"there is no secret {name!r}{which}", hint=hint)


class SecretExpired(VaultError):
    code = "secret_expired"

    def __init__(self, name: str, expired_at: str) -> None:
        super().__init__(
            f"the secret {name!r} expired at {expired_at}", hint=f"`bykilt vault set {name}` gives it a fresh value"
        )


class SecretRefused(VaultError):
    """The secret's policy forbids this use."""

    code = "secret_refused"

    def __init__(self, name: str, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"the secret {name!r} is not given: {reason}", hint=hint or f"`bykilt vault info {name}` shows its policy"
        )


class VersionConflict(VaultError):
    code = "secret_version_conflict"

    def __init__(self, name: str, expected: int, found: int) -> None:
        super().__init__(
            f"the secret {name!r} is at version {found}, not {expected}: somebody has changed it meanwhile",
            hint="read it again, then decide",
        )


class InvalidSecret(InvalidInput):
    """A name, value or policy cannot be used as it is."""

    code = "invalid_secret"


class BackendUnavailable(VaultError):
    """The place that keeps the secrets does not answer, or not in time."""

    code = "vault_unavailable"
    exit_code = ExitCode.MISSING_CAPABILITY


class BackendRefused(VaultError):
    """The place that keeps the secrets answers no."""

    code = "vault_refused"


class NotSupported(InvalidInput):
    """This backend cannot do that."""

    code = "vault_not_supported"

    def __init__(self, backend: str, what: str, *, hint: str = "BYKILT_VAULT=file can") -> None:
        super().__init__(f"the backend {backend} cannot {what}", hint=hint)
