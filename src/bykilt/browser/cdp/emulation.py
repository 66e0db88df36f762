"""What the pages of a context are made to believe: device, place, language, network.

Knows the protocol's commands for it, and which kind of session takes which. Does not know devices or actions.

Source: Emulation and Network domains, https://chromedevtools.github.io/devtools-protocol/tot/Emulation/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.commands import (
    EMULATION_CLEAR_GEOLOCATION_OVERRIDE,
    EMULATION_SET_DEVICE_METRICS_OVERRIDE,
    EMULATION_SET_EMULATED_MEDIA,
    EMULATION_SET_GEOLOCATION_OVERRIDE,
    EMULATION_SET_LOCALE_OVERRIDE,
    EMULATION_SET_TIMEZONE_OVERRIDE,
    EMULATION_SET_TOUCH_EMULATION_ENABLED,
    EMULATION_SET_USER_AGENT_OVERRIDE,
    NETWORK_EMULATE_NETWORK_CONDITIONS,
    NETWORK_SET_EXTRA_HTTP_HEADERS,
    NETWORK_SET_USER_AGENT_OVERRIDE,
)
from bykilt.browser.cdp.session_features import TargetKind

if TYPE_CHECKING:
    from cdp_use.cdp.emulation.commands import SetUserAgentOverrideParameters

    from bykilt.browser.cdp.connection import Call, Session
    from bykilt.browser.cdp.page import Page

PERMISSIONS = {
    "accelerometer": "sensors",
    "background-sync": "backgroundSync",
    "camera": "videoCapture",
    "clipboard-read": "clipboardReadWrite",
    "clipboard-write": "clipboardSanitizedWrite",
    "geolocation": "geolocation",
    "gyroscope": "sensors",
    "local-fonts": "localFonts",
    "microphone": "audioCapture",
    "midi": "midi",
    "notifications": "notifications",
    "payment-handler": "paymentHandler",
    "storage-access": "storageAccess",
}
"""The names of permissions for pages, and the protocol's."""


@dataclass(frozen=True, slots=True)
class Geolocation:
    """A place in degrees, its accuracy in metres."""

    latitude: float
    longitude: float
    accuracy: float = 0


@dataclass(frozen=True, slots=True)
class Emulation:
    """What is believed. None and empty values are the browser's own."""

    width: int
    height: int
    scale: float = 1
    mobile: bool = False
    touch: bool = False
    user_agent: str | None = None
    locale: str | None = None
    timezone: str | None = None
    geolocation: Geolocation | None = None
    permissions: tuple[str, ...] = ()
    offline: bool = False
    color_scheme: str | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()


class EmulationFeature:
    """Gives every session of a context what is believed in it at that moment."""

    def __init__(self, emulation: Emulation, own_user_agent: str) -> None:
        self.plain = Emulation(emulation.width, emulation.height, user_agent=emulation.user_agent)
        self.now = self.plain
        self._own_user_agent = own_user_agent

    def prepare(self, page: Page, session: Session, kind: TargetKind) -> Sequence[Call[Any]]:
        # What a page of the same process has set already is refused, and holds all the same.
        for call in self.changes(self.plain, kind):
            session.post(call)
        return ()

    def changes(self, before: Emulation, kind: TargetKind) -> list[Call[Any]]:
        """Return the commands that lead a session from what was believed before to what is believed now."""
        return emulation_commands(before, self.now, kind, self._own_user_agent)


def emulation_commands(before: Emulation, now: Emulation, kind: TargetKind, own_user_agent: str) -> list[Call[Any]]:
    """Return the commands that change what a session of a kind believes."""
    calls: list[Call[Any]] = []
    if kind is TargetKind.PAGE:
        calls += _screen(before, now)
        calls += _place(before, now)
    if kind.has_documents:
        calls += _documents(before, now)
    if (before.user_agent, before.locale) != (now.user_agent, now.locale):
        agent: SetUserAgentOverrideParameters = {"userAgent": now.user_agent or own_user_agent}
        if now.locale is not None:
            agent["acceptLanguage"] = accepted_languages(now.locale)
        calls.append(
            EMULATION_SET_USER_AGENT_OVERRIDE(agent) if kind.has_documents else NETWORK_SET_USER_AGENT_OVERRIDE(agent)
        )
    if before.offline != now.offline:
        calls.append(
            NETWORK_EMULATE_NETWORK_CONDITIONS(
                {"offline": now.offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
            )
        )
    if before.extra_headers != now.extra_headers:
        headers: Any = dict(now.extra_headers)
        calls.append(NETWORK_SET_EXTRA_HTTP_HEADERS({"headers": headers}))
    return calls


def accepted_languages(locale: str) -> str:
    """Return what a browser of that locale says it accepts, as for the header Accept-Language."""
    language = locale.partition("-")[0]
    return locale if language == locale else f"{locale},{language}"


def _screen(before: Emulation, now: Emulation) -> list[Call[Any]]:
    calls: list[Call[Any]] = []
    if (before.width, before.height, before.scale, before.mobile) != (now.width, now.height, now.scale, now.mobile):
        calls.append(
            EMULATION_SET_DEVICE_METRICS_OVERRIDE(
                {
                    "width": now.width,
                    "height": now.height,
                    "screenWidth": now.width,
                    "screenHeight": now.height,
                    "deviceScaleFactor": now.scale,
                    "mobile": now.mobile,
                }
            )
        )
    if before.touch != now.touch:
        calls.append(EMULATION_SET_TOUCH_EMULATION_ENABLED({"enabled": now.touch, "maxTouchPoints": 5}))
    return calls


def _place(before: Emulation, now: Emulation) -> list[Call[Any]]:
    if before.geolocation == now.geolocation:
        return []
    place = now.geolocation
    if place is None:
        return [EMULATION_CLEAR_GEOLOCATION_OVERRIDE({})]
    return [
        EMULATION_SET_GEOLOCATION_OVERRIDE(
            {"latitude": place.latitude, "longitude": place.longitude, "accuracy": place.accuracy}
        )
    ]


def _documents(before: Emulation, now: Emulation) -> list[Call[Any]]:
    calls: list[Call[Any]] = []
    if before.color_scheme != now.color_scheme:
        scheme = now.color_scheme or ""
        calls.append(EMULATION_SET_EMULATED_MEDIA({"features": [{"name": "prefers-color-scheme", "value": scheme}]}))
    if before.locale != now.locale:
        # One that is in effect must be taken back first.
        calls += [EMULATION_SET_LOCALE_OVERRIDE({})] if before.locale else []
        calls += [EMULATION_SET_LOCALE_OVERRIDE({"locale": now.locale.replace("-", "_")})] if now.locale else []
    if before.timezone != now.timezone:
        calls += [EMULATION_SET_TIMEZONE_OVERRIDE({"timezoneId": ""})] if before.timezone else []
        calls += [EMULATION_SET_TIMEZONE_OVERRIDE({"timezoneId": now.timezone})] if now.timezone else []
    return calls
