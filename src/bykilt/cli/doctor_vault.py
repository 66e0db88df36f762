"""What `bykilt doctor` finds of the vault: whether it opens here, with which key, and whether the ledger is whole."""

from __future__ import annotations

from dataclasses import replace

import anyio.to_thread

from bykilt.cli.doctor_finding import Finding, Status
from bykilt.errors import BykiltError
from bykilt.security.opening import make_keeper
from bykilt.security.vault_settings import BackendName, VaultSettings
from bykilt.settings import Settings

_WHY = "it keeps secrets; nothing needs it as long as there are none"


async def vault(settings: Settings) -> Finding:
    """Does the vault open, if there is one?"""
    try:
        wanted = replace(VaultSettings.from_environment(), home=settings.home)
        if wanted.backend is not BackendName.FILE:
            return _finding(Status.INFO, f"secrets are kept by {wanted.backend}, which is not asked here")
        if not wanted.file.exists():
            return _finding(Status.INFO, "none yet; the first `bykilt vault set` makes one")
        keeper = make_keeper(wanted, via="cli: bykilt doctor", notify=lambda _: None)
        report = await anyio.to_thread.run_sync(keeper.report)
    except BykiltError as error:
        return _finding(Status.WARN, error.message, error.hint)
    if not report.ledger_holds or report.ledger_breaks:
        fix = "`bykilt audit verify` says what is missing; find out who changed the ledger"
        return _finding(Status.WARN, "it opens, but the audit ledger was cut or changed", fix)
    return _finding(Status.OK, f"{report.secrets} secrets, every one readable; the key is from {report.key_source}")


def _finding(status: Status, detail: str, fix: str = "") -> Finding:
    return Finding("vault", "Vault", status, detail, _WHY, fix)
