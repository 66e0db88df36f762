"""Carries out one run for a command: shows its progress, heeds Ctrl-C, and gathers what it left.

Knows the run service's calls in their order. Does not know options or texts.
"""

from __future__ import annotations

from functools import partial

import anyio

from bykilt.app import App
from bykilt.cli.interruption import on_interrupt
from bykilt.cli.progress_view import ProgressView
from bykilt.cli.run_summary import FinishedRun
from bykilt.runs.model import RunRequest


def carry_out(app: App, request: RunRequest, view: ProgressView) -> FinishedRun:
    """Run to the end and return what is left.

    Raises:
        BykiltError: The run could not be submitted. What happens after that is in the result.
    """
    try:
        return anyio.run(_carry_out, app, request, view)
    finally:
        view.close()


async def _carry_out(app: App, request: RunRequest, view: ProgressView) -> FinishedRun:
    async with app.run_service() as service:
        run_id = await service.submit(request)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(on_interrupt, partial(service.cancel, run_id))
            async for event in service.subscribe(run_id):
                view.on_event(event)
            record = await service.wait(run_id)
            tasks.cancel_scope.cancel()
    with app.history() as history:
        return FinishedRun(record, app.home.run_folder(run_id), history.artifacts(run_id))
