"""JavaScript contexts: the page's own and our isolated one, per frame, and calling into them.

Knows which context is current for a frame and what a lost context looks like. Does not know what is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from bykilt.browser.cdp.commands import RUNTIME_EVALUATE
from bykilt.browser.cdp.connection import Session
from bykilt.browser.cdp.errors import CdpError, ProtocolError, SessionClosed, TargetCrashed
from bykilt.errors import BykiltError
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from cdp_use.cdp.runtime.types import ExceptionDetails, ExecutionContextDescription

WORLD_NAME = "bykilt"
_SERVER_ERROR = -32000


class RealmLost(BykiltError):
    """The document that the code ran in is gone: the frame navigated or was removed."""

    code = "realm_lost"


class JavaScriptError(BykiltError):
    """The code itself threw."""

    code = "javascript_error"

    def __init__(self, message: str, stack: str) -> None:
        super().__init__(message)
        self.stack = stack


class UnserializableValue(BykiltError):
    """The code gave back something that has no JSON form."""

    code = "unserializable"


@dataclass(frozen=True, slots=True)
class Realm:
    """One JavaScript context."""

    session: Session
    context_id: int
    frame_id: str
    isolated: bool

    async def call(self, function: str, *args: JsonValue, timeout_s: float | None = None) -> Any:
        """Call a function of this context with JSON arguments; a promise is awaited. Returns its JSON value.

        Raises:
            RealmLost: The document went away meanwhile.
            JavaScriptError: The function threw.
        """
        return await self.evaluate(f"{function}({encode_arguments(*args)})", timeout_s=timeout_s)

    async def evaluate(self, expression: str, *, timeout_s: float | None = None, user_gesture: bool = False) -> Any:
        """Evaluate an expression; a promise is awaited. Returns its JSON value.

        Raises:
            RealmLost: The document went away meanwhile.
            TargetCrashed: Its renderer did.
            JavaScriptError: It threw.
            UnserializableValue: The value has no JSON form.
        """
        try:
            answer = await self.session.send(
                RUNTIME_EVALUATE(
                    {
                        "expression": expression,
                        "contextId": self.context_id,
                        "returnByValue": True,
                        "awaitPromise": True,
                        "userGesture": user_gesture,
                    }
                ),
                timeout_s=timeout_s,
            )
        except CdpError as error:
            raise await self._explain(error) from error
        except TargetCrashed:
            raise
        except SessionClosed as error:
            raise RealmLost(error.message) from error
        details: Any = answer.get("exceptionDetails")
        if details is not None:
            raise javascript_error(details)
        return json_value(answer["result"])

    async def _explain(self, error: CdpError) -> BykiltError:
        """Tell a lost context from a value that cannot be serialised: both have the same number."""
        if error.number != _SERVER_ERROR:
            return error
        try:
            await self.session.send(RUNTIME_EVALUATE({"expression": "0", "contextId": self.context_id}), timeout_s=5)
        except TargetCrashed as crash:
            return crash
        except ProtocolError:
            return RealmLost("the page navigated away while the code ran")
        return UnserializableValue(error.detail)


def encode_arguments(*args: JsonValue) -> str:
    """Return arguments as JavaScript source."""
    return ",".join(orjson.dumps(arg).decode() for arg in args)


def json_value(remote: Any) -> JsonValue:
    """Return the JSON value of a remote object: undefined, NaN and the infinities become None."""
    if "value" in remote:
        value: JsonValue = remote["value"]
        return value
    odd = remote.get("unserializableValue")
    if odd in (None, "NaN", "Infinity", "-Infinity"):
        return None
    if odd == "-0":
        return 0
    raise UnserializableValue(f"{remote.get('type', 'value')} {odd}")


def javascript_error(details: ExceptionDetails) -> JavaScriptError:
    """Return the page's exception with the page's own words."""
    thrown = details.get("exception")
    if thrown is None:
        return JavaScriptError(details["text"], "")
    stack = str(thrown.get("description", ""))
    if "value" in thrown:
        return JavaScriptError(str(thrown["value"]), stack)
    if thrown.get("subtype") == "error":
        message = stack.split("\n    at ")[0]
        return JavaScriptError(message, stack)
    return JavaScriptError(stack or details["text"], stack)


class Realms:
    """The current contexts of every frame of a page."""

    def __init__(self) -> None:
        self._main: dict[str, Realm] = {}
        self._isolated: dict[str, Realm] = {}

    def created(self, session: Session, context: ExecutionContextDescription) -> None:
        """A context came to be; the newest of a frame is the current one."""
        extra: Any = context.get("auxData") or {}
        frame_id = extra.get("frameId")
        if frame_id is None:
            return
        if extra.get("isDefault"):
            self._main[frame_id] = Realm(session, context["id"], frame_id, isolated=False)
        elif context["name"] == WORLD_NAME:
            self._isolated[frame_id] = Realm(session, context["id"], frame_id, isolated=True)

    def destroyed(self, session: Session, context_id: int) -> None:
        """A context is gone."""
        for realms in (self._main, self._isolated):
            for frame_id, realm in list(realms.items()):
                if realm.session is session and realm.context_id == context_id:
                    del realms[frame_id]

    def cleared(self, session: Session) -> None:
        """All contexts of a session are gone."""
        for realms in (self._main, self._isolated):
            for frame_id, realm in list(realms.items()):
                if realm.session is session:
                    del realms[frame_id]

    def main(self, frame_id: str) -> Realm | None:
        """Return the page's own context in a frame, if there is one now."""
        return self._main.get(frame_id)

    def isolated(self, frame_id: str) -> Realm | None:
        """Return our context in a frame, if there is one now."""
        return self._isolated.get(frame_id)
