"""Closed shadow roots: a page keeps them from scripts, also from ours, but not from the protocol.

Knows how to find them in a snapshot of the document and how to hand them to a script. Does not know what it does
with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.commands import (
    DOM_RESOLVE_NODE,
    DOM_SNAPSHOT_CAPTURE_SNAPSHOT,
    RUNTIME_CALL_FUNCTION_ON,
    RUNTIME_RELEASE_OBJECT_GROUP,
)
from bykilt.browser.cdp.errors import CdpError, SessionClosed, TargetCrashed
from bykilt.browser.cdp.realms import Realm, RealmLost

if TYPE_CHECKING:
    from cdp_use.cdp.domsnapshot.commands import CaptureSnapshotReturns

MOST_NODES = 5000
"""How many nodes are looked at for one document: a page decides how many there are."""

GROUP = "bykilt-closed-roots"
_CLOSED = "closed"


def nodes_in_closed_roots(snapshot: CaptureSnapshotReturns, frame_id: str) -> list[int]:
    """Return backend ids of nodes of which at least one is in each closed root of the frame's document.

    The snapshot tells of a node in which kind of root it is, but lists no roots; the parent of a root's topmost
    nodes is then the host, and its own children come after them.
    """
    strings: Any = snapshot["strings"]
    found: list[int] = []
    for document in snapshot["documents"]:
        nodes: Any = document["nodes"]
        if strings[document["frameId"]] != frame_id or "shadowRootType" not in nodes:
            continue
        parents: set[int] = set()
        for at, kind in zip(nodes["shadowRootType"]["index"], nodes["shadowRootType"]["value"], strict=True):
            parent = nodes["parentIndex"][at]
            if strings[kind] == _CLOSED and parent not in parents:
                parents.add(parent)
                found.append(nodes["backendNodeId"][at])
    return found[:MOST_NODES]


async def hand_over_closed_roots(realm: Realm, function: str) -> None:
    """Call a function of our context with a node of every closed root of its document.

    Raises:
        RealmLost: The document went away meanwhile.
        ProtocolError: The browser refused, or the renderer crashed.
    """
    session = realm.session
    try:
        snapshot = await session.send(DOM_SNAPSHOT_CAPTURE_SNAPSHOT({"computedStyles": []}))
        objects = await _resolved(realm, nodes_in_closed_roots(snapshot, realm.frame_id))
        try:
            await session.send(
                RUNTIME_CALL_FUNCTION_ON(
                    {
                        "functionDeclaration": f"function (...nodes) {{ {function}(nodes); }}",
                        "executionContextId": realm.context_id,
                        "arguments": [{"objectId": each} for each in objects],
                    }
                )
            )
        except CdpError as error:
            raise RealmLost(error.message) from error
    except TargetCrashed:
        raise
    except SessionClosed as error:
        # A frame in a process of its own has gone, or is on its way into another.
        raise RealmLost(error.message) from error
    finally:
        session.post(RUNTIME_RELEASE_OBJECT_GROUP({"objectGroup": GROUP}))


async def _resolved(realm: Realm, nodes: list[int]) -> list[str]:
    answers = [
        realm.session.send(
            DOM_RESOLVE_NODE({"backendNodeId": node, "executionContextId": realm.context_id, "objectGroup": GROUP})
        )
        for node in nodes
    ]
    objects: list[str] = []
    for answer in answers:
        try:
            objects.append((await answer)["object"]["objectId"])
        except CdpError:
            continue  # this node is gone; what comes in its place is found the next time
    return objects
