"""`bykilt doctor`: carries out the checks one by one and shows what they found."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import click

from bykilt.cli.doctor_checks import CHECKS, Finding, Status
from bykilt.errors import ExitCode
from bykilt.settings import Settings

_SIGNS = {
    Status.OK: ("ok", "green"),
    Status.WARN: ("warn", "yellow"),
    Status.FAIL: ("FAIL", "red"),
    Status.INFO: ("info", "blue"),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check what this machine can do, and how to fix what it cannot.

    Chromium is really started once, with its sandbox on. Nothing on the machine is changed.

    \b
    Examples:
      bykilt doctor
      bykilt doctor --json | jq '.checks[] | select(.status != "ok")'

    Exits with 3 when something fails, with 0 otherwise.
    """
    import anyio

    settings = Settings.from_environment()
    findings = anyio.run(_carry_out, settings, None if as_json else _show)
    failed = [finding for finding in findings if finding.status is Status.FAIL]
    if as_json:
        checks = [dataclasses.asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": not failed, "checks": checks}, indent=2, ensure_ascii=False))
    else:
        click.echo()
        click.echo(_verdict(findings))
    ctx.exit(ExitCode.MISSING_CAPABILITY if failed else ExitCode.OK)


async def _carry_out(settings: Settings, show: Callable[[Finding], None] | None) -> list[Finding]:
    findings: list[Finding] = []
    for check in CHECKS:
        finding = await check(settings)
        findings.append(finding)
        if show is not None:
            show(finding)
    return findings


def _show(finding: Finding) -> None:
    word, colour = _SIGNS[finding.status]
    click.secho(f"{word:<5}", fg=colour, bold=True, nl=False)
    click.echo(f"{finding.title}: {finding.detail}")
    if finding.status in (Status.WARN, Status.FAIL):
        click.echo(f"       why: {finding.why}")
        click.echo(f"       fix: {finding.fix}")


def _verdict(findings: list[Finding]) -> str:
    failed = sum(finding.status is Status.FAIL for finding in findings)
    warned = sum(finding.status is Status.WARN for finding in findings)
    if failed:
        return f"{failed} of {len(findings)} checks failed; flows will not run before that is fixed."
    return "Ready to run flows." if not warned else f"Ready to run flows, with {warned} warning{'s' * (warned > 1)}."
