"""The options of `bykilt run` about the walls around the browser. Knows their names, helps and launch settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from bykilt.errors import InvalidInput

if TYPE_CHECKING:
    from bykilt.browser.engine.launch_context import LaunchContext

F = TypeVar("F", bound=Callable[..., Any])

# The names of `NetworkMode`, written out so that help and completion need no engine.
NETWORK_MODES = ("none", "restricted", "open", "host")

profile_file_option = click.option(
    "--sandbox-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Where the profiles are; without it, sandbox.yaml in bykilt's home.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WallOptions:
    """What the command line says about the walls."""

    sandbox: str | None
    sandbox_file: Path | None
    network: str | None
    allow_hosts: tuple[str, ...]
    no_sandbox: bool
    learn_hosts: Path | None = None

    def applied_to(self, context: LaunchContext) -> LaunchContext:
        """Return the settings of a launch with these in them; says loudly when there are to be no walls.

        Raises:
            InvalidInput: The sandbox is taken away and asked for, or hosts are to be learned where none are told of.
        """
        if not self.no_sandbox:
            return replace(context, sandbox_network_mode=self._network(), allowed_hosts=self.allow_hosts)
        if self.network or self.allow_hosts or self.sandbox or self.learn_hosts:
            raise InvalidInput(
                "--no-sandbox leaves nothing that --sandbox, --network, --allow-host or --learn-hosts could do",
                hint="leave out the one or the others",
            )
        click.secho("warning: no sandbox", fg="red", bold=True, nl=False, err=True)
        click.echo(": every page that the browser opens can reach what this machine reaches", err=True)
        return replace(context, sandbox_mode=False)

    def _network(self) -> str | None:
        if self.learn_hosts is None:
            return self.network
        if self.network not in (None, "open"):
            raise InvalidInput(
                f"--learn-hosts needs the network mode open, not {self.network}", hint="leave out --network"
            )
        if self.learn_hosts.exists():
            raise InvalidInput(
                f"{self.learn_hosts} is there already, and may have been looked through", hint="name another file"
            )
        return "open"


def sandbox_options(command: F) -> F:
    """Add them; the command gets them together, as `walls`."""

    @wraps(command)
    def gathering(
        *arguments: Any,
        sandbox: str | None,
        sandbox_file: Path | None,
        network: str | None,
        allow_hosts: tuple[str, ...],
        no_sandbox: bool,
        learn_hosts: Path | None,
        **others: Any,
    ) -> Any:
        walls = WallOptions(
            sandbox=sandbox,
            sandbox_file=sandbox_file,
            network=network,
            allow_hosts=allow_hosts,
            no_sandbox=no_sandbox,
            learn_hosts=learn_hosts,
        )
        return command(*arguments, walls=walls, **others)

    decorated = cast(F, gathering)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS = (
    click.option("--sandbox", metavar="PROFILE", help="What the browser may reach and use up, by its name."),
    profile_file_option,
    click.option(
        "--network",
        type=click.Choice(NETWORK_MODES),
        help="What the browser may reach: nothing, the allowed hosts, any public host, or, without isolation, "
        "what this machine reaches.",
    ),
    click.option(
        "--allow-host",
        "allow_hosts",
        metavar="HOST",
        multiple=True,
        help="A host that may be reached, such as shop.example, *.shop.example or localhost:8000; repeatable. "
        "Alone, it restricts the browser to such hosts.",
    ),
    click.option(
        "--learn-hosts",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Let the browser reach any public host, then write the profile that it needed into a new FILE, to be "
        "looked through.",
    ),
    click.option(
        "--no-sandbox",
        is_flag=True,
        help="Take all these walls away; Chromium's own sandbox stays. Every record says so.",
    ),
)
