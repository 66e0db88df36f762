"""How the commands of `bykilt vault` reach the vault, and how they talk to the person about it.

Knows prompts and standard input. Does not know what a command does with a secret.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from bykilt.errors import InvalidInput

if TYPE_CHECKING:
    from bykilt.security.key_sources import AskPassphrase
    from bykilt.security.maintenance import VaultKeeper
    from bykilt.security.secrets_vault import SecretsVault

T = TypeVar("T")
_MAX_STDIN_CHARS = 1024 * 1024


def with_vault(work: Callable[[SecretsVault], Coroutine[None, None, T]]) -> T:
    """Open the vault, do something with it, and close it.

    Raises:
        BykiltError: What went wrong.
    """
    import anyio

    async def carry_out() -> T:
        async with _opened() as vault:
            return await work(vault)

    return anyio.run(carry_out)


@asynccontextmanager
async def _opened() -> AsyncIterator[SecretsVault]:
    from bykilt.security.opening import make_vault
    from bykilt.security.vault_settings import VaultSettings

    vault = make_vault(VaultSettings.from_environment(), via=_via(), notify=notify, ask=asker())
    try:
        yield vault
    finally:
        await vault.close()


def keeper() -> VaultKeeper:
    """Return what takes care of the vault's file.

    Raises:
        NotSupported: The secrets are not in a file.
    """
    from bykilt.security.opening import make_keeper
    from bykilt.security.vault_settings import VaultSettings

    return make_keeper(VaultSettings.from_environment(), via=_via(), notify=notify, ask=asker())


def notify(message: str) -> None:
    """Tell the person something they must know, where it does not mix with results."""
    click.secho("note: ", fg="yellow", bold=True, nl=False, err=True)
    click.echo(message, err=True)


def asker() -> AskPassphrase | None:
    """Return what asks for a passphrase; None where nobody could answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: str) -> str:
        is_fresh = question.startswith("New")
        return str(click.prompt(question, hide_input=True, confirmation_prompt=is_fresh, err=True))

    return ask


def value_from_person(name: str) -> str:
    """Return a value that is typed unseen, twice, or that comes by standard input; never from the command line.

    One line break at the end of standard input is not part of it.

    Raises:
        InvalidInput: There is none.
    """
    if sys.stdin.isatty():
        return str(click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True, err=True))
    text = sys.stdin.read(_MAX_STDIN_CHARS)
    value = text[:-1] if text.endswith("\n") else text
    if not value:
        raise InvalidInput(
            f"no value for {name} came by standard input", hint=f"for instance: pass show x | bykilt vault set {name}"
        )
    return value


def _via() -> str:
    context = click.get_current_context(silent=True)
    return "cli" if context is None else f"cli: {context.command_path}"
