"""The program in the container: answers one call at a time, by lines of JSON on standard input and output.

Knows the lines of the protocol and their order. Does not know the model's library, nor who is on the other side.
There are no sockets here, so there is no asyncio either: one thread reads, the main thread works.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bykilt.llm.worker import second_filter
from bykilt.llm.worker.attest import attest
from bykilt.llm.worker.engine import Engine, RefusedCall
from bykilt.llm.worker.model import LocalModel

if TYPE_CHECKING:
    from bykilt.llm.worker.remote import RemoteModel

MAX_LINE_BYTES = 1 << 20
_INPUT_TOO_LONG = 71
_MODEL_UNUSABLE = 72


class Lines:
    """The protocol's two ends. What native code prints goes to standard error and cannot disturb it."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)

    def send(self, message: dict[str, Any]) -> None:
        """Write one line."""
        rest = memoryview(json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n")
        while rest:
            rest = rest[os.write(self._out, rest) :]

    def received(self) -> Iterator[dict[str, Any]]:
        """Yield what comes in until the other side closes; end the process at a line that is too long."""
        pending = b""
        while block := os.read(0, 65536):
            *lines, pending = (pending + block).split(b"\n")
            if len(pending) > MAX_LINE_BYTES:
                os._exit(_INPUT_TOO_LONG)
            for line in lines:
                message = json.loads(line)
                if isinstance(message, dict):
                    yield message


class Worker:
    """Takes calls from a queue; a cancellation overtakes them."""

    def __init__(self, lines: Lines, model: LocalModel | RemoteModel | None, remote: RemoteModel | None = None) -> None:
        self._lines = lines
        self._model = model
        self._remote = remote
        self._calls: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def listen(self) -> None:
        """Read until the other side is gone; then nobody is left to work for."""
        for message in self._lines.received():
            operation = str(message.get("op"))
            if operation == "cancel":
                if self._model is not None:
                    self._model.cancel(str(message.get("id")))
            elif operation.startswith("http."):
                if self._remote is not None:
                    self._remote.received(message)
            else:
                self._calls.put(message)
        os._exit(0)

    def serve(self) -> None:
        """Answer calls for ever."""
        while (message := self._calls.get()) is not None:
            call = str(message.get("id"))
            try:
                self._lines.send({"id": call, **self._answer(call, message)})
            except RefusedCall as refusal:
                self._lines.send({"id": call, "ev": "error", "code": refusal.code, "message": str(refusal)[:500]})

    def _answer(self, call: str, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("op") == "ping":
            return {"ev": "pong"}
        if message.get("op") != "chat":
            raise RefusedCall("bad_call", "there is no such operation")
        if self._model is None:
            raise RefusedCall("no_model", "this worker has no model")

        def token(text: str) -> None:
            self._lines.send({"id": call, "ev": "token", "text": text})

        reply = self._model.chat(call, message, token if message.get("stream") else None)
        return {"ev": "done", **reply}


def main() -> None:
    """Load the model, lock this process up, say what holds it, and serve."""
    lines = Lines()
    path = os.environ.get("BYKILT_MODEL", "")
    remote = _remote(lines, os.environ.get("BYKILT_PROVIDER_URL", ""))
    model = _local(path) if path else remote
    worker = Worker(lines, model, remote)
    threading.Thread(target=worker.listen, daemon=True).start()
    ready: dict[str, Any] = {"ev": "ready", "model": os.path.basename(path)}
    # What is read from files is read before the filter that forbids opening any; it has to be told with it on.
    observed = attest()
    if model is not None:
        model.warm_up()
    if os.environ.get("BYKILT_SECOND_FILTER", "1") == "1":
        second_filter.install()
        ready["second_filter"] = second_filter.is_in_force()
    lines.send({**ready, "limits": observed})
    worker.serve()


def _local(path: str) -> LocalModel:
    """Return the model; one that cannot be loaded is the end of the process, by a code that says so."""
    tokens = int(os.environ.get("BYKILT_CONTEXT_TOKENS", "2048"))
    try:
        return LocalModel(_engine(path, tokens), tokens)
    except (OSError, RuntimeError, ValueError) as error:
        os.write(2, f"\n{error}\n".encode("utf-8", "replace"))
        os._exit(_MODEL_UNUSABLE)


def _engine(path: str, context_tokens: int) -> Engine:
    name = os.environ.get("BYKILT_ENGINE", "cyllama")
    if name == "cyllama":
        from bykilt.llm.worker.cyllama_engine import CyllamaEngine

        return CyllamaEngine(path, context_tokens)
    if name == "llama_cpp":
        from bykilt.llm.worker.llama_library import LlamaLibrary

        return LlamaLibrary(path, context_tokens)
    raise ValueError(f"there is no engine {name!r}")


def _remote(lines: Lines, url: str) -> RemoteModel | None:
    if not url:
        return None
    # Its library takes half a second to import, which a local model does without.
    from bykilt.llm.worker.remote import RemoteModel

    return RemoteModel(url, lines.send)
