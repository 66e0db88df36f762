"""A process that has opened the vault leaves no core dump, and lets nobody of its user look inside."""

from __future__ import annotations

from tests.support.vaults import VaultHome

OPENER = """
import ctypes, resource, anyio
from bykilt.security.secrets_vault import get_secrets_vault

async def main():
    await get_secrets_vault()
    print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)

anyio.run(main)
"""


def test_core_dumps_are_off_in_a_process_with_the_vault(home: VaultHome) -> None:
    process = home.start(OPENER)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("0 0\n", 0), err


def test_a_process_without_the_vault_can_be_looked_into(home: VaultHome) -> None:
    """The control: it is the vault that makes the difference."""
    process = home.start("import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))")
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("1\n", 0), err
