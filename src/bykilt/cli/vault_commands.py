"""`bykilt vault`: secrets by name. What takes care of the vault's file is in `vault_care_commands`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from bykilt.cli.amounts import Span
from bykilt.cli.lazy_group import Later, LazyGroup
from bykilt.cli.output import print_json, print_lines
from bykilt.cli.text_table import one_line
from bykilt.cli.vault_access import value_from_person, with_vault
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonObject

if TYPE_CHECKING:
    from bykilt.security.secret import SecretPolicy
    from bykilt.security.secrets_vault import SecretMetadata, SecretsVault

_CARE = "bykilt.cli.vault_care_commands"
LATER = {
    "status": Later(f"{_CARE}:status", "Show where the vault and its key are."),
    "rotate": Later(f"{_CARE}:rotate", "Seal the vault with a fresh key."),
    "rekey": Later(f"{_CARE}:rekey", "Keep the key in another place."),
    "backup": Later(f"{_CARE}:backup", "Write a copy of the vault, as it is sealed."),
    "restore": Later(f"{_CARE}:restore", "Put a backup in the place of the vault."),
    "audit": Later(f"{_CARE}:audit", "Show who has used secrets, or one of them."),
    "verify": Later(f"{_CARE}:verify", "Open the vault and look at every entry."),
}
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=LazyGroup, later=LATER)
def vault() -> None:
    """Keep secrets, encrypted, with every access on record.

    They are in one file, sealed with a key that is made at the first use; `bykilt vault status` says where both are.
    BYKILT_VAULT chooses another place for them.
    """


@vault.command("set")
@click.argument("name")
@click.option("--origin", "origins", multiple=True, metavar="URL", help="Only on pages of this origin; repeatable.")
@click.option("--flow", "flows", multiple=True, metavar="NAME", help="Only for flows of this name; repeatable.")
@click.option("--password-only", is_flag=True, help="Only into password fields.")
@click.option("--otp", is_flag=True, help="The value is the key of one-time codes: base32, or an otpauth address.")
@click.option("--ttl", type=Span(), help="No longer given after this time: 12h, 30d, …")
@click.option("--expected-version", type=click.IntRange(0), help="Fail if the current version is another; 0 for none.")
@_json
def set_secret(
    name: str,
    origins: tuple[str, ...],
    flows: tuple[str, ...],
    password_only: bool,
    otp: bool,
    ttl: float | None,
    expected_version: int | None,
    as_json: bool,
) -> None:
    """Keep a value; it is asked for, or read from standard input, never taken from the command line.

    A secret that is there gets another version; what limits its use stays, unless it is given anew.

    \b
    Examples:
      bykilt vault set shop_password --origin https://shop.example --password-only
      pass show openai | bykilt vault set openai_api_key
      bykilt vault set shop_otp --otp --origin https://shop.example
      bykilt vault set token --ttl 12h < token.txt
    """
    from bykilt.security.secret import check_name

    check_name(name)
    value = value_from_person(name)
    is_otp = otp or value.startswith(("otp:", "otpauth:"))
    policy = _policy(origins, flows, password_only=password_only, otp=is_otp)

    async def carry_out(vault: SecretsVault) -> int:
        return await vault.set_secret(name, value, policy=policy, ttl_s=ttl, expected_version=expected_version)

    version = with_vault(carry_out)
    if as_json:
        print_json({"name": name, "version": version})
    else:
        click.echo(f"{name} is kept (version {version})")


def _policy(origins: tuple[str, ...], flows: tuple[str, ...], *, password_only: bool, otp: bool) -> SecretPolicy | None:
    if not (origins or flows or password_only or otp):
        return None
    from bykilt.security.secret import SecretKind, SecretPolicy

    kind = SecretKind.OTP if otp else SecretKind.TEXT
    return SecretPolicy(origins=origins, flows=flows, password_only=password_only, kind=kind)


@vault.command("get")
@click.argument("name")
@click.option("--version", "wanted", type=click.IntRange(1), help="An older version.")
@click.option("--fallback-env", metavar="VARIABLE", help="If it is not in the vault: take it from here, and keep it.")
@click.option("-y", "--yes", is_flag=True, help="Print it to a terminal without asking.")
@_json
def get_secret(name: str, wanted: int | None, fallback_env: str | None, yes: bool, as_json: bool) -> None:
    """Print a value; of the key of one-time codes, the code of this moment.

    Where standard output is a terminal, it is asked first: what is there stays on the screen.

    \b
    Examples:
      bykilt vault get openai_api_key | xclip
      bykilt vault get openai_api_key --fallback-env OPENAI_API_KEY > key.txt
      bykilt vault get shop_password --version 1 --yes
    """
    from bykilt.security.errors import SecretNotFound

    if sys.stdout.isatty() and not yes:
        click.confirm(f"Print {name} to this terminal?", abort=True, err=True)

    async def carry_out(vault: SecretsVault) -> str:
        if wanted is not None or fallback_env is None:
            return (await vault.fetch(name, version=wanted)).reveal()
        value = await vault.get_secret(name, fallback_env)
        if value is None:
            raise SecretNotFound(name)
        return value

    value = with_vault(carry_out)
    if as_json:
        print_json({"name": name, "value": value})
    else:
        click.echo(value)


@vault.command("list")
@click.option("--deleted", is_flag=True, help="Deleted ones too.")
@_json
def list_secrets(deleted: bool, as_json: bool) -> None:
    """List the secrets: names, dates and limits, no values.

    \b
    Examples:
      bykilt vault list
      bykilt vault list --deleted --json
    """

    async def carry_out(vault: SecretsVault) -> list[SecretMetadata]:
        return [await vault.get_metadata(name) for name in await vault.list_keys(deleted=deleted)]

    found = with_vault(carry_out)
    if as_json:
        print_json({"secrets": [as_json_object(each) for each in found]})
    elif found:
        print_lines(_table(found))
    else:
        click.echo("No secrets. `bykilt vault set NAME` keeps one.")


def as_json_object(found: SecretMetadata) -> JsonObject:
    """Return what is known of a secret as a document."""
    return cast("JsonObject", found)


def _table(found: list[SecretMetadata]) -> list[str]:
    from bykilt.cli.text_table import columns, shortened

    rows = [
        (
            each["name"],
            each["kind"],
            str(each["version"]),
            each["updated_at"] or "-",
            str(each["access_count"]),
            "deleted" if each["deleted_at"] else each["expires_at"] or "-",
            shortened(_limits(each), 60),
        )
        for each in found
    ]
    return columns(("NAME", "KIND", "VERSION", "UPDATED", "READS", "EXPIRES", "ONLY FOR"), rows)


def _limits(each: SecretMetadata) -> str:
    words = [*each["origins"], *(f"flow {flow}" for flow in each["flows"])]
    words += ["password fields"] if each["password_only"] else []
    return ", ".join(words) or "-"


@vault.command("info")
@click.argument("name")
@_json
def info(name: str, as_json: bool) -> None:
    """Show what is known of a secret: versions, dates, reads and limits, no value.

    \b
    Examples:
      bykilt vault info openai_api_key
      bykilt vault info openai_api_key --json | jq .access_count
    """

    async def carry_out(vault: SecretsVault) -> SecretMetadata:
        return await vault.get_metadata(name)

    found = with_vault(carry_out)
    if as_json:
        print_json(as_json_object(found))
        return
    rows: Mapping[str, object] = {
        "Name": found["name"],
        "Kind": found["kind"],
        "Kept in": found["backend"],
        "Version": f"{found['version']} (kept: {', '.join(map(str, found['versions']))})",
        "Created": found["created_at"],
        "Updated": found["updated_at"],
        "Reads": f"{found['access_count']}, the last at {found['last_accessed'] or '-'}",
        "Expires": found["expires_at"] or "never",
        "Deleted": found["deleted_at"] or "no",
        "Only for": _limits(found),
    }
    print_lines(f"{title:<9} {one_line(str(value))}" for title, value in rows.items())


@vault.command("rm")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--for-good", is_flag=True, help="With all versions, so that it cannot be brought back.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_json
def remove(names: tuple[str, ...], for_good: bool, yes: bool, as_json: bool) -> None:
    """Delete secrets; `bykilt vault undelete` brings them back, unless they were deleted for good.

    \b
    Examples:
      bykilt vault rm old_token
      bykilt vault rm old_token --for-good --yes
    """
    from bykilt.security.errors import SecretNotFound

    if not (yes or as_json):
        click.confirm(f"Delete {', '.join(names)}{' for good' if for_good else ''}?", abort=True, err=True)

    async def carry_out(vault: SecretsVault) -> None:
        for name in names:
            if not await vault.delete_secret(name, for_good=for_good):
                raise SecretNotFound(name)

    with_vault(carry_out)
    if as_json:
        print_json({"deleted": list(names)})
    else:
        click.echo(f"{len(names)} secret{'' if len(names) == 1 else 's'} deleted")


@vault.command("undelete")
@click.argument("name")
@_json
def undelete(name: str, as_json: bool) -> None:
    """Bring a deleted secret back, with all its versions.

    \b
    Examples:
      bykilt vault undelete old_token
    """

    async def carry_out(vault: SecretsVault) -> None:
        await vault.undelete_secret(name)

    with_vault(carry_out)
    if as_json:
        print_json({"undeleted": name})
    else:
        click.echo(f"{name} is back")


@vault.command("import-env")
@click.argument("variables", nargs=-1, metavar="[VARIABLE[=NAME]]...")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Read a .env file instead of the environment.")
@_json
def import_env(variables: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Keep the values of environment variables, or of the lines of a .env file, as secrets.

    A secret has the variable's name in lower case, unless another is given. Without variables, every line of the
    file is taken. Afterwards, take them out of the environment or delete the file: bykilt does not.

    \b
    Examples:
      bykilt vault import-env OPENAI_API_KEY SHOP_PASSWORD=shop.password
      bykilt vault import-env --file .env
    """
    import os

    from bykilt.cli.dotenv import read_dotenv

    values: Mapping[str, str] = os.environ if file is None else read_dotenv(file)
    wanted = {variable.partition("=")[0]: variable.partition("=")[2] for variable in variables}
    if not wanted and file is None:
        raise click.UsageError("name the variables, or a file with --file")
    chosen = wanted or dict.fromkeys(values, "")
    missing = [variable for variable in chosen if not values.get(variable)]
    if missing:
        where = file or "the environment"
        raise InvalidInput(f"{', '.join(missing)}: not set in {where}", hint="nothing was kept; check the spelling")

    async def carry_out(vault: SecretsVault) -> list[str]:
        kept = []
        for variable, name in chosen.items():
            kept.append(name or variable.lower())
            await vault.set_secret(kept[-1], values[variable])
        return kept

    kept = with_vault(carry_out)
    if as_json:
        print_json({"imported": list(kept)})
    else:
        click.echo(f"kept: {', '.join(kept)}")
