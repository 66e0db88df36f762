"""Commands, answers and events over one transport, shared by many sessions.

Knows which answer belongs to which command, each command's deadline, and whom an event concerns.
Does not know what any command does. Callbacks run inside the receive path: they must be quick and must not wait.
Plain asyncio is used for speed (see `transport`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import orjson

from bykilt.browser.cdp.errors import CdpError, CommandTimeout, ConnectionClosed, ProtocolError, SessionClosed
from bykilt.browser.cdp.transport import Transport

DEFAULT_COMMAND_TIMEOUT_S = 30.0

P = TypeVar("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
E = TypeVar("E")


class Call(Generic[R_co]):
    """A command with its parameters, ready to be sent; the type is that of its result."""

    __slots__ = ("method", "params")

    def __init__(self, method: str, params: Any) -> None:
        self.method = method
        self.params = params


class Command(Generic[P, R_co]):
    """A protocol method with the types of its parameters and its result."""

    __slots__ = ("method",)

    def __init__(self, method: str) -> None:
        self.method = method

    def __call__(self, params: P) -> Call[R_co]:
        """Return the command with parameters."""
        return Call(self.method, params)


class EventName(Generic[E]):
    """A protocol event with the type of its parameters."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(slots=True)
class _Pending:
    future: asyncio.Future[Any]
    method: str
    session_id: str | None
    timeout_s: float
    due: float


class Connection:
    """One road to one browser. `root` is the session of the browser itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._next_id = 0
        self._pending: dict[int, _Pending] = {}
        self._sessions: dict[str, Session] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._close_handlers: list[Callable[[str], None]] = []
        self.closed_because: str | None = None
        self.root = Session(self, None)
        transport.start(self._receive, self._closed)

    def on_close(self, handler: Callable[[str], None]) -> None:
        """Have the handler told, once, why the connection ended."""
        if self.closed_because is not None:
            handler(self.closed_because)
        else:
            self._close_handlers.append(handler)

    def close(self, reason: str = "closed by us") -> None:
        """End the connection; whatever is in flight fails."""
        self._transport.close(reason)

    async def wait_until_gone(self) -> None:
        """Return once nothing is left of a connection that was closed. Bounded, and never fails."""
        await self._transport.wait_until_gone()

    def later(self, delay_s: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after a while, unless the connection ends before; call the returned function to call it off."""

        def due() -> None:
            if self.closed_because is None:
                callback()

        return self._loop.call_later(delay_s, due).cancel

    def open_session(self, session_id: str) -> Session:
        """Return the session that the browser has attached under this id."""
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = Session(self, session_id)
        return session

    def close_session(self, session_id: str, reason: str) -> None:
        """Forget a session; what is in flight on it fails with the reason."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.closed_because = reason
            self.fail_in_flight(session_id, lambda method: SessionClosed(reason, method=method, session_id=session_id))
            session.tell_closed(reason)

    def fail_in_flight(self, session_id: str | None, error: Callable[[str], ProtocolError]) -> None:
        """Fail every unanswered command of one session."""
        for number in [number for number, pending in self._pending.items() if pending.session_id == session_id]:
            pending = self._pending.pop(number)
            if not pending.future.done():
                _fail(pending.future, error(pending.method))

    def request(self, method: str, params: Any, session_id: str | None, timeout_s: float | None) -> asyncio.Future[Any]:
        """Send a command now; the future holds the result, or fails with a `ProtocolError`."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.closed_because is not None:
            _fail(future, ConnectionClosed(self.closed_because, method=method, session_id=session_id))
            return future
        self._next_id += 1
        number = self._next_id
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session_id is not None:
            message["sessionId"] = session_id
        timeout_s = DEFAULT_COMMAND_TIMEOUT_S if timeout_s is None else timeout_s
        due = self._loop.time() + timeout_s
        self._pending[number] = _Pending(future, method, session_id, timeout_s, due)
        if self._timer is None or due < self._timer_due:
            self._arm(due)
        try:
            self._transport.send(orjson.dumps(message))
        except ConnectionClosed as error:
            if not future.done():
                _fail(future, error)
            self._pending.pop(number, None)
        return future

    # One timer for all deadlines: most commands are answered long before, and a timer of its own would cost
    # each of them more than the sweep costs together.
    def _arm(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        for number, pending in list(self._pending.items()):
            if pending.due <= now:
                del self._pending[number]
                if not pending.future.done():
                    pending.future.set_exception(CommandTimeout(pending.method, pending.timeout_s, pending.session_id))
        if self._pending:
            self._arm(min(pending.due for pending in self._pending.values()))

    def _receive(self, raw: bytes) -> None:
        try:
            message = orjson.loads(raw)
            number = message.get("id")
            if number is not None:
                self._answer(number, message)
            else:
                self._event(message["method"], message.get("params") or {}, message.get("sessionId"))
        except Exception as bug:  # noqa: BLE001 - the receive loop, see below
            # A handler that raises is a bug of ours. Going on could hang whoever waits for what it should
            # have done, so the connection ends and the bug is seen.
            self._loop.call_exception_handler({"message": "a CDP event handler raised", "exception": bug})
            self.close(f"an event handler failed: {bug!r}")

    def _answer(self, number: int, message: dict[str, Any]) -> None:
        pending = self._pending.pop(number, None)
        if pending is None or pending.future.done():
            return
        error = message.get("error")
        if error is None:
            pending.future.set_result(message.get("result", {}))
        else:
            pending.future.set_exception(
                CdpError(
                    pending.method,
                    int(error.get("code", 0)),
                    str(error.get("message", "")),
                    pending.session_id,
                    str(error.get("data", "")),
                )
            )

    def _event(self, name: str, params: Any, session_id: str | None) -> None:
        session = self.root if session_id is None else self._sessions.get(session_id)
        if name == "Target.detachedFromTarget":
            if session is not None:
                session.deliver(name, params)
            self.close_session(params["sessionId"], "the target was closed")
        elif session is not None:
            session.deliver(name, params)

    def _closed(self, reason: str) -> None:
        self.closed_because = reason
        if self._timer is not None:
            self._timer.cancel()
        pending, self._pending = self._pending, {}
        for entry in pending.values():
            if not entry.future.done():
                _fail(entry.future, ConnectionClosed(reason, method=entry.method, session_id=entry.session_id))
        for session in list(self._sessions.values()):
            session.closed_because = reason
            session.tell_closed(reason)
        self._sessions.clear()
        handlers, self._close_handlers = self._close_handlers, []
        for handler in handlers:
            handler(reason)


class Session:
    """The conversation with one target."""

    __slots__ = ("_close_handlers", "_connection", "_handlers", "closed_because", "id")

    def __init__(self, connection: Connection, session_id: str | None) -> None:
        self._connection = connection
        self.id = session_id
        self.closed_because: str | None = None
        self._handlers: dict[str, list[Callable[[Any], None]]] = {}
        self._close_handlers: list[Callable[[str], None]] = []

    @property
    def connection(self) -> Connection:
        """The connection that the session is part of."""
        return self._connection

    def send(self, call: Call[R], *, timeout_s: float | None = None) -> Awaitable[R]:
        """Send a command at once and return its answer to be awaited.

        Commands sent one after the other without awaiting reach the browser in that order.

        Raises (when awaited):
            CdpError: The browser refused.
            CommandTimeout: No answer within `timeout_s` seconds.
            SessionClosed, ConnectionClosed: Nobody is there to answer.
        """
        if self.closed_because is not None:
            failed: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            _fail(failed, SessionClosed(self.closed_because, method=call.method, session_id=self.id))
            return failed
        return self._connection.request(call.method, call.params, self.id, timeout_s)

    def post(self, call: Call[Any]) -> None:
        """Send a command whose answer nobody needs; a refusal is ignored."""
        answer = self.send(call)
        assert isinstance(answer, asyncio.Future)
        answer.add_done_callback(_consume)

    def ask(self, call: Call[R], then: Callable[[R | None], None]) -> None:
        """Send a command and hand its answer on, from inside an event handler; None when there is none."""
        answer = self.send(call)
        assert isinstance(answer, asyncio.Future)
        answer.add_done_callback(
            lambda done: then(None if done.cancelled() or done.exception() is not None else done.result())
        )

    def on(self, event: EventName[E], handler: Callable[[E], None]) -> Callable[[], None]:
        """Call the handler for each event of this name; call the returned function to stop."""
        handlers = self._handlers.setdefault(event.name, [])
        handlers.append(handler)

        def stop() -> None:
            if handler in handlers:
                handlers.remove(handler)

        return stop

    def on_close(self, handler: Callable[[str], None]) -> None:
        """Have the handler told, once, why the session ended."""
        self._close_handlers.append(handler)

    def expect(self, event: EventName[E], predicate: Callable[[E], bool] | None = None) -> Expectation[E]:
        """Watch for an event from before the act that causes it: `async with session.expect(…) as seen`."""
        return Expectation(self, event, predicate)

    def fail_in_flight(self, error: Callable[[str], ProtocolError]) -> None:
        """Fail what is unanswered on this session; the error is made from the method's name."""
        self._connection.fail_in_flight(self.id, error)

    def deliver(self, name: str, params: Any) -> None:
        """Hand an event to its handlers."""
        handlers = self._handlers.get(name)
        if handlers:
            for handler in tuple(handlers):
                handler(params)

    def tell_closed(self, reason: str) -> None:
        """Tell those who asked that the session is over."""
        handlers, self._close_handlers = self._close_handlers, []
        for handler in handlers:
            handler(reason)


class Expectation(Generic[E]):
    """The first event of a name, from the moment of entering on."""

    def __init__(self, session: Session, event: EventName[E], predicate: Callable[[E], bool] | None) -> None:
        self._session = session
        self._event = event
        self._predicate = predicate
        self._seen: asyncio.Future[E] = asyncio.get_running_loop().create_future()
        self._stop: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        self._stop = self._session.on(self._event, self._on_event)
        self._session.on_close(self._on_close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if not self._seen.done():
            self._seen.cancel()
        elif not self._seen.cancelled():
            self._seen.exception()

    def _on_event(self, params: E) -> None:
        if not self._seen.done() and (self._predicate is None or self._predicate(params)):
            self._seen.set_result(params)

    def _on_close(self, reason: str) -> None:
        if not self._seen.done():
            self._seen.set_exception(SessionClosed(reason, session_id=self._session.id))

    async def wait(self) -> E:
        """Return the event's parameters once it has come.

        Raises:
            SessionClosed: The target went away before.
        """
        return await asyncio.shield(self._seen)


def _fail(future: asyncio.Future[Any], error: ProtocolError) -> None:
    """Let a command fail because its road is gone.

    Commands are sent in groups and awaited in turn: when the first has failed, nobody asks for the others any
    more, and asyncio must not complain of that.
    """
    future.set_exception(error)
    future.exception()


def _consume(answer: asyncio.Future[Any]) -> None:
    if not answer.cancelled():
        answer.exception()
