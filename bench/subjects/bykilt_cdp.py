"""bykilt's cdp engine."""

from __future__ import annotations

from bench.subject import Subject
from bench.subjects.bykilt_engine import BykiltEngine, traced

TRACED = traced("cdp")


def make() -> Subject:
    """Return the driver."""
    return BykiltEngine("cdp")
