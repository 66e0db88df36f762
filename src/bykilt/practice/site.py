"""The practice site as a whole: a server to start, its address, and what it saw.

Knows how the parts are put together, and where the demo flow and its document are.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from bykilt.practice.back_office import PASSWORD, USER, BackOffice
from bykilt.practice.loopback import LoopbackServer, Request, Response
from bykilt.practice.seen import Seen

DEMO_FLOW = Path(__file__).with_name("demo_flow.json")
DEMO_DOCUMENT = Path(__file__).with_name("delivery_note.txt")


class PracticeSite:
    """A made-up back office on an ephemeral loopback port. A context manager.

    with PracticeSite() as practice:
        ...  # drive a browser to practice.url
        assert practice.seen.logins
    """

    user = USER
    password = PASSWORD

    def __init__(self) -> None:
        """Bind the port; `start` begins to answer."""
        self.seen = Seen()
        self._server = LoopbackServer(self._respond, name="practice")
        self._office = BackOffice(self.seen, self._server.pause)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def failures(self) -> tuple[BaseException, ...]:
        """Bugs of the site itself, met while answering."""
        return self._server.failures

    def start(self) -> PracticeSite:
        """Answer from now on."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; stopping twice is fine."""
        self._server.stop()

    def __enter__(self) -> PracticeSite:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _respond(self, request: Request) -> Response | None:
        return self._office.respond(request)
