"""What a check of `bykilt doctor` gives back. Knows no check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bykilt.settings import Settings


class Status(StrEnum):
    """How a check came out. `info` is neither good nor bad."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `why` it matters and the `fix` are for those that are not well."""

    id: str
    title: str
    status: Status
    detail: str
    why: str
    fix: str = ""


Check: TypeAlias = Callable[[Settings], Awaitable[Finding]]
