"""The talk with one worker over its attached stream: one call at a time, and what it asks of the world outside.

Knows the order of the lines. Does not know containers: that the stream has ended is told, why is found out elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
from anyio.abc import ByteStream, TaskGroup

from bykilt.llm.errors import LLMError, ProtocolViolation
from bykilt.llm.outside import Exchange
from bykilt.llm.protocol import Asked, AttachedStream, Done, Dropped, Pong, Ready, Refusal, Said, Token, decode, encode

_BLOCK_BYTES = 65536
_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


class StreamEnded(LLMError):
    """The worker says nothing any more."""

    code = "llm_stream_ended"


class Conversation:
    """Lines to and from a worker."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._lines = AttachedStream()
        self._waiting: list[bytes] = []
        self._turn = anyio.Lock()

    @property
    def stderr(self) -> str:
        """The last that the worker wrote on standard error."""
        return self._lines.stderr

    def allow(self, max_bytes: int) -> None:
        """Set how much the worker may say until this is called again."""
        self._lines.allow(max_bytes)

    async def close(self) -> None:
        """Close the stream."""
        await anyio.aclose_forcefully(self._stream)

    async def hear_ready(self) -> Ready:
        """Return what the worker says of itself first.

        Raises:
            StreamEnded, ProtocolViolation: It says nothing, or something else.
        """
        message = await self._next(None)
        if not isinstance(message, Ready):
            raise ProtocolViolation("it spoke before it was ready")
        return message

    async def ask(
        self,
        call: str,
        request: bytes,
        on_token: Callable[[str], None] | None,
        exchange: Exchange | None,
    ) -> Done | Refusal:
        """Return what the worker answers to a call.

        Raises:
            StreamEnded: It ended instead.
            LLMError: It says or asks for what no honest worker does.
        """
        if self._waiting:
            raise ProtocolViolation("it spoke without being asked")
        await self._send(request)
        if exchange is None:
            return await self._hear_answer(call, on_token)
        try:
            async with anyio.create_task_group() as tasks:
                answer = await self._hear_answer(call, on_token, (exchange, tasks))
                await exchange.settle()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _first(group) from None
        return answer

    async def ping(self, call: str) -> None:
        """Return once the worker has said that it is there.

        Raises:
            StreamEnded, ProtocolViolation: It is not, or says something else.
        """
        if self._waiting:
            raise ProtocolViolation("it spoke without being asked")
        await self._send(encode({"op": "ping", "id": call}))
        if not isinstance(await self._next(call), Pong):
            raise ProtocolViolation("another answer than the one to a ping")

    async def stop(self, call: str) -> None:
        """Have the worker stop in the middle of an answer; returns when it has.

        Raises:
            StreamEnded, ProtocolViolation: It has not.
        """
        await self._send(encode({"op": "cancel", "id": call}))
        while not isinstance(await self._next(call), Done | Refusal):
            pass

    async def _hear_answer(
        self, call: str, on_token: Callable[[str], None] | None, outside: tuple[Exchange, TaskGroup] | None = None
    ) -> Done | Refusal:
        while True:
            message = await self._next(call)
            if isinstance(message, Done | Refusal):
                return message
            if isinstance(message, Token):
                if outside is not None:
                    outside[0].hear(message.text)
                if on_token is not None:
                    on_token(message.text)
            elif isinstance(message, Pong):
                raise ProtocolViolation("the answer to a ping, and there was none")
            elif outside is None:
                raise ProtocolViolation("it asks for a network")
            elif isinstance(message, Asked):
                exchange, tasks = outside
                await exchange.admit(message)
                tasks.start_soon(exchange.carry, message, self._send)
            elif isinstance(message, Dropped):
                outside[0].drop(message)

    async def _send(self, line: bytes) -> None:
        async with self._turn:
            try:
                await self._stream.send(line)
            except _GONE:
                raise StreamEnded("the worker does not listen any more") from None

    async def _next(self, call: str | None) -> Said:
        while not self._waiting:
            try:
                block = await self._stream.receive(_BLOCK_BYTES)
            except _GONE:
                raise StreamEnded("the worker says nothing any more") from None
            self._waiting += self._lines.feed(block)
        return decode(self._waiting.pop(0), call)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error; of several, the group. The end of the stream says less than what was found out by it."""
    found = [error for error in group.exceptions if not isinstance(error, StreamEnded)]
    return group if len(found) > 1 else (found or list(group.exceptions))[0]
