"""Times, spans and sizes as people write and read them. Knows the notation, not what is measured."""

from __future__ import annotations

import re
import time
from datetime import datetime

import click

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Span(click.ParamType[float]):
    """A span such as `90s`, `30m`, `12h`, `7d`, `2w`; converts to seconds."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _SPAN.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no span; write for instance 90s, 30m, 12h, 7d or 2w", param, ctx)
        return float(found.group(1)) * _SECONDS[found.group(2)]


class Since(click.ParamType[float]):
    """A moment: how long ago (`12h`), or a local date or time in ISO form; converts to seconds since 1970."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        found = _SPAN.fullmatch(text)
        if found is not None:
            return time.time() - float(found.group(1)) * _SECONDS[found.group(2)]
        try:
            return datetime.fromisoformat(text).astimezone().timestamp()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no moment; write for instance 12h, 7d, 2026-11-24 or 2026-11-24T09:30", param, ctx)


def duration(ms: float | None) -> str:
    """Return a duration for people; a dash when it is not known."""
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {rest:02} s"


def size(count: int | None) -> str:
    """Return a number of bytes for people; a dash when it is not known."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("the last unit takes everything")


def local_time(wall_s: float | None) -> str:
    """Return a moment in the machine's own time zone; a dash when it is not known."""
    if wall_s is None:
        return "-"
    return datetime.fromtimestamp(wall_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
