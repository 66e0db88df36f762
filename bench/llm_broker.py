"""Measures what the way through container and broker adds to a call of a provider, beside asking it directly.

    python -m bench.llm_broker [--calls N] [--json]

Both ways are taken by turns, in one run, with the broker's own HTTP client, to a server on loopback that answers at
once. The image of the isolated model must be there (`bykilt llm build`). Every answer is checked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

import anyio

from bykilt.llm.broker.asked import chat_document, encode_document
from bykilt.llm.broker.destination import Destination
from bykilt.llm.broker.dialling import Dialler
from bykilt.llm.broker.http_client import ProviderClient
from bykilt.llm.calls import Call
from bykilt.llm.providers import Price, Provider
from bykilt.llm.remote_backend import RemoteBackend

KEY = "sk-bench-0123456789abcdefghijkl"
WARM_UP, PIECES = 5, 50


@dataclass(frozen=True, slots=True)
class BrokerNumbers:
    """Milliseconds, each the median of its calls; `added_*` is what the way through the broker takes longer."""

    direct_ms: float
    through_ms: float
    added_ms: float
    direct_first_piece_ms: float
    through_first_piece_ms: float
    added_first_piece_ms: float
    added_per_piece_ms: float
    start_ms: float


async def measure(calls: int = 200) -> BrokerNumbers:
    """Return the numbers of one run; takes some seconds, and one container."""
    with _server() as port:
        url = f"http://127.0.0.1:{port}/v1"
        provider = Provider(name="bench", url=url, models={"m": Price()}, secret="key", allow_private=True)
        client = ProviderClient(provider, Dialler(Destination.of(provider), allow_private=True))
        backend = RemoteBackend(provider, _Keys())
        begun_s = time.perf_counter()
        await backend.start()
        start_ms = (time.perf_counter() - begun_s) * 1000
        call = Call.parse("hello", {"max_tokens": 100})
        whole: list[tuple[float, float]] = []
        streamed: list[tuple[tuple[float, float], tuple[float, float]]] = []
        try:
            for number in range(calls + WARM_UP):
                direct, through = await _directly(client, provider, call), await _through(backend, call)
                by_pieces = await _directly_streamed(client, provider, call), await _through_streamed(backend, call)
                if number >= WARM_UP:
                    whole.append((direct, through))
                    streamed.append(by_pieces)
        finally:
            await backend.stop()
            await client.close()
    direct_first, through_first = (median(pair[way][0] for pair in streamed) for way in (0, 1))
    direct_all, through_all = (median(pair[way][1] for pair in streamed) for way in (0, 1))
    return BrokerNumbers(
        direct_ms=median(direct for direct, _ in whole),
        through_ms=median(through for _, through in whole),
        added_ms=median(through - direct for direct, through in whole),
        direct_first_piece_ms=direct_first,
        through_first_piece_ms=through_first,
        added_first_piece_ms=through_first - direct_first,
        added_per_piece_ms=(through_all - direct_all) / PIECES,
        start_ms=start_ms,
    )


class _Keys:
    async def key_for(self, provider: Provider) -> str | None:
        return KEY


async def _directly(client: ProviderClient, provider: Provider, call: Call) -> float:
    begun_s = time.perf_counter()
    body = encode_document(chat_document(call, provider, "m", stream=False))
    async with client.post("/v1/chat/completions", body, KEY) as answer:
        said = json.loads(b"".join([part async for part in answer.body]))
    assert said["choices"][0]["message"]["content"] == "pong"
    return (time.perf_counter() - begun_s) * 1000


async def _through(backend: RemoteBackend, call: Call) -> float:
    begun_s = time.perf_counter()
    answer = await backend.answer(call)
    assert (answer.text, answer.completion_tokens) == ("pong", PIECES)
    return (time.perf_counter() - begun_s) * 1000


async def _directly_streamed(client: ProviderClient, provider: Provider, call: Call) -> tuple[float, float]:
    begun_s, first_ms, said = time.perf_counter(), 0.0, b""
    body = encode_document(chat_document(call, provider, "m", stream=True))
    async with client.post("/v1/chat/completions", body, KEY) as answer:
        async for part in answer.body:
            first_ms = first_ms or (time.perf_counter() - begun_s) * 1000
            said += part
    assert said.count(b"piece") == PIECES
    return first_ms, (time.perf_counter() - begun_s) * 1000


async def _through_streamed(backend: RemoteBackend, call: Call) -> tuple[float, float]:
    begun_s, at_ms = time.perf_counter(), []
    answer = await backend.answer(call, lambda text: at_ms.append((time.perf_counter() - begun_s) * 1000))
    assert answer.text == "piece" * PIECES
    return at_ms[0], (time.perf_counter() - begun_s) * 1000


@contextmanager
def _server() -> Iterator[int]:
    """Run the server in a process of its own, so that it does not wait for this one; yield its port."""
    with subprocess.Popen([sys.executable, "-m", "bench.llm_broker", "--serve"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class _Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        usage = {"prompt_tokens": 3, "completion_tokens": PIECES, "total_tokens": 3 + PIECES}
        known = {"id": "1", "created": 1, "model": "m"}
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}
            body = json.dumps({**known, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
            head = f"HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self.connection.sendall(head.encode() + body)
            return
        self.connection.sendall(
            b"HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for number in range(PIECES):
            finish = "stop" if number == PIECES - 1 else None
            choice = {"index": 0, "delta": {"content": "piece"}, "finish_reason": finish}
            self._event(json.dumps({**known, "object": "chat.completion.chunk", "choices": [choice]}))
        self._event(json.dumps({**known, "object": "chat.completion.chunk", "choices": [], "usage": usage}))
        self._event("[DONE]")
        self.connection.sendall(b"0\r\n\r\n")

    def _event(self, text: str) -> None:
        event = f"data: {text}\n\n".encode()
        self.connection.sendall(b"%x\r\n%s\r\n" % (len(event), event))

    def log_message(self, format: str, *args: object) -> None:
        pass


def _serve() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.llm_broker", description="What the broker adds to a call.")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        _serve()
        return
    numbers = anyio.run(measure, given.calls)
    if given.json:
        print(json.dumps(asdict(numbers)))
        return
    for name, value in asdict(numbers).items():
        print(f"{name.replace('_', ' '):>28} {value:8.2f}")


if __name__ == "__main__":
    main()
