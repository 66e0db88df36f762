"""`bykilt audit`: who did what, when and where, and whether anybody has changed the record of it."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from bykilt.cli.amounts import Since, local_time
from bykilt.cli.output import print_json, print_lines
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonObject

if TYPE_CHECKING:
    from bykilt.audit.chain import Line, Link
    from bykilt.audit.reading import LineFilter
    from bykilt.audit.verifier import Verdict

OUTCOMES = ("allowed", "refused", "succeeded", "failed")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def audit() -> None:
    """Read and verify the audit ledger.

    Every access to a secret, run, and connection of a browser is one line in it, linked to the line before. No
    value is in it.
    """


@audit.command("list")
@click.option(
    "--action", "actions", multiple=True, metavar="ACTION", help="Such as secret.read or secret.*; repeatable."
)
@click.option("--what", help="The name of the secret, run, host or flow.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only with this outcome.")
@click.option("--run", help="Only of the run with this id.")
@click.option("--since", type=Since(), help="Only since then: 12h, 7d, 2026-11-24, …")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="The latest so many.")
@_json
def list_lines(
    actions: tuple[str, ...],
    what: str | None,
    outcome: str | None,
    run: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List lines of the ledger, the latest last.

    \b
    Examples:
      bykilt audit list --action "secret.*" --since 7d
      bykilt audit list --action egress.decided --outcome refused
      bykilt audit list --what shop_password --json
    """
    from bykilt.audit.reading import LineFilter

    wanted = LineFilter(actions=actions, what=what, outcome=outcome, run=run, since_s=since)
    show_lines(wanted, limit, as_json=as_json)


@audit.command()
@click.option(
    "-n", "--lines", "count", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many."
)
@_json
def tail(count: int, as_json: bool) -> None:
    """Show the end of the ledger.

    \b
    Examples:
      bykilt audit tail
      bykilt audit tail -n 100 --json
    """
    from bykilt.audit.reading import LineFilter

    show_lines(LineFilter(), count, as_json=as_json)


def show_lines(wanted: LineFilter, limit: int, *, as_json: bool) -> None:
    """Print the latest lines that are wanted."""
    from bykilt.audit.reading import lines

    found = deque((line for line, _ in lines(_folder(), wanted)), maxlen=limit)
    if as_json:
        print_json({"lines": [line.document for line in found]})
    elif found:
        print_lines(_table(found))
    else:
        click.echo("Nothing is on record.")


def _table(found: Iterable[Line]) -> list[str]:
    from bykilt.cli.text_table import columns, shortened

    rows = [
        (
            str(line.seq),
            local_time(line.wall_s),
            line.action,
            shortened(line.what, 50),
            line.outcome,
            f"{line.part('who').get('user')} ({line.part('who').get('pid')})",
            shortened(" ".join(f"{name}={value}" for name, value in line.part("where").items()), 60),
        )
        for line in found
    ]
    return columns(("LINE", "WHEN", "ACTION", "WHAT", "OUTCOME", "WHO", "WHERE"), rows)


@audit.command()
@click.option("--file", type=click.Path(path_type=Path, exists=True), help="Verify an export or a copy instead.")
@click.option("--head", metavar="LINE:HASH", help="A line that must be there, as `bykilt audit head` showed it.")
@click.option("--begins-after", metavar="LINE:HASH", help="The last of the lines that were moved elsewhere on purpose.")
@click.option("--no-vault", is_flag=True, help="Do not ask the vault where the ledger ended when it was written.")
@_json
@click.pass_context
def verify(
    ctx: click.Context, file: Path | None, head: str | None, begins_after: str | None, no_vault: bool, as_json: bool
) -> None:
    """Find lines that were edited, dropped, reordered or cut off.

    An end that was cut off leaves no gap. The vault knows a line that must be there, and so does whoever has noted
    the head; lines behind both can be cut without a trace, unless a copy is kept elsewhere (BYKILT_AUDIT_FILE,
    BYKILT_AUDIT_SYSLOG).

    \b
    Examples:
      bykilt audit verify
      bykilt audit verify --head 120:9f2c…
      bykilt audit verify --file audit-2026-11.jsonl

    Exits with 1 when something was found.
    """
    from bykilt.audit.chain import GENESIS, Link
    from bykilt.audit.reading import raw_lines
    from bykilt.audit.verifier import verify as verify_lines

    anchors = [("the head that was given", _link(head, "--head"))] if head else []
    before = _link(begins_after, "--begins-after") if begins_after else Link(0, GENESIS)
    if file is None and not no_vault:
        anchors += _anchors_of_vault()
    verdict = verify_lines(raw_lines(file or _folder()), anchors, begins_after=before)
    if as_json:
        print_json(_verdict_json(verdict, anchored=bool(anchors)))
    else:
        print_lines(_verdict_lines(verdict, anchors))
    ctx.exit(0 if verdict.ok else 1)


def _verdict_json(verdict: Verdict, *, anchored: bool) -> JsonObject:
    return {
        "ok": verdict.ok,
        "lines": verdict.lines,
        "head": {"seq": verdict.last.seq, "hash": verdict.last.hash},
        "anchored": anchored,
        "torn": list(verdict.torn),
        "findings": [
            {"kind": each.kind, "place": each.place, "seq": each.seq, "message": each.message}
            for each in verdict.findings
        ],
    }


def _verdict_lines(verdict: Verdict, anchors: list[tuple[str, Link]]) -> list[str]:
    lines = [f"{each.place or 'the end'}: {each.message} ({each.kind})" for each in verdict.findings]
    lines += [f"{place}: torn by a crash, and marked by the writer that came next" for place in verdict.torn]
    known = ", ".join(f"{words} knows line {link.seq}" for words, link in anchors if link.seq)
    lines.append(f"{verdict.lines} lines, the last is {verdict.last.seq}:{verdict.last.hash}")
    lines.append(known or "nothing outside knows a line: whether the end was cut off cannot be seen")
    return lines


def _anchors_of_vault() -> list[tuple[str, Link]]:
    """Return what the vault knows of the ledger; nothing if there is no vault.

    Raises:
        VaultError: There is one that cannot be opened; `--no-vault` goes on without it.
    """
    from bykilt.audit.chain import Link
    from bykilt.cli.vault_access import keeper
    from bykilt.security.vault_settings import BackendName, VaultSettings

    settings = VaultSettings.from_environment()
    if settings.backend is not BackendName.FILE or not settings.file.exists():
        return []
    return [("the vault", Link(seq, digest)) for seq, digest in keeper().anchors()]


def _link(text: str, option: str) -> Link:
    from bykilt.audit.chain import Link

    seq, _, digest = text.partition(":")
    if not seq.isdigit() or len(digest) != 64:
        raise InvalidInput(f"{option} {text}: this is no LINE:HASH", hint="take what `bykilt audit head` prints")
    return Link(int(seq), digest)


@audit.command()
@_json
def head(as_json: bool) -> None:
    """Show number and hash of the last line, to be noted elsewhere.

    \b
    Examples:
      bykilt audit head
    """
    from bykilt.audit.reading import lines

    last = deque((line for line, _ in lines(_folder())), maxlen=1)
    seq, digest = (last[0].seq, last[0].hash) if last else (0, "0" * 64)
    if as_json:
        print_json({"seq": seq, "hash": digest})
    else:
        click.echo(f"{seq}:{digest}")


@audit.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="A file that is not there yet; else standard output."
)
@click.option("--format", "form", type=click.Choice(("jsonl", "csv")), default="jsonl", show_default=True)
@click.option("--since", type=Since(), help="Only since then: 12h, 7d, 2026-11-24, …")
def export(output: Path | None, form: str, since: float | None) -> None:
    """Write the ledger's lines, to keep them elsewhere or to give them to an auditor.

    JSON lines are the very bytes of the ledger, so that `bykilt audit verify --file` can verify them. CSV is for
    spreadsheets; cells that these would take for formulas begin with an apostrophe.

    \b
    Examples:
      bykilt audit export -o audit-2026-11.jsonl
      bykilt audit export --format csv --since 30d > audit.csv
    """
    from bykilt.audit.reading import LineFilter, lines

    wanted = lines(_folder(), LineFilter(since_s=since))
    text = (raw.decode() for _, raw in wanted) if form == "jsonl" else None
    if output is not None and output.exists():
        raise InvalidInput(f"{output} is there already", hint="name a file that is not")
    with click.open_file(str(output or "-"), "w", encoding="utf-8") as file:
        if text is not None:
            file.writelines(text)
        else:
            _write_csv(file, (line for line, _ in wanted))
    if output is not None:
        click.echo(output)


def _write_csv(file: IO[str], found: Iterable[Line]) -> None:
    writer = csv.writer(file)
    writer.writerow(["line", "at", "action", "what", "outcome", "user", "pid", "via", "where", "detail", "hash"])
    for line in found:
        who = line.part("who")
        where = " ".join(f"{name}={value}" for name, value in line.part("where").items())
        detail = " ".join(f"{name}={value}" for name, value in line.part("detail").items())
        row = [line.at, line.action, line.what, line.outcome, who.get("user"), who.get("pid"), who.get("via"), where]
        writer.writerow([line.seq, *(_cell(str(value)) for value in (*row, detail, line.hash))])


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _folder() -> Path:
    from bykilt.audit.opening import ledger_folder
    from bykilt.settings import Settings

    return ledger_folder(Settings.from_environment().home)
