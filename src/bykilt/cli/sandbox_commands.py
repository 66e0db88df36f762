"""`bykilt sandbox`: what browsers may reach here, and whether this machine can keep them to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from bykilt.cli.output import print_json, print_lines
from bykilt.cli.sandbox_options import profile_file_option
from bykilt.errors import ExitCode, InvalidInput
from bykilt.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    from bykilt.browser.sandbox.egress.host_rules import Verdict
    from bykilt.browser.sandbox.profile import SandboxProfile
    from bykilt.browser.sandbox.profile_file import NamedProfile

_SCHEME_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_EXAMPLE = """\
schema_version: 1
profiles:
  shop:
    description: the shop, its pictures, and the test server on this machine
    allowed_hosts: [shop.example, "*.shop.example", "localhost:8000"]
    limits: {memory_mib: 3072}
"""


@click.group()
def sandbox() -> None:
    """Show and explain sandbox profiles; check this machine.

    A profile says what a browser may reach and use up. A run has the one that `--sandbox` names, else what its
    flow asks for; without either, any public host may be reached.
    """


@sandbox.command()
@profile_file_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def profiles(sandbox_file: Path | None, as_json: bool) -> None:
    """List the profiles with their hosts and limits.

    \b
    Examples:
      bykilt sandbox profiles
      bykilt sandbox profiles --sandbox-file profiles.json --json
    """
    from bykilt.browser.sandbox.profile_file import load_profiles

    file = _file(sandbox_file)
    found = load_profiles(file) if file.exists() else {}
    if as_json:
        listed: list[JsonValue] = [_profile_json(named) for named in found.values()]
        print_json({"file": str(file), "profiles": listed})
    elif found:
        print_lines(_table(found))
    else:
        click.echo(f"There are no profiles in {file}. One is written like this:\n\n{_EXAMPLE}")
        click.echo("Every key: bykilt sandbox schema")


def _profile_json(named: NamedProfile) -> JsonObject:
    walls: list[JsonValue] = list(named.profile.missing_walls)
    about: JsonObject = {"name": named.name, "description": named.description}
    return {**about, **named.profile.describe(), "missing_walls": walls}


def _table(found: Mapping[str, NamedProfile]) -> Iterator[str]:
    from bykilt.cli.text_table import columns, shortened

    rows = [
        (
            named.name,
            str(named.profile.network) if named.profile.enabled else "no sandbox",
            shortened(", ".join(named.profile.allowed_hosts) or "-", 50),
            _limits(named.profile),
            shortened(named.description, 60),
        )
        for named in found.values()
    ]
    yield from columns(("PROFILE", "NETWORK", "HOSTS", "LIMITS", "ABOUT"), rows)


def _limits(profile: SandboxProfile) -> str:
    """Return memory and processes, and what else is not at its default."""
    from bykilt.browser.sandbox.profile import MIB, SandboxLimits

    limits, default = profile.limits.describe(), SandboxLimits().describe()
    shown = {"memory_bytes", "processes"} | {name for name, value in limits.items() if value != default[name]}
    words = []
    for name, value in limits.items():
        if name in shown and isinstance(value, int | float):
            in_mib = name.endswith("_bytes")
            amount = f"{value / MIB:g} MiB" if in_mib else f"{value:g}"
            words.append(f"{name.removesuffix('_bytes')} {amount}")
    return ", ".join(words)


@sandbox.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Check whether this machine can sandbox a browser, and say how to mend it if not.

    A sandbox with another one in it is really made, and looked at; nothing of it is left.

    \b
    Examples:
      bykilt sandbox check
      bykilt sandbox check --json | jq .facts

    Exits with 3 when there can be no sandbox here.
    """
    import dataclasses

    from bykilt.browser.sandbox.machine import checks
    from bykilt.browser.sandbox.probe import probe_sandbox

    report = probe_sandbox()
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        for words, holds in checks(report):
            click.secho("ok   " if holds else "FAIL ", fg="green" if holds else "red", bold=True, nl=False)
            click.echo(words)
        if not report.ok:
            click.echo(f"       why: {report.problem} ({report.code})\n       fix: {report.fix}")
    ctx.exit(ExitCode.OK if report.ok else ExitCode.MISSING_CAPABILITY)


@sandbox.command()
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--profile", "name", metavar="PROFILE", help="Ask this profile; without it and --flow, the default.")
@click.option(
    "--flow",
    "flow_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ask what a run of this flow would have.",
)
@profile_file_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def explain(
    ctx: click.Context, /, host: str, name: str | None, flow_file: Path | None, sandbox_file: Path | None, as_json: bool
) -> None:
    """Say whether a browser may reach a host, by which rule, and what to add if not.

    HOST may be an address as the browser shows it; without a port, it is that of https. No name is looked up: where
    it leads is judged again when a browser asks.

    \b
    Examples:
      bykilt sandbox explain shop.example --profile shop
      bykilt sandbox explain localhost:8000 --flow orders.yaml
      bykilt sandbox explain http://10.0.0.5/admin

    Exits with 1 when the host is refused.
    """
    wanted, port = _target(host)
    policy, origin = _policy(name, flow_file, _file(sandbox_file))
    rules = policy.egress_rules
    verdict = None if rules is None else rules.decide(wanted, port)
    allowed = verdict is None or verdict.allowed
    if as_json:
        print_json({**_verdict_json(wanted, port, verdict), "policy": {"origin": origin, **policy.describe()}})
    else:
        click.echo(f"{origin}: network {policy.network}")
        words = f"{wanted}:{port} is allowed: nothing stands between the browser and this machine's network"
        click.echo(words if rules is None else rules.explain(wanted, port))
    ctx.exit(ExitCode.OK if allowed else ExitCode.RUN_FAILED)


def _verdict_json(host: str, port: int, verdict: Verdict | None) -> JsonObject:
    if verdict is None:
        return {"host": host, "port": port, "allowed": True, "rule": None, "reason": "", "hint": ""}
    return {
        "host": host,
        "port": port,
        "allowed": verdict.allowed,
        "rule": None if verdict.rule is None else str(verdict.rule),
        "reason": verdict.reason,
        "hint": verdict.hint,
    }


def _policy(name: str | None, flow_file: Path | None, file: Path) -> tuple[SandboxProfile, str]:
    """Return the policy that is asked, and where it comes from."""
    from bykilt.browser.sandbox.profile import SandboxProfile
    from bykilt.runs.sandboxing import find_profile, profile_of

    if name is not None:
        return find_profile(name, file).profile, f"profile {name} of {file}"
    if flow_file is not None:
        from bykilt.flows.loader import load_flow

        flow = load_flow(flow_file)
        wanted = profile_of(flow, None, file)
        if wanted is not None:
            named = (
                f"profile {flow.sandbox} of {file}" if isinstance(flow.sandbox, str) else f"the policy in {flow_file}"
            )
            return wanted, named
        return SandboxProfile(), f"the default, as {flow_file} asks for nothing"
    return SandboxProfile(), "the default"


def _target(text: str) -> tuple[str, int]:
    """Return host and port of an address or a part of one.

    Raises:
        InvalidInput: There is no host in it, or its port is none.
    """
    hint = "write for instance shop.example, localhost:8000, [::1]:8000 or https://shop.example/"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no host: {error}", hint=hint) from None
    if not host:
        raise InvalidInput(f"{text!r} has no host", hint=hint)
    if parts.scheme and parts.scheme not in _SCHEME_PORTS:
        raise InvalidInput(f"{text!r}: pages are reached by http and https alone", hint=hint)
    default = _SCHEME_PORTS.get(parts.scheme, 443)
    return f"[{host}]" if ":" in host else host, default if port is None else port


@sandbox.command("print")
@click.argument("name", metavar="FILE", type=click.Choice(["apparmor", "docker-seccomp"]))
def print_file(name: str) -> None:
    """Print a file that a machine or a container is prepared with.

    `apparmor` lets a copy of bubblewrap make namespaces where AppArmor forbids it; `docker-seccomp` is the system call
    filter of a container in which browsers are sandboxed.

    \b
    Examples:
      bykilt sandbox print docker-seccomp > seccomp-bykilt.json
      bykilt sandbox print apparmor | sudo tee /etc/apparmor.d/bykilt-bwrap
    """
    from bykilt.browser.sandbox.host_files import HostFile

    click.echo(HostFile(name).text(), nl=False)


@sandbox.command()
def schema() -> None:
    """Print the JSON Schema of files of profiles, for editors and other tools.

    \b
    Examples:
      bykilt sandbox schema > sandbox.schema.json
    """
    from bykilt.browser.sandbox.profile_file import profiles_schema

    print_json(profiles_schema())


def _file(given: Path | None) -> Path:
    from bykilt.settings import Settings
    from bykilt.storage.home import Home

    return given or Home(Settings.from_environment().home).sandbox_profiles
