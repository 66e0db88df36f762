"""The bodies of answers on the CDP engine, for `network.har` and the trace. Knows when a body can be asked for."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.commands import NETWORK_GET_RESPONSE_BODY
from bykilt.browser.cdp.connection import Call, Session
from bykilt.browser.cdp.protocol_events import NETWORK_LOADING_FINISHED, NETWORK_REQUEST_WILL_BE_SENT
from bykilt.browser.cdp.session_features import TargetKind
from bykilt.browser.engine.response_bodies import ResponseBodies
from bykilt.trace.har import HarRecorder

if TYPE_CHECKING:
    from cdp_use.cdp.network.events import RequestWillBeSentEvent

    from bykilt.browser.cdp.page import Page


class CdpBodies:
    """Asks for the body of each answer once it has come; see `SessionFeature`."""

    def __init__(self, bodies: ResponseBodies, har: HarRecorder | None) -> None:
        self._bodies = bodies
        self._har = har

    def prepare(self, page: Page, session: Session, kind: TargetKind) -> Sequence[Call[Any]]:
        """Listen on a new session, after the page, which tells of the request first."""
        if self._har is not None and self._har.with_bodies:
            session.on(NETWORK_REQUEST_WILL_BE_SENT, self._sent)
        session.on(NETWORK_LOADING_FINISHED, lambda event: self._finished(session, event["requestId"]))
        return []

    def _sent(self, event: RequestWillBeSentEvent) -> None:
        text = event["request"].get("postData")
        if text is not None and self._har is not None:
            self._har.add_sent(event["requestId"], text)

    def _finished(self, session: Session, request_id: str) -> None:
        if not self._bodies.ask(request_id):
            return

        def got(answer: Any) -> None:
            if answer is None:
                self._bodies.came(request_id, None)
            elif answer["base64Encoded"]:
                self._bodies.came(request_id, base64.b64decode(answer["body"]))
            else:
                self._bodies.came(request_id, answer["body"].encode(errors="replace"), is_text=True)

        session.ask(NETWORK_GET_RESPONSE_BODY({"requestId": request_id}), got)
