"""What an engine keeps of the requests of a launch: the HTTP archive, and the resources for the trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bykilt.browser.engine.har_file import har_recorder
from bykilt.browser.engine.launch_context import HarMode, LaunchContext
from bykilt.browser.engine.response_bodies import BodyTaker, ResponseBodies
from bykilt.browser.engine.trace_resources import TraceResources
from bykilt.events.model import FactSink
from bykilt.events.redactor import Redactor
from bykilt.trace.har import HarRecorder


def records_of(
    context: LaunchContext, folder: Callable[[], Path], facts: FactSink, redactor: Redactor
) -> tuple[HarRecorder | None, ResponseBodies]:
    """Return what the settings ask for; `folder` says where the resources go, if there are any."""
    takers: list[BodyTaker] = []
    har = har_recorder(context, redactor) if context.record_har != HarMode.OFF else None
    if har is not None:
        takers.append(har)
    if context.trace_enabled and context.trace_dom:
        takers.append(TraceResources(folder(), facts, redactor))
    return har, ResponseBodies(takers)
