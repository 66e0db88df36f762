"""What is believed at the launch and after each `emulate`; shared by both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bykilt.browser.cdp.emulation import Emulation
from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.actions_emulation import Emulate
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.launch_context import LaunchContext


class BadEmulation(InvalidAction):
    """The browser knows no such locale or time zone."""

    def __init__(self, field: str, value: str | None) -> None:
        example = "ja-JP" if field == "locale" else "Asia/Tokyo"
        super().__init__(
            f"emulate: the browser knows no {field} {value!r}", field=field, hint=f"for instance {example}"
        )


def plain_emulation(context: LaunchContext) -> Emulation:
    """Return what pages believe without any emulation: the viewport and the user agent of the launch."""
    size = context.viewport_size
    return Emulation(size.width, size.height, user_agent=context.user_agent)


def launch_emulation(context: LaunchContext, major: str) -> Emulation:
    """Return what pages believe from the launch on; `major` is the browser's main version."""
    plain = plain_emulation(context)
    wanted = context.emulate_action
    return plain if wanted is None else changed(plain, wanted, plain, major)


def changed(now: Emulation, action: Emulate, launched: Emulation, major: str) -> Emulation:
    """Return what is believed after an action; with `reset` it starts from what was believed at the launch."""
    state = launched if action.reset else now
    device = action.device
    if device is not None:
        state = replace(
            state,
            width=device.width,
            height=device.height,
            scale=device.scale,
            mobile=device.mobile,
            touch=device.touch,
            user_agent=device.user_agent.replace("{major}", major) or launched.user_agent,
        )
    if action.viewport is not None:
        state = replace(state, width=action.viewport.width, height=action.viewport.height)
    given: dict[str, Any] = {
        "scale": action.device_scale_factor,
        "mobile": action.mobile,
        "touch": action.touch,
        "user_agent": action.user_agent,
        "locale": action.locale,
        "timezone": action.timezone,
        "geolocation": action.geolocation,
        "permissions": action.permissions,
        "offline": action.offline,
        "color_scheme": None if action.color_scheme is None else str(action.color_scheme),
        "extra_headers": action.extra_headers,
    }
    state = replace(state, **{name: value for name, value in given.items() if value is not None})
    if action.geolocation is not None and action.permissions is None and "geolocation" not in state.permissions:
        # Else the page would only ask, and nobody is there to allow it.
        state = replace(state, permissions=(*state.permissions, "geolocation"))
    return state


def major_of(product: str) -> str:
    """Return the main version in a text such as `Chrome/156.0.7890.1`."""
    return product.partition("/")[2].partition(".")[0] or "150"


def emulation_output(state: Emulation) -> ActionOutput:
    """Return the result: what is believed now, headers by name only."""
    return ActionOutput(
        {
            "viewport": {"width": state.width, "height": state.height},
            "user_agent": state.user_agent,
            "locale": state.locale,
            "timezone": state.timezone,
            "offline": state.offline,
            "color_scheme": state.color_scheme,
            "permissions": list(state.permissions),
            "extra_headers": [name for name, _ in state.extra_headers],
        }
    )
