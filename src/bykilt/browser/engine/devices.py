"""Devices that can be pretended: the size of their screen, its density, and what their browser calls itself.

Knows facts about devices. Sizes are of the page area in CSS pixels, as the makers' browsers show it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

_ANDROID = "Mozilla/5.0 (Linux; Android {system}; {model}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0"
_APPLE = (
    "Mozilla/5.0 ({family}; CPU {os} {system} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{version} Mobile/15E148 Safari/604.1"
)


@dataclass(frozen=True, slots=True)
class Device:
    """`user_agent` may hold `{major}`, the main version of the browser that runs; empty keeps the browser's own."""

    width: int
    height: int
    scale: float
    user_agent: str = ""
    mobile: bool = True
    touch: bool = True


def _iphone(width: int, height: int, scale: float, system: str, version: str) -> Device:
    agent = _APPLE.format(family="iPhone", os="iPhone OS", system=system, version=version)
    return Device(width, height, scale, agent)


def _ipad(width: int, height: int) -> Device:
    return Device(width, height, 2, _APPLE.format(family="iPad", os="OS", system="17_5", version="17.5"))


def _android(width: int, height: int, scale: float, system: int, model: str, *, tablet: bool = False) -> Device:
    agent = _ANDROID.format(system=system, model=model, major="{major}")
    return Device(width, height, scale, f"{agent} {'' if tablet else 'Mobile '}Safari/537.36")


DEVICES = {
    "iPhone SE": _iphone(375, 553, 2, "17_5", "17.5"),
    "iPhone 13": _iphone(390, 664, 3, "15_0", "15.0"),
    "iPhone 15": _iphone(393, 659, 3, "17_5", "17.5"),
    "iPhone 15 Pro Max": _iphone(430, 739, 3, "17_5", "17.5"),
    "iPad": _ipad(810, 1080),
    "iPad landscape": _ipad(1080, 810),
    "Pixel 5": _android(393, 727, 2.75, 11, "Pixel 5"),
    "Pixel 8": _android(412, 732, 2.625, 14, "Pixel 8"),
    "Galaxy S24": _android(360, 625, 3, 14, "SM-S921B"),
    "Galaxy Tab S9": _android(800, 1148, 2, 14, "SM-X710", tablet=True),
    "Laptop": Device(1280, 720, 1, mobile=False, touch=False),
    "Laptop HiDPI": Device(1440, 900, 2, mobile=False, touch=False),
    "Desktop": Device(1920, 1080, 1, mobile=False, touch=False),
}


def device(name: str) -> Device:
    """Return a device by its name; capitals do not count.

    Raises:
        ValueError: There is none of that name; the text offers the nearest.
    """
    for known, found in DEVICES.items():
        if known.lower() == name.lower():
            return found
    near = difflib.get_close_matches(name, DEVICES, n=1, cutoff=0.4)
    rest = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"is no known device: {name!r}{rest} (there are {', '.join(DEVICES)})")
