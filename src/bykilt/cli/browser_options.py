"""The options of `bykilt run` about the browser: what pages believe, remember and are answered.

Knows their names, helps, and the launch settings that they become.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bykilt.browser.engine.launch_context import LaunchContext

F = TypeVar("F", bound=Callable[..., Any])


def browser_options(command: F) -> F:
    """Add them; the command gets them by the names that `browser_settings` takes."""
    for option in reversed(
        (
            click.option("--device", metavar="NAME", help='Let pages believe in a device, such as "iPhone 15".'),
            click.option("--locale", metavar="TAG", help="Language and country, such as ja-JP."),
            click.option("--timezone", metavar="NAME", help="Time zone, such as Asia/Tokyo."),
            click.option(
                "--dialogs",
                type=click.Choice(("dismiss", "accept", "fail")),
                help="What alert, confirm and prompt are answered; without it they are dismissed.",
            ),
            click.option("--proxy", metavar="URL", help="Proxy of the browser; http://user:password@host:port works."),
            click.option(
                "--storage-state",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                metavar="FILE",
                help="Begin with the cookies and the storage that `save_storage_state` wrote.",
            ),
        )
    ):
        command = option(command)
    return command


def browser_settings(
    *,
    device: str | None,
    locale: str | None,
    timezone: str | None,
    dialogs: str | None,
    proxy: str | None,
    storage_state: Path | None,
) -> LaunchContext:
    """Return the settings of the launch.

    Raises:
        InvalidInput: A value makes no sense.
    """
    from bykilt.browser.engine.launch_context import LaunchContext

    wanted = {"device": device, "locale": locale, "timezone": timezone}
    emulation = {name: value for name, value in wanted.items() if value is not None}
    given: dict[str, Any] = {"proxy": proxy, "storage_state": storage_state, "emulation": emulation or None}
    if dialogs is not None:
        given["dialog_policy"] = dialogs
    context = LaunchContext(**given)
    context.check()
    return context
