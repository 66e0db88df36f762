"""`bykilt vault`: the care of the vault's file and of its key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bykilt.cli.amounts import local_time
from bykilt.cli.output import print_json, print_lines
from bykilt.cli.vault_access import keeper
from bykilt.json_types import JsonObject

if TYPE_CHECKING:
    from bykilt.security.maintenance import VaultReport

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command()
@_json
def status(as_json: bool) -> None:
    """Show where the vault and its key are.

    \b
    Examples:
      bykilt vault status
    """
    from bykilt.audit.opening import ledger_folder
    from bykilt.security.opening import key_places
    from bykilt.security.vault_settings import BackendName, VaultSettings

    settings = VaultSettings.from_environment()
    is_file = settings.backend is BackendName.FILE
    places = key_places(settings) if is_file else ()
    is_there = is_file and settings.file.exists()
    if as_json:
        print_json(
            {
                "backend": str(settings.backend),
                "file": str(settings.file) if is_file else None,
                "is_there": is_there,
                "key_places": list(places),
                "ledger": str(ledger_folder(settings.home)),
            }
        )
        return
    click.echo(f"Backend  {settings.backend}")
    if is_file:
        click.echo(f"File     {settings.file}{'' if is_there else ' (not there yet)'}")
    click.echo(f"Ledger   {ledger_folder(settings.home)}")
    for number, place in enumerate(places):
        click.echo(f"{'Keys in' if number == 0 else 'then in':<8} {place}")


@click.command()
@_json
def rotate(as_json: bool) -> None:
    """Seal the vault with a fresh key.

    It is kept where the old one was; processes that read meanwhile go on. A key in VAULT_MASTER_KEY cannot be
    changed from here: put the new key before the old one there, separated by a comma, and rotate then.

    \b
    Examples:
      bykilt vault rotate
      VAULT_MASTER_KEY="$new,$old" bykilt vault rotate
    """
    old, new = keeper().rotate()
    _tell_exchange(old, new, as_json=as_json)


@click.command()
@click.option("--to", "place", type=click.Choice(("file", "keyring", "passphrase")), required=True, help="Where.")
@_json
def rekey(place: str, as_json: bool) -> None:
    """Keep the key in another place.

    A fresh key is made for it. A passphrase is asked for, or read from the file BYKILT_VAULT_PASSPHRASE_FILE.

    \b
    Examples:
      bykilt vault rekey --to keyring
      bykilt vault rekey --to passphrase
    """
    from bykilt.security.key_sources import KeyPlace

    old, new = keeper().rekey(KeyPlace(place))
    _tell_exchange(old, new, as_json=as_json)


def _tell_exchange(old: str, new: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"old_key": old, "new_key": new})
    else:
        click.echo(f"the vault is sealed with the key {new}; {old} opens nothing but older copies of it")


@click.command()
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--with-key", type=click.Path(path_type=Path), metavar="KEYFILE", help="Write the key, too, into a file of its own."
)
@_json
def backup(target: Path, with_key: Path | None, as_json: bool) -> None:
    """Write a copy of the vault, as it is sealed.

    Without its key it is of no use to anybody: keep both, in two places.

    \b
    Examples:
      bykilt vault backup vault-2026-11-24.backup
      bykilt vault backup vault.backup --with-key /media/stick/vault.key
    """
    care = keeper()
    report = care.backup(target.absolute())
    key_id = care.write_key(with_key.absolute()) if with_key is not None else report.key_id
    if as_json:
        print_json({"file": str(target), "key_file": str(with_key) if with_key else None, **_report_json(report)})
        return
    click.echo(f"{target}: {report.secrets} secrets, generation {report.generation}, sealed with the key {key_id}")
    if with_key is not None:
        click.echo(f"{with_key}: the key; keep it where the backup is not")


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    metavar="KEYFILE",
    help="The key that the backup was sealed with, if it is not this machine's.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_json
def restore(source: Path, key_file: Path | None, yes: bool, as_json: bool) -> None:
    """Put a backup in the place of the vault.

    On another machine, --key-file brings the key along; if there is a key already, the vault is sealed with that.

    \b
    Examples:
      bykilt vault restore vault-2026-11-24.backup
      bykilt vault restore vault.backup --key-file /media/stick/vault.key --yes
    """
    if not (yes or as_json):
        click.confirm("Put the backup in the place of the vault?", abort=True, err=True)
    report = keeper().restore(source.absolute(), None if key_file is None else key_file.absolute())
    if as_json:
        print_json(_report_json(report))
    else:
        click.echo(f"{report.path}: {report.secrets} secrets, generation {report.generation}")


@click.command()
@_json
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Open the vault and look at every entry.

    It also says whether the audit ledger still holds the line that it ended with when the vault was last written;
    `bykilt audit verify` looks at every line.

    \b
    Examples:
      bykilt vault verify

    Exits with 1 when the vault is damaged or the ledger was cut, 2 with a wrong key, 3 when there is no vault.
    """
    report = keeper().report()
    holds = report.ledger_holds and not report.ledger_breaks
    if as_json:
        print_json(_report_json(report))
    else:
        print_lines(_report_lines(report))
    ctx.exit(0 if holds else 1)


def _report_json(report: VaultReport) -> JsonObject:
    return {
        "vault": str(report.path),
        "format": report.version,
        "vault_id": report.vault_id,
        "generation": report.generation,
        "key_id": report.key_id,
        "key_source": report.key_source,
        "secrets": report.secrets,
        "versions": report.versions,
        "deleted": report.deleted,
        "created": report.created_s,
        "ledger_seq": report.ledger_seq,
        "ledger_holds": report.ledger_holds,
        "ledger_breaks": [{"seq": each.seq, "noticed": each.noticed_s} for each in report.ledger_breaks],
    }


def _report_lines(report: VaultReport) -> list[str]:
    lines = [
        f"File        {report.path}",
        f"Format      {report.version}",
        f"Generation  {report.generation}, since {local_time(report.created_s)}",
        f"Key         {report.key_id}, from {report.key_source}",
        f"Secrets     {report.secrets} ({report.deleted} deleted), {report.versions} versions, every one readable",
    ]
    if report.ledger_holds and not report.ledger_breaks:
        lines.append(f"Ledger      holds line {report.ledger_seq}, with which it ended when the vault was written")
    if not report.ledger_holds:
        lines.append(f"Ledger      line {report.ledger_seq} is NOT there any longer: the ledger was cut or changed")
    lines += [
        f"Ledger      line {each.seq} was missing at {local_time(each.noticed_s)}: it was cut or changed before"
        for each in report.ledger_breaks
    ]
    return lines


@click.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="The latest so many.")
@_json
def audit(name: str | None, limit: int, as_json: bool) -> None:
    """Show who has used secrets, or one of them.

    It is the part of `bykilt audit list` that concerns the vault.

    \b
    Examples:
      bykilt vault audit
      bykilt vault audit shop_password --json
    """
    from bykilt.audit.reading import LineFilter
    from bykilt.cli.audit_commands import show_lines

    show_lines(LineFilter(actions=("secret.*", "vault.*"), what=name), limit, as_json=as_json)
