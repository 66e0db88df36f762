"""What the isolated model costs: starting, the way to it and back, an answer, stopping; beside `docker exec` per call.

python -m bench.llm [--rounds N] [--runtime runsc] [--json]

Needs a Docker daemon and the image (`bykilt llm build`). Times are medians in milliseconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from urllib.parse import urlsplit

import anyio

from bench.__main__ import machine
from bykilt.llm.calls import Call
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.pool import WorkerPool
from bykilt.llm.remote_backend import RemoteBackend
from tests.support.llm_provider import FakeProvider, FixedKey, fake_provider

QUESTION = "What is the capital of France?"
STORY = "Tell me a very long story about the sea."
# A spare is made and has loaded its model by then, as it has in use.
_SPARE_STANDS_BY_S = 2.5
Numbers = dict[str, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.llm", description="What the isolated model costs.")
    parser.add_argument("--rounds", type=int, default=10, help="how often each start; calls, more often")
    parser.add_argument("--runtime", help="the container's runtime, such as runsc")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    numbers = anyio.run(measure, options.rounds, options.runtime)
    if options.json:
        print(json.dumps({"machine": machine(), "numbers": numbers}, indent=2))
        return
    print("| | |\n|---|---:|")
    for name, value in numbers.items():
        print(f"| {name} | {value:,.{0 if value >= 100 else 2}f} |")
    print(f"\nMedians. {machine()}.")


async def measure(rounds: int, runtime: str | None) -> Numbers:
    """Return every number."""
    numbers = await measure_starts(rounds, runtime)
    sandbox = DockerLLMSandbox(runtime=runtime)
    await sandbox.start()
    try:
        numbers |= await measure_calls(sandbox, rounds)
    finally:
        await sandbox.stop()
    return numbers | await measure_broker(rounds, runtime)


async def measure_starts(rounds: int, runtime: str | None) -> Numbers:
    """Return how long it takes until the first answer of one token: with a start before it, and with a spare."""
    say("starts")
    sandbox = DockerLLMSandbox(runtime=runtime)
    cold = []
    for _ in range(rounds):
        cold.append(await timed(sandbox.start))
        await sandbox.stop()
    pool = WorkerPool(lambda model: DockerLLMSandbox(runtime=runtime, model=model), containers=1)
    first = []
    try:
        for number in range(rounds):
            await pool.start()
            await anyio.sleep(_SPARE_STANDS_BY_S)
            first.append(await timed(partial(pool.answer, call(max_tokens=1, owner=f"owner {number}"))))
    finally:
        await pool.stop()
    return {"ready, cold, ms": median(cold), "first answer (1 token) of a new owner, with a spare, ms": median(first)}


async def measure_calls(sandbox: DockerLLMSandbox, rounds: int) -> Numbers:
    """Return what calls to a container that is up take, and `docker exec` into it."""
    say("calls")
    echoes = sorted([await timed(sandbox.ping) for _ in range(rounds * 100)])
    answers = [await timed(partial(sandbox.answer, call(max_tokens=30))) for _ in range(rounds)]
    story = call(STORY, max_tokens=200)
    tokens, took_ms = 0, 0.0
    for _ in range(max(1, rounds // 5)):
        begun_s = time.perf_counter()
        tokens += (await sandbox.answer(story)).completion_tokens
        took_ms += (time.perf_counter() - begun_s) * 1000
    cancels = [await cancelled(sandbox) for _ in range(rounds)]
    say("docker exec")
    container = str(sandbox.get_metrics()["container_id"])
    execs = [await timed(partial(anyio.to_thread.run_sync, execute, container)) for _ in range(rounds)]
    return {
        "echo, ms": median(echoes),
        "echo, slowest of 100, ms": echoes[int(len(echoes) * 0.99)],
        "docker exec of an echo, ms": median(execs),
        "answer of 7 tokens, ms": median(answers),
        "tokens a second": tokens / took_ms * 1000,
        "cancelled until the worker has stopped, ms": median(cancels),
    }


async def cancelled(sandbox: DockerLLMSandbox) -> float:
    """Return how long a call takes to end once it is cancelled in the middle."""
    begun_s = 0.0
    pieces = 0

    def on_token(text: str) -> None:
        nonlocal begun_s, pieces
        pieces += 1
        if pieces == 5:
            begun_s = time.perf_counter()
            scope.cancel()

    with anyio.CancelScope() as scope:
        await sandbox.answer(call(STORY, max_tokens=500), on_token)
    return (time.perf_counter() - begun_s) * 1000


async def measure_broker(rounds: int, runtime: str | None) -> Numbers:
    """Return what a call to a provider on loopback takes by itself, and through container and broker."""
    say("broker")
    with fake_provider() as server:
        direct = await anyio.to_thread.run_sync(measure_direct, server, rounds * 10)
        backend = RemoteBackend(server.provider(), FixedKey(), runtime=runtime)
        await backend.start()
        try:
            await backend.answer(call(max_tokens=30))
            brokered = [await timed(partial(backend.answer, call(max_tokens=30))) for _ in range(rounds * 10)]
        finally:
            await backend.stop()
    return {
        "provider on loopback, asked directly, ms": direct,
        "the same through container and broker, ms": median(brokered),
        "what container and broker add, ms": median(brokered) - direct,
    }


def measure_direct(server: FakeProvider, rounds: int) -> float:
    """Return what one request takes on a connection that is kept, as far as the provider keeps it."""
    parts = urlsplit(server.url)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 30})

    def ask() -> None:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        connection.getresponse().read()
        connection.close()

    took = []
    for _ in range(rounds):
        begun_s = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begun_s) * 1000)
    return median(took)


def execute(container: str) -> None:
    """Print a word in the container, as a design without a worker would."""
    subprocess.run(
        ["docker", "exec", container, "python3", "-I", "-S", "-c", "print('pong')"],
        check=True,
        capture_output=True,
        timeout=60,
    )


def call(text: str = QUESTION, **context: object) -> Call:
    """Return a call."""
    return Call.parse(text, context)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how many milliseconds something took."""
    begun_s = time.perf_counter()
    await work()
    return (time.perf_counter() - begun_s) * 1000


def say(what: str) -> None:
    """Tell what is going on."""
    print(f"measuring: {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
