"""The provider's library in the container and the broker outside read an answer alike.

Where they did not, an honest container would be killed for an odd answer, or a hostile provider could tell the two of
them different things.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

from bykilt.llm.broker.answer_screen import AnswerScreen
from bykilt.llm.broker.key_removal import KeyRemover
from bykilt.llm.policy import SandboxPolicy
from tests.support.llm import run_inside

_READS = """
import base64, json, sys
sys.path.insert(0, "/opt/llm")
import httpx2
from bykilt.llm.worker import remote

class Parts(httpx2.SyncByteStream):
    def __init__(self, parts): self.parts = parts
    def __iter__(self): return iter(self.parts)

for is_stream, parts in json.loads(sys.argv[1]):
    kind = "text/event-stream" if is_stream else "application/json"
    stream = Parts([base64.b64decode(part) for part in parts])
    answer = lambda request: httpx2.Response(200, headers={"content-type": kind}, stream=stream)
    client = remote._client("http://x/v1", httpx2.MockTransport(answer))
    pieces = []
    try:
        message = [{"role": "user", "content": "x"}]
        said = remote._ask(client, {"model": "m", "messages": message, "stream": is_stream}, pieces.append)
        print(json.dumps([said["text"], said["finish"], pieces]), flush=True)
    except remote.RefusedCall as refused:
        print(json.dumps(None), flush=True)
"""
CASES = 400
TEXTS = [
    "a",
    "",
    "hello there",
    "ä",
    "日本",
    "😀",
    "\ud83d",
    "\ude00",
    "\u2028",
    "\x85",
    "\r\n",
    "data: x\n\n",
    "[DONE]",
]
ODD: list[Any] = [None, 5, 1.5, True, [], {}, ["x"], {"a": 1}, "x"]
ENDS = ["\n", "\r\n", "\r"]


def maybe(chance: random.Random, usual: Any, percent: int = 3) -> Any:
    return chance.choice(ODD) if chance.randrange(100) < percent else usual


def choice_of(chance: random.Random, part: str) -> Any:
    said = {"role": "assistant", "content": maybe(chance, chance.choice(TEXTS))}
    finish = chance.choice([None, None, None, "stop", "length"]) if part == "delta" else "stop"
    return maybe(
        chance, {"index": chance.randrange(2), part: maybe(chance, said), "finish_reason": maybe(chance, finish)}
    )


def document_of(chance: random.Random, part: str) -> Any:
    count = chance.choice([0, 1, 1, 1, 1, 2]) if part == "delta" else 1
    choices = maybe(chance, [choice_of(chance, part) for _ in range(count)])
    usage = maybe(chance, {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, 20)
    known = {"id": "1", "object": "x", "created": 1, "model": "m"}
    return maybe(chance, {**known, "choices": choices, "usage": usage}, 1)


def lines_of(chance: random.Random) -> Iterator[str]:
    for _ in range(chance.randrange(1, 8)):
        text = json.dumps(
            document_of(chance, "delta"), ensure_ascii=chance.random() < 0.7, indent=chance.choice([None, None, 1])
        )
        extra = chance.choice(["", "", "", ": a comment", "event: x", "retry: 5", "nonsense", " data: {}"])
        yield from [extra] if extra else []
        yield from (f"{chance.choice(['data: ', 'data:'])}{line}" for line in text.split("\n"))
        yield from [""] * chance.choice([1, 1, 1, 1, 0, 2])
    last = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield from [f"data: {last}", ""]
    yield from chance.choice([["data: [DONE]", ""], ["data: [DONE] "], ["data: [DONE]", "", f"data: {last}", ""], []])


def answer_of(chance: random.Random, *, is_stream: bool) -> list[bytes]:
    if is_stream:
        end = chance.choice(ENDS)
        raw = "".join(line + end for line in lines_of(chance)).encode("utf-8", "surrogatepass")
    else:
        raw = json.dumps(document_of(chance, "message"), ensure_ascii=chance.random() < 0.7).encode(
            "utf-8", "surrogatepass"
        )
    parts = []
    while raw:
        size = chance.randrange(1, 60)
        parts.append(raw[:size])
        raw = raw[size:]
    return parts


def as_lines_have_it(text: str) -> str:
    return str(json.loads(json.dumps(text))).encode("utf-8", "replace").decode("utf-8")


def test_the_library_and_the_broker_read_an_answer_alike() -> None:
    chance = random.Random(20)
    kinds = (True, True, True, False) * (CASES // 4)
    cases = [(is_stream, answer_of(chance, is_stream=is_stream)) for is_stream in kinds]
    given = [[is_stream, [base64.b64encode(part).decode() for part in parts]] for is_stream, parts in cases]
    read: list[Any] = []
    for start in range(0, CASES, 80):  # an argument has a length
        ended = run_inside(_READS, policy=SandboxPolicy(), arguments=(json.dumps(given[start : start + 80]),))
        assert ended.code == 0, ended.stderr
        read += ended.lines
    assert len(read) == CASES
    answered = 0
    for (is_stream, parts), inside in zip(cases, read, strict=True):
        screen = AnswerScreen(KeyRemover(None), is_stream=is_stream, max_bytes=1 << 20)
        passed = b"".join([*map(screen.feed, parts), screen.finish()])
        assert passed == b"".join(parts)
        if inside is None:
            continue
        answered += 1
        text, finish, pieces = inside
        assert (screen.text, screen.finish_reason) == (as_lines_have_it(text), finish), passed
        assert all(screen.is_next_piece(as_lines_have_it(piece)) for piece in pieces), passed
    assert CASES // 4 < answered < CASES, "both kinds of answers are to be tried"
