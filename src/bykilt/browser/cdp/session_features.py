"""What may be added to every session of a context: interception, emulation, recording and the like.

Knows when a session is prepared. Does not know any particular feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bykilt.browser.cdp.connection import Call, Session
    from bykilt.browser.cdp.page import Page


class TargetKind(StrEnum):
    """What a session of a page speaks to, in the protocol's words."""

    PAGE = "page"
    IFRAME = "iframe"
    WORKER = "worker"

    @property
    def has_documents(self) -> bool:
        """Whether it shows documents; a worker only runs code."""
        return self is not TargetKind.WORKER


class SessionFeature(Protocol):
    """Something that every session gets before its target runs: the page, its foreign frames, its workers."""

    def prepare(self, page: Page, session: Session, kind: TargetKind) -> Sequence[Call[Any]]:
        """Subscribe to what is needed, and return the commands to send; called once for each new session.

        It is called inside the receive path: it must be quick and must not wait. A target that is told to pause
        runs only after these commands.
        """


def target_kind(protocol_type: str) -> TargetKind:
    """Return the kind of a page's child target; every kind of worker counts as a worker."""
    return TargetKind.IFRAME if protocol_type == "iframe" else TargetKind.WORKER
