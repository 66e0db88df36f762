"""When the trace reads a page anew, and when what it read a moment ago serves again."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.trace_dom import DomFrame, DomLimits, TraceDom
from bykilt.events.model import DomCaptured, SnapshotPhase, Unheard
from bykilt.events.redactor import KEEP_ALL
from bykilt.ids import CallId, PageId
from bykilt.json_types import JsonValue


@dataclass
class Hand:
    """A clock that a test moves."""

    now_s: float = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return self.now_s


@dataclass
class OneFrame:
    """A frame whose document is asked, and counted."""

    id: str = "f"
    url: str = "http://shop.example/"
    world: Hashable = 1
    children: Sequence[str] = ()
    asked: list[str] = field(default_factory=list)

    async def call(self, function: str, *arguments: JsonValue) -> Any:
        self.asked.append(function)
        return {"number": len(self.asked), "text": "{}"}

    async def mark(self, child: str) -> None:
        raise AssertionError("there is no child")


@dataclass
class Reader:
    """What reads one page."""

    dom: TraceDom
    frame: OneFrame
    clock: Hand

    async def read(self, *, may_differ: bool, page: str = "page@1") -> str:
        """Return the file of what is announced."""

        async def frames() -> Sequence[DomFrame]:
            return [self.frame]

        found: list[DomCaptured] = await self.dom.read(
            frames, CallId("call@1"), SnapshotPhase.AFTER, PageId(page), may_differ
        )
        self.dom.announce(found)
        return found[0].file


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    clock, frame = Hand(), OneFrame()
    return Reader(TraceDom(tmp_path, Unheard(), clock, KEEP_ALL, DomLimits(100, 1_000)), frame, clock)


async def test_what_was_read_a_moment_ago_serves_again(reader: Reader) -> None:
    """Contract: nothing is asked of the page for that."""
    first = await reader.read(may_differ=True)
    reader.clock.now_s += 0.04
    assert await reader.read(may_differ=False) == first
    assert len(reader.frame.asked) == 1


@pytest.mark.parametrize(
    ("passed_s", "may_differ", "page"),
    [(0.06, False, "page@1"), (0.0, True, "page@1"), (0.0, False, "page@2")],
    ids=["a while ago", "after an action", "another page"],
)
async def test_otherwise_the_page_is_read_anew(reader: Reader, passed_s: float, may_differ: bool, page: str) -> None:
    """Contract."""
    first = await reader.read(may_differ=True)
    reader.clock.now_s += passed_s
    assert await reader.read(may_differ=may_differ, page=page) != first
    assert len(reader.frame.asked) == 2


async def test_a_document_is_given_the_script_once(reader: Reader) -> None:
    """Contract: and always in the same words, which Chromium need not compile again."""
    await reader.read(may_differ=True)
    await reader.read(may_differ=True)
    reader.frame.world = 2
    await reader.read(may_differ=True)
    first, again, other = reader.frame.asked
    assert "bykiltDom = " in first
    assert "bykiltDom = " not in again
    assert other == first
