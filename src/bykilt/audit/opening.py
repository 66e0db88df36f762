"""Opens the ledger of a home, with the copies that the environment asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bykilt.audit.couriers import couriers_of
from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Who
from bykilt.clock import Clock


def ledger_folder(home: Path) -> Path:
    """Return where the ledger of a home is."""
    return home / "audit"


def open_ledger(home: Path, environ: Mapping[str, str], *, via: str, clock: Clock | None = None) -> Ledger:
    """Return the ledger of a home; it is made when the first line is written. `via` names command or service.

    Raises:
        InvalidSetting: A variable of the environment cannot be used.
    """
    return Ledger(ledger_folder(home), Who.this_process(via), clock=clock, couriers=couriers_of(environ))
