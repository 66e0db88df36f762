"""A small run made by hand: its facts, and pictures to go with them.

Knows facts and PNG files. No engine and no run service is needed to make it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bykilt.events.codec import encode
from bykilt.events.model import (
    ActionFinished,
    ActionLogged,
    ActionPointed,
    ActionStarted,
    Box,
    BrowserStarted,
    ConsoleMessage,
    DataSaved,
    DialogHandled,
    Event,
    Fact,
    Failure,
    ModelAnswered,
    Outcome,
    PageError,
    PageOpened,
    Point,
    RequestFinished,
    RunFinished,
    RunStarted,
    RunSubmitted,
    ScreenshotTaken,
    SnapshotPhase,
    StepFinished,
    StepStarted,
    Warned,
)
from bykilt.ids import CallId, PageId, RunId

RUN = RunId("01made0000000000run1")
PAGE = PageId("page@1")
WALL_S = 1_795_000_000.0
START_MS = 5_000_000.0


def png(red: int, green: int, blue: int, width: int = 320, height: int = 180) -> bytes:
    """Return a picture of one colour."""
    row = b"\0" + bytes((red, green, blue)) * width
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * height)),
        (b"IEND", b""),
    ]
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def events_of(facts: Iterable[tuple[float, Fact]]) -> list[Event]:
    """Return records of facts that are told a number of milliseconds after the start."""
    return [Event(RUN, seq, WALL_S + at_ms / 1000, fact) for seq, (at_ms, fact) in enumerate(facts, 1)]


def action(
    number: int, kind: str, params: dict[str, str], at_ms: float, failure: Failure | None = None
) -> list[tuple[float, Fact]]:
    """Return the facts of one action of 40 ms with pictures before and after."""
    call, start = CallId(f"call@{number}"), START_MS + at_ms

    def picture(phase: SnapshotPhase, at: float) -> tuple[float, Fact]:
        file = f"trace/{2 * number - (phase is SnapshotPhase.BEFORE):05d}.png"
        return at - START_MS, ScreenshotTaken(file, "image/png", 320, 180, at, PAGE, call, phase)

    ended = ActionFinished(
        call, kind, Outcome.FAILED if failure else Outcome.SUCCEEDED, start + 40, 40.0, failure, PAGE, "http://x/"
    )
    return [
        (at_ms, ActionStarted(call, kind, kind, params, PAGE, start)),
        picture(SnapshotPhase.BEFORE, start + 2),
        (at_ms + 5, ActionLogged(call, start + 5, f"waiting for {params}")),
        (at_ms + 20, ActionPointed(call, Point(40, 30), Box(30, 20, 60, 24))),
        picture(SnapshotPhase.AFTER, start + 38),
        (at_ms + 40, ended),
    ]


def step(step_id: str, path: str, title: str, kind: str, at_ms: float, attempt: int = 1) -> tuple[float, Fact]:
    return at_ms, StepStarted(step_id, path, title, kind, path.count("/steps/") - 1, attempt)


def step_end(
    step_id: str, path: str, at_ms: float, failure: Failure | None = None, outcome: Outcome | None = None
) -> tuple[float, Fact]:
    outcome = outcome or (Outcome.FAILED if failure else Outcome.SUCCEEDED)
    return at_ms, StepFinished(step_id, path, outcome, 50.0, 1, failure)


COVERED = Failure("element_covered", "#buy: <div> would receive the event", "close the overlay")

REQUEST = RequestFinished(
    "r1", PAGE, "http://127.0.0.1:8000/orders?page=2", "GET", "document", 200, "OK", "http/1.1",
    (("accept", "*/*"),), (("content-type", "text/html"),), "text/html",
    START_MS + 110, WALL_S + 0.11, 12.0, 3.0, 2048, "127.0.0.1",
)  # fmt: skip


def facts() -> list[tuple[float, Fact]]:
    """Return the facts of a run of five steps, one of them a loop, the last one failing."""
    return [
        (0, RunSubmitted("Orders to CSV", "orders.json", "cdp", {})),
        (5, RunStarted("Orders to CSV", "cdp", 4)),
        (50, BrowserStarted("cdp", "Chromium 156", 1280, 720, 4711, 61200, True, "Mozilla/5.0")),
        (60, PageOpened(PAGE, "about:blank", None, START_MS + 60)),
        step("open", "/steps/0", "Open the orders", "navigate", 100),
        *action(1, "navigate", {"url": "http://127.0.0.1:8000/orders"}, 101),
        (130, REQUEST),
        step_end("open", "/steps/0", 142),
        step("rows", "/steps/1", "For each row", "for_each", 150),
        step("pick", "/steps/1/steps/0", "Pick {row}", "click", 151),
        *action(2, "click", {"selector": "#row-1"}, 152),
        step_end("pick", "/steps/1/steps/0", 193),
        step("pick", "/steps/1/steps/0", "Pick {row}", "click", 200),
        *action(3, "click", {"selector": "#row-2"}, 201),
        step_end("pick", "/steps/1/steps/0", 242),
        step_end("rows", "/steps/1", 243),
        (245, ConsoleMessage(PAGE, "warn", "low stock", ("low stock", 3), "http://x/a.js", 3, 7, START_MS + 245)),
        (246, PageError(PAGE, "TypeError", "x is not a function", "at a.js:1", "http://x/a.js", 1, 2, START_MS + 246)),
        (247, DialogHandled(PAGE, "confirm", "Sure?", "dismissed", START_MS + 247)),
        (248, Warned("slow", "the machine is slow")),
        step("save", "/steps/2", "Save the table", "save_data", 250),
        (251, DataSaved("data/orders.csv", "csv", 2, 20)),
        step_end("save", "/steps/2", 252),
        step("buy", "/steps/3", "Buy", "click", 260, attempt=2),
        *action(4, "click", {"selector": "#buy"}, 261, COVERED),
        step_end("buy", "/steps/3", 302, COVERED),
        (310, RunFinished(Outcome.FAILED, 310, COVERED, "buy")),
    ]


def answered(step_id: str = "verdict", **more: Any) -> ModelAnswered:
    """Return the fact that a model has answered."""
    told: dict[str, Any] = {
        "step_id": step_id, "path": "/steps/0", "occurrence": 1, "attempt": 1, "outcome": Outcome.SUCCEEDED,
        "provider": "local", "model": "tiny", "prompt_sha256": "ab" * 32, "prompt_tokens": 120,
        "completion_tokens": 7, "cost_usd": 0.0, "cached": False, "replayed_from": "", "time_ms": START_MS + 120,
        "duration_ms": 800.0, "answer": {"verdict": "good"},
    }  # fmt: skip
    return ModelAnswered(**(told | more))


def make_run(folder: Path, told: list[tuple[float, Fact]] | None = None) -> Path:
    """Write a run folder with events, pictures and data; return it."""
    run_dir = folder / RUN
    (run_dir / "trace").mkdir(parents=True)
    (run_dir / "data").mkdir()
    for number in range(1, 9):
        (run_dir / "trace" / f"{number:05d}.png").write_bytes(png(30 * number, 120, 200))
    (run_dir / "data" / "orders.csv").write_text("id\n1\n2\n", encoding="utf-8")
    lines = b"".join(encode(event) for event in events_of(told if told is not None else facts()))
    (run_dir / "events.jsonl").write_bytes(lines)
    return run_dir
