"""Puts a vault together from its settings: backend, keys, ledger. The only module that names every backend.

Opens nothing yet: a file is read, and a server spoken to, when the first secret is asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bykilt.audit.ledger import Ledger
from bykilt.audit.opening import open_ledger
from bykilt.clock import Clock, SystemClock
from bykilt.errors import MissingCapability
from bykilt.security.backend import SecretBackend
from bykilt.security.environment_backend import EnvironmentBackend
from bykilt.security.errors import NotSupported
from bykilt.security.file_backend import FileBackend
from bykilt.security.key_sources import AskPassphrase, KeySources
from bykilt.security.maintenance import VaultKeeper
from bykilt.security.process_guard import guard_memory
from bykilt.security.sealing import NoSealingKey, Sealer
from bykilt.security.secret import Notify
from bykilt.security.secrets_vault import SecretsVault
from bykilt.security.vault_file import VaultFile
from bykilt.security.vault_settings import BackendName, HashicorpSettings, VaultSettings

_log = logging.getLogger(__name__)
_open: dict[tuple[Path, BackendName, str | None], SecretsVault] = {}
_lock = threading.Lock()


def open_vault(settings: VaultSettings) -> SecretsVault:
    """Return the vault of these settings; the same one as long as this process lives.

    Raises:
        VaultError: The backend cannot be set up.
    """
    with _lock:
        key = (settings.home, settings.backend, settings.master_key)
        vault = _open.get(key)
        if vault is None:
            vault = _open[key] = make_vault(settings)
        return vault


def make_vault(
    settings: VaultSettings,
    *,
    via: str = "python",
    notify: Notify | None = None,
    ask: AskPassphrase | None = None,
    clock: Clock | None = None,
) -> SecretsVault:
    """Return a vault of one's own. `via` names the command or service in the ledger; `ask` asks for a passphrase.

    Raises:
        VaultError: The backend cannot be set up.
    """
    guard_memory()
    clock = clock or SystemClock()
    ledger = open_ledger(settings.home, settings.environ, via=via, clock=clock)
    return SecretsVault(
        _backend(settings, ledger, notify or _log.warning, ask, clock),
        ledger,
        environ=settings.environ,
        clock=clock,
        fallback_when_down=settings.fallback_when_down,
    )


def vault_file(
    settings: VaultSettings, ledger: Ledger, notify: Notify, ask: AskPassphrase | None, clock: Clock
) -> VaultFile:
    """Return the file that the file backend keeps secrets in."""
    sources = KeySources(settings, notify, ask)
    return VaultFile(settings.file, sources, ledger, clock, settings.lock_timeout_s)


def make_keeper(
    settings: VaultSettings,
    *,
    via: str,
    notify: Notify,
    ask: AskPassphrase | None = None,
    clock: Clock | None = None,
) -> VaultKeeper:
    """Return what takes care of the vault's file.

    Raises:
        NotSupported: The secrets are not in a file.
    """
    if settings.backend is not BackendName.FILE:
        hint = "its server has means of its own for keys and backups; BYKILT_VAULT=file is what this command is for"
        raise NotSupported(settings.backend, "do this", hint=hint)
    guard_memory()
    clock = clock or SystemClock()
    ledger = open_ledger(settings.home, settings.environ, via=via, clock=clock)
    return VaultKeeper(vault_file(settings, ledger, notify, ask, clock), ledger)


def open_sealer(settings: VaultSettings, purpose: str, *, what: str, notify: Notify | None = None) -> Sealer:
    """Return what seals for a purpose, with the key of the vault that is there, or that its first use would take.

    No key is made. `what` is sealed with it, in the words of an error.

    Raises:
        NoSealingKey: There is no master key, or the secrets are not in a file of ours.
        VaultError: The vault is there and cannot be opened.
    """
    if settings.backend is not BackendName.FILE:
        raise NoSealingKey(what, settings.backend)
    guard_memory()
    ledger = open_ledger(settings.home, settings.environ, via="sealing")
    file = vault_file(settings, ledger, notify or _log.warning, None, SystemClock())
    try:
        # A key that does not open the vault is not the vault's.
        found = file.load().found if file.stamp() is not None else file.sources.find(None)
    finally:
        ledger.close()
    if found is None:
        raise NoSealingKey(what, settings.backend)
    return Sealer(found.keys.current, purpose)


def key_places(settings: VaultSettings) -> tuple[str, ...]:
    """Return where the vault's key is looked for, in order, for people."""
    return KeySources(settings, _log.warning).describe()


def _backend(
    settings: VaultSettings, ledger: Ledger, notify: Notify, ask: AskPassphrase | None, clock: Clock
) -> SecretBackend:
    match settings.backend:
        case BackendName.FILE:
            return FileBackend(vault_file(settings, ledger, notify, ask, clock), clock)
        case BackendName.ENV:
            return EnvironmentBackend(settings.environ)
        case BackendName.HASHICORP:
            with _extra("hashicorp"):
                from bykilt.security.hashicorp_backend import HashicorpBackend

                wanted = HashicorpSettings.from_environment(settings.environ)
                return HashicorpBackend(wanted, settings.backend_timeout_s)
        case BackendName.AWS:
            with _extra("aws"):
                from bykilt.security.aws_backend import AwsBackend

                return AwsBackend(settings.path, settings.backend_timeout_s)


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Say what to install where a backend's library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingCapability(
            f"the backend {name} needs the package {error.name}", hint=f'pip install "bykilt[{name}]"'
        ) from error
