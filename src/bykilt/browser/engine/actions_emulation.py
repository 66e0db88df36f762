"""The action that lets pages believe in another device, place, language or network.

Knows its fields and which values make sense. Does not know how an engine carries it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from bykilt.browser.cdp.emulation import PERMISSIONS, Geolocation
from bykilt.browser.engine.action_model import Action, register
from bykilt.browser.engine.devices import DEVICES, Device, device
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.field_kinds import (
    Flag,
    Kind,
    NonEmpty,
    read_between,
    read_nonempty,
    read_text,
    read_texts,
    read_whole,
    read_word,
)
from bykilt.documents.problems import describe
from bykilt.json_types import JsonObject, JsonValue

MAX_PIXELS = 10_000
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|\d{3}))?")
_TIMEZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


class ColorScheme(StrEnum):
    LIGHT = "light"
    DARK = "dark"
    NO_PREFERENCE = "no-preference"


@dataclass(frozen=True, slots=True)
class Size:
    """A page area in CSS pixels."""

    width: int
    height: int


def _members(value: JsonValue, needed: Sequence[str], extra: Sequence[str] = ()) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object with {', '.join(needed)}; got {describe(value)}")
    unknown = sorted(set(value) - {*needed, *extra})
    missing = [name for name in needed if name not in value]
    if unknown or missing:
        raise ValueError(f"has no key {unknown[0]!r}" if unknown else f"needs {missing[0]!r}")
    return value


def _read_size(value: JsonValue) -> Size:
    found = _members(value, ("width", "height"))
    side = read_whole(1, MAX_PIXELS)
    return Size(side(found["width"]), side(found["height"]))


def _read_geolocation(value: JsonValue) -> Geolocation:
    found = _members(value, ("latitude", "longitude"), ("accuracy",))
    return Geolocation(
        read_between(-90, 90)(found["latitude"]),
        read_between(-180, 180)(found["longitude"]),
        read_between(0, 1_000_000)(found.get("accuracy", 0)),
    )


def _read_locale(value: JsonValue) -> str:
    text = read_nonempty(value)
    if not _LOCALE.fullmatch(text):
        raise ValueError(f"is no locale such as ja-JP: {describe(text)}")
    return text.replace("_", "-")


def _read_timezone(value: JsonValue) -> str:
    text = read_nonempty(value)
    if not _TIMEZONE.fullmatch(text):
        raise ValueError(f"is no time zone such as Asia/Tokyo: {describe(text)}")
    return text


def _read_permissions(value: JsonValue) -> tuple[str, ...]:
    wanted = () if value == [] else read_texts(value)
    for name in wanted:
        if name not in PERMISSIONS:
            raise ValueError(f"{name!r} is no permission; there are {', '.join(PERMISSIONS)}")
    return tuple(dict.fromkeys(wanted))


def _read_headers(value: JsonValue) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise ValueError("expected an object of names and values")
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{describe(name)} cannot be a header's name")
        # The value may be a key: it is not shown.
        if not _HEADER_VALUE.fullmatch(read_text(text) if isinstance(text, str) else "\n"):
            raise ValueError(f"the value of {name} is no text, or has line breaks")
    return tuple((name, str(text)) for name, text in value.items())


def _read_device(value: JsonValue) -> Device:
    return device(read_nonempty(value))


def _sides(kind: str) -> JsonObject:
    return {"type": kind, "minimum": 1, "maximum": MAX_PIXELS}


def _object(properties: JsonObject, required: list[JsonValue]) -> JsonObject:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


SizeField = Annotated[
    Size, Kind(_read_size, _object({"width": _sides("integer"), "height": _sides("integer")}, ["width", "height"]))
]
GeolocationField = Annotated[
    Geolocation,
    Kind(
        _read_geolocation,
        _object(
            {
                "latitude": {"type": "number", "minimum": -90, "maximum": 90},
                "longitude": {"type": "number", "minimum": -180, "maximum": 180},
                "accuracy": {"type": "number", "minimum": 0},
            },
            ["latitude", "longitude"],
        ),
    ),
]
LocaleField = Annotated[str, Kind(_read_locale, {"type": "string", "description": "a language tag such as ja-JP"})]
TimezoneField = Annotated[
    str, Kind(_read_timezone, {"type": "string", "description": "an IANA name such as Asia/Tokyo"})
]
PermissionsField = Annotated[
    tuple[str, ...], Kind(_read_permissions, {"type": "array", "items": {"enum": list(PERMISSIONS)}})
]
HeadersField = Annotated[
    tuple[tuple[str, str], ...],
    Kind(_read_headers, {"type": "object", "additionalProperties": {"type": "string"}}, secret=True),
]
DeviceField = Annotated[Device, Kind(_read_device, {"enum": list(DEVICES)})]
SchemeField = Annotated[ColorScheme, Kind(read_word(ColorScheme), {"enum": [str(word) for word in ColorScheme]})]
ScaleField = Annotated[float, Kind(read_between(0.25, 10), {"type": "number", "minimum": 0.25, "maximum": 10})]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Emulate(Action):
    type: ClassVar[str] = "emulate"
    summary: ClassVar[str] = (
        "Let every page believe in another device, place, language or network; what is left out stays as it is."
    )
    device: DeviceField | None = None
    viewport: SizeField | None = None
    device_scale_factor: ScaleField | None = None
    mobile: Flag | None = None
    touch: Flag | None = None
    user_agent: NonEmpty | None = None
    locale: LocaleField | None = None
    timezone: TimezoneField | None = None
    geolocation: GeolocationField | None = None
    permissions: PermissionsField | None = None
    offline: Flag | None = None
    color_scheme: SchemeField | None = None
    extra_headers: HeadersField | None = None
    reset: Flag = False

    def check(self) -> None:
        if self.page is not None or self.frame is not None:
            raise InvalidAction(
                "emulate holds for every page", field="page" if self.page else "frame", hint="leave it out"
            )
